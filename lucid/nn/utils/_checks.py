"""What the tools for modules refuse."""

from __future__ import annotations

from typing import Any

from lucid._printing import shown
from lucid._tensor import Tensor
from lucid.nn.modules.module import Module


def check_module(name: str, *modules: Any) -> None:
    """Refuse what is not a Module, with a TypeError."""
    for module in modules:
        if not isinstance(module, Module):
            raise TypeError(f"{name}: expected a Module, got {type(module).__name__}")


def number(name: str, what: str, value: Any) -> float:
    """``value`` as a float; TypeError, or ValueError of a text, if it is no number."""
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        kind = ValueError if isinstance(error, ValueError) else TypeError
        raise kind(f"{name}: {what} must be a number, got {shown(value)}") from None


def tensors_of(name: str, given: Any) -> list[Tensor]:
    """A tensor, or an iterable of them, as a list.

    Raises:
        TypeError: there is something else in it.
    """
    if isinstance(given, Tensor):
        return [given]
    try:
        found = list(given)
    except TypeError:
        raise TypeError(f"{name}: expected a Tensor or several of them, got {type(given).__name__}") from None
    for t in found:
        if not isinstance(t, Tensor):
            raise TypeError(f"{name}: expected a Tensor, got {type(t).__name__}")
    return found
