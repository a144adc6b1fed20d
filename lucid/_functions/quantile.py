"""Quantiles by interpolating between order statistics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lucid._functions._arguments import check_tensors
from lucid._functions._common import normalize_dim
from lucid._functions.choice import where
from lucid._functions.gather import gather
from lucid._functions.order import sort
from lucid._functions.shape import movedim, reshape, squeeze
from lucid.autograd._node import TensorBase, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor


INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def _checked(name: str, x: Tensor, q: Any, interpolation: str) -> Tensor:
    """``q`` as a tensor.

    Raises:
        RuntimeError: an argument is wrong.
    """
    if interpolation not in INTERPOLATIONS:
        raise RuntimeError(f"{name}: interpolation must be one of {', '.join(INTERPOLATIONS)}, got {interpolation!r}")
    if x._data.dtype.kind != "f":
        raise RuntimeError(f"{name}: input tensor must be either float or double dtype, got {x.dtype}")
    q = q if isinstance(q, TensorBase) else wrap(np.asarray(q, x._data.dtype))
    if q._data.ndim > 1 or q._data.dtype != x._data.dtype:
        raise RuntimeError(
            f"{name}: q must be a scalar or 1-d tensor of dtype {x.dtype}, got {q.dtype} {q._data.shape}"
        )
    if q._data.size and not (q._data.min() >= 0 and q._data.max() <= 1):
        raise RuntimeError(f"{name}: q values must be in the range [0, 1]")
    return q


def _quantile(name: str, x: Tensor, q: Any, dim: int | None, keepdim: bool, interpolation: str, skip: bool) -> Tensor:
    q = _checked(name, x, q, interpolation)
    shape, ndim = x._data.shape, x._data.ndim
    rows = movedim(x, normalize_dim(name, dim, x), -1) if dim is not None and ndim else reshape(x, (-1,))
    n = rows._data.shape[-1]
    if not n:
        raise RuntimeError(f"{name}: input tensor must be non-empty, got shape {shape}")
    nans = np.count_nonzero(rows._data != rows._data, -1, keepdims=True)
    last = np.maximum(n - 1 - nans, 0) if skip else np.full(nans.shape, n - 1)
    ranks = q._data.reshape(-1) * last.astype(x._data.dtype)  # (..., count of q)
    if not skip:
        ranks = np.where(nans > 0, n - 1, ranks)  # NaN is sorted there
    if interpolation == "nearest":
        ranks = np.round(ranks)
    low, high = np.floor(ranks).astype(np.int64), np.ceil(ranks).astype(np.int64)
    ordered = sort(rows, -1).values
    if interpolation in ("linear", "midpoint"):
        share = wrap(
            np.full(ranks.shape, 0.5, ranks.dtype) if interpolation == "midpoint" else ranks - low.astype(ranks.dtype)
        )
        if interpolation == "linear" and q._requires_grad:
            share = where(wrap(nans > 0), share, reshape(q, (-1,)) * wrap(last.astype(ranks.dtype)) - wrap(low))
        y = _between(ordered, low, high, share)
    else:
        y = gather(ordered, -1, wrap(high if interpolation == "higher" else low))
    y = movedim(y, -1, 0)
    if keepdim:
        kept = [1] * ndim if dim is None else [1 if k == dim % ndim else s for k, s in enumerate(shape)] if ndim else []
        y = reshape(y, (-1, *kept))
    return y if q._data.ndim else squeeze(y, 0)


def _between(ordered: Tensor, low: np.ndarray, high: np.ndarray, share: Tensor) -> Tensor:
    """The point that divides the way from the element of rank ``low`` to that of rank ``high`` by ``share``."""
    y, above = gather(ordered, -1, wrap(low)), gather(ordered, -1, wrap(high))
    ends = y._data, above._data
    equal = wrap((high == low) | (np.isinf(ends[0]) & (ends[0] == ends[1])))  # inf - inf must not make NaN
    return where(equal, y, y + share * (where(equal, y, above) - y))


def quantile(
    x: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear",
    out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The value below which a share ``q`` of the elements lies: the one of rank q (n - 1), or between its neighbours.

    Args:
        x: floating point.
        q: a number in [0, 1], or a vector of them, which becomes the first dimension of the result.
        dim: dimension to reduce; all elements for None.
        keepdim: keep it with size 1.
        interpolation: between two elements: ``"linear"``, ``"lower"``, ``"higher"``, ``"midpoint"`` or ``"nearest"``.
        out: tensor that receives the result.

    Raises:
        RuntimeError: integers, nothing to reduce, another dtype or range of ``q``, or another interpolation.

    Example:
        >>> import lucid
        >>> print(lucid.quantile(lucid.tensor([1.0, 2.0, 3.0, 4.0]), lucid.tensor([0.0, 0.5])))
        [1.0, 2.5]

    Source: Hyndman and Fan, Sample quantiles in statistical packages, 1996; "linear" is their definition 7.
    """
    check_tensors("quantile", x)
    return _quantile("quantile", x, q, dim, keepdim, interpolation, False)


def nanquantile(
    x: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear",
    out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """`quantile` of the elements that are not NaN; NaN if all are.

    Args:
        x: floating point.
        q: shares in [0, 1]: a number, or a vector, whose dimension comes first in the result.
        dim: dimension; None means all.
        keepdim: keep it with size 1.
        interpolation: as of `quantile`.
        out: tensor that receives the result.

    Raises:
        RuntimeError: a share is outside [0, 1].

    Example:
        >>> import lucid
        >>> print(lucid.nanquantile(lucid.tensor([1.0, float("nan"), 3.0]), 0.5))
        2.0
    """
    check_tensors("nanquantile", x)
    return _quantile("nanquantile", x, q, dim, keepdim, interpolation, True)


__all__ = ["nanquantile", "quantile"]
