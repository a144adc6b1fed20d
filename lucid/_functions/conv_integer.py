"""Convolution of integers over planes and volumes, and its adjoint: one matrix product per element of the kernel.

Sums wrap around in the operands' dtype, as those of `numpy.matmul` do. Integers have no gradients.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Pairs = tuple[tuple[int, int], ...]
Sizes = tuple[int, ...]


def met(position: Sizes, stride: Sizes, dilation: Sizes, result: Sizes) -> Any:
    """The index of the elements of the padded input that one element of the kernel meets."""
    return (..., *(slice(k * d, k * d + s * (n - 1) + 1, s) for k, s, d, n in zip(position, stride, dilation, result)))


def element(position: Sizes) -> Any:
    """The index of one element of the kernel."""
    return (..., *position)


def plus(y: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
    return y if bias is None else y + bias.reshape(-1, *(1,) * (y.ndim - 2))


def forward(
    x: np.ndarray, w: np.ndarray, bias: np.ndarray | None, stride: Sizes, padding: Pairs, dilation: Sizes, groups: int
) -> np.ndarray:
    """The convolution of x (N, C, ...) with w (O, C / groups, ...), plus the bias (O,)."""
    samples, (rows, channels, *kernel) = x.shape[0], w.shape
    x = np.pad(x, ((0, 0), (0, 0), *padding))
    result = tuple((n - d * (k - 1) - 1) // s + 1 for n, k, s, d in zip(x.shape[2:], kernel, stride, dilation))
    x = x.reshape(samples, groups, channels, *x.shape[2:])
    w = w.reshape(groups, rows // groups, channels, *kernel)
    y = np.zeros((samples, groups, rows // groups, math.prod(result)), x.dtype)
    for k in np.ndindex(*kernel):
        source = x[met(k, stride, dilation, result)]
        y += np.matmul(w[element(k)], source.reshape(*source.shape[:3], math.prod(result)))
    return plus(y.reshape(samples, rows, *result), bias)


def input_grad(
    dy: np.ndarray, w: np.ndarray, shape: Sizes, stride: Sizes, padding: Pairs, dilation: Sizes, groups: int,
    bias: np.ndarray | None = None,
) -> np.ndarray:  # fmt: skip
    """The adjoint of `forward` at an input of ``shape``: the transposed convolution of dy; plus the bias (C,)."""
    (samples, rows, *result), (_, channels, *kernel) = dy.shape, w.shape
    dy = dy.reshape(samples, groups, rows // groups, math.prod(result))
    w = np.swapaxes(w.reshape(groups, rows // groups, channels, *kernel), 1, 2)
    full = [n + before + after for n, (before, after) in zip(shape[2:], padding)]
    dx = np.zeros((samples, groups, channels, *full), dy.dtype)
    for k in np.ndindex(*kernel):
        dx[met(k, stride, dilation, tuple(result))] += np.matmul(w[element(k)], dy).reshape(
            samples, groups, channels, *result
        )
    inside: Any = (..., *(slice(before, before + n) for n, (before, _) in zip(shape[2:], padding)))
    return np.ascontiguousarray(plus(dx.reshape(samples, shape[1], *full)[inside], bias))
