"""Memory shared with other libraries by way of DLPack: `Tensor.__dlpack__` and `lucid.from_dlpack`.

NumPy makes and reads the capsules. What it has not is bfloat16: such storage passes as uint16, and the code of the
type is changed in the capsule, before anyone has read it.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _dtype
from lucid._convert import as_device
from lucid._device import device as Device
from lucid.autograd._node import TensorBase, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor

_UINT, _BFLOAT = 1, 4  # DLDataTypeCode
_CPU = 1  # DLDeviceType

# Where a managed tensor has the code of its type: after (version, manager_ctx, deleter, flags), when it is of a
# version, then (data, device, ndim).
_CODE_AT = {b"dltensor": 8 + 8 + 4, b"dltensor_versioned": 8 + 8 + 8 + 8 + 8 + 8 + 4}

_api = ctypes.pythonapi
_api.PyCapsule_IsValid.argtypes = _api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
_api.PyCapsule_GetPointer.restype = ctypes.c_void_p
_Capsule = type(np.empty(0).__dlpack__())


def _type_of(capsule: Any) -> Any:
    """The element type's fields (code, bits, and lanes in two bytes), in the capsule's own memory.

    Raises:
        RuntimeError: the capsule has been used, or holds something else.
    """
    for name, at in _CODE_AT.items():
        if _api.PyCapsule_IsValid(capsule, name):
            return (ctypes.c_uint8 * 4).from_address(_api.PyCapsule_GetPointer(capsule, name) + at)
    raise RuntimeError(
        "from_dlpack: received an invalid capsule; a DLPack capsule can be consumed only once, and this one was "
        "consumed already or is not one"
    )


def export(x: Tensor, **kwargs: Any) -> Any:
    """A capsule over the memory of ``x``.

    Raises:
        BufferError: the tensor requires grad, or another device or the impossible is asked for.
    """
    if x.requires_grad:
        raise BufferError("__dlpack__: Can't export tensors that require gradient, use tensor.detach()")
    stream, place = kwargs.pop("stream", None), kwargs.get("dl_device")
    if stream is not None:
        raise BufferError(f"__dlpack__: stream should be None on cpu, got {stream!r}")
    if place is not None and tuple(place) != (_CPU, 0):
        raise BufferError(f"__dlpack__: dl_device must be (1, 0), the CPU, got {tuple(place)}")
    array = x.numpy() if x.dtype is not _dtype.bfloat16 else x._data.view(np.uint16)
    if not array.flags.writeable and kwargs.get("max_version") is None and not kwargs.get("copy"):
        raise BufferError(
            "__dlpack__: the tensor is over read-only memory, which capsules of versions before 1.0 cannot tell; "
            "clone() it first"
        )
    capsule = array.__dlpack__(**kwargs)
    if x.dtype is _dtype.bfloat16:
        _type_of(capsule)[0] = _BFLOAT
    return capsule


class _Holder:
    """A capsule as NumPy asks for one."""

    def __init__(self, capsule: Any, place: tuple[int, int]) -> None:
        self.capsule, self.place = capsule, place

    def __dlpack__(self, **kwargs: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.place


class _Writable:
    """The memory of an array that NumPy took to be read-only, since its capsule is of a version that cannot say."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        memory, _ = array.__array_interface__["data"]
        self.__array_interface__ = {**array.__array_interface__, "data": (memory, False)}


def _capsule_of(x: Any, copy: bool | None) -> Any:
    asked = {"max_version": (1, 0)} if copy is None else {"max_version": (1, 0), "copy": copy}
    try:
        return x.__dlpack__(**asked)
    except TypeError:
        if copy:
            raise BufferError(f"from_dlpack: {type(x).__name__}.__dlpack__ cannot copy; use copy=None") from None
        return x.__dlpack__()


def from_dlpack(x: Any, *, device: str | Device | None = None, copy: bool | None = None) -> Tensor:
    """A tensor over the memory of another library's array, which must lie on the CPU and speak DLPack.

    The memory stays alive as long as the tensor or a view of it. Writing to memory that its owner calls read-only is
    refused.

    Args:
        x: an object with ``__dlpack__``, or a capsule that nobody has used.
        device: "cpu", the only device.
        copy: True for memory of its own; otherwise nothing is copied.

    Raises:
        TypeError: ``x`` does not speak DLPack, or has a dtype lucid lacks.
        RuntimeError: the capsule was used before.
        BufferError: the memory is not the CPU's.

    Example:
        >>> import lucid
        >>> import numpy as np
        >>> print(lucid.from_dlpack(np.ones(2)))
        [1.0, 1.0]

    Source: the DLPack protocol, version 1.0, as the Python array API standard 2024.12 uses it.
    """
    if device is not None:
        as_device(device)
    if isinstance(x, TensorBase) and x.requires_grad:  # type: ignore[attr-defined]
        raise BufferError("from_dlpack: Can't export tensors that require gradient, use tensor.detach()")
    place = (_CPU, 0)
    if isinstance(x, _Capsule):
        capsule = x
    elif hasattr(x, "__dlpack__"):
        place = tuple(map(int, x.__dlpack_device__()))  # type: ignore[assignment]
        if place[0] != _CPU:
            raise BufferError(f"from_dlpack: lucid reads the CPU's memory only, got DLPack device {place}")
        capsule = _capsule_of(x, copy)
    else:
        raise TypeError(f"from_dlpack: expected an object with __dlpack__, got {type(x).__name__}")
    kind = _type_of(capsule)
    old = _api.PyCapsule_IsValid(capsule, b"dltensor")
    half = (kind[0], kind[1]) == (_BFLOAT, 16)
    if half:
        kind[0] = _UINT
    try:
        array = np.from_dlpack(_Holder(capsule, place))
    except (BufferError, RuntimeError) as error:
        raise TypeError(f"from_dlpack: {error}") from None
    if old:
        array = np.asarray(_Writable(array))
    if half:
        array = array.view(_dtype.bfloat16.numpy)
    _dtype.of_array(array)
    if copy and isinstance(x, _Capsule):
        array = array.copy()
    return wrap(array)
