"""Rank, pseudo-inverse, least squares and condition numbers, from singular values and QR."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lucid._functions._arguments import check_tensors
from lucid._functions.choice import where
from lucid._functions.matmul import matmul, mT
from lucid._functions.reduce import sum
from lucid._functions.shape import reshape, unsqueeze
from lucid._functions.solve import check_matrix
from lucid._functions.spectral import svdvals
from lucid.autograd._node import Node, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor


class LeastSquares(NamedTuple):
    """Result of `lstsq`."""

    solution: Any
    residuals: Any
    rank: Any
    singular_values: Any


def _number(v: Any) -> Any:
    return v if v is None or isinstance(v, (int, float)) else v._data[..., None]


def _threshold(name: str, values: np.ndarray, shape: tuple[int, ...], atol: Any, rtol: Any) -> np.ndarray:
    """What counts as zero beside the largest of ``values``: max(atol, rtol * largest)."""
    atol, rtol = _number(atol), _number(rtol)
    if rtol is None:
        rtol = max(shape[-2:]) * np.finfo(values.dtype).eps if atol is None or not np.any(atol) else 0.0
    top = values.max(-1, keepdims=True, initial=0)
    return np.maximum(0.0 if atol is None else atol, rtol * top)


def _magnitudes(x: np.ndarray, hermitian: bool) -> np.ndarray:
    if hermitian:
        return np.abs(np.linalg.eigvalsh(x))
    return np.linalg.svd(x, compute_uv=False)


def matrix_rank(
    x: Tensor, *, atol: Any = None, rtol: Any = None, hermitian: bool = False, out: Tensor | None = None
) -> Tensor:
    """How many singular values exceed max(atol, rtol * largest), in int64.

    Args:
        x: shape (..., m, n), floating point.
        atol, rtol: numbers or tensors of the batch shape; by default 0 and max(m, n) * eps (0 if ``atol`` is given).
        hermitian: ``x`` is symmetric: take magnitudes of eigenvalues.
        out: tensor that receives the result.

    Raises:
        RuntimeError: ``x`` has fewer than two dimensions.
        LinAlgError: the singular values do not converge.

    Example:
        >>> import lucid
        >>> print(lucid.linalg.matrix_rank(lucid.tensor([[1.0, 2.0], [2.0, 4.0]])))
        1

    Source: Golub and Van Loan, Matrix computations, section 5.5.
    """
    check_matrix("matrix_rank", x, hermitian)
    values = _magnitudes(x._data, hermitian)
    rank = np.count_nonzero(values > _threshold("matrix_rank", values, x._data.shape, atol, rtol), -1)
    return wrap(np.asarray(rank, np.int64))


class PInv(Node):
    """The pseudoinverse; its gradient holds where the rank does not change."""

    __slots__ = ()

    def forward(self, x: Tensor, atol: Any, rtol: Any, hermitian: bool) -> np.ndarray:
        self.saved = (x,)
        data = x._data
        if hermitian:
            values, vectors = np.linalg.eigh(data)
            left, right, size = vectors, np.swapaxes(vectors, -1, -2), np.abs(values)
        else:
            u, values, vh = np.linalg.svd(data, False)
            left, right, size = np.swapaxes(vh, -1, -2), np.swapaxes(u, -1, -2), values
        kept = size > _threshold("pinv", size, data.shape, atol, rtol)
        inverse = np.where(kept, 1 / np.where(kept, values, 1), 0).astype(data.dtype)
        return self.save_result((left * inverse[..., None, :]) @ right)

    def backward(self, dy: Tensor) -> Tensor:
        (x,), y = self.unpack(), self.unpack_result()
        yt, g = mT(y), mT(dy)
        dx = -matmul(yt, matmul(dy, yt))
        first = matmul(g, matmul(y, yt))
        second = matmul(matmul(yt, y), g)
        return dx + (first - matmul(x, matmul(y, first))) + (second - matmul(matmul(second, y), x))


def pinv(
    x: Tensor, *, atol: Any = None, rtol: Any = None, hermitian: bool = False, out: Tensor | None = None
) -> Tensor:
    """The pseudoinverse: V diag(1 / S) U^T over the singular values that exceed max(atol, rtol * largest).

    Args:
        x: shape (..., m, n), floating point.
        atol, rtol: as for `matrix_rank`.
        hermitian: ``x`` is symmetric: use eigenvalues.
        out: tensor that receives the result.

    Returns:
        Shape (..., n, m).

    Raises:
        RuntimeError: ``x`` has fewer than two dimensions.
        LinAlgError: the singular values do not converge.

    Example:
        >>> import lucid
        >>> print(lucid.linalg.pinv(lucid.tensor([[2.0, 0.0], [0.0, 4.0]])))
        [[0.5, 0.0],
         [0.0, 0.25]]

    Source: Golub and Van Loan, Matrix computations, section 5.5.
    """
    check_matrix("pinv", x, hermitian)
    return PInv.apply(x, atol, rtol, hermitian)


DRIVERS = ("gelsy", "gels", "gelsd", "gelss")


def lstsq(
    a: Tensor, b: Tensor, rcond: float | None = None, *, driver: str | None = None, out: Any = None
) -> LeastSquares:
    """The X of least norm that minimises |A X - B|.

    Args:
        a: shape (..., m, n), floating point.
        b: shape (..., m, k), or (..., m) for one right-hand side per matrix.
        rcond: singular values up to this share of the largest count as zero; eps * max(m, n) unless given.
        driver: ``"gelsy"`` (default), ``"gels"``, ``"gelsd"`` or ``"gelss"``: which of PyTorch's results to give; all
            are computed from the singular values.
        out: four tensors that receive the results.

    Returns:
        (solution, residuals, rank, singular_values): residuals, squared, where m > n and all ranks are full, for
        other drivers than the default, and singular values for the last two; otherwise these are empty. ``rank`` is
        empty for "gels".

    Raises:
        RuntimeError: the shapes or dtypes do not fit, or another driver.

    Example:
        >>> import lucid
        >>> a, b = lucid.tensor([[2.0, 0.0], [0.0, 1.0]]), lucid.tensor([[2.0], [3.0]])
        >>> print(lucid.linalg.lstsq(a, b).solution)
        [[1.0],
         [3.0]]

    Source: Golub and Van Loan, Matrix computations, section 5.5.
    """
    check_tensors("lstsq", a, b)
    check_matrix("lstsq", a)
    if driver is not None and driver not in DRIVERS:
        raise RuntimeError(f"lstsq: parameter driver should be one of {', '.join(DRIVERS)}, got {driver!r}")
    vector = b._data.ndim == a._data.ndim - 1
    columns = unsqueeze(b, -1) if vector else b
    m, n = a._data.shape[-2:]
    if columns._data.ndim < 2 or columns._data.shape[-2] != m or a._data.dtype != b._data.dtype:
        raise RuntimeError(f"lstsq: A {a.dtype} {a._data.shape} and B {b.dtype} {b._data.shape} do not fit")
    rcond = max(m, n) * float(np.finfo(a._data.dtype).eps) if rcond is None else rcond
    solution = matmul(pinv(a, rtol=rcond), columns)
    values = _magnitudes(a._data, False)
    rank = np.asarray(np.count_nonzero(values > rcond * values.max(-1, keepdims=True, initial=0), -1), np.int64)
    empty = wrap(np.empty(0, a._data.dtype))
    residuals = reshape(solution, (-1,))[:0]  # of nothing, but recorded like the others
    if m > n and driver not in (None, "gelsy") and (rank == n).all():
        left = matmul(a, solution) - columns
        residuals = sum(left * left, -2)
    return LeastSquares(
        solution[..., 0] if vector else solution,
        residuals,
        wrap(np.empty(0, np.int64)) if driver == "gels" else wrap(rank),
        wrap(values) if driver in ("gelsd", "gelss") else empty,
    )


def cond(x: Tensor, p: Any = None, *, out: Tensor | None = None) -> Tensor:
    """The condition number: the p-norm of a matrix times that of its inverse; infinite for singular ones.

    Args:
        x: shape (..., m, n), floating point; square unless ``p`` is None, 2 or -2.
        p: None or 2 for the ratio of the extreme singular values, -2 for its reciprocal, or an order of `matrix_norm`.
        out: tensor that receives the result.

    Raises:
        RuntimeError: ``x`` has no elements, or is not square though ``p`` asks for it.

    Example:
        >>> import lucid
        >>> print(lucid.linalg.cond(lucid.tensor([[2.0, 0.0], [0.0, 1.0]])))
        2.0

    Source: Golub and Van Loan, Matrix computations, section 2.6.
    """
    from lucid._functions.linalg import matrix_norm
    from lucid._functions.solve import inv_ex

    if p in (None, 2, -2):
        check_matrix("cond", x)
        s = svdvals(x)
        if not s._data.shape[-1]:
            raise RuntimeError(f"cond: a matrix without elements has no condition number (shape {x._data.shape})")
        top, low = s[..., 0], s[..., -1]
        return low / top if p == -2 else where(low.detach() == 0, math.inf, top / where(low.detach() == 0, 1.0, low))
    check_matrix("cond", x, True)
    inverse, info = inv_ex(x)
    y = matrix_norm(x, p) * matrix_norm(inverse, p)
    return where(wrap(np.asarray(info._data != 0)), math.inf, y)
