"""Planes read at points, against one point at a time in NumPy, and the gradients against differences."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from kernels.common import DTYPES, at_threads, normal

MODES = list(itertools.product(("zeros", "border", "reflection"), (False, True)))


def position(g: float, n: int, padding: str, corners: bool) -> float:
    p = (g + 1) / 2 * (n - 1) if corners else ((g + 1) * n - 1) / 2
    if padding == "reflection" and math.isfinite(p):
        low, span = (0.0, n - 1.0) if corners else (-0.5, float(n))
        p = low + (abs((p - low + span) % (2 * span) - span) if span else 0)
    elif padding == "reflection":
        p = math.nan
    return p if padding == "zeros" or math.isnan(p) else min(max(p, 0), n - 1)


def sampled(x: np.ndarray, grid: np.ndarray, nearest: bool, padding: str, corners: bool) -> np.ndarray:
    y = np.zeros((*x.shape[:2], *grid.shape[1:3]))
    height, width = x.shape[2:]
    for n, i, j in np.ndindex(*grid.shape[:3]):
        u, v = (position(float(g), m, padding, corners) for g, m in zip(grid[n, i, j], (width, height)))
        if math.isnan(u) or math.isnan(v):
            y[n, :, i, j] = np.nan
            continue
        if not (abs(u) < 1e9 and abs(v) < 1e9):
            continue
        places = [(round(v), round(u), 1.0)] if nearest else [
            (math.floor(v) + a, math.floor(u) + b, abs(1 - a - v + math.floor(v)) * abs(1 - b - u + math.floor(u)))
            for a in (0, 1) for b in (0, 1)
        ]  # fmt: skip
        for row, column, weight in places:
            if 0 <= row < height and 0 <= column < width and weight:
                y[n, :, i, j] += weight * x[n, :, row, column]
    return y


def points(n: int, height: int, width: int, dtype: type) -> np.ndarray:
    grid = np.random.default_rng(n).uniform(-2.5, 2.5, (n, height, width, 2)).astype(dtype)
    special = [(math.nan, 0), (math.inf, 0), (0, -math.inf), (1, 1), (-1, -1), (0, 0), (math.nan, math.nan)]
    grid.reshape(-1, 2)[: len(special)] = special[: grid.size // 2]
    return grid


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("nearest", [False, True])
@pytest.mark.parametrize(("padding", "corners"), MODES)
def test_values(ops: Any, padding: str, corners: bool, nearest: bool, dtype: type) -> None:
    for shape, out in (
        ((2, 3, 7, 9), (20, 11)),
        ((1, 2, 1, 5), (3, 3)),
        ((2, 1, 1, 1), (1, 9)),
        ((1, 0, 2, 2), (2, 2)),
    ):
        x, grid = normal(shape, dtype), points(shape[0], *out, dtype)
        y = at_threads(ops, lambda x=x, grid=grid: ops.grid_sample(x, grid, nearest, padding, corners))
        expected = sampled(x.astype(float), grid, nearest, padding, corners)
        tolerance = 1e-10 if dtype == np.float64 else 2e-5
        np.testing.assert_allclose(y, expected, rtol=tolerance, atol=tolerance)
        part = ops.grid_sample(x[-1:], grid[-1:], nearest, padding, corners)
        np.testing.assert_array_equal(part, y[-1:])


@pytest.mark.parametrize("nearest", [False, True])
@pytest.mark.parametrize(("padding", "corners"), MODES)
def test_gradients(ops: Any, padding: str, corners: bool, nearest: bool) -> None:
    x, options = normal((2, 3, 5, 6), np.float64), (nearest, padding, corners)
    grid = np.random.default_rng(0).uniform(-1.8, 1.8, (2, 13, 12, 2))
    dy = normal((2, 3, 13, 12), np.float64, 1)
    dx = at_threads(ops, lambda: ops.grid_sample_backward(dy, x, grid, *options, False))
    g = normal(x.shape, np.float64, 2)
    np.testing.assert_allclose((dx * g).sum(), (ops.grid_sample(g, grid, *options) * dy).sum())
    if nearest:
        return
    dgrid = at_threads(ops, lambda: ops.grid_sample_backward(dy, x, grid, *options, True))
    for d in (0, 1):
        step = np.zeros(2)
        step[d] = 1e-7
        ends = [(ops.grid_sample(x, grid + s, *options) * dy).sum(1) for s in (step, -step)]
        np.testing.assert_allclose(dgrid[..., d], (ends[0] - ends[1]) / 2e-7, rtol=1e-5, atol=1e-5)


def test_neighbours_of_weight_zero(ops: Any) -> None:
    """They are not read where they are infinite, and count for the gradient where they are not."""
    x = np.array([[[[1.0, 2.0, np.inf]]]], np.float32)
    grid = np.array([[[[0.0, 0.0], [-1.0, 0.0]]]], np.float32)
    assert ops.grid_sample(x, grid, False, "zeros", True).reshape(-1).tolist() == [2, 1]
    dy = np.ones((1, 1, 1, 2), np.float32)
    assert ops.grid_sample_backward(dy, x, grid, False, "zeros", True, True)[0, 0, 1, 0] == 1


def test_refusals(ops: Any) -> None:
    x, grid = np.ones((2, 3, 5, 5), np.float32), np.ones((2, 4, 4, 2), np.float32)
    dy, how = np.ones((2, 3, 4, 4), np.float32), (False, "zeros", False)
    for call, error, message in (
        (lambda: ops.grid_sample(x, grid[:1], *how), ValueError, r"grid_sample: expected planes \(N, C, H, W\) and points"),
        (lambda: ops.grid_sample(x[0], grid, *how), ValueError, "grid_sample: expected planes"),
        (lambda: ops.grid_sample(x, grid[..., :1], *how), ValueError, "grid_sample: expected planes"),
        (lambda: ops.grid_sample(x[:, :, :0], grid, *how), ValueError, r"grid_sample: expected planes of 1 to 2\^31 - 1"),
        (lambda: ops.grid_sample(x, grid.astype(float), *how), TypeError, "grid_sample: expected points of float32, got float64"),
        (lambda: ops.grid_sample(x, grid, False, "wrap", False), ValueError, "grid_sample: padding must be 'zeros', 'border'"),
        (lambda: ops.grid_sample_backward(dy[:, :2], x, grid, *how, False), ValueError, r"grid_sample_backward: dy \(2, 2, 4, 4\)"),
        (lambda: ops.grid_sample_backward(dy, x, grid, True, "zeros", False, True), ValueError, "grid_sample_backward: nearest"),
        (lambda: ops.grid_sample_backward(dy.astype(object), x, grid, *how, False), TypeError, "expected float32 or float64, got object"),
    ):  # fmt: skip
        with pytest.raises(error, match=message):
            call()
