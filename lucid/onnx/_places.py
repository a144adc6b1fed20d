"""Operators that read and write at computed places, order and count."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import lucid
from lucid import Tensor
from lucid.onnx._registry import operator
from lucid.onnx._shape import not_negative
from lucid.onnx._types import dtype_of


def _flat(x: Tensor, index: Tensor) -> Tensor:
    """The row-major places of the index tuples in the last dimension of ``index``."""
    depth = index.shape[-1]
    places: Any = lucid.zeros(index.shape[:-1], dtype=lucid.int64)
    for k in range(depth):
        places = places * x.shape[k] + not_negative(index[..., k], x.shape[k])
    return places


@operator("GatherND")
def gather_nd(x: Tensor, index: Tensor, *, batch_dims: int = 0) -> Tensor:
    lead = tuple(x.shape[:batch_dims])
    if batch_dims:
        rows = math.prod(lead)
        data, at = x.reshape(rows, *x.shape[batch_dims:]), index.reshape(rows, *index.shape[batch_dims:])
        number = lucid.arange(rows).reshape(rows, *[1] * (at.ndim - 1)).expand(*at.shape[:-1], 1)
        y = gather_nd(data, lucid.cat([number, at.to(lucid.int64)], -1))
        return y.reshape(*lead, *y.shape[1:])
    depth = index.shape[-1]
    rest = tuple(x.shape[depth:])
    rows_of_x = x.reshape(math.prod(x.shape[:depth]), *rest)
    return lucid.index_select(rows_of_x, 0, _flat(x, index).reshape(-1)).reshape(*index.shape[:-1], *rest)


_REDUCTIONS = {"add": "sum", "mul": "prod", "max": "amax", "min": "amin"}


@operator("ScatterND")
def scatter_nd(x: Tensor, index: Tensor, updates: Tensor, *, reduction: str = "none") -> Tensor:
    depth = index.shape[-1]
    rest = math.prod(x.shape[depth:])
    rows = x.reshape(-1, rest)
    at = _flat(x, index).reshape(-1, 1).expand(-1, rest)
    return _scattered(rows, 0, at, updates.reshape(-1, rest), reduction).reshape(x.shape)


@operator("ScatterElements")
def scatter_elements(x: Tensor, index: Tensor, updates: Tensor, *, axis: int = 0, reduction: str = "none") -> Tensor:
    return _scattered(x, axis, not_negative(index, x.shape[axis]), updates, reduction)


def _scattered(x: Tensor, axis: int, index: Tensor, updates: Tensor, reduction: str) -> Tensor:
    if reduction == "none":
        return lucid.scatter(x, axis, index, updates)
    return lucid.scatter_reduce(x, axis, index, updates, _REDUCTIONS[reduction])


@operator("TensorScatter")
def tensor_scatter(
    x: Tensor, update: Tensor, start: Tensor | None = None, *, axis: int = -2, mode: str = "linear"
) -> Tensor:
    """A cache with ``update`` written from ``start`` of each sample on."""
    axis %= x.ndim
    length, count = x.shape[axis], update.shape[axis]
    first = lucid.zeros(x.shape[0], dtype=lucid.int64) if start is None else start.to(lucid.int64)
    places = first.reshape(-1, 1) + lucid.arange(count)
    places = places % length if mode == "circular" else places
    shape = [1] * x.ndim
    shape[0], shape[axis] = x.shape[0], count
    return lucid.scatter(x, axis, places.reshape(shape).expand(*update.shape), update)


@operator("OneHot")
def one_hot(index: Tensor, depth: Tensor, values: Tensor, *, axis: int = -1) -> Tensor:
    count = int(depth.reshape(-1)[0].item())
    axis = axis % (index.ndim + 1)
    at = not_negative(index, count).unsqueeze(axis)
    shape = [1] * (index.ndim + 1)
    shape[axis] = count
    return lucid.where(at == lucid.arange(count).reshape(shape), values[1], values[0])


@operator("TopK", results=2)
def topk(x: Tensor, k: Tensor, *, axis: int = -1, largest: int = 1, sorted: int = 1) -> tuple[Tensor, Tensor]:
    values, indices = lucid.topk(x, int(k.reshape(-1)[0].item()), axis, bool(largest))
    return values, indices


@operator("NonZero")
def nonzero(x: Tensor) -> Tensor:
    return lucid.nonzero(x).T.contiguous() if x.ndim else lucid.zeros(0, int(bool(x.item())), dtype=lucid.int64)


@operator("Compress")
def compress(x: Tensor, condition: Tensor, *, axis: int | None = None) -> Tensor:
    flat, d = (x.reshape(-1), 0) if axis is None else (x, axis)
    return lucid.index_select(flat, d, lucid.nonzero(condition)[:, 0])


@operator("Unique", results=4)
def unique(x: Tensor, *, axis: int | None = None, sorted: int = 1) -> tuple[Tensor, ...]:
    found: Any = np.unique(x.numpy(), return_index=True, return_inverse=True, return_counts=True, axis=axis)
    values, first, inverse, counts = found
    inverse = inverse.reshape(-1)
    if not sorted:
        order = np.argsort(first)
        back = np.argsort(order)
        values, first, counts = np.take(values, order, 0 if axis is None else axis), first[order], counts[order]
        inverse = back[inverse]
    return tuple([lucid.from_numpy(np.array(a)) for a in (values, first, inverse, counts)])


@operator("ReverseSequence")
def reverse_sequence(x: Tensor, lengths: Tensor, *, batch_axis: int = 1, time_axis: int = 0) -> Tensor:
    steps, batch = x.shape[time_axis], x.shape[batch_axis]
    time, sizes = lucid.arange(steps).reshape(-1, 1), lengths.reshape(1, batch)
    at = lucid.where(time < sizes, sizes - 1 - time, time)
    at = at if time_axis < batch_axis else at.T
    shape = [1] * x.ndim
    shape[time_axis], shape[batch_axis] = steps, batch
    return lucid.gather(x, time_axis, at.reshape(shape).expand(*x.shape))


@operator("EyeLike")
def eye_like(x: Tensor, *, dtype: int | None = None, k: int = 0) -> Tensor:
    n, m = x.shape
    wanted = x.dtype if dtype is None else dtype_of(dtype)
    return lucid.from_numpy(np.eye(n, m, k)).to(wanted)


@operator("CumSum")
def cumsum(x: Tensor, axis: Tensor, *, exclusive: int = 0, reverse: int = 0) -> Tensor:
    return _running(lucid.cumsum, 0, x, axis, exclusive, reverse)


@operator("CumProd")
def cumprod(x: Tensor, axis: Tensor, *, exclusive: int = 0, reverse: int = 0) -> Tensor:
    return _running(lucid.cumprod, 1, x, axis, exclusive, reverse)


def _running(function: Any, start: int, x: Tensor, axis: Tensor, exclusive: int, reverse: int) -> Tensor:
    d = int(axis.item()) % x.ndim
    y = x.flip(d) if reverse else x
    y = function(y, d).to(x.dtype)
    if exclusive:
        first = lucid.full([1 if k == d else n for k, n in enumerate(x.shape)], start, dtype=x.dtype)
        y = lucid.cat([first, y.narrow(d, 0, x.shape[d] - 1)], d)
    return y.flip(d) if reverse else y


@operator("Hardmax")
def hardmax(x: Tensor, *, axis: int = -1) -> Tensor:
    shape = [1] * x.ndim
    shape[axis] = x.shape[axis]
    return (lucid.argmax(x, axis, True) == lucid.arange(x.shape[axis]).reshape(shape)).to(x.dtype)


@operator("NonMaxSuppression")
def non_max_suppression(
    boxes: Tensor, scores: Tensor, most: Tensor | None = None, overlap: Tensor | None = None,
    threshold: Tensor | None = None, *, center_point_box: int = 0,
) -> Tensor:  # fmt: skip
    limit = 0 if most is None else int(most.item())
    least = -math.inf if threshold is None else threshold.item()
    iou = 0.0 if overlap is None else overlap.item()
    rows = []
    for n, (corners, classes) in enumerate(zip(_corners(boxes.numpy(), center_point_box), scores.numpy())):
        for c, row in enumerate(classes):
            kept: list[int] = []
            for i in np.argsort(-row, kind="stable"):
                if len(kept) == limit:
                    break
                if row[i] > least and all(_overlap(corners[i], corners[j]) <= iou for j in kept):
                    kept.append(int(i))
            rows += [[n, c, i] for i in kept]
    return lucid.tensor(np.asarray(rows, np.int64).reshape(-1, 3))


def _corners(boxes: np.ndarray, centers: int) -> np.ndarray:
    if centers:
        middle, half = boxes[..., :2], boxes[..., 2:] / 2
        return np.concatenate([middle - half, middle + half], -1)
    first, second = boxes[..., :2], boxes[..., 2:]
    return np.concatenate([np.minimum(first, second), np.maximum(first, second)], -1)


def _overlap(a: np.ndarray, b: np.ndarray) -> float:
    both = np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0).prod()
    union = (a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - both
    return float(both / union) if union > 0 else 0.0
