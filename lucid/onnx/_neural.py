"""Convolutions, pooling and normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import lucid
from lucid import Tensor
from lucid.nn import functional as F
from lucid.onnx._registry import operator

_CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
_MAX_POOL: dict[int, Any] = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}


def _pads(
    x: Tensor, kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int], pads: Sequence[int] | None,
    auto_pad: str,
) -> list[tuple[int, int]]:  # fmt: skip
    """(before, after) of each spatial dimension."""
    if auto_pad == "VALID":
        return [(0, 0)] * len(kernel)
    if auto_pad == "NOTSET":
        flat = list(pads or [0] * (2 * len(kernel)))
        return list(zip(flat[: len(kernel)], flat[len(kernel) :]))
    found = []
    for n, k, s, d in zip(x.shape[2:], kernel, strides, dilations):
        total = max(0, (-(-n // s) - 1) * s + d * (k - 1) + 1 - n)
        less, more = total // 2, total - total // 2
        found.append((less, more) if auto_pad == "SAME_UPPER" else (more, less))
    return found


def _padded(x: Tensor, pads: list[tuple[int, int]], value: float = 0.0) -> tuple[Tensor, list[int]]:
    """``x``, padded where before and after differ, and the padding that is left to the operation."""
    if all(before == after for before, after in pads):
        return x, [before for before, _ in pads]
    return F.pad(x, _flat(pads, [0] * len(pads)), value=value), [0] * len(pads)


@operator("Conv")
def conv(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, *, auto_pad: str = "NOTSET",
    dilations: Sequence[int] | None = None, group: int = 1, kernel_shape: Sequence[int] | None = None,
    pads: Sequence[int] | None = None, strides: Sequence[int] | None = None,
) -> Tensor:  # fmt: skip
    kernel = weight.shape[2:]
    strides, dilations = strides or [1] * len(kernel), dilations or [1] * len(kernel)
    x, padding = _padded(x, _pads(x, kernel, strides, dilations, pads, auto_pad))
    return _CONV[len(kernel)](x, weight, bias, tuple(strides), tuple(padding), tuple(dilations), group)


@operator("ConvTranspose")
def conv_transpose(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, *, auto_pad: str = "NOTSET",
    dilations: Sequence[int] | None = None, group: int = 1, kernel_shape: Sequence[int] | None = None,
    output_padding: Sequence[int] | None = None, output_shape: Sequence[int] | None = None,
    pads: Sequence[int] | None = None, strides: Sequence[int] | None = None,
) -> Tensor:  # fmt: skip
    rank = x.ndim - 2
    stride, dilation = tuple(strides or [1] * rank), tuple(dilations or [1] * rank)
    extra = list(output_padding or [0] * rank)
    flat = list(pads or [0] * (2 * rank))
    around = list(zip(flat[:rank], flat[rank:]))
    wanted = [n * s for n, s in zip(x.shape[2:], stride)] if auto_pad.startswith("SAME") else None
    wanted = list(output_shape)[-rank:] if output_shape is not None else wanted
    if wanted is not None:
        around = []
        for n, s, d, k, e, m in zip(x.shape[2:], stride, dilation, weight.shape[2:], extra, wanted):
            total = s * (n - 1) + e + d * (k - 1) + 1 - m
            around.append((total // 2, total - total // 2) if auto_pad == "SAME_UPPER"
                          else (total - total // 2, total // 2))  # fmt: skip
    function = _TRANSPOSED[rank]
    if all(before == after >= 0 for before, after in around) and all(e < s for e, s in zip(extra, stride)):
        return function(x, weight, bias, stride, tuple([p for p, _ in around]), tuple(extra), group, dilation)
    y = function(x, weight, None, stride, 0, 0, group, dilation)
    y = F.pad(y, [n for (p, q), e in zip(reversed(around), reversed(extra)) for n in (-p, e - q)])
    return y if bias is None else y + bias.reshape(-1, *[1] * rank)


def _windows(
    x: Tensor, kernel: Sequence[int], strides: Sequence[int] | None, dilations: Sequence[int] | None,
    pads: Sequence[int] | None, auto_pad: str, ceil_mode: int,
) -> tuple[list[int], list[int], list[tuple[int, int]], list[int]]:  # fmt: skip
    """Strides, dilations, (before, after) and what must follow so that the last windows are whole."""
    rank = len(kernel)
    steps, apart = list(strides or [1] * rank), list(dilations or [1] * rank)
    around = _pads(x, kernel, steps, apart, pads, auto_pad)
    extra = [0] * rank
    for d, (n, k, s, a, (p, q)) in enumerate(zip(x.shape[2:], kernel, steps, apart, around)):
        reach = a * (k - 1) + 1
        if ceil_mode:
            count = -(-(n + p + q - reach) // s) + 1
            count -= (count - 1) * s >= n + p  # a window that would start beyond the input
            extra[d] = max(0, (count - 1) * s + reach - (n + p + q))
    return steps, apart, around, extra


def _flat(around: Sequence[tuple[int, int]], extra: Sequence[int]) -> list[int]:
    """Padding in the order of `F.pad`."""
    return [n for (p, q), e in zip(reversed(around), reversed(extra)) for n in (p, q + e)]


@operator("MaxPool", results=2)
def max_pool(
    x: Tensor, *, outputs: int, kernel_shape: Sequence[int], auto_pad: str = "NOTSET", ceil_mode: int = 0,
    dilations: Sequence[int] | None = None, pads: Sequence[int] | None = None, storage_order: int = 0,
    strides: Sequence[int] | None = None,
) -> Any:  # fmt: skip
    if not x.is_floating_point():
        found = max_pool(
            x.to(lucid.float64), outputs=outputs, kernel_shape=kernel_shape, auto_pad=auto_pad, ceil_mode=ceil_mode,
            dilations=dilations, pads=pads, storage_order=storage_order, strides=strides,
        )  # fmt: skip
        return found.to(x.dtype) if outputs == 1 else (found[0].to(x.dtype), found[1])
    rank = len(kernel_shape)
    steps, apart, around, extra = _windows(x, kernel_shape, strides, dilations, pads, auto_pad, ceil_mode)
    even = not any(extra) and all(p == q and 2 * p <= k for (p, q), k in zip(around, kernel_shape))
    padding = tuple([p for p, _ in around]) if even else (0,) * rank
    padded = x if even else F.pad(x, _flat(around, extra), value=float("-inf"))
    y, at = _MAX_POOL[rank](padded, tuple(kernel_shape), tuple(steps), padding, tuple(apart), return_indices=True)
    return y if outputs == 1 else (y, _places(x, padded, at, [0] * rank if even else [p for p, _ in around],
                                              bool(storage_order)))  # fmt: skip


def _places(x: Tensor, padded: Tensor, at: Tensor, before: list[int], columns: bool) -> Tensor:
    """Places in a padded plane as places in the whole of ``x``, in the order of rows or columns within a plane."""
    coordinates = []
    for n in reversed(padded.shape[2:]):
        coordinates.append(at % n)
        at = at // n
    found = [c - p for c, p in zip(reversed(coordinates), before)]
    sizes = list(x.shape[2:])
    order = range(len(sizes) - 1, -1, -1) if columns else range(len(sizes))
    place: Any = lucid.zeros_like(at)
    for d in order:
        place = place * sizes[d] + found[d]
    planes = lucid.arange(x.shape[0] * x.shape[1]).reshape(x.shape[0], x.shape[1], *[1] * len(sizes))
    return place + planes * lucid.Size(sizes).numel()


def _sums(x: Tensor, kernel: Sequence[int], steps: Sequence[int], apart: Sequence[int]) -> Tensor:
    """The sums over windows."""
    rank, (n, c) = len(kernel), x.shape[:2]
    ones = lucid.ones(1, 1, *kernel, dtype=x.dtype)
    y = _CONV[rank](x.reshape(n * c, 1, *x.shape[2:]), ones, None, tuple(steps), 0, tuple(apart))
    return y.reshape(n, c, *y.shape[2:])


@operator("AveragePool")
def average_pool(
    x: Tensor, *, kernel_shape: Sequence[int], auto_pad: str = "NOTSET", ceil_mode: int = 0, count_include_pad: int = 0,
    dilations: Sequence[int] | None = None, pads: Sequence[int] | None = None, strides: Sequence[int] | None = None,
) -> Tensor:  # fmt: skip
    rank = len(kernel_shape)
    steps, apart, around, extra = _windows(x, kernel_shape, strides, dilations, pads, auto_pad, ceil_mode)
    if rank == 2 and not any(extra) and all(d == 1 for d in apart) and all(
        p == q and 2 * p <= k for (p, q), k in zip(around, kernel_shape)
    ):  # fmt: skip
        padding = tuple([p for p, _ in around])
        return F.avg_pool2d(x, tuple(kernel_shape), tuple(steps), padding, False, bool(count_include_pad))
    flat = _flat(around, extra)
    total = _sums(F.pad(x, flat), kernel_shape, steps, apart)
    counted = lucid.ones_like(x[:1, :1])
    if count_include_pad:
        counted = F.pad(counted, _flat(around, [0] * rank), value=1.0)
        flat = _flat([(0, 0)] * rank, extra)
    return total / _sums(F.pad(counted, flat), kernel_shape, steps, apart)


@operator("LpPool")
def lp_pool(
    x: Tensor, *, kernel_shape: Sequence[int], auto_pad: str = "NOTSET", ceil_mode: int = 0,
    dilations: Sequence[int] | None = None, p: int = 2, pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
) -> Tensor:  # fmt: skip
    steps, apart, around, extra = _windows(x, kernel_shape, strides, dilations, pads, auto_pad, ceil_mode)
    powers = F.pad(lucid.abs(x) ** p, _flat(around, extra))
    return _sums(powers, kernel_shape, steps, apart) ** (1 / p)


@operator("GlobalLpPool")
def global_lp_pool(x: Tensor, *, p: int = 2) -> Tensor:
    return lucid.sum(lucid.abs(x) ** p, tuple(range(2, x.ndim)), True) ** (1 / p)


@operator("Pad")
def pad(
    x: Tensor, pads: Tensor, value: Tensor | None = None, axes: Tensor | None = None, *, mode: str = "constant"
) -> Tensor:
    along = list(range(x.ndim)) if axes is None else [a % x.ndim for a in axes.tolist()]
    amounts = pads.tolist()
    for d, before, after in zip(along, amounts, amounts[len(along) :]):
        n = x.shape[d]
        if mode == "constant":
            flat = [0] * (2 * x.ndim)
            flat[2 * (x.ndim - 1 - d)], flat[2 * (x.ndim - 1 - d) + 1] = before, after
            x = F.pad(x, flat, value=0 if value is None else value.item())
        elif before or after:
            at = np.arange(-before, n + after)
            if mode == "edge":
                at = np.clip(at, 0, n - 1)
            elif mode == "reflect":
                turn = max(2 * (n - 1), 1)
                at = np.minimum(at % turn, turn - at % turn) if n > 1 else np.zeros_like(at)
            else:
                at = at % n
            x = lucid.index_select(x, d, lucid.tensor(at.astype(np.int64)))
    return x


@operator("GlobalAveragePool")
def global_average_pool(x: Tensor) -> Tensor:
    return lucid.mean(x, tuple(range(2, x.ndim)), True)


@operator("GlobalMaxPool")
def global_max_pool(x: Tensor) -> Tensor:
    return lucid.amax(x, tuple(range(2, x.ndim)), True)


@operator("BatchNormalization", results=3)
def batch_normalization(
    x: Tensor, scale: Tensor, bias: Tensor, mean: Tensor, var: Tensor, *, epsilon: float = 1e-5, momentum: float = 0.9,
    training_mode: int = 0,
) -> Any:  # fmt: skip
    if not training_mode:
        return F.batch_norm(x, mean, var, scale, bias, False, 0.0, epsilon)
    dims = (0, *range(2, x.ndim))
    own = lucid.mean(x, dims), lucid.var(x, dims, correction=0)
    y = F.batch_norm(x, own[0], own[1], scale, bias, False, 0.0, epsilon)
    return (y, *[old * momentum + new * (1 - momentum) for old, new in zip((mean, var), own)])


@operator("InstanceNormalization")
def instance_normalization(x: Tensor, scale: Tensor, bias: Tensor, *, epsilon: float = 1e-5) -> Tensor:
    return F.group_norm(x, x.shape[1], scale, bias, epsilon)


@operator("GroupNormalization")
def group_normalization(
    x: Tensor, scale: Tensor, bias: Tensor, *, num_groups: int, epsilon: float = 1e-5, stash_type: int = 1
) -> Tensor:
    if scale.numel() != x.shape[1]:  # opset 18 has one of each per group
        each = x.shape[1] // num_groups
        scale, bias = (t.reshape(-1, 1).expand(-1, each).reshape(-1) for t in (scale, bias))
    return F.group_norm(x, num_groups, scale, bias, epsilon)


@operator("LayerNormalization", results=3)
def layer_normalization(
    x: Tensor, scale: Tensor, bias: Tensor | None = None, *, outputs: int, axis: int = -1, epsilon: float = 1e-5,
    stash_type: int = 1,
) -> Any:  # fmt: skip
    shape = tuple(x.shape[axis:])
    if tuple(scale.shape) == shape:
        y = F.layer_norm(x, shape, scale, bias, epsilon)
    else:  # one that broadcasts
        y = F.layer_norm(x, shape, None, None, epsilon) * scale
        y = y if bias is None else y + bias
    if outputs == 1:
        return y
    dims = tuple(range(axis % x.ndim, x.ndim))
    return y, lucid.mean(x, dims, True), lucid.rsqrt(lucid.var(x, dims, correction=0, keepdim=True) + epsilon)


@operator("LRN")
def local_response_normalization(
    x: Tensor, *, size: int, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0
) -> Tensor:
    before, channels = (size - 1) // 2, x.shape[1]
    squares = F.pad(x * x, [0, 0] * (x.ndim - 2) + [before, size - 1 - before])
    total: Any = sum(squares.narrow(1, k, channels) for k in range(size))
    return x / (bias + alpha / size * total) ** beta


@operator("LpNormalization")
def lp_normalization(x: Tensor, *, axis: int = -1, p: int = 2) -> Tensor:
    norm = lucid.abs(x).sum(axis, True) if p == 1 else lucid.sqrt((x * x).sum(axis, True))
    return lucid.where(norm == 0, 0.0, x / norm)


@operator("MeanVarianceNormalization")
def mean_variance_normalization(x: Tensor, *, axes: Sequence[int] = (0, 2, 3)) -> Tensor:
    centered = x - lucid.mean(x, tuple(axes), True)
    return centered / (lucid.sqrt(lucid.mean(centered * centered, tuple(axes), True)) + 1e-9)


@operator("Dropout", results=2)
def dropout(
    x: Tensor, ratio: Tensor | None = None, training: Tensor | None = None, *, outputs: int, seed: int = 0
) -> Any:
    if training is not None and bool(training.item()) and (ratio is None or ratio.item()):
        raise ValueError("onnx.load: Dropout in training mode is not supported")
    return x if outputs == 1 else (x, lucid.ones_like(x, dtype=lucid.bool))
