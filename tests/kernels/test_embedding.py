"""Rows picked, summed over bags and added up where an index says."""

from __future__ import annotations

import numpy as np
import pytest

from lucid import _ops

THREADS = (1, 2, 3)


@pytest.fixture(autouse=True)
def shared_work():
    before = _ops.get_num_threads()
    _ops.set_grain_scale(0)
    yield
    _ops.set_grain_scale(1)
    _ops.set_num_threads(before)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1, 7, 1), (1, 7, 5), (1, 7, 40), (6, 7, 3), (0, 7, 3), (2, 7, 0)])
@pytest.mark.parametrize("each", [False, True])
def test_scatter_add_sums_in_index_order(dtype, shape, each):
    rng = np.random.default_rng(0)
    outer, rows, width = shape
    y = rng.standard_normal((outer, 50, width)).astype(dtype)
    index = rng.integers(0, rows, y.shape if each else 50)
    expected = np.zeros(shape, dtype)
    for o in range(outer):
        for i in range(50):
            for j in range(width):
                expected[o, index[o, i, j] if each else index[i], j] += y[o, i, j]
    for threads in THREADS:
        _ops.set_num_threads(threads)
        assert np.array_equal(_ops.scatter_add(y, index, shape), expected)


def test_bag_sums_add_rows_in_order():
    rng = np.random.default_rng(1)
    x, index, counts = rng.standard_normal((9, 5)).astype(np.float32), rng.integers(0, 9, 12), np.array([3, 0, 8, 1])
    expected, at = np.zeros((4, 5), np.float32), 0
    for bag, count in enumerate(counts):
        for i in index[at : at + count]:
            expected[bag] += x[i]
        at += count
    for threads in THREADS:
        _ops.set_num_threads(threads)
        assert np.array_equal(_ops.bag_sums(x, index, counts), expected)
        assert np.array_equal(_ops.bag_sums(x[index], None, counts), expected)


def test_wrong_places_are_refused():
    y = np.ones((1, 2, 3), np.float32)
    with pytest.raises(IndexError, match=r"scatter_add: index -1 at position 1 is out of range for 4 rows"):
        _ops.scatter_add(y, np.array([0, -1]), (1, 4, 3))
    with pytest.raises(ValueError, match=r"scatter_add: y \(1, 2, 3\) and index \(3,\) do not fit \(1, 4, 3\)"):
        _ops.scatter_add(y, np.array([0, 1, 2]), (1, 4, 3))
    with pytest.raises(ValueError, match=r"bag_sums: counts add up to 3, but there are 2 rows"):
        _ops.bag_sums(y[0], None, np.array([1, 2]))
