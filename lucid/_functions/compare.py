"""Comparisons, logic and tests of values; none of them has a gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _dtype, _ops
from lucid._functions._arguments import check_tensors
from lucid._functions._common import Operand, check_broadcast, operands
from lucid._functions._errors import KindError, OptionError
from lucid.autograd._node import TensorBase, compute

if TYPE_CHECKING:
    from lucid._tensor import Tensor

Binary = Callable[..., "Tensor"]


def _comparison(name: str, kernel: Callable[..., np.ndarray], other: Callable[..., Any], symbol: str) -> Binary:
    def compare(x: Operand, y: Operand, *, out: Tensor | None = None) -> Tensor:
        x, y = operands(name, x, y)
        return compute(kernel if x._data.dtype.kind == "f" else other, x, y)

    compare.__name__ = compare.__qualname__ = name
    compare.__doc__ = f"""x {symbol} y, elementwise and broadcast, as a bool tensor; false where either is NaN.

    Args:
        x, y: tensors or numbers, promoted to one dtype.
        out: tensor that receives the result.

    Raises:
        ValueError: the shapes do not broadcast.

    Example:
        >>> import lucid
        >>> print(lucid.{name}(lucid.tensor([1, 2, 3]), 2))
        {other(np.array([1, 2, 3]), 2).tolist()}
    """
    return compare


eq = _comparison("eq", _ops.eq, np.equal, "==")
ne = _comparison("ne", _ops.ne, np.not_equal, "!=")
lt = _comparison("lt", _ops.lt, np.less, "<")
le = _comparison("le", _ops.le, np.less_equal, "<=")
gt = _comparison("gt", _ops.gt, np.greater, ">")
ge = _comparison("ge", _ops.ge, np.greater_equal, ">=")
ne.__doc__ = str(ne.__doc__).replace("false where", "true where")


def equal_operator(x: Tensor, y: Any) -> Any:
    """x == y for operands, otherwise Python's fallback (identity)."""
    return eq(x, y) if isinstance(y, (TensorBase, np.ndarray, *_dtype.NUMBERS)) else NotImplemented


def unequal_operator(x: Tensor, y: Any) -> Any:
    """x != y for operands, otherwise Python's fallback (identity)."""
    return ne(x, y) if isinstance(y, (TensorBase, np.ndarray, *_dtype.NUMBERS)) else NotImplemented


def _mask(value: Operand, other: Operand) -> Operand:
    """A negative number beside a tensor of unsigned integers as its two's complement."""
    if type(value) is int and isinstance(other, TensorBase) and other._data.dtype.kind == "u":
        span = 1 << 8 * other._data.dtype.itemsize
        return value + span if -span < value < 0 else value
    return value


def _logical(name: str, function: Callable[..., Any], text: str, bitwise: bool) -> Binary:
    def logic(x: Operand, y: Operand, *, out: Tensor | None = None) -> Tensor:
        if bitwise:
            x, y = _mask(x, y), _mask(y, x)
        x, y = operands(name, x, y)
        if bitwise and x._data.dtype.kind == "f":
            raise KindError(f"{name}: not implemented for {x.dtype}")
        return compute(function, x, y)

    logic.__name__ = logic.__qualname__ = name
    floats = "\n        RuntimeError: an operand is floating point." if bitwise else ""
    logic.__doc__ = f"""{text}, elementwise and broadcast.

    Args:
        x, y: tensors or numbers{" of integers or bools" if bitwise else ""}.
        out: tensor that receives the result.

    Raises:
        ValueError: the shapes do not broadcast.{floats}

    Example:
        >>> import lucid
        >>> print(lucid.{name}(lucid.tensor([0, 5, 6]), 3))
        {function(np.array([0, 5, 6]), 3).tolist()}
    """
    return logic


logical_and = _logical("logical_and", np.logical_and, "Whether both are nonzero", False)
logical_or = _logical("logical_or", np.logical_or, "Whether either is nonzero", False)
logical_xor = _logical("logical_xor", np.logical_xor, "Whether exactly one is nonzero", False)
bitwise_and = _logical("bitwise_and", np.bitwise_and, "x & y of integers or bools", True)
bitwise_or = _logical("bitwise_or", np.bitwise_or, "x | y of integers or bools", True)
bitwise_xor = _logical("bitwise_xor", np.bitwise_xor, "x ^ y of integers or bools", True)


