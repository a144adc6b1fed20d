"""Tensors in sections: tensor_split, hsplit, vsplit, dsplit."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid._functions._arguments import check_tensors, integer
from lucid._functions._common import normalize_dim
from lucid._functions.join import narrow
from lucid.autograd._node import TensorBase

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["dsplit", "hsplit", "tensor_split", "vsplit"]

MOST = 1 << 20
"""Parts that a shorter dimension is cut into; most of them are empty."""


def tensor_split(x: Tensor, indices_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of consecutive parts along ``dim``: a number of nearly equal ones, or those between given places.

    Args:
        x: at least one dimension.
        indices_or_sections: number of parts (the first are longer by 1 where they must be), or the list of places.
        dim: dimension to split.

    Raises:
        RuntimeError: ``x`` is 0-d, or the number of parts is not positive.

    Example:
        >>> import lucid
        >>> [y.tolist() for y in lucid.tensor_split(lucid.arange(5), 2)]
        [[0, 1, 2], [3, 4]]
    """
    check_tensors("tensor_split", x)
    if not x._data.ndim:
        raise RuntimeError("tensor_split: received a rank zero tensor, but expected at least one dimension")
    d = normalize_dim("tensor_split", dim, x)
    extent = x._data.shape[d]
    if isinstance(indices_or_sections, TensorBase):
        indices_or_sections = indices_or_sections.tolist()  # type: ignore[attr-defined]
    indices_or_sections = integer(indices_or_sections)
    if isinstance(indices_or_sections, int):
        parts = indices_or_sections
        if parts <= 0:
            raise RuntimeError(f"tensor_split: number of sections must be larger than 0, got {parts}")
        if parts > max(MOST, extent):
            raise RuntimeError(f"tensor_split: {parts} sections of {extent} elements are more than the {MOST} allowed")
        edges = np.cumsum([0] + [extent // parts + (k < extent % parts) for k in range(parts)]).tolist()
    else:
        edges = [0, *[slice(None, i).indices(extent)[1] for i in indices_or_sections], extent]
    return tuple([narrow(x, d, a, max(b - a, 0)) for a, b in itertools.pairwise(edges)])


def _split(name: str, x: Tensor, sections: Any, dim: int, ndim: int) -> tuple[Tensor, ...]:
    if x._data.ndim < ndim:
        raise RuntimeError(f"{name}: requires a tensor with at least {ndim} dimension(s), got shape {x._data.shape}")
    sections = integer(sections)
    if isinstance(sections, int) and (sections <= 0 or x._data.shape[dim] % sections):
        raise RuntimeError(
            f"{name}: attempted to split along dimension {dim}, but its size {x._data.shape[dim]} is not divisible by "
            f"the split_size {sections}"
        )
    return tensor_split(x, sections, dim)


def hsplit(x: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """`tensor_split` along dimension 1 (0 for vectors) into parts of equal size, or at given places.

    Args:
        x: at least one dimension.
        indices_or_sections: the number of parts, or the places where parts begin.

    Raises:
        RuntimeError: ``x`` has no dimensions, or the size is not divisible by the number of parts.

    Example:
        >>> import lucid
        >>> [y.tolist() for y in lucid.hsplit(lucid.arange(4), 2)]
        [[0, 1], [2, 3]]
    """
    check_tensors("hsplit", x)
    return _split("hsplit", x, indices_or_sections, 0 if x._data.ndim == 1 else 1, 1)


def vsplit(x: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """`tensor_split` along dimension 0 into parts of equal size, or at given places.

    Args:
        x: at least two dimensions.
        indices_or_sections: the number of parts, or the places where parts begin.

    Raises:
        RuntimeError: ``x`` has fewer dimensions, or the size is not divisible by the number of parts.

    Example:
        >>> import lucid
        >>> [y.tolist() for y in lucid.vsplit(lucid.tensor([[1, 2], [3, 4]]), 2)]
        [[[1, 2]], [[3, 4]]]
    """
    check_tensors("vsplit", x)
    return _split("vsplit", x, indices_or_sections, 0, 2)


def dsplit(x: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """`tensor_split` along dimension 2 into parts of equal size, or at given places.

    Args:
        x: at least three dimensions.
        indices_or_sections: the number of parts, or the places where parts begin.

    Raises:
        RuntimeError: ``x`` has fewer dimensions, or the size is not divisible by the number of parts.

    Example:
        >>> import lucid
        >>> [y.shape for y in lucid.dsplit(lucid.zeros(1, 2, 4), 2)]
        [lucid.Size([1, 2, 2]), lucid.Size([1, 2, 2])]
    """
    check_tensors("dsplit", x)
    return _split("dsplit", x, indices_or_sections, 2, 3)
