"""Views of overlapping parts: windows along a dimension, and any layout over a tensor's storage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from lucid._functions._arguments import check_tensors
from lucid._functions._common import normalize_dim
from lucid._functions.index import ScatterAdd, getitem
from lucid._functions.shape import ravel, reshape
from lucid.autograd._node import Node, View, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor


class Unfold(View):
    """Windows of ``size`` elements, ``step`` apart, along a dimension, as a new last one."""

    __slots__ = ("dim", "shape", "step")

    def forward(self, x: Tensor, dim: int, size: int, step: int) -> np.ndarray:
        self.shape, self.dim, self.step = x._data.shape, dim, step
        windows = sliding_window_view(x._data, size, dim, writeable=x._data.flags.writeable)
        return windows[(slice(None),) * dim + (slice(None, None, step),)]

    def backward(self, dy: Tensor) -> Tensor:
        return Overlap.apply(dy, self.shape, self.dim, self.step)


class Overlap(Node):
    """Windows added where they came from: the adjoint of taking them."""

    __slots__ = ("dim", "size", "step")

    def forward(self, y: Tensor, shape: tuple[int, ...], dim: int, step: int) -> np.ndarray:
        self.dim, self.size, self.step = dim, y._data.shape[-1], step
        x, count = np.zeros(shape, y._data.dtype), y._data.shape[dim]
        for k in range(self.size):
            x[(slice(None),) * dim + (slice(k, k + (count - 1) * step + 1, step),)] += y._data[..., k]
        return x

    def backward(self, dx: Tensor) -> Tensor:
        return Unfold.apply(dx, self.dim, self.size, self.step)


def unfold(x: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """A view of all windows of ``size`` elements along a dimension, ``step`` apart, as a new last dimension.

    Args:
        dimension: the dimension.
        size: elements of a window.
        step: distance of neighbouring windows.

    Raises:
        RuntimeError: ``size`` exceeds the dimension, or ``step`` is not positive.

    Example:
        >>> import lucid
        >>> lucid.arange(5).unfold(0, 3, 2).tolist()
        [[0, 1, 2], [2, 3, 4]]
    """
    d = normalize_dim("unfold", dimension, x)
    if not x._data.ndim:
        return unfold(reshape(x, 1), 0, size, step)[0]
    if not 0 <= size <= x._data.shape[d]:
        raise RuntimeError(f"unfold: maximum size for tensor at dimension {d} is {x._data.shape[d]} but size is {size}")
    if step <= 0:
        raise RuntimeError(f"unfold: step is {step} but must be > 0")
    if not size:
        count = x._data.shape[d] // step + 1
        return wrap(np.empty((*x._data.shape[:d], count, *x._data.shape[d + 1 :], 0), x._data.dtype))
    return Unfold.apply(x, d, size, step)


def _places(shape: tuple[int, ...], stride: tuple[int, ...], offset: int) -> np.ndarray:
    """The storage element that every element of a layout is."""
    places = np.full(shape, offset, np.int64)
    for d, (n, s) in enumerate(zip(shape, stride)):
        places += (np.arange(n) * s).reshape((n,) + (1,) * (len(shape) - d - 1))
    return places


class AsStrided(View):
    """Any layout over the storage; ``offset`` counts from the first element of ``x``, whose strides are ``source``."""

    __slots__ = ("layout", "source")

    def forward(
        self, x: Tensor, shape: tuple[int, ...], stride: tuple[int, ...], offset: int, source: tuple[int, ...]
    ) -> np.ndarray:
        self.layout, self.source = (shape, stride, offset), (x._data.shape, source)
        data, item = x._data, x._data.itemsize
        if tuple([s // item for s in data.strides]) != source:  # a gradient, or a base made anew
            data = np.ascontiguousarray(data)
            if tuple([s // item for s in data.strides]) != source:
                raise RuntimeError("as_strided: the layout of a tensor that is not contiguous cannot be taken again")
        y = np.ndarray(shape, data.dtype, _memory(data), _start(data) + offset * item, [s * item for s in stride])
        y.flags.writeable = x._data.flags.writeable
        return y

    def backward(self, dy: Tensor) -> Tensor:
        shape, source = self.source
        own = _places(shape, source, 0).reshape(-1)
        wanted = _places(*self.layout).reshape(-1)
        order = np.argsort(own, kind="stable")
        at = np.searchsorted(own[order], wanted)
        at = order[np.minimum(at, own.size - 1)] if own.size else at
        seen = np.flatnonzero(own[at] == wanted) if own.size else np.zeros(0, np.int64)
        part = getitem(ravel(dy), wrap(seen))
        return reshape(ScatterAdd.apply(part, (own.size,), (at[seen],)), shape)


def _memory(data: np.ndarray) -> np.ndarray:
    """The whole array that ``data`` is a view of, in the order of its memory."""
    root = data
    while isinstance(root.base, np.ndarray):
        root = root.base
    if not (root.flags.c_contiguous or root.flags.f_contiguous):
        raise RuntimeError("as_strided: the tensor lies in memory that has gaps; clone() it first")
    return root if root.flags.c_contiguous else root.T


def _start(data: np.ndarray) -> int:
    """Bytes from the start of the memory to the first element."""
    return data.__array_interface__["data"][0] - _memory(data).__array_interface__["data"][0]


def as_strided(x: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None) -> Tensor:
    """A view of the tensor's storage with any sizes and strides, which may overlap; prefer other views where they do.

    Args:
        x: any tensor.
        size: sizes of the view.
        stride: elements to step per dimension, at least 0.
        storage_offset: first element, counted from the start of the storage; that of ``x`` unless given.

    Raises:
        RuntimeError: sizes and strides differ in number, or lead out of the storage.

    Example:
        >>> import lucid
        >>> print(lucid.as_strided(lucid.arange(4), (3, 2), (1, 1)))
        [[0, 1],
         [1, 2],
         [2, 3]]
    """
    check_tensors("as_strided", x)
    shape, steps = tuple([int(n) for n in size]), tuple([int(s) for s in stride])
    if len(shape) != len(steps):
        raise RuntimeError(f"as_strided: mismatch in length of strides and shape: {steps} and {shape}")
    if min(shape, default=0) < 0 or min(steps, default=0) < 0:
        raise RuntimeError(f"as_strided: sizes and strides must not be negative, got {shape} and {steps}")
    item, own = x._data.itemsize, _start(x._data) // x._data.itemsize
    first = own if storage_offset is None else int(storage_offset)
    last = first + sum((n - 1) * s for n, s in zip(shape, steps)) if 0 not in shape else first - 1
    held = _memory(x._data).nbytes // item
    if first < 0 or last >= held:
        raise RuntimeError(
            f"as_strided: size {shape}, stride {steps} and storage_offset {first} reach beyond the storage of "
            f"{held} elements"
        )
    return AsStrided.apply(x, shape, steps, first - own, tuple([s // item for s in x._data.strides]))


__all__ = ["as_strided"]
