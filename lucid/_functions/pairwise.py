"""Elementwise functions of two operands: remainders, extremes that skip NaN, logarithms of sums, signs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from lucid import _dtype, _ops
from lucid._functions._arguments import check_tensors
from lucid._functions._common import Operand, as_tensor, cast, floating, operands
from lucid._functions.activation import sigmoid
from lucid._functions.binary import Arithmetic, mul, pow
from lucid._functions.choice import where
from lucid._functions.compare import isfinite, isnan
from lucid._functions.elementwise import needs_floats, quiet
from lucid._functions.exponential import exp2, log
from lucid._functions.pointwise import trunc
from lucid.autograd._node import wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor


class Fmod(Arithmetic):
    __slots__ = ()
    kernel, integer = staticmethod(_ops.fmod), staticmethod(np.fmod)

    def dx(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        return dz

    def dy(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        return -dz * trunc(x / y)


class Fmax(Arithmetic):
    """The gradient goes to the operand that is the result, at ties to the first."""

    __slots__ = ()
    kernel, integer = staticmethod(quiet(np.fmax)), staticmethod(np.fmax)

    def first(self, x: Tensor, y: Tensor) -> Tensor:
        return (x >= y) | isnan(y)

    def dx(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        return where(self.first(x, y), dz, 0.0)

    def dy(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        return where(self.first(x, y), 0.0, dz)


class Fmin(Fmax):
    __slots__ = ()
    kernel, integer = staticmethod(quiet(np.fmin)), staticmethod(np.fmin)

    def first(self, x: Tensor, y: Tensor) -> Tensor:
        return (x <= y) | isnan(y)


class Hypot(Arithmetic):
    __slots__ = ()
    kernel, integer = staticmethod(_ops.hypot), staticmethod(np.hypot)

    def dx(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        return dz * (x / hypot(x, y))

    def dy(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        return dz * (y / hypot(x, y))


class LogAddExp(Arithmetic):
    """dz/dx = sigmoid(x - y); half each where both are the same infinity."""

    __slots__ = ()
    kernel, integer = staticmethod(_ops.logaddexp), staticmethod(np.logaddexp)
    base = 1.0

    def dx(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        difference = where(x.detach() == y.detach(), where(isfinite(x), x - y, 0.0), x - y)
        return dz * sigmoid(difference * self.base)

    def dy(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        return self.dx(y, x, dz)


class LogAddExp2(LogAddExp):
    __slots__ = ()
    kernel, integer = staticmethod(quiet(np.logaddexp2)), staticmethod(np.logaddexp2)
    base = math.log(2)


class CopySign(Arithmetic):
    __slots__ = ()
    kernel, integer = staticmethod(_ops.copysign), staticmethod(np.copysign)

    def dx(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        same = wrap(np.asarray(np.signbit(x._data) == np.signbit(y._data)))
        return where(x == 0, 0.0, where(same, dz, -dz))

    def dy(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        return dz * 0


def _log_of_small(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.where((x == 0) & (y == y), x.dtype.type(0), x * np.log(y))


class XLogY(Arithmetic):
    __slots__ = ()
    kernel, integer = staticmethod(quiet(_log_of_small)), staticmethod(_log_of_small)

    def dx(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        return dz * where((x == 0) & (y <= 0), 0.0, log(where((x == 0) & (y <= 0), 1.0, y)))

    def dy(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        return dz * (x / y)


def fmod(x: Operand, y: Operand, *, out: Tensor | None = None) -> Tensor:
    """x - trunc(x / y) * y, with the sign of ``x``, as C's fmod.

        x - y * trunc(x / y)

    Args:
        x, y: tensors or numbers, broadcast together and promoted to one dtype.
        out: tensor that receives the result.

    Raises:
        RuntimeError: an integer division by zero, or bools.

    Example:
        >>> import lucid
        >>> print(lucid.fmod(lucid.tensor([5.5, -5.5]), lucid.tensor([2.0, 2.0])))
        [1.5, -1.5]
    """
    x, y = operands("fmod", x, y)
    if x._data.dtype.kind == "b":
        raise RuntimeError("fmod: not implemented for lucid.bool")
    if x._data.dtype.kind != "f" and np.any(y._data == 0):
        raise RuntimeError("fmod: ZeroDivisionError: integer division by zero")
    return Fmod.apply(x, y)


def fmax(x: Tensor, y: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The larger of ``x`` and ``y``, elementwise; of a number and NaN the number.

    Args:
        x, y: tensors or numbers, broadcast together and promoted to one dtype.
        out: tensor that receives the result.

    Raises:
        ValueError: the shapes do not broadcast.

    Example:
        >>> import lucid
        >>> print(lucid.fmax(lucid.tensor([1.0, float('nan')]), lucid.tensor([2.0, 3.0])))
        [2.0, 3.0]
    """
    return Fmax.apply(*operands("fmax", x, y))


