"""Joining tensors and taking them apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from lucid import _dtype, _ops
from lucid._functions._arguments import check_tensors, fits_cat, fits_stack, integer
from lucid._functions._common import as_tensor, cast, check_rank, normalize_dim
from lucid._functions._errors import OptionError, PlaceError
from lucid._functions.index import Slice
from lucid._functions.shape import clone, ravel, reshape, unsqueeze
from lucid.autograd._mode import mode
from lucid.autograd._node import Node

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def joined(arrays: list[np.ndarray], sizes: list[int], shape: tuple[int, ...], dim: int) -> np.ndarray:
    """Arrays of any strides one after the other along ``dim``."""
    y = _ops.allocate(shape, arrays[0].dtype)
    end = 0
    for x, size in zip(arrays, sizes):
        start, end = end, end + size
        part = y[(slice(None),) * dim + (slice(start, end),)]
        if not _ops.copy_into(part, x):
            part[...] = x
    return y


class Cat(Node):
    __slots__ = ("dim", "sizes")

    def forward(self, dim: int, *tensors: Tensor) -> np.ndarray:
        self.dim, self.sizes = dim, [x._data.shape[dim] for x in tensors]
        shape = list(tensors[0]._data.shape)
        shape[dim] = sum(self.sizes)
        arrays = [x._data for x in tensors]
        y = _ops.join(arrays, tuple(shape), dim)
        return joined(arrays, self.sizes, tuple(shape), dim) if y is None else y

    def backward(self, dy: Tensor) -> tuple[Tensor, ...]:
        return split(dy, self.sizes, self.dim)


class Stack(Node):
    __slots__ = ("dim",)

    def forward(self, dim: int, *tensors: Tensor) -> np.ndarray:
        self.dim = dim
        arrays = [x._data for x in tensors]
        shape = (*arrays[0].shape[:dim], len(arrays), *arrays[0].shape[dim:])
        y = _ops.join(arrays, shape, dim)
        return joined([np.expand_dims(x, dim) for x in arrays], [1] * len(arrays), shape, dim) if y is None else y

    def backward(self, dy: Tensor) -> tuple[Tensor, ...]:
        return unbind(dy, self.dim)


def cat(tensors: Sequence[Tensor], dim: int = 0, *, out: Tensor | None = None) -> Tensor:
    """Tensors joined along an existing dimension; dtypes promote, 1-d empty tensors are skipped.

    Args:
        tensors: a sequence; sizes agree but for that of ``dim``.
        dim: the dimension.
        out: tensor that receives the result.

    Raises:
        ValueError: no tensors.
        RuntimeError: shapes differ in another dimension.

    Example:
        >>> import lucid
        >>> print(lucid.cat([lucid.tensor([1, 2]), lucid.tensor([3])]))
        [1, 2, 3]
    """
    if (d := fits_cat(tensors, dim)) >= 0:
        return Cat.apply(d, *tensors)
    items = [as_tensor(x, "cat") for x in tensors]
    if not items:
        raise OptionError("cat: expected a non-empty list of Tensors")
    kept = [x for x in items if x._data.shape != (0,)] or items[:1]
    first = kept[0]._data.shape
    if not first:
        raise RuntimeError("cat: zero-dimensional tensor (at position 0) cannot be concatenated")
    d = normalize_dim("cat", dim, len(first))
    for position, x in enumerate(kept):
        s = x._data.shape
        if len(s) != len(first) or s[:d] + s[d + 1 :] != first[:d] + first[d + 1 :]:
            raise RuntimeError(
                f"cat: sizes of tensors must match except in dimension {d}: {first} and {s} (position {position})"
            )
    target = _dtype.result_type(*items)
    return Cat.apply(d, *[cast(x, target) for x in kept])


def stack(tensors: Sequence[Tensor], dim: int = 0, *, out: Tensor | None = None) -> Tensor:
    """Tensors of one shape joined along a new dimension.

    Args:
        tensors: a sequence; dtypes promote.
        dim: where the new dimension goes.
        out: tensor that receives the result.

    Raises:
        ValueError: no tensors.
        RuntimeError: shapes differ.

    Example:
        >>> import lucid
        >>> print(lucid.stack([lucid.tensor([1, 2]), lucid.tensor([3, 4])]))
        [[1, 2],
         [3, 4]]
    """
    if (d := fits_stack(tensors, dim)) >= 0 and not mode.trace:  # traces know `cat`
        return Stack.apply(d, *tensors)
    items = [as_tensor(x, "stack") for x in tensors]
    if not items:
        raise OptionError("stack: expected a non-empty list of Tensors")
    for position, x in enumerate(items):
        if x._data.shape != items[0]._data.shape:
            raise RuntimeError(
                f"stack: expects each tensor to be equal size, but got {items[0]._data.shape} at entry 0 "
                f"and {x._data.shape} at entry {position}"
            )
    return cat([unsqueeze(x, dim) for x in items], dim)


def hstack(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """Joined along dimension 1 (0 for vectors).

    Args:
        tensors: a sequence; sizes agree but for that of the dimension, numbers are vectors of one element.
        out: tensor that receives the result.

    Raises:
        RuntimeError: there are no tensors, or shapes differ in another dimension.

    Example:
        >>> import lucid
        >>> print(lucid.hstack([lucid.tensor([1, 2]), lucid.tensor([3])]))
        [1, 2, 3]
    """
    check_tensors("hstack", *tensors)
    if not tensors:
        raise OptionError("hstack: expected a non-empty list of Tensors")
    items = [reshape(x, 1) if not x._data.ndim else x for x in tensors]
    return cat(items, 0 if items[0]._data.ndim == 1 else 1)


def vstack(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """Joined along dimension 0, vectors as rows.

    Args:
        tensors: a sequence; sizes agree but for that of dimension 0.
        out: tensor that receives the result.

    Raises:
        RuntimeError: shapes differ in another dimension.

    Example:
        >>> import lucid
        >>> print(lucid.vstack([lucid.tensor([1, 2]), lucid.tensor([3, 4])]))
        [[1, 2],
         [3, 4]]
    """
    check_tensors("vstack", *tensors)
    return cat([reshape(x, (1, -1)) if x._data.ndim < 2 else x for x in tensors], 0)


def split(x: Tensor, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Views of consecutive parts along ``dim``.

    Args:
        x: any shape.
        split_size_or_sections: size of every part (the last may be smaller), or the list of sizes.
        dim: dimension to split.

    Raises:
        RuntimeError: the sizes do not add up.

    Example:
        >>> import lucid
        >>> [y.tolist() for y in lucid.split(lucid.arange(5), 2)]
        [[0, 1], [2, 3], [4]]
    """
    check_rank("split", x)
    d = normalize_dim("split", dim, x)
    total = x._data.shape[d]
    split_size_or_sections = integer(split_size_or_sections)
    if isinstance(split_size_or_sections, int):
        size = split_size_or_sections
        if size <= 0 and total:
            raise RuntimeError(f"split: expects split_size to be positive, got {size}")
        sizes = [min(size, total - i) for i in range(0, total, size)] if total else [0]
    else:
        sizes = [integer(n) for n in split_size_or_sections]
        if sum(sizes) != total:
            raise RuntimeError(
                f"split: sizes {sizes} do not add up to {total}, the size of dimension {d} of {x._data.shape}"
            )
    parts, before, end = [], (slice(None),) * d, 0
    for size in sizes:
        if size < 0:
            raise PlaceError(f"split: sizes must not be negative, got {sizes}")
        start, end = end, end + size
        parts.append(Slice.apply(x, (*before, slice(start, end))))
    return tuple(parts)


