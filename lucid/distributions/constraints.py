"""Which values a parameter or a sample may have: objects with a ``check`` and the number of dimensions of an event."""

from __future__ import annotations

from typing import Any

import lucid
from lucid import Tensor
from lucid.distributions._constraint import (
    Constraint,
    MixtureSameFamilyConstraint,
    _Cat,
    _Dependent,
    _DependentProperty,
    _IndependentConstraint,
    _Stack,
    is_dependent,
)
from lucid.distributions.utils import eps


class _Boolean(Constraint):
    is_discrete = True

    def check(self, value: Tensor) -> Tensor:
        return (value == 0) | (value == 1)


class _OneHot(Constraint):
    is_discrete = True
    event_dim = 1

    def check(self, value: Tensor) -> Tensor:
        return ((value == 0) | (value == 1)).all(-1) & (value.sum(-1) == 1)


class _IntegerInterval(Constraint):
    """Integers from the lower to the upper bound, both included.

    Args:
        lower_bound, upper_bound: numbers, or tensors that broadcast with the values.

    Example:
        >>> import lucid
        >>> from lucid.distributions import constraints
        >>> print(constraints.integer_interval(0, 2).check(lucid.tensor([1.5, 2.0, 3.0])))
        [False, True, False]
    """

    is_discrete = True

    def __init__(self, lower_bound: Any, upper_bound: Any) -> None:
        self.lower_bound, self.upper_bound = lower_bound, upper_bound

    def check(self, value: Tensor) -> Tensor:
        return (value % 1 == 0) & (value >= self.lower_bound) & (value <= self.upper_bound)


class _IntegerGreaterThan(Constraint):
    is_discrete = True

    def __init__(self, lower_bound: Any) -> None:
        self.lower_bound = lower_bound

    def check(self, value: Tensor) -> Tensor:
        return (value % 1 == 0) & (value >= self.lower_bound)


class _Real(Constraint):
    def check(self, value: Tensor) -> Tensor:
        return value == value  # all but NaN


class _GreaterThan(Constraint):
    """Numbers above a bound.

    Args:
        lower_bound: a number, or a tensor that broadcasts with the values.

    Example:
        >>> import lucid
        >>> from lucid.distributions import constraints
        >>> print(constraints.greater_than(0).check(lucid.tensor([0.0, 2.0])))
        [False, True]
    """

    def __init__(self, lower_bound: Any) -> None:
        self.lower_bound = lower_bound

    def check(self, value: Tensor) -> Tensor:
        return value > self.lower_bound


class _GreaterThanEq(Constraint):
    """Numbers from a bound on.

    Args:
        lower_bound: a number, or a tensor that broadcasts with the values.

    Example:
        >>> import lucid
        >>> from lucid.distributions import constraints
        >>> print(constraints.greater_than_eq(0).check(lucid.tensor([-1.0, 0.0])))
        [False, True]
    """

    def __init__(self, lower_bound: Any) -> None:
        self.lower_bound = lower_bound

    def check(self, value: Tensor) -> Tensor:
        return value >= self.lower_bound


class _LessThan(Constraint):
    """Numbers below a bound.

    Args:
        upper_bound: a number, or a tensor that broadcasts with the values.

    Example:
        >>> import lucid
        >>> from lucid.distributions import constraints
        >>> print(constraints.less_than(0).check(lucid.tensor([-1.0, 0.0])))
        [True, False]
    """

    def __init__(self, upper_bound: Any) -> None:
        self.upper_bound = upper_bound

    def check(self, value: Tensor) -> Tensor:
        return value < self.upper_bound


class _Interval(Constraint):
    """Numbers from the lower to the upper bound, both included.

    Args:
        lower_bound, upper_bound: numbers, or tensors that broadcast with the values.

    Example:
        >>> import lucid
        >>> from lucid.distributions import constraints
        >>> print(constraints.interval(0, 1).check(lucid.tensor([0.0, 1.0, 2.0])))
        [True, True, False]
    """

    def __init__(self, lower_bound: Any, upper_bound: Any) -> None:
        self.lower_bound, self.upper_bound = lower_bound, upper_bound

    def check(self, value: Tensor) -> Tensor:
        return (value >= self.lower_bound) & (value <= self.upper_bound)


