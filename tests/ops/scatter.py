"""Records of reading and writing at computed places."""

from __future__ import annotations

from typing import Any

import numpy as np
from ops.record import Record, example, sample

import lucid
from lucid import Tensor

FLAT = np.array([[0, 5, -1], [5, 2, -12]])
PICK = np.array([[0, 2], [1, 1], [2, 0]])
MASK = np.array([[True, False, True], [False, False, True]])
NAMES = ("sum", "prod", "mean", "amax", "amin")


def record(name: str, reference: Any, *cases: Any, **options: Any) -> Record:
    options = {"ulp": (0.5, 0.5), "integer": "same", "grad_ulp": 2, "shares": False, **options}
    return Record(name, reference=reference, cases=cases, elementwise=False, **options)


def along(name: str, reference: Any, *cases: Any, **options: Any) -> Record:
    """Of f(x, dim, index, source, ...): operands first, as (x, index, source)."""
    function = getattr(lucid, name)
    return record(name, reference, *cases, call=lambda x, index, source, dim, *a, **p: function(x, dim, index, source, *a, **p), covers=(function,),
                  torch=lambda torch, x, index, source, dim, *a, **p: getattr(torch, name)(x, dim, index, source, *a, **p), **options)  # fmt: skip


def put(x: Any, index: Any, source: Any, accumulate: bool = False) -> Any:
    y = np.array(x).reshape(-1)
    if accumulate:
        np.add.at(y, index.reshape(-1), source.reshape(-1))
    else:
        y[index.reshape(-1)] = source.reshape(-1)
    return y.reshape(x.shape)


def slices(x: Any, index: Any, source: Any, dim: int, combine: Any) -> Any:
    y = np.moveaxis(np.array(x), dim, 0)
    for k, i in enumerate(index):
        y[i] = combine(y[i], np.moveaxis(np.asarray(source), dim, 0)[k])
    return np.moveaxis(y, 0, dim)


def masked_scatter(x: Any, mask: Any, source: Any) -> Any:
    shape = np.broadcast_shapes(x.shape, mask.shape)
    y = np.array(np.broadcast_to(x, shape))
    y[np.broadcast_to(mask, shape)] = source.reshape(-1)[: np.count_nonzero(np.broadcast_to(mask, shape))]
    return y


def index_put(x: Any, i: Any, j: Any, values: Any, accumulate: bool = False) -> Any:
    y = np.array(x)
    (np.add.at if accumulate else lambda y, at, v: y.__setitem__(at, v))(y, (i, j), values)
    return y


def combined(places: Any, x: Any, sources: Any, reduce: str, include_self: bool) -> Any:
    """Slot by slot: the list of what reaches it, then the reduction of NumPy."""
    found: dict[Any, list[Any]] = {}
    for at, v in zip(places, sources):
        found.setdefault(at, [x[at]] if include_self else []).append(v)
    y = np.array(x)
    function = {"sum": np.sum, "prod": np.prod, "mean": np.mean, "amax": np.max, "amin": np.min}[reduce]
    for at, values in found.items():
        y[at] = function(np.array(values, x.dtype))
    return y


def scatter_reduce(x: Any, index: Any, src: Any, dim: int, reduce: str, include_self: bool = True) -> Any:
    at = [tuple(index[k] if d == dim % x.ndim else k[d] for d in range(x.ndim)) for k in np.ndindex(index.shape)]
    return combined(at, x, [src[k] for k in np.ndindex(index.shape)], reduce, include_self)


def index_reduce(x: Any, index: Any, source: Any, dim: int, reduce: str, include_self: bool = True) -> Any:
    d = dim % x.ndim
    at = [tuple(index[k[d]] if e == d else k[e] for e in range(x.ndim)) for k in np.ndindex(source.shape)]
    return combined(at, x, [source[k] for k in np.ndindex(source.shape)], reduce, include_self)


def magnitude(function: Any) -> Any:
    return lambda x, *rest, **p: function(np.abs(x), *[np.abs(a) if a.dtype.kind == "f" else a for a in rest], **p)


