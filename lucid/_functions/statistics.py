"""Order statistics, and reductions that leave NaN out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lucid._functions._arguments import check_tensors
from lucid._functions._common import cast, floating, normalize_dim, normalize_dims, write_out
from lucid._functions.choice import where
from lucid._functions.compare import isnan
from lucid._functions.extremum import amax, amin
from lucid._functions.gather import gather, gather_backward
from lucid._functions.matmul import matmul
from lucid._functions.order import sort
from lucid._functions.pointwise import sqrt
from lucid._functions.reduce import Dim, ValuesIndices, keep, mean, sum
from lucid._functions.shape import movedim, reshape, squeeze, transpose, unsqueeze
from lucid.autograd._node import Node, TensorBase, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor


class MinMax(NamedTuple):
    """Result of `aminmax`: unpacks as ``min, max``."""

    min: Any
    max: Any


def aminmax(x: Tensor, *, dim: int | None = None, keepdim: bool = False, out: Any = None) -> MinMax:
    """(min, max) over ``dim``, or over all elements; NaN if there is one.

    Args:
        x: any shape, not complex.
        dim: dimension; None means all.
        keepdim: keep it with size 1.
        out: a pair of tensors that receive the results.

    Raises:
        IndexError: there are no elements.

    Example:
        >>> import lucid
        >>> [y.item() for y in lucid.aminmax(lucid.tensor([3.0, 1.0, 2.0]))]
        [1.0, 3.0]
    """
    return MinMax(amin(x, dim, keepdim), amax(x, dim, keepdim))


class Pick(Node):
    """One element along a dimension, chosen by ``choose``: (data with the dimension last) -> (values, indices)."""

    __slots__ = ("dim", "indices", "shape")

    def forward(self, x: Tensor, dim: int, keepdim: bool, choose: Any, *args: Any) -> tuple[np.ndarray, np.ndarray]:
        self.shape, self.dim = x._data.shape, dim
        values, indices = choose(np.ascontiguousarray(np.moveaxis(x._data, dim, -1)), *args)
        self.indices = np.expand_dims(np.asarray(indices, np.int64), dim)
        y = np.expand_dims(values, dim)
        return (y, self.indices) if keepdim else (np.asarray(values), np.asarray(indices, np.int64))

    def backward(self, dy: Tensor, _: Tensor | None) -> Tensor:
        return gather_backward(keep(dy, self.shape, (self.dim,)), self.shape, self.dim, self.indices)


def _first(rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Where the value of each row first occurs; NaN occurs where NaN is."""
    v = values[..., None]
    return np.argmax((rows == v) | ((v != v) & (rows != rows)), -1)


def _ranked(rows: np.ndarray, k: Any) -> tuple[np.ndarray, np.ndarray]:
    """The element of rank ``k``, from 0; NaN counts as largest."""
    values = np.partition(rows, k, -1)[..., k]
    return values, _first(rows, values)


