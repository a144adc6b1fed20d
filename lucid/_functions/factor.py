"""Products of Householder matrices, and factors of symmetric matrices that need not be definite."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lucid._functions._arguments import check_tensors
from lucid._functions._common import expand
from lucid._functions.creation import eye
from lucid._functions.index import constant_of
from lucid._functions.join import cat
from lucid._functions.lu import lu_factor, magnitude
from lucid._functions.matmul import matmul
from lucid._functions.shape import reshape
from lucid._functions.solve import LinAlgError, check_matrix
from lucid.autograd._node import wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor

ALPHA = (1 + math.sqrt(17)) / 8


class LUFactorEx(NamedTuple):
    """Result of `lu_factor_ex`: unpacks as ``LU, pivots, info``."""

    LU: Any
    pivots: Any
    info: Any


class LDLFactor(NamedTuple):
    """Result of `ldl_factor`: unpacks as ``LD, pivots``."""

    LD: Any
    pivots: Any


class LDLFactorEx(NamedTuple):
    """Result of `ldl_factor_ex`: unpacks as ``LD, pivots, info``."""

    LD: Any
    pivots: Any
    info: Any


def sizes_of_reflections(x: Tensor, tau: Tensor) -> tuple[list[int], int, int, int]:
    """Leading dimensions, m, n and the number of reflections.

    Raises:
        RuntimeError: a shape or dtype is wrong.
    """
    *lead, m, n = x._data.shape if x._data.ndim > 1 else (0, 1)
    k = tau._data.shape[-1] if tau.ndim else 0
    if m < n or k > n or tau._data.shape != (*lead, k) or tau._data.dtype != x._data.dtype:
        raise RuntimeError(
            f"householder_product: expected (..., m, n) with m >= n and tau (..., k) with k <= n of one dtype, got "
            f"{x._data.shape} and {tau._data.shape} ({x.dtype}, {tau.dtype})"
        )
    return lead, m, n, k


def householder_product(x: Tensor, tau: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The first n columns of H_1 H_2 ... H_k with H_i = 1 - tau_i v_i v_i^T.

    v_i is zero above its element i, which is 1, and column i of ``x`` below it.

    Args:
        x: shape (..., m, n) with m >= n, floating point.
        tau: shape (..., k) with k <= n, of the same dtype.
        out: tensor that receives the result.

    Returns:
        The shape of ``x``.

    Raises:
        RuntimeError: a shape or dtype is wrong.

    Example:
        >>> import lucid
        >>> a = lucid.tensor([[3.0, 1.0], [4.0, 2.0]])
        >>> q = lucid.linalg.householder_product(*lucid.geqrf(a))
        >>> bool(lucid.allclose(q.mT @ q, lucid.eye(2), atol=1e-6))
        True

    Source: Golub and Van Loan, Matrix computations, section 5.1.
    """
    check_matrix("householder_product", x)
    check_tensors("householder_product", tau)
    lead, m, n, k = sizes_of_reflections(x, tau)
    q = expand(eye(m, n, dtype=x.dtype), (*lead, m, n))
    if not k and x.requires_grad:
        return constant_of(x, q)
    for i in reversed(range(k)):
        top = wrap(np.eye(1, m, i, dtype=x._data.dtype).reshape(m)[: i + 1])
        v = cat([expand(top, (*lead, i + 1)), x[..., i + 1 :, i]], -1)
        column = reshape(v, (*lead, m, 1))
        q = q - matmul(column * tau[..., i : i + 1].unsqueeze(-1), matmul(column.transpose(-2, -1), q))
    return q


def lu_factor_ex(x: Tensor, *, pivot: bool = True, check_errors: bool = False, out: Any = None) -> LUFactorEx:
    """`lu_factor`, and int32 infos: the number, from 1, of the first zero on the diagonal of U, or 0.

    Args:
        x: shape (..., m, n).
        pivot: exchange rows so that the largest element of each column comes first.
        check_errors: raise where an info is not 0.
        out: three tensors that receive the results.

    Raises:
        LinAlgError: with ``check_errors``, an info is not 0.

    Example:
        >>> import lucid
        >>> LU, pivots, info = lucid.linalg.lu_factor_ex(lucid.tensor([[2.0, 1.0], [4.0, 3.0]]))
        >>> print(LU, pivots, info)
        [[4.0, 3.0],
         [0.5, -0.5]] [2, 2] 0

    Source: Golub and Van Loan, Matrix computations, section 3.4.
    """
    return with_info(*lu_factor(x, pivot=pivot), check_errors)


