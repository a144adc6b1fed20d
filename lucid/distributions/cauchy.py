"""Cauchy distributions."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import lucid
from lucid import Tensor
from lucid.distributions import _draws, constraints
from lucid.distributions.distribution import Distribution
from lucid.distributions.normal import _Folded
from lucid.distributions.transforms import AbsTransform
from lucid.distributions.utils import broadcast_all


class Cauchy(Distribution):
    """The Cauchy (Lorentz) distribution, density 1 / (pi scale (1 + ((x - loc) / scale)^2)).

    Args:
        loc: median and mode.
        scale: half width at half maximum, positive.
        validate_args: check parameters and samples.

    Raises:
        ValueError: ``scale`` is not positive.

    Example:
        >>> import lucid
        >>> from lucid.distributions import Cauchy
        >>> print(Cauchy(0.0, 1.0).cdf(lucid.tensor(1.0)))
        0.75

    Source: Johnson, Kotz and Balakrishnan, Continuous univariate distributions, volume 1, 1994, chapter 16.
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return lucid.full(self._extended_shape(), math.nan, dtype=self.loc.dtype)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return lucid.full(self._extended_shape(), math.inf, dtype=self.loc.dtype)

    def rsample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        return self.loc + _draws.cauchy(self._extended_shape(sample_shape), self.loc) * self.scale

    def log_prob(self, value: Tensor) -> Tensor:
        z = (self._checked(value) - self.loc) / self.scale
        return -math.log(math.pi) - self.scale.log() - (z * z).log1p()

    def cdf(self, value: Tensor) -> Tensor:
        return lucid.atan((self._checked(value) - self.loc) / self.scale) / math.pi + 0.5

    def icdf(self, value: Tensor) -> Tensor:
        return lucid.tan(math.pi * (value - 0.5)) * self.scale + self.loc

    def entropy(self) -> Tensor:
        return math.log(4 * math.pi) + self.scale.log()


class HalfCauchy(_Folded):
    """The distribution of |x| for x Cauchy with median 0.

    Args:
        scale: scale of x, positive.
        validate_args: check parameters and samples.

    Raises:
        ValueError: ``scale`` is not positive.

    Example:
        >>> import lucid
        >>> from lucid.distributions import HalfCauchy
        >>> print(HalfCauchy(1.0).cdf(lucid.tensor(1.0)))
        0.5
    """

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        base = Cauchy(0.0, scale, validate_args=False)
        super().__init__(base, AbsTransform(), validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return lucid.full(self._extended_shape(), math.inf, dtype=self.scale.dtype)

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance


__all__ = ["Cauchy", "HalfCauchy"]
