"""Datasets, samplers, collation and DataLoader without workers."""

import collections
import types

import numpy as np
import pytest

import lucid
import lucid.data
from lucid.utils.data import (
    BatchSampler,
    ChainDataset,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    Sampler,
    SequentialSampler,
    StackDataset,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    default_convert,
    get_worker_info,
    random_split,
)

Point = collections.namedtuple("Point", "x y")


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


def test_lucid_data_is_lucid_utils_data():
    assert lucid.data.__all__ == lucid.utils.data.__all__
    for name in lucid.data.__all__:
        assert getattr(lucid.data, name) is getattr(lucid.utils.data, name)


# Datasets


def test_tensor_dataset():
    x, y = lucid.arange(6).reshape(3, 2), lucid.arange(3)
    data = TensorDataset(x, y)
    assert len(data) == 3
    assert [part.tolist() for part in data[1]] == [[2, 3], 1]
    with pytest.raises(ValueError, match=r"TensorDataset: expected tensors with equal first dimensions, got shapes"):
        TensorDataset(x, lucid.arange(4))
    with pytest.raises(ValueError, match=r"equal first dimensions, got shapes \[\(\)\]"):
        TensorDataset(lucid.tensor(1))
    with pytest.raises(ValueError, match="TensorDataset: expected at least one tensor"):
        TensorDataset()


def test_concat_dataset():
    both = Numbers(2) + Numbers(3)
    assert isinstance(both, ConcatDataset)
    assert [both[i] for i in range(-5, 5)] == [0, 1, 0, 1, 2] * 2
    assert both.cumulative_sizes == [2, 5]
    for i in (5, -6):
        with pytest.raises(IndexError, match=rf"ConcatDataset: index {i} is out of range for 5 samples"):
            both[i]
    with pytest.raises(ValueError, match="ConcatDataset: expected at least one dataset"):
        ConcatDataset([])
    with pytest.raises(TypeError, match="dataset 1 is an IterableDataset; use ChainDataset"):
        ConcatDataset([Numbers(1), Count(1)])


def test_chain_dataset():
    chain = Count(2) + Count(3, first=10)
    assert isinstance(chain, ChainDataset)
    assert list(chain) == list(chain) == [0, 1, 10, 11, 12]
    assert len(chain) == 5
    with pytest.raises(TypeError, match="ChainDataset: dataset 0 is a Numbers, not an IterableDataset"):
        list(ChainDataset([Numbers(1)]))


def test_stack_dataset():
    batched = Batched(3)
    pairs, table = StackDataset(Numbers(3), batched), StackDataset(a=Numbers(3), b=batched)
    assert len(pairs) == len(table) == 3
    assert (pairs[2], table[2]) == ((2, 2), {"a": 2, "b": 2})
    assert pairs.__getitems__([2, 0]) == [(2, 20), (0, 0)]
    assert table.__getitems__([2, 0]) == [{"a": 2, "b": 20}, {"a": 0, "b": 0}]
    with pytest.raises(ValueError, match=r"expected datasets of equal length, got lengths \[2, 3\]"):
        StackDataset(Numbers(2), Numbers(3))
    for wrong in ({"args": (), "kwargs": {}}, {"args": (Numbers(1),), "kwargs": {"a": Numbers(1)}}):
        with pytest.raises(ValueError, match="StackDataset: expected either positional datasets or named ones"):
            StackDataset(*wrong["args"], **wrong["kwargs"])
    batched.__getitems__ = types.MethodType(lambda self, indices: [0], batched)
    with pytest.raises(ValueError, match=r"StackDataset: expected 2 samples from Batched\.__getitems__, got 1"):
        pairs.__getitems__([0, 1])


def test_subset():
    part = Subset(Batched(10), [7, 3, 5])
    assert len(part) == 3
    assert (part[0], part[-1]) == (7, 5)
    assert part.__getitems__([2, 0]) == [50, 70]

    class Half(Subset):
        def __getitem__(self, index):
            return super().__getitem__(index) / 2

    with pytest.raises(NotImplementedError, match="Half: overrides __getitem__, so it must also override"):
        Half(Numbers(3), [0])


