"""Bessel functions and their relatives, without gradients where PyTorch has none."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid._functions import _bessel_math as approximations
from lucid._functions.elementwise import evaluated
from lucid._functions.special import i0 as modified_bessel_i0
from lucid._functions.special import i1 as modified_bessel_i1
from lucid._functions.special import in_double

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = [
    "airy_ai", "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "erfcx", "log_ndtr", "modified_bessel_i0",
    "modified_bessel_i1", "modified_bessel_k0", "modified_bessel_k1", "scaled_modified_bessel_k0",
    "scaled_modified_bessel_k1", "spherical_bessel_j0",
]  # fmt: skip


def _double(function: Any) -> Any:
    """``function`` in float64 on arrays of any shape, numbers included."""
    return in_double(lambda x: np.asarray(function(np.atleast_1d(x))).reshape(np.shape(x)))


@evaluated(_double(approximations.j0), lambda x, y, dy: -dy * _at("bessel_j1", x))
def bessel_j0(x: Tensor, *, out: Tensor | None = None) -> Any:
    """Bessel's function of the first kind, order 0; 0 at infinity.

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.special.bessel_j0(lucid.tensor([0.0, 1.0], dtype=lucid.float64)))
        [1.0, 0.76519769]

    Source: Abramowitz and Stegun, 1964, chapter 9.
    """


@evaluated(_double(approximations.j1), lambda x, y, dy: dy * (bessel_j0(x) - _ratio(y, x)), "xy")
def bessel_j1(x: Tensor, *, out: Tensor | None = None) -> Any:
    """Bessel's function of the first kind, order 1; 0 at infinity.

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.special.bessel_j1(lucid.tensor([0.0, 1.0], dtype=lucid.float64)))
        [0.0, 0.44005059]

    Source: Abramowitz and Stegun, 1964, chapter 9.
    """


@evaluated(_double(approximations.y0), lambda x, y, dy: -dy * _at("bessel_y1", x))
def bessel_y0(x: Tensor, *, out: Tensor | None = None) -> Any:
    """Bessel's function of the second kind, order 0; -inf at 0, NaN below.

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.special.bessel_y0(lucid.tensor([1.0, 2.0], dtype=lucid.float64)))
        [0.08825696, 0.51037567]

    Source: Abramowitz and Stegun, 1964, chapter 9.
    """


@evaluated(_double(approximations.y1), lambda x, y, dy: dy * (bessel_y0(x) - y / x), "xy")
def bessel_y1(x: Tensor, *, out: Tensor | None = None) -> Any:
    """Bessel's function of the second kind, order 1; -inf at 0, NaN below.

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.special.bessel_y1(lucid.tensor([1.0, 2.0], dtype=lucid.float64)))
        [-0.78121282, -0.10703243]

    Source: Abramowitz and Stegun, 1964, chapter 9.
    """


@evaluated(_double(approximations.k0), lambda x, y, dy: -dy * _at("modified_bessel_k1", x))
def modified_bessel_k0(x: Tensor, *, out: Tensor | None = None) -> Any:
    """The modified Bessel function of the second kind, order 0; inf at 0, NaN below.

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.special.modified_bessel_k0(lucid.tensor([1.0, 2.0], dtype=lucid.float64)))
        [0.42102444, 0.11389387]

    Source: Abramowitz and Stegun, 1964, section 9.6.
    """


@evaluated(_double(approximations.k1), lambda x, y, dy: -dy * (modified_bessel_k0(x) + y / x), "xy")
def modified_bessel_k1(x: Tensor, *, out: Tensor | None = None) -> Any:
    """The modified Bessel function of the second kind, order 1; inf at 0, NaN below.

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.special.modified_bessel_k1(lucid.tensor([1.0, 2.0], dtype=lucid.float64)))
        [0.60190723, 0.13986588]

    Source: Abramowitz and Stegun, 1964, section 9.6.
    """


@evaluated(_double(approximations.k0e), lambda x, y, dy: dy * (y - _at("scaled_modified_bessel_k1", x)), "xy")
def scaled_modified_bessel_k0(x: Tensor, *, out: Tensor | None = None) -> Any:
    """exp(x) times `modified_bessel_k0`.

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.special.scaled_modified_bessel_k0(lucid.tensor([1.0, 2.0], dtype=lucid.float64)))
        [1.14446308, 0.84156822]

    Source: Abramowitz and Stegun, 1964, section 9.6.
    """


@evaluated(_double(approximations.k1e), lambda x, y, dy: dy * (y - y / x - scaled_modified_bessel_k0(x)), "xy")
def scaled_modified_bessel_k1(x: Tensor, *, out: Tensor | None = None) -> Any:
    """exp(x) times `modified_bessel_k1`.

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.special.scaled_modified_bessel_k1(lucid.tensor([1.0, 2.0], dtype=lucid.float64)))
        [1.63615349, 1.03347685]

    Source: Abramowitz and Stegun, 1964, section 9.6.
    """


@evaluated(_double(approximations.spherical_j0), lambda x, y, dy: dy * _spherical_slope(x, y), "xy")
def spherical_bessel_j0(x: Tensor, *, out: Tensor | None = None) -> Any:
    """sin(x) / x: the spherical Bessel function of the first kind, order 0; 1 at 0, 0 at infinity.

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.special.spherical_bessel_j0(lucid.tensor([0.0, 1.0], dtype=lucid.float64)))
        [1.0, 0.84147098]

    Source: Abramowitz and Stegun, 1964, section 10.1.
    """


@evaluated(_double(approximations.airy), None)
def airy_ai(x: Tensor, *, out: Tensor | None = None) -> Any:
    """Airy's function Ai; it has no gradient. 0 at inf.

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.special.airy_ai(lucid.tensor([0.0, 1.0], dtype=lucid.float64)))
        [0.35502805, 0.13529242]

    Source: Abramowitz and Stegun, 1964, section 10.4.
    """


@evaluated(_double(approximations.erfcx), lambda x, y, dy: dy * (2 * x * y - 2 / math.sqrt(math.pi)), "xy")
def erfcx(x: Tensor, *, out: Tensor | None = None) -> Any:
    """exp(x^2) erfc(x), which does not underflow.

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.special.erfcx(lucid.tensor([0.0, 10.0], dtype=lucid.float64)))
        [1.0, 0.05614099]

    Source: Abramowitz and Stegun, 1964, chapter 7.
    """


@evaluated(
    _double(approximations.log_ndtr), lambda x, y, dy: dy * (math.sqrt(2 / math.pi) / erfcx(x * -math.sqrt(0.5)))
)
def log_ndtr(x: Tensor, *, out: Tensor | None = None) -> Any:
    """The logarithm of the normal distribution function, exact far below 0 as well.

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.special.log_ndtr(lucid.tensor([0.0, -10.0], dtype=lucid.float64)))
        [-0.69314718, -53.23128515]

    Source: Abramowitz and Stegun, 1964, section 26.2.
    """


def _at(name: str, x: Tensor) -> Tensor:
    """A function that is defined further down."""
    return globals()[name](x)


def _ratio(y: Tensor, x: Tensor) -> Tensor:
    """J1(x) / x, which is 1 / 2 at 0."""
    from lucid._functions.choice import where

    return where(x == 0, 0.5, y / where(x == 0, 1.0, x))


def _spherical_slope(x: Tensor, y: Tensor) -> Tensor:
    """(cos x - sin x / x) / x; -x / 3 near 0."""
    from lucid._functions.choice import where
    from lucid._functions.pointwise import abs
    from lucid._functions.trigonometric import cos

    near = abs(x) < 1e-4
    return where(near, x * (-1 / 3), (cos(x) - y) / where(near, 1.0, x))
