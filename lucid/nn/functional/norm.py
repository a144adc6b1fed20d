"""Normalisation over batches, features and groups of channels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid._functions import norm
from lucid._functions._arguments import check_tensors, integer, normalize_dims
from lucid._functions.binary import maximum
from lucid._functions.shape import reshape
from lucid.autograd._node import bump, wrap
from lucid.nn.functional._arguments import check_floating

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["batch_norm", "group_norm", "instance_norm", "layer_norm", "normalize", "rms_norm"]


def _check_per_channel(name: str, x: Tensor, shape: tuple[int, ...], **tensors: Tensor | None) -> None:
    check_tensors(name, *[t for t in tensors.values() if t is not None])
    for argument, t in tensors.items():
        if t is not None and t._data.shape != shape:
            raise RuntimeError(
                f"{name}: expected {argument} of shape {shape}, got {t._data.shape} (input {x._data.shape})"
            )
        if t is not None and t._data.dtype != x._data.dtype:
            raise RuntimeError(f"{name}: expected {argument} of the input's dtype {x.dtype}, got {t.dtype}")


def _with_weight(x: Tensor, shape: tuple[int, ...], weight: Tensor | None, bias: Tensor | None) -> Tensor | None:
    """A weight of ones where only a bias is given: the kernels take both, the weight alone, or neither."""
    return wrap(np.ones(shape, x._data.dtype)) if weight is None and bias is not None else weight


def _normalized_shape(name: str, input: Tensor, normalized_shape: Any, **parameters: Tensor | None) -> tuple[int, ...]:
    """The dimensions to normalise over, after checking everything about them."""
    shape = input._data.shape
    normalized_shape = integer(normalized_shape)
    wanted = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    check_floating(name, input)
    if not wanted:
        raise RuntimeError(f"{name}: normalized_shape must have at least one dimension, got ()")
    if shape[-len(wanted) :] != wanted:
        raise RuntimeError(f"{name}: expected last dimensions {wanted}, got {shape[-len(wanted) :]} (input {shape})")
    _check_per_channel(name, input, wanted, **parameters)
    return wanted


def _rows(input: Tensor, wanted: tuple[int, ...]) -> tuple[int, int]:
    return math.prod(input._data.shape[: -len(wanted)]), math.prod(wanted)


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """y = (x - mean) / sqrt(var + eps) * weight + bias for every channel.

    In training, mean and (biased) var are those of the batch, and the running statistics move towards them:
    running = (1 - momentum) * running + momentum * batch, where the variance is the unbiased one.

    Args:
        input: shape (N, C, ...).
        running_mean: shape (C,), changed in place in training; may be None in training.
        running_var: shape (C,), likewise.
        weight: shape (C,), or None for 1.
        bias: shape (C,), or None for 0.
        training: use the statistics of the batch.
        momentum: weight of the batch in the running statistics.
        eps: added to the variance.

    Raises:
        ValueError: training on one value per channel.
        RuntimeError: shapes or dtypes do not fit, or there are no running statistics in evaluation.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> x = lucid.tensor([[1.0], [3.0]])
        >>> F.batch_norm(x, None, None, training=True, eps=0.0).tolist()
        [[-1.0], [1.0]]

    Source: Ioffe and Szegedy, "Batch Normalization", 2015.
    """
    check_tensors("batch_norm", input)
    shape = input._data.shape
    check_floating("batch_norm", input)
    if len(shape) < 2:
        raise RuntimeError(f"batch_norm: expected input of shape (N, C, ...), got {shape}")
    channels = shape[1]
    _check_per_channel(
        "batch_norm", input, (channels,), running_mean=running_mean, running_var=running_var, weight=weight, bias=bias
    )
    weight = _with_weight(input, (channels,), weight, bias)
    if not input._data.size and channels:  # only the number of channels matters
        input = reshape(input, (0, channels))
    if (running_mean is None) != (running_var is None):
        raise ValueError("batch_norm: running_mean and running_var must both be given, or neither")
    if not training:
        if running_mean is None or running_var is None:
            raise RuntimeError("batch_norm: expected running_mean and running_var in evaluation (training=False)")
        y = norm.BatchNormApply.apply(input, weight, bias, running_mean._data, running_var._data, eps)
        return y if input._data.size else reshape(y, shape)
    count = input._data.size // channels if channels else 0
    if count == 1:
        raise ValueError(f"batch_norm: Expected more than 1 value per channel when training, got input size {shape}")
    if count == 0:  # an empty batch has no statistics
        zeros = np.zeros(channels, input._data.dtype)
        return reshape(norm.BatchNormApply.apply(input, weight, bias, zeros, zeros + 1, eps), shape)
    running = [None if t is None else t._data for t in (running_mean, running_var)]
    y = norm.BatchNorm.apply(input, weight, bias, eps, *running, momentum)
    for t in (running_mean, running_var):
        if t is not None:
            bump(t)
    return y


def layer_norm(
    input: Tensor, normalized_shape: Any, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """y = (x - mean) / sqrt(var + eps) * weight + bias, with the statistics of the last dimensions.

    Args:
        input: shape (..., *normalized_shape).
        normalized_shape: the sizes of the dimensions to normalise over.
        weight: shape ``normalized_shape``, or None for 1.
        bias: shape ``normalized_shape``, or None for 0.
        eps: added to the (biased) variance.

    Raises:
        RuntimeError: shapes or dtypes do not fit.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.layer_norm(lucid.tensor([[1.0, 3.0]]), (2,), eps=0.0).tolist()
        [[-1.0, 1.0]]

    Source: Ba, Kiros and Hinton, "Layer Normalization", 2016.
    """
    check_tensors("layer_norm", input)
    wanted = _normalized_shape("layer_norm", input, normalized_shape, weight=weight, bias=bias)
    weight = _with_weight(input, wanted, weight, bias)
    if len(wanted) > 1:
        weight = None if weight is None else reshape(weight, -1)
        bias = None if bias is None else reshape(bias, -1)
    return norm.LayerNorm.apply(input, weight, bias, eps, _rows(input, wanted))


def rms_norm(input: Tensor, normalized_shape: Any, weight: Tensor | None = None, eps: float | None = None) -> Tensor:
    """y = x / sqrt(mean(x^2) + eps) * weight, the mean over the last dimensions.

    Args:
        input: shape (..., *normalized_shape).
        normalized_shape: the sizes of the dimensions to normalise over.
        weight: shape ``normalized_shape``, or None for 1.
        eps: added to the mean of squares; the distance from 1 to the next number of the dtype unless given.

    Raises:
        RuntimeError: shapes or dtypes do not fit.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.rms_norm(lucid.tensor([[1.0, 7.0]]), (2,), eps=0.0).tolist()
        [[0.20000000298023224, 1.399999976158142]]

    Source: Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019.
    """
    check_tensors("rms_norm", input)
    wanted = _normalized_shape("rms_norm", input, normalized_shape, weight=weight)
    if len(wanted) > 1:
        weight = None if weight is None else reshape(weight, -1)
    eps = float(np.finfo(input._data.dtype).eps) if eps is None else eps
    return norm.RMSNorm.apply(input, weight, eps, _rows(input, wanted))


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """y = (x - mean) / sqrt(var + eps) * weight + bias, with the statistics of each group of channels of a sample.

    Args:
        input: shape (N, C, ...).
        num_groups: number of groups of C / num_groups consecutive channels.
        weight: shape (C,), or None for 1.
        bias: shape (C,), or None for 0.
        eps: added to the (biased) variance.

    Raises:
        RuntimeError: shapes or dtypes do not fit, or the channels are not divisible into the groups.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.group_norm(lucid.tensor([[1.0, 3.0, 7.0, 5.0]]), 2, eps=0.0).tolist()
        [[-1.0, 1.0, 1.0, -1.0]]

    Source: Wu and He, "Group Normalization", 2018.
    """
    check_tensors("group_norm", input)
    shape = input._data.shape
    check_floating("group_norm", input)
    if len(shape) < 2:
        raise RuntimeError(f"group_norm: expected input of shape (N, C, ...), got {shape}")
    channels = shape[1]
    if num_groups < 1 or channels % num_groups:
        raise RuntimeError(f"group_norm: cannot divide {channels} channels into {num_groups} groups (input {shape})")
    _check_per_channel("group_norm", input, (channels,), weight=weight, bias=bias)
    weight = _with_weight(input, (channels,), weight, bias)
    if not input._data.size:  # nothing to normalise
        return input * 1.0
    return norm.GroupNorm.apply(input, weight, bias, num_groups, eps)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """y = (x - mean) / sqrt(var + eps) * weight + bias, with the statistics of each channel of each sample.

    Args:
        input: shape (N, C, ...) with at least one dimension after C.
        running_mean: shape (C,), moved towards the samples' average with ``use_input_stats``; or None.
        running_var: shape (C,), likewise, of the unbiased variances.
        weight: shape (C,), or None for 1.
        bias: shape (C,), or None for 0.
        use_input_stats: normalise with the statistics of the input; otherwise with the running ones.
        momentum: weight of the input in the running statistics.
        eps: added to the (biased) variance.

    Raises:
        ValueError: one value per channel of a sample.
        RuntimeError: shapes or dtypes do not fit, or there are no running statistics to use.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.instance_norm(lucid.tensor([[[1.0, 3.0], [7.0, 5.0]]]), eps=0.0).tolist()
        [[[-1.0, 1.0], [1.0, -1.0]]]

    Source: Ulyanov, Vedaldi and Lempitsky, "Instance Normalization", 2016.
    """
    check_tensors("instance_norm", input)
    shape = input._data.shape
    check_floating("instance_norm", input)
    if len(shape) < 3:
        raise RuntimeError(f"instance_norm: expected input of shape (N, C, ...), got {shape}")
    channels, length = shape[1], math.prod(shape[2:])
    _check_per_channel(
        "instance_norm",
        input,
        (channels,),
        running_mean=running_mean,
        running_var=running_var,
        weight=weight,
        bias=bias,
    )
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    if length == 1:
        raise ValueError(f"instance_norm: Expected more than 1 spatial element when training, got input size {shape}")
    y = group_norm(input, channels, weight, bias, eps) if channels else input * 1.0
    if running_mean is not None or running_var is not None:
        flat = input._data.reshape(shape[0], channels, length)
        for running, batch in ((running_mean, flat.mean(2)), (running_var, flat.var(2, ddof=1))):
            if running is not None and shape[0]:
                running._data[...] = running._data * (1 - momentum) + batch.mean(0) * momentum
                bump(running)
    return y


def normalize(
    input: Tensor, p: float = 2.0, dim: int | tuple[int, ...] = 1, eps: float = 1e-12, *, out: Tensor | None = None
) -> Tensor:
    """Vectors along a dimension divided by their norms.

        y = x / max((sum |x|^p)^(1/p), eps)

    Args:
        input: floating point, any shape.
        p: order of the norm; ``math.inf`` takes the largest magnitude.
        dim: dimension of the vectors, or several.
        eps: least norm to divide by.
        out: tensor that receives the result.

    Returns:
        Same shape and dtype; vectors of zeros stay zero.

    Raises:
        IndexError: ``dim`` is out of range.
        RuntimeError: ``input`` is not floating point.
        TypeError: ``input`` is not a tensor.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> print(F.normalize(lucid.tensor([[3.0, 4.0]])))
        [[0.6, 0.8]]
    """
    check_tensors("normalize", input)
    check_floating("normalize", input)
    normalize_dims("normalize", dim, input)
    return input / maximum(input.norm(p, dim, True), wrap(np.array(eps, input._data.dtype)))
