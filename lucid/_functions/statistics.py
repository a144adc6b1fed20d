"""Order statistics, and reductions that leave NaN out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lucid import _ops
from lucid._functions._arguments import check_tensors
from lucid._functions._common import cast, floating, normalize_dim, normalize_dims
from lucid._functions.choice import where
from lucid._functions.compare import isnan
from lucid._functions.extremum import amax, amin
from lucid._functions.gather import gather_backward
from lucid._functions.matmul import matmul
from lucid._functions.order import last_axis, ordered_by_kernel
from lucid._functions.pointwise import sqrt
from lucid._functions.reduce import Dim, ValuesIndices, keep, mean, sum
from lucid._functions.shape import reshape, squeeze, transpose, unsqueeze
from lucid.autograd._node import Node, wrap

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
        found = choose(np.ascontiguousarray(last_axis(x._data, dim)), *args)
        values, indices = np.asarray(found[0]), np.asarray(found[1], np.int64)
        kept = (*self.shape[:dim], 1, *self.shape[dim + 1 :])
        self.indices = indices.reshape(kept)
        return (values.reshape(kept), self.indices) if keepdim else (values, indices)

    def backward(self, dy: Tensor, _: Tensor | None) -> Tensor:
        return gather_backward(keep(dy, self.shape, (self.dim,)), self.shape, self.dim, self.indices)


def _first(rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Where the value of each row first occurs; NaN occurs where NaN is."""
    v = values[..., None]
    return np.argmax((rows == v) | ((v != v) & (rows != rows)), -1)


def _ranked(rows: np.ndarray, k: Any) -> tuple[np.ndarray, np.ndarray]:
    """The element of rank ``k``, from 0; NaN counts as largest."""
    if ordered_by_kernel(rows):
        return _ops.select(rows, k)
    values = np.partition(rows, k, -1)[..., k]
    return values, _first(rows, values)


def _median(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The lower of the two in the middle; NaN if there is one."""
    if ordered_by_kernel(rows):
        return _ops.select(rows, 0, True)
    values = np.partition(rows, (rows.shape[-1] - 1) // 2, -1)[..., (rows.shape[-1] - 1) // 2]
    if rows.dtype.kind == "f":
        values = np.where((rows != rows).any(-1), rows.dtype.type(np.nan), values)
    return values, _first(rows, values)


def _nanmedian(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if ordered_by_kernel(rows):
        return _ops.select(rows, 0, True, True)
    if rows.dtype.kind != "f":
        return _median(rows)
    count = np.count_nonzero(rows == rows, -1)
    at = np.maximum(count - 1, 0) // 2
    values = np.take_along_axis(np.sort(rows, -1), at[..., None], -1)[..., 0]  # NaN is sorted to the end
    return values, _first(rows, values)


def _mode(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The smallest of the most frequent elements, and where it occurs last."""
    if ordered_by_kernel(rows):
        return _ops.most_frequent(*_ops.sort(rows, False))
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
    return total / wrap(count)


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


__all__ = ["aminmax", "corrcoef", "cov", "kthvalue", "median", "mode", "nanmean", "nanmedian", "nansum"]
