"""Elements in ascending or descending order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _ops
from lucid._functions._arguments import check_tensors
from lucid._functions._common import normalize_dim
from lucid._functions.binary import may_need_gradient
from lucid._functions.gather import gather
from lucid.autograd._mode import mode
from lucid.autograd._node import wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor

_KERNELS = frozenset(np.dtype(t).num for t in (np.float32, np.float64, np.int32, np.int64))
_LONGEST = 2**32 - 1


def ordered_by_kernel(x: Any, dim: int = -1) -> bool:
    """Whether `_ops.sort`, `_ops.select` and `_ops.search` take rows along ``dim`` of this array."""
    return isinstance(x, np.ndarray) and x.ndim > 0 and x.dtype.num in _KERNELS and x.shape[dim] <= _LONGEST


def last_axis(x: Any, dim: int) -> Any:
    """A view of the array ``x`` with dimension ``dim`` last."""
    return x if dim == x.ndim - 1 else x.transpose([*range(dim), *range(dim + 1, x.ndim), dim])


def _sorted(x: np.ndarray, dim: int, descending: bool, with_values: bool) -> tuple[np.ndarray | None, np.ndarray]:
    """(values, places) along ``dim``, stably, with NaN as the largest; values are None where NumPy finds the places."""
    if not ordered_by_kernel(x, dim):
        if not descending:
            return None, np.ascontiguousarray(np.argsort(x, axis=dim, kind="stable"))
        order = np.flip(np.argsort(np.flip(x, dim), axis=dim, kind="stable"), dim)
        return None, np.ascontiguousarray(x.shape[dim] - 1 - order)
    if dim == x.ndim - 1:
        return _ops.sort(x, descending, with_values)
    back = [*range(dim), x.ndim - 1, *range(dim, x.ndim - 1)]
    values, places = _ops.sort(last_axis(x, dim), descending, with_values)
    places = np.ascontiguousarray(places.transpose(back))
    return None if values is None else np.ascontiguousarray(values.transpose(back)), places


def sort(x: Tensor, dim: int = -1, descending: bool = False, stable: bool = False, *, out: Any = None) -> Any:
    """(values, indices) sorted along ``dim``, always stably; NaN counts as largest.

    Args:
        x: any shape, not complex.
        dim: the dimension.
        descending: largest first.
        stable: without effect.
        out: a pair of tensors that receive the results.

    Raises:
        IndexError: ``dim`` is out of range.

    Example:
        >>> import lucid
        >>> print(lucid.sort(lucid.tensor([3.0, 1.0, 2.0])).values)
        [1.0, 2.0, 3.0]
    """
    from lucid._functions.reduce import ValuesIndices

    d = normalize_dim("sort", dim, x)
    if not x._data.ndim:
        return ValuesIndices(x.clone(), wrap(np.zeros((), np.int64)))
    recorded = mode.trace or may_need_gradient(x)
    values, places = _sorted(x._data, d, descending, not recorded)
    indices = wrap(places)
    return ValuesIndices(gather(x, d, indices) if values is None else wrap(values), indices)


def argsort(
    x: Tensor, dim: int = -1, descending: bool = False, stable: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """The indices of `sort`.

    Args:
        x: any shape, not complex.
        dim: the dimension.
        descending: largest first.
        stable: without effect: every sort keeps equal elements in their order.
        out: tensor that receives the result.

    Raises:
        IndexError: ``dim`` is out of range.

    Example:
        >>> import lucid
        >>> print(lucid.argsort(lucid.tensor([3.0, 1.0, 2.0])))
        [1, 2, 0]
    """
    check_tensors("argsort", x)
    if mode.trace or not x._data.ndim:
        return sort(x.detach(), dim, descending).indices
    return wrap(_sorted(x._data, normalize_dim("argsort", dim, x), descending, False)[1])


def topk(x: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True, *, out: Any = None) -> Any:
    """(values, indices) of the ``k`` largest (or smallest) elements along ``dim``, in order.

    Args:
        x: any shape, not complex.
        k: number of elements.
        dim: the dimension.
        largest: the largest ones; otherwise the smallest.
        sorted: without effect: they are always in order.
        out: a pair of tensors that receive the results.

    Raises:
        RuntimeError: ``k`` is negative or above the size of ``dim``.

    Example:
        >>> import lucid
        >>> print(lucid.topk(lucid.tensor([3.0, 1.0, 2.0]), 2).values)
        [3.0, 2.0]
    """
    from lucid._functions.reduce import ValuesIndices

    d = normalize_dim("topk", dim, x)
    extent = x._data.shape[d] if x._data.ndim else 1
    if not 0 <= k <= extent:
        raise RuntimeError(f"topk: selected index k={k} out of range for dimension {d} of size {extent}")
    if x._data.ndim and not mode.trace and x._data.dtype.char in "fd":
        if d == x._data.ndim - 1:
            found, places = _ops.topk(x._data, k, largest)
            indices = wrap(places)
            return ValuesIndices(gather(x, d, indices) if may_need_gradient(x) else wrap(found), indices)
        _, places = _ops.topk(last_axis(x._data, d), k, largest)
        indices = wrap(np.ascontiguousarray(np.moveaxis(places, -1, d)))
        return ValuesIndices(gather(x, d, indices), indices)
    values, indices = sort(x, d, largest)
    return (
        ValuesIndices(values.narrow(d, 0, k), indices.narrow(d, 0, k))
        if x._data.ndim
        else ValuesIndices(values, indices)
    )
