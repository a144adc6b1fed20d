"""Elementwise functions and reductions of the array API standard where PyTorch's differ."""

from __future__ import annotations

from typing import Any

import lucid
from lucid._tensor import Tensor
from lucid.array_api._checked import checked
from lucid.array_api._docs import document
from lucid.array_api._manipulation import Axis, result_type
from lucid.autograd._node import TensorBase

__all__ = [
    "all", "any", "argmax", "argmin", "atan2", "bitwise_invert", "ceil", "clip", "conj", "copysign", "cumulative_prod",
    "cumulative_sum", "diff", "divide", "floor", "hypot", "imag", "isfinite", "isinf", "isnan", "logaddexp", "max",
    "mean", "min", "nextafter", "pow", "prod", "real", "round", "sign", "signbit", "std", "sum", "trunc", "var",
]  # fmt: skip


# Elementwise


def _pair(x1: Any, x2: Any) -> tuple[Tensor, Tensor]:
    """Both as tensors of their common dtype."""
    d = result_type(x1, x2)
    return tuple(x.to(d) if isinstance(x, TensorBase) else lucid.tensor(x, dtype=d) for x in (x1, x2))  # type: ignore


def _of_floats(name: str) -> Any:
    def call(x1: Any, x2: Any, /) -> Tensor:
        return getattr(lucid, name)(*_pair(x1, x2))

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"`lucid.{name}` of both operands in their common dtype."
    return call


atan2, copysign, hypot, logaddexp, nextafter = map(_of_floats, ["atan2", "copysign", "hypot", "logaddexp", "nextafter"])


def divide(x1: Any, x2: Any, /) -> Tensor:
    """x1 / x2."""
    return lucid.div(x1, x2)


def pow(x1: Any, x2: Any, /) -> Tensor:
    """x1 to the power x2."""
    return lucid.pow(x1, x2)


def bitwise_invert(x: Tensor, /) -> Tensor:
    """Every bit the other way round."""
    return lucid.bitwise_not(x)


def clip(x: Tensor, /, min: Any = None, max: Any = None) -> Tensor:
    """``x`` where it lies between the bounds, else the nearer bound; the dtype stays."""
    if min is None and max is None:
        return x.clone()
    for bound, nearest in ((min, lucid.maximum), (max, lucid.minimum)):
        if bound is not None:
            limit = bound.to(x.dtype) if isinstance(bound, TensorBase) else lucid.tensor(bound, dtype=x.dtype)  # type: ignore[attr-defined]
            x = nearest(x, limit)
    return x


def _integers_stay(name: str) -> Any:
    def call(x: Tensor, /) -> Tensor:
        return getattr(lucid, name)(x) if x.dtype.is_floating_point or x.dtype.is_complex else x.clone()

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"`lucid.{name}`; integers stay as they are."
    return call


ceil, floor, trunc, conj = map(_integers_stay, ["ceil", "floor", "trunc", "conj"])


def round(x: Tensor, /) -> Tensor:
    """The nearest integer, the even one of two; of complex numbers both parts."""
    if x.dtype.is_complex:
        return lucid.complex(lucid.round(x.real), lucid.round(x.imag))
    return lucid.round(x) if x.dtype.is_floating_point else x.clone()


def sign(x: Tensor, /) -> Tensor:
    """-1, 0 or 1; z / |z| of complex numbers; NaN of NaN."""
    y = lucid.sgn(x)
    return lucid.where(lucid.isnan(x), x, y) if x.dtype.is_floating_point else y


def real(x: Tensor, /) -> Tensor:
    """The real part."""
    return x.real


def imag(x: Tensor, /) -> Tensor:
    """The imaginary part; zeros of real numbers."""
    return x.imag if x.dtype.is_complex else lucid.zeros_like(x)


def isfinite(x: Tensor, /) -> Tensor:
    """Neither NaN nor infinite."""
    return lucid.isfinite(x)


def isinf(x: Tensor, /) -> Tensor:
    """Infinite."""
    return lucid.isinf(x)


def isnan(x: Tensor, /) -> Tensor:
    """Not a number."""
    return lucid.isnan(x)


def signbit(x: Tensor, /) -> Tensor:
    """Whether the sign is set, also that of -0."""
    return lucid.signbit(x)


