"""Keywords of the functions that make tensors: PyTorch's are taken, devices checked, what nobody knows refused."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest

import lucid
from lucid import nn

X = lucid.ones(3, dtype=lucid.float64)
FRESH: dict[str, Callable[..., Any]] = {
    "empty": lambda **k: lucid.empty(3, **k), "zeros": lambda **k: lucid.zeros(3, **k),
    "ones": lambda **k: lucid.ones(3, **k), "full": lambda **k: lucid.full((3,), 2.0, **k),
    "eye": lambda **k: lucid.eye(3, **k), "arange": lambda **k: lucid.arange(3, **k),
    "linspace": lambda **k: lucid.linspace(0, 1, 3, **k), "logspace": lambda **k: lucid.logspace(0, 1, 3, **k),
    "rand": lambda **k: lucid.rand(3, **k), "randn": lambda **k: lucid.randn(3, **k),
    "randint": lambda **k: lucid.randint(0, 5, (3,), **k), "randperm": lambda **k: lucid.randperm(3, **k),
    "normal": lambda **k: lucid.normal(0.0, 1.0, (3,), **k), "range": lambda **k: lucid.range(0, 2, **k),
}  # fmt: skip
OTHERS: dict[str, Callable[..., Any]] = {
    "tensor": lambda **k: lucid.tensor([1.0], **k), "scalar_tensor": lambda **k: lucid.scalar_tensor(1.0, **k),
    "empty_like": lambda **k: lucid.empty_like(X, **k), "zeros_like": lambda **k: lucid.zeros_like(X, **k),
    "ones_like": lambda **k: lucid.ones_like(X, **k), "full_like": lambda **k: lucid.full_like(X, 2.0, **k),
    "rand_like": lambda **k: lucid.rand_like(X, **k), "randn_like": lambda **k: lucid.randn_like(X, **k),
    "randint_like": lambda **k: lucid.randint_like(X, 5, **k), "new_zeros": lambda **k: X.new_zeros(3, **k),
    "new_ones": lambda **k: X.new_ones(3, **k), "new_full": lambda **k: X.new_full((3,), 2.0, **k),
    "new_empty": lambda **k: X.new_empty(3, **k), "new_tensor": lambda **k: X.new_tensor([1.0], **k),
    "hann_window": lambda **k: lucid.hann_window(3, **k),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:range")
@pytest.mark.parametrize("name", [*FRESH, *OTHERS])
def test_keywords(name: str) -> None:
    make = {**FRESH, **OTHERS}[name]
    y = make()
    for options in (
        {"pin_memory": False},
        {"layout": None},
        {"device": "cpu"},
        {"pin_memory": True, "device": lucid.device("cpu")},
    ):
        z = make(**options)
        assert (z.shape, z.dtype) == (y.shape, y.dtype)
    with pytest.raises(TypeError, match=rf"^{name}\(\) got an unexpected keyword argument 'dtyp'$"):
        make(dtyp=lucid.float64)
    with pytest.raises(RuntimeError, match="lucid runs on CPUs only, got 'cuda'"):
        make(device="cuda")


@pytest.mark.filterwarnings("ignore:range")
@pytest.mark.parametrize("name", FRESH)
def test_out_is_filled_in_its_own_dtype(name: str) -> None:
    n = (3, 3) if name == "eye" else (3,)
    for dtype in (lucid.float64, lucid.int64) if name in ("zeros", "ones", "eye", "arange") else (lucid.float64,):
        out = lucid.full(n, 77, dtype=dtype)
        assert FRESH[name](out=out) is out
        assert out.dtype is dtype and (name == "empty" or not (out == 77).any())
    other = lucid.ones(2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # `arange`, `normal` and `range` say that they resize
        assert FRESH[name](out=other) is other and other.shape == n
    with pytest.raises(RuntimeError, match=rf"^{name}: out has shape \(2,\), expected .* a view cannot be resized$"):
        FRESH[name](out=lucid.ones(4)[:2])


@pytest.mark.parametrize("name", OTHERS)
def test_the_others_have_no_out(name: str) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'out'"):
        OTHERS[name](out=lucid.ones(3))


@pytest.mark.parametrize("function", [lucid.rand_like, lucid.randn_like, lambda x, **k: lucid.randint_like(x, 90, **k)])
def test_the_like_of_random_numbers_take_a_generator(function: Callable[..., Any]) -> None:
    first, again = (function(X, generator=lucid.Generator().manual_seed(3)) for _ in range(2))
    assert lucid.equal(first, again)
    assert not lucid.equal(first, function(X, generator=lucid.Generator().manual_seed(4)))


def test_conversions_refuse_what_they_do_not_know() -> None:
    for place in (lucid.ones(2), nn.Linear(2, 2)):
        assert place.to(lucid.float64, non_blocking=True) is not None
        with pytest.raises(TypeError, match=r"to\(\) got an unexpected keyword argument 'dtyp'"):
            place.to(dtyp=lucid.float64)
