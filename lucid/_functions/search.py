"""Distinct values, membership, and places in sorted sequences."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _dtype, _ops
from lucid._functions._arguments import check_tensors
from lucid._functions._common import as_tensor, check_rank, normalize_dim
from lucid._functions.order import ordered_by_kernel
from lucid.autograd._node import TensorBase, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def unique(
    x: Tensor, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The distinct elements (or slices along ``dim``), in increasing order.

    Args:
        x: any shape.
        sorted: they are sorted in any case.
        return_inverse: also give where each element went.
        return_counts: also give how often each occurs.
        dim: compare slices along this dimension, in lexicographic order; elements for None.

    Returns:
        The values, followed by the inverse (the shape of ``x``, or a vector for ``dim``) and the counts as asked for.

    Example:
        >>> import lucid
        >>> values, counts = lucid.unique(lucid.tensor([3, 1, 3]), return_counts=True)
        >>> print(values, counts)
        [1, 3] [1, 2]
    """
    check_tensors("unique", x)
    d = None if dim is None else normalize_dim("unique", dim, x)
    if d is None and ordered_by_kernel(x._data) and ordered_by_kernel(x._data.reshape(-1)):
        return _unique(x._data, return_inverse, return_counts)
    values, inverse, counts = np.unique(x._data, False, True, True, d, equal_nan=False)
    inverse = inverse.reshape(x._data.shape if d is None else -1)
    return _answer(values, inverse, counts, return_inverse, return_counts)


def _unique(x: np.ndarray, return_inverse: bool, return_counts: bool) -> Any:
    """`unique` of elements: the first of each run of equal ones in order."""
    ordered, places = _ops.sort(x.reshape(-1), False)
    fresh = np.ones(ordered.shape, bool)
    np.not_equal(ordered[1:], ordered[:-1], fresh[1:])
    starts = _ops.nonzero(fresh)[:, 0]
    inverse = counts = places
    if return_inverse:
        inverse = np.empty(x.shape, np.int64)
        inverse.reshape(-1)[places] = np.cumsum(fresh) - 1
    if return_counts:
        counts = np.empty_like(starts)
        np.subtract(starts[1:], starts[:-1], counts[:-1])
        counts[-1:] = ordered.size - starts[-1:]
    return _answer(ordered[starts], inverse, counts, return_inverse, return_counts)


def _answer(values: np.ndarray, inverse: np.ndarray, counts: np.ndarray, *asked: bool) -> Any:
    extra = [wrap(np.asarray(a, np.int64)) for a, wanted in zip((inverse, counts), asked) if wanted]
    return (wrap(np.ascontiguousarray(values)), *extra) if extra else wrap(np.ascontiguousarray(values))


