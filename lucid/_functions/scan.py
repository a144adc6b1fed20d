"""Running sums, products, extremes and log-sums along a dimension, and differences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _dtype, _ops
from lucid._functions._arguments import check_tensors
from lucid._functions._common import cast, check_rank, expand, floating, normalize_dim
from lucid._functions.choice import where
from lucid._functions.compare import logical_xor
from lucid._functions.exponential import exp
from lucid._functions.gather import gather_backward
from lucid._functions.join import cat, narrow
from lucid._functions.reduce import ValuesIndices, sum
from lucid._functions.repeat import flip
from lucid._functions.shape import unsqueeze
from lucid.autograd._mode import mode
from lucid.autograd._node import Node, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor


class CumSum(Node):
    __slots__ = ("dim",)

    def forward(self, x: Tensor, dim: int) -> np.ndarray:
        self.dim = dim
        return _ops.cumsum(x._data if x._data.dtype.kind == "f" else np.asarray(x._data, np.int64), dim)

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

    Raises:
        IndexError: ``dim`` is out of range.

    Example:
        >>> import lucid
        >>> print(lucid.cumsum(lucid.tensor([1.0, 2.0, 3.0]), 0))
        [1.0, 3.0, 6.0]
    """
    d = normalize_dim("cumsum", dim, x)
    x, target = _accumulated(x, dtype)
    y = CumSum.apply(x, d) if x._data.ndim else x.clone()
    return cast(y, target)


