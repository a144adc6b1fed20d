"""The attribute ``grad``: what may be written to it."""

from __future__ import annotations

from typing import Any

import pytest

import lucid


def test_grad_takes_a_tensor_like_its_own() -> None:
    x = lucid.ones(2, 3, requires_grad=True)
    x.grad = g = lucid.zeros(2, 3)
    assert x.grad is g
    (2 * x).sum().backward()
    assert x.grad.tolist() == [[2.0] * 3] * 2
    x.grad = None
    assert x.grad is None


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        (lucid.ones(3, 2), RuntimeError, r"^grad: expected shape \(2, 3\), got \(3, 2\)$"),
        (lucid.ones(6), RuntimeError, r"^grad: expected shape \(2, 3\), got \(6,\)$"),
        (lucid.ones(2, 3).double(), RuntimeError, r"^grad: expected dtype lucid.float32, got lucid.float64$"),
        (0, TypeError, "^grad: expected a Tensor or None, got int$"),
    ],
)
def test_grad_refuses_others(value: Any, kind: type[Exception], message: str) -> None:
    x = lucid.ones(2, 3, requires_grad=True)
    x.grad = g = lucid.zeros(2, 3)
    with pytest.raises(kind, match=message):
        x.grad = value
    assert x.grad is g


def test_shapes_that_do_not_broadcast_are_either_kind_of_error() -> None:
    for kind in (RuntimeError, ValueError):
        with pytest.raises(kind, match=r"add: shapes \(2,\) and \(3,\) do not broadcast"):
            lucid.ones(2) + lucid.ones(3)
        with pytest.raises(kind, match="does not broadcast"):
            lucid.ones(2)[:] = lucid.ones(3)
