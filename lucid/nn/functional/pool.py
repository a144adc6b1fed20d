"""Pooling over windows of sequences and planes."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid._dtype import float64
from lucid._functions import pool
from lucid._functions._arguments import check_tensors
from lucid._functions._common import cast
from lucid._functions._errors import OptionError
from lucid._printing import shown
from lucid.nn.functional._arguments import Sizes, at_least, from_planes, sizes, to_planes

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "avg_pool1d",
    "avg_pool2d",
    "max_pool1d",
    "max_pool1d_with_indices",
    "max_pool2d",
    "max_pool2d_with_indices",
]

Pair = tuple[int, int]
Windows = tuple[Pair, Pair, Pair, Pair]


@functools.lru_cache(maxsize=4096, typed=True)
def windows(name: str, spatial: int, kernel_size: Any, stride: Any, padding: Any, dilation: Any) -> Windows:
    """Kernel, stride, padding and dilation, checked, as (vertical, horizontal); vertically trivial in one dimension."""
    kernel = at_least(name, "kernel_size", sizes(name, "kernel_size", kernel_size, spatial), 1)
    step = (
        kernel
        if stride is None or (isinstance(stride, tuple) and not stride)
        else sizes(name, "stride", stride, spatial)
    )
    at_least(name, "stride", step, 1)
    pads = at_least(name, "padding", sizes(name, "padding", padding, spatial), 0)
    spread = at_least(name, "dilation", sizes(name, "dilation", dilation, spatial), 1)
    for k, p, d in zip(kernel, pads, spread):
        if 2 * p > d * (k - 1) + 1:
            raise OptionError(f"{name}: padding {p} is more than half of the window (kernel_size {k}, dilation {d})")
    if spatial == 1:
        kernel, step, pads, spread = (1, *kernel), (1, *step), (0, *pads), (1, *spread)
    return kernel, step, pads, spread  # type: ignore[return-value]


def check_windows(name: str, x: Tensor, images: Tensor, w: Any, ceil_mode: bool) -> None:
    """RuntimeError if a window of ``w`` is larger than the padded ``images``, which are ``x``."""
    for size, k, s, p, d in zip(images._data.shape[2:], *w):
        if size + 2 * p + (s - 1 if ceil_mode else 0) < d * (k - 1) + 1 or size == 0:
            raise RuntimeError(f"{name}: the window spans {d * (k - 1) + 1} elements, more than the padded input has "
                               f"(input {x._data.shape}, padding {p})")  # fmt: skip


def _prepare(name: str, spatial: int, x: Tensor, options: tuple[Any, ...], ceil_mode: bool) -> tuple[Tensor, Windows]:
    w = windows(name, spatial, *[tuple(o) if isinstance(o, list) else o for o in options])
    planes = to_planes(name, x, spatial)
    check_windows(name, x, planes, w, ceil_mode)
    return planes, w


def exactly(name: str, x: Tensor) -> Tensor:
    """Integers in float64.

    Raises:
        RuntimeError: one is beyond 2^53, where float64 leaves integers out.
    """
    if x._data.dtype.itemsize == 8 and x._data.size and max(int(x._data.max()), -int(x._data.min())) > 2**53:
        raise RuntimeError(f"{name}: expected integers of magnitude up to 2^53, got {x.dtype} beyond")
    return cast(x, float64)


def _max_pool(name: str, spatial: int, x: Tensor, options: tuple[Any, ...], ceil_mode: bool) -> tuple[Tensor, Tensor]:
    if x._data.dtype.kind in "iu":
        y, places = _max_pool(name, spatial, exactly(name, x), options, ceil_mode)
        return cast(y, x.dtype), places
    planes, w = _prepare(name, spatial, x, options, ceil_mode)
    y, indices = pool.MaxPool2d.apply(planes, *w, ceil_mode)
    ndim = x._data.ndim
    return from_planes(y, spatial, ndim), from_planes(indices, spatial, ndim)


def _maxima(name: str, spatial: int, x: Tensor, options: tuple[Any, ...], ceil_mode: bool) -> Tensor:
    """Without places, which only a gradient needs."""
    if not pool.needs_no_places(x):
        return _max_pool(name, spatial, x, options, ceil_mode)[0]
    planes, w = _prepare(name, spatial, x, options, ceil_mode)
    return from_planes(pool.maxima(planes, *w, ceil_mode), spatial, x._data.ndim)


def max_pool1d_with_indices(
    input: Tensor, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0, dilation: Sizes = 1,
    ceil_mode: bool = False, return_indices: bool = True,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """`max_pool1d`, and int64 indices into L of where each maximum was.

    Args:
        input: shape (N, C, L) or (C, L), floating point.
        kernel_size: elements in a window.
        stride: step between windows; ``kernel_size`` unless given.
        padding: elements of -inf added at both ends, at most half a window.
        dilation: distance between the elements of a window.
        ceil_mode: also give windows that begin inside the input or the padding before it and end beyond it.
        return_indices: accepted; the indices are returned anyhow.

    Returns:
        Two tensors (N, C, L') or (C, L'), the sizes as for `max_pool1d`: maxima, and int64 indices.

    Raises:
        RuntimeError: wrong dimensions or dtype, or an input smaller than the window.
        TypeError: a size is not made of ints.
        ValueError: an option is out of range.

    Example:
        >>> import lucid
        >>> y, places = lucid.max_pool1d_with_indices(lucid.tensor([[1.0, 3.0, 5.0, 4.0]]), 2)
        >>> print(y, places)
        [[3.0, 5.0]] [[1, 2]]
    """
    check_tensors("max_pool1d_with_indices", input)
    return _max_pool("max_pool1d", 1, input, (kernel_size, stride, padding, dilation), ceil_mode)


def max_pool2d_with_indices(
    input: Tensor, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0, dilation: Sizes = 1,
    ceil_mode: bool = False, return_indices: bool = True,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """`max_pool2d`, and int64 indices into the flattened plane H * W of where each maximum was.

    Args:
        input: shape (N, C, H, W) or (C, H, W), floating point.
        kernel_size: height and width of a window.
        stride: steps between windows; ``kernel_size`` unless given.
        padding: elements of -inf added on all sides, at most half a window.
        dilation: distance between the elements of a window.
        ceil_mode: also give windows that begin inside the input or the padding before it and end beyond it.
        return_indices: accepted; the indices are returned anyhow.

    Returns:
        Two tensors (N, C, H', W') or (C, H', W'), the sizes as for `max_pool2d`: maxima, and int64 indices.

    Raises:
        RuntimeError: wrong dimensions or dtype, or an input smaller than the window.
        TypeError: a size is not made of ints.
        ValueError: an option is out of range.

    Example:
        >>> import lucid
        >>> F = lucid.nn.functional
        >>> y, places = F.max_pool2d_with_indices(lucid.arange(16.0).reshape(1, 4, 4), 2)
        >>> print(y, places)
        [[[5.0, 7.0],
          [13.0, 15.0]]] [[[5, 7],
          [13, 15]]]
    """
    check_tensors("max_pool2d_with_indices", input)
    return _max_pool("max_pool2d", 2, input, (kernel_size, stride, padding, dilation), ceil_mode)


def max_pool1d(
    input: Tensor, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0, dilation: Sizes = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Any:  # fmt: skip
    """The largest element of every window; NaN if there is one in it.

    Args:
        input: shape (N, C, L) or (C, L).
        kernel_size: elements in a window.
        stride: step between windows; ``kernel_size`` unless given.
        padding: elements of -inf added at both ends, at most half a window.
        dilation: distance between the elements of a window.
        ceil_mode: also give windows that begin inside the input or left padding and end beyond it.
        return_indices: return the positions of the maxima as well.

    Returns:
        Shape (N, C, L') with L' = floor((L + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1 (ceil with
        ``ceil_mode``), and with ``return_indices`` also the indices into L, int64.

    Raises:
        RuntimeError: wrong dimensions or dtype, or an input smaller than the window.
        TypeError: a size is not made of ints.
        ValueError: an option is out of range.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.max_pool1d(lucid.tensor([[1.0, 3.0, 2.0, 0.0]]), 2).tolist()
        [[3.0, 2.0]]
    """
    check_tensors("max_pool1d", input)
    pooled = _max_pool if return_indices else _maxima
    return pooled("max_pool1d", 1, input, (kernel_size, stride, padding, dilation), ceil_mode)


def max_pool2d(
    input: Tensor, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0, dilation: Sizes = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Any:  # fmt: skip
    """The largest element of every window; NaN if there is one in it.

    Args:
        input: shape (N, C, H, W) or (C, H, W).
        kernel_size: height and width of a window.
        stride: steps between windows; ``kernel_size`` unless given.
        padding: elements of -inf added on all sides, at most half a window.
        dilation: distance between the elements of a window.
        ceil_mode: also give windows that begin inside the input or top-left padding and end beyond it.
        return_indices: return the positions of the maxima as well.

    Returns:
        Shape (N, C, H', W') with H' = floor((H + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1 (ceil with
        ``ceil_mode``), and with ``return_indices`` also the indices into the flattened plane, int64.

    Raises:
        RuntimeError: wrong dimensions or dtype, or an input smaller than the window.
        TypeError: a size is not made of ints.
        ValueError: an option is out of range.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.max_pool2d(lucid.arange(16.0).reshape(1, 4, 4), 2).tolist()
        [[[5.0, 7.0], [13.0, 15.0]]]
    """
    check_tensors("max_pool2d", input)
    pooled = _max_pool if return_indices else _maxima
    return pooled("max_pool2d", 2, input, (kernel_size, stride, padding, dilation), ceil_mode)


def _avg_pool(
    name: str, spatial: int, x: Tensor, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool,
    count_include_pad: bool, divisor_override: int | None,
) -> Tensor:  # fmt: skip
    if x._data.dtype == np.int64:  # sums divided and truncated, as in PyTorch
        wide = exactly(name, x)
        y = _avg_pool(name, spatial, wide, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
        return cast(y, x.dtype)
    planes, (kernel, step, pads, _) = _prepare(name, spatial, x, (kernel_size, stride, padding, 1), ceil_mode)
    if divisor_override is not None and divisor_override == 0:
        raise OptionError(f"{name}: divisor_override must not be zero")
    y = pool.AvgPool2d.apply(planes, kernel, step, pads, ceil_mode, count_include_pad, divisor_override)
    return from_planes(y, spatial, x._data.ndim)


def avg_pool1d(
    input: Tensor, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0, ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:  # fmt: skip
    """The mean of every window.

    Args:
        input: shape (N, C, L) or (C, L).
        kernel_size: elements in a window.
        stride: step between windows; ``kernel_size`` unless given.
        padding: zeros added at both ends, at most half a window.
        ceil_mode: also give windows that begin inside the input or left padding and end beyond it.
        count_include_pad: divide by the elements of the window that lie in the padded input, not only in the input.

    Raises:
        RuntimeError: wrong dimensions or dtype, or an input smaller than the window.
        TypeError: a size is not made of ints.
        ValueError: an option is out of range.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.avg_pool1d(lucid.tensor([[1.0, 3.0, 2.0, 0.0]]), 2).tolist()
        [[2.0, 1.0]]
    """
    check_tensors("avg_pool1d", input)
    return _avg_pool("avg_pool1d", 1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


def avg_pool2d(
    input: Tensor, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None, *, out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The mean of every window.

    Args:
        input: shape (N, C, H, W) or (C, H, W).
        kernel_size: height and width of a window.
        stride: steps between windows; ``kernel_size`` unless given.
        padding: zeros added on all sides, at most half a window.
        ceil_mode: also give windows that begin inside the input or top-left padding and end beyond it.
        count_include_pad: divide by the elements of the window that lie in the padded input, not only in the input.
        divisor_override: divide by this number instead.
        out: tensor that receives the result.

    Raises:
        RuntimeError: wrong dimensions or dtype, or an input smaller than the window.
        TypeError: a size is not made of ints.
        ValueError: an option is out of range.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.avg_pool2d(lucid.arange(16.0).reshape(1, 4, 4), 2).tolist()
        [[[2.5, 4.5], [10.5, 12.5]]]
    """
    check_tensors("avg_pool2d", input)
    return _avg_pool(
        "avg_pool2d", 2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


def _adaptive_avg_pool(name: str, spatial: int, x: Tensor, output_size: Any) -> Tensor:
    planes = to_planes(name, x, spatial)
    given = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * spatial
    if len(given) != spatial:
        raise OptionError(f"{name}: output_size must be an int or a tuple of {spatial} ints, got {shown(output_size)}")
    height_width = planes._data.shape[4 - spatial :]
    wanted = sizes(name, "output_size", [n if o is None else o for o, n in zip(given, height_width)], spatial)
    at_least(name, "output_size", wanted, 1)
    if 0 in height_width:
        raise RuntimeError(f"{name}: expected non-empty spatial dimensions, got shape {x._data.shape}")
    size = (1, *wanted) if spatial == 1 else wanted
    return from_planes(pool.AdaptiveAvgPool2d.apply(planes, size), spatial, x._data.ndim)


def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """Means over ``output_size`` windows that cover the input evenly.

    Window i of n over L elements goes from floor(i L / n) to ceil((i + 1) L / n).

    Args:
        input: shape (N, C, L) or (C, L).
        output_size: number of windows; None means L.

    Raises:
        RuntimeError: wrong dimensions or dtype.
        TypeError: ``output_size`` is not made of ints.
        ValueError: ``output_size`` is not positive or of the wrong length.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.adaptive_avg_pool1d(lucid.tensor([[1.0, 2.0, 6.0]]), 2).tolist()
        [[1.5, 4.0]]

    Source: He et al., Spatial pyramid pooling in deep convolutional networks, arXiv:1406.4729 (the windows).
    """
    check_tensors("adaptive_avg_pool1d", input)
    return _adaptive_avg_pool("adaptive_avg_pool1d", 1, input, output_size)


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """Means over a grid of ``output_size`` windows that cover each plane evenly.

    Window i of n over H rows goes from floor(i H / n) to ceil((i + 1) H / n), and likewise for columns.

    Args:
        input: shape (N, C, H, W) or (C, H, W).
        output_size: one int for both, or (rows, columns); None keeps a size.

    Raises:
        RuntimeError: wrong dimensions or dtype.
        TypeError: ``output_size`` is not made of ints.
        ValueError: ``output_size`` is not positive or of the wrong length.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.adaptive_avg_pool2d(lucid.arange(16.0).reshape(1, 4, 4), 1).tolist()
        [[[7.5]]]

    Source: He et al., Spatial pyramid pooling in deep convolutional networks, arXiv:1406.4729 (the windows).
    """
    check_tensors("adaptive_avg_pool2d", input)
    return _adaptive_avg_pool("adaptive_avg_pool2d", 2, input, output_size)
