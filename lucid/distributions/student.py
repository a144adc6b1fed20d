"""Student's t distribution."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import lucid
from lucid import Tensor
from lucid.distributions import _draws, constraints
from lucid.distributions._gamma_math import standard_gamma
from lucid.distributions.distribution import Distribution
from lucid.distributions.utils import broadcast_all


class StudentT(Distribution):
    """Student's t distribution, density proportional to (1 + z^2 / df)^(-(df + 1) / 2), z = (x - loc) / scale.

    Args:
        df: degrees of freedom, positive.
        loc: median and mode.
        scale: positive.
        validate_args: check parameters and samples.

    Raises:
        ValueError: ``df`` or ``scale`` is not positive.

    Example:
        >>> import lucid
        >>> from lucid.distributions import StudentT
        >>> print(StudentT(4.0).variance)
        2.0

    Source: Johnson, Kotz and Balakrishnan, Continuous univariate distributions, volume 2, 1995, chapter 28.
    """

    arg_constraints = {
        "df": constraints.positive,
        "loc": constraints.real,
        "scale": constraints.positive,
    }
    support = constraints.real
    has_rsample = True

    def __init__(self, df: Any, loc: Any = 0.0, scale: Any = 1.0, validate_args: bool | None = None) -> None:
        self.df, self.loc, self.scale = broadcast_all(df, loc, scale)
        super().__init__(self.df.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return lucid.where(self.df > 1, self.loc, math.nan)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        finite = self.scale**2 * self.df / lucid.where(self.df > 2, self.df - 2, 1.0)
        return lucid.where(self.df > 2, finite, lucid.where(self.df > 1, math.inf, math.nan))

    def rsample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        half = (self.df / 2).expand(*shape)
        return self.loc + self.scale * _draws.normal(shape, self.df) * (half / standard_gamma(half)).sqrt()

    def log_prob(self, value: Tensor) -> Tensor:
        z = (self._checked(value) - self.loc) / self.scale
        half = self.df / 2
        normalizer = self.scale.log() + 0.5 * (math.pi * self.df).log() + half.lgamma() - (half + 0.5).lgamma()
        return -(half + 0.5) * (z * z / self.df).log1p() - normalizer

    def entropy(self) -> Tensor:
        half = self.df / 2
        log_beta = half.lgamma() + math.lgamma(0.5) - (half + 0.5).lgamma()
        slope = (half + 0.5) * ((half + 0.5).digamma() - half.digamma())
        return self.scale.log() + slope + 0.5 * self.df.log() + log_beta


__all__ = ["StudentT"]
