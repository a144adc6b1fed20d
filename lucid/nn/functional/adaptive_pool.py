"""Pooling to a given size: windows that cover the input evenly."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid._functions._arguments import check_tensors
from lucid._functions._errors import OptionError
from lucid._functions.pool import AdaptiveAvgPool2d, MaxPool2d, MaxWindows, needs_no_places, window_maxima
from lucid._functions.pool3d import AdaptiveMaxPool3d, MaxPool3d
from lucid._functions.shape import reshape
from lucid._printing import shown
from lucid.autograd._mode import mode
from lucid.nn.functional._arguments import at_least, check_floating, check_planes, sizes
from lucid.nn.functional.pool3d import from_volumes, to_volumes

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = [
    "adaptive_avg_pool3d", "adaptive_max_pool1d", "adaptive_max_pool1d_with_indices", "adaptive_max_pool2d",
    "adaptive_max_pool2d_with_indices", "adaptive_max_pool3d", "adaptive_max_pool3d_with_indices",
]  # fmt: skip


SMALL = 5
"""Even windows below it are found by the kernel of `max_pool2d`, all others by that for windows of any size."""


def _wanted(name: str, x: Tensor, output_size: Any, spatial: int) -> tuple[int, ...]:
    """The size of the result; None keeps one of ``x``."""
    shape = x._data.shape
    check_planes(name, shape, spatial)
    given = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * spatial
    if len(given) != spatial:
        raise OptionError(f"{name}: output_size must be an int or a tuple of {spatial} ints, got {shown(output_size)}")
    space = shape[-spatial:]
    wanted = sizes(name, "output_size", [n if o is None else o for o, n in zip(given, space)], spatial)
    at_least(name, "output_size", wanted, 1)
    if 0 in space:
        raise RuntimeError(f"{name}: expected non-empty spatial dimensions, got shape {shape}")
    return wanted


def _places(size: int, windows: int) -> np.ndarray:
    """(windows, longest): the positions each window covers; shorter ones repeat their last."""
    i = np.arange(windows)
    first, last = i * size // windows, -(-(i + 1) * size // windows) - 1
    return np.minimum(first[:, None] + np.arange(np.max(last - first) + 1), last[:, None])


@functools.lru_cache(maxsize=256)
def _ends(size: int, windows: int) -> np.ndarray:
    """(windows, 2): where each window begins and ends."""
    i = np.arange(windows)
    return np.stack([i * size // windows, -(-(i + 1) * size // windows)], 1)


def _maxima(name: str, x: Tensor, output_size: Any) -> Tensor:
    """Over planes or lines, without places where nothing asks for them."""
    check_tensors(name, x)
    spatial = 1 if name.endswith("1d") else 2
    if x._data.dtype.kind != "f" or not needs_no_places(x):
        return _max_pool(name, spatial, x, output_size)[0]
    wanted, shape = (1, *_wanted(name, x, output_size, spatial))[-2:], x._data.shape
    planes = reshape(x, (1, *shape)[-spatial - 2 : -spatial] + (1, *shape[-spatial:])[-2:])
    rows, columns = (_ends(n, m) for n, m in zip(planes._data.shape[2:], wanted))
    return reshape(window_maxima(planes, rows, columns), (*shape[:-spatial], *wanted[-spatial:]))


def _max_pool_planes(x: Tensor, spatial: int, wanted: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    shape, size = x._data.shape, (1, *wanted)[-2:]
    planes = reshape(x, (*(1, *shape)[-spatial - 2 : -spatial], *(1, *shape[-spatial:])[-2:]))
    full = planes._data.shape[2:]
    kernel = tuple([n // m for n, m in zip(full, size)])
    if max(kernel) < SMALL and all(n % m == 0 for n, m in zip(full, size)):
        y, at = MaxPool2d.apply(planes, kernel, kernel, (0, 0), (1, 1), False)
    else:
        y, at = MaxWindows.apply(planes, *[_ends(n, m) for n, m in zip(full, size)])
    result = (*shape[:-spatial], *wanted)
    return reshape(y, result), reshape(at, result)


def _max_pool(name: str, spatial: int, x: Tensor, output_size: Any) -> tuple[Tensor, Tensor]:
    check_tensors(name, x)
    check_floating(name, x)
    wanted, shape = _wanted(name, x, output_size, spatial), x._data.shape
    if spatial < 3 and not mode.trace and x._data.dtype.char in "fd":
        return _max_pool_planes(x, spatial, wanted)
    space, lead = shape[-spatial:], (1, *shape)[-spatial - 2 : -spatial]
    volumes = reshape(x, (*lead, *(1,) * (3 - spatial), *space))
    full, windows = volumes._data.shape[2:], (*(1,) * (3 - spatial), *wanted)
    if all(n % m == 0 for n, m in zip(full, windows)):
        kernel = tuple([n // m for n, m in zip(full, windows)])
        y, at = MaxPool3d.apply(volumes, kernel, kernel, (0, 0, 0), (1, 1, 1), False, True)
    else:
        y, at = AdaptiveMaxPool3d.apply(volumes, tuple([_places(n, m) for n, m in zip(full, windows)]))
    result = (*shape[:-spatial], *wanted)
    return reshape(y, result), reshape(at, result)


def adaptive_max_pool1d_with_indices(
    input: Tensor, output_size: Any, return_indices: bool = True
) -> tuple[Tensor, Tensor]:
    """`adaptive_max_pool1d`, and int64 indices into L of where each maximum was.

    Args:
        input: shape (N, C, L) or (C, L), floating point.
        output_size: number of windows; None means L.
        return_indices: accepted; the indices are returned anyhow.

    Returns:
        Two tensors (N, C, output_size) or (C, output_size): maxima, and int64 indices.

    Raises:
        RuntimeError: wrong dimensions or dtype.
        TypeError: ``output_size`` is not made of ints.
        ValueError: ``output_size`` is not positive or of the wrong length.

    Example:
        >>> import lucid
        >>> F = lucid.nn.functional
        >>> y, places = F.adaptive_max_pool1d_with_indices(lucid.tensor([[1.0, 3.0, 5.0, 4.0]]), 2)
        >>> print(y, places)
        [[3.0, 5.0]] [[1, 2]]
    """
    return _max_pool("adaptive_max_pool1d", 1, input, output_size)


def adaptive_max_pool2d_with_indices(
    input: Tensor, output_size: Any, return_indices: bool = True
) -> tuple[Tensor, Tensor]:
    """`adaptive_max_pool2d`, and int64 indices into the flattened plane of where each maximum was.

    Args:
        input: shape (N, C, H, W) or (C, H, W), floating point.
        output_size: one int for both, or (rows, columns); None keeps a size.
        return_indices: accepted; the indices are returned anyhow.

    Returns:
        Two tensors (N, C, *output_size) or (C, *output_size): maxima, and int64 indices.

    Raises:
        RuntimeError: wrong dimensions or dtype.
        TypeError: ``output_size`` is not made of ints.
        ValueError: ``output_size`` is not positive or of the wrong length.

    Example:
        >>> import lucid
        >>> F = lucid.nn.functional
        >>> y, places = F.adaptive_max_pool2d_with_indices(lucid.arange(16.0).reshape(1, 4, 4), 2)
        >>> print(places)
        [[[5, 7],
          [13, 15]]]
    """
    return _max_pool("adaptive_max_pool2d", 2, input, output_size)


def adaptive_max_pool3d_with_indices(
    input: Tensor, output_size: Any, return_indices: bool = True
) -> tuple[Tensor, Tensor]:
    """`adaptive_max_pool3d`, and int64 indices into the flattened volume of where each maximum was.

    Args:
        input: shape (N, C, D, H, W) or (C, D, H, W), floating point.
        output_size: one int for all three, or (planes, rows, columns); None keeps a size.
        return_indices: accepted; the indices are returned anyhow.

    Returns:
        Two tensors (N, C, *output_size) or (C, *output_size): maxima, and int64 indices.

    Raises:
        RuntimeError: wrong dimensions or dtype.
        TypeError: ``output_size`` is not made of ints.
        ValueError: ``output_size`` is not positive or of the wrong length.

    Example:
        >>> import lucid
        >>> F = lucid.nn.functional
        >>> y, places = F.adaptive_max_pool3d_with_indices(lucid.arange(8.0).reshape(1, 2, 2, 2), 1)
        >>> print(y, places)
        [[[[7.0]]]] [[[[7]]]]
    """
    return _max_pool("adaptive_max_pool3d", 3, input, output_size)


def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest elements of ``output_size`` windows that cover the input evenly.

    Window i of n over L elements goes from floor(i L / n) to ceil((i + 1) L / n).

    Args:
        input: shape (N, C, L) or (C, L).
        output_size: number of windows; None means L.
        return_indices: return the positions of the maxima as well, int64.

    Raises:
        RuntimeError: wrong dimensions or dtype.
        TypeError: ``output_size`` is not made of ints.
        ValueError: ``output_size`` is not positive or of the wrong length.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.adaptive_max_pool1d(lucid.tensor([[1.0, 2.0, 6.0]]), 2).tolist()
        [[2.0, 6.0]]

    Source: He et al., Spatial pyramid pooling in deep convolutional networks, arXiv:1406.4729 (the windows).
    """
    return (
        _max_pool("adaptive_max_pool1d", 1, input, output_size)
        if return_indices
        else _maxima("adaptive_max_pool1d", input, output_size)
    )


