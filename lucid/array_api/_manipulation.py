"""Making, shaping, indexing, sorting: functions of the array API standard where PyTorch's differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

import lucid
from lucid import _dtype
from lucid._functions._arguments import check_tensors
from lucid._tensor import Tensor
from lucid.array_api._checked import checked
from lucid.array_api._docs import document
from lucid.autograd._node import TensorBase

Axis = int | tuple[int, ...] | None

__all__ = [
    "arange", "argsort", "asarray", "astype", "broadcast_arrays", "broadcast_to", "can_cast", "concat", "count_nonzero",
    "empty", "empty_like", "expand_dims", "eye", "finfo", "flip", "full", "full_like", "iinfo", "isdtype", "linspace",
    "matrix_transpose", "meshgrid", "moveaxis", "nonzero", "ones", "ones_like", "permute_dims", "repeat", "reshape",
    "result_type", "roll", "searchsorted", "sort", "squeeze", "stack", "take", "take_along_axis", "tile", "unique_all",
    "unique_counts", "unique_inverse", "unique_values", "unstack", "where", "zeros", "zeros_like",
]  # fmt: skip


# Creation


def arange(start: Any, /, stop: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Evenly spaced numbers from ``start``, or from 0 to ``start``, below ``stop``."""
    if stop is None:
        start, stop = 0, start
    if (stop - start) * step < 0:
        stop = start  # none, where PyTorch raises
    return lucid.arange(start, stop, step, dtype=dtype, device=device)


