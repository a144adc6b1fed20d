"""Divergences of two distributions of different kinds."""

from __future__ import annotations

import math
from typing import Any

import lucid
from lucid import Tensor
from lucid.distributions.bernoulli import Bernoulli, ContinuousBernoulli
from lucid.distributions.beta import Beta
from lucid.distributions.binomial import Binomial, Poisson
from lucid.distributions.extremes import Gumbel, Pareto
from lucid.distributions.gamma import Exponential, Gamma
from lucid.distributions.kl import register_kl
from lucid.distributions.laplace import Laplace
from lucid.distributions.normal import Normal
from lucid.distributions.uniform import Uniform
from lucid.distributions.utils import LOG_2PI, broadcast_all, euler_constant


def _infinite(p: Any, q: Any) -> Tensor:
    """The support of q does not cover that of p."""
    like = next(v for v in vars(p).values() if isinstance(v, Tensor))
    return lucid.full(lucid.broadcast_shapes(p.batch_shape, q.batch_shape), math.inf, dtype=like.dtype)


for _p, _qs in {
    Beta: (Pareto,),
    ContinuousBernoulli: (Pareto,),
    Exponential: (Beta, ContinuousBernoulli, Pareto, Uniform),
    Gamma: (Beta, ContinuousBernoulli, Pareto, Uniform),
    Gumbel: (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform),
    Laplace: (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform),
    Normal: (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform),
    Pareto: (Beta, ContinuousBernoulli, Uniform),
    Poisson: (Bernoulli, Binomial),
}.items():
    for _q in _qs:
        register_kl(_p, _q)(_infinite)


def _x_log_x(x: Tensor) -> Tensor:
    return lucid.xlogy(x, x)


def _to_normal(p: Any, q: Normal, mean: Tensor, variance: Tensor) -> Tensor:
    """From a distribution with known entropy, mean and variance to a normal one."""
    spread = (variance + (mean - q.loc) ** 2) / (2 * q.scale**2)
    return -p.entropy() + 0.5 * LOG_2PI + q.scale.log() + spread


def _to_gamma(p: Any, q: Gamma, mean: Tensor, mean_log: Tensor) -> Tensor:
    """From a distribution with known entropy, mean and mean logarithm to a gamma distribution."""
    b = q.concentration
    return -p.entropy() + b.lgamma() - b * q.rate.log() - (b - 1) * mean_log + q.rate * mean


def _to_continuous_bernoulli(p: Any, q: ContinuousBernoulli, mean: Tensor) -> Tensor:
    return -p.entropy() - mean * q.logits - (-q.probs).log1p() - q._log_norm()


@register_kl(Bernoulli, Poisson)
def _bernoulli_poisson(p: Bernoulli, q: Poisson) -> Tensor:
    return -p.entropy() - (p.probs * q.rate.log() - q.rate)


@register_kl(Beta, ContinuousBernoulli)
def _beta_continuous_bernoulli(p: Beta, q: ContinuousBernoulli) -> Tensor:
    return _to_continuous_bernoulli(p, q, p.mean)


@register_kl(Beta, Exponential)
@register_kl(ContinuousBernoulli, Exponential)
@register_kl(Gamma, Exponential)
def _to_exponential(p: Any, q: Exponential) -> Tensor:
    return -p.entropy() - q.rate.log() + q.rate * p.mean


@register_kl(Beta, Gamma)
def _beta_gamma(p: Beta, q: Gamma) -> Tensor:
    total = p.concentration1 + p.concentration0
    return _to_gamma(p, q, p.mean, p.concentration1.digamma() - total.digamma())


@register_kl(Beta, Normal)
@register_kl(ContinuousBernoulli, Normal)
@register_kl(Exponential, Normal)
@register_kl(Gamma, Normal)
@register_kl(Gumbel, Normal)
@register_kl(Laplace, Normal)
@register_kl(Uniform, Normal)
def _anything_normal(p: Any, q: Normal) -> Tensor:
    return _to_normal(p, q, p.mean, p.variance)


@register_kl(Pareto, Normal)
def _pareto_normal(p: Pareto, q: Normal) -> Tensor:
    return lucid.where(p.alpha > 2, _to_normal(p, q, p.mean, p.variance), math.inf)


@register_kl(Beta, Uniform)
def _beta_uniform(p: Beta, q: Uniform) -> Tensor:
    return lucid.where((q.low > 0) | (q.high < 1), math.inf, -p.entropy() + (q.high - q.low).log())


