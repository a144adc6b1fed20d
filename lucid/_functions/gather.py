"""Reading, writing and adding at places given along one dimension."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _dtype, _ops
from lucid._functions._common import (
    as_tensor,
    cast,
    normalize_dim,
)
from lucid._functions._errors import PlaceError
from lucid._functions._places import Along
from lucid._functions.index import Gather, ScatterAdd, SetItem, add_at, getitem
from lucid.autograd._mode import mode
from lucid.autograd._node import TensorBase, compute, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def index_select(x: Tensor, dim: int, index: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The slices ``index`` (a vector) along ``dim``, as a copy.

    Args:
        x: any shape.
        dim: dimension of the slices.
        index: integers in [0, x.shape[dim]), shape (n,).
        out: tensor that receives the result.

    Raises:
        IndexError: ``index`` is not a vector, or out of range.
        RuntimeError: ``index`` does not hold integers.

    Example:
        >>> import lucid
        >>> print(lucid.index_select(lucid.tensor([10, 20, 30]), 0, lucid.tensor([2, 0])))
        [30, 10]
    """
    d = normalize_dim("index_select", dim, x)
    i = index._data
    if i.ndim > 1:
        raise IndexError(f"index_select: index is supposed to be a vector, got shape {i.shape}")
    if i.dtype.kind not in "iu":
        raise RuntimeError(f"index_select: expected an integer index, got {index.dtype}")
    extent = x._data.shape[d] if x._data.ndim else 1
    if not isinstance(i, np.ndarray):  # a trace hides the values
        index = compute(in_range, index, "index_select", d, extent)
    else:
        check_range("index_select", i, d, extent)
    if not x._data.ndim:
        return x.clone()
    if not mode.trace and i.dtype == np.int64:
        return Gather.apply(x, (slice(None),) * d + (i.reshape(-1),))
    return getitem(x, (slice(None),) * d + (index.reshape(-1),))


def check_range(name: str, index: np.ndarray, dim: int, extent: int) -> None:
    """IndexError where a place along ``dim`` is negative, or not below ``extent``."""
    if type(index) is np.ndarray and index.dtype == np.int64 and _ops.in_range(index, extent, False):
        return
    if index.size and not 0 <= index.min() <= index.max() < extent:
        bad = index.max() if index.max() >= extent else index.min()
        raise IndexError(f"{name}: index {bad} is out of range for dimension {dim} of size {extent}")


def gather_index(dim: int, index: np.ndarray) -> Any:
    """The index that picks element index[i, j, ...] along ``dim``."""
    along = Along(dim, index)
    return along.grid() if mode.trace else along


def gather(x: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False, out: Tensor | None = None) -> Tensor:
    """y[i, j, ...] = x[index[i, j, ...], j, ...], the index replacing coordinate ``dim``.

    ``sparse_grad`` is accepted; gradients are dense.

    Args:
        x: any shape.
        dim: dimension whose coordinate is replaced.
        index: integers in [0, x.shape[dim]), of as many dimensions as ``x``; the result has its shape.
        sparse_grad: without effect.
        out: tensor that receives the result.

    Raises:
        RuntimeError: ``index`` has another number of dimensions or is larger than ``x`` elsewhere.
        IndexError: an index is out of range.

    Example:
        >>> import lucid
        >>> print(lucid.gather(lucid.tensor([[1, 2], [3, 4]]), 1, lucid.tensor([[1], [0]])))
        [[2],
         [3]]
    """
    d = normalize_dim("gather", dim, x)
    if not index._data.size and isinstance(index._data, np.ndarray):  # of any dtype and shape
        return x.reshape(-1)[:0].reshape(index._data.shape)
    i = check_index("gather", x._data.shape, d, index, bool(mode.trace) or not x._data.ndim)
    if not i.ndim:
        return x.clone()
    if not x._data.ndim:
        return gather(x.reshape(1), 0, index)
    try:
        return Gather.apply(x, gather_index(d, i))
    except IndexError:
        _check_places(i, "gather", d, x._data.shape[d])
        raise


def _check_places(index: np.ndarray, name: str, dim: int, extent: int) -> None:
    if type(index) is np.ndarray and index.dtype == np.int64 and _ops.in_range(index, extent, False):
        return
    if index.size and not 0 <= index.min() <= index.max() < extent:
        bad = index.max() if index.max() >= extent else index.min()
        raise PlaceError(f"{name}: index {bad} is out of bounds for dimension {dim} with size {extent}")


def in_range(index: np.ndarray, name: str, dim: int, extent: int) -> np.ndarray:
    """A copy of ``index`` whose elements are checked: what a trace notes, so that compiled plans look in every call.

    Raises:
        IndexError: an element is negative, or not below ``extent``.
    """
    _check_places(index, name, dim, extent)
    return index.copy()


