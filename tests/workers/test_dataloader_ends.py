"""Ends of worker processes: deaths, timeouts, abandonment, the end of the program. Never a hang or an orphan."""

import collections
import gc
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sample_datasets import lists
from workers import datasets as w
from workers.processes import HERE, MARKS, loader, wait_gone

import lucid

pytestmark = MARKS


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
from workers import datasets as w
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
