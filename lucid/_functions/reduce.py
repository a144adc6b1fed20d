"""Reductions over dimensions, and cumulative sums."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lucid import _dtype, _ops
from lucid._functions._arguments import check_tensors
from lucid._functions._common import cast, expand, floating, normalize_dim, normalize_dims, write_out
from lucid._functions.binary import maximum, minimum, pow, where
from lucid._functions.pointwise import abs, exp, sqrt
from lucid._functions.shape import flip, reshape, unsqueeze
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

    Example:
        >>> import lucid
        >>> print(lucid.sum(lucid.tensor([[1.0, 2.0], [3.0, 4.0]]), 0))
        [4.0, 6.0]
    """
    if dtype is not None:
        x = cast(x, _dtype.as_dtype(dtype))
    return write_out("sum", Sum.apply(x, normalize_dims("sum", dim, x), keepdim), out)


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
    return write_out("mean", total / count, out)


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
) -> Tensor:
    """Variance over ``dim``: sum((x - mean)^2) / (count - correction).

    Args:
        x: floating point.
        dim: dimension or dimensions; None means all.
        unbiased: True means correction 1, False 0.
        keepdim: keep the dimensions with size 1.
        correction: subtracted from the count; 1 unless given.

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
) -> Tensor:
    """Standard deviation: the square root of `var`.

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


