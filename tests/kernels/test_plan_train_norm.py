"""Batch norm, ReLU and pooling in one step against the three operations, bit by bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lucid
from lucid import _ops

SHAPES = [(3, 5, 28, 28), (2, 4, 9, 11), (4, 3, 8, 8), (2, 3, 33, 65), (1, 2, 14, 14), (5, 7, 16, 31), (2, 2, 64, 1)]
PLAIN = ((2, 2), (2, 2), (0, 0), (1, 1), False)


def one_by_one(x: Any, w: Any, b: Any, running: Any, dy: Any, pool: bool) -> list[Any]:
    rows = x.reshape(*x.shape[:2], -1)
    z, mean, var = _ops.batch_norm(rows, w, b, 1e-5, *running, 0.1)
    y = _ops.relu(z.reshape(x.shape))
    result = y
    if pool:
        result, indices = _ops.max_pool2d(y, *PLAIN)
        dy = _ops.max_pool2d_backward(dy, indices, x.shape)
    dz = _ops.relu_backward(y, dy).reshape(rows.shape)
    dx, dw, db = _ops.batch_norm_backward(dz, rows, mean, var, w, 1e-5)
    return [result, mean, var, *running, dx.reshape(x.shape), dw, db]


def at_once(x: Any, w: Any, b: Any, running: Any, dy: Any, pool: bool) -> list[Any]:
    y, mean, var, at = _ops.batch_norm_relu(x, w, b, 1e-5, *running, 0.1, pool)
    return [y, mean, var, *running, *_ops.batch_norm_relu_backward(dy, y, x, at, mean, var, w, 1e-5)]


@pytest.mark.parametrize("special", [False, True])
@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("pool", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_bits_of_the_operations(dtype: Any, shape: Any, pool: bool, affine: bool, special: bool) -> None:
    if not _ops.can_norm_relu(shape, pool):
        pytest.skip("no fused form")
    rng = np.random.default_rng(0)
    x, c = rng.standard_normal(shape).astype(dtype), shape[1]
    w, b = (rng.standard_normal(c).astype(dtype) if affine else None for _ in range(2))
    after = (*shape[:2], shape[2] // 2, shape[3] // 2) if pool else shape
    dy = rng.standard_normal(after).astype(dtype)
    dy[0, 0, 0, 0] = -0.0
    if special:
        x[0, 0, 3, 0], x[-1, -1, 0, 0], x[:, 1] = np.nan, -0.0, 0.5  # a lost channel, a constant one
    before = lucid.get_num_threads()
    try:
        for threads in (1, 2, 3, 8):
            lucid.set_num_threads(threads)
            found = [each(x, w, b, (np.zeros(c, dtype), np.ones(c, dtype)), dy, pool) for each in (one_by_one, at_once)]
            for want, got in zip(*found):
                np.testing.assert_array_equal(np.signbit(got[~np.isnan(got)]), np.signbit(want[~np.isnan(want)]))
                np.testing.assert_array_equal(got, want)
    finally:
        lucid.set_num_threads(before)


def test_where_there_is_a_fused_form() -> None:
    assert _ops.can_norm_relu((2, 3, 64), False) and not _ops.can_norm_relu((2, 3, 63), False)
    assert _ops.can_norm_relu((2, 3, 8, 8), True) and not _ops.can_norm_relu((2, 3, 64), True)
    assert not _ops.can_norm_relu((0, 3, 8, 8), False) and not _ops.can_norm_relu((2, 3, 128, 128), True)
    x, w = np.ones((2, 3, 4, 4), np.float32), np.ones(3, np.float32)
    with pytest.raises(ValueError, match=r"batch_norm_relu: there is no fused form for images \(2, 3, 4, 4\)"):
        _ops.batch_norm_relu(x, w, w, 1e-5, None, None, 0.1, False)
    x = np.ones((2, 3, 8, 8), np.float32)
    y, mean, var, at = _ops.batch_norm_relu(x, w, w, 1e-5, None, None, 0.1, True)
    with pytest.raises(ValueError, match="expected gradients and results"):
        _ops.batch_norm_relu_backward(x, y, x, at, mean, var, w, 1e-5)
    with pytest.raises(TypeError, match="expected float32 throughout, got float64"):
        _ops.batch_norm_relu_backward(y.astype(np.float64), y, x, at, mean, var, w, 1e-5)
    with pytest.raises(TypeError, match="the places that batch_norm_relu returned"):
        _ops.batch_norm_relu_backward(y, y, x, at.astype(np.int64), mean, var, w, 1e-5)
