"""The incomplete gamma functions, and orthogonal polynomials."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid._functions._chebyshev_math import angular, shifted_angular
from lucid._functions._common import Operand, check_broadcast, floating, operands, sum_to
from lucid._functions._special_math import lgamma as log_gamma
from lucid._functions.exponential import exp, log
from lucid._functions.special import lgamma
from lucid.autograd._node import Node, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = [
    "chebyshev_polynomial_t", "chebyshev_polynomial_u", "chebyshev_polynomial_v", "chebyshev_polynomial_w",
    "hermite_polynomial_h", "hermite_polynomial_he", "igamma", "igammac", "laguerre_polynomial_l",
    "legendre_polynomial_p", "shifted_chebyshev_polynomial_t", "shifted_chebyshev_polynomial_u",
    "shifted_chebyshev_polynomial_v", "shifted_chebyshev_polynomial_w",
]  # fmt: skip

ROUNDS = 20_000
FAR, LAST = 10_000, 1_000_000
"""Degrees that polynomials are stepped to where there is a closed form, and where there is none."""


def _factor(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """x^a exp(-x) / gamma(a)."""
    return np.exp(a * np.log(x) - x - log_gamma(a))


def _by_series(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """P(a, x) for x < a + 1."""
    term = 1 / a
    total, n = term.copy(), a.copy()
    for _ in range(ROUNDS):
        n += 1
        term = term * x / n
        total += term
        if not (np.abs(term) > np.abs(total) * 1e-17).any():
            break
    return total * _factor(a, x)


def _by_fraction(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Q(a, x) for x >= a + 1: Lentz's evaluation of Legendre's continued fraction."""
    b = x + 1 - a
    c, d = np.full_like(x, 1e300), 1 / b
    h = d.copy()
    for i in range(1, ROUNDS):
        top = -i * (i - a)
        b = b + 2
        d = 1 / np.where(top * d + b == 0, 1e-300, top * d + b)
        c = np.where(b + top / c == 0, 1e-300, b + top / c)
        h *= d * c
        if not (np.abs(d * c - 1) > 1e-16).any():
            break
    return h * _factor(a, x)


def _regularized(a: np.ndarray, x: np.ndarray, upper: bool) -> np.ndarray:
    """Q(a, x), or P(a, x); from the other where that is the smaller."""
    a, x = (v.astype(np.float64).ravel() for v in np.broadcast_arrays(a, x))
    lower = np.full(a.shape, np.nan)
    with np.errstate(all="ignore"):
        known = (a >= 0) & (x >= 0) & ~((a == 0) & (x == 0))
        lower[known & ((x == np.inf) | (a == 0))] = 1.0
        lower[known & ((x == 0) | (a == np.inf)) & (a != 0)] = 0.0
        lower[(a == np.inf) & (x == np.inf)] = np.nan
        todo = known & np.isfinite(a) & np.isfinite(x) & (a > 0) & (x > 0)
        small = todo & (x < a + 1)
        y = 1 - lower if upper else lower
        for where, function, gives_upper in ((small, _by_series, False), (todo & ~small, _by_fraction, True)):
            if where.any():
                part = function(a[where], x[where])
                y[where] = part if gives_upper == upper else 1 - part
    return y


class Incomplete(Node):
    """P or Q; the derivative by the first argument is not available, as in PyTorch."""

    __slots__ = ("sign",)

    def forward(self, a: Tensor, x: Tensor, upper: bool) -> np.ndarray:
        self.saved, self.sign = (a, x), -1.0 if upper else 1.0
        y = _regularized(a._data, x._data, upper)
        return y.reshape(np.broadcast_shapes(a._data.shape, x._data.shape)).astype(a._data.dtype)

    def backward(self, dy: Tensor) -> tuple[None, Tensor | None]:
        a, x = self.unpack()
        if self.edges[0] is not None:
            raise RuntimeError("igamma: the derivative with respect to the first argument is not available")
        return None, sum_to(dy * (self.sign * exp((a - 1) * log(x) - x - lgamma(a))), x._data.shape)


