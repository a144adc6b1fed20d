"""Triangles of matrices: tril and triu."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lucid import _ops
from lucid._functions._arguments import check_tensors
from lucid._functions._common import check_rank
from lucid.autograd._node import Node

if TYPE_CHECKING:
    import numpy as np

    from lucid._tensor import Tensor


class Tri(Node):
    __slots__ = ("diagonal", "upper")

    def forward(self, x: Tensor, diagonal: int, upper: bool) -> np.ndarray:
        self.diagonal, self.upper = diagonal, upper
        return _ops.triangle(x._data, diagonal, upper)

    def backward(self, dy: Tensor) -> Tensor:
        return Tri.apply(dy, self.diagonal, self.upper)


def tril(x: Tensor, diagonal: int = 0, *, out: Tensor | None = None) -> Tensor:
    """The lower triangle of the last two dimensions, zeros elsewhere.

    Args:
        x: shape (..., n, m).
        diagonal: which diagonal bounds the triangle, and belongs to it: positive ones are above the main one.
        out: tensor that receives the result.

    Raises:
        RuntimeError: ``x`` has fewer than two dimensions.

    Example:
        >>> import lucid
        >>> print(lucid.tril(lucid.ones(2, 2)))
        [[1.0, 0.0],
         [1.0, 1.0]]
    """
    check_tensors("tril", x)
    check_rank("tril", x, 2)
    return Tri.apply(x, diagonal, False)


def triu(x: Tensor, diagonal: int = 0, *, out: Tensor | None = None) -> Tensor:
    """The upper triangle of the last two dimensions, zeros elsewhere.

    Args:
        x: shape (..., n, m).
        diagonal: which diagonal bounds the triangle, and belongs to it: positive ones are above the main one.
        out: tensor that receives the result.

    Raises:
        RuntimeError: ``x`` has fewer than two dimensions.

    Example:
        >>> import lucid
        >>> print(lucid.triu(lucid.ones(2, 2)))
        [[1.0, 1.0],
         [0.0, 1.0]]
    """
    check_tensors("triu", x)
    check_rank("triu", x, 2)
    return Tri.apply(x, diagonal, True)


__all__ = ["tril", "triu"]
