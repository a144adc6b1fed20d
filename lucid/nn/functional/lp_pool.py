"""Pooling by p-norms."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from lucid._functions.binary import pow
from lucid._functions.choice import where
from lucid._functions.pointwise import sqrt, square
from lucid._functions.pool import AvgPool2d
from lucid._functions.shape import reshape
from lucid.autograd._mode import mode
from lucid.nn.functional._arguments import Sizes, at_least, check_planes, sizes
from lucid.nn.functional._common import check_floating

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["lp_pool1d", "lp_pool2d", "lp_pool3d"]


def _means(x: Tensor, kernel: tuple[int, ...], step: tuple[int, ...], ceil_mode: bool) -> Tensor:
    """Means over windows of (N, ...): over the last two dimensions at once, then over the one before."""
    shape = x._data.shape
    depth, height, width = (1, *shape[1:])[-3:] if len(shape) < 4 else shape[1:]
    (kd, kh, kw), (sd, sh, sw) = [((1, 1, *v))[-3:] for v in (kernel, step)]
    options = ((0, 0), ceil_mode, True, None)
    y = AvgPool2d.apply(reshape(x, (shape[0], depth, height, width)), (kh, kw), (sh, sw), *options)
    if len(kernel) < 3:
        return y
    n, d, h, w = y._data.shape
    y = AvgPool2d.apply(reshape(y, (n, 1, d, h * w)), (kd, 1), (sd, 1), *options)
    return reshape(y, (n, y._data.shape[2], h, w))


def _lp_pool(
    name: str, spatial: int, x: Tensor, norm_type: float, kernel_size: Any, stride: Any, ceil_mode: bool
) -> Tensor:
    check_floating(name, x)
    shape = x._data.shape
    check_planes(name, shape, spatial)
    kernel = at_least(name, "kernel_size", sizes(name, "kernel_size", kernel_size, spatial), 1)
    step = kernel if stride is None else at_least(name, "stride", sizes(name, "stride", stride, spatial), 1)
    p = float(norm_type)
    if not 0 < p < math.inf:
        raise ValueError(f"{name}: norm_type must be positive and finite, got {norm_type}")
    if any(n < k and not (ceil_mode and n) for n, k in zip(shape[-spatial:], kernel)):
        raise RuntimeError(f"{name}: a window of {kernel} does not fit into an input of shape {shape}")
    lead, inner = shape[:-spatial], (1,) * (2 - spatial) + shape[-spatial:]
    powers = reshape(
        x if p == 1 else square(x) if p == 2 else pow(x, p),
        (math.prod(lead), *(inner if spatial == 3 else (1, *inner))),
    )
    total = _means(powers, kernel, step, ceil_mode) * math.prod(kernel)
    total = reshape(total, (*lead, *total._data.shape[4 - spatial if spatial < 3 else 1 :]))
    if p == 1:
        return total
    none = total == 0
    if not mode.enabled or not none._data.any():
        return sqrt(total) if p == 2 else pow(total, 1 / p)
    # Where all is 0 the root has no slope; the gradient there is 0.
    positive = where(none, 1.0, total)
    return where(none, total, sqrt(positive) if p == 2 else pow(positive, 1 / p))


def lp_pool1d(
    input: Tensor, norm_type: float, kernel_size: Sizes, stride: Sizes | None = None, ceil_mode: bool = False
) -> Tensor:
    """The p-norm of every window, without the magnitude bars.

        y = (sum of x^p)^(1/p),    p the norm type;    dy/dx = 0 where the sum is 0

    For p = 1 this is the sum. For an odd or fractional p it is NaN where the sum or a power of a negative number is.
    A window that ``ceil_mode`` lets reach beyond the input counts what it lacks as if it were the mean of the rest.

    Args:
        input: shape (N, C, L) or (C, L), floating point.
        norm_type: p, positive.
        kernel_size: elements in a window.
        stride: step between windows; ``kernel_size`` unless given.
        ceil_mode: also give windows that begin inside the input and end beyond it.

    Raises:
        RuntimeError: wrong dimensions, or an input smaller than the window.
        TypeError: ``input`` is not a floating-point tensor.
        ValueError: an option is out of range.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.lp_pool1d(lucid.tensor([[3.0, 4.0, 0.0, 2.0]]), 2, 2).tolist()
        [[5.0, 2.0]]

    Source: Gulcehre et al., Learned-norm pooling for deep feedforward and recurrent neural networks, arXiv:1311.1780.
    """
    return _lp_pool("lp_pool1d", 1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(
    input: Tensor, norm_type: float, kernel_size: Sizes, stride: Sizes | None = None, ceil_mode: bool = False
) -> Tensor:
    """The p-norm of every window of a plane: `lp_pool1d`, which documents the formula, in two dimensions.

    Args:
        input: shape (N, C, H, W) or (C, H, W), floating point.
        norm_type: p, positive.
        kernel_size: height and width of a window.
        stride: steps between windows; ``kernel_size`` unless given.
        ceil_mode: also give windows that begin inside the input and end beyond it.

    Raises:
        RuntimeError: wrong dimensions, or an input smaller than the window.
        TypeError: ``input`` is not a floating-point tensor.
        ValueError: an option is out of range.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.lp_pool2d(lucid.ones(1, 4, 4), 2, 2).tolist()
        [[[2.0, 2.0], [2.0, 2.0]]]

    Source: Gulcehre et al., Learned-norm pooling for deep feedforward and recurrent neural networks, arXiv:1311.1780.
    """
    return _lp_pool("lp_pool2d", 2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(
    input: Tensor, norm_type: float, kernel_size: Sizes, stride: Sizes | None = None, ceil_mode: bool = False
) -> Tensor:
    """The p-norm of every window of a volume: `lp_pool1d`, which documents the formula, in three dimensions.

    Args:
        input: shape (N, C, D, H, W) or (C, D, H, W), floating point.
        norm_type: p, positive.
        kernel_size: depth, height and width of a window.
        stride: steps between windows; ``kernel_size`` unless given.
        ceil_mode: also give windows that begin inside the input and end beyond it.

    Raises:
        RuntimeError: wrong dimensions, or an input smaller than the window.
        TypeError: ``input`` is not a floating-point tensor.
        ValueError: an option is out of range.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.lp_pool3d(lucid.ones(1, 2, 2, 2), 3, 2).tolist()
        [[[[2.0]]]]

    Source: Gulcehre et al., Learned-norm pooling for deep feedforward and recurrent neural networks, arXiv:1311.1780.
    """
    return _lp_pool("lp_pool3d", 3, input, norm_type, kernel_size, stride, ceil_mode)
