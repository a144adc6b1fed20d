"""Division is IEEE 754's in every lane, whatever lies beside it: denormal operands and results, zeros, infinities, NaN."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

SPECIAL = np.array(
    [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 2.0**-126, -(2.0**-126), 1.1754942e-38, 3.4028235e38, 1, -3],
    np.float32,
)


def numbers(rng: np.random.Generator, exponents: Any, n: int) -> np.ndarray:
    """Float32 numbers of both signs with these exponents (0: denormal) and random, partly short, mantissas."""
    mantissa = rng.integers(0, 1 << 23, n) & (-1 << rng.integers(0, 23, n))
    bits = rng.integers(0, 2, n) << 31 | np.resize(exponents, n) << 23 | mantissa
    return bits.astype(np.uint32).view(np.float32)


def check(ops: Any, x: np.ndarray, y: np.ndarray) -> None:
    found = [(ops.div(x, y), x, y), (ops.reciprocal(y), np.ones_like(y), y)]
    for at in (0, len(x) // 2):
        found += [(ops.div(x, y[at : at + 1]), x, y[at]), (ops.div(x[at : at + 1], y), x[at], y)]
    for z, a, b in found:
        with np.errstate(all="ignore"):
            exact = a / b
        wrong = (z.view(np.int32) != exact.view(np.int32)) & ~(np.isnan(z) & np.isnan(exact))
        at = int(np.argmax(wrong))
        assert not wrong.any(), f"{np.resize(a, z.shape)[at]!r} / {np.resize(b, z.shape)[at]!r} = {z[at]!r}"


@pytest.mark.parametrize("first", range(0, 255, 5))
def test_every_pair_of_exponents(ops: Any, first: int) -> None:
    """Each exponent of x against each of y: neighbours of one exponent, so that whole blocks are of one kind."""
    rng = np.random.default_rng(first)
    for exponent in range(first, first + 5):
        check(ops, numbers(rng, [exponent], 255 * 64), numbers(rng, np.repeat(np.arange(255), 64), 255 * 64))


@pytest.mark.parametrize("kind", ["operands", "x", "y", "results", "ordinary"])
def test_anything_among_denormal_numbers(ops: Any, kind: str) -> None:
    rng, n = np.random.default_rng(1), 40_000
    ordinary = np.arange(100, 150)
    x = numbers(rng, [0] if kind in ("operands", "x") else np.arange(30) if kind == "results" else ordinary, n)
    y = numbers(rng, [0] if kind in ("operands", "y") else np.arange(140, 160) if kind == "results" else ordinary, n)
    check(ops, x, y)
    for share in (0.2, 0.01):
        for a in (x, y):
            place = rng.random(n) < share
            a[place] = rng.choice(SPECIAL, n)[place]
        check(ops, x, y)
    for length in (1, 15, 63, 64, 65, 127, 300):
        check(ops, x[:length].copy(), y[:length].copy())


def test_quotients_between_two_denormal_numbers(ops: Any) -> None:
    """x next to y times the middle of two neighbours: where rounding twice goes wrong."""
    rng, n = np.random.default_rng(2), 400_000
    y = numbers(rng, np.arange(100, 180), n)
    middle = ((rng.integers(0, 1 << 23, n) >> rng.integers(0, 22, n)) + 0.5) * 2.0**-149
    x = (middle * y.astype(np.float64)).astype(np.float32)
    bits = x.view(np.int32) + rng.integers(-1, 2, n).astype(np.int32)
    check(ops, np.abs(bits.view(np.float32)), y)
