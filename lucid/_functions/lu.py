"""LU factors with partial pivoting, in blocks: NumPy has none."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lucid._functions.index import getitem
from lucid._functions.join import cat
from lucid._functions.matmul import matmul, mT
from lucid._functions.solve import BLOCK, SolveTriangular, check_matrix, solve_triangular, substitute
from lucid._functions.triangle import tril, triu
from lucid.autograd._node import Node, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor


class LUFactor(NamedTuple):
    """Result of `lu_factor`: unpacks as ``LU, pivots``."""

    LU: Any
    pivots: Any


class LUParts(NamedTuple):
    """Result of `lu`: unpacks as ``P, L, U``."""

    P: Any
    L: Any
    U: Any


def magnitude(x: np.ndarray) -> np.ndarray:
    """What LAPACK compares to choose a pivot: |re| + |im|."""
    return np.abs(x.real) + np.abs(x.imag) if x.dtype.kind == "c" else np.abs(x)


def lu_compact(x: np.ndarray, pivot: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """L below the diagonal and U from it, and the row exchanged with row k at step k, counted from 0."""
    y = np.array(x)
    m, n = y.shape[-2:]
    flat = y.reshape(math.prod(y.shape[:-2]), m, n)
    steps = min(m, n)
    pivots = np.zeros((len(flat), steps), np.int64)
    batch = np.arange(len(flat))
    with np.errstate(all="ignore"):
        for start in range(0, steps, BLOCK):
            stop = min(start + BLOCK, steps)
            for k in range(start, stop):
                at = k + np.argmax(magnitude(flat[:, k:, k]), 1) if pivot and len(flat) else np.full(len(flat), k)
                pivots[:, k] = at
                rows, other = flat[batch, k].copy(), flat[batch, at].copy()
                flat[batch, at], flat[batch, k] = rows, other
                top = flat[:, k, k, None]
                flat[:, k + 1 :, k] = np.where(top == 0, flat[:, k + 1 :, k], flat[:, k + 1 :, k] / top)
                flat[:, k + 1 :, k + 1 : stop] -= flat[:, k + 1 :, k, None] * flat[:, k, None, k + 1 : stop]
            if stop < n:
                block = flat[:, start:stop, start:stop]
                flat[:, start:stop, stop:] = substitute(block, flat[:, start:stop, stop:], False, True)
                flat[:, stop:, stop:] -= flat[:, stop:, start:stop] @ flat[:, start:stop, stop:]
    return flat.reshape(x.shape), pivots.reshape(*x.shape[:-2], steps)


def order_of(pivots: np.ndarray, m: int) -> np.ndarray:
    """The order of the rows after all exchanges."""
    flat = pivots.reshape(math.prod(pivots.shape[:-1]), pivots.shape[-1])
    order = np.broadcast_to(np.arange(m), (len(flat), m)).copy()
    batch = np.arange(len(flat))
    for k in range(flat.shape[1]):
        here, there = order[batch, k].copy(), order[batch, flat[:, k]].copy()
        order[batch, k], order[batch, flat[:, k]] = there, here
    return order.reshape(*pivots.shape[:-1], m)


def permutation_matrix(order: np.ndarray, dtype: Any) -> np.ndarray:
    """P with x = P L U: column i has its one in row order[i]."""
    return (np.arange(order.shape[-1])[:, None] == order[..., None, :]).astype(dtype)


class LU(Node):
    """The compact factors and the pivots of each matrix."""

    __slots__ = ("order", "result_data")

    def forward(self, x: Tensor, pivot: bool) -> tuple[np.ndarray, np.ndarray]:
        y, pivots = lu_compact(x._data, pivot)
        self.order = order_of(pivots, x._data.shape[-2])
        return self.save_result(y), (pivots + 1).astype(np.int32)

    def backward(self, dy: Tensor, _: Tensor | None) -> Tensor:
        y = self.unpack_result()
        m, n = y._data.shape[-2:]
        k = min(m, n)
        lower, upper = y[..., :, :k], y[..., :k, :]
        dl, du = tril(dy[..., :, :k], -1), triu(dy[..., :k, :])
        square_l, square_u = lower[..., :k, :], upper[..., :, :k]
        below = right = None
        dl_square, du_square = dl[..., :k, :], du[..., :, :k]
        strict = tril(square_l, -1)
        if m > k:  # the rows under the square: L2 = A2 U^-1
            below = solve_triangular(mT(square_u), dl[..., k:, :], upper=False, left=False)
            du_square = du_square - triu(matmul(mT(lower[..., k:, :]), below))
        if n > k:  # the columns beside it: U2 = L^-1 A2
            right = SolveTriangular.apply(mT(square_l), du[..., :, k:], True, True)
            dl_square = dl_square - tril(matmul(right, mT(upper[..., :, k:])), -1)
        eye = wrap(np.eye(k, dtype=y._data.dtype))
        inside = tril(matmul(mT(strict + eye), dl_square), -1) + triu(matmul(du_square, mT(triu(square_u))))
        left = SolveTriangular.apply(mT(square_l), inside, True, True)
        square = solve_triangular(mT(square_u), left, upper=False, left=False)
        parts = square if right is None else cat([square, right], -1)
        whole = parts if below is None else cat([parts, below], -2)
        return matmul(wrap(permutation_matrix(self.order, y._data.dtype)), whole)


def lu_factor(x: Tensor, *, pivot: bool = True, out: Any = None) -> LUFactor:
    """(LU, pivots): the factors of P x in one matrix, U from the diagonal and the rest of L below it.

    Args:
        x: shape (..., m, n), floating point.
        pivot: exchange rows so that the largest element of each column comes first.
        out: a pair of tensors that receive the results.

    Returns:
        LU of the shape of ``x``, and int32 pivots of shape (..., min(m, n)): the row, counted from 1, exchanged with
        row k at step k.

    Raises:
        RuntimeError: ``x`` has fewer than two dimensions.

    Example:
        >>> import lucid
        >>> compact, pivots = lucid.linalg.lu_factor(lucid.tensor([[2.0, 0.0], [0.0, 4.0]]))
        >>> print(pivots)
        [1, 2]

    Source: Golub and Van Loan, Matrix computations, section 3.4.
    """
    check_matrix("lu_factor", x)
    return LUFactor(*LU.apply(x, pivot))


def lu(x: Tensor, *, pivot: bool = True, out: Any = None) -> LUParts:
    """(P, L, U) with x = P L U: a permutation, a lower triangle with a diagonal of ones and an upper triangle.

    Args:
        x: shape (..., m, n), floating point.
        pivot: exchange rows so that the largest element of each column comes first; without it P is empty.
        out: three tensors that receive the results.

    Returns:
        Shapes (..., m, m), (..., m, k) and (..., k, n) with k = min(m, n).

    Raises:
        RuntimeError: ``x`` has fewer than two dimensions.

    Example:
        >>> import lucid
        >>> p, lower, upper = lucid.linalg.lu(lucid.tensor([[1.0, 2.0], [4.0, 4.0]]))
        >>> lower.tolist(), upper.tolist()
        ([[1.0, 0.0], [0.25, 1.0]], [[4.0, 4.0], [0.0, 1.0]])

    Source: Golub and Van Loan, Matrix computations, section 3.4.
    """
    compact, pivots = lu_factor(x, pivot=pivot)
    m, n = x._data.shape[-2:]
    k = min(m, n)
    lower = tril(compact[..., :, :k], -1) + wrap(np.eye(m, k, dtype=x._data.dtype))
    upper = triu(getitem(compact, (Ellipsis, slice(0, k), slice(None))))
    order = order_of(pivots._data.astype(np.int64) - 1, m)
    p = wrap(permutation_matrix(order, x._data.dtype) if pivot else np.empty(0, x._data.dtype))
    return LUParts(p, lower, upper)


def lu_solve(
    compact: Tensor, pivots: Tensor, b: Tensor, *, left: bool = True, adjoint: bool = False, out: Tensor | None = None
) -> Tensor:
    """X with A X = B (or X A = B), from what `lu_factor` gave for A; of the transpose of A with ``adjoint``.

    Args:
        compact, pivots: L and U in one (..., n, n) matrix, and row exchanges (..., n), counted from 1.
        b: shape (..., n, k), or (..., k, n) if ``left`` is false.
        left: A is the left factor.
        adjoint: solve for the transpose of A.
        out: tensor that receives the result.

    Raises:
        RuntimeError: the shapes do not fit.

    Example:
        >>> import lucid
        >>> factors = lucid.linalg.lu_factor(lucid.tensor([[2.0, 0.0], [0.0, 4.0]]))
        >>> print(lucid.linalg.lu_solve(*factors, lucid.tensor([[2.0], [4.0]])))
        [[1.0],
         [1.0]]

    Source: Golub and Van Loan, Matrix computations, section 3.4.
    """
    check_matrix("lu_solve", compact, True)
    if adjoint:
        return mT(lu_solve(compact, pivots, mT(b), left=not left))
    p = wrap(
        permutation_matrix(order_of(pivots._data.astype(np.int64) - 1, compact._data.shape[-1]), compact._data.dtype)
    )
    if left:
        middle = solve_triangular(compact, matmul(mT(p), b), upper=False, unitriangular=True)
        return solve_triangular(compact, middle, upper=True)
    middle = solve_triangular(compact, b, upper=True, left=False)
    return matmul(solve_triangular(compact, middle, upper=False, left=False, unitriangular=True), mT(p))
