"""Records of views and of copies that rearrange elements."""

from __future__ import annotations

from typing import Any

import numpy as np
from ops.record import Case, Record, case

import lucid
from lucid import Tensor

X = (2, 3, 4)


def moved(name: str, reference: Any, cases: tuple[Case, ...], call: Any = None, **options: Any) -> Record:
    """No arithmetic: results and gradients are exact."""
    options = {"ulp": (0, 0), "integer": "same", "grad_ulp": 0, **options}
    return Record(name, call or getattr(lucid, name), reference, cases=cases, elementwise=False, **options)


def method(name: str, reference: Any, *cases: tuple[Any, ...], **options: Any) -> Record:
    """Of a function that takes sizes or dimensions one by one: every case is (shape, *arguments)."""
    function = getattr(Tensor, name)
    return moved(name, lambda x, args: reference(x, *args), tuple(case(shape, args=tuple(args)) for shape, *args in cases),
                 lambda x, args: function(x, *args), covers=(function, getattr(lucid, name, function)), torch="", **options)  # fmt: skip


def joined(name: str, *cases: Case, **options: Any) -> Record:
    """Of a function of a sequence of tensors."""
    function, reference = getattr(lucid, name), {"cat": np.concatenate}.get(name) or getattr(np, name)
    rename = lambda p: {"axis": p["dim"]} if "dim" in p else {}
    return moved(name, lambda *xs, **p: reference(xs, **rename(p)), cases, lambda *xs, **p: function(xs, **p), covers=(function,),
                 shares=False, torch="", **options)  # fmt: skip


def pieces(x: Any, sizes: Any, dim: int) -> tuple[Any, ...]:
    return tuple(np.split(x, np.cumsum(sizes)[:-1], dim))


def split(x: Any, split_size_or_sections: Any, dim: int = 0) -> tuple[Any, ...]:
    n, s = x.shape[dim], split_size_or_sections
    return pieces(x, [min(s, n - i) for i in range(0, n, s)] if isinstance(s, int) else s, dim)