@register_kl(ContinuousBernoulli, Uniform)
def _continuous_bernoulli_uniform(p: ContinuousBernoulli, q: Uniform) -> Tensor:
    return lucid.where((q.low > 0) | (q.high < 1), math.inf, -p.entropy() + (q.high - q.low).log())


@register_kl(Exponential, Gamma)
def _exponential_gamma(p: Exponential, q: Gamma) -> Tensor:
    return _to_gamma(p, q, p.mean, -p.rate.log() - euler_constant)


@register_kl(Exponential, Gumbel)
def _exponential_gumbel(p: Exponential, q: Gumbel) -> Tensor:
    product, shift = p.rate * q.scale, q.loc / q.scale
    return product.log() - 1 - shift + shift.exp() * product / (product + 1) + 1 / product


@register_kl(Gamma, Gumbel)
def _gamma_gumbel(p: Gamma, q: Gumbel) -> Tensor:
    product, shift = p.rate * q.scale, q.loc / q.scale
    power = shift.exp() * (1 + 1 / product) ** -p.concentration
    return -p.entropy() + q.scale.log() + p.concentration / product + power - shift


@register_kl(Normal, Gumbel)
def _normal_gumbel(p: Normal, q: Gumbel) -> Tensor:
    shift, ratio = (p.loc - q.loc) / q.scale, p.scale / q.scale
    return shift + (0.5 * ratio**2 - shift).exp() - ratio.log() - 0.5 * (1 + LOG_2PI)


@register_kl(Normal, Laplace)
def _normal_laplace(p: Normal, q: Laplace) -> Tensor:
    d = p.loc - q.loc
    z = d / p.scale
    distance = math.sqrt(2 / math.pi) * p.scale * (-0.5 * z * z).exp() + d * lucid.erf(math.sqrt(0.5) * z)
    return -p.entropy() + (2 * q.scale).log() + distance / q.scale


@register_kl(Pareto, Exponential)
def _pareto_exponential(p: Pareto, q: Exponential) -> Tensor:
    return lucid.where(p.alpha > 1, -p.entropy() - q.rate.log() + q.rate * p.mean, math.inf)


@register_kl(Pareto, Gamma)
def _pareto_gamma(p: Pareto, q: Gamma) -> Tensor:
    return lucid.where(p.alpha > 1, _to_gamma(p, q, p.mean, p.scale.log() + 1 / p.alpha), math.inf)


def _mean_log(low: Tensor, high: Tensor) -> Tensor:
    """The mean of log(x) for x uniform between two numbers."""
    return (_x_log_x(high) - _x_log_x(low)) / (high - low) - 1


@register_kl(Uniform, Beta)
def _uniform_beta(p: Uniform, q: Beta) -> Tensor:
    ones, zeros = _mean_log(p.low, p.high), _mean_log(1 - p.high, 1 - p.low)
    kl = -p.entropy() + q._log_beta() - (q.concentration1 - 1) * ones - (q.concentration0 - 1) * zeros
    return lucid.where((p.high > 1) | (p.low < 0), math.inf, kl)


@register_kl(Uniform, ContinuousBernoulli)
def _uniform_continuous_bernoulli(p: Uniform, q: ContinuousBernoulli) -> Tensor:
    return lucid.where((p.high > 1) | (p.low < 0), math.inf, _to_continuous_bernoulli(p, q, p.mean))


@register_kl(Uniform, Exponential)
def _uniform_exponential(p: Uniform, q: Exponential) -> Tensor:
    return lucid.where(p.low < 0, math.inf, q.rate * p.mean - ((p.high - p.low) * q.rate).log())


@register_kl(Uniform, Gamma)
def _uniform_gamma(p: Uniform, q: Gamma) -> Tensor:
    return lucid.where(p.low < 0, math.inf, _to_gamma(p, q, p.mean, _mean_log(p.low, p.high)))


@register_kl(Uniform, Gumbel)
def _uniform_gumbel(p: Uniform, q: Gumbel) -> Tensor:
    width = q.scale / (p.high - p.low)
    high, low = (p.high - q.loc) / q.scale, (p.low - q.loc) / q.scale
    return width.log() + 0.5 * (high + low) - width * ((-high).exp() - (-low).exp())


@register_kl(Uniform, Pareto)
def _uniform_pareto(p: Uniform, q: Pareto) -> Tensor:
    kl = -p.entropy() - q.alpha.log() - q.alpha * q.scale.log() + (q.alpha + 1) * _mean_log(p.low, p.high)
    outside, kl = broadcast_all((p.low < q.scale).to(kl.dtype), kl)
    return lucid.where(outside > 0, math.inf, kl)
