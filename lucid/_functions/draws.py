"""Tensors overwritten with random numbers of more distributions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _dtype, _ops
from lucid._functions._arguments import check_tensors
from lucid._functions._common import check_options, check_writable, sum_to
from lucid._functions._errors import KindError
from lucid._functions.sampling import randint
from lucid._random import Generator, default_generator
from lucid.autograd._node import Node, bump

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def _uniform(x: Tensor, generator: Generator | None) -> np.ndarray:
    """float64 numbers in (0, 1], so that their logarithm is finite."""
    seed, offset = (generator or default_generator).take(x._data.size)
    return 1 - _ops.uniform(x._data.shape, seed, offset, np.dtype(np.float64))


def _overwrite(name: str, x: Tensor, values: np.ndarray) -> Tensor:
    check_writable(name, x)
    x._data[...] = values
    bump(x)
    return x


def _floats(name: str, x: Tensor) -> None:
    if x._data.dtype.kind != "f":
        raise KindError(f"{name}: not implemented for {x.dtype}")


class Count(Node):
    """Drawn counts, which do not change with a small change of ``x``."""

    __slots__ = ("shape",)

    def forward(self, x: Tensor, values: np.ndarray) -> np.ndarray:
        self.shape = x._data.shape
        return values

    def backward(self, dy: Tensor) -> Tensor:
        return sum_to(dy * 0.0, self.shape)


def exponential_(x: Tensor, lambd: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with numbers of the exponential distribution of rate ``lambd``: -log(u) / lambd.

    Args:
        lambd: the rate, 1 over the mean.
        generator: source of randomness; the default one unless given.

    Raises:
        RuntimeError: ``lambd`` is not positive, or ``x`` holds integers.

    Example:
        >>> import lucid
        >>> bool((lucid.zeros(100).exponential_() >= 0).all())
        True
    """
    _floats("exponential_", x)
    if not lambd > 0:
        raise RuntimeError(f"exponential_: expects lambda > 0.0, but found lambda={lambd}")
    return _overwrite("exponential_", x, -np.log(_uniform(x, generator)) / lambd)


