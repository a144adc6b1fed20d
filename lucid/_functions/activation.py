"""Activations: one class each, naming its kernel pair and its second derivative."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _ops
from lucid._functions._arguments import check_tensors
from lucid._functions._common import floating
from lucid._functions._unary import Activation
from lucid._functions.choice import where
from lucid._functions.exponential import exp
from lucid._functions.pointwise import abs, sign
from lucid._functions.ternary import clamp, unrecorded
from lucid.autograd._node import wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def inside(x: Tensor, low: float, high: float) -> Any:
    return (x > low) & (x < high)


def zero(x: Tensor) -> Any:
    """The second derivative of a piecewise linear function; x * 0 would be NaN at infinity."""
    return wrap(np.zeros_like(x._data))


def finite(x: Tensor) -> Any:
    """``x`` pulled in to where every second derivative is already 0, so that 0 * inf does not arise."""
    return clamp(x, -1e4, 1e4)


class SiLU(Activation):
    """x * s with s = sigmoid(x); derivative s * (1 + x * (1 - s))."""

    __slots__ = ()
    kernel, kernel_backward = staticmethod(_ops.silu), staticmethod(_ops.silu_backward)

    @staticmethod
    def second(x: Any) -> Any:
        s = Sigmoid.apply(x)
        return s * (1 - s) * (2 + finite(x) * (1 - 2 * s))


class HardSwish(Activation):
    """x * hardsigmoid(x)."""

    __slots__ = ()
    kernel, kernel_backward = staticmethod(_ops.hardswish), staticmethod(_ops.hardswish_backward)

    @staticmethod
    def second(x: Any, slope: float, offset: float) -> Any:
        return where(inside(x, -offset / slope, (1 - offset) / slope), 2 * slope, 0.0)


class HardSigmoid(Activation):
    """clip(slope * x + offset, 0, 1)."""

    __slots__ = ()
    kernel, kernel_backward = staticmethod(_ops.hardsigmoid), staticmethod(_ops.hardsigmoid_backward)

    @staticmethod
    def second(x: Any, slope: float, offset: float) -> Any:
        return zero(x)


class Mish(Activation):
    """x * tanh(softplus(x))."""

    __slots__ = ()
    kernel, kernel_backward = staticmethod(_ops.mish), staticmethod(_ops.mish_backward)

    @staticmethod
    def second(x: Any) -> Any:
        s, t = Sigmoid.apply(x), Tanh.apply(Softplus.apply(x, 1.0, 20.0))
        slope = (1 - t * t) * s  # d tanh(softplus(x)) / dx
        return slope * (2 + finite(x) * (1 - s - 2 * t * s))


class GELU(Activation):
    """x * Phi(x), Phi the standard normal distribution function."""

    __slots__ = ()
    kernel, kernel_backward = staticmethod(_ops.gelu), staticmethod(_ops.gelu_backward)

    @staticmethod
    def second(x: Any) -> Any:
        square = finite(x) * finite(x)
        return (2 - square) * exp(square * -0.5) * 0.3989422804014327


class GELUTanh(Activation):
    """x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)))."""

    __slots__ = ()
    kernel, kernel_backward = staticmethod(_ops.gelu_tanh), staticmethod(_ops.gelu_tanh_backward)

    @staticmethod
    def second(x: Any) -> Any:
        c, a, x = 0.7978845608028654, 0.044715, finite(x)
        t = Tanh.apply(c * (x + a * x * x * x))
        du = c * (1 + 3 * a * x * x)
        return (1 - t * t) * (du + x * (3 * a * c * x - t * du * du))


class ReLU(Activation):
    """max(x, 0); derivative 0 at 0."""

    __slots__ = ()
    saves = "y"
    kernel, kernel_backward = staticmethod(_ops.relu), staticmethod(_ops.relu_backward)

    @staticmethod
    def second(y: Any) -> Any:
        return zero(y)


class HardTanh(Activation):
    """clip(x, low, high); derivative 0 at and beyond the bounds."""

    __slots__ = ()
    kernel, kernel_backward = staticmethod(_ops.hardtanh), staticmethod(_ops.hardtanh_backward)

    @staticmethod
    def second(x: Any, low: float, high: float) -> Any:
        return zero(x)


class LeakyReLU(Activation):
    """x above 0, slope * x at and below."""

    __slots__ = ()
    kernel, kernel_backward = staticmethod(_ops.leaky_relu), staticmethod(_ops.leaky_relu_backward)

    @staticmethod
    def second(x: Any, slope: float) -> Any:
        return zero(x)


def prelu(x: Tensor, weight: Tensor) -> Tensor:
    """x above 0, weight * x below; ``weight`` broadcasts to the shape of ``x``."""
    if unrecorded(x, weight):
        return wrap(_ops.prelu(x._data, weight._data))
    # A product with min(x, 0), not a selection: an infinite x above zero adds 0 to the weight's gradient, not NaN.
    return ReLU.apply(x) + weight * clamp(x, max=0.0)


class ELU(Activation):
    """high * x above 0, low * (exp(rate * x) - 1) below: ELU, SELU and CELU."""

    __slots__ = ()
    kernel, kernel_backward = staticmethod(_ops.elu), staticmethod(_ops.elu_backward)

    @staticmethod
    def second(x: Any, low: float, high: float, rate: float) -> Any:
        return where(x > 0, 0.0, low * rate * rate * exp(rate * where(x > 0, 0.0, x)))


class Sigmoid(Activation):
    """s = 1 / (1 + exp(-x)); derivative s * (1 - s)."""

    __slots__ = ()
    saves = "y"
    kernel, kernel_backward = staticmethod(_ops.sigmoid), staticmethod(_ops.sigmoid_backward)

    @staticmethod
    def second(y: Any) -> Any:
        return 1 - 2 * y


class Tanh(Activation):
    """tanh(x); derivative 1 - tanh(x)^2."""

    __slots__ = ()
    saves = "y"
    kernel, kernel_backward = staticmethod(_ops.tanh), staticmethod(_ops.tanh_backward)

    @staticmethod
    def second(y: Any) -> Any:
        return -2 * y


class Softplus(Activation):
    """log(1 + exp(beta * x)) / beta; x itself where beta * x > threshold."""

    __slots__ = ()
    kernel, kernel_backward = staticmethod(_ops.softplus), staticmethod(_ops.softplus_backward)

    @staticmethod
    def second(x: Any, beta: float, threshold: float) -> Any:
        s = Sigmoid.apply(x * beta)
        return where(x * beta > threshold, 0.0, beta * s * (1 - s))


class LogSigmoid(Activation):
    """log(sigmoid(x)); derivative sigmoid(-x)."""

    __slots__ = ()
    kernel, kernel_backward = staticmethod(_ops.logsigmoid), staticmethod(_ops.logsigmoid_backward)

    @staticmethod
    def second(x: Any) -> Any:
        s = Sigmoid.apply(x)
        return s * (s - 1)


class Softsign(Activation):
    """x / (1 + |x|); derivative 1 / (1 + |x|)^2."""

    __slots__ = ()
    kernel, kernel_backward = staticmethod(_ops.softsign), staticmethod(_ops.softsign_backward)

    @staticmethod
    def second(x: Any) -> Any:
        d = 1 + abs(x)
        return -2 * sign(x) / (d * d * d)


def sigmoid(x: Tensor, *, out: Tensor | None = None) -> Tensor:
    """1 / (1 + exp(-x)), in [0, 1].

        y = 1 / (1 + e^-x),    dy/dx = y (1 - y)

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.sigmoid(lucid.tensor([0.0, 2.0], dtype=lucid.float64)))
        [0.5, 0.88079708]

    Source: Verhulst, Recherches mathematiques sur la loi d'accroissement de la population, 1845.
    """
    check_tensors("sigmoid", x)
    return Sigmoid.apply(floating(x))


def tanh(x: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The hyperbolic tangent, in [-1, 1].

        y = (e^x - e^-x) / (e^x + e^-x),    dy/dx = 1 - y^2

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.tanh(lucid.tensor([0.0, 1.0], dtype=lucid.float64)))
        [0.0, 0.76159416]
    """
    check_tensors("tanh", x)
    return Tanh.apply(floating(x))


def relu(x: Tensor) -> Tensor:
    """max(x, 0); NaN stays NaN.

        y = max(x, 0),    dy/dx = 1 where x > 0, else 0

    Args:
        x: any shape; integers stay integers, bools become int64.

    Example:
        >>> import lucid
        >>> print(lucid.relu(lucid.tensor([-1.0, 2.0])))
        [0.0, 2.0]
    """
    check_tensors("relu", x)
    if x._data.dtype.kind != "f":
        from lucid._functions.ternary import clamp

        return clamp(x, min=0)
    return ReLU.apply(x)
