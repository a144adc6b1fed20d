"""How tensors print: with and without gradients, abbreviated, formatted."""

from __future__ import annotations

from typing import Any

import pytest

import lucid
from lucid import Tensor


def leaf(data: Any) -> Tensor:
    return lucid.tensor(data, requires_grad=True)


def with_grad() -> Tensor:
    x = leaf([1.0, 2.0])
    (x * x).backward()
    return x


@pytest.mark.parametrize("make,plain,full", [
    (lambda: lucid.tensor([1.0, -0.5]), "[1.0, -0.5]", "Tensor([1.0, -0.5], grad=None)"),
    (lambda: lucid.tensor(3), "3", "Tensor(3, grad=None)"),
    (lambda: lucid.tensor([True, False]), "[True, False]", "Tensor([True, False], grad=None)"),
    (lambda: lucid.tensor([[1.0], [2.0]]), "[[1.0],\n [2.0]]", "Tensor([[1.0],\n        [2.0]], grad=None)"),
    (lambda: lucid.tensor([float("nan"), float("inf"), -0.0]), "[nan, inf, -0.0]", "Tensor([nan, inf, -0.0], grad=None)"),
    (lambda: lucid.tensor(0.1), "0.1", "Tensor(0.1, grad=None)"),
    (lambda: lucid.zeros(0), "[]", "Tensor([], grad=None)"),
    (lambda: lucid.zeros(0, 3), "[]", "Tensor([], grad=None, size=(0, 3))"),
    (lambda: lucid.tensor([1.5], dtype=lucid.float64), "[1.5]", "Tensor([1.5], grad=None, dtype=lucid.float64)"),
    (lambda: lucid.tensor([1 + 2j]), "[1.0+2.0j]", "Tensor([1.0+2.0j], grad=None)"),
    (lambda: lucid.tensor([3], dtype=lucid.uint8), "[3]", "Tensor([3], grad=None, dtype=lucid.uint8)"),
    (lambda: lucid.tensor([1e-10, 1e10, 123456.0]), "[1.0e-10, 1.0e+10, 123456.0]", "Tensor([1.0e-10, 1.0e+10, 123456.0], grad=None)"),
])  # fmt: skip
def test_printing_without_gradient(make: Any, plain: str, full: str) -> None:
    assert str(make()) == plain and repr(make()) == full


@pytest.mark.parametrize("make,full", [
    (lambda: leaf([1.0, 2.0]), "Tensor([1.0, 2.0], grad=None)"), (with_grad, "Tensor([1.0, 2.0], grad=[2.0, 4.0])"),
])  # fmt: skip
def test_printing_with_gradient(make: Any, full: str) -> None:
    """A tensor that requires grad prints in full both ways."""
    assert str(make()) == repr(make()) == full


def test_representations_name_the_operation_that_made_a_tensor() -> None:
    y = leaf([1.0, 2.0]) * 3
    assert str(y) == "Tensor([3.0, 6.0], grad=None)"
    assert repr(y) == "Tensor([3.0, 6.0], grad=None, grad_fn=<MulBackward>)"
    assert repr(y.double().sum()) == "Tensor(9.0, grad=None, grad_fn=<SumBackward>, dtype=lucid.float64)"
    y.retain_grad()
    y.sum().backward()
    assert repr(y) == "Tensor([3.0, 6.0], grad=[1.0, 1.0], grad_fn=<MulBackward>)"


def test_the_default_dtype_is_not_printed() -> None:
    try:
        lucid.set_default_dtype(lucid.float64)
        assert repr(lucid.ones(1)) == "Tensor([1.0], grad=None)"
        assert repr(lucid.ones(1, dtype=lucid.float32)) == "Tensor([1.0], grad=None, dtype=lucid.float32)"
    finally:
        lucid.set_default_dtype(lucid.float32)


def test_long_tensors_are_abbreviated() -> None:
    assert str(lucid.arange(2000)) == "[0, 1, 2, ..., 1997, 1998, 1999]"
    assert str(lucid.arange(1000)).count(",") == 999


def test_print_options() -> None:
    try:
        lucid.set_printoptions(precision=2, threshold=3, edgeitems=1)
        assert str(lucid.tensor([1.23456, 2, 3, 4])) == "[1.23, ..., 4.0]"
    finally:
        lucid.set_printoptions(precision=8, threshold=1000, edgeitems=3, linewidth=120)


def test_format() -> None:
    x = lucid.tensor(3.14159)
    assert f"{x:.2f}" == "3.14" and f"{lucid.tensor(7):03d}" == "007" and f"{lucid.tensor([1, 2])}" == "[1, 2]"
    assert f"{leaf(2.0):.1f}" == "2.0" and f"{leaf([2.0])}" == "Tensor([2.0], grad=None)"
