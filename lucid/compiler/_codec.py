"""Parameters, operations and structures as JSON and back; only what is listed here can come out of a file."""

from __future__ import annotations

import importlib
import math
import re
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from lucid import _dtype, _ops
from lucid._functions._common import as_type
from lucid._functions.attention import Options
from lucid._functions.conv import Geometry
from lucid._functions.fold import Windows
from lucid._functions.reduce import ValuesIndices
from lucid._functions.resample import Table, Tap
from lucid._functions.statistics import MinMax
from lucid.autograd._node import Node
from lucid.compiler._graph import Slot
from lucid.compiler._whole import MODULES, Whole

NAMED: dict[str, Any] = {t.__name__: t for t in (Slot, Geometry, Options, Tap, Table, Windows)}
RESULTS: dict[str, Any] = {t.__name__: t for t in (ValuesIndices, MinMax)}
KERNELS = ("eq", "ne", "lt", "le", "gt", "ge", "argmax", "argmin")
NUMPY = (
    "equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "logical_and", "logical_or", "logical_xor",
    "logical_not", "bitwise_and", "bitwise_or", "bitwise_xor", "invert", "isnan", "isinf", "isfinite", "isclose", "all",
    "any", "argmax", "argmin",
)  # fmt: skip
_NODE = re.compile(r"lucid\._functions\.(\w+):(\w+)")
Fail = Callable[[str], Exception]


class CannotSave(TypeError):
    """Something has no form in a file."""


# Values


def encode(value: Any) -> Any:
    """``value`` as JSON.

    Raises:
        CannotSave: it is of a type that is not known here.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        return value if math.isfinite(value) else {"float": repr(value)}
    if value is Ellipsis:
        return {"ellipsis": True}
    if isinstance(value, slice):
        return {"slice": [encode(v) for v in (value.start, value.stop, value.step)]}
    if isinstance(value, np.dtype):
        return {"dtype": value.str}
    if isinstance(value, _dtype.dtype):
        return {"lucid": value.name}
    if type(value) is dict:
        return {"dict": [[k, encode(v)] for k, v in value.items()]}
    if isinstance(value, tuple):
        parts = [encode(v) for v in value]
        if type(value) is tuple:
            return {"tuple": parts}
        if type(value).__name__ in NAMED:
            return {"named": [type(value).__name__, parts]}
    if type(value) is list:
        return [encode(v) for v in value]
    raise CannotSave(f"a parameter of type {type(value).__name__}")


def decode(node: Any, fail: Fail) -> Any:
    """What `encode` made ``node`` from; ``fail`` makes the error for anything else."""
    if node is None or type(node) in (bool, int, float, str):
        return node
    if isinstance(node, list):
        return [decode(v, fail) for v in node]
    kind, value = next(iter(node.items())) if isinstance(node, dict) and len(node) == 1 else ("", None)
    if kind == "float" and value in ("inf", "-inf", "nan"):
        return float(value)
    if kind == "ellipsis":
        return Ellipsis
    if kind == "lucid" and value in _dtype._BY_NAME:
        return _dtype._BY_NAME[value]
    if kind == "dtype" and isinstance(value, str) and re.fullmatch(r"[<|=][fiub]\d", value):
        return np.dtype(value)
    if isinstance(value, list):
        if kind == "slice" and len(value) == 3:
            return slice(*[decode(v, fail) for v in value])
        if kind == "tuple":
            return tuple([decode(v, fail) for v in value])
        if kind == "named" and len(value) == 2 and value[0] in NAMED and isinstance(value[1], list):
            named = NAMED[value[0]]
            if len(value[1]) == len(named._fields):
                return named(*[decode(v, fail) for v in value[1]])
        if kind == "dict" and all(isinstance(p, list) and len(p) == 2 and isinstance(p[0], str) for p in value):
            return {k: decode(v, fail) for k, v in value}
    raise fail(f"the plan contains {str(node)[:80]}, which means nothing")


# Operations


def name_of(operation: Any) -> str:
    """The name of a traced operation.

    Raises:
        CannotSave: it is not one of lucid's own.
    """
    name = getattr(operation, "__name__", type(operation).__name__)
    if operation is as_type:
        return "as_type"
    if isinstance(operation, Whole):
        return f"public:{name}"
    if isinstance(operation, type) and issubclass(operation, Node):
        for found in (f"{operation.__module__}:{name}", f"{operation.__module__}:{name.lower()}"):
            if find(found) is operation:
                return found
    for found, listed, module in ((f"kernel:{name}", KERNELS, _ops), (f"numpy:{name}", NUMPY, np)):
        if name in listed and getattr(module, name) is operation:
            return found
    raise CannotSave(f"the operation {name}")


def find(name: Any) -> Any:
    """The operation of a name, or None."""
    if name == "as_type":
        return as_type
    kind, _, rest = name.partition(":") if isinstance(name, str) else ("", "", "")
    if kind == "public" and rest in MODULES:
        return Whole(rest)
    if kind == "kernel" and rest in KERNELS:
        return getattr(_ops, rest)
    if kind == "numpy" and rest in NUMPY:
        return getattr(np, rest)
    match = _NODE.fullmatch(name) if isinstance(name, str) else None
    if match is None:
        return None
    try:
        found = getattr(importlib.import_module(f"lucid._functions.{match[1]}"), match[2], None)
    except ImportError:
        return None
    found = getattr(found, "operation", found)
    return found if isinstance(found, type) and issubclass(found, Node) else None


# Structures of arguments and results (see `_tree`)


def encode_tree(spec: Any) -> Any:
    """A description of arguments or of a result as JSON."""
    if spec == ():
        return None
    if spec == ("tensor",):
        return {"tensor": True}
    if spec[0] == "other":
        if type(spec[2]) not in (bool, int, float, str, type(None)):
            raise CannotSave(f"an argument or result of type {spec[1].__name__}")
        return {"other": encode(spec[2])}
    if spec[0] in (dict, OrderedDict):
        if not all(type(k) in (str, int) for k in spec[1]):
            raise CannotSave("a dict whose keys are not strings or integers")
        name = "dict" if spec[0] is dict else "ordered"
        return {name: [[k, encode_tree(s)] for k, s in zip(spec[1], spec[2])]}
    if spec[0] in (list, tuple, *RESULTS.values()):
        return {spec[0].__name__: [encode_tree(s) for s in spec[1]]}
    raise CannotSave(f"a result of type {spec[0].__name__}")


def decode_tree(node: Any, fail: Fail) -> Any:
    """What `encode_tree` made ``node`` from."""
    if node is None:
        return ()
    kind, value = next(iter(node.items())) if isinstance(node, dict) and len(node) == 1 else ("", None)
    if kind == "tensor":
        return ("tensor",)
    if kind == "other":
        found = decode(value, fail)
        return ("other", type(found), found)
    sequences = {"list": list, "tuple": tuple, **RESULTS}
    if kind in sequences and isinstance(value, list):
        return (sequences[kind], tuple([decode_tree(v, fail) for v in value]))
    if kind in ("dict", "ordered") and isinstance(value, list):
        pairs = [p for p in value if isinstance(p, list) and len(p) == 2 and type(p[0]) in (str, int)]
        if len(pairs) == len(value):
            made = dict if kind == "dict" else OrderedDict
            return (made, tuple([p[0] for p in pairs]), tuple([decode_tree(p[1], fail) for p in pairs]))
    raise fail(f"the signature contains {str(node)[:80]}, which means nothing")
