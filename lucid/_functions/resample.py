"""Resampling along one dimension: every output element is a weighted sum of a few input elements."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lucid import _ops
from lucid.autograd._mode import mode
from lucid.autograd._node import Node

if TYPE_CHECKING:
    from lucid._tensor import Tensor


class Tap(NamedTuple):
    """y[rows] += weights * x[columns] along the dimension; ``rows`` is a slice where all rows take part."""

    rows: np.ndarray | slice
    columns: np.ndarray
    weights: np.ndarray


class _Matrix(NamedTuple):
    inputs: int
    outputs: int
    taps: tuple[Tap, ...]


class Rows(NamedTuple):
    """What `_ops.resample` reads: the entries of row i are those from starts[i] to starts[i + 1]."""

    starts: np.ndarray
    columns: np.ndarray
    weights: dict[str, np.ndarray]  # by dtype


class Table(_Matrix):
    """A sparse matrix as a list of taps, at most one per row in each: element order, and so the bits, are fixed.

    Absent entries are never multiplied: an infinity or NaN reaches only the elements that read it.
    """

    @cached_property
    def entries(self) -> Rows:
        """The same matrix row by row."""
        all_rows = np.arange(self.outputs)
        parts = [(all_rows if isinstance(tap.rows, slice) else tap.rows, *tap[1:]) for tap in self.taps]
        if not parts:
            parts = [(all_rows[:0], all_rows[:0], np.zeros(0))]
        rows, columns, weights = (np.concatenate(each) for each in zip(*parts))
        order = np.argsort(rows, kind="stable")
        starts = np.searchsorted(rows[order], np.arange(self.outputs + 1)).astype(np.int64)
        factors = {char: weights[order].astype(char) for char in "fd"}
        return Rows(starts, columns[order].astype(np.int64), factors)

    @cached_property
    def moves(self) -> bool:
        """Whether every row is one row of the input as it is."""
        return len(self.taps) == 1 and isinstance(self.taps[0].rows, slice) and bool(np.all(self.taps[0].weights == 1))

    @cached_property
    def transposed(self) -> Table:
        return transpose(self)


def table(rows: np.ndarray, columns: np.ndarray, weights: np.ndarray, outputs: int, inputs: int) -> Table:
    """The table of a matrix given by its entries, which are added to a row in the order they come."""
    order = np.argsort(rows, kind="stable")
    rows, columns, weights = rows[order], columns[order], weights[order]
    starts = np.searchsorted(rows, np.arange(outputs))
    position = np.arange(len(rows)) - starts[rows]
    taps = []
    for k in range(int(position.max()) + 1 if len(rows) else 0):
        at = position == k
        full = np.count_nonzero(at) == outputs
        taps.append(Tap(slice(None) if full else rows[at], columns[at], weights[at]))
    return Table(inputs, outputs, tuple(taps))


def transpose(t: Table) -> Table:
    """The table of the transposed matrix."""
    all_rows = np.arange(t.outputs)
    rows = [all_rows if isinstance(tap.rows, slice) else tap.rows for tap in t.taps]
    if not rows:
        return Table(t.outputs, t.inputs, ())
    found, columns, weights = (np.concatenate(parts) for parts in (rows, *zip(*[tap[1:] for tap in t.taps])))
    order = np.argsort(found, kind="stable")
    return table(columns[order], found[order], weights[order], t.inputs, t.outputs)


BLOCK = 1 << 15
"""Elements of the result computed at a time, so that what is gathered stays in the cache."""


def _combine(x: np.ndarray, matrix: Table, weights: list[np.ndarray | None]) -> np.ndarray:
    """``matrix`` applied along the middle dimension of three."""
    y: np.ndarray | None = None
    for tap, factor in zip(matrix.taps, weights):
        part = np.take(x, tap.columns, 1)
        if factor is not None:
            part *= factor
        if y is None and isinstance(tap.rows, slice):
            y = part  # not 0 + part, which would lose the sign of -0
            continue
        if y is None:
            y = np.zeros((len(x), matrix.outputs, x.shape[2]), x.dtype)
        y[:, tap.rows] += part
    return np.zeros((len(x), matrix.outputs, x.shape[2]), x.dtype) if y is None else y


class Resample(Node):
    """y = matrix @ x along one dimension; the adjoint is the same with the transposed matrix."""

    __slots__ = ("backwards", "dim", "matrix")

    def forward(self, x: Tensor, matrix: Table, dim: int, backwards: Table | None) -> np.ndarray:
        self.matrix, self.dim, self.backwards = matrix, dim, backwards
        if not mode.trace and type(x._data) is np.ndarray:
            if matrix.moves:
                return _ops.pick(x._data, dim, matrix.entries.columns)
            if (kind := x._data.dtype.char) in "fd":
                starts, columns, factors = matrix.entries
                return _ops.resample(x._data, dim, starts, columns, factors[kind])
        shape = x._data.shape
        y = _ops.allocate((*shape[:dim], matrix.outputs, *shape[dim + 1 :]), x._data.dtype)
        outer, inner = math.prod(shape[:dim]), math.prod(shape[dim + 1 :])
        source, target = x._data.reshape(outer, shape[dim], inner), y.reshape(outer, matrix.outputs, inner)
        weights = [None if np.all(tap.weights == 1) else tap.weights.astype(y.dtype)[:, None] for tap in matrix.taps]
        step = max(1, BLOCK // max(1, matrix.outputs * inner))
        for start in range(0, outer, step):
            target[start : start + step] = _combine(source[start : start + step], matrix, weights)
        return y

    def backward(self, dy: Tensor) -> Tensor:
        back = self.matrix.transposed if self.backwards is None else self.backwards
        return Resample.apply(dy, back, self.dim, self.matrix)


def resample(x: Tensor, matrix: Table, dim: int) -> Tensor:
    """``matrix`` applied along dimension ``dim``, which counts from the front."""
    return Resample.apply(x, matrix, dim, None)
