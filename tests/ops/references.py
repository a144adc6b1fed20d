"""Special functions that NumPy lacks, for float64 and long double arrays."""

from __future__ import annotations

import math

import numpy as np

Array = np.ndarray


def _corrected(function: object, slope: object, x: Array) -> Array:
    """``function`` of libm at the double nearest to ``x``, plus its slope times what that rounding lost."""
    near = np.asarray(x, np.float64)
    y = np.fromiter(map(function, near.ravel().tolist()), np.float64, near.size).reshape(near.shape)  # type: ignore[arg-type]
    with np.errstate(invalid="ignore"):
        rest = np.where(np.isfinite(near), x - near, 0)
        return y.astype(x.dtype) + rest * slope(x)  # type: ignore[operator]


def erf(x: Array) -> Array:
    return _corrected(math.erf, lambda t: 2 / np.sqrt(np.pi) * np.exp(-t * t), x)


def erfc(x: Array) -> Array:
    return _corrected(math.erfc, lambda t: -2 / np.sqrt(np.pi) * np.exp(-t * t), x)


def normal_cdf(x: Array) -> Array:
    """Phi(x), from erfc so that nothing cancels in the tail; the constant has the precision of ``x``."""
    return erfc(-x / np.sqrt(x.dtype.type(2))) / 2


def sigmoid(x: Array) -> Array:
    return np.where(
        x < 0, np.exp(np.minimum(x, 0)) / (1 + np.exp(np.minimum(x, 0))), 1 / (1 + np.exp(-np.maximum(x, 0)))
    )


def softplus(x: Array) -> Array:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))