def chunk(x: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most ``chunks`` views of equal size along ``dim``.

    Args:
        x: at least one dimension.
        chunks: most views; the last may be smaller. Of an empty dimension there are that many.
        dim: the dimension.

    Raises:
        RuntimeError: ``chunks`` is not positive.

    Example:
        >>> import lucid
        >>> [y.tolist() for y in lucid.chunk(lucid.arange(5), 2)]
        [[0, 1, 2], [3, 4]]
    """
    chunks = integer(chunks)
    if chunks <= 0:
        raise RuntimeError(f"chunk: expects chunks to be greater than 0, got {chunks}")
    check_rank("chunk", x)
    total = x._data.shape[normalize_dim("chunk", dim, x)]
    return split(x, -(-total // chunks) if total else [0] * chunks, dim)


def unbind(x: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of every slice along ``dim``, without that dimension.

    Args:
        x: at least one dimension.
        dim: the dimension.

    Raises:
        IndexError: a dimension is out of range.

    Example:
        >>> import lucid
        >>> [y.tolist() for y in lucid.unbind(lucid.tensor([[1, 2], [3, 4]]))]
        [[1, 2], [3, 4]]
    """
    check_rank("unbind", x)
    d = normalize_dim("unbind", dim, x)
    return tuple([select(x, d, i) for i in range(x._data.shape[d])])


def narrow(x: Tensor, dim: int, start: int, length: int) -> Tensor:
    """A view of ``length`` elements along ``dim`` from ``start``, which may count from the end.

    Args:
        x: at least one dimension.
        dim: the dimension.
        start: first element.
        length: number of elements.

    Raises:
        RuntimeError: ``x`` is 0-d, or has fewer elements there.

    Example:
        >>> import lucid
        >>> print(lucid.narrow(lucid.arange(5), 0, 1, 3))
        [1, 2, 3]
    """
    d = normalize_dim("narrow", dim, x)
    if not x._data.ndim:
        raise RuntimeError("narrow: cannot be applied to a 0-d tensor")
    extent = x._data.shape[d]
    first = start + extent if start < 0 else start
    if not (first >= 0 and 0 <= length <= extent - first):
        raise PlaceError(f"narrow: start {start} and length {length} exceed dimension {d} of size {extent}")
    return x[(slice(None),) * d + (slice(first, first + length),)]


def select(x: Tensor, dim: int, index: int) -> Tensor:
    """A view of the slice ``index`` along ``dim``, without that dimension.

    Args:
        x: at least one dimension.
        dim: the dimension.
        index: which slice; negative ones count from the end.

    Raises:
        IndexError: ``x`` is 0-d, or ``index`` is out of range.

    Example:
        >>> import lucid
        >>> print(lucid.select(lucid.tensor([[1, 2], [3, 4]]), 0, 1))
        [3, 4]
    """
    d = normalize_dim("select", dim, x)
    extent = x._data.shape[d] if x._data.ndim else 0
    if not -extent <= index < extent:
        raise IndexError(f"select: index {index} is out of range for dimension {d} of shape {x._data.shape}")
    return x[(slice(None),) * d + (index,)]


def roll(x: Tensor, shifts: int | tuple[int, ...], dims: int | tuple[int, ...] | None = None) -> Tensor:
    """A copy shifted cyclically along ``dims`` (or flattened).

    Args:
        x: any shape.
        shifts: places by which each dimension's elements move up; one per dimension.
        dims: dimensions, whose shifts add up where one is given twice; None shifts the flattened tensor.

    Raises:
        IndexError: a dimension is out of range.
        RuntimeError: the numbers of shifts and dimensions differ.

    Example:
        >>> import lucid
        >>> print(lucid.roll(lucid.arange(4), 1))
        [3, 0, 1, 2]
    """
    if dims is None:
        return reshape(roll(ravel(x), shifts, 0), x._data.shape)
    dims, shifts = integer(dims), integer(shifts)
    places, steps = ((v,) if isinstance(v, int) else tuple(v) for v in (dims, shifts))
    if len(places) != len(steps):
        raise RuntimeError(f"roll: expected a shift for each dimension, got shifts {steps} and dims {places}")
    if not x._data.size:
        return clone(x)
    shift_of: dict[int, int] = {}
    for place, step in zip(places, steps):
        d = normalize_dim("roll", place, x)
        if not x._data.ndim:
            raise IndexError(f"roll: a 0-d tensor has no dimension {place}")
        shift_of[d] = shift_of.get(d, 0) + step
    y = x
    for d, s in shift_of.items():
        n = x._data.shape[d]
        if n and s % n:
            y = cat([narrow(y, d, n - s % n, s % n), narrow(y, d, 0, n - s % n)], d)
    return clone(x) if y is x else y


concat = cat


def concatenate(
    tensors: Sequence[Tensor], axis: int | None = None, out: Tensor | None = None, *, dim: int | None = None
) -> Tensor:
    """`cat`, whose dimension NumPy's name ``axis`` may give.

    Args:
        tensors: a sequence; sizes agree but for that of the dimension.
        axis, dim: the dimension, 0 unless given.
        out: tensor that receives the result.

    Raises:
        RuntimeError: shapes differ in another dimension.

    Example:
        >>> import lucid
        >>> print(lucid.concatenate([lucid.zeros(2), lucid.ones(1)], axis=0))
        [0.0, 0.0, 1.0]
    """
    d = axis if dim is None else dim
    return cat(tensors, 0 if d is None else d)


__all__ = [
    "cat", "chunk", "concat", "concatenate", "hstack", "narrow", "roll", "select", "split", "stack", "unbind",
    "vstack",
]  # fmt: skip
