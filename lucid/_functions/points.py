"""Elements of planes or volumes at points, or between them, and their gradients added up."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from lucid import _ops
from lucid._functions.shape import reshape
from lucid.autograd._mode import mode
from lucid.autograd._node import Node, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor


class GridSample(Node):
    """Planes (N, C, H, W) read at points (N, H', W', 2); ``composed`` does the same by differentiable operations."""

    __slots__ = ("composed", "options")

    def forward(
        self, x: Tensor, grid: Tensor, nearest: bool, padding: str, corners: bool, composed: Callable[..., Tensor]
    ) -> np.ndarray:
        self.saved, self.options, self.composed = (x, grid), (nearest, padding, corners), composed
        return _ops.grid_sample(x._data, grid._data, nearest, padding, corners)

    def backward(self, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, grid = self.unpack()
        if mode.enabled:
            return self._recorded(dy, x, grid)
        nearest, padding, corners = self.options
        dx = dgrid = None
        if self.edges[0] is not None:
            dx = _ops.grid_sample_backward(dy._data, x._data, grid._data, nearest, padding, corners, False)
        if self.edges[1] is not None and not nearest:
            dgrid = _ops.grid_sample_backward(dy._data, x._data, grid._data, nearest, padding, corners, True)
        return None if dx is None else wrap(dx), None if dgrid is None else wrap(dgrid)

    def _recorded(self, dy: Tensor, x: Tensor, grid: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients that can be differentiated again."""
        from lucid.autograd import grad

        copies = [reshape(t, (1, *t._data.shape)) for t in (x, grid)]  # of their own, as the grid may depend on x
        y = self.composed(*[reshape(t, t._data.shape[1:]) for t in copies], *self.options)
        wanted = [i for i, edge in enumerate(self.edges) if edge is not None and copies[i].requires_grad]
        found = grad(y, [copies[i] for i in wanted], dy, create_graph=True, allow_unused=True)
        gradients: list[Tensor | None] = [None, None]
        for i, g in zip(wanted, found):
            gradients[i] = None if g is None else reshape(g, g._data.shape[1:])
        return tuple(gradients)


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
