"""Merging and splitting dimensions."""

from __future__ import annotations

from collections.abc import Sequence

from lucid._functions.shape import flatten, unflatten
from lucid._tensor import Tensor
from lucid.nn.modules.module import Module

__all__ = ["Flatten", "Unflatten"]


class Flatten(Module):
    """Dimensions ``start_dim`` to ``end_dim`` merged into one.

    Args:
        start_dim: first dimension to merge.
        end_dim: last dimension to merge.

    Shape: any with these dimensions; the sizes of those merged are multiplied.

    Raises:
        IndexError: a dimension is out of range.
        RuntimeError: ``start_dim`` comes after ``end_dim``.

    Example:
        >>> import lucid
        >>> lucid.nn.Flatten()(lucid.ones(2, 3, 4)).shape
        lucid.Size([2, 12])
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input: Tensor) -> Tensor:
        return flatten(input, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Dimension ``dim`` split into several.

    Args:
        dim: dimension to split.
        unflattened_size: sizes of the new dimensions; one may be -1 and is inferred.

    Shape: any with dimension ``dim``, in whose place ``unflattened_size`` stands in the result.

    Raises:
        IndexError: ``dim`` is out of range.
        RuntimeError: the new sizes do not multiply to the old one.
        TypeError: ``unflattened_size`` is not a sequence of ints.

    Example:
        >>> import lucid
        >>> lucid.nn.Unflatten(1, (3, 4))(lucid.ones(2, 12)).shape
        lucid.Size([2, 3, 4])
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        if not isinstance(unflattened_size, (tuple, list)) or not all(isinstance(n, int) for n in unflattened_size):
            raise TypeError(f"Unflatten: unflattened_size must be a tuple of ints, got {unflattened_size!r}")
        self.dim, self.unflattened_size = dim, tuple(unflattened_size)

    def forward(self, input: Tensor) -> Tensor:
        return unflatten(input, self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
