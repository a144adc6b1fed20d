"""What sample ``i`` is: map-style and iterable datasets, and ways to combine and split them."""

from __future__ import annotations

import bisect
import itertools
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar, cast

import lucid
from lucid._functions._naming import Named
from lucid._tensor import Tensor

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Dataset(Named, Generic[T_co]):
    """A map from an index to a sample: define ``__getitem__`` and, for samplers and ``len``, ``__len__``.

    ``__getitems__(indices) -> list of samples`` is optional; a loader that finds it reads whole batches with it.

    Example:
        >>> from lucid.utils.data import Dataset
        >>> class Squares(Dataset):
        ...     def __len__(self):
        ...         return 4
        ...     def __getitem__(self, i):
        ...         return i * i
        >>> [Squares()[i] for i in range(4)]
        [0, 1, 4, 9]
    """

    def __getitem__(self, index: Any) -> T_co:
        raise NotImplementedError(f"{type(self).__name__}: a map-style dataset must define __getitem__")

    def __add__(self, other: Dataset[Any]) -> Dataset[Any]:
        """``a + b``: the samples of ``a``, then those of ``b``."""
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T_co], Iterable[T_co]):
    """A stream of samples: define ``__iter__``.

    Every worker process of a loader iterates over its own copy, so ``__iter__`` must hand each worker a different
    part, or every sample arrives ``num_workers`` times; `get_worker_info` says which worker is asking.

    Example:
        >>> from lucid.utils.data import IterableDataset, get_worker_info
        >>> class Count(IterableDataset):
        ...     def __iter__(self):
        ...         worker = get_worker_info()
        ...         first, step = (worker.id, worker.num_workers) if worker else (0, 1)
        ...         return iter(range(first, 6, step))
        >>> list(Count())
        [0, 1, 2, 3, 4, 5]
    """

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(f"{type(self).__name__}: an iterable dataset must define __iter__")

    def __add__(self, other: Dataset[Any]) -> Dataset[Any]:
        """``a + b``: the stream ``a``, then the stream ``b``."""
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Sample ``i`` is ``(tensors[0][i], tensors[1][i], ...)``.

    With the default ``collate_fn`` a loader gathers each batch from the whole arrays at once, which gives the same
    batch as collating samples.

    Args:
        tensors: one or more tensors with the same first dimension.

    Raises:
        ValueError: no tensors, a tensor without dimensions, or first dimensions that differ.

    Example:
        >>> import lucid
        >>> from lucid.utils.data import TensorDataset
        >>> pairs = TensorDataset(lucid.tensor([1.0, 2.0]), lucid.tensor([0, 1]))
        >>> len(pairs)
        2
    """

    tensors: tuple[Tensor, ...]

    def __init__(self, *tensors: Tensor) -> None:
        if not tensors:
            raise ValueError("TensorDataset: expected at least one tensor")
        shapes = [tuple(tensor.shape) for tensor in tensors]
        if any(not shape or shape[0] != shapes[0][0] for shape in shapes):
            raise ValueError(f"TensorDataset: expected tensors with equal first dimensions, got shapes {shapes}")
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self) -> int:
        return int(self.tensors[0].shape[0])


class StackDataset(Dataset[Any]):
    """Sample ``i`` is a tuple (or, for keyword arguments, a dict) of the datasets' samples ``i``.

    Args:
        args: datasets of equal length, for samples that are tuples.
        kwargs: named datasets of equal length, for samples that are dicts.

    Raises:
        ValueError: both or neither kind given, or lengths that differ.

    Example:
        >>> from lucid.utils.data import StackDataset
        >>> StackDataset(x=[1, 2], y=["a", "b"])[1]
        {'x': 2, 'y': 'b'}
    """

    datasets: tuple[Any, ...] | dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if bool(args) == bool(kwargs):
            raise ValueError("StackDataset: expected either positional datasets or named ones")
        self.datasets = args or kwargs
        lengths = [len(dataset) for dataset in self._members()]
        if len(set(lengths)) != 1:
            raise ValueError(f"StackDataset: expected datasets of equal length, got lengths {lengths}")

    def _members(self) -> list[Any]:
        return list(self.datasets.values() if isinstance(self.datasets, dict) else self.datasets)

    def _sample(self, parts: Iterable[Any]) -> Any:
        return dict(zip(self.datasets, parts)) if isinstance(self.datasets, dict) else tuple(parts)

    def __getitem__(self, index: Any) -> Any:
        return self._sample(dataset[index] for dataset in self._members())

    def __getitems__(self, indices: list[Any]) -> list[Any]:
        columns = [read_samples(dataset, indices) for dataset in self._members()]
        for dataset, column in zip(self._members(), columns):
            if len(column) != len(indices):
                raise ValueError(
                    f"StackDataset: expected {len(indices)} samples from {type(dataset).__name__}.__getitems__, "
                    f"got {len(column)}"
                )
        return [self._sample(parts) for parts in zip(*columns)]

    def __len__(self) -> int:
        return len(self._members()[0])


class ConcatDataset(Dataset[T_co]):
    """The samples of several map-style datasets, one dataset after another.

    Args:
        datasets: one or more map-style datasets.

    Raises:
        ValueError: no datasets.
        TypeError: an `IterableDataset` among them.

    Example:
        >>> from lucid.utils.data import ConcatDataset
        >>> both = ConcatDataset([["a", "b"], ["c"]])
        >>> len(both), both[2], both[-3]
        (3, 'c', 'a')
    """

    datasets: list[Any]
    cumulative_sizes: list[int]

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ValueError("ConcatDataset: expected at least one dataset")
        for i, dataset in enumerate(self.datasets):
            if isinstance(dataset, IterableDataset):
                raise TypeError(f"ConcatDataset: dataset {i} is an IterableDataset; use ChainDataset for streams")
        self.cumulative_sizes = list(itertools.accumulate(len(dataset) for dataset in self.datasets))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> T_co:
        i = index + len(self) if index < 0 else index
        if not 0 <= i < len(self):
            raise IndexError(f"ConcatDataset: index {index} is out of range for {len(self)} samples")
        which = bisect.bisect_right(self.cumulative_sizes, i)
        sample: T_co = self.datasets[which][i - (self.cumulative_sizes[which - 1] if which else 0)]
        return sample


class ChainDataset(IterableDataset[Any]):
    """The samples of several iterable datasets, one stream after another.

    Args:
        datasets: iterable datasets.

    Raises:
        TypeError: while iterating, at a dataset that is not an `IterableDataset`.

    Example:
        >>> import lucid
        >>> class Numbers(lucid.data.IterableDataset):
        ...     def __iter__(self):
        ...         return iter([1, 2])
        ...
        >>> list(lucid.data.ChainDataset([Numbers(), Numbers()]))
        [1, 2, 1, 2]
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = datasets

    def _streams(self) -> Iterator[IterableDataset[Any]]:
        for i, dataset in enumerate(self.datasets):
            if not isinstance(dataset, IterableDataset):
                raise TypeError(f"ChainDataset: dataset {i} is a {type(dataset).__name__}, not an IterableDataset")
            yield dataset

    def __iter__(self) -> Iterator[Any]:
        return itertools.chain.from_iterable(self._streams())

    def __len__(self) -> int:
        return sum(len(cast(Any, stream)) for stream in self._streams())


