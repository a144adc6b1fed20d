"""Beta and Dirichlet distributions: shares of gamma numbers in their sum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import lucid
from lucid import Tensor
from lucid.distributions import constraints
from lucid.distributions._gamma_math import log_standard_gamma
from lucid.distributions.exp_family import ExponentialFamily
from lucid.distributions.utils import broadcast_all, eps, tiny
from lucid.nn import functional as F


class Dirichlet(ExponentialFamily):
    """The Dirichlet distribution on a simplex, density proportional to the product of x_i^(a_i - 1).

    Args:
        concentration: a, positive, of shape (..., n).
        validate_args: check parameters and samples.

    Raises:
        ValueError: ``concentration`` has no dimension, or is not positive.

    Example:
        >>> import lucid
        >>> from lucid.distributions import Dirichlet
        >>> print(Dirichlet(lucid.tensor([1.0, 3.0])).mean)
        [0.25, 0.75]
    """

    arg_constraints = {"concentration": constraints.independent(constraints.positive, 1)}
    support = constraints.simplex
    has_rsample = True

    def __init__(self, concentration: Tensor, validate_args: bool | None = None) -> None:
        if concentration.ndim < 1:
            raise ValueError("Dirichlet: concentration must be at least one-dimensional")
        self.concentration = concentration
        super().__init__(concentration.shape[:-1], concentration.shape[-1:], validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.concentration.sum(-1, keepdim=True)

    @property
    def mode(self) -> Tensor:
        excess = (self.concentration - 1).clamp(min=0)
        mode = excess / excess.sum(-1, keepdim=True)
        n = self.concentration.shape[-1]
        corner = F.one_hot(self.concentration.argmax(-1), n).to(mode.dtype)  # all concentrations below 1
        return lucid.where((self.concentration < 1).all(-1, keepdim=True), corner, mode)

    @property
    def variance(self) -> Tensor:
        total = self.concentration.sum(-1, keepdim=True)
        return self.concentration * (total - self.concentration) / (total**2 * (total + 1))

    def rsample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        logs = log_standard_gamma(self.concentration.expand(*self._extended_shape(sample_shape)))
        return F.softmax(logs, -1).clamp(min=tiny(logs))

    def log_prob(self, value: Tensor) -> Tensor:
        a = self.concentration
        powers = lucid.xlogy(a - 1, self._checked(value)).sum(-1)
        return powers + a.sum(-1).lgamma() - a.lgamma().sum(-1)

    def entropy(self) -> Tensor:
        a, n = self.concentration, self.concentration.shape[-1]
        total = a.sum(-1)
        normalizer = a.lgamma().sum(-1) - total.lgamma()
        return normalizer - (n - total) * total.digamma() - ((a - 1) * a.digamma()).sum(-1)

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return (self.concentration,)

    def _log_normalizer(self, *params: Tensor) -> Tensor:
        return params[0].lgamma().sum(-1) - params[0].sum(-1).lgamma()


class Beta(ExponentialFamily):
    """The beta distribution, density proportional to x^(a - 1) (1 - x)^(b - 1).

    Args:
        concentration1: a, positive.
        concentration0: b, positive.
        validate_args: check parameters and samples.

    Raises:
        ValueError: a concentration is not positive.

    Example:
        >>> import lucid
        >>> from lucid.distributions import Beta
        >>> print(Beta(1.0, 3.0).mean)
        0.25

    Source: Johnson, Kotz and Balakrishnan, Continuous univariate distributions, volume 2, 1995, chapter 25.
    """

    arg_constraints = {
        "concentration1": constraints.positive,
        "concentration0": constraints.positive,
    }
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: bool | None = None) -> None:
        self.concentration1, self.concentration0 = broadcast_all(concentration1, concentration0)
        super().__init__(self.concentration1.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration1 / (self.concentration1 + self.concentration0)

    @property
    def mode(self) -> Tensor:
        return Dirichlet(lucid.stack([self.concentration1, self.concentration0], -1)).mode[..., 0]

    @property
    def variance(self) -> Tensor:
        total = self.concentration1 + self.concentration0
        return self.concentration1 * self.concentration0 / (total**2 * (total + 1))

    def rsample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        x, y = (log_standard_gamma(a.expand(*shape)) for a in (self.concentration1, self.concentration0))
        z = lucid.sigmoid(x - y)
        return z.clamp(min=tiny(z), max=1 - eps(z) / 2)

    def _log_beta(self) -> Tensor:
        a, b = self.concentration1, self.concentration0
        return a.lgamma() + b.lgamma() - (a + b).lgamma()

    def log_prob(self, value: Tensor) -> Tensor:
        value = self._checked(value)
        ones = lucid.xlogy(self.concentration1 - 1, value)
        return ones + lucid.special.xlog1py(self.concentration0 - 1, -value) - self._log_beta()

    def entropy(self) -> Tensor:
        a, b = self.concentration1, self.concentration0
        parts = (a - 1) * a.digamma() + (b - 1) * b.digamma() - (a + b - 2) * (a + b).digamma()
        return self._log_beta() - parts

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return self.concentration1, self.concentration0

    def _log_normalizer(self, *params: Tensor) -> Tensor:
        x, y = params
        return x.lgamma() + y.lgamma() - (x + y).lgamma()


__all__ = ["Beta", "Dirichlet"]