def _incomplete(name: str, a: Operand, x: Operand, upper: bool) -> Tensor:
    p, q = operands(name, a, x)
    check_broadcast(name, p._data.shape, q._data.shape)
    return Incomplete.apply(floating(p), floating(q), upper)


def igamma(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """P(a, x), the integral of t^(a - 1) exp(-t) from 0 to x over gamma(a); a is ``input``, x ``other``.

    It is differentiable in x. NaN for negative arguments and for a = x = 0.

    Args:
        input: a, a tensor or number.
        other: x, a tensor or number; shapes broadcast.
        out: tensor that receives the result.

    Raises:
        ValueError: the shapes do not broadcast.

    Example:
        >>> import lucid
        >>> round(lucid.igamma(lucid.tensor(1.0), lucid.tensor(2.0)).item(), 6)
        0.864665

    Source: NIST Digital Library of Mathematical Functions, 8.7, 8.9.
    """
    return _incomplete("igamma", input, other, False)


def igammac(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """Q(a, x) = 1 - P(a, x), without cancellation; see `igamma`.

    Args:
        input: a, a tensor or number.
        other: x, a tensor or number; shapes broadcast.
        out: tensor that receives the result.

    Raises:
        ValueError: the shapes do not broadcast.

    Example:
        >>> import lucid
        >>> print(lucid.igammac(lucid.tensor([1.0], dtype=lucid.float64), lucid.tensor([2.0], dtype=lucid.float64)))
        [0.13533528]

    Source: Abramowitz and Stegun, 1964, section 6.5.
    """
    return _incomplete("igammac", input, other, True)


def _polynomial(
    first: Callable[[Any], Any], step: Callable[[int, Any, Any, Any], Any], far: Callable[[Any, Any], Any] | None = None
) -> Callable[[Any], Any]:
    """Make the decorated, empty function evaluate p_n by its three-term recurrence, for every n at once.

    Args:
        first: p_1 of x.
        step: (k, x, p_k, p_(k - 1)) -> p_(k + 1).
        far: (n, x) -> p_n by a closed form, for degrees above FAR; without it they end at LAST.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Tensor]:
        name = function.__name__

        @functools.wraps(function)
        def call(input: Operand, n: Operand, *, out: Tensor | None = None) -> Tensor:
            x, degree = operands(name, input, n)
            check_broadcast(name, x._data.shape, degree._data.shape)
            kind = floating(x)._data.dtype
            whole = np.trunc(degree._data.astype(np.float64))
            if far is None and (whole > LAST).any():
                raise ValueError(f"{name}: expected degrees up to {LAST}, got {whole.max():.0f}")
            values, degrees = np.broadcast_arrays(x._data.astype(np.float64), whole)
            y = np.where(degrees == 0, 1.0, 0.0)
            with np.errstate(all="ignore"):
                before, now = np.ones_like(values), np.asarray(first(values))
                stepped = degrees if far is None else np.where(degrees > FAR, 0.0, degrees)
                for k in range(1, int(np.fmax.reduce(stepped, axis=None, initial=0)) + 1):
                    y = np.where(degrees == k, now, y)
                    before, now = now, step(k, values, now, before)
                    if k % 64 == 0 and np.isnan(before).all() and np.isnan(now).all():
                        y = np.where(stepped > k, np.nan, y)
                        break
                if far is not None and (degrees > FAR).any():
                    y = np.where(degrees > FAR, far(degrees, values), y)
                y = np.where((np.isnan(values) & (degrees > 0)) | np.isnan(degrees), np.nan, y)
                return wrap(np.asarray(y, kind))

        return call

    return decorate


def _chebyshev(k: int, x: Any, p: Any, q: Any) -> Any:
    return 2 * x * p - q


def _shifted(k: int, x: Any, p: Any, q: Any) -> Any:
    return 2 * (2 * x - 1) * p - q


@_polynomial(lambda x: x, _chebyshev, angular("t"))
def chebyshev_polynomial_t(input: Tensor, n: Any, *, out: Tensor | None = None) -> Any:
    """Chebyshev's polynomial T_n, for integers n; 0 below degree 0. There is no gradient.

        T_0 = 1,    T_1 = x,    T_(n+1) = 2 x T_n - T_(n-1)

    Args:
        input: x, a tensor or number.
        n: the degree, a tensor or number; shapes broadcast.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.special.chebyshev_polynomial_t(lucid.tensor([0.5, 2.0]), 2))
        [-0.5, 7.0]

    Source: Abramowitz and Stegun, 1964, chapter 22.
    """


@_polynomial(lambda x: 2 * x, _chebyshev, angular("u"))
def chebyshev_polynomial_u(input: Tensor, n: Any, *, out: Tensor | None = None) -> Any:
    """Chebyshev's polynomial U_n of the second kind; 0 below degree 0. There is no gradient.

        U_0 = 1,    U_1 = 2 x,    U_(n+1) = 2 x U_n - U_(n-1)

    Args:
        input: x, a tensor or number.
        n: the degree, a tensor or number; shapes broadcast.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.special.chebyshev_polynomial_u(lucid.tensor([0.5, 2.0]), 2))
        [0.0, 15.0]

    Source: Abramowitz and Stegun, 1964, chapter 22.
    """


@_polynomial(lambda x: 2 * x - 1, _chebyshev, angular("v"))
def chebyshev_polynomial_v(input: Tensor, n: Any, *, out: Tensor | None = None) -> Any:
    """Chebyshev's polynomial V_n of the third kind; 0 below degree 0. There is no gradient.

        V_0 = 1,    V_1 = 2 x - 1,    V_(n+1) = 2 x V_n - V_(n-1)

    Args:
        input: x, a tensor or number.
        n: the degree, a tensor or number; shapes broadcast.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.special.chebyshev_polynomial_v(lucid.tensor([0.5, 2.0]), 2))
        [-1.0, 11.0]

    Source: Mason and Handscomb, Chebyshev Polynomials, 2003.
    """


@_polynomial(lambda x: 2 * x + 1, _chebyshev, angular("w"))
def chebyshev_polynomial_w(input: Tensor, n: Any, *, out: Tensor | None = None) -> Any:
    """Chebyshev's polynomial W_n of the fourth kind; 0 below degree 0. There is no gradient.

        W_0 = 1,    W_1 = 2 x + 1,    W_(n+1) = 2 x W_n - W_(n-1)

    Args:
        input: x, a tensor or number.
        n: the degree, a tensor or number; shapes broadcast.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.special.chebyshev_polynomial_w(lucid.tensor([0.5, 2.0]), 2))
        [1.0, 19.0]

    Source: Mason and Handscomb, Chebyshev Polynomials, 2003.
    """


@_polynomial(lambda x: 2 * x - 1, _shifted, shifted_angular("t"))
def shifted_chebyshev_polynomial_t(input: Tensor, n: Any, *, out: Tensor | None = None) -> Any:
    """T_n(2 x - 1). There is no gradient.

    Args:
        input: x, a tensor or number.
        n: the degree, a tensor or number; shapes broadcast.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.special.shifted_chebyshev_polynomial_t(lucid.tensor([0.5, 1.0]), 2))
        [-1.0, 1.0]

    Source: Abramowitz and Stegun, 1964, chapter 22.
    """


@_polynomial(lambda x: 2 * (2 * x - 1), _shifted, shifted_angular("u"))
def shifted_chebyshev_polynomial_u(input: Tensor, n: Any, *, out: Tensor | None = None) -> Any:
    """U_n(2 x - 1). There is no gradient.

    Args:
        input: x, a tensor or number.
        n: the degree, a tensor or number; shapes broadcast.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.special.shifted_chebyshev_polynomial_u(lucid.tensor([0.5, 1.0]), 2))
        [-1.0, 3.0]

    Source: Abramowitz and Stegun, 1964, chapter 22.
    """


@_polynomial(lambda x: 2 * (2 * x - 1) - 1, _shifted, shifted_angular("v"))
def shifted_chebyshev_polynomial_v(input: Tensor, n: Any, *, out: Tensor | None = None) -> Any:
    """V_n(2 x - 1). There is no gradient.

    Args:
        input: x, a tensor or number.
        n: the degree, a tensor or number; shapes broadcast.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.special.shifted_chebyshev_polynomial_v(lucid.tensor([0.5, 1.0]), 2))
        [-1.0, 1.0]

    Source: Mason and Handscomb, Chebyshev Polynomials, 2003.
    """


@_polynomial(lambda x: 2 * (2 * x - 1) + 1, _shifted, shifted_angular("w"))
def shifted_chebyshev_polynomial_w(input: Tensor, n: Any, *, out: Tensor | None = None) -> Any:
    """W_n(2 x - 1). There is no gradient.

    Args:
        input: x, a tensor or number.
        n: the degree, a tensor or number; shapes broadcast.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.special.shifted_chebyshev_polynomial_w(lucid.tensor([0.5, 1.0]), 2))
        [-1.0, 5.0]

    Source: Mason and Handscomb, Chebyshev Polynomials, 2003.
    """


@_polynomial(lambda x: 2 * x, lambda k, x, p, q: 2 * x * p - 2 * k * q)
def hermite_polynomial_h(input: Tensor, n: Any, *, out: Tensor | None = None) -> Any:
    """Hermite's polynomial H_n of the physicists; 0 below degree 0. There is no gradient.

        H_0 = 1,    H_1 = 2 x,    H_(n+1) = 2 x H_n - 2 n H_(n-1)

    Args:
        input: x, a tensor or number.
        n: the degree, a tensor or number; shapes broadcast.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.special.hermite_polynomial_h(lucid.tensor([0.5, 2.0]), 2))
        [-1.0, 14.0]

    Source: Abramowitz and Stegun, 1964, chapter 22.
    """


@_polynomial(lambda x: x, lambda k, x, p, q: x * p - k * q)
def hermite_polynomial_he(input: Tensor, n: Any, *, out: Tensor | None = None) -> Any:
    """Hermite's polynomial He_n of probability; 0 below degree 0. There is no gradient.

        He_0 = 1,    He_1 = x,    He_(n+1) = x He_n - n He_(n-1)

    Args:
        input: x, a tensor or number.
        n: the degree, a tensor or number; shapes broadcast.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.special.hermite_polynomial_he(lucid.tensor([0.5, 2.0]), 2))
        [-0.75, 3.0]

    Source: Abramowitz and Stegun, 1964, chapter 22.
    """


@_polynomial(lambda x: 1 - x, lambda k, x, p, q: ((2 * k + 1 - x) * p - k * q) / (k + 1))
def laguerre_polynomial_l(input: Tensor, n: Any, *, out: Tensor | None = None) -> Any:
    """Laguerre's polynomial L_n; 0 below degree 0. There is no gradient.

        L_0 = 1,    L_1 = 1 - x,    L_(n+1) = ((2 n + 1 - x) L_n - n L_(n-1)) / (n + 1)

    Args:
        input: x, a tensor or number.
        n: the degree, a tensor or number; shapes broadcast.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.special.laguerre_polynomial_l(lucid.tensor([0.0, 2.0]), 2))
        [1.0, -1.0]

    Source: Abramowitz and Stegun, 1964, chapter 22.
    """


@_polynomial(lambda x: x, lambda k, x, p, q: ((2 * k + 1) * x * p - k * q) / (k + 1))
def legendre_polynomial_p(input: Tensor, n: Any, *, out: Tensor | None = None) -> Any:
    """Legendre's polynomial P_n; 0 below degree 0. There is no gradient.

        P_0 = 1,    P_1 = x,    P_(n+1) = ((2 n + 1) x P_n - n P_(n-1)) / (n + 1)

    Args:
        input: x, a tensor or number.
        n: the degree, a tensor or number; shapes broadcast.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.special.legendre_polynomial_p(lucid.tensor([0.0, 2.0]), 2))
        [-0.5, 5.5]

    Source: Abramowitz and Stegun, 1964, chapter 22.
    """
