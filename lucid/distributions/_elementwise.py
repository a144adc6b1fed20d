"""Transforms of single numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import lucid
from lucid import Tensor
from lucid.distributions import constraints
from lucid.distributions._transform import Transform
from lucid.distributions.constraints import Constraint
from lucid.distributions.utils import broadcast_all, eps, is_number, lazy_property, tiny
from lucid.nn import functional as F


def _broadcast(*shapes: Sequence[int]) -> tuple[int, ...]:
    return tuple(lucid.broadcast_shapes(*shapes))


def clipped_sigmoid(x: Tensor) -> Tensor:
    """The sigmoid, kept inside (0, 1)."""
    return lucid.sigmoid(x).clamp(min=tiny(x), max=1 - eps(x))


class _Simple(Transform):
    """A transform without parameters: all of a kind are equal."""

    domain: Constraint = constraints.real
    codomain: Constraint = constraints.positive
    bijective = True
    sign: Any = 1

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    __hash__ = Transform.__hash__


class ExpTransform(_Simple):
    """y = exp(x).

    Args:
        cache_size: 1 keeps the last pair of values, so that the inverse of a result is exact; 0 does not.

    Example:
        >>> import lucid
        >>> from lucid.distributions import ExpTransform
        >>> print(ExpTransform().inv(lucid.tensor(1.0)))
        0.0
    """

    def _call(self, x: Tensor) -> Tensor:
        return x.exp()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return x


class SigmoidTransform(_Simple):
    """y = 1 / (1 + exp(-x)), kept inside (0, 1).

    Args:
        cache_size: 1 keeps the last pair of values, so that the inverse of a result is exact; 0 does not.

    Example:
        >>> import lucid
        >>> print(lucid.distributions.SigmoidTransform()(lucid.tensor([0.0])))
        [0.5]
    """

    codomain = constraints.unit_interval

    def _call(self, x: Tensor) -> Tensor:
        return clipped_sigmoid(x)

    def _inverse(self, y: Tensor) -> Tensor:
        y = y.clamp(min=tiny(y), max=1 - eps(y))
        return y.log() - (-y).log1p()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -F.softplus(-x) - F.softplus(x)


class SoftplusTransform(_Simple):
    """y = log(1 + exp(x)).

    Args:
        cache_size: 1 keeps the last pair of values, so that the inverse of a result is exact; 0 does not.

    Example:
        >>> import lucid
        >>> print(lucid.distributions.SoftplusTransform()(lucid.tensor([0.0, 100.0])))
        [0.6931472, 100.0]
    """

    def _call(self, x: Tensor) -> Tensor:
        return F.softplus(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return (-(-y).expm1()).log() + y

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -F.softplus(-x)


class TanhTransform(_Simple):
    """y = tanh(x). The inverse is infinite at -1 and 1; a cache avoids it.

    Args:
        cache_size: 1 keeps the last pair of values, so that the inverse of a result is exact; 0 does not.

    Example:
        >>> import lucid
        >>> print(lucid.distributions.TanhTransform()(lucid.tensor([0.0, 100.0])))
        [0.0, 1.0]
    """

    codomain = constraints.interval(-1.0, 1.0)

    def _call(self, x: Tensor) -> Tensor:
        return x.tanh()

    def _inverse(self, y: Tensor) -> Tensor:
        return lucid.atanh(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return 2 * (math.log(2.0) - x - F.softplus(-2 * x))  # log(1 - tanh(x)^2) without cancellation


class AbsTransform(_Simple):
    """y = |x|; the inverse is the positive one.

    Args:
        cache_size: 1 keeps the last pair of values, so that the inverse of a result is exact; 0 does not.

    Example:
        >>> import lucid
        >>> print(lucid.distributions.AbsTransform()(lucid.tensor([-2.0, 3.0])))
        [2.0, 3.0]
    """

    bijective = False

    @property
    def sign(self) -> Any:
        raise NotImplementedError("AbsTransform: sign is not defined")

    def _call(self, x: Tensor) -> Tensor:
        return x.abs()

    def _inverse(self, y: Tensor) -> Tensor:
        return y


class PowerTransform(Transform):
    """y = x^exponent for positive x.

    Args:
        exponent: a number or Tensor.
        cache_size: 0 or 1.

    Example:
        >>> import lucid
        >>> print(lucid.distributions.PowerTransform(2.0)(lucid.tensor([1.0, 3.0])))
        [1.0, 9.0]
    """

    domain = constraints.positive
    codomain = constraints.positive
    bijective = True

    def __init__(self, exponent: Any, cache_size: int = 0) -> None:
        super().__init__(cache_size=cache_size)
        (self.exponent,) = broadcast_all(exponent)

    def with_cache(self, cache_size: int = 1) -> Transform:
        return self if self._cache_size == cache_size else PowerTransform(self.exponent, cache_size)

    @lazy_property
    def sign(self) -> Any:
        return self.exponent.sign()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PowerTransform) and bool((self.exponent == other.exponent).all())

    __hash__ = Transform.__hash__

    def _call(self, x: Tensor) -> Tensor:
        return x.pow(self.exponent)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.pow(1 / self.exponent)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return (self.exponent * y / x).abs().log()

    def forward_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        return _broadcast(shape, self.exponent.shape)

    inverse_shape = forward_shape


class AffineTransform(Transform):
    """y = loc + scale * x.

    Args:
        loc, scale: numbers or Tensors.
        event_dim: how many dimensions, from the right, make one event.
        cache_size: 0 or 1.

    Example:
        >>> import lucid
        >>> from lucid.distributions import AffineTransform
        >>> print(AffineTransform(1.0, 2.0)(lucid.tensor(3.0)))
        7.0
    """

    bijective = True

    def __init__(self, loc: Any, scale: Any, event_dim: int = 0, cache_size: int = 0) -> None:
        super().__init__(cache_size=cache_size)
        self.loc, self.scale, self._event_dim = loc, scale, event_dim

    @property
    def event_dim(self) -> int:
        return self._event_dim

    @constraints.dependent_property(is_discrete=False)
    def domain(self) -> Constraint:
        return constraints.independent(constraints.real, self._event_dim) if self._event_dim else constraints.real

    codomain = domain

    def with_cache(self, cache_size: int = 1) -> Transform:
        if self._cache_size == cache_size:
            return self
        return AffineTransform(self.loc, self.scale, self._event_dim, cache_size)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AffineTransform):
            return False
        return all(bool(lucid.as_tensor(a == b).all()) for a, b in ((self.loc, other.loc), (self.scale, other.scale)))

    __hash__ = Transform.__hash__

    @property
    def sign(self) -> Any:
        return (self.scale > 0) - (self.scale < 0) if is_number(self.scale) else self.scale.sign()

    def _call(self, x: Tensor) -> Tensor:
        return self.loc + self.scale * x

    def _inverse(self, y: Tensor) -> Tensor:
        return (y - self.loc) / self.scale

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        if is_number(self.scale):
            result = lucid.full_like(x, math.log(abs(self.scale)))
        else:
            result = self.scale.abs().log().expand(_broadcast(x.shape, self.scale.shape))
        return result.sum(tuple(range(-self._event_dim, 0))) if self._event_dim else result

    def forward_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        return _broadcast(shape, getattr(self.loc, "shape", ()), getattr(self.scale, "shape", ()))

    inverse_shape = forward_shape


class CumulativeDistributionTransform(Transform):
    """y = the distribution function of ``distribution`` at x.

    Args:
        distribution: one with a cdf and its inverse.
        cache_size: 0 or 1.

    Example:
        >>> import lucid
        >>> D = lucid.distributions
        >>> print(D.CumulativeDistributionTransform(D.Uniform(0.0, 4.0))(lucid.tensor([1.0, 3.0])))
        [0.25, 0.75]
    """

    bijective = True
    codomain = constraints.unit_interval
    sign = 1

    def __init__(self, distribution: Any, cache_size: int = 0) -> None:
        super().__init__(cache_size=cache_size)
        self.distribution = distribution

    @property
    def domain(self) -> Constraint:  # type: ignore[override]
        return self.distribution.support

    def with_cache(self, cache_size: int = 1) -> Transform:
        if self._cache_size == cache_size:
            return self
        return CumulativeDistributionTransform(self.distribution, cache_size)

    def _call(self, x: Tensor) -> Tensor:
        return self.distribution.cdf(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return self.distribution.icdf(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return self.distribution.log_prob(x)
