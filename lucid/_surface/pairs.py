"""A few eigenvalues of a symmetric matrix."""

from __future__ import annotations

from typing import Any

import numpy as np

from lucid._functions._arguments import check_tensors
from lucid._functions.cholesky import cholesky
from lucid._functions.matmul import mT
from lucid._functions.solve import solve_triangular
from lucid._functions.spectral import eigh
from lucid._tensor import Tensor

__all__ = ["lobpcg"]


def lobpcg(
    A: Tensor, k: int | None = None, B: Tensor | None = None, X: Tensor | None = None, n: int | None = None,
    iK: Tensor | None = None, niter: int | None = None, tol: float | None = None, largest: bool | None = None,
    method: str | None = None, tracker: Any = None, ortho_iparams: Any = None, ortho_fparams: Any = None,
    ortho_bparams: Any = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The ``k`` largest or smallest eigenvalues of A x = w B x, and their eigenvectors, for symmetric A.

    PyTorch finds them by iteration; here `lucid.linalg.eigh` finds all of them to rounding and the rest is left out, so
    that what steers the iteration is accepted and not used.

    Args:
        A: shape (..., m, m), symmetric, floating point.
        k: how many; the columns of ``X``, or 1, unless given.
        B: shape (..., m, m), symmetric and positive definite; the identity unless given.
        X: shape (..., m, n): only n is used.
        n: used where neither ``k`` nor ``X`` is given.
        iK, niter, tol, method, tracker, ortho_iparams, ortho_fparams, ortho_bparams: not used.
        largest: the largest eigenvalues in decreasing order (by default), or the smallest in increasing order.

    Returns:
        Eigenvalues, shape (..., k), and eigenvectors, shape (..., m, k), with X^T B X = 1.

    Raises:
        LinAlgError: ``B`` is not positive definite.
        RuntimeError: shapes do not fit, or ``k`` is not between 1 and m.
        TypeError: ``A`` or ``B`` is no tensor.

    Example:
        >>> import lucid
        >>> print(lucid.lobpcg(lucid.tensor([[2.0, 0.0], [0.0, 3.0]]))[0])
        [3.0]

    Source: Knyazev, Toward the optimal preconditioned eigensolver, 2001, for the method whose results these are.
    """
    check_tensors("lobpcg", A, *[t for t in (B, X, iK) if t is not None])
    m = A.shape[-1] if A.ndim > 1 else 0
    if k is None:
        k = X.shape[-1] if X is not None else 1 if n is None else n
    if not 1 <= k <= m or A.shape[-2:] != (m, m) or (B is not None and B.shape[-2:] != (m, m)):
        raise RuntimeError(
            f"lobpcg: expected square matrices and 1 <= k <= their size, got k={k}, A {tuple(A.shape)}"
            + (f", B {tuple(B.shape)}" if B is not None else "")
        )
    factor = None if B is None else cholesky(B)
    inner = A
    if factor is not None:  # L^-1 A L^-T of B = L L^T has the same eigenvalues
        half = solve_triangular(factor, A, upper=False)
        inner = solve_triangular(factor, mT(half), upper=False)
    values, vectors = eigh((inner + mT(inner)) * 0.5)
    if factor is not None:
        vectors = solve_triangular(mT(factor), vectors, upper=True)
    order = np.arange(k) if largest is False else np.arange(m - 1, m - 1 - k, -1)
    return values[..., order], vectors[..., order]