def with_info(compact: Tensor, pivots: Tensor, check_errors: bool) -> LUFactorEx:
    """The result of `lu_factor_ex` for a factorization.

    Raises:
        LinAlgError: with ``check_errors``, an info is not 0.
    """
    zero = np.diagonal(compact._data, axis1=-2, axis2=-1) == 0
    info = np.asarray(np.where(zero.any(-1), zero.argmax(-1) + 1 if zero.size else 0, 0), np.int32)
    if check_errors and info.any():
        raise LinAlgError(f"lu_factor_ex: U[{info.max()},{info.max()}] is zero; lu_solve would divide by it")
    return LUFactorEx(compact, pivots, wrap(info))


def _plain(x: np.ndarray) -> np.ndarray:
    return x


def _factor_symmetric(a: np.ndarray, pivots: np.ndarray, hermitian: bool) -> int:
    """Bunch and Kaufman's factors of the lower triangle of ``a``, in place, with LAPACK's pivots; the info."""
    n, k, info = len(a), 0, 0
    turn: Any = np.conj if hermitian else _plain
    if hermitian:
        np.fill_diagonal(a, np.diagonal(a).real)
    while k < n:
        size, swap, absolute = 1, k, magnitude(a[k, k])
        below = magnitude(a[k + 1 :, k])
        largest = below.max(initial=0.0)
        if max(absolute, largest) == 0:
            info = info or k + 1
        elif absolute < ALPHA * largest:
            row = k + 1 + int(below.argmax())
            others = max(magnitude(a[row, k:row]).max(initial=0.0), magnitude(a[row + 1 :, row]).max(initial=0.0))
            if absolute >= ALPHA * largest * (largest / others):
                swap = k
            elif magnitude(a[row, row]) >= ALPHA * others:
                swap = row
            else:
                swap, size = row, 2
        at = k + size - 1
        if swap != at:  # exchange rows and columns of what is left
            a[swap + 1 :, [at, swap]] = a[swap + 1 :, [swap, at]]
            column = a[at + 1 : swap, at].copy()
            a[at + 1 : swap, at], a[swap, at + 1 : swap] = turn(a[swap, at + 1 : swap].copy()), turn(column)
            a[swap, at] = turn(a[swap, at])
            a[at, at], a[swap, swap] = a[swap, swap], a[at, at]
            if size == 2:
                a[at, k], a[swap, k] = a[swap, k], a[at, k]
        rest = slice(k + size, n)
        if size == 1:
            if a[k, k] != 0:
                v = a[rest, k].copy()
                a[rest, rest] -= np.tril(np.outer(v, turn(v)) / a[k, k])
                a[rest, k] = v / a[k, k]
            pivots[k] = swap + 1
        else:
            d = np.array([[a[k, k], turn(a[k + 1, k])], [a[k + 1, k], a[k + 1, k + 1]]])
            w = a[rest, k : k + 2].copy()
            solved = w @ np.linalg.inv(d)
            a[rest, rest] -= np.tril(solved @ turn(w).T)
            a[rest, k : k + 2] = solved
            pivots[k : k + 2] = -(swap + 1)
        k += size
    return info


def ldl_factor_ex(x: Tensor, *, hermitian: bool = False, check_errors: bool = False, out: Any = None) -> LDLFactorEx:
    """(LD, pivots, info) with P^T x P = L D L^T: D has blocks of size 1 and 2, and lies with L in one lower triangle.

    Args:
        x: symmetric, shape (..., n, n), floating point or complex; the lower triangle is read.
        hermitian: complex matrices are Hermitian, not symmetric: L^H in place of L^T.
        check_errors: raise where D is singular.
        out: three tensors that receive the results.

    Returns:
        LD of the shape of ``x``; int32 pivots of shape (..., n), LAPACK's: the row exchanged with row k, counted from
        1, negative for both rows of a block of size 2; and infos: the number of the first zero block of D, or 0.

    Raises:
        LinAlgError: with ``check_errors``, an info is not 0.

    Example:
        >>> import lucid
        >>> LD, pivots, info = lucid.linalg.ldl_factor_ex(lucid.tensor([[2.0, 0.0], [0.0, 3.0]]))
        >>> print(LD, info)
        [[2.0, 0.0],
         [0.0, 3.0]] 0

    Source: Bunch and Kaufman, Some stable methods for calculating inertia, Math. Comp. 1977.
    """
    _check_symmetric("ldl_factor", x)
    *lead, n, _ = x._data.shape
    flat = np.tril(x._data.reshape(math.prod(lead), n, n).astype(np.result_type(x._data, np.float64)))
    hermitian = hermitian and flat.dtype.kind == "c"
    pivots, info = np.zeros((len(flat), n), np.int32), np.zeros(len(flat), np.int32)
    with np.errstate(all="ignore"):
        for i, matrix in enumerate(flat):
            info[i] = _factor_symmetric(matrix, pivots[i], hermitian)
    if check_errors and info.any():
        raise LinAlgError(f"ldl_factor: the factorization could not be completed: block {info.max()} of D is zero")
    compact = wrap(flat.reshape(x._data.shape).astype(x._data.dtype))
    return LDLFactorEx(compact, wrap(pivots.reshape(*lead, n)), wrap(info.reshape(lead)))


