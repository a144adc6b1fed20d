"""Datasets, samplers, collation and DataLoader without workers."""

import collections
import types

import numpy as np
import pytest
from sample_datasets import Batched, Count, Numbers, generator

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
    random_split,
)

Point = collections.namedtuple("Point", "x y")


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
