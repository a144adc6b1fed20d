"""Rows of a table, picked by index."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lucid import _ops
from lucid._functions.segment import SegmentRepeat
from lucid.autograd._node import Node, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def check_range(index: np.ndarray, table: np.ndarray) -> None:
    """IndexError unless every element of ``index`` is a row of ``table``."""
    rows = table.shape[0]
    if index.size and not (index.min() >= 0 and index.max() < rows):
        bad = index.max() if index.max() >= rows else index.min()
        raise IndexError(f"embedding: index {bad} is out of range for {rows} rows (weight {table.shape})")


class Embedding(Node):
    """weight[index]."""

    __slots__ = ("index", "padding", "rows")

    def forward(self, weight: Tensor, index: np.ndarray, padding: int) -> np.ndarray:
        if index.dtype.itemsize != 8:
            index = index.astype(np.int64)
        self.index, self.rows, self.padding = index, weight._data.shape[0], padding
        try:
            return _ops.embedding(weight._data, index)
        except IndexError:
            check_range(index, weight._data)
            raise

    def backward(self, dy: Tensor) -> Tensor:
        return EmbeddingGrad.apply(dy, self.index, self.rows, self.padding)


class BagSums(Node):
    """The sums over bags of weight[index]: the first counts[0] rows, the next counts[1] ..."""

    __slots__ = ("counts", "index", "padding", "rows")

    def forward(self, weight: Tensor, index: np.ndarray, counts: np.ndarray, padding: int) -> np.ndarray:
        self.index, self.counts, self.rows, self.padding = index, counts, weight._data.shape[0], padding
        return _ops.bag_sums(weight._data, index, counts)

    def backward(self, dy: Tensor) -> Tensor:
        return EmbeddingGrad.apply(SegmentRepeat.apply(dy, self.counts), self.index, self.rows, self.padding)


class EmbeddingGrad(Node):
    """Rows of dy summed where they were picked, in index order; the padding row stays zero."""

    __slots__ = ("index", "padding")

    def forward(self, dy: Tensor, index: np.ndarray, rows: int, padding: int) -> np.ndarray:
        self.index, self.padding = index, padding
        return _ops.embedding_backward(dy._data, index, rows, padding)

    def backward(self, g: Tensor) -> Tensor:
        y = Embedding.apply(g, self.index, self.padding)
        if self.padding < 0:
            return y
        return y.masked_fill(wrap(self.index == self.padding).unsqueeze(-1), 0.0)


def class_range(index: np.ndarray) -> tuple[int, int]:
    """The least and the largest of class numbers; (0, -1) of none."""
    return _ops.extent(index) if isinstance(index, np.ndarray) else (index.min(), index.max())


def one_hot_rows(index: np.ndarray, classes: int) -> Tensor:
    """1 at each of the class numbers, 0 elsewhere, along one more dimension."""
    return wrap(_ops.one_hot(index, classes))
