"""Pooling over 2-d windows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _ops
from lucid._functions.binary import may_need_gradient
from lucid.autograd._mode import mode
from lucid.autograd._node import Node, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor

Pair = tuple[int, int]


class MaxPool2d(Node):
    """The largest value of each window, and its flat index in the plane."""

    __slots__ = ("indices", "shape")

    def forward(
        self, x: Tensor, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        y, self.indices = _ops.max_pool2d(x._data, kernel, stride, padding, dilation, ceil_mode)
        self.shape = x._data.shape
        return y, self.indices

    def backward(self, dy: Tensor, _: Any) -> Tensor:
        return MaxPool2dGrad.apply(dy, self.indices, self.shape)


class MaxWindows(Node):
    """`MaxPool2d` over all pairs of windows along rows and columns, (n, 2): where each begins and ends."""

    __slots__ = ("indices", "shape")

    def forward(self, x: Tensor, rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        y, self.indices = _ops.max_windows(x._data, rows, columns, True)
        self.shape = x._data.shape
        return y, self.indices

    def backward(self, dy: Tensor, _: Any) -> Tensor:
        return MaxPool2dGrad.apply(dy, self.indices, self.shape)


class MaxPool2dGrad(Node):
    """dy written back to where each maximum came from."""

    __slots__ = ("indices",)

    def forward(self, dy: Tensor, indices: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        self.indices = indices
        return _ops.max_pool2d_backward(dy._data, indices, shape)

    def backward(self, g: Tensor) -> Tensor:
        from lucid._functions.gather import gather
        from lucid._functions.shape import reshape
        from lucid.autograd._node import wrap

        planes = self.indices.shape[:2]
        flat = gather(reshape(g, (*planes, -1)), 2, wrap(self.indices.reshape(*planes, -1)))
        return reshape(flat, self.indices.shape)


class AvgPool2d(Node):
    __slots__ = ("options", "shape")

    def forward(self, x: Tensor, *options: Any) -> np.ndarray:
        self.options, self.shape = options, x._data.shape
        return _ops.avg_pool2d(x._data, *options)

    def backward(self, dy: Tensor) -> Tensor:
        return AvgPool2dGrad.apply(dy, self.shape, *self.options)


class AvgPool2dGrad(Node):
    __slots__ = ("options",)

    def forward(self, dy: Tensor, shape: tuple[int, ...], *options: Any) -> np.ndarray:
        self.options = options
        return _ops.avg_pool2d_backward(dy._data, shape, *options)

    def backward(self, g: Tensor) -> Tensor:
        return AvgPool2d.apply(g, *self.options)


class AdaptiveAvgPool2d(Node):
    __slots__ = ("shape", "size")

    def forward(self, x: Tensor, size: Pair) -> np.ndarray:
        self.shape, self.size = x._data.shape, size
        return _ops.adaptive_avg_pool2d(x._data, size)

    def backward(self, dy: Tensor) -> Tensor:
        return AdaptiveAvgPool2dGrad.apply(dy, self.shape, self.size)


class AdaptiveAvgPool2dGrad(Node):
    __slots__ = ("size",)

    def forward(self, dy: Tensor, shape: tuple[int, ...], size: Pair) -> np.ndarray:
        self.size = size
        return _ops.adaptive_avg_pool2d_backward(dy._data, shape)

    def backward(self, g: Tensor) -> Tensor:
        return AdaptiveAvgPool2d.apply(g, self.size)


def needs_no_places(x: Tensor) -> bool:
    """Whether nothing but maxima of ``x`` will be asked for, and the kernels take it."""
    return not mode.trace and x._data.dtype.char in "fd" and not (mode.enabled and may_need_gradient(x))


def maxima(x: Tensor, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool) -> Tensor:
    """The largest value of each window of planes, where ``needs_no_places``."""
    return wrap(_ops.max_pool2d_values(x._data, kernel, stride, padding, dilation, ceil_mode))


def window_maxima(x: Tensor, rows: np.ndarray, columns: np.ndarray) -> Tensor:
    """`maxima` of windows between any rows and columns, each given by its begin and end."""
    return wrap(_ops.max_windows(x._data, rows, columns, False))
