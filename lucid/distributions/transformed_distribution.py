"""Distributions of transformed samples."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lucid import Tensor
from lucid.autograd._mode import no_grad
from lucid.distributions import constraints
from lucid.distributions._transform import ComposeTransform, Transform
from lucid.distributions.constraints import Constraint
from lucid.distributions.distribution import Distribution
from lucid.distributions.independent import Independent
from lucid.distributions.utils import sum_rightmost


class TransformedDistribution(Distribution):
    """The distribution of y = t_n(... t_1(x)) for x of another distribution.

        log p(y) = log p(x) - log |dy / dx|

    Args:
        base_distribution: the distribution of x.
        transforms: a transform or a list of them, the first applied first.
        validate_args: check samples.

    Raises:
        ValueError: ``transforms`` holds something else, or events of x have too few dimensions.

    Example:
        >>> import lucid
        >>> from lucid.distributions import AffineTransform, Normal, TransformedDistribution
        >>> shifted = TransformedDistribution(Normal(0.0, 1.0), AffineTransform(2.0, 3.0))
        >>> print(shifted.log_prob(lucid.tensor(2.0)) == Normal(2.0, 3.0).log_prob(lucid.tensor(2.0)))
        True
    """

    arg_constraints: dict[str, Constraint] = {}

    def __init__(
        self,
        base_distribution: Distribution,
        transforms: Transform | list[Transform],
        validate_args: bool | None = None,
    ) -> None:
        self.transforms = [transforms] if isinstance(transforms, Transform) else transforms
        if not isinstance(self.transforms, list) or not all(isinstance(t, Transform) for t in self.transforms):
            raise ValueError(f"{type(self).__name__}: transforms must be a Transform or a list of Transforms")
        whole = ComposeTransform(self.transforms)
        base_shape = (*base_distribution.batch_shape, *base_distribution.event_shape)
        base_dim, domain, codomain = (
            len(base_distribution.event_shape),
            whole.domain.event_dim,
            whole.codomain.event_dim,
        )
        if len(base_shape) < domain:
            raise ValueError(
                f"{type(self).__name__}: base_distribution needs {domain} dimensions or more, got shape {base_shape}"
            )
        shape = whole.forward_shape(base_shape)
        needed = whole.inverse_shape(shape)
        if needed != base_shape:  # the transforms' parameters broadcast the samples
            base_distribution = base_distribution.expand(needed[: len(needed) - base_dim])
        if domain > base_dim:
            base_distribution = Independent(base_distribution, domain - base_dim)
        self.base_dist: Any = base_distribution
        cut = len(shape) - max(codomain, base_dim + codomain - domain)
        super().__init__(shape[:cut], shape[cut:], validate_args=validate_args)

    def expand(self, batch_shape: Iterable[int], _instance: Any = None) -> Any:
        new = super().expand(batch_shape, _instance)
        shape: tuple[int, ...] = (*new._batch_shape, *self.event_shape)
        for t in reversed(self.transforms):
            shape = t.inverse_shape(shape)
        new.base_dist = self.base_dist.expand(shape[: len(shape) - len(self.base_dist.event_shape)])
        return new

    @constraints.dependent_property(is_discrete=False)
    def support(self) -> Constraint:
        if not self.transforms:
            return self.base_dist.support
        support = self.transforms[-1].codomain
        more = len(self.event_shape) - support.event_dim
        return constraints.independent(support, more) if more > 0 else support

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        return self.base_dist.has_rsample

    def _forward(self, x: Tensor) -> Tensor:
        for t in self.transforms:
            x = t(x)
        return x

    def sample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        with no_grad():
            if type(self).rsample is not TransformedDistribution.rsample:
                return self.rsample(sample_shape)
            return self._forward(self.base_dist.sample(sample_shape))

    def rsample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        return self._forward(self.base_dist.rsample(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        y, dim = self._checked(value), len(self.event_shape)
        total: Any = 0.0
        for t in reversed(self.transforms):
            x = t.inv(y)
            dim += t.domain.event_dim - t.codomain.event_dim
            total = total - sum_rightmost(t.log_abs_det_jacobian(x, y), dim - t.domain.event_dim)
            y = x
        return total + sum_rightmost(self.base_dist.log_prob(y), dim - len(self.base_dist.event_shape))

    def _turned(self, p: Tensor) -> Tensor:
        """``p``, or 1 - ``p`` where the transforms fall."""
        sign: Any = 1
        for t in self.transforms:
            sign = sign * t.sign
        return p if isinstance(sign, int) and sign == 1 else sign * (p - 0.5) + 0.5

    def cdf(self, value: Tensor) -> Tensor:
        for t in reversed(self.transforms):
            value = t.inv(value)
        if self._validate_args:
            self.base_dist._validate_sample(value)
        return self._turned(self.base_dist.cdf(value))

    def icdf(self, value: Tensor) -> Tensor:
        return self._forward(self.base_dist.icdf(self._turned(value)))


class Remade(TransformedDistribution):
    """A transformed distribution with parameters of its own, made anew from them when it is expanded."""

    _arguments: tuple[str, ...]

    def expand(self, batch_shape: Iterable[int], _instance: Any = None) -> Any:
        batch = tuple(batch_shape)
        make: Any = type(self)
        new = make(*(getattr(self, name).expand(*batch) for name in self._arguments), validate_args=False)
        new._validate_args = self._validate_args
        return new


__all__ = ["TransformedDistribution"]
