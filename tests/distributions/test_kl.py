"""Kullback-Leibler divergences: against PyTorch for every pair it knows, and against means of samples."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from distributions.cases import CASES, COVARIANCE, MEANS, ROOT, WEIGHTS, Make, double

import lucid
import lucid.distributions as D

PAIRS: dict[str, list[Make]] = {
    "Bernoulli": [lambda d, t: d.Bernoulli(t(np.array([[0.0], [0.3], [0.9]]))), lambda d, t: d.Bernoulli(t(np.array([[0.2], [0.5], [1.0]])))],
    "Beta": [lambda d, t: d.Beta(t(np.array([0.5, 2.0])), t(np.array([1.5, 3.0])))],
    "Binomial": [lambda d, t: d.Binomial(5, t(np.array([0.2, 0.7]))), lambda d, t: d.Binomial(3, t(np.array([0.2, 0.7])))],
    "Categorical": [lambda d, t: d.Categorical(t(WEIGHTS)), lambda d, t: d.Categorical(t(np.array([0.5, 0.2, 0.3, 0.0])))],
    "Cauchy": [lambda d, t: d.Cauchy(t(np.array([0.5, 2.0])), t(np.array([1.5, 3.0])))],
    "Chi2": [lambda d, t: d.Chi2(t(np.array([1.0, 4.0])))],
    "ContinuousBernoulli": [lambda d, t: d.ContinuousBernoulli(t(np.array([0.2, 0.7])))],
    "Dirichlet": [lambda d, t: d.Dirichlet(t(WEIGHTS * 3)), lambda d, t: d.Dirichlet(t(np.ones(4)))],
    "Exponential": [lambda d, t: d.Exponential(t(np.array([0.5, 2.0])))],
    "Gamma": [lambda d, t: d.Gamma(t(np.array([0.5, 2.0])), t(np.array([1.5, 0.3])))],
    "Geometric": [lambda d, t: d.Geometric(t(np.array([0.2, 0.7])))],
    "Gumbel": [lambda d, t: d.Gumbel(t(np.array([-0.5, 2.0])), t(np.array([1.5, 0.6])))],
    "HalfNormal": [lambda d, t: d.HalfNormal(t(np.array([0.5, 2.0])))],
    "Independent": [lambda d, t: d.Independent(d.Normal(t(MEANS), t(np.ones((2, 3)))), 1)],
    "Laplace": [lambda d, t: d.Laplace(t(np.array([-0.5, 2.0])), t(np.array([1.5, 0.6])))],
    "LogNormal": [lambda d, t: d.LogNormal(t(np.array([-0.5, 2.0])), t(np.array([1.5, 0.6])))],
    "LowRank": [
        lambda d, t: d.LowRankMultivariateNormal(t(MEANS), t(ROOT[:, :, :2].copy()), t(np.array([0.5, 1.0, 2.0])))
    ],
    "MultivariateNormal": [
        lambda d, t: d.MultivariateNormal(t(MEANS), t(COVARIANCE)),
        lambda d, t: d.MultivariateNormal(t(np.zeros(3)), t(np.eye(3) * 2)),
    ],
    "Normal": [lambda d, t: d.Normal(t(np.array([-0.5, 2.0])), t(np.array([1.5, 0.6])))],
    "OneHotCategorical": [lambda d, t: d.OneHotCategorical(t(WEIGHTS))],
    "Pareto": [lambda d, t: d.Pareto(t(np.array([0.5, 0.2])), t(np.array([1.5, 4.0])))],
    "Poisson": [lambda d, t: d.Poisson(t(np.array([0.5, 7.0])))],
    "Uniform": [
        lambda d, t: d.Uniform(t(np.array([0.1, 0.3])), t(np.array([0.6, 0.9]))),
        lambda d, t: d.Uniform(t(np.array([-1.0, 0.3])), t(np.array([1.5, 1.9]))),
    ],
}  # fmt: skip
MADE = [make for makes in PAIRS.values() for make in makes]


@pytest.mark.parity
def test_every_pair_of_pytorch() -> None:
    torch = pytest.importorskip("torch")
    compared = set()
    for p, q in itertools.product(MADE, MADE):
        other = [make(torch.distributions, lambda x: torch.tensor(np.asarray(x))) for make in (p, q)]
        ours = [make(D, double) for make in (p, q)]
        names = tuple(type(d).__name__ for d in ours)
        try:
            expected = torch.distributions.kl_divergence(*other)
        except (NotImplementedError, RuntimeError, ValueError):
            continue
        if names == ("Uniform", "ContinuousBernoulli"):
            continue  # PyTorch says infinite even where the support is covered
        found = D.kl_divergence(*ours)
        a, b = np.broadcast_arrays(found.numpy(), expected.numpy())
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-9, err_msg=str(names))
        compared.add(names)
    assert len(compared) > 85


SAMPLED = [
    ("Beta", "Gamma"), ("Beta", "Normal"), ("Beta", "Exponential"), ("Exponential", "Gumbel"), ("Gamma", "Gumbel"),
    ("Gumbel", "Normal"), ("Laplace", "Normal"), ("Normal", "Gumbel"), ("Normal", "Laplace"), ("Pareto", "Gamma"),
    ("Pareto", "Exponential"), ("Uniform", "Beta"), ("Uniform", "ContinuousBernoulli"),
    ("Uniform", "Gumbel"), ("Geometric", "Geometric"), ("Gamma", "Gamma"), ("Cauchy", "Cauchy"), ("Chi2", "Gamma"),
    ("ContinuousBernoulli", "Normal"), ("Dirichlet", "Dirichlet"), ("LowRank", "MultivariateNormal"),
    ("LowRank", "LowRank"), ("MultivariateNormal", "LowRank"), ("LogNormal", "LogNormal"),
]  # fmt: skip


@pytest.mark.parametrize("names", SAMPLED, ids=" ".join)
def test_against_means_of_samples(names: tuple[str, str]) -> None:
    """Within five standard errors of the mean of log p(x) - log q(x)."""
    lucid.manual_seed(0)
    p = PAIRS[names[0]][0](D, double)
    q = PAIRS[names[1]][-1 if names[0] == names[1] else 0](D, double)
    x = p.sample((40_000,))
    q._validate_args = False
    d = (p.log_prob(x) - q.log_prob(x)).numpy()
    error = d.std(0) / np.sqrt(len(d))
    finite = np.isfinite(D.kl_divergence(p, q).numpy()) & np.isfinite(d).all(0)
    assert finite.any()
    assert (np.abs(d.mean(0) - D.kl_divergence(p, q).numpy()) <= 5 * error + 1e-12)[finite].all()


def test_wishart() -> None:
    lucid.manual_seed(0)
    p = D.Wishart(double(6.0), double(COVARIANCE[0]))
    q = D.Wishart(double(8.0), double(np.eye(3)))
    x = p.sample((20_000,))
    d = (p.log_prob(x) - q.log_prob(x)).numpy()
    assert abs(d.mean() - D.kl_divergence(p, q).item()) < 5 * d.std() / np.sqrt(len(d))
    assert D.kl_divergence(p, p).item() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("name", CASES)
def test_a_distribution_does_not_diverge_from_itself(name: str) -> None:
    p = CASES[name](D, double)
    try:
        kl = D.kl_divergence(p, p)
    except NotImplementedError:
        return
    np.testing.assert_allclose(kl.numpy(), np.zeros(kl.shape), atol=1e-7)
    assert kl.shape == p.batch_shape


def test_registering() -> None:
    class Special(D.Normal):
        pass

    p = Special(0.0, 1.0)
    assert D.kl_divergence(p, D.Normal(1.0, 1.0)).item() == 0.5  # that of the base class

    @D.register_kl(Special, D.Normal)
    def divergence(p: Any, q: Any) -> Any:
        return lucid.tensor(7.0)

    assert D.kl_divergence(p, D.Normal(1.0, 1.0)).item() == 7
    with pytest.raises(NotImplementedError, match="no KL.* is implemented for p type Cauchy and q type Normal"):
        D.kl_divergence(D.Cauchy(0.0, 1.0), D.Normal(1.0, 1.0))
    with pytest.raises(TypeError, match="register_kl: expected type_q to be a Distribution subclass but got 3"):
        D.register_kl(Special, 3)  # type: ignore[arg-type]


def test_gradients() -> None:
    values = [double(x).requires_grad_() for x in (0.3, 1.5, -0.2, 0.7)]
    assert lucid.autograd.gradcheck(lambda a, b, c, d: D.kl_divergence(D.Normal(a, b), D.Normal(c, d)), values)
    values = [double(x).requires_grad_() for x in (0.8, 1.5, 1.2, 0.7)]
    assert lucid.autograd.gradcheck(lambda a, b, c, d: D.kl_divergence(D.Beta(a, b), D.Gamma(c, d)), values)
