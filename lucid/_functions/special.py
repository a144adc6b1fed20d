"""Special functions: gamma, Bessel and normal distribution, by the approximations of `_special_math`."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _ops
from lucid._functions import _special_math as approximations
from lucid._functions._common import Operand, as_tensor, floating, operands, sum_to
from lucid._functions._unary import Unary
from lucid._functions.choice import where
from lucid._functions.elementwise import evaluated, quiet
from lucid._functions.exponential import exp, log, log1p
from lucid._functions.pointwise import abs, reciprocal, sign
from lucid._functions.reduce import sum
from lucid._functions.shape import unsqueeze
from lucid.autograd._node import Node, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def in_double(function: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """``function`` in float64, rounded to the type of its operand once."""

    @functools.wraps(function)
    def call(x: np.ndarray, *args: Any) -> np.ndarray:
        return np.asarray(function(x.astype(np.float64), *args)).astype(x.dtype)

    return call


@evaluated(in_double(approximations.erfinv), lambda x, y, dy: dy * (math.sqrt(math.pi) / 2) * exp(y * y), "y")
def erfinv(x: Tensor, *, out: Tensor | None = None) -> Any:
    """The y with erf(y) = x; infinite at -1 and 1, NaN beyond.

        dy/dx = sqrt(pi) / 2 * e^(y^2)

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.erfinv(lucid.tensor([0.0, 0.5], dtype=lucid.float64)))
        [0.0, 0.47693628]

    Source: NIST Digital Library of Mathematical Functions, 7.17.
    """


@evaluated(in_double(approximations.lgamma), lambda x, y, dy: dy * polygamma(0, x))
def lgamma(x: Tensor, *, out: Tensor | None = None) -> Any:
    """log |gamma(x)|; inf at 0 and at negative integers.

        y = ln |gamma(x)|,    dy/dx = digamma(x)

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.lgamma(lucid.tensor([1.0, 4.0], dtype=lucid.float64)))
        [0.0, 1.79175947]

    Source: Abramowitz and Stegun, 1964, section 6.1.
    """


@evaluated(in_double(approximations.digamma), lambda x, y, dy: dy * polygamma(1, x))
def digamma(x: Tensor, *, out: Tensor | None = None) -> Any:
    """The derivative of `lgamma`; -inf at 0, inf at -0, NaN at negative integers.

        y = gamma'(x) / gamma(x),    dy/dx = polygamma(1, x)

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.digamma(lucid.tensor([1.0, 2.0], dtype=lucid.float64)))
        [-0.57721566, 0.42278434]

    Source: Abramowitz and Stegun, 1964, section 6.3.
    """


class Polygamma(Unary):
    __slots__ = ()
    kernel = staticmethod(quiet(in_double(lambda x, n: approximations.polygamma(n, x))))

    def backward(self, dy: Tensor) -> Tensor:
        return dy * polygamma(self.params[0] + 1, self.unpack()[0])


def polygamma(n: int, x: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The ``n``-th derivative of `digamma`.

    Args:
        n: order of the derivative.
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Raises:
        RuntimeError: ``n`` is negative.
        TypeError: ``n`` is no integer.

    Example:
        >>> import lucid
        >>> print(lucid.polygamma(1, lucid.tensor([1.0, 2.0], dtype=lucid.float64)))
        [1.64493407, 0.64493407]

    Source: Abramowitz and Stegun, 1964, section 6.4.
    """
    if not isinstance(n, (int, np.integer)):
        raise TypeError(f"polygamma: expected an int as n, got {type(n).__name__}")
    if n < 0:
        raise RuntimeError(f"polygamma: does not support negative n, got {n}")
    if n >= 2**63:
        raise OverflowError("polygamma: n must be below 2^63")
    return Polygamma.apply(floating(as_tensor(x, "polygamma")), n)


def polygamma_method(x: Tensor, n: int) -> Tensor:
    """The ``n``-th derivative of `digamma`.

    Args:
        n: order of the derivative.

    Raises:
        RuntimeError: ``n`` is negative.
        TypeError: ``n`` is no integer.

    Example:
        >>> import lucid
        >>> print(lucid.tensor([1.0]).polygamma(1))
        [1.644934]
    """
    return polygamma(n, x)


polygamma_method.__name__ = "polygamma"


