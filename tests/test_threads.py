"""The number of threads: its default, the user's setting, forks, and several Python threads at once."""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import lucid
from lucid import _ops, _threads
from lucid._cgroup import cpu_quota
from lucid._config import OPENMP_VERSIONS
from lucid._threads import Limit, default_limit

CPUS = Limit(8, "CPU affinity")
OPENMP = bool(_ops.build_info()["openmp"])
OWN_THREADS = bool(_ops.build_info()["own_threads"])
needs_openmp = pytest.mark.skipif(not OPENMP, reason="built without OpenMP")
needs_own_threads = pytest.mark.skipif(not OWN_THREADS, reason="threads are those of an OpenMP runtime")
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")

# Above every kernel's grain, so that more than one thread is really started.
LARGE = """
import lucid, numpy as np
from lucid import _ops
x = np.linspace(-20, 20, 1 << 20, dtype=np.float32)
"""


@pytest.fixture(autouse=True)
def restore_threads() -> Iterator[None]:
    before = _threads.current_limit()
    yield
    _threads._apply(before)


def run(args: list[str], timeout: float = 60, **env: str) -> tuple[int, str, str]:
    """Exit status, output and errors of Python; ends its children too when it hangs."""
    clean = {k: v for k, v in os.environ.items() if k not in ("OMP_NUM_THREADS", "LUCID_NUM_THREADS")}
    process = subprocess.Popen(
        [sys.executable, *args],
        env={**clean, "PYTHONPATH": str(Path(lucid.__file__).parents[1]), **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        pytest.fail(f"hung for {timeout} s; output so far: {out}{err}")
    return process.returncode, out, err


# The default


@pytest.mark.parametrize(
    ("quota", "environ", "expected"),
    [
        (None, {}, "8: CPU affinity"),
        (0.5, {}, "1: cgroup CPU quota of 0.5"),
        (1.0, {}, "1: cgroup CPU quota of 1"),
        (1.5, {}, "2: cgroup CPU quota of 1.5"),
        (64.0, {}, "8: CPU affinity"),
        (None, {"OMP_NUM_THREADS": "4"}, "4: OMP_NUM_THREADS"),
        (None, {"OMP_NUM_THREADS": "4,2"}, "4: OMP_NUM_THREADS"),
        (None, {"OMP_NUM_THREADS": " 3 , 1"}, "3: OMP_NUM_THREADS"),
        (None, {"OMP_NUM_THREADS": "64"}, "8: CPU affinity"),
        (None, {"OMP_NUM_THREADS": ""}, "8: CPU affinity"),
        (None, {"LUCID_NUM_THREADS": "2", "OMP_NUM_THREADS": "4"}, "2: LUCID_NUM_THREADS"),
        (None, {"LUCID_NUM_THREADS": "6", "OMP_NUM_THREADS": "4"}, "4: OMP_NUM_THREADS"),
        (3.0, {"LUCID_NUM_THREADS": "6"}, "3: cgroup CPU quota of 3"),
    ],
)
def test_default_is_the_smallest_limit(quota: float | None, environ: dict[str, str], expected: str) -> None:
    limit, problems = default_limit(CPUS, quota, environ)
    assert str(limit) == expected
    assert problems == []


@pytest.mark.parametrize("text", ["abc", "0", "-2", "1.5", "²", "2x", ",4"])
@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "LUCID_NUM_THREADS"])
def test_bad_variables_are_reported_and_ignored(name: str, text: str) -> None:
    limit, problems = default_limit(CPUS, None, {name: text})
    assert limit == CPUS
    assert problems == [f"{name}={text!r} ignored: expected an integer >= 1"]


def test_a_list_is_for_openmp_only() -> None:
    assert default_limit(CPUS, None, {"LUCID_NUM_THREADS": "4,2"})[1] == [
        "LUCID_NUM_THREADS='4,2' ignored: expected an integer >= 1"
    ]


PRINT_THREADS = ["-c", "import lucid; from lucid import _threads; print(_threads.current_limit())"]


