"""How samples become a batch."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

import lucid
from lucid._tensor import Tensor


def default_collate(batch: Sequence[Any]) -> Any:
    """Put the samples of a batch together, leaf by leaf, along a new first dimension.

    The first sample decides: tensors, NumPy arrays and NumPy scalars are stacked with their dtype kept, ints and
    bools become int64 and bool tensors, floats float64 tensors; str and bytes are not put together. Mappings, named
    tuples and sequences keep their type (a plain tuple becomes a list) and are collated per key or position.

    Args:
        batch: one or more samples of the same structure.

    Raises:
        RuntimeError: tensors, arrays or sequences that should be stacked differ in shape or length.
        KeyError: a mapping lacks a key of the first one.
        TypeError: a leaf of another type.
        ValueError: no samples.

    Example:
        >>> from lucid.utils.data import default_collate
        >>> default_collate([{"x": 1.0, "id": "a"}, {"x": 2.0, "id": "b"}])["id"]
        ['a', 'b']
        >>> default_collate([(1, 2), (3, 4)])[0].tolist()
        [1, 3]
    """
    if not len(batch):
        raise ValueError("default_collate: expected at least one sample, got an empty batch")
    return _collate(batch, "")


def _collate(batch: Sequence[Any], where: str) -> Any:
    first = batch[0]
    if isinstance(first, Tensor):
        _check_alike(batch, Tensor, where)
        if any(sample.requires_grad for sample in batch) or any(sample.dtype is not first.dtype for sample in batch):
            return lucid.stack(list(batch))
        return lucid.from_numpy(np.stack([sample.numpy() for sample in batch]))
    if isinstance(first, np.ndarray):
        if first.dtype.kind not in "biuf":
            raise TypeError(_unsupported(f"an array of {first.dtype}", where))
        _check_alike(batch, np.ndarray, where)
        return lucid.from_numpy(np.stack(batch))
    if isinstance(first, (np.bool_, np.number)) and not isinstance(first, float):
        return lucid.from_numpy(np.array(batch))
    if isinstance(first, float):
        return lucid.tensor(batch, dtype=lucid.float64)
    if isinstance(first, int):
        return lucid.tensor(batch)
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, Mapping):
        return rebuild_mapping(first, {key: _collate(_column(batch, key, where), f"{where}[{key!r}]") for key in first})
    if isinstance(first, Sequence):
        columns = list(zip(*batch)) if _equal_lengths(batch, where) else []
        parts = [_collate(column, f"{where}[{i}]") for i, column in enumerate(columns)]
        return rebuild_sequence(first, parts)
    raise TypeError(_unsupported(f"a {type(first).__name__}", where))


def _at(where: str) -> str:
    return f" at sample{where}" if where else ""


def _unsupported(found: str, where: str) -> str:
    return (
        "default_collate: expected tensors, numeric NumPy arrays, numbers, str, bytes, mappings or sequences, "
        f"got {found}{_at(where)}; pass a collate_fn of your own"
    )


def _check_alike(batch: Sequence[Any], cls: type[Tensor] | type[np.ndarray], where: str) -> None:
    shape = batch[0].shape
    for i, sample in enumerate(batch):
        if not isinstance(sample, cls):
            raise TypeError(
                f"default_collate: sample 0 is a {type(batch[0]).__name__} but sample {i} is a "
                f"{type(sample).__name__}{_at(where)}"
            )
        if sample.shape != shape:
            raise RuntimeError(
                f"default_collate: expected samples of equal shape, got {tuple(shape)} for sample 0 and "
                f"{tuple(sample.shape)} for sample {i}{_at(where)}"
            )


def _equal_lengths(batch: Sequence[Any], where: str) -> bool:
    for i, sample in enumerate(batch):
        if len(sample) != len(batch[0]):
            raise RuntimeError(
                f"default_collate: expected sequences of equal length, got {len(batch[0])} for sample 0 and "
                f"{len(sample)} for sample {i}{_at(where)}"
            )
    return True


def _column(batch: Sequence[Any], key: Any, where: str) -> list[Any]:
    for i, sample in enumerate(batch):
        if key not in sample:
            raise KeyError(f"default_collate: sample {i} has no key {key!r}, which sample 0 has{_at(where)}")
    return [sample[key] for sample in batch]


def default_convert(data: Any) -> Any:
    """Replace the numeric NumPy arrays and scalars in a sample by tensors, and leave other leaves as they are.

    This is what a loader does to samples when batching is off. Arrays share memory with the tensors.

    Args:
        data: a sample: an array, a number, or a mapping or sequence of them; nested as it likes.

    Example:
        >>> import numpy as np
        >>> from lucid.utils.data import default_convert
        >>> default_convert({"x": np.zeros(2), "id": "a"})["x"].shape
        lucid.Size([2])
    """
    if isinstance(data, np.ndarray):
        return lucid.from_numpy(data) if data.dtype.kind in "biuf" else data
    if isinstance(data, (np.bool_, np.number)):
        return lucid.from_numpy(np.array(data))
    if isinstance(data, Mapping):
        return rebuild_mapping(data, {key: default_convert(value) for key, value in data.items()})
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return rebuild_sequence(data, [default_convert(value) for value in data])
    return data


def rebuild_mapping(like: Mapping[Any, Any], items: dict[Any, Any]) -> Any:
    """``items`` in a mapping of the type of ``like``, or in a dict when that type cannot be copied or built."""

    def build() -> Any:
        if not isinstance(like, MutableMapping):
            return type(like)(items)  # type: ignore[call-arg]
        clone = copy.copy(like)  # keeps what a subclass carries besides its items
        clone.update(items)
        return clone

    return dict(items) if type(like) is dict else _or_plain(build, items)


def rebuild_sequence(like: Sequence[Any], parts: list[Any]) -> Any:
    """``parts`` in a sequence of the type of ``like``; a list for plain tuples and types that cannot be built."""

    def build() -> Any:
        if not isinstance(like, MutableSequence):
            return type(like)(parts)  # type: ignore[call-arg]
        clone = copy.copy(like)
        for i, part in enumerate(parts):
            clone[i] = part
        return clone

    if isinstance(like, tuple) and hasattr(like, "_fields"):
        return type(like)(*parts)
    return parts if isinstance(like, tuple) or type(like) is list else _or_plain(build, parts)


def _or_plain(build: Callable[[], Any], plain: Iterable[Any]) -> Any:
    try:
        return build()
    except TypeError:
        return plain
