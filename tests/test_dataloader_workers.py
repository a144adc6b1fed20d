"""Worker processes of DataLoader: same batches as without them, and never a hang or an orphan.

Every test runs under a hard limit; nothing asserts how long something takes.
"""

import collections
import gc
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import lucid
from lucid.utils.data import BatchSampler, DataLoader, TensorDataset

HERE = str(Path(__file__).parent)
if HERE not in sys.path:
    sys.path.insert(0, HERE)  # worker processes inherit it

import worker_datasets as w  # noqa: E402

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="signals and process states are checked the POSIX way"),
    pytest.mark.filterwarnings("ignore:DataLoader. num_workers=.* is more than:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning"),
]

LIMIT = 90  # seconds

METHODS = multiprocessing.get_all_start_methods()
PICKLING = [method for method in METHODS if method != "fork"]


@pytest.fixture(autouse=True)
def hard_limit():
    def too_long(*_):
        raise TimeoutError(f"test took more than {LIMIT} seconds")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(LIMIT)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(autouse=True)
def no_workers_left():
    yield
    gc.collect()
    assert multiprocessing.active_children() == []


@pytest.fixture(params=METHODS)
def method(request):
    return request.param


def running(pid):
    """Whether a process exists and is not a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state not in "ZX"
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_gone(pids):
    while any(running(pid) for pid in pids):
        time.sleep(0.02)  # the hard limit ends this


def lists(loader):
    return [batch.tolist() for batch in loader]


def loader(dataset, method, **options):
    options = {"batch_size": 2, "num_workers": 2, **options}
    return DataLoader(dataset, multiprocessing_context=method, **options)


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


# Deaths, timeouts and abandonment


@pytest.mark.parametrize(
    ("action", "in_order", "message"),
    [
        (w.exit_7, True, r"DataLoader worker 1 \(pid \d+\) exited unexpectedly with exit code 7"),
        (w.sys_exit_3, True, r"DataLoader worker 1 \(pid \d+\) exited unexpectedly with exit code 3"),
        (w.kill_self, True, r"DataLoader worker 1 \(pid \d+\) was killed by SIGKILL \(exit code -9\)"),
        (w.kill_self, False, r"DataLoader worker \d \(pid \d+\) was killed by SIGKILL \(exit code -9\)"),
    ],
)
def test_dead_worker_is_an_error(method, action, message, in_order):
    batches = iter(loader(w.Doing(action), method, in_order=in_order))
    with pytest.raises(RuntimeError, match=message):
        for _ in range(10):
            next(batches)
    with pytest.raises(RuntimeError, match="this iterator ended with RuntimeError: DataLoader worker"):
        next(batches)


def test_death_between_batches_is_noticed(method):
    numbers = loader(w.Numbers(200), method, persistent_workers=True)
    batches = iter(numbers)
    next(batches)
    victim = batches.workers[1].process
    os.kill(victim.pid, signal.SIGKILL)
    with pytest.raises(RuntimeError, match=rf"DataLoader worker 1 \(pid {victim.pid}\) was killed by SIGKILL"):
        for _ in batches:
            pass
    assert lists(numbers)[:2] == [[0, 1], [2, 3]]  # the loader starts new workers


def test_death_while_a_slow_sibling_is_waited_for(method):
    batches = iter(loader(w.Doing(w.sleep_long, at=0), method))
    os.kill(batches.workers[1].process.pid, signal.SIGKILL)
    with pytest.raises(RuntimeError, match=r"DataLoader worker 1 .* was killed by SIGKILL"):
        next(batches)


@pytest.mark.parametrize("action", [w.sleep_long, w.stop_self])
def test_timeout(method, action):
    stuck = loader(w.Doing(action), method, timeout=1.5)
    batches = iter(stuck)
    pids = [worker.process.pid for worker in batches.workers]
    with pytest.raises(RuntimeError, match=r"DataLoader timed out after 1\.5 s waiting for worker \d"):
        lists(batches)
    wait_gone(pids)


@pytest.mark.parametrize("action", [None, w.sleep_long, w.stop_self])
def test_abandoned_iterator_leaves_no_workers(method, action):
    batches = iter(loader(w.Doing(action, at=7 if action else -1, n=1000), method))
    pids = [worker.process.pid for worker in batches.workers]
    assert next(batches).tolist() == [0, 1]
    del batches
    gc.collect()
    wait_gone(pids)


def test_abandoned_epoch_of_persistent_workers_is_forgotten(method):
    images = loader(w.Images(40), method, persistent_workers=True)
    for _ in range(3):
        batches = iter(images)
        for i in range(2):
            assert next(batches)[1][:, 0].tolist() == [-2 * i, -2 * i - 1]
    assert len(list(images)) == 20


def test_exhausted_iterator_stays_exhausted(method):
    batches = iter(loader(w.Numbers(4), method))
    pids = [worker.process.pid for worker in batches.workers]
    assert len(list(batches)) == 2
    wait_gone(pids)
    assert list(batches) == []


def test_iterator_belongs_to_its_process():
    batches = iter(loader(w.Numbers(), "fork"))
    with pytest.raises(TypeError, match="cannot be pickled; pass the DataLoader"):
        pickle.dumps(batches)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            next(batches)
        except RuntimeError as error:
            os.write(writing, str(error).encode())
        del batches
        gc.collect()
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 1000).endswith(b"belongs to the process that started it")
    os.close(reading)
    os.close(writing)
    assert len(list(batches)) == 10  # the child did not end the workers


def test_two_loaders_at_once(method):
    a, b = (loader(w.Numbers(), method) for _ in range(2))
    assert [(x.tolist(), y.tolist()) for x, y in zip(a, b)] == [([i, i + 1],) * 2 for i in range(0, 20, 2)]


# Whole programs

PROGRAM = """
import os, signal, sys, time, warnings
sys.path[:0] = {path!r}
warnings.simplefilter("ignore")
import worker_datasets as w
from lucid.utils.data import DataLoader

