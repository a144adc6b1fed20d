"""The same bits every time: for every number of threads, every batch size, and from one run to the next."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest

import lucid
from lucid import Tensor, nn


def network() -> nn.Sequential:
    """Convolutions with and without groups, every kind of normalisation and pooling, dropout: 12 classes."""
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.SiLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 16, 3, padding=1, groups=16), nn.Conv2d(16, 32, 1), nn.BatchNorm2d(32), nn.Hardswish(), nn.AvgPool2d(2),
        nn.Conv2d(32, 24, 3, stride=2, padding=1), nn.Mish(), nn.Dropout(0.25), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
        nn.Linear(96, 64), nn.LayerNorm(64), nn.GELU(), nn.Dropout(0.5), nn.Linear(64, 12),
    )  # fmt: skip


def train(steps: int = 20) -> list[bytes]:
    """The losses of a training run, then the parameters and running statistics it ends with."""
    lucid.manual_seed(0)
    model = network()
    optimizer = lucid.optim.Adam(model.parameters(), lr=3e-3, weight_decay=1e-4)
    data, target = lucid.randn(steps * 16, 3, 24, 24), lucid.randint(0, 12, (steps * 16,))
    found = []
    for step in range(steps):
        part = slice(step * 16, (step + 1) * 16)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(data[part]), target[part], label_smoothing=0.1)
        loss.backward()
        optimizer.step()
        found.append(loss.numpy(force=True).tobytes())
    return found + [value.numpy(force=True).tobytes() for value in model.state_dict().values()]


@pytest.fixture(scope="module")
def reference() -> list[bytes]:
    with lucid.num_threads(1):
        return train()


def test_training_changes_something(reference: list[bytes]) -> None:
    """The comparison below is of numbers that move."""
    losses = [np.frombuffer(b, np.float32)[0] for b in reference[:20]]
    assert len(set(losses)) == 20 and np.isfinite(losses).all()


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_training_has_the_same_bits_with_any_number_of_threads(threads: int, reference: list[bytes]) -> None:
    lucid.set_num_threads(threads)
    found = train()
    assert len(found) == len(reference)
    differing = [k for k, (a, b) in enumerate(zip(found, reference)) if a != b]
    assert not differing, f"{threads} threads: loss or state {differing[0]} of {len(found)} differs first"


def test_training_has_the_same_bits_in_another_process(reference: list[bytes]) -> None:
    code = (
        "import runpy, hashlib; t = runpy.run_path(__import__('sys').argv[1]);"
        "print(hashlib.sha256(b''.join(t['train']())).hexdigest())"
    )
    environment = {
        **os.environ,
        "PYTHONHASHSEED": "12345",
        "LUCID_NUM_THREADS": "2",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    done = subprocess.run(
        [sys.executable, "-c", code, __file__], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    import hashlib

    assert done.stdout.split()[-1] == hashlib.sha256(b"".join(reference)).hexdigest()


MODELS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "convolutional network": (network, (3, 24, 24)),
    "perceptron": (lambda: nn.Sequential(nn.Linear(50, 200), nn.ReLU(), nn.Linear(200, 100), nn.Tanh(), nn.Linear(100, 7), nn.Softmax(-1)), (50,)),
    "sequences": (lambda: nn.Sequential(nn.Conv1d(4, 8, 5, padding=2), nn.GELU(), nn.MaxPool1d(2), nn.Flatten(), nn.Linear(200, 3)), (4, 50)),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_inference_of_a_sample_does_not_depend_on_its_batch(name: str) -> None:
    make, shape = MODELS[name]
    model = make().eval()
    x = lucid.randn(37, *shape)

    def run(batch: Tensor) -> np.ndarray:
        with lucid.inference_mode():
            return model(batch).numpy()

    whole = run(x)
    for k in (0, 1, 17, 36):
        np.testing.assert_array_equal(run(x[k : k + 1])[0], whole[k], f"sample {k} alone")
    for low, high in ((0, 2), (5, 8), (3, 11), (20, 36), (1, 37)):
        np.testing.assert_array_equal(run(x[low:high]), whole[low:high], f"samples {low} to {high}")
    for threads in (1, 2, 3, 8):
        lucid.set_num_threads(threads)
        np.testing.assert_array_equal(run(x), whole, f"{threads} threads")


@pytest.mark.parametrize("name", MODELS)
def test_inference_does_not_depend_on_the_memory_layout(name: str) -> None:
    make, shape = MODELS[name]
    model = make().eval()
    x = lucid.randn(5, *shape)
    strided = lucid.zeros(10, *shape)
    strided[::2] = x
    with lucid.inference_mode():
        np.testing.assert_array_equal(model(strided[::2]).numpy(), model(x).numpy())


def test_seeds_reproduce_draws() -> None:
    def draws() -> list[list[float]]:
        x = lucid.zeros(5)
        return [
            lucid.rand(5).tolist(), lucid.randn(5).tolist(), lucid.randint(0, 100, (5,)).tolist(), lucid.randperm(5).tolist(),
            lucid.bernoulli(lucid.full((5,), 0.5)).tolist(), nn.functional.dropout(lucid.ones(5)).tolist(), x.normal_().tolist(),
            x.uniform_().tolist(), lucid.multinomial(lucid.ones(5), 3).tolist(),
        ]  # fmt: skip

    lucid.manual_seed(3)
    first = draws()
    second = draws()
    lucid.manual_seed(3)
    assert draws() == first and first != second


def test_random_state_is_saved_and_restored() -> None:
    lucid.rand(3)
    state = lucid.get_rng_state()
    first = lucid.rand(5).tolist()
    lucid.set_rng_state(state)
    assert lucid.rand(5).tolist() == first
