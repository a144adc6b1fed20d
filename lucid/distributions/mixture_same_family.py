"""Mixtures of distributions of one kind."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import lucid
from lucid import Tensor
from lucid.autograd._mode import no_grad
from lucid.distributions import constraints
from lucid.distributions.categorical import Categorical
from lucid.distributions.constraints import Constraint
from lucid.distributions.distribution import Distribution


class MixtureSameFamily(Distribution):
    """One of k distributions, chosen at random: density sum_i w_i p_i(x).

    Args:
        mixture_distribution: a `Categorical` with the weights.
        component_distribution: the k distributions, along its last batch dimension.
        validate_args: check samples.

    Raises:
        ValueError: the numbers of components or the batch shapes do not match.

    Example:
        >>> import lucid
        >>> from lucid.distributions import Categorical, MixtureSameFamily, Normal
        >>> parts = Normal(lucid.tensor([-1.0, 3.0]), lucid.ones(2))
        >>> print(MixtureSameFamily(Categorical(lucid.tensor([0.5, 0.5])), parts).mean)
        1.0
    """

    arg_constraints: dict[str, Constraint] = {}

    def __init__(
        self,
        mixture_distribution: Categorical,
        component_distribution: Distribution,
        validate_args: bool | None = None,
    ) -> None:
        for what, value, kind in (
            ("mixture_distribution", mixture_distribution, Categorical),
            ("component_distribution", component_distribution, Distribution),
        ):
            if not isinstance(value, kind):
                raise ValueError(f"MixtureSameFamily: expected a {kind.__name__} as {what}, got {type(value).__name__}")
        weights, batch = mixture_distribution.batch_shape, component_distribution.batch_shape[:-1]
        if any(a != b and 1 not in (a, b) for a, b in zip(reversed(weights), reversed(batch))):
            raise ValueError(
                f"MixtureSameFamily: batch shape {tuple(weights)} of the weights does not broadcast with that of the "
                f"components, {tuple(batch)}"
            )
        k, found = mixture_distribution.param_shape[-1], component_distribution.batch_shape[-1]
        if k != found:
            raise ValueError(f"MixtureSameFamily: {k} weights, but {found} components")
        self._mixture, self._component, self._num_component = mixture_distribution, component_distribution, k
        self._event_ndims = len(component_distribution.event_shape)
        super().__init__(batch, component_distribution.event_shape, validate_args=validate_args)

    def expand(self, batch_shape: Iterable[int], _instance: Any = None) -> Any:
        batch = tuple(batch_shape)
        new = type(self)(
            self._mixture.expand(batch), self._component.expand((*batch, self._num_component)), validate_args=False
        )
        new._validate_args = self._validate_args
        return new

    @constraints.dependent_property
    def support(self) -> Constraint:
        return constraints.MixtureSameFamilyConstraint(self._component.support)

    @property
    def mixture_distribution(self) -> Categorical:
        """The distribution of the component."""
        return self._mixture

    @property
    def component_distribution(self) -> Distribution:
        """The components."""
        return self._component

    def _pad(self, x: Tensor) -> Tensor:
        return x.unsqueeze(-1 - self._event_ndims)

    def _weighted(self, x: Tensor) -> Tensor:
        """The sum of ``x`` over the components, with their weights."""
        probs = self._mixture.probs
        probs = probs.reshape(*probs.shape, *[1] * self._event_ndims)
        return (probs * x).sum(-1 - self._event_ndims)

    @property
    def mean(self) -> Tensor:
        return self._weighted(self._component.mean)

    @property
    def variance(self) -> Tensor:
        spread = (self._component.mean - self._pad(self.mean)) ** 2
        return self._weighted(self._component.variance + spread)

    def cdf(self, value: Tensor) -> Tensor:
        return (self._component.cdf(self._pad(value)) * self._mixture.probs).sum(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        logs = self._component.log_prob(self._pad(self._checked(value)))
        return lucid.logsumexp(logs + self._mixture.logits, -1)

    def sample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        with no_grad():
            samples = self._component.sample(sample_shape)
            place = len(samples.shape) - self._event_ndims - 1
            chosen = self._mixture.expand(self._batch_shape).sample(sample_shape)
            index = chosen.reshape(*chosen.shape, 1, *[1] * self._event_ndims)
            return samples.gather(place, index.expand(*chosen.shape, 1, *self._event_shape)).squeeze(place)

    def __repr__(self) -> str:
        return f"MixtureSameFamily({self._mixture!r}, {self._component!r})"


__all__ = ["MixtureSameFamily"]