def asarray(obj: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor over the memory of ``obj`` where that is possible and ``copy`` is not True."""
    return lucid.asarray(obj, dtype=dtype, device=device, copy=copy)


def _shape(shape: int | Sequence[int]) -> tuple[int, ...]:
    return (shape,) if isinstance(shape, int) else tuple(shape)


def empty(shape: int | Sequence[int], *, dtype: Any = None, device: Any = None) -> Tensor:
    """A tensor with whatever the memory held."""
    return lucid.empty(_shape(shape), dtype=dtype, device=device)


def zeros(shape: int | Sequence[int], *, dtype: Any = None, device: Any = None) -> Tensor:
    """A tensor of zeros."""
    return lucid.zeros(_shape(shape), dtype=dtype, device=device)


def ones(shape: int | Sequence[int], *, dtype: Any = None, device: Any = None) -> Tensor:
    """A tensor of ones."""
    return lucid.ones(_shape(shape), dtype=dtype, device=device)


def full(shape: int | Sequence[int], fill_value: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """A tensor with every element ``fill_value``."""
    return lucid.full(_shape(shape), fill_value, dtype=dtype, device=device)


def empty_like(x: Tensor, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """`empty` of the shape and dtype of ``x``."""
    return lucid.empty_like(x, dtype=dtype, device=device)


def zeros_like(x: Tensor, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """`zeros` of the shape and dtype of ``x``."""
    return lucid.zeros_like(x, dtype=dtype, device=device)


def ones_like(x: Tensor, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """`ones` of the shape and dtype of ``x``."""
    return lucid.ones_like(x, dtype=dtype, device=device)


def full_like(x: Tensor, /, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """`full` of the shape and dtype of ``x``."""
    return lucid.full(x.shape, fill_value, dtype=x.dtype if dtype is None else dtype, device=device)


def eye(n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: Any = None, device: Any = None) -> Tensor:
    """Ones on the diagonal ``k`` of a matrix of zeros."""
    y = zeros((n_rows, n_rows if n_cols is None else n_cols), dtype=dtype, device=device)
    if -y.shape[0] < k < y.shape[1]:
        lucid.diagonal(y, k).fill_(1)
    return y


def linspace(
    start: Any, stop: Any, /, num: int, *, dtype: Any = None, device: Any = None, endpoint: bool = True
) -> Tensor:
    """``num`` numbers at equal distances from ``start`` to ``stop``, or to one distance before it."""
    y = lucid.linspace(start, stop, num if endpoint else num + 1, dtype=dtype, device=device)
    return y if endpoint else y[:-1]


def meshgrid(*arrays: Tensor, indexing: str = "xy") -> tuple[Tensor, ...]:
    """Coordinates of a grid; "xy" has the first array along the second dimension."""
    check_tensors("meshgrid", *arrays)
    return tuple(lucid.meshgrid(*arrays, indexing=indexing)) if arrays else ()


# Data types


def astype(x: Tensor, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Tensor:
    """``x`` with another dtype; ``copy=False`` may give ``x`` itself.

    Raises:
        ValueError: a complex tensor to a real dtype.
    """
    d = _dtype.as_dtype(dtype)
    if x.dtype.is_complex and not d.is_complex and d is not lucid.bool:
        raise ValueError(f"astype: a complex tensor has no form of dtype {d}; take real() or imag()")
    return x.to(d, copy=copy, device=device)


KINDS = {
    "bool": (lucid.bool,),
    "signed integer": (lucid.int8, lucid.int16, lucid.int32, lucid.int64),
    "unsigned integer": (lucid.uint8,),
    "real floating": (lucid.float32, lucid.float64),
    "complex floating": (lucid.complex64, lucid.complex128),
}
KINDS["integral"] = KINDS["signed integer"] + KINDS["unsigned integer"]
KINDS["numeric"] = KINDS["integral"] + KINDS["real floating"] + KINDS["complex floating"]


def isdtype(dtype: Any, kind: Any) -> bool:
    """Whether ``dtype`` is of a kind ("integral", "real floating" ...), one of several, or is that dtype.

    Raises:
        ValueError: an unknown kind.
    """
    if isinstance(kind, tuple):
        return any(isdtype(dtype, k) for k in kind)
    if not isinstance(kind, str):
        return dtype == kind
    if kind not in KINDS:
        raise ValueError(f"isdtype: kind must be one of {', '.join(map(repr, KINDS))}, got {kind!r}")
    more = (lucid.float16, lucid.bfloat16) if kind in ("real floating", "numeric") else ()
    return dtype in KINDS[kind] or dtype in more


def result_type(*arrays_and_dtypes: Any) -> _dtype.dtype:
    """The dtype of the operands' common operation: a tensor's whatever its dimensions, a number's by its kind.

    Raises:
        ValueError: there is neither a tensor nor a dtype.
    """
    dtypes = [x.dtype if isinstance(x, TensorBase) else x for x in arrays_and_dtypes]  # type: ignore[attr-defined]
    found: Any = None
    for d in dtypes:
        if isinstance(d, _dtype.dtype):
            found = d if found is None else lucid.promote_types(found, d)
    numbers = [x for x in dtypes if not isinstance(x, _dtype.dtype)]
    if found is None:
        raise ValueError("result_type: expected at least one tensor or dtype")
    for x in numbers:
        found = lucid.result_type(lucid.empty((1,), dtype=found), x)
    return found


def can_cast(from_: Any, to: Any, /) -> bool:
    """Whether promotion leads from one dtype, or a tensor's, to another."""
    source = from_.dtype if isinstance(from_, TensorBase) else from_  # type: ignore[attr-defined]
    return lucid.promote_types(source, to) is to


def finfo(type: Any, /) -> Any:
    """Limits of a floating-point dtype, of a complex one's parts, or of a tensor's."""
    d = type.dtype if isinstance(type, TensorBase) else _dtype.as_dtype(type)  # type: ignore[attr-defined]
    return lucid.finfo({lucid.complex64: lucid.float32, lucid.complex128: lucid.float64}.get(d, d))


def iinfo(type: Any, /) -> Any:
    """Limits of an integer dtype, or of a tensor's."""
    return lucid.iinfo(type.dtype if isinstance(type, TensorBase) else type)  # type: ignore[attr-defined]


# Shapes


def broadcast_arrays(*arrays: Tensor) -> tuple[Tensor, ...]:
    """Views of one common shape."""
    return tuple(lucid.broadcast_tensors(*arrays))


def broadcast_to(x: Tensor, /, shape: Sequence[int]) -> Tensor:
    """A view of another shape."""
    return lucid.broadcast_to(x, tuple(shape))


def concat(arrays: Sequence[Tensor], /, *, axis: int | None = 0) -> Tensor:
    """The tensors one after the other along an axis, flattened for None."""
    d = result_type(*arrays)
    parts = [a.reshape(-1) if axis is None else a for a in arrays]
    return lucid.cat([a.to(d) for a in parts], 0 if axis is None else axis)


def stack(arrays: Sequence[Tensor], /, *, axis: int = 0) -> Tensor:
    """The tensors as slices along a new axis."""
    d = result_type(*arrays)
    return lucid.stack([a.to(d) for a in arrays], axis)


def unstack(x: Tensor, /, *, axis: int = 0) -> tuple[Tensor, ...]:
    """The slices along an axis."""
    return lucid.unbind(x, axis)


def expand_dims(x: Tensor, /, *, axis: int = 0) -> Tensor:
    """A view with a new axis of size 1."""
    return lucid.unsqueeze(x, axis)


def squeeze(x: Tensor, /, axis: int | tuple[int, ...]) -> Tensor:
    """A view without the given axes.

    Raises:
        ValueError: one of them has a size other than 1.
    """
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    for a in axes:
        if not -x.ndim <= a < x.ndim:
            raise IndexError(f"squeeze: axis {a} is out of range for shape {tuple(x.shape)}")
        if x.shape[a] != 1:
            raise ValueError(f"squeeze: axis {a} of shape {tuple(x.shape)} has a size other than 1")
    return lucid.squeeze(x, tuple(a % x.ndim for a in axes)) if axes else x


def permute_dims(x: Tensor, /, axes: tuple[int, ...]) -> Tensor:
    """A view with the axes in another order."""
    return lucid.permute(x, tuple(axes))


def moveaxis(x: Tensor, source: Any, destination: Any, /) -> Tensor:
    """A view with axes moved to new places."""
    return lucid.movedim(x, source, destination)


def matrix_transpose(x: Tensor, /) -> Tensor:
    """The last two axes exchanged."""
    return x.mT


def reshape(x: Tensor, /, shape: Sequence[int], *, copy: bool | None = None) -> Tensor:
    """Another shape; ``copy=True`` copies in any case, False refuses to."""
    if copy is False:
        return x.view(tuple(shape))
    y = lucid.reshape(x, tuple(shape))
    return y.clone() if copy else y


def flip(x: Tensor, /, *, axis: Axis = None) -> Tensor:
    """The order reversed along axes, or all."""
    return lucid.flip(x, tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,))


