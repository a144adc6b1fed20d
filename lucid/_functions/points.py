"""Elements of planes or volumes picked at points, and their gradients added up; each is the adjoint of the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lucid import _ops
from lucid.autograd._node import Node

if TYPE_CHECKING:
    from lucid._tensor import Tensor


class PickPoints(Node):
    """y[n, c, p] = x[n, c, index[n, p]] for x of shape (N, C, S)."""

    __slots__ = ("index", "size")

    def forward(self, x: Tensor, index: np.ndarray) -> np.ndarray:
        self.index, self.size = index, x._data.shape[2]
        y = _ops.allocate((*x._data.shape[:2], index.shape[1]), x._data.dtype)
        for n, at in enumerate(index):
            np.take(x._data[n], at, 1, out=y[n], mode="clip")  # without it, NumPy copies `out`
        return y

    def backward(self, dy: Tensor) -> Tensor:
        return AddPoints.apply(dy, self.index, self.size)


class AddPoints(Node):
    """x[n, c, s] = the sum of y[n, c, p] over the points p with index[n, p] = s, in their order."""

    __slots__ = ("index",)

    def forward(self, y: Tensor, index: np.ndarray, size: int) -> np.ndarray:
        self.index = index
        x = np.zeros((*y._data.shape[:2], size), y._data.dtype)
        for n, at in enumerate(index):
            order = np.argsort(at, kind="stable")
            places, starts = np.unique(at[order], return_index=True)
            if len(places):
                x[n][:, places] = np.add.reduceat(y._data[n][:, order], starts, 1)
        return x

    def backward(self, dx: Tensor) -> Tensor:
        return PickPoints.apply(dx, self.index)
