"""Tensors from values, constants, ranges and random numbers."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _dtype, _ops
from lucid._functions._arguments import check_tensors, integer
from lucid._functions._common import check_options, write_out
from lucid._functions.shape import as_shape
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
        t = write_out(name, t, options.get("out"))
    if requires_grad:
        t.requires_grad = True
    return t


def _shape(sizes: tuple[Any, ...], size: Any) -> tuple[int, ...]:
    """The shape given as ``zeros(2, 3)``, ``zeros((2, 3))`` or ``zeros(size=(2, 3))``."""
    if size is None:
        return as_shape(sizes)
    if sizes:
        raise TypeError(f"got the size twice, as {sizes} and as size={size}")
    return as_shape((size,))


def _numpy_dtype(dtype: Any, options: Options = NONE) -> np.dtype:
    """The dtype asked for, else that of ``out=``, else the default."""
    if dtype is None and isinstance(options.get("out"), TensorBase):
        return options["out"]._data.dtype
    return (_dtype.get_default_dtype() if dtype is None else _dtype.as_dtype(dtype)).numpy


def _filled(shape: tuple[int, ...], value: Any, dtype: np.dtype) -> np.ndarray:
    """``np.full`` in memory of the pool: what NumPy takes afresh costs page faults every time."""
    y = _ops.allocate(shape, dtype)
    try:
        y.fill(_number(value))
    except OverflowError:
        raise RuntimeError(f"full: value {value} cannot be converted to {dtype} without overflow") from None
    return y


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
    y = _ops.allocate(_shape(sizes, size), _numpy_dtype(dtype, _))
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
    return _finish("zeros", _filled(_shape(sizes, size), 0, _numpy_dtype(dtype, _)), requires_grad, device, _)


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
    return _finish("ones", _filled(_shape(sizes, size), 1, _numpy_dtype(dtype, _)), requires_grad, device, _)


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
    d = _dtype.of_scalar(value) if dtype is None else _dtype.as_dtype(dtype)
    return _finish("full", _filled(as_shape((size,)), value, d.numpy), requires_grad, device, _)


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
    return _finish("eye", np.eye(n, m, dtype=_numpy_dtype(dtype, _)), requires_grad, device, _)


def _number(v: Any) -> Any:
    return v.item() if isinstance(v, TensorBase) else v  # type: ignore[attr-defined]


def arange(
    start: float,
    end: float | None = None,
    step: float = 1,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **_: Any,
) -> Tensor:
    """start, start + step, ... up to but without ``end``; ``arange(end)`` starts at 0.

    Args:
        start: first value.
        end: limit, not reached.
        step: distance of neighbours; negative ones count down.
        dtype: int64 if all three are integers, otherwise the default floating-point type, unless given.
        device: "cpu".
        requires_grad: record operations on it.

    Raises:
        RuntimeError: ``step`` is zero or leads away from ``end``.

    Example:
        >>> import lucid
        >>> print(lucid.arange(1, 7, 2))
        [1, 3, 5]
    """
    if end is None:
        start, end = 0, start
    start, end, step = (_number(v) for v in (start, end, step))
    if step == 0 or (end - start) * step < 0:
        raise RuntimeError(f"arange: upper bound and lower bound inconsistent with step sign: {start}, {end}, {step}")
    if dtype is None:
        dtype = (
            _dtype.int64
            if all(isinstance(v, (int, np.integer)) for v in (start, end, step))
            else _dtype.get_default_dtype()
        )
    d = _numpy_dtype(dtype, _)
    first, stride = start, step
    if d.kind in "iu":  # counted in integers, as PyTorch does
        first, stride = int(start), int(step)
        if d == np.int64:
            start, end, step = first, int(end), stride or step
    count = max(0, int(np.ceil((end - start) / step)))
    return _finish("arange", (first + np.arange(count) * stride).astype(d), requires_grad, device, _)


def linspace(
    start: float,
    end: float,
    steps: int,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **_: Any,
) -> Tensor:
    """``steps`` evenly spaced values from ``start`` to ``end``, both included.

    Args:
        start, end: first and last value.
        steps: number of values.
        dtype: the default floating-point type unless given.
        device: "cpu".
        requires_grad: record operations on it.

    Example:
        >>> import lucid
        >>> print(lucid.linspace(0, 1, 5))
        [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    return _finish(
        "linspace",
        _spaced("linspace", start, end, steps, dtype).astype(_numpy_dtype(dtype, _)),
        requires_grad,
        device,
        _,
    )


def _spaced(name: str, start: Any, end: Any, steps: Any, dtype: Any) -> np.ndarray:
    """Evenly spaced numbers in float64; for integer dtypes between the truncated ends."""
    for v in (start, end):
        if isinstance(v, TensorBase) and v._data.ndim:
            raise RuntimeError(f"{name}: only supports 0-d start and end tensors, got shape {v._data.shape}")
    start, end, steps = _number(start), _number(end), integer(steps)
    if not isinstance(steps, int) or steps < 0:
        raise RuntimeError(f"{name}: number of steps must be a non-negative integer, got {steps!r}")
    if dtype is not None and _numpy_dtype(dtype).kind in "iu":
        start, end = int(start), int(end)
    return np.linspace(start, end, steps)


def logspace(
    start: float, end: float, steps: int, base: float = 10.0, *, dtype: Any = None, device: Any = None,
    requires_grad: bool = False, **_: Any
) -> Tensor:  # fmt: skip
    """``base`` to the powers of `linspace`.

    Args:
        start, end: first and last exponent.
        steps: number of values.
        base: positive number.
        dtype: the default floating-point type unless given.
        device: "cpu".
        requires_grad: record operations on it.

    Example:
        >>> import lucid
        >>> print(lucid.logspace(0, 2, 3))
        [1.0, 10.0, 100.0]
    """
    powers = _number(base) ** _spaced("logspace", start, end, steps, dtype)
    return _finish("logspace", np.asarray(powers).astype(_numpy_dtype(dtype, _)), requires_grad, device, _)


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
