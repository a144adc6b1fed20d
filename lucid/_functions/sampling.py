"""Random tensors, and tensors overwritten with random numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _dtype, _ops
from lucid._functions._arguments import check_tensors, integer
from lucid._functions._common import broadcast_shapes, cast, check_options, check_writable, convert
from lucid._functions.creation import _finish, _numpy_dtype, _shape, check_length
from lucid._functions.index import constant_of
from lucid._functions.like import _like
from lucid._functions.shape import as_shape
from lucid._random import Generator, default_generator
from lucid.autograd._node import TensorBase, bump, compute, mode, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def _check_range(name: str, what: str, values: Any, low: float, high: float = np.inf) -> None:
    """Refuse a parameter outside [low, high]; a trace hides the values of a tensor."""
    data = values._data if isinstance(values, TensorBase) else np.asarray(values)
    if isinstance(data, np.ndarray) and not ((data >= low) & (data <= high)).all():
        wanted = f"within [{low:g}, {high:g}]" if high < np.inf else f"at least {low:g}"
        shown = f", got {values}" if not isinstance(values, TensorBase) else ""
        raise RuntimeError(f"{name}: expected {what} {wanted}{shown}")


def _draw(kind: str, shape: tuple[int, ...], dtype: np.dtype, generator: Generator | None) -> np.ndarray:
    if not _dtype.is_floating(dtype):
        raise RuntimeError(f"{kind}: not implemented for {dtype}")
    if dtype.itemsize == 2:
        values = _draw(kind, shape, np.dtype(np.float32), generator)
        if kind == "uniform":  # cut, not rounded: below 1, and each as likely
            steps = np.float32(2048 if dtype.kind == "f" else 256)
            values = np.asarray(np.floor(values * steps) / steps)
        return convert(values, _dtype.as_dtype(dtype))
    count = int(np.prod(shape, dtype=np.int64))
    if generator is not None and not isinstance(generator, Generator):
        raise TypeError(f"expected a Generator as generator, got {type(generator).__name__}")
    seed, offset = (generator or default_generator).take(count)
    if mode.trace:  # an operation, so that compiled training steps draw anew
        return compute(getattr(_ops, kind), shape, seed, offset, dtype)._data
    return np.asarray(getattr(_ops, kind)(shape, seed, offset, dtype))


def rand(
    *sizes: Any,
    size: Any = None,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **_: Any,
) -> Tensor:
    """Uniform random numbers in [0, 1).

    Args:
        sizes: sizes, as numbers or one sequence.
        size: the sequence by name.
        generator: source of randomness; the default one unless given.
        dtype: the default floating-point type unless given.
        device: "cpu".
        requires_grad: record operations on it.

    Example:
        >>> import lucid
        >>> x = lucid.rand(100)
        >>> bool((x >= 0).all() and (x < 1).all())
        True

    Source: Salmon et al., Parallel random numbers: as easy as 1, 2, 3, 2011.
    """
    return _finish(
        "rand",
        _draw("uniform", _shape("rand", sizes, size), _numpy_dtype(dtype, _), generator),
        requires_grad,
        device,
        _,
    )


def randn(
    *sizes: Any,
    size: Any = None,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **_: Any,
) -> Tensor:
    """Random numbers from the standard normal distribution.

    Args:
        sizes: sizes, as numbers or one sequence.
        size: the sequence by name.
        generator: source of randomness; the default one unless given.
        dtype: the default floating-point type unless given.
        device: "cpu".
        requires_grad: record operations on it.

    Example:
        >>> import lucid
        >>> lucid.randn(2, 3).shape
        lucid.Size([2, 3])

    Source: Box and Muller, A note on the generation of random normal deviates, 1958, on the numbers of `rand`.
    """
    return _finish(
        "randn",
        _draw("normal", _shape("randn", sizes, size), _numpy_dtype(dtype, _), generator),
        requires_grad,
        device,
        _,
    )


def rand_like(
    x: Tensor, *, generator: Generator | None = None, dtype: Any = None, requires_grad: bool = False, **_: Any
) -> Tensor:
    """`rand` with the shape and dtype of ``x``.

    Args:
        x: tensor whose shape is taken.
        generator: source of randomness; the default one unless given.
        dtype: that of ``x`` unless given; floating point.
        requires_grad: record operations on it.

    Raises:
        RuntimeError: the dtype is not floating point.

    Example:
        >>> import lucid
        >>> lucid.rand_like(lucid.ones(2, 3)).shape
        lucid.Size([2, 3])
    """
    check_tensors("rand_like", x)
    return _finish("rand_like", _draw("uniform", x._data.shape, _like(x, dtype), generator), requires_grad, None, _)


def randn_like(
    x: Tensor, *, generator: Generator | None = None, dtype: Any = None, requires_grad: bool = False, **_: Any
) -> Tensor:
    """`randn` with the shape and dtype of ``x``.

    Args:
        x: tensor whose shape is taken.
        generator: source of randomness; the default one unless given.
        dtype: that of ``x`` unless given; floating point.
        requires_grad: record operations on it.

    Raises:
        RuntimeError: the dtype is not floating point.

    Example:
        >>> import lucid
        >>> lucid.randn_like(lucid.ones(2, 3)).shape
        lucid.Size([2, 3])
    """
    check_tensors("randn_like", x)
    return _finish("randn_like", _draw("normal", x._data.shape, _like(x, dtype), generator), requires_grad, None, _)


def randint(
    low: int = 0,
    high: Any = None,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **_: Any,
) -> Tensor:
    """Random integers in [low, high), each as likely; ``randint(high, size)`` starts at 0.

    Args:
        low: smallest value.
        high: limit, not reached.
        size: sizes, as a sequence.
        generator: source of randomness; the default one unless given.
        dtype: int64 unless given.
        device: "cpu".
        requires_grad: record operations on it.

    Raises:
        RuntimeError: the interval is empty.

    Example:
        >>> import lucid
        >>> x = lucid.randint(0, 6, (100,))
        >>> bool((x >= 0).all() and (x < 6).all())
        True
    """
    if size is None:
        low, high, size = 0, low, high
    elif high is None:
        low, high = 0, low
    if high <= low:
        raise RuntimeError(f"randint: expects 'from' < 'to', but got from={low} >= to={high}")
    shape = _shape("randint", (size,))
    g = (generator or default_generator).numpy(int(np.prod(shape, dtype=np.int64)))
    d = _numpy_dtype(dtype, _, _dtype.int64)
    return _finish("randint", np.asarray(g.integers(low, high, shape)).astype(d), requires_grad, device, _)


def randperm(
    n: int,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **_: Any,
) -> Tensor:
    """A random permutation of 0 ... n - 1.

    Args:
        n: number of values.
        generator: source of randomness; the default one unless given.
        dtype: int64 unless given.
        device: "cpu".
        requires_grad: record operations on it.

    Raises:
        RuntimeError: ``n`` is negative.

    Example:
        >>> import lucid
        >>> sorted(lucid.randperm(4).tolist())
        [0, 1, 2, 3]
    """
    n = check_length("randperm", "n", n)
    order = _ops.permutation(n, *(generator or default_generator).take(max(n, 1)))
    return _finish("randperm", order.astype(_numpy_dtype(dtype, _, _dtype.int64), copy=False), requires_grad, device, _)


def normal(
    mean: Any = 0.0, std: Any = 1.0, size: Any = None, *, generator: Generator | None = None, dtype: Any = None,
    device: Any = None, requires_grad: bool = False, out: Tensor | None = None, **_: Any,
) -> Tensor:  # fmt: skip
    """Random numbers from normal distributions; ``mean`` and ``std`` may be tensors when ``size`` is not given.

    Args:
        mean: a number or a tensor.
        std: standard deviation, a number or a tensor; shapes broadcast.
        size: the shape; of ``mean`` and ``std`` unless given.
        generator: source of randomness; the default one unless given.
        dtype: that of ``mean``, or of ``std``, or the default floating-point type, unless given.
        device: "cpu".
        requires_grad: record operations on it.
        out: tensor that receives the result.

    Raises:
        RuntimeError: ``std`` is negative.

    Example:
        >>> import lucid
        >>> lucid.normal(lucid.zeros(3), 1.0).shape
        lucid.Size([3])
    """
    _check_range("normal", "std", std, 0)
    if size is None:
        size = broadcast_shapes("normal", *[v._data.shape for v in (mean, std) if isinstance(v, TensorBase)])
    if dtype is None and isinstance(mean, TensorBase):
        dtype = mean.dtype  # type: ignore[attr-defined]
    elif dtype is None and isinstance(std, TensorBase):
        dtype = std.dtype  # type: ignore[attr-defined]
    check_options("normal", _)
    y = randn(*as_shape((size,)), generator=generator, dtype=dtype, device=device) * std + mean
    y = y if dtype is None else cast(y, _dtype.as_dtype(dtype))
    if requires_grad:
        y.requires_grad = True
    return y


def bernoulli(p: Tensor, *, generator: Generator | None = None, out: Tensor | None = None) -> Tensor:
    """1 with probability ``p``, else 0, elementwise.

    Args:
        p: floating point, in [0, 1]; the result has its shape and dtype.
        generator: source of randomness; the default one unless given.
        out: tensor that receives the result.

    Raises:
        RuntimeError: ``p`` is not floating point, or outside [0, 1].

    Example:
        >>> import lucid
        >>> print(lucid.bernoulli(lucid.tensor([0.0, 1.0])))
        [0.0, 1.0]
    """
    check_tensors("bernoulli", p)
    if p._data.dtype.kind != "f":
        raise RuntimeError(f"bernoulli: expected floating-point probabilities, got {p.dtype}")
    _check_range("bernoulli", "probabilities", p, 0, 1)
    draw = _draw("uniform", p._data.shape, p._data.dtype, generator)
    y = wrap((draw < p._data).astype(p._data.dtype))
    return constant_of(p, y) if p.requires_grad else y


def multinomial(
    p: Tensor,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Generator | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Indices drawn with probability proportional to the rows of ``p``.

    Args:
        p: weights, shape (n,) or (rows, n); they need not sum to 1.
        num_samples: indices per row.
        replacement: an index may be drawn again.
        generator: source of randomness; the default one unless given.
        out: tensor that receives the result.

    Raises:
        RuntimeError: weights of another shape or dtype, negative or not finite, rows that sum to zero, no samples, or
            too many without replacement.

    Example:
        >>> import lucid
        >>> print(lucid.multinomial(lucid.tensor([0.0, 1.0]), 1))
        [1]
    """
    check_tensors("multinomial", p)
    if p._data.ndim not in (1, 2) or p._data.dtype.kind != "f":
        raise RuntimeError(
            f"multinomial: expected floating-point weights (n,) or (rows, n), got {p.dtype} {p._data.shape}"
        )
    num_samples = integer(num_samples)
    if num_samples < 1:
        raise RuntimeError(f"multinomial: num_samples must be positive, got {num_samples}")
    rows = np.atleast_2d(p._data.astype(np.float64))
    if not np.isfinite(rows).all() or (rows < 0).any():
        raise RuntimeError("multinomial: probability tensor contains either inf, nan or element < 0")
    if (rows.sum(1) <= 0).any():
        raise RuntimeError("multinomial: invalid multinomial distribution (sum of probabilities <= 0)")
    if not replacement and num_samples > (rows > 0).sum(1).min():
        raise RuntimeError("multinomial: cannot sample n_sample > prob_dist.size(-1) samples without replacement")
    g = (generator or default_generator).numpy(rows.shape[0] * num_samples)
    drawn = [g.choice(rows.shape[1], num_samples, replacement, row / row.sum()) for row in rows]
    return wrap(np.array(drawn, np.int64) if p._data.ndim == 2 else np.asarray(drawn[0], np.int64))


