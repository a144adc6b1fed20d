"""``out=``: what it takes, what it refuses and changes nothing, and the same as PyTorch's wherever PyTorch has it."""

from __future__ import annotations

import ast
import doctest
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ops.record import Record, as_sequence, families

import lucid
from lucid import Tensor, ones, tensor, zeros
from lucid._functions._spelling import declares_out

PAIRS: list[tuple[str, Any]] = [
    ("sort", lambda x, **k: lucid.sort(x, 1, **k)),
    ("topk", lambda x, **k: lucid.topk(x, 2, 1, **k)),
    ("kthvalue", lambda x, **k: lucid.kthvalue(x, 2, 1, **k)),
    ("median", lambda x, **k: lucid.median(x, 1, **k)),
    ("mode", lambda x, **k: lucid.mode(x, 1, **k)),
    ("max", lambda x, **k: lucid.max(x, 1, **k)),
    ("cummin", lambda x, **k: lucid.cummin(x, 1, **k)),
    ("aminmax", lambda x, **k: lucid.aminmax(x, dim=1, **k)),
    ("frexp", lambda x, **k: lucid.frexp(x, **k)),
    ("qr", lambda x, **k: lucid.linalg.qr(x, **k)),
    ("eigh", lambda x, **k: lucid.linalg.eigh(x @ x.mT, **k)),
    ("slogdet", lambda x, **k: lucid.linalg.slogdet(x @ x.mT + 1, **k)),
    ("svd", lambda x, **k: lucid.linalg.svd(x, **k)),
    ("lu", lambda x, **k: lucid.linalg.lu(x, **k)),
]
X = [[3.0, 1.0, 2.0], [4.0, 6.0, 5.0]]


@pytest.mark.parametrize("call", [c for _, c in PAIRS], ids=[n for n, _ in PAIRS])
def test_several_results(call: Any) -> None:
    expected = call(tensor(X))
    outs = tuple(zeros(0, dtype=y.dtype) for y in expected)
    found = call(tensor(X), out=outs)
    assert type(found) is type(expected)
    for y, out, e in zip(found, outs, expected, strict=True):
        assert y is out and out.shape == e.shape and out.tolist() == e.tolist()


@pytest.mark.parametrize("name,call", PAIRS, ids=[n for n, _ in PAIRS])
def test_nothing_is_written_unless_everything_can_be(name: str, call: Any) -> None:
    expected = call(tensor(X))
    first, *rest = [zeros(y.shape, dtype=y.dtype) for y in expected]
    for outs, error, message in (
        (
            (first, *[zeros(0, dtype=lucid.bool_) for _ in rest]),
            RuntimeError,
            "can't be cast to the desired output type",
        ),
        ((first,), TypeError, f"out must be a tuple of {len(expected)} Tensors, got 1"),
        (first, TypeError, f"out must be a tuple of {len(expected)} Tensors, got Tensor"),
        ((first, *["x" for _ in rest]), TypeError, "out must be a Tensor, got str"),
    ):
        with pytest.raises(error, match=rf"^\w+: .*{message}"):
            call(tensor(X), out=outs)
        assert not first.any() and first._version == 0


def test_one_result() -> None:
    x = tensor(X)
    for wrong in ((zeros(2, 3),), [zeros(2, 3)], "x", np.zeros((2, 3))):
        with pytest.raises(TypeError, match="^softmax: out must be a Tensor, got "):
            lucid.softmax(x, 1, out=wrong)  # type: ignore[arg-type]
    assert lucid.softmax(x, 1, out=None).shape == (2, 3)
    assert lucid.softmax(x, 1, out=x) is x and x.sum(1).allclose(ones(2))  # over its own operand
    part = zeros(2, 4)
    lucid.tanh(x, out=part[:, 1:])
    assert part[:, 0].tolist() == [0, 0] and part[:, 1:].equal(x.tanh())
    with pytest.raises(TypeError, match=r"^add_\(\) got an unexpected keyword argument 'out'$"):
        x.add_(1, out=x)
    with pytest.raises(TypeError, match="got an unexpected keyword argument 'out'$"):
        lucid.relu(x, out=x)  # type: ignore[call-arg]


