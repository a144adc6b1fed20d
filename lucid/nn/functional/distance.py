"""Distances and angles between vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lucid._dtype import get_default_dtype, promote_types
from lucid._functions._common import cast, check_broadcast, normalize_dim
from lucid._functions.binary import maximum
from lucid._functions.broadcast import expand_sizes
from lucid._functions.distance import norm, vector_norm
from lucid._functions.pairs import PDist
from lucid._functions.reduce import sum
from lucid.autograd._mode import mode
from lucid.autograd._node import wrap
from lucid.nn.functional._common import check_floating, check_tensors

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["cosine_similarity", "pairwise_distance", "pdist"]


def lifted(x: Tensor, least: float) -> Tensor:
    """max(x, least) with the gradient of x: the bound is for stability and takes no part in the derivative."""
    if not mode.enabled:  # plain operations, which a trace can note
        return maximum(x, wrap(np.asarray(least, x._data.dtype)))
    below = x._data < least
    if not below.any():
        return x
    return x + wrap(np.asarray(np.where(below, x._data.dtype.type(least) - x._data, 0), x._data.dtype))


def _broadcast(name: str, x1: Tensor, x2: Tensor) -> tuple[Tensor, Tensor]:
    """Both, checked, in their common dtype and shape."""
    check_tensors(name, x1, x2)
    check_broadcast(name, x1._data.shape, x2._data.shape)
    common = promote_types(x1.dtype, x2.dtype)
    if not common.is_floating_point and name == "cosine_similarity":
        raise TypeError(f"{name}: expected a floating-point tensor, got {x1.dtype} and {x2.dtype}")
    common = common if common.rank >= 2 else get_default_dtype()
    shape = np.broadcast_shapes(x1._data.shape, x2._data.shape)
    return expand_sizes(cast(x1, common), *shape), expand_sizes(cast(x2, common), *shape)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between vectors.

        y = sum(x1 * x2) / (max(|x1|, eps) * max(|x2|, eps)),    |x| the Euclidean norm along dim

    Args:
        x1, x2: one of them floating point; shapes that broadcast.
        dim: dimension of the vectors in the common shape.
        eps: least norm to divide by.

    Returns:
        The common shape without ``dim``.

    Raises:
        IndexError: ``dim`` is out of range.
        TypeError: an operand is not a floating-point tensor.
        ValueError: the shapes do not broadcast.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> print(F.cosine_similarity(lucid.tensor([[3.0, 4.0]]), lucid.tensor([[1.0, 0.0], [0.0, 2.0]])))
        [0.6, 0.8]

    Source: Salton and McGill, Introduction to modern information retrieval, 1983.
    """
    name = "cosine_similarity"
    a, b = _broadcast(name, x1, x2)
    d = normalize_dim(name, dim, a)
    if not a._data.ndim:
        return cosine_similarity(a.reshape(1), b.reshape(1), 0, eps)
    return sum((a / lifted(norm(a, 2, d, True), eps)) * (b / lifted(norm(b, 2, d, True), eps)), d)


def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """The p-norm of the difference of vectors.

        y = (sum_k |x1_k - x2_k + eps|^p)^(1/p)

    Args:
        x1, x2: shapes (N, D) or (D,), or any that broadcast; vectors lie along the last dimension.
        p: order of the norm; 0 counts, ``math.inf`` takes the largest.
        eps: added to every difference, which keeps derivatives finite for equal vectors.
        keepdim: keep the last dimension, with size 1.

    Returns:
        The common shape without its last dimension.

    Raises:
        TypeError: an operand is no tensor.
        ValueError: the shapes do not broadcast.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> print(F.pairwise_distance(lucid.tensor([[3.0, 0.0]]), lucid.tensor([[0.0, 4.0]]), eps=0.0))
        [5.0]

    Source: Deza and Deza, Encyclopedia of distances, 2009.
    """
    a, b = _broadcast("pairwise_distance", x1, x2)
    if not a._data.ndim:
        raise ValueError("pairwise_distance: expected vectors along a last dimension, got two 0-d tensors")
    difference = a - b + eps
    if difference._data.dtype.kind == "c":
        difference = difference.abs()
    return vector_norm(difference, p, a._data.ndim - 1, keepdim)


def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """The p-norms of the differences of all pairs of rows.

        y = |x_i - x_j|_p for i < j, in the order (0, 1), (0, 2), ..., (1, 2), ...

    Args:
        input: shape (N, D), floating point.
        p: order of the norm, not negative; 0 counts, ``math.inf`` takes the largest.

    Returns:
        Shape (N * (N - 1) / 2,).

    Raises:
        RuntimeError: not a matrix, or a negative ``p``.
        TypeError: ``input`` is not a floating-point tensor.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> print(F.pdist(lucid.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]])))
        [5.0, 1.0, 4.2426405]

    Source: Deza and Deza, Encyclopedia of distances, 2009.
    """
    check_floating("pdist", input)
    shape = input._data.shape
    if len(shape) != 2:
        raise RuntimeError(f"pdist: expected a matrix (N, D), got shape {shape}")
    if not p >= 0:
        raise RuntimeError(f"pdist: expected p not to be negative, got {p}")
    if not shape[1]:
        return wrap(np.zeros(shape[0] * (shape[0] - 1) // 2, input._data.dtype))
    return PDist.apply(input, p)
