"""Max pooling over volumes, by the kernels for planes: rows and columns first, then depth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _ops
from lucid._functions.pool import MaxPool2dGrad
from lucid._functions.shape import reshape
from lucid.autograd._node import Node

if TYPE_CHECKING:
    from lucid._tensor import Tensor

Triple = tuple[int, int, int]


def max_pool3d(
    x: np.ndarray, kernel: Triple, stride: Triple, padding: Triple, dilation: Triple, ceil_mode: bool, wanted: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The largest element of each window of (N, C, D, H, W) and, where ``wanted``, its flat index in the volume.

    Planes come before depth so that of equal maxima the first in the order depth, row, column wins.
    """
    n, c, depth, height, width = x.shape
    options = (kernel[1:], stride[1:], padding[1:], dilation[1:], ceil_mode)
    y, inner = _ops.max_pool2d(x.reshape(n, c * depth, height, width), *options)
    rows, columns = y.shape[2:]
    y = y.reshape(n, c, depth, rows * columns)
    y, at = _ops.max_pool2d(y, (kernel[0], 1), (stride[0], 1), (padding[0], 0), (dilation[0], 1), ceil_mode)
    if wanted:
        flat = (n, c, at.shape[2] * at.shape[3])
        planes = np.take_along_axis(inner.reshape(n, c, depth * rows * columns), at.reshape(flat), 2).reshape(at.shape)
        outside = (at < 0) | (planes < 0) if max(dilation) > 1 else False  # only dilation leads out of the volume
        at = np.where(outside, -1, at // (rows * columns) * (height * width) + planes)
    result = (n, c, y.shape[2], rows, columns)
    return y.reshape(result), at.reshape(result)


def _backward(dy: Tensor, indices: np.ndarray, shape: tuple[int, ...]) -> Tensor:
    n, c, depth, height, width = shape
    flat = (n, c, indices.shape[2], indices.shape[3] * indices.shape[4])
    planes = MaxPool2dGrad.apply(reshape(dy, flat), indices.reshape(flat), (n, c, depth, height * width))
    return reshape(planes, shape)


class MaxPool3d(Node):
    """Values and indices of `max_pool3d`."""

    __slots__ = ("indices", "shape")

    def forward(self, x: Tensor, *options: Any) -> tuple[np.ndarray, np.ndarray]:
        self.shape = x._data.shape
        y, self.indices = max_pool3d(x._data, *options)
        return y, self.indices

    def backward(self, dy: Tensor, _: Any) -> Tensor:
        return _backward(dy, self.indices, self.shape)


class AdaptiveMaxPool3d(Node):
    """`MaxPool3d` over windows of unequal sizes: ``places`` holds, per dimension, every window's positions.

    All windows of a dimension have as many positions as the longest; shorter ones repeat their last, which is never
    the first of equal maxima.
    """

    __slots__ = ("indices", "shape")

    def forward(self, x: Tensor, places: tuple[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray]:
        _, _, _, height, width = self.shape = x._data.shape
        kernel: Any = tuple([p.shape[1] for p in places])
        d, h, w = (p.reshape(-1) for p in places)
        spread = x._data[:, :, d[:, None, None], h[:, None], w]
        y, at = max_pool3d(spread, kernel, kernel, (0, 0, 0), (1, 1, 1), False, True)
        at, column = np.divmod(at, len(w))
        at, row = np.divmod(at, len(h))
        self.indices = (d[at] * height + h[row]) * width + w[column]
        return y, self.indices

    def backward(self, dy: Tensor, _: Any) -> Tensor:
        return _backward(dy, self.indices, self.shape)