def test_abstract_classes_say_what_to_define():
    with pytest.raises(NotImplementedError, match="Dataset: a map-style dataset must define __getitem__"):
        Dataset()[0]
    with pytest.raises(NotImplementedError, match="IterableDataset: an iterable dataset must define __iter__"):
        iter(IterableDataset())
    with pytest.raises(NotImplementedError, match="Sampler: a sampler must define __iter__"):
        iter(Sampler())


@pytest.mark.parametrize(
    ("n", "lengths", "sizes"),
    [
        (10, [7, 3], [7, 3]),
        (10, [0.7, 0.3], [7, 3]),
        (10, [0.25, 0.25, 0.5], [3, 2, 5]),
        (11, [0.5, 0.25, 0.25], [6, 3, 2]),
        (3, [1.0], [3]),
        (10, [10, 0], [10, 0]),
    ],
)
def test_random_split(n, lengths, sizes):
    parts = random_split(Numbers(n), lengths, generator(3))
    assert [len(part) for part in parts] == sizes
    assert sorted(i for part in parts for i in part.indices) == list(range(n))
    again = random_split(Numbers(n), lengths, generator(3))
    assert [part.indices for part in parts] == [part.indices for part in again]


def test_random_split_uses_the_default_generator_and_shuffles():
    lucid.manual_seed(1)
    first = random_split(Numbers(100), [100])[0].indices
    lucid.manual_seed(1)
    assert random_split(Numbers(100), [100])[0].indices == first != list(range(100))


def test_random_split_errors():
    with pytest.raises(ValueError, match=r"whole numbers adding up to 10, got \[5, 4\] with sum 9"):
        random_split(Numbers(10), [5, 4])
    with pytest.raises(ValueError, match=r"got \[12, -2\] with sum 10"):
        random_split(Numbers(10), [12, -2])
    with pytest.raises(ValueError, match=r"got \[7.0, 3.0\] with sum 10.0"):
        random_split(Numbers(10), [7.0, 3.0])
    with pytest.raises(ValueError, match=r"expected fractions between 0 and 1, got 1\.5 at position 0"):
        random_split(Numbers(10), [1.5, -0.5])
    with pytest.warns(UserWarning, match="random_split: subset 1 is empty"):
        random_split(Numbers(3), [1.0, 0.0])


# Samplers


def test_sequential_sampler():
    assert list(SequentialSampler(Numbers(3))) == [0, 1, 2]
    assert len(SequentialSampler(Numbers(3))) == 3


def test_random_sampler_without_replacement():
    sampler = RandomSampler(Numbers(50), generator=generator())
    first, second = list(sampler), list(sampler)
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second
    assert list(RandomSampler(Numbers(50), generator=generator())) == first
    several = list(RandomSampler(Numbers(4), num_samples=10))
    assert sorted(several[:4]) == sorted(several[4:8]) == [0, 1, 2, 3]
    assert len(several) == 10


def test_random_sampler_with_replacement():
    sampler = RandomSampler(Numbers(3), replacement=True, num_samples=3000, generator=generator())
    counts = collections.Counter(sampler)
    assert len(sampler) == sum(counts.values()) == 3000
    assert counts.keys() == {0, 1, 2}
    assert min(counts.values()) > 850  # expected 1000, standard deviation 26


def test_random_sampler_follows_the_default_generator_but_is_not_disturbed_by_it():
    lucid.manual_seed(4)
    calm = list(RandomSampler(Numbers(2000), replacement=True))
    lucid.manual_seed(4)
    disturbed = []
    sampler = iter(RandomSampler(Numbers(2000), replacement=True))
    lucid.randint(10, (3,))
    for i in sampler:
        disturbed.append(i)
        lucid.randint(10, (3,))
    assert disturbed == calm


def test_random_sampler_errors():
    with pytest.raises(ValueError, match="RandomSampler: expected a positive integer for num_samples, got 0"):
        RandomSampler(Numbers(0))
    with pytest.raises(TypeError, match="RandomSampler: expected True or False for replacement, got 1"):
        RandomSampler(Numbers(3), replacement=1)


