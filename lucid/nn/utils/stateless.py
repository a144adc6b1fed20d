"""Calling a module with other parameters than its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from lucid._functions._naming import listed
from lucid._tensor import Tensor
from lucid.nn.modules.module import Module
from lucid.nn.utils._checks import check_module

__all__ = ["functional_call"]

Place = tuple[dict[str, Any], str]
"""The table of a module, and the key in it."""


def _places(module: Module) -> dict[str, Place]:
    """Where each parameter and buffer is kept, by dotted name; shared ones under all their names."""
    found: dict[str, Place] = {}
    for path, child in module.named_modules(remove_duplicate=False):
        for table in (child._parameters, child._buffers):
            for name, t in table.items():
                if t is not None:
                    found[f"{path}.{name}" if path else name] = (table, name)
    return found


def _untied(places: Mapping[str, Place], given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """``given``, and the same for the other names of shared tensors.

    Raises:
        ValueError: a shared tensor is given different values.
    """
    names: dict[int, list[str]] = {}
    for name, (table, key) in places.items():
        names.setdefault(id(table[key]), []).append(name)
    full = dict(given)
    for group in names.values():
        values = [given[name] for name in group if name in given]
        if not values:
            continue
        if any(v is not values[0] for v in values):
            raise ValueError(f"functional_call: {' and '.join(group)} are one tensor, but were given different values")
        full.update(dict.fromkeys(group, values[0]))
    return full


@contextmanager
def _replaced(places: Mapping[str, Place], given: Mapping[str, Tensor]) -> Iterator[None]:
    old = {name: table[key] for name, (table, key) in places.items() if name in given}
    try:
        for name in old:
            table, key = places[name]
            table[key] = given[name]
        yield
    finally:
        for name, t in old.items():
            table, key = places[name]
            table[key] = t


@listed
def functional_call(
    module: Module,
    parameters_and_buffers: Mapping[str, Tensor] | Sequence[Mapping[str, Tensor]],
    args: Any = (),
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """``module(*args, **kwargs)`` with other tensors in place of its parameters and buffers, which stay as they are.

    Gradients flow to the tensors given.

    Args:
        module: the module; several threads must not call it at the same time.
        parameters_and_buffers: tensors by dotted name, or several such dicts; the module's own where there is none.
        args: arguments, a tuple, or anything else as the only one.
        kwargs: keyword arguments.
        tie_weights: a tensor that the module has under several names is replaced under all of them.
        strict: refuse names that are missing or that the module does not have.

    Returns:
        What the module returns.

    Raises:
        RuntimeError: names are missing or unknown, and ``strict`` is true.
        TypeError: ``module`` is not a Module, or the tensors are not in dicts.
        ValueError: names are repeated in several dicts, or one shared tensor is given different values.

    Example:
        >>> import lucid
        >>> linear = lucid.nn.Linear(2, 1)
        >>> other = {"weight": lucid.ones(1, 2), "bias": lucid.zeros(1)}
        >>> lucid.nn.utils.stateless.functional_call(linear, other, lucid.tensor([[1.0, 2.0]])).tolist()
        [[3.0]]
    """
    check_module("functional_call", module)
    if not isinstance(parameters_and_buffers, (Mapping, Sequence)):
        raise TypeError(
            f"functional_call: expected a dict of tensors or several, got {type(parameters_and_buffers).__name__}"
        )
    dicts = [parameters_and_buffers] if isinstance(parameters_and_buffers, Mapping) else list(parameters_and_buffers)
    given = {name: t for d in dicts for name, t in d.items()}
    if len(given) != sum(map(len, dicts)):
        repeated = sorted(name for name in given if sum(name in d for d in dicts) > 1)
        raise ValueError(f"functional_call: {', '.join(repeated)} appear in several of the dicts")
    places = _places(module)
    if tie_weights:
        given = _untied(places, given)
    if strict:
        missing, unexpected = sorted(set(places) - set(given)), sorted(set(given) - set(places))
        if missing or unexpected:
            raise RuntimeError(f"functional_call: missing keys: {missing}; unexpected keys: {unexpected}")
    with _replaced(places, given):
        return module(*(args if isinstance(args, tuple) else (args,)), **(kwargs or {}))
