"""Records of grids, stacks, splits and windows."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from ops.record import Record, case, example, sample

import lucid
from lucid import Tensor


def exact(name: str, reference: Any, *cases: Any, **options: Any) -> Record:
    options = {"ulp": (0, 0), "integer": "same", "grad_ulp": 0, "call": getattr(lucid, name, None), **options}
    return Record(name, reference=reference, cases=cases, elementwise=False, **options)


def several(name: str, reference: Any, *cases: Any, **options: Any) -> Record:
    """Of a function of a list."""
    function = getattr(lucid, name)
    options = {"torch": lambda torch, *xs, **p: getattr(torch, name)(xs, **p), "shares": False, **options}
    return exact(
        name,
        lambda *xs, **p: reference(xs, **p),
        *cases,
        call=lambda *xs, **p: function(xs, **p),
        covers=(function,),
        **options,
    )


def blocks(xs: Any) -> Any:
    xs = [np.atleast_2d(x) for x in xs]
    y = np.zeros((sum(len(x) for x in xs), sum(x.shape[1] for x in xs)), xs[0].dtype)
    i = j = 0
    for x in xs:
        y[i : i + len(x), j : j + x.shape[1]] = x
        i, j = i + len(x), j + x.shape[1]
    return y


def combinations(x: Any, r: int = 2, with_replacement: bool = False) -> Any:
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = list(choose(range(len(x)), r))
    return x[np.array(rows, np.int64).reshape(len(rows), r)] if r else x[:0]


def split(x: Any, indices_or_sections: Any, dim: int = 0) -> Any:
    return np.array_split(x, indices_or_sections, dim)


def parts(name: str, dim: int, *cases: Any) -> Record:
    return exact(
        name,
        lambda x, indices_or_sections: split(x, indices_or_sections, 0 if x.ndim == 1 else dim),
        *cases,
        shares=True,
        torch=lambda torch, x, indices_or_sections: getattr(torch, name)(x, indices_or_sections),
    )


SECTIONS = (1, 2, 3, 5, [1], [1, 3], [3, 1], [-1], [9], [])
RECORDS = [
    exact("meshgrid", lambda *xs, indexing="ij": np.meshgrid(*[x.reshape(-1) for x in xs], indexing=indexing) if xs else (),
          *(sample(*s, indexing=i) for s in (((3,),), ((3,), (2,)), ((3,), (2,), (4,)), ((3,), ())) for i in ("ij", "xy")), sample((2,), (0,)),
          shares=True),
    exact("meshgrid of a list", lambda a, b: np.meshgrid(a, b, indexing="ij"), sample((3,), (2,)), call=lambda a, b: lucid.meshgrid([a, b]),
          covers=(lucid.meshgrid,), torch=lambda torch, a, b: torch.meshgrid([a, b])),
    exact("cartesian_prod", lambda *xs: np.array(list(itertools.product(*xs)), xs[0].dtype).reshape([-1, len(xs)]) if len(xs) > 1 else xs[0],
          sample((3,)), sample((3,), (2,)), sample((2,), (3,), (2,)), sample((2,), (0,)), grad_ulp=2),
    exact("combinations", combinations, *(sample((4,), r=r, with_replacement=b) for r in (0, 1, 2, 3, 6) for b in (False, True)), sample((0,)), grad_ulp=4,
          shares=False),
    exact("block_diag", lambda *xs: blocks(xs), sample((2, 3)), sample((2, 2), (3,), ()), sample((1, 0), (2, 2))),
    exact("atleast_1d", np.atleast_1d, sample(()), sample((3,)), sample((2, 3)), shares=True),
    exact("atleast_2d", np.atleast_2d, sample(()), sample((3,)), sample((2, 3)), sample((0,)), shares=True),
    exact("atleast_3d", np.atleast_3d, sample(()), sample((3,)), sample((2, 3)), sample((2, 3, 2)), shares=True),
    exact("atleast_1d of several", lambda *xs: np.atleast_1d(*xs), sample((), (2,)), call=lambda *xs: lucid.atleast_1d(xs), covers=(lucid.atleast_1d,), integer="",
          torch=lambda torch, *xs: torch.atleast_1d(xs)),
    several("dstack", np.dstack, sample((3,), (3,)), sample((2, 3), (2, 3)), sample((2, 3, 1), (2, 3, 2)), sample((), ())),
    several("column_stack", np.column_stack, sample((3,), (3, 2)), sample((2, 1, 3), (2, 2, 3)), sample((), ())),
    exact("tensor_split", split, *(sample(s, indices_or_sections=k, dim=d) for s, d in (((5, 2), 0), ((2, 7), -1), ((0, 2), 0)) for k in SECTIONS), shares=True,
          torch=lambda torch, x, indices_or_sections, dim: torch.tensor_split(x, indices_or_sections, dim)),
    exact("tensor_split by a tensor", lambda x: np.split(x, [1, 2]), sample((5,)), call=lambda x: lucid.tensor_split(x, lucid.tensor([1, 2])),
          covers=(lucid.tensor_split,), torch=lambda torch, x: torch.tensor_split(x, torch.tensor([1, 2]))),
    parts("hsplit", 1, sample((4,), indices_or_sections=2), sample((2, 6), indices_or_sections=3), sample((2, 5), indices_or_sections=[1, 3])),
    parts("vsplit", 0, sample((4, 2), indices_or_sections=2), sample((5, 2), indices_or_sections=[2, 2])),
    parts("dsplit", 2, sample((1, 2, 4), indices_or_sections=2), sample((2, 1, 5), indices_or_sections=[4])),
    exact("fliplr", np.fliplr, case((2, 3)), case((2, 3, 2)), shares=False), exact("flipud", np.flipud, case((3,)), case((2, 3)), shares=False),
    exact("rot90", lambda x, k=1, dims=(0, 1): np.rot90(x, k, dims), *(sample((2, 3, 4), k=k, dims=d) for k in range(-2, 6) for d in ((0, 1), (1, 0), (-1, 0))),
          sample((2, 3)), shares=False),
    exact("repeat_interleave", lambda x, repeats, dim=None: np.repeat(x, repeats, dim),
          *(sample((3, 4), repeats=k, dim=d) for k in (0, 1, 3) for d in (None, 0, -1)), sample((), repeats=2), sample((0, 2), repeats=2, dim=1), grad_ulp=4, shares=False,
          examples=(example([1.0, 2], value=([1, 1, 1, 2, 2, 2],), repeats=3, grad=[3, 3]),)),
    exact("repeat_interleave by a tensor", lambda x, n, dim=None: np.repeat(x, n, dim), sample((3, 2), np.array([2, 0, 1]), dim=0), sample((3, 2), np.array([2])),
          sample((2, 3), np.array([1, 4, 2]), dim=-1), call=lucid.repeat_interleave, torch="repeat_interleave", grad_ulp=4),
    exact("repeat_interleave of counts", lambda n: np.repeat(np.arange(len(n)), n), sample(np.array([2, 0, 3])), sample(np.zeros(0, np.int64)),
          call=lucid.repeat_interleave, torch="repeat_interleave", differentiable=False, integer=""),
    exact("adjoint", lambda x: np.swapaxes(x, -1, -2), case((2, 3)), case((2, 3, 4)), shares=True),
    exact("vander", lambda x, N=None, increasing=False: np.vander(x, N, increasing), *(sample((4,), N=n, increasing=b) for n in (None, 0, 2, 5) for b in (False, True)),
          sample((0,)), integer="int64", ulp=(4, 4), grad_floor=None, grad_ulp=8, why="the gradient is a sum over columns, which may cancel", torch=""),  # PyTorch overwrites what its own gradient needs
    exact("unfold", lambda x, dimension, size, step: np.lib.stride_tricks.sliding_window_view(x, size, dimension)[(slice(None),) * (dimension % x.ndim) + (slice(None, None, step),)],
          *(sample((5, 4), dimension=d, size=s, step=k) for d in (0, 1, -1) for s in (1, 2, 4) for k in (1, 2, 5)), call=Tensor.unfold, torch=lambda torch, x, **p: x.unfold(**p),
          shares=True, grad_ulp=4),
    exact("as_strided", lambda x, size, stride, storage_offset=0: np.lib.stride_tricks.as_strided(x.reshape(-1)[storage_offset:], size, [s * x.itemsize for s in stride]),
          sample((3, 4), size=(4, 3), stride=(1, 4)), sample((3, 4), size=(2, 2), stride=(4, 1), storage_offset=5), sample((12,), size=(5, 3), stride=(2, 1)),
          sample((6,), size=(3, 2), stride=(1, 0)), sample((6,), size=(), stride=(), storage_offset=5), sample((6,), size=(0, 2), stride=(1, 1)), layouts=False, grad_ulp=4),
]  # fmt: skip
