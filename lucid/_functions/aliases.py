"""Second names of functions, and the few lines that PyTorch gives a name of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid._dtype import int64
from lucid._functions._arguments import as_shape, check_tensors
from lucid._functions._common import cast, check_broadcast, mutate, sum_to
from lucid._functions.binary import atan2
from lucid._functions.compare import ge, gt, le, lt, ne
from lucid._functions.index import SetItem
from lucid._functions.join import split, vstack
from lucid._functions.matmul import outer
from lucid._functions.order import sort
from lucid._functions.shape import ravel, reshape
from lucid._functions.ternary import clamp
from lucid._functions.trigonometric import acosh, asinh, atanh
from lucid.autograd._node import wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor

greater, greater_equal, less, less_equal, not_equal = gt, ge, lt, le, ne
arccosh, arcsinh, arctanh, arctan2 = acosh, asinh, atanh, atan2
ger, row_stack, split_with_sizes = outer, vstack, split


def clamp_min(x: Tensor, min: Any, *, out: Tensor | None = None) -> Tensor:
    """max(x, min), of a number or a tensor; NaN stays NaN.

    Args:
        x: any shape, not complex.
        min: smallest value, a number or a tensor that broadcasts with ``x``.
        out: tensor that receives the result.

    Raises:
        ValueError: the shapes do not broadcast.

    Example:
        >>> import lucid
        >>> print(lucid.clamp_min(lucid.tensor([-1.0, 2.0]), 0.0))
        [0.0, 2.0]
    """
    check_tensors("clamp_min", x)
    return clamp(x, min=min)


def clamp_max(x: Tensor, max: Any, *, out: Tensor | None = None) -> Tensor:
    """min(x, max), of a number or a tensor; NaN stays NaN.

    Args:
        x: any shape, not complex.
        max: largest value, a number or a tensor that broadcasts with ``x``.
        out: tensor that receives the result.

    Raises:
        ValueError: the shapes do not broadcast.

    Example:
        >>> import lucid
        >>> print(lucid.clamp_max(lucid.tensor([-1.0, 2.0]), 0.0))
        [-1.0, 0.0]
    """
    check_tensors("clamp_max", x)
    return clamp(x, max=max)


def msort(x: Tensor, *, out: Tensor | None = None) -> Tensor:
    """``x`` sorted along its first dimension.

    Args:
        x: at least one dimension.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.msort(lucid.tensor([3.0, 1.0, 2.0])))
        [1.0, 2.0, 3.0]
    """
    return sort(x, 0).values


def unravel_index(indices: Tensor, shape: Sequence[int]) -> tuple[Tensor, ...]:
    """The coordinates, one tensor per dimension, of places in a flattened tensor of the given shape.

    Args:
        indices: places in the flattened tensor, integers of any shape.
        shape: the tensor's sizes.

    Raises:
        RuntimeError: ``indices`` does not hold integers.
        ValueError: a place is out of range.

    Example:
        >>> import lucid
        >>> [y.tolist() for y in lucid.unravel_index(lucid.tensor([1, 5]), (2, 3))]
        [[0, 1], [1, 2]]
    """
    check_tensors("unravel_index", indices)
    data = indices._data
    if data.dtype.kind not in "iu":
        raise RuntimeError(f"unravel_index: expected integer indices, got {indices.dtype}")
    size = int(np.prod(tuple(shape), dtype=np.int64))
    if data.size and not (data.min() >= 0 and data.max() < size):
        raise ValueError(f"unravel_index: indices must be within the {size} elements of shape {tuple(shape)}")
    return tuple([wrap(np.asarray(i, np.int64)) for i in np.unravel_index(data, tuple(shape))])


def broadcast_shapes(*shapes: Any) -> Any:
    """The shape that tensors of the given shapes broadcast to.

    Args:
        shapes: sequences of sizes; an int is the shape of a vector.

    Raises:
        ValueError: they do not.

    Example:
        >>> import lucid
        >>> lucid.broadcast_shapes((2, 1), (3,))
        lucid.Size([2, 3])
    """
    from lucid._layout import Size

    common: tuple[int, ...] = ()
    for s in shapes:
        shape = (s,) if isinstance(s, int) else tuple(s)
        check_broadcast("broadcast_shapes", common, shape)
        common = np.broadcast_shapes(common, shape)
    return Size(common)


def sum_to_size(x: Tensor, *size: Any) -> Tensor:
    """``x`` summed to ``size``, from which it could be broadcast.

    Args:
        size: sizes, as numbers or one sequence.

    Raises:
        RuntimeError: it could not.

    Example:
        >>> import lucid
        >>> print(lucid.ones(2, 3).sum_to_size(1, 3))
        [[2.0, 2.0, 2.0]]
    """
    target = as_shape(size)
    shape = x._data.shape
    extra = len(shape) - len(target)
    if extra < 0 or any(n not in (1, m) for n, m in zip(target, shape[extra:])):
        raise RuntimeError(f"sum_to_size: size {target} is not expandable to size {shape}")
    if not target and x._data.dtype.kind in "iub":
        return cast(x.sum(), int64)  # as of every sum of all integers
    return sum_to(x, target)


def fill_diagonal_(x: Tensor, fill_value: float, wrap: bool = False) -> Tensor:
    """Overwrite the main diagonal of a matrix, or of a tensor whose sizes are all the same.

    Args:
        x: at least two dimensions.
        fill_value: the number.
        wrap: start again below the square, after a row without, in a matrix with more rows than columns.

    Raises:
        RuntimeError: fewer than two dimensions, or more with different sizes.

    Example:
        >>> import lucid
        >>> print(lucid.zeros(2, 2).fill_diagonal_(1.0))
        [[1.0, 0.0],
         [0.0, 1.0]]
    """
    shape = x._data.shape
    if len(shape) < 2 or (len(shape) > 2 and len(set(shape)) > 1):
        raise RuntimeError(f"fill_diagonal_: expected a matrix, or dimensions of equal size, got shape {shape}")
    step = int(sum(np.cumprod((1, *shape[:0:-1]))))
    last = x._data.size if wrap or len(shape) > 2 else min(shape[0], shape[1]) * shape[1]
    places = np.arange(0, last, step)

    def filled(old: Tensor) -> Tensor:
        value = _wrapped(np.asarray(fill_value, old._data.dtype))
        return reshape(SetItem.apply(ravel(old), value, (places,)), shape)

    return mutate("fill_diagonal_", x, filled)


def _wrapped(data: np.ndarray) -> Tensor:
    return wrap(data)


__all__ = [
    "arccosh", "arcsinh", "arctan2", "arctanh", "broadcast_shapes", "clamp_max", "clamp_min", "ger", "greater",
    "greater_equal", "less", "less_equal", "msort", "not_equal", "row_stack", "split_with_sizes", "unravel_index",
]  # fmt: skip
