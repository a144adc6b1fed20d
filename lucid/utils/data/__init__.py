"""Datasets, samplers and the loader that turns them into batches, with the names and defaults of ``torch.utils.data``.

A dataset says what sample ``i`` is, a sampler in which order, ``collate_fn`` how samples become a batch, and
`DataLoader` runs them, in this process or in worker processes::

    DataLoader -> _iterator -> _fetch -> collate                                      in this process
    DataLoader -> _multiprocess <- _channel -> _worker -> _fetch -> collate           in worker processes
"""

from lucid.utils.data._worker import get_worker_info
from lucid.utils.data.collate import default_collate, default_convert
from lucid.utils.data.dataloader import DataLoader
from lucid.utils.data.dataset import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)
from lucid.utils.data.distributed import DistributedSampler
from lucid.utils.data.sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

__all__ = [
    "BatchSampler",
    "ChainDataset",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "DistributedSampler",
    "IterableDataset",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "StackDataset",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "WeightedRandomSampler",
    "default_collate",
    "default_convert",
    "get_worker_info",
    "random_split",
]
