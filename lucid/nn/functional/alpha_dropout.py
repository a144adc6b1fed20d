"""Dropout of whole volumes, and dropout that keeps mean and variance."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from lucid._functions._common import mutate
from lucid._functions.choice import where
from lucid._functions.dropout import Dropout
from lucid._random import default_generator
from lucid.autograd._node import TensorBase, wrap
from lucid.nn.functional._common import check_floating
from lucid.nn.functional.dropout import _channels

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["alpha_dropout", "dropout3d", "feature_alpha_dropout"]

SELU_LIMIT = 1.0507009873554805 * 1.6732632423543772
"""Minus the limit of SELU at -inf: what dropped elements become."""


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Whole channels of a volume zeroed with probability ``p``, the others divided by 1 - p.

    Args:
        input: shape (N, C, D, H, W) or (C, D, H, W).
        p: probability of zeroing a channel, in [0, 1].
        training: whether to do anything.
        inplace: overwrite ``input``.

    Raises:
        RuntimeError: another number of dimensions.
        TypeError: ``input`` is not a floating-point tensor.
        ValueError: ``p`` is out of range.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.dropout3d(lucid.ones(2, 1, 1, 1, 1), training=False).flatten().tolist()
        [1.0, 1.0]

    Source: Tompson et al., Efficient object localization using convolutional networks, arXiv:1411.4280.
    """
    check_floating("dropout3d", input)
    if input._data.ndim not in (4, 5):
        raise RuntimeError(f"dropout3d: expected a 4-d or 5-d input, got shape {input._data.shape}")
    return _channels("dropout3d", input, p, training, inplace, input._data.ndim - 3)


def _saturated(x: Tensor, p: float, shape: tuple[int, ...]) -> Tensor:
    """``x`` with elements set to -SELU_LIMIT by a mask of ``shape``, then scaled and shifted to the old moments."""
    if p == 1:
        return x * 0.0
    ones = wrap(np.ones(shape, x._data.dtype))
    kept = wrap(Dropout.apply(ones, p, *default_generator.take(ones._data.size))._data != 0)
    a = 1 / math.sqrt((1 - p) * (1 + p * SELU_LIMIT * SELU_LIMIT))
    return where(kept, x, -SELU_LIMIT) * a + a * SELU_LIMIT * p


def _alpha(name: str, x: Tensor, p: float, training: bool, inplace: bool, shape: tuple[int, ...]) -> Tensor:
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"{name}: dropout probability has to be between 0 and 1, but got {p}")
    if not training or p == 0 or not x._data.size:
        return x
    return mutate(name + "_", x, _saturated, p, shape) if inplace else _saturated(x, p, shape)


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Elements set to the lower limit of SELU with probability ``p``; mean 0 and variance 1 are kept.

        y = a * (x or, with probability p, -s) + a * s * p,    s = 1.758..., a = 1 / sqrt((1 - p) * (1 + p * s^2))

    Args:
        input: floating point, any shape.
        p: probability of dropping an element, in [0, 1].
        training: whether to do anything.
        inplace: overwrite ``input``.

    Returns:
        The input's shape; ``input`` itself outside training, zeros for p = 1.

    Raises:
        TypeError: ``input`` is not a floating-point tensor.
        ValueError: ``p`` is out of range.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.alpha_dropout(lucid.ones(2)).tolist()
        [1.0, 1.0]

    Source: Klambauer et al., Self-normalizing neural networks, arXiv:1706.02515.
    """
    check_floating("alpha_dropout", input)
    return _alpha("alpha_dropout", input, p, training, inplace, input._data.shape)


def feature_alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """`alpha_dropout` of whole channels.

    Args:
        input: shape (N, C, ...), floating point.
        p: probability of dropping a channel, in [0, 1].
        training: whether to do anything.
        inplace: overwrite ``input``.

    Returns:
        The input's shape; ``input`` itself outside training, zeros for p = 1.

    Raises:
        RuntimeError: fewer than two dimensions in training.
        TypeError: ``input`` is not a floating-point tensor in training.
        ValueError: ``p`` is out of range.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.feature_alpha_dropout(lucid.ones(1, 2)).tolist()
        [[1.0, 1.0]]

    Source: Klambauer et al., Self-normalizing neural networks, arXiv:1706.02515.
    """
    if isinstance(input, TensorBase) and not (training and p):
        return _alpha("feature_alpha_dropout", input, p, False, inplace, ())
    check_floating("feature_alpha_dropout", input)
    shape = input._data.shape
    if len(shape) < 2:
        raise RuntimeError(f"feature_alpha_dropout: expected input of shape (N, C, ...), got {shape}")
    return _alpha("feature_alpha_dropout", input, p, training, inplace, (*shape[:2], *(1,) * (len(shape) - 2)))
