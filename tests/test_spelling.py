"""Arguments under PyTorch's names."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

import lucid
import lucid.nn.functional as F
from lucid._functions._spelling import SPECIAL

A, B = lucid.tensor([[1.0, 2.0], [3.0, 4.0]]), lucid.tensor([[5.0, 6.0], [7.0, 8.0]])
V = lucid.tensor([1.0, 2.0])

CALLS: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "add": ((A, B), {"input": A, "other": B}),
    "where": ((A > 2, A, B), {"condition": A > 2, "input": A, "other": B}),
    "clamp": ((A, 2, 3), {"input": A, "min": 2, "max": 3}),
    "softmax": ((A, 1), {"input": A, "dim": 1}),
    "sum": ((A, 0), {"input": A, "dim": 0}),
    "mm": ((A, B), {"input": A, "mat2": B}),
    "mv": ((A, V), {"input": A, "vec": V}),
    "outer": ((V, V), {"input": V, "vec2": V}),
    "dot": ((V, V), {"input": V, "tensor": V}),
    "addmm": ((A, A, B), {"input": A, "mat1": A, "mat2": B}),
    "addmv": ((V, A, V), {"input": V, "mat": A, "vec": V}),
    "addr": ((A, V, V), {"input": A, "vec1": V, "vec2": V}),
    "addcmul": ((A, A, B), {"input": A, "tensor1": A, "tensor2": B}),
    "searchsorted": ((V, A), {"sorted_sequence": V, "input": A}),
    "split": ((A, 1), {"tensor": A, "split_size_or_sections": 1}),
    "tensor_split": ((A, 2), {"input": A, "sections": 2}),
    "hsplit": ((A, [1]), {"input": A, "indices": [1]}),
    "permute": ((A, (1, 0)), {"input": A, "dims": (1, 0)}),
    "reshape": ((A, (4,)), {"input": A, "shape": (4,)}),
    "tile": ((A, (2,)), {"input": A, "dims": (2,)}),
    "broadcast_to": ((V, (2, 2)), {"input": V, "size": (2, 2)}),
    "max": ((A, B), {"input": A, "other": B}),
    "exp": ((A,), {"a": A}),
    "swapaxes": ((A, 0, 1), {"input": A, "axis0": 0, "axis1": 1}),
}


@pytest.mark.parametrize("name", CALLS)
def test_same_as_by_position(name: str) -> None:
    args, kwargs = CALLS[name]
    own, theirs = getattr(lucid, name)(*args), getattr(lucid, name)(**kwargs)
    for x, y in zip(own, theirs) if isinstance(own, (list, tuple)) else [(own, theirs)]:
        assert lucid.equal(x, y)


def test_methods_and_functionals() -> None:
    assert lucid.equal(A.add(other=B), A + B)
    assert lucid.equal(A.sub(other=B, alpha=2), A - 2 * B)
    assert lucid.equal(lucid.linalg.matrix_power(A=A, n=2), A @ A)
    assert lucid.equal(F.relu(input=-A), lucid.zeros(2, 2))
    assert lucid.equal(lucid.linalg.solve(A=A, B=B), lucid.linalg.solve(A, B))
    assert lucid.equal(V.expand(size=(3, 2)), V.expand(3, 2))
    assert lucid.equal(V.repeat(repeats=(2,)), V.repeat(2))
    assert A.view(size=(4,)).shape == A.view(dtype=lucid.int32).reshape(-1).shape == (4,)


def test_an_argument_given_twice() -> None:
    with pytest.raises(TypeError, match="multiple values"):
        lucid.add(A, input=A, other=B)
    with pytest.raises(TypeError, match="unexpected keyword argument 'inputs'"):
        lucid.add(inputs=A, other=B)


@pytest.mark.parametrize("name", SPECIAL)
def test_the_table_has_no_stale_entries(name: str) -> None:
    owners = [m for m in (lucid, F, lucid.special, lucid.linalg, lucid.Tensor) if hasattr(m, name)]
    assert owners, name
    own = set().union(*[inspect.signature(getattr(m, name)).parameters for m in owners])
    assert set(SPECIAL[name].values()) <= own


@pytest.mark.parity
def test_first_arguments_have_pytorchs_names() -> None:
    torch = pytest.importorskip("torch")
    found = {}
    for name in dir(lucid):
        line = (getattr(getattr(torch, name, None), "__doc__", None) or "").strip().partition("\n")[0]
        f = getattr(lucid, name)
        if line.startswith((f"{name}(input,", f"{name}(input)")) and callable(f) and not inspect.isclass(f):
            try:
                f(input=None)
            except TypeError as error:
                if "unexpected keyword" in str(error):
                    found[name] = str(error)
            except (RuntimeError, ValueError, IndexError, NotImplementedError, AttributeError):
                pass
    assert not found
