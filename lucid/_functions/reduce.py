"""Reductions over dimensions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lucid import _dtype, _ops
from lucid._functions._arguments import check_tensors
from lucid._functions._common import cast, expand, floating, normalize_dims
from lucid._functions.exponential import exp
from lucid._functions.pointwise import sqrt
from lucid._functions.repeat import flip
from lucid._functions.shape import reshape
from lucid.autograd._node import Node, compute, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor

Dim = int | tuple[int, ...] | list[int] | None


class ValuesIndices(NamedTuple):
    """Result of reductions that also say where: unpacks as ``values, indices``."""

    values: Any
    indices: Any


def keep(y: Tensor, shape: tuple[int, ...], dims: tuple[int, ...]) -> Tensor:
    """``y`` with the reduced ``dims`` of ``shape`` as size 1, whether or not it kept them."""
    kept = tuple([1 if d in dims else n for d, n in enumerate(shape)])
    return y if y._data.shape == kept else reshape(y, kept)


class Sum(Node):
    __slots__ = ("dims", "shape")

    def forward(self, x: Tensor, dims: tuple[int, ...], keepdim: bool) -> np.ndarray:
        self.shape, self.dims = x._data.shape, dims
        if x._data.dtype.kind == "f":
            return _ops.sum(x._data, dims, keepdim)
        return np.asarray(np.sum(x._data, axis=dims, dtype=np.int64, keepdims=keepdim))

    def backward(self, dy: Tensor) -> Tensor:
        return expand(keep(dy, self.shape, self.dims), self.shape)


def sum(x: Tensor, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None, out: Tensor | None = None) -> Tensor:
    """Sum over ``dim``; integers and bools add up in int64.

    Args:
        x: any shape.
        dim: dimension or dimensions; None means all.
        keepdim: keep them with size 1.
        dtype: convert to this type first.
        out: tensor that receives the result.

    Raises:
        IndexError: ``dim`` is out of range.

    Example:
        >>> import lucid
        >>> print(lucid.sum(lucid.tensor([[1.0, 2.0], [3.0, 4.0]]), 0))
        [4.0, 6.0]
    """
    if dtype is not None:
        x = cast(x, _dtype.as_dtype(dtype))
    y = Sum.apply(x, normalize_dims("sum", dim, x), keepdim)
    return y if dtype is None else cast(y, x.dtype)


def mean(x: Tensor, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None, out: Tensor | None = None) -> Tensor:
    """Arithmetic mean over ``dim``; NaN over nothing.

        sum(x) / n

    Args:
        x: floating point, any shape.
        dim: dimension or dimensions; None means all.
        keepdim: keep them with size 1.
        dtype: convert to this type first.
        out: tensor that receives the result.

    Raises:
        RuntimeError: ``x`` is not floating point.

    Example:
        >>> import lucid
        >>> print(lucid.mean(lucid.tensor([[1.0, 2.0], [3.0, 4.0]]), 1))
        [1.5, 3.5]
    """
    if dtype is not None:
        x = cast(x, _dtype.as_dtype(dtype))
    dims = normalize_dims("mean", dim, x)
    if x._data.dtype.kind != "f":
        raise RuntimeError(f"mean: could not infer output dtype. Input dtype must be floating point, got {x.dtype}")
    count = math.prod([x._data.shape[d] for d in dims])
    total = Sum.apply(x, dims, keepdim)
    return total / count


class Var(Node):
    __slots__ = ("correction", "dims")

    def forward(self, x: Tensor, dims: tuple[int, ...], correction: float, keepdim: bool) -> np.ndarray:
        self.saved, self.dims, self.correction = (x,), dims, correction
        return _ops.var(x._data, dims, correction, keepdim)

    def backward(self, dy: Tensor) -> Tensor:
        (x,) = self.unpack()
        shape = x._data.shape
        count = math.prod([shape[d] for d in self.dims])
        centered = x - mean(x, self.dims, True) if self.dims else x - x
        rest = count - self.correction
        return keep(dy, shape, self.dims) * centered * (2 / rest if rest > 0 else math.nan)


def var(
    x: Tensor,
    dim: Dim | bool = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Variance over ``dim``: sum((x - mean)^2) / (count - correction).

    Args:
        x: floating point.
        dim: dimension or dimensions; None means all.
        unbiased: True means correction 1, False 0.
        keepdim: keep the dimensions with size 1.
        correction: subtracted from the count; 1 unless given.
        out: tensor that receives the result.

    Raises:
        RuntimeError: ``x`` holds integers.

    Example:
        >>> import lucid
        >>> print(lucid.var(lucid.tensor([1.0, 2.0, 3.0])))
        1.0
    """
    check_tensors("var", x)
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if correction is None:
        correction = 1 if unbiased is None or unbiased else 0
    if x._data.dtype.kind != "f":
        raise RuntimeError(f"var: only support floating point dtypes, got {x.dtype}")
    return Var.apply(x, normalize_dims("var", dim, x), correction, keepdim)


