"""Probability distributions, with the names and the shapes of ``torch.distributions``.

A distribution has a batch shape (independent distributions) and an event shape (one event); samples have the shape
sample_shape + batch_shape + event_shape. ``rsample`` is differentiable in the parameters, ``kl_divergence`` knows the
closed forms, ``transform_to`` and ``biject_to`` lead from unconstrained numbers to parameters.
"""

from typing import TYPE_CHECKING

from lucid._later import later as _later

_MODULES = {
    "lucid.distributions.constraints": "",
    "lucid.distributions.constraint_registry": ". biject_to transform_to",
    "lucid.distributions.kl": ". kl_divergence register_kl",
    "lucid.distributions.utils": "",
    "lucid.distributions.distribution": ". Distribution",
    "lucid.distributions.exp_family": ". ExponentialFamily",
    "lucid.distributions.bernoulli": ". Bernoulli ContinuousBernoulli Geometric",
    "lucid.distributions.beta": ". Beta Dirichlet",
    "lucid.distributions.binomial": ". Binomial Multinomial NegativeBinomial Poisson",
    "lucid.distributions.categorical": ". Categorical OneHotCategorical OneHotCategoricalStraightThrough",
    "lucid.distributions.cauchy": ". Cauchy HalfCauchy",
    "lucid.distributions.extremes": ". GeneralizedPareto Gumbel Kumaraswamy Pareto Weibull",
    "lucid.distributions.gamma": ". Chi2 Exponential FisherSnedecor Gamma InverseGamma",
    "lucid.distributions.independent": ". Independent",
    "lucid.distributions.laplace": ". Laplace",
    "lucid.distributions.mixture_same_family": ". MixtureSameFamily",
    "lucid.distributions.multivariate_normal": ". LowRankMultivariateNormal MultivariateNormal",
    "lucid.distributions.normal": ". HalfNormal LogNormal LogisticNormal Normal",
    "lucid.distributions.relaxed": ". RelaxedBernoulli RelaxedOneHotCategorical",
    "lucid.distributions.student": ". StudentT",
    "lucid.distributions.transformed_distribution": ". TransformedDistribution",
    "lucid.distributions.transforms": (
        ". AbsTransform AffineTransform CatTransform ComposeTransform CorrCholeskyTransform "
        "CumulativeDistributionTransform ExpTransform IndependentTransform LowerCholeskyTransform "
        "PositiveDefiniteTransform PowerTransform ReshapeTransform SigmoidTransform SoftmaxTransform SoftplusTransform "
        "StackTransform StickBreakingTransform TanhTransform Transform identity_transform"
    ),
    "lucid.distributions.uniform": ". Uniform",
    "lucid.distributions.von_mises": ". VonMises",
    "lucid.distributions.wishart": ". LKJCholesky Wishart",
}

__all__ = sorted(  # pyright: ignore[reportUnsupportedDunderAll]
    {name for names in _MODULES.values() for name in names.split() if name != "."} | {"constraints"}
)

if TYPE_CHECKING:
    from lucid.distributions import constraints as constraints
    from lucid.distributions import kl as kl
    from lucid.distributions import utils as utils
    from lucid.distributions.bernoulli import *  # noqa: F403
    from lucid.distributions.beta import *  # noqa: F403
    from lucid.distributions.binomial import *  # noqa: F403
    from lucid.distributions.categorical import *  # noqa: F403
    from lucid.distributions.cauchy import *  # noqa: F403
    from lucid.distributions.constraint_registry import biject_to as biject_to
    from lucid.distributions.constraint_registry import transform_to as transform_to
    from lucid.distributions.distribution import *  # noqa: F403
    from lucid.distributions.exp_family import *  # noqa: F403
    from lucid.distributions.extremes import *  # noqa: F403
    from lucid.distributions.gamma import *  # noqa: F403
    from lucid.distributions.independent import *  # noqa: F403
    from lucid.distributions.kl import *  # noqa: F403
    from lucid.distributions.laplace import *  # noqa: F403
    from lucid.distributions.mixture_same_family import *  # noqa: F403
    from lucid.distributions.multivariate_normal import *  # noqa: F403
    from lucid.distributions.normal import *  # noqa: F403
    from lucid.distributions.relaxed import RelaxedBernoulli as RelaxedBernoulli
    from lucid.distributions.relaxed import RelaxedOneHotCategorical as RelaxedOneHotCategorical
    from lucid.distributions.student import *  # noqa: F403
    from lucid.distributions.transformed_distribution import *  # noqa: F403
    from lucid.distributions.transforms import *  # noqa: F403
    from lucid.distributions.uniform import *  # noqa: F403
    from lucid.distributions.von_mises import *  # noqa: F403
    from lucid.distributions.wishart import *  # noqa: F403

__getattr__, __dir__ = _later("lucid.distributions", _MODULES)
