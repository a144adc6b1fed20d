"""Convolution over sequences, planes and volumes, and padding."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid._functions._arguments import check_tensors, integer
from lucid._functions._common import rank
from lucid._functions._errors import OptionError
from lucid._functions.conv import Convolution, Geometry
from lucid._functions.gather import index_select
from lucid._functions.join import narrow
from lucid._functions.pad import pad as padded
from lucid._functions.shape import clone, reshape
from lucid.autograd._node import wrap
from lucid.nn.functional._arguments import Sizes, at_least, check_planes, sizes

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["conv1d", "conv2d", "conv3d", "pad"]


def same_padding(kernel: int, dilation: int) -> tuple[int, int]:
    """Zeros before and after that keep the length at stride 1; the odd one comes after."""
    total = dilation * (kernel - 1)
    return total // 2, total - total // 2


@functools.lru_cache(maxsize=4096, typed=True)
def geometry(
    name: str, kernel: tuple[int, ...], stride: Any, padding: Any, dilation: Any, groups: Any
) -> tuple[Geometry, tuple[int, ...]]:
    """The checked `Geometry` of a convolution with ``kernel`` sizes, and what the kernel spans; height 1 in one
    dimension."""
    spatial = len(kernel)
    at_least(name, "kernel size", kernel, 1)
    stride = at_least(name, "stride", sizes(name, "stride", stride, spatial), 1)
    dilation = at_least(name, "dilation", sizes(name, "dilation", dilation, spatial), 1)
    groups = integer(groups)
    if not isinstance(groups, int) or groups < 1:
        raise OptionError(f"{name}: groups must be a positive integer, got {groups!r}")
    if isinstance(padding, str):
        if padding not in ("valid", "same"):
            raise ValueError(f"{name}: padding must be 'valid', 'same' or numbers, got {padding!r}")
        if padding == "same" and any(s != 1 for s in stride):
            raise OptionError(f"{name}: padding='same' is not supported for strided convolutions (stride {stride})")
        pads = [same_padding(k, d) if padding == "same" else (0, 0) for k, d in zip(kernel, dilation)]
    else:
        pads = [(p, p) for p in at_least(name, "padding", sizes(name, "padding", padding, spatial), 0)]
    extents = tuple([d * (k - 1) + 1 for k, d in zip(kernel, dilation)])
    if spatial == 1:
        stride, pads, dilation, extents = (1, *stride), [(0, 0), *pads], (1, *dilation), (1, *extents)
    return Geometry(stride, tuple(pads), dilation, groups), extents


def to_batch(name: str, x: Tensor, spatial: int) -> Tensor:
    """Sequences, planes or volumes with a batch dimension, sequences as planes of height 1.

    Raises:
        RuntimeError: another number of dimensions, or neither floating-point numbers nor integers.
    """
    shape = x._data.shape
    if x._data.dtype.kind not in "fiu":
        raise RuntimeError(f"{name}: expected floating-point or integer input, got {x.dtype}")
    check_planes(name, shape, spatial)
    full = shape if len(shape) == spatial + 2 else (1, *shape)
    if spatial == 1:
        full = (*full[:2], 1, full[2])
    return x if full == shape else reshape(x, full)


def from_batch(y: Tensor, spatial: int, ndim: int) -> Tensor:
    """The inverse of `to_batch` for a result of an input with ``ndim`` dimensions."""
    shape = y._data.shape
    kept = (*shape[:2], shape[3]) if spatial == 1 else shape
    kept = kept if ndim == spatial + 2 else kept[1:]
    return y if kept == shape else reshape(y, kept)


def check_operands(name: str, x: Tensor, weight: Tensor, bias: Tensor | None, outputs: int) -> None:
    """RuntimeError unless the bias is (outputs,) and all dtypes are the same."""
    if bias is not None:
        check_tensors(name, bias)
    if bias is not None and bias._data.shape != (outputs,):
        raise RuntimeError(
            f"{name}: bias has shape {bias._data.shape}, expected {(outputs,)} (weight {weight._data.shape})"
        )
    if x._data.dtype != weight._data.dtype or (bias is not None and bias._data.dtype != weight._data.dtype):
        dtypes = ", ".join(str(t.dtype) for t in (x, weight, bias) if t is not None)
        raise RuntimeError(f"{name}: input, weight and bias must have the same dtype, got {dtypes}")


def hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _convolve(
    name: str, spatial: int, x: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any, dilation: Any,
    groups: int,
) -> Tensor:  # fmt: skip
    rank(name, x)
    shape, w = x._data.shape, weight._data.shape
    if len(w) != spatial + 2:
        raise RuntimeError(f"{name}: expected a {spatial + 2}-d weight, got shape {w}")
    options = hashable(stride), hashable(padding), hashable(dilation), groups
    geo, extents = geometry(name, w[2:], *options)
    batch = to_batch(name, x, spatial)
    channels = batch._data.shape[1]
    if channels != w[1] * groups:
        raise RuntimeError(
            f"{name}: expected {w[1] * groups} input channels, got {channels} "
            f"(input {shape}, weight {w}, groups {groups})"
        )
    if w[0] % groups:
        raise RuntimeError(f"{name}: {w[0]} output channels are not divisible by groups {groups} (weight {w})")
    for size, (before, after), extent in zip(batch._data.shape[2:], geo.padding, extents):
        if size + before + after < extent:
            raise RuntimeError(
                f"{name}: the kernel spans {extents[-spatial:]} elements, more than the padded input has "
                f"(input {shape}, weight {w}, padding {padding}, dilation {dilation})"
            )
    check_operands(name, x, weight, bias, w[0])
    if spatial == 1:
        weight = reshape(weight, (*w[:2], 1, w[2]))
    return from_batch(Convolution.apply(batch, weight, bias, geo), spatial, len(shape))


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: str | Sizes = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """y[n, o, i] = bias[o] + sum over c, k of weight[o, c, k] * x[n, c, i * stride + k * dilation - padding].

    Args:
        input: shape (N, in_channels, L) or (in_channels, L).
        weight: shape (out_channels, in_channels / groups, kernel_size).
        bias: shape (out_channels,), or None.
        stride: step between windows, in elements.
        padding: zeros at both ends; "valid" means none, "same" enough to keep the length (stride 1 only).
        dilation: distance between the elements a window reads.
        groups: output channels in group g only read input channels in group g.

    Returns:
        Shape (N, out_channels, L') with L' = floor((L + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1.

    Raises:
        RuntimeError: shapes or dtypes do not fit.
        TypeError: a size is not made of ints.
        ValueError: an option is out of range.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.conv1d(lucid.ones(1, 1, 4), lucid.ones(1, 1, 3)).tolist()
        [[[3.0, 3.0]]]
    """
    check_tensors("conv1d", input, weight)
    return _convolve("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: str | Sizes = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """y[n, o, i, j] = bias[o] + sum of weight[o, c, k, l] * x[n, c, i * stride + k * dilation - padding, ...].

    Args:
        input: shape (N, in_channels, H, W) or (in_channels, H, W).
        weight: shape (out_channels, in_channels / groups, kernel height, kernel width).
        bias: shape (out_channels,), or None.
        stride: step between windows, in elements; one int, or (vertical, horizontal).
        padding: zeros on all sides; "valid" means none, "same" enough to keep the size (stride 1 only).
        dilation: distance between the elements a window reads.
        groups: output channels in group g only read input channels in group g.

    Returns:
        Shape (N, out_channels, H', W') with H' = floor((H + 2 padding - dilation (kernel - 1) - 1) / stride) + 1.

    Raises:
        RuntimeError: shapes or dtypes do not fit.
        TypeError: a size is not made of ints.
        ValueError: an option is out of range.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.conv2d(lucid.ones(1, 2, 8, 8), lucid.ones(4, 2, 3, 3), stride=2, padding=1).shape
        lucid.Size([1, 4, 4, 4])
    """
    check_tensors("conv2d", input, weight)
    return _convolve("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: str | Sizes = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """y[n, o, h, i, j] = bias[o] + sum of weight[o, c, k, l, m] * x[n, c, h * stride + k * dilation - padding, ...].

    Args:
        input: shape (N, in_channels, D, H, W) or (in_channels, D, H, W).
        weight: shape (out_channels, in_channels / groups, kernel depth, kernel height, kernel width).
        bias: shape (out_channels,), or None.
        stride: step between windows, in elements; one int, or (depth, vertical, horizontal).
        padding: zeros on all sides; "valid" means none, "same" enough to keep the size (stride 1 only).
        dilation: distance between the elements a window reads.
        groups: output channels in group g only read input channels in group g.

    Returns:
        Shape (N, out_channels, D', H', W') with D' = floor((D + 2 padding - dilation (kernel - 1) - 1) / stride) + 1.

    Raises:
        RuntimeError: shapes or dtypes do not fit.
        TypeError: a size is not made of ints.
        ValueError: an option is out of range.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.conv3d(lucid.ones(1, 2, 4, 8, 8), lucid.ones(4, 2, 3, 3, 3), padding=(0, 1, 1)).shape
        lucid.Size([1, 4, 2, 8, 8])
    """
    check_tensors("conv3d", input, weight)
    return _convolve("conv3d", 3, input, weight, bias, stride, padding, dilation, groups)


def pad(input: Tensor, pad: Any, mode: str = "constant", value: float | None = None) -> Tensor:
    """``input`` with elements added at the ends of its last dimensions.

    Args:
        input: any shape for "constant"; one or two more dimensions than are padded for the other modes.
        pad: (left, right, top, bottom, ...): elements before and after, the last dimension first; negative ones crop.
        mode: "constant"; "reflect" (d c b | a b c d), "replicate" (a a a | a b c d), "circular" (b c d | a b c d).
        value: what "constant" adds; 0 unless given.

    Raises:
        RuntimeError: ``pad`` does not fit the shape.
        ValueError: another mode, or a value with a mode that has none.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> print(F.pad(lucid.tensor([[1.0, 2.0, 3.0]]), (2, 1), mode="reflect"))
        [[3.0, 2.0, 1.0, 2.0, 3.0, 2.0]]
    """
    check_tensors("pad", input)
    shape = input._data.shape
    amounts = sizes("pad", "pad", pad, len(pad))
    if len(amounts) % 2 or len(amounts) > 2 * len(shape):
        raise RuntimeError(f"pad: expected pairs for at most {len(shape)} dimensions, got {amounts} (input {shape})")
    if mode not in ("constant", "reflect", "replicate", "circular"):
        raise ValueError(f"pad: mode must be 'constant', 'reflect', 'replicate' or 'circular', got {mode!r}")
    if mode != "constant" and value is not None:
        raise ValueError(f"pad: mode {mode!r} takes no value, got {value}")
    count = len(amounts) // 2
    if mode != "constant" and not count + 1 <= len(shape) <= count + 2:
        raise RuntimeError(
            f"pad: mode {mode!r} pads the last {count} dimensions of {count + 1}-d or {count + 2}-d inputs, "
            f"got shape {shape}"
        )
    pairs = {len(shape) - 1 - i: (amounts[2 * i], amounts[2 * i + 1]) for i in range(count)}
    x = input
    for d, (before, after) in pairs.items():
        kept = shape[d] + min(before, 0) + min(after, 0)
        if kept <= 0 < min(shape[d], shape[d] + before + after) and mode == "replicate":
            # nothing of it is left: the end that was cropped last is what there is to repeat
            x = index_select(x, d, wrap(np.clip(np.arange(-before, shape[d] + after), 0, shape[d] - 1)))
            pairs = {**pairs, d: (0, 0)}
            continue
        if kept < 0:
            raise RuntimeError(f"pad: ({before}, {after}) crops more than dimension {d} has (input {shape})")
        _check_reach(mode, before, after, kept, d, shape)
        if kept < shape[d]:
            x = narrow(x, d, max(-before, 0), kept)
    added = {d: (max(before, 0), max(after, 0)) for d, (before, after) in pairs.items()}
    if not any(before or after for before, after in added.values()):
        return clone(x)
    return padded(x, added, mode, value or 0)


def _check_reach(mode: str, before: int, after: int, size: int, d: int, shape: tuple[int, ...]) -> None:
    """Elements are taken from the input itself: there must be enough of them."""
    most = max(before, after)
    if most <= 0 or mode == "constant":
        return
    limit = {"reflect": size - 1, "circular": size, "replicate": most if size else 0}[mode]
    if most > limit:
        raise RuntimeError(
            f"pad: mode {mode!r} can add at most {limit} elements to dimension {d}, got {(before, after)} "
            f"(input {shape})"
        )
