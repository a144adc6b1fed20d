"""QR, singular values, and the eigenvalues of symmetric matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lucid._functions.choice import where
from lucid._functions.diagonal import diag_embed
from lucid._functions.join import cat
from lucid._functions.matmul import matmul, mT
from lucid._functions.shape import unsqueeze
from lucid._functions.solve import check_matrix, factored, solve_triangular
from lucid._functions.triangle import tril, triu
from lucid.autograd._mode import mode
from lucid.autograd._node import Node, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor


class QRParts(NamedTuple):
    """Result of `qr`: unpacks as ``Q, R``."""

    Q: Any
    R: Any


class SVDParts(NamedTuple):
    """Result of `svd`: unpacks as ``U, S, Vh``."""

    U: Any
    S: Any
    Vh: Any


class Eigen(NamedTuple):
    """Result of `eigh`: unpacks as ``eigenvalues, eigenvectors``."""

    eigenvalues: Any
    eigenvectors: Any


class Factors(Node):
    """A decomposition in several results. Recording a backward pass computes them anew, so that they have a history."""

    __slots__ = ("kept", "params")
    kept: tuple[np.ndarray, ...]
    params: tuple[Any, ...]

    def again(self) -> Any:
        (x,) = self.unpack()
        return type(self).apply(x, *self.params) if mode.enabled else [wrap(a) for a in self.kept]


class QR(Factors):
    __slots__ = ()

    def forward(self, x: Tensor, kind: Any) -> tuple[np.ndarray, ...]:
        self.saved, self.params = (x,), (kind,)
        self.kept = tuple(np.linalg.qr(x._data, kind))
        return self.kept

    def backward(self, dq: Tensor | None, dr: Tensor | None) -> Tensor:
        q, r = self.again()
        (x,) = self.unpack()
        m, n = x._data.shape[-2:]
        if self.params[0] == "complete" and m > n:
            raise RuntimeError(
                f"qr: the QR decomposition is not differentiable for mode='complete' with {m} rows > {n}"
            )
        zero = wrap(np.zeros((), q._data.dtype))
        dq = zero * q if dq is None else dq
        dr = zero * r if dr is None else dr
        if m >= n:
            return self.tall(q, r, dq, dr)
        # A = [X Y] and R = [U V] with V = Q^T Y, where Q comes from X alone
        y, dv = x[..., :, m:], dr[..., :, m:]
        dx = self.tall(q, r[..., :, :m], dq + matmul(y, mT(dv)), dr[..., :, :m])
        return cat([dx, matmul(q, dv)], -1)

    def tall(self, q: Tensor, r: Tensor, dq: Tensor, dr: Tensor) -> Tensor:
        """[dQ + Q copy(M)] R^-T with M = R dR^T - dQ^T Q, whose lower triangle is copied to the upper."""
        middle = matmul(r, mT(dr)) - matmul(mT(dq), q)
        low = tril(middle, -1)
        full = low + mT(low) + diag_embed(middle.diagonal(0, -2, -1))
        return solve_triangular(mT(triu(r)), dq + matmul(q, full), upper=False, left=False)


def qr(x: Tensor, mode: str = "reduced", *, out: Any = None) -> QRParts:
    """(Q, R) with x = Q R: orthonormal columns and an upper triangle.

    Args:
        x: shape (..., m, n), floating point.
        mode: ``"reduced"`` (shapes (..., m, k) and (..., k, n) with k = min(m, n)), ``"complete"`` (k = m), or ``"r"``
            (an empty Q, without gradient).
        out: a pair of tensors that receive the results.

    Raises:
        ValueError: another mode.

    Example:
        >>> import lucid
        >>> q, r = lucid.linalg.qr(lucid.tensor([[0.0, 2.0], [3.0, 4.0]]))
        >>> lucid.allclose(q @ r, lucid.tensor([[0.0, 2.0], [3.0, 4.0]]), atol=1e-6)
        True
    """
    check_matrix("qr", x)
    if mode not in ("reduced", "complete", "r"):
        raise ValueError(f"qr: mode must be 'reduced', 'complete' or 'r', got {mode!r}")
    if mode == "r":
        return QRParts(wrap(np.empty(0, x._data.dtype)), QR.apply(x.detach(), "reduced")[1])
    return QRParts(*QR.apply(x, mode))


class SVD(Factors):
    __slots__ = ()

    def forward(self, x: Tensor, full: bool) -> tuple[np.ndarray, ...]:
        self.saved, self.params = (x,), (full,)
        what = "the algorithm failed to converge because the input contains non-finite values"
        self.kept = tuple(factored("svd", what, np.linalg.svd, x._data, full))
        return self.kept

    def backward(self, du: Tensor | None, ds: Tensor | None, dvh: Tensor | None) -> Tensor:
        (x,), (u, s, vh) = self.unpack(), self.again()
        m, n = x._data.shape[-2:]
        k = min(m, n)
        if self.params[0] and m != n:
            for g in (du[..., :, k:] if du is not None else None, dvh[..., k:, :] if dvh is not None else None):
                if g is not None and g._data.any():
                    raise RuntimeError("svd: singular vectors that complete a basis are not differentiable")
            u, vh = u[..., :, :k], vh[..., :k, :]
            du = None if du is None else du[..., :, :k]
            dvh = None if dvh is None else dvh[..., :k, :]
        core: Any = None if ds is None else diag_embed(ds)
        left, right = unsqueeze(s, -1), unsqueeze(s, -2)
        if du is not None or dvh is not None:
            gap = (right - left) * (right + left)
            gap = where(wrap(np.eye(k, dtype=bool)), 1.0, gap)
            if du is not None:
                turn = matmul(mT(u), du)
                turn = (turn - mT(turn)) / gap * right
                core = turn if core is None else core + turn
            if dvh is not None:
                turn = matmul(vh, mT(dvh))
                turn = left * ((turn - mT(turn)) / gap)
                core = turn if core is None else core + turn
        dx = matmul(matmul(u, core), vh)
        if du is not None and m > k:
            outside = du / right
            dx = dx + matmul(outside - matmul(u, matmul(mT(u), outside)), vh)
        if dvh is not None and n > k:
            outside = dvh / left
            dx = dx + matmul(u, outside - matmul(matmul(outside, mT(vh)), vh))
        return dx


def svd(x: Tensor, full_matrices: bool = True, *, driver: str | None = None, out: Any = None) -> SVDParts:
    """(U, S, Vh) with x = U diag(S) Vh: orthonormal columns, singular values in decreasing order, orthonormal rows.

    Args:
        x: shape (..., m, n), floating point.
        full_matrices: U of shape (..., m, m) and Vh of shape (..., n, n); otherwise (..., m, k) and (..., k, n) with
            k = min(m, n).
        driver: not used: LAPACK's gesdd.
        out: three tensors that receive the results.

    Raises:
        LinAlgError: it does not converge.

    The gradient is finite only where the singular values differ, unless that of S alone is asked for.

    Example:
        >>> import lucid
        >>> u, s, vh = lucid.linalg.svd(lucid.tensor([[3.0, 0.0], [0.0, 4.0]]))
        >>> print(s)
        [4.0, 3.0]

    Source: Golub and Van Loan, Matrix computations, section 8.6.
    """
    check_matrix("svd", x)
    return SVDParts(*SVD.apply(x, full_matrices))


def svdvals(x: Tensor, *, driver: str | None = None, out: Tensor | None = None) -> Tensor:
    """The singular values, in decreasing order.

    Args:
        x: shape (..., m, n), floating point.
        driver: not used: LAPACK's gesdd.
        out: tensor that receives the result.

    Raises:
        LinAlgError: it does not converge.

    Example:
        >>> import lucid
        >>> print(lucid.linalg.svdvals(lucid.tensor([[3.0, 0.0], [0.0, 4.0]])))
        [4.0, 3.0]

    Source: Golub and Van Loan, Matrix computations, section 8.6.
    """
    check_matrix("svdvals", x)
    return SVD.apply(x, False)[1]


class Eigh(Factors):
    __slots__ = ()

    def forward(self, x: Tensor, triangle: str) -> tuple[np.ndarray, np.ndarray]:
        self.saved, self.params = (x,), (triangle,)
        what = "the algorithm failed to converge because the input contains non-finite values"
        values, vectors = factored("eigh", what, np.linalg.eigh, x._data, triangle)
        self.kept = (values, vectors)
        return self.kept

    def backward(self, dvalues: Any, dvectors: Tensor | None) -> Tensor:
        values, vectors = self.again()
        if dvectors is None:
            return matmul(vectors * unsqueeze(dvalues, -2), mT(vectors))
        gap = unsqueeze(values, -2) - unsqueeze(values, -1)
        core = matmul(mT(vectors), dvectors) / where(wrap(np.eye(values._data.shape[-1], dtype=bool)), 1.0, gap)
        core = core - diag_embed(core.diagonal(0, -2, -1))
        if dvalues is not None:
            core = core + diag_embed(dvalues)
        return matmul(matmul(vectors, core), mT(vectors))


def eigh(x: Tensor, UPLO: str = "L", *, out: Any = None) -> Eigen:
    """(eigenvalues, eigenvectors) of symmetric matrices: values in increasing order, orthonormal columns.

    Args:
        x: shape (..., n, n), floating point; only one triangle is read.
        UPLO: ``"L"`` or ``"U"``: which.
        out: a pair of tensors that receive the results.

    Raises:
        ValueError: another triangle.
        LinAlgError: it does not converge.

    Example:
        >>> import lucid
        >>> print(lucid.linalg.eigh(lucid.tensor([[2.0, 0.0], [0.0, 1.0]])).eigenvalues)
        [1.0, 2.0]

    Source: Golub and Van Loan, Matrix computations, chapter 8.
    """
    check_matrix("eigh", x, True)
    if UPLO not in ("L", "U"):
        raise ValueError(f"eigh: expected UPLO argument to be 'L' or 'U', but got {UPLO!r}")
    return Eigen(*Eigh.apply(x, UPLO))


def eigvalsh(x: Tensor, UPLO: str = "L", *, out: Tensor | None = None) -> Tensor:
    """The eigenvalues of symmetric matrices, in increasing order.

    Args:
        x: shape (..., n, n), floating point.
        UPLO: the triangle that is read, "L" or "U".
        out: tensor that receives the result.

    Raises:
        LinAlgError: it does not converge.
        RuntimeError: not square.
        ValueError: an unknown ``UPLO``.

    Example:
        >>> import lucid
        >>> print(lucid.linalg.eigvalsh(lucid.tensor([[2.0, 0.0], [0.0, 1.0]])))
        [1.0, 2.0]

    Source: Golub and Van Loan, Matrix computations, chapter 8.
    """
    return eigh(x, UPLO).eigenvalues
