"""Denormal numbers: exact by default, zero inside lucid's kernels on request, and other code's arithmetic left alone."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import threading
from collections.abc import Iterator

import numpy as np
import pytest

import lucid
from lucid import _isa, _ops, nn

F = nn.functional
CAN_FLUSH = lucid.set_flush_denormal(False)
needs_flush = pytest.mark.skipif(not CAN_FLUSH, reason="this build cannot flush denormals")
THREADS = (1, 2, 3, 8)
LONG = 140_001  # more than one thread's share for each of eight


@pytest.fixture(autouse=True)
def _exact_again() -> Iterator[None]:
    yield
    lucid.set_flush_denormal(False)


def denormals(n: int = LONG) -> np.ndarray:
    """Denormal float32 numbers of both signs, the smallest and the largest among them."""
    bits = np.random.default_rng(0).integers(1, 1 << 23, n).astype(np.uint32)
    bits[:2] = 1, (1 << 23) - 1
    return (bits | (np.arange(n, dtype=np.uint32) % 2 << 31)).view(np.float32)


def exact_here() -> bool:
    """NumPy's arithmetic in this thread keeps denormals."""
    x = np.full(100, 1e-40, np.float32)
    return bool((x * np.float32(0.5)).all())


def test_x86_and_arm_can_flush() -> None:
    assert CAN_FLUSH or platform.machine() not in ("x86_64", "AMD64", "aarch64")


@pytest.mark.parametrize("threads", THREADS)
def test_exact_by_default(threads: int) -> None:
    lucid.set_num_threads(threads)
    raw = denormals()
    x, wide = lucid.from_numpy(raw), raw.astype(np.float64)
    for name, found, exact in (
        ("add", x + x, 2 * wide), ("mul", x * 0.5, wide / 2), ("neg", -x, -wide), ("relu", F.relu(x), np.maximum(wide, 0)),
        ("silu", F.silu(x), wide / 2), ("tanh", x.tanh(), wide), ("abs", x.abs(), abs(wide)), ("sqrt", x.abs().sqrt(), np.sqrt(abs(wide))),
    ):  # fmt: skip
        rounded = exact.astype(np.float32)
        steps = np.abs(found.numpy().view(np.int32).astype(np.int64) - rounded.view(np.int32)).max()
        assert steps <= 1, f"{name}: {steps} steps of 2**-149 from the exact result"
    product = (lucid.from_numpy(raw[:40_000].reshape(200, 200)) @ lucid.eye(200)).numpy()
    np.testing.assert_array_equal(product, raw[:40_000].reshape(200, 200))


@needs_flush
@pytest.mark.parametrize("threads", THREADS)
def test_flushed_in_every_thread(threads: int) -> None:
    lucid.set_num_threads(threads)
    x = lucid.from_numpy(denormals()).requires_grad_()
    assert lucid.set_flush_denormal(True) is True
    for name, y in {
        "mul": x * 1.0,
        "add": x + x,
        "silu": F.silu(x),
        "gelu": F.gelu(x),
        "tanh": x.tanh(),
        "sqrt": x.abs().sqrt(),
    }.items():
        assert not y.numpy(force=True).any(), name
    F.silu(x).backward(lucid.full((LONG,), 1e-40))
    assert x.grad is not None and not x.grad.numpy().any()
    matrix = lucid.from_numpy(denormals(90_000).reshape(300, 300))
    assert not (matrix @ lucid.ones(300, 300)).numpy().any()
    assert (lucid.full((3,), 1e-310, dtype=lucid.float64) * 1).tolist() == [0.0] * 3
    lucid.set_flush_denormal(False)
    assert (x * 1.0).numpy(force=True).all()


@needs_flush
def test_every_thread_of_a_region_runs_under_the_callers_control() -> None:
    """Threads that were made before, after and in between, for this Python thread and for another one."""
    seen: list[set[int]] = []
    exact, flushed = _ops.float_control()[0], 0

    def look() -> None:
        for threads in THREADS:
            lucid.set_num_threads(threads)
            found = _ops.float_control()
            assert len(found) == min(threads, lucid.get_num_threads())
            seen.append(set(found))

    for on in (False, True, False, True):
        lucid.set_flush_denormal(on)
        seen.clear()
        look()
        other = threading.Thread(target=look)
        other.start()
        other.join()
        assert len(seen) == 8 and all(len(controls) == 1 for controls in seen)
        flushed = seen[0].pop()
        flush = 1 << 24 if platform.machine() in ("aarch64", "arm64") else 0x8040
        assert (flushed == exact | flush) is on and (flushed == exact) is not on


