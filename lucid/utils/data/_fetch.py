"""Reading one batch: from an index or a list of indices to what the loader yields, in whichever process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import lucid
from lucid._tensor import Tensor
from lucid.utils.data.collate import default_collate
from lucid.utils.data.dataset import IterableDataset, Subset, TensorDataset, read_samples


class EndOfData(Exception):
    """An iterable dataset has no more samples."""


@dataclass(frozen=True)
class Recipe:
    """What to do with an index.

    Attributes:
        dataset: where samples come from.
        collate_fn: applied to a list of samples when ``batched``, else to one sample.
        batched: indices come in lists.
        drop_last: leave out a last batch of a stream that is shorter.
    """

    dataset: Any
    collate_fn: Callable[[Any], Any]
    batched: bool
    drop_last: bool

    @property
    def makes_new_memory(self) -> bool:
        """Whether no array in a batch is one that the dataset may write to later."""
        return self.batched and self.collate_fn is default_collate

    def open(self) -> Callable[[Any], Any]:
        """A function from index to batch, good for one epoch; it raises `EndOfData` at the end of a stream."""
        if isinstance(self.dataset, IterableDataset):
            stream = iter(self.dataset)
            return lambda index: self._guard(self._from_stream, stream, index)
        return lambda index: self._guard(self._from_map, index)

    def _guard(self, read: Callable[..., Any], *args: Any) -> Any:
        try:
            return read(*args)
        except StopIteration as stop:  # it would end the caller's loop in silence
            raise RuntimeError("DataLoader: the dataset or collate_fn raised StopIteration") from stop

    def _from_map(self, index: Any) -> Any:
        if not self.batched:
            return self.collate_fn(self.dataset[index])
        if self.collate_fn is default_collate:
            rows = gather_rows(self.dataset, index)
            if rows is not None:
                return rows
        return self.collate_fn(read_samples(self.dataset, index))

    def _from_stream(self, stream: Iterator[Any], index: Any) -> Any:
        wanted = len(index) if self.batched else 1
        samples = [sample for _, sample in zip(range(wanted), stream)]
        if not samples or (self.drop_last and len(samples) < wanted):
            raise EndOfData
        return self.collate_fn(samples if self.batched else samples[0])


def gather_rows(dataset: Any, indices: Any) -> list[Tensor] | None:
    """The batch of a `TensorDataset`, or of a `Subset` of one, by indexing whole arrays; None for other datasets."""
    while type(dataset) is Subset:
        indices = [dataset.indices[i] for i in indices]
        dataset = dataset.dataset
    if type(dataset) is not TensorDataset:
        return None
    rows = np.asarray(indices)
    if rows.ndim != 1 or rows.dtype.kind not in "iu" or not len(rows):
        return None
    return [
        tensor[rows] if tensor.requires_grad else lucid.from_numpy(tensor.numpy().take(rows, axis=0))
        for tensor in dataset.tensors
    ]
