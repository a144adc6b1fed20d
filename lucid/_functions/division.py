"""Division: true, rounded and its remainder, elementwise with operands broadcast together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lucid import _ops
from lucid._functions._common import Operand, floating, operands
from lucid._functions.binary import Arithmetic, by_dtype, may_need_gradient
from lucid.autograd._mode import mode
from lucid.autograd._node import TensorBase, compute, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor


class Div(Arithmetic):
    """The numerator is saved for the denominator's gradient only."""

    __slots__ = ()
    kernel, integer = staticmethod(_ops.div), staticmethod(np.true_divide)
    direct = kernel

    def forward(self, x: Tensor, y: Tensor) -> np.ndarray:
        self.shapes = (x._data.shape, y._data.shape)
        self.saved = (x if may_need_gradient(y) else None, y)
        return by_dtype(_ops.div, np.true_divide, x, y)

    def dx(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        return dz / y

    def dy(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        return -dz * x / (y * y)


def floored(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """floor(x / y) of arrays of one dtype."""
    return _ops.floor_divide(x, y) if x.dtype.char in "fd" else np.asarray(np.floor_divide(x, y))


class FloorDiv(Arithmetic):
    """A step function: its gradients are zeros."""

    __slots__ = ()

    def forward(self, x: Tensor, y: Tensor) -> np.ndarray:
        self.shapes, self.saved = (x._data.shape, y._data.shape), (x, y)
        return floored(x._data, y._data)

    def dx(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        return wrap(np.zeros(dz._data.shape, dz._data.dtype))

    dy = dx


class Remainder(Arithmetic):
    __slots__ = ()
    kernel, integer = staticmethod(_ops.remainder), staticmethod(np.remainder)

    def dx(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        return dz

    def dy(self, x: Tensor, y: Tensor, dz: Tensor) -> Tensor:
        return -dz * (x / y).floor()


def div(x: Operand, y: Operand, *, rounding_mode: str | None = None, out: Tensor | None = None) -> Tensor:
    """x / y, broadcast; integers give the default floating-point type.

        x / y,    dz/dx = 1 / y,    dz/dy = -x / y^2

    Args:
        x, y: tensors or numbers.
        rounding_mode: None, ``"trunc"`` (towards zero) or ``"floor"``.
        out: tensor that receives the result.

    Raises:
        ValueError: another rounding mode.

    Example:
        >>> import lucid
        >>> print(lucid.div(lucid.tensor([1.0, 3.0]), lucid.tensor([2.0, 4.0])))
        [0.5, 0.75]
    """
    if rounding_mode == "floor":
        wanted = mode.enabled and any(isinstance(v, TensorBase) and v._requires_grad for v in (x, y))
        return FloorDiv.apply(*operands("div", x, y)) if wanted else floor_divide(x, y)
    if rounding_mode is None:  # before an integer tensor's dtype has to hold the other operand
        if isinstance(y, int) and isinstance(x, TensorBase):
            x = floating(x)  # type: ignore[arg-type]
        elif isinstance(x, int) and isinstance(y, TensorBase):
            y = floating(y)  # type: ignore[arg-type]
    x, y = operands("div", x, y)
    if rounding_mode == "trunc":
        if x._data.dtype.kind == "f":
            return Div.apply(x, y).trunc()
        q, r = np.divmod(x._data, y._data)
        return wrap(np.asarray(q + ((r != 0) & (q < 0))))
    if rounding_mode is not None:
        raise ValueError(f"div: rounding_mode must be None, 'trunc' or 'floor', got {rounding_mode!r}")
    return Div.apply(floating(x), floating(y))


def rdiv(x: Operand, y: Operand) -> Tensor:
    """y / x."""
    return div(y, x)


def floor_divide(x: Operand, y: Operand, *, out: Tensor | None = None) -> Tensor:
    """floor(x / y); its gradient is zero.

    Args:
        x, y: tensors or numbers; shapes broadcast, dtypes promote.
        out: tensor that receives the result.

    Raises:
        RuntimeError: an integer is divided by zero.

    Example:
        >>> import lucid
        >>> print(lucid.floor_divide(lucid.tensor([7.0, -7.0]), lucid.tensor([2.0, 2.0])))
        [3.0, -4.0]
    """
    x, y = operands("floor_divide", x, y)
    if x._data.dtype.kind != "f" and np.any(y._data == 0):
        raise RuntimeError("floor_divide: ZeroDivisionError: integer division by zero")
    return compute(floored, x, y)


def rfloor_divide(x: Operand, y: Operand) -> Tensor:
    return floor_divide(y, x)


def remainder(x: Operand, y: Operand, *, out: Tensor | None = None) -> Tensor:
    """x - floor(x / y) * y, with the sign of ``y``, as Python's ``%``.

        x - y * floor(x / y)

    Args:
        x, y: tensors or numbers; shapes broadcast, dtypes promote.
        out: tensor that receives the result.

    Raises:
        ValueError: the shapes do not broadcast.

    Example:
        >>> import lucid
        >>> print(lucid.remainder(lucid.tensor([7.0, -7.0]), lucid.tensor([2.0, 2.0])))
        [1.0, 1.0]
    """
    x, y = operands("remainder", x, y)
    return Remainder.apply(x, y)


def rremainder(x: Operand, y: Operand) -> Tensor:
    return remainder(y, x)


divide = true_divide = div

__all__ = ["div", "divide", "floor_divide", "remainder", "true_divide"]
