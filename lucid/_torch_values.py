"""What checkpoints hold beside tensors and plain containers: NumPy's arrays and numbers, sets, bytes, settings, paths.

Such values have names and calls in a pickle. Each of them has one meaning here, which is to make that value from
numbers, text and bytes: nothing that a file names is looked up anywhere.
"""

from __future__ import annotations

import argparse
import math
import pathlib
import types
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid._device import device

if TYPE_CHECKING:
    from lucid._torch_writer import Pickler

Fail = Callable[[str], Exception]


def _dtype(fail: Fail, name: Any, *_: Any) -> np.dtype:
    if not isinstance(name, str) or name[:1] not in tuple("biufc") or not name[1:].isdecimal():
        raise fail(f"a NumPy array has the type {name!r}; expected numbers")
    return np.dtype(name)


def _array(fail: Fail, *_: Any) -> np.ndarray:
    """An array that `give_state` fills."""
    return np.empty(0)


def _scalar(fail: Fail, dtype: Any, data: Any) -> Any:
    if not isinstance(dtype, np.dtype) or not isinstance(data, bytes) or len(data) != dtype.itemsize:
        raise fail("a NumPy number is not what it should be")
    return np.frombuffer(data, dtype)[0]


def _path(fail: Fail, *parts: str) -> pathlib.Path:
    return pathlib.Path(*parts)


def _defaultdict(fail: Fail, factory: Any = None, *_: Any) -> defaultdict[Any, Any]:
    return defaultdict(FACTORIES.get(getattr(factory, "name", "")))


FACTORIES: dict[str, Any] = {f"builtins.{kind.__name__}": kind for kind in (bool, dict, float, int, list, set, str)}
CALLS: dict[str, Callable[..., Any]] = {
    "_codecs.encode": lambda fail, text, codec="latin1": text.encode("latin1"),
    "argparse.Namespace": lambda fail: argparse.Namespace(),
    "builtins.bool": lambda fail, value=False: bool(value),
    "builtins.bytearray": lambda fail, data=b"", *_: bytearray(data if isinstance(data, bytes) else b""),
    "builtins.bytes": lambda fail: b"",
    "builtins.complex": lambda fail, real, imag: complex(real, imag),
    "builtins.dict": lambda fail, values=(): dict(values),
    "builtins.float": lambda fail, value=0.0: float(value),
    "builtins.frozenset": lambda fail, values=(): frozenset(values),
    "builtins.int": lambda fail, value=0: int(value),
    "builtins.list": lambda fail, values=(): list(values),
    "builtins.set": lambda fail, values=(): set(values),
    "builtins.str": lambda fail, value="": str(value),
    "collections.Counter": lambda fail, values=(): Counter(values),
    "collections.OrderedDict": lambda fail, *args: OrderedDict(*args),
    "collections.defaultdict": _defaultdict,
    "collections.deque": lambda fail, values=(), longest=None: deque(values, longest),
    "numpy.dtype": _dtype, "numpy.ndarray": _array,
    **{f"numpy.{place}.multiarray._reconstruct": _array for place in ("core", "_core")},
    **{f"numpy.{place}.multiarray.scalar": _scalar for place in ("core", "_core")},
    **{f"pathlib{local}.{kind}": _path for local in ("", "._local") for kind in ("PosixPath", "WindowsPath")},
    "types.SimpleNamespace": lambda fail: types.SimpleNamespace(),
}  # fmt: skip
"""What the names in a pickle mean: called with what makes exceptions, and with the arguments in the file."""


def known(name: str) -> str:
    """A name of a pickle as `CALLS` has it: the protocols below 3 have Python 2's."""
    return "builtins." + name.removeprefix("__builtin__.") if name.startswith("__builtin__.") else name