def ldl_factor(x: Tensor, *, hermitian: bool = False, out: Any = None) -> LDLFactor:
    """`ldl_factor_ex` without the infos.

    Args:
        x: symmetric matrices, shape (..., n, n).
        hermitian: complex matrices are Hermitian, not symmetric: L^H in place of L^T.
        out: a pair of tensors that receive the results.

    Raises:
        LinAlgError: D is singular.

    Example:
        >>> import lucid
        >>> compact, pivots = lucid.linalg.ldl_factor(lucid.tensor([[0.0, 1.0], [1.0, 0.0]]))
        >>> pivots.tolist()
        [-2, -2]

    Source: Bunch and Kaufman, Some stable methods for calculating inertia, Math. Comp. 1977.
    """
    return LDLFactor(*ldl_factor_ex(x, hermitian=hermitian, check_errors=True)[:2])


def ldl_solve(
    compact: Tensor, pivots: Tensor, b: Tensor, *, hermitian: bool = False, out: Tensor | None = None
) -> Tensor:
    """X with A X = B, from what `ldl_factor` gave for A.

    Args:
        compact: shape (..., n, n).
        pivots: shape (..., n).
        b: shape (..., n, k); the batch dimensions of both broadcast.
        hermitian: as it was given to `ldl_factor`.
        out: tensor that receives the result.

    Raises:
        RuntimeError: shapes do not match.

    Example:
        >>> import lucid
        >>> LD, pivots = lucid.linalg.ldl_factor(lucid.tensor([[2.0, 0.0], [0.0, 4.0]]))
        >>> print(lucid.linalg.ldl_solve(LD, pivots, lucid.tensor([[2.0], [2.0]])))
        [[1.0],
         [0.5]]

    Source: Bunch and Kaufman, Some stable methods for calculating inertia, Math. Comp. 1977.
    """
    _check_symmetric("ldl_solve", compact)
    check_tensors("ldl_solve", pivots, b)
    *_, n, _ = compact._data.shape
    if b.ndim < 2 or b._data.shape[-2] != n or pivots._data.shape != compact._data.shape[:-1]:
        raise RuntimeError(
            f"ldl_solve: LD {compact._data.shape}, pivots {pivots._data.shape} and B {b._data.shape} do not match"
        )
    count, data = math.prod(compact._data.shape[:-2]), compact._data
    inverse = np.empty((count, n, n), data.dtype)
    for y, a, p in zip(inverse, data.reshape(count, n, n), pivots._data.reshape(count, n)):
        y[...] = _inverse(a, p, hermitian and data.dtype.kind == "c")
    return wrap(inverse.reshape(data.shape)) @ b


def _check_symmetric(name: str, x: Tensor) -> None:
    check_tensors(name, x)
    if x._data.ndim < 2 or x._data.shape[-1] != x._data.shape[-2] or x._data.dtype.kind not in "fc":
        raise RuntimeError(f"{name}: expected floating-point square matrices, got {x.dtype} of shape {x._data.shape}")


def _inverse(compact: np.ndarray, pivots: np.ndarray, hermitian: bool) -> np.ndarray:
    """The inverse of the matrix behind LAPACK's factors: B is taken through them as LAPACK's solver does."""
    a, n = compact.astype(np.result_type(compact, np.float64)), len(compact)
    turn: Any = np.conj if hermitian else _plain
    x, k, blocks = np.eye(n, dtype=a.dtype), 0, []
    while k < n:
        size, swap = (1, pivots[k] - 1) if pivots[k] > 0 else (2, -pivots[k] - 1)
        at = k + size - 1
        x[[at, swap]] = x[[swap, at]]
        x[k + size :] -= a[k + size :, k : k + size] @ x[k : k + size]
        d = a[k : k + size, k : k + size]
        x[k : k + size] = np.linalg.solve(np.tril(d) + turn(np.tril(d, -1)).T, x[k : k + size])
        blocks.append((k, size, at, swap))
        k += size
    for k, size, at, swap in reversed(blocks):
        x[k : k + size] -= turn(a[k + size :, k : k + size]).T @ x[k + size :]
        x[[at, swap]] = x[[swap, at]]
    return x
