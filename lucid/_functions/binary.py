"""Elementwise functions of two operands, broadcast together: arithmetic and extremes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _ops
from lucid._functions._binary import Binary
from lucid._functions._common import Operand, cast, floating, operands, sum_to
from lucid._functions.choice import where
from lucid.autograd._node import TensorBase, compute

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def by_dtype(kernel: Callable[..., np.ndarray], integer: Callable[..., Any], x: Tensor, y: Tensor) -> np.ndarray:
    """The compiled kernel for floats, NumPy's loop for integers and bool."""
    a, b = x._data, y._data
    return kernel(a, b) if a.dtype.kind == "f" else np.asarray(integer(a, b))


class Arithmetic(Binary):
    """A binary operation; subclasses give the kernels and the two partial gradients before unbroadcasting."""

    __slots__ = ("shapes",)
    kernel: Callable[..., np.ndarray]
    integer: Callable[..., Any]

    def forward(self, x: Tensor, y: Tensor) -> np.ndarray:
        self.shapes = (x._data.shape, y._data.shape)
        self.saved = (x, y)
        return by_dtype(type(self).kernel, type(self).integer, x, y)

    def dx(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        raise NotImplementedError

    def dy(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        raise NotImplementedError

    def backward(self, dz: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, y = self.unpack()
        return (
            sum_to(self.dx(x, y, dz), self.shapes[0]) if self.edges[0] is not None else None,
            sum_to(self.dy(x, y, dz), self.shapes[1]) if self.edges[1] is not None else None,
        )


def scaled_sum(x: np.ndarray, y: np.ndarray, alpha: float) -> np.ndarray:
    """x + alpha * y of floats."""
    return _ops.sub(x, y) if alpha == -1 else _ops.add_scaled(x, y, alpha)


class Add(Arithmetic):
    """x + alpha * y."""

    __slots__ = ("alpha",)
    direct = staticmethod(_ops.add)
    direct_with = staticmethod(scaled_sum)

    def forward(self, x: Tensor, y: Tensor, alpha: float = 1) -> np.ndarray:
        self.shapes = (x._data.shape, y._data.shape)
        self.alpha = alpha
        if alpha == 1:
            return by_dtype(_ops.add, np.add, x, y)
        if x._data.dtype.kind == "f":
            return scaled_sum(x._data, y._data, alpha)
        if alpha == -1:
            return np.asarray(np.subtract(x._data, y._data))
        return np.asarray(x._data + np.asarray(alpha).astype(y._data.dtype) * y._data)  # -2 is 254 for uint8

    def backward(self, dz: Tensor) -> tuple[Tensor | None, Tensor | None]:
        dx = sum_to(dz, self.shapes[0]) if self.edges[0] is not None else None
        dy = None
        if self.edges[1] is not None:
            dy = sum_to(dz, self.shapes[1])
            if self.alpha != 1:
                dy = dy * self.alpha
        return dx, dy


def may_need_gradient(x: Tensor) -> bool:
    """False when no gradient of ``x`` will be asked for; a view may still come to have one from its base."""
    return x._requires_grad or x._base is not None


class Mul(Arithmetic):
    """Each operand is saved for the other's gradient only: `x * 2` keeps no reference to x."""

    __slots__ = ()
    kernel, integer = staticmethod(_ops.mul), staticmethod(np.multiply)
    direct = kernel

    def forward(self, x: Tensor, y: Tensor) -> np.ndarray:
        self.shapes = (x._data.shape, y._data.shape)
        self.saved = (x if may_need_gradient(y) else None, y if may_need_gradient(x) else None)
        return by_dtype(_ops.mul, np.multiply, x, y)

    def dx(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        return dz * y

    def dy(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        return dz * x


class Pow(Arithmetic):
    __slots__ = ()
    kernel, integer = staticmethod(_ops.pow), staticmethod(np.power)
    direct = kernel

    def dx(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        if y._data.ndim == 0 and y._data != 0 and not y.requires_grad:  # a number, most often 2
            scaled = dz * y
            return scaled * x if y._data == 2 else scaled * pow(x, y - 1)
        # y == 0 has derivative 0 even where x ** (y - 1) is infinite
        return where(y == 0, 0.0, dz * y * pow(x, y - 1))

    def dy(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        return where((x == 0) & (y >= 0), 0.0, dz * pow(x, y) * x.log())


class Maximum(Arithmetic):
    """The gradient goes to the larger operand and is halved at ties, as in PyTorch."""

    __slots__ = ()
    kernel, integer = staticmethod(_ops.maximum), staticmethod(np.maximum)
    direct = kernel

    def dx(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        return where(x == y, dz / 2, where(x > y, dz, 0.0))

    def dy(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        return where(x == y, dz / 2, where(x < y, dz, 0.0))


class Minimum(Arithmetic):
    """The gradient goes to the smaller operand and is halved at ties, as in PyTorch."""

    __slots__ = ()
    kernel, integer = staticmethod(_ops.minimum), staticmethod(np.minimum)
    direct = kernel

    def dx(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        return where(x == y, dz / 2, where(x < y, dz, 0.0))

    def dy(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        return where(x == y, dz / 2, where(x > y, dz, 0.0))


class Atan2(Arithmetic):
    __slots__ = ()
    kernel, integer = staticmethod(_ops.atan2), staticmethod(np.arctan2)

    def dx(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        return dz * y / (x * x + y * y)

    def dy(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        return -dz * x / (x * x + y * y)


def add(x: Operand, y: Operand, *, alpha: float = 1, out: Tensor | None = None) -> Tensor:
    """x + alpha * y, broadcast.

    Args:
        x, y: tensors or numbers; shapes broadcast, dtypes promote.
        alpha: factor of ``y``.
        out: tensor that receives the result.

    Raises:
        ValueError: the shapes do not broadcast.

    Example:
        >>> import lucid
        >>> print(lucid.add(lucid.tensor([1.0, 2.0]), lucid.tensor([3.0, 4.0]), alpha=10))
        [31.0, 42.0]
    """
    x, y = operands("add", x, y)
    return Add.apply(x, y) if alpha == 1 else Add.apply(x, y, alpha)


def sub(x: Operand, y: Operand, *, alpha: float = 1, out: Tensor | None = None) -> Tensor:
    """x - alpha * y, broadcast.

        x - alpha * y

    Args:
        x, y: tensors or numbers; shapes broadcast, dtypes promote.
        alpha: factor of ``y``.
        out: tensor that receives the result.

    Raises:
        RuntimeError: both are bool.

    Example:
        >>> import lucid
        >>> print(lucid.sub(lucid.tensor([1.0, 2.0]), lucid.tensor([10.0, 20.0])))
        [-9.0, -18.0]
    """
    x, y = operands("sub", x, y)
    if x._data.dtype.kind == "b":
        raise RuntimeError("sub: subtraction of two bool tensors is not supported; use ^ or logical_xor()")
    return Add.apply(x, y, -alpha)


def rsub(x: Operand, y: Operand, *, alpha: float = 1) -> Tensor:
    """y - alpha * x.

    Args:
        x, y: tensors or numbers; shapes broadcast, dtypes promote.
        alpha: factor of ``x``.

    Raises:
        ValueError: the shapes do not broadcast.

    Example:
        >>> import lucid
        >>> print(lucid.rsub(lucid.tensor([1.0, 2.0]), lucid.tensor([10.0, 20.0])))
        [9.0, 18.0]
    """
    return sub(y, x, alpha=alpha)


def mul(x: Operand, y: Operand, *, out: Tensor | None = None) -> Tensor:
    """x * y, broadcast.

        x * y,    dz/dx = y,    dz/dy = x

    Args:
        x, y: tensors or numbers; shapes broadcast, dtypes promote.
        out: tensor that receives the result.

    Raises:
        ValueError: the shapes do not broadcast.

    Example:
        >>> import lucid
        >>> print(lucid.mul(lucid.tensor([1.0, 2.0]), lucid.tensor([10.0, 20.0])))
        [10.0, 40.0]
    """
    x, y = operands("mul", x, y)
    return Mul.apply(x, y)


def pow(x: Operand, exponent: Operand, *, out: Tensor | None = None) -> Tensor:
    """x raised to the power ``exponent``, elementwise and broadcast.

        x^y,    dz/dx = y * x^(y-1),    dz/dy = x^y * ln(x)

    Args:
        x: the base, a tensor or number.
        exponent: a tensor or number; shapes broadcast, dtypes promote.
        out: tensor that receives the result.

    Raises:
        RuntimeError: an integer tensor to the power of a negative integer; of a tensor of them, 1/x is rounded to zero.

    Example:
        >>> import lucid
        >>> print(lucid.pow(lucid.tensor([2.0, 3.0]), lucid.tensor([3.0, 2.0])))
        [8.0, 9.0]
    """
    x, y = operands("pow", x, exponent)
    if x._data.dtype.kind in "iu" and y._data.dtype.kind == "i" and np.any(y._data < 0):
        if not isinstance(exponent, TensorBase):
            raise RuntimeError("pow: Integers to negative integer powers are not allowed.")
        return compute(_whole_power, x, y)
    y = Pow.apply(x, y)
    return cast(y, x.dtype) if x._data.dtype.kind == "b" else y


def _whole_power(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Powers of integers: with a negative exponent 1, -1, or 0 for all but 1 and -1."""
    below = np.where(x == 1, 1, np.where(x == -1, 1 - 2 * (y % 2), 0)).astype(x.dtype)
    return np.where(y < 0, below, np.power(x, np.where(y < 0, 0, y))).astype(x.dtype)


def rpow(x: Operand, y: Operand) -> Tensor:
    """y ** x."""
    return pow(y, x)


def maximum(x: Tensor, y: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The larger of ``x`` and ``y``, elementwise; NaN if either is NaN.

    Args:
        x, y: tensors; shapes broadcast, dtypes promote.
        out: tensor that receives the result.

    Raises:
        ValueError: the shapes do not broadcast.

    Example:
        >>> import lucid
        >>> print(lucid.maximum(lucid.tensor([1.0, 4.0]), lucid.tensor([2.0, 3.0])))
        [2.0, 4.0]
    """
    x, y = operands("maximum", x, y)
    return Maximum.apply(x, y)


def minimum(x: Tensor, y: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The smaller of ``x`` and ``y``, elementwise; NaN if either is NaN.

    Args:
        x, y: tensors; shapes broadcast, dtypes promote.
        out: tensor that receives the result.

    Raises:
        ValueError: the shapes do not broadcast.

    Example:
        >>> import lucid
        >>> print(lucid.minimum(lucid.tensor([1.0, 4.0]), lucid.tensor([2.0, 3.0])))
        [1.0, 3.0]
    """
    x, y = operands("minimum", x, y)
    return Minimum.apply(x, y)


def atan2(x: Tensor, y: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The angle in radians, in [-pi, pi], of the point (y, x).

        the angle of (y, x) to the first axis, in radians

    Args:
        x: ordinates, tensor or number; integers become the default floating-point type.
        y: abscissas, likewise; shapes broadcast, dtypes promote.
        out: tensor that receives the result.

    Raises:
        ValueError: the shapes do not broadcast.

    Example:
        >>> import lucid
        >>> y = lucid.tensor([1.0, -1.0], dtype=lucid.float64)
        >>> print(lucid.atan2(y, lucid.ones(2, dtype=lucid.float64)))
        [0.78539816, -0.78539816]
    """
    x, y = operands("atan2", x, y)
    return Atan2.apply(floating(x), floating(y))


def cube(x: Tensor) -> Tensor:
    """x * x * x.

        x^3

    Args:
        x: any shape and dtype.

    Example:
        >>> import lucid
        >>> print(lucid.cube(lucid.tensor([2.0, -3.0])))
        [8.0, -27.0]
    """
    return pow(x, 3)


multiply, subtract, power = mul, sub, pow

__all__ = ["add", "atan2", "cube", "maximum", "minimum", "mul", "multiply", "pow", "power", "rsub", "sub", "subtract"]