class CumProd(Node):
    __slots__ = ("dim",)

    def forward(self, x: Tensor, dim: int) -> np.ndarray:
        self.saved, self.dim = (x,), dim
        return _ops.cumprod(x._data if x._data.dtype.kind == "f" else np.asarray(x._data, np.int64), dim)

    def backward(self, dy: Tensor) -> Tensor:
        (x,) = self.unpack()
        if not mode.enabled:
            return wrap(_ops.cumprod_backward(x._data, dy._data, self.dim))
        # dx_i = sum over j >= i of dy_j * prod(x_k, k <= j, k != i): quadratic in the length, for second derivatives
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

    Raises:
        IndexError: ``dim`` is out of range.

    Example:
        >>> import lucid
        >>> print(lucid.cumprod(lucid.tensor([1.0, 2.0, 3.0]), 0))
        [1.0, 2.0, 6.0]
    """
    d = normalize_dim("cumprod", dim, x)
    x, target = _accumulated(x, dtype)
    y = CumProd.apply(x, d) if x._data.ndim else x.clone()
    return cast(y, target)


class RunningExtremum(Node):
    """The largest or smallest element so far, and where its last occurrence was; NaN once there was one."""

    __slots__ = ("dim", "indices", "shape")

    def forward(self, x: Tensor, largest: bool, dim: int) -> tuple[np.ndarray, np.ndarray]:
        data = x._data
        self.shape, self.dim = data.shape, dim
        values = (np.maximum if largest else np.minimum).accumulate(data, axis=dim, dtype=data.dtype)
        hit = (data == values) | (data != data)
        places = np.arange(data.shape[dim]).reshape((-1,) + (1,) * (data.ndim - dim - 1))
        self.indices = np.maximum.accumulate(np.where(hit, places, 0), axis=dim)
        return values, self.indices

    def backward(self, dy: Tensor, _: Tensor | None) -> Tensor:
        return gather_backward(dy, self.shape, self.dim, self.indices)


def _running(name: str, x: Tensor, largest: bool, dim: int) -> ValuesIndices:
    d = normalize_dim(name, dim, x)
    if not x._data.ndim:
        return ValuesIndices(x.clone(), wrap(np.zeros((), np.int64)))
    return ValuesIndices(*RunningExtremum.apply(x, largest, d))


def cummax(x: Tensor, dim: int, *, out: Any = None) -> ValuesIndices:
    """(values, indices) of the largest element so far along ``dim``; of equal ones the last counts, NaN is largest.

    Args:
        x: any shape, not complex.
        dim: the dimension.
        out: a pair of tensors that receive the results.

    Raises:
        IndexError: ``dim`` is out of range.

    Example:
        >>> import lucid
        >>> print(lucid.cummax(lucid.tensor([1.0, 3.0, 2.0, 3.0]), 0).indices)
        [0, 1, 1, 3]
    """
    return _running("cummax", x, True, dim)


def cummin(x: Tensor, dim: int, *, out: Any = None) -> ValuesIndices:
    """(values, indices) of the smallest element so far along ``dim``; the last of equal ones counts, NaN is least.

    Args:
        x: any shape, not complex.
        dim: the dimension.
        out: a pair of tensors that receive the results.

    Raises:
        IndexError: ``dim`` is out of range.

    Example:
        >>> import lucid
        >>> print(lucid.cummin(lucid.tensor([3.0, 1.0, 2.0]), 0).values)
        [3.0, 1.0, 1.0]
    """
    return _running("cummin", x, False, dim)


def _reverse(a: np.ndarray, dim: int) -> np.ndarray:
    return np.flip(a, dim)


class LogCumSumExp(Node):
    __slots__ = ("dim",)

    def forward(self, x: Tensor, dim: int) -> np.ndarray:
        self.saved, self.dim = (x,), dim
        with np.errstate(invalid="ignore"):
            return self.save_result(np.logaddexp.accumulate(x._data, axis=dim, dtype=x._data.dtype))

    def backward(self, dy: Tensor) -> Tensor:
        # dx_i = sum over j >= i of dy_j exp(x_i - y_j)
        (x,), y = self.unpack(), self.unpack_result()
        if not mode.enabled:
            return wrap(self.gradient(x._data, y._data, dy._data))
        n, last = x._data.shape[self.dim], x._data.ndim - 1  # quadratic in the length, but differentiable
        rows, logs, grads = (t.movedim(self.dim, last) for t in (x, y, dy))
        later = expand(wrap(np.triu(np.ones((n, n), bool))), (*rows.shape[:-1], n, n))
        difference = where(later, unsqueeze(rows, -1) - unsqueeze(logs, -2), 0.0)
        return sum(where(later, exp(difference) * unsqueeze(grads, -2), 0.0), -1).movedim(last, self.dim)

    def gradient(self, x: np.ndarray, y: np.ndarray, dy: np.ndarray) -> np.ndarray:
        """Positive and negative parts apart, each as the exponential of a running log-sum from the end."""
        dx = np.zeros_like(x)
        with np.errstate(divide="ignore", invalid="ignore"):
            for sign in (1, -1):
                logs = np.log(np.maximum(sign * dy, 0)) - np.where(np.isneginf(y), 0, y)
                total = _reverse(np.logaddexp.accumulate(_reverse(logs, self.dim), axis=self.dim), self.dim)
                dx += sign * np.exp(total + x)
        return dx


def logcumsumexp(x: Tensor, dim: int, *, out: Tensor | None = None) -> Tensor:
    """log(sum of exp(x) so far) along ``dim``, without overflow.

    Args:
        x: any shape; integers and bools become the default floating-point type.
        dim: the dimension.
        out: tensor that receives the result.

    Raises:
        IndexError: ``dim`` is out of range.

    Example:
        >>> import lucid
        >>> print(lucid.logcumsumexp(lucid.tensor([0.0, 0.0], dtype=lucid.float64), 0))
        [0.0, 0.69314718]
    """
    d, x = normalize_dim("logcumsumexp", dim, x), floating(x)
    return LogCumSumExp.apply(x, d) if x._data.ndim else x.clone()


class Diff(Node):
    """x[i + 1] - x[i] along a dimension."""

    __slots__ = ("dim",)

    def forward(self, x: Tensor, dim: int) -> np.ndarray:
        self.dim = dim
        return _ops.diff(x._data, dim)

    def backward(self, dy: Tensor) -> Tensor:
        return DiffGrad.apply(dy, self.dim)


class DiffGrad(Node):
    """dx[i] = dy[i - 1] - dy[i], with 0 for what is not there: the adjoint of `Diff`."""

    __slots__ = ("dim",)

    def forward(self, dy: Tensor, dim: int) -> np.ndarray:
        self.dim = dim
        return _ops.diff_backward(dy._data, dim)

    def backward(self, g: Tensor) -> Tensor:
        return Diff.apply(g, self.dim)


def diff(
    x: Tensor,
    n: int = 1,
    dim: int = -1,
    prepend: Tensor | None = None,
    append: Tensor | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Differences of neighbours along ``dim``, taken ``n`` times; of bools, whether they differ.

    Args:
        x: at least one dimension.
        n: how often; 0 gives ``x`` itself.
        dim: the dimension.
        prepend, append: tensors joined to ``x`` along ``dim`` first.
        out: tensor that receives the result.

    Raises:
        RuntimeError: ``x`` is 0-d, or ``n`` is negative.

    Example:
        >>> import lucid
        >>> print(lucid.diff(lucid.tensor([1.0, 4.0, 9.0])))
        [3.0, 5.0]
    """
    check_tensors("diff", x)
    if not x._data.ndim:
        raise RuntimeError("diff: expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"diff: order must be non-negative but got {n}")
    if not n:
        return x.clone()
    d = normalize_dim("diff", dim, x)
    parts = [t for t in (prepend, x, append) if t is not None]
    y = cat(parts, d) if len(parts) > 1 else x
    for _ in range(min(n, y._data.shape[d] + 1)):  # nothing is left of it sooner or later
        if not mode.trace and y._data.dtype.char in "fd" and y._data.shape[d]:
            y = Diff.apply(y, d)
            continue
        rest = max(y._data.shape[d] - 1, 0)
        late, early = narrow(y, d, min(1, y._data.shape[d]), rest), narrow(y, d, 0, rest)
        y = logical_xor(late, early) if y._data.dtype.kind == "b" else late - early
    return y


def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: float = 1, dim: int = -1) -> Tensor:
    """The integral of ``y`` along ``dim`` by the trapezoidal rule: sum of (y[k] + y[k+1]) / 2 * (x[k+1] - x[k]).

    Args:
        y: values, at least one dimension.
        x: places, a vector or a tensor that broadcasts with ``y``; ``dx`` apart unless given.
        dx: distance of the places.
        dim: the dimension.

    Raises:
        RuntimeError: ``x`` does not fit ``y``.

    Example:
        >>> import lucid
        >>> print(lucid.trapezoid(lucid.tensor([1.0, 2.0, 3.0])))
        4.0
    """
    return _steps("trapezoid", y, x, dx, dim).sum(dim) / 2


