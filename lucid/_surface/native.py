"""Normalisation and dropout that also give what their gradients need, under PyTorch's top-level names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from lucid._functions._arguments import check_tensors
from lucid._functions.creation import empty
from lucid._functions.pointwise import rsqrt
from lucid._functions.reduce import mean, var
from lucid._functions.sampling import rand
from lucid._functions.shape import reshape
from lucid._tensor import Tensor
from lucid.nn import functional as F

__all__ = ["native_batch_norm", "native_channel_shuffle", "native_dropout", "native_group_norm", "native_layer_norm"]

native_channel_shuffle = F.channel_shuffle


def _statistics(rows: Any, dims: Any, eps: float, keepdim: bool) -> tuple[Tensor, Tensor]:
    return mean(rows, dims, keepdim), rsqrt(var(rows, dims, keepdim=keepdim, correction=0) + eps)


def native_layer_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None, bias: Tensor | None, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """`lucid.nn.functional.layer_norm`, the means and the reciprocal standard deviations.

    Args:
        input: shape (..., *normalized_shape), floating point.
        normalized_shape: the last dimensions.
        weight, bias: of that shape, or None.
        eps: added to the variance.

    Returns:
        y; mean and 1 / sqrt(var + eps), of the other dimensions, followed by 1 for each normalised one.

    Raises:
        RuntimeError: shapes or dtypes do not fit.
        TypeError: ``input`` is no tensor.

    Example:
        >>> import lucid
        >>> y, m, r = lucid.native_layer_norm(lucid.tensor([[1.0, 3.0]]), (2,), None, None, 0.0)
        >>> print(y, m, r)
        [[-1.0, 1.0]] [[2.0]] [[1.0]]
    """
    check_tensors("native_layer_norm", input)
    y = F.layer_norm(input, tuple(normalized_shape), weight, bias, eps)
    dims = tuple(range(input.ndim - len(tuple(normalized_shape)), input.ndim))
    return (y, *_statistics(input.detach(), dims, eps, True))


def native_group_norm(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, N: int, C: int, HxW: int, group: int, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """`lucid.nn.functional.group_norm`, the means and the reciprocal standard deviations.

    Args:
        input: shape (N, C, ...), floating point.
        weight, bias: shape (C,), or None.
        N, C, HxW: sizes of the batch, of the channels and of all other dimensions together.
        group: number of groups.
        eps: added to the variance.

    Returns:
        y; mean and 1 / sqrt(var + eps), of shape (N, group).

    Raises:
        RuntimeError: shapes or dtypes do not fit.
        TypeError: ``input`` is no tensor.

    Example:
        >>> import lucid
        >>> x = lucid.tensor([[1.0, 3.0]])
        >>> print(lucid.native_group_norm(x, None, None, 1, 2, 1, 1, 0.0)[1])
        [[2.0]]
    """
    check_tensors("native_group_norm", input)
    shape = tuple(input.shape)
    if shape[:2] != (N, C) or math.prod(shape[2:]) != HxW:
        raise RuntimeError(f"native_group_norm: expected input of {N} samples, {C} channels, {HxW} places, got {shape}")
    y = F.group_norm(input, group, weight, bias, eps)
    return (y, *_statistics(reshape(input, (N, group, C // group * HxW)), 2, eps, False))


def native_batch_norm(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, running_mean: Tensor | None, running_var: Tensor | None,
    training: bool, momentum: float, eps: float, *, out: Any = None,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """`lucid.nn.functional.batch_norm`, the means and the reciprocal standard deviations of the batch.

    Args:
        input: shape (N, C, ...), floating point.
        weight, bias: shape (C,), or None.
        running_mean, running_var: shape (C,), updated in training, used otherwise; or None.
        training: take the statistics of the batch.
        momentum: share of the batch in the update.
        eps: added to the variance.
        out: three tensors that receive the results.

    Returns:
        y; mean and 1 / sqrt(var + eps) of every channel, empty outside training.

    Raises:
        RuntimeError: shapes or dtypes do not fit.
        TypeError: ``input`` is no tensor.

    Example:
        >>> import lucid
        >>> x = lucid.tensor([[1.0], [3.0]])
        >>> print(lucid.native_batch_norm(x, None, None, None, None, True, 0.1, 0.0)[1])
        [2.0]
    """
    check_tensors("native_batch_norm", input)
    y = F.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
    if not training:
        return y, empty(0, dtype=input.dtype), empty(0, dtype=input.dtype)
    dims = tuple([d for d in range(input.ndim) if d != 1])
    return (y, *_statistics(input.detach(), dims, eps, False))


def native_dropout(input: Tensor, p: float, train: bool | None) -> tuple[Tensor, Tensor]:
    """`lucid.nn.functional.dropout` and the mask of what was kept.

    Args:
        input: floating point, any shape.
        p: probability that an element is dropped.
        train: False gives the input, and a mask of ones.

    Raises:
        TypeError: ``input`` is no tensor.
        ValueError: ``p`` is outside [0, 1].

    Example:
        >>> import lucid
        >>> print(lucid.native_dropout(lucid.ones(2), 0.0, True))
        (Tensor([1.0, 1.0], grad=None), Tensor([True, True], grad=None))
    """
    check_tensors("native_dropout", input)
    if not 0 <= p <= 1:
        raise ValueError(f"native_dropout: p must be between 0 and 1, got {p}")
    if train is False:
        return input.clone(), (input == input) | True
    kept = rand(*input.shape) >= p
    return input * kept * (1 / (1 - p) if p < 1 else 0.0), kept