def test_subset_random_sampler():
    sampler = SubsetRandomSampler([3, 30, 300], generator())
    assert sorted(sampler) == [3, 30, 300]
    assert len(sampler) == 3
    assert len({tuple(sampler) for _ in range(50)}) == 6


def test_weighted_random_sampler():
    sampler = WeightedRandomSampler([0.0, 1.0, 3.0], 4000, generator=generator())
    counts = collections.Counter(sampler)
    assert counts.keys() == {1, 2}
    assert abs(counts[2] - 3000) < 150  # standard deviation 27
    assert len(sampler) == 4000
    draws = [list(WeightedRandomSampler([1, 0, 5, 1], 3, replacement=False)) for _ in range(20)]
    assert all(sorted(draw) == [0, 2, 3] for draw in draws)


def test_weighted_random_sampler_errors():
    with pytest.raises(ValueError, match="cannot draw 3 samples without replacement from 2 positive weights"):
        WeightedRandomSampler([1, 0, 5], 3, replacement=False)
    with pytest.raises(ValueError, match=r"expected weights of shape \(n,\), got \(1, 2\)"):
        WeightedRandomSampler([[1, 2]], 3)
    with pytest.raises(ValueError, match=r"expected a positive integer for num_samples, got 2\.5"):
        WeightedRandomSampler([1], 2.5)


def test_batch_sampler():
    for drop, expected in ((False, [[0, 1, 2], [3, 4, 5], [6]]), (True, [[0, 1, 2], [3, 4, 5]])):
        sampler = BatchSampler(range(7), 3, drop)
        assert list(sampler) == expected
        assert len(sampler) == len(expected)
    assert list(BatchSampler(iter([1, 2, 3]), 2, False)) == [[1, 2], [3]]
    with pytest.raises(ValueError, match="BatchSampler: expected a positive integer for batch_size, got True"):
        BatchSampler(range(3), True, False)
    with pytest.raises(TypeError, match="BatchSampler: expected True or False for drop_last, got None"):
        BatchSampler(range(3), 2, None)


# Collation


@pytest.mark.parametrize(
    ("batch", "dtype", "values"),
    [
        ([1, 2], lucid.int64, [1, 2]),
        ([1.5, 2.0], lucid.float64, [1.5, 2.0]),
        ([True, False], lucid.bool_, [True, False]),
        ([np.float32(1.5), np.float32(2)], lucid.float32, [1.5, 2.0]),
        ([np.float64(1.5)], lucid.float64, [1.5]),
        ([np.int16(3), np.int16(4)], lucid.int16, [3, 4]),
        ([np.bool_(True)], lucid.bool_, [True]),
        ([np.array([1, 2], np.uint8)] * 2, lucid.uint8, [[1, 2], [1, 2]]),
        ([np.array(2.5)], lucid.float64, [2.5]),
        ([lucid.tensor([1.0]), lucid.tensor([2.0])], lucid.float32, [[1.0], [2.0]]),
        ([lucid.tensor(1), lucid.tensor(2.5)], lucid.float32, [1.0, 2.5]),
    ],
)
def test_collate_leaves(batch, dtype, values):
    y = default_collate(batch)
    assert isinstance(y, lucid.Tensor)
    assert y.dtype is dtype
    assert y.tolist() == values


def test_collate_copies():
    a = np.zeros(3)
    y = default_collate([a, a])
    a[:] = 1
    assert y.tolist() == [[0, 0, 0], [0, 0, 0]]


def test_collate_keeps_the_graph():
    x = lucid.tensor([1.0, 2.0], requires_grad=True)
    (batch,) = DataLoader([x, x], batch_size=2)
    batch.backward(lucid.ones(2, 2))
    assert x.grad.tolist() == [2.0, 2.0]