def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest elements of a grid of ``output_size`` windows that cover each plane evenly.

    Window i of n over H rows goes from floor(i H / n) to ceil((i + 1) H / n), and likewise for columns.

    Args:
        input: shape (N, C, H, W) or (C, H, W).
        output_size: one int for both, or (rows, columns); None keeps a size.
        return_indices: return the positions of the maxima in the flattened planes as well, int64.

    Raises:
        RuntimeError: wrong dimensions or dtype.
        TypeError: ``output_size`` is not made of ints.
        ValueError: ``output_size`` is not positive or of the wrong length.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.adaptive_max_pool2d(lucid.arange(16.0).reshape(1, 4, 4), (1, 2)).tolist()
        [[[13.0, 15.0]]]

    Source: He et al., Spatial pyramid pooling in deep convolutional networks, arXiv:1406.4729 (the windows).
    """
    return (
        _max_pool("adaptive_max_pool2d", 2, input, output_size)
        if return_indices
        else _maxima("adaptive_max_pool2d", input, output_size)
    )


def adaptive_max_pool3d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest elements of a grid of ``output_size`` windows that cover each volume evenly.

    Window i of n over D planes goes from floor(i D / n) to ceil((i + 1) D / n), and likewise for rows and columns.

    Args:
        input: shape (N, C, D, H, W) or (C, D, H, W).
        output_size: one int for all three, or (planes, rows, columns); None keeps a size.
        return_indices: return the positions of the maxima in the flattened volumes as well, int64.

    Raises:
        RuntimeError: wrong dimensions or dtype.
        TypeError: ``output_size`` is not made of ints.
        ValueError: ``output_size`` is not positive or of the wrong length.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.adaptive_max_pool3d(lucid.arange(8.0).reshape(1, 2, 2, 2), (1, 1, 2)).tolist()
        [[[[6.0, 7.0]]]]

    Source: He et al., Spatial pyramid pooling in deep convolutional networks, arXiv:1406.4729 (the windows).
    """
    y, indices = _max_pool("adaptive_max_pool3d", 3, input, output_size)
    return (y, indices) if return_indices else y


