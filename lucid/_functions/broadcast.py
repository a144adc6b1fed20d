"""Repeating dimensions of size 1 without copying."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid._functions._arguments import as_shape, check_tensors
from lucid._functions._common import check_broadcast, expand
from lucid._functions.shape import Shape

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def broadcast_to(x: Tensor, shape: Sequence[int]) -> Tensor:
    """``x`` repeated along dimensions of size 1 to ``shape``, without copying.

    Args:
        x: any shape and dtype.
        shape: the sizes; -1 keeps that of ``x``.

    Raises:
        RuntimeError: ``x`` cannot be expanded to ``shape``.

    Example:
        >>> import lucid
        >>> print(lucid.broadcast_to(lucid.tensor([1, 2]), (2, 2)))
        [[1, 2],
         [1, 2]]
    """
    check_tensors("broadcast_to", x)
    return x.expand(*shape)


def expand_sizes(x: Tensor, *sizes: Any, size: Any = None) -> Tensor:
    """Dimensions of size 1 repeated to ``sizes`` without copying; -1 keeps a size, new ones come in front.

    Args:
        sizes: the sizes, as numbers or one sequence; -1 keeps that of the tensor.
        size: the sequence by name.

    Raises:
        RuntimeError: a size other than 1 would change.

    Example:
        >>> import lucid
        >>> print(lucid.tensor([[1], [2]]).expand(-1, 2))
        [[1, 1],
         [2, 2]]
    """
    target, shape = as_shape(sizes if size is None else (size,)), x._data.shape
    extra = len(target) - len(shape)
    if extra < 0:
        raise RuntimeError(
            f"expand: the number of sizes ({len(target)}) must be at least the number of dimensions {shape}"
        )
    full = tuple([shape[d - extra] if n == -1 and d >= extra else n for d, n in enumerate(target)])
    for d, n in enumerate(full):
        if n < 0 or (d >= extra and shape[d - extra] not in (1, n)):
            raise RuntimeError(f"expand: cannot expand shape {shape} to {target}: dimension {d}")
    return expand(x, full)


def expand_as(x: Tensor, other: Tensor) -> Tensor:
    """``x`` expanded to the shape of ``other``.

    Args:
        other: tensor whose shape is taken.

    Example:
        >>> import lucid
        >>> lucid.ones(3, 1).expand_as(lucid.zeros(3, 4)).shape
        lucid.Size([3, 4])
    """
    return expand_sizes(x, *other._data.shape)


def broadcast_tensors(*tensors: Tensor) -> tuple[Tensor, ...]:
    """All tensors expanded to their common shape.

    Args:
        tensors: any shapes and dtypes.

    Raises:
        ValueError: the shapes do not broadcast.

    Example:
        >>> import lucid
        >>> [y.tolist() for y in lucid.broadcast_tensors(lucid.tensor([1, 2]), lucid.tensor([[3]]))]
        [[[1, 2]], [[3, 3]]]
    """
    shape: Shape = ()
    for x in tensors:
        check_broadcast("broadcast_tensors", shape, x._data.shape)
        shape = np.broadcast_shapes(shape, x._data.shape)
    return tuple(expand(x, shape) for x in tensors)


__all__ = ["broadcast_tensors", "broadcast_to"]