def chunk(x: Any, chunks: int, dim: int = 0) -> tuple[Any, ...]:
    return split(x, -(-x.shape[dim] // chunks), dim)


VIEWS = [
    method("reshape", lambda x, *s: x.reshape(*s), (X, 4, 6), (X, (-1,)), (X, -1, 2), ((), 1), ((1,), ()), ((0, 3), 3, 0), shares=True),
    method("view", lambda x, *s: x.reshape(*s), (X, 4, 6), (X, (-1,)), (X, 2, 1, 12), ((0, 3), 0), shares=None, layouts=False),
    moved("view_as", lambda x, y: x.reshape(y.shape), (case(X, (6, 4)), case((6,), (1, 6))), Tensor.view_as, fixed=(1,),
          layouts=False, torch=""),
    moved("reshape_as", lambda x, y: x.reshape(y.shape), (case(X, (6, 4)), case((6,), (1, 6))), Tensor.reshape_as, fixed=(1,),
          shares=True, torch="", covers=(Tensor.reshape_as,)),
    moved("flatten", lambda x, start_dim=0, end_dim=-1: x.reshape(x.shape[:start_dim] + (-1,) + x.shape[end_dim % max(x.ndim, 1) + 1 :]),
          (case(X), case(X, start_dim=1), case(X, end_dim=1), case(X, start_dim=1, end_dim=2), case(()), case((5,)),
           case((2, 2, 0)), case(X, start_dim=1, end_dim=1)), shares=True),
    moved("unflatten", lambda x, dim, sizes: np.reshape(x, x.shape[:dim] + sizes + x.shape[dim + 1 :]),
          (case((6, 4), dim=0, sizes=(2, 3)), case((6, 4), dim=1, sizes=(2, 1, 2))), shares=True),
    moved("ravel", np.ravel, (case(X), case(()), case((0, 2))), shares=True),
    moved("squeeze", lambda x, dim=None: np.reshape(x, [n for d, n in enumerate(x.shape) if n != 1 or not (
              dim is None or d in [k % max(x.ndim, 1) for k in ((dim,) if isinstance(dim, int) else dim)])]),
          (case((1, 3, 1)), case((1, 3, 1), dim=0), case((1, 3, 1), dim=1), case((1, 3, 1), dim=(0, -1)), case(())), shares=True),
    moved("unsqueeze", lambda x, dim: np.expand_dims(x, dim), tuple(case((2, 3), dim=d) for d in (0, 1, 2, -1, -3)) + (case((), dim=0),),
          shares=True),
    method("permute", lambda x, *d: np.transpose(x, d[0] if isinstance(d[0], tuple) else d), (X, 2, 0, 1), (X, (0, 2, 1)), (X, -1, 0, 1),
           ((3,), 0), ((2, 0, 3), 2, 1, 0), shares=True),
    moved("transpose", lambda x, dim0, dim1: np.swapaxes(x, dim0, dim1),
          tuple(case(X, dim0=a, dim1=b) for a, b in ((0, 1), (0, 2), (-1, -2), (1, 1))), shares=True),
    moved("t", np.transpose, (case((2, 3)), case((3,)), case(())), shares=True),
    moved("movedim", lambda x, source, destination: np.moveaxis(x, source, destination),
          (case(X, source=0, destination=2), case(X, source=-1, destination=0), case(X, source=(0, 1), destination=(2, 0))), shares=True),
    method("expand", lambda x, *s: np.broadcast_to(x, [x.shape[k - len(s)] if n == -1 else n for k, n in enumerate(s)]),
           ((3, 1), 3, 4), ((3, 1), -1, 4), ((3, 1), 2, -1, 2), ((), 2, 2), ((1, 1), 0, 3), grad_ulp=4, shares=True),
    moved("expand_as", lambda x, y: np.broadcast_to(x, y.shape), (case((3, 1), (2, 3, 4)), case((), (2,))), Tensor.expand_as, fixed=(1,),
          grad_ulp=4, torch="", shares=True),
    moved("broadcast_to", lambda x, shape: np.broadcast_to(x, shape), (case((3, 1), shape=(2, 3, 4)), case((), shape=(2,))), grad_ulp=4,
          shares=True, torch=lambda torch, x, shape: torch.broadcast_to(x, shape)),
    moved("broadcast_tensors", np.broadcast_arrays, (case((3, 1), (4,)), case((), (2, 2), (2,))), grad_ulp=4, torch=""),
    moved("split", split, tuple(case((7, 3), split_size_or_sections=s) for s in (2, 7, 9, [3, 4], (1, 0, 6)))
          + (case((2, 6), split_size_or_sections=4, dim=1),), shares=True),
    moved("chunk", chunk, tuple(case((7, 3), chunks=n) for n in (1, 2, 3, 7)) + (case((2, 6), chunks=4, dim=-1),), shares=True),
    moved("unbind", lambda x, dim=0: tuple(np.moveaxis(x, dim, 0)), (case(X), case(X, dim=1), case(X, dim=-1)), shares=True),
    moved("narrow", lambda x, dim, start, length: np.take(x, range(start, start + length), dim),
          (case(X, dim=1, start=1, length=2), case(X, dim=-1, start=0, length=4), case(X, dim=0, start=2, length=0)), shares=True),
    moved("select", lambda x, dim, index: np.take(x, index, dim), (case(X, dim=1, index=0), case(X, dim=-1, index=-1)), shares=True),
]  # fmt: skip

COPIES = [
    moved("clone", np.copy, (case(X), case(()), case((0, 2))), shares=False),
    moved("contiguous", np.copy, (case(X), case(())), Tensor.contiguous, shares=True, torch=""),
    joined("cat", case((2, 3), (1, 3)), case((2, 3), (2, 1), dim=1), case((2, 3), (2, 0), (2, 3), dim=-1), case((0,), (4,)), case((5,))),
    joined("stack", case((2, 3), (2, 3)), case((2, 3), (2, 3), (2, 3), dim=1), case((), ()), case((2, 3), (2, 3), dim=-1)),
    joined("hstack", case((2,), (3,)), case((2, 3), (2, 1)), case((), ())),
    joined("vstack", case((3,), (3,)), case((2, 3), (1, 3)), case((), ())),
    moved("flip", lambda x, dims: np.flip(x, dims), (case(X, dims=0), case(X, dims=(0, 2)), case(X, dims=(-1,)), case((0, 2), dims=0)),
          shares=False),
    moved("roll", lambda x, shifts, dims=None: np.roll(x, shifts, dims),
          (case(X, shifts=5), case(X, shifts=1, dims=0), case(X, shifts=(1, -2), dims=(0, 2)), case(X, shifts=0, dims=1),
           case((0, 3), shifts=1, dims=0), case(X, shifts=-1)), shares=False),
    method("repeat", lambda x, *r: np.tile(x, r[0] if isinstance(r[0], tuple) else r), ((2, 3), 2, 2), ((3,), 4, 2), ((), 3), ((2, 3), (1, 2)), ((2,), 0), grad_ulp=4, shares=False),
    method("tile", lambda x, *r: np.tile(x, r[0] if isinstance(r[0], tuple) else r), ((2, 3), 2, 2), ((2, 3), 2), ((), 3), ((2, 3), (2, 1, 1)),
           grad_ulp=4, shares=False),
    moved("tril", lambda x, diagonal=0: np.tril(x, diagonal), (case((3, 4)), case(X, diagonal=1), case((3, 3), diagonal=-1)), shares=False),
    moved("triu", lambda x, diagonal=0: np.triu(x, diagonal), (case((3, 4)), case(X, diagonal=1), case((3, 3), diagonal=-1)), shares=False),
]  # fmt: skip

RECORDS = [*VIEWS, *COPIES]