class _HalfOpenInterval(Constraint):
    """Numbers from the lower bound on, below the upper one.

    Args:
        lower_bound, upper_bound: numbers, or tensors that broadcast with the values.

    Example:
        >>> import lucid
        >>> from lucid.distributions import constraints
        >>> print(constraints.half_open_interval(0, 1).check(lucid.tensor([0.0, 1.0, 2.0])))
        [True, False, False]
    """

    def __init__(self, lower_bound: Any, upper_bound: Any) -> None:
        self.lower_bound, self.upper_bound = lower_bound, upper_bound

    def check(self, value: Tensor) -> Tensor:
        return (value >= self.lower_bound) & (value < self.upper_bound)


class _Simplex(Constraint):
    event_dim = 1

    def check(self, value: Tensor) -> Tensor:
        return (value >= 0).all(-1) & ((value.sum(-1) - 1).abs() < 1e-6)


class _Multinomial(Constraint):
    """Vectors of counts whose sum is at most a bound.

    Args:
        upper_bound: a number, or a tensor that broadcasts with the sums.

    Example:
        >>> import lucid
        >>> from lucid.distributions import constraints
        >>> print(constraints.multinomial(3).check(lucid.tensor([[1, 2], [2, 2]])))
        [True, False]
    """

    is_discrete = True
    event_dim = 1

    def __init__(self, upper_bound: Any) -> None:
        self.upper_bound = upper_bound

    def check(self, value: Tensor) -> Tensor:
        return (value >= 0).all(-1) & (value.sum(-1) <= self.upper_bound)


class _LowerTriangular(Constraint):
    event_dim = 2

    def check(self, value: Tensor) -> Tensor:
        return (value.tril() == value).all(-1).all(-1)


class _LowerCholesky(_LowerTriangular):
    def check(self, value: Tensor) -> Tensor:
        return super().check(value) & (value.diagonal(0, -2, -1) > 0).all(-1)


class _CorrCholesky(_LowerCholesky):
    def check(self, value: Tensor) -> Tensor:
        norms = value.detach().norm(dim=-1)
        return super().check(value) & ((norms - 1).abs() <= eps(value) * value.shape[-1] * 10).all(-1)


class _Square(Constraint):
    event_dim = 2

    def check(self, value: Tensor) -> Tensor:
        return lucid.full(value.shape[:-2], value.shape[-2] == value.shape[-1], dtype=lucid.bool)


class _Symmetric(_Square):
    def check(self, value: Tensor) -> Tensor:
        square = super().check(value)
        if not square.all():
            return square
        return lucid.isclose(value, value.mT, atol=1e-6).all(-1).all(-1)


class _PositiveSemidefinite(_Symmetric):
    def check(self, value: Tensor) -> Tensor:
        symmetric = super().check(value)
        return (lucid.linalg.eigvalsh(value) >= 0).all(-1) if symmetric.all() else symmetric


class _PositiveDefinite(_Symmetric):
    def check(self, value: Tensor) -> Tensor:
        symmetric = super().check(value)
        return lucid.linalg.cholesky_ex(value).info == 0 if symmetric.all() else symmetric


dependent = _Dependent()
dependent_property = _DependentProperty
independent = _IndependentConstraint
boolean = _Boolean()
one_hot = _OneHot()
nonnegative_integer = _IntegerGreaterThan(0)
positive_integer = _IntegerGreaterThan(1)
integer_interval = _IntegerInterval
real = _Real()
real_vector = independent(real, 1)
positive = _GreaterThan(0.0)
nonnegative = _GreaterThanEq(0.0)
greater_than = _GreaterThan
greater_than_eq = _GreaterThanEq
less_than = _LessThan
multinomial = _Multinomial
unit_interval = _Interval(0.0, 1.0)
interval = _Interval
half_open_interval = _HalfOpenInterval
simplex = _Simplex()
lower_triangular = _LowerTriangular()
lower_cholesky = _LowerCholesky()
corr_cholesky = _CorrCholesky()
square = _Square()
symmetric = _Symmetric()
positive_semidefinite = _PositiveSemidefinite()
positive_definite = _PositiveDefinite()
cat = _Cat
stack = _Stack

__all__ = [
    "Constraint", "MixtureSameFamilyConstraint", "boolean", "cat", "corr_cholesky", "dependent", "dependent_property",
    "greater_than", "greater_than_eq", "half_open_interval", "independent", "integer_interval", "interval",
    "is_dependent", "less_than", "lower_cholesky", "lower_triangular", "multinomial", "nonnegative",
    "nonnegative_integer", "one_hot", "positive", "positive_definite", "positive_integer", "positive_semidefinite",
    "real", "real_vector", "simplex", "square", "stack", "symmetric", "unit_interval",
]  # fmt: skip
