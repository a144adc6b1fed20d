"""Reading and writing at computed places: take, put, the index_* family and scatter with a reduction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _ops
from lucid._functions._arguments import check_tensors
from lucid._functions._common import as_tensor, broadcast_shapes, cast, check_rank, expand, normalize_dim
from lucid._functions._errors import PlaceError
from lucid._functions.binary import may_need_gradient
from lucid._functions.choice import where
from lucid._functions.gather import check_range, gather, same_dtype
from lucid._functions.index import Gather, SetItem, add_at, refusal
from lucid._functions.index import nonzero as _nonzero
from lucid._functions.shape import ravel, reshape
from lucid.autograd._mode import mode
from lucid.autograd._node import TensorBase, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def take(x: Tensor, index: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The elements of the flattened ``x`` at the places ``index``, in its shape; negative places count from the end.

    Args:
        x: any shape.
        index: int64, any shape.
        out: tensor that receives the result.

    Raises:
        RuntimeError: ``index`` is not int64.
        IndexError: a place is out of range.

    Example:
        >>> import lucid
        >>> lucid.take(lucid.tensor([[1, 2], [3, 4]]), lucid.tensor([[3], [0]])).tolist()
        [[4], [1]]
    """
    check_tensors("take", x, index)
    if not mode.trace and index._data.dtype == np.int64 and not (mode.enabled and may_need_gradient(x)):
        try:
            return wrap(_ops.index_select(x._data.reshape(-1), index._data, 0))
        except IndexError:
            pass  # in other words
    places = _flat_places("take", x, index).reshape(-1)
    return reshape(Gather.apply(ravel(x), (places,)), index._data.shape)


def _flat_places(name: str, x: Tensor, index: Tensor) -> np.ndarray:
    i, n = index._data, x._data.size
    if i.dtype != np.int64:
        raise RuntimeError(f"{name}: expected an int64 index, got {index.dtype}")
    if type(i) is np.ndarray and _ops.in_range(i, n, False):
        return i.copy()
    if i.size and not (i.min() >= -n and i.max() < n):
        raise IndexError(f"{name}: index {i.max() if i.max() >= n else i.min()} is out of range for {n} elements")
    return np.where(i < 0, i + n, i)


