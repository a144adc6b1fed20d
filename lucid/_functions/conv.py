"""Convolution and its two adjoints; each of the three is differentiable through the other two."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lucid import _ops
from lucid._functions.reduce import sum
from lucid.autograd._node import Node

if TYPE_CHECKING:
    from lucid._tensor import Tensor

Pair = tuple[int, int]


class Geometry(NamedTuple):
    """How a 2-d kernel moves over a zero-padded plane."""

    stride: Pair
    padding: tuple[Pair, Pair]  # (top, bottom), (left, right)
    dilation: Pair
    groups: int


class Conv2d(Node):
    """y = x * weight + bias, NCHW."""

    __slots__ = ("geometry",)

    def forward(self, x: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry) -> np.ndarray:
        self.saved, self.geometry = (x, weight), geometry
        return _ops.conv2d(x._data, weight._data, None if bias is None else bias._data, *geometry)

    def backward(self, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = self.unpack()
        dx = dw = db = None
        if self.edges[0] is not None:
            dx = Conv2dInputGrad.apply(dy, weight, x._data.shape, self.geometry)
        if self.edges[1] is not None:
            dw = Conv2dWeightGrad.apply(x, dy, weight._data.shape, self.geometry)
        if len(self.edges) > 2 and self.edges[2] is not None:
            db = sum(dy, (0, 2, 3))
        return (dx, dw, db)[: len(self.edges)]


class Conv2dInputGrad(Node):
    """dL/dx from dy and the weight: the transposed convolution."""

    __slots__ = ("geometry",)

    def forward(self, dy: Tensor, weight: Tensor, shape: tuple[int, ...], geometry: Geometry) -> np.ndarray:
        self.saved, self.geometry = (dy, weight), geometry
        return _ops.conv2d_input_grad(dy._data, weight._data, shape, *geometry)

    def backward(self, g: Tensor) -> tuple[Tensor | None, Tensor | None]:
        dy, weight = self.unpack()
        ddy = Conv2d.apply(g, weight, None, self.geometry) if self.edges[0] is not None else None
        dw = None
        if self.edges[1] is not None:
            dw = Conv2dWeightGrad.apply(g, dy, weight._data.shape, self.geometry)
        return ddy, dw


class Conv2dWeightGrad(Node):
    """dL/dweight from x and dy."""

    __slots__ = ("geometry",)

    def forward(self, x: Tensor, dy: Tensor, shape: tuple[int, ...], geometry: Geometry) -> np.ndarray:
        self.saved, self.geometry = (x, dy), geometry
        return _ops.conv2d_weight_grad(x._data, dy._data, shape, *geometry)

    def backward(self, g: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, dy = self.unpack()
        dx = Conv2dInputGrad.apply(dy, g, x._data.shape, self.geometry) if self.edges[0] is not None else None
        ddy = Conv2d.apply(x, g, None, self.geometry) if self.edges[1] is not None else None
        return dx, ddy
