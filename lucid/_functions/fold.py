"""Windows of planes as columns of a matrix, and back; each is the adjoint of the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lucid import _ops
from lucid.autograd._node import Node

if TYPE_CHECKING:
    from lucid._tensor import Tensor

Pair = tuple[int, int]


class Windows(NamedTuple):
    """How a window moves over a zero-padded plane."""

    size: Pair
    kernel: Pair
    dilation: Pair
    padding: Pair
    stride: Pair

    @property
    def positions(self) -> Pair:
        """Positions of the window, vertically and horizontally; not positive where it does not fit."""
        rows, columns = [
            (n + 2 * p - d * (k - 1) - 1) // s + 1
            for n, k, d, p, s in zip(self.size, self.kernel, self.dilation, self.padding, self.stride)
        ]
        return rows, columns

    def parts(self, padded: np.ndarray) -> Iterator[tuple[int, int, np.ndarray]]:
        """For each element (i, j) of the window the view of what it sees at all positions."""
        (rows, columns), (sy, sx), (dy, dx) = self.positions, self.stride, self.dilation
        for i in range(self.kernel[0]):
            for j in range(self.kernel[1]):
                vertical = slice(i * dy, i * dy + sy * (rows - 1) + 1, sy)
                horizontal = slice(j * dx, j * dx + sx * (columns - 1) + 1, sx)
                yield i, j, padded[:, :, vertical, horizontal]


class Unfold(Node):
    """(N, C, H, W) to (N, C * kernel, positions)."""

    __slots__ = ("windows",)

    def forward(self, x: Tensor, windows: Windows) -> np.ndarray:
        self.windows = windows
        n, c = x._data.shape[:2]
        (ph, pw), (h, w) = windows.padding, windows.size
        padded = x._data
        if ph or pw:
            padded = np.zeros((n, c, h + 2 * ph, w + 2 * pw), x._data.dtype)
            padded[:, :, ph : ph + h, pw : pw + w] = x._data
        y = _ops.allocate((n, c, *windows.kernel, *windows.positions), x._data.dtype)
        for i, j, seen in windows.parts(padded):
            y[:, :, i, j] = seen
        return y.reshape(n, c * windows.kernel[0] * windows.kernel[1], windows.positions[0] * windows.positions[1])

    def backward(self, dy: Tensor) -> Tensor:
        return Fold.apply(dy, self.windows)


class Fold(Node):
    """(N, C * kernel, positions) to (N, C, H, W): what lies on one element is added, in the window's order."""

    __slots__ = ("windows",)

    def forward(self, x: Tensor, windows: Windows) -> np.ndarray:
        self.windows = windows
        (ph, pw), (h, w), (kh, kw) = windows.padding, windows.size, windows.kernel
        n, c = x._data.shape[0], x._data.shape[1] // (kh * kw)
        columns = x._data.reshape(n, c, kh, kw, *windows.positions)
        padded = np.zeros((n, c, h + 2 * ph, w + 2 * pw), x._data.dtype)
        for i, j, seen in windows.parts(padded):
            seen += columns[:, :, i, j]
        return np.ascontiguousarray(padded[:, :, ph : ph + h, pw : pw + w])

    def backward(self, dy: Tensor) -> Tensor:
        return Unfold.apply(dy, self.windows)
