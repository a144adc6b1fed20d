"""Convolutions."""

from __future__ import annotations

from typing import Any, ClassVar

from lucid._tensor import Tensor
from lucid.nn import functional as F
from lucid.nn import init
from lucid.nn.functional._arguments import Sizes, sizes
from lucid.nn.functional.conv import geometry
from lucid.nn.modules.module import Module
from lucid.nn.parameter import Parameter, empty_parameter

__all__ = ["Conv1d", "Conv2d", "Conv3d"]

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class ConvBase(Module):
    """What convolutions and transposed ones in one, two and three dimensions share."""

    spatial: ClassVar[int]
    transposed: ClassVar[bool] = False
    weight: Parameter
    bias: Parameter | None
    output_padding: tuple[int, ...]

    def _set(
        self, in_channels: int, out_channels: int, kernel_size: Sizes, stride: Sizes, padding: str | Sizes,
        dilation: Sizes, groups: int, bias: bool, padding_mode: str, device: Any, dtype: Any,
    ) -> None:  # fmt: skip
        """Check the options and make the parameters."""
        name, spatial = type(self).__name__, self.spatial
        self.kernel_size = sizes(name, "kernel_size", kernel_size, spatial)
        self.stride = sizes(name, "stride", stride, spatial)
        self.padding = padding if isinstance(padding, str) else sizes(name, "padding", padding, spatial)
        self.dilation = sizes(name, "dilation", dilation, spatial)
        self.output_padding = (0,) * spatial
        used, _ = geometry(name, self.kernel_size, self.stride, self.padding, self.dilation, groups)
        for argument, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
            if channels % groups:
                raise ValueError(f"{name}: {argument} {channels} must be divisible by groups {groups}")
        if padding_mode not in PADDING_MODES:
            raise ValueError(f"{name}: padding_mode must be one of {PADDING_MODES}, got {padding_mode!r}")
        self.in_channels, self.out_channels = in_channels, out_channels
        self.groups, self.padding_mode = groups, padding_mode
        self._around = tuple([n for pair in reversed(used.padding[-spatial:]) for n in pair])
        outer, inner = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        self.weight = empty_parameter(outer, inner // groups, *self.kernel_size, device=device, dtype=dtype)
        self.register_parameter("bias", empty_parameter(out_channels, device=device, dtype=dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the parameters anew."""
        init.reset_affine(self.weight, self.bias)

    def extra_repr(self) -> str:
        parts = [str(self.in_channels), str(self.out_channels)]
        parts += [f"kernel_size={self.kernel_size}", f"stride={self.stride}"]
        if self.padding != (0,) * self.spatial:
            parts.append(f"padding={self.padding}")
        if self.dilation != (1,) * self.spatial:
            parts.append(f"dilation={self.dilation}")
        if self.output_padding != (0,) * self.spatial:
            parts.append(f"output_padding={self.output_padding}")
        if self.groups != 1:
            parts.append(f"groups={self.groups}")
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        return ", ".join(parts)


class _Conv(ConvBase):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: str | Sizes = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self._set(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, device, dtype
        )  # fmt: skip

    def forward(self, input: Tensor) -> Tensor:
        convolve = (F.conv1d, F.conv2d, F.conv3d)[self.spatial - 1]
        padding: str | Sizes = self.padding
        if self.padding_mode != "zeros":
            input, padding = F.pad(input, self._around, self.padding_mode), 0
        return convolve(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class Conv1d(_Conv):
    """Convolution over sequences: see `lucid.nn.functional.conv1d` for the formula.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: elements a window reads.
        stride: step between windows.
        padding: elements added at both ends; "valid" means none, "same" enough to keep the length (stride 1 only).
        dilation: distance between the elements a window reads.
        groups: output channels in group g only read input channels in group g.
        bias: whether to add a bias.
        padding_mode: what the added elements are: "zeros", "reflect", "replicate" or "circular".
        device: "cpu".
        dtype: type of the parameters; the default type unless given.

    Attributes:
        weight: shape (out_channels, in_channels / groups, kernel_size), uniform within 1 / sqrt(fan_in) at first.
        bias: shape (out_channels,), likewise; or None.

    Shape:
        input: (N, in_channels, L) or (in_channels, L), of the weight's dtype.
        result: (N, out_channels, L') or (out_channels, L');
            L' = floor((L + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1.

    Raises:
        RuntimeError: the input has another number of dimensions or channels, another dtype than the weight, or is
            smaller than the kernel reaches.
        TypeError: a size is not made of ints.
        ValueError: an option is out of range, or the channels are not divisible by ``groups``.

    Example:
        >>> import lucid
        >>> lucid.nn.Conv1d(4, 6, 3, padding="same")(lucid.ones(2, 4, 10)).shape
        lucid.Size([2, 6, 10])
    """

    spatial = 1


class Conv2d(_Conv):
    """Convolution over planes: see `lucid.nn.functional.conv2d` for the formula.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: height and width a window reads; sizes are one int for both, or (vertical, horizontal).
        stride: steps between windows.
        padding: elements added on all sides; "valid" means none, "same" enough to keep the size (stride 1 only).
        dilation: distance between the elements a window reads.
        groups: output channels in group g only read input channels in group g.
        bias: whether to add a bias.
        padding_mode: what the added elements are: "zeros", "reflect", "replicate" or "circular".
        device: "cpu".
        dtype: type of the parameters; the default type unless given.

    Attributes:
        weight: shape (out_channels, in_channels / groups, *kernel_size), uniform within 1 / sqrt(fan_in) at first.
        bias: shape (out_channels,), likewise; or None.

    Shape:
        input: (N, in_channels, H, W) or (in_channels, H, W), of the weight's dtype.
        result: (N, out_channels, H', W') or (out_channels, H', W');
            H' = floor((H + 2 padding - dilation (kernel height - 1) - 1) / stride) + 1, W' likewise.

    Raises:
        RuntimeError: the input has another number of dimensions or channels, another dtype than the weight, or is
            smaller than the kernel reaches.
        TypeError: a size is not made of ints.
        ValueError: an option is out of range, or the channels are not divisible by ``groups``.

    Example:
        >>> import lucid
        >>> lucid.nn.Conv2d(3, 8, 3, stride=2, padding=1)(lucid.ones(2, 3, 8, 8)).shape
        lucid.Size([2, 8, 4, 4])
    """

    spatial = 2


class Conv3d(_Conv):
    """Convolution over volumes: see `lucid.nn.functional.conv3d` for the formula.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: depth, height and width a window reads; sizes are one int for all three, or one each.
        stride: steps between windows.
        padding: elements added on all sides; "valid" means none, "same" enough to keep the size (stride 1 only).
        dilation: distance between the elements a window reads.
        groups: output channels in group g only read input channels in group g.
        bias: whether to add a bias.
        padding_mode: what the added elements are: "zeros", "reflect", "replicate" or "circular".
        device: "cpu".
        dtype: type of the parameters; the default type unless given.

    Attributes:
        weight: shape (out_channels, in_channels / groups, *kernel_size), uniform within 1 / sqrt(fan_in) at first.
        bias: shape (out_channels,), likewise; or None.

    Shape:
        input: (N, in_channels, D, H, W) or (in_channels, D, H, W), of the weight's dtype.
        result: (N, out_channels, D', H', W') or (out_channels, D', H', W');
            D' = floor((D + 2 padding - dilation (kernel depth - 1) - 1) / stride) + 1, H' and W' likewise.

    Raises:
        RuntimeError: the input has another number of dimensions or channels, another dtype than the weight, or is
            smaller than the kernel reaches.
        TypeError: a size is not made of ints.
        ValueError: an option is out of range, or the channels are not divisible by ``groups``.

    Example:
        >>> import lucid
        >>> lucid.nn.Conv3d(3, 8, (1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1))(lucid.ones(2, 3, 4, 8, 8)).shape
        lucid.Size([2, 8, 4, 4, 4])
    """

    spatial = 3
