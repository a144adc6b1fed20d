"""Maxima without places: the bits of those with places, and of NumPy where windows are of any kind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from kernels.common import DTYPES, at_threads


def zeros_and_nan(shape: tuple[int, ...], dtype: type, seed: int) -> np.ndarray:
    """Many equal numbers, zeros of both signs, infinities, NaN of several kinds."""
    generator = np.random.default_rng(seed)
    x = np.round(generator.standard_normal(shape) * 0.7).astype(dtype)
    for value in (np.nan, -np.nan, np.inf, -np.inf, -0.0):
        x[generator.random(shape) < 0.01] = value
    return x


def assert_same_bits(y: np.ndarray, expected: np.ndarray) -> None:
    assert y.shape == expected.shape and y.tobytes() == expected.tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("shape", "kernel", "stride", "padding", "dilation", "ceil_mode"),
    [
        ((2, 3, 8, 8), (2, 2), (2, 2), (0, 0), (1, 1), False),
        ((2, 3, 9, 7), (3, 3), (2, 2), (1, 1), (1, 1), False),
        ((2, 3, 9, 8), (3, 2), (2, 3), (1, 1), (1, 1), True),
        ((1, 2, 6, 300), (2, 3), (1, 1), (1, 1), (1, 2), False),
        ((1, 1, 4, 5), (4, 5), (1, 1), (0, 0), (1, 1), False),
        ((3, 40, 30, 30), (3, 3), (3, 3), (0, 1), (2, 2), True),
        ((2, 5, 20, 20), (5, 5), (1, 1), (2, 2), (1, 1), False),
        ((2, 7, 1, 1300), (1, 2), (1, 2), (0, 0), (1, 1), False),
        ((2, 7, 1, 701), (1, 5), (1, 2), (0, 2), (1, 1), True),
        ((2, 9, 1, 99), (1, 4), (1, 4), (0, 0), (1, 1), False),
        ((1, 2, 13, 900), (7, 400), (2, 2), (3, 200), (1, 1), True),
        ((1, 2, 200, 260), (9, 9), (1, 2), (4, 4), (1, 1), False),
        ((1, 1, 1, 1), (2, 2), (1, 1), (1, 1), (2, 2), False),
        ((0, 3, 8, 8), (2, 2), (2, 2), (0, 0), (1, 1), False),
    ],
)  # fmt: skip
def test_the_bits_of_those_with_places(
    ops: Any, shape: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool, dtype: type
) -> None:
    x, options = zeros_and_nan(shape, dtype, 0), (kernel, stride, padding, dilation, ceil_mode)
    y = at_threads(ops, lambda: ops.max_pool2d_values(x, *options))
    assert_same_bits(y, ops.max_pool2d(x, *options)[0])
    assert_same_bits(ops.max_pool2d_values(np.asfortranarray(x), *options), y)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("shape", "size"),
    [((2, 3, 10, 13), (3, 5)), ((1, 2, 3, 4), (5, 6)), ((1, 9, 40, 300), (7, 130)), ((0, 2, 4, 4), (2, 2))],
)
def test_windows_of_any_size(ops: Any, shape: Any, size: tuple[int, int], dtype: type) -> None:
    x = zeros_and_nan(shape, dtype, 1)
    rows, columns = (np.array([[i * n // m, -(-(i + 1) * n // m)] for i in range(m)]) for n, m in zip(shape[2:], size))
    rows = rows[::-1].copy()  # in any order
    y = at_threads(ops, lambda: ops.max_windows(x, rows, columns, False))
    at = at_threads(ops, lambda: ops.max_windows(x, rows, columns, True)[1])
    assert_same_bits(ops.max_windows(x, rows, columns, True)[0], y)
    planes, flat = x.reshape(*shape[:2], shape[2] * shape[3]), at.reshape(*shape[:2], size[0] * size[1])
    assert_same_bits(np.take_along_axis(planes, flat, 2).reshape(at.shape), y)
    for i, (top, bottom) in enumerate(rows):
        for j, (left, right) in enumerate(columns):
            window = x[:, :, top:bottom, left:right]
            np.testing.assert_array_equal(y[:, :, i, j], window.max((2, 3)))
            places = np.arange(shape[2] * shape[3]).reshape(shape[2:])[top:bottom, left:right].reshape(-1)
            seen = window.reshape(*shape[:2], places.size)
            numbers = ~np.isnan(seen).any(2)
            np.testing.assert_array_equal(at[:, :, i, j][numbers], places[seen.argmax(2)][numbers])


def test_refusals(ops: Any) -> None:
    x, ends = np.ones((2, 3, 5, 5), np.float32), np.array([[0, 5]])
    for call, error, message in (
        (lambda: ops.max_pool2d_values(x, (7, 7), (1, 1), (0, 0), (1, 1), False), ValueError, r"max_pool2d_values: kernel \(7, 7\) is larger"),
        (lambda: ops.max_pool2d_values(x[0], (2, 2), (1, 1), (0, 0), (1, 1), False), ValueError, "max_pool2d_values: expected 4-d input"),
        (lambda: ops.max_pool2d_values(x.astype(int), (2, 2), (1, 1), (0, 0), (1, 1), False), TypeError, "expected float32 or float64"),
        (lambda: ops.max_windows(x[0], ends, ends, False), ValueError, "max_windows: expected 4-d input"),
        (lambda: ops.max_windows(x, ends + 1, ends, False), ValueError, "max_windows: a window from 1 to 6 of 5"),
        (lambda: ops.max_windows(x, ends, ends - 1, True), ValueError, "max_windows: a window from -1 to 4 of 5"),
        (lambda: ops.max_windows(x, np.array([[2, 2]]), ends, True), ValueError, "max_windows: a window from 2 to 2 of 5"),
        (lambda: ops.max_windows(x, ends[0], ends, True), ValueError, r"max_windows: expected windows as int64 \(n, 2\)"),
        (lambda: ops.max_windows(x, ends, ends.astype(np.int32), True), ValueError, r"max_windows: expected windows as int64"),
    ):  # fmt: skip
        with pytest.raises(error, match=message):
            call()
    assert ops.max_windows(x, ends[:0], ends, False).shape == (2, 3, 0, 1)