def test_refusals() -> None:
    x, leaf = tensor(X), tensor(X, requires_grad=True)
    message = r"^mm: functions with out=\.\.\. arguments don't support automatic differentiation$"
    for call in (
        lambda: lucid.mm(leaf, x.mT, out=zeros(2, 2)),
        lambda: lucid.mm(x, x.mT, out=ones(2, 2, requires_grad=True)),
    ):
        with pytest.raises(RuntimeError, match=message):
            call()
    with lucid.no_grad():
        assert lucid.mm(leaf, x.mT, out=zeros(2, 2)).tolist() == (x @ x.mT).tolist()
    whole = zeros(4)
    with pytest.raises(
        RuntimeError, match=r"^mv: out has shape \(3,\), expected \(2,\), and a view cannot be resized$"
    ):
        lucid.mv(x, ones(3), out=whole[:3])
    with pytest.raises(
        RuntimeError, match="^mv: unsupported operation: more than one element of the written-to tensor"
    ):
        lucid.mv(x, ones(3), out=zeros(1).expand(2))
    with pytest.raises(
        RuntimeError, match="^cat: result type lucid.float32 can't be cast to the desired output type lucid.int64$"
    ):
        lucid.cat([x, x], out=zeros(4, 3, dtype=lucid.int64))
    assert not whole.any()


def test_half_precision_and_complex_numbers() -> None:
    for dtype in (lucid.float16, lucid.bfloat16, lucid.complex64):
        x = tensor(X).to(dtype)
        for function, args in ((lucid.tanh, (x,)), (lucid.mm, (x, x.mT)), (lucid.cat, ([x, x],))):
            expected, out = function(*args), zeros(0, dtype=dtype)
            assert function(*args, out=out) is out and out.dtype is dtype and out.equal(expected)
    values, indices = zeros(2, 2), zeros(0, dtype=lucid.int64)
    lucid.topk(tensor(X).bfloat16(), 2, out=(values, indices))
    assert values.tolist() == [[3, 2], [6, 5]] and indices.tolist() == [[0, 2], [1, 2]]


def test_reductions_compute_in_the_dtype_of_out() -> None:
    x, out = tensor([0.25, 2.5], dtype=lucid.float64), zeros(1, dtype=lucid.float32)
    assert lucid.sum(x, 0, keepdim=True, out=out) is out and out.item() == 2.75
    whole = zeros((), dtype=lucid.float32)
    assert lucid.mean(tensor([1, 2]), 0, out=whole).item() == 1.5  # integers have no mean of their own dtype


def same(y: Any, expected: Any) -> bool:
    return (
        y.dtype is expected.dtype
        and y.shape == expected.shape
        and np.array_equal(y.numpy(), expected.numpy(), equal_nan=y.dtype not in (lucid.bool_, lucid.int64))
    )


def receivers() -> list[Any]:
    """Every public function that declares ``out``."""
    packages = [
        lucid, lucid.linalg, lucid.fft, lucid.special, lucid.nn.functional, lucid.random, lucid.signal.windows,
    ]  # fmt: skip
    found = {}
    for package in packages:
        for name in dir(package):
            function = getattr(package, name)
            if callable(function) and declares_out(getattr(function, "__wrapped__", function)):
                found[f"{package.__name__}.{name}"] = pytest.param(package, name, id=f"{package.__name__}.{name}")
    return list(found.values())


