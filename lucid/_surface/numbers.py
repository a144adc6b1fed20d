"""Small functions of numbers and slices, and control flow as functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from lucid._functions._arguments import check_tensors
from lucid._functions._common import floating, normalize_dim, normalize_dims
from lucid._functions.choice import where
from lucid._functions.distance import vector_norm
from lucid._functions.join import cat, chunk, narrow, split
from lucid._tensor import Tensor
from lucid.autograd._node import wrap

__all__ = [
    "as_strided_scatter", "cond", "frexp", "gradient", "renorm", "unsafe_chunk", "unsafe_split",
    "unsafe_split_with_sizes", "while_loop",
]  # fmt: skip


class Frexp(NamedTuple):
    """Result of `frexp`: unpacks as ``mantissa, exponent``."""

    mantissa: Any
    exponent: Any


def frexp(input: Tensor, *, out: Any = None) -> Frexp:
    """(mantissa, exponent) with input = mantissa * 2^exponent and 0.5 <= |mantissa| < 1; the exponent is int32.

    The gradient of the mantissa is 2^-exponent.

    Args:
        input: floating point, any shape.
        out: a pair of tensors that receive the results.

    Raises:
        RuntimeError: ``input`` is not floating point.

    Example:
        >>> import lucid
        >>> [part.tolist() for part in lucid.frexp(lucid.tensor([8.0, -3.0]))]
        [[0.5, -0.75], [4, 2]]
    """
    check_tensors("frexp", input)
    if input._data.dtype.kind != "f":
        raise RuntimeError(f"frexp: only supports floating-point dtypes, got {input.dtype}")
    mantissa, exponent = np.frexp(input._data)
    exponent = np.asarray(np.where(np.isfinite(input._data), exponent, 0), np.int32)
    if not input.requires_grad:
        return Frexp(wrap(np.asarray(mantissa)), wrap(exponent))
    # in two steps, since 2^-exponent of the least numbers overflows
    half = exponent // 2
    one = np.asarray(1, input._data.dtype)
    y = input * wrap(np.ldexp(one, -half)) * wrap(np.ldexp(one, half - exponent))
    return Frexp(y, wrap(exponent))


def renorm(input: Tensor, p: float, dim: int, maxnorm: float, *, out: Tensor | None = None) -> Tensor:
    """``input`` with every slice along ``dim`` whose p-norm exceeds ``maxnorm`` scaled down to it.

    Args:
        input: floating point, at least two dimensions.
        p: order of the norm, positive.
        dim: the dimension the slices are numbered by.
        maxnorm: largest norm, not negative.
        out: tensor that receives the result.

    Raises:
        RuntimeError: an argument is out of range.

    Example:
        >>> import lucid
        >>> lucid.renorm(lucid.tensor([[3.0, 4.0], [0.3, 0.4]]), 2, 0, 1.0).norm(dim=1).round(decimals=4)
        Tensor([1.0, 0.5], grad=None)
    """
    check_tensors("renorm", input)
    if input.ndim < 2:
        raise RuntimeError(f"renorm: input needs at least 2 dimensions, got {input.ndim} dimensions")
    if not p > 0 or not maxnorm >= 0:
        raise RuntimeError(f"renorm: expected p > 0 and maxnorm >= 0, got {p} and {maxnorm}")
    d = normalize_dim("renorm", dim, input)
    norms = vector_norm(input, p, tuple([k for k in np.arange(input.ndim).tolist() if k != d]), keepdim=True)
    scale = where(norms > maxnorm, maxnorm / (norms + 1e-7), 1.0)
    return input * scale


def gradient(
    input: Tensor, *, spacing: Any = 1, dim: int | Sequence[int] | None = None, edge_order: int = 1
) -> tuple[Tensor, ...]:
    """Derivatives along dimensions by second-order central differences, one-sided at the ends.

    Args:
        input: floating point.
        spacing: distance of neighbours: a number for all dimensions, one for each, or a vector of coordinates for each.
        dim: the dimensions; all unless given.
        edge_order: 1 or 2: order of the differences at the ends.

    Raises:
        RuntimeError: ``spacing`` does not fit, or a dimension has fewer than ``edge_order`` + 1 elements.

    Example:
        >>> import lucid
        >>> lucid.gradient(lucid.tensor([1.0, 2.0, 4.0, 7.0]))[0].tolist()
        [1.0, 1.5, 2.5, 3.0]

    Source: Fornberg, Generation of finite difference formulas, Math. Comp. 1988.
    """
    check_tensors("gradient", input)
    input, spacing = floating(input), 1 if spacing is None else spacing
    if edge_order not in (1, 2):
        raise RuntimeError(f"gradient: edge_order must be 1 or 2, got {edge_order}")
    dims = normalize_dims("gradient", dim if dim is None or isinstance(dim, int) else list(dim), input)
    each = list(spacing) if isinstance(spacing, (tuple, list)) else [spacing] * len(dims)
    if len(each) != len(dims):
        raise RuntimeError(f"gradient: expected spacing for {len(dims)} dimensions, got {len(each)}")
    found = []
    for d, step in zip(dims, each):
        n = input._data.shape[d]
        if n < edge_order + 1:
            raise RuntimeError(f"gradient: expected at least {edge_order + 1} elements along dimension {d}, got {n}")
        if isinstance(step, Tensor) and step.ndim:
            at: np.ndarray = step._data.astype(np.float64)
            if at.shape != (n,):
                raise RuntimeError(f"gradient: expected {n} coordinates for dimension {d}, got shape {at.shape}")
        else:
            at = np.arange(n) * float(step)
        found.append(_along(input, d, at, edge_order))
    return tuple(found)


def _along(x: Tensor, d: int, at: np.ndarray, order: int) -> Tensor:
    """Three coefficients per element of the derivative, for the element before, itself and the one after."""
    n, h = len(at), np.diff(at)
    lead = (n, *(1,) * (x.ndim - d - 1))

    def part(k: int, count: int) -> Tensor:
        return narrow(x, d, k, count)

    def weighted(values: np.ndarray, count: int, k: int) -> Tensor:
        return part(k, count) * wrap(values.astype(x._data.dtype).reshape(count, *lead[1:]))

    if order == 1:
        first = weighted(1 / h[:1], 1, 1) - weighted(1 / h[:1], 1, 0)
        last = weighted(1 / h[-1:], 1, n - 1) - weighted(1 / h[-1:], 1, n - 2)
    else:
        a, b = h[:1], h[1:2]
        first = weighted(-(2 * a + b) / (a * (a + b)), 1, 0) + weighted((a + b) / (a * b), 1, 1)
        first = first - weighted(a / (b * (a + b)), 1, 2)
        a, b = h[-2:-1], h[-1:]
        last = weighted(b / (a * (a + b)), 1, n - 3) - weighted((a + b) / (a * b), 1, n - 2)
        last = last + weighted((a + 2 * b) / (b * (a + b)), 1, n - 1)
    if n == 2:
        return cat([first, last], d)
    a, b, m = h[:-1], h[1:], n - 2
    middle = weighted(-b / (a * (a + b)), m, 0) + weighted((b - a) / (a * b), m, 1) + weighted(a / (b * (a + b)), m, 2)
    return cat([first, middle, last], d)


def as_strided_scatter(
    input: Tensor, src: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None
) -> Tensor:
    """A copy of ``input`` in which the part that ``as_strided`` would show is ``src``.

    Args:
        input: any shape.
        src: of shape ``size``.
        size, stride, storage_offset: as of `as_strided`.

    Raises:
        RuntimeError: ``src`` has another shape, or the part reaches beyond the storage.

    Example:
        >>> import lucid
        >>> print(lucid.as_strided_scatter(lucid.zeros(2, 2), lucid.ones(2), (2,), (3,)))
        [[1.0, 0.0],
         [0.0, 1.0]]
    """
    check_tensors("as_strided_scatter", input, src)
    if tuple(src.shape) != tuple(size):
        raise RuntimeError(f"as_strided_scatter: expected src of shape {tuple(size)}, got {tuple(src.shape)}")
    y = input.clone()
    y.as_strided(size, stride, storage_offset).copy_(src)
    return y


def unsafe_split(tensor: Tensor, split_size: Any, dim: int = 0) -> Any:
    """`split`, with copies instead of views.

    Args:
        tensor: at least one dimension.
        split_size, dim: as of `split`.

    Example:
        >>> import lucid
        >>> [len(part) for part in lucid.unsafe_split(lucid.arange(5), 2)]
        [2, 2, 1]
    """
    check_tensors("unsafe_split", tensor)
    return tuple([part.clone() for part in split(tensor, split_size, dim)])


unsafe_split_with_sizes = unsafe_split


def unsafe_chunk(input: Tensor, chunks: int, dim: int = 0) -> Any:
    """`chunk`, with copies instead of views.

    Args:
        input, chunks, dim: as of `chunk`.

    Example:
        >>> import lucid
        >>> [len(part) for part in lucid.unsafe_chunk(lucid.arange(5), 2)]
        [3, 2]
    """
    check_tensors("unsafe_chunk", input)
    return tuple([part.clone() for part in chunk(input, chunks, dim)])


def cond(pred: Any, true_fn: Callable[..., Any], false_fn: Callable[..., Any], operands: Sequence[Any] = ()) -> Any:
    """``true_fn(*operands)`` or ``false_fn(*operands)``.

    Args:
        pred: a bool, or a tensor with one element.
        true_fn, false_fn: the two functions.
        operands: their arguments.

    Raises:
        TypeError: ``pred`` is neither, or something is not a function.

    Example:
        >>> import lucid
        >>> print(lucid.cond(lucid.tensor(True), lambda x: x + 1, lambda x: x - 1, (lucid.ones(2),)))
        [2.0, 2.0]
    """
    if not isinstance(pred, (bool, Tensor)) or not callable(true_fn) or not callable(false_fn):
        raise TypeError("cond: expected a bool or a tensor with one element, and two functions")
    return true_fn(*operands) if bool(pred) else false_fn(*operands)


def while_loop(cond_fn: Callable[..., Any], body_fn: Callable[..., Any], carried_inputs: Sequence[Any]) -> Any:
    """``carried_inputs``, replaced by ``body_fn`` of them while ``cond_fn`` of them is true; returned as a tuple.

    Args:
        cond_fn: state -> bool, or a tensor of one element.
        body_fn: state -> as many values.
        carried_inputs: the state at first, a sequence.

    Raises:
        TypeError: one of them is no function.

    Example:
        >>> import lucid
        >>> print(lucid.while_loop(lambda x: x < 10, lambda x: (x * 2,), (lucid.tensor(3),))[0])
        12
    """
    if not callable(cond_fn) or not callable(body_fn):
        raise TypeError("while_loop: expected two functions")
    state = tuple(carried_inputs)
    while bool(cond_fn(*state)):
        found = body_fn(*state)
        state = tuple(found) if isinstance(found, (tuple, list)) else (found,)
    return state
