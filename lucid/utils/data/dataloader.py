"""The loader: a dataset, an order and a way to make batches, iterated over once per epoch."""

from __future__ import annotations

import multiprocessing
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.context import BaseContext
from typing import Any, Generic, TypeVar

import lucid
from lucid.utils.data._iterator import LocalIterator
from lucid.utils.data._multiprocess import WorkerIterator
from lucid.utils.data.collate import default_collate, default_convert
from lucid.utils.data.dataset import Dataset, IterableDataset
from lucid.utils.data.sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler

T_co = TypeVar("T_co", covariant=True)

PREFETCH = 2
MOST_WORKERS = 4096
# What the samplers were made from; changing it later would have no effect.
_FIXED = ("dataset", "batch_size", "sampler", "batch_sampler", "drop_last", "persistent_workers")


class _Endless(Sampler[None]):
    """Indices for a stream, which needs none: the dataset decides when the epoch ends."""

    def __iter__(self) -> Iterator[None]:
        while True:
            yield None


class DataLoader(Generic[T_co]):
    """Iterate over the batches of a dataset, read in this process or ahead of time in worker processes.

    The order of batches depends on the seed alone: not on ``num_workers``, on ``persistent_workers`` or on which
    worker is fast. Every ``iter(loader)`` draws a new order. In worker ``i`` lucid, ``random`` and ``numpy.random``
    are seeded from a number drawn for the pass plus ``i``, and lucid computes with one thread.

    Workers are started the way Python starts processes by default (``multiprocessing.get_start_method()``), because
    that is what the rest of a program is written for: "fork" on Linux up to Python 3.13, "forkserver" from 3.14,
    "spawn" on macOS and Windows. Forking is quick and shares datasets in memory instead of copying them; lucid is
    prepared for it, but a thread of another library may hold a lock at that moment, so choose "forkserver" in
    programs with threads. "forkserver" and "spawn" need a dataset, ``collate_fn`` and ``worker_init_fn`` that can
    be pickled, and a main module guarded by ``if __name__ == "__main__"``.

    A worker that dies, however it dies, makes the next step of the iterator raise RuntimeError with its number and
    exit code. An exception in a worker is raised again here with the worker's traceback as a note. Workers end with
    the iterator (with the loader, if persistent), and soon after the loader's process even if that is killed.

    Args:
        dataset: a map-style or iterable dataset.
        batch_size: samples per batch; None turns batching off and yields samples.
        shuffle: read in random order.
        sampler: an iterable of indices, instead of ``shuffle``.
        batch_sampler: an iterable of lists of indices, instead of ``batch_size``, ``shuffle``, ``sampler`` and
            ``drop_last``.
        num_workers: worker processes; 0 reads in this process.
        collate_fn: makes a batch of a list of samples, by default `default_collate`; without batching it is
            applied to each sample, by default `default_convert`.
        pin_memory: accepted and without effect; there is no accelerator to copy to.
        drop_last: leave out a last batch that is shorter.
        timeout: seconds to wait for a batch from a worker before raising RuntimeError; 0 waits as long as the
            workers live.
        worker_init_fn: called with the worker's number in each worker, after seeding and before reading.
        multiprocessing_context: "fork", "forkserver" or "spawn", or a context from ``multiprocessing.get_context``.
        generator: source of the order and of the workers' seeds; the default generator when None.
        prefetch_factor: batches each worker reads ahead, by default 2; only with workers.
        persistent_workers: keep the workers, with their copies of the dataset, from one epoch to the next.
        pin_memory_device: accepted and without effect.
        in_order: if False, yield whichever batch is ready first; the order then depends on timing.

    Raises:
        ValueError: an argument out of range, or two that exclude each other.
        TypeError: ``multiprocessing_context`` is neither a name nor a context.

    Example:
        >>> import lucid
        >>> from lucid.utils.data import DataLoader, TensorDataset
        >>> data = TensorDataset(lucid.arange(10), lucid.arange(10) * 2)
        >>> for x, y in DataLoader(data, batch_size=4):
        ...     print(x.tolist(), y.tolist())
        [0, 1, 2, 3] [0, 2, 4, 6]
        [4, 5, 6, 7] [8, 10, 12, 14]
        [8, 9] [16, 18]
    """

    def __init__(
        self,
        dataset: Dataset[T_co],
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Sampler[Any] | Iterable[Any] | None = None,
        batch_sampler: Sampler[list[Any]] | Iterable[list[Any]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: str | BaseContext | None = None,
        generator: lucid.Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers, multiprocessing_context)
        _check_order(dataset, batch_size, shuffle, sampler, batch_sampler, drop_last)
        if sampler is None:
            if isinstance(dataset, IterableDataset):
                sampler = _Endless()
            elif shuffle:
                sampler = RandomSampler(dataset, generator=generator)  # type: ignore[arg-type]
            else:
                sampler = SequentialSampler(dataset)  # type: ignore[arg-type]
        if batch_sampler is not None:
            batch_size = None
        elif batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        if collate_fn is None:
            collate_fn = default_convert if batch_sampler is None else default_collate
        self.dataset = dataset
        self.batch_size = batch_size
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.num_workers = num_workers
        self.collate_fn = collate_fn
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.drop_last = drop_last
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = _as_context(multiprocessing_context)
        self.generator = generator
        self.prefetch_factor = PREFETCH if num_workers > 0 and prefetch_factor is None else prefetch_factor
        self.persistent_workers = persistent_workers
        self.in_order = in_order
        self._iterator: WorkerIterator | None = None  # kept for its workers, when they are persistent
        self._promised: int | None = None  # length of an iterable dataset, once len(loader) has relied on it
        self._ready = True

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _FIXED and getattr(self, "_ready", False):
            raise ValueError(f"DataLoader: {name} cannot be changed after construction; make another DataLoader")
        super().__setattr__(name, value)

    @property
    def _index_sampler(self) -> Iterable[Any]:
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    def __iter__(self) -> Iterator[Any]:
        if self.num_workers == 0:
            return LocalIterator(self)
        if not self.persistent_workers:
            return WorkerIterator(self)
        if self._iterator is not None and self._iterator.reusable:
            self._iterator.restart(self)
        else:
            self._iterator = WorkerIterator(self)
        return self._iterator

    def __len__(self) -> int:
        """The number of batches; for an iterable dataset an estimate from its length."""
        if not isinstance(self.dataset, IterableDataset):
            return len(self._index_sampler)  # type: ignore[arg-type]
        n = self._promised = len(self.dataset)  # type: ignore[arg-type]
        if self.batch_size is None:
            return n
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)


