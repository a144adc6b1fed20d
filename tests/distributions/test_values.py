"""Densities that integrate to one, distribution functions and entropies that follow from them, modes, limits, refusals."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from distributions.cases import CASES, COVARIANCE, MEANS, SMALL, double, made

import lucid
import lucid.distributions as D

CONTINUOUS: dict[str, tuple[float, float]] = {
    "Beta": (0, 1), "Cauchy": (-np.inf, np.inf), "Chi2": (0, np.inf), "ContinuousBernoulli": (0, 1),
    "ContinuousBernoulli logits": (0, 1), "Exponential": (0, np.inf), "FisherSnedecor": (0, np.inf),
    "Gamma": (0, np.inf), "Gumbel": (-np.inf, np.inf), "HalfCauchy": (0, np.inf), "HalfNormal": (0, np.inf),
    "InverseGamma": (0, np.inf), "Kumaraswamy": (0, 1), "Laplace": (-np.inf, np.inf), "LogNormal": (0, np.inf),
    "MixtureSameFamily": (-np.inf, np.inf), "Normal": (-np.inf, np.inf), "RelaxedBernoulli": (0, 1),
    "StudentT": (-np.inf, np.inf), "VonMises": (-np.pi, np.pi), "Weibull": (0, np.inf),
}  # fmt: skip


def nodes(low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Points and weights of a doubly exponential quadrature: integrable ends do no harm."""
    t = np.linspace(-6, 6, 6001)
    s = np.pi / 2 * np.sinh(t)
    ds = np.pi / 2 * np.cosh(t) * (t[1] - t[0])
    if np.isinf(low):
        return np.sinh(s), np.cosh(s) * ds
    if np.isinf(high):
        return low + np.exp(s), np.exp(s) * ds
    y = 1 / (1 + np.exp(-2 * s))
    return low + (high - low) * y, (high - low) * 2 * y / (1 + np.exp(2 * s)) * ds


@pytest.mark.parametrize("name", CONTINUOUS)
def test_densities_integrate_to_one_and_to_the_entropy(name: str) -> None:
    d = made(name)
    low, high = CONTINUOUS[name]
    x, w = nodes(low, high)
    good = (x > low) & (x < high) & (w > 0) & np.isfinite(x) & (np.abs(x) < 1e150)
    x, w = x[good], w[good]
    points = double(x.reshape(-1, *[1] * len(d.batch_shape)) * np.ones(d.batch_shape))
    logs = d.log_prob(points).numpy()
    density = np.exp(logs) * w.reshape(-1, *[1] * len(d.batch_shape))
    ends = name in ("Beta", "Kumaraswamy")  # densities infinite at 1, next to which numbers are 1e-16 apart
    np.testing.assert_allclose(density.sum(0), 1, rtol=2e-3 if ends else 1e-5)
    try:
        entropy = d.entropy().numpy()
    except NotImplementedError:
        return
    np.testing.assert_allclose(
        -np.where(density > 0, density * logs, 0).sum(0), entropy, rtol=0.02 if ends else 1e-5, atol=1e-5
    )


@pytest.mark.parametrize("name", [n for n in CONTINUOUS if n != "StudentT"])
def test_distribution_functions_are_integrals_with_inverses(name: str) -> None:
    d = made(name)
    lucid.manual_seed(0)
    x = d.sample((7,)).requires_grad_()
    try:
        y = d.cdf(x)
    except NotImplementedError:
        return
    (slope,) = lucid.autograd.grad(y.sum(), [x])
    np.testing.assert_allclose(slope.numpy(), d.log_prob(x).exp().numpy(force=True), rtol=1e-5)
    try:
        back = d.icdf(y).numpy(force=True)
    except NotImplementedError:
        return
    np.testing.assert_allclose(back, x.numpy(force=True), rtol=1e-5)


DISCRETE = {"Poisson": 200, "Geometric": 2000, "NegativeBinomial": 2000, "Binomial": 7, "Bernoulli": 2}


