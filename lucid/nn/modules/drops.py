"""Dropping whole samples and blocks of neighbouring elements in training."""

from __future__ import annotations

from lucid._tensor import Tensor
from lucid.nn import functional as F
from lucid.nn.modules.module import Module

__all__ = ["DropBlock", "DropPath"]


class DropPath(Module):
    """Whole samples set to zero at random in training: stochastic depth, as `lucid.nn.functional.drop_path`.

    Args:
        drop_prob: probability of dropping a sample.
        scale_by_keep: divide what stays by 1 - drop_prob.

    Shape: (N, ...), and the same for the result; floating point.

    Raises:
        RuntimeError: the input is not floating point.
        ValueError: ``drop_prob`` is not a probability.

    Example:
        >>> import lucid
        >>> lucid.nn.DropPath(0.5).eval()(lucid.ones(2)).tolist()
        [1.0, 1.0]

    Source: Huang et al., Deep networks with stochastic depth, arXiv:1603.09382.
    """

    def __init__(self, drop_prob: float = 0.1, scale_by_keep: bool = True) -> None:
        super().__init__()
        if not 0 <= drop_prob <= 1:
            raise ValueError(f"DropPath: drop_prob must be between 0 and 1, got {drop_prob}")
        self.drop_prob, self.scale_by_keep = drop_prob, scale_by_keep

    def forward(self, input_: Tensor) -> Tensor:
        return F.drop_path(input_, self.drop_prob, self.scale_by_keep) if self.training else input_

    def extra_repr(self) -> str:
        return f"drop_prob={self.drop_prob}, scale_by_keep={self.scale_by_keep}"


class DropBlock(Module):
    """Square blocks of neighbouring elements set to zero at random in training, as `lucid.nn.functional.drop_block`.

    Args:
        block_size: side of a block.
        p: share of elements to drop.
        eps: added to the number of elements that stay.

    Shape: (N, C, H, W), and the same for the result; floating point.

    Raises:
        RuntimeError: the input has another shape, or is not floating point.
        ValueError: ``p`` is not a probability; or, when called, the blocks do not fit into the planes.

    Example:
        >>> import lucid
        >>> lucid.nn.DropBlock(2)(lucid.ones(1, 3, 8, 8)).shape
        lucid.Size([1, 3, 8, 8])

    Source: Ghiasi et al., DropBlock, arXiv:1810.12890.
    """

    def __init__(self, block_size: int, p: float = 0.1, eps: float = 1e-7) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"DropBlock: p must be between 0 and 1, got {p}")
        self.block_size, self.p, self.eps = block_size, p, eps

    def forward(self, input_: Tensor) -> Tensor:
        return F.drop_block(input_, self.block_size, self.p, self.eps) if self.training else input_

    def extra_repr(self) -> str:
        return f"block_size={self.block_size}, p={self.p}"
