"""The methods of `Tensor` that give something else: arrays, numbers, text, tensors of other dtypes, shared memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _dtype
from lucid._convert import as_device
from lucid._device import cpu
from lucid._functions._common import cast, check_options
from lucid._printing import describe_tensor, format_tensor, format_values
from lucid.autograd._node import TensorBase, mode

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def _casting(dtype: _dtype.dtype, name: str) -> Callable[..., Tensor]:
    def method(self: Any, memory_format: Any = None) -> Tensor:
        return cast(self, dtype)

    method.__name__, method.__qualname__ = name, f"Tensor.{name}"
    method.__doc__ = f"""The tensor in {dtype.name}.

    Args:
        memory_format: without effect.

    Example:
        >>> import lucid
        >>> lucid.tensor([0, 2]).{name}().dtype
        {dtype!r}
    """
    return method


class Conversions:
    """Mixed into `Tensor`, which ``self`` is."""

    def numpy(self: Any, *, force: bool = False) -> np.ndarray:
        """The storage as a NumPy array, shared.

        Args:
            force: detach first where needed.

        Raises:
            RuntimeError: the tensor requires grad, gradients are recorded (no `no_grad`) and ``force`` is False.
            TypeError: it is of dtype bfloat16, which NumPy has not.

        Example:
            >>> import lucid
            >>> lucid.tensor([1, 2]).numpy()
            array([1, 2])
        """
        if self._data.dtype == _dtype.bfloat16.numpy:
            raise TypeError("numpy: Got unsupported ScalarType BFloat16; use .float().numpy() to convert it first")
        if self.requires_grad and mode.enabled and not force:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
        return self._data

    def __array__(self: Any, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __array_wrap__(self: Any, array: np.ndarray, context: Any = None, return_scalar: Any = False) -> Tensor:
        from lucid._ufuncs import as_result

        return as_result(array)

    def __array_ufunc__(self: Any, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        from lucid._ufuncs import call

        return call(ufunc, method, inputs, kwargs)

    def __array_namespace__(self: Any, *, api_version: str | None = None) -> Any:
        """`lucid.array_api`, whose functions have the names and arguments of the Python array API standard.

        Raises:
            ValueError: a version other than 2024.12 and those before it.
        """
        from lucid import array_api

        if api_version not in (None, "2021.12", "2022.12", "2023.12", "2024.12"):
            raise ValueError(f"__array_namespace__: api_version must be at most '2024.12', got {api_version!r}")
        return array_api

    def __dlpack__(self: Any, **kwargs: Any) -> Any:
        from lucid._dlpack import export

        return export(self, **kwargs)

    def __dlpack_device__(self: Any) -> tuple[int, int]:
        return self._data.__dlpack_device__()

    def item(self: Any) -> Any:
        """The value of a tensor with one element, as a Python number.

        Raises:
            RuntimeError: there is not exactly one element.

        Example:
            >>> import lucid
            >>> lucid.tensor([1.5]).item()
            1.5
        """
        if self._data.size != 1:
            raise RuntimeError(f"item: a Tensor with {self._data.size} elements cannot be converted to Scalar")
        return self._data.item()

    def tolist(self: Any) -> Any:
        """The values as nested lists, or a number for a 0-d tensor."""
        return self._data.tolist()

    def to(self: Any, *args: Any, dtype: Any = None, device: Any = None, copy: bool = False, **_: Any) -> Tensor:
        """The tensor with another dtype, or that of another tensor; devices other than the CPU are refused.

        Args:
            args: dtypes, devices or a tensor whose dtype is taken; bools are without effect.
            dtype: that of the tensor unless given.
            device: "cpu".
            copy: copy even where nothing changes.

        Raises:
            RuntimeError: another device.

        Example:
            >>> import lucid
            >>> lucid.ones(2).to(lucid.int64).dtype, lucid.ones(2).to("cpu", lucid.float64).dtype
            (lucid.int64, lucid.float64)
        """
        check_options("to", _, "non_blocking")
        for a in args:
            if isinstance(a, TensorBase):
                dtype = _dtype.of_array(a._data)
            elif isinstance(a, (str, type(cpu))) and not (isinstance(a, str) and a in _dtype._BY_NAME):
                device = a
            elif not isinstance(a, bool) and a is not None:
                dtype = a
        if device is not None:
            as_device(device)
        y = self if dtype is None else cast(self, _dtype.as_dtype(dtype))
        return y.clone() if copy and y is self else y

    def type(self: Any, dtype: Any = None) -> Any:
        """The tensor with another dtype, or the name of this one's.

        Args:
            dtype: an element type; without it the name is given.

        Example:
            >>> import lucid
            >>> lucid.ones(2).type(), lucid.ones(2).type(lucid.int64).dtype
            ('lucid.float32', lucid.int64)
        """
        return f"lucid.{self.dtype.name}" if dtype is None else self.to(dtype)

    def type_as(self: Any, other: Tensor) -> Tensor:
        """The tensor with the dtype of ``other``.

        Args:
            other: any shape.

        Example:
            >>> import lucid
            >>> lucid.ones(2).type_as(lucid.tensor([1])).dtype
            lucid.int64
        """
        if not isinstance(other, TensorBase):
            raise TypeError(f"type_as: expected a Tensor, got {type(other).__name__}")
        return cast(self, other.dtype)

    def cpu(self: Any) -> Tensor:
        """The tensor itself."""
        return self

    def cuda(self: Any, *args: Any, **kwargs: Any) -> Tensor:
        """Refused: lucid runs on CPUs.

        Args:
            args, kwargs: not looked at.

        Raises:
            RuntimeError: always.

        Example:
            >>> import lucid
            >>> lucid.ones(1).cuda()
            Traceback (most recent call last):
                ...
            RuntimeError: cuda: lucid runs on CPUs only; remove the .cuda() call or use .to('cpu')
        """
        raise RuntimeError("cuda: lucid runs on CPUs only; remove the .cuda() call or use .to('cpu')")

    float, half, bfloat16, double = (
        _casting(_dtype.float32, "float"), _casting(_dtype.float16, "half"), _casting(_dtype.bfloat16, "bfloat16"),
        _casting(_dtype.float64, "double"),
    )  # fmt: skip
    cfloat, cdouble = _casting(_dtype.complex64, "cfloat"), _casting(_dtype.complex128, "cdouble")
    long, int = _casting(_dtype.int64, "long"), _casting(_dtype.int32, "int")
    bool, byte = _casting(_dtype.bool_, "bool"), _casting(_dtype.uint8, "byte")

    def _number(self: Any) -> Any:
        if self._data.size != 1:
            raise ValueError(
                f"only one element tensors can be converted to Python scalars, got shape {self._data.shape}"
            )
        return self._data.item()

    def __float__(self: Any) -> Any:
        return float(self._number())

    def __complex__(self: Any) -> Any:
        return complex(self._number())

    def __int__(self: Any) -> Any:
        return int(self._number())

    def __index__(self: Any) -> Any:
        if self._data.dtype.kind not in "iub":
            raise TypeError(f"only integer tensors of a single element can be converted to an index, got {self.dtype}")
        return int(self._number())

    def __bool__(self: Any) -> Any:
        if self._data.size != 1:
            raise RuntimeError(f"Boolean value of Tensor with {self._data.size} values is ambiguous")
        return bool(self._data.item())

    # Python protocol

    def __repr__(self: Any) -> str:
        return describe_tensor(self)

    def __str__(self: Any) -> str:
        return format_tensor(self) if self.requires_grad else format_values(self._data)

    def __format__(self: Any, spec: str) -> str:
        if self._data.ndim == 0:
            return format(self.item(), spec)
        if spec:
            raise TypeError(
                f"unsupported format string passed to Tensor.__format__: {spec!r} for a tensor of shape "
                f"{self._data.shape}; format its numbers one by one"
            )
        return str(self)

    def __rlshift__(self: Any, other: Any) -> Tensor:
        from lucid._functions.integers import bitwise_left_shift

        return bitwise_left_shift(other, self)

    def __rrshift__(self: Any, other: Any) -> Tensor:
        from lucid._functions.integers import bitwise_right_shift

        return bitwise_right_shift(other, self)

    def __bytes__(self: Any) -> bytes:
        return bytes(self.tolist())

    def __len__(self: Any) -> Any:
        if not self._data.ndim:
            raise TypeError("len() of a 0-d tensor")
        return len(self._data)

    def __iter__(self: Any) -> Iterator[Tensor]:
        if not self._data.ndim:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))

    def __contains__(self: Any, value: Any) -> Any:
        if not isinstance(value, (TensorBase, *_dtype.NUMBERS)):
            raise RuntimeError(
                f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(value)}."
            )
        return bool((self == value).any())
