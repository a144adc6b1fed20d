"""The same bits every time: for every number of threads, every batch size, and from one run to the next."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from ops.record import Array, Case, Record, assert_same_bits, families

import lucid
from lucid import Tensor, _ops, nn

RECORDS = families()
THREADS = (1, 2, 3, 8)
each_record = pytest.mark.parametrize("record", RECORDS, ids=[r.name for r in RECORDS])


# Every operation


@pytest.fixture
def shared_work() -> Iterator[None]:
    """Threads share every piece of work, however small, so that each case of each record is split."""
    _ops.set_grain_scale(0.0)
    yield
    _ops.set_grain_scale(1.0)


def everything(record: Record, arrays: list[Array], case: Case) -> list[Array]:
    """The results and, where there are any, the gradients."""
    found = record.results(arrays, case.params)
    if record.differentiable and any(a.dtype.kind == "f" and i not in record.fixed for i, a in enumerate(arrays)):
        found += record.gradients(arrays, case.params)
    return found


def largest(cases: tuple[Case, ...], count: int) -> list[Case]:
    """The cases with the most elements, the largest first."""

    def elements(case: Case) -> int:
        return sum(o.size if isinstance(o, np.ndarray) else int(np.prod(o)) for o in case.operands)

    return sorted(cases, key=elements, reverse=True)[:count]


@each_record
def test_bits_do_not_depend_on_the_number_of_threads(record: Record, shared_work: None) -> None:
    for dtype, cases in ((np.float32, record.cases), (np.float64, largest(record.cases, 2))):
        for case in cases:
            arrays = record.draw(case, dtype)
            lucid.set_num_threads(1)
            expected = everything(record, arrays, case)
            for threads in THREADS[1:]:
                lucid.set_num_threads(threads)
                for found, e in zip(everything(record, arrays, case), expected, strict=True):
                    assert_same_bits(found, e, f"{record.name}({case}) in {np.dtype(dtype)} with {threads} threads")


def offset(a: Array, by: int) -> Array:
    """A copy of ``a`` that starts ``by`` elements into its buffer: contiguous, and aligned to one element only."""
    buffer = np.zeros(a.size + by, a.dtype)
    view = buffer[by:].reshape(a.shape)
    view[...] = a
    return view


@each_record
def test_bits_do_not_depend_on_the_position_in_a_buffer(record: Record) -> None:
    if record.name == "as_strided":
        pytest.skip("its offset counts from the start of the storage")
    for case in largest(record.cases, 6):
        arrays = record.draw(case, np.float32)
        expected = everything(record, arrays, case)
        for by in (1, 7, 16):
            moved = [offset(a, by) for a in arrays]
            for found, e in zip(everything(record, moved, case), expected, strict=True):
                assert_same_bits(found, e, f"{record.name}({case}) {by} elements into a buffer")


# A training run


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


# Inference of a sample in batches of every size

MODULES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "Linear": (lambda: nn.Linear(130, 70), (130,)),
    "Linear of sequences": (lambda: nn.Linear(48, 33), (9, 48)),
    "Bilinear": (lambda: Pair(nn.Bilinear(12, 12, 20)), (12,)),
    "Conv1d": (lambda: nn.Conv1d(6, 10, 5, padding=2), (6, 70)),
    "Conv2d 1x1": (lambda: nn.Conv2d(24, 40, 1), (24, 9, 11)),
    "Conv2d 3x3": (lambda: nn.Conv2d(16, 32, 3, padding=1), (16, 14, 14)),
    "Conv2d 3x3, 7x7 image": (lambda: nn.Conv2d(64, 64, 3, padding=1), (64, 7, 7)),
    "Conv2d 5x5/2": (lambda: nn.Conv2d(3, 20, 5, stride=2, padding=2), (3, 31, 29)),
    "Conv2d dilated": (lambda: nn.Conv2d(8, 8, 3, dilation=2), (8, 17, 19)),
    "Conv2d grouped": (lambda: nn.Conv2d(24, 48, 3, padding=1, groups=4), (24, 13, 13)),
    "Conv2d depthwise": (lambda: nn.Conv2d(30, 30, 5, padding=2, groups=30), (30, 14, 15)),
    "Conv3d": (lambda: nn.Conv3d(4, 6, 3, padding=1), (4, 5, 8, 9)),
    "ConvTranspose1d": (lambda: nn.ConvTranspose1d(8, 6, 4, stride=2), (8, 40)),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(16, 12, 4, stride=2, padding=1), (16, 9, 9)),
    "ConvTranspose3d": (lambda: nn.ConvTranspose3d(4, 3, 2, stride=2), (4, 4, 5, 6)),
    "BatchNorm1d": (lambda: nn.BatchNorm1d(40), (40, 11)),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(10), (10, 7, 9)),
    "LayerNorm": (lambda: nn.LayerNorm(130), (130,)),
    "GroupNorm": (lambda: nn.GroupNorm(4, 12), (12, 9, 7)),
    "InstanceNorm2d": (lambda: nn.InstanceNorm2d(6), (6, 9, 7)),
    "RMSNorm": (lambda: nn.RMSNorm(130), (130,)),
    "MaxPool1d": (lambda: nn.MaxPool1d(3, 2), (5, 33)),
    "MaxPool2d": (lambda: nn.MaxPool2d(3, 2, 1), (6, 15, 17)),
    "AvgPool1d": (lambda: nn.AvgPool1d(3), (5, 33)),
    "AvgPool2d": (lambda: nn.AvgPool2d(3, 2, 1), (6, 15, 17)),
    "AdaptiveAvgPool1d": (lambda: nn.AdaptiveAvgPool1d(4), (5, 33)),
    "AdaptiveAvgPool2d": (lambda: nn.AdaptiveAvgPool2d(3), (6, 15, 17)),
    "Softmax": (lambda: nn.Softmax(-1), (130,)),
    "Softmax over channels": (lambda: nn.Softmax(1), (12, 9)),
    "LogSoftmax": (lambda: nn.LogSoftmax(-1), (1001,)),
    "GLU": (lambda: nn.GLU(), (70,)),
    "PReLU": (lambda: nn.PReLU(6), (6, 31)),
    "MultiheadAttention": (lambda: Attention(), (21, 32)),
    "TransformerEncoderLayer": (lambda: nn.TransformerEncoderLayer(32, 4, 64, batch_first=True), (19, 32)),
    "LSTM": (lambda: First(nn.LSTM(12, 20, 2, batch_first=True)), (15, 12)),
    "GRU": (lambda: First(nn.GRU(12, 20, batch_first=True)), (15, 12)),
    "RNN": (lambda: First(nn.RNN(12, 20, batch_first=True)), (15, 12)),
    **{
        name: (lambda name=name: getattr(nn, name)(), (3, 47))
        for name in "CELU ELU GELU Hardsigmoid Hardswish Hardtanh LeakyReLU LogSigmoid Mish ReLU ReLU6 SELU SiLU Sigmoid Softplus Softsign Tanh".split()
    },
}  # fmt: skip


class Pair(nn.Module):
    """A module of two inputs, given one twice."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        return self.module(x, x)


