"""Moving channels into space and back, and between groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lucid._functions.shape import permute, reshape, transpose
from lucid.nn.functional._common import check_tensors

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["channel_shuffle", "pixel_shuffle", "pixel_unshuffle"]


def _planes(name: str, x: Tensor, factor: int, argument: str) -> tuple[tuple[int, ...], int, int, int]:
    """Leading dimensions, channels, height and width."""
    check_tensors(name, x)
    shape = x._data.shape
    if len(shape) < 3:
        raise RuntimeError(f"{name}: expected input of at least 3 dimensions (..., C, H, W), got shape {shape}")
    if factor <= 0:
        raise RuntimeError(f"{name}: expected a positive {argument}, got {factor}")
    return shape[:-3], *shape[-3:]


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Groups of r * r channels laid out as r x r blocks of pixels.

        y[..., c, h * r + i, w * r + j] = x[..., c * r^2 + i * r + j, h, w],    r the upscale factor

    Args:
        input: shape (..., C * r^2, H, W).
        upscale_factor: r, positive.

    Returns:
        Shape (..., C, H * r, W * r).

    Raises:
        RuntimeError: fewer than three dimensions, a factor that is not positive, or channels r^2 does not divide.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.pixel_shuffle(lucid.arange(4.0).reshape(4, 1, 1), 2).tolist()
        [[[0.0, 1.0], [2.0, 3.0]]]

    Source: Shi et al., Real-time single image and video super-resolution, arXiv:1609.05158.
    """
    name, r = "pixel_shuffle", upscale_factor
    lead, c, h, w = _planes(name, input, r, "upscale_factor")
    if c % (r * r):
        raise RuntimeError(
            f"{name}: expected channels divisible by upscale_factor^2 = {r * r}, got {c} (input {input._data.shape})"
        )
    n = len(lead)
    blocks = reshape(input, (*lead, c // (r * r), r, r, h, w))
    return reshape(permute(blocks, (*range(n), n, n + 3, n + 1, n + 4, n + 2)), (*lead, c // (r * r), h * r, w * r))


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """Blocks of r x r pixels laid out as channels: the inverse of `pixel_shuffle`.

        y[..., c * r^2 + i * r + j, h, w] = x[..., c, h * r + i, w * r + j],    r the downscale factor

    Args:
        input: shape (..., C, H * r, W * r).
        downscale_factor: r, positive.

    Returns:
        Shape (..., C * r^2, H, W).

    Raises:
        RuntimeError: fewer than three dimensions, a factor that is not positive, or a plane r does not divide.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.pixel_unshuffle(lucid.arange(4.0).reshape(1, 2, 2), 2).flatten().tolist()
        [0.0, 1.0, 2.0, 3.0]

    Source: Shi et al., Real-time single image and video super-resolution, arXiv:1609.05158.
    """
    name, r = "pixel_unshuffle", downscale_factor
    lead, c, h, w = _planes(name, input, r, "downscale_factor")
    if h % r or w % r:
        raise RuntimeError(
            f"{name}: expected height and width divisible by downscale_factor {r}, got {(h, w)} "
            f"(input {input._data.shape})"
        )
    n = len(lead)
    blocks = reshape(input, (*lead, c, h // r, r, w // r, r))
    return reshape(permute(blocks, (*range(n), n, n + 2, n + 4, n + 1, n + 3)), (*lead, c * r * r, h // r, w // r))


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Channels dealt out in turn from each of ``groups`` groups.

        y[:, i * g + k] = x[:, k * (C / g) + i],    g the number of groups

    Args:
        input: shape (N, C, ...), at least three dimensions.
        groups: number of groups, positive, a divisor of C.

    Returns:
        The input's shape.

    Raises:
        RuntimeError: fewer than three dimensions, or groups that do not divide the channels.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.channel_shuffle(lucid.arange(4.0).reshape(1, 4, 1), 2).flatten().tolist()
        [0.0, 2.0, 1.0, 3.0]

    Source: Zhang et al., ShuffleNet, arXiv:1707.01083.
    """
    check_tensors("channel_shuffle", input)
    shape = input._data.shape
    if len(shape) < 3:
        raise RuntimeError(f"channel_shuffle: expected input of at least 3 dimensions (N, C, ...), got shape {shape}")
    if groups <= 0 or shape[1] % groups:
        raise RuntimeError(
            f"channel_shuffle: expected groups to be a positive divisor of {shape[1]} channels, got {groups} "
            f"(input {shape})"
        )
    return reshape(transpose(reshape(input, (shape[0], groups, shape[1] // groups, *shape[2:])), 1, 2), shape)
