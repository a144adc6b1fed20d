"""Distributions of extremes and of powers of simple noise: Gumbel, Weibull, Pareto, GeneralizedPareto, Kumaraswamy."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import lucid
from lucid import Tensor
from lucid.distributions import _draws, constraints
from lucid.distributions.distribution import Distribution
from lucid.distributions.gamma import Exponential
from lucid.distributions.transformed_distribution import Remade
from lucid.distributions.transforms import AffineTransform, ExpTransform, PowerTransform
from lucid.distributions.uniform import Uniform
from lucid.distributions.utils import broadcast_all, eps, euler_constant, tiny


class Gumbel(Remade):
    """The Gumbel distribution of maxima, distribution function exp(-exp(-(x - loc) / scale)).

    Args:
        loc: mode.
        scale: positive.
        validate_args: check parameters and samples.

    Raises:
        ValueError: ``scale`` is not positive.

    Example:
        >>> import lucid
        >>> from lucid.distributions import Gumbel
        >>> print(Gumbel(0.0, 1.0).mean)
        0.5772157

    Source: Johnson, Kotz and Balakrishnan, Continuous univariate distributions, volume 2, 1995, chapter 22.
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    _arguments = ("loc", "scale")

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        low, high = (lucid.full_like(self.loc, v) for v in (tiny(self.loc), 1 - eps(self.loc)))
        steps = [
            ExpTransform().inv,
            AffineTransform(0, -lucid.ones_like(self.scale)),
            ExpTransform().inv,
            AffineTransform(self.loc, -self.scale),
        ]
        super().__init__(Uniform(low, high, validate_args=validate_args), steps, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.loc + self.scale * euler_constant

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def stddev(self) -> Tensor:
        return math.pi / math.sqrt(6) * self.scale

    @property
    def variance(self) -> Tensor:
        return self.stddev**2

    def rsample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        return self.loc + self.scale * _draws.gumbel(self._extended_shape(sample_shape), self.loc)

    def log_prob(self, value: Tensor) -> Tensor:
        y = (self.loc - self._checked(value)) / self.scale
        return y - y.exp() - self.scale.log()

    def cdf(self, value: Tensor) -> Tensor:
        return (-((self.loc - self._checked(value)) / self.scale).exp()).exp()

    def entropy(self) -> Tensor:
        return self.scale.log() + (1 + euler_constant)


class Weibull(Remade):
    """The Weibull distribution, distribution function 1 - exp(-(x / scale)^k) with k the concentration.

    Args:
        scale: positive.
        concentration: k, positive.
        validate_args: check parameters and samples.

    Raises:
        ValueError: ``scale`` or ``concentration`` is not positive.

    Example:
        >>> import lucid
        >>> from lucid.distributions import Weibull
        >>> print(Weibull(2.0, 1.0).mean)
        2.0

    Source: Johnson, Kotz and Balakrishnan, Continuous univariate distributions, volume 1, 1994, chapter 21.
    """

    arg_constraints = {"scale": constraints.positive, "concentration": constraints.positive}
    support = constraints.positive
    _arguments = ("scale", "concentration")

    def __init__(self, scale: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.scale, self.concentration = broadcast_all(scale, concentration)
        self.concentration_reciprocal = self.concentration.reciprocal()
        base = Exponential(lucid.ones_like(self.scale), validate_args=validate_args)
        steps = [PowerTransform(self.concentration_reciprocal), AffineTransform(0, self.scale)]
        super().__init__(base, steps, validate_args=validate_args)

    def log_prob(self, value: Tensor) -> Tensor:
        x, k = self._checked(value) / self.scale, self.concentration
        return (k / self.scale).log() + (k - 1) * x.log() - x**k

    def cdf(self, value: Tensor) -> Tensor:
        return -(-((self._checked(value) / self.scale) ** self.concentration)).expm1()

    def _moment(self, n: int) -> Tensor:
        return self.scale**n * (1 + n * self.concentration_reciprocal).lgamma().exp()

    @property
    def mean(self) -> Tensor:
        return self._moment(1)

    @property
    def mode(self) -> Tensor:
        return self.scale * ((self.concentration - 1) / self.concentration) ** self.concentration_reciprocal

    @property
    def variance(self) -> Tensor:
        return self._moment(2) - self._moment(1) ** 2

    def entropy(self) -> Tensor:
        r = self.concentration_reciprocal
        return euler_constant * (1 - r) + (self.scale * r).log() + 1


class Pareto(Remade):
    """The Pareto distribution, density alpha scale^alpha / x^(alpha + 1) from ``scale`` on.

    Args:
        scale: smallest value, positive.
        alpha: power, positive.
        validate_args: check parameters and samples.

    Raises:
        ValueError: ``scale`` or ``alpha`` is not positive.

    Example:
        >>> import lucid
        >>> from lucid.distributions import Pareto
        >>> print(Pareto(1.0, 2.0).mean)
        2.0

    Source: Johnson, Kotz and Balakrishnan, Continuous univariate distributions, volume 1, 1994, chapter 20.
    """

    arg_constraints = {"alpha": constraints.positive, "scale": constraints.positive}
    _arguments = ("scale", "alpha")

    def __init__(self, scale: Any, alpha: Any, validate_args: bool | None = None) -> None:
        self.scale, self.alpha = broadcast_all(scale, alpha)
        base = Exponential(self.alpha, validate_args=validate_args)
        super().__init__(base, [ExpTransform(), AffineTransform(0, self.scale)], validate_args=validate_args)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        return constraints.greater_than_eq(self.scale)

    @property
    def mean(self) -> Tensor:
        a = self.alpha.clamp(min=1)
        return a * self.scale / (a - 1)

    @property
    def mode(self) -> Tensor:
        return self.scale

    @property
    def variance(self) -> Tensor:
        a = self.alpha.clamp(min=2)
        return self.scale**2 * a / ((a - 1) ** 2 * (a - 2))

    def entropy(self) -> Tensor:
        return (self.scale / self.alpha).log() + 1 + self.alpha.reciprocal()


class Kumaraswamy(Remade):
    """The Kumaraswamy distribution on [0, 1], distribution function 1 - (1 - x^a)^b.

    Args:
        concentration1: a, positive.
        concentration0: b, positive.
        validate_args: check parameters and samples.

    Raises:
        ValueError: a concentration is not positive.

    Example:
        >>> import lucid
        >>> from lucid.distributions import Kumaraswamy
        >>> print(Kumaraswamy(1.0, 1.0).mean)
        0.5

    Source: Kumaraswamy, A generalized probability density function for double-bounded random processes, 1980.
    """

    arg_constraints = {
        "concentration1": constraints.positive,
        "concentration0": constraints.positive,
    }
    support = constraints.unit_interval
    has_rsample = True
    _arguments = ("concentration1", "concentration0")

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: bool | None = None) -> None:
        self.concentration1, self.concentration0 = broadcast_all(concentration1, concentration0)
        zeros = lucid.zeros_like(self.concentration0)
        steps = [
            PowerTransform(self.concentration0.reciprocal()),
            AffineTransform(1.0, -1.0),
            PowerTransform(self.concentration1.reciprocal()),
        ]
        super().__init__(Uniform(zeros, zeros + 1, validate_args=validate_args), steps, validate_args=validate_args)

    def log_prob(self, value: Tensor) -> Tensor:
        x, a, b = self._checked(value), self.concentration1, self.concentration0
        return (a * b).log() + lucid.xlogy(a - 1, x) + lucid.special.xlog1py(b - 1, -(x**a))

    def cdf(self, value: Tensor) -> Tensor:
        return -(self.concentration0 * (-(self._checked(value) ** self.concentration1)).log1p()).expm1()

    def _moment(self, n: int) -> Tensor:
        a, b = self.concentration1, self.concentration0
        first = 1 + n / a
        return b * (first.lgamma() + b.lgamma() - (first + b).lgamma()).exp()

    @property
    def mean(self) -> Tensor:
        return self._moment(1)

    @property
    def mode(self) -> Tensor:
        a, b = self.concentration1, self.concentration0
        inner = (a >= 1) & (b >= 1)
        ratio = (a - 1) / lucid.where(inner & (a * b > 1), a * b - 1, 1.0)
        return lucid.where(inner, ratio ** a.reciprocal(), math.nan)

    @property
    def variance(self) -> Tensor:
        return self._moment(2) - self._moment(1) ** 2

    def rsample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        noise = _draws.exponential(self._extended_shape(sample_shape), self.concentration0)
        return (-(-noise / self.concentration0).expm1()) ** self.concentration1.reciprocal()

    def entropy(self) -> Tensor:
        a, b = self.concentration1, self.concentration0
        harmonic = (b + 1).digamma() + euler_constant
        return 1 - 1 / b + (1 - 1 / a) * harmonic - a.log() - b.log()


class GeneralizedPareto(Distribution):
    """Excesses over a threshold, distribution function 1 - (1 + xi z)^(-1 / xi) with z = (x - loc) / scale.

    The limit at xi = 0 is the exponential distribution.

    Args:
        loc: smallest value.
        scale: positive.
        concentration: xi, any real number; below 0 there is a largest value.
        validate_args: check parameters and samples.

    Raises:
        ValueError: ``scale`` is not positive.

    Example:
        >>> import lucid
        >>> from lucid.distributions import GeneralizedPareto
        >>> print(GeneralizedPareto(0.0, 1.0, 0.5).mean)
        2.0

    Source: Pickands, Statistical inference using extreme order statistics, 1975.
    """

    arg_constraints = {
        "loc": constraints.real,
        "scale": constraints.positive,
        "concentration": constraints.real,
    }
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        upper = lucid.where(self.concentration < 0, self.loc - self.scale / self.concentration, math.inf)
        return constraints.interval(self.loc, upper)

    def _split(self) -> tuple[Tensor, Tensor]:
        """Where xi counts as zero, and xi with ones there."""
        zero = self.concentration.abs() <= 1e-8
        return zero, lucid.where(zero, 1.0, self.concentration)

    def log_prob(self, value: Tensor) -> Tensor:
        z = (self._checked(value) - self.loc) / self.scale
        zero, xi = self._split()
        power = 1 / xi + 1
        decay = lucid.where(power == 0, 0.0, power * (xi * z).log1p())
        return -self.scale.log() - lucid.where(zero, z, decay)

    def log_survival_function(self, value: Tensor) -> Tensor:
        """log P(X > value).

        Args:
            value: as of `log_prob`.
        """
        z = (self._checked(value) - self.loc) / self.scale
        zero, xi = self._split()
        return lucid.where(zero, -z, -(xi * z).log1p() / xi)

    def log_cdf(self, value: Tensor) -> Tensor:
        """log P(X <= value).

        Args:
            value: as of `log_prob`.
        """
        return (-self.log_survival_function(value).expm1()).log()

    def cdf(self, value: Tensor) -> Tensor:
        return -self.log_survival_function(value).expm1()

    def _quantile(self, noise: Tensor) -> Tensor:
        """The value whose survival function is exp(-noise)."""
        zero, xi = self._split()
        return self.loc + self.scale * lucid.where(zero, noise, (xi * noise).expm1() / xi)

    def icdf(self, value: Tensor) -> Tensor:
        return self._quantile(-(-value).log1p())

    def rsample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        return self._quantile(_draws.exponential(self._extended_shape(sample_shape), self.loc))

    @property
    def mean(self) -> Tensor:
        xi = self.concentration
        return lucid.where(xi < 1, self.loc + self.scale / (1 - lucid.where(xi < 1, xi, 0.5)), math.nan)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        xi = lucid.where(self.concentration < 0.5, self.concentration, 0.25)
        return lucid.where(self.concentration < 0.5, self.scale**2 / ((1 - xi) ** 2 * (1 - 2 * xi)), math.nan)

    def entropy(self) -> Tensor:
        return self.scale.log() + self.concentration + 1


__all__ = ["GeneralizedPareto", "Gumbel", "Kumaraswamy", "Pareto", "Weibull"]