def geometric_(x: Tensor, p: float, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with the number of trials up to the first success of probability ``p``: ceil(log(u) / log(1 - p)).

    Args:
        p: probability of success.
        generator: source of randomness; the default one unless given.

    Raises:
        RuntimeError: ``p`` is not within (0, 1).

    Example:
        >>> import lucid
        >>> bool((lucid.zeros(100).geometric_(0.5) >= 1).all())
        True
    """
    if not 0 < p < 1:
        raise RuntimeError(f"geometric_: expects p to be in (0, 1), but got p={p}")
    return _overwrite("geometric_", x, np.maximum(np.ceil(np.log(_uniform(x, generator)) / np.log1p(-p)), 1))


def log_normal_(x: Tensor, mean: float = 1.0, std: float = 2.0, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with exp(mean + std * z) of normal z.

    Args:
        mean, std: mean and standard deviation of the logarithm.
        generator: source of randomness; the default one unless given.

    Raises:
        RuntimeError: ``std`` is not positive, or ``x`` holds integers.

    Example:
        >>> import lucid
        >>> bool((lucid.zeros(100).log_normal_() > 0).all())
        True
    """
    _floats("log_normal_", x)
    if not std > 0:
        raise RuntimeError(f"log_normal_: expects std > 0.0, but found std={std}")
    seed, offset = (generator or default_generator).take(x._data.size)
    return _overwrite(
        "log_normal_", x, np.exp(_ops.normal(x._data.shape, seed, offset, np.dtype(np.float64)) * std + mean)
    )


def cauchy_(x: Tensor, median: float = 0.0, sigma: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with numbers of the Cauchy distribution: median + sigma * tan(pi (u - 1/2)).

    Args:
        median: middle of the distribution.
        sigma: half the distance of the quartiles.
        generator: source of randomness; the default one unless given.

    Raises:
        RuntimeError: ``sigma`` is not positive, or ``x`` holds integers.

    Example:
        >>> import lucid
        >>> bool(lucid.zeros(100).cauchy_().isfinite().all())
        True
    """
    _floats("cauchy_", x)
    if not sigma > 0:
        raise RuntimeError(f"cauchy_: expects sigma > 0.0, but found sigma={sigma}")
    return _overwrite("cauchy_", x, median + sigma * np.tan(np.pi * (_uniform(x, generator) - 0.5)))


def random_(x: Tensor, low: int = 0, high: int | None = None, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with integers, each as likely, in [low, high); ``random_(high)`` starts at 0.

    Without bounds, integers up to the largest of the dtype, or all that a float represents exactly (2^24 or 2^53).

    Args:
        low: smallest value; the limit if it is the only one.
        high: limit, not reached.
        generator: source of randomness; the default one unless given.

    Raises:
        RuntimeError: the interval is empty, or exceeds the dtype.

    Example:
        >>> import lucid
        >>> x = lucid.zeros(100).random_(2, 4)
        >>> bool(((x == 2) | (x == 3)).all())
        True
    """
    data = x._data
    if data.dtype.kind == "f":
        largest = 2 ** (np.finfo(data.dtype).nmant + 1)
    else:
        largest = 1 if data.dtype.kind == "b" else int(np.iinfo(data.dtype).max)
    if high is None:
        low, high = (0, low) if low else (0, largest if data.dtype == np.int64 else largest + 1)
    if high <= low:
        raise RuntimeError(f"random_: expects 'from' < 'to', but got from={low} >= to={high}")
    if high - 1 > largest:
        raise RuntimeError(f"random_: to={high} is out of bounds for {x.dtype}")
    g = (generator or default_generator).numpy(data.size)
    return _overwrite("random_", x, np.asarray(g.integers(low, high, data.shape)))


def poisson(x: Tensor, generator: Generator | None = None) -> Tensor:
    """Numbers of the Poisson distribution with the means ``x``. The gradient is zero.

    Args:
        x: rates, not negative, floating-point.
        generator: source of the numbers; the default one unless given.

    Raises:
        RuntimeError: a rate is negative or NaN, or ``x`` holds integers.

    Example:
        >>> import lucid
        >>> print(lucid.poisson(lucid.zeros(3)))
        [0.0, 0.0, 0.0]
    """
    check_tensors("poisson", x)
    _floats("poisson", x)
    if not (x._data >= 0).all():
        raise RuntimeError("poisson: expected rates that are not negative")
    g = (generator or default_generator).numpy(x._data.size)
    return Count.apply(x, np.asarray(g.poisson(x._data.astype(np.float64)), x._data.dtype))


def binomial(count: Tensor, prob: Tensor, generator: Generator | None = None) -> Tensor:
    """How many of ``count`` trials succeed with probability ``prob`` each. The gradient is zero.

    Args:
        count: numbers of trials, whole numbers in a floating-point tensor.
        prob: probabilities; broadcast with ``count``.
        generator: source of the numbers; the default one unless given.

    Raises:
        RuntimeError: a count is negative, a probability not within [0, 1], or one of them holds integers.

    Example:
        >>> import lucid
        >>> print(lucid.binomial(lucid.tensor([2.0, 3.0]), lucid.ones(2)))
        [2.0, 3.0]
    """
    check_tensors("binomial", count, prob)
    for x in (count, prob):
        _floats("binomial", x)
    n, p = np.broadcast_arrays(count._data.astype(np.float64), prob._data.astype(np.float64))
    if not ((n >= 0) & (p >= 0) & (p <= 1)).all():
        raise RuntimeError("binomial: expected counts that are not negative and probabilities in [0, 1]")
    g = (generator or default_generator).numpy(n.size)
    return Count.apply(prob, np.asarray(g.binomial(n.astype(np.int64), p), np.result_type(count._data, prob._data)))


def randint_like(
    x: Tensor, low: int = 0, high: int | None = None, *, dtype: Any = None, requires_grad: bool = False, **_: Any
) -> Tensor:
    """`randint` with the shape and dtype of ``x``; ``randint_like(x, high)`` starts at 0.

    Args:
        x: tensor whose shape is taken.
        low: smallest value; the limit if it is the only one.
        high: limit, not reached.
        dtype: that of ``x`` unless given.
        requires_grad: record operations on it.

    Example:
        >>> import lucid
        >>> lucid.randint_like(lucid.zeros(2, 3), 0, 6).shape
        lucid.Size([2, 3])
    """
    check_options("randint_like", _, "generator")
    check_tensors("randint_like", x)
    low, high = (0, low) if high is None else (low, high)
    d = x.dtype if dtype is None else _dtype.as_dtype(dtype)
    return randint(low, high, x._data.shape, dtype=d, requires_grad=requires_grad, **_)


def detach(x: Tensor) -> Tensor:
    """The same storage without history.

    Args:
        x: any shape and dtype.

    Example:
        >>> import lucid
        >>> lucid.detach(lucid.ones(1, requires_grad=True)).requires_grad
        False
    """
    check_tensors("detach", x)
    return x.detach()


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Accepted for PyTorch's sake: every algorithm of lucid is deterministic, whatever ``mode`` says.

    Args:
        mode: remembered for `are_deterministic_algorithms_enabled`.
        warn_only: without effect.

    Example:
        >>> import lucid
        >>> lucid.use_deterministic_algorithms(lucid.are_deterministic_algorithms_enabled())
    """


def are_deterministic_algorithms_enabled() -> bool:
    """True: lucid gives the same bits every time.

    Example:
        >>> import lucid
        >>> isinstance(lucid.are_deterministic_algorithms_enabled(), bool)
        True
    """
    return True
