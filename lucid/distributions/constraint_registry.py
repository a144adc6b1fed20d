"""Transforms from unconstrained numbers to the values a constraint allows.

``biject_to`` finds bijections, for densities under a change of variables; ``transform_to`` cheaper maps, for gradient
descent on constrained parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lucid.distributions import constraints, transforms
from lucid.distributions.constraints import Constraint
from lucid.distributions.transforms import Transform
from lucid.distributions.utils import is_number

Factory = Callable[[Any], Transform]


class ConstraintRegistry:
    """A table from kinds of constraints to functions that make a transform.

    Example:
        >>> import lucid
        >>> from lucid.distributions import constraints, transform_to
        >>> print(transform_to(constraints.positive)(lucid.tensor(0.0)))
        1.0
    """

    def __init__(self) -> None:
        self._registry: dict[type[Constraint], Factory] = {}

    def register(self, constraint: Any, factory: Factory | None = None) -> Any:
        """Register ``factory`` for a class of constraints, or for that of an instance; a decorator without it.

        Raises:
            TypeError: ``constraint`` is neither.
        """
        if factory is None:
            return lambda f: self.register(constraint, f)
        kind = type(constraint) if isinstance(constraint, Constraint) else constraint
        if not (isinstance(kind, type) and issubclass(kind, Constraint)):
            raise TypeError(f"register: expected a Constraint subclass or instance, got {constraint!r}")
        self._registry[kind] = factory
        return factory

    def __call__(self, constraint: Constraint) -> Transform:
        """The transform for a constraint.

        Raises:
            NotImplementedError: there is none.
        """
        factory = self._registry.get(type(constraint))
        if factory is None:
            raise NotImplementedError(f"Cannot transform {type(constraint).__name__} constraints")
        return factory(constraint)


biject_to = ConstraintRegistry()
transform_to = ConstraintRegistry()


def _to_interval(c: Any) -> Transform:
    unit = is_number(c.lower_bound) and is_number(c.upper_bound) and (c.lower_bound, c.upper_bound) == (0, 1)
    if unit:
        return transforms.SigmoidTransform()
    affine = transforms.AffineTransform(c.lower_bound, c.upper_bound - c.lower_bound)
    return transforms.ComposeTransform([transforms.SigmoidTransform(), affine])


def _beyond(bound: str, sign: int) -> Factory:
    def factory(c: Any) -> Transform:
        affine = transforms.AffineTransform(getattr(c, bound), sign)
        return transforms.ComposeTransform([transforms.ExpTransform(), affine])

    return factory


def _both(kinds: list[Any], factory: Factory) -> None:
    for kind in kinds:
        biject_to.register(kind, factory)
        transform_to.register(kind, factory)


_both([constraints.real], lambda c: transforms.identity_transform)
_both([constraints.greater_than, constraints.greater_than_eq], _beyond("lower_bound", 1))
_both([constraints.less_than], _beyond("upper_bound", -1))
_both([constraints.interval, constraints.half_open_interval], _to_interval)
_both([constraints.corr_cholesky], lambda c: transforms.CorrCholeskyTransform())
biject_to.register(constraints.simplex, lambda c: transforms.StickBreakingTransform())
transform_to.register(constraints.simplex, lambda c: transforms.SoftmaxTransform())
transform_to.register(constraints.lower_cholesky, lambda c: transforms.LowerCholeskyTransform())
transform_to.register(constraints.positive_definite, lambda c: transforms.PositiveDefiniteTransform())
transform_to.register(constraints.positive_semidefinite, lambda c: transforms.PositiveDefiniteTransform())


def _nested(registry: ConstraintRegistry) -> None:
    """Constraints made of constraints, for one of the registries."""

    def independent(c: Any) -> Transform:
        return transforms.IndependentTransform(registry(c.base_constraint), c.reinterpreted_batch_ndims)

    def cat(c: Any) -> Transform:
        return transforms.CatTransform([registry(part) for part in c.cseq], c.dim, c.lengths)

    def stack(c: Any) -> Transform:
        return transforms.StackTransform([registry(part) for part in c.cseq], c.dim)

    registry.register(constraints.independent, independent)
    registry.register(constraints.cat, cat)
    registry.register(constraints.stack, stack)


_nested(biject_to)
_nested(transform_to)

__all__ = ["ConstraintRegistry", "biject_to", "transform_to"]
