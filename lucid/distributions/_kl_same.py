"""Divergences of two distributions of one kind."""

from __future__ import annotations

import math

import lucid
from lucid import Tensor
from lucid.distributions.bernoulli import Bernoulli, ContinuousBernoulli, Geometric
from lucid.distributions.beta import Beta, Dirichlet
from lucid.distributions.binomial import Binomial, Poisson
from lucid.distributions.categorical import Categorical, OneHotCategorical
from lucid.distributions.cauchy import Cauchy
from lucid.distributions.exp_family import ExponentialFamily
from lucid.distributions.extremes import Gumbel, Pareto
from lucid.distributions.gamma import Exponential, Gamma
from lucid.distributions.independent import Independent
from lucid.distributions.kl import kl_divergence, register_kl
from lucid.distributions.laplace import Laplace
from lucid.distributions.multivariate_normal import LowRankMultivariateNormal, MultivariateNormal, half_log_det
from lucid.distributions.normal import HalfNormal, Normal
from lucid.distributions.transformed_distribution import TransformedDistribution
from lucid.distributions.uniform import Uniform
from lucid.distributions.utils import euler_constant, sum_rightmost
from lucid.distributions.wishart import Wishart
from lucid.nn import functional as F


def _weighted(p: Tensor, gain: Tensor, q: Tensor) -> Tensor:
    """p * gain, 0 where p is 0, infinite where only q is."""
    return lucid.where(p == 0, 0.0, lucid.where(q == 0, math.inf, p * gain))


@register_kl(Bernoulli, Bernoulli)
def _bernoulli(p: Bernoulli, q: Bernoulli) -> Tensor:
    one = _weighted(p.probs, F.softplus(-q.logits) - F.softplus(-p.logits), q.probs)
    zero = _weighted(1 - p.probs, F.softplus(q.logits) - F.softplus(p.logits), 1 - q.probs)
    return one + zero


@register_kl(Categorical, Categorical)
def _categorical(p: Categorical, q: Categorical) -> Tensor:
    return _weighted(p.probs, p.logits - q.logits, q.probs).sum(-1)


@register_kl(OneHotCategorical, OneHotCategorical)
def _one_hot(p: OneHotCategorical, q: OneHotCategorical) -> Tensor:
    return _categorical(p._categorical, q._categorical)


@register_kl(Binomial, Binomial)
def _binomial(p: Binomial, q: Binomial) -> Tensor:
    if (p.total_count < q.total_count).any():
        raise NotImplementedError("kl_divergence: Binomial with q.total_count > p.total_count is not implemented")
    kl = p.total_count * (p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p())
    return lucid.where(p.total_count > q.total_count, math.inf, kl)


@register_kl(Geometric, Geometric)
def _geometric(p: Geometric, q: Geometric) -> Tensor:
    return -p.entropy() - (-q.probs).log1p() / p.probs - q.logits


@register_kl(Poisson, Poisson)
def _poisson(p: Poisson, q: Poisson) -> Tensor:
    return _weighted(p.rate, p.rate.log() - q.rate.log(), q.rate) - (p.rate - q.rate)


@register_kl(ContinuousBernoulli, ContinuousBernoulli)
def _continuous_bernoulli(p: ContinuousBernoulli, q: ContinuousBernoulli) -> Tensor:
    constant = p._log_norm() - q._log_norm() + (-p.probs).log1p() - (-q.probs).log1p()
    return p.mean * (p.logits - q.logits) + constant


@register_kl(Beta, Beta)
def _beta(p: Beta, q: Beta) -> Tensor:
    a, b = p.concentration1, p.concentration0
    c, d = q.concentration1, q.concentration0
    slope = (a - c) * a.digamma() + (b - d) * b.digamma() + (c + d - a - b) * (a + b).digamma()
    return q._log_beta() - p._log_beta() + slope


@register_kl(Dirichlet, Dirichlet)
def _dirichlet(p: Dirichlet, q: Dirichlet) -> Tensor:
    a, b = p.concentration, q.concentration
    total = a.sum(-1)
    normalizer = total.lgamma() - b.sum(-1).lgamma() - (a.lgamma() - b.lgamma()).sum(-1)
    return normalizer + ((a - b) * (a.digamma() - total.digamma().unsqueeze(-1))).sum(-1)


@register_kl(Exponential, Exponential)
def _exponential(p: Exponential, q: Exponential) -> Tensor:
    ratio = q.rate / p.rate
    return ratio - 1 - ratio.log()


@register_kl(Gamma, Gamma)
def _gamma(p: Gamma, q: Gamma) -> Tensor:
    a, b = p.concentration, q.concentration
    parts = b * (p.rate / q.rate).log() + b.lgamma() - a.lgamma() + (a - b) * a.digamma()
    return parts + (q.rate - p.rate) * (a / p.rate)


@register_kl(Gumbel, Gumbel)
def _gumbel(p: Gumbel, q: Gumbel) -> Tensor:
    ratio, shift = p.scale / q.scale, (p.loc - q.loc) / q.scale
    power = ((1 + ratio).lgamma() - shift).exp()
    return shift - ratio.log() + euler_constant * ratio + power - (1 + euler_constant)


@register_kl(Laplace, Laplace)
def _laplace(p: Laplace, q: Laplace) -> Tensor:
    ratio, distance = p.scale / q.scale, (p.loc - q.loc).abs()
    return distance / q.scale + ratio * (-distance / p.scale).exp() - ratio.log() - 1


