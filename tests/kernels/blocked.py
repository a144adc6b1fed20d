"""What tests of blocked kernels share: images in and out of the layout, plain convolution in float64, one-step plans."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Pad = tuple[tuple[int, int], tuple[int, int]]


def normal(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def to_blocked(x: np.ndarray) -> np.ndarray:
    """(N, C, H, W) to (N, C / 16, H, W, 16) with channels of zeros up to a multiple of 16."""
    n, c, h, w = x.shape
    blocks = -(-c // 16)
    padded = np.zeros((n, 16 * blocks, h, w), x.dtype)
    padded[:, :c] = x
    return np.ascontiguousarray(padded.reshape(n, blocks, 16, h, w).transpose(0, 1, 3, 4, 2))


def to_plain(x: np.ndarray, channels: int) -> np.ndarray:
    n, blocks, h, w, _ = x.shape
    return np.ascontiguousarray(x.transpose(0, 1, 4, 2, 3).reshape(n, 16 * blocks, h, w)[:, :channels])


def convolve(
    x: np.ndarray, w: np.ndarray, stride: tuple[int, int], padding: Pad, dilation: tuple[int, int], groups: int
) -> np.ndarray:
    """The definition, tap by tap, in float64."""
    n, c, height, width = x.shape
    rows, each, kernel_y, kernel_x = w.shape
    (top, bottom), (left, right) = padding
    padded = np.zeros((n, c, height + top + bottom, width + left + right))
    padded[:, :, top : top + height, left : left + width] = x
    y_height = (height + top + bottom - (kernel_y - 1) * dilation[0] - 1) // stride[0] + 1
    y_width = (width + left + right - (kernel_x - 1) * dilation[1] - 1) // stride[1] + 1
    y = np.zeros((n, groups, rows // groups, y_height, y_width))
    kernel = w.astype(np.float64).reshape(groups, rows // groups, each, kernel_y, kernel_x)
    for i in range(kernel_y):
        for j in range(kernel_x):
            a, b = i * dilation[0], j * dilation[1]
            window = padded[:, :, a : a + (y_height - 1) * stride[0] + 1 : stride[0]]
            window = window[..., b : b + (y_width - 1) * stride[1] + 1 : stride[1]]
            grouped = window.reshape(n, groups, each, y_height, y_width)
            y += np.einsum("ngchw,grc->ngrhw", grouped, kernel[..., i, j])
    return y.reshape(n, rows, y_height, y_width)


def run(
    ops: Any, arrays: list[np.ndarray], shape: tuple[int, ...], add: Callable[[Any, list[int], int], Any]
) -> np.ndarray:
    """The output of a plan of one step: ``add(plan, buffers of the arrays, buffer of the output)``."""
    plan = ops.Plan(0)
    buffers = [plan.input(i, x.nbytes) for i, x in enumerate(arrays)]
    y = np.full(shape, np.nan, np.float32)
    add(plan, buffers, plan.output(0, y.nbytes))
    plan.run(tuple(arrays), (y,))
    return y