def unique_consecutive(
    x: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The elements (or slices along ``dim``) without those equal to the one before; arguments as for `unique`.

    Args:
        x: any shape.
        return_inverse: also where each element is in the result.
        return_counts: also how many elements each stands for.
        dim: dimension of the slices; None means the flattened tensor.

    Example:
        >>> import lucid
        >>> print(lucid.unique_consecutive(lucid.tensor([1, 1, 2, 1])))
        [1, 2, 1]
    """
    check_tensors("unique_consecutive", x)
    data = x._data.reshape(-1) if dim is None else np.moveaxis(x._data, normalize_dim("unique_consecutive", dim, x), 0)
    rows = data.reshape(len(data), math.prod(data.shape[1:]))
    fresh = np.ones(len(data), bool)
    fresh[1:] = (rows[1:] != rows[:-1]).any(1)
    inverse = np.cumsum(fresh) - 1
    counts = np.bincount(inverse) if len(data) else np.zeros(0, np.int64)
    values = data[fresh] if dim is None else np.moveaxis(data[fresh], 0, dim)
    inverse = inverse.reshape(x._data.shape) if dim is None else inverse
    return _answer(values, inverse, counts, return_inverse, return_counts)


def isin(
    elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False, out: Tensor | None = None
) -> Tensor:
    """Whether each element is among the test elements, or is not with ``invert``.

    Args:
        elements: any shape, a tensor or number.
        test_elements: any shape, a tensor or number.
        assume_unique: neither has equal elements, which saves a sort.
        invert: say which are not among them.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.isin(lucid.tensor([1, 2, 3]), lucid.tensor([2])))
        [False, True, False]
    """
    a, b = (as_tensor(t, "isin")._data for t in (elements, test_elements))
    return wrap(np.asarray(np.isin(a, b, assume_unique=assume_unique and a.ndim > 0, invert=invert)))


def _side(name: str, right: bool, side: str | None) -> Any:
    if side not in (None, "left", "right"):
        raise RuntimeError(f"{name}: side can only be 'left' or 'right' but got {side!r}")
    if side == "left" and right:
        raise RuntimeError(f"{name}: side and right can't be set to opposites, got side of left while right was True")
    return "right" if right or side == "right" else "left"


def _searched_by_kernel(rows: Any, values: Any) -> bool:
    return ordered_by_kernel(rows) and isinstance(values, np.ndarray) and values.dtype.num == rows.dtype.num


def _search_rows(rows: np.ndarray, values: np.ndarray, side: str) -> np.ndarray:
    """Binary search in all rows at once."""
    n = rows.shape[-1]
    low, high = np.zeros(values.shape, np.int64), np.full(values.shape, n, np.int64)
    for _ in itertools.repeat(None, n.bit_length()):
        middle = (low + high) // 2
        at = np.take_along_axis(rows, np.minimum(middle, n - 1), -1)
        after = (at <= values) if side == "right" else (at < values)
        after |= (values != values) & ((at == at) | (side == "right"))  # NaN is sorted to the end
        open_ = low < high
        low, high = np.where(open_ & after, middle + 1, low), np.where(open_ & ~after, middle, high)
    return low


def searchsorted(
    sorted_sequence: Tensor,
    x: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Where to insert values into sorted rows so that they stay sorted.

    Args:
        sorted_sequence: increasing along the last dimension; a vector, or a row for each row of ``x``.
        x: values: a number, any shape for a vector, otherwise the same leading dimensions.
        out_int32: give int32 instead of int64.
        right: behind equal elements instead of before them.
        side: ``"right"`` or ``"left"``, the same as ``right``.
        sorter: indices that sort ``sorted_sequence``.
        out: tensor that receives the result.

    Raises:
        RuntimeError: the shapes or dtypes do not fit, or ``side`` contradicts ``right``.

    Example:
        >>> import lucid
        >>> print(lucid.searchsorted(lucid.tensor([1, 3, 5]), lucid.tensor([3, 4]), right=True))
        [2, 2]
    """
    check_tensors("searchsorted", sorted_sequence)
    where: Any = _side("searchsorted", right, side)
    check_rank("searchsorted", sorted_sequence)
    rows = sorted_sequence._data
    if sorter is not None:
        if sorter._data.shape != rows.shape or sorter._data.dtype != np.int64:
            got = f"{sorter.dtype} {sorter._data.shape}"
            raise RuntimeError(f"searchsorted: sorter must be int64 of shape {rows.shape}, got {got}")
        rows = np.take_along_axis(rows, sorter._data, -1)
    values = x._data if isinstance(x, TensorBase) else np.asarray(x, rows.dtype)
    if values.dtype != rows.dtype:
        common = _dtype.promote_types(sorted_sequence.dtype, _dtype.of_array(values)).numpy
        rows, values = rows.astype(common), values.astype(common)
    alike = rows.ndim == values.ndim and rows.shape[:-1] == values.shape[:-1]
    if (rows.ndim == 1 or alike) and _searched_by_kernel(rows, values):
        return wrap(_ops.search(rows, values, where == "right", not out_int32))
    if rows.ndim == 1:
        found = np.asarray(np.searchsorted(rows, values, where))
    elif alike:
        found = _search_rows(rows, values, where)
    else:
        raise RuntimeError(
            f"searchsorted: boundaries {rows.shape} must be a vector, or match values {values.shape} apart from the "
            "last dimension"
        )
    return wrap(found.astype(np.int32 if out_int32 else np.int64))


def bucketize(
    x: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False, out: Tensor | None = None
) -> Tensor:
    """The number of the bucket of every element: how many boundaries are below it (with ``right``, or equal to it).

    Args:
        x: any shape, a tensor or number.
        boundaries: shape (n,), in ascending order.
        out_int32: int32 instead of int64.
        right: values on a boundary belong to the bucket above it.
        out: tensor that receives the result.

    Raises:
        RuntimeError: ``boundaries`` is not a vector.

    Example:
        >>> import lucid
        >>> print(lucid.bucketize(lucid.tensor([0.5, 1.5]), lucid.tensor([0.0, 1.0, 2.0])))
        [1, 2]
    """
    check_tensors("bucketize", boundaries)
    if boundaries._data.ndim != 1:
        raise RuntimeError(f"bucketize: boundaries tensor must be 1 dimension, but got shape {boundaries._data.shape}")
    values = x._data if isinstance(x, TensorBase) else np.asarray(x)
    if _searched_by_kernel(boundaries._data, values):
        return wrap(_ops.search(boundaries._data, values, right, not out_int32))
    found = np.asarray(np.searchsorted(boundaries._data, values, "right" if right else "left"))
    return wrap(found.astype(np.int32 if out_int32 else np.int64))


__all__ = ["bucketize", "isin", "searchsorted", "unique", "unique_consecutive"]
