"""Records of distances and angles."""

from __future__ import annotations

from typing import Any

import numpy as np
from ops.record import Record, case, example, inf, sample

import lucid.nn.functional as F


def norm(x: Any, p: float) -> Any:
    a = np.abs(x)
    return (
        np.max(a, -1)
        if p == inf
        else np.sum(a != 0, -1).astype(x.dtype)
        if p == 0
        else np.sum(a ** x.dtype.type(p), -1) ** (1 / x.dtype.type(p))
    )


def cosine(a: Any, b: Any, dim: int = 1, eps: float = 1e-8) -> Any:
    na, nb = (
        np.sqrt(np.sum(np.broadcast_to(v, np.broadcast_shapes(a.shape, b.shape)) ** 2, dim, keepdims=True))
        for v in (a, b)
    )
    return np.sum(a / np.maximum(na, eps) * (b / np.maximum(nb, eps)), dim)


def pairs(x: Any, p: float = 2.0) -> Any:
    i, j = np.triu_indices(len(x), 1)
    return norm(x[i] - x[j], p)


def pairwise(a: Any, b: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Any:
    y = norm(a - b + eps, p)
    return y[..., None] if keepdim else y


LOOSE = dict(elementwise=False, ulp=(16, 16), grad_ulp=64, grad_floor=None, integer="", why="sums of differences")
RECORDS = [
    Record("cosine_similarity", F.cosine_similarity, cosine, cases=(case((3, 4), (3, 4)), case((2, 5, 3), (2, 5, 3)), case((3, 4), (1, 4)), case((2, 3), (4, 2, 3), dim=-1),
           sample((5,), (5,), dim=0), case((0, 3), (0, 3))), scale=lambda a, b, **p: 1.0, batch=(0, 1),
           examples=(example([[3.0, 4.0], [0, 0]], [[1.0, 0], [1, 0]], value=([0.6, 0],)),), **LOOSE),
    Record("pairwise_distance", F.pairwise_distance, pairwise, cases=tuple(case(s, s, p=p) for s in ((3, 4), (5,)) for p in (1.0, 1.5, 2.0, 3.0, inf)) + (
           case((3, 4), (4,), keepdim=True), case((2, 3, 4), (3, 4), eps=0.0), case((0, 3), (0, 3))), scale=lambda a, b, **p: pairwise(np.abs(a) + np.abs(b), 0, **p), **LOOSE),
    Record("pairwise_distance of order 0", lambda a, b: F.pairwise_distance(a, b, 0.0), lambda a, b: norm(a - b, 0), cases=(case((3, 4), (3, 4)),), differentiable=False,
           elementwise=False, ulp=(0, 0), covers=(F.pairwise_distance,), integer="", torch=lambda torch, a, b: torch.nn.functional.pairwise_distance(a, b, 0.0)),
    Record("pdist", F.pdist, pairs, cases=tuple(case((5, 3), p=p) for p in (1.0, 1.5, 2.0, 3.0, inf)) + (case((2, 1)), case((6, 2))),
           scale=lambda x, p=2.0: pairs(np.concatenate([np.abs(x), -np.abs(x)]), p).max(initial=0), examples=(
           example([[0.0, 0], [3, 4], [3, 4]], value=([5, 5, 0],), grad=([[-1.2, -1.6], [0.6, 0.8], [0.6, 0.8]])),
           example([[1.0], [1.0]], value=([0],), grad=([[0], [0]]), p=0.5)), **LOOSE),
]  # fmt: skip
