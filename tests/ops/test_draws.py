"""Random overwriting: distributions by their distribution functions, reproducibility, and refusals."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lucid
from lucid import Tensor

N = 40_000

DRAWS: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Any], Any]]] = {
    "exponential_": (lambda x: x.exponential_(2.0), lambda v: 1 - np.exp(-2 * v)),
    "cauchy_": (lambda x: x.cauchy_(1.0, 2.0), lambda v: 0.5 + np.arctan((v - 1) / 2) / np.pi),
    "log_normal_": (
        lambda x: x.log_normal_(0.5, 1.5),
        lambda v: np.vectorize(lambda t: math.erfc(-(math.log(t) - 0.5) / 1.5 / math.sqrt(2)) / 2)(v),
    ),
}


@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize("dtype", [lucid.float32, lucid.float64])
def test_distribution(name: str, dtype: Any) -> None:
    """The largest distance of the empirical from the exact distribution function (Kolmogorov), far below chance."""
    draw, function = DRAWS[name]
    lucid.manual_seed(3)
    x = lucid.empty(N, dtype=dtype)
    assert draw(x) is x
    values = np.sort(x.numpy().astype(np.float64))
    assert np.isfinite(values).all()
    distance = np.abs(function(values) - (np.arange(N) + 0.5) / N).max()
    assert distance < 1.95 / math.sqrt(N)  # exceeded once in a thousand seeds


def test_geometric() -> None:
    x = lucid.empty(N).geometric_(0.3)
    counts = np.bincount(x.numpy().astype(int), minlength=5)[:5] / N
    expected = [0, *(0.3 * 0.7**k for k in range(4))]
    np.testing.assert_allclose(counts, expected, atol=5 * 0.5 / math.sqrt(N))
    assert lucid.empty(10, dtype=lucid.int64).geometric_(0.9).numpy().min() >= 1


def test_random_integers() -> None:
    x = lucid.empty(N, dtype=lucid.int64).random_(3, 7).numpy()
    assert sorted(set(x.tolist())) == [3, 4, 5, 6]
    np.testing.assert_allclose(np.bincount(x)[3:] / N, 0.25, atol=5 * 0.5 / math.sqrt(N))
    assert set(lucid.empty(100).random_(2).tolist()) == {0.0, 1.0}
    assert lucid.empty(1000, dtype=lucid.uint8).random_().numpy().max() > 200
    y = lucid.randint_like(lucid.zeros(3, 5), 2, 4)
    assert y.shape == (3, 5) and y.dtype is lucid.float32 and set(y.reshape(-1).tolist()) <= {2.0, 3.0}


@pytest.mark.parametrize("name", [*DRAWS, "geometric_", "random_"])
def test_the_seed_decides(name: str) -> None:
    arguments = (0.5,) if name == "geometric_" else ()
    first, second = (
        getattr(lucid.empty(5), name)(*arguments, generator=lucid.Generator().manual_seed(7)) for _ in range(2)
    )
    assert first.tolist() == second.tolist()
    third = getattr(lucid.empty(5), name)(*arguments, generator=lucid.Generator().manual_seed(8))
    assert first.tolist() != third.tolist()


@pytest.mark.parametrize(
    "call,message",
    [
        (lambda: lucid.empty(2).exponential_(0), r"exponential_: expects lambda > 0\.0, but found lambda=0"),
        (lambda: lucid.empty(2, dtype=lucid.int64).exponential_(), "exponential_: not implemented for lucid.int64"),
        (lambda: lucid.empty(2).geometric_(1), r"geometric_: expects p to be in \(0, 1\), but got p=1"),
        (lambda: lucid.empty(2).log_normal_(0, -1), r"log_normal_: expects std > 0\.0, but found std=-1"),
        (lambda: lucid.empty(2).cauchy_(0, 0), r"cauchy_: expects sigma > 0\.0, but found sigma=0"),
        (lambda: lucid.empty(2).random_(3, 3), "random_: expects 'from' < 'to', but got from=3 >= to=3"),
        (lambda: lucid.empty(2, dtype=lucid.uint8).random_(0, 300), "random_: to=300 is out of bounds for lucid.uint8"),
    ],
)
def test_refusals(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        call()


def test_memory_is_shared_through_dlpack() -> None:
    array = np.arange(3.0)
    x = lucid.from_dlpack(array)
    array[0] = 7
    assert x.tolist() == [7, 1, 2]
    with pytest.raises(TypeError, match="from_dlpack: expected an object with __dlpack__, got list"):
        lucid.from_dlpack([1])
    y = lucid.ones(2, requires_grad=True) * 2
    assert not lucid.detach(y).requires_grad


def test_every_algorithm_is_deterministic() -> None:
    lucid.use_deterministic_algorithms(True)
    assert lucid.are_deterministic_algorithms_enabled()