def _median(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The lower of the two in the middle; NaN if there is one."""
    values = np.partition(rows, (rows.shape[-1] - 1) // 2, -1)[..., (rows.shape[-1] - 1) // 2]
    if rows.dtype.kind == "f":
        values = np.where((rows != rows).any(-1), rows.dtype.type(np.nan), values)
    return values, _first(rows, values)


def _nanmedian(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if rows.dtype.kind != "f":
        return _median(rows)
    count = np.count_nonzero(rows == rows, -1)
    at = np.maximum(count - 1, 0) // 2
    values = np.take_along_axis(np.sort(rows, -1), at[..., None], -1)[..., 0]  # NaN is sorted to the end
    return values, _first(rows, values)


def _mode(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The smallest of the most frequent elements, and where it occurs last."""
    ordered = np.sort(rows, -1)
    n = rows.shape[-1]
    fresh = np.ones(rows.shape, bool)
    fresh[..., 1:] = ordered[..., 1:] != ordered[..., :-1]
    starts = np.maximum.accumulate(np.where(fresh, np.arange(n), 0), -1)
    at = np.argmax(np.arange(n) - starts, -1)  # the first end of a longest run
    values = np.take_along_axis(ordered, at[..., None], -1)[..., 0]
    v = values[..., None]
    hit = (rows == v) | ((v != v) & (rows != rows))
    return values, n - 1 - np.argmax(hit[..., ::-1], -1)


def _pick(name: str, x: Tensor, dim: int, keepdim: bool, choose: Any, *args: Any) -> ValuesIndices:
    d = normalize_dim(name, dim, x)
    if not x._data.ndim:
        return ValuesIndices(x.clone(), wrap(np.zeros((), np.int64)))
    if not x._data.shape[d]:
        raise IndexError(f"{name}: expected a non-zero size for dimension {d}, got shape {x._data.shape}")
    return ValuesIndices(*Pick.apply(x, d, keepdim, choose, *args))


class WholeMedian(Node):
    """The median of all elements; those equal to it share its gradient."""

    __slots__ = ()

    def forward(self, x: Tensor, skip: bool) -> np.ndarray:
        self.saved = (x,)
        flat = x._data.reshape(-1)
        if not flat.size:
            return self.save_result(
                np.asarray(np.nan if flat.dtype.kind == "f" else np.iinfo(flat.dtype).min, flat.dtype)
            )
        return self.save_result(np.asarray((_nanmedian if skip else _median)(flat)[0]))

    def backward(self, dy: Tensor) -> Tensor:
        (x,), y = self.unpack(), self.unpack_result()
        a, v = x._data, y._data
        hit = ((a == v) | ((v != v) & (a != a))).astype(a.dtype)
        return wrap(np.asarray(hit / max(hit.sum(), 1), a.dtype)) * dy


def median(x: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Any = None) -> Any:
    """The middle element, the lower one of two; NaN if there is a NaN. With ``dim``, (values, indices) along it.

    Args:
        x: any dtype but bool.
        dim: the dimension; all elements for None, whose ties then share the gradient.
        keepdim: keep it with size 1.
        out: tensor that receives the result; a pair of them for a dimension.

    Raises:
        IndexError: the dimension has size 0.

    Example:
        >>> import lucid
        >>> print(lucid.median(lucid.tensor([4.0, 1.0, 3.0, 2.0])))
        2.0
    """
    check_tensors("median", x)
    return WholeMedian.apply(x, False) if dim is None else _pick("median", x, dim, keepdim, _median)


def nanmedian(x: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Any = None) -> Any:
    """`median` of the elements that are not NaN; NaN if all are.

    Args:
        x: any shape, not complex.
        dim: dimension; None means all, and gives the value alone.
        keepdim: keep it with size 1.
        out: tensor that receives the result; a pair of them for a dimension.

    Raises:
        IndexError: ``dim`` is out of range.

    Example:
        >>> import lucid
        >>> print(lucid.nanmedian(lucid.tensor([1.0, float("nan"), 3.0])))
        1.0
    """
    check_tensors("nanmedian", x)
    return WholeMedian.apply(x, True) if dim is None else _pick("nanmedian", x, dim, keepdim, _nanmedian)


def mode(x: Tensor, dim: int = -1, keepdim: bool = False, *, out: Any = None) -> ValuesIndices:
    """(values, indices) of the most frequent element along ``dim``: the smallest of several, where it occurs last.

    Args:
        x: any shape, not complex.
        dim: the dimension.
        keepdim: keep it with size 1.
        out: a pair of tensors that receive the results.

    Raises:
        IndexError: the dimension has size 0.

    Example:
        >>> import lucid
        >>> print(lucid.mode(lucid.tensor([3, 1, 3])).values)
        3
    """
    return _pick("mode", x, dim, keepdim, _mode)


def kthvalue(x: Tensor, k: int, dim: int = -1, keepdim: bool = False, *, out: Any = None) -> ValuesIndices:
    """(values, indices) of the k-th smallest element along ``dim``, counted from 1; NaN counts as largest.

    Args:
        x: any shape, not complex.
        k: in [1, n] for n elements.
        dim: the dimension.
        keepdim: keep it with size 1.
        out: a pair of tensors that receive the results.

    Raises:
        RuntimeError: ``k`` is out of range.

    Example:
        >>> import lucid
        >>> print(lucid.kthvalue(lucid.tensor([3.0, 1.0, 2.0]), 2).values)
        2.0
    """
    d = normalize_dim("kthvalue", dim, x)
    extent = x._data.shape[d] if x._data.ndim else 1
    if not 1 <= k <= extent:
        raise RuntimeError(f"kthvalue: selected number k={k} out of range for dimension {d} of size {extent}")
    return _pick("kthvalue", x, dim, keepdim, _ranked, k - 1)


INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def _quantile(
    name: str, x: Tensor, q: Any, dim: int | None, keepdim: bool, interpolation: str, skip: bool, out: Tensor | None
) -> Tensor:
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
    shape, ndim = x._data.shape, x._data.ndim
    rows = (
        reshape(x, (-1,)) if dim is None else movedim(x, normalize_dim(name, dim, x), -1) if ndim else reshape(x, (1,))
    )
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
    low = high if interpolation == "higher" else low
    ordered = sort(rows, -1).values
    y = gather(ordered, -1, wrap(low))
    if interpolation in ("linear", "midpoint"):
        weight = (
            np.full(ranks.shape, 0.5, ranks.dtype) if interpolation == "midpoint" else ranks - low.astype(ranks.dtype)
        )
        above = gather(ordered, -1, wrap(high))
        ends = y._data, above._data
        equal = wrap((high == low) | (np.isinf(ends[0]) & (ends[0] == ends[1])))  # inf - inf must not make NaN
        share = wrap(weight)
        if interpolation == "linear" and q._requires_grad:
            share = where(wrap(nans > 0), share, reshape(q, (-1,)) * wrap(last.astype(ranks.dtype)) - wrap(low))
        y = where(equal, y, y + share * (where(equal, y, above) - y))
    y = movedim(y, -1, 0)
    if keepdim:
        kept = [1] * ndim if dim is None else [1 if k == dim % ndim else s for k, s in enumerate(shape)] if ndim else []
        y = reshape(y, (-1, *kept))
    return write_out(name, y if q._data.ndim else squeeze(y, 0), out)


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
    return _quantile("quantile", x, q, dim, keepdim, interpolation, False, out)


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
    return _quantile("nanquantile", x, q, dim, keepdim, interpolation, True, out)


def nansum(
    x: Tensor, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None, out: Tensor | None = None
) -> Tensor:
    """The sum over ``dim`` of the elements that are not NaN.

    Args:
        x: any shape.
        dim: dimension or dimensions; None means all.
        keepdim: keep them with size 1.
        dtype: convert to this type first.
        out: tensor that receives the result.

    Raises:
        IndexError: ``dim`` is out of range.

    Example:
        >>> import lucid
        >>> print(lucid.nansum(lucid.tensor([1.0, float("nan"), 3.0])))
        4.0
    """
    check_tensors("nansum", x)
    if x._data.dtype.kind == "f":
        x = where(isnan(x), 0.0, x)
    return sum(x, dim, keepdim, dtype=dtype)


def nanmean(
    x: Tensor, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None, out: Tensor | None = None
) -> Tensor:
    """The mean over ``dim`` of the elements that are not NaN; NaN if there are none.

    Args:
        x: floating point.
        dim: dimension or dimensions; None means all.
        keepdim: keep them with size 1.
        dtype: type of the sum.
        out: tensor that receives the result.

    Raises:
        RuntimeError: ``x`` holds integers.

    Example:
        >>> import lucid
        >>> print(lucid.nanmean(lucid.tensor([1.0, float("nan"), 3.0])))
        2.0
    """
    check_tensors("nanmean", x)
    if x._data.dtype.kind != "f":
        raise RuntimeError(f"nanmean: expected input to be floating point, got {x.dtype}")
    dims = normalize_dims("nanmean", dim, x)
    total = nansum(x, dim, keepdim, dtype=dtype)
    count = np.asarray(np.sum(x._data == x._data, axis=dims, keepdims=keepdim), total._data.dtype)
    return write_out("nanmean", total / wrap(count), out)


def cov(x: Tensor, *, correction: int = 1, fweights: Tensor | None = None, aweights: Tensor | None = None) -> Tensor:
    """The covariance matrix of variables in rows, observed in columns.

    Args:
        x: shape (variables, observations), or a vector of observations of one variable.
        correction: subtracted from the number of observations.
        fweights: how often each observation counts, integers.
        aweights: how much each observation counts.

    Raises:
        RuntimeError: more than two dimensions, or weights that do not fit.

    Example:
        >>> import lucid
        >>> lucid.cov(lucid.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]])).tolist()
        [[1.0, -1.0], [-1.0, 1.0]]
    """
    check_tensors("cov", x)
    if x._data.ndim > 2:
        raise RuntimeError(f"cov: expected input to have two or fewer dimensions, got shape {x._data.shape}")
    rows = floating(reshape(x, (1, -1)) if x._data.ndim < 2 else x)
    count = rows._data.shape[1]
    w: Any = None
    for name, weights, kind in (("fweights", fweights, "i"), ("aweights", aweights, "f")):
        if weights is None:
            continue
        if weights._data.shape != (count,) or weights._data.dtype.kind != kind or (weights._data < 0).any():
            what = "non-negative integers" if kind == "i" else "non-negative floating-point numbers"
            raise RuntimeError(
                f"cov: {name} must be {count} {what}, got {weights.dtype} of shape {weights._data.shape}"
            )
        part = cast(weights, rows.dtype)
        w = part if w is None else w * part
    total = wrap(np.asarray(count, rows._data.dtype)) if w is None else sum(w)
    average = mean(rows, 1, True) if w is None else sum(rows * w, 1, True) / total
    norm = total - correction if aweights is None or correction == 0 else total - correction * sum(w * aweights) / total
    centered = rows - average
    weighted = centered if w is None else centered * w
    c = matmul(centered, transpose(weighted, 0, 1)) / where(norm.detach() > 0, norm, 0.0)
    return squeeze(squeeze(c, 0), 0) if rows._data.shape[0] == 1 else c


def corrcoef(x: Tensor) -> Tensor:
    """The matrix of correlation coefficients of variables in rows, observed in columns, within [-1, 1].

    Args:
        x: shape (variables, observations), or a vector of observations of one variable.

    Raises:
        RuntimeError: ``x`` has more than two dimensions.

    Example:
        >>> import lucid
        >>> print(lucid.corrcoef(lucid.tensor([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])))
        [[1.0, -1.0],
         [-1.0, 1.0]]
    """
    check_tensors("corrcoef", x)
    c = cov(x)
    if not c._data.ndim:
        return c / c
    root = sqrt(c.diagonal())
    return (c / unsqueeze(root, 1) / unsqueeze(root, 0)).clamp(-1, 1)


__all__ = [
    "aminmax", "corrcoef", "cov", "kthvalue", "median", "mode", "nanmean", "nanmedian", "nanquantile", "nansum",
    "quantile",
]  # fmt: skip
