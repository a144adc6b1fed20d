"""The iterators of PyTorch's DataLoader that other packages give a loader of their own."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any


class _DatasetKind:
    """What a dataset is read by: indices, or its own order."""

    Map, Iterable = 0, 1


class _SingleProcessDataLoaderIter:
    """Batches of a loader, read in this process.

    Args:
        loader: has ``dataset``, ``collate_fn``, ``drop_last`` and, by PyTorch's names for them, ``_dataset_kind``,
            ``_index_sampler`` and ``_auto_collation``: whether an index is a list, of what becomes one batch.
    """

    def __init__(self, loader: Any) -> None:
        self._loader = loader
        self._indices = iter(loader._index_sampler() if callable(loader._index_sampler) else loader._index_sampler)
        self._stream = iter(loader.dataset) if loader._dataset_kind == _DatasetKind.Iterable else None

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        loader, index = self._loader, next(self._indices)
        if not loader._auto_collation:
            return loader.collate_fn(loader.dataset[index] if self._stream is None else next(self._stream))
        if self._stream is None:
            return loader.collate_fn([loader.dataset[i] for i in index])
        batch = [sample for _, sample in zip(index, self._stream)]
        if not batch or (loader.drop_last and len(batch) < len(index)):
            raise StopIteration
        return loader.collate_fn(batch)


class _MultiProcessingDataLoaderIter(_SingleProcessDataLoaderIter):
    """The same, with a warning: the workers of lucid's own loader do not read loaders of others.

    Args:
        loader: as there, with ``num_workers``.
    """

    def __init__(self, loader: Any) -> None:
        workers = getattr(loader, "num_workers", None)
        warnings.warn(
            "_MultiProcessingDataLoaderIter: a loader of another package is read in this process, "
            f"not by {workers} workers",
            stacklevel=2,
        )
        super().__init__(loader)
