"""Records of gathering, scattering, masking and sorting."""

from __future__ import annotations

from typing import Any

import numpy as np
from ops.record import Record, case, example, inf, nan

import lucid
from lucid import Tensor

PICK = np.array([[0, 2], [1, 1], [2, 0]])
MASK = np.array([[True, False, True], [False, False, True]])


def record(name: str, reference: Any, *cases: Any, **options: Any) -> Record:
    options = {"call": getattr(lucid, name, None), "ulp": (0, 0), "integer": "", **options}
    return Record(name, reference=reference, cases=cases, elementwise=False, **options)


def put(x: Any, dim: int, index: Any, value: Any, add: bool = False) -> Any:
    """``x`` with ``value`` written, or added, at ``index`` along ``dim``, in the order of the index."""
    y = x.copy()
    for at in np.ndindex(*index.shape):
        to = (*at[:dim], index[at], *at[dim + 1 :])
        v = value[at] if np.ndim(value) else value
        y[to] = y[to] + v if add else v
    return y


def order(x: Any, dim: int, descending: bool) -> Any:
    """Stable, with NaN as the largest."""
    keys = np.stack([np.nan_to_num(x, nan=0, posinf=np.inf, neginf=-np.inf), np.isnan(x)])
    rows = np.moveaxis(-keys if descending else keys, dim % x.ndim + 1, -1)
    return np.moveaxis(np.lexsort(rows, axis=-1), -1, dim)