def test_collate_structures():
    batch = default_collate([{"p": Point(1, "a"), "l": [1.0, (2,)]}, {"p": Point(3, "b"), "l": [4.0, (5,)]}])
    assert isinstance(batch["p"], Point)
    assert batch["p"].x.tolist() == [1, 3]
    assert batch["p"].y == ("a", "b")
    assert type(batch["l"]) is list
    assert batch["l"][0].tolist() == [1.0, 4.0]
    assert type(batch["l"][1]) is list  # tuples become lists, as in PyTorch
    assert batch["l"][1][0].tolist() == [2, 5]
    assert default_collate([b"x", b"y"]) == [b"x", b"y"]


def test_collate_keeps_types_of_mappings_and_sequences():
    class Tagged(dict):
        tag = None

    sample = Tagged(x=1)
    sample.tag = "kept"
    batch = default_collate([sample, Tagged(x=2)])
    assert type(batch) is Tagged
    assert batch.tag == "kept"
    assert batch["x"].tolist() == [1, 2]
    assert sample == {"x": 1}
    ordered = default_collate([collections.OrderedDict(b=1, a=2)])
    assert type(ordered) is collections.OrderedDict
    assert list(ordered) == ["b", "a"]
    frozen = default_collate([types.MappingProxyType({"x": 1})])
    assert type(frozen) is types.MappingProxyType
    assert type(default_collate([collections.UserList([1, 2])])) is collections.UserList
    assert [t.tolist() for t in default_collate([range(2), range(2)])] == [[0, 0], [1, 1]]


def test_collate_errors():
    with pytest.raises(RuntimeError, match=r"got \(3,\) for sample 0 and \(4,\) for sample 2 at sample\['x'\]\[1\]"):
        default_collate([{"x": (0, lucid.zeros(n))} for n in (3, 3, 4)])
    with pytest.raises(RuntimeError, match=r"expected samples of equal shape, got \(2,\) for sample 0 and \(1, 2\)"):
        default_collate([np.zeros(2), np.zeros((1, 2))])
    with pytest.raises(RuntimeError, match=r"sequences of equal length, got 1 for sample 0 and 2 for sample 1"):
        default_collate([[1], [1, 2]])
    with pytest.raises(KeyError, match="sample 1 has no key 'b', which sample 0 has"):
        default_collate([{"b": 1}, {"a": 1}])
    with pytest.raises(TypeError, match=r"got a object at sample\[0\]; pass a collate_fn of your own"):
        default_collate([[object()]])
    with pytest.raises(TypeError, match="got an array of <U1"):
        default_collate([np.array(["a"])])
    with pytest.raises(TypeError, match="sample 0 is a Tensor but sample 1 is a int"):
        default_collate([lucid.zeros(1), 1])
    with pytest.raises(ValueError, match="expected at least one sample, got an empty batch"):
        default_collate([])


def test_convert():
    a = np.arange(3)
    text = np.array(["a"])
    y = default_convert({"a": a, "n": 1, "s": ["x", np.float32(2)], "p": Point(a, None), "text": text, "t": (a,)})
    assert y["a"].tolist() == [0, 1, 2]
    a[0] = 9
    assert y["a"][0].item() == 9
    assert (y["n"], y["s"][0]) == (1, "x")
    assert y["s"][1].dtype is lucid.float32
    assert isinstance(y["p"], Point)
    assert y["text"] is text
    assert type(y["t"]) is list


# DataLoader


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
    with pytest.warns(UserWarning, match=r"num_workers=100000 is more than the \d+ CPUs to run on"):
        DataLoader(Numbers(3), num_workers=100000)


def test_loader_attributes_that_would_have_no_effect_cannot_be_set():
    loader = DataLoader(Numbers(3))
    with pytest.raises(ValueError, match="DataLoader: batch_size cannot be changed after construction"):
        loader.batch_size = 2
    loader.collate_fn = list
    assert list(loader) == [[0], [1], [2]]


def test_pin_memory_is_accepted(recwarn):
    assert lists(DataLoader(Numbers(1), pin_memory=True, pin_memory_device="cuda")) == [[0]]
    assert len(recwarn) == 0
