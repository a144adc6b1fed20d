"""Exponentials, logarithms and the error function."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from lucid._functions.pointwise import differentiable

if TYPE_CHECKING:
    from lucid._tensor import Tensor


@differentiable(lambda x, y, dy: dy * y, saves="y")
def exp(x: Tensor, *, out: Tensor | None = None) -> Any:
    """e to the power x.

        y = e^x,    dy/dx = y

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.exp(lucid.tensor([0.0, 1.0], dtype=lucid.float64)))
        [1.0, 2.71828183]

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 1964, section 4.
    """


@differentiable(lambda x, y, dy: dy * y * math.log(2), saves="y")
def exp2(x: Tensor, *, out: Tensor | None = None) -> Any:
    """2 to the power x.

        y = 2^x,    dy/dx = y * ln(2)

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.exp2(lucid.tensor([0.0, 3.0], dtype=lucid.float64)))
        [1.0, 8.0]
    """


@differentiable(lambda x, y, dy: dy * (y + 1), saves="y")
def expm1(x: Tensor, *, out: Tensor | None = None) -> Any:
    """exp(x) - 1, accurate near 0.

        y = e^x - 1,    dy/dx = y + 1

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.expm1(lucid.tensor([0.0, 1e-10], dtype=lucid.float64)))
        [0.0, 1.0e-10]

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 1964, section 4.
    """


@differentiable(lambda x, y, dy: dy / x)
def log(x: Tensor, *, out: Tensor | None = None) -> Any:
    """The natural logarithm; -inf at 0, NaN below.

        y = ln(x),    dy/dx = 1 / x

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.log(lucid.tensor([1.0, 2.0], dtype=lucid.float64)))
        [0.0, 0.69314718]

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 1964, section 4.
    """


@differentiable(lambda x, y, dy: dy / (x * math.log(2)))
def log2(x: Tensor, *, out: Tensor | None = None) -> Any:
    """The logarithm to base 2.

        y = ln(x) / ln(2),    dy/dx = 1 / (x * ln(2))

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.log2(lucid.tensor([1.0, 8.0], dtype=lucid.float64)))
        [0.0, 3.0]
    """


@differentiable(lambda x, y, dy: dy / (x * math.log(10)))
def log10(x: Tensor, *, out: Tensor | None = None) -> Any:
    """The logarithm to base 10.

        y = ln(x) / ln(10),    dy/dx = 1 / (x * ln(10))

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.log10(lucid.tensor([1.0, 1000.0], dtype=lucid.float64)))
        [0.0, 3.0]
    """


@differentiable(lambda x, y, dy: dy / (1 + x))
def log1p(x: Tensor, *, out: Tensor | None = None) -> Any:
    """log(1 + x), accurate near 0.

        y = ln(1 + x),    dy/dx = 1 / (1 + x)

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.log1p(lucid.tensor([0.0, 1e-10], dtype=lucid.float64)))
        [0.0, 1.0e-10]

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 1964, section 4.
    """


@differentiable(lambda x, y, dy: dy * (2 / math.sqrt(math.pi)) * exp(-x * x))
def erf(x: Tensor, *, out: Tensor | None = None) -> Any:
    """The error function 2/sqrt(pi) * integral of exp(-t^2) from 0 to x.

        y = 2 / sqrt(pi) * integral of e^(-t^2) from 0 to x,    dy/dx = 2 / sqrt(pi) * e^(-x^2)

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.erf(lucid.tensor([0.0, 1.0], dtype=lucid.float64)))
        [0.0, 0.84270079]

    Source: Abramowitz and Stegun, 1964, section 7.
    """


@differentiable(lambda x, y, dy: dy * (-2 / math.sqrt(math.pi)) * exp(-x * x))
def erfc(x: Tensor, *, out: Tensor | None = None) -> Any:
    """1 - erf(x), accurate for large x.

        dy/dx = -2 / sqrt(pi) * e^(-x^2)

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.erfc(lucid.tensor([0.0, 10.0], dtype=lucid.float64)))
        [1.0, 2.08848758e-45]

    Source: Abramowitz and Stegun, 1964, section 7.
    """


__all__ = ["erf", "erfc", "exp", "exp2", "expm1", "log", "log1p", "log2", "log10"]
