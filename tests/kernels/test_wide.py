"""Functions of float32 that compute in double: rounding is their only error, and special cases are those of the C library."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from kernels.common import at_threads

from lucid import _ops

SPECIAL = [0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 3.0, -3.0, 0.5, -0.5, 2.5, -2.5, 7.0, 1e-45, -1e-45, 1e38, -1e38, 1e10,
           16777217.0, 0.9999999, 1.0000001, np.inf, -np.inf, np.nan]  # fmt: skip
ONE = {
    "exp2": (np.exp2, -150, 129), "log2": (np.log2, 0, 10), "log10": (np.log10, 0, 10), "asin": (np.arcsin, -1, 1),
    "acos": (np.arccos, -1, 1), "atan": (np.arctan, -20, 20), "sinh": (np.sinh, -90, 90), "cosh": (np.cosh, -90, 90),
    "asinh": (np.arcsinh, -100, 100), "acosh": (np.arccosh, 1, 20), "atanh": (np.arctanh, -1, 1),
    "erfc": (np.vectorize(math.erfc), -6, 10.1),
}  # fmt: skip
TWO = {"atan2": np.arctan2, "hypot": np.hypot, "logaddexp": np.logaddexp, "pow": np.power}
REMAINDERS = {"fmod": np.fmod, "remainder": np.remainder, "floor_divide": np.floor_divide}


def assert_rounded(y: np.ndarray, exact: np.ndarray, bound: float) -> None:
    """Within ``bound`` ulp of what is exact but for double's rounding; special values alike, with their signs."""
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        rounded = exact.astype(np.float32)
        special = ~np.isfinite(rounded) | (rounded == 0)
        np.testing.assert_array_equal(y[special], rounded[special])
        np.testing.assert_array_equal(np.signbit(y[special & (y == y)]), np.signbit(rounded[special & (y == y)]))
        error = np.abs(y.astype(np.float64) - exact)[~special] / np.spacing(np.abs(rounded[~special])).astype(
            np.float64
        )
    assert error.size == 0 or error.max() <= bound


@pytest.mark.parametrize("name", list(ONE))
def test_one_operand(name: str, ops: Any) -> None:
    function, low, high = ONE[name]
    x = np.random.default_rng(0).uniform(low, high, 30011).astype(np.float32)
    near = (x * 1e-3).astype(np.float32) + np.float32(1 if name in ("log2", "log10", "acosh") else 0)
    x = np.concatenate([x, np.abs(near) if name == "acosh" else near, np.array(SPECIAL, np.float32)])
    with np.errstate(all="ignore"):
        exact = function(x.astype(np.float64))
    assert_rounded(at_threads(ops, lambda: getattr(ops, name)(x)), exact, 1.2 if name == "exp2" else 0.502)


def pairs() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    x, y = (np.array(v, np.float32) for v in zip(*itertools.product(SPECIAL, SPECIAL)))
    for reach in (1e-3, 5, 100, 1e6):
        x = np.concatenate([x, generator.uniform(-reach, reach, 10007).astype(np.float32)])
        y = np.concatenate([y, generator.uniform(-5, 5, 10007).astype(np.float32)])
    return x, y


@pytest.mark.parametrize("name", list(TWO))
def test_two_operands(name: str, ops: Any) -> None:
    x, y = pairs()
    x = np.where(np.arange(x.size) < len(SPECIAL) ** 2, x, np.abs(x)) if name == "pow" else x
    with np.errstate(all="ignore"):
        exact = TWO[name](x.astype(np.float64), y.astype(np.float64))
    assert_rounded(at_threads(ops, lambda: getattr(ops, name)(x, y)), exact, 0.502)


@pytest.mark.parametrize("name", list(REMAINDERS))
def test_remainders_are_exact(name: str, ops: Any) -> None:
    x, y = pairs()
    z = at_threads(ops, lambda: getattr(ops, name)(x, y))
    with np.errstate(all="ignore"):
        exact = REMAINDERS[name](x.astype(np.float64), y.astype(np.float64)).astype(np.float32)
        if name == "remainder":  # the sum is rounded, and a zero has the sign of x
            rest = np.fmod(x, y)
            exact = np.where((rest != 0) & ((rest < 0) != (y < 0)), rest + y, rest)
    np.testing.assert_array_equal(z, exact)
    np.testing.assert_array_equal(np.signbit(z[z == z]), np.signbit(exact[z == z]))


def test_float64_is_the_c_librarys() -> None:
    x = np.random.default_rng(0).uniform(0.01, 0.99, 1000)
    for name in ONE:
        value = x + 1 if name == "acosh" else x
        np.testing.assert_allclose(getattr(_ops, name)(value), ONE[name][0](value), rtol=3e-16 * 4)
    np.testing.assert_allclose(_ops.logit(x, -np.inf, np.inf), np.log(x) - np.log1p(-x), rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(_ops.logaddexp(x, 1 - x), np.logaddexp(x, 1 - x), rtol=1e-15)
    np.testing.assert_array_equal(_ops.floor_divide(x * 100, x), np.floor_divide(x * 100, x))


def test_logit_between_bounds() -> None:
    x = np.array([-1.0, 0.0, 0.1, 0.5, 0.9, 1.0, 2.0, np.nan], np.float32)
    z = np.clip(x.astype(float), 0.25, 0.75)
    assert_rounded(_ops.logit(x, 0.25, 0.75), np.log(z / (1 - z)), 0.502)
    y = _ops.logit(x, -np.inf, np.inf)
    assert np.isnan(y[[0, 6, 7]]).all() and y[1] == -np.inf and y[5] == np.inf and y[3] == 0
