"""Transposed convolution over sequences, planes and volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lucid._functions._arguments import check_tensors
from lucid._functions._common import rank
from lucid._functions.conv import ConvolutionInputGrad
from lucid._functions.shape import reshape
from lucid._printing import shown
from lucid.nn.functional._arguments import Sizes, at_least, sizes
from lucid.nn.functional.conv import check_operands, from_batch, geometry, hashable, pad, to_batch

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["conv_transpose1d", "conv_transpose2d", "conv_transpose3d"]


def _transpose(
    name: str, spatial: int, x: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any,
    output_padding: Any, groups: int, dilation: Any,
) -> Tensor:  # fmt: skip
    rank(name, x)
    shape, w = x._data.shape, weight._data.shape
    if len(w) != spatial + 2:
        raise RuntimeError(f"{name}: expected a {spatial + 2}-d weight, got shape {w}")
    if isinstance(padding, str):
        raise TypeError(f"{name}: padding must be an int or a tuple of {spatial} ints, got {shown(padding)}")
    geo, extents = geometry(name, w[2:], hashable(stride), hashable(padding), hashable(dilation), groups)
    extra = at_least(name, "output_padding", sizes(name, "output_padding", output_padding, spatial), 0)
    if any(e >= max(s, d) for e, s, d in zip(extra, geo.stride[-spatial:], geo.dilation[-spatial:])):
        raise RuntimeError(
            f"{name}: output_padding must be smaller than stride or dilation, got output_padding {extra}, "
            f"stride {geo.stride[-spatial:]}, dilation {geo.dilation[-spatial:]}"
        )
    batch = to_batch(name, x, spatial)
    if batch._data.shape[1] != w[0]:
        raise RuntimeError(
            f"{name}: expected {w[0]} input channels, got {batch._data.shape[1]} (input {shape}, weight {w})"
        )
    if w[0] % groups:
        raise RuntimeError(f"{name}: {w[0]} input channels are not divisible by groups {groups} (weight {w})")
    check_operands(name, x, weight, bias, w[1] * groups)
    if spatial == 1:
        weight, extra = reshape(weight, (*w[:2], 1, w[2])), (0, *extra)
    size = batch._data.shape[2:]
    if any(n < 1 for n in size):
        raise RuntimeError(f"{name}: the spatial dimensions of the input are empty (input {shape})")
    result = tuple(
        [
            (n - 1) * s - before - after + extent + e
            for n, s, (before, after), extent, e in zip(size, geo.stride, geo.padding, extents, extra)
        ]
    )
    if any(n < 1 for n in result):
        raise RuntimeError(
            f"{name}: the result would have size {result[-spatial:]} "
            f"(input {shape}, weight {w}, stride {stride}, padding {padding})"
        )
    if any(e >= s for e, s in zip(extra, geo.stride)):
        # the convolution it is the adjoint of would have more windows than the input has elements: zeros for those
        more = [e // s for e, s in zip(extra, geo.stride)]
        batch = pad(batch, tuple([n for m in reversed(more) for n in (0, m)]))
    y = ConvolutionInputGrad.apply(batch, weight, bias, (batch._data.shape[0], w[1] * groups, *result), geo)
    return from_batch(y, spatial, len(shape))


def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """y[n, o, i * stride + k * dilation - padding] = bias[o] + sum over c, i, k of weight[c, o, k] * x[n, c, i].

    Args:
        input: shape (N, in_channels, L) or (in_channels, L).
        weight: shape (in_channels, out_channels / groups, kernel_size).
        bias: shape (out_channels,), or None.
        stride: step between the places of two neighbouring elements in the result.
        padding: elements removed from both ends of the result.
        output_padding: elements added at the end of the result; less than stride or dilation.
        groups: input channels in group g only reach output channels in group g.
        dilation: distance between the elements one element reaches.

    Returns:
        Shape (N, out_channels, L') with
        L' = (L - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1.

    Raises:
        RuntimeError: shapes or dtypes do not fit, or output_padding is too large.
        TypeError: a size is not made of ints.
        ValueError: an option is out of range.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.conv_transpose1d(lucid.tensor([[[1.0, 2.0]]]), lucid.tensor([[[1.0, 10.0]]]), stride=2).tolist()
        [[[1.0, 10.0, 2.0, 20.0]]]
    """
    check_tensors("conv_transpose1d", input, weight)
    return _transpose("conv_transpose1d", 1, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """y[n, o, i * stride + k * dilation - padding, ...] = bias[o] + sum of weight[c, o, k, l] * x[n, c, i, j].

    Args:
        input: shape (N, in_channels, H, W) or (in_channels, H, W).
        weight: shape (in_channels, out_channels / groups, kernel height, kernel width).
        bias: shape (out_channels,), or None.
        stride: step between the places of two neighbouring elements in the result; one int, or (vertical, horizontal).
        padding: elements removed from all sides of the result.
        output_padding: elements added at the bottom and right of the result; less than stride or dilation.
        groups: input channels in group g only reach output channels in group g.
        dilation: distance between the elements one element reaches.

    Returns:
        Shape (N, out_channels, H', W') with
        H' = (H - 1) stride - 2 padding + dilation (kernel - 1) + output_padding + 1.

    Raises:
        RuntimeError: shapes or dtypes do not fit, or output_padding is too large.
        TypeError: a size is not made of ints.
        ValueError: an option is out of range.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.conv_transpose2d(lucid.ones(1, 4, 7, 7), lucid.ones(4, 2, 4, 4), stride=2, padding=1).shape
        lucid.Size([1, 2, 14, 14])
    """
    check_tensors("conv_transpose2d", input, weight)
    return _transpose("conv_transpose2d", 2, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """y[n, o, h * stride + k * dilation - padding, ...] = bias[o] + sum of weight[c, o, k, l, m] * x[n, c, h, i, j].

    Args:
        input: shape (N, in_channels, D, H, W) or (in_channels, D, H, W).
        weight: shape (in_channels, out_channels / groups, kernel depth, kernel height, kernel width).
        bias: shape (out_channels,), or None.
        stride: step between the places of two neighbouring elements in the result; one int, or one per dimension.
        padding: elements removed from all sides of the result.
        output_padding: elements added at the far sides of the result; less than stride or dilation.
        groups: input channels in group g only reach output channels in group g.
        dilation: distance between the elements one element reaches.

    Returns:
        Shape (N, out_channels, D', H', W') with
        D' = (D - 1) stride - 2 padding + dilation (kernel - 1) + output_padding + 1.

    Raises:
        RuntimeError: shapes or dtypes do not fit, or output_padding is too large.
        TypeError: a size is not made of ints.
        ValueError: an option is out of range.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.conv_transpose3d(lucid.ones(1, 3, 2, 4, 4), lucid.ones(3, 1, 2, 2, 2), stride=2).shape
        lucid.Size([1, 1, 4, 8, 8])
    """
    check_tensors("conv_transpose3d", input, weight)
    return _transpose("conv_transpose3d", 3, input, weight, bias, stride, padding, output_padding, groups, dilation)
