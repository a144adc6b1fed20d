"""The incomplete gamma function and its derivative by the shape, for samples differentiable in their shape.

A sample x of the gamma distribution of shape a keeps its quantile P(a, x) while a moves, so dx/da = -(dP/da) / p(x).
The series and the continued fraction of P (DLMF 8.7.1 and 8.9.2) are differentiated term by term; for large shapes the
quantile is expanded in powers of 1 / sqrt(a) (Cornish and Fisher).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lucid._functions import _special_math as special
from lucid.autograd._mode import mode
from lucid.autograd._node import Node, wrap
from lucid.distributions import _draws

if TYPE_CHECKING:
    from lucid import Tensor

LARGE = 5000.0
MOST = 3000  # terms; sqrt(LARGE) times a few dozen is enough


def _series(a: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """S = sum of x^n / ((a + 1) ... (a + n)), and dS/da."""
    term, slope = np.ones(a.shape), np.zeros(a.shape)
    total, derivative = np.ones(a.shape), np.zeros(a.shape)
    for n in range(1, MOST):
        factor = 1 / (a + n)
        slope = slope + factor
        term = term * x * factor
        total, derivative = total + term, derivative - term * slope
        if (term * slope <= 1e-17 * -derivative).all():
            break
    return total, derivative


def _fraction(a: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """F = 1 / (x + 1 - a - 1 (1 - a) / (x + 3 - a - ...)), and dF/da, by Lentz' method and its derivative."""
    b = x + 1 - a
    c, dc = np.full(a.shape, 1e300), np.zeros(a.shape)
    d = 1 / b
    dd = d * d
    f, df = d.copy(), dd.copy()
    for n in range(1, MOST):
        an, dan = -n * (n - a), float(n)
        b = b + 2
        dd_ = dan * d + an * dd - 1  # of the denominator an * d + b
        d = 1 / (an * d + b)
        dd = -dd_ * d * d
        dc = (dan - an * dc / c) / c - 1
        c = b + an / c
        step = c * d
        dstep = dc * d + c * dd
        df = df * step + f * dstep
        f = f * step
        if (np.abs(step - 1) < 1e-16).all() and (np.abs(f * dstep) <= 1e-16 * np.abs(df)).all():
            break
    return f, df


def lower_regularized(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """P(a, x), the distribution function of the gamma distribution, in float64."""
    a, x = np.broadcast_arrays(a, x)
    with np.errstate(all="ignore"):
        front = np.exp(a * np.log(x) - x - special.lgamma(a + 1))
        low = x <= a + 1
        y = np.zeros(a.shape)
        if low.any():
            y[low] = front[low] * _series(a[low], x[low])[0]
        if not low.all():
            y[~low] = 1 - front[~low] * a[~low] * _fraction(a[~low], x[~low])[0]
    y = np.where(x == 0, 0.0, np.where(np.isposinf(x), 1.0, y))
    return np.where(np.isnan(a) | np.isnan(x) | (x < 0) | (a <= 0), np.nan, y)


def sample_derivative(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """dx/da of a sample x at fixed quantile, in float64."""
    a, x = np.broadcast_arrays(a.astype(np.float64), x.astype(np.float64))
    y = np.zeros(a.shape)
    with np.errstate(all="ignore"):
        large = a > LARGE
        low = ~large & (x <= a + 1)
        high = ~large & (x > a + 1)
        if low.any():
            p, q = a[low], x[low]
            total, derivative = _series(p, q)
            y[low] = -(q / p) * (total * (np.log(q) - special.digamma(p + 1)) + derivative)
        if high.any():
            p, q = a[high], x[high]
            f, df = _fraction(p, q)
            y[high] = q * (f * (np.log(q) - special.digamma(p)) + df)
        if large.any():
            y[large] = _expansion(a[large], x[large])
    return np.where(x == 0, 0.0, y)


def _expansion(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """dx/da from x = a + z sqrt(a) + (z^2 - 1) / 3 + (z^3 - 7 z) / (36 sqrt(a)) - (3 z^4 + 7 z^2 - 16) / (810 a) ..."""
    root = np.sqrt(a)
    z = (x - a) / root
    for _ in range(4):  # Newton's steps for z
        value = (
            a
            + z * root
            + (z * z - 1) / 3
            + (z**3 - 7 * z) / (36 * root)
            - (3 * z**4 + 7 * z * z - 16) / (810 * a)
            + (9 * z**5 + 256 * z**3 - 433 * z) / (38880 * a * root)
        )
        slope = root + 2 * z / 3 + (3 * z * z - 7) / (36 * root) - (12 * z**3 + 14 * z) / (810 * a)
        z = z - (value - x) / slope
    return (
        1
        + z / (2 * root)
        - (z**3 - 7 * z) / (72 * a * root)
        + (3 * z**4 + 7 * z * z - 16) / (810 * a * a)
        - (9 * z**5 + 256 * z**3 - 433 * z) / (25920 * a * a * root)
    )


class StandardGamma(Node):
    """Samples of the gamma distribution of rate 1, differentiable in the shape."""

    __slots__ = ()

    def forward(self, a: Tensor) -> np.ndarray:
        self.saved = (a,)
        values = _draws.generator(a._data.size).standard_gamma(a._data.astype(np.float64))
        least = np.finfo(a._data.dtype).tiny
        return self.save_result(np.asarray(np.maximum(values, least), a._data.dtype))

    def backward(self, dy: Tensor) -> Tensor:
        if mode.enabled:
            raise NotImplementedError("StandardGamma: samples have no second derivative by the shape")
        (a,) = self.unpack()
        slope = sample_derivative(a._data, self.unpack_result()._data)
        return dy * wrap(np.asarray(slope, a._data.dtype))


class LowerRegularized(Node):
    """P(a, x), differentiable in both."""

    __slots__ = ()

    def forward(self, a: Tensor, x: Tensor) -> np.ndarray:
        self.saved = (a, x)
        y = lower_regularized(a._data.astype(np.float64), x._data.astype(np.float64))
        return np.asarray(y, np.result_type(a._data, x._data))

    def backward(self, dy: Tensor) -> tuple[Tensor, Tensor]:
        a, x = self.unpack()
        density = ((a - 1) * x.log() - x - a.lgamma()).exp()
        slope = wrap(np.asarray(sample_derivative(a._data, x._data), a._data.dtype))
        return -dy * density * slope, dy * density


def standard_gamma(a: Tensor) -> Tensor:
    """One sample of rate 1 for every shape."""
    return StandardGamma.apply(a)


def log_standard_gamma(a: Tensor) -> Tensor:
    """The logarithm of a sample, finite for the smallest shapes: a sample of shape a + 1 times u^(1 / a)."""
    return standard_gamma(a + 1).log() - _draws.exponential(a.shape, a) / a
