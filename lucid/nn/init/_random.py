"""Initial values drawn from distributions that the caller chooses."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from lucid import _dtype
from lucid._functions.sampling import rand, randn, randperm
from lucid.autograd._mode import no_grad
from lucid.nn._quantile import normal_distribution, normal_quantile
from lucid.nn.init._common import assign, check, check_dims, is_empty, thread

if TYPE_CHECKING:
    from lucid._random import Generator
    from lucid._tensor import Tensor


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Overwrite with uniform random numbers in [a, b).

    Args:
        tensor: floating point, any shape.
        a: smallest value.
        b: upper bound, not reached.
        generator: source of randomness; the default one unless given.

    Raises:
        TypeError: ``tensor`` is not a floating-point tensor.

    Example:
        >>> import lucid
        >>> w = lucid.nn.init.uniform_(lucid.empty(100), -1, 1)
        >>> bool(w.abs().max() <= 1)
        True
    """
    check("uniform_", tensor)
    if thread.idle:
        return tensor
    with no_grad():
        return tensor.uniform_(a, b, generator=generator)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Overwrite with normal random numbers.

    Args:
        tensor: floating point, any shape.
        mean: mean of the distribution.
        std: its standard deviation, not negative.
        generator: source of randomness; the default one unless given.

    Raises:
        TypeError: ``tensor`` is not a floating-point tensor.
        ValueError: ``std`` is negative.

    Example:
        >>> import lucid
        >>> lucid.nn.init.normal_(lucid.empty(3, 5), std=0.02).shape
        lucid.Size([3, 5])
    """
    check("normal_", tensor)
    if std < 0:
        raise ValueError(f"normal_: std must not be negative, got {std}")
    if thread.idle:
        return tensor
    with no_grad():
        return tensor.normal_(mean, std, generator=generator)


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Overwrite with numbers from the normal distribution restricted to [a, b].

    Args:
        tensor: floating point, any shape.
        mean: mean of the distribution before the restriction.
        std: its standard deviation, positive.
        a: smallest value.
        b: largest value.
        generator: source of randomness; the default one unless given.

    Raises:
        TypeError: ``tensor`` is not a floating-point tensor.
        ValueError: ``std`` is not positive or ``a`` is not below ``b``.

    Example:
        >>> import lucid
        >>> w = lucid.nn.init.trunc_normal_(lucid.empty(100), a=-1, b=1)
        >>> bool(w.abs().max() <= 1)
        True

    Source: Wichura, Algorithm AS 241: the percentage points of the normal distribution, 1988 (its inverse).
    """
    check("trunc_normal_", tensor)
    if not std > 0:
        raise ValueError(f"trunc_normal_: std must be positive, got {std}")
    if not a < b:
        raise ValueError(f"trunc_normal_: a must be below b, got a={a}, b={b}")
    if thread.idle:
        return tensor
    low, high = (a - mean) / std, (b - mean) / std
    flipped = low > 0  # the lower tail is where probabilities have their full precision
    if flipped:
        low, high = -high, -low
    p_low, p_high = normal_distribution(low), normal_distribution(high)
    p = p_low + rand(tensor._data.shape, generator=generator, dtype=_dtype.float64)._data * (p_high - p_low)
    x = normal_quantile(np.clip(p, np.finfo(np.float64).tiny, 1 - 2.0**-53))
    return assign(tensor, np.clip((-x if flipped else x) * std + mean, a, b))


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """Overwrite with a random matrix with orthonormal rows (or columns, if there are more rows), times ``gain``.

    Args:
        tensor: at least two dimensions, of which all but the first count as one; floating point.
        gain: factor.
        generator: source of randomness; the default one unless given.

    Raises:
        TypeError: ``tensor`` is not a floating-point tensor.
        ValueError: fewer than two dimensions.

    Example:
        >>> import lucid
        >>> w = lucid.nn.init.orthogonal_(lucid.empty(2, 4))
        >>> lucid.allclose(w @ w.T, lucid.eye(2), atol=1e-6)
        True

    Source: Saxe, McClelland and Ganguli, "Exact solutions to the nonlinear dynamics of learning", 2013.
    """
    check("orthogonal_", tensor)
    shape = tensor._data.shape
    if len(shape) < 2:
        raise ValueError(f"orthogonal_: expected at least two dimensions, got shape {shape}")
    if is_empty(tensor):
        return tensor
    rows, columns = shape[0], math.prod(shape[1:])
    drawn = randn(max(rows, columns), min(rows, columns), generator=generator, dtype=_dtype.float64)._data
    q, r = np.linalg.qr(drawn)
    q = q * np.where(np.diagonal(r) < 0, -1.0, 1.0)  # makes the distribution uniform over orthogonal matrices
    return assign(tensor, ((q.T if rows < columns else q) * gain).reshape(shape))


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> Tensor:
    """Overwrite a matrix with normal numbers, and a share of each column with zeros.

    Args:
        tensor: a matrix, floating point.
        sparsity: share of zeros in each column, in [0, 1]; their number is rounded up.
        std: standard deviation of the others.
        generator: source of randomness; the default one unless given.

    Raises:
        TypeError: ``tensor`` is not a floating-point tensor.
        ValueError: not a matrix, or ``sparsity`` out of range.

    Example:
        >>> import lucid
        >>> print((lucid.nn.init.sparse_(lucid.empty(4, 2), 0.5) == 0).sum(0))
        [2, 2]

    Source: Martens, "Deep learning via Hessian-free optimization", 2010.
    """
    check("sparse_", tensor)
    rows, columns = check_dims("sparse_", tensor, (2,))
    if not 0 <= sparsity <= 1:
        raise ValueError(f"sparse_: sparsity must be between 0 and 1, got {sparsity}")
    values = randn(rows, columns, generator=generator, dtype=_dtype.float64)._data * std
    for column in range(columns):
        values[randperm(rows, generator=generator)._data[: math.ceil(sparsity * rows)], column] = 0
    return assign(tensor, values)
