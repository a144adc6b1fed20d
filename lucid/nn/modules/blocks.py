"""Blocks of several layers, and layers around functions."""

from __future__ import annotations

from typing import Any, ClassVar

from lucid._tensor import Tensor
from lucid.nn import functional as F
from lucid.nn.functional._arguments import Sizes
from lucid.nn.modules.activation import ReLU
from lucid.nn.modules.attention import MultiheadAttention
from lucid.nn.modules.batch_norm import BatchNorm1d, BatchNorm2d, BatchNorm3d
from lucid.nn.modules.conv import Conv1d, Conv2d, Conv3d
from lucid.nn.modules.linear import Identity
from lucid.nn.modules.module import Module

__all__ = [
    "ConvBNReLU1d", "ConvBNReLU2d", "ConvBNReLU3d", "DepthSeparableConv1d", "DepthSeparableConv2d",
    "DepthSeparableConv3d", "MultiHeadAttention", "Rearrange",
    "ScaledDotProductAttention",
]  # fmt: skip

CONVOLUTIONS: Any = {1: Conv1d, 2: Conv2d, 3: Conv3d}
NORMS: Any = {1: BatchNorm1d, 2: BatchNorm2d, 3: BatchNorm3d}


class _ConvBNReLU(Module):
    spatial: ClassVar[int]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        num_features: int | None = None,
        kernel_size: Sizes = 3,
        stride: Sizes = 1,
        padding: str | Sizes = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        conv_bias: bool = True,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        bn_affine: bool = True,
        track_running_stats: bool = True,
    ) -> None:
        super().__init__()
        if num_features not in (None, out_channels):
            raise ValueError(f"{type(self).__name__}: num_features {num_features} must be out_channels {out_channels}")
        self.conv = CONVOLUTIONS[self.spatial](
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, conv_bias
        )
        self.bn = NORMS[self.spatial](out_channels, eps, momentum, bn_affine, track_running_stats)
        self.relu = ReLU()

    def forward(self, input: Tensor) -> Tensor:
        return self.relu(self.bn(self.conv(input)))


class ConvBNReLU1d(_ConvBNReLU):
    """A convolution over sequences, batch normalisation and ReLU.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        num_features: channels of the normalisation: ``out_channels``, or None for the same.
        kernel_size, stride, padding, dilation, groups: of the convolution, as in `Conv1d`.
        conv_bias: whether the convolution adds a bias.
        eps, momentum, track_running_stats: of the normalisation, as in `BatchNorm1d`.
        bn_affine: whether the normalisation has a weight and a bias.

    Attributes:
        conv, bn, relu: the three layers.

    Shape: (N, in_channels, L) to (N, out_channels, L'), as for `Conv1d`.

    Raises:
        RuntimeError: the input has another number of channels, another dtype, or is smaller than the kernel reaches.
        ValueError: an option is out of range; or, when called, a batch has one value per channel in training.

    Example:
        >>> import lucid
        >>> lucid.nn.ConvBNReLU1d(2, 4, 4, 3, padding=1)(lucid.randn(2, 2, 8)).shape
        lucid.Size([2, 4, 8])

    Source: Ioffe and Szegedy, "Batch Normalization", 2015.
    """

    spatial = 1


class ConvBNReLU2d(_ConvBNReLU):
    """A convolution over planes, batch normalisation and ReLU.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        num_features: channels of the normalisation: ``out_channels``, or None for the same.
        kernel_size, stride, padding, dilation, groups: of the convolution, as in `Conv2d`.
        conv_bias: whether the convolution adds a bias.
        eps, momentum, track_running_stats: of the normalisation, as in `BatchNorm2d`.
        bn_affine: whether the normalisation has a weight and a bias.

    Attributes:
        conv, bn, relu: the three layers.

    Shape: (N, in_channels, H, W) to (N, out_channels, H', W'), as for `Conv2d`.

    Raises:
        RuntimeError: the input has another number of channels, another dtype, or is smaller than the kernel reaches.
        ValueError: an option is out of range; or, when called, a batch has one value per channel in training.

    Example:
        >>> import lucid
        >>> lucid.nn.ConvBNReLU2d(2, 4, 4, 3, padding=1)(lucid.randn(2, 2, 8, 8)).shape
        lucid.Size([2, 4, 8, 8])

    Source: Ioffe and Szegedy, "Batch Normalization", 2015.
    """

    spatial = 2


