"""Python's operators on tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lucid

OPERATORS: list[tuple[str, Any]] = [
    ("+", lambda x, y: x + y), ("-", lambda x, y: x - y), ("*", lambda x, y: x * y), ("/", lambda x, y: x / y), ("//", lambda x, y: x // y),
    ("%", lambda x, y: x % y), ("**", lambda x, y: x**y), ("<", lambda x, y: x < y), ("<=", lambda x, y: x <= y), (">", lambda x, y: x > y),
    (">=", lambda x, y: x >= y), ("==", lambda x, y: x == y), ("!=", lambda x, y: x != y),
]  # fmt: skip


@pytest.mark.parametrize("operator", [f for _, f in OPERATORS], ids=[n for n, _ in OPERATORS])
def test_operators_with_tensors_and_numbers(operator: Any) -> None:
    a, b = np.array([1.0, 2.0, 3.0], np.float32), np.array([2.0, 2.0, 2.0], np.float32)
    x, y = lucid.tensor(a), lucid.tensor(b)
    for result, expected in (
        (operator(x, y), operator(a, b)),
        (operator(x, 2), operator(a, 2)),
        (operator(2, x), operator(2, a)),
    ):
        np.testing.assert_allclose(result.numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize("operator", [lambda x, y: x & y, lambda x, y: x | y, lambda x, y: x ^ y], ids=["&", "|", "^"])
def test_bitwise_operators(operator: Any) -> None:
    a, b = np.array([6, 5]), np.array([3, 3])
    x, y = lucid.tensor(a), lucid.tensor(b)
    assert (
        operator(x, y).tolist() == operator(a, b).tolist() == operator(y, x).tolist()
        and operator(x, 3).tolist() == operator(a, 3).tolist()
    )
    assert operator(3, x).tolist() == operator(3, a).tolist()


def test_unary_operators() -> None:
    x = lucid.tensor([1.0, -2.0])
    assert (
        (-x).tolist() == [-1, 2]
        and abs(x).tolist() == [1, 2]
        and (~lucid.tensor([True])).tolist() == [False]
        and (~lucid.tensor([5])).tolist() == [-6]
    )


def test_matmul_operator() -> None:
    a = np.arange(6.0).reshape(2, 3)
    x = lucid.tensor(a)
    assert (x @ x.T).tolist() == (a @ a.T).tolist()


@pytest.mark.parametrize("wrong", ["a", [1, 2], None, object()], ids=repr)
def test_operators_refuse_other_types(wrong: Any) -> None:
    with pytest.raises(TypeError, match=f"add: expected a Tensor or a number, got {type(wrong).__name__}"):
        lucid.ones(2) + wrong


def test_shapes_that_do_not_broadcast() -> None:
    with pytest.raises(ValueError, match=r"add: shapes \(2,\) and \(3,\) do not broadcast: 2 against 3"):
        lucid.ones(2) + lucid.ones(3)