@register_kl(Cauchy, Cauchy)
def _cauchy(p: Cauchy, q: Cauchy) -> Tensor:
    return ((p.scale + q.scale) ** 2 + (p.loc - q.loc) ** 2).log() - (4 * p.scale * q.scale).log()


@register_kl(Pareto, Pareto)
def _pareto(p: Pareto, q: Pareto) -> Tensor:
    ratio = q.alpha / p.alpha
    kl = q.alpha * (p.scale / q.scale).log() - ratio.log() + ratio - 1
    return lucid.where(p.scale < q.scale, math.inf, kl)


@register_kl(Uniform, Uniform)
def _uniform(p: Uniform, q: Uniform) -> Tensor:
    kl = ((q.high - q.low) / (p.high - p.low)).log()
    return lucid.where((q.low > p.low) | (q.high < p.high), math.inf, kl)


@register_kl(Normal, Normal)
def _normal(p: Normal, q: Normal) -> Tensor:
    ratio = (p.scale / q.scale) ** 2
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale) ** 2 - 1 - ratio.log())


@register_kl(HalfNormal, HalfNormal)
def _half_normal(p: HalfNormal, q: HalfNormal) -> Tensor:
    return _normal(p.base_dist, q.base_dist)


@register_kl(MultivariateNormal, MultivariateNormal)
@register_kl(MultivariateNormal, LowRankMultivariateNormal)
@register_kl(LowRankMultivariateNormal, MultivariateNormal)
def _multivariate_normal(p: MultivariateNormal, q: MultivariateNormal) -> Tensor:
    if p.event_shape != q.event_shape:
        raise ValueError(
            f"kl_divergence: normal distributions of different sizes {tuple(p.event_shape)} and {tuple(q.event_shape)}"
        )
    n = p.event_shape[0]
    ours, theirs = p.scale_tril, q.scale_tril
    batch = lucid.broadcast_shapes(ours.shape[:-2], theirs.shape[:-2])
    moved = (p.loc - q.loc).expand(*batch, n).unsqueeze(-1)
    both = lucid.cat([ours.expand(*batch, n, n), moved], -1)
    x = lucid.linalg.solve_triangular(theirs.expand(*batch, n, n), both, upper=False)
    return half_log_det(theirs) - half_log_det(ours) + 0.5 * ((x * x).sum((-2, -1)) - n)


@register_kl(LowRankMultivariateNormal, LowRankMultivariateNormal)
def _low_rank_normal(p: LowRankMultivariateNormal, q: LowRankMultivariateNormal) -> Tensor:
    """tr(S_q^-1 S_p) by Woodbury's identity, for W W^T and D of p apart."""
    if p.event_shape != q.event_shape:
        raise ValueError(
            f"kl_divergence: normal distributions of different sizes {tuple(p.event_shape)} and {tuple(q.event_shape)}"
        )
    a = lucid.linalg.solve_triangular(q._capacitance_tril, q._scaled, upper=False)
    wide = (p.cov_factor**2 / q.cov_diag.unsqueeze(-1)).sum((-2, -1)) - ((a @ p.cov_factor) ** 2).sum((-2, -1))
    flat = (p.cov_diag / q.cov_diag).sum(-1) - (a**2 * p.cov_diag.unsqueeze(-2)).sum((-2, -1))
    return 0.5 * (q._log_det - p._log_det + wide + flat + q._mahalanobis(q.loc - p.loc) - p.event_shape[0])


@register_kl(Wishart, Wishart)
def _wishart(p: Wishart, q: Wishart) -> Tensor:
    if p.event_shape != q.event_shape:
        raise ValueError(f"kl_divergence: Wishart of different sizes {tuple(p.event_shape)} and {tuple(q.event_shape)}")
    n, batch = p.event_shape[-1], lucid.broadcast_shapes(p.batch_shape, q.batch_shape)
    ours, theirs = (d.scale_tril.expand(*batch, n, n) for d in (p, q))
    x = lucid.linalg.solve_triangular(theirs, ours, upper=False)
    slope = (p.df.unsqueeze(-1) / 2 - lucid.arange(n, dtype=p.df.dtype) / 2).digamma().sum(-1)
    normalizers = lucid.mvlgamma(q.df / 2, n) - lucid.mvlgamma(p.df / 2, n)
    scales = q.df * (half_log_det(theirs) - half_log_det(ours)) + p.df / 2 * ((x * x).sum((-2, -1)) - n)
    return normalizers + scales + (p.df - q.df) / 2 * slope


@register_kl(Independent, Independent)
def _independent(p: Independent, q: Independent) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError("kl_divergence: Independent with different reinterpreted_batch_ndims")
    return sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)


@register_kl(TransformedDistribution, TransformedDistribution)
def _transformed(p: TransformedDistribution, q: TransformedDistribution) -> Tensor:
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError("kl_divergence: transformed distributions with different transforms or event shapes")
    return kl_divergence(p.base_dist, q.base_dist)


@register_kl(ExponentialFamily, ExponentialFamily)
def _exponential_family(p: ExponentialFamily, q: ExponentialFamily) -> Tensor:
    """The Bregman divergence of the log normaliser."""
    if type(p) is not type(q):
        raise NotImplementedError(
            f"kl_divergence: no closed form for the families {type(p).__name__} and {type(q).__name__}"
        )
    normalizer, theta, means = p._normalizer_and_means()
    others = q._natural_params
    result = q._log_normalizer(*others) - normalizer
    for own, other, mean in zip(theta, others, means):
        extra = own.ndim - len(p.batch_shape)
        result = result - sum_rightmost((other - own) * mean, extra)
    return result
