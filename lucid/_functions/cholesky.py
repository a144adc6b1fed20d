"""Cholesky factors of positive-definite matrices, and what is solved with them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lucid._functions._common import broadcast_shapes, expand
from lucid._functions.diagonal import diag_embed
from lucid._functions.matmul import matmul, mT
from lucid._functions.solve import LinAlgError, SolveTriangular, _guarded, check_matrix, factored, solve_triangular
from lucid._functions.triangle import tril
from lucid.autograd._node import Node, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor


class CholeskyInfo(NamedTuple):
    """Result of `cholesky_ex`: unpacks as ``L, info``."""

    L: Any
    info: Any


class Cholesky(Node):
    __slots__ = ()

    def forward(self, x: Tensor) -> np.ndarray:
        what = "the factorization could not be completed because the input is not positive-definite"
        return self.save_result(factored("cholesky", what, np.linalg.cholesky, x._data))

    def backward(self, dy: Tensor) -> Tensor:
        # L^-T phi(L^T dL) L^-1, made symmetric, where phi keeps the lower triangle and half the diagonal
        y = self.unpack_result()
        inside = tril(matmul(mT(y), dy))
        inside = inside - diag_embed(inside.diagonal(0, -2, -1)) / 2
        middle = SolveTriangular.apply(mT(y), inside, True, False)
        half = mT(SolveTriangular.apply(mT(y), mT(middle), True, False))
        return (half + mT(half)) / 2


def cholesky(x: Tensor, *, upper: bool = False, out: Tensor | None = None) -> Tensor:
    """The lower triangular L with L L^T = x, for symmetric positive-definite x; with ``upper`` its transpose.

    Only the lower triangle is read; the gradient is symmetric.

    Args:
        x: shape (..., n, n), floating point.
        upper: give L^T.
        out: tensor that receives the result.

    Raises:
        LinAlgError: not positive-definite.
        RuntimeError: not square.

    Example:
        >>> import lucid
        >>> lucid.linalg.cholesky(lucid.tensor([[4.0, 2.0], [2.0, 2.0]])).tolist()
        [[2.0, 0.0], [1.0, 1.0]]

    Source: Golub and Van Loan, Matrix computations, section 4.2.
    """
    check_matrix("cholesky", x, True)
    y = Cholesky.apply(mT(x) if upper else x)
    return mT(y) if upper else y


def cholesky_ex(x: Tensor, *, upper: bool = False, check_errors: bool = False, out: Any = None) -> CholeskyInfo:
    """(L, info): `cholesky` that says in ``info`` which leading minor is not positive instead of raising.

    L of such a matrix holds NaN; ``info`` is 0 for all others.

    Args:
        x: shape (..., n, n), floating point.
        upper: give L^T.
        check_errors: raise where ``info`` is not 0.
        out: a pair of tensors that receive the results.

    Raises:
        LinAlgError: with ``check_errors``, a matrix is not positive-definite.
        RuntimeError: not square.

    Example:
        >>> import lucid
        >>> l, info = lucid.linalg.cholesky_ex(lucid.tensor([[4.0, 0.0], [0.0, 9.0]]))
        >>> print(l)
        [[2.0, 0.0],
         [0.0, 3.0]]

    Source: Golub and Van Loan, Matrix computations, section 4.2.
    """
    check_matrix("cholesky_ex", x, True)
    data = np.swapaxes(x._data, -1, -2) if upper else x._data
    flat = data.reshape(math.prod(data.shape[:-2]), *data.shape[-2:])
    info = np.array([_failing_minor(m) for m in flat], np.int32).reshape(data.shape[:-2])
    if check_errors and info.any():
        raise LinAlgError(f"cholesky_ex: the leading minor of order {info[info > 0][0]} is not positive-definite")
    return CholeskyInfo(_guarded(x, info, lambda m: cholesky(m, upper=upper)), wrap(info))


def _failing_minor(m: np.ndarray) -> int:
    """The order of the first leading minor without a Cholesky factor, by bisection; 0 if there is none."""

    def fits(k: int) -> bool:
        try:
            np.linalg.cholesky(m[:k, :k])
        except np.linalg.LinAlgError:
            return False
        return True

    if fits(len(m)):
        return 0
    low, high = 0, len(m)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return high


def cholesky_solve(b: Tensor, factor: Tensor, upper: bool = False, *, out: Tensor | None = None) -> Tensor:
    """X with A X = B, where ``factor`` is the Cholesky factor of A.

    Args:
        b: shape (..., n, k).
        factor: shape (..., n, n), triangular.
        upper: it is the upper factor.
        out: tensor that receives the result.

    Raises:
        RuntimeError: ``factor`` is not square, or the shapes do not fit.

    Example:
        >>> import lucid
        >>> print(lucid.cholesky_solve(lucid.tensor([[4.0], [1.0]]), lucid.tensor([[2.0, 0.0], [0.0, 1.0]])))
        [[1.0],
         [1.0]]

    Source: Golub and Van Loan, Matrix computations, section 4.2.
    """
    check_matrix("cholesky_solve", factor, True)
    check_matrix("cholesky_solve", b)
    broadcast_shapes("cholesky_solve", factor._data.shape[:-2], b._data.shape[:-2])
    lower = mT(factor) if upper else factor
    middle = solve_triangular(lower, b, upper=False)
    return solve_triangular(mT(lower), middle, upper=True)


def cholesky_inverse(factor: Tensor, upper: bool = False, *, out: Tensor | None = None) -> Tensor:
    """The inverse of A, where ``factor`` is its Cholesky factor.

    Args:
        factor: shape (..., n, n), triangular.
        upper: it is the upper factor.
        out: tensor that receives the result.

    Raises:
        RuntimeError: ``factor`` is not square.

    Example:
        >>> import lucid
        >>> print(lucid.cholesky_inverse(lucid.tensor([[2.0, 0.0], [0.0, 1.0]])))
        [[0.25, 0.0],
         [0.0, 1.0]]

    Source: Golub and Van Loan, Matrix computations, section 4.2.
    """
    check_matrix("cholesky_inverse", factor, True)
    eye = wrap(np.eye(factor._data.shape[-1], dtype=factor._data.dtype))
    return cholesky_solve(expand(eye, factor._data.shape), factor, upper)
