"""The share of a dataset that one of several training processes reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Sized

import lucid
from lucid.utils.data.sampler import Sampler, _check_bool


class DistributedSampler(Sampler[int]):
    """Every ``num_replicas``-th index, from ``rank`` on, so that processes share a dataset.

    The indices are shuffled alike in all processes, by ``seed`` and the epoch. All processes get equally many: the
    first indices are repeated at the end, or, with ``drop_last``, the last are left out.

    Args:
        dataset: anything with a length.
        num_replicas: how many processes there are.
        rank: which of them this is, from 0.
        shuffle: another order every epoch.
        seed: of the order; the same in all processes.
        drop_last: leave the last indices out instead of repeating the first.

    Raises:
        RuntimeError: ``num_replicas`` or ``rank`` is missing: lucid has no process group to ask.
        ValueError: ``rank`` is not within [0, num_replicas).

    Example:
        >>> from lucid.utils.data import DistributedSampler
        >>> [list(DistributedSampler(range(5), 2, rank, shuffle=False)) for rank in range(2)]
        [[0, 2, 4], [1, 3, 0]]
    """

    def __init__(
        self,
        dataset: Sized,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if num_replicas is None or rank is None:
            raise RuntimeError("DistributedSampler: expected num_replicas and rank: there is no process group to ask")
        if not 0 <= rank < num_replicas:
            raise ValueError(
                f"DistributedSampler: Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]"
            )
        _check_bool("DistributedSampler", "shuffle", shuffle)
        _check_bool("DistributedSampler", "drop_last", drop_last)
        self.dataset, self.num_replicas, self.rank = dataset, num_replicas, rank
        self.epoch, self.drop_last, self.shuffle, self.seed = 0, drop_last, shuffle, seed

    @property
    def num_samples(self) -> int:
        """How many indices this process gets."""
        n = len(self.dataset)
        return n // self.num_replicas if self.drop_last else -(-n // self.num_replicas)

    @property
    def total_size(self) -> int:
        """How many indices all processes get."""
        return self.num_samples * self.num_replicas

    def __iter__(self) -> Iterator[int]:
        n, total = len(self.dataset), self.total_size
        order: Sequence[int] = range(n)
        if self.shuffle:
            generator = lucid.Generator().manual_seed(self.seed + self.epoch)
            order = lucid.randperm(n, generator=generator).tolist()
        return iter([order[i % n] for i in range(self.rank, total, self.num_replicas)])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of an epoch; without it, every epoch has the same.

        Args:
            epoch: number of the epoch.
        """
        self.epoch = epoch
