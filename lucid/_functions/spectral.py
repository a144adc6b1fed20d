"""QR, singular values and symmetric eigenvalues, and what is computed from them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lucid._functions._arguments import check_tensors
from lucid._functions._common import write_out
from lucid._functions.choice import where
from lucid._functions.diagonal import diag_embed
from lucid._functions.join import cat
from lucid._functions.matmul import matmul, mT
from lucid._functions.reduce import sum
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


class LeastSquares(NamedTuple):
    """Result of `lstsq`."""

    solution: Any
    residuals: Any
    rank: Any
    singular_values: Any


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
    return write_out("matrix_rank", wrap(np.asarray(rank, np.int64)), out)


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
    return write_out("pinv", PInv.apply(x, atol, rtol, hermitian), out)


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
    residuals = empty
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
        y = low / top if p == -2 else where(low.detach() == 0, math.inf, top / where(low.detach() == 0, 1.0, low))
        return write_out("cond", y, out)
    check_matrix("cond", x, True)
    inverse, info = inv_ex(x)
    y = matrix_norm(x, p) * matrix_norm(inverse, p)
    return write_out("cond", where(wrap(np.asarray(info._data != 0)), math.inf, y), out)
