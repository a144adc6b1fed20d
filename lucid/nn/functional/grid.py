"""Reading planes and volumes at any points."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid._functions.choice import where
from lucid._functions.matmul import matmul
from lucid._functions.points import GridSample, PickPoints
from lucid._functions.shape import reshape, transpose, unsqueeze
from lucid.autograd._mode import mode as autograd
from lucid.autograd._node import wrap
from lucid.nn.functional._common import check_dtype, check_floating

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["affine_grid", "grid_sample"]

CUBIC = -0.75
"""The slope of the interpolating cubic at distance 1."""


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """The points at which `grid_sample` reads for an affine map of the output's coordinates.

        grid[n, i, j] = theta[n] (x_j, y_i, 1)^T,    x and y evenly spaced in [-1, 1]

    Args:
        theta: maps, floating point: (N, 2, 3) for planes, (N, 3, 4) for volumes.
        size: shape of the output, (N, C, H, W) or (N, C, D, H, W).
        align_corners: whether -1 and 1 are the centres of the outermost elements, or (the default) their outer edges.

    Returns:
        Shape (N, H, W, 2) or (N, D, H, W, 3), coordinates in the order x, y, z.

    Raises:
        TypeError: ``theta`` is not a floating-point tensor.
        ValueError: the shapes do not fit, or a size is not positive.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.affine_grid(lucid.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]]), (1, 1, 1, 2)).tolist()
        [[[[-0.5, 0.0], [0.5, 0.0]]]]

    Source: Jaderberg et al., Spatial transformer networks, arXiv:1506.02025.
    """
    check_floating("affine_grid", theta)
    sizes = tuple(int(n) for n in size)
    spatial = len(sizes) - 2
    if spatial not in (2, 3):
        raise ValueError(f"affine_grid: expected size (N, C, H, W) or (N, C, D, H, W), got {sizes}")
    if min(sizes) <= 0:
        raise ValueError(f"affine_grid: expected positive sizes, got {sizes}")
    if theta._data.shape != (sizes[0], spatial, spatial + 1):
        raise ValueError(
            f"affine_grid: expected theta of shape {(sizes[0], spatial, spatial + 1)} for size {sizes}, "
            f"got {theta._data.shape}"
        )
    lines = [np.linspace(-1, 1, n) * (1 if align_corners else (n - 1) / n) if n > 1 else np.zeros(1) for n in sizes[2:]]
    mesh = np.meshgrid(*lines, indexing="ij")
    points = np.stack([*reversed(mesh), np.ones(sizes[2:])], -1).reshape(-1, spatial + 1)
    grid = matmul(wrap(points.astype(theta._data.dtype)), transpose(theta, 1, 2))
    return reshape(grid, (sizes[0], *sizes[2:], spatial))


def _reflected(x: Any, low: float, span: float) -> Any:
    """``x`` mirrored into [low, low + span], as often as it takes."""
    if span == 0:
        return x * 0.0
    data = x._data - low
    with np.errstate(invalid="ignore"):  # infinities have no reflection: NaN
        flips, rest = np.floor(np.abs(data) / span), np.fmod(np.abs(data), span)
    away = (x - low) * wrap(np.where(data < 0, -1, 1).astype(data.dtype))
    extra = away - wrap(np.asarray(np.abs(data) - rest, data.dtype))
    return where(wrap(flips % 2 == 0), extra, span - extra) + low


def _padded(x: Any, size: int, padding_mode: str, align_corners: bool) -> Any:
    """Positions brought into the input, as ``padding_mode`` says; the gradient is 0 where they are held at an end."""
    if padding_mode == "zeros":
        return x
    if padding_mode == "reflection":
        x = _reflected(x, 0.0, size - 1.0) if align_corners else _reflected(x, -0.5, float(size))
    return where(x <= 0, 0.0, where(x >= size - 1, size - 1.0, x))


def _read(x: Tensor, places: Sequence[np.ndarray], sizes: Sequence[int]) -> tuple[Tensor, np.ndarray]:
    """The elements at integer places, and where there are any; at NaN, the first one."""
    inside = np.ones(places[0].shape, bool)
    flat = np.zeros(places[0].shape, np.int64)
    for place, n in zip(places, sizes):
        known = np.nan_to_num(place, nan=0.0, posinf=-1.0, neginf=-1.0)
        inside &= (known >= 0) & (known <= n - 1)
        flat = flat * n + np.clip(known, 0, n - 1).astype(np.int64)
    return PickPoints.apply(x, flat), inside


def _cubic(t: Any) -> list[Any]:
    """Weights of the neighbours at distances 1 + t, t, 1 - t and 2 - t."""

    def near(d: Any) -> Any:
        return ((CUBIC + 2) * d - (CUBIC + 3)) * d * d + 1

    def far(d: Any) -> Any:
        return ((CUBIC * d - 5 * CUBIC) * d + 8 * CUBIC) * d - 4 * CUBIC

    return [far(t + 1), near(t), near(1 - t), far(2 - t)]


def _sample(x: Tensor, positions: list[Any], sizes: Sequence[int], mode: str, padding_mode: str, corners: bool) -> Any:
    """(N, C, P) from x of shape (N, C, S) at positions (N, P) in each dimension."""
    if mode != "bicubic":
        positions = [_padded(p, n, padding_mode, corners) for p, n in zip(positions, sizes)]
    if mode == "nearest":
        values, inside = _read(x, [np.rint(p._data) for p in positions], sizes)
        lost = np.any([np.isnan(p._data) for p in positions], 0)[:, None]
        return where(wrap(inside[:, None] & ~lost), values, wrap(np.where(lost, np.nan, 0).astype(x._data.dtype)))
    floors = [np.floor(p._data) for p in positions]
    with np.errstate(invalid="ignore"):
        shares = [p - wrap(f) for p, f in zip(positions, floors)]
    first, weights = (-1, [_cubic(t) for t in shares]) if mode == "bicubic" else (0, [[1 - t, t] for t in shares])
    y: Any = None
    for taps in itertools.product(range(len(weights[0])), repeat=len(sizes)):
        places = [f + (k + first) for f, k in zip(floors, taps)]
        if mode == "bicubic":
            places = [_padded(wrap(p), n, padding_mode, corners)._data for p, n in zip(places, sizes)]
            places = [np.rint(p) for p in places]
        values, inside = _read(x, places, sizes)
        weight = weights[0][taps[0]]
        for w, k in zip(weights[1:], taps[1:]):
            weight = weight * w[k]
        read = wrap(inside)[:, None]
        if mode != "bicubic":  # an infinity with weight 0 is not read, which would make it NaN
            # a trace hides the values; its points are constants, and only their gradient would ask for finite ones
            finite = False if autograd.trace else np.isfinite(values._data)
            read = wrap(inside[:, None] & ((weight._data != 0)[:, None] | finite))
        term = where(read, values, 0.0) * where(wrap(inside)[:, None], unsqueeze(weight, 1), 0.0)
        y = term if y is None else y + term
    return y


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """Planes or volumes read at given points, between the elements.

    The coordinate -1 is the left (upper, front) outer edge of the input and 1 the right one, or with
    ``align_corners`` the centres of the outermost elements:

        position = ((g + 1) * size - 1) / 2,    align_corners: (g + 1) / 2 * (size - 1)

    Args:
        input: shape (N, C, H, W) or (N, C, D, H, W), floating point.
        grid: points in the order x, y, z, of the input's dtype: (N, H', W', 2) or (N, D', H', W', 3).
        mode: "bilinear" (trilinear in volumes), "nearest", or "bicubic" (planes only; Keys' cubic, a = -0.75).
        padding_mode: what points outside read: "zeros", the "border", or the input mirrored at its ends
            ("reflection").
        align_corners: see above; False unless given.

    Returns:
        Shape (N, C, H', W') or (N, C, D', H', W'). NaN where a coordinate is. With "nearest" nothing depends on the
        grid as far as gradients go.

    Raises:
        TypeError: ``input`` is not floating point, or the grid has another dtype.
        ValueError: the shapes do not fit, or a mode is unknown.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> x = lucid.tensor([[[[0.0, 4.0]]]])
        >>> F.grid_sample(x, lucid.tensor([[[[0.0, 0.0], [-0.5, 0.0]]]])).tolist()
        [[[[2.0, 0.0]]]]

    Source: Jaderberg et al., Spatial transformer networks, arXiv:1506.02025.
    """
    name = "grid_sample"
    check_floating(name, input)
    check_dtype(name, "grid", grid, input)
    shape, points = input._data.shape, grid._data.shape
    spatial = len(shape) - 2
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ValueError(f"{name}: mode must be 'bilinear', 'nearest' or 'bicubic', got {mode!r}")
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(f"{name}: padding_mode must be 'zeros', 'border' or 'reflection', got {padding_mode!r}")
    if spatial not in (2, 3) or len(points) != spatial + 2 or points[0] != shape[0] or points[-1] != spatial:
        raise ValueError(
            f"{name}: expected input (N, C, H, W) with grid (N, H', W', 2), or input (N, C, D, H, W) with grid "
            f"(N, D', H', W', 3), got {shape} and {points}"
        )
    if mode == "bicubic" and spatial == 3:
        raise ValueError(f"{name}: mode 'bicubic' is for planes, got input of shape {shape}")
    if 0 in shape[2:]:
        raise ValueError(f"{name}: expected input with non-empty planes, got shape {shape}")
    nearest, corners = mode == "nearest", bool(align_corners)
    if spatial == 2 and mode != "bicubic" and not autograd.trace and input._data.dtype.char in "fd":
        at = grid.detach() if nearest else grid
        return GridSample.apply(input, at, nearest, padding_mode, corners, _composed_planes)
    return _composed(input, grid, mode, padding_mode, corners)


def _composed_planes(x: Tensor, grid: Tensor, nearest: bool, padding_mode: str, corners: bool) -> Tensor:
    return _composed(x, grid, "nearest" if nearest else "bilinear", padding_mode, corners)


def _composed(x: Tensor, grid: Tensor, mode: str, padding_mode: str, corners: bool) -> Tensor:
    """`grid_sample` by differentiable operations."""
    shape, points = x._data.shape, grid._data.shape
    spatial, sizes = len(shape) - 2, shape[2:]
    flat = reshape(grid, (points[0], math.prod(points[1:-1]), spatial))
    positions = []
    for d, n in enumerate(sizes):
        g = flat[:, :, spatial - 1 - d]
        positions.append((g + 1) / 2 * (n - 1) if corners else ((g + 1) * n - 1) / 2)
    y = _sample(reshape(x, (*shape[:2], math.prod(sizes))), positions, sizes, mode, padding_mode, corners)
    return reshape(y, (*shape[:2], *points[1:-1]))