def roll(x: Tensor, /, shift: Any, *, axis: Axis = None) -> Tensor:
    """Elements shifted along axes, those that leave coming in at the other end."""
    return lucid.roll(x, shift, axis)


def repeat(x: Tensor, repeats: Any, /, *, axis: int | None = None) -> Tensor:
    """Every element, or slice along an axis, several times."""
    return lucid.repeat_interleave(x, repeats, axis)


def tile(x: Tensor, repetitions: tuple[int, ...], /) -> Tensor:
    """The whole several times along each axis."""
    return lucid.tile(x, tuple(repetitions))


# Indexing, searching, sorting, sets


def take(x: Tensor, indices: Tensor, /, *, axis: int | None = None) -> Tensor:
    """Slices along an axis.

    Raises:
        ValueError: there is no axis, and ``x`` is no vector.
    """
    if axis is None and x.ndim != 1:
        raise ValueError(f"take: axis must be given for a tensor of shape {tuple(x.shape)}")
    axis = (axis or 0) % x.ndim
    chosen = lucid.index_select(x, axis, (indices.to(lucid.int64) % max(x.shape[axis], 1)).reshape(-1))
    return chosen.reshape(*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])


def take_along_axis(x: Tensor, indices: Tensor, /, *, axis: int = -1) -> Tensor:
    """Elements by one index for each along an axis; negative ones count from the end."""
    n = x.shape[axis]
    return lucid.take_along_dim(x, lucid.where(indices < 0, indices + n, indices).to(lucid.int64), axis)


