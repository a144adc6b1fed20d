"""The continuous uniform distribution."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import lucid
from lucid import Tensor
from lucid.distributions import _draws, constraints
from lucid.distributions.distribution import Distribution
from lucid.distributions.utils import broadcast_all


class Uniform(Distribution):
    """The uniform distribution on [low, high), density 1 / (high - low).

    Args:
        low: lower end.
        high: upper end, above ``low``.
        validate_args: check parameters and samples.

    Raises:
        ValueError: ``low`` is not below ``high``.

    Example:
        >>> import lucid
        >>> from lucid.distributions import Uniform
        >>> print(Uniform(1.0, 3.0).mean)
        2.0

    Source: Johnson, Kotz and Balakrishnan, Continuous univariate distributions, volume 2, 1995, chapter 26.
    """

    arg_constraints = {
        "low": constraints.dependent(is_discrete=False, event_dim=0),
        "high": constraints.dependent(is_discrete=False, event_dim=0),
    }
    has_rsample = True

    def __init__(self, low: Any, high: Any, validate_args: bool | None = None) -> None:
        self.low, self.high = broadcast_all(low, high)
        super().__init__(self.low.shape, validate_args=validate_args)
        if self._validate_args and not (self.low < self.high).all():
            raise ValueError("Uniform: expected low below high everywhere")

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        return constraints.interval(self.low, self.high)

    @property
    def mean(self) -> Tensor:
        return (self.high + self.low) / 2

    @property
    def mode(self) -> Tensor:
        return math.nan * self.high

    @property
    def variance(self) -> Tensor:
        return (self.high - self.low) ** 2 / 12

    @property
    def stddev(self) -> Tensor:
        return (self.high - self.low) / math.sqrt(12)

    def rsample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        return self.low + _draws.uniform(self._extended_shape(sample_shape), self.low) * (self.high - self.low)

    def log_prob(self, value: Tensor) -> Tensor:
        value = self._checked(value)
        inside = (value >= self.low) & (value < self.high)
        return lucid.where(inside, -(self.high - self.low).log(), -math.inf)

    def cdf(self, value: Tensor) -> Tensor:
        return ((self._checked(value) - self.low) / (self.high - self.low)).clamp(min=0, max=1)

    def icdf(self, value: Tensor) -> Tensor:
        return value * (self.high - self.low) + self.low

    def entropy(self) -> Tensor:
        return (self.high - self.low).log()


__all__ = ["Uniform"]
