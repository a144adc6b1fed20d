"""Max pooling by windows whose steps are drawn at random."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid._functions.gather import gather
from lucid._functions.sampling import rand
from lucid._functions.shape import reshape
from lucid._printing import shown
from lucid.autograd._node import wrap
from lucid.nn.functional._arguments import Sizes, at_least, check_planes, sizes
from lucid.nn.functional._common import check_floating

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = [
    "fractional_max_pool2d", "fractional_max_pool2d_with_indices", "fractional_max_pool3d",
    "fractional_max_pool3d_with_indices",
]  # fmt: skip


def check_ratio(name: str, output_ratio: Any, spatial: int) -> tuple[float, ...]:
    """The ratios, one for each dimension, each between 0 and 1."""
    given = output_ratio if isinstance(output_ratio, (tuple, list)) else (output_ratio,) * spatial
    try:
        ratios = tuple(float(r) for r in given)
    except (TypeError, ValueError):
        raise TypeError(f"{name}: output_ratio must be one number or {spatial}, got {shown(output_ratio)}") from None
    if len(ratios) != spatial or not all(0 < r < 1 for r in ratios):
        raise ValueError(f"{name}: output_ratio must be one number or {spatial} between 0 and 1, got {output_ratio}")
    return ratios


def _starts(sample: np.ndarray, size: int, kernel: int, outputs: int) -> np.ndarray:
    """(planes, outputs): where windows begin: steps of an even size, rounded, from a random phase."""
    found = np.full((len(sample), outputs), size - kernel)
    if outputs > 1:
        phase = sample[:, None]
        step = sample.dtype.type(size - kernel) / sample.dtype.type(outputs - 1)
        i = np.arange(outputs - 1, dtype=sample.dtype)
        found[:, :-1] = ((i + phase) * step).astype(np.int64) - (phase * step).astype(np.int64)
    return found


def _pool(
    name: str, spatial: int, x: Tensor, kernel_size: Any, output_size: Any, output_ratio: Any, samples: Tensor | None
) -> tuple[Tensor, Tensor]:
    check_floating(name, x)
    shape = x._data.shape
    check_planes(name, shape, spatial)
    if (output_size is None) == (output_ratio is None):
        raise ValueError(f"{name}: expected exactly one of output_size and output_ratio")
    kernel = at_least(name, "kernel_size", sizes(name, "kernel_size", kernel_size, spatial), 1)
    space, lead = shape[-spatial:], (1, *shape)[-spatial - 2 : -spatial]
    if output_size is None:
        output_size = tuple(int(n * r) for n, r in zip(space, check_ratio(name, output_ratio, spatial)))
    wanted = at_least(name, "output_size", sizes(name, "output_size", output_size, spatial), 1)
    if any(m + k - 1 > n for n, k, m in zip(space, kernel, wanted)):
        raise RuntimeError(f"{name}: {wanted} windows of {kernel} do not fit into an input of shape {shape}")
    if samples is None:
        samples = rand(*lead, spatial, dtype=x.dtype)
    if samples._data.shape != (*lead, spatial) or samples._data.dtype != x._data.dtype:
        raise RuntimeError(
            f"{name}: expected _random_samples of shape {(*lead, spatial)} and {x.dtype}, got {samples._data.shape} "
            f"and {samples.dtype}"
        )
    draws, planes = samples._data.reshape(-1, spatial), math.prod(lead)
    order = (1, 0) if spatial == 2 else (0, 1, 2)  # PyTorch's: planes take their width from the first number
    index = np.zeros((planes, 1, 1), np.int64)  # (planes, windows, elements of a window), flat positions
    for d, n, k, m in zip(order, space, kernel, wanted):
        lines = _starts(draws[:, d], n, k, m)[:, :, None] + np.arange(k)
        grown = (planes, index.shape[1] * m, index.shape[2] * k)
        index = (index[:, :, None, :, None] * n + lines[:, None, :, None, :]).reshape(grown)
    flat = reshape(x, (planes, math.prod(space)))
    every = index.reshape(planes, index.shape[1] * index.shape[2])
    seen = np.take_along_axis(flat._data, every, 1).reshape(index.shape)
    at = np.take_along_axis(index, np.argmax(seen, 2)[:, :, None], 2)[:, :, 0]
    result = (*shape[:-spatial], *wanted)
    return reshape(gather(flat, 1, wrap(at)), result), wrap(at.reshape(result))


def fractional_max_pool2d_with_indices(
    input: Tensor,
    kernel_size: Sizes,
    output_size: Sizes | None = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """`fractional_max_pool2d`, and int64 indices into the flattened plane of where each maximum was.

    Args:
        input: shape (N, C, H, W) or (C, H, W), floating point.
        kernel_size: height and width of a window.
        output_size: windows in each dimension.
        output_ratio: instead of that: output size = floor(input size * ratio), ratios between 0 and 1.
        return_indices: accepted; the indices are returned anyhow.
        _random_samples: the phases of width and height of each plane, (N, C, 2); drawn in [0, 1) unless given.

    Returns:
        Two tensors (N, C, *output size) or (C, *output size): maxima, and int64 indices.

    Raises:
        RuntimeError: wrong dimensions, or windows that do not fit.
        TypeError: ``input`` is not a floating-point tensor, or a size not made of ints.
        ValueError: an option is out of range, or not exactly one of size and ratio is given.

    Example:
        >>> import lucid
        >>> F = lucid.nn.functional
        >>> y, places = F.fractional_max_pool2d_with_indices(lucid.rand(1, 1, 8, 8), 2, output_size=3)
        >>> y.shape, places.dtype
        (lucid.Size([1, 1, 3, 3]), lucid.int64)

    Source: Graham, Fractional max-pooling, arXiv:1412.6071.
    """
    return _pool("fractional_max_pool2d", 2, input, kernel_size, output_size, output_ratio, _random_samples)


def fractional_max_pool3d_with_indices(
    input: Tensor,
    kernel_size: Sizes,
    output_size: Sizes | None = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """`fractional_max_pool3d`, and int64 indices into the flattened volume of where each maximum was.

    Args:
        input: shape (N, C, D, H, W) or (C, D, H, W), floating point.
        kernel_size: depth, height and width of a window.
        output_size: windows in each dimension.
        output_ratio: instead of that: output size = floor(input size * ratio), ratios between 0 and 1.
        return_indices: accepted; the indices are returned anyhow.
        _random_samples: the phases of depth, height and width of each volume, (N, C, 3); drawn in [0, 1) unless given.

    Returns:
        Two tensors (N, C, *output size) or (C, *output size): maxima, and int64 indices.

    Raises:
        RuntimeError: wrong dimensions, or windows that do not fit.
        TypeError: ``input`` is not a floating-point tensor, or a size not made of ints.
        ValueError: an option is out of range, or not exactly one of size and ratio is given.

    Example:
        >>> import lucid
        >>> F = lucid.nn.functional
        >>> y, places = F.fractional_max_pool3d_with_indices(lucid.rand(1, 1, 6, 6, 6), 2, output_size=3)
        >>> y.shape, places.dtype
        (lucid.Size([1, 1, 3, 3, 3]), lucid.int64)

    Source: Graham, Fractional max-pooling, arXiv:1412.6071.
    """
    return _pool("fractional_max_pool3d", 3, input, kernel_size, output_size, output_ratio, _random_samples)


def fractional_max_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    output_size: Sizes | None = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """The largest element of every window; windows begin at evenly spaced positions, rounded from a random phase u.

        start(i) = floor((i + u) * s) - floor(u * s),    s = (size - kernel) / (outputs - 1);    the last one at the end

    Args:
        input: shape (N, C, H, W) or (C, H, W), floating point.
        kernel_size: height and width of a window.
        output_size: windows in each dimension.
        output_ratio: instead of that: output size = floor(input size * ratio), ratios between 0 and 1.
        return_indices: return the positions of the maxima as well.
        _random_samples: the phases of width and height of each plane, (N, C, 2); drawn in [0, 1) unless given.

    Returns:
        Shape (N, C, *output size), and with ``return_indices`` also indices into the flattened plane, int64.

    Raises:
        RuntimeError: wrong dimensions, or windows that do not fit.
        TypeError: ``input`` is not a floating-point tensor, or a size not made of ints.
        ValueError: an option is out of range, or not exactly one of size and ratio is given.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.fractional_max_pool2d(lucid.randn(1, 3, 9, 9), 2, output_ratio=0.5).shape
        lucid.Size([1, 3, 4, 4])

    Source: Graham, Fractional max-pooling, arXiv:1412.6071.
    """
    found = _pool("fractional_max_pool2d", 2, input, kernel_size, output_size, output_ratio, _random_samples)
    return found if return_indices else found[0]


def fractional_max_pool3d(
    input: Tensor,
    kernel_size: Sizes,
    output_size: Sizes | None = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """`fractional_max_pool2d`, which documents the formula, for volumes.

    Args:
        input: shape (N, C, D, H, W) or (C, D, H, W), floating point.
        kernel_size: depth, height and width of a window.
        output_size: windows in each dimension.
        output_ratio: instead of that: output size = floor(input size * ratio), ratios between 0 and 1.
        return_indices: return the positions of the maxima as well.
        _random_samples: the phases of depth, height and width of each volume, (N, C, 3); drawn unless given.

    Returns:
        Shape (N, C, *output size), and with ``return_indices`` also indices into the flattened volume, int64.

    Raises:
        RuntimeError: wrong dimensions, or windows that do not fit.
        TypeError: ``input`` is not a floating-point tensor, or a size not made of ints.
        ValueError: an option is out of range, or not exactly one of size and ratio is given.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.fractional_max_pool3d(lucid.randn(3, 9, 9, 9), 2, output_size=(4, 3, 5)).shape
        lucid.Size([3, 4, 3, 5])

    Source: Graham, Fractional max-pooling, arXiv:1412.6071.
    """
    found = _pool("fractional_max_pool3d", 3, input, kernel_size, output_size, output_ratio, _random_samples)
    return found if return_indices else found[0]
