"""Records of windows as columns, of bags of embeddings, of normalisation across channels and of pooling by norms."""

from __future__ import annotations

from typing import Any

import numpy as np
from ops.conv import pair
from ops.pool import starts
from ops.record import Record, case, sample

import lucid
import lucid.nn.functional as F


def positions(size: Any, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    """Index arrays (kernel rows, kernel columns, positions) of the rows and columns of the padded plane."""
    k, d, p, s = pair(kernel_size), pair(dilation), pair(padding), pair(stride)
    tops, lefts = (starts(n, *a, False) for n, *a in zip(size, k, s, p, d))
    at = [(t + p[0], left + p[1]) for t in tops for left in lefts]
    rows = np.array([[[t + i * d[0] for t, _ in at] for _ in range(k[1])] for i in range(k[0])])
    columns = np.array([[[c + j * d[1] for _, c in at] for j in range(k[1])] for _ in range(k[0])])
    return rows, columns, p


def unfold(x: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    rows, columns, p = positions(x.shape[-2:], kernel_size, dilation, padding, stride)
    padded = np.pad(x, [(0, 0)] * (x.ndim - 2) + [(p[0], p[0]), (p[1], p[1])])
    y = padded[..., rows, columns]
    return y.reshape(*x.shape[:-3], x.shape[-3] * rows.shape[0] * rows.shape[1], rows.shape[2])


def fold(x: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    size = pair(output_size)
    rows, columns, p = positions(size, kernel_size, dilation, padding, stride)
    c = x.shape[-2] // (rows.shape[0] * rows.shape[1])
    y = np.zeros((*x.shape[:-2], c, size[0] + 2 * p[0], size[1] + 2 * p[1]), x.dtype)
    values = x.reshape(*x.shape[:-2], c, *rows.shape)
    for i, j, k in np.ndindex(rows.shape):
        y[..., rows[i, j, k], columns[i, j, k]] += values[..., i, j, k]
    return y[..., p[0] : p[0] + size[0], p[1] : p[1] + size[1]]


OPTIONS = [
    dict(kernel_size=2),
    dict(kernel_size=(2, 3), padding=1),
    dict(kernel_size=3, padding=(1, 2), stride=2),
    dict(kernel_size=2, dilation=2, stride=(1, 2)),
]
COUNTS = {0: 12, 1: 25, 2: 8, 3: 4}  # positions of each on a plane of (4, 5)
AREAS = (4, 6, 9, 4)


def bag(
    weight: Any,
    index: Any,
    offsets: Any = None,
    mode: str = "mean",
    padding_idx: int | None = None,
    include_last_offset: bool = False,
    factors: Any = None,
) -> Any:
    if index.ndim == 2:
        bags, scales = list(index), list(np.ones(index.shape, weight.dtype) if factors is None else factors)
    else:
        ends = list(offsets[1:]) + ([] if include_last_offset else [len(index)])
        factors = np.ones(len(index), weight.dtype) if factors is None else factors
        bags, scales = ([a[s:e] for s, e in zip(offsets, ends)] for a in (index, factors))
    out = []
    for numbers, scale in zip(bags, scales):
        kept = numbers != (-1 if padding_idx is None else padding_idx % len(weight))
        rows = weight[numbers[kept]] * scale[kept][:, None]
        out.append(
            np.zeros(weight.shape[1], weight.dtype)
            if not len(rows)
            else rows.max(0)
            if mode == "max"
            else rows.sum(0) / (len(rows) if mode == "mean" else 1)
        )
    return np.array(out, weight.dtype).reshape(len(bags), weight.shape[1])


FLAT, OFFSETS = np.array([1, 4, 0, 1, 2, 2, 3]), np.array([0, 2, 2, 6])
SQUARE = np.array([[1, 4, 0], [1, 1, 2]])


def flat_bag(weight: Any, factors: Any = None, **p: Any) -> Any:
    return F.embedding_bag(lucid.from_numpy(FLAT), weight, lucid.from_numpy(OFFSETS), per_sample_weights=factors, **p)


def torch_flat_bag(torch: Any, weight: Any, factors: Any = None, **p: Any) -> Any:
    return torch.nn.functional.embedding_bag(
        torch.from_numpy(FLAT), weight, torch.from_numpy(OFFSETS), per_sample_weights=factors, **p
    )


def response(x: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Any:
    y = np.empty_like(x)
    for c in range(x.shape[1]):
        window = x[:, max(c - size // 2, 0) : c + (size - 1) // 2 + 1]
        y[:, c] = x[:, c] / (k + alpha / x.dtype.type(size) * np.sum(window * window, 1)) ** x.dtype.type(beta)
    return y


def lp_pool(spatial: int) -> Any:
    def pool(x: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Any:
        kernel = (kernel_size,) * spatial if isinstance(kernel_size, int) else kernel_size
        step = kernel if stride is None else (stride,) * spatial if isinstance(stride, int) else stride
        begins = [starts(n, k, s, 0, 1, ceil_mode) for n, k, s in zip(x.shape[-spatial:], kernel, step)]
        y = np.empty((*x.shape[:-spatial], *map(len, begins)), x.dtype)
        for at in np.ndindex(y.shape[-spatial:]):
            part = x[(..., *(slice(b[i], b[i] + k) for b, i, k in zip(begins, at, kernel)))]
            y[(..., *at)] = np.mean(part**norm_type, tuple(range(-spatial, 0))) * np.prod(kernel)
        return y ** (1 / x.dtype.type(norm_type))

    return pool


POOLS = {1: ((2, 2, 7), (2, 5)), 2: ((2, 2, 4, 5), (1, 3, 4)), 3: ((2, 1, 3, 4, 3), (1, 2, 3, 4))}
LP = (
    dict(norm_type=2, kernel_size=2),
    dict(norm_type=3.0, kernel_size=2, stride=1),
    dict(norm_type=1.5, kernel_size=2, ceil_mode=True),
    dict(norm_type=1, kernel_size=2),
)

RECORDS = [
    Record("unfold of planes", F.unfold, unfold, torch="unfold", cases=tuple(case(s, **p) for p in OPTIONS for s in ((2, 2, 4, 5), (1, 1, 4, 5))) + (sample((2, 4, 5), kernel_size=2), case((0, 2, 4, 5), kernel_size=2)),
           elementwise=False, ulp=(0, 0), batch=(0,), integer="!expected a floating-point tensor, got", grad_ulp=8, grad_floor=None, why="overlaps are added"),
    Record("fold", F.fold, fold, cases=tuple(case((n, c * AREAS[i], COUNTS[i]), output_size=(4, 5), **p) for i, p in enumerate(OPTIONS) for n, c in ((2, 2), (1, 1)))
           + (sample((2, 1), output_size=(1, 2), kernel_size=(1, 2)),), elementwise=False, batch=(0,), ulp=(8, 8), scale=lambda x, **p: fold(np.abs(x), **p),
           why="overlaps are added", integer="", grad_ulp=0),
    Record("embedding_bag", lambda i, w, o=None, **p: F.embedding_bag(i, w, o, **p), lambda i, w, o=None, **p: bag(w, i, o, **p),
           cases=tuple(case(SQUARE, (5, 3), mode=m, padding_idx=p) for m in ("sum", "mean", "max") for p in (None, 1, -1)) + (case(np.zeros((0, 2), np.int64), (5, 3)),),
           elementwise=False, ulp=(4, 4), scale=lambda i, w, o=None, **p: np.abs(w).max(), why="sums of rows", integer="", grad_ulp=16, grad_floor=None, torch="embedding_bag"),
    Record("embedding_bag with offsets", flat_bag, lambda w, **p: bag(w, FLAT, OFFSETS, **p), cases=tuple(case((5, 2), mode=m, padding_idx=p) for m in ("sum", "mean", "max") for p in (None, 1)),
           covers=(F.embedding_bag,), elementwise=False, ulp=(4, 4), scale=lambda w, **p: np.abs(w).max(), why="sums of rows", integer="", grad_ulp=16, grad_floor=None, torch=torch_flat_bag),
    Record("embedding_bag with weights", lambda w, f, **p: flat_bag(w, f, mode="sum", **p), lambda w, f, **p: bag(w, FLAT, OFFSETS, "sum", factors=f, **p),
           cases=tuple(case((5, 2), (7,), padding_idx=p) for p in (None, 1)), covers=(F.embedding_bag,), elementwise=False, ulp=(4, 4), scale=lambda w, f, **p: 9.0, why="sums of rows", integer="",
           grad_ulp=16, grad_floor=None, torch=lambda torch, w, f, **p: torch_flat_bag(torch, w, f, mode="sum", **p)),
    Record("local_response_norm", F.local_response_norm, response, cases=tuple(case(s, size=n, alpha=a, beta=b, k=2.0) for s in ((2, 5, 3), (1, 4, 2, 2), (2, 3, 1, 2, 1)) for n, a, b in ((1, 0.5, 0.75), (2, 0.5, 1.0), (3, 2.0, 0.5), (5, 1e-4, 0.75)))
           + (case((0, 3, 2), size=2),), elementwise=False, batch=(0,), ulp=(8, 8), integer="", grad_ulp=64, grad_floor=None, why="the gradient is a difference"),
    *(Record(f"lp_pool{s}d", getattr(F, f"lp_pool{s}d"), lp_pool(s), cases=tuple(case(shapes[0], **p) for p in LP) + tuple(sample(shapes[1], **p) for p in LP), span=((0.1, 2),), elementwise=False, batch=(0,),
             ulp=(8, 8), integer="", grad_ulp=32, grad_floor=None, why="sums of powers") for s, shapes in POOLS.items()),
]  # fmt: skip
