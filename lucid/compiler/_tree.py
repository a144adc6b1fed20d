"""Nested arguments and results as a list of tensors and a description of the rest."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from lucid.autograd._node import TensorBase

_TENSOR = ("tensor",)


def flatten(value: Any, tensors: list[Any], path: str) -> Any:
    """A hashable description of ``value``; its tensors are appended to ``tensors``.

    Raises:
        TypeError: a part is neither a tensor, a list, a tuple, a dict nor hashable; it is named by ``path``.
    """
    if isinstance(value, TensorBase):
        tensors.append(value)
        return _TENSOR
    kind = type(value)
    if kind in (list, tuple) or (isinstance(value, tuple) and hasattr(value, "_fields")):
        return (kind, tuple([flatten(v, tensors, f"{path}[{i}]") for i, v in enumerate(value)]))
    if kind in (dict, OrderedDict):
        return (kind, tuple(value), tuple([flatten(v, tensors, f"{path}[{k!r}]") for k, v in value.items()]))
    try:
        hash(value)
    except TypeError:
        raise TypeError(
            f"compile: {path} is of type {kind.__name__}; expected tensors, numbers, strings or None, or lists, "
            f"tuples and dicts of them"
        ) from None
    return ("other", kind, value)


def arguments_of(fed: list[Any], spec: Any) -> tuple[Any, Any]:
    """The arguments and keywords whose descriptions are the pair ``spec``, with the tensors ``fed`` in order."""
    take = iter(fed).__next__
    return unflatten(spec[0], take), unflatten(spec[1], take) if spec[1] else {}


def unflatten(spec: Any, take: Callable[[], Any]) -> Any:
    """The value that ``spec`` describes; ``take()`` gives its tensors in order."""
    if spec is _TENSOR or spec == _TENSOR:
        return take()
    if spec[0] == "other":
        return spec[2]
    kind, parts = spec[0], [unflatten(s, take) for s in spec[-1]]
    if kind in (dict, OrderedDict):
        return kind(zip(spec[1], parts))
    return kind(*parts) if hasattr(kind, "_fields") else kind(parts)
