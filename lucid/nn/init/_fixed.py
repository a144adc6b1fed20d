"""Initial values without chance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lucid._functions._arguments import check_tensors
from lucid.autograd._mode import no_grad
from lucid.nn.init._common import assign, check_dims

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Overwrite with the number ``val``.

    Args:
        tensor: any shape and dtype.
        val: the number.

    Raises:
        TypeError: ``tensor`` is not a tensor, or ``val`` not a number.

    Example:
        >>> import lucid
        >>> print(lucid.nn.init.constant_(lucid.empty(2), 0.5))
        [0.5, 0.5]
    """
    return _fill("constant_", tensor, val)


def _fill(name: str, tensor: Tensor, val: float) -> Tensor:
    check_tensors(name, tensor)
    with no_grad():
        return tensor.fill_(val)


def ones_(tensor: Tensor) -> Tensor:
    """Overwrite with 1.

    Args:
        tensor: any shape and dtype.

    Raises:
        TypeError: ``tensor`` is not a tensor.

    Example:
        >>> import lucid
        >>> print(lucid.nn.init.ones_(lucid.empty(2)))
        [1.0, 1.0]
    """
    return _fill("ones_", tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Overwrite with 0.

    Args:
        tensor: any shape and dtype.

    Raises:
        TypeError: ``tensor`` is not a tensor.

    Example:
        >>> import lucid
        >>> print(lucid.nn.init.zeros_(lucid.empty(2)))
        [0.0, 0.0]
    """
    return _fill("zeros_", tensor, 0.0)


def eye_(tensor: Tensor) -> Tensor:
    """Overwrite a matrix with ones on the diagonal and zeros elsewhere.

    Args:
        tensor: shape (rows, columns), any dtype.

    Raises:
        TypeError: ``tensor`` is not a tensor.
        ValueError: it does not have two dimensions.

    Example:
        >>> import lucid
        >>> print(lucid.nn.init.eye_(lucid.empty(2, 2)))
        [[1.0, 0.0],
         [0.0, 1.0]]
    """
    rows, columns = check_dims("eye_", tensor, (2,))
    return assign(tensor, np.eye(rows, columns))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Overwrite a convolution weight so that, with padding "same", each group passes its first channels through.

    Args:
        tensor: shape (out_channels, in_channels / groups, ...) with one to three kernel sizes, any dtype.
        groups: groups of the convolution.

    Raises:
        TypeError: ``tensor`` is not a tensor.
        ValueError: another number of dimensions, or output channels not divisible by ``groups``.

    Example:
        >>> import lucid
        >>> print(lucid.nn.init.dirac_(lucid.empty(2, 2, 1)).squeeze())
        [[1.0, 0.0],
         [0.0, 1.0]]
    """
    shape = check_dims("dirac_", tensor, (3, 4, 5))
    if groups < 1 or shape[0] % groups:
        raise ValueError(f"dirac_: {shape[0]} output channels must be divisible by groups {groups}")
    per_group = shape[0] // groups
    values = np.zeros(shape)
    middle = tuple([k // 2 for k in shape[2:]])
    for group in range(groups):
        for channel in range(min(per_group, shape[1])):
            values[(group * per_group + channel, channel, *middle)] = 1
    return assign(tensor, values)
