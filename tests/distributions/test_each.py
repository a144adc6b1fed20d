"""One look at each class by name: shapes of samples, the support, densities that integrate, transforms that invert."""

from __future__ import annotations

from typing import Any

import pytest

import lucid
from lucid import distributions as D
from lucid.distributions import transforms as T

HALF = lucid.full((2, 3), 0.5)

DISCRETE: list[Any] = [D.Binomial(4, HALF), D.NegativeBinomial(3.0, HALF), D.OneHotCategoricalStraightThrough(HALF)]
CONTINUOUS: list[Any] = [
    D.Chi2(HALF), D.FisherSnedecor(HALF, 4.0), D.HalfCauchy(HALF), D.LogisticNormal(HALF, HALF), D.Pareto(1.0, HALF),
    D.RelaxedOneHotCategorical(lucid.tensor(0.7), HALF),
]  # fmt: skip


def name_of(d: Any) -> str:
    return type(d).__name__


@pytest.mark.parametrize("d", DISCRETE + CONTINUOUS, ids=name_of)
def test_samples_have_their_shape_and_lie_in_the_support(d: Any) -> None:
    lucid.manual_seed(0)
    x = d.sample((500,))
    assert tuple(x.shape) == (500, *d.batch_shape, *d.event_shape)
    density = d.log_prob(x)
    assert tuple(density.shape) == (500, *d.batch_shape)
    assert bool(d.support.check(x).all()) and bool(density.isfinite().all())


def test_probabilities_of_counts_add_to_one() -> None:
    binomial = D.Binomial(4, lucid.tensor(0.3, dtype=lucid.float64))
    x = lucid.arange(5, dtype=lucid.float64)
    assert binomial.log_prob(x).exp().sum().item() == pytest.approx(1, abs=1e-12)
    failures = D.NegativeBinomial(2.0, lucid.tensor(0.5, dtype=lucid.float64))
    assert failures.log_prob(lucid.arange(200, dtype=lucid.float64)).exp().sum().item() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(
    "d", [D.Chi2(3.0), D.FisherSnedecor(5.0, 7.0), D.HalfCauchy(1.0), D.Pareto(1.0, 3.0)], ids=name_of
)
def test_densities_integrate_to_one(d: Any) -> None:
    # x = u / (1 - u) takes (0, 1) to (0, inf)
    u = (lucid.arange(200_000, dtype=lucid.float64) + 0.5) / 200_000
    x = u / (1 - u)
    inside = d.support.check(x)
    density = lucid.where(inside, d.log_prob(lucid.where(inside, x, lucid.full_like(x, 2.0))).exp(), 0 * x)
    assert (density / (1 - u) ** 2).mean().item() == pytest.approx(1, abs=2e-5)


def test_straight_through_samples_carry_the_gradient_of_the_probabilities() -> None:
    p = lucid.tensor([0.2, 0.3, 0.5], requires_grad=True)
    weights = lucid.tensor([1.0, 2.0, 4.0])
    lucid.manual_seed(0)
    x = D.OneHotCategoricalStraightThrough(p).rsample()
    assert sorted(x.tolist()) == [0, 0, 1]
    (x * weights).sum().backward()
    assert p.grad is not None
    expected = weights - (weights * p.detach()).sum()
    assert lucid.allclose(p.grad, expected, atol=1e-6)


SCALARS: list[Any] = [
    T.SoftplusTransform(),
    T.PowerTransform(2.0),
    T.CumulativeDistributionTransform(D.Normal(0.0, 1.0)),
]


@pytest.mark.parametrize("t", SCALARS, ids=name_of)
def test_transforms_of_numbers(t: Any) -> None:
    x = lucid.tensor([0.3, 1.0, 1.7], dtype=lucid.float64, requires_grad=True)
    y = t(x)
    assert lucid.allclose(t.inv(y), x, atol=1e-9)
    (slope,) = lucid.autograd.grad(y.sum(), x)
    assert lucid.allclose(t.log_abs_det_jacobian(x, y), slope.abs().log(), atol=1e-9)