class Subset(Dataset[T_co]):
    """Sample ``i`` is ``dataset[indices[i]]``.

    Args:
        dataset: a map-style dataset.
        indices: the indices in ``dataset`` that make up the subset.

    Raises:
        NotImplementedError: a subclass defines ``__getitem__`` but not ``__getitems__``, which loaders call.

    Example:
        >>> from lucid.utils.data import Subset
        >>> list(Subset("abcd", [3, 0]))
        ['d', 'a']
    """

    dataset: Any
    indices: Sequence[int]

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        cls = type(self)
        if cls.__getitem__ is not Subset.__getitem__ and cls.__getitems__ is Subset.__getitems__:
            raise NotImplementedError(
                f"{cls.__name__}: overrides __getitem__, so it must also override __getitems__, which loaders call"
            )
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index: Any) -> T_co:
        key = [self.indices[i] for i in index] if isinstance(index, list) else self.indices[index]
        sample: T_co = self.dataset[key]
        return sample

    def __getitems__(self, indices: list[int]) -> list[T_co]:
        return read_samples(self.dataset, [self.indices[i] for i in indices])

    def __len__(self) -> int:
        return len(self.indices)


def read_samples(dataset: Any, indices: list[Any]) -> list[Any]:
    """The samples at ``indices``, or whatever ``dataset.__getitems__`` makes of them where it is defined."""
    read_all = getattr(dataset, "__getitems__", None)
    return read_all(indices) if callable(read_all) else [dataset[i] for i in indices]


def random_split(
    dataset: Dataset[T],
    lengths: Sequence[int | float],
    generator: lucid.Generator | None = None,
) -> list[Subset[T]]:
    """Split a dataset at random into subsets that share no sample.

    Args:
        dataset: a map-style dataset with a length.
        lengths: numbers of samples that add up to ``len(dataset)``, or fractions that add up to 1. Fractions are
            rounded down; the samples left over go one each to the first subsets.
        generator: source of the permutation; the default generator when None.

    Raises:
        ValueError: a negative length, a fraction outside [0, 1], or a sum that is neither 1 nor ``len(dataset)``.

    Example:
        >>> import lucid
        >>> from lucid.utils.data import random_split
        >>> train, test = random_split(range(10), [0.8, 0.2], generator=lucid.Generator().manual_seed(0))
        >>> len(train), len(test)
        (8, 2)
    """
    total = len(cast(Any, dataset))
    if math.isclose(sum(lengths), 1):
        sizes = _sizes_of_fractions(total, lengths)
    else:
        if any(isinstance(n, float) or n < 0 for n in lengths) or sum(lengths) != total:
            raise ValueError(
                f"random_split: expected fractions adding up to 1 or whole numbers adding up to {total}, "
                f"got {list(lengths)} with sum {sum(lengths)}"
            )
        sizes = [int(n) for n in lengths]
    order = lucid.randperm(total, generator=generator).tolist()
    return [Subset(dataset, order[end - size : end]) for size, end in zip(sizes, itertools.accumulate(sizes))]


def _sizes_of_fractions(total: int, fractions: Sequence[float]) -> list[int]:
    for i, fraction in enumerate(fractions):
        if not 0 <= fraction <= 1:
            raise ValueError(f"random_split: expected fractions between 0 and 1, got {fraction} at position {i}")
    sizes = [math.floor(total * fraction) for fraction in fractions]
    for i in range(total - sum(sizes)):
        sizes[i % len(sizes)] += 1
    for i, size in enumerate(sizes):
        if size == 0:
            warnings.warn(f"random_split: subset {i} is empty", stacklevel=3)
    return sizes
