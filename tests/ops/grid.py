"""Records of reading at points."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from ops.record import Record, case

import lucid.nn.functional as F

KEYS = -0.75


def brought_in(p: float, n: int, padding_mode: str, corners: bool | None) -> float:
    if padding_mode == "reflection":
        low, high = (0, n - 1) if corners else (-0.5, n - 0.5)
        while high > low and not low <= p <= high:
            p = 2 * low - p if p < low else 2 * high - p
        p = low if high == low else p
    return p if padding_mode == "zeros" else min(max(p, 0), n - 1)


def weights(p: float, mode: str) -> list[tuple[int, float]]:
    """Neighbours of a position, and their weights."""
    at = int(np.floor(p))
    if mode == "nearest":
        return [(int(np.rint(p)), 1)]
    if mode == "bilinear":
        return [(at, 1 - (p - at)), (at + 1, p - at)]
    found = []
    for k in range(at - 1, at + 3):
        d = abs(p - k)
        found.append((k, (KEYS + 2) * d**3 - (KEYS + 3) * d**2 + 1 if d <= 1 else KEYS * (d**3 - 5 * d**2 + 8 * d - 4)))
    return found


def grid_sample(
    x: Any, grid: Any, mode: str = "bilinear", padding_mode: str = "zeros", align_corners: bool | None = None
) -> Any:
    sizes = x.shape[2:]
    y = np.zeros((*x.shape[:2], *grid.shape[1:-1]), x.dtype)
    for n, *at in np.ndindex(grid.shape[:-1]):
        found = []
        for g, size in zip(grid[(n, *at)][::-1], sizes):
            p = (g + 1) / 2 * (size - 1) if align_corners else ((g + 1) * size - 1) / 2
            p = p if mode == "bicubic" else brought_in(p, size, padding_mode, align_corners)
            pairs = weights(p, mode)
            if mode == "bicubic":
                pairs = [(int(np.rint(brought_in(k, size, padding_mode, align_corners))), w) for k, w in pairs]
            found.append(pairs)
        for taps in itertools.product(*found):
            if all(0 <= k < size for (k, _), size in zip(taps, sizes)):
                y[(n, slice(None), *at)] += x[(n, slice(None), *(k for k, _ in taps))] * np.prod([w for _, w in taps])
    return y


def affine_grid(theta: Any, size: Any, align_corners: bool | None = None) -> Any:
    y = np.empty((size[0], *size[2:], len(size) - 2), theta.dtype)
    for n, *at in np.ndindex(y.shape[:-1]):
        point = [
            (2 * k / (m - 1) - 1 if m > 1 else 0) if align_corners else (2 * k + 1) / theta.dtype.type(m) - 1
            for k, m in zip(at, size[2:])
        ]
        y[(n, *at)] = theta[n] @ np.array([*point[::-1], 1], theta.dtype)
    return y


PLANES = [((2, 2, 4, 3), (2, 3, 2, 2)), ((1, 1, 1, 2), (1, 2, 2, 2))]
VOLUMES = [((1, 2, 3, 2, 4), (1, 2, 1, 2, 3))]


def sampled(mode: str, shapes: Any) -> Any:
    return tuple(
        case(*s, mode=mode, padding_mode=p, align_corners=c)
        for s in shapes
        for p in ("zeros", "border", "reflection")
        for c in (None, True)
    )


def record(mode: str, shapes: Any, **options: Any) -> Record:
    return Record(f"grid_sample, {mode}", F.grid_sample, grid_sample, cases=sampled(mode, shapes), span=((-3, 3), (-1.6, 1.6)), elementwise=False, batch=(0, 1), covers=(F.grid_sample,),
                  torch="grid_sample", **{"ulp": (64, 64), "scale": lambda x, *_, **p: np.abs(x).max(), "grad_ulp": 256, "grad_floor": None, "integer": "",
                                          "why": "positions are rounded, and sums cancel", **options})  # fmt: skip


RECORDS = [
    record("bilinear", PLANES + VOLUMES), record("bicubic", PLANES, ulp=(256, 256), grad_ulp=1024), record("nearest", PLANES + VOLUMES, fixed=(1,), ulp=(0, 0)),
    Record("affine_grid", F.affine_grid, affine_grid, cases=tuple(case((2, 2, 3), size=(2, 1, 3, 4), align_corners=c) for c in (None, True)) + (case((1, 3, 4), size=(1, 5, 2, 1, 3)),
           case((1, 2, 3), size=(1, 1, 1, 1), align_corners=True)), elementwise=False, ulp=(8, 8), scale=lambda t, **p: 9.0, why="a sum of products", grad_ulp=16, grad_floor=None, integer=""),
]  # fmt: skip
