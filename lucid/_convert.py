"""Arrays and devices from what users pass."""

from __future__ import annotations

from typing import Any

import numpy as np

from lucid import _dtype
from lucid._device import current_device, device
from lucid._functions._common import convert
from lucid.autograd._node import TensorBase


class Constructor:
    """How ``Tensor(...)`` understands its arguments.

    Attributes:
        former: as PyTorch's class does, which `lucid.torch.install` asks for: one integer is a size, and values get
            the default dtype.
    """

    former = False


def former_array(data: Any, sizes: list[Any]) -> np.ndarray:
    """What PyTorch's ``Tensor(...)`` makes: arbitrary values of some sizes, or the given ones, in the default dtype.

    Raises:
        TypeError: the arguments are neither sizes nor one sequence.
    """
    default = _dtype.get_default_dtype()
    if all(isinstance(n, (int, np.integer)) and not isinstance(n, bool) for n in sizes):
        return np.empty(sizes, default.numpy)
    if len(sizes) > 1 or isinstance(data, (float, bool)):
        raise TypeError("Tensor: expected sizes or one sequence, got " + ", ".join(type(n).__name__ for n in sizes))
    if type(data).__name__ == "Size":
        return np.empty(data, default.numpy)
    return to_array(data, default, copy=True)


def as_device(spec: Any) -> device:
    """The device to put tensors on that is meant by ``spec``: "cpu", "cpu:0" or a `device`; "meta" in its context.

    Raises:
        RuntimeError: another device.
    """
    place = spec if isinstance(spec, device) else device(spec)
    if place.type != "cpu" and place != current_device():
        raise RuntimeError(f"device: lucid runs on CPUs only, got {str(spec)!r}")
    return place


def to_array(data: Any, dtype: Any, copy: bool) -> np.ndarray:
    """``data`` as an array of a dtype lucid has; Python floats in the default floating-point type."""
    target = None if dtype is None else _dtype.as_dtype(dtype).numpy
    if isinstance(data, TensorBase):
        if target is not None and target != data._data.dtype:
            return convert(data._data, _dtype.as_dtype(dtype))
        return np.array(data._data, copy=copy or None)
    if isinstance(data, (list, tuple)) and _contains_tensor(data):
        data = _unwrap(data)
    try:
        with np.errstate(over="ignore"):
            array = np.array(data, target, copy=copy or None)
    except OverflowError:
        raise RuntimeError(f"tensor: value cannot be converted to {dtype or 'int64'} without overflow") from None
    except ValueError as error:
        what = "its sequences have different lengths" if "inhomogeneous" in str(error) else error
        raise ValueError(f"tensor: cannot make a tensor of {type(data).__name__}: {what}") from None
    except TypeError:
        raise TypeError(f"tensor: cannot make a tensor of {type(data).__name__}: it holds what is no number") from None
    if not isinstance(data, (np.ndarray, np.generic)) and array.dtype.kind not in "biufcV":
        raise TypeError(f"tensor: cannot make a tensor of {type(data).__name__}: it holds what is no number")
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if target is None:
        if not isinstance(data, (np.ndarray, np.generic)) and array.dtype == np.float64:
            array = array.astype(_dtype.get_default_dtype().numpy)
        elif not isinstance(data, (np.ndarray, np.generic)) and array.dtype == np.complex128:
            array = array.astype(_dtype.to_complex(_dtype.get_default_dtype()).numpy)
        _dtype.of_array(array)
    return array


def _contains_tensor(data: Any) -> Any:
    return isinstance(data, TensorBase) or (
        isinstance(data, (list, tuple)) and len(data) > 0 and _contains_tensor(data[0])
    )


def _unwrap(data: Any) -> Any:
    if isinstance(data, TensorBase):
        return data._data if data._data.ndim else data._data[()]
    return [_unwrap(d) for d in data] if isinstance(data, (list, tuple)) else data
