"""Records of histograms, distinct values and searches in sorted sequences."""

from __future__ import annotations

from typing import Any

import numpy as np
from ops.record import Record, example, inf, nan, sample

import lucid

COUNTS = np.array([0, 3, 1, 3, 3])
REPEATED = np.array([[3, 1, 2], [1, 1, 2], [3, 1, 2]])
RUNS = np.array([1, 1, 2, 2, 2, 1, 3, 3])
SORTED = np.array([1.0, 2, 2, 3, 5])
PROBES = np.array([[0.5, 1, 2], [3, 4.5, 9], [nan, inf, -inf]])
ROWS = np.array([[1.0, 2, 2, 3], [0, 0, 1, 1], [5, 6, 7, 8]])


def record(name: str, reference: Any, *cases: Any, **options: Any) -> Record:
    options = {"call": getattr(lucid, name, None), "ulp": (0, 0), "integer": "", "differentiable": False, **options}
    return Record(name, reference=reference, cases=cases, elementwise=False, **options)


def histc(x: Any, bins: int = 100, min: float = 0, max: float = 0) -> Any:
    low, high = (min, max) if min != max else (np.min(x), np.max(x))
    low, high = (low - 1, high + 1) if low == high else (low, high)
    return np.histogram(x[np.isfinite(x)], bins, (low, high))[0].astype(x.dtype)


def histogram(x: Any, bins: Any, range: Any = None, density: bool = False) -> Any:
    hist, edges = np.histogram(x, bins, range, density=density)
    return hist.astype(x.dtype), edges.astype(x.dtype)


def histogramdd(x: Any, bins: Any, range: Any = None, density: bool = False) -> Any:
    pairs = None if range is None else list(zip(range[::2], range[1::2]))
    hist, edges = np.histogramdd(x, bins, pairs, density=density)
    return [hist.astype(x.dtype), *[e.astype(x.dtype) for e in edges]]


def flat(result: Any) -> list[Any]:
    hist, edges = result
    return [hist, *edges]


def unique(x: Any, return_inverse: bool = False, return_counts: bool = False, dim: Any = None) -> Any:
    values, inverse, counts = np.unique(x, return_inverse=True, return_counts=True, axis=dim)
    return [
        values,
        *([inverse.reshape(x.shape if dim is None else -1)] if return_inverse else []),
        *([counts] if return_counts else []),
    ]


def unique_consecutive(x: Any, return_inverse: bool = False, return_counts: bool = False, dim: Any = None) -> Any:
    rows = list(np.moveaxis(x, dim, 0)) if dim is not None else list(x.reshape(-1))
    kept, inverse = [0], [0]
    for k in range(1, len(rows)):
        if not np.array_equal(rows[k], rows[k - 1]):
            kept.append(k)
        inverse.append(len(kept) - 1)
    values = np.array([rows[k] for k in kept])
    inverses = np.array(inverse).reshape(x.shape if dim is None else -1)
    return [
        values if dim is None else np.moveaxis(values, 0, dim),
        *([inverses] if return_inverse else []),
        *([np.bincount(inverse)] if return_counts else []),
    ]


def search(rows: Any, x: Any, right: bool = False, out_int32: bool = False) -> Any:
    side, dtype = "right" if right else "left", np.int32 if out_int32 else np.int64
    if rows.ndim == 1:
        return np.asarray(np.searchsorted(rows, x, side)).astype(dtype)
    return np.array([np.searchsorted(r, v, side) for r, v in zip(rows, x)]).astype(dtype)


