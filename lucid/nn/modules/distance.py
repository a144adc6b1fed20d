"""Distances and angles between vectors."""

from __future__ import annotations

from lucid._tensor import Tensor
from lucid.nn import functional as F
from lucid.nn.modules.module import Module

__all__ = ["CosineSimilarity", "PairwiseDistance"]


class CosineSimilarity(Module):
    """The cosine of the angle between vectors.

        y = sum(x1 * x2) / (max(|x1|, eps) * max(|x2|, eps)),    |x| the Euclidean norm along dim

    Args:
        dim: dimension of the vectors.
        eps: least norm to divide by.

    Shape: two that broadcast; the result has the common shape without ``dim``.

    Raises:
        IndexError: ``dim`` is out of range.
        TypeError: an operand is not a floating-point tensor.
        ValueError: the shapes do not broadcast.

    Example:
        >>> import lucid
        >>> print(lucid.nn.CosineSimilarity()(lucid.tensor([[3.0, 4.0]]), lucid.tensor([[1.0, 0.0]])))
        [0.6]

    Source: Salton and McGill, Introduction to modern information retrieval, 1983.
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim, self.eps = dim, eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.cosine_similarity(x1, x2, self.dim, self.eps)


class PairwiseDistance(Module):
    """The p-norm of the difference of vectors along the last dimension.

        y = (sum_k |x1_k - x2_k + eps|^p)^(1/p)

    Args:
        p: order of the norm; 0 counts, ``math.inf`` takes the largest.
        eps: added to every difference, which keeps derivatives finite for equal vectors.
        keepdim: keep the last dimension, with size 1.

    Shape: (N, D) or (D,), or any that broadcast; the result has the common shape without its last dimension.

    Raises:
        TypeError: an operand is not a floating-point tensor.
        ValueError: the shapes do not broadcast.

    Example:
        >>> import lucid
        >>> print(lucid.nn.PairwiseDistance(eps=0.0)(lucid.tensor([[3.0, 0.0]]), lucid.tensor([[0.0, 4.0]])))
        [5.0]

    Source: Deza and Deza, Encyclopedia of distances, 2009.
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm, self.eps, self.keepdim = p, eps, keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)
