"""Gamma distributions: Gamma, Chi2, InverseGamma, Exponential, and the ratio of two, FisherSnedecor."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import lucid
from lucid import Tensor
from lucid.distributions import _draws, constraints
from lucid.distributions._gamma_math import LowerRegularized, standard_gamma
from lucid.distributions.distribution import Distribution
from lucid.distributions.exp_family import ExponentialFamily
from lucid.distributions.transformed_distribution import TransformedDistribution
from lucid.distributions.transforms import PowerTransform
from lucid.distributions.utils import broadcast_all, tiny


class Gamma(ExponentialFamily):
    """The gamma distribution, density rate^a x^(a - 1) exp(-rate x) / Gamma(a) with a the concentration.

    Samples are differentiable in both parameters, in the concentration by moving a sample along its quantile.

    Args:
        concentration: shape a, positive.
        rate: inverse scale, positive.
        validate_args: check parameters and samples.

    Raises:
        ValueError: ``concentration`` or ``rate`` is not positive.

    Example:
        >>> import lucid
        >>> from lucid.distributions import Gamma
        >>> print(Gamma(3.0, 2.0).mean)
        1.5

    Source: Figurnov, Mohamed and Mnih, arXiv:1805.08498.
    """

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        self.concentration, self.rate = broadcast_all(concentration, rate)
        super().__init__(self.concentration.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.rate

    @property
    def mode(self) -> Tensor:
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self) -> Tensor:
        return self.concentration / self.rate**2

    def rsample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        value = standard_gamma(self.concentration.expand(*self._extended_shape(sample_shape))) / self.rate
        return value.clamp(min=tiny(value))

    def log_prob(self, value: Tensor) -> Tensor:
        value, a = self._checked(value), self.concentration
        return lucid.xlogy(a, self.rate) + lucid.xlogy(a - 1, value) - self.rate * value - a.lgamma()

    def cdf(self, value: Tensor) -> Tensor:
        a, x = broadcast_all(self.concentration, self._checked(value) * self.rate)
        return LowerRegularized.apply(a, x)

    def entropy(self) -> Tensor:
        a = self.concentration
        return a - self.rate.log() + a.lgamma() + (1 - a) * a.digamma()

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return self.concentration - 1, -self.rate

    def _log_normalizer(self, *params: Tensor) -> Tensor:
        x, y = params
        return (x + 1).lgamma() - (x + 1) * (-y).log()


class Chi2(Gamma):
    """The distribution of the sum of df squared standard normal numbers: Gamma(df / 2, 1 / 2).

    Args:
        df: degrees of freedom, positive.
        validate_args: check parameters and samples.

    Raises:
        ValueError: a number of degrees of freedom is not positive.

    Example:
        >>> import lucid
        >>> from lucid.distributions import Chi2
        >>> print(Chi2(3.0).variance)
        6.0

    Source: Johnson, Kotz and Balakrishnan, Continuous univariate distributions, volume 1, 1994, chapter 18.
    """

    arg_constraints = {"df": constraints.positive}

    def __init__(self, df: Any, validate_args: bool | None = None) -> None:
        super().__init__(0.5 * df, 0.5, validate_args=validate_args)

    @property
    def df(self) -> Tensor:
        """Degrees of freedom."""
        return self.concentration * 2


class Exponential(ExponentialFamily):
    """The exponential distribution, density rate exp(-rate x).

    Args:
        rate: inverse mean, positive.
        validate_args: check parameters and samples.

    Raises:
        ValueError: ``rate`` is not positive.

    Example:
        >>> import lucid
        >>> from lucid.distributions import Exponential
        >>> print(Exponential(2.0).mean)
        0.5

    Source: Johnson, Kotz and Balakrishnan, Continuous univariate distributions, volume 1, 1994, chapter 19.
    """

    arg_constraints = {"rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        (self.rate,) = broadcast_all(rate)
        super().__init__(self.rate.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.rate.reciprocal()

    @property
    def mode(self) -> Tensor:
        return lucid.zeros_like(self.rate)

    @property
    def stddev(self) -> Tensor:
        return self.rate.reciprocal()

    @property
    def variance(self) -> Tensor:
        return self.rate**-2

    def rsample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        return _draws.exponential(self._extended_shape(sample_shape), self.rate) / self.rate

    def log_prob(self, value: Tensor) -> Tensor:
        return self.rate.log() - self.rate * self._checked(value)

    def cdf(self, value: Tensor) -> Tensor:
        return -(-self.rate * self._checked(value)).expm1()

    def icdf(self, value: Tensor) -> Tensor:
        return -(-value).log1p() / self.rate

    def entropy(self) -> Tensor:
        return 1 - self.rate.log()

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return (-self.rate,)

    def _log_normalizer(self, *params: Tensor) -> Tensor:
        return -(-params[0]).log()


class InverseGamma(TransformedDistribution):
    """The distribution of 1 / x for x of the gamma distribution.

    Args:
        concentration: shape of x, positive.
        rate: rate of x, positive.
        validate_args: check parameters and samples.

    Raises:
        ValueError: ``concentration`` or ``rate`` is not positive.

    Example:
        >>> import lucid
        >>> from lucid.distributions import InverseGamma
        >>> print(InverseGamma(3.0, 2.0).mean)
        1.0
    """

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.positive
    has_rsample = True

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        base = Gamma(concentration, rate, validate_args=validate_args)
        power = PowerTransform(lucid.tensor(-1.0, dtype=base.rate.dtype))
        super().__init__(base, power, validate_args=validate_args)

    @property
    def concentration(self) -> Tensor:
        return self.base_dist.concentration

    @property
    def rate(self) -> Tensor:
        return self.base_dist.rate

    @property
    def mean(self) -> Tensor:
        return lucid.where(self.concentration > 1, self.rate / (self.concentration - 1), math.inf)

    @property
    def mode(self) -> Tensor:
        return self.rate / (self.concentration + 1)

    @property
    def variance(self) -> Tensor:
        a = self.concentration
        return lucid.where(a > 2, self.rate**2 / ((a - 1) ** 2 * (a - 2)), math.inf)

    def entropy(self) -> Tensor:
        a = self.concentration
        return a + self.rate.log() + a.lgamma() - (1 + a) * a.digamma()


class FisherSnedecor(Distribution):
    """The F distribution: the ratio of two independent Chi2 numbers, each over its degrees of freedom.

    Args:
        df1, df2: degrees of freedom above and below, positive.
        validate_args: check parameters and samples.

    Raises:
        ValueError: a number of degrees of freedom is not positive.

    Example:
        >>> import lucid
        >>> from lucid.distributions import FisherSnedecor
        >>> print(FisherSnedecor(1.0, 4.0).mean)
        2.0

    Source: Johnson, Kotz and Balakrishnan, Continuous univariate distributions, volume 2, 1995, chapter 27.
    """

    arg_constraints = {"df1": constraints.positive, "df2": constraints.positive}
    support = constraints.positive
    has_rsample = True

    def __init__(self, df1: Any, df2: Any, validate_args: bool | None = None) -> None:
        self.df1, self.df2 = broadcast_all(df1, df2)
        super().__init__(self.df1.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return lucid.where(self.df2 > 2, self.df2 / (self.df2 - 2), math.nan)

    @property
    def mode(self) -> Tensor:
        mode = (self.df1 - 2) / self.df1 * self.df2 / (self.df2 + 2)
        return lucid.where(self.df1 > 2, mode, math.nan)

    @property
    def variance(self) -> Tensor:
        a, b = self.df1, self.df2
        return lucid.where(b > 4, 2 * b**2 * (a + b - 2) / (a * (b - 2) ** 2 * (b - 4)), math.nan)

    def rsample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        x, y = (standard_gamma((df / 2).expand(*shape)) / df for df in (self.df1, self.df2))
        return (x / y.clamp(min=tiny(y))).clamp(min=tiny(y))

    def log_prob(self, value: Tensor) -> Tensor:
        value = self._checked(value)
        a, b, ratio = self.df1 / 2, self.df2 / 2, self.df1 / self.df2
        front = (a + b).lgamma() - a.lgamma() - b.lgamma() + a * ratio.log()
        return front + (a - 1) * value.log() - (a + b) * (ratio * value).log1p()


__all__ = ["Chi2", "Exponential", "FisherSnedecor", "Gamma", "InverseGamma"]