def _check_workers(
    num_workers: int, timeout: float, prefetch_factor: int | None, persistent_workers: bool, context: Any
) -> None:
    if not isinstance(num_workers, int) or num_workers < 0:
        raise ValueError(f"DataLoader: expected num_workers >= 0, got {num_workers!r}")
    if num_workers > MOST_WORKERS:
        raise ValueError(f"DataLoader: expected num_workers of at most {MOST_WORKERS}, got {num_workers}")
    if not timeout >= 0:
        raise ValueError(f"DataLoader: expected timeout >= 0, got {timeout!r}")
    if prefetch_factor is not None and prefetch_factor <= 0:
        raise ValueError(f"DataLoader: expected prefetch_factor > 0, got {prefetch_factor!r}")
    if num_workers == 0:
        only = {
            "timeout": timeout != 0,
            "prefetch_factor": prefetch_factor is not None,
            "persistent_workers": persistent_workers,
            "multiprocessing_context": context is not None,
        }
        for name, given in only.items():
            if given:
                raise ValueError(f"DataLoader: {name} needs num_workers > 0")
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or num_workers
    if num_workers > cpus:
        warnings.warn(f"DataLoader: num_workers={num_workers} is more than the {cpus} CPUs to run on", stacklevel=3)


def _check_order(
    dataset: Any, batch_size: int | None, shuffle: bool | None, sampler: Any, batch_sampler: Any, drop_last: bool
) -> None:
    if isinstance(dataset, IterableDataset):
        for name, value in (("shuffle", shuffle or None), ("sampler", sampler), ("batch_sampler", batch_sampler)):
            if value is not None:
                raise ValueError(f"DataLoader: {name} cannot be used with an IterableDataset, which decides its order")
    if sampler is not None and shuffle:
        raise ValueError("DataLoader: sampler and shuffle exclude each other")
    if batch_sampler is not None:
        if batch_size != 1 or shuffle or sampler is not None or drop_last:
            raise ValueError("DataLoader: batch_sampler excludes batch_size, shuffle, sampler and drop_last")
    elif batch_size is None and drop_last:
        raise ValueError("DataLoader: drop_last needs batches, but batch_size is None")


def _as_context(context: Any) -> BaseContext | None:
    if context is None or isinstance(context, BaseContext):
        return context
    if not isinstance(context, str):
        raise TypeError(
            "DataLoader: expected the name of a start method or a context for multiprocessing_context, "
            f"got {type(context).__name__}"
        )
    methods = multiprocessing.get_all_start_methods()
    if context not in methods:
        raise ValueError(f"DataLoader: expected multiprocessing_context to be one of {methods}, got {context!r}")
    return multiprocessing.get_context(context)
