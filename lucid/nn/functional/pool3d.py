"""Pooling over windows of volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lucid._functions._arguments import check_tensors
from lucid._functions._common import cast
from lucid._functions._errors import OptionError
from lucid._functions.pool import AvgPool2d
from lucid._functions.pool3d import MaxPool3d
from lucid._functions.shape import reshape
from lucid.autograd._mode import mode
from lucid.autograd._node import TensorBase
from lucid.nn.functional._arguments import Sizes, check_floating, check_planes
from lucid.nn.functional.pool import check_windows, exactly, windows

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["avg_pool3d", "max_pool3d", "max_pool3d_with_indices"]


def to_volumes(name: str, x: Tensor) -> Tensor:
    """(C, D, H, W) as (1, C, D, H, W).

    Raises:
        RuntimeError: another number of dimensions, or integers.
    """
    check_tensors(name, x)
    check_floating(name, x)
    shape = x._data.shape
    check_planes(name, shape, 3)
    return x if len(shape) == 5 else reshape(x, (1, *shape))


def from_volumes(y: Tensor, x: Tensor) -> Tensor:
    """A result of `to_volumes`, with a batch only where ``x`` has one."""
    return y if x._data.ndim == 5 else reshape(y, y._data.shape[1:])


def _prepare(name: str, x: Tensor, options: tuple[Any, ...], ceil_mode: bool) -> tuple[Tensor, Any]:
    w = windows(name, 3, *[tuple(o) if isinstance(o, list) else o for o in options])
    volumes = to_volumes(name, x)
    check_windows(name, x, volumes, w, ceil_mode)
    return volumes, w


def _max_pool(x: Tensor, options: tuple[Any, ...], ceil_mode: bool, indices: bool) -> tuple[Tensor, Tensor]:
    if isinstance(x, TensorBase) and x._data.dtype.kind in "iu":
        values, places = _max_pool(exactly("max_pool3d", x), options, ceil_mode, indices)
        return cast(values, x.dtype), places
    volumes, w = _prepare("max_pool3d", x, options, ceil_mode)
    wanted = indices or (mode.enabled and volumes.requires_grad)
    y, at = MaxPool3d.apply(volumes, *w, ceil_mode, wanted)
    return from_volumes(y, x), from_volumes(at, x)


def max_pool3d_with_indices(
    input: Tensor, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0, dilation: Sizes = 1,
    ceil_mode: bool = False, return_indices: bool = True,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """`max_pool3d`, and int64 indices into the flattened volume D * H * W of where each maximum was.

    Args:
        input: shape (N, C, D, H, W) or (C, D, H, W), floating point.
        kernel_size: depth, height and width of a window.
        stride: steps between windows; ``kernel_size`` unless given.
        padding: elements of -inf added on all sides, at most half a window.
        dilation: distance between the elements of a window.
        ceil_mode: also give windows that begin inside the input or the padding before it and end beyond it.
        return_indices: accepted; the indices are returned anyhow.

    Returns:
        Two tensors (N, C, D', H', W') or (C, D', H', W'), the sizes as for `max_pool3d`: maxima, and int64 indices.

    Raises:
        RuntimeError: wrong dimensions or dtype, or an input smaller than the window.
        TypeError: a size is not made of ints.
        ValueError: an option is out of range.

    Example:
        >>> import lucid
        >>> F = lucid.nn.functional
        >>> y, places = F.max_pool3d_with_indices(lucid.arange(8.0).reshape(1, 2, 2, 2), 2)
        >>> print(y, places)
        [[[[7.0]]]] [[[[7]]]]
    """
    return _max_pool(input, (kernel_size, stride, padding, dilation), ceil_mode, True)


def max_pool3d(
    input: Tensor, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0, dilation: Sizes = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Any:  # fmt: skip
    """The largest element of every window; NaN if there is one in it.

    Args:
        input: shape (N, C, D, H, W) or (C, D, H, W).
        kernel_size: depth, height and width of a window.
        stride: steps between windows; ``kernel_size`` unless given.
        padding: elements of -inf added on all sides, at most half a window.
        dilation: distance between the elements of a window.
        ceil_mode: also give windows that begin inside the input or its padding in front and end beyond it.
        return_indices: return the positions of the maxima as well.

    Returns:
        Shape (N, C, D', H', W') with D' = floor((D + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1 (ceil
        with ``ceil_mode``), and with ``return_indices`` also the indices into the flattened volume, int64.

    Raises:
        RuntimeError: wrong dimensions or dtype, or an input smaller than the window.
        TypeError: a size is not made of ints.
        ValueError: an option is out of range.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.max_pool3d(lucid.arange(16.0).reshape(1, 2, 2, 4), 2).tolist()
        [[[[13.0, 15.0]]]]
    """
    y, indices = _max_pool(input, (kernel_size, stride, padding, dilation), ceil_mode, return_indices)
    return (y, indices) if return_indices else y


def avg_pool3d(
    input: Tensor, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None, *, out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The mean of every window.

    Args:
        input: shape (N, C, D, H, W) or (C, D, H, W).
        kernel_size: depth, height and width of a window.
        stride: steps between windows; ``kernel_size`` unless given.
        padding: zeros added on all sides, at most half a window.
        ceil_mode: also give windows that begin inside the input or its padding in front and end beyond it.
        count_include_pad: divide by the elements of the window that lie in the padded input, not only in the input.
        divisor_override: divide by this number instead.
        out: tensor that receives the result.

    Raises:
        RuntimeError: wrong dimensions or dtype, or an input smaller than the window.
        TypeError: a size is not made of ints.
        ValueError: an option is out of range.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.avg_pool3d(lucid.arange(16.0).reshape(1, 2, 2, 4), 2).tolist()
        [[[[6.5, 8.5]]]]
    """
    if isinstance(input, TensorBase) and input._data.dtype == np.int64:
        wide = exactly("avg_pool3d", input)
        return cast(
            avg_pool3d(wide, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override), input.dtype
        )
    x, (kernel, step, pads, _) = _prepare("avg_pool3d", input, (kernel_size, stride, padding, 1), ceil_mode)
    if divisor_override is not None and divisor_override == 0:
        raise OptionError("avg_pool3d: divisor_override must not be zero")
    # The number of elements of a window is a product over the dimensions, so the mean is one of means.
    inner = None if divisor_override is None else 1
    n, c, depth, height, width = x._data.shape
    options = (kernel[1:], step[1:], pads[1:], ceil_mode, count_include_pad, inner)
    y = AvgPool2d.apply(reshape(x, (n, c * depth, height, width)), *options)
    rows, columns = y._data.shape[2:]
    y = reshape(y, (n, c, depth, rows * columns))
    options = ((kernel[0], 1), (step[0], 1), (pads[0], 0), ceil_mode, count_include_pad, divisor_override)
    y = AvgPool2d.apply(y, *options)
    return from_volumes(reshape(y, (n, c, y._data.shape[2], rows, columns)), input)