def std(
    x: Tensor,
    dim: Dim | bool = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Standard deviation: the square root of `var`.

    Args:
        x: floating point.
        dim: dimension or dimensions; None means all.
        unbiased: True means correction 1, False 0.
        keepdim: keep the dimensions with size 1.
        correction: subtracted from the count; 1 unless given.
        out: tensor that receives the result.

    Raises:
        RuntimeError: ``x`` holds integers.

    Example:
        >>> import lucid
        >>> print(lucid.std(lucid.tensor([1.0, 3.0, 5.0])))
        2.0
    """
    check_tensors("std", x)
    return sqrt(var(x, dim, unbiased, keepdim, correction=correction))


class Prod(Node):
    __slots__ = ("dims",)

    def forward(self, x: Tensor, dims: tuple[int, ...], keepdim: bool) -> np.ndarray:
        self.saved, self.dims = (x,), dims
        if x._data.dtype.kind == "f":
            return _ops.prod(x._data, dims, keepdim)
        return np.asarray(np.prod(x._data, axis=dims, dtype=np.int64, keepdims=keepdim))

    def backward(self, dy: Tensor) -> Tensor:
        from lucid._functions.scan import cumprod  # which is made of sums

        # The product of all others, from products of what comes before and after: right at zeros as well.
        (x,) = self.unpack()
        shape, dims = x._data.shape, self.dims
        if not x._data.size:
            return x.clone()
        rest = [d for d in range(len(shape)) if d not in dims]
        order = [*rest, *dims]
        flat = reshape(x.permute(order), (*[shape[d] for d in rest], -1))
        one = flat.new_ones((*flat.shape[:-1], 1))
        before = cumprod(_cat([one, flat[..., :-1]]), -1)
        after = flip(cumprod(_cat([one, flip(flat, (-1,))[..., :-1]]), -1), (-1,))
        others = reshape(before * after, tuple(shape[d] for d in order)).permute(
            [order.index(d) for d in range(len(shape))]
        )
        return keep(dy, shape, dims) * others


def _cat(parts: list[Tensor]) -> Tensor:
    from lucid._functions.join import cat

    return cat(parts, -1)


def prod(
    x: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: Any = None, out: Tensor | None = None
) -> Tensor:
    """Product over ``dim`` (all of them for None); integers and bools multiply in int64.

    Args:
        x: any shape.
        dim: dimension; None means all.
        keepdim: keep it with size 1.
        dtype: convert to this type first.
        out: tensor that receives the result.

    Raises:
        IndexError: ``dim`` is out of range.

    Example:
        >>> import lucid
        >>> print(lucid.prod(lucid.tensor([[1.0, 2.0], [3.0, 4.0]]), 0))
        [3.0, 8.0]
    """
    if dtype is not None:
        x = cast(x, _dtype.as_dtype(dtype))
    y = Prod.apply(x, normalize_dims("prod", dim, x), keepdim)
    return y if dtype is None else cast(y, _dtype.as_dtype(dtype))


def all(x: Tensor, dim: Dim = None, keepdim: bool = False, *, out: Tensor | None = None) -> Tensor:
    """Whether all elements are nonzero: bools, but uint8 for uint8.

    Args:
        x: any shape and dtype.
        dim: dimension or dimensions; None means all.
        keepdim: keep them with size 1.
        out: tensor that receives the result.

    Raises:
        IndexError: ``dim`` is out of range.

    Example:
        >>> import lucid
        >>> print(lucid.all(lucid.tensor([[True, False], [True, True]]), 1))
        [False, True]
    """
    dims = normalize_dims("all", dim, x)
    return _as_bytes(x, compute(np.all, x, dims, None, keepdim))


def any(x: Tensor, dim: Dim = None, keepdim: bool = False, *, out: Tensor | None = None) -> Tensor:
    """Whether any element is nonzero: bools, but uint8 for uint8.

    Args:
        x: any shape and dtype.
        dim: dimension or dimensions; None means all.
        keepdim: keep them with size 1.
        out: tensor that receives the result.

    Raises:
        IndexError: ``dim`` is out of range.

    Example:
        >>> import lucid
        >>> print(lucid.any(lucid.tensor([[True, False], [False, False]]), 1))
        [True, False]
    """
    dims = normalize_dims("any", dim, x)
    return _as_bytes(x, compute(np.any, x, dims, None, keepdim))


def _as_bytes(x: Tensor, y: Tensor) -> Tensor:
    """Of uint8, which were bools before there were any, the answers are uint8."""
    return cast(y, _dtype.uint8) if x._data.dtype == np.uint8 else y


def count_nonzero(x: Tensor, dim: Dim = None) -> Tensor:
    """The number of nonzero elements.

    Args:
        x: any shape and dtype.
        dim: dimension or dimensions; None means all.

    Raises:
        IndexError: ``dim`` is out of range.

    Example:
        >>> import lucid
        >>> print(lucid.count_nonzero(lucid.tensor([0, 1, 2])))
        2
    """
    check_tensors("count_nonzero", x)
    return wrap(np.asarray(np.count_nonzero(x._data, axis=normalize_dims("count_nonzero", dim, x)), np.int64))


class LogSumExp(Node):
    __slots__ = ("dims",)

    def forward(self, x: Tensor, dims: tuple[int, ...], keepdim: bool) -> np.ndarray:
        self.saved, self.dims = (x,), dims
        return self.save_result(_ops.logsumexp(x._data, dims, keepdim))

    def backward(self, dy: Tensor) -> Tensor:
        (x,), y = self.unpack(), self.unpack_result()
        shape = x._data.shape
        # exp magnifies the rounding of y by |y|: dividing by the sum, which would otherwise be 1, takes it out again.
        share = exp(x - keep(y, shape, self.dims))
        return share * (keep(dy, shape, self.dims) / sum(share, self.dims, True))


def logsumexp(x: Tensor, dim: Dim, keepdim: bool = False, *, out: Tensor | None = None) -> Tensor:
    """log(sum(exp(x))) over ``dim``, without overflow.

        ln(sum of e^x)

    Args:
        x: any shape; integers and bools become the default floating-point type.
        dim: dimension or dimensions.
        keepdim: keep them with size 1.
        out: tensor that receives the result.

    Raises:
        IndexError: ``dim`` is out of range.

    Example:
        >>> import lucid
        >>> print(lucid.logsumexp(lucid.tensor([1000.0, 1000.0], dtype=lucid.float64), 0))
        1000.69314718
    """
    dims = normalize_dims("logsumexp", dim, x)
    return LogSumExp.apply(floating(x), dims, keepdim)


def var_mean(
    x: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float | None = None
) -> tuple[Tensor, Tensor]:
    """Variance and mean over ``dim``.

    Args:
        x: floating point.
        dim: dimension or dimensions; None means all.
        unbiased: True means correction 1, False 0.
        keepdim: keep the dimensions with size 1.
        correction: subtracted from the count; 1 unless given.

    Raises:
        RuntimeError: ``x`` holds integers.

    Example:
        >>> import lucid
        >>> lucid.var_mean(lucid.tensor([1.0, 3.0, 5.0]))
        (Tensor(4.0, grad=None), Tensor(3.0, grad=None))
    """
    check_tensors("var_mean", x)
    if isinstance(dim, bool):  # var_mean(x, unbiased)
        dim, unbiased = None, dim
    return var(x, dim, unbiased, keepdim, correction=correction), mean(x, dim, keepdim)


def std_mean(
    x: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float | None = None
) -> tuple[Tensor, Tensor]:
    """Standard deviation and mean over ``dim``.

    Args:
        x: floating point.
        dim: dimension or dimensions; None means all.
        unbiased: True means correction 1, False 0.
        keepdim: keep the dimensions with size 1.
        correction: subtracted from the count; 1 unless given.

    Raises:
        RuntimeError: ``x`` holds integers.

    Example:
        >>> import lucid
        >>> lucid.std_mean(lucid.tensor([1.0, 3.0, 5.0]))
        (Tensor(2.0, grad=None), Tensor(3.0, grad=None))
    """
    check_tensors("std_mean", x)
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    return std(x, dim, unbiased, keepdim, correction=correction), mean(x, dim, keepdim)


__all__ = [
    "all", "any", "count_nonzero", "logsumexp", "mean", "prod", "std", "std_mean", "sum",
    "var", "var_mean",
]  # fmt: skip
