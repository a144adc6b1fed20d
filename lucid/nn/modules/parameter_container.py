"""Parameters in lists and dicts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Self

from lucid._tensor import Tensor
from lucid.nn.modules.container import _pairs, _position
from lucid.nn.modules.module import Module
from lucid.nn.parameter import Parameter

__all__ = ["ParameterDict", "ParameterList"]


def _as_parameter(value: Any) -> Any:
    """Tensors become parameters, as everything put into the two classes below."""
    return Parameter(value) if isinstance(value, Tensor) and not isinstance(value, Parameter) else value


def _describe(name: str, value: Any) -> str:
    if not isinstance(value, Tensor):
        return f"({name}): Object of type: {type(value).__name__}"
    kind = "Parameter" if isinstance(value, Parameter) else "Tensor"
    return f"({name}): {kind} containing: [{value.dtype} of size {'x'.join(map(str, value._data.shape))}]"


class ParameterList(Module):
    """A list of parameters that belong to the module that holds it; Tensors put into it become parameters.

    Args:
        values: the first entries, an iterable of tensors or anything else; none unless given.

    Raises:
        IndexError: an index is out of range.
        TypeError: ``values`` is not iterable.

    Example:
        >>> import lucid
        >>> weights = lucid.nn.ParameterList([lucid.ones(2), lucid.zeros(3)])
        >>> [tuple(p.shape) for p in weights]
        [(2,), (3,)]
    """

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self._size = 0
        if values is not None:
            self.extend(values)

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)([getattr(self, str(i)) for i in range(*index.indices(len(self)))])
        return getattr(self, str(_position(index, len(self))))

    def __setitem__(self, index: int, value: Any) -> None:
        setattr(self, str(_position(index, len(self))), _as_parameter(value))

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def append(self, value: Any) -> Self:
        """Add an entry at the end.

        Args:
            value: a tensor, which becomes a parameter, or anything else.

        Returns:
            The list.
        """
        setattr(self, str(self._size), _as_parameter(value))
        self._size += 1
        return self

    def extend(self, values: Iterable[Any]) -> Self:
        """Add all ``values`` at the end.

        Args:
            values: an iterable of entries.

        Returns:
            The list.

        Raises:
            TypeError: they are not iterable.
        """
        if not isinstance(values, Iterable) or isinstance(values, Tensor):
            raise TypeError(f"ParameterList.extend: expected an iterable, got {type(values).__name__}")
        for value in list(values):
            self.append(value)
        return self

    def __iadd__(self, values: Iterable[Any]) -> Self:
        return self.extend(values)

    def extra_repr(self) -> str:
        return "\n".join([_describe(str(i), value) for i, value in enumerate(self)])


class ParameterDict(Module):
    """Parameters by name, in insertion order; Tensors put into it become parameters.

    Args:
        parameters: a mapping, or pairs of names and values; none unless given.

    Raises:
        KeyError: a name is not there.
        TypeError: ``parameters`` is neither, or a name not a string.

    Example:
        >>> import lucid
        >>> weights = lucid.nn.ParameterDict({"scale": lucid.ones(2)})
        >>> weights["shift"] = lucid.zeros(2)
        >>> [name for name, _ in weights.named_parameters()]
        ['scale', 'shift']
    """

    def __init__(self, parameters: Any = None) -> None:
        super().__init__()
        self._keys: dict[str, None] = {}
        if parameters is not None:
            self.update(parameters)

    def __getitem__(self, key: str) -> Any:
        if key not in self._keys:
            raise KeyError(key)
        return getattr(self, key)

    def __setitem__(self, key: str, value: Any) -> None:
        if not isinstance(key, str):
            raise TypeError(f"ParameterDict: keys must be strings, got {type(key).__name__}")
        setattr(self, key, _as_parameter(value))
        self._keys[key] = None

    def __delitem__(self, key: str) -> None:
        del self._keys[key]
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __reversed__(self) -> Iterator[str]:
        return reversed(self._keys)

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def keys(self) -> Iterable[str]:
        """The names."""
        return self._keys.keys()

    def values(self) -> list[Any]:
        """The entries."""
        return [self[key] for key in self._keys]

    def items(self) -> list[tuple[str, Any]]:
        """Pairs of names and entries."""
        return [(key, self[key]) for key in self._keys]

    def get(self, key: str, default: Any = None) -> Any:
        """An entry, or a default.

        Args:
            key: its name.
            default: what to give if there is none.
        """
        return self[key] if key in self._keys else default

    def setdefault(self, key: str, default: Any = None) -> Any:
        """An entry, made if there is none.

        Args:
            key: its name.
            default: the entry to make.
        """
        if key not in self._keys:
            self[key] = default
        return self[key]

    def pop(self, key: str) -> Any:
        """Remove and return an entry.

        Args:
            key: its name.

        Raises:
            KeyError: there is none.
        """
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Remove and return the last pair."""
        key = next(reversed(self._keys))
        return key, self.pop(key)

    def clear(self) -> None:
        """Remove all entries."""
        for key in list(self._keys):
            del self[key]

    def copy(self) -> ParameterDict:
        """A new dict with the same entries."""
        return type(self)(self)

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """A new dict with the same entry under several names.

        Args:
            keys: the names.
            default: the entry.
        """
        return type(self)([(key, default) for key in keys])

    def update(self, parameters: Any) -> None:
        """Add or replace entries.

        Args:
            parameters: a mapping, or pairs of names and entries.

        Raises:
            TypeError: they are neither, or a name is not a string.
        """
        for key, value in _pairs("ParameterDict", parameters):
            self[key] = value

    def __or__(self, other: ParameterDict) -> ParameterDict:
        joined = self.copy()
        joined.update(other)
        return joined

    def __ior__(self, other: ParameterDict) -> Self:
        self.update(other)
        return self

    def extra_repr(self) -> str:
        return "\n".join([_describe(key, value) for key, value in self.items()])