def main():
    loader = DataLoader(w.Doing(w.{action}, at={at}, n=1000), num_workers=2, multiprocessing_context="{method}",
                        persistent_workers={persistent})
    batches = iter(loader)
    next(batches)
    print(*[worker.process.pid for worker in batches.workers], flush=True)
    {then}

if __name__ == "__main__":
    main()
"""


def start_program(tmp_path, method, then, action="sleep_long", at=-1, persistent=False):
    path = [HERE, str(Path(lucid.__file__).parents[1])]
    script = tmp_path / "program.py"
    script.write_text(PROGRAM.format(path=path, method=method, then=then, action=action, at=at, persistent=persistent))
    process = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    pids = [int(pid) for pid in process.stdout.readline().split()]
    if len(pids) != 2:
        pytest.fail(process.communicate()[1])
    return process, pids


@pytest.mark.parametrize("at", [-1, 1, 2])  # idle workers, and busy ones
def test_workers_end_when_the_loaders_process_is_killed(method, tmp_path, at):
    process, pids = start_program(tmp_path, method, "time.sleep(1000)", at=at)
    process.kill()
    process.communicate()
    wait_gone(pids)


@pytest.mark.parametrize("at", [-1, 2])
def test_ctrl_c(method, tmp_path, at):
    # Forked and spawned workers may still be starting; one started by a fork server must be up to be silent.
    up = "next(batches); " if method == "forkserver" else ""
    then = up + "print('ready', flush=True); [time.sleep(0.01) for batch in batches]; time.sleep(1000)"
    process, pids = start_program(tmp_path, method, then, at=at)
    assert process.stdout.readline() == "ready\n"
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the program and its workers
    _, errors = process.communicate()
    assert process.returncode == -signal.SIGINT
    assert errors.count("Traceback") == 1, errors  # the workers say nothing
    assert "KeyboardInterrupt" in errors
    wait_gone(pids)


@pytest.mark.parametrize(
    ("then", "code", "persistent"),
    [
        ("pass", 0, True),
        ("sys.exit(5)", 5, False),
        ("raise ValueError('boom')", 1, False),
        ("globals()['kept'] = batches", 0, False),
        ("globals()['kept'] = loader", 0, True),
    ],
)
def test_interpreter_exit(method, tmp_path, then, code, persistent):
    process, pids = start_program(tmp_path, method, then, persistent=persistent)
    _, errors = process.communicate()
    assert process.returncode == code, errors
    assert errors.count("Traceback") == (code == 1), errors
    wait_gone(pids)


def test_interpreter_exit_with_a_stuck_worker(method, tmp_path):
    process, pids = start_program(tmp_path, method, "globals()['kept'] = batches", action="stop_self", at=1)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    wait_gone(pids)


def test_no_descriptors_are_left_open(method):
    if not Path("/proc/self/fd").exists():
        pytest.skip("needs /proc")
    numbers = loader(w.Numbers(), method)
    lists(numbers)
    counts = collections.Counter()
    for _ in range(3):
        lists(numbers)
        gc.collect()
        counts[len(os.listdir("/proc/self/fd"))] += 1
    assert len(counts) == 1
