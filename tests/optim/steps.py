"""What tests of optimizers' steps share: parameters, gradients, combinations of options, and how close results are."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import numpy as np

SHAPES = [(7, 33), (5,), (), (1, 4, 1), (1, 4, 3), (3001,)]


@functools.cache
def gradients(step: int, dtype: Any) -> list[np.ndarray]:
    """Away from zero: the first steps of many rules jump with the sign of the gradient."""
    rng = np.random.default_rng(step)
    return [np.asarray(rng.uniform(0.5, 2, shape) * rng.choice([-1, 1], shape), dtype) for shape in SHAPES]


def start(dtype: Any) -> list[np.ndarray]:
    rng = np.random.default_rng(10_000)
    return [np.asarray(rng.uniform(-1, 1, shape), dtype) for shape in SHAPES]


def product(**options: list[Any]) -> list[dict[str, Any]]:
    return [dict(zip(options, values)) for values in itertools.product(*options.values())]


def assert_close(actual: np.ndarray, expected: np.ndarray, rtol: float) -> None:
    """Relative to the largest parameter: what the steps add may cancel."""
    assert actual.dtype == expected.dtype or expected.dtype == np.float64
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=rtol * np.abs(expected).max(initial=1))