def mvlgamma(x: Tensor, p: int, *, out: Tensor | None = None) -> Tensor:
    """The logarithm of the multivariate gamma function: p (p - 1) / 4 log(pi) + sum of lgamma(x - j / 2), j < p.

    Args:
        x: any shape, above (p - 1) / 2.
        p: the dimension.
        out: tensor that receives the result.

    Raises:
        RuntimeError: ``p`` is not positive.

    Example:
        >>> import lucid
        >>> print(lucid.mvlgamma(lucid.tensor([2.0, 3.0], dtype=lucid.float64), 2))
        [0.45158271, 1.55019499]

    Source: NIST Digital Library of Mathematical Functions, 35.3.
    """
    if p < 1:
        raise RuntimeError(f"mvlgamma: p has to be greater than or equal to 1, got {p}")
    shifts = wrap(np.arange(p) / 2).to(floating(x).dtype)
    return sum(lgamma(unsqueeze(x, -1) - shifts), -1) + p * (p - 1) / 4 * math.log(math.pi)


def _order_one(x: Tensor) -> Tensor:
    return i1(x)


def _order_one_scaled(x: Tensor) -> Tensor:
    return i1e(x)


@evaluated(in_double(approximations.i0), lambda x, y, dy: dy * _order_one(x))
def i0(x: Tensor, *, out: Tensor | None = None) -> Any:
    """The modified Bessel function of the first kind of order 0.

        y = 1 / pi * integral of e^(x cos(t)) from 0 to pi,    dy/dx = i1(x)

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.i0(lucid.tensor([0.0, 1.0], dtype=lucid.float64)))
        [1.0, 1.26606588]

    Source: Abramowitz and Stegun, 1964, section 9.6.
    """


@evaluated(in_double(approximations.i0e), lambda x, y, dy: dy * (_order_one_scaled(x) - sign(x) * y), "xy")
def i0e(x: Tensor, *, out: Tensor | None = None) -> Any:
    """exp(-|x|) i0(x).

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.special.i0e(lucid.tensor([0.0, 1.0], dtype=lucid.float64)))
        [1.0, 0.46575961]

    Source: Abramowitz and Stegun, 1964, section 9.6.
    """


def _over(y: Tensor, x: Tensor) -> Tensor:
    """y / x, and its limit 1/2 at 0, for y = i1(x) or i1e(x)."""
    zero = x.detach() == 0
    return where(zero, 0.5, y / where(zero, 1.0, x))


@evaluated(in_double(approximations.i1), lambda x, y, dy: dy * (i0(x) - _over(y, x)), "xy")
def i1(x: Tensor, *, out: Tensor | None = None) -> Any:
    """The modified Bessel function of the first kind of order 1.

        y = 1 / pi * integral of e^(x cos(t)) cos(t) from 0 to pi,    dy/dx = i0(x) - y / x

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.special.i1(lucid.tensor([0.0, 1.0], dtype=lucid.float64)))
        [0.0, 0.5651591]

    Source: Abramowitz and Stegun, 1964, section 9.6.
    """


@evaluated(in_double(approximations.i1e), lambda x, y, dy: dy * (i0e(x) - _over(y, x) - abs(y)), "xy")
def i1e(x: Tensor, *, out: Tensor | None = None) -> Any:
    """exp(-|x|) i1(x).

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.special.i1e(lucid.tensor([0.0, 1.0], dtype=lucid.float64)))
        [0.0, 0.20791042]

    Source: Abramowitz and Stegun, 1964, section 9.6.
    """


def _ndtr(x: np.ndarray) -> np.ndarray:
    return 0.5 * _ops.erfc(np.asarray(x * -math.sqrt(0.5), order="C"))


@evaluated(in_double(_ndtr), lambda x, y, dy: dy * exp(x * x * -0.5) * (1 / math.sqrt(2 * math.pi)))
def ndtr(x: Tensor, *, out: Tensor | None = None) -> Any:
    """The distribution function of the standard normal distribution, erfc(-x / sqrt(2)) / 2.

        y = 1 / sqrt(2 pi) * integral of e^(-t^2 / 2) from -inf to x,    dy/dx = e^(-x^2 / 2) / sqrt(2 pi)

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.special.ndtr(lucid.tensor([0.0, 1.0], dtype=lucid.float64)))
        [0.5, 0.84134475]

    Source: Abramowitz and Stegun, 1964, section 26.2.
    """


@evaluated(in_double(approximations.ndtri), lambda x, y, dy: dy * exp(y * y * 0.5) * math.sqrt(2 * math.pi), "y")
def ndtri(x: Tensor, *, out: Tensor | None = None) -> Any:
    """The inverse of `ndtr`; infinite at 0 and 1, NaN beyond.

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.special.ndtri(lucid.tensor([0.5, 0.9], dtype=lucid.float64)))
        [0.0, 1.28155157]

    Source: Abramowitz and Stegun, 1964, section 26.2.
    """


