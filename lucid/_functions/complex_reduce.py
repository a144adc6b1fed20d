"""Complex forms of statistics, norms, distances and losses, and of a few functions made of exponentials.

They are made of the operations of `complex_math`, so their gradients follow PyTorch's convention, see
`lucid._functions.complex`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from lucid import _dtype
from lucid._functions._common import as_tensor, cast, normalize_dim, normalize_dims
from lucid._functions.binary import maximum
from lucid._functions.choice import where
from lucid._functions.complex import Complex, Imag, Real, as_complex
from lucid._functions.complex_binary import both
from lucid._functions.distance import vector_norm
from lucid._functions.join import cat, narrow
from lucid.autograd._node import wrap

FORMS: dict[str, Callable[..., Any]] = {}


# Exponentials


def log_sum(x: Any, y: Any) -> Any:
    """log(e^x + e^y), from the one with the larger real part."""
    with np.errstate(all="ignore"):
        first = np.asarray((x._data.real >= y._data.real) | np.isnan(x._data))
    high, low = where(wrap(first), x, y), where(wrap(first), y, x)
    gone = wrap(np.asarray(np.isneginf(low._data.real)))  # e^low is 0; -inf - -inf must not make NaN
    return where(gone, high, high + where(gone, high * 0, low - high).exp().log1p())


def logaddexp(function: Any, x: Any, y: Any) -> Any:
    return log_sum(*both("logaddexp", x, y))


def logsumexp(function: Any, x: Any, dim: Any, keepdim: bool = False) -> Any:
    dims = normalize_dims("logsumexp", dim, x)
    x = as_complex("logsumexp", x)
    if not x._data.size:
        return x.exp().sum(dims, keepdim).log()
    top = x._data.real.max(dims, keepdims=True)
    shift = wrap(np.asarray(np.where(np.isfinite(top), top, 0)))
    y = (x - shift).exp().sum(dims, True).log() + shift
    shape = y._data.shape if keepdim else tuple(n for k, n in enumerate(y._data.shape) if k not in dims)
    return y.reshape(shape)


def logcumsumexp(function: Any, x: Any, dim: int) -> Any:
    """Every element combined with the one 1, 2, 4, ... places before it."""
    y, step = as_complex("logcumsumexp", x), 1
    d = normalize_dim("logcumsumexp", dim, x)
    n = y._data.shape[d] if y._data.ndim else 1
    while step < n:
        later = log_sum(narrow(y, d, step, n - step), narrow(y, d, 0, n - step))
        y, step = cat([narrow(y, d, 0, step), later], d), 2 * step
    return y.clone() if y is x else y


def softmax(function: Any, x: Any, *args: Any, dtype: Any = None, **options: Any) -> Any:
    """Of the real parts, where a real dtype is asked for; there is no complex softmax."""
    name = function.__name__
    if len(args) > 1 and isinstance(args[-1], _dtype.dtype):
        args, dtype = args[:-1], args[-1]
    if dtype is None or _dtype.as_dtype(dtype).is_complex:
        raise TypeError(f"{name}: not implemented for complex numbers")
    return function(cast(x, _dtype.as_dtype(dtype)), *args, **options)


def silu(function: Any, x: Any, inplace: bool = False) -> Any:
    y = x * x.sigmoid()
    return x.copy_(y) if inplace else y


def softsign(function: Any, x: Any) -> Any:
    return x / (1 + x.abs())


def tanhshrink(function: Any, x: Any) -> Any:
    return x - x.tanh()


def sinc(function: Any, x: Any) -> Any:
    x = as_complex("sinc", x)
    zero = wrap(np.asarray(x._data == 0))
    turned = x.masked_fill(zero, 1.0) * math.pi
    return (turned.sin() / turned).masked_fill(zero, 1.0)


def ldexp(function: Any, x: Any, exponent: Any) -> Any:
    return as_tensor(x, "ldexp") * 2.0 ** as_tensor(exponent, "ldexp")


# Statistics


def cov(function: Any, x: Any, *, correction: int = 1, fweights: Any = None, aweights: Any = None) -> Any:
    """E[(x - mean) (x - mean)^H], of the blocks of the covariance of real and imaginary parts."""
    if x._data.ndim > 2:
        raise RuntimeError(f"cov: expected input to have two or fewer dimensions, got shape {x._data.shape}")
    rows = x.reshape(1, -1) if x._data.ndim < 2 else x
    n = rows._data.shape[0]
    c = function(
        cat([Real.apply(rows), Imag.apply(rows)], 0), correction=correction, fweights=fweights, aweights=aweights
    )
    c = c.reshape(2 * n, 2 * n)
    y = Complex.apply(c[:n, :n] + c[n:, n:], c[n:, :n] - c[:n, n:])
    return y.reshape(()) if n == 1 else y


def corrcoef(function: Any, x: Any) -> Any:
    c = x.cov()
    if not c._data.ndim:
        return c / c
    root = Real.apply(c.diagonal()).sqrt()
    y = c / root.unsqueeze(1) / root.unsqueeze(0)
    return Complex.apply(*(part.apply(y).clamp(-1, 1) for part in (Real, Imag)))


def _and_mean(spread: str) -> Callable[..., Any]:
    def form(
        function: Any, x: Any, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = None
    ) -> Any:  # fmt: skip
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        return getattr(x, spread)(dim, unbiased, keepdim, correction=correction), x.mean(dim, keepdim)

    return form


# Norms and distances


def normalize(function: Any, x: Any, p: float = 2.0, dim: Any = 1, eps: float = 1e-12) -> Any:
    size = vector_norm(x.abs(), p, dim, True)
    return x / maximum(size, wrap(np.array(eps, size._data.dtype)))


def rms_norm(function: Any, x: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None) -> Any:
    """By the mean of x^2, as PyTorch: a complex number, not that of |x|^2."""
    wanted = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not wanted or x._data.shape[-len(wanted) :] != wanted or (weight is not None and weight._data.shape != wanted):
        raise RuntimeError(f"rms_norm: expected input and weight of shape (..., *{wanted}), got {x._data.shape}")
    if not x.is_complex():
        raise RuntimeError(f"rms_norm: expected a real weight for an input of {x.dtype}, got {weight.dtype}")
    eps = float(np.finfo(x._data.dtype).eps) if eps is None else eps
    y = x * ((x * x).mean(tuple(range(-len(wanted), 0)), True) + eps).rsqrt()
    return y if weight is None else y * weight


def dist(function: Any, x: Any, y: Any, p: float = 2) -> Any:
    return vector_norm((x - y).abs(), p)


def renorm(function: Any, x: Any, p: float, dim: int, maxnorm: float) -> Any:
    if x._data.ndim < 2 or not p > 0 or not maxnorm >= 0:
        raise RuntimeError(f"renorm: expected at least 2 dimensions, p > 0 and maxnorm >= 0, got {p} and {maxnorm}")
    d = normalize_dim("renorm", dim, x)
    norms = vector_norm(x.abs(), p, tuple(k for k in range(x._data.ndim) if k != d), True)
    return x * where(norms > maxnorm, maxnorm / (norms + 1e-7), 1.0)


def of_magnitude(function: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
    return function(x.abs(), *args, **kwargs)


def l1_loss(function: Any, x: Any, y: Any, *args: Any, **options: Any) -> Any:
    size = (x - y).abs()
    return function(size, wrap(np.zeros(size._data.shape, size._data.dtype)), *args, **options)


def vander(function: Any, x: Any, N: int | None = None, increasing: bool | None = None) -> Any:
    x = x if x._data.ndim else x.reshape(1)
    n = x._data.shape[-1] if N is None else N
    powers = np.arange(n)
    if function.__module__ != "lucid._functions.linalg" and not increasing:
        powers = powers[::-1]
    return x.unsqueeze(-1) ** wrap(powers.astype(x._data.dtype))


def unchanged(function: Any, x: Any, p: float = 0.5, training: bool = False, inplace: bool = False) -> Any:
    if training and p:
        raise TypeError(f"{function.__name__}: not implemented for complex numbers")
    return x


FORMS.update({
    "logaddexp": logaddexp, "logsumexp": logsumexp, "logcumsumexp": logcumsumexp, "softmax": softmax,
    "log_softmax": softmax, "softmin": softmax, "silu": silu, "softsign": softsign, "tanhshrink": tanhshrink,
    "sinc": sinc, "ldexp": ldexp, "cov": cov, "corrcoef": corrcoef, "var_mean": _and_mean("var"),
    "std_mean": _and_mean("std"), "normalize": normalize, "rms_norm": rms_norm,
    "dist": dist, "renorm": renorm, "frobenius_norm": of_magnitude,
    "norm_except_dim": of_magnitude, "l1_loss": l1_loss,
    "vander": vander, "alpha_dropout": unchanged,
    "feature_alpha_dropout": unchanged,
})  # fmt: skip

__all__ = ["FORMS"]
