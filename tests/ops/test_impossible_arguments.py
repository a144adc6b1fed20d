"""Arguments without a meaning: probabilities above 1, negative deviations and counts, masks that are no masks."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

import lucid

x = lucid.arange(6).reshape(2, 3)

REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "masked_select": (
        lambda: lucid.masked_select(lucid.ones(2), lucid.tensor([1, 0])),
        "masked_select: expected a bool mask, got lucid.int64",
    ),
    "outer": (
        lambda: lucid.outer(lucid.ones(2, 2), lucid.ones(3)), "outer: expected two vectors, got shapes (2, 2) and (3,)",
    ),
    "ger": (lambda: lucid.ones(2).ger(lucid.tensor(1.0)), "ger: expected two vectors, got shapes (2,) and ()"),
    "roll, more shifts": (
        lambda: lucid.roll(x, (1, 1, 1), (0, 1)),
        "roll: expected a shift for each dimension, got shifts (1, 1, 1) and dims (0, 1)",
    ),
    "roll, one shift": (
        lambda: lucid.roll(x, 1, (0, 1)), "roll: expected a shift for each dimension, got shifts (1,) and dims (0, 1)",
    ),
    "bernoulli": (
        lambda: lucid.bernoulli(lucid.tensor([0.5, 2.0])), "bernoulli: expected probabilities within [0, 1]",
    ),
    "bernoulli, NaN": (
        lambda: lucid.bernoulli(lucid.tensor([lucid.nan])), "bernoulli: expected probabilities within [0, 1]",
    ),
    "bernoulli, integers": (
        lambda: lucid.bernoulli(lucid.tensor([1])), "bernoulli: expected floating-point probabilities, got lucid.int64",
    ),
    "bernoulli_": (lambda: lucid.ones(2).bernoulli_(2.0), "bernoulli_: expected p within [0, 1], got 2.0"),
    "normal": (lambda: lucid.normal(0.0, -1.0, (2,)), "normal: expected std at least 0, got -1.0"),
    "normal, tensor": (lambda: lucid.normal(0.0, lucid.tensor([1.0, -1.0])), "normal: expected std at least 0"),
    "normal_": (lambda: lucid.ones(2).normal_(0.0, -1.0), "normal_: expected std at least 0, got -1.0"),
    "uniform_": (lambda: lucid.ones(2).uniform_(3, 2), "uniform_: low must not be above high, got 3 and 2"),
    "multinomial, shape": (
        lambda: lucid.multinomial(lucid.ones(2, 2, 2), 1),
        "multinomial: expected floating-point weights (n,) or (rows, n), got lucid.float32 (2, 2, 2)",
    ),
    "multinomial, integers": (
        lambda: lucid.multinomial(lucid.tensor([1, 2]), 1),
        "multinomial: expected floating-point weights (n,) or (rows, n), got lucid.int64 (2,)",
    ),
    "multinomial, no samples": (
        lambda: lucid.multinomial(lucid.ones(2), 0), "multinomial: num_samples must be positive, got 0",
    ),
    "tensor_split": (
        lambda: lucid.tensor_split(x, 2**40),
        f"tensor_split: {2**40} sections of 2 elements are more than the {2**20} allowed",
    ),
    "hsplit": (
        lambda: lucid.hsplit(lucid.ones(0), 10**30),
        f"hsplit: {10**30} sections of 0 elements are more than the {2**20} allowed",
    ),
    "randperm": (lambda: lucid.randperm(-1), "randperm: n must not be negative, got -1"),
    "repeat": (lambda: lucid.ones(2).repeat(-1), "repeat: repeats must not be negative, got (-1,)"),
    "tile": (lambda: lucid.tile(lucid.ones(2), (-1,)), "tile: repeats must not be negative, got (-1,)"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused_before_anything_is_drawn(name: str) -> None:
    call, message = REFUSED[name]
    before = lucid.get_rng_state()
    with pytest.raises(RuntimeError, match=re.escape(message) + "$"):
        call()
    assert lucid.equal(lucid.get_rng_state(), before)


def test_shifts_of_a_dimension_add_up() -> None:
    assert lucid.equal(lucid.roll(x, (1, 1), (1, 1)), lucid.roll(x, 2, 1))
    assert lucid.equal(lucid.roll(x, (1, -1), (0, -2)), x)
    assert lucid.roll(x, [1], [0]).tolist() == [[3, 4, 5], [0, 1, 2]]


def test_rolling_a_number() -> None:
    assert lucid.roll(lucid.tensor(1.0), 1).item() == 1.0
    with pytest.raises(IndexError, match="roll: a 0-d tensor has no dimension 0$"):
        lucid.roll(lucid.tensor(1.0), 1, 0)


def test_limits_are_taken() -> None:
    assert lucid.bernoulli(lucid.tensor([0.0, 1.0])).tolist() == [0.0, 1.0]
    assert lucid.normal(lucid.ones(2), 0.0).tolist() == [1.0, 1.0]
    assert lucid.ones(2).uniform_(2, 2).tolist() == [2.0, 2.0] and lucid.randperm(0).shape == (0,)
    assert lucid.ones(2).repeat(0).shape == (0,) and lucid.zeros(3).bernoulli_(1).tolist() == [1.0, 1.0, 1.0]


def test_differences_of_an_order_beyond_the_length_are_none() -> None:
    assert lucid.diff(lucid.ones(3), n=2**40).shape == (0,)
    assert lucid.diff(lucid.ones(3), n=3).shape == (0,) and lucid.diff(lucid.ones(3), n=2).shape == (1,)


def test_powers_of_matrices_are_whole() -> None:
    with pytest.raises(TypeError, match="^matrix_power: expected an integer n, got -inf$"):
        lucid.matrix_power(lucid.ones(2, 2), -lucid.inf)  # type: ignore[arg-type]
