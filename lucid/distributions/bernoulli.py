"""Distributions with the probability of an event: Bernoulli, its continuous form, and Geometric."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

import lucid
from lucid import Tensor
from lucid.distributions import _draws, constraints
from lucid.distributions.categorical import one_given
from lucid.distributions.distribution import Distribution
from lucid.distributions.exp_family import ExponentialFamily
from lucid.distributions.utils import broadcast_all, clamp_probs, lazy_property, logits_to_probs, probs_to_logits, tiny
from lucid.nn import functional as F


class Binary(Distribution):
    """What distributions given by ``probs`` or ``logits`` share."""

    def _take(self, probs: Any, logits: Any) -> Tensor:
        """Keep the one that is given."""
        one_given(type(self).__name__, probs, logits)
        name, value = ("probs", probs) if probs is not None else ("logits", logits)
        (vars(self)[name],) = broadcast_all(value)
        return vars(self)[name]

    @lazy_property
    def logits(self) -> Tensor:
        """log(p / (1 - p))."""
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self) -> Tensor:
        """The probability p."""
        return logits_to_probs(self.logits, is_binary=True)

    @property
    def _param(self) -> Tensor:
        return vars(self)["logits" if "logits" in vars(self) else "probs"]

    @property
    def param_shape(self) -> lucid.Size:
        """The shape of ``probs``."""
        return self._param.shape

    def _score(self, value: Tensor) -> Tensor:
        """value log(p) + (1 - value) log(1 - p)."""
        logits, value = broadcast_all(self.logits, value)
        return -F.binary_cross_entropy_with_logits(logits, value, reduction="none")


class Bernoulli(Binary, ExponentialFamily):
    """1 with probability p, 0 otherwise.

    Args:
        probs: p, a number or Tensor.
        logits: log(p / (1 - p)), instead.
        validate_args: check parameters and samples.

    Raises:
        ValueError: both or none of ``probs`` and ``logits`` are given, or p is not within [0, 1].

    Example:
        >>> import lucid
        >>> from lucid.distributions import Bernoulli
        >>> print(Bernoulli(0.25).variance)
        0.1875
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.boolean
    has_enumerate_support = True
    _mean_carrier_measure = 0.0

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        super().__init__(self._take(probs, logits).shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        return lucid.where(self.probs == 0.5, math.nan, (self.probs >= 0.5).to(self.probs.dtype))

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        probs = self.probs.detach()
        shape = self._extended_shape(sample_shape)
        return lucid.from_numpy(np.asarray(_draws.unit(shape) < _draws.array(probs, shape))).to(probs.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        return self._score(self._checked(value))

    def entropy(self) -> Tensor:
        return F.binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")

    def enumerate_support(self, expand: bool = True) -> Tensor:
        values = lucid.arange(2, dtype=self._param.dtype).reshape(-1, *[1] * len(self._batch_shape))
        return values.expand(-1, *self._batch_shape) if expand else values

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return (self.logits,)

    def _log_normalizer(self, *params: Tensor) -> Tensor:
        return F.softplus(params[0])


class Geometric(Binary):
    """The number of failures before the first success, k with probability (1 - p)^k p.

    Args:
        probs: p, in (0, 1].
        logits: log(p / (1 - p)), instead.
        validate_args: check parameters and samples.

    Raises:
        ValueError: both or none of ``probs`` and ``logits`` are given, or p is not within (0, 1].

    Example:
        >>> import lucid
        >>> from lucid.distributions import Geometric
        >>> print(Geometric(0.25).mean)
        3.0
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.nonnegative_integer

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        param = self._take(probs, logits)
        super().__init__(param.shape, validate_args=validate_args)
        if self._validate_args and probs is not None:
            self._check("parameter probs", param, constraints.greater_than(0.0))

    @property
    def mean(self) -> Tensor:
        return 1 / self.probs - 1

    @property
    def mode(self) -> Tensor:
        return lucid.zeros_like(self.probs)

    @property
    def variance(self) -> Tensor:
        return (1 / self.probs - 1) / self.probs

    def sample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        probs = self.probs.detach()
        shape = self._extended_shape(sample_shape)
        noise = -_draws.exponential(shape, probs.double())
        return (noise / (-probs.double()).log1p().clamp(max=-tiny(probs))).floor().to(probs.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        value, probs = broadcast_all(self._checked(value), self.probs)
        sure = (probs == 1) & (value == 0)
        return value * (-lucid.where(sure, 0.0, probs)).log1p() + self.probs.log()

    def entropy(self) -> Tensor:
        return F.binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none") / self.probs


class ContinuousBernoulli(Binary, ExponentialFamily):
    """Numbers in [0, 1] of density proportional to p^x (1 - p)^(1 - x).

    Near p = 1/2 the formulas lose all their digits; Taylor series take their place there.

    Args:
        probs: p.
        logits: log(p / (1 - p)), instead.
        lims: between which p the series are used.
        validate_args: check parameters and samples.

    Raises:
        ValueError: both or none of ``probs`` and ``logits`` are given, or p is not within [0, 1].

    Example:
        >>> import lucid
        >>> from lucid.distributions import ContinuousBernoulli
        >>> print(ContinuousBernoulli(0.5).mean)
        0.5

    Source: Loaiza-Ganem and Cunningham, arXiv:1907.06845.
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True
    _mean_carrier_measure = 0.0

    def __init__(
        self,
        probs: Any = None,
        logits: Any = None,
        lims: tuple[float, float] = (0.499, 0.501),
        validate_args: bool | None = None,
    ) -> None:
        param = self._take(probs, logits)
        self._lims = lims
        super().__init__(param.shape, validate_args=validate_args)
        if probs is not None:
            self.probs = clamp_probs(param)

    @lazy_property
    def probs(self) -> Tensor:
        """The probability p, kept inside (0, 1)."""
        return clamp_probs(logits_to_probs(self.logits, is_binary=True))

    def _chosen(self, exact: Any, series: Any) -> Tensor:
        """``exact`` of p, or ``series`` of p - 1/2 where p is near 1/2."""
        far = (self.probs <= self._lims[0]) | (self.probs > self._lims[1])
        return lucid.where(far, exact(lucid.where(far, self.probs, self._lims[0])), series(self.probs - 0.5))

    def _log_norm(self) -> Tensor:
        def exact(p: Tensor) -> Tensor:
            return ((-p).log1p() - p.log()).abs().log() - (1 - 2 * p).abs().log()

        return self._chosen(exact, lambda x: math.log(2.0) + (4 / 3 + 104 / 45 * x * x) * x * x)

    @property
    def mean(self) -> Tensor:
        def exact(p: Tensor) -> Tensor:
            return p / (2 * p - 1) + 1 / ((-p).log1p() - p.log())

        return self._chosen(exact, lambda x: 0.5 + (1 / 3 + 16 / 45 * x * x) * x)

    @property
    def variance(self) -> Tensor:
        def exact(p: Tensor) -> Tensor:
            return p * (p - 1) / (1 - 2 * p) ** 2 + 1 / ((-p).log1p() - p.log()) ** 2

        return self._chosen(exact, lambda x: 1 / 12 - (1 / 15 - 128 / 945 * x * x) * x * x)

    def rsample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        return self.icdf(_draws.uniform(self._extended_shape(sample_shape), self.probs))

    def log_prob(self, value: Tensor) -> Tensor:
        return self._score(self._checked(value)) + self._log_norm()

    def cdf(self, value: Tensor) -> Tensor:
        value, (even, t) = self._checked(value), self._tilt()
        inner = lucid.where(even, value, (t * value).expm1() / t.expm1())
        return lucid.where(value <= 0, 0.0, lucid.where(value >= 1, 1.0, inner))

    def icdf(self, value: Tensor) -> Tensor:
        even, t = self._tilt()
        return lucid.where(even, value, (value * t.expm1()).log1p() / t)

    def _tilt(self) -> tuple[Tensor, Tensor]:
        """Where p is 1/2, and log(p / (1 - p)) with ones there: the density is proportional to exp(t x)."""
        t = self.probs.log() - (-self.probs).log1p()
        return t == 0, lucid.where(t == 0, 1.0, t)

    def entropy(self) -> Tensor:
        low, high = (-self.probs).log1p(), self.probs.log()
        return self.mean * (low - high) - self._log_norm() - low

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return (self.logits,)

    def _log_normalizer(self, *params: Tensor) -> Tensor:
        x = params[0]
        near = (x > self._lims[0] - 0.5) & (x <= self._lims[1] - 0.5)
        safe = lucid.where(near, 1.0, x)
        return lucid.where(near, x / 2 + x**2 / 24 - x**4 / 2880, (safe.expm1() / safe).log())


__all__ = ["Bernoulli", "ContinuousBernoulli", "Geometric"]
