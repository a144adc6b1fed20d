"""Moving channels into space and back, and between groups."""

from __future__ import annotations

from lucid._tensor import Tensor
from lucid.nn import functional as F
from lucid.nn.modules.module import Module

__all__ = ["ChannelShuffle", "PixelShuffle", "PixelUnshuffle"]


class PixelShuffle(Module):
    """Groups of r * r channels laid out as r x r blocks of pixels.

        y[..., c, h * r + i, w * r + j] = x[..., c * r^2 + i * r + j, h, w],    r the upscale factor

    Args:
        upscale_factor: r, positive.

    Shape: (..., C * r^2, H, W) to (..., C, H * r, W * r).

    Raises:
        RuntimeError: fewer than three dimensions, a factor that is not positive, or channels r^2 does not divide; found
            when called.

    Example:
        >>> import lucid
        >>> lucid.nn.PixelShuffle(3)(lucid.ones(1, 9, 4, 4)).shape
        lucid.Size([1, 1, 12, 12])

    Source: Shi et al., Real-time single image and video super-resolution, arXiv:1609.05158.
    """

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Blocks of r x r pixels laid out as channels: the inverse of `PixelShuffle`.

        y[..., c * r^2 + i * r + j, h, w] = x[..., c, h * r + i, w * r + j],    r the downscale factor

    Args:
        downscale_factor: r, positive.

    Shape: (..., C, H * r, W * r) to (..., C * r^2, H, W).

    Raises:
        RuntimeError: fewer than three dimensions, a factor that is not positive, or a plane r does not divide; found
            when called.

    Example:
        >>> import lucid
        >>> lucid.nn.PixelUnshuffle(3)(lucid.ones(1, 1, 12, 12)).shape
        lucid.Size([1, 9, 4, 4])

    Source: Shi et al., Real-time single image and video super-resolution, arXiv:1609.05158.
    """

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """Channels dealt out in turn from each of ``groups`` groups.

        y[:, i * g + k] = x[:, k * (C / g) + i],    g the number of groups

    Args:
        groups: number of groups, positive, a divisor of C.

    Shape: (N, C, ...), at least three dimensions, and the same for the result.

    Raises:
        RuntimeError: fewer than three dimensions, or groups that do not divide the channels; found when called.

    Example:
        >>> import lucid
        >>> lucid.nn.ChannelShuffle(2)(lucid.arange(4.0).reshape(1, 4, 1)).flatten().tolist()
        [0.0, 2.0, 1.0, 3.0]

    Source: Zhang et al., ShuffleNet, arXiv:1707.01083.
    """

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        return f"groups={self.groups}"