class First(nn.Module):
    """The first result of a module that has several."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        return self.module(x)[0]


class Attention(nn.Module):
    """Self-attention of 4 heads."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(32, 4, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.attention(x, x, x, need_weights=False)[0]


@pytest.mark.parametrize("name", MODULES)
def test_a_module_gives_a_sample_the_same_bits_in_every_batch(name: str) -> None:
    make, shape = MODULES[name]
    try:
        model = make().eval()
    except AttributeError as error:
        assert "lucid.nn" in str(error), error
        pytest.skip(str(error))
    x = lucid.randn(37, *shape)

    def run(batch: Tensor) -> np.ndarray:
        with lucid.inference_mode():
            return model(batch).numpy()

    lucid.set_num_threads(2)
    whole = run(x)
    for k in (0, 17, 36):
        assert_same_bits(run(x[k : k + 1])[0], whole[k], f"{name}: sample {k} alone")
    for low, high in ((0, 2), (5, 8), (3, 11), (20, 36), (1, 37)):
        assert_same_bits(run(x[low:high]), whole[low:high], f"{name}: samples {low} to {high}")


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


# Optimizers and random numbers

SIZES = ((300, 400), (7,), (50_001,), (64, 64, 3, 3))
OPTIMIZERS: dict[str, tuple[str, dict[str, Any]]] = {
    "SGD": ("SGD", dict(lr=0.1)),
    "SGD with momentum": ("SGD", dict(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01)),
    "Adam": ("Adam", dict(lr=0.01)),
    "Adam with amsgrad": ("Adam", dict(lr=0.01, amsgrad=True, weight_decay=0.01)),
    "AdamW": ("AdamW", dict(lr=0.01)),
    "RMSprop": ("RMSprop", dict(lr=0.01, momentum=0.9, centered=True)),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_with_any_number_of_threads(name: str) -> None:
    kind, options = OPTIMIZERS[name]

    def run() -> list[bytes]:
        rng = np.random.default_rng(0)
        parameters = [lucid.from_numpy(rng.standard_normal(s).astype(np.float32)).requires_grad_() for s in SIZES]
        optimizer = getattr(lucid.optim, kind)(parameters, **options)
        for _ in range(4):
            for p in parameters:
                p.grad = lucid.from_numpy(rng.standard_normal(tuple(p.shape)).astype(np.float32))
            optimizer.step()
        return [p.numpy(force=True).tobytes() for p in parameters]

    lucid.set_num_threads(1)
    expected = run()
    for threads in THREADS[1:]:
        lucid.set_num_threads(threads)
        assert run() == expected, f"{threads} threads"


@pytest.mark.parametrize("dtype", [lucid.float32, lucid.float64], ids=["float32", "float64"])
def test_random_numbers_with_any_number_of_threads(dtype: Any) -> None:
    n = 300_001

    def draws() -> list[bytes]:
        lucid.manual_seed(7)
        x, p = lucid.zeros(n, dtype=dtype), lucid.full((n,), 0.3, dtype=dtype)
        found = [
            lucid.rand(n, dtype=dtype), lucid.randn(n, dtype=dtype), lucid.randint(0, 100, (n,)), lucid.randperm(1000),
            lucid.bernoulli(p), nn.functional.dropout(p), x.normal_().clone(), x.uniform_().clone(), lucid.rand(5, dtype=dtype),
        ]  # fmt: skip
        return [y.numpy().tobytes() for y in found]

    lucid.set_num_threads(1)
    expected = draws()
    for threads in THREADS[1:]:
        lucid.set_num_threads(threads)
        assert draws() == expected, f"{threads} threads"


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
