"""The matrices of `interpolate`: which elements an output element reads along one dimension, and their weights."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from lucid._functions.resample import Table, table

CUBIC = -0.75
"""The slope of the interpolating cubic at distance 1; smoothing (antialias) uses -0.5, as in Pillow and PyTorch."""


def step(inputs: int, outputs: int, factor: float | None, align_corners: bool) -> float:
    """Distance in input elements between output elements."""
    if align_corners:
        return (inputs - 1) / (outputs - 1) if outputs > 1 else 0.0
    return 1 / factor if factor is not None else inputs / outputs


@functools.lru_cache(maxsize=256)
def nearest(inputs: int, outputs: int, factor: float | None, exact: bool, double: bool) -> Table:
    """The element under the left edge of each output element, or with ``exact`` under its centre.

    The arithmetic is PyTorch's to the bit, in the precision of the data: at ties the rounding decides.
    """
    real = np.float64 if double else np.float32
    i = np.arange(outputs, dtype=np.float64)
    scale = np.float64(real(1 / factor) if factor is not None else real(inputs) / real(outputs))
    if exact:  # multiplied and added in one rounding, for which double has the room
        position: np.ndarray = ((i + 0.5) * scale - 0.5).astype(real) + np.asarray(0.5, real)
    else:
        position = (i * scale).astype(real)
    columns = np.minimum(np.floor(position.astype(np.float32)).astype(np.int64), inputs - 1)
    return table(np.arange(outputs), columns, np.ones(outputs), outputs, inputs)


@functools.lru_cache(maxsize=256)
def linear(inputs: int, outputs: int, factor: float | None, align_corners: bool) -> Table:
    """The two neighbours; beyond the outer centres the outermost element alone."""
    i = np.arange(outputs)
    if inputs == outputs:
        return table(i, i, np.ones(outputs), outputs, inputs)
    scale = step(inputs, outputs, factor, align_corners)
    position = i * scale if align_corners else np.maximum((i + 0.5) * scale - 0.5, 0)
    left = np.minimum(np.floor(position).astype(np.int64), inputs - 1)
    share = np.clip(position - left, 0, 1)
    two = (share > 0) & (left < inputs - 1)  # the right neighbour is not read where its weight is 0
    return table(np.concatenate([i, i[two]]), np.concatenate([left, left[two] + 1]),
                 np.concatenate([np.where(two, 1 - share, 1), share[two]]), outputs, inputs)  # fmt: skip


def cubic_weight(distance: np.ndarray, slope: float) -> np.ndarray:
    """Keys' piecewise cubic with the given slope at distance 1."""
    d = np.abs(distance)
    near = ((slope + 2) * d - (slope + 3)) * d * d + 1
    far = ((slope * d - 5 * slope) * d + 8 * slope) * d - 4 * slope
    return np.where(d <= 1, near, np.where(d < 2, far, 0))


@functools.lru_cache(maxsize=256)
def cubic(inputs: int, outputs: int, factor: float | None, align_corners: bool) -> Table:
    """The four neighbours; the outermost element stands for those beyond it."""
    scale = step(inputs, outputs, factor, align_corners)
    i = np.arange(outputs)
    position = i * scale if align_corners else (i + 0.5) * scale - 0.5
    left = np.floor(position).astype(np.int64)
    columns = left[:, None] + np.arange(-1, 3)
    weights = cubic_weight(position[:, None] - columns, CUBIC)
    read = weights != 0
    rows = np.broadcast_to(i[:, None], columns.shape)
    return table(rows[read], np.clip(columns, 0, inputs - 1)[read], weights[read], outputs, inputs)


def fixed_point(matrix: Table) -> tuple[Table, int]:
    """The matrix times 2^bits, in integers of at most 15 bits, and ``bits``: Pillow's weights of images in bytes."""
    all_rows = np.arange(matrix.outputs)
    rows = [all_rows if isinstance(tap.rows, slice) else tap.rows for tap in matrix.taps]
    places = np.concatenate([row * matrix.inputs + tap.columns for row, tap in zip(rows, matrix.taps)])
    # where an end stands for what is beyond it, the sum of its weights is rounded
    places, which = np.unique(places, return_inverse=True)
    weights: np.ndarray = np.bincount(which, np.concatenate([tap.weights for tap in matrix.taps]))
    bits = 0
    while bits < 22 and np.floor(0.5 + weights.max() * 2.0 ** (bits + 1)) < 2**15:
        bits += 1
    weights = weights * 2.0**bits
    fixed = np.trunc(weights + np.copysign(0.5, weights))
    return table(places // matrix.inputs, places % matrix.inputs, fixed, matrix.outputs, matrix.inputs), bits


def triangle(distance: np.ndarray) -> np.ndarray:
    return np.maximum(1 - np.abs(distance), 0)


def lanczos(distance: np.ndarray) -> np.ndarray:
    return np.where(np.abs(distance) < 3, np.sinc(distance) * np.sinc(distance / 3), 0)


WINDOWS: dict[str, tuple[int, Callable[[np.ndarray], np.ndarray]]] = {
    "bilinear": (1, triangle),
    "bicubic": (2, lambda d: cubic_weight(d, -0.5)),
    "lanczos": (3, lanczos),
}
"""Half the width of each smoothing window in output elements, and its shape."""


@functools.lru_cache(maxsize=256)
def smoothed(inputs: int, outputs: int, factor: float | None, align_corners: bool, mode: str) -> Table:
    """All elements under a window as wide as an output element is apart, weights adding up to 1."""
    scale = step(inputs, outputs, factor, align_corners)
    radius, window = WINDOWS[mode]
    stretch = max(scale, 1.0)
    centre = (np.arange(outputs) + 0.5) * scale
    first = np.maximum((centre - radius * stretch + 0.5).astype(np.int64), 0)
    last = np.minimum((centre + radius * stretch + 0.5).astype(np.int64), inputs)
    columns = first[:, None] + np.arange(max(int((last - first).max()), 1))
    inside = columns < last[:, None]
    weights = np.where(inside, window((columns - centre[:, None] + 0.5) / stretch), 0)
    total = weights.sum(1, keepdims=True)
    weights = np.divide(weights, total, out=weights, where=total != 0)
    read = weights != 0
    rows = np.broadcast_to(np.arange(outputs)[:, None], columns.shape)
    return table(rows[read], columns[read], weights[read], outputs, inputs)
