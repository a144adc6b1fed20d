"""Random numbers, under original Lucid's names."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from lucid._functions._precision import guard
from lucid._functions.sampling import bernoulli, rand, randint, randn, randperm
from lucid._functions.sampling import randperm as permutation
from lucid._random import get_rng_state, initial_seed, manual_seed, seed, set_rng_state
from lucid._tensor import Tensor

__all__ = [
    "bernoulli", "fork_rng", "get_rng_state", "initial_seed", "manual_seed", "permutation", "rand", "randint", "randn",
    "randperm", "seed", "set_rng_state", "uniform",
]  # fmt: skip


def uniform(low: float = 0.0, high: float = 1.0, size: Any = (), *, requires_grad: bool = False) -> Tensor:
    """Uniform random numbers in [low, high).

    Args:
        low, high: bounds.
        size: shape of the result.
        requires_grad: record operations on it.

    Example:
        >>> import lucid
        >>> x = lucid.random.uniform(2.0, 3.0, (4,))
        >>> bool(((x >= 2) & (x < 3)).all())
        True
    """
    y = rand(*((size,) if isinstance(size, int) else tuple(size))) * (high - low) + low
    return y.requires_grad_(requires_grad)


@contextlib.contextmanager
def fork_rng(devices: Any = None, enabled: bool = True, **_: Any) -> Iterator[None]:
    """Leave the default generator, at the end of a ``with`` block, as it was at its beginning.

    Args:
        devices: accepted; there is one generator.
        enabled: False changes nothing.

    Example:
        >>> import lucid
        >>> _ = lucid.manual_seed(0)
        >>> with lucid.random.fork_rng():
        ...     x = lucid.rand(2)
        ...
        >>> bool((lucid.rand(2) == x).all())
        True
    """
    state = get_rng_state() if enabled else None
    try:
        yield
    finally:
        if state is not None:
            set_rng_state(state)


guard(globals())
