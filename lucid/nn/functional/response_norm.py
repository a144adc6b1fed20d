"""Normalisation across neighbouring channels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lucid._functions._arguments import check_tensors
from lucid._functions.binary import pow
from lucid._functions.pointwise import rsqrt, square
from lucid._functions.pool import AvgPool2d
from lucid._functions.shape import reshape
from lucid.nn.functional._common import check_floating
from lucid.nn.functional.conv import pad

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["global_response_norm", "local_response_norm"]


def across_channels(x: Tensor, before: int, after: int, alpha: float, beta: float, k: float) -> Tensor:
    """x / (k + alpha * m)^beta, m the mean of x^2 over a window of channels, those beyond the ends being 0."""
    shape, window = x._data.shape, before + after + 1
    squares = reshape(square(x), (shape[0], 1, shape[1], math.prod(shape[2:])))
    mean = AvgPool2d.apply(pad(squares, (0, 0, before, after)), (window, 1), (1, 1), (0, 0), False, True, None)
    return x / pow(reshape(mean, shape) * alpha + k, beta)


def local_response_norm(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """Every element divided by a power of the mean square of its neighbours in other channels.

        y[c] = x[c] / (k + alpha / size * sum of x[c']^2 for c' from c - size // 2 to c + (size - 1) // 2)^beta

    Args:
        input: shape (N, C, ...), at least three dimensions, floating point.
        size: number of neighbouring channels; those beyond the ends count as 0.
        alpha: weight of the mean square.
        beta: exponent.
        k: constant.

    Returns:
        The input's shape.

    Raises:
        TypeError: ``input`` is not a floating-point tensor.
        ValueError: fewer than three dimensions, or ``size`` is not positive.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.local_response_norm(lucid.ones(1, 2, 1), 2, alpha=6.0, beta=1.0).flatten().tolist()
        [0.25, 0.1428571492433548]

    Source: Krizhevsky et al., ImageNet classification with deep convolutional neural networks, NIPS 2012.
    """
    name = "local_response_norm"
    check_floating(name, input)
    if input._data.ndim < 3:
        raise ValueError(f"{name}: expected input of shape (N, C, ...) with at least 3 dimensions, "
                         f"got {input._data.shape}")  # fmt: skip
    if size < 1:
        raise ValueError(f"{name}: size must be positive, got {size}")
    return across_channels(input, size // 2, (size - 1) // 2, alpha, beta, k) if input._data.size else input.clone()


def global_response_norm(input_: Tensor, gamma: Tensor, beta: Tensor, eps: float = 1e-6) -> Tensor:
    """Every channel of every image divided by its root mean square, then scaled and shifted.

        y = gamma[c] * x / sqrt(mean of x^2 over the plane + eps) + beta[c]

    The layer of that name in ConvNeXt V2 multiplies x by the ratio of its channel's norm to the mean norm instead.

    Args:
        input_: shape (N, C, H, W), floating point.
        gamma: scale of each channel, (C,), or (1, C, 1, 1).
        beta: shift of each channel, likewise.
        eps: added to the mean square.

    Raises:
        RuntimeError: a shape is wrong.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.global_response_norm(lucid.full((1, 1, 2, 2), 3.0), lucid.ones(1), lucid.zeros(1), eps=0.0).tolist()
        [[[[1.0, 1.0], [1.0, 1.0]]]]
    """
    check_tensors("global_response_norm", input_, gamma, beta)
    shape = input_._data.shape
    if len(shape) != 4:
        raise RuntimeError(f"global_response_norm: expected input of shape (N, C, H, W), got {shape}")
    if {gamma._data.shape, beta._data.shape} - {(shape[1],), (1, shape[1], 1, 1)}:
        raise RuntimeError(
            f"global_response_norm: expected gamma and beta of shape {(shape[1],)}, got {gamma._data.shape} and "
            f"{beta._data.shape} (input {shape})"
        )
    each = (1, shape[1], 1, 1)
    scale = rsqrt(square(input_).mean((2, 3), keepdim=True) + eps)
    return input_ * scale * gamma.reshape(each) + beta.reshape(each)