def put(x: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """A copy of ``x`` with the elements of ``source`` at the places ``index`` of the flattened ``x``.

    Args:
        x: any shape.
        index: int64; negative places count from the end.
        source: as many elements as ``index`` has, of the dtype of ``x``.
        accumulate: add instead of replacing; otherwise the last of equal places wins.

    Raises:
        RuntimeError: other numbers of elements or other dtypes.
        IndexError: a place is out of range.

    Example:
        >>> import lucid
        >>> print(lucid.put(lucid.zeros(3), lucid.tensor([2]), lucid.tensor([5.0])))
        [0.0, 0.0, 5.0]
    """
    check_tensors("put", x, index, source)
    places = _flat_places("put", x, index).reshape(-1)
    if source._data.size != places.size:
        raise RuntimeError(f"put: source has {source._data.size} elements, but index has {places.size}")
    same_dtype("put", x, source)
    flat, values = ravel(x), ravel(source)
    y = add_at(flat, values, (places,)) if accumulate else SetItem.apply(flat, values, (places,))
    return reshape(y, x._data.shape)


def take_along_dim(x: Tensor, indices: Tensor, dim: int | None = None, *, out: Tensor | None = None) -> Tensor:
    """`gather` whose operands broadcast in the other dimensions: what `argsort` and `argmax` give selects.

    Args:
        x: any shape.
        indices: int64; as many dimensions as ``x``.
        dim: the dimension; None flattens both.
        out: tensor that receives the result.

    Raises:
        RuntimeError: other numbers of dimensions, dtypes, or shapes that do not broadcast.
        IndexError: an index is out of range.

    Example:
        >>> import lucid
        >>> print(lucid.take_along_dim(lucid.tensor([[1, 2]]), lucid.tensor([[1]]), 1))
        [[2]]
    """
    if dim is None:
        return gather(ravel(x), 0, ravel(indices))
    d, sx, si = normalize_dim("take_along_dim", dim, x), x._data.shape, indices._data.shape
    if len(sx) != len(si):
        raise RuntimeError(f"take_along_dim: input and indices should have the same number of dimensions: {sx}, {si}")
    try:
        common = np.broadcast_shapes((*sx[:d], 1, *sx[d + 1 :]), (*si[:d], 1, *si[d + 1 :]))
    except ValueError:
        raise RuntimeError(f"take_along_dim: shapes {sx} and {si} do not broadcast apart from dimension {d}") from None
    wide_x = expand(x, (*common[:d], sx[d], *common[d + 1 :]))
    wide_i = expand(indices, (*common[:d], si[d], *common[d + 1 :]))
    i = indices._data
    every = type(i) is np.ndarray and i.dtype == np.int64 and _ops.in_range(i, sx[d], False)
    if not every and (i < 0).any():
        wide_i = where(wide_i < 0, wide_i + sx[d], wide_i)
    return gather(wide_x, d, wide_i)


def argwhere(x: Tensor) -> Tensor:
    """The indices of nonzero elements, a row each.

    Args:
        x: any shape and dtype.

    Example:
        >>> import lucid
        >>> print(lucid.argwhere(lucid.tensor([[0, 5], [6, 0]])))
        [[0, 1],
         [1, 0]]
    """
    check_tensors("argwhere", x)
    return _nonzero(x)


def masked_scatter(x: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """A copy of ``x`` in which the elements where ``mask`` holds are, in order, the first ones of ``source``.

    Args:
        x: any shape.
        mask: bool; shapes broadcast.
        source: of the dtype of ``x``.

    Raises:
        RuntimeError: ``mask`` is not bool, the dtypes differ, or ``source`` has too few elements.

    Example:
        >>> import lucid
        >>> print(lucid.masked_scatter(lucid.zeros(2), lucid.tensor([False, True]), lucid.tensor([5.0])))
        [0.0, 5.0]
    """
    check_tensors("masked_scatter", x, mask, source)
    if mask._data.dtype.kind != "b":
        raise RuntimeError(f"masked_scatter: expected a bool mask, got {mask.dtype}")
    same_dtype("masked_scatter", x, source)
    shape = broadcast_shapes("masked_scatter", x._data.shape, mask._data.shape)
    at = np.nonzero(np.broadcast_to(mask._data, shape).reshape(-1))[0]
    if at.size > source._data.size:
        raise RuntimeError(f"masked_scatter: mask selects {at.size} elements, but source has {source._data.size}")
    flat = ravel(expand(x, shape))
    return reshape(SetItem.apply(flat, ravel(source)[: at.size], (at,)), shape)


def _along(name: str, x: Tensor, dim: int, index: Tensor) -> tuple[int, np.ndarray]:
    """The dimension, and the checked places along it."""
    d, i = normalize_dim(name, dim, x), index._data
    if i.ndim > 1:
        raise IndexError(f"{name}: index is supposed to be a vector, got shape {i.shape}")
    if i.dtype not in (np.int64, np.int32):
        raise RuntimeError(f"{name}: expected an int32 or int64 index, got {index.dtype}")
    check_range(name, i, d, x._data.shape[d] if x._data.ndim else 1)
    return d, i.reshape(-1)


def _sliced(name: str, x: Tensor, d: int, places: np.ndarray, source: Tensor) -> tuple[Tensor, Tensor, Any]:
    """``x`` and ``source`` with at least one dimension, checked to fit, and where the slices of the second go."""
    same_dtype(name, x, source)
    shape = x._data.shape or (1,)
    expected = (*shape[:d], places.size, *shape[d + 1 :])
    if source._data.shape != expected and not (source._data.size == places.size == 1 and not x._data.ndim):
        raise PlaceError(f"{name}: expected source of shape {expected}, got {source._data.shape}")
    return reshape(x, shape), reshape(source, expected), (slice(None),) * d + (places,)


def index_add(
    x: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1, out: Tensor | None = None
) -> Tensor:
    """A copy of ``x`` with ``alpha`` times slice k of ``source`` added to slice index[k] along ``dim``.

    Args:
        x: any shape.
        dim: dimension of the slices.
        index: vector of int32 or int64; repeated places add up, in order.
        source: the shape of ``x`` with the length of ``index`` at ``dim``, and its dtype.
        alpha: factor.
        out: tensor that receives the result.

    Raises:
        IndexError: a place is out of range, or ``source`` has another shape.
        RuntimeError: other dtypes.

    Example:
        >>> import lucid
        >>> print(lucid.index_add(lucid.zeros(3), 0, lucid.tensor([2, 0, 2]), lucid.tensor([1.0, 2.0, 3.0])))
        [2.0, 0.0, 4.0]
    """
    d, places = _along("index_add", x, dim, index)
    full, slices, at = _sliced("index_add", x, d, places, source)
    if alpha != 1 and x._data.dtype.kind in "ui":
        slices = wrap(slices._data * np.asarray(alpha).astype(x._data.dtype))  # wraps around in unsigned dtypes
    elif alpha != 1:
        slices = slices * alpha
    return reshape(add_at(full, slices, at), x._data.shape)


def index_copy(x: Tensor, dim: int, index: Tensor, source: Tensor, *, out: Tensor | None = None) -> Tensor:
    """A copy of ``x`` with slice k of ``source`` in place of slice index[k] along ``dim``; the last of equal ones wins.

    Args:
        x: any shape.
        dim: dimension of the slices.
        index: integers, shape (n,).
        source: the slices, of the dtype of ``x``, with size n in ``dim``.
        out: tensor that receives the result.

    Raises:
        IndexError: a place is out of range, or ``source`` has another shape.
        RuntimeError: other dtypes.

    Example:
        >>> import lucid
        >>> print(lucid.index_copy(lucid.zeros(3), 0, lucid.tensor([2]), lucid.tensor([5.0])))
        [0.0, 0.0, 5.0]
    """
    d, places = _along("index_copy", x, dim, index)
    full, slices, at = _sliced("index_copy", x, d, places, source)
    return reshape(SetItem.apply(full, slices, at), x._data.shape)


def index_fill(x: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """A copy of ``x`` with ``value``, a number or 0-d tensor, in the slices ``index`` along ``dim``.

    Args:
        x: any shape.
        dim: dimension of the slices.
        index: integers, shape (n,).
        value: converted to the dtype of ``x``.

    Raises:
        IndexError: a place is out of range.
        RuntimeError: ``value`` has dimensions.

    Example:
        >>> import lucid
        >>> print(lucid.index_fill(lucid.zeros(3), 0, lucid.tensor([2]), 5.0))
        [0.0, 0.0, 5.0]
    """
    d, places = _along("index_fill", x, dim, index)
    fill = as_tensor(value, "index_fill")
    if fill._data.ndim:
        raise RuntimeError(f"index_fill: only supports a 0-dimensional value tensor, got shape {fill._data.shape}")
    if fill._data.dtype.kind == "c" != x._data.dtype.kind:
        raise RuntimeError(f"index_fill: a complex value cannot be converted to {x.dtype}")
    full, once = reshape(x, x._data.shape or (1,)), np.unique(places)  # the gradient of a repeated place counts once
    y = SetItem.apply(full, cast(fill, x.dtype), (slice(None),) * d + (once,))
    return reshape(y, x._data.shape)


def index_put(x: Tensor, indices: Sequence[Any], values: Tensor, accumulate: bool = False) -> Tensor:
    """A copy of ``x`` with ``values`` at ``x[indices]``, broadcast to that shape.

    Args:
        x: any shape.
        indices: int64 or bool tensors, at most one for each dimension; None takes all of one.
        values: of the dtype of ``x``.
        accumulate: add, so that repeated places add up, instead of replacing.

    Raises:
        IndexError: a place is out of range, or there are too many indices.
        RuntimeError: other dtypes.

    Example:
        >>> import lucid
        >>> print(lucid.index_put(lucid.zeros(3), (lucid.tensor([2]),), lucid.tensor([5.0])))
        [0.0, 0.0, 5.0]
    """
    check_tensors("index_put", x, values)
    same_dtype("index_put", x, values)
    index = tuple([slice(None) if i is None else i for i in indices])
    at = tuple([i._data if isinstance(i, TensorBase) else i for i in index])
    try:
        shape = x._data[at].shape
    except IndexError as error:
        raise refusal("index_put", error, x._data.shape) from None
    if broadcast_shapes("index_put", values._data.shape, shape) != shape:
        raise ValueError(f"index_put: expected values that broadcast to {shape}, got shape {values._data.shape}")
    if not accumulate:
        return SetItem.apply(x, values, at)
    return add_at(x, expand(values, shape), at)


def select_scatter(x: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """A copy of ``x`` with ``src`` in place of one slice along ``dim``.

    Args:
        x: at least one dimension.
        src: the new slice, converted to the dtype of ``x``.
        dim: dimension of the slice.
        index: which slice; negative ones count from the end.

    Raises:
        RuntimeError: ``src`` does not have the slice's shape.
        IndexError: ``index`` is out of range.

    Example:
        >>> import lucid
        >>> print(lucid.select_scatter(lucid.zeros(2, 2), lucid.ones(2), 0, 1))
        [[0.0, 0.0],
         [1.0, 1.0]]
    """
    check_rank("select_scatter", x)
    d = normalize_dim("select_scatter", dim, x)
    extent, rest = x._data.shape[d], x._data.shape[:d] + x._data.shape[d + 1 :]
    if not -extent <= index < extent:
        raise IndexError(f"select_scatter: index {index} is out of range for dimension {d} of shape {x._data.shape}")
    if src._data.shape != rest:
        raise RuntimeError(f"select_scatter: expected src of the slice's shape {rest}, got {src._data.shape}")
    return SetItem.apply(x, cast(src, x.dtype), (slice(None),) * d + (index,))


def slice_scatter(
    x: Tensor,
    src: Tensor,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """A copy of ``x`` with ``src`` in place of the slices start, start + step, ... below ``end`` along ``dim``.

    Args:
        x: at least one dimension.
        src: the new slices, converted to the dtype of ``x``.
        dim: dimension of the slices.
        start, end: as of a Python slice.
        step: distance of the slices, positive.
        out: tensor that receives the result.

    Raises:
        RuntimeError: ``src`` does not have the shape of those slices, or ``step`` is not positive.

    Example:
        >>> import lucid
        >>> print(lucid.slice_scatter(lucid.zeros(3), lucid.ones(2), 0, 1))
        [0.0, 1.0, 1.0]
    """
    check_tensors("slice_scatter", x, src)
    check_rank("slice_scatter", x)
    if step <= 0:
        raise RuntimeError(f"slice_scatter: step must be positive, got {step}")
    at = (slice(None),) * normalize_dim("slice_scatter", dim, x) + (slice(start, end, step),)
    if src._data.shape != x._data[at].shape:
        raise RuntimeError(f"slice_scatter: expected src of shape {x._data[at].shape}, got {src._data.shape}")
    return SetItem.apply(x, cast(src, x.dtype), at)


__all__ = [
    "argwhere", "index_add", "index_copy", "index_fill", "index_put", "masked_scatter", "put",
    "select_scatter", "slice_scatter", "take", "take_along_dim",
]  # fmt: skip
