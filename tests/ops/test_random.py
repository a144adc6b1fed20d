"""Random numbers and dropout: distributions, bounds, independence of draws, gradients, refusals."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ops.record import assert_same_bits

import lucid
import lucid.nn.functional as F
from lucid import Tensor

N = 200_000


def uniform_distance(u: np.ndarray) -> float:
    """The Kolmogorov-Smirnov statistic of numbers that should be uniform in [0, 1], times sqrt(n): 1.95 at 0.1%."""
    u = np.sort(u.astype(np.float64))
    k = np.arange(1, len(u) + 1) / len(u)
    return float(np.sqrt(len(u)) * max(np.max(k - u), np.max(u - k + 1 / len(u))))


def normal_cdf(x: np.ndarray) -> np.ndarray:
    return np.array([0.5 * math.erfc(-v / math.sqrt(2)) for v in x.tolist()])


DRAWS: dict[str, tuple[Callable[..., Tensor], Callable[[np.ndarray], np.ndarray]]] = {
    "rand": (lambda **p: lucid.rand(N, **p), lambda x: x),
    "rand_like": (lambda dtype=None: lucid.rand_like(lucid.empty(N, dtype=dtype)), lambda x: x),
    "uniform_": (lambda **p: lucid.empty(N, **p).uniform_(-1, 3), lambda x: (x + 1) / 4),
    "random.uniform": (lambda **p: lucid.random.uniform(-1, 3, N), lambda x: (x + 1) / 4),
    "randn": (lambda **p: lucid.randn(N, **p), normal_cdf),
    "randn_like": (lambda dtype=None: lucid.randn_like(lucid.empty(N, dtype=dtype)), normal_cdf),
    "normal_": (lambda **p: lucid.empty(N, **p).normal_(5, 2), lambda x: normal_cdf((x - 5) / 2)),
    "normal": (lambda **p: lucid.normal(5.0, 2.0, (N,), **p), lambda x: normal_cdf((x - 5) / 2)),
    "normal of tensors": (lambda dtype=None: lucid.normal(lucid.full((N,), 5.0), lucid.tensor(2.0)), lambda x: normal_cdf((x - 5) / 2)),
}  # fmt: skip


@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize("dtype", [lucid.float32, lucid.float64], ids=str)
def test_distribution(name: str, dtype: lucid.dtype) -> None:
    draw, to_uniform = DRAWS[name]
    x = draw(dtype=dtype)
    assert x.dtype is dtype or name in ("random.uniform", "normal of tensors")
    assert uniform_distance(to_uniform(x.numpy())) < 2.2


@pytest.mark.parametrize("dtype", [lucid.float32, lucid.float64], ids=str)
def test_uniform_is_below_one(dtype: lucid.dtype) -> None:
    x = lucid.rand(N, dtype=dtype)
    assert x.min().item() >= 0 and x.max().item() < 1
    y = lucid.empty(N, dtype=dtype).uniform_(2, 3)
    assert y.min().item() >= 2 and y.max().item() < 3


def test_neighbours_are_uncorrelated() -> None:
    for x in (lucid.rand(N).numpy() - 0.5, lucid.randn(N).numpy()):
        for lag in (1, 2, 3, 4, 64):
            assert abs(np.corrcoef(x[:-lag], x[lag:])[0, 1]) < 0.01


def test_successive_draws_differ() -> None:
    assert lucid.rand(8).tolist() != lucid.rand(8).tolist() and lucid.randn(8).tolist() != lucid.randn(8).tolist()


@pytest.mark.parametrize("draw", [lucid.rand, lucid.randn])
def test_a_draw_is_the_start_of_a_longer_one(draw: Callable[..., Tensor]) -> None:
    whole = draw(1000, generator=lucid.Generator().manual_seed(1)).numpy()
    for n in (1, 3, 17, 64, 999):
        assert_same_bits(draw(n, generator=lucid.Generator().manual_seed(1)).numpy(), whole[:n], f"{n} numbers")


@pytest.mark.parametrize("draw", [lucid.rand, lucid.randn])
def test_two_draws_are_one_longer_draw(draw: Callable[..., Tensor]) -> None:
    """Element i depends on the seed and its place in the stream alone."""
    g, h = lucid.Generator().manual_seed(2), lucid.Generator().manual_seed(2)
    parts = np.concatenate([draw(n, generator=g).numpy() for n in (64, 128, 8)])
    assert_same_bits(parts, draw(200, generator=h).numpy(), "three draws")


@pytest.mark.parametrize(
    "draw", [lucid.rand, lucid.randn, lambda n: F.dropout(lucid.ones(n), 0.3), lambda n: lucid.empty(n).normal_()]
)
def test_thread_count_does_not_change_draws(draw: Callable[..., Tensor]) -> None:
    found = []
    for threads in (1, 2, 3, 8):
        lucid.set_num_threads(threads)
        lucid.manual_seed(0)
        found.append(draw(N).numpy())
    for other in found[1:]:
        assert_same_bits(other, found[0], "draws")


def test_randint() -> None:
    x = lucid.randint(-2, 5, (N,))
    assert x.dtype is lucid.int64 and x.shape == (N,)
    counts = np.bincount(x.numpy() + 2, minlength=7)
    assert len(counts) == 7 and np.all(np.abs(counts - N / 7) < 5 * np.sqrt(N / 7))
    assert (
        lucid.randint(3, (2, 2)).max().item() < 3 and lucid.randint(0, 2, (3,), dtype=lucid.uint8).dtype is lucid.uint8
    )
    with pytest.raises(RuntimeError, match="randint: expects 'from' < 'to', but got from=3 >= to=3"):
        lucid.randint(3, 3, (1,))


def test_randperm() -> None:
    x = lucid.randperm(1000)
    assert x.dtype is lucid.int64 and sorted(x.tolist()) == list(range(1000)) and x.tolist() != list(range(1000))
    assert lucid.randperm(0).tolist() == [] and lucid.randperm(1).tolist() == [0]


def test_bernoulli() -> None:
    p = lucid.tensor([0.0, 0.3, 1.0]).reshape(3, 1).expand(3, N)
    x = lucid.bernoulli(p)
    assert x.dtype is lucid.float32 and set(np.unique(x.numpy()).tolist()) == {0, 1}
    assert x[0].sum().item() == 0 and x[2].sum().item() == N and abs(x[1].mean().item() - 0.3) < 0.01
    assert abs(lucid.empty(N).bernoulli_(0.7).mean().item() - 0.7) < 0.01


def test_multinomial() -> None:
    weights = lucid.tensor([1.0, 0.0, 3.0])
    x = lucid.multinomial(weights, 20_000, replacement=True)
    assert x.dtype is lucid.int64 and abs((x == 2).float().mean().item() - 0.75) < 0.02 and not (x == 1).any()
    for _ in range(20):
        assert sorted(lucid.multinomial(weights, 2).tolist()) == [0, 2]
    assert lucid.multinomial(lucid.ones(4, 3), 2).shape == (4, 2)


@pytest.mark.parametrize("weights,count,message", [
    ([-1.0, 2.0], 1, "probability tensor contains either inf, nan or element < 0"), ([float("nan"), 2.0], 1, "inf, nan or element < 0"),
    ([0.0, 0.0], 1, r"invalid multinomial distribution \(sum of probabilities <= 0\)"), ([1.0, 1.0], 3, "cannot sample n_sample > prob_dist.size"),
])  # fmt: skip
def test_multinomial_refusals(weights: list[float], count: int, message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        lucid.multinomial(lucid.tensor(weights), count)


def test_integers_cannot_be_drawn_from_continuous_distributions() -> None:
    for draw in (
        lambda: lucid.rand(2, dtype=lucid.int64),
        lambda: lucid.randn_like(lucid.tensor([1])),
        lambda: lucid.tensor([1]).normal_(),
    ):
        with pytest.raises(RuntimeError, match="not implemented for"):
            draw()


def test_in_place_draws_count_as_changes() -> None:
    x = lucid.empty(3)
    for k, draw in enumerate((Tensor.normal_, Tensor.uniform_, Tensor.bernoulli_)):
        assert draw(x) is x and x._version == k + 1
    leaf = lucid.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="normal_: a leaf Variable that requires grad"):
        leaf.normal_()


def test_generators_are_independent() -> None:
    g = lucid.Generator().manual_seed(5)
    first = lucid.rand(3, generator=g).tolist()
    lucid.rand(100)
    g.manual_seed(5)
    assert lucid.rand(3, generator=g).tolist() == first and g.initial_seed() == 5
    state = g.get_state()
    rest = lucid.randn(4, generator=g).tolist()
    assert lucid.randn(4, generator=lucid.Generator().set_state(state)).tolist() == rest
    with pytest.raises(ValueError, match="set_state: expected a uint8 tensor of 16 elements"):
        g.set_state(lucid.ones(3))


def test_seed_from_the_system() -> None:
    assert lucid.seed() != lucid.seed() and lucid.initial_seed() >= 0
    assert lucid.manual_seed(-1).initial_seed() == 2**64 - 1


# Dropout


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dropout(p: float, dtype: Any) -> None:
    x = np.random.default_rng(0).uniform(1, 2, N).astype(dtype)
    y = F.dropout(lucid.from_numpy(x), p).numpy()
    kept = y != 0
    assert y.dtype == dtype and abs(kept.mean() - (1 - p)) < 5 * math.sqrt(p * (1 - p) / N)
    np.testing.assert_allclose(y[kept], x[kept] / (1 - p), rtol=4 * np.finfo(dtype).eps)


def test_dropout_gradient_uses_the_same_mask() -> None:
    x = lucid.ones(1000, requires_grad=True)
    y = F.dropout(x, 0.3)
    y.backward(lucid.full((1000,), 3.0))
    np.testing.assert_allclose(x.grad.numpy(), 3 * y.detach().numpy(), rtol=1e-6)


def test_dropout_in_place_and_twice_differentiable() -> None:
    x = lucid.ones(1000, dtype=lucid.float64, requires_grad=True)
    h = x * 1
    assert F.dropout(h, 0.5, inplace=True) is h
    (h * h).backward()
    np.testing.assert_allclose(x.grad.numpy(), 4 * h.detach().numpy())
    y = F.dropout(x, 0.5)
    (g,) = lucid.autograd.grad((y * y * y).sum(), x, create_graph=True)
    (s,) = lucid.autograd.grad(g.sum(), x)
    np.testing.assert_allclose(s.numpy(), np.where(y.detach().numpy() != 0, 6 * 8, 0))


@pytest.mark.parametrize(
    "function,shape,channels",
    [(F.dropout1d, (40, 50, 3), 2), (F.dropout1d, (50, 3), 1), (F.dropout2d, (40, 50, 2, 3), 2)],
)
def test_dropout_of_whole_channels(function: Callable[..., Tensor], shape: tuple[int, ...], channels: int) -> None:
    y = function(lucid.ones(*shape), 0.5).numpy().reshape(int(np.prod(shape[:channels])), -1)
    assert np.all(y == y[:, :1]) and set(np.unique(y)) == {0, 2}


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_dropout_probability_out_of_range(p: float) -> None:
    with pytest.raises(ValueError, match="dropout probability has to be between 0 and 1, but got"):
        F.dropout(lucid.ones(2), p)
