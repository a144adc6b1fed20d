"""The largest and smallest elements of rows against a stable sort."""

from __future__ import annotations

import numpy as np
import pytest
from kernels.common import DTYPES, at_threads

from lucid import _ops


def sorted_places(x: np.ndarray, largest: bool) -> np.ndarray:
    """Places in order; NaN above all numbers, equal elements as they come."""
    keys = np.where(np.isnan(x), np.inf, x)
    nan = np.isnan(x)
    order = np.lexsort((np.arange(x.size), -keys, ~nan) if largest else (np.arange(x.size), keys, nan))
    return order


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("largest", [False, True])
@pytest.mark.parametrize(("rows", "n"), [(1, 1), (3, 7), (5, 100), (2, 5000)])
def test_values_and_places(rows: int, n: int, largest: bool, dtype: type) -> None:
    generator = np.random.default_rng(n)
    x = generator.integers(-n // 3, n // 3 + 1, (rows, n)).astype(dtype)  # many are equal
    x[x == 1] = generator.choice(
        np.array([0.0, -0.0, np.inf, -np.inf, np.nan, -np.nan, 1e-40], dtype), int((x == 1).sum())
    )
    for k in sorted({0, 1, min(5, n), n // 2, n}):
        both = at_threads(_ops, lambda k=k: np.stack([a.astype(np.float64) for a in _ops.topk(x, k, largest)]))
        values, places = _ops.topk(x, k, largest)
        np.testing.assert_array_equal(both[1], places)
        for row in range(rows):
            expected = sorted_places(x[row], largest)[:k]
            np.testing.assert_array_equal(places[row], expected)
            np.testing.assert_array_equal(values[row], x[row][expected])


def test_shapes() -> None:
    values, places = _ops.topk(np.zeros((2, 0, 4), np.float32), 3, True)
    assert values.shape == places.shape == (2, 0, 3)
    for bad in (-1, 5):
        with pytest.raises(ValueError, match=r"^topk: -?\d elements of rows of \(2, 4\)"):
            _ops.topk(np.zeros((2, 4), np.float32), bad, True)
