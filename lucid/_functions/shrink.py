"""Functions that pull values towards zero."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _ops
from lucid._functions._common import mutate
from lucid._functions._unary import Activation
from lucid._functions.activation import Tanh, zero
from lucid.autograd._node import Node, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor


class Threshold(Activation):
    """x above a bound, a number up to it; NaN is above."""

    __slots__ = ()
    kernel, kernel_backward = staticmethod(_ops.threshold), staticmethod(_ops.threshold_backward)

    @staticmethod
    def second(x: Any, bound: float, value: float) -> Any:
        return zero(x)


class HardShrink(Activation):
    """0 where |x| <= lambd, x elsewhere; NaN is elsewhere."""

    __slots__ = ()
    kernel, kernel_backward = staticmethod(_ops.hardshrink), staticmethod(_ops.shrink_backward)

    @staticmethod
    def second(x: Any, lambd: float) -> Any:
        return zero(x)


class SoftShrink(Activation):
    """x moved towards 0 by lambd, and 0 where that would cross it."""

    __slots__ = ()
    kernel, kernel_backward = staticmethod(_ops.softshrink), staticmethod(_ops.shrink_backward)

    @staticmethod
    def second(x: Any, lambd: float) -> Any:
        return zero(x)


class Tanhshrink(Node):
    """x - tanh(x), an odd function; its derivative tanh(x)^2 would be lost near 0 as 1 - (1 - tanh(x)^2)."""

    __slots__ = ()

    def forward(self, x: Tensor) -> np.ndarray:
        self.saved = (x,)
        return np.asarray(np.copysign(x._data - Tanh.kernel(x._data), x._data))

    def backward(self, dy: Tensor) -> Tensor:
        t = Tanh.apply(self.unpack()[0])
        return dy * t * t


def scaled_below_zero(x: Tensor, slopes: np.ndarray) -> Tensor:
    """x above 0, and slopes * x at and below: a ReLU with a slope for every element."""
    return x * wrap(np.asarray(np.where(x._data <= 0, slopes, x._data.dtype.type(1))))


def rrelu(x: Tensor, slopes: np.ndarray, inplace: bool) -> Tensor:
    return mutate("rrelu_", x, scaled_below_zero, slopes) if inplace else scaled_below_zero(x, slopes)
