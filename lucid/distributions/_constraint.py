"""What a constraint is, and the constraints that are made of others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import lucid
from lucid import Tensor
from lucid._functions._naming import NamedMethods


class Constraint(NamedMethods):
    """A set of values.

    Attributes:
        is_discrete: whether it is countable.
        event_dim: how many dimensions, from the right, make one event.

    Example:
        >>> import lucid
        >>> from lucid.distributions import constraints
        >>> print(constraints.positive.check(lucid.tensor([-1.0, 2.0])))
        [False, True]
    """

    is_discrete: bool = False
    event_dim: int = 0

    def check(self, value: Tensor) -> Tensor:
        """A bool tensor that says of every event whether it is in the set.

        Args:
            value: any batch of events.
        """
        raise NotImplementedError

    def __repr__(self) -> str:
        bounds = ", ".join(f"{k}={v}" for k, v in vars(self).items() if k.endswith("_bound"))
        return f"{type(self).__name__.lstrip('_')}({bounds})"


class _Dependent(Constraint):
    """A set that depends on other values."""

    def __init__(self, *, is_discrete: Any = NotImplemented, event_dim: Any = NotImplemented) -> None:
        self._is_discrete, self._event_dim = is_discrete, event_dim

    @property
    def is_discrete(self) -> bool:  # type: ignore[override]
        if self._is_discrete is NotImplemented:
            raise NotImplementedError(".is_discrete cannot be determined statically")
        return bool(self._is_discrete)

    @property
    def event_dim(self) -> int:  # type: ignore[override]
        if self._event_dim is NotImplemented:
            raise NotImplementedError(".event_dim cannot be determined statically")
        return int(self._event_dim)

    def __call__(self, *, is_discrete: Any = NotImplemented, event_dim: Any = NotImplemented) -> _Dependent:
        return _Dependent(
            is_discrete=self._is_discrete if is_discrete is NotImplemented else is_discrete,
            event_dim=self._event_dim if event_dim is NotImplemented else event_dim,
        )

    def check(self, value: Tensor) -> Tensor:
        raise ValueError("Cannot determine validity of dependent constraint")


def is_dependent(constraint: Any) -> bool:
    """Whether a constraint depends on other values, so that it cannot be checked by itself.

    Args:
        constraint: any constraint.

    Example:
        >>> from lucid.distributions import constraints
        >>> constraints.is_dependent(constraints.dependent), constraints.is_dependent(constraints.real)
        (True, False)
    """
    return isinstance(constraint, _Dependent)


class _DependentProperty(property, _Dependent):
    """A property of instances that, read from the class, is a dependent constraint.

    Args:
        fn: instance -> constraint; without it a decorator is returned.
        is_discrete, event_dim: what is known of the constraint without an instance.

    Example:
        >>> from lucid.distributions import constraints
        >>> class Below:
        ...     limit = 2.0
        ...
        ...     @constraints.dependent_property(is_discrete=False, event_dim=0)
        ...     def support(self):
        ...         return constraints.less_than(self.limit)
        >>> Below.support.event_dim, Below().support
        (0, LessThan(upper_bound=2.0))
    """

    def __init__(
        self,
        fn: Callable[[Any], Any] | None = None,
        *,
        is_discrete: Any = NotImplemented,
        event_dim: Any = NotImplemented,
    ) -> None:
        property.__init__(self, fn)
        self._is_discrete, self._event_dim = is_discrete, event_dim

    def __call__(self, fn: Callable[[Any], Any]) -> _DependentProperty:  # type: ignore[override]
        return _DependentProperty(fn, is_discrete=self._is_discrete, event_dim=self._event_dim)


class _IndependentConstraint(Constraint):
    """Several events of another constraint as one.

    Args:
        base_constraint: the other constraint.
        reinterpreted_batch_ndims: how many dimensions, from the right, its events are joined along.

    Raises:
        AssertionError: an argument is something else.

    Example:
        >>> import lucid
        >>> from lucid.distributions import constraints
        >>> print(constraints.independent(constraints.positive, 1).check(lucid.tensor([[1.0, 2.0], [-1.0, 2.0]])))
        [True, False]
    """

    def __init__(self, base_constraint: Constraint, reinterpreted_batch_ndims: int) -> None:
        if not isinstance(base_constraint, Constraint):
            raise AssertionError(f"independent: expected a Constraint, got {type(base_constraint).__name__}")
        if not isinstance(reinterpreted_batch_ndims, int) or reinterpreted_batch_ndims < 0:
            raise AssertionError(
                f"independent: reinterpreted_batch_ndims must be an int >= 0, got {reinterpreted_batch_ndims}"
            )
        self.base_constraint, self.reinterpreted_batch_ndims = base_constraint, reinterpreted_batch_ndims

    @property
    def is_discrete(self) -> bool:  # type: ignore[override]
        return self.base_constraint.is_discrete

    @property
    def event_dim(self) -> int:  # type: ignore[override]
        return self.base_constraint.event_dim + self.reinterpreted_batch_ndims

    def check(self, value: Tensor) -> Tensor:
        result = self.base_constraint.check(value)
        kept = result.ndim - self.reinterpreted_batch_ndims
        if kept < 0:
            raise ValueError(f"Expected value.dim() >= {self.event_dim} but got {value.ndim}")
        return result.reshape(*result.shape[:kept], -1).all(-1)

    def __repr__(self) -> str:
        return f"IndependentConstraint({self.base_constraint!r}, {self.reinterpreted_batch_ndims})"


class MixtureSameFamilyConstraint(Constraint):
    """The support of a mixture, from that of its components.

    Args:
        base_constraint: the support of a component.

    Raises:
        AssertionError: it is no constraint.

    Example:
        >>> import lucid
        >>> from lucid.distributions import constraints
        >>> support = constraints.MixtureSameFamilyConstraint(constraints.positive)
        >>> print(support.check(lucid.tensor([-1.0, 2.0])))
        [False, True]
    """

    def __init__(self, base_constraint: Constraint) -> None:
        if not isinstance(base_constraint, Constraint):
            raise AssertionError(f"MixtureSameFamilyConstraint: expected a Constraint, got {base_constraint!r}")
        self.base_constraint = base_constraint

    @property
    def is_discrete(self) -> bool:  # type: ignore[override]
        return self.base_constraint.is_discrete

    @property
    def event_dim(self) -> int:  # type: ignore[override]
        return self.base_constraint.event_dim

    def check(self, value: Tensor) -> Tensor:
        kept = value.ndim - self.event_dim
        if kept < 0:
            raise ValueError(f"Expected value.dim() >= {self.event_dim} but got {value.ndim}")
        result = self.base_constraint.check(value.unsqueeze(-1 - self.event_dim))
        return result.reshape(*result.shape[:kept], -1).all(-1)

    def __repr__(self) -> str:
        return f"MixtureSameFamilyConstraint({self.base_constraint!r})"


def _check_dim(name: str, dim: int, value: Tensor) -> None:
    if not -value.ndim <= dim < value.ndim:
        raise AssertionError(f"{name}: dim {dim} out of range for value with {value.ndim} dimensions")


class _Joined(Constraint):
    """Constraints of the parts of a tensor along a dimension."""

    def __init__(self, cseq: Sequence[Constraint], dim: int = 0) -> None:
        if not all(isinstance(c, Constraint) for c in cseq):
            raise AssertionError(f"{type(self).__name__[1:].lower()}: expected a sequence of Constraints")
        self.cseq, self.dim = list(cseq), dim

    @property
    def is_discrete(self) -> bool:  # type: ignore[override]
        return any(c.is_discrete for c in self.cseq)

    @property
    def event_dim(self) -> int:  # type: ignore[override]
        return max(c.event_dim for c in self.cseq)


class _Cat(_Joined):
    """Constraints of neighbouring parts of a tensor, as `lucid.cat` joins them.

    Args:
        cseq: the constraints.
        dim: along which dimension.
        lengths: lengths of the parts; 1 each unless given.

    Raises:
        AssertionError: ``cseq`` holds something else, or ``lengths`` has another length.

    Example:
        >>> import lucid
        >>> from lucid.distributions import constraints
        >>> parts = constraints.cat([constraints.positive, constraints.real], lengths=[1, 2])
        >>> print(parts.check(lucid.tensor([-1.0, -1.0, 2.0])))
        [False, True, True]
    """

    def __init__(self, cseq: Sequence[Constraint], dim: int = 0, lengths: Sequence[int] | None = None) -> None:
        super().__init__(cseq, dim)
        self.lengths = [1] * len(self.cseq) if lengths is None else list(lengths)
        if len(self.lengths) != len(self.cseq):
            raise AssertionError(f"cat: {len(self.lengths)} lengths for {len(self.cseq)} constraints")

    def check(self, value: Tensor) -> Tensor:
        _check_dim("cat", self.dim, value)
        parts = value.split(self.lengths, self.dim)
        return lucid.cat([c.check(part) for c, part in zip(self.cseq, parts)], self.dim)


class _Stack(_Joined):
    """Constraints of the slices of a tensor, as `lucid.stack` joins them.

    Args:
        cseq: one constraint per slice.
        dim: along which dimension.

    Raises:
        AssertionError: ``cseq`` holds something else.

    Example:
        >>> import lucid
        >>> from lucid.distributions import constraints
        >>> print(constraints.stack([constraints.positive, constraints.real]).check(lucid.tensor([-1.0, -1.0])))
        [False, True]
    """

    @property
    def event_dim(self) -> int:  # type: ignore[override]
        dim = max(c.event_dim for c in self.cseq)
        return dim + 1 if self.dim + dim < 0 else dim

    def check(self, value: Tensor) -> Tensor:
        _check_dim("stack", self.dim, value)
        return lucid.stack([c.check(part) for c, part in zip(self.cseq, value.unbind(self.dim))], self.dim)
