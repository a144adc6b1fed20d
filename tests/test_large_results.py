"""Results too large for the caches are written past them, which may not change a bit or miss an element."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from lucid import _ops

STREAMED = 8_400_013  # elements of float32 that go past the caches, with an odd end
Function = Callable[..., np.ndarray]


@pytest.fixture(params=[1, 2, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[None]:
    before = _ops.get_num_threads()
    _ops.set_num_threads(request.param)
    yield
    _ops.set_num_threads(before)


def numbers(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(n, dtype=np.float32)


def in_pieces(f: Function, *operands: np.ndarray) -> np.ndarray:
    """The same from pieces that stay in the first caches."""
    step = 9_999
    return np.concatenate([f(*(x[i : i + step] for x in operands)) for i in range(0, len(operands[0]), step)])


@pytest.mark.parametrize("name", ["silu", "gelu_backward", "add"])
def test_elements(threads: None, name: str) -> None:
    f: Function = getattr(_ops, name)
    operands = [numbers(STREAMED, seed) for seed in range(1 if name == "silu" else 2)]
    np.testing.assert_array_equal(f(*operands), in_pieces(f, *operands))


def test_in_place_and_scalar(threads: None) -> None:
    x, y = numbers(STREAMED, 0), np.array(1.5, np.float32)
    expected = x * y
    np.testing.assert_array_equal(_ops.mul(x, y), expected)
    assert _ops.mul(x, y, out=x) is x
    np.testing.assert_array_equal(x, expected)


def test_unaligned_out(threads: None) -> None:
    x, memory = numbers(STREAMED, 0), np.zeros(STREAMED + 2, np.float32)
    _ops.relu(x, out=memory[1:-1])
    np.testing.assert_array_equal(memory[1:-1], np.maximum(x, 0))
    assert memory[0] == memory[-1] == 0


def test_comparison(threads: None) -> None:
    x = np.resize(numbers(100_003, 0), 34_000_003)
    np.testing.assert_array_equal(_ops.gt(x, np.array(0, np.float32)), x > 0)


@pytest.mark.parametrize("count", [17, 333, 1000, 5000])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_rows(threads: None, name: str, count: int) -> None:
    x = numbers(STREAMED // count * count + count, 0).reshape(-1, count)
    forward: Function = getattr(_ops, name)
    y = forward(x, 1)
    np.testing.assert_array_equal(y, np.concatenate([forward(part, 1) for part in np.array_split(x, 100)]))
    backward: Function = getattr(_ops, f"{name}_backward")
    dx = backward(y, x, 1)
    parts = zip(np.array_split(y, 100), np.array_split(x, 100), strict=True)
    np.testing.assert_array_equal(dx, np.concatenate([backward(a, b, 1) for a, b in parts]))
