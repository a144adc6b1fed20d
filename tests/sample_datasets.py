"""Datasets of numbers, and what reads loaders to their end."""

import lucid
from lucid.utils.data import Dataset, IterableDataset


class Numbers(Dataset):
    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        return i


class Batched(Numbers):
    """Counts how it is read."""

    calls = 0

    def __getitems__(self, indices):
        self.calls += 1
        return [10 * i for i in indices]


class Count(IterableDataset):
    def __init__(self, n, first=0):
        self.n, self.first = n, first

    def __iter__(self):
        return iter(range(self.first, self.first + self.n))

    def __len__(self):
        return self.n


def generator(seed=0):
    return lucid.Generator().manual_seed(seed)


def lists(loader):
    return [batch.tolist() for batch in loader]