def _entr(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, -x * np.log(x), np.where(x == 0, 0.0, np.where(x < 0, -np.inf, np.nan)))


@evaluated(in_double(_entr), lambda x, y, dy: dy * (-log(x) - 1))
def entr(x: Tensor, *, out: Tensor | None = None) -> Any:
    """-x log(x); 0 at 0, -inf below.

        y = -x ln(x),    dy/dx = -ln(x) - 1

    Args:
        x: any shape; integers and bools become the default floating-point type.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.special.entr(lucid.tensor([0.0, 0.5], dtype=lucid.float64)))
        [0.0, 0.34657359]
    """


class Logit(Unary):
    __slots__ = ()

    @staticmethod
    def kernel(x: np.ndarray, eps: float | None) -> np.ndarray:
        return _ops.logit(x, -math.inf if eps is None else eps, math.inf if eps is None else 1 - eps)

    def backward(self, dy: Tensor) -> Tensor:
        (x,), eps = self.unpack(), self.params[0]
        inside = (x >= (0.0 if eps is None else eps)) & (x <= (1.0 if eps is None else 1 - eps))
        return where(inside, dy * reciprocal(x * (1 - x)), math.nan if eps is None else 0.0)


def logit(x: Tensor, eps: float | None = None, *, out: Tensor | None = None) -> Tensor:
    """log(x / (1 - x)), the inverse of the sigmoid; infinite at 0 and 1, NaN beyond.

    Args:
        x: probabilities.
        eps: first pull x into [eps, 1 - eps]; the gradient is 0 where that changes it.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.logit(lucid.tensor([0.5, 0.75], dtype=lucid.float64)))
        [0.0, 1.09861229]
    """
    return Logit.apply(floating(as_tensor(x, "logit")), eps)


class XLog1PY(Node):
    __slots__ = ("shapes",)

    def forward(self, x: Tensor, y: Tensor) -> np.ndarray:
        self.saved, self.shapes = (x, y), (x._data.shape, y._data.shape)
        a, b = x._data, y._data
        return quiet(lambda: np.where((a == 0) & (b == b), a.dtype.type(0), a * np.log1p(b)))()

    def backward(self, dz: Tensor) -> tuple[Tensor, Tensor]:
        x, y = self.unpack()
        none = (x.detach() == 0) & (y.detach() <= -1)
        dx = dz * where(none, 0.0, log1p(where(none, 0.0, y)))
        return sum_to(dx, self.shapes[0]), sum_to(dz * (x / (y + 1)), self.shapes[1])


def xlog1py(x: Operand, y: Operand, *, out: Tensor | None = None) -> Tensor:
    """x * log(1 + y), and 0 where x is 0 and y is not NaN.

    Args:
        x, y: tensors or numbers; shapes broadcast, integers become the default floating-point type.
        out: tensor that receives the result.

    Raises:
        ValueError: the shapes do not broadcast.

    Example:
        >>> import lucid
        >>> print(lucid.special.xlog1py(lucid.tensor([0.0, 2.0]), lucid.tensor([-1.0, 0.0])))
        [0.0, 0.0]
    """
    x, y = operands("xlog1py", x, y)
    return XLog1PY.apply(floating(x), floating(y))


def zeta(x: Operand, q: Operand, *, out: Tensor | None = None) -> Tensor:
    """The Hurwitz zeta function, the sum of (q + k)^-x over k >= 0, for x > 1 and q > 0. No gradient.

    For integers x, q may be negative. Poles (x = 1; q = 0, -1, ...) are inf, what is left is NaN.

    Args:
        x, q: tensors or numbers; shapes broadcast, integers become the default floating-point type.
        out: tensor that receives the result.

    Raises:
        ValueError: the shapes do not broadcast.

    Example:
        >>> import lucid
        >>> print(lucid.special.zeta(lucid.tensor([2.0], dtype=lucid.float64), 1.0))
        [1.64493407]

    Source: Abramowitz and Stegun, 1964, section 23.2.
    """
    x, q = operands("zeta", x, q)
    s, a = floating(x)._data, floating(q)._data
    value = quiet(approximations.zeta)(s.astype(np.float64), a.astype(np.float64))
    return wrap(np.asarray(value, s.dtype))
