"""Tensors like another one: of its shape, or of its dtype."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _dtype, _ops
from lucid._functions._arguments import check_tensors
from lucid._functions._common import check_options
from lucid._functions.creation import _filled, _finish, empty, full, ones, tensor, zeros

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def _like(x: Tensor, dtype: Any) -> np.dtype:
    return x._data.dtype if dtype is None else _dtype.as_dtype(dtype).numpy


def empty_like(x: Tensor, *, dtype: Any = None, requires_grad: bool = False, **_: Any) -> Tensor:
    """`empty` with the shape and dtype of ``x``.

    Args:
        x: tensor whose shape is taken.
        dtype: that of ``x`` unless given.
        requires_grad: record operations on it.

    Example:
        >>> import lucid
        >>> lucid.empty_like(lucid.tensor([1, 2])).dtype
        lucid.int64
    """
    check_tensors("empty_like", x)
    return _finish("empty_like", _ops.allocate(x._data.shape, _like(x, dtype)), requires_grad, None, _)


def zeros_like(x: Tensor, *, dtype: Any = None, requires_grad: bool = False, **_: Any) -> Tensor:
    """`zeros` with the shape and dtype of ``x``.

    Args:
        x: tensor whose shape is taken.
        dtype: that of ``x`` unless given.
        requires_grad: record operations on it.

    Example:
        >>> import lucid
        >>> print(lucid.zeros_like(lucid.tensor([1, 2])))
        [0, 0]
    """
    check_tensors("zeros_like", x)
    return _finish("zeros_like", _filled(x._data.shape, 0, _like(x, dtype)), requires_grad, None, _)


def ones_like(x: Tensor, *, dtype: Any = None, requires_grad: bool = False, **_: Any) -> Tensor:
    """`ones` with the shape and dtype of ``x``.

    Args:
        x: tensor whose shape is taken.
        dtype: that of ``x`` unless given.
        requires_grad: record operations on it.

    Example:
        >>> import lucid
        >>> print(lucid.ones_like(lucid.tensor([1, 2])))
        [1, 1]
    """
    check_tensors("ones_like", x)
    return _finish("ones_like", _filled(x._data.shape, 1, _like(x, dtype)), requires_grad, None, _)


def full_like(x: Tensor, fill_value: Any, *, dtype: Any = None, requires_grad: bool = False, **_: Any) -> Tensor:
    """`full` with the shape and dtype of ``x``.

    Args:
        x: tensor whose shape is taken.
        fill_value: number.
        dtype: that of ``x`` unless given.
        requires_grad: record operations on it.

    Example:
        >>> import lucid
        >>> print(lucid.full_like(lucid.tensor([1, 2]), 7))
        [7, 7]
    """
    check_tensors("full_like", x)
    return _finish("full_like", _filled(x._data.shape, fill_value, _like(x, dtype)), requires_grad, None, _)


def new_tensor(x: Tensor, data: Any, *, dtype: Any = None, requires_grad: bool = False, **_: Any) -> Tensor:
    """`tensor` with the dtype of ``x``.

    Args:
        data: nested sequences, a number, a NumPy array or a Tensor; always copied.
        dtype: that of this tensor unless given.
        requires_grad: record operations on the result.

    Example:
        >>> import lucid
        >>> lucid.zeros(2, dtype=lucid.float64).new_tensor([1, 2]).dtype
        lucid.float64
    """
    check_options("new_tensor", _)
    return tensor(data, dtype=dtype or x.dtype, requires_grad=requires_grad, **_)


def new_zeros(
    x: Tensor, *sizes: Any, size: Any = None, dtype: Any = None, requires_grad: bool = False, **_: Any
) -> Tensor:
    """`zeros` with the dtype of ``x``.

    Args:
        sizes: sizes, as numbers or one sequence.
        size: the sequence by name.
        dtype: that of this tensor unless given.
        requires_grad: record operations on the result.

    Example:
        >>> import lucid
        >>> print(lucid.tensor([1, 2]).new_zeros(3))
        [0, 0, 0]
    """
    check_options("new_zeros", _)
    return zeros(*sizes, size=size, dtype=dtype or x.dtype, requires_grad=requires_grad, **_)


def new_ones(
    x: Tensor, *sizes: Any, size: Any = None, dtype: Any = None, requires_grad: bool = False, **_: Any
) -> Tensor:
    """`ones` with the dtype of ``x``.

    Args:
        sizes: sizes, as numbers or one sequence.
        size: the sequence by name.
        dtype: that of this tensor unless given.
        requires_grad: record operations on the result.

    Example:
        >>> import lucid
        >>> print(lucid.tensor([1, 2]).new_ones(3))
        [1, 1, 1]
    """
    check_options("new_ones", _)
    return ones(*sizes, size=size, dtype=dtype or x.dtype, requires_grad=requires_grad, **_)


def new_full(
    x: Tensor, size: Any, fill_value: Any, *, dtype: Any = None, requires_grad: bool = False, **_: Any
) -> Tensor:
    """`full` with the dtype of ``x``.

    Args:
        size: sizes, as a sequence or one int.
        fill_value: number.
        dtype: that of this tensor unless given.
        requires_grad: record operations on the result.

    Example:
        >>> import lucid
        >>> print(lucid.tensor([1, 2]).new_full((3,), 7))
        [7, 7, 7]
    """
    check_options("new_full", _)
    return full(size, fill_value, dtype=dtype or x.dtype, requires_grad=requires_grad, **_)


def new_empty(
    x: Tensor, *sizes: Any, size: Any = None, dtype: Any = None, requires_grad: bool = False, **_: Any
) -> Tensor:
    """`empty` with the dtype of ``x``.

    Args:
        sizes: sizes, as numbers or one sequence.
        size: the sequence by name.
        dtype: that of this tensor unless given.
        requires_grad: record operations on the result.

    Example:
        >>> import lucid
        >>> lucid.tensor([1, 2]).new_empty(3, 2).shape
        lucid.Size([3, 2])
    """
    check_options("new_empty", _)
    return empty(*sizes, size=size, dtype=dtype or x.dtype, requires_grad=requires_grad, **_)
