"""Parameters of every distribution, as functions of a library: what the tests of distributions run over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

RNG = np.random.default_rng(0)
Make = Callable[[Any, Callable[[Any], Any]], Any]
"""(module of distributions, array -> tensor) -> distribution."""

LOC = np.array([-1.5, 0.0, 2.5])
SCALE = np.array([0.3, 1.0, 4.0])
SMALL = np.array([0.2, 1.0, 3.7])
PROBS = np.array([0.05, 0.45, 0.9])
ROOT = RNG.standard_normal((2, 3, 3))
COVARIANCE = ROOT @ ROOT.swapaxes(-1, -2) + np.eye(3)
TRIL = np.linalg.cholesky(COVARIANCE)
MEANS = RNG.standard_normal((2, 3))
WEIGHTS = RNG.uniform(0.1, 1, (2, 4))

CASES: dict[str, Make] = {
    "Bernoulli": lambda d, t: d.Bernoulli(t(PROBS)),
    "Bernoulli logits": lambda d, t: d.Bernoulli(logits=t(LOC)),
    "Beta": lambda d, t: d.Beta(t(SMALL), t(SMALL[::-1].copy())),
    "Binomial": lambda d, t: d.Binomial(6, t(PROBS)),
    "Binomial logits": lambda d, t: d.Binomial(t(np.array([6.0, 6.0, 6.0])), logits=t(LOC)),
    "Categorical": lambda d, t: d.Categorical(t(WEIGHTS)),
    "Categorical logits": lambda d, t: d.Categorical(logits=t(MEANS)),
    "Cauchy": lambda d, t: d.Cauchy(t(LOC), t(SCALE)),
    "Chi2": lambda d, t: d.Chi2(t(SMALL * 2)),
    "ContinuousBernoulli": lambda d, t: d.ContinuousBernoulli(t(np.array([0.05, 0.4, 0.5, 0.5004, 0.93]))),
    "ContinuousBernoulli logits": lambda d, t: d.ContinuousBernoulli(logits=t(LOC)),
    "Dirichlet": lambda d, t: d.Dirichlet(t(WEIGHTS * 4)),
    "Dirichlet low": lambda d, t: d.Dirichlet(t(np.array([0.3, 0.5, 0.4]))),
    "Exponential": lambda d, t: d.Exponential(t(SCALE)),
    "FisherSnedecor": lambda d, t: d.FisherSnedecor(t(SMALL * 2), t(np.array([1.0, 3.0, 9.0]))),
    "Gamma": lambda d, t: d.Gamma(t(SMALL), t(SCALE)),
    "GeneralizedPareto": lambda d, t: d.GeneralizedPareto(t(LOC), t(SCALE), t(np.array([-0.4, 0.0, 0.3]))),
    "Geometric": lambda d, t: d.Geometric(t(PROBS)),
    "Geometric logits": lambda d, t: d.Geometric(logits=t(LOC)),
    "Gumbel": lambda d, t: d.Gumbel(t(LOC), t(SCALE)),
    "HalfCauchy": lambda d, t: d.HalfCauchy(t(SCALE)),
    "HalfNormal": lambda d, t: d.HalfNormal(t(SCALE)),
    "Independent": lambda d, t: d.Independent(d.Normal(t(MEANS), t(np.ones((2, 3)))), 1),
    "InverseGamma": lambda d, t: d.InverseGamma(t(SMALL + 0.5), t(SCALE)),
    "Kumaraswamy": lambda d, t: d.Kumaraswamy(t(SMALL), t(np.array([2.0, 0.5, 1.0]))),
    "LKJCholesky": lambda d, t: d.LKJCholesky(3, t(SMALL)),
    "Laplace": lambda d, t: d.Laplace(t(LOC), t(SCALE)),
    "LogNormal": lambda d, t: d.LogNormal(t(LOC), t(SCALE / 4)),
    "LogisticNormal": lambda d, t: d.LogisticNormal(t(MEANS), t(np.ones((2, 3)))),
    "LowRankMultivariateNormal": lambda d, t: d.LowRankMultivariateNormal(
        t(MEANS), t(ROOT[:, :, :2].copy()), t(np.array([0.5, 1.0, 2.0]))
    ),
    "MixtureSameFamily": lambda d, t: d.MixtureSameFamily(
        d.Categorical(t(np.array([0.2, 0.5, 0.3]))), d.Normal(t(LOC), t(SCALE))
    ),
    "MixtureSameFamily of vectors": lambda d, t: d.MixtureSameFamily(
        d.Categorical(t(np.array([0.2, 0.8]))), d.MultivariateNormal(t(MEANS), t(COVARIANCE))
    ),
    "Multinomial": lambda d, t: d.Multinomial(5, t(WEIGHTS)),
    "MultivariateNormal": lambda d, t: d.MultivariateNormal(t(MEANS), t(COVARIANCE)),
    "MultivariateNormal precision": lambda d, t: d.MultivariateNormal(t(MEANS), precision_matrix=t(COVARIANCE)),
    "MultivariateNormal scale_tril": lambda d, t: d.MultivariateNormal(t(MEANS[0]), scale_tril=t(TRIL)),
    "NegativeBinomial": lambda d, t: d.NegativeBinomial(t(SMALL * 3), t(PROBS)),
    "NegativeBinomial logits": lambda d, t: d.NegativeBinomial(5, logits=t(LOC)),
    "Normal": lambda d, t: d.Normal(t(LOC), t(SCALE)),
    "OneHotCategorical": lambda d, t: d.OneHotCategorical(t(WEIGHTS)),
    "OneHotCategoricalStraightThrough": lambda d, t: d.OneHotCategoricalStraightThrough(logits=t(MEANS)),
    "Pareto": lambda d, t: d.Pareto(t(SCALE), t(np.array([0.5, 1.5, 4.0]))),
    "Poisson": lambda d, t: d.Poisson(t(np.array([0.0, 0.7, 30.0]))),
    "RelaxedBernoulli": lambda d, t: d.RelaxedBernoulli(t(np.array(0.7)), t(PROBS)),
    "RelaxedOneHotCategorical": lambda d, t: d.RelaxedOneHotCategorical(t(np.array(0.7)), t(WEIGHTS)),
    "StudentT": lambda d, t: d.StudentT(t(np.array([0.8, 1.5, 6.0])), t(LOC), t(SCALE)),
    "TransformedDistribution": lambda d, t: d.TransformedDistribution(
        d.Normal(t(LOC), t(SCALE / 4)), [d.SigmoidTransform(), d.AffineTransform(1.0, t(np.array([-2.0, 1.0, 3.0])))]
    ),
    "Uniform": lambda d, t: d.Uniform(t(LOC), t(LOC + SCALE)),
    "VonMises": lambda d, t: d.VonMises(t(LOC), t(SCALE)),
    "Weibull": lambda d, t: d.Weibull(t(SCALE), t(np.array([0.7, 1.5, 3.0]))),
    "Wishart": lambda d, t: d.Wishart(t(np.array([4.0, 7.5])), t(COVARIANCE)),
    "Wishart scale_tril": lambda d, t: d.Wishart(t(np.array([5.0, 5.0])), scale_tril=t(TRIL)),
}


def double(x: Any) -> Any:
    """A float64 tensor of lucid."""
    import lucid

    return lucid.tensor(np.asarray(x))


def made(name: str) -> Any:
    """The distribution in float64."""
    import lucid.distributions

    return CASES[name](lucid.distributions, double)
