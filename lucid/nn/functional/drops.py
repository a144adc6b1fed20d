"""Dropping whole samples and blocks of neighbouring elements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lucid._functions._arguments import check_tensors
from lucid._functions.sampling import rand
from lucid._functions.shape import reshape
from lucid.nn.functional._arguments import check_floating
from lucid.nn.functional.pool import max_pool2d

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["drop_block", "drop_path"]


def _check_probability(name: str, p: float) -> None:
    if not 0 <= p <= 1:
        raise ValueError(f"{name}: p must be between 0 and 1, got {p}")


def drop_path(input_: Tensor, p: float = 0.1, scale_by_keep: bool = True) -> Tensor:
    """Whole samples set to zero at random: stochastic depth, for a branch beside a residual connection.

        y[n] = 0 with probability p, else x[n] / (1 - p), or x[n] without ``scale_by_keep``

    Args:
        input_: shape (N, ...), floating point.
        p: probability of dropping a sample.
        scale_by_keep: keep the expected value.

    Raises:
        ValueError: ``p`` is not a probability.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.drop_path(lucid.ones(2, 3), p=1.0).tolist()
        [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]

    Source: Huang et al., Deep networks with stochastic depth, arXiv:1603.09382.
    """
    check_tensors("drop_path", input_)
    check_floating("drop_path", input_)
    _check_probability("drop_path", p)
    shape = input_._data.shape
    if p == 0 or not shape:
        return input_
    kept = (rand(shape[0], *(1,) * (len(shape) - 1)) >= p).to(input_.dtype)
    return input_ * (kept / (1 - p) if scale_by_keep and p < 1 else kept)


def drop_block(input_: Tensor, block_size: int, p: float = 0.1, eps: float = 1e-7) -> Tensor:
    """Square blocks of neighbouring elements set to zero at random; the rest grows so that the mean stays.

        y = x * m * (elements of m) / (sum of m + eps)

    The mask m is zero in the blocks. A block's corner is drawn at every place where a block fits, with the probability
    p / block_size^2 * (H W) / ((H - block_size + 1) (W - block_size + 1)), so that about a share p of x is dropped.

    Args:
        input_: shape (N, C, H, W), floating point.
        block_size: side of a block; at most H and W.
        p: share of elements to drop.
        eps: added to the number of elements that stay.

    Raises:
        RuntimeError: the shape is wrong.
        ValueError: ``p`` is not a probability, or the blocks do not fit.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.drop_block(lucid.ones(1, 1, 2, 2), block_size=2, p=1.0).tolist()
        [[[[0.0, 0.0], [0.0, 0.0]]]]

    Source: Ghiasi et al., DropBlock, arXiv:1810.12890.
    """
    check_tensors("drop_block", input_)
    check_floating("drop_block", input_)
    _check_probability("drop_block", p)
    shape = input_._data.shape
    if len(shape) != 4:
        raise RuntimeError(f"drop_block: expected input of shape (N, C, H, W), got {shape}")
    height, width = shape[2:]
    if not 1 <= block_size <= min(height, width):
        raise ValueError(f"drop_block: block_size must be between 1 and {min(height, width)}, got {block_size}")
    if p == 0:
        return input_
    rows, columns = height - block_size + 1, width - block_size + 1
    gamma = p * height * width / block_size**2 / (rows * columns)
    corners = (rand(*shape[:2], rows, columns) < gamma).to(input_.dtype)
    # a window that reaches back over a block's size sees whether a block begins there
    around = corners.new_zeros(*shape[:2], height + block_size - 1, width + block_size - 1)
    around[:, :, block_size - 1 : height, block_size - 1 : width] = corners
    mask = 1 - reshape(max_pool2d(around, block_size, 1), shape)
    return input_ * (mask * (mask.numel() / (mask.sum() + eps)))
