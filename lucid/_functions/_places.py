"""Arrays read and written at indices: by kernels where those are integers in a row, by NumPy elsewhere."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lucid import _ops


class Along:
    """Place index[i, j, ...] in the stead of coordinate ``dim``; what a trace notes is the `grid` of it."""

    __slots__ = ("dim", "index")

    def __init__(self, dim: int, index: np.ndarray) -> None:
        self.dim, self.index = dim, index

    def grid(self) -> tuple[np.ndarray, ...]:
        """The same as an index for NumPy."""
        parts = list(np.ogrid[tuple([slice(n) for n in self.index.shape])])
        parts[self.dim] = self.index
        return tuple(parts)


EVERY = slice(None)

FEW = 512
"""Places below which NumPy is as fast."""


def on_one_axis(index: Any, shape: tuple[int, ...]) -> tuple[int, np.ndarray] | None:
    """(dimension, places) if ``index`` picks slices along one dimension of ``shape`` by one array of integers."""
    found = None
    for d, part in enumerate(index):
        if type(part) is np.ndarray and found is None and part.dtype.kind == "i":
            found = d, part
        elif type(part) is not slice or part != EVERY:
            return None
    if found is None or len(index) > len(shape):
        return None
    return found if found[1].dtype == np.int64 else (found[0], found[1].astype(np.int64))


def flat(arrays: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """Row-major places, none negative, of the coordinates in ``arrays``, one for each dimension of ``shape``."""
    if all(a.dtype == np.int64 and a.shape == arrays[0].shape for a in arrays):
        if len(arrays) == 1 and _ops.in_range(arrays[0], shape[0], False):
            return arrays[0]
        return _ops.flat_places(arrays, shape)
    own = [np.where(a < 0, a + n, a) for a, n in zip(arrays, shape)]
    return np.asarray(np.ravel_multi_index(tuple(own), shape) if len(own) > 1 else own[0], np.int64)


def in_a_row(index: Any) -> tuple[int, list[np.ndarray]] | None:
    """(first dimension, arrays) if ``index`` holds arrays of integers side by side, and else takes everything."""
    parts, lead = list(index), 0
    while parts and type(parts[-1]) is slice and parts[-1] == EVERY:
        parts.pop()
    while lead < len(parts) and type(parts[lead]) is slice and parts[lead] == EVERY:
        lead += 1
    arrays = parts[lead:]
    if not arrays or any(not isinstance(a, np.ndarray) or a.dtype.kind not in "iu" for a in arrays):
        return None
    return lead, arrays


def picked(x: np.ndarray, index: Any) -> np.ndarray:
    """x[index], a copy."""
    if type(index) is Along:
        return _ops.gather(x, index.index, index.dim)
    try:
        found = on_one_axis(index, x.shape)
        if found is not None:
            return _ops.index_select(x, found[1], found[0])
        several = in_a_row(index) if x.flags.c_contiguous else None
        if several is not None and several[1][0].size >= FEW and len(index) <= x.ndim:
            first, arrays = several
            end = first + len(arrays)
            places = flat(arrays, x.shape[first:end])
            merged = (*x.shape[:first], math.prod(x.shape[first:end]), *x.shape[end:])
            return _ops.index_select(x.reshape(merged), places, first)
    except (IndexError, ValueError):
        pass  # which NumPy puts in words
    return np.ascontiguousarray(x[index])


def put(y: np.ndarray, index: Any, value: np.ndarray) -> None:
    """y[index] = value, where ``y`` is contiguous and shares no memory with ``value``."""
    if value.dtype == y.dtype:
        if type(index) is Along:
            return _ops.scatter_into(y, index.index, value, index.dim, "write")
        found = on_one_axis(index, y.shape)
        if found is not None:
            d, places = found
            if not value.ndim or value.shape == (*y.shape[:d], *places.shape, *y.shape[d + 1 :]):
                try:
                    return _ops.index_into(y, places, value, d, "write")
                except IndexError:
                    pass  # which NumPy puts in words
    y[index.grid() if type(index) is Along else index] = value
    return None


def added(y: np.ndarray, shape: tuple[int, ...], index: Any, x: np.ndarray | None = None) -> np.ndarray:
    """Zeros of ``shape`` with ``y`` added at ``index``, which holds integer arrays, in order; plus ``x``, if given."""
    if y.dtype.char not in "fd" or not y.size:
        z = _ops.zeros(shape, y.dtype)
        np.add.at(z, index.grid() if type(index) is Along else index, y)
        return z if x is None else x + z
    if type(index) is Along:
        return _ops.scatter_sums(y, index.index, shape, index.dim, x)
    found = in_a_row(index)
    if found is not None:
        first, end = found[0], found[0] + len(found[1])
        places = flat(found[1], shape[first:end])
    else:  # slices between arrays, masks beside them: every element by itself
        count = math.prod(shape)
        places, first, end = np.arange(count).reshape(shape)[index], 0, len(shape)
    sizes = math.prod(shape[:first]), math.prod(shape[first:end]), math.prod(shape[end:])
    y, rows = y.reshape(sizes[0], places.size, sizes[2]), places.reshape(-1)
    return _ops.scatter_add(y, rows, sizes, None if x is None else x.reshape(sizes)).reshape(shape)
