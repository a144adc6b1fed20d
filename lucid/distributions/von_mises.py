"""The von Mises distribution of angles."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

import lucid
from lucid import Tensor
from lucid.distributions import _draws, constraints
from lucid.distributions.distribution import Distribution
from lucid.distributions.utils import broadcast_all


class VonMises(Distribution):
    """The von Mises distribution of angles, density exp(k cos(x - loc)) / (2 pi I0(k)) with k the concentration.

    Args:
        loc: mean direction, in radians.
        concentration: k, positive.
        validate_args: check parameters and samples.

    Raises:
        ValueError: ``concentration`` is not positive.

    Example:
        >>> import lucid
        >>> from lucid.distributions import VonMises
        >>> x = VonMises(lucid.tensor(1.0), lucid.tensor(4.0)).sample((100,))
        >>> bool((x.abs() <= 3.1415927).all())
        True
    """

    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real

    def __init__(self, loc: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.loc, self.concentration = broadcast_all(loc, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        """The mean direction."""
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        """The circular variance, 1 - I1(k) / I0(k)."""
        return 1 - lucid.special.i1e(self.concentration) / lucid.special.i0e(self.concentration)

    def sample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        loc, k = (_draws.array(p.detach(), shape) for p in (self.loc, self.concentration))
        x = _draws.generator(int(np.prod(shape))).vonmises(0.0, k, shape) + loc
        wrapped = x - 2 * math.pi * np.round(x / (2 * math.pi))
        return lucid.from_numpy(np.asarray(wrapped, self.loc.dtype.numpy))

    def log_prob(self, value: Tensor) -> Tensor:
        k = self.concentration
        turn = lucid.cos(self._checked(value) - self.loc)
        return k * (turn - 1) - math.log(2 * math.pi) - lucid.special.i0e(k).log()


__all__ = ["VonMises"]
