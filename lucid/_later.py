"""Names that are imported when they are first used, so that importing lucid stays quick (PEP 562)."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any

announced: set[str] = set()
"""Names of public functions that may not have been imported yet."""


class Later:
    """A method that is imported when it is first looked up; then it takes its own place in the class."""

    def __init__(self, module: str, name: str, change: Callable[[Any], Any] | None = None) -> None:
        self.module, self.name, self.change = module, name, change

    def __set_name__(self, owner: type, attribute: str) -> None:
        self.owner, self.attribute = owner, attribute

    def load(self) -> Any:
        """The function itself."""
        function = getattr(importlib.import_module(self.module), self.name)
        return function if self.change is None else self.change(function)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        function = self.load()
        setattr(self.owner, self.attribute, function)
        return function if instance is None else function.__get__(instance, owner)


class LaterModule:
    """Stands for a module in the body of a class: its attributes are `Later` methods."""

    def __init__(self, module: str) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return Later(self._module, name)


def later(
    package: str, modules: dict[str, str], change: Callable[[Any, str], Any] | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a package some of whose names are imported when first used.

    Args:
        package: its name.
        modules: module: the names it provides, separated by spaces. ``inv=inverse`` provides ``inv`` under the
            name ``inverse``; ``.``, or no name at all, the module itself.
        change: what to make of a value and its name, but not of a module.
    """
    places: dict[str, tuple[str, str]] = {}
    for module, names in modules.items():
        for entry in names.split() or ["."]:
            own, _, name = entry.partition("=")
            places[module.rpartition(".")[2] if own == "." else name or own] = (module, own)

    if change is not None:
        announced.update(places)

    def getattribute(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, own = places[name]
        found = importlib.import_module(module)
        value = found if own == "." else getattr(found, own)
        if change is not None and value is not found:
            value = change(value, name)
        setattr(sys.modules[package], name, value)
        return value

    def directory() -> list[str]:
        return sorted({*vars(sys.modules[package]), *places})

    return getattribute, directory