REDUCED = [
    sample(x, PICK, s, dim=d, reduce=r, include_self=b)
    for x, s, d in (((3, 2), (3, 2), 0), ((3, 3), (3, 2), -1)) for r in NAMES for b in (True, False)
]  # fmt: skip
SUMS = dict(ulp=(2, 2), why="sums may cancel", grad_floor=None)
TWO = np.array([2, 0])
RECORDS = [
    record("take", lambda x, index: np.take(x, index), sample((3, 4), FLAT), sample((12,), FLAT[0]), sample((3, 4), np.array(3)), sample((12,), FLAT[:0]), call=lucid.take),
    record("put", put, sample((3, 4), np.array([[0, 5], [-2, 3]]), (4,)), sample((3, 4), np.array([0, 5, 0]), (3,), accumulate=True),
           sample((), np.array([0]), (1,)), call=lucid.put, torch=lambda torch, x, *a, **p: x.put(*a, **p),
           examples=(example([1.0, 2, 3], [0, 0], [8.0, 9], value=([9, 2, 3],)),)),
    record("take_along_dim", lambda x, indices, dim=None: np.take_along_axis(x if dim is not None else x.reshape(-1), indices if dim is not None else indices.reshape(-1), dim or 0),
           sample((3, 2), PICK, dim=0), sample((3, 3), PICK, dim=1), sample((3, 3), PICK), sample((3, 1), PICK[:1], dim=0), sample((1, 3), PICK, dim=-1), call=lucid.take_along_dim),
    record("argwhere", np.argwhere, sample(MASK), sample((3, 4)), sample((0, 2)), sample(()), call=lucid.argwhere, differentiable=False, integer="int64", layouts=True),
    record("masked_scatter", masked_scatter, sample((2, 3), MASK, (4,)), sample((3,), MASK, (2, 3)), sample((2, 3), MASK[0], (4,)), sample((2, 3), MASK & ~MASK, (0,)),
           call=lucid.masked_scatter),
    along("index_add", lambda x, index, source, dim, alpha=1: slices(x, index, source, dim, lambda a, b: a + alpha * b), sample((3, 4), np.array([2, 0, 2]), (3, 4), dim=0),
          sample((3, 4), np.array([1]), (3, 1), dim=-1, alpha=-2), sample((3, 4), np.zeros(0, np.int64), (0, 4), dim=0),
          scale=magnitude(lambda x, index, source, dim, alpha=1: slices(x, index, source, dim, lambda a, b: a + abs(alpha) * b)), **SUMS),
    along("index_copy", lambda x, index, source, dim: slices(x, index, source, dim, lambda a, b: b), sample((3, 4), TWO, (2, 4), dim=0), sample((3, 4), TWO, (3, 2), dim=1),
          sample((3, 2), np.array([1]), (3, 1), dim=-1)),
    along("index_fill", lambda x, index, value, dim: slices(x, index, np.broadcast_to(value, [len(index) if d == dim % x.ndim else n for d, n in enumerate(x.shape)]), dim, lambda a, b: b),
          sample((3, 4), TWO, (), dim=0), sample((3, 4), TWO, (), dim=-1), sample((3,), np.zeros(0, np.int64), (), dim=0), integer=""),
    record("index_fill with a number", lambda x, index, dim, value: slices(x, index, np.full([len(index), *x.shape[1:]], value, x.dtype), dim, lambda a, b: b), sample((3, 4), TWO, dim=0, value=7),
           call=lambda x, index, dim, value: lucid.index_fill(x, dim, index, value), covers=(lucid.index_fill,), torch=lambda torch, x, index, dim, value: torch.index_fill(x, dim, index, value)),
    record("index_put", index_put, sample((3, 4), np.array([0, 2]), np.array([1, 3]), (2,)), sample((3, 4, 2), np.array([0, 2]), np.array([1, 3]), (2,)),
           sample((3, 4), np.array([0, 2, 0]), np.array([1, 3, 1]), (3,), accumulate=True), sample((3, 4), np.array([[0], [1]]), np.array([1, 3]), (), accumulate=True),
           call=lambda x, i, j, values, **p: lucid.index_put(x, (i, j), values, **p), covers=(lucid.index_put,),
           torch=lambda torch, x, i, j, values, **p: torch.index_put(x, (i, j), values, **p), scale=magnitude(index_put), **SUMS),
    record("index_put by a mask", lambda x, mask, values: np.where(mask, values, x), sample((2, 3), MASK, ()), call=lambda x, mask, values: lucid.index_put(x, (mask,), values),
           covers=(lucid.index_put,), torch=lambda torch, x, mask, values: torch.index_put(x, (mask,), values), integer=""),
    along("scatter_reduce", scatter_reduce, *REDUCED, scale=magnitude(scatter_reduce), twice=True, integer="", **SUMS,
          examples=(example([1.0, 2], [0, 0], [3.0, 3], value=([3, 2],), dim=0, reduce="amax", grad=([0, 1], [0.5, 0.5])),
                    example([3.0, 2], [0, 0], [3.0, 0], value=([3, 2],), dim=0, reduce="amax", grad=([0.5, 1], [0.5, 0])),
                    example([2.0, 2], [0, 0], [0.0, 5], value=([0, 2],), dim=0, reduce="prod", grad=([0, 1], [10, 0])),
                    example([2.0, 2], [0, 0], [0.0, 0], value=([0, 2],), dim=0, reduce="prod", grad=([0, 1], [0, 0])),
                    example([1.0, 2], [0], [3.0, 9, 9], value=([4, 2],), dim=0, reduce="sum", grad=([1, 1], [1, 0, 0])))),
    along("index_reduce", index_reduce, *(sample((3, 4), TWO, (2, 4), dim=0, reduce=r, include_self=b) for r in NAMES[1:] for b in (True, False)),
          sample((3, 4), np.array([1, 1]), (3, 2), dim=1, reduce="mean"), scale=magnitude(index_reduce), integer="", **SUMS),
    record("select_scatter", lambda x, src, dim, index: slices(x, [index], np.expand_dims(src, dim), dim, lambda a, b: b), sample((3, 4), (4,), dim=0, index=1),
           sample((3, 4), (3,), dim=-1, index=-1), call=lucid.select_scatter),
    record("slice_scatter", lambda x, src, dim=0, start=None, end=None, step=1: slices(x, range(*slice(start, end, step).indices(x.shape[dim])), src, dim, lambda a, b: b),
           sample((5, 2), (2, 2), start=1, end=3), sample((5, 4), (5, 2), dim=-1, start=1, step=2), sample((5,), (5,)), sample((5,), (1,), start=-1), call=lucid.slice_scatter),
    record("put_ without accumulating", put, sample((3, 4), np.array([0, 5]), (2,)), call=lambda x, *a: Tensor.put_(x.clone(), *a), covers=(Tensor.put_,), torch=""),
]  # fmt: skip
