"""Clamping, interpolation, and products and quotients that are added: of three operands."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from lucid import _ops
from lucid._functions._common import Operand, as_tensor, floating
from lucid._functions.binary import add, maximum, may_need_gradient, minimum
from lucid._functions.choice import where
from lucid.autograd._mode import mode
from lucid.autograd._node import Node, TensorBase, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor


class Clamp(Node):
    """min(max(x, low), high); the gradient is 1 on the closed interval."""

    __slots__ = ("high", "low")

    def forward(self, x: Tensor, low: float | None, high: float | None) -> np.ndarray:
        self.saved, self.low, self.high = (x,), low, high
        if x._data.dtype.kind == "f":
            return _ops.clamp(x._data, -math.inf if low is None else low, math.inf if high is None else high)
        return np.asarray(np.clip(x._data, low, high))

    def backward(self, dy: Tensor) -> Tensor:
        (x,) = self.unpack()
        low = -math.inf if self.low is None else self.low
        high = math.inf if self.high is None else self.high
        return where((x >= low) & (x <= high), dy, 0.0)


def clamp(x: Tensor, min: Operand = None, max: Operand = None, *, out: Tensor | None = None) -> Tensor:
    """min(max(x, min), max); bounds are numbers or tensors, NaN stays NaN.

    Args:
        x: any shape, not complex.
        min, max: the bounds; shapes broadcast, dtypes promote. Where ``min`` is above ``max``, the result is ``max``.
        out: tensor that receives the result.

    Raises:
        RuntimeError: neither bound is given.

    Example:
        >>> import lucid
        >>> print(lucid.clamp(lucid.tensor([-2.0, 0.5, 2.0]), -1, 1))
        [-1.0, 0.5, 1.0]
    """
    if min is None and max is None:
        raise RuntimeError("clamp: at least one of min or max must be given")
    if isinstance(min, TensorBase) or isinstance(max, TensorBase):
        y = x if min is None else maximum(x, as_tensor(min))
        return y if max is None else minimum(y, as_tensor(max))
    if x._data.dtype.kind != "f" and (isinstance(min, float) or isinstance(max, float)):
        x = floating(x)
    return Clamp.apply(x, min, max)


def unrecorded(x: Tensor, *others: Operand) -> bool:
    """Tensors of one dtype, float32 or float64, or numbers, whose gradient nobody will ask for: a kernel may do it."""
    if mode.trace:
        return False
    for other in (x, *others):
        if isinstance(other, TensorBase):
            if type(other._data) is not np.ndarray or other._data.dtype != x._data.dtype:
                return False
            if mode.enabled and may_need_gradient(other):  # type: ignore[arg-type]
                return False
        elif type(other) not in (int, float):
            return False
    return x._data.dtype.char in "fd"


def alike(x: Tensor, *others: Operand) -> bool:
    """`unrecorded`, and numbers or of one shape."""
    if not unrecorded(x, *others):
        return False
    return all(not isinstance(v, TensorBase) or v._data.shape == x._data.shape for v in others)


def lerp(x: Tensor, end: Tensor, weight: Operand, *, out: Tensor | None = None) -> Tensor:
    """x + weight * (end - x).

        start + weight * (end - start)

    Args:
        x, end: tensors; shapes broadcast.
        weight: a number or a tensor, 0 at ``x`` and 1 at ``end``.
        out: tensor that receives the result.

    Raises:
        ValueError: the shapes do not broadcast.

    Example:
        >>> import lucid
        >>> print(lucid.lerp(lucid.tensor([0.0, 2.0]), lucid.tensor([1.0, 4.0]), 0.5))
        [0.5, 3.0]
    """
    if alike(x, end, weight):
        factor = weight._data if isinstance(weight, TensorBase) else np.asarray(weight, x._data.dtype)
        return wrap(_ops.lerp(x._data, end._data, factor))
    return x + weight * (end - x)


def addcmul(x: Tensor, a: Tensor, b: Tensor, *, value: float = 1, out: Tensor | None = None) -> Tensor:
    """x + value * a * b.

    Args:
        x: tensor.
        a, b: tensors; all three broadcast together.
        value: factor of the product.
        out: tensor that receives the result.

    Raises:
        ValueError: the shapes do not broadcast.

    Example:
        >>> import lucid
        >>> print(lucid.addcmul(lucid.tensor([1.0]), lucid.tensor([2.0]), lucid.tensor([3.0]), value=10))
        [61.0]
    """
    if type(value) in (int, float) and alike(x, a, b):
        return wrap(_ops.addcmul(x._data, a._data, b._data, value))
    return add(x, a * b, alpha=value)


def addcdiv(x: Tensor, a: Tensor, b: Tensor, *, value: float = 1, out: Tensor | None = None) -> Tensor:
    """x + value * a / b.

    Args:
        x: tensor.
        a, b: tensors; all three broadcast together.
        value: factor of the quotient.
        out: tensor that receives the result.

    Raises:
        ValueError: the shapes do not broadcast.

    Example:
        >>> import lucid
        >>> print(lucid.addcdiv(lucid.tensor([1.0]), lucid.tensor([6.0]), lucid.tensor([3.0]), value=10))
        [21.0]
    """
    if type(value) in (int, float) and alike(x, a, b):
        return wrap(_ops.addcdiv(x._data, a._data, b._data, value))
    return add(x, a / b, alpha=value)


clip = clamp

__all__ = [
    "addcdiv", "addcmul", "clamp", "clip", "lerp",
]  # fmt: skip
