"""Convolutions, pooling and normalisation."""

from __future__ import annotations

from collections.abc import Sequence

import lucid
from lucid import Tensor
from lucid.nn import functional as F
from lucid.onnx._registry import operator

_CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_MAX_POOL = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}


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
    return F.pad(x, [n for pair in reversed(pads) for n in pair], value=value), [0] * len(pads)


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


@operator("MaxPool")
def max_pool(
    x: Tensor, *, kernel_shape: Sequence[int], auto_pad: str = "NOTSET", dilations: Sequence[int] | None = None,
    pads: Sequence[int] | None = None, strides: Sequence[int] | None = None,
) -> Tensor:  # fmt: skip
    rank = len(kernel_shape)
    strides, dilations = strides or [1] * rank, dilations or [1] * rank
    around = _pads(x, kernel_shape, strides, dilations, pads, auto_pad)
    if any(before != after or 2 * before > k for (before, after), k in zip(around, kernel_shape)):
        x, around = F.pad(x, [n for pair in reversed(around) for n in pair], value=float("-inf")), [(0, 0)] * rank
    padding = tuple(before for before, _ in around)
    return _MAX_POOL[rank](x, tuple(kernel_shape), tuple(strides), padding, tuple(dilations))


@operator("AveragePool")
def average_pool(
    x: Tensor, *, kernel_shape: Sequence[int], auto_pad: str = "NOTSET", count_include_pad: int = 0,
    pads: Sequence[int] | None = None, strides: Sequence[int] | None = None,
) -> Tensor:  # fmt: skip
    rank = len(kernel_shape)
    strides = strides or [1] * rank
    around = _pads(x, kernel_shape, strides, [1] * rank, pads, auto_pad)
    weight = lucid.full([1, 1, *kernel_shape], 1.0 / lucid.Size(kernel_shape).numel(), dtype=x.dtype)
    flat = [n for pair in reversed(around) for n in pair]

    def mean(t: Tensor) -> Tensor:
        n, c = t.shape[:2]
        y = _CONV[rank](F.pad(t, flat).reshape(n * c, 1, *[s + sum(p) for s, p in zip(t.shape[2:], around)]),
                        weight, None, tuple(strides))  # fmt: skip
        return y.reshape(n, c, *y.shape[2:])

    y = mean(x)
    return y if count_include_pad or not any(flat) else y / mean(lucid.ones_like(x[:1, :1]))


@operator("GlobalAveragePool")
def global_average_pool(x: Tensor) -> Tensor:
    return lucid.mean(x, tuple(range(2, x.ndim)), True)


@operator("GlobalMaxPool")
def global_max_pool(x: Tensor) -> Tensor:
    return lucid.amax(x, tuple(range(2, x.ndim)), True)


@operator("BatchNormalization")
def batch_normalization(
    x: Tensor, scale: Tensor, bias: Tensor, mean: Tensor, var: Tensor, *, epsilon: float = 1e-5, momentum: float = 0.9
) -> Tensor:
    return F.batch_norm(x, mean, var, scale, bias, False, 0.0, epsilon)


@operator("InstanceNormalization")
def instance_normalization(x: Tensor, scale: Tensor, bias: Tensor, *, epsilon: float = 1e-5) -> Tensor:
    return F.instance_norm(x, None, None, scale, bias, eps=epsilon)


@operator("GroupNormalization")
def group_normalization(x: Tensor, scale: Tensor, bias: Tensor, *, num_groups: int, epsilon: float = 1e-5) -> Tensor:
    if scale.numel() != x.shape[1]:  # opset 18 has one of each per group
        each = x.shape[1] // num_groups
        scale, bias = (t.reshape(-1, 1).expand(-1, each).reshape(-1) for t in (scale, bias))
    return F.group_norm(x, num_groups, scale, bias, epsilon)


@operator("LayerNormalization")
def layer_normalization(
    x: Tensor, scale: Tensor, bias: Tensor | None = None, *, axis: int = -1, epsilon: float = 1e-5
) -> Tensor:
    return F.layer_norm(x, tuple(x.shape[axis:]), scale, bias, epsilon)


@operator("Dropout")
def dropout(x: Tensor, ratio: Tensor | None = None, training: Tensor | None = None, *, seed: int = 0) -> Tensor:
    if training is not None and bool(training.item()):
        raise ValueError("onnx.load: Dropout in training mode is not supported")
    return x