def _overwrite(name: str, x: Tensor, values: np.ndarray) -> Tensor:
    check_writable(name, x)
    x._data[...] = values
    bump(x)
    return x


def normal_(x: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with normal random numbers.

    Args:
        mean, std: mean and standard deviation.
        generator: source of randomness; the default one unless given.

    Raises:
        RuntimeError: ``std`` is negative.

    Example:
        >>> import lucid
        >>> print(lucid.zeros(2).normal_(3.0, 0.0))
        [3.0, 3.0]
    """
    _check_range("normal_", "std", std, 0)
    draw = _draw("normal", x._data.shape, x._data.dtype, generator)
    return _overwrite("normal_", x, draw * x._data.dtype.type(std) + x._data.dtype.type(mean))


def uniform_(x: Tensor, low: float = 0.0, high: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with uniform random numbers in [low, high).

    Args:
        low, high: the interval.
        generator: source of randomness; the default one unless given.

    Raises:
        RuntimeError: ``low`` is above ``high``.

    Example:
        >>> import lucid
        >>> x = lucid.zeros(100).uniform_(2, 3)
        >>> bool((x >= 2).all() and (x <= 3).all())
        True
    """
    if low > high:
        raise RuntimeError(f"uniform_: low must not be above high, got {low} and {high}")
    draw = _draw("uniform", x._data.shape, x._data.dtype, generator)
    return _overwrite("uniform_", x, draw * x._data.dtype.type(high - low) + x._data.dtype.type(low))


def bernoulli_(x: Tensor, p: float = 0.5, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with 1 with probability ``p``, else 0.

    Args:
        p: probability of 1, a number or a tensor that broadcasts, in [0, 1].
        generator: source of randomness; the default one unless given.

    Raises:
        RuntimeError: ``p`` is outside [0, 1].

    Example:
        >>> import lucid
        >>> print(lucid.zeros(3).bernoulli_(1.0))
        [1.0, 1.0, 1.0]
    """
    _check_range("bernoulli_", "p", p, 0, 1)
    seed, offset = (generator or default_generator).take(x._data.size)
    draw = _ops.uniform(x._data.shape, seed, offset, np.dtype(np.float32))
    return _overwrite("bernoulli_", x, draw < p)
