"""The Laplace distribution."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from lucid import Tensor
from lucid.distributions import _draws, constraints
from lucid.distributions.distribution import Distribution
from lucid.distributions.utils import broadcast_all


class Laplace(Distribution):
    """The Laplace distribution, density exp(-|x - loc| / scale) / (2 scale).

    Args:
        loc: mean.
        scale: mean distance from it, positive.
        validate_args: check parameters and samples.

    Raises:
        ValueError: ``scale`` is not positive.

    Example:
        >>> import lucid
        >>> from lucid.distributions import Laplace
        >>> print(Laplace(0.0, 1.0).variance)
        2.0

    Source: Johnson, Kotz and Balakrishnan, Continuous univariate distributions, volume 2, 1995, chapter 24.
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
    def variance(self) -> Tensor:
        return 2 * self.scale**2

    @property
    def stddev(self) -> Tensor:
        return math.sqrt(2) * self.scale

    def rsample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        return self.loc + self.scale * _draws.laplace(self._extended_shape(sample_shape), self.loc)

    def log_prob(self, value: Tensor) -> Tensor:
        return -(2 * self.scale).log() - (self._checked(value) - self.loc).abs() / self.scale

    def cdf(self, value: Tensor) -> Tensor:
        d = self._checked(value) - self.loc
        return 0.5 - 0.5 * d.sign() * (-d.abs() / self.scale).expm1()

    def icdf(self, value: Tensor) -> Tensor:
        d = value - 0.5
        return self.loc - self.scale * d.sign() * (-2 * d.abs()).log1p()

    def entropy(self) -> Tensor:
        return 1 + (2 * self.scale).log()


__all__ = ["Laplace"]
