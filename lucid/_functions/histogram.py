"""Histograms: how often values fall between edges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lucid import _ops
from lucid._functions._arguments import check_tensors, integer
from lucid.autograd._node import TensorBase, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor


class Histogram(NamedTuple):
    """Result of `histogram` and `histogramdd`: unpacks as ``hist, bin_edges``."""

    hist: Any
    bin_edges: Any


def bincount(x: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often 0, 1, 2 ... occurs, or the sum of the weights where it does.

    Args:
        x: vector of non-negative integers.
        weights: one for each element. float32 gives float32, everything else float64.
        minlength: least length of the result.

    Raises:
        RuntimeError: another shape, negative elements or weights that do not fit.

    Example:
        >>> import lucid
        >>> print(lucid.bincount(lucid.tensor([0, 2, 2]), minlength=4))
        [1, 0, 2, 0]
    """
    check_tensors("bincount", x)
    i = x._data
    if weights is None and minlength >= 0 and isinstance(i, np.ndarray) and i.ndim == 1 and i.dtype == np.int64:
        counts = _ops.bincount(i, minlength)
        if counts is not None:
            return wrap(counts)
    if i.ndim != 1 or i.dtype.kind not in "iu" or (i.size and i.min() < 0):
        raise RuntimeError(
            f"bincount: only supports 1-d non-negative integral inputs, got {x.dtype} of shape {i.shape}"
        )
    if minlength < 0:
        raise RuntimeError(f"bincount: minlength should be >= 0, got {minlength}")
    if weights is None:
        return wrap(np.bincount(i, None, minlength).astype(np.int64, copy=False))
    if weights._data.shape != i.shape:
        raise RuntimeError(f"bincount: weights have shape {weights._data.shape}, expected {i.shape}, that of the input")
    result = np.float32 if weights._data.dtype == np.float32 else np.float64
    return wrap(np.bincount(i, weights._data, minlength).astype(result, copy=False))


def histc(x: Tensor, bins: int = 100, min: float = 0, max: float = 0, *, out: Tensor | None = None) -> Tensor:
    """How many elements lie in each of ``bins`` intervals of equal width from ``min`` to ``max``; others do not count.

    Args:
        x: floating point.
        bins: number of intervals, the last of which includes ``max``.
        min, max: bounds; where they are equal, the least and the greatest element.
        out: tensor that receives the result.

    Raises:
        RuntimeError: integers, no bins, or bounds that are not finite or in the wrong order.

    Example:
        >>> import lucid
        >>> print(lucid.histc(lucid.tensor([0.0, 1.0, 1.0, 3.0]), bins=3, min=0, max=3))
        [1.0, 2.0, 1.0]
    """
    check_tensors("histc", x)
    if x._data.dtype.kind != "f":
        raise RuntimeError(f"histc: not implemented for {x.dtype}")
    if bins <= 0:
        raise RuntimeError(f"histc: bins must be > 0, got {bins}")
    flat = x._data.reshape(-1)
    low, high = _bounds("histc", flat, float(min), float(max))
    inside = flat[(flat >= low) & (flat <= high)]
    kind = flat.dtype.type
    place = ((inside - kind(low)) / (kind(high) - kind(low)) * kind(bins)).astype(np.int64)
    counts = np.bincount(np.minimum(place, bins - 1), minlength=bins).astype(flat.dtype)
    return wrap(counts)


def _bounds(name: str, x: np.ndarray, low: float, high: float) -> tuple[float, float]:
    """The range; that of the elements where it is empty, widened where that is empty as well."""
    if low == high and x.size:
        low, high = float(np.min(x)), float(np.max(x))
    if not (np.isfinite(low) and np.isfinite(high)):
        raise RuntimeError(f"{name}: range of [{low}, {high}] is not finite")
    if low > high:
        raise RuntimeError(f"{name}: max must be larger than min, got [{low}, {high}]")
    if low == high:
        half = 1.0 if name == "histc" else 0.5
        return low - half, high + half
    return low, high


