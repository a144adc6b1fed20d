"""Softmax, its mirror image and its logarithm."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from lucid._functions import softmax as ops
from lucid._functions._unary import Unary, run_along
from lucid._functions.pointwise import neg
from lucid.nn.functional._common import check_floating, check_tensors

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def _along(name: str, operation: type[Unary], x: Tensor, dim: int | None, stacklevel: int, dtype: Any) -> Tensor:
    """Check, choose a dimension where none is given, and apply."""
    if dim is not None and dtype is None:
        return run_along(name, operation, x, dim)
    (check_floating if dtype is None else check_tensors)(name, x)
    if dim is None:
        warnings.warn(
            f"Implicit dimension choice for {name} has been deprecated. "
            "Change the call to include dim=X as an argument.",
            stacklevel=stacklevel,
        )
        dim = 0 if x._data.ndim in (0, 1, 3) else 1
    return ops.along(operation, name, x, dim, dtype)


def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """Exponentials scaled to sum to 1 along a dimension.

        y_i = exp(x_i) / sum_j exp(x_j)

    Args:
        input: floating point, any shape; any dtype when ``dtype`` is given.
        dim: dimension along which the result sums to 1. None means 0 for 0, 1 and 3 dimensions and 1 otherwise,
            with a warning.
        _stacklevel: whose line the warning about ``dim`` names, as in `warnings.warn`.
        dtype: convert to this floating-point type first.

    Returns:
        Same shape, values in [0, 1]. -inf gives 0; inf, or nothing but -inf, makes the slice NaN, as NaN does.

    Raises:
        TypeError: ``input`` is not a floating-point tensor and no ``dtype`` is given.
        IndexError: ``dim`` is out of range.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> print(F.softmax(lucid.tensor([1.0, 1.0, 1.0, 1.0]), dim=0))
        [0.25, 0.25, 0.25, 0.25]

    Source: Bridle, Probabilistic interpretation of feedforward classification network outputs, 1990.
    """
    return _along("softmax", ops.Softmax, input, dim, _stacklevel, dtype)


def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """The softmax of -x.

        y_i = exp(-x_i) / sum_j exp(-x_j)

    Args:
        input: floating point, any shape; any dtype when ``dtype`` is given.
        dim: dimension along which the result sums to 1; None as for `softmax`.
        _stacklevel: whose line the warning about ``dim`` names, as in `warnings.warn`.
        dtype: convert to this floating-point type first.

    Returns:
        Same shape, values in [0, 1]. inf gives 0; -inf, or nothing but inf, makes the slice NaN, as NaN does.

    Raises:
        TypeError: ``input`` is not a floating-point tensor and no ``dtype`` is given.
        IndexError: ``dim`` is out of range.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> print(F.softmin(lucid.tensor([1.0, 1.0]), dim=0))
        [0.5, 0.5]

    Source: Bridle, 1990, with the sign of the input changed.
    """
    (check_floating if dtype is None else check_tensors)("softmin", input)
    return _along("softmin", ops.Softmax, neg(input), dim, _stacklevel, dtype)


def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """The logarithm of the softmax, without underflow.

        y_i = x_i - log(sum_j exp(x_j))

    Args:
        input: floating point, any shape; any dtype when ``dtype`` is given.
        dim: dimension along which exp(y) sums to 1; None as for `softmax`.
        _stacklevel: whose line the warning about ``dim`` names, as in `warnings.warn`.
        dtype: convert to this floating-point type first.

    Returns:
        Same shape, values up to 0. -inf gives -inf; inf, or nothing but -inf, makes the slice NaN, as NaN does.

    Raises:
        TypeError: ``input`` is not a floating-point tensor and no ``dtype`` is given.
        IndexError: ``dim`` is out of range.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> print(F.log_softmax(lucid.tensor([0.0, 0.0], dtype=lucid.float64), dim=0))
        [-0.69314718, -0.69314718]

    Source: Bridle, 1990.
    """
    return _along("log_softmax", ops.LogSoftmax, input, dim, _stacklevel, dtype)


__all__ = ["log_softmax", "softmax", "softmin"]
