"""DataLoader without workers."""

import numpy as np
import pytest
from sample_datasets import Batched, Count, Numbers, generator, lists

import lucid
import lucid.data
from lucid.utils.data import (
    DataLoader,
    SequentialSampler,
    Subset,
    TensorDataset,
    default_collate,
    get_worker_info,
)


def test_loader_defaults():
    loader = DataLoader(Numbers(3))
    assert (loader.batch_size, loader.num_workers, loader.drop_last, loader.timeout) == (1, 0, False, 0)
    assert (loader.prefetch_factor, loader.persistent_workers, loader.in_order) == (None, False, True)
    assert isinstance(loader.sampler, SequentialSampler)
    assert loader.collate_fn is default_collate
    assert lists(loader) == [[0], [1], [2]]
    assert get_worker_info() is None


@pytest.mark.parametrize(("drop", "batches"), [(False, [[0, 1, 2], [3, 4, 5], [6]]), (True, [[0, 1, 2], [3, 4, 5]])])
def test_loader_batches_and_length(drop, batches):
    for data in (Numbers(7), Count(7)):
        loader = DataLoader(data, 3, drop_last=drop)
        assert lists(loader) == lists(loader) == batches
        assert len(loader) == len(batches)


def test_loader_shuffles_anew_every_epoch_and_repeats_with_the_seed():
    def epochs():
        loader = DataLoader(Numbers(40), 8, shuffle=True, generator=generator(6))
        return [lists(loader) for _ in range(3)]

    first = epochs()
    assert first == epochs()
    assert all(sorted(i for batch in epoch for i in batch) == list(range(40)) for epoch in first)
    assert first[0] != first[1] != first[2] != first[0]


def test_loader_with_samplers():
    assert lists(DataLoader(Numbers(9), 2, sampler=[4, 2, 8])) == [[4, 2], [8]]
    assert lists(DataLoader(Numbers(9), batch_sampler=[[1], [2, 3]])) == [[1], [2, 3]]
    with pytest.raises(TypeError, match="has no len"):
        len(DataLoader(Numbers(9), sampler=iter([1])))


def test_loader_without_batching():
    samples = list(DataLoader([np.ones(2), "a"], batch_size=None))
    assert samples[0].tolist() == [1.0, 1.0]
    assert samples[1] == "a"
    assert list(DataLoader(Count(3), batch_size=None)) == [0, 1, 2]
    assert len(DataLoader(Count(3), batch_size=None)) == 3


def test_loader_reads_whole_batches_where_the_dataset_can():
    data = Batched(5)
    assert lists(DataLoader(Subset(data, [4, 3, 2]), 2)) == [[40, 30], [20]]
    assert data.calls == 2


class Rows(TensorDataset):
    """Collated sample by sample: the fast path is for TensorDataset itself."""


@pytest.mark.parametrize("subset", [False, True])
def test_tensor_dataset_batches_equal_collated_samples(subset):
    rng = np.random.default_rng(0)
    tensors = [
        lucid.from_numpy(rng.standard_normal((50, 3, 2))),
        lucid.from_numpy(rng.integers(0, 9, 50)),
        lucid.from_numpy(rng.integers(0, 2, (50, 0, 4)).astype(bool)),
        lucid.from_numpy(rng.integers(0, 9, (50, 6), np.int8)[:, ::2]),
        lucid.from_numpy(rng.standard_normal((4, 50)).astype(np.float32)).T,
    ]

    def batches(cls, seed):
        data = cls(*tensors)
        if subset:
            data = Subset(Subset(data, list(range(0, 50, 2))), lucid.arange(24, -1, -1).tolist())
        return list(DataLoader(data, 8, shuffle=True, generator=generator(seed)))

    for fast, slow in zip(batches(TensorDataset, 3), batches(Rows, 3), strict=True):
        assert type(fast) is type(slow) is list
        for a, b in zip(fast, slow, strict=True):
            assert a.dtype is b.dtype
            np.testing.assert_array_equal(a.numpy(), b.numpy(), strict=True)
            assert a.numpy().flags.c_contiguous
            assert a.numpy().flags.writeable
            assert not any(np.shares_memory(a.numpy(), t.numpy()) for t in tensors)


def test_tensor_dataset_fast_path_does_not_call_getitem(monkeypatch):
    monkeypatch.setattr(TensorDataset, "__getitem__", None)
    assert [x.tolist() for (x,) in DataLoader(TensorDataset(lucid.arange(3)), 2)] == [[0, 1], [2]]


