"""Distances of all pairs of rows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid._functions.binary import pow
from lucid._functions.choice import where
from lucid._functions.distance import vector_norm
from lucid._functions.index import ScatterAdd
from lucid._functions.pointwise import abs, sign
from lucid._functions.reduce import sum
from lucid._functions.shape import transpose, unsqueeze
from lucid.autograd._mode import mode
from lucid.autograd._node import Node, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def lengths(d: np.ndarray, p: float) -> np.ndarray:
    """The p-norms of rows."""
    if p == 2:
        return np.sqrt(np.sum(d * d, 1))
    a = np.abs(d)
    if p == 0:
        return np.count_nonzero(a, 1).astype(d.dtype)
    return np.max(a, 1) if p == math.inf else np.sum(a, 1) if p == 1 else np.sum(a**p, 1) ** (1 / p)


def slopes(d: np.ndarray, length: np.ndarray, p: float) -> np.ndarray:
    """d length / d d for rows d, and 0 where d or the whole row is 0."""
    far = length[:, None]
    if p == 0:
        return np.zeros_like(d)
    if p == 1:
        return np.sign(d)
    if p == math.inf:
        return np.sign(d) * (np.abs(d) == far)
    with np.errstate(divide="ignore", invalid="ignore"):
        if p == 2:
            return np.where(far == 0, 0, d / far)
        return np.where(d == 0, 0, np.sign(d) * (np.abs(d) / far) ** (p - 1))


class PDist(Node):
    """|x_i - x_j|_p for all i < j: a row against all after it at a time, so that no (N, N, D) array is formed."""

    __slots__ = ("p",)

    def forward(self, x: Tensor, p: float) -> np.ndarray:
        self.saved, self.p = (x,), p
        rows = x._data
        n, start = len(rows), 0
        y = np.empty(n * (n - 1) // 2, rows.dtype)
        for i in range(n - 1):
            y[start : start + n - 1 - i] = lengths(rows[i] - rows[i + 1 :], p)
            start += n - 1 - i
        return self.save_result(y)

    def backward(self, dy: Tensor) -> Tensor:
        (x,) = self.unpack()
        if mode.enabled:
            return self.composed(x, dy)
        rows, y, n, start = x._data, self.unpack_result()._data, x._data.shape[0], 0
        dx = np.zeros_like(rows)
        for i in range(n - 1):
            part = slice(start, start + n - 1 - i)
            d = slopes(rows[i] - rows[i + 1 :], y[part], self.p)
            d *= dy._data[part, None]
            dx[i] += d.sum(0)
            dx[i + 1 :] -= d
            start += n - 1 - i
        return wrap(dx)

    def composed(self, x: Tensor, dy: Tensor) -> Tensor:
        """The same from differentiable functions of all differences, both ways round."""
        n, p = x._data.shape[0], self.p
        half = ScatterAdd.apply(dy, (n, n), (np.triu(np.ones((n, n), bool), 1),))
        d: Any = unsqueeze(x, 1) - unsqueeze(x, 0)
        far = vector_norm(d, p, 2, True)
        if p in (0, 1, math.inf):
            slope = wrap(slopes(d._data.reshape(n * n, -1), far._data.reshape(-1), p).reshape(d._data.shape))
        else:
            length = where(far == 0, 1.0, far)
            flat = d == 0
            ratio = where(flat, 1.0, abs(d)) / length
            slope = d / length if p == 2 else where(flat, 0.0, sign(d) * pow(ratio, p - 1))
        return sum(unsqueeze(half + transpose(half, 0, 1), 2) * slope, 1)
