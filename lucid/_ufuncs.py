"""NumPy's ufuncs called with tensors: `Tensor.__array_ufunc__`."""

from __future__ import annotations

import functools
from typing import Any, NoReturn

import numpy as np

from lucid import _dtype
from lucid._functions._common import as_tensor, check_writable
from lucid.autograd._node import TensorBase, bump, mode, wrap

# What Python's operators call for an array on their left: `array * tensor` is `np.multiply(array, tensor)`. These are
# operations of lucid, with its promotion and gradients, so that both orders of the operands give the same.
_OPERATORS: dict[Any, tuple[str, str]] = {
    np.add: ("__add__", "__radd__"),
    np.subtract: ("__sub__", "__rsub__"),
    np.multiply: ("__mul__", "__rmul__"),
    np.true_divide: ("__truediv__", "__rtruediv__"),
    np.floor_divide: ("__floordiv__", "__rfloordiv__"),
    np.remainder: ("__mod__", "__rmod__"),
    np.power: ("__pow__", "__rpow__"),
    np.matmul: ("__matmul__", "__rmatmul__"),
    np.bitwise_and: ("__and__", "__rand__"),
    np.bitwise_or: ("__or__", "__ror__"),
    np.bitwise_xor: ("__xor__", "__rxor__"),
    np.left_shift: ("__lshift__", "__rlshift__"),
    np.right_shift: ("__rshift__", "__rrshift__"),
    np.equal: ("__eq__", "__eq__"),
    np.not_equal: ("__ne__", "__ne__"),
    np.less: ("__lt__", "__gt__"),
    np.less_equal: ("__le__", "__ge__"),
    np.greater: ("__gt__", "__lt__"),
    np.greater_equal: ("__ge__", "__le__"),
}

_NAMES = {
    "conjugate": "conj", "rint": "round", "fabs": "abs", "degrees": "rad2deg", "radians": "deg2rad", "modf": "frac",
    "invert": "bitwise_not", "left_shift": "bitwise_left_shift", "right_shift": "bitwise_right_shift",
}  # fmt: skip
"""What lucid calls a ufunc of NumPy's, where it is another name."""


def call(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What ``getattr(ufunc, method)(*inputs, **kwargs)`` gives when a tensor is among the arguments.

    The ufuncs behind Python's operators are lucid's own functions. All others compute on the tensors' memory, and what
    they return becomes a tensor without history. Results for which there is an ``out`` are written there: ``array +=
    tensor`` writes the array.

    Raises:
        RuntimeError: a tensor requires grad, gradients are recorded, and NumPy would have to read or to write it.
        TypeError: a tensor is of dtype bfloat16, or the result of a dtype lucid lacks.
    """
    out = kwargs.pop("out", ())
    operands = (*inputs, *out)
    if not all(map(_known, operands)):
        return NotImplemented
    if method == "__call__" and not out and not kwargs and ufunc in _OPERATORS:
        return _operate(ufunc, *inputs)
    for x in operands if mode.enabled else ():
        if isinstance(x, TensorBase) and x.requires_grad:  # type: ignore[attr-defined]
            _refuse(ufunc)
    written = inputs[:1] if method == "at" else out
    for x in written:
        if isinstance(x, TensorBase):
            check_writable(ufunc.__name__, x)  # type: ignore[arg-type]
    if "where" in kwargs:
        kwargs["where"] = _array(kwargs["where"])
    if out:
        kwargs["out"] = tuple(map(_array, out))
    result = getattr(ufunc, method)(*map(_array, inputs), **kwargs)
    for x in written:
        if isinstance(x, TensorBase):
            bump(x)
    if result is None:
        return None
    results = result if isinstance(result, tuple) else (result,)
    places = (*out, *[None] * (len(results) - len(out)))
    finished = tuple(as_result(r) if place is None else place for r, place in zip(results, places))
    return finished if isinstance(result, tuple) else finished[0]


def as_result(array: Any) -> Any:
    """A tensor without history over what NumPy returned.

    Raises:
        TypeError: lucid has no such dtype.
    """
    array = np.asarray(array)
    _dtype.of_array(array)
    return wrap(array)


def _known(x: Any) -> bool:
    known = (TensorBase, np.ndarray, np.generic)
    return isinstance(x, known) or not hasattr(x, "__array_ufunc__")


def _array(x: Any) -> Any:
    return x.numpy() if isinstance(x, TensorBase) else x  # type: ignore[attr-defined]


def _operate(ufunc: np.ufunc, x: Any, y: Any) -> Any:
    usual, reflected = _OPERATORS[ufunc]
    x, y = (np.asarray(v) if isinstance(v, (list, tuple)) else v for v in (x, y))
    if ufunc is np.matmul:
        x, y = as_tensor(x, "matmul"), as_tensor(y, "matmul")
    return getattr(x, usual)(y) if isinstance(x, TensorBase) else getattr(y, reflected)(x)


@functools.cache
def _advice(name: str) -> str:
    import lucid

    own = _NAMES.get(name, name)
    return f"lucid.{own} or " if hasattr(lucid, own) else ""


def _refuse(ufunc: np.ufunc) -> NoReturn:
    name = ufunc.__name__
    raise RuntimeError(
        f"numpy.{name}: Can't call numpy() on Tensor that requires grad. "
        f"Use {_advice(name)}tensor.detach().numpy() instead."
    )
