"""The pool that large results and working memory come from: reuse, bounds, threads, forks."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import lucid
from lucid import _ops, nn

MB = 1 << 20
needs_linux = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="reads /proc and counts Linux page faults"
)
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")


def run(code: str, timeout: float = 120) -> str:
    """What ``code`` prints in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=timeout
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# Figures


def test_a_tensor_counts_while_it_lives_and_is_cached_afterwards() -> None:
    lucid.release_memory()
    before = lucid.memory_stats()
    assert before["cached"] == 0 and before["peak"] == before["in_use"]
    x = lucid.zeros(3 * MB // 4)  # 3 MB, which is a size class of its own
    during = lucid.memory_stats()
    assert during["in_use"] - before["in_use"] == 3 * MB
    assert during["misses"] == before["misses"] + 1
    del x
    after = lucid.memory_stats()
    assert after["in_use"] == before["in_use"] and after["cached"] == 3 * MB
    y = lucid.ones(3 * MB // 4)
    reused = lucid.memory_stats()
    assert reused["hits"] == after["hits"] + 1 and reused["cached"] == 0
    assert y.sum().item() == 3 * MB // 4


def test_small_tensors_are_not_counted() -> None:
    before = lucid.memory_stats()
    kept = [lucid.zeros(16_000) for _ in range(10)]  # 64 000 bytes each, below 64 KB
    assert lucid.memory_stats() == before
    del kept


def test_release_gives_everything_back_and_restarts_the_peak() -> None:
    held = lucid.zeros(MB)
    dropped = lucid.zeros(4 * MB)
    del dropped
    stats = lucid.memory_stats()
    assert stats["peak"] >= stats["in_use"] + 16 * MB
    assert lucid.release_memory() == stats["cached"]
    stats = lucid.memory_stats()
    assert stats["cached"] == 0 and stats["peak"] == stats["in_use"]
    assert stats["limit"] == stats["peak"] + stats["peak"] // 4 + 64 * MB
    assert lucid.release_memory() == 0
    assert held.sum().item() == 0


def test_working_memory_is_returned() -> None:
    x, w = lucid.randn(4, 32, 40, 40), lucid.randn(32, 32, 3, 3)
    for call in (lambda: nn.functional.conv2d(x, w), lambda: lucid.randn(300, 300) @ lucid.randn(300, 300)):
        call()
        before = lucid.memory_stats()
        call()
        after = lucid.memory_stats()
        assert after["in_use"] == before["in_use"] and after["misses"] == before["misses"]


def test_what_does_not_fit_is_refused_and_not_counted() -> None:
    before = lucid.memory_stats()["in_use"]
    with pytest.raises(MemoryError) as error:
        lucid.zeros(1 << 40, 1 << 30)
    assert str(error.value) == f"an array of {4 << 40} x {1 << 30} x ... bytes does not fit in memory"
    for k in range(40, 61):  # beyond 2 PB the pool has no lists of blocks
        with pytest.raises(MemoryError) as error:
            lucid.zeros(1 << k)
        assert str(error.value) == f"cannot allocate {4 << k} bytes"
    with pytest.raises(ValueError) as refused:
        _ops.allocate((2, -1), np.dtype(np.float32))
    assert str(refused.value) == "negative dimensions are not allowed, got shape (2, -1)"
    assert lucid.memory_stats()["in_use"] == before


@pytest.mark.parametrize("dtype", [np.bool_, np.int8, np.uint8, np.int16, np.int32, np.int64, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(), (0,), (3, 5), (2, 0, 4), (70_000, 3)])
def test_arrays_of_every_dtype(shape: tuple[int, ...], dtype: type) -> None:
    x = _ops.allocate(shape, np.dtype(dtype))
    assert x.shape == shape and x.dtype == dtype and x.flags.c_contiguous and x.flags.writeable
    x[...] = 1
    assert x.sum() == x.size
    assert x.ctypes.data % 64 == 0 or x.nbytes < 1 << 16


# Plateaus

SHAPES = """
import random, lucid
random.seed(0)
shapes = [(random.randint(1, 1500), random.randint(1, 1500)) for _ in range(500)]

def rss():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

def work():
    for m, n in shapes:
        x = lucid.ones(m, n)
        y = (x * 2 + 1).sum(1)
        z = lucid.softmax(x.t(), 0) @ x[:, :8]
        stats = lucid.memory_stats()
        assert stats["in_use"] + stats["cached"] <= stats["limit"], stats
    return stats
"""


@needs_linux
def test_500_random_shapes_reach_a_plateau() -> None:
    code = SHAPES + (
        "work(); first, held = work(), rss()\n"
        "for _ in range(3): last = work()\n"
        "print(last['in_use'] - first['in_use'], last['peak'] - first['peak'], last['misses'] - first['misses'], rss() - held)"
    )
    in_use, peak, misses, grown = map(int, run(code).split())
    assert in_use == 0 and peak == 0
    assert misses == 0, f"{misses} requests that earlier rounds had cached went to the system"
    assert grown < 8 * MB


@needs_linux
def test_200_short_lived_threads_reach_a_plateau() -> None:
    code = (
        SHAPES
        + """
import threading
lucid.set_num_threads(2)
def job():
    x = lucid.ones(400, 400, requires_grad=True)
    (x @ x).sigmoid().sum().backward()
def threads(n):
    for _ in range(n):
        t = threading.Thread(target=job)
        t.start(); t.join()
threads(50); before, held = lucid.memory_stats(), rss()
threads(200); after = lucid.memory_stats()
print(after['in_use'] - before['in_use'], after['misses'] - before['misses'], rss() - held)
"""
    )
    in_use, misses, grown = map(int, run(code).split())
    assert (in_use, misses) == (0, 0)
    assert grown < 8 * MB


FAULTS = """
import resource, lucid
from lucid import nn
F = nn.functional
lucid.set_num_threads(2)
x, a = lucid.randn(4_000_000), lucid.randn(1024, 1024, requires_grad=True)
image, w = lucid.randn(8, 32, 64, 64, requires_grad=True), lucid.randn(64, 32, 3, 3, requires_grad=True)

def step(y, *leaves):
    y.backward(lucid.ones_like(y))
    for leaf in leaves:
        leaf.grad = None

calls = {
    "silu": lambda: F.silu(x), "add": lambda: x + x, "sum": lambda: x.sum(), "cat": lambda: lucid.cat([x, x]),
    "clone": lambda: x.clone(), "zeros": lambda: lucid.zeros(4_000_000), "full": lambda: lucid.full((4_000_000,), 2.0),
    "randn": lambda: lucid.randn(4_000_000), "transpose": lambda: a.t().contiguous(),
    "matmul": lambda: step(a @ a, a), "softmax": lambda: step(lucid.softmax(a, 1), a),
    "layer_norm": lambda: step(F.layer_norm(a, (1024,)), a), "conv": lambda: step(F.conv2d(image, w, None, 1, 1), image, w),
    "max_pool": lambda: step(F.max_pool2d(image, 2), image),
    "batch_norm": lambda: step(F.batch_norm(image, None, None, None, None, True), image),
}
for name, call in calls.items():
    for _ in range(4):
        call()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        call()
    print(name, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@needs_linux
def test_large_results_do_not_pay_page_faults_twice() -> None:
    """A fresh result of 16 MB is 4096 faults, or 8 with huge pages; ten calls of each operation take next to none."""
    faults = {name: int(count) for name, count in (line.split() for line in run(FAULTS).splitlines())}
    assert len(faults) == 15
    assert {name: count for name, count in faults.items() if count > 40} == {}


# Threads and forks


def test_buffers_freed_in_other_threads_while_kernels_take_working_memory() -> None:
    lucid.set_num_threads(2)
    gc.collect()
    weights = lucid.randn(16, 8, 3, 3)
    image = lucid.randn(4, 8, 48, 48)
    expected = nn.functional.conv2d(image, weights).numpy()
    before = lucid.memory_stats()["in_use"]
    handed: list[lucid.Tensor] = []
    wrong: list[str] = []
    stop = threading.Event()

    def drop() -> None:
        while not stop.is_set() or handed:
            if handed:
                handed.pop()

    def convolve() -> None:
        while not stop.is_set():
            if not np.array_equal(nn.functional.conv2d(image, weights).numpy(), expected):
                wrong.append("conv2d")

    workers = [threading.Thread(target=f) for f in (drop, drop, convolve, convolve)]
    for worker in workers:
        worker.start()
    for k in range(300):
        x = lucid.full((20_000 + 100 * k,), float(k))
        handed.append(x)
        if x[-1].item() != k or x[0].item() != k:
            wrong.append(f"full {k}")
        del x
    stop.set()
    for worker in workers:
        worker.join(timeout=60)
    assert not any(worker.is_alive() for worker in workers)
    assert wrong == [] and handed == []
    assert lucid.memory_stats()["in_use"] == before


FORK = """
import os, threading, lucid
lucid.set_num_threads(2)
kept = lucid.full((1 << 20,), 3.0)
stop = threading.Event()

def hammer():
    a = lucid.ones(200, 200)
    while not stop.is_set():
        a @ a

thread = threading.Thread(target=hammer)
thread.start()
for k in range(40):
    child = os.fork()
    if child == 0:
        status = 1
        try:
            x = lucid.full((1 << 18,), float(k)) @ lucid.ones(1 << 18)
            del x
            total = kept.sum().item()
            lucid.release_memory()
            assert lucid.memory_stats()["cached"] == 0 and total == 3 << 20
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, k
stop.set()
thread.join()
assert kept.sum().item() == 3 << 20
print("done")
"""


@needs_fork
def test_forks_while_another_thread_holds_working_memory() -> None:
    """No child inherits the pool's lock taken, and parent and children keep their own memory."""
    assert run(FORK, timeout=60) == "done\n"


def test_an_expansion_that_repeats_nothing_can_be_written_to() -> None:
    x = lucid.zeros(3)
    y = x.expand(1, 3)
    y.copy_(lucid.ones(1, 3))
    assert x.tolist() == [1.0, 1.0, 1.0]
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
        x.expand(2, 3).zero_()
