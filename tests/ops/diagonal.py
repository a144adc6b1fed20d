"""Records of diagonals."""

from __future__ import annotations

from typing import Any

import numpy as np
from ops.record import Record, case, example, sample

import lucid

PLACES = [dict(offset=k, dim1=a, dim2=b) for k in (-2, -1, 0, 1, 3) for a, b in ((0, 1), (-1, 0), (1, -1))]


def exact(name: str, reference: Any, *cases: Any, **options: Any) -> Record:
    options = {"ulp": (0, 0), "integer": "same", "grad_ulp": 0, "call": getattr(lucid, name), **options}
    return Record(name, reference=reference, cases=cases, elementwise=False, **options)


def diag_embed(x: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    n = x.shape[-1] + abs(offset)
    y = np.zeros((*x.shape[:-1], n, n), x.dtype)
    i = np.arange(x.shape[-1])
    y[..., i + max(-offset, 0), i + max(offset, 0)] = x
    return np.moveaxis(y, (-2, -1), (dim1, dim2))


def diagonal_scatter(x: Any, src: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    y = np.array(x)
    view = np.moveaxis(y, (dim1, dim2), (-2, -1))
    for i in range(src.shape[-1]):
        view[..., i + max(-offset, 0), i + max(offset, 0)] = src[..., i]
    return y


def triangle(upper: bool) -> Any:
    function = np.triu_indices if upper else np.tril_indices
    return lambda row, col, offset=0, dtype=lucid.int64: np.stack(function(row, offset, col)).astype(dtype.numpy)


CORNERS = [
    sample(row=r, col=c, offset=k) for r, c in ((3, 3), (2, 4), (4, 2), (0, 3), (3, 0)) for k in (-5, -1, 0, 1, 5)
]
CORNERS += [sample(row=3, col=2, dtype=lucid.int32)]
RECORDS = [
    exact("diagonal", lambda x, offset=0, dim1=0, dim2=1: np.diagonal(x, offset, dim1, dim2), *(case((3, 4, 2), **p) for p in PLACES),
          case((3, 3)), case((0, 3)), case((3, 4), offset=9), shares=True),
    exact("diag", lambda x, diagonal=0: np.array(np.diag(x, diagonal)), *(sample(s, diagonal=k) for s in ((4,), (3, 4), (4, 2)) for k in (-2, 0, 1)),
          sample((0,)), sample((2, 0)), shares=False),
    exact("diag_embed", diag_embed, *(case((2, 3), offset=k, dim1=a, dim2=b) for k in (-2, 0, 1) for a, b in ((-2, -1), (0, 1), (2, 0))), case((3,)),
          case((2, 0)), shares=False),
    exact("diagflat", lambda x, offset=0: np.diagflat(x, offset), sample((3,)), sample((2, 2), offset=1), sample((), offset=-2), sample((0,))),
    exact("diagonal_scatter", diagonal_scatter, sample((3, 4), (3,)), sample((3, 4), (2,), offset=2), sample((3, 4, 2), (4, 2), dim1=0, dim2=-1),
          shares=False, examples=(example([[1.0, 2], [3, 4]], [9.0, 8], value=([[9, 2], [3, 8]],), grad=([[0, 1], [1, 0]], [1, 1])),)),
    exact("trace", lambda x: np.asarray(np.trace(x)), sample((3, 3)), sample((2, 4)), sample((0, 3)), integer="int64", ulp=(2, 2),
          scale=lambda x: np.trace(np.abs(x)), why="sums may cancel"),
    *(exact(name, triangle(upper), *CORNERS, differentiable=False, integer="", layouts=False, call=getattr(lucid, name),
            torch=lambda torch, name=name, **p: getattr(torch, name)(**p)) for name, upper in (("tril_indices", False), ("triu_indices", True))),
]  # fmt: skip
