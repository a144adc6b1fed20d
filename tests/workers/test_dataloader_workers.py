"""Worker processes of DataLoader give the batches that one process gives; their errors arrive."""

import multiprocessing
import os
import signal
import time

import numpy as np
import pytest
from sample_datasets import lists
from workers import datasets as w
from workers.processes import MARKS, METHODS, loader, wait_gone

import lucid
from lucid.utils.data import BatchSampler, DataLoader, TensorDataset

pytestmark = MARKS
PICKLING = [method for method in METHODS if method != "fork"]


# The same batches


@pytest.mark.parametrize("persistent", [False, True])
def test_batches_are_those_of_no_workers(method, persistent):
    x = lucid.arange(46).reshape(23, 2)
    data = TensorDataset(x, lucid.arange(23))

    def epochs(**options):
        shuffled = DataLoader(data, 4, shuffle=True, generator=lucid.Generator().manual_seed(5), **options)
        return [[(a.tolist(), b.tolist()) for a, b in shuffled] for _ in range(3)]

    expected = epochs()
    got = epochs(num_workers=2, persistent_workers=persistent, multiprocessing_context=method)
    assert got == expected
    assert expected[0] != expected[1] != expected[2]


def test_the_default_generator_gives_the_same_order_with_workers(method):
    orders = []
    for options in ({}, {"num_workers": 2, "multiprocessing_context": method}):
        lucid.manual_seed(11)
        shuffled = DataLoader(w.Numbers(), 3, shuffle=True, **options)
        orders.append([lists(shuffled), lists(shuffled)])
    assert orders[0] == orders[1]


def test_a_slow_worker_does_not_change_the_order(method):
    batches = lists(loader(w.Slow(), method, num_workers=3))
    assert batches == [[i, i + 1] for i in range(0, 20, 2)]


def test_in_order_false_yields_every_batch_once(method):
    batches = lists(loader(w.Slow(), method, in_order=False))
    assert sorted(batches) == [[i, i + 1] for i in range(0, 20, 2)]


def test_batches_larger_than_any_buffer_arrive_whole_and_writable(method):
    for i, (images, codes) in enumerate(loader(w.Images(12), method, batch_size=4)):
        expected = np.arange(4 * i, 4 * i + 4)
        np.testing.assert_array_equal(images.numpy(), np.broadcast_to(expected[:, None, None], (4, 512, 512)))
        np.testing.assert_array_equal(codes.numpy(), np.repeat(-expected[:, None], 3, 1))
        assert images.dtype is lucid.float32
        assert codes.dtype is lucid.int64
        images += 1
        array = images.numpy()
        assert array.flags.writeable
        assert array.flags.aligned


def test_index_lists_larger_than_any_buffer_are_sent(method):
    n = 300_000
    batches = list(loader(TensorDataset(lucid.arange(4 * n)), method, batch_size=n))
    for i, (batch,) in enumerate(batches):
        np.testing.assert_array_equal(batch.numpy(), np.arange(i * n, (i + 1) * n))
    assert len(batches) == 4


def test_a_reused_array_is_not_overwritten_before_it_is_sent(method):
    data = w.ReusedBuffer(12)
    batches = loader(data, method, batch_size=1, collate_fn=data.collate, prefetch_factor=4)
    for i, batch in enumerate(batches):
        time.sleep(0.01)  # let workers run ahead
        np.testing.assert_array_equal(batch.numpy(), np.full(200_000, float(i)))


def test_samples_without_batching(method):
    assert list(loader(w.Numbers(5), method, batch_size=None)) == [0, 1, 2, 3, 4]


def test_batch_sampler_and_collate_fn(method):
    batches = BatchSampler(range(5), 2, drop_last=False)
    got = DataLoader(
        w.Numbers(), batch_sampler=batches, collate_fn=w.as_list, num_workers=2, multiprocessing_context=method
    )
    assert list(got) == [[0, 1], [2, 3], [4]]
    assert len(got) == 3


def test_more_workers_than_batches(method):
    assert lists(loader(w.Numbers(3), method, num_workers=4)) == [[0, 1], [2]]


def test_workers_compute_although_the_parent_has_used_its_threads(method):
    x = lucid.ones(600, 600)
    (x @ x).exp()
    products = loader(w.Products(4), method, batch_size=None)
    assert [product.item() for product in products] == [300 * i * i for i in range(4)]


# Streams


def test_stream_is_divided_among_workers_and_reopened(method):
    stream = loader(w.Stream(11), method, persistent_workers=True)
    for _ in range(3):
        assert lists(stream) == [[0, 2], [1, 3], [4, 6], [5, 7], [8, 10], [9]]


def test_uneven_streams_alternate_until_each_ends(method):
    stream = loader(w.Uneven(), method, num_workers=3)
    expected = [[0], [100, 101], [200, 201], [102, 103], [202, 203], [104, 105], [106]]
    assert lists(stream) == expected
    dropped = loader(w.Uneven(), method, num_workers=3, drop_last=True)
    assert lists(dropped) == [batch for batch in expected if len(batch) == 2]


def test_stream_that_is_not_divided_is_reported():
    stream = loader(w.Forgetful(4), "fork", batch_size=1)
    assert len(stream) == 4
    with pytest.warns(UserWarning, match="IterableDataset has length 4, but more batches than that arrived"):
        assert len(lists(stream)) == 8


def test_stream_that_raises(method):
    batches = iter(loader(w.BrokenStream(), method, batch_size=1, num_workers=1))
    assert next(batches).tolist() == [1]
    with pytest.raises(w.Grumble, match="dry"):
        next(batches)
    with pytest.raises(StopIteration):
        next(batches)