@needs_openmp
def test_environment_variables_reach_a_new_process() -> None:
    assert run(PRINT_THREADS, LUCID_NUM_THREADS="1")[1] in ("1: LUCID_NUM_THREADS\n", "1: CPU affinity\n")
    if _threads.available_cpus().threads > 1 and (cpu_quota() or 2) > 1:
        assert run(PRINT_THREADS, LUCID_NUM_THREADS="1")[1] == "1: LUCID_NUM_THREADS\n"
        assert run(PRINT_THREADS, OMP_NUM_THREADS="1,4")[1] == "1: OMP_NUM_THREADS\n"


def test_a_bad_variable_gives_one_line_in_a_new_process() -> None:
    status, out, err = run(PRINT_THREADS, LUCID_NUM_THREADS="many")
    assert (status, err) == (
        0,
        "lucid:0: RuntimeWarning: LUCID_NUM_THREADS='many' ignored: expected an integer >= 1\n",
    )
    assert "LUCID" not in out


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no CPU affinity")
def test_affinity_is_respected() -> None:
    pin = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
    status, out, _ = run(["-c", pin + PRINT_THREADS[1]])
    assert (status, out) == (0, "1: CPU affinity\n" if OPENMP else "1: built without OpenMP\n")


# Setting the number


@needs_openmp
def test_set_and_get() -> None:
    for n in (3, np.int64(2), 1):
        lucid.set_num_threads(n)
        assert lucid.get_num_threads() == n
        assert _threads.current_limit().reason == "set_num_threads"


@pytest.mark.parametrize("bad", [0, -1, 1025, 2.0, "2", None, True, 1 << 40])
def test_bad_numbers_change_nothing(bad: object) -> None:
    before = _threads.current_limit()
    with pytest.raises(ValueError) as error:
        lucid.set_num_threads(bad)  # type: ignore[arg-type]
    assert str(error.value) == f"set_num_threads: expected an integer from 1 to 1024, got {bad!r}"
    with pytest.raises(ValueError) as error, lucid.num_threads(bad):  # type: ignore[arg-type]
        pass
    assert str(error.value) == f"num_threads: expected an integer from 1 to 1024, got {bad!r}"
    assert _threads.current_limit() == before


@needs_openmp
def test_context_restores_number_and_reason_even_after_an_error() -> None:
    before = _threads.current_limit()
    with pytest.raises(KeyError), lucid.num_threads(3):
        with lucid.num_threads(2):
            assert lucid.get_num_threads() == 2
        assert lucid.get_num_threads() == 3
        raise KeyError
    assert _threads.current_limit() == before


# Forks

FORK = (
    LARGE
    + """
import os, warnings
from lucid import _threads
lucid.set_num_threads(4)
expected = _ops.silu(x)
child = os.fork()
if child == 0:
    try:
        assert str(_threads.current_limit()) == "1: forked process", _threads.current_limit()
        assert (_ops.silu(x) == expected).all()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            lucid.set_num_threads(2)
            with lucid.num_threads(3):
                assert (_ops.silu(x) == expected).all()
        messages = [str(w.message) for w in caught]
        if _ops.build_info()["own_threads"]:
            assert (messages, lucid.get_num_threads()) == ([], 2), messages
            assert len(os.listdir("/proc/self/task")) >= 3  # those of num_threads(3)
        else:
            assert messages == ["set_num_threads(2): staying on one thread: forked process"], messages
            assert caught[0].filename == "<string>", caught[0].filename
            assert lucid.get_num_threads() == 1
        print("child done", flush=True)
        os._exit(0)
    except BaseException as error:
        print(repr(error), flush=True)
        os._exit(1)
_, status = os.waitpid(child, 0)
assert lucid.get_num_threads() == 4
assert (_ops.silu(x) == expected).all()
print("parent done", os.waitstatus_to_exitcode(status))
"""
)


@needs_fork
@needs_openmp
def test_a_child_forked_after_parallel_work_starts_with_one_thread() -> None:
    status, out, err = run(["-c", FORK])
    assert (status, out) == (0, "child done\nparent done 0\n"), err


