"""Bessel, Airy and related functions in float64, vectorised with NumPy.

Ordinary ones: power series below 5, Miller's backward recurrence with Neumann's sums to 25, Hankel's expansions beyond.
Modified ones of the second kind, erfcx and Airy's function: series near 0, and elsewhere the trapezoidal rule on
integrals whose integrands decay doubly exponentially, which converges to the last digits with some dozens of points.
The formulas are those of the NIST Digital Library of Mathematical Functions, chapters 7, 9 and 10.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from lucid import _ops

EULER = 0.5772156649015329
Pieces = list[tuple[Callable[[np.ndarray], np.ndarray], Callable[[np.ndarray], np.ndarray]]]


def piecewise(x: np.ndarray, pieces: Pieces) -> np.ndarray:
    """The first piece whose condition holds, for every element; NaN where none does."""
    y, rest = np.full(x.shape, np.nan), ~np.isnan(x)
    for condition, function in pieces:
        here = rest & condition(x)
        if here.any():
            y[here] = function(x[here])
        rest &= ~here
    return y


def _series(x: np.ndarray, order: int, weights: np.ndarray, sign: int) -> np.ndarray:
    """sum_k weights[k] sign^k (x/2)^(2 k + order) / (k! (k + order)!)."""
    q, term = sign * (x / 2) ** 2, (x / 2) ** order
    y = term * weights[0]
    for k in range(1, len(weights)):
        term = term * q / (k * (k + order))
        y = y + term * weights[k]
    return y


TERMS = 32
HARMONIC = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, TERMS + 1))])
ONES = np.ones(TERMS)


def _miller(x: np.ndarray) -> list[np.ndarray]:
    """J_0 ... J_60 for 5 <= x <= 25, by backward recurrence."""
    orders = [np.zeros_like(x), np.full_like(x, 1e-300)]
    for m in range(79, 0, -1):
        orders.append(2 * m / x * orders[-1] - orders[-2])
    orders = orders[:0:-1]
    total = orders[0] + 2 * sum(orders[2::2], np.zeros_like(x))
    return [j / total for j in orders[:61]]


def _hankel(x: np.ndarray, order: int, second: bool) -> np.ndarray:
    """sqrt(2 / (pi x)) (P cos - Q sin) or (P sin + Q cos) of x - (order / 2 + 1 / 4) pi."""
    mu, term = 4 * order**2, np.ones_like(x)
    p, q = np.ones_like(x), np.zeros_like(x)
    for k in range(1, 28):
        term = term * (mu - (2 * k - 1) ** 2) / (k * 8 * x)
        if k % 2:
            q = q + (term if k % 4 == 1 else -term)
        else:
            p = p + (term if k % 4 == 0 else -term)
    # sines and cosines of x - pi / 4 and x - 3 pi / 4 from those of x, which are reduced exactly
    c, s = np.cos(x), np.sin(x)
    cos, sin = ((c + s), (s - c)) if order == 0 else ((s - c), -(c + s))
    root = 1 / np.sqrt(np.pi * x)
    return root * (p * sin + q * cos) if second else root * (p * cos - q * sin)


def _first(order: int) -> Callable[[np.ndarray], np.ndarray]:
    def near(x: np.ndarray) -> np.ndarray:
        return _series(x, order, ONES, -1)

    def j(x: np.ndarray) -> np.ndarray:
        size = np.abs(x)
        y = piecewise(size, [
            (lambda v: v < 5, near), (lambda v: v <= 25, lambda v: _miller(v)[order]),
            (np.isfinite, lambda v: _hankel(v, order, False)), (lambda v: v > 0, np.zeros_like),
        ])  # fmt: skip
        return np.where(x < 0, -y, y) if order else y

    return j


def _y_near(order: int) -> Callable[[np.ndarray], np.ndarray]:
    def y(x: np.ndarray) -> np.ndarray:
        logarithm = 2 / np.pi * (np.log(x / 2) + EULER)
        if order == 0:
            return logarithm * _series(x, 0, ONES, -1) - 2 / np.pi * _series(x, 0, HARMONIC[:TERMS], -1)
        sums = HARMONIC[:TERMS] + HARMONIC[1 : TERMS + 1]
        return logarithm * _series(x, 1, ONES, -1) - 2 / (np.pi * x) - _series(x, 1, sums, -1) / np.pi

    return y


def _y_middle(order: int) -> Callable[[np.ndarray], np.ndarray]:
    def y(x: np.ndarray) -> np.ndarray:
        j = _miller(x)
        total = np.zeros_like(x)
        for k in range(29, 0, -1):
            total += (-1) ** k * (order + 2 * k) / (k * (order + k)) * j[order + 2 * k]
        head = 2 / np.pi * (np.log(x / 2) + EULER - order) * j[order] - 2 / np.pi * total
        return head - 2 / (np.pi * x) * j[0] if order else head

    return y


def _second(order: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda x: piecewise(x, [
        (lambda v: v < 0, lambda v: np.full_like(v, np.nan)), (lambda v: v == 0, lambda v: np.full_like(v, -np.inf)),
        (lambda v: v < 5, _y_near(order)), (lambda v: v <= 25, _y_middle(order)),
        (np.isfinite, lambda v: _hankel(v, order, True)), (lambda v: v > 0, np.zeros_like),
    ])  # fmt: skip


j0, j1, y0, y1 = _first(0), _first(1), _second(0), _second(1)


def _k_near(order: int) -> Callable[[np.ndarray], np.ndarray]:
    def k(x: np.ndarray) -> np.ndarray:
        logarithm = np.log(x / 2) + EULER
        if order == 0:
            return -logarithm * _series(x, 0, ONES, 1) + _series(x, 0, HARMONIC[:TERMS], 1)
        sums = HARMONIC[:TERMS] + HARMONIC[1 : TERMS + 1]
        return 1 / x + logarithm * _series(x, 1, ONES, 1) - _series(x, 1, sums, 1) / 2

    return k


def _k_far(order: float) -> Callable[[np.ndarray], np.ndarray]:
    """exp(x) K(x) for x >= 1: the integral of exp(x - x cosh t) cosh(order t), in steps that shrink as its width."""

    def k(x: np.ndarray) -> np.ndarray:
        step = 0.2 / np.sqrt(x)
        total = np.full_like(x, 0.5)
        for i in range(1, 50):
            t = i * step
            total += np.exp(-2 * x * np.sinh(t / 2) ** 2) * np.cosh(order * t)
        return step * total

    return k


def _third(order: int, scaled: bool) -> Callable[[np.ndarray], np.ndarray]:
    def far(x: np.ndarray) -> np.ndarray:
        y = _k_far(order)(x)
        return y if scaled else y * np.exp(-x)

    def near(x: np.ndarray) -> np.ndarray:
        y = _k_near(order)(x)
        return y * np.exp(x) if scaled else y

    return lambda x: piecewise(x, [
        (lambda v: v < 0, lambda v: np.full_like(v, np.nan)), (lambda v: v == 0, lambda v: np.full_like(v, np.inf)),
        (lambda v: v <= 1.5, near), (np.isfinite, far), (lambda v: v > 0, np.zeros_like),
    ])  # fmt: skip


k0, k1, k0e, k1e = _third(0, False), _third(1, False), _third(0, True), _third(1, True)


def spherical_j0(x: np.ndarray) -> np.ndarray:
    """sin(x) / x."""
    return piecewise(np.abs(x), [
        (lambda v: v < 1e-4, lambda v: 1 - v * v / 6), (np.isfinite, lambda v: np.sin(v) / v),
        (lambda v: v > 0, np.zeros_like),
    ])  # fmt: skip


def _airy_near(x: np.ndarray) -> np.ndarray:
    f, g, a, b, cube = np.ones_like(x), x.copy(), np.ones_like(x), x.copy(), x**3
    for k in range(1, 30):
        a, b = a * cube / ((3 * k - 1) * 3 * k), b * cube / (3 * k * (3 * k + 1))
        f, g = f + a, g + b
    return 0.3550280538878172 * f - 0.2588194037928068 * g


def _airy_integral(zeta: np.ndarray) -> np.ndarray:
    """Integral of exp(-t) t^(-1/6) (2 + t / zeta)^(-1/6) over t > 0, with t = exp(u - exp(-u))."""
    total = np.zeros_like(zeta)
    for u in np.arange(-3.6, 4.4, 0.04):
        t = math.exp(u - math.exp(-u))
        total = total + math.exp(-t) * t ** (5 / 6) * (1 + math.exp(-u)) * (2 + t / zeta) ** (-1 / 6)
    return 0.04 * total


AIRY = 1 / (math.sqrt(math.pi) * 48 ** (1 / 6) * math.gamma(5 / 6))


def _airy_right(x: np.ndarray) -> np.ndarray:
    zeta = 2 / 3 * x**1.5
    return AIRY * np.exp(-zeta) * zeta ** (-1 / 6) * _airy_integral(zeta)


def _airy_left(x: np.ndarray) -> np.ndarray:
    """2 Re[exp(i pi / 3) Ai(|x| exp(i pi / 3))]; the zeta of that is i times the zeta of |x|."""
    zeta = 2 / 3 * np.abs(x) ** 1.5
    inner = _airy_integral(1j * zeta) * zeta ** (-1 / 6)
    return 2 * AIRY * (np.exp(1j * (np.pi / 4 - zeta)) * inner).real


def airy(x: np.ndarray) -> np.ndarray:
    """Ai(x)."""
    return piecewise(x, [
        (lambda v: v == np.inf, np.zeros_like), (lambda v: v == -np.inf, lambda v: np.full_like(v, np.nan)),
        (lambda v: v > 2, _airy_right), (lambda v: v < -2, _airy_left), (lambda v: v == v, _airy_near),
    ])  # fmt: skip


def erfcx(x: np.ndarray) -> np.ndarray:
    """exp(x^2) erfc(x)."""

    def right(v: np.ndarray) -> np.ndarray:
        total = 0.5 / v**2
        for i in range(1, 18):
            t = (0.4 * i) ** 2
            total = total + math.exp(-t) / (v**2 + t)
        return 0.8 / np.pi * v * total

    def split(v: np.ndarray) -> np.ndarray:
        """exp(v^2) with the square in two parts, the first without rounding."""
        high = np.round(v * 256) / 256
        return np.exp(high * high) * np.exp((v - high) * (v + high))

    return piecewise(x, [
        (lambda v: v == np.inf, np.zeros_like), (lambda v: v > 1e8, lambda v: 1 / (v * math.sqrt(math.pi))),
        (lambda v: v > 3, right), (lambda v: v > -26.7, lambda v: split(v) * _ops.erfc(v)),
        (lambda v: v == v, lambda v: np.full_like(v, np.inf)),
    ])  # fmt: skip


def log_ndtr(x: np.ndarray) -> np.ndarray:
    """The logarithm of the normal distribution function."""
    return piecewise(x, [
        (lambda v: v == -np.inf, lambda v: v.copy()),
        (lambda v: v < -1, lambda v: np.log(erfcx(-v / math.sqrt(2)) / 2) - v * v / 2),
        (lambda v: v == v, lambda v: np.log1p(-_ops.erfc(v / math.sqrt(2)) / 2)),
    ])  # fmt: skip
