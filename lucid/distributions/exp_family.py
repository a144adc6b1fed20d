"""Exponential families: densities exp(<t(x), theta> - F(theta) + k(x))."""

from __future__ import annotations

import lucid
from lucid import Tensor
from lucid.autograd._mode import enable_grad
from lucid.distributions.distribution import Distribution
from lucid.distributions.utils import sum_rightmost


class ExponentialFamily(Distribution):
    """A distribution with natural parameters theta and a log normaliser F, from which entropies can be derived.

    Subclasses define ``_natural_params``, ``_log_normalizer`` and ``_mean_carrier_measure``, or ``entropy`` itself.

    Args:
        batch_shape: shape of the independent distributions.
        event_shape: shape of one sample.
        validate_args: check parameters and samples; as `Distribution.set_default_validate_args` says unless given.

    Example:
        >>> import lucid
        >>> isinstance(lucid.distributions.Normal(0.0, 1.0), lucid.distributions.ExponentialFamily)
        True
    """

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        raise NotImplementedError(f"{type(self).__name__}: natural parameters are not implemented")

    def _log_normalizer(self, *params: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__}: the log normaliser is not implemented")

    @property
    def _mean_carrier_measure(self) -> float:
        raise NotImplementedError(f"{type(self).__name__}: entropy is not implemented")

    def _normalizer_and_means(self) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """F, theta, and the gradient of F: the means of the sufficient statistics."""
        with enable_grad():
            theta = [p.detach().requires_grad_() for p in self._natural_params]
            normalizer = self._log_normalizer(*theta)
            means = lucid.autograd.grad(normalizer.sum(), theta, create_graph=True)
        return normalizer, theta, list(means)

    def entropy(self) -> Tensor:
        carrier = self._mean_carrier_measure
        normalizer, theta, means = self._normalizer_and_means()
        result = normalizer - carrier
        for p, m in zip(theta, means):
            result = result - sum_rightmost(p * m, len(self._event_shape))
        return result


__all__ = ["ExponentialFamily"]