FORK_WHILE_OTHERS_WORK = (
    LARGE
    + """
import os, threading, time
lucid.set_num_threads(2)
expected, running = _ops.silu(x), True

def work():
    while running:
        _ops.silu(x)

thread = threading.Thread(target=work)
thread.start()
statuses = []
for _ in range(20):
    child = os.fork()
    if child == 0:
        lucid.set_num_threads(2)
        os._exit(0 if (_ops.silu(x) == expected).all() else 1)
    statuses.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    time.sleep(0.002)
running = False
thread.join()
print(sum(statuses))
"""
)


@needs_fork
@needs_own_threads
def test_children_forked_while_another_thread_is_in_a_parallel_region() -> None:
    status, out, err = run(["-c", FORK_WHILE_OTHERS_WORK])
    assert (status, out) == (0, "0\n"), err


WAKING = """
import os, time
from lucid import _ops
def threads():
    return len(os.listdir("/proc/self/task"))
_ops.set_num_threads(2)
small, large = _ops.allocate((96, 96), np.dtype("f")), _ops.allocate((256, 256), np.dtype("f"))
small[...], large[...] = 1, 1
before = threads()
for _ in range(20):
    _ops.matmul(small, small)
    time.sleep(0.001)
assert threads() == before, "single small calls start no thread"
once = _ops.matmul(small, small).tobytes()
_ops.matmul(large, large)
assert threads() == before + 1, "a large one does"
assert _ops.matmul(small, small).tobytes() == once
print("ok")
"""


PROBED = WAKING[: WAKING.index("small,")] + """
x = _ops.allocate((100_000,), np.dtype("f"))
x[...] = 2.5
_ops.set_num_threads(1)
alone = _ops.lgamma(x).tobytes()
_ops.set_num_threads(2)
before = threads()
assert _ops.lgamma(x).tobytes() == alone and threads() == before + 1, "few elements, but a slow function"
print("ok")
"""


@needs_own_threads
@pytest.mark.parametrize("script", [WAKING, PROBED])
def test_what_a_small_call_wakes(script: str) -> None:
    status, out, err = run(["-c", "import numpy as np" + script], OPENBLAS_NUM_THREADS="1")
    assert (status, out) == (0, "ok\n"), err


REFUSED = (
    LARGE
    + """
import os, resource
x = x[: 1 << 16]
square = x.reshape(256, 256)
lucid.set_num_threads(1)
expected = _ops.silu(x), _ops.matmul(square, square)
lucid.set_num_threads(4)
with open("/proc/self/statm") as f:
    size = int(f.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
resource.setrlimit(resource.RLIMIT_AS, (size + (4 << 20),) * 2)  # less than the stack of a thread
threads = len(os.listdir("/proc/self/task"))
results = _ops.silu(x), _ops.matmul(square, square)
print(all((a == b).all() for a, b in zip(results, expected)), len(os.listdir("/proc/self/task")) - threads)
"""
)


@needs_own_threads
def test_a_system_that_grants_no_thread_costs_time_only() -> None:
    status, out, err = run(["-c", REFUSED])
    assert (status, out) == (0, "True 0\n"), err


def test_a_region_of_the_kernels_holds_one_loop() -> None:
    """All that `_kernels/team.pxi` has: barriers between the loops of a region would not wait."""
    kernels = Path(__file__).parents[1].joinpath("lucid").rglob("*.p[xy]*")
    text = {path.name: path.read_text() for path in kernels if path.suffix in (".pxi", ".pyx")}
    assert sum(content.count(" in prange(") for content in text.values()) > 40
    assert [
        name
        for name, content in text.items()
        if re.search(r"cimport .*\bparallel\b|^\s*with .*\bparallel\(|#pragma omp for", content, re.M)
    ] == []


MULTIPROCESSING = (
    LARGE
    + """
import multiprocessing, sys

def work(scale):
    return lucid.get_num_threads(), float(_ops.silu(x * np.float32(scale)).sum(dtype=np.float64))

if __name__ == "__main__":
    if sys.argv[2] == "threads":
        lucid.set_num_threads(2)
    expected = [work(scale)[1] for scale in (1, 2, 3, 4)]
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        results = pool.map(work, (1, 2, 3, 4))
    assert [total for _, total in results] == expected, results
    print(*sorted({threads for threads, _ in results}))
"""
)


