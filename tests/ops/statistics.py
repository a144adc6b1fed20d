"""Records of order statistics and of reductions that leave NaN out."""

from __future__ import annotations

from typing import Any

import numpy as np
from ops.record import Record, example, inf, nan, sample

import lucid

ALONG = [sample(s, dim=d, keepdim=k) for s in ((3, 5), (4, 6)) for d in (0, 1, -1) for k in (False, True)] + [
    sample((), dim=0)
]
WHOLE = np.array([[5.0, 2, 9, 1], [7, 8, 0, 3], [4, 6, 11, 10]])
HOLES = np.array([[1.0, nan, 3, 2], [nan, nan, nan, nan], [4, 1, 0, 3]])
LEVELS = np.array([0.0, 0.3, 0.5, 1])


def record(name: str, reference: Any, *cases: Any, **options: Any) -> Record:
    options = {"call": getattr(lucid, name, None), "ulp": (0, 0), "integer": "same", "grad_ulp": 4, **options}
    return Record(name, reference=reference, cases=cases, elementwise=False, **options)


def picked(rank: Any) -> Any:
    """(value, first place) of the element that ``rank`` of the sorted row selects."""

    def reference(x: Any, dim: int = -1, keepdim: bool = False, **p: Any) -> Any:
        if not x.ndim:
            return x, np.zeros((), np.int64)
        values = np.apply_along_axis(lambda row: np.sort(row)[rank(row, **p)], dim, x)
        at = np.argmax((x == np.expand_dims(values, dim)) | (np.isnan(x) & np.isnan(np.expand_dims(values, dim))), dim)
        return (np.expand_dims(values, dim), np.expand_dims(at, dim)) if keepdim else (values, at)

    return reference


def middle(row: Any) -> int:
    return len(row) - 1 if np.isnan(row).any() else (len(row) - 1) // 2


def mode(x: Any, dim: int = -1, keepdim: bool = False) -> Any:
    def most(row: Any) -> Any:
        values, counts = np.unique(row, return_counts=True)
        return values[np.argmax(counts)]

    values = np.expand_dims(np.apply_along_axis(most, dim, x), dim)
    at = x.shape[dim] - 1 - np.argmax(np.flip(x == values, dim), dim)
    return (values, np.expand_dims(at, dim)) if keepdim else (np.squeeze(values, dim), at)


def quantile(function: Any) -> Any:
    return lambda x, q, dim=None, keepdim=False, interpolation="linear": function(
        x, q, axis=dim, keepdims=keepdim, method=interpolation
    )