def prod(x: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Product over ``dim`` (all of them for None); integers and bools multiply in int64.

    Example:
        >>> import lucid
        >>> print(lucid.prod(lucid.tensor([[1.0, 2.0], [3.0, 4.0]]), 0))
        [3.0, 8.0]
    """
    if dtype is not None:
        x = cast(x, _dtype.as_dtype(dtype))
    return Prod.apply(x, normalize_dims("prod", dim, x), keepdim)


class Extremum(Node):
    """Largest or smallest value over dims; the gradient is shared evenly among ties, as in PyTorch's amax."""

    __slots__ = ("dims",)

    def forward(self, x: Tensor, largest: bool, dims: tuple[int, ...], keepdim: bool) -> np.ndarray:
        self.dims, self.saved = dims, (x,)
        if x._data.dtype.kind == "f":
            y = (_ops.amax if largest else _ops.amin)(x._data, dims, keepdim)
        else:
            y = np.asarray((np.max if largest else np.min)(x._data, axis=dims, keepdims=keepdim))
        return self.save_result(y)

    def backward(self, dy: Tensor) -> Tensor:
        (x,), y = self.unpack(), self.unpack_result()
        shape = x._data.shape
        hit = cast(x.detach() == keep(y.detach(), shape, self.dims), x.dtype)
        return hit * keep(dy, shape, self.dims) / sum(hit, self.dims, True)


def _check_nonempty(name: str, x: Tensor, dims: tuple[int, ...]) -> None:
    if 0 in [x._data.shape[d] for d in dims]:
        raise IndexError(f"{name}: cannot reduce over a dimension of size 0 (shape {x._data.shape}): no identity")


def amax(x: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """Largest value over ``dim``; NaN if there is one. Ties share the gradient evenly.

    Example:
        >>> import lucid
        >>> print(lucid.amax(lucid.tensor([[1.0, 3.0], [5.0, 2.0]]), 1))
        [3.0, 5.0]
    """
    dims = normalize_dims("amax", dim, x)
    _check_nonempty("amax", x, dims)
    return Extremum.apply(x, True, dims, keepdim)


def amin(x: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """Smallest value over ``dim``; NaN if there is one. Ties share the gradient evenly.

    Example:
        >>> import lucid
        >>> print(lucid.amin(lucid.tensor([[1.0, 3.0], [5.0, 2.0]]), 1))
        [1.0, 2.0]
    """
    dims = normalize_dims("amin", dim, x)
    _check_nonempty("amin", x, dims)
    return Extremum.apply(x, False, dims, keepdim)


class SelectExtremum(Node):
    """Largest or smallest value along one dimension, with its index; the gradient goes to that element."""

    __slots__ = ("dim", "indices", "shape")

    def forward(self, x: Tensor, largest: bool, dim: int, keepdim: bool) -> tuple[np.ndarray, np.ndarray]:
        data = x._data
        self.shape, self.dim = data.shape, dim
        if data.dtype.kind == "f":
            values, indices = (_ops.max_with_indices if largest else _ops.min_with_indices)(data, dim)
        else:
            indices = np.asarray((np.argmax if largest else np.argmin)(data, axis=dim))
            values = np.squeeze(np.take_along_axis(data, np.expand_dims(indices, dim), dim), dim)
        self.indices = np.expand_dims(indices, dim)
        return (np.expand_dims(values, dim), self.indices) if keepdim else (np.asarray(values), indices)

    def backward(self, dy: Tensor, _: Tensor | None) -> Tensor:
        from lucid._functions.index import gather_backward

        return gather_backward(keep(dy, self.shape, (self.dim,)), self.shape, self.dim, self.indices)


def _select(name: str, x: Tensor, largest: bool, dim: int, keepdim: bool) -> ValuesIndices:
    d = normalize_dim(name, dim, x)
    if x._data.ndim == 0:
        return ValuesIndices(x.clone(), wrap(np.zeros((), np.int64)))
    _check_nonempty(name, x, (d,))
    return ValuesIndices(*SelectExtremum.apply(x, largest, d, keepdim))


def max(x: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """The largest element, or (values, indices) along ``dim``, or the elementwise maximum with another tensor.

    Example:
        >>> import lucid
        >>> print(lucid.max(lucid.tensor([1.0, 3.0, 2.0])))
        3.0
        >>> lucid.max(lucid.tensor([[1.0, 3.0], [5.0, 2.0]]), 1).indices.tolist()
        [1, 0]
    """
    if dim is None:
        return amax(x)
    if not isinstance(dim, int):
        return maximum(x, dim)
    return _select("max", x, True, dim, keepdim)


def min(x: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """The smallest element, or (values, indices) along ``dim``, or the elementwise minimum with another tensor.

    Example:
        >>> import lucid
        >>> print(lucid.min(lucid.tensor([1.0, 3.0, 2.0])))
        1.0
        >>> lucid.min(lucid.tensor([[1.0, 3.0], [5.0, 2.0]]), 1).indices.tolist()
        [0, 1]
    """
    if dim is None:
        return amin(x)
    if not isinstance(dim, int):
        return minimum(x, dim)
    return _select("min", x, False, dim, keepdim)


def _arg(name: str, x: Tensor, dim: int | None, keepdim: bool) -> Tensor:
    data = x._data
    if dim is not None:
        dim = normalize_dim(name, dim, data.ndim)
    if data.size == 0 or data.ndim == 0:
        _check_nonempty(name, x, tuple(range(data.ndim)) if dim is None else (dim,) if data.ndim else ())
        if data.ndim == 0:
            return wrap(np.zeros((), np.int64))
    axis = None if dim is None else dim
    y = compute(getattr(_ops if data.dtype.kind == "f" else np, name), x, axis)
    if keepdim:
        y = reshape(y, (1,) * data.ndim) if dim is None else unsqueeze(y, dim)
    return y


def argmax(x: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Index of the first largest element along ``dim``, or in the flattened tensor; NaN counts as largest.

    Example:
        >>> import lucid
        >>> print(lucid.argmax(lucid.tensor([[1.0, 3.0], [5.0, 2.0]]), 1))
        [1, 0]
    """
    check_tensors("argmax", x)
    return _arg("argmax", x, dim, keepdim)


def argmin(x: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Index of the first smallest element along ``dim``, or in the flattened tensor; NaN counts as smallest.

    Example:
        >>> import lucid
        >>> print(lucid.argmin(lucid.tensor([[1.0, 3.0], [5.0, 2.0]]), 1))
        [0, 1]
    """
    check_tensors("argmin", x)
    return _arg("argmin", x, dim, keepdim)


def all(x: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """Whether all elements are nonzero.

    Example:
        >>> import lucid
        >>> print(lucid.all(lucid.tensor([[True, False], [True, True]]), 1))
        [False, True]
    """
    dims = normalize_dims("all", dim, x)
    return compute(np.all, x, dims, None, keepdim)


def any(x: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """Whether any element is nonzero.

    Example:
        >>> import lucid
        >>> print(lucid.any(lucid.tensor([[True, False], [False, False]]), 1))
        [True, False]
    """
    dims = normalize_dims("any", dim, x)
    return compute(np.any, x, dims, None, keepdim)


def count_nonzero(x: Tensor, dim: Dim = None) -> Tensor:
    """The number of nonzero elements.

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


def logsumexp(x: Tensor, dim: Dim, keepdim: bool = False) -> Tensor:
    """log(sum(exp(x))) over ``dim``, without overflow.

        ln(sum of e^x)

    Example:
        >>> import lucid
        >>> print(lucid.logsumexp(lucid.tensor([1000.0, 1000.0], dtype=lucid.float64), 0))
        1000.69314718
    """
    dims = normalize_dims("logsumexp", dim, x)
    return LogSumExp.apply(floating(x), dims, keepdim)


class CumSum(Node):
    __slots__ = ("dim",)

    def forward(self, x: Tensor, dim: int) -> np.ndarray:
        self.dim = dim
        if x._data.dtype.kind == "f":
            return _ops.cumsum(x._data, dim)
        return np.cumsum(x._data, axis=dim, dtype=np.int64)

    def backward(self, dy: Tensor) -> Tensor:
        return flip(cumsum(flip(dy, (self.dim,)), self.dim), (self.dim,))


def _accumulated(x: Tensor, dtype: Any) -> tuple[Tensor, _dtype.dtype]:
    """``x`` in the dtype to accumulate, and the dtype of the result: that of floats, int64 for all others."""
    if dtype is not None:
        target = _dtype.as_dtype(dtype)
        return cast(x, target), target
    return x, x.dtype if x.is_floating_point() else _dtype.int64


def cumsum(x: Tensor, dim: int, *, dtype: Any = None, out: Tensor | None = None) -> Tensor:
    """Running sums along ``dim``; integers in int64.

        y[i] = x[0] + ... + x[i]

    Args:
        x: any shape.
        dim: dimension.
        dtype: convert to this type first.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.cumsum(lucid.tensor([1.0, 2.0, 3.0]), 0))
        [1.0, 3.0, 6.0]
    """
    d = normalize_dim("cumsum", dim, x)
    x, target = _accumulated(x, dtype)
    y = CumSum.apply(x, d) if x._data.ndim else x.clone()
    return write_out("cumsum", cast(y, target), out)


class CumProd(Node):
    __slots__ = ("dim",)

    def forward(self, x: Tensor, dim: int) -> np.ndarray:
        self.saved, self.dim = (x,), dim
        if x._data.dtype.kind == "f":
            return _ops.cumprod(x._data, dim)
        return np.cumprod(x._data, axis=dim, dtype=np.int64)

    def backward(self, dy: Tensor) -> Tensor:
        # dx_i = sum over j >= i of dy_j * prod(x_k, k <= j, k != i): quadratic in the length, right at zeros.
        (x,) = self.unpack()
        n, last = x._data.shape[self.dim], x._data.ndim - 1
        rows = x.movedim(self.dim, last).unsqueeze(-2)  # (..., 1, n)
        eye = wrap(np.eye(n, dtype=bool))
        products = cumprod(where(eye, 1.0, expand(rows, (*rows.shape[:-2], n, n))), -1)  # [i, j]
        upper = wrap(np.triu(np.ones((n, n), bool)))
        dx = sum(where(upper, products, 0.0) * dy.movedim(self.dim, last).unsqueeze(-2), -1)
        return dx.movedim(last, self.dim)


def cumprod(x: Tensor, dim: int, *, dtype: Any = None, out: Tensor | None = None) -> Tensor:
    """Running products along ``dim``; integers in int64.

        y[i] = x[0] * ... * x[i]

    Args:
        x: any shape.
        dim: dimension.
        dtype: convert to this type first.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.cumprod(lucid.tensor([1.0, 2.0, 3.0]), 0))
        [1.0, 2.0, 6.0]
    """
    d = normalize_dim("cumprod", dim, x)
    x, target = _accumulated(x, dtype)
    y = CumProd.apply(x, d) if x._data.ndim else x.clone()
    return write_out("cumprod", cast(y, target), out)


def norm(
    x: Tensor, p: float | str | None = "fro", dim: Dim = None, keepdim: bool = False, out: Tensor | None = None,
    dtype: Any = None,
) -> Tensor:  # fmt: skip
    """The p-norm (sum |x|^p)^(1/p) over ``dim``; ``"fro"`` and None mean 2, inf and -inf the extreme magnitudes.

    Args:
        x: any tensor.
        p: order of the norm.
        dim: dimensions; all unless given.
        keepdim: keep them with size 1.
        out: tensor that receives the result.
        dtype: floating-point type to compute in.

    Raises:
        ValueError: another name.

    Example:
        >>> import lucid
        >>> print(lucid.norm(lucid.tensor([3.0, 4.0])))
        5.0
    """
    if out is not None:
        return write_out("norm", norm(x, p, dim, keepdim, dtype=dtype), out)
    if dtype is not None:
        x = cast(x, _dtype.as_dtype(dtype))
    if p is None or p == "fro":
        p = 2.0
    if isinstance(p, str):
        raise ValueError(f"norm: p must be a number or 'fro', got {p!r}")
    if p == 2:
        total = sum(x * x, dim, keepdim)
        zero = total == 0
        if not np.any(zero._data):
            return sqrt(total)
        # The gradient of the zero vector is 0: its root, with slope 0 / 0, must not be taken at all.
        return where(zero, total, sqrt(where(zero, 1.0, total)))
    magnitude = abs(x)
    if p == math.inf:
        return amax(magnitude, dim, keepdim)
    if p == -math.inf:
        return amin(magnitude, dim, keepdim)
    if p == 0:
        return sum(cast(x != 0, x.dtype), dim, keepdim)
    if p == 1:
        return sum(magnitude, dim, keepdim)
    return pow(sum(pow(magnitude, p), dim, keepdim), 1 / p)


def var_mean(x: Tensor, dim: Dim = None, *, correction: float = 1, keepdim: bool = False) -> tuple[Tensor, Tensor]:
    """Variance and mean over ``dim``.

    Example:
        >>> import lucid
        >>> lucid.var_mean(lucid.tensor([1.0, 3.0, 5.0]))
        (Tensor(4.0, grad=None), Tensor(3.0, grad=None))
    """
    check_tensors("var_mean", x)
    return var(x, dim, keepdim=keepdim, correction=correction), mean(x, dim, keepdim)


def std_mean(x: Tensor, dim: Dim = None, *, correction: float = 1, keepdim: bool = False) -> tuple[Tensor, Tensor]:
    """Standard deviation and mean over ``dim``.

    Example:
        >>> import lucid
        >>> lucid.std_mean(lucid.tensor([1.0, 3.0, 5.0]))
        (Tensor(2.0, grad=None), Tensor(3.0, grad=None))
    """
    check_tensors("std_mean", x)
    return std(x, dim, keepdim=keepdim, correction=correction), mean(x, dim, keepdim)


__all__ = [
    "all", "amax", "amin", "any", "argmax", "argmin", "count_nonzero", "cumprod", "cumsum", "logsumexp", "max",
    "mean", "min", "norm", "prod", "std", "std_mean", "sum", "var", "var_mean",
]  # fmt: skip