def nonzero(x: Tensor, /) -> tuple[Tensor, ...]:
    """The coordinates of elements that are not zero, one tensor for each axis.

    Raises:
        ValueError: a tensor without axes.
    """
    if not x.ndim:
        raise ValueError("nonzero: expected a tensor of at least one dimension, got shape ()")
    return lucid.nonzero(x, as_tuple=True)


def where(condition: Tensor, x1: Any, x2: Any, /) -> Tensor:
    """``x1`` where the condition holds, ``x2`` elsewhere."""
    d = result_type(*[x for x in (x1, x2) if isinstance(x, TensorBase)], *[
        x for x in (x1, x2) if not isinstance(x, TensorBase)])  # fmt: skip
    x1, x2 = (x.to(d) if isinstance(x, TensorBase) else lucid.tensor(x, dtype=d) for x in (x1, x2))  # type: ignore[attr-defined]
    return lucid.where(condition, x1, x2)


def count_nonzero(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """How many elements are not zero."""
    y = lucid.sum(x != 0, axis, keepdims) if axis is not None else (x != 0).sum()
    return y.reshape((1,) * x.ndim) if axis is None and keepdims else y


def searchsorted(x1: Tensor, x2: Any, /, *, side: str = "left", sorter: Tensor | None = None) -> Tensor:
    """Where ``x2`` would have to stand in the sorted ``x1``."""
    if not isinstance(x2, TensorBase):
        x2 = lucid.tensor(x2)
    d = result_type(x1, x2)
    return lucid.searchsorted(x1.to(d), x2.to(d), side=side, sorter=sorter)


def _ordered(x: Tensor, axis: int, descending: bool) -> Tensor:
    return lucid.sort(x, dim=axis, descending=descending, stable=True)


def sort(x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The elements in order along an axis."""
    return _ordered(x, axis, descending)[0]


def argsort(x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The indices that put the elements in order along an axis."""
    return _ordered(x, axis, descending)[1]


class UniqueAll(NamedTuple):
    """Distinct values, their first places, where each element's value is among them, and how often they occur."""

    values: Tensor
    indices: Tensor
    inverse_indices: Tensor
    counts: Tensor


class UniqueCounts(NamedTuple):
    """Distinct values, and how often they occur."""

    values: Tensor
    counts: Tensor


class UniqueInverse(NamedTuple):
    """Distinct values, and where each element's value is among them."""

    values: Tensor
    inverse_indices: Tensor


def unique_all(x: Tensor, /) -> UniqueAll:
    """The distinct values of a tensor, every NaN for itself, and all about them."""
    found = np.unique(x.detach().numpy(), True, True, True, equal_nan=False)
    values, indices, inverse, counts = (lucid.from_numpy(np.ascontiguousarray(a)) for a in found)
    return UniqueAll(values, indices, inverse.reshape(x.shape), counts)


def unique_counts(x: Tensor, /) -> UniqueCounts:
    """The distinct values of a tensor, and how often they occur."""
    y = unique_all(x)
    return UniqueCounts(y.values, y.counts)


def unique_inverse(x: Tensor, /) -> UniqueInverse:
    """The distinct values of a tensor, and where each element's value is among them."""
    y = unique_all(x)
    return UniqueInverse(y.values, y.inverse_indices)


def unique_values(x: Tensor, /) -> Tensor:
    """The distinct values of a tensor."""
    return unique_all(x).values


document(__all__, globals())
globals().update(checked(__all__, globals()))