def logical_not(x: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Whether each element is zero.

    Args:
        x: any shape and dtype.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.logical_not(lucid.tensor([0, 2])))
        [True, False]
    """
    check_tensors("logical_not", x)
    return compute(np.logical_not, x)


def bitwise_not(x: Tensor, *, out: Tensor | None = None) -> Tensor:
    """~x of integers, the complement of bools.

    Args:
        x: integers or bools, any shape.
        out: tensor that receives the result.

    Raises:
        RuntimeError: ``x`` is floating point.

    Example:
        >>> import lucid
        >>> print(lucid.bitwise_not(lucid.tensor([5, -1])))
        [-6, 0]
    """
    check_tensors("bitwise_not", x)
    if x._data.dtype.kind == "f":
        raise KindError(f"bitwise_not: not implemented for {x.dtype}")
    return compute(np.invert, x)


def isnan(x: Tensor) -> Tensor:
    """Whether each element is NaN.

    Args:
        x: any shape and dtype.

    Example:
        >>> import lucid
        >>> print(lucid.isnan(lucid.tensor([1.0, float('nan')])))
        [False, True]
    """
    check_tensors("isnan", x)
    return compute(np.isnan, x)


def isinf(x: Tensor) -> Tensor:
    """Whether each element is infinite.

    Args:
        x: any shape and dtype.

    Example:
        >>> import lucid
        >>> print(lucid.isinf(lucid.tensor([1.0, float('-inf')])))
        [False, True]
    """
    check_tensors("isinf", x)
    return compute(np.isinf, x)


def isfinite(x: Tensor) -> Tensor:
    """Whether each element is neither infinite nor NaN.

    Args:
        x: any shape and dtype.

    Example:
        >>> import lucid
        >>> print(lucid.isfinite(lucid.tensor([1.0, float('inf')])))
        [True, False]
    """
    check_tensors("isfinite", x)
    return compute(np.isfinite, x)


def _check_tolerances(name: str, rtol: float, atol: float) -> None:
    for what, value in (("rtol", rtol), ("atol", atol)):
        if value < 0:
            raise OptionError(f"{name}: {what} must be greater than or equal to zero, got {value}")


def isclose(x: Tensor, y: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Tensor:
    """Whether |x - y| <= atol + rtol * |y|, elementwise.

        |x - y| <= atol + rtol * |y|

    Args:
        x, y: tensors whose shapes broadcast.
        rtol: tolerance relative to ``y``.
        atol: absolute tolerance, in the unit of ``x``.
        equal_nan: NaN is close to NaN.

    Raises:
        RuntimeError: a tolerance is negative.
        ValueError: the shapes do not broadcast.

    Example:
        >>> import lucid
        >>> print(lucid.isclose(lucid.tensor([1.0, 2.0]), lucid.tensor([1.0, 2.1])))
        [True, False]
    """
    check_tensors("isclose", x, y)
    _check_tolerances("isclose", rtol, atol)
    check_broadcast("isclose", x._data.shape, y._data.shape)
    return compute(np.isclose, x, y, rtol, atol, equal_nan)


def allclose(x: Tensor, y: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether |x - y| <= atol + rtol * |y| everywhere.

        |x - y| <= atol + rtol * |y|

    Args:
        x, y: tensors whose shapes broadcast.
        rtol: tolerance relative to ``y``.
        atol: absolute tolerance, in the unit of ``x``.
        equal_nan: NaN is close to NaN.

    Raises:
        RuntimeError: a tolerance is negative.
        ValueError: the shapes do not broadcast.

    Example:
        >>> import lucid
        >>> print(lucid.allclose(lucid.tensor([1.0, 2.0]), lucid.tensor([1.0, 2.000001])))
        True
    """
    check_tensors("allclose", x, y)
    _check_tolerances("allclose", rtol, atol)
    check_broadcast("allclose", x._data.shape, y._data.shape)
    return bool(np.allclose(x._data, y._data, rtol, atol, equal_nan))


def equal(x: Tensor, y: Tensor) -> bool:
    """Whether shapes and all elements are the same; NaN differs from NaN.

    Args:
        x, y: tensors of any shapes and dtypes.

    Example:
        >>> import lucid
        >>> print(lucid.equal(lucid.tensor([1, 2]), lucid.tensor([1, 2])))
        True
    """
    check_tensors("equal", x, y)
    return bool(np.array_equal(x._data, y._data))


__all__ = [
    "allclose", "bitwise_and", "bitwise_not", "bitwise_or", "bitwise_xor", "eq", "equal", "ge", "gt", "isclose",
    "isfinite", "isinf", "isnan", "le", "logical_and", "logical_not", "logical_or", "logical_xor", "lt", "ne",
]  # fmt: skip