def test_transforms_of_vectors() -> None:
    x = lucid.tensor([[0.3, -1.0], [0.2, 2.0]], dtype=lucid.float64)
    assert lucid.allclose(T.AbsTransform()(x), x.abs()) and lucid.allclose(T.AbsTransform().inv(x.abs()), x.abs())
    assert lucid.allclose(T.SoftmaxTransform()(x).sum(-1), lucid.ones(2, dtype=lucid.float64))
    sticks = T.StickBreakingTransform()
    y = sticks(x)
    assert tuple(y.shape) == (2, 3) and lucid.allclose(y.sum(-1), lucid.ones(2, dtype=lucid.float64))
    assert lucid.allclose(sticks.inv(y), x)
    independent = T.IndependentTransform(T.ExpTransform(), 1)
    assert lucid.allclose(independent.log_abs_det_jacobian(x, independent(x)), x.sum(-1))
    stacked = T.StackTransform([T.ExpTransform(), T.AffineTransform(1.0, 2.0)], dim=1)
    assert lucid.allclose(stacked(x), lucid.stack([x[:, 0].exp(), 1 + 2 * x[:, 1]], 1))


def test_transforms_of_matrices() -> None:
    x = lucid.tensor([[0.3, 9.0], [0.2, -0.7]], dtype=lucid.float64)
    lower = T.LowerCholeskyTransform()(x)
    assert lucid.allclose(
        lower, lucid.tensor([[0.3, 0.0], [0.2, -0.7]], dtype=lucid.float64).tril(-1) + lower.diagonal().diag()
    )
    assert lucid.allclose(lower.diagonal(), x.diagonal().exp())
    positive = T.PositiveDefiniteTransform()(x)
    assert lucid.allclose(positive, lower @ lower.t())


ONE: list[Any] = [
    D.Bernoulli(0.3), D.Beta(2.0, 3.0), D.Binomial(3, 0.5), D.Categorical(lucid.tensor([0.2, 0.3, 0.5])), D.Cauchy(0.0, 1.0), D.Chi2(2.0),
    D.ContinuousBernoulli(0.3), D.Dirichlet(lucid.ones(3)), D.Exponential(1.0), D.FisherSnedecor(3.0, 4.0), D.Gamma(2.0, 1.0), D.Geometric(0.4),
    D.Gumbel(0.0, 1.0), D.HalfCauchy(1.0), D.HalfNormal(1.0), D.InverseGamma(3.0, 1.0), D.Kumaraswamy(2.0, 3.0), D.LKJCholesky(3, 1.0),
    D.Laplace(0.0, 1.0), D.LogNormal(0.0, 1.0), D.LogisticNormal(lucid.zeros(2), lucid.ones(2)), D.Multinomial(5, lucid.tensor([0.2, 0.3, 0.5])),
    D.LowRankMultivariateNormal(lucid.zeros(3), lucid.ones(3, 1), lucid.ones(3)), D.MultivariateNormal(lucid.zeros(2), lucid.eye(2)),
    D.MixtureSameFamily(D.Categorical(lucid.ones(2)), D.Normal(lucid.zeros(2), 1.0)), D.NegativeBinomial(2.0, 0.5), D.Normal(0.0, 1.0),
    D.OneHotCategorical(lucid.ones(3)), D.Pareto(1.0, 3.0), D.Poisson(2.0), D.RelaxedBernoulli(lucid.tensor(0.5), 0.3),
    D.RelaxedOneHotCategorical(lucid.tensor(0.5), lucid.ones(3)), D.StudentT(4.0), D.Uniform(0.0, 1.0), D.VonMises(0.0, 1.0), D.Weibull(1.0, 2.0),
    D.Wishart(3.0, lucid.eye(2)),
]  # fmt: skip


@pytest.mark.parametrize("d", ONE, ids=name_of)
def test_one_draw_of_one_distribution(d: Any) -> None:
    lucid.manual_seed(1)
    x = d.sample()
    assert tuple(x.shape) == tuple(d.event_shape) and d.batch_shape == ()
    assert bool(d.log_prob(x).isfinite()) and tuple(d.log_prob(x).shape) == ()
    if d.has_rsample:
        assert tuple(d.rsample().shape) == tuple(d.event_shape)
    assert tuple(d.sample((2, 1)).shape) == (2, 1, *d.event_shape)
