"""Elementwise functions of one argument: each is one decorated line of documentation and its derivative."""

from __future__ import annotations

import builtins
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _ops
from lucid._functions._common import Operand, as_tensor, floating
from lucid._functions._unary import Unary
from lucid.autograd._node import TensorBase, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def _negative(x: np.ndarray) -> np.ndarray:
    if x.dtype.kind == "b":
        raise RuntimeError("neg: a bool tensor has no negative; use ~ or logical_not()")
    return np.negative(x)


INTEGER: dict[str, Callable[[np.ndarray], Any]] = {
    "neg": _negative,
    "sign": lambda x: x.copy() if x.dtype.kind == "b" else np.sign(x),
    "square": lambda x: np.square(x.astype(np.int64) if x.dtype.kind == "b" else x),
}
"""What integers and bools need where NumPy's function of the same name is missing or differs from PyTorch's."""


def operation_of(
    function: Callable[..., Any],
    kernel: Callable[..., Any],
    derivative: Callable[[Any, Any, Any], Any] | None,
    saves: str,
) -> type[Unary]:
    """The operation of one tensor named after ``function``, in whose module it is found again by saved plans.

    Args:
        function: the public function.
        kernel: array -> array.
        derivative: (x, y, dy) -> dx from differentiable functions; None for a zero gradient.
        saves: which of ``x`` and ``y`` the derivative reads.
    """

    class Operation(Unary):
        __slots__ = ()

        def backward(self, dy: Tensor) -> Tensor | None:
            x = self.unpack()[0] if "x" in saves else None
            y = self.unpack_result() if "y" in saves else None
            return None if derivative is None else derivative(x, y, dy)

    Operation.kernel, Operation.saves = staticmethod(kernel), saves
    Operation.__name__ = Operation.__qualname__ = function.__name__.capitalize()
    Operation.__module__ = function.__module__
    return Operation


