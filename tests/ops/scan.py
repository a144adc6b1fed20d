"""Records of running extremes, running log-sums and differences."""

from __future__ import annotations

from typing import Any

import numpy as np
from ops.record import Record, example, inf, nan, sample

import lucid

ROWS = [sample((3, 4), dim=d) for d in (0, 1, -1)] + [sample((2, 3, 4), dim=1), sample((), dim=0), sample((0, 2), dim=0), sample((1,), dim=0)]  # fmt: skip


def running(largest: bool) -> Any:
    def reference(x: Any, dim: int) -> Any:
        if not x.ndim:
            return x, np.zeros((), np.int64)
        moved = np.moveaxis(x, dim, 0)
        values, indices = np.array(moved), np.zeros(moved.shape, np.int64)
        for k in range(1, len(moved)):
            take = (moved[k] >= values[k - 1] if largest else moved[k] <= values[k - 1]) | np.isnan(moved[k])
            take &= ~(np.isnan(values[k - 1]) & ~np.isnan(moved[k]))
            values[k] = np.where(take, moved[k], values[k - 1])
            indices[k] = np.where(take, k, indices[k - 1])
        return np.moveaxis(values, 0, dim), np.moveaxis(indices, 0, dim)

    return reference


def logcumsumexp(x: Any, dim: int) -> Any:
    if not x.ndim:
        return x
    top = np.max(x, dim, keepdims=True, initial=-inf)
    return np.log(np.cumsum(np.exp(x - top), dim)) + top


def diff(x: Any, n: int = 1, dim: int = -1) -> Any:
    return np.diff(x, n, dim)


def steps(y: Any, x: Any, dx: float, dim: int) -> Any:
    widths = (
        dx
        if x is None
        else np.diff(x)
        if x.ndim > 1 or dim in (-1, y.ndim - 1)
        else np.diff(x).reshape(-1, *[1] * (y.ndim - dim - 1))
    )
    n = y.shape[dim]
    return (np.take(y, range(1, n), dim) + np.take(y, range(n - 1), dim)) / 2 * widths


def trapezoid(y: Any, x: Any = None, dx: float = 1, dim: int = -1) -> Any:
    return np.sum(steps(y, x, dx, dim), dim)


def cumulative_trapezoid(y: Any, x: Any = None, dx: float = 1, dim: int = -1) -> Any:
    return np.cumsum(steps(y, x, dx, dim), dim)


def sizes(function: Any) -> Any:
    return lambda *xs, **p: function(*xs, **p) * 0 + 10


TIES = np.array([1.0, 3, 2, 3, nan, 5, nan, 0])
INTEGRALS = (
    sample((4,), dx=0.5),
    sample((3, 4), dim=0),
    sample((3, 4), (4,)),
    sample((3, 4), (3,), dim=0),
    sample((3, 4), (3, 4)),
    sample((1,)),
)
LOOSE = dict(ulp=(8, 8), why="sums may cancel", grad_floor=None, grad_ulp=16)
RECORDS = [
    *(Record(name, getattr(lucid, name), running(largest), elementwise=False, cases=(*ROWS, sample(TIES, dim=0)), ulp=(0, 0), integer="", grad_ulp=4)
      for name, largest in (("cummax", True), ("cummin", False))),
    Record("cummax of integers", lucid.cummax, lambda x, dim: (np.maximum.accumulate(x, dim), running(True)(x.astype(float), dim)[1]), elementwise=False, differentiable=False,
           cases=(sample(np.array([[1, 3, 2], [3, 3, 1]]), dim=1), sample(np.array([1, 0, 2], np.uint8), dim=0)), torch="cummax", integer=""),
    Record("logcumsumexp", lucid.logcumsumexp, logcumsumexp, elementwise=False, cases=tuple(ROWS), ulp=(4, 8), scale=sizes(logcumsumexp),
           why="the result of near cancellation is as exact as its terms", grad_floor=None, grad_ulp=48, integer="float",
           examples=(example([-inf, 0.0, 1000], value=([-inf, 0, 1000],), dim=0), example([-inf, -inf], value=([-inf, -inf],), dim=0))),
    Record("diff", lucid.diff, diff, elementwise=False, cases=(*(sample((3, 5), n=n, dim=d) for n in (0, 1, 2, 5) for d in (0, -1)), sample((0, 2), dim=0)), integer="same",
           scale=sizes(diff), why="neighbours cancel", grad_floor=None),
    Record("diff between others", lambda x, a, b: lucid.diff(x, prepend=a, append=b), lambda x, a, b: np.diff(x, prepend=a, append=b), elementwise=False,
           cases=(sample((2, 3), (2, 1), (2, 2)),), covers=(lucid.diff,), torch=lambda torch, x, a, b: torch.diff(x, prepend=a, append=b), integer="",
           scale=lambda *xs: np.full((2, 5), 10.0), why="neighbours cancel", grad_floor=None),
    Record("diff of bools", lucid.diff, np.diff, elementwise=False, differentiable=False, torch="diff", cases=(sample(np.array([True, False, False])),), integer=""),
    Record("trapezoid", lucid.trapezoid, trapezoid, elementwise=False, cases=INTEGRALS, integer="", scale=sizes(trapezoid), torch=lambda torch, *xs, **p: torch.trapezoid(*xs, **p),
           covers=(lucid.trapezoid,), **LOOSE),
    Record("cumulative_trapezoid", lucid.cumulative_trapezoid, cumulative_trapezoid, elementwise=False, cases=INTEGRALS, integer="", scale=sizes(cumulative_trapezoid), **LOOSE),
]  # fmt: skip
