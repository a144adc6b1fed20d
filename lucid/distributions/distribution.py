"""`Distribution`: batches of events, validation, and expansion, which all distributions share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import lucid
from lucid import Tensor
from lucid._functions._naming import NamedMethods
from lucid.autograd._mode import no_grad
from lucid.distributions import constraints
from lucid.distributions.constraints import Constraint
from lucid.distributions.utils import lazy_property

Shape = lucid.Size


class Distribution(NamedMethods):
    """Base class of all distributions.

    A sample has the shape sample_shape + batch_shape + event_shape: ``batch_shape`` counts independent distributions
    with parameters of their own, ``event_shape`` is that of one event, whose probability is one number.

    Args:
        batch_shape: shape of the batch of distributions.
        event_shape: shape of one event.
        validate_args: check parameters and samples; on by default, off under ``python -O``.

    Raises:
        ValueError: a parameter is out of its range, when validating.

    Example:
        >>> import lucid
        >>> normal = lucid.distributions.Normal(lucid.zeros(2, 3), 1.0)
        >>> normal.batch_shape, normal.event_shape, normal.sample((4,)).shape
        (lucid.Size([2, 3]), lucid.Size([]), lucid.Size([4, 2, 3]))
    """

    has_rsample: bool = False
    has_enumerate_support: bool = False
    _validate_args: bool = __debug__
    _kept: ClassVar[tuple[str, ...]] = ()
    """Attributes that `expand` leaves as they are."""

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Validate by default, or not.

        Args:
            value: validate.

        Raises:
            ValueError: ``value`` is not a bool.
        """
        if value not in (True, False):
            raise ValueError(f"set_default_validate_args: expected True or False, got {value!r}")
        Distribution._validate_args = value

    def __init__(
        self, batch_shape: Iterable[int] = (), event_shape: Iterable[int] = (), validate_args: bool | None = None
    ) -> None:
        self._batch_shape, self._event_shape = lucid.Size(batch_shape), lucid.Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            for name, constraint in self.arg_constraints.items():
                lazy = name not in vars(self) and isinstance(getattr(type(self), name, None), lazy_property)
                if not (constraints.is_dependent(constraint) or lazy):
                    value = getattr(self, name)
                    self._check(f"parameter {name}", value, constraint)

    def _check(self, what: str, value: Tensor, constraint: Constraint) -> None:
        valid = constraint.check(value)
        if valid.all():
            return
        index = tuple(int(i) for i in lucid.nonzero(~valid)[0].tolist())
        found = value[index] if index else value
        shown = f"{found.item():g}" if found.numel() == 1 else f"a tensor of shape {tuple(found.shape)}"
        raise ValueError(
            f"{type(self).__name__}: expected {what} (shape {tuple(value.shape)}) to satisfy {constraint!r}, "
            f"got {shown} at index {index}"
        )

    def expand(self, batch_shape: Iterable[int], _instance: Any = None) -> Any:
        """The same distribution for a larger batch; its tensors are views.

        Args:
            batch_shape: the new batch shape, to which the old one broadcasts.
        """
        new = type(self).__new__(type(self)) if _instance is None else _instance
        batch, old = tuple(batch_shape), len(self._batch_shape)
        for name, value in vars(self).items():
            if name in self._kept:
                new.__dict__[name] = value
            elif isinstance(value, Tensor):
                new.__dict__[name] = value.expand(*batch, *value.shape[old:])
            elif isinstance(value, Distribution):
                new.__dict__[name] = value.expand((*batch, *value.batch_shape[old:]))
            else:
                new.__dict__[name] = value
        new._batch_shape = lucid.Size(batch)
        return new

    @property
    def batch_shape(self) -> Shape:
        """The shape of the batch of distributions."""
        return self._batch_shape

    @property
    def event_shape(self) -> Shape:
        """The shape of one event."""
        return self._event_shape

    @property
    def arg_constraints(self) -> dict[str, Constraint]:
        """The constraint of every parameter, by name."""
        raise NotImplementedError(f"{type(self).__name__}: arg_constraints is not implemented")

    @property
    def support(self) -> Any:
        """The constraint that all samples satisfy."""
        raise NotImplementedError(f"{type(self).__name__}: support is not implemented")

    @property
    def mean(self) -> Tensor:
        """The mean."""
        raise NotImplementedError(f"{type(self).__name__}: mean is not implemented")

    @property
    def mode(self) -> Tensor:
        """A most probable event."""
        raise NotImplementedError(f"{type(self).__name__}: mode is not implemented")

    @property
    def variance(self) -> Tensor:
        """The variance."""
        raise NotImplementedError(f"{type(self).__name__}: variance is not implemented")

    @property
    def stddev(self) -> Tensor:
        """The standard deviation."""
        return self.variance.sqrt()

    def sample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        """Draw ``sample_shape`` independent samples, without history.

        Args:
            sample_shape: sizes that come before those of the batch and the event.
        """
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        """Draw samples that are differentiable functions of the parameters.

        Args:
            sample_shape: as of `sample`.

        Raises:
            NotImplementedError: the samples are not differentiable.
        """
        raise NotImplementedError(f"{type(self).__name__}: rsample is not implemented")

    def sample_n(self, n: int) -> Tensor:
        """``sample((n,))``.

        Args:
            n: number of samples.
        """
        return self.sample((n,))

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density, or of the probability, of events.

        Args:
            value: events, of a shape that broadcasts with the batch and event shape.

        Raises:
            ValueError: they do not, or are outside the support, where samples are checked.
        """
        raise NotImplementedError(f"{type(self).__name__}: log_prob is not implemented")

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of at most ``value``.

        Args:
            value: events, of a shape that broadcasts with the batch and event shape.

        Raises:
            ValueError: they do not, or are outside the support, where samples are checked.
        """
        raise NotImplementedError(f"{type(self).__name__}: cdf is not implemented")

    def icdf(self, value: Tensor) -> Tensor:
        """The inverse of `cdf`.

        Args:
            value: probabilities, in [0, 1].
        """
        raise NotImplementedError(f"{type(self).__name__}: icdf is not implemented")

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All events of a discrete distribution, along a new first dimension.

        Args:
            expand: repeat them for the whole batch.
        """
        raise NotImplementedError(f"{type(self).__name__}: enumerate_support is not implemented")

    def entropy(self) -> Tensor:
        """The entropy, in nats."""
        raise NotImplementedError(f"{type(self).__name__}: entropy is not implemented")

    def perplexity(self) -> Tensor:
        """exp of the entropy."""
        return self.entropy().exp()

    def _extended_shape(self, sample_shape: Iterable[int] = ()) -> Shape:
        return lucid.Size((*sample_shape, *self._batch_shape, *self._event_shape))

    def _validate_sample(self, value: Tensor) -> None:
        """Refuse values of the wrong shape or outside the support.

        Raises:
            ValueError: they are.
        """
        name = type(self).__name__
        if not isinstance(value, Tensor):
            raise ValueError(f"{name}: expected a Tensor as value, got {type(value).__name__}")
        shape, whole = tuple(value.shape), (*self._batch_shape, *self._event_shape)
        if shape[len(shape) - len(self._event_shape) :] != self._event_shape:
            raise ValueError(f"{name}: expected a value of event shape {self._event_shape}, got {shape}")
        for a, b in zip(reversed(shape), reversed(whole)):
            if a not in (1, b) and b != 1:
                raise ValueError(
                    f"{name}: value of shape {shape} does not broadcast with batch and event shape {whole}"
                )
        self._check("value", value, self.support)

    def _checked(self, value: Any) -> Any:
        """``value``, validated where validation is on."""
        if self._validate_args:
            self._validate_sample(value)
        return value

    def __repr__(self) -> str:
        shown = {k: vars(self)[k] for k in self.arg_constraints if k in vars(self)}
        parts = [f"{k}: {v.item() if v.numel() == 1 else tuple(v.shape)}" for k, v in shown.items()]
        return f"{type(self).__name__}({', '.join(parts)})"


__all__ = ["Distribution"]
