"""Records of resizing."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from ops.pool import adaptive_avg_pool2d
from ops.record import Record, case, example, inf, nan

import lucid.nn.functional as F


def weight(kind: str, d: Any) -> Any:
    """The window at distance ``d``."""
    d = np.abs(d)
    if kind in ("linear", "bilinear", "trilinear"):
        return np.maximum(1 - d, 0)
    if kind == "lanczos":
        return np.where(d < 3, np.sinc(d) * np.sinc(d / 3), 0)
    a = -0.75 if kind == "bicubic" else -0.5
    return np.where(
        d <= 1, (a + 2) * d**3 - (a + 3) * d**2 + 1, np.where(d < 2, a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a, 0)
    )


def matrix(kind: str, n: int, m: int, factor: float | None, align_corners: bool | None, antialias: bool) -> Any:
    """(m, n): row i weighs the input for output i, by the definition in `interpolate`."""
    s = (n - 1) / (m - 1) if align_corners and m > 1 else 0.0 if align_corners else 1 / factor if factor else n / m
    out = np.zeros((m, n))
    for i in range(m):
        if kind.startswith("nearest"):
            out[i, min(int((i + (0.5 if kind == "nearest-exact" else 0)) * s), n - 1)] = 1
        elif antialias:
            centre, stretch = (i + 0.5) * s - 0.5, max(s, 1.0)
            w = weight("smooth cubic" if kind == "bicubic" else kind, (np.arange(n) - centre) / stretch)
            radius = {"bilinear": 1, "bicubic": 2, "lanczos": 3}[kind] * stretch
            w = np.where(
                (np.arange(n) + 0.5 > centre + 0.5 - radius - 0.5) & (np.arange(n) < int(centre + radius + 1)), w, 0
            )
            out[i] = w / w.sum()
        else:
            position = i * s if align_corners else (i + 0.5) * s - 0.5
            if kind != "bicubic":
                position = min(max(position, 0), n - 1)
            for k in range(int(np.floor(position)) - 1, int(np.floor(position)) + 3):
                out[i, min(max(k, 0), n - 1)] += weight(kind, k - position)
    return out


def interpolate(x: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None,
                recompute_scale_factor: bool | None = None, antialias: bool = False) -> Any:  # fmt: skip
    spatial = x.ndim - 2
    factors = [scale_factor] * spatial if not isinstance(scale_factor, tuple) else scale_factor
    wanted = (
        [int(n * f) for n, f in zip(x.shape[2:], factors)]
        if size is None
        else [size] * spatial
        if isinstance(size, int)
        else size
    )
    if mode == "area" and spatial == 1:
        return adaptive_avg_pool2d(x[:, :, None], (1, *wanted))[:, :, 0]
    if mode == "area":
        return adaptive_avg_pool2d(x, tuple(wanted))
    for d, (n, m, f) in enumerate(zip(x.shape[2:], wanted, factors)):
        if n == m and mode in ("linear", "bilinear", "trilinear") and not antialias:
            continue
        entries = matrix(mode, n, m, None if recompute_scale_factor else f, align_corners, antialias).astype(x.dtype)
        # Zeros are not multiplied: they would spread infinities and NaN.
        moved = np.moveaxis(x, d + 2, -1)[..., None, :]
        with np.errstate(invalid="ignore"):
            x = np.moveaxis(np.sum(np.where(entries != 0, moved * entries, 0), -1), -1, d + 2)
    return x


def silent(function: Any) -> Any:
    def call(*args: Any, **params: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(*args, **params)

    return call


SIZES = [
    dict(size=3),
    dict(size=11),
    dict(scale_factor=2),
    dict(scale_factor=0.5),
    dict(scale_factor=1.3),
    dict(scale_factor=1.3, recompute_scale_factor=True),
]
SHAPES = {1: ((2, 2, 7), (1, 1, 1), (0, 2, 4)), 2: ((2, 2, 5, 4), (1, 1, 2, 6)), 3: ((2, 1, 3, 4, 2),)}
PLANES = [*SIZES, dict(size=(2, 9)), dict(scale_factor=(2.0, 0.75))]
BY_MODE = {
    "linear": (1, SIZES),
    "bilinear": (2, PLANES),
    "bicubic": (2, PLANES),
    "trilinear": (3, [*SIZES[:4], dict(size=(2, 9, 3))]),
}


def cases(*modes: str) -> Any:
    found = []
    for mode in modes:
        spatial, options = BY_MODE[mode]
        for shape in SHAPES[spatial]:
            for corners in (False, True):
                found += [
                    case(shape, mode=mode, align_corners=corners, **o)
                    for o in options
                    if min(
                        int(n * o.get("scale_factor", 2)) if not isinstance(o.get("scale_factor"), tuple) else 1
                        for n in shape[2:]
                    )
                ]
    return tuple(found)


NEAREST = tuple(
    case(s, mode=m, **o)
    for m in ("nearest", "nearest-exact")
    for spatial in (1, 2, 3)
    for s in SHAPES[spatial]
    for o in SIZES[:2] + SIZES[2:3]
)
AREA = tuple(case(s, mode="area", **o) for spatial in (1, 2) for s in SHAPES[spatial] if s[0] for o in SIZES[:3])
SMOOTH = tuple(
    case(s, mode=m, antialias=True, **o)
    for m in ("bilinear", "bicubic", "lanczos")
    for s in SHAPES[2]
    for o in (*SIZES[:3], dict(size=(2, 9)))
)


def record(name: str, cases: Any, **options: Any) -> Record:
    return Record(name, F.interpolate, interpolate, cases=cases, elementwise=False, batch=(0,), covers=(F.interpolate,), torch="interpolate",
                  **{"ulp": (16, 32), "grad_ulp": 64, "grad_floor": None, "integer": "", "why": "a weighted sum, whose terms may cancel",
                     "scale": lambda x, **p: np.maximum(interpolate(np.abs(x), **p), np.abs(x).max(initial=0)), **options})  # fmt: skip


RECORDS = [
    record("interpolate to the nearest", NEAREST, ulp=(0, 0), scale=None, why="sums", integer="same", large=(case((4, 8, 30, 30), scale_factor=2),),
           examples=(example([[[1.0, -0.0, nan, inf]]], value=([[[1.0, 1, 0, 0, nan, nan, inf, inf]]],), scale_factor=2),)),
    record("interpolate by means", AREA),
    record("interpolate linearly", cases("linear", "bilinear", "trilinear"), large=(case((4, 8, 30, 30), scale_factor=2, mode="bilinear"),),
           examples=(example([[[0.0, 1.0, inf, 2.0]]], value=([[[0.0, 0.25, 0.75, inf, inf, inf, inf, 2.0]]],), scale_factor=2, mode="linear"),)),
    record("interpolate by cubics", cases("bicubic")),
    record("interpolate smoothly", SMOOTH),
    Record("upsample", silent(F.upsample), interpolate, cases=(case((2, 2, 7), scale_factor=2), case((2, 2, 7), size=3)), elementwise=False, ulp=(0, 0), covers=(F.upsample,),
           batch=(0,), integer="same"),
    Record("upsample_nearest", silent(F.upsample_nearest), interpolate, cases=(case((2, 2, 3, 4), scale_factor=2), case((2, 1, 3, 4), size=3)), elementwise=False, ulp=(0, 0),
           covers=(F.upsample_nearest,), batch=(0,), integer="same"),
    Record("upsample_bilinear", silent(F.upsample_bilinear), lambda x, **p: interpolate(x, mode="bilinear", align_corners=True, **p), cases=(case((2, 2, 3, 4), scale_factor=2),
           case((2, 1, 3, 4), size=3)), elementwise=False, ulp=(16, 16), scale=lambda x, **p: np.abs(x).max(), why="a weighted sum", grad_ulp=32, grad_floor=None, batch=(0,), integer="",
           covers=(F.upsample_bilinear,)),
]  # fmt: skip
