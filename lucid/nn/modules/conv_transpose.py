"""Transposed convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lucid._tensor import Tensor
from lucid.nn import functional as F
from lucid.nn.functional._arguments import Sizes, at_least, sizes
from lucid.nn.modules.conv import ConvBase

__all__ = ["ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]


class _ConvTranspose(ConvBase):
    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes = 0,
        output_padding: Sizes = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Sizes = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if padding_mode != "zeros":
            raise ValueError(f"{name}: padding_mode must be 'zeros', got {padding_mode!r}")
        if isinstance(padding, str):
            raise TypeError(f"{name}: padding must be an int or a tuple of {self.spatial} ints, got {padding!r}")
        extra = at_least(name, "output_padding", sizes(name, "output_padding", output_padding, self.spatial), 0)
        self._set(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, device, dtype
        )  # fmt: skip
        self.output_padding = extra
        self._trim = sizes(name, "padding", padding, self.spatial)

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """The layer applied to ``input``.

        Args:
            input: (N, in_channels, ...) or (in_channels, ...).
            output_size: spatial sizes or shape of the result; takes the place of ``output_padding``.

        Raises:
            RuntimeError: shapes or dtypes do not fit.
            ValueError: no result has that size.
        """
        transpose = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[self.spatial - 1]
        extra = self.output_padding if output_size is None else self._output_padding(input, output_size)
        return transpose(
            input, self.weight, self.bias, self.stride, self._trim, extra, self.groups, self.dilation
        )  # fmt: skip

    def _output_padding(self, input: Tensor, output_size: Sequence[int]) -> tuple[int, ...]:
        """What makes the result ``output_size``, if anything does."""
        shape, spatial = tuple(input.shape), self.spatial
        given = tuple(output_size)
        if len(given) not in (spatial, len(shape)):
            raise ValueError(f"output_size must have {spatial} or {len(shape)} elements, got {given} (input {shape})")
        wanted = given[-spatial:]
        options = zip(shape[-spatial:], self.kernel_size, self.stride, self._trim, self.dilation)
        least = tuple([(n - 1) * s - 2 * p + d * (k - 1) + 1 for n, k, s, p, d in options])
        most = tuple([n + s - 1 for n, s in zip(least, self.stride)])
        if any(not lo <= n <= hi for n, lo, hi in zip(wanted, least, most)):
            raise ValueError(f"output_size must lie between {least} and {most}, got {given} (input {shape})")
        return tuple([n - lo for n, lo in zip(wanted, least)])


class ConvTranspose1d(_ConvTranspose):
    """Transposed convolution over sequences: see `lucid.nn.functional.conv_transpose1d` for the formula.

    It is the gradient of `Conv1d` with respect to its input, used as a layer that enlarges.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: elements one input element reaches.
        stride: step between the places of neighbouring input elements in the output.
        padding: elements removed from both ends of the output.
        output_padding: elements added at the end of the output; less than stride or dilation.
        groups: input channels in group g only reach output channels in group g.
        bias: whether to add a bias.
        dilation: distance between the elements one input element reaches.
        padding_mode: "zeros".
        device: "cpu".
        dtype: type of the parameters; the default type unless given.

    Attributes:
        weight: shape (in_channels, out_channels / groups, kernel_size), uniform within 1 / sqrt(fan_in) at
            first, where fan_in counts the second dimension.
        bias: shape (out_channels,), likewise; or None.

    Shape:
        input: (N, in_channels, L) or (in_channels, L), of the weight's dtype.
        result: (N, out_channels, L') or (out_channels, L');
            L' = (L - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1.

    Raises:
        RuntimeError: the input has another number of dimensions or channels, or another dtype than the weight; or
            ``output_padding`` is too large.
        TypeError: a size is not made of ints.
        ValueError: an option is out of range, the channels are not divisible by ``groups``, or no output of the
            requested ``output_size`` exists.

    Example:
        >>> import lucid
        >>> lucid.nn.ConvTranspose1d(4, 2, 4, stride=2, padding=1)(lucid.ones(1, 4, 10)).shape
        lucid.Size([1, 2, 20])
    """

    spatial = 1


class ConvTranspose2d(_ConvTranspose):
    """Transposed convolution over planes: see `lucid.nn.functional.conv_transpose2d` for the formula.

    It is the gradient of `Conv2d` with respect to its input, used as a layer that enlarges.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: height and width one input element reaches; sizes are one int for both, or (vertical, horizontal).
        stride: steps between the places of neighbouring input elements in the output.
        padding: elements removed from all sides of the output.
        output_padding: elements added at the far sides of the output; less than stride or dilation.
        groups: input channels in group g only reach output channels in group g.
        bias: whether to add a bias.
        dilation: distance between the elements one input element reaches.
        padding_mode: "zeros".
        device: "cpu".
        dtype: type of the parameters; the default type unless given.

    Attributes:
        weight: shape (in_channels, out_channels / groups, *kernel_size), uniform within 1 / sqrt(fan_in) at
            first, where fan_in counts the second dimension.
        bias: shape (out_channels,), likewise; or None.

    Shape:
        input: (N, in_channels, H, W) or (in_channels, H, W), of the weight's dtype.
        result: (N, out_channels, H', W') or (out_channels, H', W');
            H' = (H - 1) stride - 2 padding + dilation (kernel height - 1) + output_padding + 1, and W' likewise.

    Raises:
        RuntimeError: the input has another number of dimensions or channels, or another dtype than the weight; or
            ``output_padding`` is too large.
        TypeError: a size is not made of ints.
        ValueError: an option is out of range, the channels are not divisible by ``groups``, or no output of the
            requested ``output_size`` exists.

    Example:
        >>> import lucid
        >>> up = lucid.nn.ConvTranspose2d(4, 2, 3, stride=2, padding=1)
        >>> up(lucid.ones(1, 4, 5, 5)).shape, up(lucid.ones(1, 4, 5, 5), output_size=(10, 9)).shape
        (lucid.Size([1, 2, 9, 9]), lucid.Size([1, 2, 10, 9]))
    """

    spatial = 2


class ConvTranspose3d(_ConvTranspose):
    """Transposed convolution over volumes: see `lucid.nn.functional.conv_transpose3d` for the formula.

    It is the gradient of `Conv3d` with respect to its input, used as a layer that enlarges.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: depth, height and width one input element reaches; sizes are one int for all, or one each.
        stride: steps between the places of neighbouring input elements in the output.
        padding: elements removed from all sides of the output.
        output_padding: elements added at the far sides of the output; less than stride or dilation.
        groups: input channels in group g only reach output channels in group g.
        bias: whether to add a bias.
        dilation: distance between the elements one input element reaches.
        padding_mode: "zeros".
        device: "cpu".
        dtype: type of the parameters; the default type unless given.

    Attributes:
        weight: shape (in_channels, out_channels / groups, *kernel_size), uniform within 1 / sqrt(fan_in) at
            first, where fan_in counts the second dimension.
        bias: shape (out_channels,), likewise; or None.

    Shape:
        input: (N, in_channels, D, H, W) or (in_channels, D, H, W), of the weight's dtype.
        result: (N, out_channels, D', H', W') or (out_channels, D', H', W');
            D' = (D - 1) stride - 2 padding + dilation (kernel depth - 1) + output_padding + 1, H' and W' likewise.

    Raises:
        RuntimeError: the input has another number of dimensions or channels, or another dtype than the weight; or
            ``output_padding`` is too large.
        TypeError: a size is not made of ints.
        ValueError: an option is out of range, the channels are not divisible by ``groups``, or no output of the
            requested ``output_size`` exists.

    Example:
        >>> import lucid
        >>> lucid.nn.ConvTranspose3d(4, 2, 2, stride=2)(lucid.ones(1, 4, 2, 5, 5)).shape
        lucid.Size([1, 2, 4, 10, 10])
    """

    spatial = 3