@pytest.mark.parametrize("package,name", receivers())
def test_every_function_that_declares_it_obeys(package: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The calls of the function in its own example, with and without ``out``."""
    function = getattr(package, name)
    calls = []

    def spy(*args: Any, **kwargs: Any) -> Any:
        state = lucid.get_rng_state()
        expected = function(*args, **kwargs)
        with lucid.no_grad():
            outs = tuple(zeros(0, dtype=y.dtype) for y in as_sequence(expected))
            lucid.set_rng_state(state)
            found = function(*args, **kwargs, out=outs[0] if isinstance(expected, Tensor) else outs)
        for y, out, e in zip(as_sequence(found), outs, as_sequence(expected), strict=True):
            assert y is out and same(out, e.detach())
        calls.append(name)
        return expected

    monkeypatch.setattr(package, name, spy)
    # Examples call a function by its first name, and in the package of its first name.
    first = getattr(function, "__wrapped__", function).__name__
    called = rf"\b(lucid\.[\w.]*|F\.){first}\("
    text = re.sub(called, f"{package.__name__}.{name}(", function.__doc__ or "")
    names: dict[str, Any] = {"lucid": lucid}
    for part in doctest.DocTestParser().get_examples(text):
        exec(part.source, names)
    assert calls


def test_lucid_itself_passes_it_to_kernels_alone() -> None:
    """Within lucid functions call each other without gates, and there ``out`` would be without effect."""
    root = Path(lucid.__file__).parent
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and any(k.arg == "out" for k in node.keywords):
                called = ast.unparse(node.func)
                assert called.startswith(("np.", "_ops.")) or called in KERNELS, f"{path.name}: {ast.unparse(node)}"


# What holds a kernel or a function of NumPy.
KERNELS = {"operation.kernel", "kernel", "function"}

# PyTorch's differ there: `all` and `any` into uint8 cast their operand first, which makes 0.5 zero.
CAST_FIRST = {"all", "any"}
SILENT = {"addbmm", "logsigmoid"}  # which PyTorch resizes without a warning


def counterparts() -> list[Any]:
    try:
        import torch
    except ImportError:
        return []
    places = {
        lucid: torch,
        lucid.nn.functional: torch.nn.functional,
        lucid.linalg: torch.linalg,
        lucid.special: torch.special,
    }
    return [
        pytest.param(record, getattr(places[own], record.name), id=f"{own.__name__}.{record.name}")
        for record in families() for own in places
        if record.call is getattr(own, record.name, None) and callable(getattr(places[own], record.name, None))
    ]  # fmt: skip


@pytest.mark.parity
@pytest.mark.parametrize("how", ["same", "empty", "wider", "narrower", "another shape"])
@pytest.mark.parametrize("record,function", counterparts())
def test_as_pytorch(record: Record, function: Any, how: str) -> None:
    """Whatever PyTorch's function takes as ``out`` gets the same dtype, shape, values and warning."""
    torch = pytest.importorskip("torch")
    if how == "narrower" and record.name in CAST_FIRST:
        return

    def receiver(y: Any) -> Any:
        floats = y.is_floating_point()
        if how == "empty":
            return torch.empty(0, dtype=y.dtype)
        if how == "another shape":
            return torch.zeros((*y.shape, 2), dtype=y.dtype)
        wider, narrower = (torch.float64, torch.int64) if floats else (torch.float32, torch.uint8)
        return torch.zeros(y.shape, dtype={"same": y.dtype, "wider": wider, "narrower": narrower}[how])

    def convert(value: Any) -> Any:
        return getattr(torch, value.name) if isinstance(value, lucid.dtype) else value

    for case in record.cases[:4]:
        arrays = record.draw(case, np.float32)
        inputs = [torch.from_numpy(np.array(a)) for a in arrays]
        params = {k: convert(v) for k, v in case.params.items()}
        with warnings.catch_warnings(record=True) as theirs:
            warnings.simplefilter("always")
            try:
                plain = function(*inputs, **params)
                outs = [receiver(y) for y in as_sequence(plain)]
                function(*inputs, **params, out=outs[0] if isinstance(plain, torch.Tensor) else tuple(outs))
            except (RuntimeError, TypeError, IndexError, AttributeError):
                continue  # what PyTorch refuses is not promised
        own = [lucid.from_numpy(receiver(y).numpy()) for y in as_sequence(plain)]
        with warnings.catch_warnings(record=True) as mine:
            warnings.simplefilter("always")
            result = record.call(*record.tensors(arrays), **case.params, out=own[0] if len(own) == 1 else tuple(own))
        assert all(y is out for y, out in zip(as_sequence(result), own)) or isinstance(result, Tensor)
        for y, e in zip(own, outs, strict=True):
            np.testing.assert_allclose(y.numpy(), e.numpy(), 1e-4, 1e-5, err_msg=f"{record.name}({case})", strict=True)
        resized = [any("resized" in str(w.message) for w in seen) for seen in (mine, theirs)]
        assert resized[0] == resized[1] or record.name in SILENT, f"{record.name}({case}): warnings {resized}"
