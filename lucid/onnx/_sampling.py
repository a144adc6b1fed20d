"""Reading images at computed places, and putting windows together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import lucid
from lucid import Tensor
from lucid.nn import functional as F
from lucid.onnx._registry import operator

_MODES = {"linear": "bilinear", "cubic": "bicubic"}


@operator("GridSample")
def grid_sample(
    x: Tensor, grid: Tensor, *, align_corners: int = 0, mode: str = "linear", padding_mode: str = "zeros"
) -> Tensor:
    return F.grid_sample(x, grid, _MODES.get(mode, mode), padding_mode, bool(align_corners))


@operator("AffineGrid")
def affine_grid(theta: Tensor, size: Tensor, *, align_corners: int = 0) -> Tensor:
    return F.affine_grid(theta, size.tolist(), align_corners=bool(align_corners))


@operator("RoiAlign")
def roi_align(
    x: Tensor, rois: Tensor, batch: Tensor, *, opset: int, coordinate_transformation_mode: str | None = None,
    mode: str = "avg", output_height: int = 1, output_width: int = 1, sampling_ratio: int = 0,
    spatial_scale: float = 1.0,
) -> Tensor:  # fmt: skip
    aligned = (coordinate_transformation_mode or ("half_pixel" if opset >= 16 else "output_half_pixel")) == "half_pixel"
    shift = 0.5 if aligned else 0.0
    size = (output_height, output_width)
    regions = []
    for roi, n in zip(rois.tolist(), batch.tolist()):
        left, top, right, bottom = (c * spatial_scale - shift for c in roi)
        lengths = [bottom - top, right - left]
        lengths = lengths if aligned else [max(n, 1.0) for n in lengths]
        axes = [_samples(first, length, count, sampling_ratio)
                for first, length, count in zip((top, left), lengths, size)]  # fmt: skip
        regions.append(_region(x[n], axes[0], axes[1], size, mode))
    return lucid.stack(regions) if regions else lucid.zeros(0, x.shape[1], *size, dtype=x.dtype)


def _samples(first: float, length: float, count: int, ratio: int) -> Tensor:
    """Where each of ``count`` bins is read, bin by bin."""
    each = ratio if ratio > 0 else math.ceil(length / count)
    step = length / count
    bins = lucid.arange(count).reshape(-1, 1) * step + (lucid.arange(each) + 0.5) * (step / max(each, 1))
    return (first + bins).reshape(-1)


def _corners(at: Tensor, n: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The two neighbours along one dimension, the weight of the second, and whether the place counts at all."""
    inside = (at >= -1) & (at <= n)
    at = lucid.clamp(at, min=0)
    low = lucid.clamp(lucid.floor(at).to(lucid.int64), max=n - 1)
    high = lucid.clamp(low + 1, max=n - 1)
    part = lucid.where(low >= n - 1, 0.0, at - low)
    return low, high, part, inside


def _region(x: Tensor, rows: Tensor, columns: Tensor, size: tuple[int, int], mode: str) -> Tensor:
    """One region of an image (C, H, W)."""
    top, bottom, down, inside_rows = _corners(rows, x.shape[1])
    left, right, across, inside_columns = _corners(columns, x.shape[2])
    counts = inside_rows.reshape(-1, 1) & inside_columns
    parts = []
    for at_row, row_weight in ((top, 1 - down), (bottom, down)):
        for at_column, column_weight in ((left, 1 - across), (right, across)):
            weight = row_weight.reshape(-1, 1) * column_weight
            parts.append(x[:, at_row][:, :, at_column] * lucid.where(counts, weight, 0.0).to(x.dtype))
    height, width = size
    bins = (x.shape[0], height, len(rows) // height, width, len(columns) // width)
    if mode == "max":
        most = lucid.stack(parts).amax(0)
        return most.reshape(bins).amax((2, 4))
    return (parts[0] + parts[1] + parts[2] + parts[3]).reshape(bins).mean((2, 4))


@operator("MaxUnpool")
def max_unpool(
    x: Tensor, index: Tensor, output_shape: Tensor | None = None, *, kernel_shape: Sequence[int],
    pads: Sequence[int] | None = None, strides: Sequence[int] | None = None,
) -> Tensor:  # fmt: skip
    rank = len(kernel_shape)
    steps, around = list(strides or [1] * rank), list(pads or [0] * (2 * rank))
    own = [(n - 1) * s + k - around[d] - around[d + rank]
           for d, (n, s, k) in enumerate(zip(x.shape[2:], steps, kernel_shape))]  # fmt: skip
    shape = [*x.shape[:2], *own]
    flat = lucid.zeros(math.prod(shape), dtype=x.dtype)
    y = lucid.scatter(flat, 0, index.reshape(-1), x.reshape(-1)).reshape(shape)
    if output_shape is None:
        return y
    more = [m - n for n, m in zip(shape, output_shape.tolist())]
    return F.pad(y, [n for m in reversed(more) for n in (0, m)])


@operator("Col2Im")
def col2im(
    x: Tensor, image: Tensor, block: Tensor, *, dilations: Sequence[int] | None = None,
    pads: Sequence[int] | None = None, strides: Sequence[int] | None = None,
) -> Tensor:  # fmt: skip
    size, kernel = image.tolist(), block.tolist()
    rank = len(size)
    apart, steps, around = dilations or [1] * rank, strides or [1] * rank, pads or [0] * (2 * rank)
    whole = [n + around[d] + around[d + rank] for d, n in enumerate(size)]
    counts = [(n - d * (k - 1) - 1) // s + 1 for n, d, k, s in zip(whole, apart, kernel, steps)]
    place: Any = lucid.zeros(*[1] * (2 * rank), dtype=lucid.int64)
    for d in range(rank):  # of every element of every window
        inside, windows = [1] * (2 * rank), [1] * (2 * rank)
        inside[d], windows[rank + d] = kernel[d], counts[d]
        at = (lucid.arange(kernel[d]) * apart[d]).reshape(inside) + (lucid.arange(counts[d]) * steps[d]).reshape(
            windows
        )
        place = place * whole[d] + at
    n = x.shape[0]
    values = x.reshape(n, -1, math.prod(kernel) * math.prod(counts))
    flat = lucid.zeros(n, values.shape[1], math.prod(whole), dtype=x.dtype)
    y = lucid.index_add(flat, 2, place.reshape(-1), values).reshape(n, -1, *whole)
    for d in range(rank):
        y = y.narrow(2 + d, around[d], size[d])
    return y


@operator("CenterCropPad")
def center_crop_pad(x: Tensor, shape: Tensor, *, axes: Sequence[int] | None = None) -> Tensor:
    for d, m in zip(range(x.ndim) if axes is None else axes, shape.tolist()):
        n = x.shape[d]
        if m <= n:
            x = x.narrow(d, (n - m) // 2, m)
        else:
            before = (m - n) // 2
            pads = [0] * (2 * x.ndim)
            k = 2 * (x.ndim - 1 - d % x.ndim)
            pads[k], pads[k + 1] = before, m - n - before
            x = F.pad(x, pads)
    return x
