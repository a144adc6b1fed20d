"""Modules and parameters in sequences and dicts."""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Self

from lucid._printing import shown
from lucid.nn.modules._errors import not_a_module
from lucid.nn.modules.module import Module, indent, layout

__all__ = ["ModuleDict", "ModuleList", "Sequential"]


def _position(index: Any, length: int) -> int:
    """``index`` counted from the front; IndexError out of range."""
    i = operator.index(index)
    if not -length <= i < length:
        raise IndexError(f"index {i} is out of range for {length} entries")
    return i % length


class _Numbered(Module):
    """Child modules named "0", "1", ... in order (`Sequential` may name them otherwise)."""

    def _key(self, index: Any) -> str:
        return next(islice(self._modules, _position(index, len(self)), None))

    def _renumber(self, children: Iterable[Module | None]) -> None:
        self._modules = {str(i): child for i, child in enumerate(children)}

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())  # type: ignore[arg-type]

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self._slice(index)
        return self._modules[self._key(index)]

    def _slice(self, index: slice) -> Any:
        raise NotImplementedError

    def __setitem__(self, index: Any, module: Module) -> None:
        self.add_module(self._key(index), module)

    def append(self, module: Module) -> Self:
        """Add a module at the end.

        Args:
            module: the module.

        Returns:
            The container.

        Raises:
            TypeError: it is not a Module.
        """
        number = len(self)
        while str(number) in self._modules:  # names of a slice, or given ones, need not start at 0
            number += 1
        self.add_module(str(number), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add all ``modules`` at the end.

        Args:
            modules: an iterable of modules.

        Returns:
            The container.

        Raises:
            TypeError: they are not iterable, or one is not a Module.
        """
        if not isinstance(modules, Iterable):
            raise TypeError(f"{type(self).__name__}.extend: expected modules, got {type(modules).__name__}")
        for module in list(modules):
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Self:
        """Put a module before a position; all are then named by their position.

        Args:
            index: the position, as of lists.
            module: the module.

        Returns:
            The container.

        Raises:
            TypeError: it is not a Module.
        """
        if not isinstance(module, Module):
            raise not_a_module(module)
        children = list(self._modules.values())
        children.insert(index, module)
        self._renumber(children)
        return self

    def pop(self, index: int | slice = -1) -> Any:
        """Remove and return a module.

        Args:
            index: its position; a slice gives a container.

        Raises:
            IndexError: the position is out of range.
        """
        module = self[index]
        del self[index]
        return module

    def __delitem__(self, index: Any) -> None:
        keys = list(self._modules)[index] if isinstance(index, slice) else [self._key(index)]
        for key in keys:
            del self._modules[key]
        self._renumber(list(self._modules.values()))

    def __iadd__(self, other: Iterable[Module]) -> Self:
        return self.extend(other)


class Sequential(_Numbered):
    """Modules called one after the other, each with what the one before returned.

    Args:
        args: modules, named "0", "1", ... ; or one OrderedDict of modules by name.

    Shape: what the first module takes to what the last one gives.

    Raises:
        IndexError: an index is out of range.
        TypeError: an entry is not a Module, or ``*`` is given no int.
        ValueError: ``+`` is given no Sequential, or ``*`` no positive number.

    Example:
        >>> import lucid
        >>> from lucid import nn
        >>> model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
        >>> model(lucid.ones(5, 3)).shape
        lucid.Size([5, 2])
        >>> len(model[:2])
        2
    """

    def __init__(self, *args: Any) -> None:
        super().__init__()
        if len(args) == 1 and isinstance(args[0], OrderedDict):
            for name, module in args[0].items():
                self.add_module(name, module)
        else:
            for i, module in enumerate(args):
                self.add_module(str(i), module)

    def forward(self, input: Any) -> Any:
        for module in self._modules.values():
            input = module(input)  # type: ignore[misc]
        return input

    def _slice(self, index: slice) -> Sequential:
        return type(self)(OrderedDict(list(self._modules.items())[index]))

    def __add__(self, other: Sequential) -> Sequential:
        if not isinstance(other, Sequential):
            raise ValueError(f"Sequential: can only add another Sequential, got {type(other).__name__}")
        return Sequential(*self, *other)

    def __mul__(self, times: int) -> Sequential:
        _check_times(times)
        return Sequential(*[module for _ in range(times) for module in self])

    __rmul__ = __mul__

    def __imul__(self, times: int) -> Self:
        _check_times(times)
        return self.extend([module for _ in range(times - 1) for module in self])


def _check_times(times: Any) -> None:
    if not isinstance(times, int):
        raise TypeError(f"Sequential: can only be multiplied by an int, got {type(times).__name__}")
    if times <= 0:
        raise ValueError(f"Sequential: can only be multiplied by a positive number, got {times}")


class ModuleList(_Numbered):
    """A list of modules whose parameters belong to the module that holds it; it has no ``forward``.

    Args:
        modules: the first entries, an iterable of modules; none unless given.

    Raises:
        IndexError: an index is out of range.
        TypeError: ``modules`` is not iterable, or an entry not a Module.

    Example:
        >>> import lucid
        >>> layers = lucid.nn.ModuleList([lucid.nn.Linear(2, 3), lucid.nn.Linear(3, 1)])
        >>> len(layers), [name for name, _ in layers.named_parameters()]
        (2, ['0.weight', '0.bias', '1.weight', '1.bias'])
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def _slice(self, index: slice) -> ModuleList:
        return type(self)(list(self._modules.values())[index])  # type: ignore[arg-type]

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *other])

    def __repr__(self) -> str:
        runs: list[tuple[int, int, str]] = []
        for i, module in enumerate(self):
            text = repr(module)
            if runs and runs[-1][2] == text:
                runs[-1] = (runs[-1][0], i, text)
            else:
                runs.append((i, i, text))
        lines = [
            f"({first}): {indent(text)}" if first == last else f"({first}-{last}): {last - first + 1} x {indent(text)}"
            for first, last, text in runs
        ]
        return layout(self._get_name(), [], lines)