def differentiable(
    derivative: Callable[[Any, Any, Any], Any] | None, saves: str = "x", integer: bool = False
) -> Callable[[Any], Any]:
    """Make the decorated, empty function run the kernel of its name.

    Args:
        derivative: (x, y, dy) -> dx from differentiable functions; None for a zero gradient.
        saves: which of ``x`` and ``y`` the derivative reads.
        integer: integers stay integers, by NumPy's function of that name, instead of becoming floats.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Tensor]:
        name = function.__name__
        on_integers = INTEGER.get(name, getattr(np, name, None))
        operation = operation_of(function, getattr(_ops, name), derivative, saves)

        @functools.wraps(function)
        def call(x: Operand, *, out: Tensor | None = None) -> Tensor:
            if not isinstance(x, TensorBase):
                x = as_tensor(x, name)
            if x._data.dtype.kind != "f":
                if integer:
                    return wrap(np.asarray(on_integers(x._data)))  # type: ignore[misc]
                x = floating(x)
            return operation.apply(x)

        call.operation = operation  # type: ignore[attr-defined]

        return call

    return decorate


@differentiable(lambda x, y, dy: -dy, saves="", integer=True)
def neg(x: Tensor, *, out: Tensor | None = None) -> Any:
    """-x.

        dy/dx = -1

    Args:
        x: any shape and dtype, which the result has.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.neg(lucid.tensor([1.5, -2.0], dtype=lucid.float64)))
        [-1.5, 2.0]
    """


@differentiable(lambda x, y, dy: dy * x.sign(), integer=True)
def abs(x: Tensor, *, out: Tensor | None = None) -> Any:
    """|x|; the gradient at 0 is 0.

        y = |x|,    dy/dx = sign(x)

    Args:
        x: any shape and dtype, which the result has.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.abs(lucid.tensor([1.5, -2.0], dtype=lucid.float64)))
        [1.5, 2.0]
    """


@differentiable(None, saves="", integer=True)
def sign(x: Tensor, *, out: Tensor | None = None) -> Any:
    """-1, 0 or 1; NaN for NaN.

    Args:
        x: any shape and dtype, which the result has.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.sign(lucid.tensor([1.5, 0.0, -2.0], dtype=lucid.float64)))
        [1.0, 0.0, -1.0]
    """


@differentiable(None, saves="", integer=True)
def floor(x: Tensor, *, out: Tensor | None = None) -> Any:
    """The largest integer not above x; gradient 0.

    Args:
        x: any shape and dtype, which the result has.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.floor(lucid.tensor([1.5, -1.5], dtype=lucid.float64)))
        [1.0, -2.0]
    """


@differentiable(None, saves="", integer=True)
def ceil(x: Tensor, *, out: Tensor | None = None) -> Any:
    """The smallest integer not below x; gradient 0.

    Args:
        x: any shape and dtype, which the result has.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.ceil(lucid.tensor([1.5, -1.5], dtype=lucid.float64)))
        [2.0, -1.0]
    """


def _nearest_integer(x: Tensor, *, out: Tensor | None = None) -> Any:
    """The nearest integer, halves to even; gradient 0."""


_nearest_integer.__name__ = "round"  # the kernel's
_nearest = differentiable(None, saves="", integer=True)(_nearest_integer)


def round(x: Tensor, *, decimals: int = 0, out: Tensor | None = None) -> Tensor:
    """The nearest number with ``decimals`` digits after the point, halves to even; gradient 0.

    Args:
        x: any tensor; integers are given back.
        decimals: digits; negative ones are before the point. Only for floating point.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> lucid.round(lucid.tensor([1.26, -2.5])).tolist(), lucid.round(lucid.tensor(1.25), decimals=1).item()
        ([1.0, -2.0], 1.2000000476837158)
    """
    if not decimals:
        return _nearest(x)
    scale = 10.0 ** builtins.abs(decimals)
    return _nearest(x * scale) / scale if decimals > 0 else _nearest(x / scale) * scale


round.operation = _nearest.operation  # type: ignore[attr-defined]


@differentiable(None, saves="", integer=True)
def trunc(x: Tensor, *, out: Tensor | None = None) -> Any:
    """x without its fraction; gradient 0.

    Args:
        x: any shape and dtype, which the result has.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.trunc(lucid.tensor([1.5, -1.5], dtype=lucid.float64)))
        [1.0, -1.0]
    """


@differentiable(lambda x, y, dy: -dy * y * y, saves="y")
def reciprocal(x: Tensor, *, out: Tensor | None = None) -> Any:
    """1 / x.

        y = 1 / x,    dy/dx = -y^2

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.reciprocal(lucid.tensor([4.0, -0.5], dtype=lucid.float64)))
        [0.25, -2.0]
    """


@differentiable(lambda x, y, dy: dy / (2 * y), saves="y")
def sqrt(x: Tensor, *, out: Tensor | None = None) -> Any:
    """The square root; NaN below zero.

        y = x^(1/2),    dy/dx = 1 / (2 * y)

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.sqrt(lucid.tensor([4.0, 2.0], dtype=lucid.float64)))
        [2.0, 1.41421356]
    """


@differentiable(lambda x, y, dy: dy * y / x * -0.5, saves="xy")
def rsqrt(x: Tensor, *, out: Tensor | None = None) -> Any:
    """1 / sqrt(x).

        y = x^(-1/2),    dy/dx = -y^3 / 2

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.rsqrt(lucid.tensor([4.0, 0.25], dtype=lucid.float64)))
        [0.5, 2.0]
    """


@differentiable(lambda x, y, dy: dy * (2 * x), integer=True)
def square(x: Tensor, *, out: Tensor | None = None) -> Any:
    """x * x.

        y = x * x,    dy/dx = 2 * x

    Args:
        x: any shape and dtype, which the result has.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.square(lucid.tensor([1.5, -2.0], dtype=lucid.float64)))
        [2.25, 4.0]
    """


negative, absolute = neg, abs

__all__ = [
    "abs", "absolute", "ceil", "floor", "neg", "negative", "reciprocal", "round", "rsqrt", "sign", "sqrt", "square",
    "trunc",
]  # fmt: skip