def check_index(name: str, shape: tuple[int, ...], dim: int, index: Tensor, places: bool = True) -> Any:
    """The array of ``index``, of places along ``dim`` of a tensor of ``shape``; with ``places``, those are looked at.

    Raises:
        RuntimeError: it has another dtype or shape than such an index has.
        IndexError: a place is out of range.
    """
    i = index._data
    if i.dtype == np.int32 or not i.size:
        index = cast(index, _dtype.int64)
        i = index._data
    if i.dtype != np.int64:
        raise RuntimeError(f"{name}: Expected dtype int64 for index, got {i.dtype}")
    if i.ndim != len(shape) and not (i.ndim <= 1 and not shape):
        raise RuntimeError(f"{name}: index {i.shape} must have as many dimensions as the tensor {shape}")
    if any(n > shape[k] for k, n in enumerate(i.shape) if k != dim):
        raise RuntimeError(f"{name}: index {i.shape} is larger than the tensor {shape} apart from dimension {dim}")
    if not shape:
        return i
    if not isinstance(i, np.ndarray):  # a trace hides the values
        return compute(in_range, index, name, dim, shape[dim])._data
    if places:
        _check_places(i, name, dim, shape[dim])
    return i


def gather_backward(dy: Tensor, shape: tuple[int, ...], dim: int, index: np.ndarray) -> Tensor:
    """Zeros of ``shape`` with ``dy`` added at ``index`` along ``dim``."""
    return ScatterAdd.apply(dy, shape, gather_index(dim, index))


def same_dtype(name: str, x: Tensor, other: Tensor) -> None:
    if x._data.dtype != other._data.dtype:
        raise RuntimeError(f"{name}: self and source expected to have the same dtype, got {x.dtype} and {other.dtype}")


def _check_source(name: str, src: Tensor, index: Tensor) -> None:
    own, wanted = src._data.shape, index._data.shape
    if len(own) != len(wanted) or any(n < m for n, m in zip(own, wanted)):
        raise RuntimeError(f"{name}: expected index {wanted} to be no larger than src {own} in any dimension")


def part_of_source(src: Tensor, index: Tensor) -> Tensor:
    """As much of ``src`` as ``index`` has places for."""
    shape = index._data.shape
    return src if src._data.shape == shape and not mode.trace else getitem(src, tuple([slice(n) for n in shape]))


def scatter_add(x: Tensor, dim: int, index: Tensor, src: Tensor, *, out: Tensor | None = None) -> Tensor:
    """``x`` with src[i, j, ...] added at [index[i, j, ...], j, ...], the index replacing coordinate ``dim``.

    Args:
        x: any shape.
        dim: dimension whose coordinate is replaced.
        index: integers in [0, x.shape[dim]), of as many dimensions as ``x``; equal ones add up.
        src: at least as large as ``index``, of the dtype of ``x``.
        out: tensor that receives the result.

    Raises:
        RuntimeError: ``index`` or ``src`` has another number of dimensions, or is too small or too large, or ``src``
            another dtype than ``x``.
        IndexError: an index is out of range.

    Example:
        >>> import lucid
        >>> print(lucid.scatter_add(lucid.zeros(2), 0, lucid.tensor([1, 1]), lucid.tensor([5.0, 6.0])))
        [0.0, 11.0]
    """
    d = normalize_dim("scatter_add", dim, x)
    if not x._data.ndim:
        same_dtype("scatter_add", x, src)
        check_index("scatter_add", (), 0, index)
        return scatter_add(x.reshape(1), 0, index.reshape(-1), src.reshape(-1)).reshape(())
    i = check_index("scatter_add", x._data.shape, d, index)
    same_dtype("scatter_add", x, src)
    _check_source("scatter_add", src, index)
    return add_at(x, part_of_source(src, index), gather_index(d, i))


def scatter(
    x: Tensor,
    dim: int,
    index: Tensor,
    src: Any = None,
    *,
    value: float | None = None,
    reduce: str | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """``x`` with src[i, j, ...], or a number, written at [index[i, j, ...], j, ...].

    Args:
        x: any tensor.
        dim: the dimension whose coordinate the index replaces.
        index: int64, as many dimensions as ``x``.
        src: a tensor at least as large as ``index``, of the dtype of ``x``, or a number.
        value: a number instead.
        reduce: "add" or "multiply" combine with what is there.
        out: tensor that receives the result.

    Raises:
        RuntimeError: ``reduce`` is something else, or ``src`` has another dtype than ``x``.

    Example:
        >>> import lucid
        >>> print(lucid.scatter(lucid.zeros(3), 0, lucid.tensor([2, 0]), lucid.tensor([5.0, 6.0])))
        [6.0, 0.0, 5.0]
    """
    d = normalize_dim("scatter", dim, x)
    if isinstance(src, TensorBase):
        same_dtype("scatter", x, src)  # type: ignore[arg-type]
    if reduce is not None:
        from lucid._functions.scatter_reduce import scatter_reduce

        if reduce not in ("add", "multiply"):
            raise RuntimeError(f"scatter: reduce must be 'add' or 'multiply', got {reduce!r}")
        source = as_tensor(value if src is None else src)
        full = source if source._data.ndim else wrap(np.full(index._data.shape, source._data, x._data.dtype))
        return scatter_reduce(x, d, index, cast(full, x.dtype), "sum" if reduce == "add" else "prod")
    if not x._data.ndim:
        check_index("scatter", (), 0, index)
        given: Any = value if src is None else src
        given = given.reshape(-1) if isinstance(given, TensorBase) else given  # type: ignore[attr-defined]
        return scatter(x.reshape(1), 0, index.reshape(-1), given).reshape(())
    i = check_index("scatter", x._data.shape, d, index)
    src = as_tensor(value if src is None else src)
    if src._data.ndim:
        _check_source("scatter", src, index)
    part = part_of_source(src, index) if src._data.ndim else src
    return SetItem.apply(x, cast(part, x.dtype), gather_index(d, i))
