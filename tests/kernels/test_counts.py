"""Integers counted, rows of which one element is 1, and permutations."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from kernels.common import at_threads


@pytest.mark.parametrize("n", [0, 1, 5, 1000, 40_000])
@pytest.mark.parametrize("most", [1, 7, 5000])
def test_bincount(ops: Any, n: int, most: int) -> None:
    x = np.random.default_rng(n).integers(0, most, n)
    for least in (0, 3, 6000):
        y = at_threads(ops, lambda least=least: ops.bincount(x, least))
        np.testing.assert_array_equal(y, np.bincount(x, minlength=least))
    low, high = at_threads(ops, lambda: np.array(ops.extent(x - 3)))
    assert (low, high) == ((x.min() - 3, x.max() - 3) if n else (0, -1))
    assert ops.bincount(x[::-2], 0).tolist() == np.bincount(x[::-2]).tolist()
    if n:
        assert ops.bincount(x - most, 0) is None, "some are negative"


def test_one_hot(ops: Any) -> None:
    for shape in ((), (0,), (1,), (7,), (3, 50), (2, 0, 3)):
        x = np.random.default_rng(0).integers(0, 9, shape)
        y = at_threads(ops, lambda x=x: ops.one_hot(x, 9))
        np.testing.assert_array_equal(y, np.eye(9, dtype=np.int64)[x])


def test_refusals(ops: Any) -> None:
    with pytest.raises(TypeError, match="^bincount: expected int64"):
        ops.bincount(np.zeros(3, np.int32), 0)
    with pytest.raises(TypeError, match="^bincount: expected int64"):
        ops.bincount(np.zeros(3, np.int64), -1)
    with pytest.raises(TypeError, match="^extent: expected int64"):
        ops.extent(np.zeros(3))
    with pytest.raises(IndexError, match="^one_hot: index 9 at position 1 is out of range for 9"):
        ops.one_hot(np.array([0, 9]), 9)
    with pytest.raises(IndexError, match="^one_hot: index -1 at position 0"):
        ops.one_hot(np.array([-1]), 9)
    with pytest.raises(ValueError, match="^permutation: of -1 numbers"):
        ops.permutation(-1, 0, 0)


def test_permutations(ops: Any) -> None:
    for n in (0, 1, 2, 127, 128, 129, 5000):
        for offset in (0, 1, 130, 2**35 + 5):
            y = at_threads(ops, lambda n=n, offset=offset: ops.permutation(n, 3, offset))
            np.testing.assert_array_equal(np.sort(y), np.arange(n))
    assert (ops.permutation(100, 3, 0) != ops.permutation(100, 3, 100)).any()
    found = Counter(tuple(ops.permutation(4, 7, 4 * k).tolist()) for k in range(24_000))
    assert len(found) == 24 and min(found.values()) > 850 and max(found.values()) < 1150, "5 standard deviations"
    places = np.array([np.flatnonzero(ops.permutation(50, 1, 50 * k) == 49)[0] for k in range(5000)])
    assert np.bincount(places, minlength=50).max() < 160, "the last number is anywhere as often"
