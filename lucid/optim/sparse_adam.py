"""SparseAdam, which is refused."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lucid._tensor import Tensor
from lucid.optim.optimizer import Optimizer


class SparseAdam(Optimizer):
    """Adam for sparse gradients, which lucid does not have: gradients of embeddings are dense.

    Args:
        params, lr, betas, eps, maximize: as in PyTorch.

    Raises:
        NotImplementedError: always.

    Example:
        >>> import lucid
        >>> lucid.optim.SparseAdam([lucid.ones(1, requires_grad=True)])
        Traceback (most recent call last):
        NotImplementedError: SparseAdam: lucid has no sparse gradients; use Adam, which takes the dense ones

    Source: Kingma and Ba, arXiv:1412.6980.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        maximize: bool = False,
    ) -> None:
        raise NotImplementedError("SparseAdam: lucid has no sparse gradients; use Adam, which takes the dense ones")


__all__ = ["SparseAdam"]