def test_tensor_dataset_batches_of_a_tensor_that_requires_grad():
    x = lucid.zeros(4, 2, requires_grad=True)
    for (batch,) in DataLoader(TensorDataset(x), 3, sampler=[1, 1, 0]):
        batch.backward(lucid.ones(3, 2))
    assert x.grad.tolist() == [[1.0, 1.0], [2.0, 2.0], [0.0, 0.0], [0.0, 0.0]]


def test_tensor_dataset_with_odd_indices():
    data = TensorDataset(lucid.arange(5))
    assert [x.tolist() for (x,) in DataLoader(data, batch_sampler=[[-1, 0], [lucid.tensor(2)]])] == [[4, 0], [2]]
    with pytest.raises(IndexError, match="index 5 is out of bounds"):
        list(DataLoader(data, sampler=[5]))


def test_iterators_are_independent():
    loader = DataLoader(Numbers(3))
    assert [(a.item(), b.item()) for a in loader for b in loader] == [(i, j) for i in range(3) for j in range(3)]
    assert len(iter(loader)) == 3


def test_iterable_length_that_is_wrong_is_reported():
    class Liar(Count):
        def __len__(self):
            return 2

    loader = DataLoader(Liar(3))
    assert len(lists(loader)) == 3  # without len() nobody relied on it
    assert len(loader) == 2
    with pytest.warns(UserWarning, match="IterableDataset has length 2, but more batches than that arrived"):
        lists(loader)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_workers": -1}, "expected num_workers >= 0, got -1"),
        ({"timeout": -1}, "expected timeout >= 0, got -1"),
        ({"timeout": float("nan")}, "expected timeout >= 0, got nan"),
        ({"timeout": 1}, "timeout needs num_workers > 0"),
        ({"prefetch_factor": 2}, "prefetch_factor needs num_workers > 0"),
        ({"prefetch_factor": 0, "num_workers": 1}, "expected prefetch_factor > 0, got 0"),
        ({"persistent_workers": True}, "persistent_workers needs num_workers > 0"),
        ({"multiprocessing_context": "fork"}, "multiprocessing_context needs num_workers > 0"),
        ({"multiprocessing_context": "knife", "num_workers": 1}, r"to be one of \['fork', .*\], got 'knife'"),
        ({"sampler": [1], "shuffle": True}, "sampler and shuffle exclude each other"),
        ({"batch_sampler": [[1]], "batch_size": 2}, "batch_sampler excludes batch_size"),
        ({"batch_sampler": [[1]], "drop_last": True}, "batch_sampler excludes batch_size"),
        ({"batch_size": None, "drop_last": True}, "drop_last needs batches, but batch_size is None"),
        ({"batch_size": 0}, "expected a positive integer for batch_size, got 0"),
    ],
)
def test_loader_argument_errors(options, message):
    with pytest.raises(ValueError, match=message):
        DataLoader(Numbers(3), **options)


def test_loader_argument_type_error():
    with pytest.raises(TypeError, match=r"expected the name of a start method or a context .* got int"):
        DataLoader(Numbers(3), num_workers=1, multiprocessing_context=3)


@pytest.mark.parametrize("options", [{"shuffle": True}, {"sampler": [1]}, {"batch_sampler": [[1]]}])
def test_streams_have_no_order_to_choose(options):
    with pytest.raises(ValueError, match=f"{next(iter(options))} cannot be used with an IterableDataset"):
        DataLoader(Count(3), **options)
    assert lists(DataLoader(Count(2), shuffle=False)) == [[0], [1]]


def test_too_many_workers_are_reported():
    with pytest.warns(UserWarning, match=r"num_workers=4096 is more than the \d+ CPUs to run on"):
        DataLoader(Numbers(3), num_workers=4096)
    with pytest.raises(ValueError, match=r"DataLoader: expected num_workers of at most 4096, got 4097$"):
        DataLoader(Numbers(3), num_workers=4097)


def test_loader_attributes_that_would_have_no_effect_cannot_be_set():
    loader = DataLoader(Numbers(3))
    with pytest.raises(ValueError, match="DataLoader: batch_size cannot be changed after construction"):
        loader.batch_size = 2
    loader.collate_fn = list
    assert list(loader) == [[0], [1], [2]]


def test_pin_memory_is_accepted(recwarn):
    assert lists(DataLoader(Numbers(1), pin_memory=True, pin_memory_device="cuda")) == [[0]]
    assert len(recwarn) == 0
