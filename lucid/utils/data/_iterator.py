"""One pass over the data: what every iterator of a loader does, and the one that works in this process."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from lucid.utils.data._fetch import EndOfData, Recipe
from lucid.utils.data.dataset import IterableDataset
from lucid.utils.data.sampler import draw_seed

if TYPE_CHECKING:
    from lucid.utils.data.dataloader import DataLoader


class LoaderIterator:
    """Draws the pass's seed, walks the sampler and counts what it yields; a subclass says where batches are read."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        self.recipe = Recipe(loader.dataset, loader.collate_fn, loader.batch_sampler is not None, loader.drop_last)
        self._sampler = loader._index_sampler
        self._begin(loader)

    def _begin(self, loader: DataLoader[Any]) -> None:
        # The seed is drawn on every pass and for every num_workers, so that neither changes the order of samples.
        self._indices = iter(self._sampler)
        self._base_seed = draw_seed(loader.generator)
        self._promised = loader._promised
        self._yielded = 0

    def __iter__(self) -> Iterator[Any]:
        return self

    def __len__(self) -> int:
        return len(self._sampler)  # type: ignore[arg-type]  # a sampler without a length raises TypeError here

    def __next__(self) -> Any:
        batch = self._next()
        self._yielded += 1
        if isinstance(self.recipe.dataset, IterableDataset) and self._yielded - 1 == self._promised:
            warnings.warn(
                f"DataLoader: the IterableDataset has length {self._promised}, but more batches than that arrived; "
                "with num_workers > 0, each worker must iterate over a part of its own (see get_worker_info)",
                stacklevel=2,
            )
        return batch

    def _next(self) -> Any:
        raise NotImplementedError

    def __reduce__(self) -> Any:
        raise TypeError("DataLoader: an iterator over a loader cannot be pickled; pass the DataLoader")


class LocalIterator(LoaderIterator):
    """Reads batches in this process when they are asked for."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        super().__init__(loader)
        self._fetch = self.recipe.open()

    def _next(self) -> Any:
        index = next(self._indices)
        try:
            return self._fetch(index)
        except EndOfData:
            raise StopIteration from None
