"""Convolution over planes and volumes, and its adjoints; each is differentiable through the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lucid import _ops
from lucid._functions import conv_integer
from lucid._functions.reduce import sum
from lucid.autograd._node import Node

if TYPE_CHECKING:
    from lucid._tensor import Tensor


class Geometry(NamedTuple):
    """How a kernel moves over a zero-padded plane or volume: one entry per dimension, two or three."""

    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]  # (before, after)
    dilation: tuple[int, ...]
    groups: int


class Kernels(NamedTuple):
    """The three maps of a convolution."""

    forward: Callable[..., np.ndarray]
    input_grad: Callable[..., np.ndarray]
    weight_grad: Callable[..., np.ndarray]


KERNELS = {
    2: Kernels(_ops.conv2d, _ops.conv2d_input_grad, _ops.conv2d_weight_grad),
    3: Kernels(_ops.conv3d, _ops.conv3d_input_grad, _ops.conv3d_weight_grad),
}


def kernels(geometry: Geometry) -> Kernels:
    return KERNELS[len(geometry.stride)]


def over_channels(dy: Tensor) -> Tensor:
    """The gradient of a bias."""
    return sum(dy, (0, *range(2, dy._data.ndim)))


class Convolution(Node):
    """y = x * weight + bias, channels after the batch."""

    __slots__ = ("geometry",)

    def forward(self, x: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry) -> np.ndarray:
        self.saved, self.geometry = (x, weight), geometry
        if x._data.dtype.kind != "f":
            return conv_integer.forward(x._data, weight._data, None if bias is None else bias._data, *geometry)
        return kernels(geometry).forward(x._data, weight._data, None if bias is None else bias._data, *geometry)

    def backward(self, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = self.unpack()
        dx = dw = db = None
        if self.edges[0] is not None:
            dx = ConvolutionInputGrad.apply(dy, weight, None, x._data.shape, self.geometry)
        if self.edges[1] is not None:
            dw = ConvolutionWeightGrad.apply(x, dy, weight._data.shape, self.geometry)
        if len(self.edges) > 2 and self.edges[2] is not None:
            db = over_channels(dy)
        return (dx, dw, db)[: len(self.edges)]


class ConvolutionInputGrad(Node):
    """dL/dx of shape ``shape`` from dy and the weight; with a bias, the transposed convolution of dy."""

    __slots__ = ("geometry",)

    def forward(
        self, dy: Tensor, weight: Tensor, bias: Tensor | None, shape: tuple[int, ...], geometry: Geometry
    ) -> np.ndarray:
        self.saved, self.geometry = (dy, weight), geometry
        b = None if bias is None else bias._data
        if dy._data.dtype.kind != "f":
            return conv_integer.input_grad(dy._data, weight._data, shape, *geometry, b)
        return kernels(geometry).input_grad(dy._data, weight._data, shape, *geometry, b)

    def backward(self, g: Tensor) -> tuple[Tensor | None, ...]:
        dy, weight = self.unpack()
        ddy = dw = db = None
        if self.edges[0] is not None:
            ddy = Convolution.apply(g, weight, None, self.geometry)
        if self.edges[1] is not None:
            dw = ConvolutionWeightGrad.apply(g, dy, weight._data.shape, self.geometry)
        if len(self.edges) > 2 and self.edges[2] is not None:
            db = over_channels(g)
        return (ddy, dw, db)[: len(self.edges)]


class ConvolutionWeightGrad(Node):
    """dL/dweight of shape ``shape`` from x and dy."""

    __slots__ = ("geometry",)

    def forward(self, x: Tensor, dy: Tensor, shape: tuple[int, ...], geometry: Geometry) -> np.ndarray:
        self.saved, self.geometry = (x, dy), geometry
        return kernels(geometry).weight_grad(x._data, dy._data, shape, *geometry)

    def backward(self, g: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, dy = self.unpack()
        dx = ddy = None
        if self.edges[0] is not None:
            dx = ConvolutionInputGrad.apply(dy, g, None, x._data.shape, self.geometry)
        if self.edges[1] is not None:
            ddy = Convolution.apply(x, g, None, self.geometry)
        return dx, ddy
