"""Operators that arrange, join, cut and index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import lucid
from lucid import Tensor
from lucid.nn import functional as F
from lucid.onnx._registry import operator


@operator("Constant")
def constant(
    *, value: Tensor | None = None, value_float: float | None = None, value_int: int | None = None,
    value_floats: Sequence[float] | None = None, value_ints: Sequence[int] | None = None,
) -> Tensor:  # fmt: skip
    if value is not None:
        return value
    if value_float is not None or value_floats is not None:
        return lucid.tensor(value_floats if value_float is None else value_float, dtype=lucid.float32)
    return lucid.tensor(value_ints if value_int is None else value_int, dtype=lucid.int64)


@operator("ConstantOfShape")
def constant_of_shape(shape: Tensor, *, value: Tensor | None = None) -> Tensor:
    if value is None:
        return lucid.zeros(shape.tolist())
    return lucid.full(shape.tolist(), value.item(), dtype=value.dtype)


@operator("Range")
def range_(start: Tensor, limit: Tensor, delta: Tensor, *, stash_type: int = 1) -> Tensor:
    return lucid.arange(start.item(), limit.item(), delta.item(), dtype=start.dtype)


@operator("Shape")
def shape(x: Tensor, *, start: int = 0, end: int | None = None) -> Tensor:
    return lucid.tensor(list(x.shape)[start:end], dtype=lucid.int64)


@operator("Size")
def size(x: Tensor) -> Tensor:
    return lucid.tensor(x.numel(), dtype=lucid.int64)


@operator("Reshape")
def reshape(x: Tensor, shape: Tensor, *, allowzero: int = 0) -> Tensor:
    wanted = shape.tolist()
    if not allowzero:
        wanted = [x.shape[i] if n == 0 else n for i, n in enumerate(wanted)]
    return x.reshape(wanted)


@operator("Flatten")
def flatten(x: Tensor, *, axis: int = 1) -> Tensor:
    axis = axis + x.ndim if axis < 0 else axis
    rows = 1
    for n in x.shape[:axis]:
        rows *= n
    return x.reshape(rows, x.numel() // rows if rows else 0)


@operator("Transpose")
def transpose(x: Tensor, *, perm: Sequence[int] | None = None) -> Tensor:
    return x.permute(*(range(x.ndim - 1, -1, -1) if perm is None else perm))


@operator("Squeeze")
def squeeze(x: Tensor, axes: Tensor | None = None) -> Tensor:
    return x.squeeze() if axes is None else x.squeeze(tuple(axes.tolist()))


@operator("Unsqueeze")
def unsqueeze(x: Tensor, axes: Tensor) -> Tensor:
    rank = x.ndim + axes.numel()
    for axis in sorted(a % rank for a in axes.reshape(-1).tolist()):
        x = x.unsqueeze(axis)
    return x


@operator("Concat")
def concat(*inputs: Tensor, axis: int) -> Tensor:
    return lucid.cat(inputs, axis)


@operator("Split", results=1 << 30)
def split(
    x: Tensor, sizes: Tensor | None = None, *, axis: int = 0, num_outputs: int | None = None, outputs: int = 1
) -> tuple[Tensor, ...]:
    if sizes is not None:
        return tuple(lucid.split(x, sizes.tolist(), axis))
    return tuple(lucid.split(x, -(-x.shape[axis] // (num_outputs or outputs)), axis))


@operator("Slice")
def slice_(x: Tensor, starts: Tensor, ends: Tensor, axes: Tensor | None = None, steps: Tensor | None = None) -> Tensor:
    first, last = starts.tolist(), ends.tolist()
    along = range(len(first)) if axes is None else axes.tolist()
    for axis, start, end, step in zip(along, first, last, [1] * len(first) if steps is None else steps.tolist()):
        places = range(*slice(start, end, step).indices(x.shape[axis]))
        if step < 0:
            x = lucid.index_select(x, axis, lucid.tensor(list(places), dtype=lucid.int64))
        else:
            index: list[Any] = [slice(None)] * x.ndim
            index[axis] = slice(places.start, places.stop, step)
            x = x[tuple(index)]
    return x


def not_negative(index: Tensor, length: int) -> Tensor:
    index = index.to(lucid.int64)
    return lucid.where(index < 0, index + length, index)


@operator("Gather")
def gather(x: Tensor, index: Tensor, *, axis: int = 0) -> Tensor:
    axis %= x.ndim
    if index.ndim == 0 and isinstance(index._data, np.ndarray):  # a number that a trace may read
        return lucid.select(x, axis, int(index.item()))
    if axis == 0 and x.ndim == 2 and x.is_floating_point() and isinstance(x._data, np.ndarray):  # a table of rows
        return F.embedding(not_negative(index, x.shape[0]), x)
    y = lucid.index_select(x, axis, not_negative(index, x.shape[axis]).reshape(-1))
    return y.reshape([*x.shape[:axis], *index.shape, *x.shape[axis + 1 :]])


@operator("GatherElements")
def gather_elements(x: Tensor, index: Tensor, *, axis: int = 0) -> Tensor:
    return lucid.gather(x, axis, not_negative(index, x.shape[axis]))


@operator("Expand")
def expand(x: Tensor, shape: Tensor) -> Tensor:
    wanted = shape.tolist()
    full = [1] * (len(wanted) - x.ndim) + list(x.shape)
    wanted = [1] * (len(full) - len(wanted)) + wanted
    return x.expand([max(n, m) if n and m else 0 for n, m in zip(full, wanted)])


@operator("Tile")
def tile(x: Tensor, repeats: Tensor) -> Tensor:
    return x.repeat(*repeats.tolist())


@operator("Trilu")
def trilu(x: Tensor, k: Tensor | None = None, *, upper: int = 1) -> Tensor:
    diagonal = 0 if k is None else int(k.item())
    return lucid.triu(x, diagonal) if upper else lucid.tril(x, diagonal)


@operator("DepthToSpace")
def depth_to_space(x: Tensor, *, blocksize: int, mode: str = "DCR") -> Tensor:
    n, c, h, w = x.shape
    b = blocksize
    if mode == "CRD":
        return F.pixel_shuffle(x, b)
    return x.reshape(n, b, b, c // b**2, h, w).permute(0, 3, 4, 1, 5, 2).reshape(n, c // b**2, h * b, w * b)


@operator("SpaceToDepth")
def space_to_depth(x: Tensor, *, blocksize: int, mode: str = "DCR") -> Tensor:
    n, c, h, w = x.shape
    b = blocksize
    if mode == "CRD":
        return F.pixel_unshuffle(x, b)
    return x.reshape(n, c, h // b, b, w // b, b).permute(0, 3, 5, 1, 2, 4).reshape(n, c * b * b, h // b, w // b)
