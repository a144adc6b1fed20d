"""Undoing max pooling."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid._functions.gather import gather
from lucid._functions.shape import reshape
from lucid.autograd._node import Node, wrap
from lucid.nn.functional._arguments import Sizes, at_least, check_planes, sizes
from lucid.nn.functional._common import check_floating, check_tensors

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["max_unpool1d", "max_unpool2d", "max_unpool3d"]


class MaxUnpool(Node):
    """(N, C, P) written into zeros (N, C, S) at ``index``; of values for one place the last stays."""

    __slots__ = ("index",)

    def forward(self, x: Tensor, index: np.ndarray, size: int) -> np.ndarray:
        self.index = index
        y = np.zeros((*x._data.shape[:2], size), x._data.dtype)
        np.put_along_axis(y, index, x._data, 2)
        return y

    def backward(self, dy: Tensor) -> Tensor:
        return gather(dy, 2, wrap(self.index))


def _output_size(
    name: str, shape: tuple[int, ...], kernel: Any, step: Any, pads: Any, output_size: Any
) -> tuple[int, ...]:
    """The size asked for, or the smallest that pools to ``shape``."""
    usual = [(n - 1) * s + k - 2 * p for n, k, s, p in zip(shape, kernel, step, pads)]
    if output_size is None:
        return at_least(name, "the size of the result", tuple(usual), 1)
    given = tuple(int(n) for n in output_size)
    if len(given) not in (len(shape), len(shape) + 2):
        raise ValueError(f"{name}: expected output_size with {len(shape)} or {len(shape) + 2} entries, got {given}")
    wanted = given[-len(shape) :]
    for n, middle, s in zip(wanted, usual, step):
        if not middle - s < n < middle + s:
            raise ValueError(
                f"{name}: expected output_size between {[m - s + 1 for m, s in zip(usual, step)]} and "
                f"{[m + s - 1 for m, s in zip(usual, step)]}, got {wanted}"
            )
    return wanted


def _unpool(
    name: str, spatial: int, x: Tensor, indices: Tensor, kernel_size: Any, stride: Any, padding: Any, output_size: Any
) -> Tensor:
    check_floating(name, x)
    check_tensors(name, indices)
    shape = x._data.shape
    check_planes(name, shape, spatial)
    if indices._data.dtype != np.int64 or indices._data.shape != shape:
        raise RuntimeError(
            f"{name}: expected int64 indices of shape {shape}, got {indices.dtype} of shape {indices._data.shape}"
        )
    kernel = at_least(name, "kernel_size", sizes(name, "kernel_size", kernel_size, spatial), 1)
    step = kernel if stride is None else at_least(name, "stride", sizes(name, "stride", stride, spatial), 1)
    pads = at_least(name, "padding", sizes(name, "padding", padding, spatial), 0)
    wanted = _output_size(name, shape[-spatial:], kernel, step, pads, output_size)
    size, index = math.prod(wanted), indices._data
    if index.size and not 0 <= int(index.min()) <= int(index.max()) < size:
        bad = index.max() if index.max() >= size else index.min()
        raise RuntimeError(f"{name}: index {bad} is out of range for a result of {wanted}")
    lead = shape[:-spatial]
    flat = (*((1,) if len(lead) == 1 else ()), *lead, math.prod(shape[-spatial:]))
    y = MaxUnpool.apply(reshape(x, flat), np.ascontiguousarray(index).reshape(flat), size)
    return reshape(y, (*lead, *wanted))


def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: Any = None,
) -> Tensor:
    """Maxima put back to where `max_pool1d` found them, zeros elsewhere.

    Args:
        input: shape (N, C, L) or (C, L), floating point: what the pooling gave.
        indices: int64, of the same shape: the indices it gave.
        kernel_size: elements in a window.
        stride: step between windows; ``kernel_size`` unless given.
        padding: what the pooling added at both ends.
        output_size: size before pooling, where several pool to the same: (L',) or (N, C, L').

    Returns:
        Shape (N, C, L') with L' = (L - 1) * stride + kernel_size - 2 * padding unless given.

    Raises:
        RuntimeError: wrong dimensions or indices.
        TypeError: ``input`` is not a floating-point tensor.
        ValueError: an option is out of range.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> y, i = F.max_pool1d(lucid.tensor([[1.0, 3.0, 2.0, 0.0]]), 2, return_indices=True)
        >>> F.max_unpool1d(y, i, 2).tolist()
        [[0.0, 3.0, 2.0, 0.0]]

    Source: Zeiler and Fergus, Visualizing and understanding convolutional networks, arXiv:1311.2901.
    """
    return _unpool("max_unpool1d", 1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: Any = None,
) -> Tensor:
    """Maxima put back to where `max_pool2d` found them, zeros elsewhere.

    Args:
        input: shape (N, C, H, W) or (C, H, W), floating point: what the pooling gave.
        indices: int64, of the same shape: the indices it gave, into the flattened plane.
        kernel_size: height and width of a window.
        stride: steps between windows; ``kernel_size`` unless given.
        padding: what the pooling added on all sides.
        output_size: size before pooling, where several pool to the same: (H', W') or (N, C, H', W').

    Returns:
        Shape (N, C, H', W') or (C, H', W'); each size as in `max_unpool1d` unless given.

    Raises:
        RuntimeError: wrong dimensions or indices.
        TypeError: ``input`` is not a floating-point tensor.
        ValueError: an option is out of range.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.max_unpool2d(lucid.tensor([[[5.0]]]), lucid.tensor([[[3]]]), 2).tolist()
        [[[0.0, 0.0], [0.0, 5.0]]]

    Source: Zeiler and Fergus, Visualizing and understanding convolutional networks, arXiv:1311.2901.
    """
    return _unpool("max_unpool2d", 2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: Any = None,
) -> Tensor:
    """Maxima put back to where `max_pool3d` found them, zeros elsewhere.

    Args:
        input: shape (N, C, D, H, W) or (C, D, H, W), floating point: what the pooling gave.
        indices: int64, of the same shape: the indices it gave, into the flattened volume.
        kernel_size: depth, height and width of a window.
        stride: steps between windows; ``kernel_size`` unless given.
        padding: what the pooling added on all sides.
        output_size: size before pooling, where several pool to the same: (D', H', W') or with (N, C) before it.

    Returns:
        Shape (N, C, D', H', W') or (C, D', H', W'); each size as in `max_unpool1d` unless given.

    Raises:
        RuntimeError: wrong dimensions or indices.
        TypeError: ``input`` is not a floating-point tensor.
        ValueError: an option is out of range.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.max_unpool3d(lucid.tensor([[[[5.0]]]]), lucid.tensor([[[[1]]]]), (1, 1, 2)).tolist()
        [[[[0.0, 5.0]]]]

    Source: Zeiler and Fergus, Visualizing and understanding convolutional networks, arXiv:1311.2901.
    """
    return _unpool("max_unpool3d", 3, input, indices, kernel_size, stride, padding, output_size)
