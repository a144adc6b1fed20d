"""Layers under PyTorch's top-level names where those take their arguments in another order than `nn.functional`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lucid._functions._arguments import check_tensors
from lucid._functions.distance import vector_norm
from lucid._printing import shown
from lucid._tensor import Tensor
from lucid.nn import functional as F
from lucid.nn.functional._arguments import Sizes

__all__ = [
    "alpha_dropout", "batch_norm", "constant_pad_nd", "convolution", "dropout", "embedding", "feature_alpha_dropout",
    "feature_dropout", "group_norm", "instance_norm", "layer_norm", "norm_except_dim", "pad", "rms_norm",
    "threshold",
]  # fmt: skip


def dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """`lucid.nn.functional.dropout`.

    Args:
        input: any shape.
        p: probability of an element to be dropped, in [0, 1].
        train: without it the result is ``input``.

    Raises:
        ValueError: ``p`` is outside [0, 1].

    Example:
        >>> import lucid
        >>> print(lucid.dropout(lucid.ones(3), 0.5, False))
        [1.0, 1.0, 1.0]
    """
    return F.dropout(input, p, train)


def feature_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """Whole channels of (N, C, ...) set to zero at random, as `lucid.nn.functional.dropout3d` does.

    Args:
        input: shape (N, C, ...).
        p: probability of a channel to be dropped, in [0, 1].
        train: without it the result is ``input``.

    Raises:
        RuntimeError: ``input`` has fewer than two dimensions.

    Example:
        >>> import lucid
        >>> print(lucid.feature_dropout(lucid.ones(1, 2, 2), 0.5, False))
        [[[1.0, 1.0],
          [1.0, 1.0]]]
    """
    check_tensors("feature_dropout", input)
    if input.ndim < 2:
        raise RuntimeError(f"feature_dropout: requires at least 2 dimensions, got shape {tuple(input.shape)}")
    flat = input.reshape(*input.shape[:2], 1, 1, -1)
    return F.dropout3d(flat, p, train).reshape(input.shape)


def alpha_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """`lucid.nn.functional.alpha_dropout`.

    Args:
        input: any shape.
        p: probability of an element to be dropped, in [0, 1].
        train: without it the result is ``input``.

    Raises:
        ValueError: ``p`` is outside [0, 1].

    Example:
        >>> import lucid
        >>> print(lucid.alpha_dropout(lucid.ones(3), 0.5, False))
        [1.0, 1.0, 1.0]
    """
    return F.alpha_dropout(input, p, train)


def feature_alpha_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """`lucid.nn.functional.feature_alpha_dropout`.

    Args:
        input: shape (N, C, ...).
        p: probability of a channel to be dropped, in [0, 1].
        train: without it the result is ``input``.

    Raises:
        ValueError: ``p`` is outside [0, 1].

    Example:
        >>> import lucid
        >>> print(lucid.feature_alpha_dropout(lucid.ones(1, 3), 0.5, False))
        [[1.0, 1.0, 1.0]]
    """
    return F.feature_alpha_dropout(input, p, train)


def batch_norm(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, running_mean: Tensor | None, running_var: Tensor | None,
    training: bool, momentum: float, eps: float, cudnn_enabled: bool = False,
) -> Tensor:  # fmt: skip
    """`lucid.nn.functional.batch_norm`.

    Args:
        input: shape (N, C, ...).
        weight, bias: factor and summand of each channel, (C,), or None.
        running_mean, running_var: (C,), or None; updated where ``training``.
        training: normalise with the statistics of the batch.
        momentum: share of the batch's statistics in the update.
        eps: added to the variance.
        cudnn_enabled: without effect.

    Raises:
        RuntimeError: a shape does not fit.

    Example:
        >>> import lucid
        >>> x = lucid.tensor([[1.0], [3.0]])
        >>> print(lucid.batch_norm(x, None, None, None, None, True, 0.1, 0.0, False))
        [[-1.0],
         [1.0]]
    """
    return F.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)


def instance_norm(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, running_mean: Tensor | None, running_var: Tensor | None,
    use_input_stats: bool, momentum: float, eps: float, cudnn_enabled: bool = False,
) -> Tensor:  # fmt: skip
    """`lucid.nn.functional.instance_norm`.

    Args:
        input: shape (N, C, ...).
        weight, bias: factor and summand of each channel, (C,), or None.
        running_mean, running_var: (C,), or None; updated where ``use_input_stats``.
        use_input_stats: normalise with the statistics of each sample's channels.
        momentum: share of the new statistics in the update.
        eps: added to the variance.
        cudnn_enabled: without effect.

    Raises:
        RuntimeError: a shape does not fit.

    Example:
        >>> import lucid
        >>> x = lucid.tensor([[[1.0, 3.0]]])
        >>> print(lucid.instance_norm(x, None, None, None, None, True, 0.1, 0.0, False))
        [[[-1.0, 1.0]]]
    """
    return F.instance_norm(input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)


def layer_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, bias: Tensor | None = None,
    eps: float = 1e-5, cudnn_enable: bool = False,
) -> Tensor:  # fmt: skip
    """`lucid.nn.functional.layer_norm`.

    Args:
        input: shape (..., *normalized_shape).
        normalized_shape: sizes of the last dimensions, which are normalised together.
        weight, bias: factor and summand of each element, of the normalised shape, or None.
        eps: added to the variance.
        cudnn_enable: without effect.

    Raises:
        RuntimeError: a shape does not fit.

    Example:
        >>> import lucid
        >>> print(lucid.layer_norm(lucid.tensor([[1.0, 3.0]]), (2,), eps=0.0))
        [[-1.0, 1.0]]
    """
    return F.layer_norm(input, tuple(normalized_shape), weight, bias, eps)


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5,
    cudnn_enabled: bool = False,
) -> Tensor:  # fmt: skip
    """`lucid.nn.functional.group_norm`.

    Args:
        input: shape (N, C, ...).
        num_groups: divides C.
        weight, bias: factor and summand of each channel, (C,), or None.
        eps: added to the variance.
        cudnn_enabled: without effect.

    Raises:
        RuntimeError: a shape does not fit.

    Example:
        >>> import lucid
        >>> print(lucid.group_norm(lucid.tensor([[1.0, 3.0, 5.0, 5.0]]), 2, eps=0.0)[0, :2])
        [-1.0, 1.0]
    """
    return F.group_norm(input, num_groups, weight, bias, eps)


def rms_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """`lucid.nn.functional.rms_norm`.

    Args:
        input: shape (..., *normalized_shape).
        normalized_shape: sizes of the last dimensions, which are normalised together.
        weight: factor of each element, of the normalised shape, or None.
        eps: added to the mean square; the dtype's eps unless given.

    Raises:
        RuntimeError: a shape does not fit.

    Example:
        >>> import lucid
        >>> print(lucid.rms_norm(lucid.tensor([[3.0, 3.0]]), (2,), eps=0.0))
        [[1.0, 1.0]]
    """
    return F.rms_norm(input, tuple(normalized_shape), weight, eps)


def embedding(
    weight: Tensor, indices: Tensor, padding_idx: int = -1, scale_grad_by_freq: bool = False, sparse: bool = False
) -> Tensor:
    """`lucid.nn.functional.embedding`, with the table first; a negative ``padding_idx`` is none.

    Args:
        weight: the table, (entries, width).
        indices: integers, any shape.
        padding_idx: entry that gets no gradient.
        scale_grad_by_freq, sparse: refused.

    Raises:
        ValueError: ``scale_grad_by_freq`` or ``sparse`` is true.
        IndexError: an index is out of range.

    Example:
        >>> import lucid
        >>> print(lucid.embedding(lucid.tensor([[1.0, 2.0], [3.0, 4.0]]), lucid.tensor([1])))
        [[3.0, 4.0]]
    """
    check_tensors("embedding", weight, indices)
    padding = None if padding_idx < 0 else padding_idx
    return F.embedding(indices, weight, padding, scale_grad_by_freq=scale_grad_by_freq, sparse=sparse)


def convolution(
    input: Tensor, weight: Tensor, bias: Tensor | None, stride: Sizes, padding: Sizes, dilation: Sizes,
    transposed: bool, output_padding: Sizes, groups: int,
) -> Tensor:  # fmt: skip
    """The convolution, or transposed one, that the dimensions of ``weight`` ask for.

    Args:
        input: shape (N, C, ...), one to three spatial dimensions.
        weight: shape (out, C / groups, ...); (C, out / groups, ...) if ``transposed``.
        bias: shape (out,), or None.
        stride, padding, dilation: as of `lucid.nn.functional.conv2d`.
        transposed: compute the transposed convolution.
        output_padding: size added at one side of a transposed one.
        groups: channels are cut into this many groups.

    Raises:
        RuntimeError: ``weight`` has other than three to five dimensions.

    Example:
        >>> import lucid
        >>> x, w = lucid.ones(1, 1, 4), lucid.ones(1, 1, 3)
        >>> print(lucid.convolution(x, w, None, (1,), (0,), (1,), False, (0,), 1))
        [[[3.0, 3.0]]]
    """
    check_tensors("convolution", input, weight)
    spatial = weight.ndim - 2
    if spatial not in (1, 2, 3):
        raise RuntimeError(f"convolution: expected a weight of 3 to 5 dimensions, got shape {tuple(weight.shape)}")
    function = getattr(F, f"conv_transpose{spatial}d" if transposed else f"conv{spatial}d")
    if transposed:
        return function(input, weight, bias, stride, padding, output_padding, groups, dilation)
    return function(input, weight, bias, stride, padding, dilation, groups)


def constant_pad_nd(input: Tensor, pad: Sequence[int], value: float = 0) -> Tensor:
    """`lucid.nn.functional.pad` with a constant.

    Args:
        input: any shape.
        pad: elements before and after, from the last dimension on; negative ones cut.
        value: what is added.

    Example:
        >>> import lucid
        >>> print(lucid.constant_pad_nd(lucid.ones(2), (1, 1), 5.0))
        [5.0, 1.0, 1.0, 5.0]
    """
    check_tensors("constant_pad_nd", input)
    return F.pad(input, pad, "constant", value)


def pad(a: Tensor, pad_width: Any, constant_value: float = 0) -> Tensor:
    """``a`` with a constant added before and after its elements, by NumPy's order: the first dimension first.

    `lucid.nn.functional.pad` counts from the last dimension, as PyTorch does.

    Args:
        a: any shape.
        pad_width: a number for all ends, (before, after) for all dimensions, or a pair for each: nested, or flat.
        constant_value: what is added.

    Raises:
        ValueError: ``pad_width`` does not fit the dimensions, or is negative.

    Example:
        >>> import lucid
        >>> lucid.pad(lucid.ones(2), (2, 1)).tolist()
        [0.0, 0.0, 1.0, 1.0, 0.0]
    """
    check_tensors("pad", a)
    try:
        width = np.asarray(pad_width, np.int64)
        if width.size == 2 * a.ndim:
            width = width.reshape(a.ndim, 2)
        width = np.broadcast_to(width, (a.ndim, 2))
    except (TypeError, ValueError):
        raise ValueError(
            f"pad: expected pad_width to give a pair for each of {a.ndim} dimensions, got {shown(pad_width)}"
        ) from None
    if width.size and width.min() < 0:
        raise ValueError(f"pad: pad_width must not be negative, got {shown(pad_width)}")
    return F.pad(a, [int(n) for n in width[::-1].ravel()], "constant", constant_value)


def norm_except_dim(v: Tensor, pow: int = 2, dim: int = 0) -> Tensor:
    """The p-norm over every dimension but ``dim``, which keeps its size; all others have size 1.

    Args:
        v: floating point.
        pow: p.
        dim: the dimension that stays; -1 for none.

    Example:
        >>> import lucid
        >>> print(lucid.norm_except_dim(lucid.tensor([[3.0, 4.0], [6.0, 8.0]])))
        [[5.0],
         [10.0]]
    """
    check_tensors("norm_except_dim", v)
    if dim == -1:
        return vector_norm(v, pow)
    others = tuple([d for d in range(v.ndim) if d != dim % v.ndim])
    return vector_norm(v, pow, others, keepdim=True) if others else v.abs()


def threshold(input: Tensor, threshold: float, value: float, *, out: Tensor | None = None) -> Tensor:
    """`lucid.nn.functional.threshold`: x above a threshold, a constant elsewhere.

    Args:
        input: any shape.
        threshold: the threshold.
        value: result at and below it.
        out: tensor that receives the result.

    Raises:
        TypeError: ``input`` is no tensor.

    Example:
        >>> import lucid
        >>> print(lucid.threshold(lucid.tensor([0.125, 0.5]), 0.25, 20.0))
        [20.0, 0.5]
    """
    return F.threshold(input, threshold, value)