class ConvBNReLU3d(_ConvBNReLU):
    """A convolution over volumes, batch normalisation and ReLU.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        num_features: channels of the normalisation: ``out_channels``, or None for the same.
        kernel_size, stride, padding, dilation, groups: of the convolution, as in `Conv3d`.
        conv_bias: whether the convolution adds a bias.
        eps, momentum, track_running_stats: of the normalisation, as in `BatchNorm3d`.
        bn_affine: whether the normalisation has a weight and a bias.

    Attributes:
        conv, bn, relu: the three layers.

    Shape: (N, in_channels, D, H, W) to (N, out_channels, D', H', W'), as for `Conv3d`.

    Raises:
        RuntimeError: the input has another number of channels, another dtype, or is smaller than the kernel reaches.
        ValueError: an option is out of range; or, when called, a batch has one value per channel in training.

    Example:
        >>> import lucid
        >>> lucid.nn.ConvBNReLU3d(2, 4, 4, 3, padding=1)(lucid.randn(2, 2, 4, 4, 4)).shape
        lucid.Size([2, 4, 4, 4, 4])

    Source: Ioffe and Szegedy, "Batch Normalization", 2015.
    """

    spatial = 3


class _DepthSeparableConv(Module):
    spatial: ClassVar[int]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: str | Sizes = 0,
        dilation: Sizes = 1,
        base_act: type[Module] = ReLU,
        do_act: bool = False,
        reversed: bool = False,
        bias: bool = True,
    ) -> None:
        super().__init__()
        convolution = CONVOLUTIONS[self.spatial]
        depth = out_channels if reversed else in_channels
        self.reversed = reversed
        self.depthwise = convolution(depth, depth, kernel_size, stride, padding, dilation, depth, bias)
        self.pointwise = convolution(in_channels, out_channels, 1, bias=bias)
        self.act = base_act() if do_act else Identity()

    def forward(self, input: Tensor) -> Tensor:
        if self.reversed:
            return self.depthwise(self.act(self.pointwise(input)))
        return self.pointwise(self.act(self.depthwise(input)))


class DepthSeparableConv1d(_DepthSeparableConv):
    """A convolution of every channel of sequences for itself, then one of size 1 across channels.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size, stride, padding, dilation: of the convolution per channel, as in `Conv1d`.
        base_act: class of the activation between the two.
        do_act: whether there is one.
        reversed: across channels first.
        bias: whether both add a bias.

    Attributes:
        depthwise, pointwise, act: the layers.

    Shape: (N, in_channels, L) or (in_channels, L) to (N, out_channels, L') or (out_channels, L'), as for `Conv1d`.

    Raises:
        RuntimeError: the input has another number of dimensions or channels, another dtype, or is smaller than the
            kernel reaches.
        TypeError: a size is not made of ints.
        ValueError: an option is out of range.

    Example:
        >>> import lucid
        >>> lucid.nn.DepthSeparableConv1d(2, 4, 3, padding=1)(lucid.ones(1, 2, 8)).shape
        lucid.Size([1, 4, 8])

    Source: Howard et al., MobileNets, arXiv:1704.04861.
    """

    spatial = 1


class DepthSeparableConv2d(_DepthSeparableConv):
    """A convolution of every channel of planes for itself, then one of size 1 across channels.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size, stride, padding, dilation: of the convolution per channel, as in `Conv2d`.
        base_act: class of the activation between the two.
        do_act: whether there is one.
        reversed: across channels first.
        bias: whether both add a bias.

    Attributes:
        depthwise, pointwise, act: the layers.

    Shape: (N, in_channels, H, W) or (in_channels, H, W) to (N, out_channels, H', W') or (out_channels, H', W'), as for
        `Conv2d`.

    Raises:
        RuntimeError: the input has another number of dimensions or channels, another dtype, or is smaller than the
            kernel reaches.
        TypeError: a size is not made of ints.
        ValueError: an option is out of range.

    Example:
        >>> import lucid
        >>> lucid.nn.DepthSeparableConv2d(2, 4, 3, reversed=True)(lucid.ones(1, 2, 8, 8)).shape
        lucid.Size([1, 4, 6, 6])

    Source: Howard et al., MobileNets, arXiv:1704.04861.
    """

    spatial = 2


class DepthSeparableConv3d(_DepthSeparableConv):
    """A convolution of every channel of volumes for itself, then one of size 1 across channels.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size, stride, padding, dilation: of the convolution per channel, as in `Conv3d`.
        base_act: class of the activation between the two.
        do_act: whether there is one.
        reversed: across channels first.
        bias: whether both add a bias.

    Attributes:
        depthwise, pointwise, act: the layers.

    Shape: (N, in_channels, D, H, W) or (in_channels, D, H, W) to (N, out_channels, D', H', W') or (out_channels, D',
        H', W'), as for `Conv3d`.

    Raises:
        RuntimeError: the input has another number of dimensions or channels, another dtype, or is smaller than the
            kernel reaches.
        TypeError: a size is not made of ints.
        ValueError: an option is out of range.

    Example:
        >>> import lucid
        >>> lucid.nn.DepthSeparableConv3d(2, 4, 3)(lucid.ones(1, 2, 4, 8, 8)).shape
        lucid.Size([1, 4, 2, 6, 6])

    Source: Howard et al., MobileNets, arXiv:1704.04861.
    """

    spatial = 3


