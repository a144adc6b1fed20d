"""Counts: Binomial, NegativeBinomial, Multinomial and Poisson."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

import lucid
from lucid import Tensor
from lucid.distributions import _draws, constraints
from lucid.distributions.bernoulli import Binary
from lucid.distributions.categorical import Categorical, OfCategorical
from lucid.distributions.distribution import Distribution
from lucid.distributions.exp_family import ExponentialFamily
from lucid.distributions.utils import broadcast_all
from lucid.nn import functional as F


class _Counted(Binary):
    """What Binomial and NegativeBinomial share."""

    total_count: Tensor

    def _start(self, total_count: Any, probs: Any, logits: Any, validate_args: bool | None) -> None:
        param = self._take(probs, logits)
        name = "probs" if probs is not None else "logits"
        self.total_count, vars(self)[name] = broadcast_all(total_count, param)
        self.total_count = self.total_count.to(param.dtype)
        Distribution.__init__(self, self.total_count.shape, validate_args=validate_args)


class Binomial(_Counted):
    """The number of successes among n trials, k with probability C(n, k) p^k (1 - p)^(n - k).

    Args:
        total_count: n.
        probs: p.
        logits: log(p / (1 - p)), instead.
        validate_args: check parameters and samples.

    Raises:
        ValueError: both or none of ``probs`` and ``logits`` are given, or a parameter is out of its range.

    Example:
        >>> import lucid
        >>> from lucid.distributions import Binomial
        >>> print(Binomial(4, 0.25).mean)
        1.0

    Source: Johnson, Kemp and Kotz, Univariate discrete distributions, 2005, chapter 3.
    """

    arg_constraints = {
        "total_count": constraints.nonnegative_integer,
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    has_enumerate_support = True

    def __init__(
        self, total_count: Any = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        self._start(total_count, probs, logits, validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.probs

    @property
    def mode(self) -> Tensor:
        return ((self.total_count + 1) * self.probs).floor().clamp(max=self.total_count)

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        p = self.probs.detach()
        return lucid.binomial(self.total_count.expand(*shape), p.expand(*shape)).to(p.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        value, n = self._checked(value), self.total_count
        choices = (n + 1).lgamma() - (value + 1).lgamma() - (n - value + 1).lgamma()
        return choices + value * self.logits - n * F.softplus(self.logits)

    def entropy(self) -> Tensor:
        n = int(self.total_count.max())
        if not (self.total_count == n).all():
            raise NotImplementedError("Binomial: the entropy of different total_count in one batch is not implemented")
        logs = self.log_prob(self.enumerate_support(False))
        return -(logs.exp() * logs).sum(0)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        n = int(self.total_count.max())
        if not (self.total_count == n).all():
            raise NotImplementedError("Binomial: enumerating different total_count in one batch is not implemented")
        values = lucid.arange(n + 1, dtype=self._param.dtype).reshape(-1, *[1] * len(self._batch_shape))
        return values.expand(-1, *self._batch_shape) if expand else values


class NegativeBinomial(_Counted):
    """The number of successes before the r-th failure, k with probability C(k + r - 1, k) (1 - p)^r p^k.

    Args:
        total_count: r, not negative; need not be an integer.
        probs: p, in [0, 1).
        logits: log(p / (1 - p)), instead.
        validate_args: check parameters and samples.

    Raises:
        ValueError: both or none of ``probs`` and ``logits`` are given, or a parameter is out of its range.

    Example:
        >>> import lucid
        >>> from lucid.distributions import NegativeBinomial
        >>> print(NegativeBinomial(4, 0.5).mean)
        4.0

    Source: Johnson, Kemp and Kotz, Univariate discrete distributions, 2005, chapter 5.
    """

    arg_constraints = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer

    def __init__(
        self, total_count: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        self._start(total_count, probs, logits, validate_args)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.logits.exp()

    @property
    def mode(self) -> Tensor:
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0)

    @property
    def variance(self) -> Tensor:
        return self.mean / lucid.sigmoid(-self.logits)

    def sample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        g = _draws.generator(2 * int(np.prod(shape)))
        rates = g.standard_gamma(_draws.array(self.total_count, shape)) * np.exp(
            _draws.array(self.logits.detach(), shape)
        )
        return lucid.from_numpy(np.asarray(g.poisson(np.asarray(rates)), self.logits.dtype.numpy))

    def log_prob(self, value: Tensor) -> Tensor:
        value, r = self._checked(value), self.total_count
        score = r * F.logsigmoid(-self.logits) + value * F.logsigmoid(self.logits)
        choices = (r + value).lgamma() - (value + 1).lgamma() - r.lgamma()
        return score + lucid.where(r + value == 0, 0.0, choices)


class Poisson(ExponentialFamily):
    """The Poisson distribution, k with probability rate^k exp(-rate) / k!.

    Args:
        rate: mean, not negative.
        validate_args: check parameters and samples.

    Raises:
        ValueError: ``rate`` is negative.

    Example:
        >>> import lucid
        >>> from lucid.distributions import Poisson
        >>> print(Poisson(4.5).mode)
        4.0

    Source: Johnson, Kemp and Kotz, Univariate discrete distributions, 2005, chapter 4.
    """

    arg_constraints = {"rate": constraints.nonnegative}
    support = constraints.nonnegative_integer

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        (self.rate,) = broadcast_all(rate)
        super().__init__(self.rate.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.rate

    @property
    def mode(self) -> Tensor:
        return self.rate.floor()

    @property
    def variance(self) -> Tensor:
        return self.rate

    def sample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        return lucid.poisson(self.rate.detach().expand(*self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        rate, value = broadcast_all(self.rate, self._checked(value))
        return lucid.xlogy(value, rate) - rate - (value + 1).lgamma()

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return (self.rate.log(),)

    def _log_normalizer(self, *params: Tensor) -> Tensor:
        return params[0].exp()


class Multinomial(OfCategorical):
    """How often each of n indices occurs among ``total_count`` draws of `Categorical`.

    Args:
        total_count: number of draws.
        probs, logits: as in `Categorical`.
        validate_args: check parameters and samples.

    Raises:
        ValueError: both or none of ``probs`` and ``logits`` are given.
        NotImplementedError: ``total_count`` is not a plain integer.

    Example:
        >>> import lucid
        >>> from lucid.distributions import Multinomial
        >>> print(Multinomial(8, lucid.tensor([0.25, 0.75])).mean)
        [2.0, 6.0]
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}

    def __init__(
        self,
        total_count: int = 1,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        if not isinstance(total_count, int):
            raise NotImplementedError("Multinomial: inhomogeneous total_count is not supported")
        self.total_count = total_count
        self._categorical = Categorical(probs, logits)
        c = self._categorical
        super().__init__(c.batch_shape, c.param_shape[-1:], validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> Any:
        return constraints.multinomial(self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.probs * self.total_count

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        p = _draws.array(self.probs.detach(), shape)
        counts = _draws.generator(int(np.prod(shape))).multinomial(self.total_count, p / p.sum(-1, keepdims=True))
        return lucid.from_numpy(np.asarray(counts, self.probs.dtype.numpy))

    def log_prob(self, value: Tensor) -> Tensor:
        logits, value = broadcast_all(self.logits, self._checked(value))
        logits = lucid.where((value == 0) & (logits == -float("inf")), 0.0, logits)
        orders = (value.sum(-1) + 1).lgamma() - (value + 1).lgamma().sum(-1)
        return orders + (logits * value).sum(-1)

    def entropy(self) -> Tensor:
        n = self.total_count
        one = Binomial(n, self.probs)
        counts = one.enumerate_support(False)[1:]
        probs = one.log_prob(counts).exp()
        factorials = lucid.lgamma(lucid.tensor(n + 1.0, dtype=self.probs.dtype))
        return n * self._categorical.entropy() - factorials + ((counts + 1).lgamma() * probs).sum((0, -1))


__all__ = ["Binomial", "Multinomial", "NegativeBinomial", "Poisson"]
