"""Copies in another order or several times: flip, repeat, tile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _ops
from lucid._functions._arguments import as_shape, check_tensors
from lucid._functions._common import expand, normalize_dims
from lucid._functions.shape import clone, reshape
from lucid.autograd._node import Node

if TYPE_CHECKING:
    from lucid._tensor import Tensor


class Flip(Node):
    __slots__ = ("dims",)

    def forward(self, x: Tensor, dims: tuple[int, ...]) -> np.ndarray:
        self.dims = dims
        return _ops.copied(np.flip(x._data, dims) if x._data.ndim else x._data)

    def backward(self, dy: Tensor) -> Tensor:
        return Flip.apply(dy, self.dims)


def flip(x: Tensor, dims: Any, *more: int) -> Tensor:
    """A copy with the order reversed along ``dims``: a dimension, several, or a sequence of them.

    Args:
        x: any shape.
        dims, more: dimensions, as numbers or one sequence.

    Raises:
        RuntimeError: a dimension is given twice.
        IndexError: a dimension is out of range.

    Example:
        >>> import lucid
        >>> print(lucid.flip(lucid.tensor([1, 2, 3]), [0]))
        [3, 2, 1]
    """
    if more:
        dims = (dims, *more)
    elif isinstance(dims, (tuple, list)) and not dims:
        return clone(x)
    return Flip.apply(x, normalize_dims("flip", dims, x))


def repeat(x: Tensor, *sizes: Any, repeats: Any = None) -> Tensor:
    """A copy tiled ``sizes`` times along each dimension; extra sizes add leading dimensions.

    Args:
        x: any shape.
        sizes: repeats of each dimension, as numbers or one sequence.
        repeats: the sequence by name.

    Raises:
        RuntimeError: fewer sizes than dimensions, or a negative one.

    Example:
        >>> import lucid
        >>> print(lucid.tensor([1, 2]).repeat(2))
        [1, 2, 1, 2]
    """
    check_tensors("repeat", x)
    reps, shape = as_shape(sizes if repeats is None else (repeats,)), x._data.shape
    if len(reps) < len(shape):
        raise RuntimeError(f"repeat: {len(reps)} repeats for a tensor of {len(shape)} dimensions")
    if min(reps, default=0) < 0:
        raise RuntimeError(f"repeat: repeats must not be negative, got {reps}")
    shape = (1,) * (len(reps) - len(shape)) + shape
    apart = [n for pair in zip([1] * len(shape), shape) for n in pair]
    full = [n for pair in zip(reps, shape) for n in pair]
    wide = expand(reshape(x, tuple(apart)), tuple(full))
    return reshape(clone(wide), tuple([r * n for r, n in zip(reps, shape)]))


def tile(x: Tensor, *sizes: Any, dims: Any = None) -> Tensor:
    """`repeat`, with missing leading sizes taken as 1.

    Args:
        x: any shape.
        sizes: repeats of each dimension, as numbers or one sequence.
        dims: the sequence by name.

    Example:
        >>> import lucid
        >>> print(lucid.tile(lucid.tensor([1, 2]), (2,)))
        [1, 2, 1, 2]
    """
    check_tensors("tile", x)
    reps = as_shape(sizes if dims is None else (dims,))
    return repeat(x, (1,) * (x._data.ndim - len(reps)) + reps)


__all__ = ["flip", "repeat", "tile"]
