"""Dropout of elements and of whole channels."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from lucid._functions._arguments import check_tensors
from lucid._functions._common import mutate
from lucid._functions.dropout import Dropout
from lucid._random import default_generator
from lucid.autograd._node import wrap
from lucid.nn.functional._arguments import check_floating

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["dropout", "dropout1d", "dropout2d"]


def check_probability(p: float) -> None:
    if not 0.0 <= p <= 1.0:  # refuses NaN as well
        raise ValueError(f"dropout: dropout probability has to be between 0 and 1, but got {p}")


def _drop(x: Tensor, p: float) -> Tensor:
    check_floating("dropout", x)
    if p == 1:
        return x * 0.0
    return Dropout.apply(x, p, *default_generator.take(x._data.size))


def _drop_channels(x: Tensor, p: float, channels: tuple[int, ...]) -> Tensor:
    """``x`` times a mask that has one element for each of the leading dimensions ``channels``."""
    ones = wrap(np.ones((*channels, *(1,) * (x._data.ndim - len(channels))), x._data.dtype))
    return x * _drop(ones, p)


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Each element zeroed with probability ``p``, the others divided by 1 - p; ``input`` itself outside training.

    Args:
        input: any shape.
        p: probability of zeroing an element, in [0, 1].
        training: whether to do anything.
        inplace: overwrite ``input``.

    Raises:
        ValueError: ``p`` is out of range.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.dropout(lucid.ones(3), training=False).tolist()
        [1.0, 1.0, 1.0]

    Source: Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", 2014.
    """
    check_tensors("dropout", input)
    check_probability(p)
    if not training or p == 0:
        return input
    return mutate("dropout_", input, _drop, p) if inplace else _drop(input, p)


def _channels(name: str, x: Tensor, p: float, training: bool, inplace: bool, channels: int) -> Tensor:
    check_probability(p)
    check_floating(name, x)
    if not training or p == 0:
        return x
    shape = x._data.shape[:channels]
    return mutate(name + "_", x, _drop_channels, p, shape) if inplace else _drop_channels(x, p, shape)


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Whole channels of a sequence zeroed with probability ``p``, the others divided by 1 - p.

    Args:
        input: shape (N, C, L) or (C, L).
        p: probability of zeroing a channel, in [0, 1].
        training: whether to do anything.
        inplace: overwrite ``input``.

    Raises:
        ValueError: ``p`` is out of range.
        RuntimeError: another number of dimensions.

    Example:
        >>> import lucid
        >>> print(lucid.nn.functional.dropout1d(lucid.ones(1, 2, 2), training=False))
        [[[1.0, 1.0],
          [1.0, 1.0]]]

    Source: Tompson et al., Efficient object localization using convolutional networks, arXiv:1411.4280.
    """
    check_tensors("dropout1d", input)
    if input._data.ndim not in (2, 3):
        raise RuntimeError(f"dropout1d: expected a 2-d or 3-d input, got shape {input._data.shape}")
    return _channels("dropout1d", input, p, training, inplace, input._data.ndim - 1)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Whole channels of a plane zeroed with probability ``p``, the others divided by 1 - p.

    Args:
        input: shape (N, C, H, W); a 3-d input is taken as (N, C, L), as PyTorch does.
        p: probability of zeroing a channel, in [0, 1].
        training: whether to do anything.
        inplace: overwrite ``input``.

    Raises:
        ValueError: ``p`` is out of range.
        RuntimeError: another number of dimensions.

    Example:
        >>> import lucid
        >>> lucid.nn.functional.dropout2d(lucid.ones(1, 2, 4, 4)).shape
        lucid.Size([1, 2, 4, 4])

    Source: Tompson et al., "Efficient Object Localization Using Convolutional Networks", 2015.
    """
    check_tensors("dropout2d", input)
    if input._data.ndim not in (3, 4):
        raise RuntimeError(f"dropout2d: expected a 4-d (or 3-d) input, got shape {input._data.shape}")
    if input._data.ndim == 3:
        warnings.warn("dropout2d: a 3-d input is taken as (N, C, L); use dropout1d for that", UserWarning, stacklevel=2)
    return _channels("dropout2d", input, p, training, inplace, 2)