def sort(x: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    if not x.ndim:
        return x, np.asarray(0)
    i = order(x, dim, descending)
    return np.take_along_axis(x, i, dim), i


def topk(x: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    values, indices = sort(x, dim, largest)
    return np.take(values, range(k), dim), np.take(indices, range(k), dim)


SORTS = [dict(dim=d, descending=b) for d in (0, 1, -1) for b in (False, True)]
RECORDS = [
    record("index_select", lambda x, index, dim: np.take(x, index, dim), case((3, 4), np.array([2, 0, 2]), dim=0),
           case((3, 4), np.array([3]), dim=-1), case((3, 4), np.zeros(0, np.int64), dim=1),
           call=lambda x, index, dim: lucid.index_select(x, dim, index), covers=(lucid.index_select,), torch="", grad_ulp=2, shares=False,
           examples=(example([1.0, 2, 3], [2, 0, 2], value=([3, 1, 3],), dim=0, grad=[1, 0, 2]),)),
    record("masked_select", lambda x, mask: np.broadcast_to(x, np.broadcast_shapes(x.shape, mask.shape))[np.broadcast_to(mask, np.broadcast_shapes(x.shape, mask.shape))],
           case((2, 3), MASK), case((3,), MASK), case((2, 3), MASK[0]), case((2, 3), ~MASK & MASK), shares=False, grad_ulp=2),
    record("masked_fill", lambda x, mask, value: np.where(mask, np.asarray(value, x.dtype), x), case((2, 3), MASK, value=-inf),
           case((2, 3), MASK[0], value=1.5), case((3,), MASK, value=0), case((), np.array(True), value=2), shares=False, grad_ulp=2),
    record("masked_fill by a tensor", lambda x, mask, value: np.where(mask, value, x), case((2, 3), MASK, ()),
           call=lucid.masked_fill, torch="", grad_ulp=2),
    record("gather", lambda x, index, dim: np.take_along_axis(x, index, dim), case((3, 2), PICK, dim=0), case((3, 3), PICK, dim=1),
           case((3, 2), PICK[:0], dim=0), call=lambda x, index, dim: lucid.gather(x, dim, index), covers=(lucid.gather,), torch="",
           grad_ulp=2, shares=False,
           examples=(example([[1.0, 2], [3, 4]], [[0, 0], [1, 0]], value=([[1, 1], [4, 3]],), dim=1, grad=[[2, 0], [1, 1]]),
                     example([[1.0, 2], [3, 4]], [[1]], value=([[2]],), dim=1, grad=[[0, 1], [0, 0]]))),
    record("scatter", lambda x, index, src, dim: put(x, dim, index, src), case((3, 2), PICK[:1], (1, 2), dim=0),
           case((3, 3), PICK[::2], (2, 2), dim=1), case((3, 3), PICK[::2], (3, 3), dim=1),
           call=lambda x, index, src, dim: lucid.scatter(x, dim, index, src), covers=(lucid.scatter,), torch="", grad_ulp=2, shares=False),
    record("scatter of a number", lambda x, index, dim, value: put(x, dim, index, value), case((3, 2), PICK, dim=0, value=1.5),
           case((3, 3), PICK, dim=1, value=-1.0), call=lambda x, index, dim, value: lucid.scatter(x, dim, index, value=value),
           covers=(lucid.scatter,), torch="", grad_ulp=2),
    record("scatter_add", lambda x, index, src, dim: put(x, dim, index, src, True), case((3, 2), PICK, (3, 2), dim=0),
           case((3, 3), PICK, (3, 2), dim=1), case((3, 3), PICK, (4, 3), dim=1), case((3, 2), PICK[:0], (0, 2), dim=0),
           call=lambda x, index, src, dim: lucid.scatter_add(x, dim, index, src), covers=(lucid.scatter_add,), torch="", grad_ulp=2,
           ulp=(2, 2), scale=lambda x, index, src, dim: put(np.abs(x), dim, index, np.abs(src), True), why="sums may cancel", shares=False),
    record("nonzero", lambda x: np.stack(np.nonzero(x), 1), case(MASK), case(np.array([0.0, 2, nan])), case((3, 4)), case((0, 2)),
           differentiable=False, integer="int64", examples=(example([0.0, 5, -0.0, nan], value=([[1], [3]],)),)),
    record("nonzero as tuple", lambda x: np.nonzero(x), case(MASK), case((3, 4)), call=lambda x: lucid.nonzero(x, as_tuple=True),
           covers=(lucid.nonzero,), differentiable=False, torch=""),
    record("sort", sort, *(case((5, 7), **p) for p in SORTS), case(()), case((0, 2)), case(np.array([2.0, nan, 1, 2, 1, inf, -inf])),
           case(np.array([2.0, nan, 1, 2, 1, inf, -inf]), descending=True), shares=False, grad_ulp=2,
           examples=(example([3.0, 1, 3, 2], value=([1, 2, 3, 3], [1, 3, 0, 2]), grad=[1, 1, 1, 1]),
                     example([3.0, 1, 3, 2], value=([3, 3, 2, 1], [0, 2, 3, 1]), descending=True),
                     example([1.0, nan, 2], value=([1, 2, nan], [0, 2, 1])), example([1.0, nan, 2], value=([nan, 2, 1], [1, 2, 0]), descending=True))),
    record("argsort", lambda x, dim=-1, descending=False: order(x, dim, descending), *(case((5, 7), **p) for p in SORTS),
           differentiable=False, integer="int64"),
    record("topk", topk, *(case((4, 5), k=k, dim=d, largest=b) for k in (0, 1, 3, 4) for d in (0, 1) for b in (False, True)), grad_ulp=2,
           examples=(example([1.0, 4, 2], value=([4, 2], [1, 2]), k=2, grad=[0, 1, 1]), example([1.0, nan, 2], value=([nan], [1]), k=1))),
    record("getitem", lambda x, index: x[index], *(case((3, 4, 2), index=i) for i in (
               0, -1, slice(1, 3), (slice(None), 2), (..., 1), (None, 0), (slice(None, None, 2), slice(1, 4, 2)), (0, 1, 1))),
           call=Tensor.__getitem__, shares=True, torch="", integer="same", grad_ulp=0),
    record("getitem by arrays", lambda x, i, j: x[i, j], case((3, 4), np.array([0, 2, 2]), np.array([1, 3, 3])),
           case((3, 4), np.array([[0], [1]]), np.array([0, 2])), case((3, 4, 2), np.array([], np.int64), np.array([], np.int64)),
           call=lambda x, i, j: x[i, j], covers=(Tensor.__getitem__,), shares=False, torch="", grad_ulp=2,
           examples=(example([[1.0, 2], [3, 4]], [1, 1], [0, 0], value=([3, 3],), grad=[[0, 0], [2, 0]]),)),
]  # fmt: skip
