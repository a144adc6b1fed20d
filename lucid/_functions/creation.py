"""Tensors from values, constants, ranges and random numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _dtype, _ops
from lucid._functions._arguments import integer
from lucid._functions._common import check_options, write_out
from lucid._functions.shape import as_shape
from lucid._printing import shown
from lucid.autograd._node import TensorBase, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor


Options = Mapping[str, Any]
NONE: Options = MappingProxyType({})


def _finish(name: str, data: np.ndarray, requires_grad: bool, device: Any = None, options: Options = NONE) -> Tensor:
    t = wrap(data)
    if device is not None:
        from lucid._convert import as_device

        as_device(device)
    if options:
        check_options(name, options, *(() if name == "tensor" or name.endswith("_like") else ("out",)))
        out = options.get("out")
        if isinstance(out, TensorBase) and out._data.dtype != data.dtype:
            raise RuntimeError(f"{name}: dtype {t.dtype} does not match the dtype of out, {_dtype.of_array(out._data)}")
        t = write_out(name, t, out, quiet=name != "arange")
    if requires_grad:
        t.requires_grad = True
    return t


def _shape(name: str, sizes: tuple[Any, ...], size: Any = None) -> tuple[int, ...]:
    """The shape given as ``zeros(2, 3)``, ``zeros((2, 3))`` or ``zeros(size=(2, 3))``.

    Raises:
        TypeError: it is given twice, or holds what is no integer.
        RuntimeError: a size is negative.
    """
    if size is not None:
        if sizes:
            raise TypeError(f"{name}: got the size twice, as {shown(sizes)} and as size={shown(size)}")
        sizes = (size,)
    try:
        shape, fits = as_shape(sizes), True
    except (TypeError, ValueError):
        shape, fits = (), False
    if shape is not sizes and (not sizes or shape is not sizes[0]):  # else they are a tuple of ints
        given = sizes[0] if len(sizes) == 1 and np.iterable(sizes[0]) else sizes
        if not fits or isinstance(given, str) or not all(isinstance(integer(n), int) for n in given):
            what = shown(given) if isinstance(given, (tuple, list)) else type(given).__name__
            raise TypeError(f"{name}: size must be integers or one sequence of them, got {what}")
    for n in shape:
        if n < 0:
            raise RuntimeError(f"{name}: size must not be negative, got {n} in {shape}")
    return shape


def check_length(name: str, what: str, n: Any) -> int:
    """``n`` as a number of elements.

    Raises:
        TypeError: it is no integer.
        RuntimeError: it is negative.
    """
    n = integer(n)
    if not isinstance(n, int):
        raise TypeError(f"{name}: {what} must be an int, got {type(n).__name__}")
    if n < 0:
        raise RuntimeError(f"{name}: {what} must not be negative, got {n}")
    return n


def _numpy_dtype(dtype: Any, options: Options = NONE, default: _dtype.dtype | None = None) -> np.dtype:
    """The dtype asked for, else that of ``out=``, else the default."""
    if dtype is None and isinstance(options.get("out"), TensorBase):
        return options["out"]._data.dtype
    return (default or _dtype.get_default_dtype() if dtype is None else _dtype.as_dtype(dtype)).numpy


_SMALL = 4096  # elements
_SPREAD = (np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.int64), np.dtype(np.bool_))


def _filled(shape: tuple[int, ...], value: Any, dtype: np.dtype) -> np.ndarray:
    """``np.full`` in memory of the pool, as NumPy's would cost page faults every time; much of it by all threads."""
    spread = math.prod(shape) > _SMALL and dtype in _SPREAD
    y = _ops.allocate(() if spread else shape, dtype)
    try:
        y.fill(_number(value))
    except OverflowError:
        raise RuntimeError(f"full: value {value} cannot be converted to {dtype} without overflow") from None
    return _ops.expand(y, shape) if spread else y


def tensor(data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any) -> Tensor:
    """A tensor with a copy of ``data``.

    Args:
        data: nested sequences, a number, a NumPy array or a Tensor.
        dtype: element type; by default that of the data, with Python floats giving the default type.
        device: "cpu".
        requires_grad: record operations on it.

    Raises:
        TypeError: ``data`` holds what is no number.
        ValueError: its sequences have different lengths.

    Example:
        >>> import lucid
        >>> print(lucid.tensor([[1, 2], [3, 4]]))
        [[1, 2],
         [3, 4]]
    """
    from lucid._convert import to_array

    return _finish("tensor", to_array(data, dtype, copy=True), requires_grad, device, _)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """``data`` as a tensor, sharing memory with NumPy arrays and keeping tensors as they are where possible.

    Args:
        data: nested sequences, a number, a NumPy array or a Tensor.
        dtype: element type; by default that of the data. Another one than the data's makes a copy.
        device: "cpu".

    Raises:
        TypeError: ``data`` holds what is no number.
        ValueError: its sequences have different lengths.

    Example:
        >>> import lucid
        >>> x = lucid.ones(2)
        >>> lucid.as_tensor(x) is x
        True
    """
    from lucid._convert import to_array

    if isinstance(data, TensorBase):
        return data.to(dtype=dtype, device=device)  # type: ignore[attr-defined]
    return _finish("as_tensor", to_array(data, dtype, copy=False), False, device)