def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """Means over a grid of ``output_size`` windows that cover each volume evenly.

    Window i of n over D planes goes from floor(i D / n) to ceil((i + 1) D / n), and likewise for rows and columns.

    Args:
        input: shape (N, C, D, H, W) or (C, D, H, W).
        output_size: one int for all three, or (planes, rows, columns); None keeps a size.

    Raises:
        RuntimeError: wrong dimensions or dtype.
        TypeError: ``output_size`` is not made of ints.
        ValueError: ``output_size`` is not positive or of the wrong length.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.adaptive_avg_pool3d(lucid.arange(8.0).reshape(1, 2, 2, 2), 1).tolist()
        [[[[3.5]]]]

    Source: He et al., Spatial pyramid pooling in deep convolutional networks, arXiv:1406.4729 (the windows).
    """
    x = to_volumes("adaptive_avg_pool3d", input)
    planes, rows, columns = _wanted("adaptive_avg_pool3d", input, output_size, 3)
    n, c, depth, height, width = x._data.shape
    y = AdaptiveAvgPool2d.apply(reshape(x, (n, c * depth, height, width)), (rows, columns))
    y = AdaptiveAvgPool2d.apply(reshape(y, (n, c, depth, rows * columns)), (planes, rows * columns))
    return from_volumes(reshape(y, (n, c, planes, rows, columns)), input)
