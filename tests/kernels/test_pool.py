"""Pooling against NumPy in float64, and the promise that bits never change."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from kernels.common import DTYPES, at_threads, normal

Pair = tuple[int, int]


POOLS: list[tuple[tuple[int, int, int, int], Pair, Pair, Pair, Pair, bool]] = [
    ((2, 3, 8, 8), (2, 2), (2, 2), (0, 0), (1, 1), False),
    ((2, 3, 9, 7), (3, 3), (2, 2), (1, 1), (1, 1), False),
    ((2, 3, 9, 8), (3, 2), (2, 3), (1, 1), (1, 1), True),
    ((1, 2, 6, 300), (2, 3), (1, 1), (1, 1), (1, 2), False),
    ((1, 1, 4, 5), (4, 5), (1, 1), (0, 0), (1, 1), False),
    ((3, 40, 30, 30), (3, 3), (3, 3), (0, 1), (2, 2), True),
    ((0, 3, 8, 8), (2, 2), (2, 2), (0, 0), (1, 1), False),
]


def windows(
    shape: tuple[int, ...], kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool
) -> list[list[list[int]]]:
    """For each axis and window the positions it covers, those outside the image included."""
    axes = []
    for n, k, s, p, d in zip(shape[2:], kernel, stride, padding, dilation):
        room = n + 2 * p - d * (k - 1) - 1
        size = (room + s - 1) // s + 1 if ceil_mode else room // s + 1
        if ceil_mode and (size - 1) * s >= n + p:
            size -= 1
        axes.append([[i * s - p + t * d for t in range(k)] for i in range(size)])
    return axes


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", POOLS)
def test_max_pool(ops: Any, case: Any, dtype: type) -> None:
    shape = case[0]
    x = np.round(normal(shape, dtype))  # many ties
    if x.size:
        x[0, 0, 3, 2], x[0, -1] = np.nan, -np.inf
    rows, columns = windows(*case)
    y = np.empty((*shape[:2], len(rows), len(columns)), dtype)
    at = np.empty(y.shape, np.int64)
    for (i, r), (j, c) in itertools.product(enumerate(rows), enumerate(columns)):
        places = [a * shape[3] + b for a in r for b in c if 0 <= a < shape[2] and 0 <= b < shape[3]]
        values = x.reshape(*shape[:2], shape[2] * shape[3])[:, :, places]
        at[:, :, i, j] = np.array(places)[np.argmax(values, 2)]  # NaN, else the first maximum
        y[:, :, i, j] = np.max(values, 2)
    got = None
    for threads in (1, 2, 3, 8):
        ops.set_num_threads(threads)
        got = ops.max_pool2d(x, *case[1:])
        np.testing.assert_array_equal(got[0], y)
        np.testing.assert_array_equal(got[1], at)
    dy = normal(y.shape, dtype, 1)
    dx = np.zeros((*shape[:2], shape[2] * shape[3]))
    for n, c in itertools.product(range(shape[0]), range(shape[1])):
        np.add.at(dx[n, c], at[n, c], dy[n, c])
    back = at_threads(ops, lambda: ops.max_pool2d_backward(dy, at, shape))
    np.testing.assert_allclose(back, dx.reshape(shape), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("include_pad", [False, True])
@pytest.mark.parametrize("divisor", [None, 3])
@pytest.mark.parametrize("case", [case for case in POOLS if case[4] == (1, 1)])
def test_avg_pool(ops: Any, case: Any, include_pad: bool, divisor: int | None, dtype: type) -> None:
    shape, kernel, stride, padding, _, ceil_mode = case
    x = normal(shape, dtype)
    rows, columns = windows(*case)
    # y = left @ x @ right; a padded element counts while it lies within the padding of the far side
    left, right = (
        np.array([[float(p in w) for p in range(n)] for w in axis])
        for axis, n in ((rows, shape[2]), (columns, shape[3]))
    )
    counts = [
        [sum(-p <= q < n + p if include_pad else 0 <= q < n for q in w) for w in axis]
        for axis, n, p in ((rows, shape[2], padding[0]), (columns, shape[3], padding[1]))
    ]
    scale = 1 / (np.outer(*counts) if divisor is None else np.float64(divisor))
    how = (kernel, stride, padding, ceil_mode, include_pad, divisor)
    y = at_threads(ops, lambda: ops.avg_pool2d(x, *how))
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(y, left @ x.astype(np.float64) @ right.T * scale, rtol=4 * eps, atol=8 * eps)
    dy = normal(y.shape, dtype, 1)
    dx = at_threads(ops, lambda: ops.avg_pool2d_backward(dy, shape, *how))
    np.testing.assert_allclose(dx, left.T @ (dy * scale) @ right, rtol=4 * eps, atol=16 * eps)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((2, 3, 7, 7), (1, 1)), ((2, 3, 56, 56), (1, 1)), ((2, 3, 10, 13), (3, 5)), ((1, 2, 3, 4), (5, 6)),
        ((0, 2, 4, 4), (2, 2)), ((9, 30, 40, 30), (7, 1)),
    ],
)  # fmt: skip
def test_adaptive_avg_pool(ops: Any, shape: tuple[int, int, int, int], size: Pair, dtype: type) -> None:
    x = normal(shape, dtype)
    left, right = (
        np.array([[float(i * n // m <= p < -(-(i + 1) * n // m)) for p in range(n)] for i in range(m)])
        for n, m in zip(shape[2:], size)
    )
    left, right = left / left.sum(1, keepdims=True), right / right.sum(1, keepdims=True)
    y = at_threads(ops, lambda: ops.adaptive_avg_pool2d(x, size))
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(y, left @ x.astype(np.float64) @ right.T, rtol=4 * eps, atol=16 * eps)
    dy = normal(y.shape, dtype, 1)
    dx = at_threads(ops, lambda: ops.adaptive_avg_pool2d_backward(dy, shape))
    np.testing.assert_allclose(dx, left.T @ dy.astype(np.float64) @ right, rtol=4 * eps, atol=16 * eps)


def test_pool_edges_and_errors(ops: Any) -> None:
    outside = ops.max_pool2d(np.ones((1, 1, 1, 1), np.float32), (2, 2), (1, 1), (1, 1), (2, 2), False)
    assert outside[0] == -np.inf and outside[1] == -1
    assert ops.max_pool2d_backward(*outside, (1, 1, 1, 1)) == 0
    x = np.ones((2, 3, 5, 5), np.float32)
    with pytest.raises(ValueError, match=r"max_pool2d: kernel \(7, 7\) is larger than input \(2, 3, 5, 5\)"):
        ops.max_pool2d(x, (7, 7), (1, 1), (0, 0), (1, 1), False)
    with pytest.raises(ValueError, match=r"avg_pool2d: expected padding of at most half .* \(2, 2\), got \(2, 0\)"):
        ops.avg_pool2d(x, (2, 2), (1, 1), (2, 0), False, True, None)
    with pytest.raises(ValueError, match="avg_pool2d: divisor_override is zero"):
        ops.avg_pool2d(x, (2, 2), (1, 1), (0, 0), False, True, 0)
    with pytest.raises(ValueError, match="max_pool2d_backward: indices reach outside the planes of input"):
        ops.max_pool2d_backward(x, np.full(x.shape, 25), x.shape)
    with pytest.raises(ValueError, match=r"avg_pool2d_backward: expected dy \(2, 3, 4, 4\), got \(2, 3, 5, 5\)"):
        ops.avg_pool2d_backward(x, x.shape, (2, 2), (1, 1), (0, 0), False, True, None)
    with pytest.raises(ValueError, match=r"adaptive_avg_pool2d: expected a positive output size"):
        ops.adaptive_avg_pool2d(x, (0, 1))
