"""Sums over consecutive rows, and rows repeated; each is the adjoint of the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lucid import _ops
from lucid.autograd._node import Node

if TYPE_CHECKING:
    from lucid._tensor import Tensor


class SegmentSum(Node):
    """y[i] = the sum of the next counts[i] rows of x, in their order; 0 where that is none."""

    __slots__ = ("counts",)

    def forward(self, x: Tensor, counts: np.ndarray) -> np.ndarray:
        self.counts = counts
        if x._data.dtype.char in "fd":
            return _ops.bag_sums(x._data, None, counts)
        y = np.zeros((len(counts), *x._data.shape[1:]), x._data.dtype)
        filled = counts > 0
        if filled.any():
            y[filled] = np.add.reduceat(x._data, (np.cumsum(counts) - counts)[filled], 0)
        return y

    def backward(self, dy: Tensor) -> Tensor:
        return SegmentRepeat.apply(dy, self.counts)


class SegmentRepeat(Node):
    """Row i of x, counts[i] times."""

    __slots__ = ("counts",)

    def forward(self, x: Tensor, counts: np.ndarray) -> np.ndarray:
        self.counts = counts
        return np.repeat(x._data, counts, 0)

    def backward(self, dy: Tensor) -> Tensor:
        return SegmentSum.apply(dy, self.counts)
