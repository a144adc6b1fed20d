"""Normalisation across neighbouring channels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lucid._functions.binary import pow
from lucid._functions.pointwise import square
from lucid._functions.pool import AvgPool2d
from lucid._functions.shape import reshape
from lucid.nn.functional._common import check_floating
from lucid.nn.functional.conv import pad

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["local_response_norm"]


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