def from_numpy(array: np.ndarray) -> Tensor:
    """A tensor over the memory of ``array``.

    Args:
        array: any shape; writing to it shows in the tensor.

    Raises:
        TypeError: not a NumPy array, or of a dtype lucid does not have.
        ValueError: negative strides.

    Example:
        >>> import lucid
        >>> import numpy as np
        >>> print(lucid.from_numpy(np.arange(3)))
        [0, 1, 2]
    """
    if not isinstance(array, np.ndarray):
        raise TypeError(f"from_numpy: expected np.ndarray, got {type(array).__name__}")
    _dtype.of_array(array)
    if any(s < 0 for s in array.strides):
        raise ValueError("from_numpy: arrays with negative strides are not supported; pass a copy")
    return wrap(array)


def empty(
    *sizes: Any,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **_: Any,
) -> Tensor:
    """A tensor with whatever the memory held.

    Args:
        sizes: sizes, as numbers or one sequence.
        size: the sequence by name.
        dtype: the default floating-point type unless given.
        device: "cpu".
        requires_grad: record operations on it.

    Example:
        >>> import lucid
        >>> lucid.empty(2, 3).shape
        lucid.Size([2, 3])
    """
    y = _ops.allocate(_shape("empty", sizes, size), _numpy_dtype(dtype, _))
    return _finish("empty", y, requires_grad, device, _)


def zeros(
    *sizes: Any, size: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any
) -> Tensor:
    """A tensor of zeros.

    Args:
        sizes: sizes, as numbers or one sequence.
        size: the sequence by name.
        dtype: the default floating-point type unless given.
        device: "cpu".
        requires_grad: record operations on it.

    Example:
        >>> import lucid
        >>> print(lucid.zeros(2, 2))
        [[0.0, 0.0],
         [0.0, 0.0]]
    """
    return _finish("zeros", _filled(_shape("zeros", sizes, size), 0, _numpy_dtype(dtype, _)), requires_grad, device, _)


def ones(
    *sizes: Any, size: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any
) -> Tensor:
    """A tensor of ones.

    Args:
        sizes: sizes, as numbers or one sequence.
        size: the sequence by name.
        dtype: the default floating-point type unless given.
        device: "cpu".
        requires_grad: record operations on it.

    Example:
        >>> import lucid
        >>> print(lucid.ones(2, 2))
        [[1.0, 1.0],
         [1.0, 1.0]]
    """
    return _finish("ones", _filled(_shape("ones", sizes, size), 1, _numpy_dtype(dtype, _)), requires_grad, device, _)


def full(
    size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any
) -> Tensor:
    """A tensor with every element ``fill_value``; its type decides the dtype unless given.

    Args:
        size: sizes, as a sequence or one int.
        fill_value: number, or tensor of one element.
        dtype: element type.
        device: "cpu".
        requires_grad: record operations on it.

    Example:
        >>> import lucid
        >>> print(lucid.full((2,), 7.0))
        [7.0, 7.0]
    """
    value = _number(fill_value)
    d = _numpy_dtype(dtype, _, _dtype.of_scalar(value))
    return _finish("full", _filled(_shape("full", (size,)), value, d), requires_grad, device, _)


def eye(
    n: int, m: int | None = None, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any
) -> Tensor:
    """Ones on the diagonal of an (n, m) matrix of zeros.

    Args:
        n: number of rows.
        m: number of columns; ``n`` unless given.
        dtype: the default floating-point type unless given.
        device: "cpu".
        requires_grad: record operations on it.

    Example:
        >>> import lucid
        >>> print(lucid.eye(2))
        [[1.0, 0.0],
         [0.0, 1.0]]
    """
    n, m = check_length("eye", "n", n), None if m is None else check_length("eye", "m", m)
    return _finish("eye", np.eye(n, m, dtype=_numpy_dtype(dtype, _)), requires_grad, device, _)


def _number(v: Any) -> Any:
    return v.item() if isinstance(v, TensorBase) else v  # type: ignore[attr-defined]
