"""Functions of two integers: common divisors and multiples, shifts of bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid._functions._common import Operand, operands
from lucid._functions._errors import KindError
from lucid.autograd._node import wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def gcd(x: Tensor, y: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The greatest common divisor of integers; gcd(0, 0) is 0.

    Args:
        x, y: tensors or numbers, broadcast together and promoted to one dtype.
        out: tensor that receives the result.

    Raises:
        RuntimeError: an operand is floating point.
        ValueError: the shapes do not broadcast.

    Example:
        >>> import lucid
        >>> print(lucid.gcd(lucid.tensor([12, 18]), lucid.tensor([8, 27])))
        [4, 9]
    """
    return _of_integers("gcd", np.gcd, x, y)


def lcm(x: Tensor, y: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The least common multiple of integers; 0 where one is 0.

    Args:
        x, y: tensors or numbers, broadcast together and promoted to one dtype.
        out: tensor that receives the result.

    Raises:
        RuntimeError: an operand is floating point.
        ValueError: the shapes do not broadcast.

    Example:
        >>> import lucid
        >>> print(lucid.lcm(lucid.tensor([4, 6]), lucid.tensor([6, 8])))
        [12, 24]
    """
    return _of_integers("lcm", np.lcm, x, y)


def bitwise_left_shift(x: Operand, y: Operand, *, out: Tensor | None = None) -> Tensor:
    """x * 2^y of integers, without the bits that leave the dtype.

        x * 2^y

    Args:
        x, y: tensors or numbers, broadcast together and promoted to one dtype.
        out: tensor that receives the result.

    Raises:
        RuntimeError: an operand is floating point.
        ValueError: the shapes do not broadcast.

    Example:
        >>> import lucid
        >>> print(lucid.bitwise_left_shift(lucid.tensor([1, 3]), lucid.tensor([2, 1])))
        [4, 6]
    """
    return _of_integers("bitwise_left_shift", np.left_shift, x, y)


def bitwise_right_shift(x: Operand, y: Operand, *, out: Tensor | None = None) -> Tensor:
    """floor(x / 2^y) of integers.

        floor(x / 2^y)

    Args:
        x, y: tensors or numbers, broadcast together and promoted to one dtype.
        out: tensor that receives the result.

    Raises:
        RuntimeError: an operand is floating point.
        ValueError: the shapes do not broadcast.

    Example:
        >>> import lucid
        >>> print(lucid.bitwise_right_shift(lucid.tensor([8, 3]), lucid.tensor([2, 1])))
        [2, 1]
    """
    return _of_integers("bitwise_right_shift", np.right_shift, x, y)


def _of_integers(name: str, function: Callable[..., Any], x: Operand, y: Operand) -> Tensor:
    x, y = operands(name, x, y)
    if x._data.dtype.kind not in "iu":
        raise KindError(f"{name}: not implemented for {x.dtype}")
    return wrap(np.asarray(function(x._data, y._data)))


__all__ = ["bitwise_left_shift", "bitwise_right_shift", "gcd", "lcm"]