# What a worker is given


def test_worker_info_seeds_and_threads(method):
    def draws(seed):
        lucid.manual_seed(seed)
        return [d for batch in loader(w.Draws(8), method, num_workers=2, collate_fn=w.as_list) for d in batch]

    first, again, other = draws(1), draws(1), draws(2)
    for d in first:
        assert d["workers"] == 2
        assert d["threads"] == 1
        assert d["own_copy"]
        assert d["seed"] == first[0]["seed"] != other[0]["seed"]
    assert [d["id"] for d in first] == [0, 0, 1, 1, 0, 0, 1, 1]
    for key in ("lucid", "random", "numpy"):
        values = [d[key] for d in first]
        assert len(set(values)) == len(values)
        assert values == [d[key] for d in again]
        assert not set(values) & {d[key] for d in other}
    assert not {d["random"] for d in first} & {d["numpy"] for d in first}


def test_worker_init_fn_reaches_the_dataset(method):
    lengths = loader(w.Length(6), method, worker_init_fn=w.shift_dataset)
    assert lists(lengths) == [[100, 100], [101, 101], [100, 100]]


def test_persistent_workers_are_the_same_processes(method):
    def pids(draws):
        return {d["pid"] for batch in draws for d in batch}

    kept = loader(w.Draws(8), method, collate_fn=w.as_list, persistent_workers=True)
    fresh = loader(w.Draws(8), method, collate_fn=w.as_list)
    first = pids(kept)
    assert len(first) == 2
    assert os.getpid() not in first
    assert pids(kept) == first
    assert not pids(fresh) & pids(fresh)
    del kept
    wait_gone(first)


def test_signal_handlers_of_the_parent_do_not_run_in_workers(method):
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        got = list(loader(w.HandlerSpy(4), method, batch_size=1))
    finally:
        signal.signal(signal.SIGTERM, before)
    assert [[leaf.tolist() for leaf in batch] for batch in got] == [[[True], [True]]] * 4


# Errors in workers


def test_exception_keeps_its_type_and_the_workers_traceback(method):
    batches = iter(loader(w.Doing(w.grumble), method))
    got = []
    with pytest.raises(w.Grumble) as caught:
        while True:
            got.append(next(batches).tolist())
    assert got == [[0, 1], [2, 3], [4, 5]]
    assert (caught.value.what, caught.value.code) == ("no coffee", 418)
    (note,) = caught.value.__notes__
    assert note.startswith("Raised in DataLoader worker 1 (pid ")
    assert 'raise Grumble("no coffee", 418)' in note
    assert lists(batches) == [[i, i + 1] for i in range(8, 20, 2)]  # iteration goes on


def test_exception_that_does_not_pickle_is_described(method):
    with pytest.raises(RuntimeError, match=r"DataLoader worker 1: .*Unpicklable: this and that") as caught:
        lists(loader(w.Doing(w.raise_unpicklable), method))
    assert 'raise Unpicklable("this", "that")' in caught.value.__notes__[0]


@pytest.mark.parametrize("workers", [0, 1])
def test_stop_iteration_from_a_dataset_does_not_end_the_epoch_in_silence(workers):
    with pytest.raises(RuntimeError, match="the dataset or collate_fn raised StopIteration"):
        lists(DataLoader(w.Doing(w.raise_stop_iteration), num_workers=workers))


def test_worker_init_fn_that_raises(method):
    with pytest.raises(w.Grumble, match="not today"):
        lists(loader(w.Numbers(), method, worker_init_fn=w.refuse))


@pytest.mark.parametrize("method", PICKLING)
def test_dataset_that_does_not_unpickle(method):
    with pytest.raises(OSError, match="lost on the way") as caught:
        lists(loader(w.BadArrival(), method))
    assert "in __setstate__" in caught.value.__notes__[0]


@pytest.mark.parametrize("method", PICKLING)
@pytest.mark.parametrize("name", ["dataset", "collate_fn", "worker_init_fn"])
def test_argument_that_does_not_pickle_is_named(method, name):
    dataset = w.Numbers()
    options = {}
    if name == "dataset":
        dataset.function = lambda: None
    else:
        options[name] = lambda _: None
    with pytest.raises(TypeError, match=f"DataLoader: {name} cannot be pickled for a worker process"):
        iter(loader(dataset, method, **options))


def test_batch_that_does_not_pickle(method):
    with pytest.raises(TypeError, match="cannot pickle 'generator' object"):
        next(iter(loader(w.Numbers(), method, collate_fn=w.as_generator)))


def test_batch_that_does_not_unpickle(method):
    batches = iter(loader(w.Numbers(8), method, collate_fn=w.bad_arrival_collate, prefetch_factor=1, num_workers=1))
    assert [next(batches), next(batches)] == [[0, 1], [2, 3]]
    with pytest.raises(w.Grumble, match="no coffee") as caught:
        next(batches)
    assert caught.value.__notes__ == ["Raised while unpickling a batch from DataLoader worker 0"]
    assert list(batches) == [[6, 7]]


def test_sampler_that_raises():
    def indices():
        yield from range(6)
        raise w.Grumble("no more", 0)

    class Indices:
        def __iter__(self):
            return indices()

    for prefetch in (1, 9):  # the error comes with a later batch, or with the first
        with pytest.raises(w.Grumble, match="no more"):
            lists(loader(w.Numbers(), "fork", sampler=Indices(), prefetch_factor=prefetch))
        assert multiprocessing.active_children() == []
