"""Resize: a sparse matrix for every dimension, made of the sizes alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

import lucid
from lucid import Tensor
from lucid._functions.resample import Table, resample, table
from lucid.onnx._registry import operator

_ROUNDING: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "round_prefer_floor": lambda x: np.ceil(x - 0.5), "round_prefer_ceil": lambda x: np.floor(x + 0.5),
    "floor": np.floor, "ceil": np.ceil,
}  # fmt: skip


def positions(mode: str, n: int, m: int, scale: float, roi: tuple[float, float]) -> np.ndarray:
    """Where the ``m`` elements of the result lie among the ``n`` of the input."""
    i = np.arange(m, dtype=np.float64)
    whole = scale * n
    if mode == "align_corners":
        return i * (n - 1) / (whole - 1) if whole != 1 else np.zeros(m)
    if mode == "asymmetric":
        return i / scale
    if mode == "pytorch_half_pixel":
        return (i + 0.5) / scale - 0.5 if m > 1 else np.full(m, -0.5)
    if mode == "tf_crop_and_resize":
        start, end = roi
        if m > 1:
            return start * (n - 1) + i * (end - start) * (n - 1) / (m - 1)
        return np.full(m, 0.5 * (start + end) * (n - 1))
    half = (i + 0.5) / scale - 0.5
    return half + n / 2 * (1 - m / whole) if mode == "half_pixel_symmetric" else half


def _linear(x: np.ndarray, a: float) -> np.ndarray:
    return np.maximum(1 - np.abs(x), 0)


def _cubic(x: np.ndarray, a: float) -> np.ndarray:
    x = np.abs(x)
    near, far = ((a + 2) * x - (a + 3)) * x * x + 1, ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0))


def interpolation(
    n: int, m: int, at: np.ndarray, mode: str, nearest: str, a: float, exclude: bool, narrow: float
) -> Table:
    """``narrow``: how much wider than in interpolation the window is, inverted; 1 without antialiasing."""
    rows = np.arange(m)
    if mode == "nearest":
        return table(rows, np.clip(_ROUNDING[nearest](at), 0, n - 1).astype(np.int64), np.ones(m), m, n)
    kernel, reach = (_linear, 1) if mode == "linear" else (_cubic, 2)
    half = math.ceil(reach / narrow)
    first = np.floor(at)
    taps = first[:, None] + np.arange(1 - half, half + 1)
    weights = kernel((taps - at[:, None]) * narrow, a)
    if exclude:
        weights = np.where((taps < 0) | (taps > n - 1), 0, weights)
    if exclude or narrow < 1:
        weights = weights / weights.sum(1, keepdims=True)
    columns = np.clip(taps, 0, n - 1).astype(np.int64)
    used = weights != 0
    return table(np.broadcast_to(rows[:, None], taps.shape)[used], columns[used], weights[used], m, n)


def _sizes(
    shape: list[int], scales: Sequence[float] | None, sizes: Sequence[int] | None, policy: str
) -> tuple[list[int], list[float]]:
    """The size and the scale of every dimension in question."""
    if scales is not None:
        return [math.floor(n * s) for n, s in zip(shape, scales)], [float(s) for s in scales]
    assert sizes is not None
    factors = [m / n for n, m in zip(shape, sizes)]
    if policy == "stretch":
        return list(sizes), factors
    factor = min(factors) if policy == "not_larger" else max(factors)
    return [math.floor(n * factor + 0.5) for n in shape], [factor] * len(shape)


@operator("Resize")
def resize(
    x: Tensor, roi: Tensor | None = None, scales: Tensor | None = None, sizes: Tensor | None = None, *,
    antialias: int = 0, axes: Sequence[int] | None = None, coordinate_transformation_mode: str = "half_pixel",
    cubic_coeff_a: float = -0.75, exclude_outside: int = 0, extrapolation_value: float = 0.0,
    keep_aspect_ratio_policy: str = "stretch", mode: str = "nearest", nearest_mode: str = "round_prefer_floor",
) -> Tensor:  # fmt: skip
    along = list(range(x.ndim)) if axes is None else [a % x.ndim for a in axes]
    given = scales.tolist() if scales is not None and scales.numel() else None
    wanted, factors = _sizes([x.shape[d] for d in along], given, None if sizes is None else sizes.tolist(),
                             keep_aspect_ratio_policy)  # fmt: skip
    crop = coordinate_transformation_mode == "tf_crop_and_resize"
    region = roi.tolist() if crop and roi is not None else [0.0] * len(along) + [1.0] * len(along)
    y = x
    outside = []
    for k, (d, m, scale) in enumerate(zip(along, wanted, factors)):
        n = x.shape[d]
        if n == m and scale == 1 and not crop:
            continue
        at = positions(coordinate_transformation_mode, n, m, scale, (region[k], region[k + len(along)]))
        if crop:
            outside.append((d, (at < 0) | (at > n - 1)))
        narrow = min(scale, 1.0) if antialias else 1.0
        exclude = bool(exclude_outside)
        matrix = interpolation(n, m, at, mode, nearest_mode, cubic_coeff_a, exclude and mode != "nearest", narrow)
        y = resample(y, matrix, d)
    for d, mask in outside:
        shape = [-1 if k == d else 1 for k in range(x.ndim)]
        y = lucid.where(lucid.from_numpy(mask.reshape(shape)), lucid.tensor(extrapolation_value, dtype=x.dtype), y)
    return y
