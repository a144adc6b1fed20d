"""Complex LU factors, Householder products and what is solved with them: forms of the functions of `lu` and `factor`.

Source: Golub and Van Loan, Matrix computations, sections 3.4 and 5.1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from lucid._functions.cholesky import CholeskyInfo, _failing_minor
from lucid._functions.complex_factors import LinAlgError, Solve, adjoint
from lucid._functions.complex_linalg import cholesky, is_former, matrices, solve_triangular, square
from lucid._functions.factor import LUFactorEx, sizes_of_reflections, with_info
from lucid._functions.index import constant_of
from lucid._functions.join import cat
from lucid._functions.lu import LUFactor, LUParts, lu_compact, order_of, permutation_matrix
from lucid._functions.solve import _guarded
from lucid.autograd._node import Node, wrap

FORMS: dict[str, Callable[..., Any]] = {}


class LU(Node):
    """The compact factors and the pivots: G = P L^-H (tril(L^H dL, -1) + triu(dU U^H)) U^-H of square matrices."""

    __slots__ = ("order",)

    def forward(self, x: Any, pivot: bool) -> tuple[np.ndarray, np.ndarray]:
        y, pivots = lu_compact(x._data, pivot)
        self.order = order_of(pivots, x._data.shape[-2])
        return self.save_result(y), (pivots + 1).astype(np.int32)

    def backward(self, dy: Any, _: Any) -> Any:
        y = self.unpack_result()
        m, n = y._data.shape[-2:]
        k = min(m, n)
        eye = wrap(np.eye(k, dtype=y._data.dtype))
        lower, upper = y[..., :k, :k].tril(-1) + eye, y[..., :k, :k].triu()
        dl, du = dy[..., :k, :k].tril(-1), dy[..., :k, :k].triu()
        below = right = None
        if m > k:  # the rows under the square: L2 = A2 U^-1
            below = adjoint(Solve.apply(upper, adjoint(dy[..., k:, :k])))
            du = du - (adjoint(y[..., k:, :k]) @ below).triu()
        if n > k:  # the columns beside it: U2 = L^-1 A2
            right = Solve.apply(adjoint(lower), dy[..., :k, k:])
            dl = dl - (right @ adjoint(y[..., :k, k:])).tril(-1)
        inside = (adjoint(lower) @ dl).tril(-1) + (du @ adjoint(upper)).triu()
        left = Solve.apply(adjoint(lower), inside)
        whole = adjoint(Solve.apply(upper, adjoint(left)))
        whole = whole if right is None else cat([whole, right], -1)
        whole = whole if below is None else cat([whole, below], -2)
        return wrap(permutation_matrix(self.order, y._data.dtype)) @ whole


def lu_factor(function: Any, x: Any, *, pivot: bool = True) -> LUFactor:
    (x,) = matrices("lu_factor", x)
    return LUFactor(*LU.apply(x, pivot))


def lu_factor_ex(function: Any, x: Any, *, pivot: bool = True, check_errors: bool = False) -> LUFactorEx:
    return with_info(*lu_factor(function, x, pivot=pivot), check_errors)


def lu(function: Any, x: Any, pivot: bool = True, get_infos: bool = False) -> Any:
    compact, pivots = lu_factor(function, x, pivot=pivot)
    if is_former(function):
        infos = (wrap(np.zeros(x._data.shape[:-2], np.int32)),) if get_infos else ()
        return (compact, pivots, *infos)
    m, n = x._data.shape[-2:]
    k, d = min(m, n), compact._data.dtype
    lower = compact[..., :, :k].tril(-1) + wrap(np.eye(m, k, dtype=d))
    order = order_of(pivots._data.astype(np.int64) - 1, m)
    p = wrap(permutation_matrix(order, d) if pivot else np.empty(0, d))
    return LUParts(p, lower, compact[..., :k, :].triu())


def lu_solve(function: Any, *given: Any, left: bool = True, adjoint: bool = False) -> Any:
    b, compact, pivots = given if is_former(function) else (given[2], *given[:2])
    return _solve(compact, pivots, b, left, adjoint)


def _solve(compact: Any, pivots: Any, b: Any, left: bool, turned: bool) -> Any:
    square("lu_solve", compact)
    if turned:
        return adjoint(_solve(compact, pivots, adjoint(b), not left, False))
    order = order_of(pivots._data.astype(np.int64) - 1, compact._data.shape[-1])
    p = permutation_matrix(order, compact._data.dtype)
    if left:
        rows = wrap(np.swapaxes(p, -1, -2)) @ b
        middle = solve_triangular(None, compact, rows, upper=False, unitriangular=True)
        return solve_triangular(None, compact, middle, upper=True)
    middle = solve_triangular(None, compact, b, upper=True, left=False)
    middle = solve_triangular(None, compact, middle, upper=False, left=False, unitriangular=True)
    return middle @ wrap(np.swapaxes(p, -1, -2))


def householder_product(function: Any, x: Any, tau: Any) -> Any:
    """Products of H = 1 - tau v v^H."""
    lead, m, n, k = sizes_of_reflections(x, tau)
    q = wrap(np.broadcast_to(np.eye(m, n, dtype=x._data.dtype), (*lead, m, n)))
    if not k and x.requires_grad:
        return constant_of(x, q)
    for i in reversed(range(k)):
        top = np.broadcast_to(np.eye(1, i + 1, i, dtype=x._data.dtype)[0], (*lead, i + 1))
        column = cat([wrap(top), x[..., i + 1 :, i]], -1).reshape(*lead, m, 1)
        q = q - (column * tau[..., i : i + 1].unsqueeze(-1)) @ (adjoint(column) @ q)
    return q


def geqrf(function: Any, x: Any) -> Any:
    from lucid._surface.householder import Geqrf

    (x,) = matrices("geqrf", x)
    *lead, m, n = x._data.shape
    flat = x._data.reshape(math.prod(lead), m, n)
    a, tau = np.empty_like(flat), np.empty((len(flat), min(m, n)), flat.dtype)
    for i, matrix in enumerate(flat):
        raw, t = np.linalg.qr(matrix, "raw")
        a[i], tau[i] = raw.T, t
    return Geqrf(wrap(a.reshape(x._data.shape)), wrap(tau.reshape(*lead, min(m, n))))


def ormqr(function: Any, x: Any, tau: Any, other: Any, left: bool = True, transpose: bool = False) -> Any:
    if x.ndim < 2 or other.ndim < 2 or other.shape[-2 if left else -1] != x.shape[-2]:
        raise RuntimeError(f"ormqr: input {tuple(x.shape)} and other {tuple(other.shape)} do not match")
    m, k = x.shape[-2:]
    wide = x[..., :m] if m <= k else cat([x, wrap(np.zeros((*x.shape[:-1], m - k), x._data.dtype))], -1)
    q = householder_product(None, wide, tau)
    q = adjoint(q) if transpose else q
    return q @ other if left else other @ q


def cholesky_ex(function: Any, x: Any, *, upper: bool = False, check_errors: bool = False) -> CholeskyInfo:
    square("cholesky_ex", x)
    data = np.conj(np.swapaxes(x._data, -1, -2)) if upper else x._data
    flat = data.reshape(math.prod(data.shape[:-2]), *data.shape[-2:])
    info = np.array([_failing_minor(m) for m in flat], np.int32).reshape(data.shape[:-2])
    if check_errors and info.any():
        raise LinAlgError(f"cholesky_ex: the leading minor of order {info[info > 0][0]} is not positive-definite")
    return CholeskyInfo(_guarded(x, info, lambda m: cholesky(None, m, upper)), wrap(info))


FORMS.update({
    "lu_factor": lu_factor, "lu_factor_ex": lu_factor_ex, "lu": lu, "lu_solve": lu_solve,
    "householder_product": householder_product, "orgqr": householder_product, "geqrf": geqrf, "ormqr": ormqr,
    "cholesky_ex": cholesky_ex,
})  # fmt: skip

__all__ = ["FORMS"]