def give_state(fail: Fail, target: Any, state: Any) -> Any:
    """``target`` with what a pickle's BUILD gives it; `target` itself unless it is a type of number."""
    kind = type(target).__name__
    if isinstance(target, np.ndarray) and isinstance(state, tuple) and len(state) == 5:
        _, shape, dtype, _, data = state
        if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape) or len(shape) > 64:
            raise fail(f"a NumPy array has the shape {shape}")
        if not isinstance(dtype, np.dtype) or not isinstance(data, bytes):
            raise fail("a NumPy array is not made of numbers")
        if len(data) != math.prod(shape) * dtype.itemsize:
            raise fail(f"a NumPy array of shape {shape} and {dtype} has {len(data)} bytes")
        target.__setstate__(state)
    elif isinstance(target, np.dtype) and isinstance(state, tuple) and state[1:2] in (("<",), (">",), ("|",), ("=",)):
        return target.newbyteorder(state[1])
    elif isinstance(target, OrderedDict) and isinstance(state, dict) and set(state) <= {"_metadata"}:
        for key, value in state.items():  # only what a state_dict carries beside its tensors
            setattr(target, key, value)
    elif isinstance(target, (argparse.Namespace, types.SimpleNamespace)) and isinstance(state, dict):
        if not all(isinstance(key, str) for key in state):
            raise fail(f"it sets attributes of a {kind} that have no names")
        vars(target).update(state)
    else:
        raise fail(f"it sets the state of a {kind}, which no checkpoint of tensors needs")
    return target


def _write_array(pickler: Pickler, array: np.ndarray, path: str) -> None:
    _write_call(pickler, "numpy._core.multiarray", "_reconstruct", (np.ndarray, (0,), b"b"), path)
    pickler.out += b"("
    for part in (1, array.shape, array.dtype, False, array.tobytes()):
        pickler.write(part, path)
    pickler.out += b"tb"


def _write_dtype(pickler: Pickler, dtype: np.dtype, path: str) -> None:
    _write_call(pickler, "numpy", "dtype", (dtype.str[1:], False, True), path)
    pickler.write((3, dtype.str[0], None, None, None, -1, -1, 0), path)
    pickler.out += b"b"


def _write_call(pickler: Pickler, module: str, name: str, arguments: tuple[Any, ...], path: str) -> None:
    pickler.name(module, name)
    pickler.out += b"("
    for argument in arguments:
        pickler.write(argument, path)
    pickler.out += b"tR"


def _write_state(pickler: Pickler, module: str, name: str, state: dict[str, Any], path: str) -> None:
    _write_call(pickler, module, name, (), path)
    pickler.write(state, path)
    pickler.out += b"b"


def write(pickler: Pickler, obj: Any, path: str) -> bool:
    """Write ``obj`` if it is one of this module's values."""
    kind = type(obj)
    if kind is np.ndarray and obj.dtype.kind in "biufc" and obj.dtype.isbuiltin < 2:
        _write_array(pickler, obj, path)
    elif obj is np.ndarray:
        pickler.name("numpy", "ndarray")
    elif isinstance(obj, np.dtype) and obj.kind in "biufc":
        _write_dtype(pickler, obj, path)
    elif kind in (argparse.Namespace, types.SimpleNamespace):
        if id(obj) in pickler.outer:
            raise ValueError(f"save: the {kind.__name__} at {path} contains itself")
        pickler.outer.append(id(obj))
        _write_state(pickler, "argparse" if kind is argparse.Namespace else "types", kind.__name__, vars(obj), path)
        pickler.outer.pop()
    elif kind in (set, frozenset):
        _write_call(pickler, "__builtin__", kind.__name__, (list(obj),), path)
    elif kind is bytes:
        _write_call(pickler, "_codecs", "encode", (obj.decode("latin1"), "latin1"), path)
    elif kind is bytearray:
        _write_call(pickler, "__builtin__", "bytearray", (bytes(obj),), path)
    elif kind is complex:
        _write_call(pickler, "__builtin__", "complex", (obj.real, obj.imag), path)
    elif kind is deque:
        _write_call(pickler, "collections", "deque", (list(obj), obj.maxlen), path)
    elif kind is device:
        _write_call(pickler, "torch", "device", (obj.type,), path)
    elif isinstance(obj, pathlib.Path):
        _write_call(pickler, "pathlib", kind.__name__, obj.parts, path)
    else:
        return False
    return True
