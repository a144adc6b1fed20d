"""Arguments that convolution and pooling share: sizes per dimension, and planes."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from lucid._functions._arguments import ShapeError
from lucid._functions._errors import OptionError
from lucid._functions.shape import reshape
from lucid._printing import shown

if TYPE_CHECKING:
    from lucid._tensor import Tensor

Sizes = int | tuple[int, ...] | list[int]
"""One int for all spatial dimensions, or one for each."""


def sizes(name: str, argument: str, value: Any, spatial: int) -> tuple[int, ...]:
    """``value`` as ``spatial`` ints.

    Raises:
        TypeError: it is neither an int nor a sequence of ints.
        ValueError: it has another length.
    """
    try:
        given = (operator.index(value),) if hasattr(value, "__index__") else tuple([operator.index(v) for v in value])
    except TypeError:
        raise TypeError(f"{name}: {argument} must be an int or a tuple of {spatial} ints, got {shown(value)}") from None
    if len(given) == 1:
        return given * spatial
    if len(given) != spatial:
        raise OptionError(f"{name}: {argument} must be an int or a tuple of {spatial} ints, got {shown(value)}")
    return given


def at_least(name: str, argument: str, value: tuple[int, ...], least: int) -> tuple[int, ...]:
    """``value``, checked: ValueError if an entry is below ``least``."""
    if any(v < least for v in value):
        shown = value[0] if len(set(value)) == 1 else value
        raise OptionError(f"{name}: {argument} must be {'positive' if least else 'non-negative'}, got {shown}")
    return value


def check_floating(name: str, x: Tensor) -> None:
    if x._data.dtype.kind != "f":
        raise RuntimeError(f"{name}: expected float32 or float64 input, got {x.dtype}")


def check_planes(name: str, shape: tuple[int, ...], spatial: int) -> None:
    """ShapeError unless ``shape`` is that of channels of ``spatial`` dimensions, in a batch or not."""
    if len(shape) not in (spatial + 1, spatial + 2):
        raise ShapeError(
            f"{name}: expected a {spatial + 1}-d (unbatched) or {spatial + 2}-d (batched) input, got shape {shape}"
        )


def to_planes(name: str, x: Tensor, spatial: int) -> Tensor:
    """(N, C, L), (C, L), (N, C, H, W) or (C, H, W) as (N, C, H, W), with 1 for what is missing.

    Raises:
        RuntimeError: another number of dimensions, or integers.
    """
    shape = x._data.shape
    check_floating(name, x)
    check_planes(name, shape, spatial)
    if len(shape) == spatial + 2:
        return x if spatial == 2 else reshape(x, (*shape[:2], 1, shape[2]))
    return reshape(x, (1, shape[0], *(1,) * (2 - spatial), *shape[1:]))


def from_planes(y: Tensor, spatial: int, ndim: int) -> Tensor:
    """The inverse of `to_planes` for a result of an input with ``ndim`` dimensions."""
    n, c, h, w = y._data.shape
    if spatial == ndim - 2:
        return y if spatial == 2 else reshape(y, (n, c, w))
    return reshape(y, (c, h, w) if spatial == 2 else (c, w))
