"""Normal distributions, and those of their absolute values, exponentials and logistic transforms."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import lucid
from lucid import Tensor
from lucid.distributions import _draws, constraints
from lucid.distributions.exp_family import ExponentialFamily
from lucid.distributions.transformed_distribution import TransformedDistribution
from lucid.distributions.transforms import AbsTransform, ExpTransform, StickBreakingTransform
from lucid.distributions.utils import LOG_2PI, broadcast_all


class Normal(ExponentialFamily):
    """The normal distribution, density exp(-(x - loc)^2 / (2 scale^2)) / (scale sqrt(2 pi)).

    Args:
        loc: mean, a number or Tensor.
        scale: standard deviation, positive.
        validate_args: check parameters and samples.

    Raises:
        ValueError: ``scale`` is not positive.

    Example:
        >>> import lucid
        >>> from lucid.distributions import Normal
        >>> print(Normal(0.0, 1.0).log_prob(lucid.tensor(0.0)))
        -0.9189385

    Source: Johnson, Kotz and Balakrishnan, Continuous univariate distributions, volume 1, 1994.
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def stddev(self) -> Tensor:
        return self.scale

    @property
    def variance(self) -> Tensor:
        return self.scale**2

    def rsample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        return self.loc + _draws.normal(self._extended_shape(sample_shape), self.loc) * self.scale

    def log_prob(self, value: Tensor) -> Tensor:
        z = (self._checked(value) - self.loc) / self.scale
        return z * z * -0.5 - self.scale.log() - 0.5 * LOG_2PI

    def cdf(self, value: Tensor) -> Tensor:
        return 0.5 * (1 + lucid.erf((self._checked(value) - self.loc) / (self.scale * math.sqrt(2))))

    def icdf(self, value: Tensor) -> Tensor:
        return self.loc + self.scale * lucid.erfinv(2 * value - 1) * math.sqrt(2)

    def entropy(self) -> Tensor:
        return 0.5 + 0.5 * LOG_2PI + self.scale.log()

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return self.loc / self.scale**2, -0.5 / self.scale**2

    def _log_normalizer(self, *params: Tensor) -> Tensor:
        x, y = params
        return -0.25 * x * x / y + 0.5 * (-math.pi / y).log()


class _Folded(TransformedDistribution):
    """The absolute value of a distribution that is symmetric about zero."""

    support = constraints.nonnegative
    arg_constraints = {"scale": constraints.positive}
    has_rsample = True

    @property
    def scale(self) -> Tensor:
        return self.base_dist.scale

    @property
    def mode(self) -> Tensor:
        return lucid.zeros_like(self.scale)

    def log_prob(self, value: Tensor) -> Tensor:
        value = self._checked(value)
        return lucid.where(value >= 0, self.base_dist.log_prob(value) + math.log(2), -math.inf)

    def cdf(self, value: Tensor) -> Tensor:
        return 2 * self.base_dist.cdf(self._checked(value)) - 1

    def icdf(self, value: Tensor) -> Tensor:
        return self.base_dist.icdf((value + 1) / 2)

    def entropy(self) -> Tensor:
        return self.base_dist.entropy() - math.log(2)


class HalfNormal(_Folded):
    """The distribution of |z| for z normal with mean 0.

    Args:
        scale: standard deviation of z, positive.
        validate_args: check parameters and samples.

    Raises:
        ValueError: ``scale`` is not positive.

    Example:
        >>> import lucid
        >>> from lucid.distributions import HalfNormal
        >>> print(HalfNormal(1.0).mean)
        0.7978846

    Source: Johnson, Kotz and Balakrishnan, Continuous univariate distributions, volume 1, 1994.
    """

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        base = Normal(0.0, scale, validate_args=False)
        super().__init__(base, AbsTransform(), validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.scale * math.sqrt(2 / math.pi)

    @property
    def variance(self) -> Tensor:
        return self.scale**2 * (1 - 2 / math.pi)


class LogNormal(TransformedDistribution):
    """The distribution of exp(z) for normal z.

    Args:
        loc: mean of z.
        scale: standard deviation of z, positive.
        validate_args: check parameters and samples.

    Raises:
        ValueError: ``scale`` is not positive.

    Example:
        >>> import lucid
        >>> from lucid.distributions import LogNormal
        >>> print(LogNormal(0.0, 1.0).mode)
        0.36787945

    Source: Johnson, Kotz and Balakrishnan, Continuous univariate distributions, volume 1, 1994.
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.positive
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        super().__init__(Normal(loc, scale, validate_args=validate_args), ExpTransform(), validate_args=validate_args)

    @property
    def loc(self) -> Tensor:
        return self.base_dist.loc

    @property
    def scale(self) -> Tensor:
        return self.base_dist.scale

    @property
    def mean(self) -> Tensor:
        return (self.loc + self.scale**2 / 2).exp()

    @property
    def mode(self) -> Tensor:
        return (self.loc - self.scale**2).exp()

    @property
    def variance(self) -> Tensor:
        return (self.scale**2).expm1() * (2 * self.loc + self.scale**2).exp()

    def entropy(self) -> Tensor:
        return self.base_dist.entropy() + self.loc


class LogisticNormal(TransformedDistribution):
    """Points of a simplex made by breaking a stick at the sigmoids of normal numbers.

    Args:
        loc: means of the n normal numbers; a sample has n + 1 elements.
        scale: their standard deviations, positive.
        validate_args: check parameters and samples.

    Raises:
        ValueError: ``scale`` is not positive.

    Example:
        >>> import lucid
        >>> from lucid.distributions import LogisticNormal
        >>> x = LogisticNormal(lucid.zeros(3), lucid.ones(3)).sample()
        >>> x.shape[0], bool((x.sum() - 1).abs() < 1e-6)
        (4, True)
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.simplex
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        base = Normal(loc, scale, validate_args=validate_args)
        base = base if base.batch_shape else base.expand((1,))
        super().__init__(base, StickBreakingTransform(), validate_args=validate_args)

    @property
    def loc(self) -> Tensor:
        return self.base_dist.base_dist.loc

    @property
    def scale(self) -> Tensor:
        return self.base_dist.base_dist.scale


__all__ = ["HalfNormal", "LogNormal", "LogisticNormal", "Normal"]
