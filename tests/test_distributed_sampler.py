"""DistributedSampler: the shares of the processes, their order, and what it refuses."""

from __future__ import annotations

import pytest

from lucid.utils.data import DataLoader, DistributedSampler


def shares(n: int, replicas: int, epoch: int = 0, **options: bool) -> list[list[int]]:
    samplers = [DistributedSampler(range(n), replicas, rank, **options) for rank in range(replicas)]
    for sampler in samplers:
        sampler.set_epoch(epoch)
        assert len(list(sampler)) == len(sampler)
    return [list(sampler) for sampler in samplers]


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize(("n", "replicas"), [(10, 1), (10, 2), (10, 3), (2, 5), (0, 2)])
def test_together_the_shares_are_the_dataset(n: int, replicas: int, shuffle: bool) -> None:
    found = shares(n, replicas, shuffle=shuffle)
    assert {len(share) for share in found} == {-(-n // replicas)}
    assert {i for share in found for i in share} == set(range(n))
    kept = shares(n, replicas, shuffle=shuffle, drop_last=True)
    together = [i for share in kept for i in share]
    assert len(together) == len(set(together)) == n // replicas * replicas


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    assert shares(50, 2) == shares(50, 2)
    assert shares(50, 2, epoch=1) != shares(50, 2, epoch=0)
    assert list(DistributedSampler(range(50), 2, 0, seed=1)) == shares(50, 2, epoch=1)[0]


def test_in_a_loader() -> None:
    sampler = DistributedSampler(list(range(6)), 2, 1, shuffle=False)
    assert [batch.tolist() for batch in DataLoader(list(range(6)), batch_size=2, sampler=sampler)] == [[1, 3], [5]]


def test_messages() -> None:
    with pytest.raises(RuntimeError, match="DistributedSampler: expected num_replicas and rank: there is no process"):
        DistributedSampler(range(3))
    with pytest.raises(
        ValueError, match=r"DistributedSampler: Invalid rank 2, rank should be in the interval \[0, 1\]"
    ):
        DistributedSampler(range(3), 2, 2)
    with pytest.raises(TypeError, match="DistributedSampler: expected True or False for shuffle, got 1"):
        DistributedSampler(range(3), 2, 0, shuffle=1)  # type: ignore[arg-type]


@pytest.mark.parity
@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("n", [10, 11, 3])
def test_shares_are_those_of_pytorch(n: int, drop_last: bool) -> None:
    torch = pytest.importorskip("torch")
    for rank in range(4):
        theirs = torch.utils.data.DistributedSampler(range(n), 4, rank, shuffle=False, drop_last=drop_last)
        assert list(DistributedSampler(range(n), 4, rank, shuffle=False, drop_last=drop_last)) == list(theirs)