@pytest.mark.parametrize("parent", ["threads", "default"])
@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_multiprocessing(tmp_path: Path, method: str, parent: str) -> None:
    import multiprocessing

    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} here")
    script = tmp_path / "script.py"
    script.write_text(MULTIPROCESSING)
    status, out, err = run([str(script), method, parent])
    assert status == 0, err
    if method == "fork":
        assert out == "1\n"
    elif method == "spawn":
        assert out.split() == run(PRINT_THREADS)[1].split(":")[:1]


# Several Python threads in kernels at once: the GIL is released, and each has a team of its own, or works alone


@pytest.mark.parametrize("count", [1, 2])
def test_concurrent_python_threads(count: int) -> None:
    rng = np.random.default_rng(0)
    inputs = [rng.standard_normal(1 << 19).astype(np.float32) for _ in range(6)]  # more than there are teams
    with lucid.num_threads(1):
        expected = [_ops.silu(x) for x in inputs]
    wrong: list[str] = []
    start = threading.Barrier(len(inputs))

    def work(x: np.ndarray, y: np.ndarray) -> None:
        start.wait()
        for repeat in range(10):
            if not np.array_equal(_ops.silu(x), y):
                wrong.append(f"repeat {repeat}")

    if OPENMP:
        lucid.set_num_threads(count)
    workers = [threading.Thread(target=work, args=pair) for pair in zip(inputs, expected)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=60)
    assert not any(worker.is_alive() for worker in workers)
    assert wrong == []
    sigmoid = 1 / (1 + np.exp(-inputs[0].astype(np.float64)))
    np.testing.assert_allclose(expected[0], inputs[0] * sigmoid, rtol=1e-5)


# What show_config says


def test_show_config(capsys: pytest.CaptureFixture[str]) -> None:
    lucid.show_config()
    lines = dict(line.split(":", 1) for line in capsys.readouterr().out.splitlines())
    assert list(lines) == ["lucid", "CPU level", "compiler", "OpenMP", "threads", "NumPy", "Python", "platform"]
    assert lines["lucid"].strip() == lucid.__version__
    assert lines["NumPy"].strip() == np.__version__
    assert lines["threads"].strip() == str(_threads.current_limit())
    assert lines["CPU level"].split()[0] == _ops.build_info()["level"]
    openmp = _ops.build_info()["openmp"]
    assert lines["OpenMP"].strip() == (f"{OPENMP_VERSIONS[openmp]} ({openmp})" if openmp else "none")


# Other libraries' OpenMP runtimes beside ours

IMPORT = {"lucid": "import lucid, lucid._ops", "sklearn": "import sklearn.cluster", "torch": "import torch"}
WORK = {
    "lucid": "lucid.set_num_threads(2); y = lucid._ops.silu(x)",
    "sklearn": "sklearn.cluster.KMeans(4, n_init=1, random_state=0).fit(x[:4096].reshape(-1, 4))",
    "torch": "t = torch.nn.functional.silu(torch.from_numpy(x)).numpy()",
}


@pytest.mark.parity
@pytest.mark.parametrize("order", list(itertools.permutations(IMPORT)), ids="-".join)
def test_runtimes_live_together_in_every_order_of_import(order: tuple[str, ...]) -> None:
    for name in ("sklearn", "torch"):
        pytest.importorskip(name)
    code = [IMPORT[name] for name in order]
    code += ["import numpy as np", "x = np.linspace(-20, 20, 1 << 20, dtype=np.float32)"]
    code += [WORK[name] for _ in range(2) for name in order]
    code += ["np.testing.assert_allclose(y, t, rtol=1e-5, atol=1e-7)", "print('done')"]
    status, out, err = run(["-c", "\n".join(code)])
    assert (status, out) == (0, "done\n"), err