@pytest.mark.parametrize("name", DISCRETE)
def test_probabilities_sum_to_one_and_give_mean_and_variance(name: str) -> None:
    d = made(name)
    k = np.arange(DISCRETE[name], dtype=np.float64).reshape(-1, 1) * np.ones(d.batch_shape)
    p = d.log_prob(double(k)).exp().numpy()
    np.testing.assert_allclose(p.sum(0), 1, rtol=1e-9)
    np.testing.assert_allclose((p * k).sum(0), d.mean.numpy(), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose((p * k**2).sum(0) - d.mean.numpy() ** 2, d.variance.numpy(), rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("name", [n for n in CASES if n not in ("Uniform", "ContinuousBernoulli")])
def test_modes_are_most_probable(name: str) -> None:
    d = made(name)
    try:
        mode = d.mode
    except NotImplementedError:
        return
    lucid.manual_seed(0)
    samples = d.sample((2000,))
    best = d.log_prob(samples).amax(0).numpy()
    d._validate_args = False
    if hasattr(d, "base_dist"):
        d.base_dist._validate_args = False
    found = d.log_prob(mode).numpy()
    assert (~(found < best - 1e-9)).all()  # NaN where there is no mode


def test_generalized_pareto() -> None:
    xi = np.array([-0.4, 0.0, 0.3])
    d = D.GeneralizedPareto(double(1.0), double(2.0), double(xi))
    x = 1.0 + np.linspace(0.1, 4.5, 9)[:, None] * np.ones(3)
    z = (x - 1) / 2
    safe = np.where(xi == 0, 1, xi)
    survival = np.where(xi == 0, np.exp(-z), np.maximum(1 + safe * z, 0) ** (-1 / safe))
    np.testing.assert_allclose(d.cdf(double(x)).numpy(), 1 - survival, rtol=1e-12)
    np.testing.assert_allclose(d.log_survival_function(double(x)).numpy(), np.log(survival), rtol=1e-12)
    np.testing.assert_allclose(d.icdf(d.cdf(double(x))).numpy(), x, rtol=1e-10)
    density = survival / 2 / (1 + xi * z)
    np.testing.assert_allclose(d.log_prob(double(x)).numpy(), np.log(density), rtol=1e-10)


def test_float32_keeps_its_dtype_and_broadcasts() -> None:
    d = D.Normal(lucid.zeros(3, 1), 2.0)
    assert d.batch_shape == (3, 1) and d.log_prob(lucid.zeros(4)).shape == (3, 4)
    assert d.sample((2,)).dtype == d.log_prob(lucid.zeros(4)).dtype == lucid.float32
    assert D.Gamma(1, 2).sample().shape == () and D.Normal(0, 1).batch_shape == ()
    wide = D.Wishart(5.0, double(COVARIANCE)).expand((4, 2))
    assert wide.batch_shape == (4, 2) and wide.sample().shape == (4, 2, 3, 3) and wide.mean.shape == (4, 2, 3, 3)


def test_extreme_values() -> None:
    inf = math.inf
    assert D.Bernoulli(double(1.0)).log_prob(double(0.0)).item() < -30
    assert D.Poisson(double(0.0)).log_prob(double(0.0)).item() == 0
    assert D.Geometric(double(1.0)).log_prob(double(0.0)).item() == 0
    assert D.Categorical(double([1.0, 0.0])).log_prob(lucid.tensor(1)).item() < -30
    assert D.Multinomial(2, logits=double([0.0, -inf])).log_prob(double([2.0, 0.0])).item() == 0
    assert D.Normal(double(0.0), double(1.0)).log_prob(double(1e200)).item() == -inf
    assert np.isnan(D.Normal(0.0, 1.0, validate_args=False).log_prob(lucid.tensor(math.nan)).item())
    gamma = D.Gamma(double(2.5), double(3.0))
    assert gamma.cdf(double(0.0)).item() == 0 and gamma.cdf(double(inf)).item() == 1
    assert D.HalfNormal(1.0, validate_args=False).log_prob(lucid.tensor(-1.0)).item() == -inf


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: D.Normal(0.0, lucid.tensor([1.0, -1.0])),
            r"^Normal: expected parameter scale \(shape \(2,\)\) to satisfy GreaterThan\(lower_bound=0.0\), "
            r"got -1 at index \(1,\)$",
        ),
        (lambda: D.Normal(math.nan, 1.0), r"expected parameter loc .* to satisfy Real\(\), got nan at index \(\)"),
        (lambda: D.Bernoulli(1.5), "Bernoulli: expected parameter probs .* Interval.lower_bound=0.0, upper_bound=1.0."),
        (lambda: D.Bernoulli(), "Bernoulli: either `probs` or `logits` must be specified, but not both"),
        (lambda: D.Categorical(lucid.ones(2), lucid.ones(2)), "Categorical: either `probs` or `logits`"),
        (lambda: D.Categorical(lucid.tensor(0.5)), "must be at least one-dimensional"),
        (lambda: D.Categorical(lucid.tensor([0.5, -0.5, 1.0])), "Categorical: expected parameter probs"),
        (lambda: D.Uniform(1.0, 0.0), "Uniform: expected low below high everywhere"),
        (lambda: D.Geometric(0.0), "Geometric: expected parameter probs"),
        (lambda: D.Dirichlet(lucid.tensor(1.0)), "Dirichlet: concentration must be at least one-dimensional"),
        (lambda: D.Normal(0.0, 1.0).log_prob(3), "Normal: expected a Tensor as value, got int"),
        (lambda: D.Exponential(1.0).log_prob(lucid.tensor(-1.0)), "Exponential: expected value .* got -1 at index"),
        (lambda: D.Normal(lucid.zeros(3), 1.0).log_prob(lucid.zeros(2)), r"value of shape \(2,\) does not broadcast"),
        (lambda: D.Dirichlet(lucid.ones(3)).log_prob(lucid.ones(2)), r"expected a value of event shape .*, got \(2,\)"),
        (lambda: D.Multinomial(2, lucid.ones(2)).log_prob(lucid.tensor([2.0, 1.0])), "Multinomial: expected value"),
        (lambda: D.MultivariateNormal(lucid.zeros(2)), "exactly one of covariance_matrix, .* must be specified, got 0"),
        (lambda: D.MultivariateNormal(lucid.zeros(2), -lucid.eye(2)), "expected parameter covariance_matrix"),
        (lambda: D.MultivariateNormal(lucid.zeros(2), lucid.eye(3)), r"expected covariance_matrix of shape \(..., 2, 2\)"),
        (lambda: D.Wishart(1.0, lucid.eye(3)), "Wishart: expected df above 2"),
        (lambda: D.LKJCholesky(1), "LKJCholesky: expected dim to be an integer greater than or equal to 2, got 1"),
        (lambda: D.Independent(D.Normal(0.0, 1.0), 1), "Independent: expected reinterpreted_batch_ndims <= 0"),
        (lambda: D.MixtureSameFamily(D.Categorical(lucid.ones(2)), D.Normal(lucid.zeros(3), 1.0)), "2 weights, but 3"),
        (lambda: D.RelaxedBernoulli(-1.0, 0.5), "LogitRelaxedBernoulli: expected a positive temperature"),
        (lambda: D.Normal("a", 1.0), "Normal: expected numbers and Tensors, got str"),
    ],
)  # fmt: skip
def test_messages(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_validation_can_be_switched_off() -> None:
    assert D.Normal(0.0, -1.0, validate_args=False).scale.item() == -1
    try:
        D.Distribution.set_default_validate_args(False)
        assert D.Exponential(-1.0).rate.item() == -1
    finally:
        D.Distribution.set_default_validate_args(True)
    with pytest.raises(ValueError, match="rate"):
        D.Exponential(-1.0)


def test_printing() -> None:
    assert repr(D.Normal(0.0, 1.0)) == "Normal(loc: 0.0, scale: 1.0)"
    assert repr(D.Gamma(lucid.ones(3), 2.0)) == "Gamma(concentration: (3,), rate: (3,))"
    assert repr(D.Independent(D.Normal(lucid.zeros(3), 1.0), 1)) == "Independent(Normal(loc: (3,), scale: (3,)), 1)"


def test_a_new_exponential_family_gets_entropy_and_divergence() -> None:
    class Rate(D.ExponentialFamily):
        arg_constraints = {}  # type: ignore[assignment]
        _mean_carrier_measure = 0.0  # type: ignore[assignment]

        def __init__(self, rate: Any) -> None:
            self.rate = rate
            super().__init__(rate.shape)

        @property
        def _natural_params(self) -> Any:
            return (-self.rate,)

        def _log_normalizer(self, *params: Any) -> Any:
            return -(-params[0]).log()

    ours = [Rate(double(x)) for x in (SMALL, SMALL[::-1].copy())]
    exact = [D.Exponential(d.rate) for d in ours]
    np.testing.assert_allclose(ours[0].entropy().numpy(force=True), exact[0].entropy().numpy())
    np.testing.assert_allclose(D.kl_divergence(*ours).numpy(force=True), D.kl_divergence(*exact).numpy(), atol=1e-12)


def test_covariances_of_low_rank() -> None:
    w, diagonal = np.arange(6.0).reshape(3, 2) / 4, np.array([0.5, 1.0, 2.0])
    d = D.LowRankMultivariateNormal(double(MEANS), double(w), double(diagonal))
    full = w @ w.T + np.diag(diagonal)
    for found, expected in (
        (d.covariance_matrix, full),
        (d.precision_matrix, np.linalg.inv(full)),
        (d.scale_tril, np.linalg.cholesky(full)),
    ):
        np.testing.assert_allclose(found.numpy(), np.broadcast_to(expected, (2, 3, 3)), rtol=1e-10, atol=1e-12)
    same = D.MultivariateNormal(double(MEANS), double(full))
    x = double(np.ones((5, 2, 3)))
    np.testing.assert_allclose(d.log_prob(x).numpy(), same.log_prob(x).numpy(), rtol=1e-10)