class Rearrange(Module):
    """Dimensions split, permuted and merged by a pattern, as `lucid.einops.rearrange`.

    Args:
        pattern: such as "b c (h p) (w q) -> b (h w) (p q c)".
        shapes: sizes of names that the input does not give.

    Shape: what the left side of the pattern says to what the right side says; any dtype.

    Raises:
        ValueError: the pattern is not well formed, or the input does not fit it; found when called.

    Example:
        >>> import lucid
        >>> lucid.nn.Rearrange("b (h w) -> b w h", h=2)(lucid.ones(3, 6)).shape
        lucid.Size([3, 3, 2])
    """

    def __init__(self, pattern: str, **shapes: int) -> None:
        super().__init__()
        self.pattern, self.shapes = pattern, shapes

    def forward(self, input: Tensor) -> Tensor:
        from lucid.einops import rearrange

        return rearrange(input, self.pattern, **self.shapes)

    def extra_repr(self) -> str:
        return ", ".join([repr(self.pattern), *[f"{k}={v}" for k, v in self.shapes.items()]])


class ScaledDotProductAttention(Module):
    """softmax(q k^T * scale + mask) v, as `lucid.nn.functional.scaled_dot_product_attention`.

    Args:
        attn_mask: added to the scores, or False where a bool mask forbids; broadcast to (..., L, S).
        dropout_p: probability of zeroing a weight in training.
        is_causal: query i sees keys up to i only.
        scale: factor of the scores; 1 / sqrt(D) unless given.

    Shape: query (..., L, D), key (..., S, D) and value (..., S, V) to (..., L, V); one floating-point dtype.

    Raises:
        RuntimeError: shapes or dtypes do not fit.
        ValueError: ``dropout_p`` is out of range, found when called in training.

    Example:
        >>> import lucid
        >>> q = lucid.ones(2, 4, 8, 16)
        >>> lucid.nn.ScaledDotProductAttention(is_causal=True)(q, q, q).shape
        lucid.Size([2, 4, 8, 16])

    Source: Vaswani et al., "Attention Is All You Need", 2017.
    """

    def __init__(
        self, attn_mask: Tensor | None = None, dropout_p: float = 0.0, is_causal: bool = False,
        scale: float | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.attn_mask, self.dropout_p, self.is_causal, self.scale = attn_mask, dropout_p, is_causal, scale

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        p = self.dropout_p if self.training else 0.0
        return F.scaled_dot_product_attention(query, key, value, self.attn_mask, p, self.is_causal, self.scale)

    def extra_repr(self) -> str:
        return f"dropout_p={self.dropout_p}, is_causal={self.is_causal}, scale={self.scale}"


class MultiHeadAttention(MultiheadAttention):
    """`MultiheadAttention` of tensors (batch, length, size) that returns the output alone.

    Args:
        embed_dim: size of the query and of the output; divided among the heads.
        num_heads: number of heads.
        dropout: probability of zeroing an attention weight in training.
        bias: whether the projections have biases.
        add_bias_kv: learn a further key and value.
        add_zero_attn: add a further key and value of zeros.
        kdim: size of the key; ``embed_dim`` unless given.
        vdim: size of the value; likewise.

    Shape: query (batch, queries, embed_dim), key (batch, keys, kdim) and value (batch, keys, vdim) to (batch, queries,
        embed_dim).

    Raises:
        RuntimeError: shapes or dtypes do not fit.
        ValueError: sizes are not positive, ``embed_dim`` is not divisible by ``num_heads``, or ``dropout`` is out of
            range.

    Example:
        >>> import lucid
        >>> x = lucid.ones(2, 5, 8)
        >>> lucid.nn.MultiHeadAttention(8, 2)(x, x, x).shape
        lucid.Size([2, 5, 8])

    Source: Vaswani et al., "Attention Is All You Need", 2017.
    """

    def __init__(
        self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True, add_bias_kv: bool = False,
        add_zero_attn: bool = False, kdim: int | None = None, vdim: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__(embed_dim, num_heads, dropout, bias, add_bias_kv, add_zero_attn, kdim, vdim, batch_first=True)

    def forward(  # type: ignore[override]
        self, query: Tensor, key: Tensor, value: Tensor, key_padding_mask: Tensor | None = None,
        attn_mask: Tensor | None = None, is_causal: bool = False,
    ) -> Tensor:  # fmt: skip
        return super().forward(
            query, key, value, key_padding_mask, need_weights=False, attn_mask=attn_mask, is_causal=is_causal
        )[0]