def fmin(x: Tensor, y: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The smaller of ``x`` and ``y``, elementwise; of a number and NaN the number.

    Args:
        x, y: tensors or numbers, broadcast together and promoted to one dtype.
        out: tensor that receives the result.

    Raises:
        ValueError: the shapes do not broadcast.

    Example:
        >>> import lucid
        >>> print(lucid.fmin(lucid.tensor([1.0, float('nan')]), lucid.tensor([2.0, 3.0])))
        [1.0, 3.0]
    """
    return Fmin.apply(*operands("fmin", x, y))


def hypot(x: Tensor, y: Tensor, *, out: Tensor | None = None) -> Tensor:
    """sqrt(x^2 + y^2), without overflow on the way.

        sqrt(x^2 + y^2)

    Args:
        x, y: tensors or numbers, broadcast together and promoted to one dtype.
        out: tensor that receives the result.

    Raises:
        ValueError: the shapes do not broadcast.

    Example:
        >>> import lucid
        >>> print(lucid.hypot(lucid.tensor([3.0, 5.0]), lucid.tensor([4.0, 12.0])))
        [5.0, 13.0]
    """
    x, y = operands("hypot", x, y)
    needs_floats("hypot", x)
    return Hypot.apply(x, y)


def logaddexp(x: Tensor, y: Tensor, *, out: Tensor | None = None) -> Tensor:
    """log(exp(x) + exp(y)), without overflow on the way.

        ln(e^x + e^y)

    Args:
        x, y: tensors or numbers, broadcast together and promoted to one dtype.
        out: tensor that receives the result.

    Raises:
        ValueError: the shapes do not broadcast.

    Example:
        >>> import lucid
        >>> x = lucid.tensor([0.0, 1000.0], dtype=lucid.float64)
        >>> print(lucid.logaddexp(x, x))
        [0.69314718, 1000.69314718]
    """
    x, y = operands("logaddexp", x, y)
    needs_floats("logaddexp", x)
    return LogAddExp.apply(x, y)


def logaddexp2(x: Tensor, y: Tensor, *, out: Tensor | None = None) -> Tensor:
    """log2(2^x + 2^y), without overflow on the way.

        ln(2^x + 2^y) / ln(2)

    Args:
        x, y: tensors or numbers, broadcast together and promoted to one dtype.
        out: tensor that receives the result.

    Raises:
        ValueError: the shapes do not broadcast.

    Example:
        >>> import lucid
        >>> x = lucid.tensor([0.0, 1000.0], dtype=lucid.float64)
        >>> print(lucid.logaddexp2(x, x))
        [1.0, 1001.0]
    """
    x, y = operands("logaddexp2", x, y)
    needs_floats("logaddexp2", x)
    return LogAddExp2.apply(x, y)


def heaviside(x: Tensor, values: Tensor, *, out: Tensor | None = None) -> Tensor:
    """0 below zero, 1 above, ``values`` at zero; NaN for NaN. No gradient.

        0 where x < 0, y where x = 0, 1 where x > 0

    Args:
        x: any shape.
        values: of the dtype of ``x``; shapes broadcast.
        out: tensor that receives the result.

    Raises:
        RuntimeError: the dtypes differ.

    Example:
        >>> import lucid
        >>> print(lucid.heaviside(lucid.tensor([-1.0, 0.0, 1.0]), lucid.tensor([0.5, 0.5, 0.5])))
        [0.0, 0.5, 1.0]
    """
    check_tensors("heaviside", x, values)
    if x._data.dtype != values._data.dtype:
        raise RuntimeError(f"heaviside: expected operands of one dtype, got {x.dtype} and {values.dtype}")
    x, values = operands("heaviside", x, values)
    a = x._data
    step = np.where(a == 0, values._data, np.where(a != a, a, (a > 0).astype(a.dtype)))
    return wrap(np.asarray(step, a.dtype))


def copysign(x: Tensor, y: Operand, *, out: Tensor | None = None) -> Tensor:
    """|x| with the sign of ``y``, that of -0 included.

        |x| with the sign of y

    Args:
        x, y: tensors or numbers, broadcast together and promoted to one dtype.
        out: tensor that receives the result.

    Raises:
        ValueError: the shapes do not broadcast.

    Example:
        >>> import lucid
        >>> print(lucid.copysign(lucid.tensor([3.0, 5.0]), lucid.tensor([-1.0, 1.0])))
        [-3.0, 5.0]
    """
    x, y = operands("copysign", x, y)
    return CopySign.apply(floating(x), floating(y))


def nextafter(x: Tensor, y: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The floating-point number next to ``x`` towards ``y``. No gradient.

    Args:
        x, y: tensors or numbers, broadcast together and promoted to one dtype.
        out: tensor that receives the result.

    Raises:
        RuntimeError: the operands are not floating point.
        ValueError: the shapes do not broadcast.

    Example:
        >>> import lucid
        >>> print(lucid.nextafter(lucid.tensor([1.0, 0.0]), lucid.tensor([1.0, 0.0])))
        [1.0, 0.0]
    """
    x, y = operands("nextafter", x, y)
    needs_floats("nextafter", x)
    return wrap(quiet(np.nextafter)(x._data, y._data))


def ldexp(x: Tensor, exponent: Tensor, *, out: Tensor | None = None) -> Tensor:
    """x * 2^exponent.

        x * 2^y

    Args:
        x: any shape.
        exponent: a tensor; shapes broadcast, integers become the default floating-point type.
        out: tensor that receives the result.

    Raises:
        ValueError: the shapes do not broadcast.

    Example:
        >>> import lucid
        >>> print(lucid.ldexp(lucid.tensor([1.5, 3.0]), lucid.tensor([2, -1])))
        [6.0, 1.5]
    """
    return mul(x, exp2(exponent))


def xlogy(x: Operand, y: Operand, *, out: Tensor | None = None) -> Tensor:
    """x * log(y), and 0 where x is 0 and y is not NaN.

        x * ln(y), and 0 where x is 0 and y is not NaN

    Args:
        x, y: tensors or numbers, broadcast together and promoted to one dtype.
        out: tensor that receives the result.

    Raises:
        ValueError: the shapes do not broadcast.

    Example:
        >>> import lucid
        >>> print(lucid.xlogy(lucid.tensor([0.0, 2.0]), lucid.tensor([0.0, 1.0])))
        [0.0, 0.0]
    """
    x, y = operands("xlogy", x, y)
    return XLogY.apply(floating(x), floating(y))


def float_power(x: Operand, exponent: Operand, *, out: Tensor | None = None) -> Tensor:
    """x raised to ``exponent``, in float64.

        x^y

    Args:
        x: the base, a tensor or number.
        exponent: a tensor or number; shapes broadcast.
        out: float64 tensor that receives the result.

    Raises:
        ValueError: the shapes do not broadcast.

    Example:
        >>> import lucid
        >>> print(lucid.float_power(lucid.tensor([2, 9]), lucid.tensor([3.0, 0.5])))
        [8.0, 3.0]
    """
    a, b = (cast(as_tensor(t, "float_power"), _dtype.float64) for t in (x, exponent))
    return pow(a, b)


__all__ = [
    "copysign", "float_power", "fmax", "fmin", "fmod", "heaviside", "hypot", "ldexp", "logaddexp", "logaddexp2",
    "nextafter", "xlogy",
]  # fmt: skip