def nanmean(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return np.nanmean(x, dim, keepdims=keepdim)


def weighted(x: Any, fweights: Any = None, aweights: Any = None, correction: int = 1) -> Any:
    return np.cov(
        x, ddof=correction, fweights=fweights, aweights=None if aweights is None else np.asarray(aweights, x.dtype)
    )


REDUCED = [sample((3, 4), dim=d, keepdim=k) for d in (None, 0, -1, (0, 1)) for k in (False, True)]
METHODS = ("linear", "lower", "higher", "midpoint", "nearest")
NEAR = dict(
    ulp=(4, 4),
    scale=lambda x, q, dim=None, keepdim=False, interpolation="linear": (
        quantile(np.quantile)(x, q, dim, keepdim, interpolation) * 0 + 3
    ),
    why="interpolation between terms of both signs may cancel",
    integer="!input tensor must be either float or double",
    grad_ulp=16,
    grad_floor=None,
    fixed=(1,),
)
COV = dict(
    ulp=(16, 16),
    scale=lambda *xs, **p: np.abs(weighted(*xs, **p)) + 10,
    why="sums may cancel",
    grad_floor=None,
    grad_ulp=32,
)
RECORDS = [
    record("median", picked(middle), *ALONG, sample(HOLES, dim=1), sample(HOLES, dim=0, keepdim=True), integer=""),
    record("median of integers", lambda x, dim: picked(middle)(x, dim), sample(WHOLE.astype(np.int32), dim=0), sample(WHOLE.astype(np.uint8), dim=-1), call=lucid.median, torch="median", differentiable=False, integer=""),
    record("median of all", lambda x: np.sort(x.reshape(-1))[(x.size - 1) // 2], sample((3, 5)), sample((4,)), sample(()), call=lucid.median, torch="median",
           examples=(example([1.0, 2, 2, 3], value=2, grad=[0, 0.5, 0.5, 0]), example([1.0, nan, 0], value=nan, grad=[0, 1, 0]))),
    record("nanmedian", picked(lambda row: max(np.count_nonzero(~np.isnan(row)) - 1, 0) // 2), *ALONG, sample(HOLES[::2], dim=1), sample(HOLES, dim=0), integer=""),
    record("nanmedian of all", lambda x: np.sort(x[~np.isnan(x)])[(np.count_nonzero(~np.isnan(x)) - 1) // 2], sample((3, 5)), sample(HOLES), call=lucid.nanmedian, torch="nanmedian"),
    record("mode", mode, *(sample((3, 4), dim=d, keepdim=k) for d in (0, 1, -1) for k in (False, True)), sample((2, 3)), integer="",
           examples=(example([2.0, 1, 2, 1], value=(1, 3), grad=[0, 0, 0, 1]),)),
    record("mode of repeats", mode, *(sample(np.array([[1, 2, 2, 1, 3], [3, 1, 1, 1, 2], [0, 1, 2, 3, 4]]), dim=d, keepdim=k) for d in (0, 1, -1) for k in (False, True)), sample(np.array([2.0, 2, 1])), call=lucid.mode, torch="mode", differentiable=False, integer=""),
    record("kthvalue", picked(lambda row, k: k - 1), *(sample((3, 5), k=k, dim=d, keepdim=b) for k in (1, 3) for d in (0, 1, -1) for b in (False, True)), sample(HOLES[:1], k=4, dim=1), integer=""),
    record("aminmax", lambda x, dim=None, keepdim=False: (np.min(x, dim, keepdims=keepdim), np.max(x, dim, keepdims=keepdim)), sample((3, 4)),
           *(sample((3, 4), dim=d, keepdim=k) for d in (0, -1) for k in (False, True)), grad_ulp=2, examples=(example([1.0, nan], value=(nan, nan)),)),
    record("quantile", quantile(np.quantile), *(sample((3, 5), LEVELS, dim=d, keepdim=k, interpolation=m) for m in METHODS for d, k in ((None, False), (0, True), (-1, False))),
           sample((4,), np.array(0.25)), sample((3, 5), np.array(0.1), dim=1, keepdim=True), **NEAR,
           examples=(example([inf, inf, 1.0], 0.75, value=inf), example([1.0, nan], 0.0, value=nan), example([1.0, 2], 0.25, value=1.25))),
    record("quantile by a number", lambda x: quantile(np.quantile)(x, np.asarray(0.3, x.dtype)), sample((7,)), call=lambda x: lucid.quantile(x, 0.3), covers=(lucid.quantile,),
           torch=lambda torch, x: torch.quantile(x, 0.3), **{**NEAR, "scale": lambda x: 3, "fixed": (), "ulp": (8, 8)}),
    record("nanquantile", quantile(np.nanquantile), *(sample(HOLES[::2], LEVELS, dim=d, interpolation=m) for m in METHODS for d in (None, 1)), sample((3, 5), LEVELS, dim=0),
           **{**NEAR, "scale": lambda x, q, dim=None, keepdim=False, interpolation="linear": quantile(np.nanquantile)(x, q, dim, keepdim, interpolation) * 0 + 3},
           examples=(example([nan, nan], 0.5, value=nan),)),
    record("nansum", lambda x, dim=None, keepdim=False: np.nansum(x, dim, keepdims=keepdim), *REDUCED, sample(HOLES, dim=1), sample((0,)), integer="int64", ulp=(2, 2),
           scale=lambda x, dim=None, keepdim=False: np.nansum(np.abs(x), dim, keepdims=keepdim), why="sums may cancel", examples=(example([nan, 2.0], value=2, grad=[0, 1]),)),
    record("nanmean", nanmean, *REDUCED, sample(HOLES[::2], dim=1), integer="!nanmean: expected input to be floating point", ulp=(2, 2),
           scale=lambda x, dim=None, keepdim=False: np.nanmean(np.abs(x), dim, keepdims=keepdim), why="sums may cancel", examples=(example([nan, 2.0, 4], value=3, grad=[0, 0.5, 0.5]),)),
    record("cov", weighted, sample((3, 6)), sample((5,)), sample((3, 6), correction=0), sample((1, 4)), call=lucid.cov, covers=(lucid.cov,), **{**COV, "integer": "float"}),
    record("cov with weights", lambda x, f, a, correction=1: weighted(x, f, a, correction), sample((2, 5), np.array([1, 2, 0, 1, 3]), (5,)),
           sample((2, 5), np.array([1, 2, 0, 1, 3]), (5,), correction=0), span=((-3, 3), (0, 1), (0.5, 2)), call=lambda x, f, a, **p: lucid.cov(x, fweights=f, aweights=a, **p), covers=(lucid.cov,),
           torch=lambda torch, x, f, a, **p: torch.cov(x, fweights=f, aweights=a.detach(), **p), fixed=(2,), **{**COV, "integer": ""}),
    record("corrcoef", lambda x: np.corrcoef(x), sample((3, 6)), sample((5,)), **{**COV, "scale": lambda x: np.abs(np.corrcoef(x)) + 1, "integer": "float"}),
]  # fmt: skip