@needs_flush
def test_other_code_keeps_its_arithmetic() -> None:
    lucid.set_num_threads(2)
    x = lucid.from_numpy(denormals())
    lucid.set_flush_denormal(True)
    F.silu(x)
    assert exact_here()
    found: list[bool] = []
    other = threading.Thread(target=lambda: found.append(exact_here()))
    other.start()
    other.join()
    assert found == [True]
    with pytest.raises(TypeError) as error:
        _ops.silu(None)
    assert "array" in str(error.value)
    assert exact_here(), "an error left the register changed"
    with pytest.raises(RuntimeError):
        lucid.ones(2, 3) @ lucid.ones(2, 3)
    assert exact_here()


@needs_flush
def test_flushing_twice_and_stopping_twice() -> None:
    x = lucid.full((3,), 1e-40)
    for on in (True, True, False, False, True, False):
        assert lucid.set_flush_denormal(on) is True
        assert ((x * 1).tolist() == [0.0] * 3) is on


@needs_flush
def test_functions_keep_their_names_arguments_and_errors() -> None:
    plain = {name: getattr(_ops, name) for name in dir(_ops) if not name.startswith("_")}
    lucid.set_flush_denormal(True)
    assert all(getattr(_ops, name) is value for name, value in plain.items())
    x = np.ones(3, np.float32)
    np.testing.assert_array_equal(_ops.neg(x, out=np.empty(3, np.float32)), -x)
    np.testing.assert_array_equal(_ops.neg(x=x), -x)
    with pytest.raises(TypeError):
        _ops.neg()
    with pytest.raises(TypeError):
        _ops.neg(x, wrong=1)


@needs_flush
def test_flushed_results_have_the_same_bits_with_any_number_of_threads() -> None:
    raw = denormals()
    raw[::3] = np.random.default_rng(1).standard_normal(len(raw[::3])).astype(np.float32) * 1e-37

    def results() -> list[bytes]:
        x = lucid.from_numpy(raw)
        rows = x[:140_000].view(-1, 100)
        return [
            y.numpy().tobytes()
            for y in (F.silu(x), x * x, rows.sum(0), rows.sum(1), lucid.softmax(rows, 1), rows @ rows.t()[:, :50])
        ]

    lucid.set_flush_denormal(True)
    lucid.set_num_threads(1)
    expected = results()
    for threads in THREADS[1:]:
        lucid.set_num_threads(threads)
        assert results() == expected, f"{threads} threads"


@needs_flush
@pytest.mark.parametrize("level", _isa.built_levels())
def test_every_level(level: str) -> None:
    from lucid import _cpu

    if int(level[1]) > _cpu.level():
        pytest.skip(f"this CPU runs levels up to v{_cpu.level()}")
    code = (
        "import lucid; lucid.set_num_threads(4); x = lucid.full((200_000,), 1e-40)\n"
        "for on in (True, False):\n"
        "    print(lucid.set_flush_denormal(on), (x * 1).numpy().any(), (x.view(400, 500) @ lucid.ones(500, 500)).numpy().any())"
    )
    environment = {**os.environ, "LUCID_ISA": level, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines() == ["True False False", "True True True"], done.stderr


@pytest.mark.parametrize("mode", [0, 1, None, "on"])
def test_only_true_and_false(mode: object) -> None:
    with pytest.raises(TypeError) as error:
        lucid.set_flush_denormal(mode)  # type: ignore[arg-type]
    assert str(error.value) == f"set_flush_denormal: expected True or False, got {mode!r}"


@pytest.mark.parity
@needs_flush
def test_what_another_library_sets_holds_on_every_thread_of_ours() -> None:
    """PyTorch's switch changes its caller's register for good; bits must still not depend on the thread count."""
    torch = pytest.importorskip("torch")
    try:
        assert torch.set_flush_denormal(True)
        for threads in THREADS:
            lucid.set_num_threads(threads)
            assert len(set(_ops.float_control())) == 1
            assert not (lucid.from_numpy(denormals()) * 1).numpy().any()
    finally:
        torch.set_flush_denormal(False)
