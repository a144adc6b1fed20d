"""Data types, their promotion rules and the default floating-point type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _bfloat16
from lucid._printing import shown

if TYPE_CHECKING:
    from lucid._tensor import Tensor


class dtype:
    """Element type of a tensor, for example ``lucid.float32``; compares and hashes by identity.

    Args:
        name: NumPy's name of the type, or "bfloat16".
        rank: 0 for bool, 1 for integers, 2 for floating point, 3 for complex.

    Attributes:
        name: the name without the package, ``"float32"``.
        numpy: the NumPy dtype of the storage.
        itemsize: bytes per element.
        is_floating_point: True for float16, bfloat16, float32 and float64.
        is_complex: True for complex64 and complex128.
        is_half: True for float16 and bfloat16, on which nothing is computed.

    Example:
        >>> import lucid
        >>> lucid.float32.itemsize, lucid.float32.is_floating_point
        (4, True)
    """

    __slots__ = ("is_complex", "is_floating_point", "is_half", "itemsize", "name", "numpy", "rank")

    def __init__(self, name: str, rank: int) -> None:
        self.name = name
        self.numpy = _bfloat16.dtype if name == "bfloat16" else np.dtype(name)
        self.itemsize = self.numpy.itemsize
        self.is_floating_point = rank == 2
        self.is_complex = rank == 3
        self.is_half = rank == 2 and self.itemsize == 2
        self.rank = rank  # 0 bool, 1 integer, 2 floating, 3 complex: promotion never crosses down

    def __repr__(self) -> str:
        return f"lucid.{self.name}"

    def __reduce__(self) -> tuple[Any, ...]:
        return as_dtype, (self.name,)


float32, float64 = dtype("float32", 2), dtype("float64", 2)
float16, bfloat16 = dtype("float16", 2), dtype("bfloat16", 2)
complex64, complex128 = dtype("complex64", 3), dtype("complex128", 3)
uint8, int8, int16, int32, int64 = (dtype(name, 1) for name in ("uint8", "int8", "int16", "int32", "int64"))
bool_ = dtype("bool", 0)

ALL = (float32, float64, float16, bfloat16, uint8, int8, int16, int32, int64, bool_, complex64, complex128)
_BY_NUMPY = {d.numpy: d for d in ALL}
_BY_PYTHON = {float: float64, int: int64, bool: bool_, complex: complex128}
_BY_NAME = {d.name: d for d in ALL} | {
    "float": float32, "double": float64, "half": float16, "int": int32, "long": int64, "short": int16,
    "cfloat": complex64, "cdouble": complex128,
}  # fmt: skip

NUMBERS = (bool, int, float, complex, np.generic)

_default = float32


def get_default_dtype() -> dtype:
    """The type of tensors made from Python floats; float32 unless changed.

    Example:
        >>> import lucid
        >>> lucid.get_default_dtype()
        lucid.float32
    """
    return _default


def set_default_dtype(d: dtype) -> None:
    """Make ``d`` the type of tensors made from Python floats.

    Args:
        d: a floating-point type.

    Raises:
        TypeError: ``d`` is not one.

    Example:
        >>> import lucid
        >>> lucid.set_default_dtype(lucid.float64)
        >>> lucid.tensor([1.0]).dtype
        lucid.float64
        >>> lucid.set_default_dtype(lucid.float32)
    """
    global _default
    if not isinstance(d, dtype) or not d.is_floating_point:
        raise TypeError(f"set_default_dtype: expected a floating-point dtype, got {d!r}")
    _default = d
    from lucid._functions import _autocast

    _autocast.state.set_enabled(_autocast.state.enabled)  # integers become floats of the new type the longer way


def of_array(array: np.ndarray) -> dtype:
    """The lucid dtype of a NumPy array's elements.

    Raises:
        TypeError: lucid has no such dtype.
    """
    try:
        return _BY_NUMPY[array.dtype]
    except KeyError:
        raise TypeError(
            f"no lucid dtype for numpy.{array.dtype}; supported: {', '.join(d.name for d in ALL)}"
        ) from None


def is_floating(d: np.dtype) -> bool:
    """Whether ``d`` is the NumPy dtype of a floating-point tensor."""
    return d.kind == "f" or d == _bfloat16.dtype


def as_dtype(spec: Any) -> dtype:
    """The lucid dtype meant by a lucid or NumPy dtype, a name, or ``float``, ``int``, ``bool``."""
    if isinstance(spec, dtype):
        return spec
    if isinstance(spec, type) and spec in _BY_PYTHON:
        return _BY_PYTHON[spec]
    if isinstance(spec, str) and spec in _BY_NAME:
        return _BY_NAME[spec]
    try:
        return _BY_NUMPY[np.dtype(spec)]
    except (TypeError, ValueError, KeyError):
        raise TypeError(f"not a lucid dtype: {shown(spec)}") from None


def of_scalar(value: Any) -> dtype:
    """The dtype a Python scalar stands for: bool, int64 or the default floating-point type."""
    if isinstance(value, (bool, np.bool_)):
        return bool_
    if isinstance(value, (int, np.integer)):
        return int64
    if isinstance(value, (float, np.floating)):
        return _default
    if isinstance(value, (complex, np.complexfloating)):
        return to_complex(_default)
    raise TypeError(f"expected a number, got {type(value).__name__}")


def to_complex(d: dtype) -> dtype:
    """The complex dtype whose parts hold the numbers of ``d``: complex128 for float64, else complex64."""
    return complex128 if d is float64 or d is complex128 else complex64


def to_real(d: dtype) -> dtype:
    """The dtype of the parts of a complex dtype; any other dtype itself."""
    return {complex64: float32, complex128: float64}.get(d, d)


def promote_types(a: dtype, b: dtype) -> dtype:
    """The smallest dtype both promote to; integers with floats give the float, reals with complex the complex.

    Args:
        a, b: dtypes.

    Raises:
        TypeError: an argument is no dtype.

    Example:
        >>> import lucid
        >>> lucid.promote_types(lucid.int64, lucid.float32)
        lucid.float32
    """
    for d in (a, b):
        if not isinstance(d, dtype):
            raise TypeError(f"promote_types: expected two dtypes, got {type(d).__name__}")
    if a is b:
        return a
    if a.is_complex or b.is_complex:
        return complex128 if float64 in (to_real(a), to_real(b)) else complex64
    if a.rank != b.rank:
        return a if a.rank > b.rank else b
    if a.is_half and b.is_half:
        return float32
    if bfloat16 in (a, b):
        return b if a is bfloat16 else a
    return _BY_NUMPY[np.promote_types(a.numpy, b.numpy)]


def result_type(*operands: Tensor | float) -> dtype:
    """The dtype of an arithmetic result, by PyTorch's rule.

    Tensors with dimensions decide among themselves; 0-d tensors and then Python scalars count only when
    they are of a higher category (bool < integer < floating < complex). A complex one then leaves the
    width of floating-point numbers as it is.

    Args:
        operands: tensors and Python numbers.

    Example:
        >>> import lucid
        >>> lucid.result_type(lucid.tensor([1]), 1.5)
        lucid.float32
    """
    groups: list[dtype | None] = [None, None, None]
    for x in operands:
        try:
            own, level = (of_scalar(x), 2) if isinstance(x, NUMBERS) else (x.dtype, 0 if x._data.ndim else 1)
        except AttributeError:
            raise TypeError(f"result_type: expected Tensors and numbers, got {type(x).__name__}") from None
        current = groups[level]
        groups[level] = own if current is None else promote_types(current, own)
    result: dtype | None = None
    for d in groups:
        if d is not None and (result is None or d.rank > result.rank):
            result = to_complex(result) if d.is_complex and result is not None and result.is_floating_point else d
    assert result is not None
    return result


class finfo:
    """Machine limits of a floating-point dtype: ``bits eps max min tiny smallest_normal resolution``.

    Args:
        d: a floating-point dtype, or a complex one for its parts; the default type unless given.

    Raises:
        TypeError: ``d`` holds integers or bools.

    Example:
        >>> import lucid
        >>> print(lucid.finfo(lucid.float32).eps)
        1.1920928955078125e-07
    """

    def __init__(self, d: dtype | None = None) -> None:
        own = as_dtype(d or _default)
        own = to_real(own)
        if not own.is_floating_point:
            raise TypeError(f"finfo: expected a floating-point dtype, got {own}")
        self.dtype = own.name
        if own is bfloat16:  # 8 bits of exponent, 7 behind the point
            self.bits, self.eps, self.resolution = 16, 2.0**-7, 0.01
            self.max = (2 - 2.0**-7) * 2.0**127
            self.min, self.tiny, self.smallest_normal = -self.max, 2.0**-126, 2.0**-126
            return
        info = np.finfo(own.numpy)
        self.bits = info.bits
        self.eps, self.max, self.min = float(info.eps), float(info.max), float(info.min)
        self.tiny = self.smallest_normal = float(info.smallest_normal)
        self.resolution = float(info.resolution)


class iinfo:
    """Limits of an integer dtype: ``bits max min``.

    Args:
        d: an integer dtype.

    Raises:
        ValueError: ``d`` is not an integer dtype.

    Example:
        >>> import lucid
        >>> lucid.iinfo(lucid.int8).min, lucid.iinfo(lucid.int8).max
        (-128, 127)
    """

    def __init__(self, d: dtype) -> None:
        info = np.iinfo(as_dtype(d).numpy)
        self.dtype, self.bits, self.max, self.min = as_dtype(d).name, info.bits, int(info.max), int(info.min)
