"""Categorical distributions: over indices, and over one-hot vectors."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

import lucid
from lucid import Tensor
from lucid.distributions import _draws, constraints
from lucid.distributions.distribution import Distribution
from lucid.distributions.utils import lazy_property, logits_to_probs, probs_to_logits
from lucid.nn import functional as F


def one_given(name: str, probs: Any, logits: Any) -> None:
    """Refuse both, or none, of two parameters."""
    if (probs is None) == (logits is None):
        raise ValueError(f"{name}: either `probs` or `logits` must be specified, but not both")


class Categorical(Distribution):
    """An index below n: i with probability probs_i.

    Args:
        probs: weights of shape (..., n), which need not sum to 1.
        logits: logarithms of weights, instead of ``probs``.
        validate_args: check parameters and samples.

    Raises:
        ValueError: both or none of ``probs`` and ``logits`` are given, or they have no dimension.

    Example:
        >>> import lucid
        >>> from lucid.distributions import Categorical
        >>> print(Categorical(lucid.tensor([1.0, 3.0])).probs)
        [0.25, 0.75]
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    has_enumerate_support = True

    def __init__(
        self, probs: Tensor | None = None, logits: Tensor | None = None, validate_args: bool | None = None
    ) -> None:
        one_given("Categorical", probs, logits)
        param: Any = probs if probs is not None else logits
        if param.ndim < 1:
            raise ValueError("Categorical: `probs` or `logits` must be at least one-dimensional")
        if probs is not None:
            self.probs = probs / probs.sum(-1, keepdim=True)
        else:
            self.logits = F.log_softmax(param, -1)
        self._num_events = int(param.shape[-1])
        super().__init__(param.shape[:-1], validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        return constraints.integer_interval(0, self._num_events - 1)

    @lazy_property
    def logits(self) -> Tensor:
        """The logarithms of the probabilities."""
        return probs_to_logits(self.probs)

    @lazy_property
    def probs(self) -> Tensor:
        """The probabilities."""
        return logits_to_probs(self.logits)

    @property
    def _param(self) -> Tensor:
        return vars(self)["logits" if "logits" in vars(self) else "probs"]

    @property
    def param_shape(self) -> lucid.Size:
        """The shape of ``probs``."""
        return self._param.shape

    @property
    def mean(self) -> Tensor:
        return lucid.full(self._extended_shape(), math.nan, dtype=self._param.dtype)

    variance = mean

    @property
    def mode(self) -> Tensor:
        return self.probs.argmax(-1)

    def sample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        levels = _draws.array(self.probs.detach(), self.param_shape).cumsum(-1)
        u = _draws.unit(shape)[..., None] * levels[..., -1:]
        return lucid.from_numpy(np.asarray((u >= levels[..., :-1]).sum(-1)))  # a number of NumPy's for one draw

    def log_prob(self, value: Tensor) -> Tensor:
        index = self._checked(value).long().unsqueeze(-1)
        shape = lucid.broadcast_shapes(index.shape[:-1], self._batch_shape)
        index, logits = index.expand(*shape, 1), self.logits.expand(*shape, self._num_events)
        return logits.gather(-1, index).squeeze(-1)

    def entropy(self) -> Tensor:
        least = -3.4028234663852886e38 if self.logits.dtype == lucid.float32 else -1.7976931348623157e308
        return -(self.logits.clamp(min=least) * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        values = lucid.arange(self._num_events).reshape(-1, *[1] * len(self._batch_shape))
        return values.expand(-1, *self._batch_shape) if expand else values


class OfCategorical(Distribution):
    """A distribution of vectors that has the parameters of the `Categorical` in ``_categorical``."""

    _categorical: Categorical

    @property
    def probs(self) -> Tensor:
        """The probabilities."""
        return self._categorical.probs

    @property
    def logits(self) -> Tensor:
        """The logarithms of the probabilities."""
        return self._categorical.logits

    @property
    def param_shape(self) -> lucid.Size:
        """The shape of ``probs``."""
        return self._categorical.param_shape


class OneHotCategorical(OfCategorical):
    """A vector of zeros with a one at an index of `Categorical`.

    Args:
        probs, logits: as in `Categorical`.
        validate_args: check parameters and samples.

    Raises:
        ValueError: not just one of ``probs`` and ``logits``, or ``probs`` are negative.

    Example:
        >>> import lucid
        >>> from lucid.distributions import OneHotCategorical
        >>> print(OneHotCategorical(lucid.tensor([0.25, 0.75])).mode)
        [0.0, 1.0]
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.one_hot
    has_enumerate_support = True

    def __init__(
        self, probs: Tensor | None = None, logits: Tensor | None = None, validate_args: bool | None = None
    ) -> None:
        one_given(type(self).__name__, probs, logits)
        self._categorical = Categorical(probs, logits, validate_args=validate_args)
        c = self._categorical
        super().__init__(c.batch_shape, c.param_shape[-1:], validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        return F.one_hot(self._categorical.mode, self._event_shape[0]).to(self.probs.dtype)

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        return F.one_hot(self._categorical.sample(sample_shape), self._event_shape[0]).to(self.probs.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        return self._categorical.log_prob(self._checked(value).argmax(-1))

    def entropy(self) -> Tensor:
        return self._categorical.entropy()

    def enumerate_support(self, expand: bool = True) -> Tensor:
        n = self._event_shape[0]
        values = lucid.eye(n, dtype=self.probs.dtype).reshape(n, *[1] * len(self._batch_shape), n)
        return values.expand(n, *self._batch_shape, n) if expand else values

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._categorical!r})"


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """`OneHotCategorical` whose samples pass gradients to ``probs`` as if they were the probabilities.

    Args:
        probs, logits: as in `Categorical`.
        validate_args: check parameters and samples.

    Raises:
        ValueError: not just one of ``probs`` and ``logits``, or ``probs`` are negative.

    Example:
        >>> import lucid
        >>> probs = lucid.tensor([0.0, 1.0], requires_grad=True)
        >>> print(lucid.distributions.OneHotCategoricalStraightThrough(probs).rsample().detach())
        [0.0, 1.0]

    Source: Bengio, Leonard and Courville, arXiv:1308.3432.
    """

    has_rsample = True

    def rsample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        return self.sample(sample_shape) + (self.probs - self.probs.detach())


__all__ = ["Categorical", "OneHotCategorical", "OneHotCategoricalStraightThrough"]
