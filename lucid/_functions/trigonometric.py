"""Circular and hyperbolic functions and their inverses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lucid._functions.pointwise import differentiable, rsqrt

if TYPE_CHECKING:
    from lucid._tensor import Tensor


@differentiable(lambda x, y, dy: dy * x.cos())
def sin(x: Tensor, *, out: Tensor | None = None) -> Any:
    """The sine of x in radians.

        dy/dx = cos(x), x in radians

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.sin(lucid.tensor([0.0, 1.0], dtype=lucid.float64)))
        [0.0, 0.84147098]

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 1964, section 4.
    """


@differentiable(lambda x, y, dy: -dy * sin(x))
def cos(x: Tensor, *, out: Tensor | None = None) -> Any:
    """The cosine of x in radians.

        dy/dx = -sin(x), x in radians

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.cos(lucid.tensor([0.0, 1.0], dtype=lucid.float64)))
        [1.0, 0.54030231]

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 1964, section 4.
    """


@differentiable(lambda x, y, dy: dy * (1 + y * y), saves="y")
def tan(x: Tensor, *, out: Tensor | None = None) -> Any:
    """The tangent of x in radians.

        dy/dx = 1 + y^2, x in radians

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.tan(lucid.tensor([0.0, 1.0], dtype=lucid.float64)))
        [0.0, 1.55740772]

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 1964, section 4.
    """


@differentiable(lambda x, y, dy: dy * rsqrt(1 - x * x))
def asin(x: Tensor, *, out: Tensor | None = None) -> Any:
    """The inverse sine, in [-pi/2, pi/2]; NaN outside [-1, 1].

        dy/dx = 1 / sqrt(1 - x^2), y in radians

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.asin(lucid.tensor([0.0, 1.0], dtype=lucid.float64)))
        [0.0, 1.57079633]

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 1964, section 4.
    """


@differentiable(lambda x, y, dy: -dy * rsqrt(1 - x * x))
def acos(x: Tensor, *, out: Tensor | None = None) -> Any:
    """The inverse cosine, in [0, pi]; NaN outside [-1, 1].

        dy/dx = -1 / sqrt(1 - x^2), y in radians

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.acos(lucid.tensor([0.0, 1.0], dtype=lucid.float64)))
        [1.57079633, 0.0]

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 1964, section 4.
    """


@differentiable(lambda x, y, dy: dy / (1 + x * x))
def atan(x: Tensor, *, out: Tensor | None = None) -> Any:
    """The inverse tangent, in [-pi/2, pi/2].

        dy/dx = 1 / (1 + x^2), y in radians

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.atan(lucid.tensor([0.0, 1.0], dtype=lucid.float64)))
        [0.0, 0.78539816]

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 1964, section 4.
    """


@differentiable(lambda x, y, dy: dy * x.cosh())
def sinh(x: Tensor, *, out: Tensor | None = None) -> Any:
    """The hyperbolic sine.

        y = (e^x - e^-x) / 2,    dy/dx = cosh(x)

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.sinh(lucid.tensor([0.0, 1.0], dtype=lucid.float64)))
        [0.0, 1.17520119]

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 1964, section 4.
    """


@differentiable(lambda x, y, dy: dy * sinh(x))
def cosh(x: Tensor, *, out: Tensor | None = None) -> Any:
    """The hyperbolic cosine.

        y = (e^x + e^-x) / 2,    dy/dx = sinh(x)

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.cosh(lucid.tensor([0.0, 1.0], dtype=lucid.float64)))
        [1.0, 1.54308063]

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 1964, section 4.
    """


@differentiable(lambda x, y, dy: dy * rsqrt(x * x + 1))
def asinh(x: Tensor, *, out: Tensor | None = None) -> Any:
    """The inverse hyperbolic sine.

        y = ln(x + sqrt(x^2 + 1)),    dy/dx = 1 / sqrt(x^2 + 1)

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.asinh(lucid.tensor([0.0, 1.0], dtype=lucid.float64)))
        [0.0, 0.88137359]

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 1964, section 4.
    """


@differentiable(lambda x, y, dy: dy * rsqrt(x * x - 1))
def acosh(x: Tensor, *, out: Tensor | None = None) -> Any:
    """The inverse hyperbolic cosine; NaN below 1.

        y = ln(x + sqrt(x^2 - 1)),    dy/dx = 1 / sqrt(x^2 - 1)

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.acosh(lucid.tensor([1.0, 2.0], dtype=lucid.float64)))
        [0.0, 1.3169579]

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 1964, section 4.
    """


@differentiable(lambda x, y, dy: dy / (1 - x * x))
def atanh(x: Tensor, *, out: Tensor | None = None) -> Any:
    """The inverse hyperbolic tangent; infinite at -1 and 1, NaN beyond.

        y = ln((1 + x) / (1 - x)) / 2,    dy/dx = 1 / (1 - x^2)

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.atanh(lucid.tensor([0.0, 0.5], dtype=lucid.float64)))
        [0.0, 0.54930614]

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 1964, section 4.
    """


arcsin, arccos, arctan = asin, acos, atan

__all__ = [
    "acos", "acosh", "arccos", "arcsin", "arctan", "asin", "asinh", "atan", "atanh", "cos", "cosh", "sin", "sinh",
    "tan",
]  # fmt: skip
