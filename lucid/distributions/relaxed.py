"""Continuous relaxations of Bernoulli and one-hot samples, which gradients pass through."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import lucid
from lucid import Tensor
from lucid.distributions import _draws, constraints
from lucid.distributions.bernoulli import Binary
from lucid.distributions.categorical import Categorical, OfCategorical
from lucid.distributions.transformed_distribution import TransformedDistribution
from lucid.distributions.transforms import ExpTransform, SigmoidTransform
from lucid.distributions.utils import broadcast_all, clamp_probs
from lucid.nn import functional as F


def _temperature(name: str, temperature: Any, like: Tensor) -> Tensor:
    t = temperature if isinstance(temperature, Tensor) else lucid.tensor(float(temperature), dtype=like.dtype)
    if not (t > 0).all():
        raise ValueError(f"{name}: expected a positive temperature")
    return t


class LogitRelaxedBernoulli(Binary):
    """The logits of `RelaxedBernoulli`: (logit(p) + logistic noise) / temperature.

    Args:
        temperature: positive.
        probs, logits: as in `Bernoulli`.
        validate_args: check parameters and samples.

    Source: Maddison, Mnih and Teh, arXiv:1611.00712.
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.real
    has_rsample = True
    _kept = ("temperature",)

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        param = self._take(probs, logits)
        self.temperature = _temperature(type(self).__name__, temperature, param)
        super().__init__(param.shape, validate_args=validate_args)

    def rsample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        probs = clamp_probs(self.probs)
        noise = _draws.logistic(self._extended_shape(sample_shape), probs)
        return (noise + probs.log() - (-probs).log1p()) / self.temperature

    def log_prob(self, value: Tensor) -> Tensor:
        logits, value = broadcast_all(self.logits, self._checked(value))
        d = logits - value * self.temperature
        return self.temperature.log() + d - 2 * F.softplus(d)


class RelaxedBernoulli(TransformedDistribution):
    """Numbers in (0, 1) that approach `Bernoulli` as the temperature falls.

    Args:
        temperature: positive.
        probs, logits: as in `Bernoulli`.
        validate_args: check parameters and samples.

    Raises:
        ValueError: ``temperature`` is not positive, or not just one of ``probs`` and ``logits`` is given.

    Example:
        >>> import lucid
        >>> from lucid.distributions import RelaxedBernoulli
        >>> x = RelaxedBernoulli(0.5, probs=lucid.tensor([0.1, 0.9])).rsample()
        >>> bool(((x > 0) & (x < 1)).all())
        True

    Source: Maddison, Mnih and Teh, arXiv:1611.00712; Jang, Gu and Poole, arXiv:1611.01144.
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        base = LogitRelaxedBernoulli(temperature, probs, logits, validate_args=validate_args)
        super().__init__(base, SigmoidTransform(), validate_args=validate_args)

    @property
    def temperature(self) -> Tensor:
        return self.base_dist.temperature

    @property
    def logits(self) -> Tensor:
        return self.base_dist.logits

    @property
    def probs(self) -> Tensor:
        return self.base_dist.probs


class ExpRelaxedCategorical(OfCategorical):
    """The logarithms of `RelaxedOneHotCategorical`: log_softmax((logits + Gumbel noise) / temperature).

    Args:
        temperature: positive.
        probs, logits: as in `Categorical`.
        validate_args: check parameters and samples.

    Source: Maddison, Mnih and Teh, arXiv:1611.00712.
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.real_vector
    has_rsample = True
    _kept = ("temperature",)

    def __init__(
        self,
        temperature: Any,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        self._categorical = Categorical(probs, logits)
        c = self._categorical
        self.temperature = _temperature(type(self).__name__, temperature, c.logits)
        super().__init__(c.batch_shape, c.param_shape[-1:], validate_args=validate_args)

    def rsample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        noise = _draws.gumbel(self._extended_shape(sample_shape), self.logits)
        return F.log_softmax((self.logits + noise) / self.temperature, -1)

    def log_prob(self, value: Tensor) -> Tensor:
        n = self._event_shape[0]
        logits, value = broadcast_all(self.logits, self._checked(value))
        scale = lucid.full_like(self.temperature, float(n)).lgamma() + self.temperature.log() * (n - 1)
        return F.log_softmax(logits - value * self.temperature, -1).sum(-1) + scale


class RelaxedOneHotCategorical(TransformedDistribution):
    """Points of a simplex that approach `OneHotCategorical` as the temperature falls.

    Args:
        temperature: positive.
        probs, logits: as in `Categorical`.
        validate_args: check parameters and samples.

    Raises:
        ValueError: ``temperature`` is not positive, or not just one of ``probs`` and ``logits`` is given.

    Example:
        >>> import lucid
        >>> from lucid.distributions import RelaxedOneHotCategorical
        >>> x = RelaxedOneHotCategorical(0.5, probs=lucid.tensor([0.2, 0.3, 0.5])).rsample()
        >>> bool((x.sum() - 1).abs() < 1e-5)
        True

    Source: Maddison, Mnih and Teh, arXiv:1611.00712; Jang, Gu and Poole, arXiv:1611.01144.
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.simplex
    has_rsample = True

    def __init__(
        self,
        temperature: Any,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        base = ExpRelaxedCategorical(temperature, probs, logits, validate_args=validate_args)
        super().__init__(base, ExpTransform(), validate_args=validate_args)

    @property
    def temperature(self) -> Tensor:
        return self.base_dist.temperature

    @property
    def logits(self) -> Tensor:
        return self.base_dist.logits

    @property
    def probs(self) -> Tensor:
        return self.base_dist.probs


__all__ = ["ExpRelaxedCategorical", "LogitRelaxedBernoulli", "RelaxedBernoulli", "RelaxedOneHotCategorical"]