# Reductions


def _axes(x: Tensor, axis: Axis) -> tuple[int, ...]:
    return tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)


def sum(x: Tensor, /, *, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Tensor:
    """The sum over axes, or all; of integers in int64."""
    if axis == ():
        return x.to(dtype or (x.dtype if x.dtype.is_floating_point or x.dtype.is_complex else lucid.int64))
    if not x.ndim:
        return lucid.sum(x, dtype=dtype)
    return lucid.sum(x, _axes(x, axis), keepdims, dtype=dtype)


def prod(x: Tensor, /, *, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Tensor:
    """The product over axes, or all; of integers in int64."""
    if not x.ndim:
        return lucid.prod(x, dtype=dtype)
    for a in sorted((a % x.ndim for a in _axes(x, axis)), reverse=True):
        x = lucid.prod(x, a, keepdims, dtype=dtype)
    return x


def mean(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The mean over axes, or all."""
    return lucid.mean(x, _axes(x, axis), keepdims) if x.ndim and axis != () else x.clone()


def _correct(f: Any, x: Tensor, axis: Axis, correction: float, keepdims: bool) -> Tensor:
    if not x.ndim or axis == ():
        return lucid.zeros_like(x)
    return f(x, _axes(x, axis), correction=correction, keepdim=keepdims)


def var(x: Tensor, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Tensor:
    """The variance over axes, or all, of n - ``correction`` degrees of freedom."""
    return _correct(lucid.var, x, axis, correction, keepdims)


def std(x: Tensor, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Tensor:
    """The root of `var`."""
    return _correct(lucid.std, x, axis, correction, keepdims)


def max(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The greatest element over axes, or all."""
    return lucid.amax(x, _axes(x, axis), keepdims) if x.ndim and axis != () else x.clone()


def min(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The least element over axes, or all."""
    return lucid.amin(x, _axes(x, axis), keepdims) if x.ndim and axis != () else x.clone()


def all(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether every element is not zero."""
    y = x != 0
    return lucid.sum(~y, _axes(x, axis), keepdims) == 0 if x.ndim and axis != () else y


def any(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether an element is not zero."""
    y = x != 0
    return lucid.sum(y, _axes(x, axis), keepdims) != 0 if x.ndim and axis != () else y


def argmax(x: Tensor, /, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The first place of the greatest element."""
    y = lucid.argmax(x, axis, keepdims) if axis is not None else lucid.argmax(x)
    return y.reshape((1,) * x.ndim) if axis is None and keepdims else y


def argmin(x: Tensor, /, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The first place of the least element."""
    y = lucid.argmin(x, axis, keepdims) if axis is not None else lucid.argmin(x)
    return y.reshape((1,) * x.ndim) if axis is None and keepdims else y


def _cumulative(f: Any, start: int, x: Tensor, axis: int | None, dtype: Any, include_initial: bool) -> Tensor:
    if axis is None:
        if x.ndim > 1:
            raise ValueError(f"cumulative_{f.__name__[3:]}: axis must be given for shape {tuple(x.shape)}")
        axis = 0
    y = f(x, axis, dtype=dtype)
    if include_initial:
        shape = list(y.shape)
        shape[axis] = 1
        y = lucid.cat([lucid.full(shape, start, dtype=y.dtype), y], axis)
    return y


def cumulative_sum(
    x: Tensor, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Tensor:
    """Sums of the elements up to each one, or before each one and of all.

    Raises:
        ValueError: there is no axis, and ``x`` has several.
    """
    return _cumulative(lucid.cumsum, 0, x, axis, dtype, include_initial)


def cumulative_prod(
    x: Tensor, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Tensor:
    """Products of the elements up to each one, or before each one and of all.

    Raises:
        ValueError: there is no axis, and ``x`` has several.
    """
    return _cumulative(lucid.cumprod, 1, x, axis, dtype, include_initial)


def diff(x: Tensor, /, *, axis: int = -1, n: int = 1, prepend: Any = None, append: Any = None) -> Tensor:
    """Differences of neighbours along an axis, ``n`` times over."""
    return lucid.diff(x, n, axis, prepend, append)


document(__all__, globals())
globals().update(checked(__all__, globals()))