def _pairs(name: str, entries: Any) -> list[tuple[Any, Any]]:
    """Names and values of a mapping or of pairs."""
    if not isinstance(entries, Iterable):
        raise TypeError(f"{name}.update: expected a mapping or pairs, got {type(entries).__name__}")
    items = getattr(entries, "items", None)
    if callable(items):
        return list(items())
    found = list(entries)
    for i, pair in enumerate(found):
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise TypeError(f"{name}.update: expected pairs of a name and a value, got {shown(pair)} at {i}")
    return found


class ModuleDict(Module):
    """Modules by name, in insertion order.

    Args:
        modules: a mapping, or pairs of names and modules; none unless given.

    Raises:
        KeyError: a name is not there, or cannot be one (it has a dot, is empty or an attribute already).
        TypeError: ``modules`` is neither, or an entry not a Module.

    Example:
        >>> import lucid
        >>> branches = lucid.nn.ModuleDict({"a": lucid.nn.Linear(2, 3), "b": lucid.nn.ReLU()})
        >>> list(branches), branches["a"](lucid.ones(1, 2)).shape
        (['a', 'b'], lucid.Size([1, 3]))
    """

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Module:
        return self._modules[key]  # type: ignore[return-value]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: object) -> bool:
        return key in self._modules

    def clear(self) -> None:
        """Remove all modules."""
        self._modules.clear()

    def pop(self, key: str) -> Module:
        """Remove and return a module.

        Args:
            key: its name.

        Raises:
            KeyError: there is none.
        """
        return self._modules.pop(key)  # type: ignore[return-value]

    def keys(self) -> Iterable[str]:
        """The names."""
        return self._modules.keys()

    def items(self) -> Iterable[tuple[str, Module]]:
        """Pairs of names and modules."""
        return self._modules.items()  # type: ignore[return-value]

    def values(self) -> Iterable[Module]:
        """The modules."""
        return self._modules.values()  # type: ignore[return-value]

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add or replace modules.

        Args:
            modules: a mapping, or pairs of names and modules.

        Raises:
            TypeError: they are neither, or one is not a Module.
        """
        for name, module in _pairs("ModuleDict", modules):
            self[name] = module