def cumulative_trapezoid(y: Tensor, x: Tensor | None = None, *, dx: float = 1, dim: int = -1) -> Tensor:
    """The integrals of ``y`` from the first place to each later one along ``dim`` by the trapezoidal rule.

    Args:
        y: values, at least one dimension.
        x: the places, of the shape of ``y`` or (n,); otherwise they are ``dx`` apart.
        dx: distance of neighbours, in the unit of the result over that of ``y``.
        dim: dimension to integrate along.

    Raises:
        RuntimeError: ``x`` does not fit ``y``.

    Example:
        >>> import lucid
        >>> print(lucid.cumulative_trapezoid(lucid.tensor([1.0, 2.0, 3.0])))
        [1.5, 4.0]
    """
    return _steps("cumulative_trapezoid", y, x, dx, dim).cumsum(dim) / 2


def _steps(name: str, y: Tensor, x: Tensor | None, dx: float, dim: int) -> Tensor:
    """Twice the area between neighbours."""
    check_rank(name, y)
    if x is None and y._data.dtype.kind in "ui":  # sums of neighbours would leave the range of uint8
        y = cast(y, _dtype.int64)
    d = normalize_dim(name, dim, y)
    rest = max(y._data.shape[d] - 1, 0)
    pairs = narrow(y, d, min(1, y._data.shape[d]), rest) + narrow(y, d, 0, rest)
    if x is None:
        return pairs * dx
    if x._data.ndim == 1:
        if x._data.shape[0] != y._data.shape[d]:
            raise RuntimeError(
                f"{name}: there must be one x for each y along dim {d}, got {x._data.shape} and {y._data.shape}"
            )
        return pairs * diff(x).reshape((-1,) + (1,) * (y._data.ndim - d - 1))
    return pairs * diff(x, dim=dim)


trapz = trapezoid

__all__ = [
    "cummax",
    "cummin",
    "cumprod",
    "cumsum",
    "cumulative_trapezoid",
    "diff",
    "logcumsumexp",
    "trapezoid",
    "trapz",
]
