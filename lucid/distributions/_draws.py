"""Noise the distributions are made of: drawn in float64 from the counter of the default generator, then rounded once.

Tails are those of float64, and the bits do not depend on the number of threads.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

import lucid
from lucid import Tensor, _ops
from lucid._random import default_generator
from lucid.autograd._node import wrap


def unit(shape: Iterable[int]) -> np.ndarray:
    """Uniform numbers in (0, 1), symmetric about 1/2."""
    shape = tuple(shape)
    seed, offset = default_generator.take(int(np.prod(shape, dtype=np.int64)))
    return _ops.uniform(shape, seed, offset, np.dtype(np.float64)) + 2.0**-54


def _rounded(x: np.ndarray, like: Tensor) -> Tensor:
    return wrap(np.asarray(x, like.dtype.numpy))


def uniform(shape: Iterable[int], like: Tensor) -> Tensor:
    """In [0, 1)."""
    return lucid.rand(*shape, dtype=like.dtype)


def normal(shape: Iterable[int], like: Tensor) -> Tensor:
    return lucid.randn(*shape, dtype=like.dtype)


def exponential(shape: Iterable[int], like: Tensor) -> Tensor:
    """-log(u)."""
    return _rounded(-np.log(unit(shape)), like)


def gumbel(shape: Iterable[int], like: Tensor) -> Tensor:
    """-log(-log(u))."""
    return _rounded(-np.log(-np.log(unit(shape))), like)


def logistic(shape: Iterable[int], like: Tensor) -> Tensor:
    """log(u / (1 - u))."""
    u = unit(shape)
    return _rounded(np.log(u) - np.log1p(-u), like)


def cauchy(shape: Iterable[int], like: Tensor) -> Tensor:
    """tan(pi (u - 1/2))."""
    return _rounded(np.tan(np.pi * (unit(shape) - 0.5)), like)


def laplace(shape: Iterable[int], like: Tensor) -> Tensor:
    """-log(u) with a random sign."""
    u = 2 * unit(shape) - 1
    return _rounded(-np.copysign(np.log1p(-np.abs(u)), u), like)


def generator(count: int) -> np.random.Generator:
    """A NumPy generator for draws by rejection; reserves ``count`` numbers of the stream."""
    return default_generator.numpy(count)


def array(x: Tensor, shape: Iterable[int]) -> np.ndarray[Any, Any]:
    """The values of a parameter in float64, broadcast."""
    return np.broadcast_to(x._data.astype(np.float64), tuple(shape))
