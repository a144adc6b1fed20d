"""In which order samples are read: samplers yield indices, batch samplers lists of indices."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, Generic, TypeVar

import lucid
from lucid._functions._naming import Named

T_co = TypeVar("T_co", covariant=True)

SEED_RANGE = 2**63 - 2**32  # room above a seed for the numbers of the workers
DRAW = 1024  # indices drawn at a time with replacement


def draw_seed(generator: lucid.Generator | None = None) -> int:
    """A seed in [0, 2^63 - 2^32), drawn from ``generator`` or the default one."""
    return int(lucid.randint(SEED_RANGE, (), generator=generator).item())


def _check_count(owner: str, name: str, value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ValueError(f"{owner}: expected a positive integer for {name}, got {value!r}")


def _check_bool(owner: str, name: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise TypeError(f"{owner}: expected True or False for {name}, got {value!r}")


class Sampler(Named, Generic[T_co]):
    """An order of indices: define ``__iter__``, and ``__len__`` where the number of indices is known.

    Example:
        >>> import lucid
        >>> class Backwards(lucid.data.Sampler):
        ...     def __iter__(self):
        ...         return iter([2, 1, 0])
        ...
        >>> list(Backwards())
        [2, 1, 0]
    """

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(f"{type(self).__name__}: a sampler must define __iter__")


class SequentialSampler(Sampler[int]):
    """0, 1, ..., ``len(data_source)`` - 1.

    Args:
        data_source: anything with a length.

    Example:
        >>> import lucid
        >>> list(lucid.data.SequentialSampler("abc"))
        [0, 1, 2]
    """

    data_source: Sized

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """Indices in random order, another one each time it is iterated over.

    Args:
        data_source: anything with a length.
        replacement: draw every index independently instead of shuffling.
        num_samples: how many indices to yield, by default ``len(data_source)``. Without replacement a larger number
            goes through several shuffles.
        generator: source of the order. When None, each iteration draws a seed from the default generator first, so
            the order does not depend on what else draws from it meanwhile.

    Raises:
        ValueError: ``num_samples``, or the length it defaults to, is not positive.

    Example:
        >>> import lucid
        >>> from lucid.utils.data import RandomSampler
        >>> sampler = RandomSampler(range(5), generator=lucid.Generator().manual_seed(0))
        >>> sorted(sampler)
        [0, 1, 2, 3, 4]
    """

    data_source: Sized
    replacement: bool

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: lucid.Generator | None = None,
    ) -> None:
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        _check_bool("RandomSampler", "replacement", replacement)
        _check_count("RandomSampler", "num_samples", self.num_samples)

    @property
    def num_samples(self) -> int:
        """How many indices one iteration yields; follows the dataset's length unless given."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        return self._draw(self.generator or lucid.Generator().manual_seed(draw_seed()))

    def _draw(self, generator: lucid.Generator) -> Iterator[int]:
        n, left = len(self.data_source), self.num_samples
        while left > 0:
            if self.replacement:
                draw = lucid.randint(n, (min(left, DRAW),), generator=generator).tolist()
            else:
                draw = lucid.randperm(n, generator=generator).tolist()[:left]
            yield from draw
            left -= len(draw)

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """The given indices in random order, without replacement.

    Args:
        indices: the indices to choose from.
        generator: source of the order; the default generator when None.

    Example:
        >>> import lucid
        >>> sorted(lucid.data.SubsetRandomSampler([3, 1, 4]))
        [1, 3, 4]
    """

    indices: Sequence[int]

    def __init__(self, indices: Sequence[int], generator: lucid.Generator | None = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        for i in lucid.randperm(len(self.indices), generator=self.generator).tolist():
            yield self.indices[i]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Indices i of ``weights`` drawn with probability weights[i] / sum(weights).

    Args:
        weights: one finite weight >= 0 per index; they need not add up to 1.
        num_samples: how many indices to draw.
        replacement: if False an index is drawn at most once.
        generator: source of the draws; the default generator when None.

    Raises:
        ValueError: ``weights`` is not one-dimensional, ``num_samples`` is not positive, or there are not enough
            positive weights to draw that many without replacement.

    Example:
        >>> from lucid.utils.data import WeightedRandomSampler
        >>> list(WeightedRandomSampler([0.0, 1.0], 3))
        [1, 1, 1]
    """

    weights: lucid.Tensor
    num_samples: int
    replacement: bool

    def __init__(
        self,
        weights: Sequence[float],
        num_samples: int,
        replacement: bool = True,
        generator: lucid.Generator | None = None,
    ) -> None:
        _check_count("WeightedRandomSampler", "num_samples", num_samples)
        _check_bool("WeightedRandomSampler", "replacement", replacement)
        self.weights = lucid.tensor(weights, dtype=lucid.float64)
        if len(self.weights.shape) != 1:
            raise ValueError(f"WeightedRandomSampler: expected weights of shape (n,), got {tuple(self.weights.shape)}")
        positive = int((self.weights.detach().numpy() > 0).sum())
        if not replacement and num_samples > positive:
            raise ValueError(
                f"WeightedRandomSampler: cannot draw {num_samples} samples without replacement from {positive} "
                "positive weights"
            )
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        draw = lucid.multinomial(self.weights, self.num_samples, self.replacement, generator=self.generator)
        return iter(draw.tolist())

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Lists of ``batch_size`` successive indices of another sampler.

    Args:
        sampler: any iterable of indices.
        batch_size: indices per list.
        drop_last: leave out a last list that is shorter.

    Raises:
        ValueError: ``batch_size`` is not positive.

    Example:
        >>> from lucid.utils.data import BatchSampler
        >>> list(BatchSampler(range(5), batch_size=2, drop_last=False))
        [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Sampler[Any] | Iterable[Any], batch_size: int, drop_last: bool) -> None:
        _check_count("BatchSampler", "batch_size", batch_size)
        _check_bool("BatchSampler", "drop_last", drop_last)
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        return self._batches(iter(self.sampler))

    def _batches(self, indices: Iterator[Any]) -> Iterator[list[int]]:
        while batch := list(itertools.islice(indices, self.batch_size)):
            if len(batch) < self.batch_size and self.drop_last:
                return
            yield batch

    def __len__(self) -> int:
        n: int = len(self.sampler)  # type: ignore[arg-type]  # a sampler without a length raises TypeError here
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)
