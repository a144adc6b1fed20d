"""The Kullback-Leibler divergence of two distributions, found by their classes."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from lucid import Tensor
from lucid.distributions.distribution import Distribution

Divergence = Callable[[Any, Any], Tensor]
_registry: dict[tuple[type, type], Divergence] = {}
_found: dict[tuple[type, type], Divergence | None] = {}


def register_kl(type_p: type, type_q: type) -> Callable[[Divergence], Divergence]:
    """Register a function (p, q) -> KL(p || q) for two classes and their subclasses; a decorator.

    Args:
        type_p, type_q: classes of distributions, or bases of such. The most special pair wins; of two, that of the
            first argument.

    Raises:
        TypeError: one of them is not a class.

    Example:
        >>> import lucid
        >>> D = lucid.distributions
        >>> class Point(D.Normal):
        ...     pass
        ...
        >>> @D.register_kl(Point, Point)
        ... def between(p, q):
        ...     return abs(p.loc - q.loc)
        ...
        >>> print(D.kl_divergence(Point(0.0, 1.0), Point(2.0, 1.0)))
        2.0
    """
    for name, kind in (("type_p", type_p), ("type_q", type_q)):
        if not isinstance(kind, type):
            raise TypeError(f"register_kl: expected {name} to be a Distribution subclass but got {kind}")

    def decorate(function: Divergence) -> Divergence:
        _registry[type_p, type_q] = function
        _found.clear()
        return function

    return decorate


def _find(p: type, q: type) -> Divergence | None:
    """The function of the classes nearest to ``p`` and ``q``."""
    from lucid.distributions import _kl_cross, _kl_same  # noqa: F401  (they register themselves)

    matches = [(a, b) for a, b in _registry if issubclass(p, a) and issubclass(q, b)]
    if not matches:
        return None

    def left(pair: tuple[type, type]) -> tuple[int, int]:
        return p.__mro__.index(pair[0]), q.__mro__.index(pair[1])

    def right(pair: tuple[type, type]) -> tuple[int, int]:
        return q.__mro__.index(pair[1]), p.__mro__.index(pair[0])

    best, other = min(matches, key=left), min(matches, key=right)
    if best != other and _registry[best] is not _registry[other]:
        names = [f"({a.__name__}, {b.__name__})" for a, b in (best, other)]
        warnings.warn(f"kl_divergence: ambiguous between {names[0]} and {names[1]}; the first is used", stacklevel=3)
    return _registry[best]


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """The Kullback-Leibler divergence KL(p || q), the mean of log p(x) - log q(x) for x of p, in nats.

    Args:
        p, q: distributions; their batch shapes broadcast.

    Raises:
        NotImplementedError: there is no closed form for these classes.

    Example:
        >>> import lucid
        >>> from lucid.distributions import Normal, kl_divergence
        >>> print(kl_divergence(Normal(1.0, 1.0), Normal(0.0, 1.0)))
        0.5
    """
    pair = (type(p), type(q))
    if pair not in _found:
        _found[pair] = _find(*pair)
    function = _found[pair]
    if function is None:
        raise NotImplementedError(
            f"kl_divergence: no KL(p || q) is implemented for p type {pair[0].__name__} and q type {pair[1].__name__}"
        )
    return function(p, q)


__all__ = ["kl_divergence", "register_kl"]
