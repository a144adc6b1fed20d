"""Weighted sums of rows against the matrix they are, and rows picked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from kernels.common import DTYPES, assert_close, at_threads, normal


def entries(outputs: int, inputs: int, most: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Starts, columns and weights of rows of 0 to ``most`` entries, some of them twice in a row."""
    generator = np.random.default_rng(outputs + most)
    counts = generator.integers(0, most + 1, outputs)
    starts = np.concatenate([[0], np.cumsum(counts)])
    return starts, generator.integers(0, inputs, starts[-1]), generator.standard_normal(starts[-1])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("most", [1, 2, 4, 9])
@pytest.mark.parametrize(
    ("shape", "dim", "outputs"),
    [((2, 3, 40, 20), 3, 33), ((2, 3, 40, 20), 2, 300), ((5, 1), 1, 1), ((7,), 0, 260), ((3, 0, 4), 2, 5),
     ((2, 3, 0), 1, 4), ((17, 6), 1, 0), ((1, 9, 100), 1, 5)],
)  # fmt: skip
def test_against_the_matrix(ops: Any, shape: tuple[int, ...], dim: int, outputs: int, most: int, dtype: type) -> None:
    inputs = shape[dim]
    starts, columns, weights = entries(outputs, inputs, most)
    weights = weights.astype(dtype)
    matrix, size = np.zeros((outputs, inputs)), np.zeros((outputs, inputs))
    rows = np.repeat(np.arange(outputs), np.diff(starts))
    np.add.at(matrix, (rows, columns), weights)
    np.add.at(size, (rows, columns), np.abs(weights))
    x = normal(shape, dtype)
    y = at_threads(ops, lambda: ops.resample(x, dim, starts, columns, weights))
    assert y.dtype == dtype
    expected, scale = (
        np.moveaxis(np.moveaxis(a, dim, -1) @ m.T, -1, dim) for a, m in ((x.astype(float), matrix), (np.abs(x), size))
    )
    assert_close(y, expected, scale, most)
    # a part alone, from memory that is not contiguous
    part = np.repeat(x, 2, 0)[::2] if dim else x[:]
    np.testing.assert_array_equal(
        ops.resample(part[-1:] if dim else part, dim, starts, columns, weights), y[-1:] if dim else y
    )


@pytest.mark.parametrize("dim", [0, 1])
def test_what_is_not_read_is_not_multiplied(ops: Any, dim: int) -> None:
    x = np.full((20, 20), np.nan, np.float32)
    x[3, :] = x[:, 3] = -0.0
    starts, columns, weights = np.array([0, 1, 1, 2]), np.array([3, 3]), np.array([2.0, 0.5], np.float32)
    y = np.moveaxis(ops.resample(x, dim, starts, columns, weights), dim, 0)
    assert np.all(np.signbit(y) == [[True], [False], [True]]) and np.all(y == 0)


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.float16, np.float32, np.int64, np.complex128])
@pytest.mark.parametrize("shape", [(3, 5, 7), (40, 8, 33), (2, 4, 1), (2, 0, 3)])
def test_pick(ops: Any, shape: tuple[int, ...], dtype: type) -> None:
    x = (100 * normal(shape, np.float64)).astype(dtype)
    for dim, n in enumerate(shape):
        for columns in (np.arange(2 * n) // 2, np.arange(3 * n)[::-1] // 3, np.arange(n)[::2], np.zeros(0, np.int64)):
            y = at_threads(ops, lambda d=dim, c=columns: ops.pick(x, d, c))
            np.testing.assert_array_equal(y, np.take(x, columns, dim))
            assert y.dtype == dtype
            np.testing.assert_array_equal(ops.pick(np.asfortranarray(x), dim, columns), y)


def test_refusals(ops: Any) -> None:
    x, starts, columns, weights = np.ones((2, 3), np.float32), np.array([0, 1]), np.array([2]), np.ones(1, np.float32)
    for call, error, message in (
        (lambda: ops.resample(x, 2, starts, columns, weights), ValueError, r"resample: dimension 2 of \(2, 3\)"),
        (lambda: ops.resample(x, -1, starts, columns, weights), ValueError, r"resample: dimension -1 of \(2, 3\)"),
        (lambda: ops.resample(x, 0, starts, columns, weights), IndexError, r"resample: column 2 at position 0 is out of range for 2"),
        (lambda: ops.resample(x, 1, starts, -columns, weights), IndexError, r"resample: column -2 at position 0 is out of"),
        (lambda: ops.resample(x, 1, starts + 1, columns, weights), ValueError, r"resample: starts do not ascend from 0 to 1"),
        (lambda: ops.resample(x, 1, np.array([0, 2, 1]), columns, weights), ValueError, r"resample: starts do not ascend"),
        (lambda: ops.resample(x, 1, starts[:0], columns, weights), TypeError, r"resample: expected int64 starts"),
        (lambda: ops.resample(x, 1, starts.astype(np.int32), columns, weights), TypeError, r"resample: expected int64 starts"),
        (lambda: ops.resample(x, 1, starts, columns.astype(np.int32), weights), TypeError, r"resample: expected int64 columns"),
        (lambda: ops.resample(x, 1, starts, columns, weights.astype(float)), ValueError, r"resample: expected \(1,\) weights of"),
        (lambda: ops.resample(x, 1, starts, columns, weights[:0]), ValueError, r"resample: expected \(1,\) weights of"),
        (lambda: ops.resample(x.astype(int), 1, starts, columns, weights), TypeError, r"expected float32 or float64"),
        (lambda: ops.pick(x, 1, np.array([3])), IndexError, r"pick: column 3 at position 0 is out of range for 3"),
        (lambda: ops.pick(x.astype(object), 1, columns), TypeError, r"pick: expected numbers, got object"),
        (lambda: ops.resample(x, 1, None, columns, weights), TypeError, "starts"),
        (lambda: ops.pick(None, 1, columns), TypeError, "x"),
        (lambda: ops.pick(x, 1, columns[None]), TypeError, r"pick: expected int64 columns in one dimension"),
    ):  # fmt: skip
        with pytest.raises(error, match=message):
            call()