def _weights(name: str, weight: Tensor | None, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray | None:
    if weight is None:
        return None
    if weight._data.shape != shape or weight._data.dtype != dtype:
        got = f"{weight.dtype} {weight._data.shape}"
        raise RuntimeError(f"{name}: weight must have shape {shape} and dtype {dtype}, got {got}")
    return weight._data.reshape(-1)


def _edges(name: str, column: np.ndarray, bins: Any, low: float, high: float) -> np.ndarray:
    """The edges of one dimension: given, or so many of equal width."""
    if isinstance(bins, TensorBase):
        if bins._data.ndim != 1 or bins._data.dtype != column.dtype:
            raise RuntimeError(f"{name}: bin edges must be a vector of the input's dtype {column.dtype}")
        if not bins._data.size:
            raise RuntimeError(f"{name}: expected at least one bin edge, got none")
        return bins._data
    if bins <= 0:
        raise RuntimeError(f"{name}: bins must be > 0, got {bins}")
    low, high = _bounds(name, column, low, high) if column.size or low != high else (0.0, 1.0)
    return np.linspace(low, high, bins + 1).astype(column.dtype)


def _places(column: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """The interval of every element, -1 outside; the last interval includes its end."""
    at = np.searchsorted(edges, column, "right") - 1
    at = np.where(column == edges[-1], edges.size - 2, at)
    return np.where((column >= edges[0]) & (column <= edges[-1]), at, -1)


def histogram(
    x: Tensor,
    bins: Any,
    *,
    range: tuple[float, float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
    out: Any = None,
) -> Histogram:
    """(hist, bin_edges): how many elements lie in each interval, the last of which includes its end.

    Args:
        x: floating point.
        bins: the number of intervals of equal width, or a vector of increasing edges.
        range: bounds of the intervals, for a number of them; by default the least and the greatest element.
        weight: what each element counts.
        density: divide by the total and by the widths, so that the integral is 1.
        out: a pair of tensors that receive the results.

    Raises:
        RuntimeError: integers, no bins, a range that is not finite, or weights that do not fit.

    Example:
        >>> import lucid
        >>> hist, edges = lucid.histogram(lucid.tensor([1.0, 2.0, 1.0]), bins=2, range=(0.0, 4.0))
        >>> print(hist, edges)
        [2.0, 1.0] [0.0, 2.0, 4.0]
    """
    check_tensors("histogram", x)
    if x._data.dtype.kind != "f":
        raise RuntimeError(f"histogram: not implemented for {x.dtype}")
    flat = x._data.reshape(-1)
    edges = _edges("histogram", flat, bins, *(range or (0.0, 0.0)))
    at, w = _places(flat, edges), _weights("histogram", weight, x._data.shape, flat.dtype)
    hist = np.bincount(at[at >= 0], None if w is None else w[at >= 0], edges.size - 1).astype(flat.dtype)
    if density:
        hist = hist / hist.sum() / np.diff(edges)
    return Histogram(wrap(hist), wrap(edges))


def histogramdd(
    x: Tensor,
    bins: Any,
    *,
    range: Sequence[float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> Histogram:
    """(hist, bin_edges): how many points lie in each box of a grid.

    Args:
        x: shape (points, dimensions), floating point; further leading dimensions number points too.
        bins: the number of intervals for all dimensions or for each, or a list of vectors of edges.
        range: two bounds per dimension, one after the other.
        weight: what each point counts, shape (points,).
        density: divide by the total and by the volumes.

    Raises:
        RuntimeError: ``x`` is not a matrix of floats, or the other arguments do not fit it.

    Example:
        >>> import lucid
        >>> print(lucid.histogramdd(lucid.tensor([[0.0, 0.0], [1.0, 1.0]]), bins=[2, 2]).hist)
        [[1.0, 0.0],
         [0.0, 1.0]]
    """
    check_tensors("histogramdd", x)
    if x._data.ndim < 2 or x._data.dtype.kind != "f":
        raise RuntimeError(f"histogramdd: expected a floating-point matrix, got {x.dtype} of shape {x._data.shape}")
    lead, m = x._data.shape[:-1], x._data.shape[-1]
    n = int(np.prod(lead, dtype=np.int64))
    points = x._data.reshape(n, m)
    bins = integer(bins)
    each = [bins] * m if isinstance(bins, int) else list(bins)
    if len(each) != m or (range is not None and len(range) != 2 * m):
        raise RuntimeError(f"histogramdd: bins and range must fit the {m} dimensions of the points (shape {(n, m)})")
    each_dim = [int(k) for k in np.arange(m)]  # the argument hides the function
    bounds = [(0.0, 0.0)] * m if range is None else [(range[2 * k], range[2 * k + 1]) for k in each_dim]
    edges = [_edges("histogramdd", points[:, k], b, *r) for k, (b, r) in enumerate(zip(each, bounds))]
    shape = tuple([e.size - 1 for e in edges])
    flat, inside = np.zeros(n, np.int64), np.ones(n, bool)
    for k, e in enumerate(edges):
        at = _places(points[:, k], e)
        flat, inside = flat * shape[k] + at, inside & (at >= 0)
    w = _weights("histogramdd", weight, lead, x._data.dtype)
    size = int(np.prod(shape, dtype=np.int64))
    hist = np.bincount(flat[inside], None if w is None else w[inside], size).astype(x._data.dtype).reshape(shape)
    if density:
        hist = hist / hist.sum()
        for k, e in enumerate(edges):
            hist = hist / np.diff(e).reshape((-1,) + (1,) * (m - k - 1))
    return Histogram(wrap(hist), tuple([wrap(e) for e in edges]))


class Histogram2d(NamedTuple):
    """Result of `histogram2d`: unpacks as ``hist, x_edges, y_edges``."""

    hist: Any
    x_edges: Any
    y_edges: Any


def histogram2d(
    a: Tensor, b: Tensor, bins: Any = 10, range: Sequence[Sequence[float]] | None = None, density: bool = False
) -> Histogram2d:
    """(hist, x_edges, y_edges): how many of the points (a[i], b[i]) lie in each rectangle of a grid.

    Args:
        a, b: vectors of one length, floating point.
        bins: the number of intervals for both or for each, or two vectors of edges.
        range: ((a_min, a_max), (b_min, b_max)); those of the points unless given.
        density: divide by the number of points and by the areas.

    Raises:
        RuntimeError: ``a`` and ``b`` are not vectors of one length, or the other arguments do not fit.

    Example:
        >>> import lucid
        >>> x = lucid.tensor([0.0, 0.0, 1.0])
        >>> lucid.histogram2d(x, x, bins=2).hist.tolist()
        [[2.0, 0.0], [0.0, 1.0]]
    """
    check_tensors("histogram2d", a, b)
    if a._data.ndim != 1 or a._data.shape != b._data.shape:
        raise RuntimeError(f"histogram2d: expected two vectors of one length, got {a._data.shape} and {b._data.shape}")
    bounds = None if range is None else [float(v) for pair in range for v in pair]
    points = wrap(np.stack([a._data, b._data], 1))
    hist, (x, y) = histogramdd(points, bins, range=bounds, density=density)
    return Histogram2d(hist, x, y)


__all__ = ["bincount", "histc", "histogram", "histogram2d", "histogramdd"]
