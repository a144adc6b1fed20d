"""Former names of linear algebra."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lucid._functions._arguments import check_tensors
from lucid._functions.cholesky import cholesky as factor
from lucid._functions.creation import eye
from lucid._functions.distance import vector_norm
from lucid._functions.least_squares import pinv
from lucid._functions.linalg import matrix_norm, multi_dot
from lucid._functions.lu import lu_factor, order_of, permutation_matrix
from lucid._functions.lu import lu_solve as solve_lu
from lucid._functions.solve import solve_triangular
from lucid._functions.spectral import qr as decompose
from lucid._functions.spectral import svd as decompose_singular
from lucid._tensor import Tensor
from lucid.autograd._node import wrap

__all__ = [
    "chain_matmul", "cholesky", "frobenius_norm", "lu", "lu_solve", "lu_unpack", "nuclear_norm", "pca_lowrank",
    "pinverse", "qr", "svd", "svd_lowrank", "triangular_solve",
]  # fmt: skip


class SVD(NamedTuple):
    """Result of `svd`: unpacks as ``U, S, V``."""

    U: Any
    S: Any
    V: Any


class QR(NamedTuple):
    """Result of `qr`: unpacks as ``Q, R``."""

    Q: Any
    R: Any


class TriangularSolve(NamedTuple):
    """Result of `triangular_solve`: unpacks as ``solution, cloned_coefficient``."""

    solution: Any
    cloned_coefficient: Any


class LUUnpacked(NamedTuple):
    """Result of `lu_unpack`: unpacks as ``P, L, U``."""

    P: Any
    L: Any
    U: Any


def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """`lucid.linalg.pinv`, over the singular values that exceed ``rcond`` times the largest.

    Args:
        input: shape (..., m, n), floating point.
        rcond: share of the largest singular value below which others count as 0.

    Example:
        >>> import lucid
        >>> print(lucid.pinverse(lucid.tensor([[2.0, 0.0], [0.0, 4.0]])))
        [[0.5, 0.0],
         [0.0, 0.25]]
    """
    check_tensors("pinverse", input)
    return pinv(input, rtol=rcond)


def chain_matmul(*matrices: Tensor, out: Tensor | None = None) -> Tensor:
    """The product of matrices in the cheapest order: `lucid.linalg.multi_dot`.

    Args:
        matrices: tensors that follow each other, or one list of them; the first and the last may be vectors.
        out: tensor that receives the result.

    Raises:
        ValueError: there are none.

    Example:
        >>> import lucid
        >>> lucid.chain_matmul(lucid.ones(2, 3), lucid.ones(3, 4), lucid.ones(4, 5)).shape
        lucid.Size([2, 5])
    """
    given = list(matrices[0]) if len(matrices) == 1 and isinstance(matrices[0], (tuple, list)) else list(matrices)
    check_tensors("chain_matmul", *given)
    if not given:
        raise ValueError("chain_matmul: expected one or more matrices")
    return given[0] if len(given) == 1 else multi_dot(given)


def cholesky(input: Tensor, upper: bool = False, *, out: Tensor | None = None) -> Tensor:
    """`lucid.linalg.cholesky`.

    Args:
        input: shape (..., n, n), floating point.
        upper: give L^T.
        out: tensor that receives the result.

    Raises:
        LinAlgError: not positive-definite.

    Example:
        >>> import lucid
        >>> print(lucid.cholesky(lucid.tensor([[4.0, 2.0], [2.0, 5.0]])))
        [[2.0, 0.0],
         [1.0, 2.0]]
    """
    check_tensors("cholesky", input)
    return factor(input, upper=upper)


def qr(input: Tensor, some: bool = True, *, out: Any = None) -> QR:
    """`lucid.linalg.qr`: reduced, or complete without ``some``.

    Args:
        input: shape (..., m, n), floating point.
        some: Q of shape (..., m, k) with k = min(m, n); otherwise (..., m, m).
        out: without effect.

    Example:
        >>> import lucid
        >>> Q, R = lucid.qr(lucid.tensor([[3.0], [4.0]]))
        >>> print((Q @ R).round(decimals=4))
        [[3.0],
         [4.0]]
    """
    check_tensors("qr", input)
    return QR(*decompose(input, "reduced" if some else "complete"))


def svd(input: Tensor, some: bool = True, compute_uv: bool = True, *, out: Any = None) -> SVD:
    """(U, S, V) with input = U diag(S) V^T: `lucid.linalg.svd` gives V^T.

    Args:
        input: shape (..., m, n), floating point.
        some: reduced; else U and V are square.
        compute_uv: without it U and V are zeros.
        out: accepted as None.

    Example:
        >>> import lucid
        >>> U, S, V = lucid.svd(lucid.tensor([[3.0, 0.0], [0.0, 4.0]]))
        >>> print(S)
        [4.0, 3.0]
    """
    check_tensors("svd", input)
    u, s, vh = decompose_singular(input, full_matrices=not some or not compute_uv)
    if not compute_uv:
        return SVD(wrap(np.zeros_like(u._data)), s, wrap(np.zeros_like(vh._data)))
    return SVD(u, s, vh.transpose(-2, -1))


def svd_lowrank(A: Tensor, q: int | None = 6, niter: int | None = 2, M: Tensor | None = None) -> SVD:
    """The ``q`` largest singular values of A (or A - M) and their vectors (U, S, V), cut from the exact decomposition.

    Args:
        A: shape (..., m, n).
        q: how many; 6 unless given.
        niter: accepted: PyTorch's rounds of an approximation.
        M: subtracted from A, broadcast.

    Raises:
        ValueError: ``q`` exceeds the dimensions.

    Example:
        >>> import lucid
        >>> U, S, V = lucid.svd_lowrank(lucid.tensor([[3.0, 0.0], [0.0, 4.0]]), q=1)
        >>> print(S.round(decimals=4))
        [4.0]
    """
    check_tensors("svd_lowrank", A)
    count = 6 if q is None else q
    if A.ndim < 2 or not 0 <= count <= min(A.shape[-2:]):
        raise ValueError(f"svd_lowrank: q(={q}) must lie between 0 and the sizes of {tuple(A.shape)}")
    u, s, v = svd(A if M is None else A - M)
    return SVD(u[..., :count], s[..., :count], v[..., :count])


def pca_lowrank(A: Tensor, q: int | None = None, center: bool = True, niter: int = 2) -> SVD:
    """Principal components of the rows of A: `svd_lowrank` of A without the means of its columns.

    Args:
        A: shape (..., m, n), floating point.
        q: how many; min(6, m, n) unless given.
        center: subtract the means.
        niter: accepted: PyTorch's rounds of an approximation.

    Raises:
        ValueError: ``q`` exceeds the dimensions.

    Example:
        >>> import lucid
        >>> U, S, V = lucid.pca_lowrank(lucid.tensor([[1.0, 0.0], [3.0, 0.0]]), q=1)
        >>> print(S.round(decimals=4))
        [1.4142]
    """
    check_tensors("pca_lowrank", A)
    if A.ndim < 2 or (q is not None and not 0 <= q <= min(A.shape[-2:])):
        raise ValueError(f"pca_lowrank: q(={q}) must lie between 0 and the sizes of {tuple(A.shape)}")
    count = min(6, *A.shape[-2:]) if q is None else q
    return svd_lowrank(A - A.mean(-2, keepdim=True) if center else A, count)


def lu(A: Tensor, pivot: bool = True, get_infos: bool = False, out: Any = None) -> Any:
    """(LU, pivots), and the infos (all 0) with ``get_infos``: `lucid.linalg.lu_factor`.

    Args:
        A: shape (..., m, n), floating point.
        pivot: exchange rows so that the largest element of each column comes first.
        get_infos: give the infos as well.
        out: without effect.

    Example:
        >>> import lucid
        >>> LU, pivots = lucid.lu(lucid.tensor([[2.0, 1.0], [4.0, 3.0]]))
        >>> print(LU, pivots)
        [[4.0, 3.0],
         [0.5, -0.5]] [2, 2]
    """
    check_tensors("lu", A)
    compact, pivots = lu_factor(A, pivot=pivot)
    if not get_infos:
        return compact, pivots
    return compact, pivots, wrap(np.zeros(A._data.shape[:-2], np.int32))


def lu_solve(b: Tensor, LU_data: Tensor, LU_pivots: Tensor, *, out: Tensor | None = None) -> Tensor:
    """X with A X = b from the factorisation of A: `lucid.linalg.lu_solve`, with the right-hand side first.

    Args:
        b: shape (..., n, k).
        LU_data, LU_pivots: what `lu` gave.
        out: tensor that receives the result.

    Raises:
        RuntimeError: the shapes do not fit.

    Example:
        >>> import lucid
        >>> LU, pivots = lucid.lu(lucid.tensor([[2.0, 0.0], [0.0, 4.0]]))
        >>> print(lucid.lu_solve(lucid.tensor([[2.0], [2.0]]), LU, pivots))
        [[1.0],
         [0.5]]
    """
    check_tensors("lu_solve", b, LU_data, LU_pivots)
    return solve_lu(LU_data, LU_pivots, b)


def lu_unpack(
    LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True, *, out: Any = None
) -> LUUnpacked:
    """(P, L, U) with A = P L U, from what `lu_factor` gives; empty where not asked for.

    Args:
        LU_data: shape (..., m, n).
        LU_pivots: shape (..., min(m, n)), int32, counted from 1.
        unpack_data: give L and U.
        unpack_pivots: give P.
        out: three tensors that receive the results.

    Raises:
        RuntimeError: the pivots are not int32.

    Example:
        >>> import lucid
        >>> a = lucid.tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> p, l, u = lucid.lu_unpack(*lucid.linalg.lu_factor(a))
        >>> bool(lucid.allclose(p @ l @ u, a))
        True
    """
    check_tensors("lu_unpack", LU_data, LU_pivots)
    *_, m, n = (1, 1, *LU_data._data.shape)
    k = min(m, n)
    if unpack_pivots and LU_pivots._data.dtype != np.int32:
        raise RuntimeError(f"lu_unpack: expected LU_pivots of int32, got {LU_pivots.dtype}")
    if LU_data.ndim < 2 or tuple(LU_pivots.shape) != (*LU_data.shape[:-2], k):
        raise RuntimeError(
            f"lu_unpack: LU_data {tuple(LU_data.shape)} and LU_pivots {tuple(LU_pivots.shape)} do not match"
        )
    permutation = lower = upper = wrap(np.empty(0, LU_data._data.dtype))
    if unpack_data:
        lower = LU_data[..., :k].tril(-1) + eye(m, k, dtype=LU_data.dtype)
        upper = LU_data[..., :k, :].triu()
    if unpack_pivots:
        order = order_of(LU_pivots._data.astype(np.int64) - 1, m)
        permutation = wrap(permutation_matrix(order, LU_data._data.dtype))
    return LUUnpacked(permutation, lower, upper)


def triangular_solve(
    b: Tensor, A: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False, *, out: Any = None
) -> TriangularSolve:
    """(X, A) with A X = b for a triangular A: `lucid.linalg.solve_triangular`, with the right-hand side first.

    Args:
        b: shape (..., n, k).
        A: shape (..., n, n).
        upper: A is upper triangular.
        transpose: solve for A^T.
        unitriangular: the diagonal counts as ones.
        out: a pair of tensors that receive the results.

    Raises:
        RuntimeError: ``A`` is not square, or the shapes do not fit.

    Example:
        >>> import lucid
        >>> X, A = lucid.triangular_solve(lucid.tensor([[4.0]]), lucid.tensor([[2.0]]))
        >>> print(X)
        [[2.0]]
    """
    check_tensors("triangular_solve", b, A)
    used = A.transpose(-2, -1) if transpose and A.ndim >= 2 else A
    x = solve_triangular(used, b, upper=upper != transpose, unitriangular=unitriangular)
    return TriangularSolve(x, A.clone())


def frobenius_norm(input: Tensor, dim: Any = (), keepdim: bool = False, *, out: Tensor | None = None) -> Tensor:
    """The root of the sum of squares over ``dim``, or over everything.

    Args:
        input: floating point, any shape.
        dim: dimension or dimensions; none of them means all.
        keepdim: keep them with size 1.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.frobenius_norm(lucid.tensor([[3.0, 0.0], [0.0, 4.0]])))
        5.0
    """
    check_tensors("frobenius_norm", input)
    dims = None if isinstance(dim, (tuple, list)) and not dim else dim
    return vector_norm(input, 2, dims, keepdim)


def nuclear_norm(input: Tensor, dim: Any = None, keepdim: bool = False, *, out: Tensor | None = None) -> Tensor:
    """The sum of the singular values of the matrices in two dimensions; the last two unless given.

    Args:
        input: shape (..., m, n), floating point.
        dim: the two dimensions of the matrices.
        keepdim: keep them with size 1.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.nuclear_norm(lucid.tensor([[3.0, 0.0], [0.0, 4.0]])))
        7.0
    """
    check_tensors("nuclear_norm", input)
    return matrix_norm(input, "nuc", (-2, -1) if dim is None else tuple(dim), keepdim)