BOTH = [dict(right=r, out_int32=b) for r in (False, True) for b in (False, True)]
ASKED = [
    dict(return_inverse=i, return_counts=c, dim=d) for i in (False, True) for c in (False, True) for d in (None, 0, 1)
]
RECORDS = [
    record("bincount", lambda x, minlength=0: np.bincount(x, None, minlength), sample(COUNTS), sample(COUNTS, minlength=6), sample(COUNTS, minlength=2), sample(COUNTS[:0], minlength=3)),
    record("bincount with weights", lambda x, w: np.bincount(x, w.astype(float)).astype(w.dtype), sample(COUNTS, (5,)), call=lucid.bincount, torch=lambda torch, x, w: torch.bincount(x, w.detach()),
           ulp=(2, 4), scale=lambda x, w: np.full(4, 6), why="sums may cancel, and NumPy adds in float64"),
    record("histc", histc, sample((50,), bins=7), sample((50,), bins=5, min=-1, max=1), sample((4, 5), bins=1), sample(np.array([2.0, 2, 2]), bins=3), sample(np.array([0.0, 1, 2, 3]), bins=3, min=0, max=3),
           integer="!histc: not implemented for lucid"),
    record("histogram", histogram, sample((50,), bins=7), sample((50,), bins=5, range=(-1.0, 1.0)), sample((4, 5), bins=3, density=True), sample(np.array([2.0, 2, 2]), bins=3), ulp=(4, 8),
           torch="histogram"),
    record("histogram by edges", lambda x, edges: histogram(x, np.asarray(edges, float)), sample((50,), np.array([-2.0, -1, 0.5, 3])), call=lucid.histogram, torch=lambda torch, x, e: torch.histogram(x.detach(), e.detach())),
    record("histogram with weights", lambda x, w: (np.histogram(x, 4, (-3.0, 3.0), weights=w)[0].astype(x.dtype), np.linspace(-3, 3, 5).astype(x.dtype)), sample((20,), (20,)), span=((-3, 3), (0, 1)),
           call=lambda x, w: lucid.histogram(x, 4, range=(-3.0, 3.0), weight=w), covers=(lucid.histogram,), ulp=(8, 8), torch=lambda torch, x, w: torch.histogram(x.detach(), 4, range=(-3.0, 3.0), weight=w.detach())),
    record("histogramdd", histogramdd, sample((40, 2), bins=(3, 4)), sample((40, 2), bins=3, range=(-2.0, 2.0, -1.0, 3.0)), sample((40, 2), bins=(2, 2), density=True), sample((30, 1), bins=5), ulp=(4, 4),
           call=lambda x, **p: flat(lucid.histogramdd(x, **p)), covers=(lucid.histogramdd,), torch=lambda torch, x, **p: flat(torch.histogramdd(x.detach(), **p))),
    record("unique", unique, *(sample(REPEATED, **p) for p in ASKED), sample(np.array([2.5, 1.5, 2.5]), return_counts=True), sample(np.array(3))),
    record("unique_consecutive", unique_consecutive, *(sample(REPEATED, **p) for p in ASKED), sample(RUNS, return_inverse=True, return_counts=True), sample(np.array([2.5, 2.5, 1]), return_counts=True)),
    record("isin", lambda x, y, invert=False: np.isin(x, y, invert=invert), sample(REPEATED, np.array([2, 3])), sample(REPEATED, np.array([2, 3]), invert=True), sample(SORTED, np.array(2.0)),
           torch=lambda torch, x, y, **p: torch.isin(x, y, **p)),
    record("searchsorted", search, *(sample(SORTED, PROBES[:2], **p) for p in BOTH), *(sample(ROWS, PROBES[[0, 1, 0]], **p) for p in BOTH), sample(SORTED, np.array(2.0)), sample(SORTED[:0], PROBES[0]),
           sample(ROWS[:, :0], PROBES[[0, 1, 0]]), examples=(example([1.0, 2], [nan, inf], value=([2, 2],)), example([[1.0, 2]], [[nan, inf]], value=([[2, 2]],)))),
    record("searchsorted by an order", lambda rows, x: np.searchsorted(np.sort(rows), x), sample(np.array([3.0, 1, 2]), np.array([1.5, 2.5])), covers=(lucid.searchsorted,),
           call=lambda rows, x: lucid.searchsorted(rows, x, sorter=rows.argsort()), torch=lambda torch, rows, x: torch.searchsorted(rows, x, sorter=rows.argsort())),
    record("bucketize", lambda x, edges, right=False, out_int32=False: search(edges, x, right, out_int32), *(sample(PROBES[:2], SORTED, **p) for p in BOTH), sample(np.array(2), np.array([1, 2, 3]))),
]  # fmt: skip
