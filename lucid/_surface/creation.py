"""Making tensors: from buffers and files, and with given layouts."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from lucid import _dtype
from lucid._convert import as_device, to_array
from lucid._dlpack import from_dlpack
from lucid._functions._arguments import check_tensors
from lucid._functions._common import check_options, number, write_out
from lucid._functions.strided import as_strided
from lucid._tensor import Tensor
from lucid.autograd._node import wrap

__all__ = [
    "asarray", "empty_permuted", "empty_strided", "fill", "from_file", "frombuffer", "nonzero_static", "range",
    "scalar_tensor",
]  # fmt: skip


def asarray(
    obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None, requires_grad: bool | None = None
) -> Tensor:
    """A tensor over the memory of ``obj`` where that is possible, else with a copy of its values.

    Args:
        obj: a Tensor, a NumPy array, an object with ``__dlpack__`` or of the buffer protocol, a number or sequences.
        dtype: element type; that of ``obj`` unless given.
        device: "cpu".
        copy: True copies in any case, False refuses to; None copies where it must.
        requires_grad: record operations on the result; as ``obj`` unless given.

    Raises:
        ValueError: ``copy`` is False, and the memory cannot be shared.

    Example:
        >>> import lucid, numpy
        >>> a = numpy.zeros(2)
        >>> lucid.asarray(a).fill_(1).shape, a.tolist()
        (lucid.Size([2]), [1.0, 1.0])
    """
    if device is not None:
        as_device(device)
    if isinstance(obj, Tensor):
        y = obj if dtype is None else obj.to(dtype)
        y = y.clone() if copy and y is obj else y
        if copy is False and y is not obj:
            raise ValueError(f"asarray: cannot convert {obj.dtype} to {y.dtype} without a copy")
        if requires_grad is None or requires_grad == y.requires_grad:
            return y
        return y.detach().requires_grad_(requires_grad)
    shared = obj
    if not isinstance(obj, (np.ndarray, list, tuple, bool, int, float, complex)):
        if hasattr(obj, "__dlpack__"):
            shared = from_dlpack(obj)._data
        else:
            try:
                shared = np.asarray(memoryview(obj))
            except TypeError:
                shared = obj
    data = to_array(shared, dtype, copy=bool(copy))
    if not data.flags.writeable:
        data = data.copy()
    if copy is False and not (isinstance(shared, np.ndarray) and np.shares_memory(shared, data)):
        raise ValueError(f"asarray: the values of a {type(obj).__name__} cannot be shared without a copy")
    return wrap(data).requires_grad_(bool(requires_grad))


def frombuffer(buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False) -> Tensor:
    """A vector over the memory of an object of the buffer protocol.

    Args:
        buffer: ``bytearray``, ``array.array``, ``memoryview`` ...; read-only memory is copied.
        dtype: element type.
        count: number of elements; all that follow for -1.
        offset: bytes to skip.
        requires_grad: record operations on it.

    Raises:
        ValueError: the bytes do not fit the dtype or the count.

    Example:
        >>> import lucid
        >>> lucid.frombuffer(bytearray([1, 2, 3]), dtype=lucid.uint8, offset=1).tolist()
        [2, 3]
    """
    try:
        size = memoryview(buffer).nbytes
    except TypeError:
        raise TypeError(f"frombuffer: expected an object of the buffer protocol, got {type(buffer).__name__}") from None
    d = _dtype.as_dtype(dtype).numpy
    rest = size - offset
    if not 0 <= offset < max(size, 1) or count == 0:
        raise ValueError(f"frombuffer: offset {offset} or count {count} does not fit a buffer of {size} bytes")
    if (count < 0 and rest % d.itemsize) or (count > 0 and count * d.itemsize > rest):
        raise ValueError(
            f"frombuffer: {rest} bytes after the offset do not hold {count} elements of {d.itemsize} bytes"
        )
    data = np.frombuffer(buffer, d, count, offset)
    return wrap(data if data.flags.writeable else data.copy()).requires_grad_(requires_grad)


def from_file(filename: str, shared: bool | None = None, size: int = 0, *, dtype: Any = None, **options: Any) -> Tensor:
    """A vector over the bytes of a file.

    Args:
        filename: path of the file.
        shared: changes of the tensor reach the file, which is made or grows as needed; else it is only read.
        size: number of elements.
        dtype: element type; the default type unless given.
        options: ``device`` and others of PyTorch, accepted.

    Raises:
        RuntimeError: the file is too small.

    Example:
        >>> import lucid
        >>> import os, tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "numbers")
        >>> _ = lucid.tensor([1.0, 2.0]).numpy().tofile(path)
        >>> print(lucid.from_file(path, size=2))
        [1.0, 2.0]
    """
    d = (_dtype.get_default_dtype() if dtype is None else _dtype.as_dtype(dtype)).numpy
    if size < 0:
        raise RuntimeError(f"from_file: size must not be negative, got {size}")
    if not isinstance(filename, str) and not hasattr(filename, "__fspath__"):
        raise TypeError(f"from_file: expected a path, got {type(filename).__name__}")
    if size == 0:
        return wrap(np.empty(0, d))
    if shared:
        with open(filename, "ab+") as file:
            if file.seek(0, 2) < size * d.itemsize:
                file.truncate(size * d.itemsize)
    data = np.fromfile(filename, d, size) if not shared else np.memmap(filename, d, "r+", shape=(size,))
    if data.size < size:
        raise RuntimeError(f"from_file: {filename} holds {data.size} elements, fewer than {size}")
    return wrap(np.asarray(data))


def scalar_tensor(s: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any) -> Tensor:
    """A number as a tensor without dimensions, of the default type unless another is given.

    Args:
        s: the number.
        dtype: element type.
        device: "cpu".
        requires_grad: record operations on it.

    Raises:
        TypeError: ``s`` is no number.

    Example:
        >>> import lucid
        >>> print(lucid.scalar_tensor(3))
        3.0
    """
    check_options("scalar_tensor", _)
    if device is not None:
        as_device(device)
    if not isinstance(s, (bool, int, float, np.generic)):
        raise TypeError(f"scalar_tensor: expected a number, got {type(s).__name__}")
    d = _dtype.get_default_dtype() if dtype is None else _dtype.as_dtype(dtype)
    return wrap(number("scalar_tensor", s, d)).requires_grad_(requires_grad)


def range(
    start: float = 0, end: float | None = None, step: float = 1, *, out: Tensor | None = None, dtype: Any = None,
    device: Any = None, requires_grad: bool = False, **_: Any,
) -> Tensor:  # fmt: skip
    """The numbers from ``start`` to ``end``, both included: PyTorch's former `arange`; it warns.

    Args:
        start, end: first and last number; with one of them the numbers start at 0.
        step: distance of neighbours.
        out: tensor that receives the result.
        dtype: the default floating-point type unless given.
        device: "cpu".
        requires_grad: record operations on it.

    Raises:
        RuntimeError: ``step`` is 0 or leads away from ``end``, or ``out`` has another dtype than is asked for.

    Example:
        >>> import lucid
        >>> import warnings
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore")
        ...     print(lucid.range(1, 3))
        ...
        [1.0, 2.0, 3.0]
    """
    check_options("range", _)
    if device is not None:
        as_device(device)
    first, last = (0, start) if end is None else (start, end)
    for value in (first, last, step):
        if not isinstance(value, (int, float, np.generic)):
            raise TypeError(f"range: expected numbers, got {type(value).__name__}")
    if step == 0 or (last - first) / step < 0:
        raise RuntimeError(f"range: step {step} does not lead from {first} to {last}")
    warnings.warn("range is deprecated: use arange, which leaves the end out", UserWarning, stacklevel=2)
    if dtype is None and isinstance(out, Tensor):
        dtype = out.dtype
    d = _dtype.get_default_dtype() if dtype is None else _dtype.as_dtype(dtype)
    if isinstance(out, Tensor) and out._data.dtype != d.numpy:
        raise RuntimeError(f"range: dtype {d} does not match the dtype of out, {_dtype.of_array(out._data)}")
    count = int((last - first) / step) + 1
    y = wrap((first + step * np.arange(count)).astype(d.numpy))
    return write_out("range", y, out).requires_grad_(requires_grad)


def empty_strided(
    size: Sequence[int], stride: Sequence[int], *, dtype: Any = None, device: Any = None, requires_grad: bool = False,
    **_: Any,
) -> Tensor:  # fmt: skip
    """A tensor with arbitrary values and the given sizes and strides, in elements.

    Args:
        size: sizes.
        stride: elements between neighbours of each dimension.
        dtype: the default floating-point type unless given.
        device: "cpu".
        requires_grad: record operations on it.

    Raises:
        RuntimeError: sizes and strides differ in number, or are negative.

    Example:
        >>> import lucid
        >>> lucid.empty_strided((2, 3), (1, 2)).stride()
        (1, 2)
    """
    check_options("empty_strided", _)
    if device is not None:
        as_device(device)
    shape, steps = tuple(size), tuple(stride)
    if len(shape) != len(steps) or min((*shape, *steps), default=0) < 0:
        raise RuntimeError(f"empty_strided: expected as many non-negative strides as sizes, got {shape} and {steps}")
    count = 0 if 0 in shape else 1 + sum((n - 1) * s for n, s in zip(shape, steps))
    d = _dtype.get_default_dtype() if dtype is None else _dtype.as_dtype(dtype)
    return as_strided(wrap(np.empty(count, d.numpy)), shape, steps).detach().requires_grad_(requires_grad)


def empty_permuted(size: Sequence[int], physical_layout: Sequence[int], *, dtype: Any = None, **options: Any) -> Tensor:
    """A tensor with arbitrary values whose dimensions lie in memory in the order ``physical_layout``, outermost first.

    Args:
        size: sizes.
        physical_layout: the dimensions in the order of memory.
        dtype: the default floating-point type unless given.
        options: ``device`` and ``requires_grad``, as of `empty_strided`.

    Raises:
        RuntimeError: ``physical_layout`` is not a permutation of the dimensions.

    Example:
        >>> import lucid
        >>> lucid.empty_permuted((2, 3, 4), (0, 2, 1)).stride()
        (12, 1, 3)
    """
    shape, order = tuple(size), tuple(physical_layout)
    if sorted(order) != list(np.arange(len(shape))):
        raise RuntimeError(f"empty_permuted: physical_layout {order} does not permute {len(shape)} dimensions")
    stride, step = [0] * len(shape), 1
    for d in reversed(order):
        stride[d] = step
        step *= max(shape[d], 1)
    return empty_strided(shape, stride, dtype=dtype, **options)


def fill(input: Tensor, value: Any) -> Tensor:
    """A tensor of the shape and dtype of ``input`` that holds ``value`` everywhere, a number or a 0-d tensor.

    Args:
        input: tensor whose shape and dtype are taken.
        value: a number or a 0-d tensor.

    Raises:
        RuntimeError: ``value`` is a tensor with dimensions.

    Example:
        >>> import lucid
        >>> print(lucid.fill(lucid.zeros(2), 3.0))
        [3.0, 3.0]
    """
    check_tensors("fill", input)
    if isinstance(value, Tensor) and value.ndim:
        raise RuntimeError(f"fill: only supports 0-dimension value tensor, got shape {tuple(value.shape)}")
    if not isinstance(value, (Tensor, bool, int, float, np.generic)):
        raise TypeError(f"fill: expected a number, got {type(value).__name__}")
    return input.clone().fill_(value)


def nonzero_static(input: Tensor, *, size: int, fill_value: int = -1, out: Tensor | None = None) -> Tensor:
    """The places of the elements that are not zero, as `nonzero`, cut or filled to ``size`` rows.

    Args:
        input: any shape and dtype.
        size: number of rows.
        fill_value: index in the rows that are left.
        out: tensor that receives the result.

    Raises:
        RuntimeError: ``size`` is negative.

    Example:
        >>> import lucid
        >>> print(lucid.nonzero_static(lucid.tensor([0, 5, 6]), size=3))
        [[1],
         [2],
         [-1]]
    """
    check_tensors("nonzero_static", input)
    if size < 0:
        raise RuntimeError(f"nonzero_static: size must not be negative, got {size}")
    found = np.argwhere(input._data)[:size]
    rows = np.full((size, input.ndim), fill_value, np.int64)
    rows[: len(found)] = found
    return write_out("nonzero_static", wrap(rows), out)
