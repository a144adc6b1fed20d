"""Linear systems: inverses, determinants, triangular, Cholesky and LU factors."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lucid._functions._common import sum_to
from lucid._functions.matmul import matmul, mT
from lucid._functions.shape import squeeze, unsqueeze
from lucid._functions.triangle import tril, triu
from lucid.autograd._node import Node, TensorBase, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor

BLOCK = 32
"""Columns that a factorization or substitution takes one by one; the rest is matrix products."""


class LinAlgError(RuntimeError):
    """A matrix is singular, or not positive-definite.

    Example:
        >>> import lucid
        >>> try:
        ...     lucid.linalg.inv(lucid.zeros(2, 2))
        ... except lucid.linalg.LinAlgError:
        ...     print("singular")
        ...
        singular
    """


class Slogdet(NamedTuple):
    """Result of `slogdet`: unpacks as ``sign, logabsdet``."""

    sign: Any
    logabsdet: Any


class InverseInfo(NamedTuple):
    """Result of `inv_ex`: unpacks as ``inverse, info``."""

    inverse: Any
    info: Any


class ResultInfo(NamedTuple):
    """Result of `solve_ex`: unpacks as ``result, info``."""

    result: Any
    info: Any


def check_matrix(name: str, x: Tensor, square: bool = False) -> None:
    """Refuse what is not a floating-point matrix, or a batch of them."""
    if not isinstance(x, TensorBase):
        raise TypeError(f"{name}: expected a Tensor, got {type(x).__name__}")
    shape = x._data.shape
    if x._data.ndim < 2:
        raise RuntimeError(f"{name}: the input tensor A must have at least 2 dimensions, got shape {shape}")
    if square and shape[-1] != shape[-2]:
        raise RuntimeError(f"{name}: A must be batches of square matrices, but they are {shape[-2]} by {shape[-1]}")
    if x._data.dtype.kind != "f":
        raise RuntimeError(f"{name}: expected a floating-point tensor, got {x.dtype}")


def factored(name: str, what: str, function: Callable[..., Any], *args: Any) -> Any:
    """function(*args) of `numpy.linalg`, whose refusals become a LinAlgError."""
    try:
        with np.errstate(all="ignore"):
            return function(*args)
    except np.linalg.LinAlgError:
        raise LinAlgError(f"{name}: {what} (shape {args[0].shape})") from None


SINGULAR = "the inversion could not be completed because the input matrix is singular"


class Inverse(Node):
    __slots__ = ()

    def forward(self, x: Tensor) -> np.ndarray:
        return self.save_result(factored("inv", SINGULAR, np.linalg.inv, x._data))

    def backward(self, dy: Tensor) -> Tensor:
        y = mT(self.unpack_result())
        return -matmul(matmul(y, dy), y)


def inv(x: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse of square matrices.

    Args:
        x: shape (..., n, n), floating point.
        out: tensor that receives the result.

    Raises:
        LinAlgError: a matrix is singular.
        RuntimeError: not square.

    Example:
        >>> import lucid
        >>> lucid.linalg.inv(lucid.tensor([[2.0, 0.0], [0.0, 4.0]])).tolist()
        [[0.5, 0.0], [0.0, 0.25]]
    """
    check_matrix("inv", x, True)
    return Inverse.apply(x)


def _zero_pivots(x: np.ndarray) -> np.ndarray:
    """For every matrix the number of its first zero pivot, counted from 1; 0 if there is none."""
    from lucid._functions.lu import lu_compact

    diagonals = np.diagonal(lu_compact(x)[0], axis1=-2, axis2=-1) == 0
    first = np.argmax(diagonals, -1) if diagonals.size else 0
    return np.asarray(np.where(diagonals.any(-1), first + 1, 0), np.int32)


def inv_ex(x: Tensor, *, check_errors: bool = False, out: Any = None) -> InverseInfo:
    """(inverse, info): `inv` that says in ``info`` which pivot of a singular matrix is zero instead of raising.

    The inverse of such a matrix holds NaN; ``info`` is 0 for all others.

    Args:
        x: shape (..., n, n), floating point.
        check_errors: raise where ``info`` is not 0.
        out: a pair of tensors that receive the results.

    Raises:
        LinAlgError: with ``check_errors``, a matrix is singular.
        RuntimeError: not square.

    Example:
        >>> import lucid
        >>> inverse, info = lucid.linalg.inv_ex(lucid.tensor([[4.0, 0.0], [0.0, 2.0]]))
        >>> print(inverse)
        [[0.25, 0.0],
         [0.0, 0.5]]

    Source: Golub and Van Loan, Matrix computations, section 3.4.
    """
    check_matrix("inv_ex", x, True)
    info = _zero_pivots(x._data)
    if check_errors and info.any():
        raise LinAlgError(f"inv_ex: {SINGULAR} (shape {x._data.shape})")
    return InverseInfo(_guarded(x, info, Inverse.apply), wrap(info))


def _guarded(x: Tensor, info: np.ndarray, function: Callable[[Tensor], Tensor]) -> Tensor:
    """``function`` of the regular matrices, NaN for the others."""
    if not info.any():
        return function(x)
    from lucid._functions.choice import where

    bad = wrap((info != 0)[..., None, None])
    eye = wrap(np.broadcast_to(np.eye(x._data.shape[-1], dtype=x._data.dtype), x._data.shape))
    return where(bad, np.nan, function(where(bad, eye, x)))


class Solve(Node):
    """X with A X = B."""

    __slots__ = ("shapes",)

    def forward(self, a: Tensor, b: Tensor) -> np.ndarray:
        self.saved, self.shapes = (a,), (a._data.shape, b._data.shape)
        return self.save_result(factored("solve", SINGULAR, np.linalg.solve, a._data, b._data))

    def backward(self, dx: Tensor) -> tuple[Tensor, Tensor]:
        (a,), x = self.unpack(), self.unpack_result()
        db = Solve.apply(mT(a), dx)
        return sum_to(-matmul(db, mT(x)), self.shapes[0]), sum_to(db, self.shapes[1])


def _is_vector(a: Tensor, b: Tensor) -> bool:
    """Whether ``b`` holds one right-hand side for each matrix, not columns of them."""
    return b._data.ndim == 1 or (a._data.ndim - 1 == b._data.ndim and b._data.shape == a._data.shape[:-1])


def solve(a: Tensor, b: Tensor, *, left: bool = True, out: Tensor | None = None) -> Tensor:
    """X with A X = B, or X A = B.

    Args:
        a: shape (..., n, n), floating point.
        b: shape (..., n, k), or (n,) or (..., n) for one right-hand side per matrix; batch dimensions broadcast.
        left: False solves X A = B instead, for ``b`` of shape (..., k, n).
        out: tensor that receives the result.

    Raises:
        LinAlgError: a matrix is singular.
        RuntimeError: shapes or dtypes do not fit.

    Example:
        >>> import lucid
        >>> print(lucid.linalg.solve(lucid.tensor([[2.0, 0.0], [0.0, 4.0]]), lucid.tensor([2.0, 8.0])))
        [1.0, 2.0]

    Source: Golub and Van Loan, Matrix computations, section 3.4.
    """
    check_matrix("solve", a, True)
    if a._data.dtype != b._data.dtype:
        raise RuntimeError(f"solve: expected A and B to have the same dtype, got {a.dtype} and {b.dtype}")
    vector, n = _is_vector(a, b), a._data.shape[-1]
    columns = unsqueeze(b, -1) if vector else b
    if vector and not left:
        raise RuntimeError("solve: vector right-hand sides are not supported for left=False")
    if columns._data.ndim < 2 or columns._data.shape[-2 if left else -1] != n:
        raise RuntimeError(f"solve: incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'}: "
                           f"{a._data.shape} and {b._data.shape}")  # fmt: skip
    try:
        np.broadcast_shapes(a._data.shape[:-2], columns._data.shape[:-2])
    except ValueError:
        raise RuntimeError(f"solve: batch dimensions of {a._data.shape} and {b._data.shape} do not broadcast") from None
    x = Solve.apply(a, columns) if left else mT(Solve.apply(mT(a), mT(columns)))
    return squeeze(x, -1) if vector else x


def solve_ex(a: Tensor, b: Tensor, *, left: bool = True, check_errors: bool = False, out: Any = None) -> ResultInfo:
    """(result, info): `solve` that says in ``info`` which pivot of a singular matrix is zero instead of raising.

    Args:
        a: shape (..., n, n), floating point.
        b: as of `solve`.
        left: solve a X = b; otherwise X a = b.
        check_errors: raise where ``info`` is not 0.
        out: a pair of tensors that receive the results.

    Raises:
        LinAlgError: with ``check_errors``, a matrix is singular.
        RuntimeError: ``a`` is not square, or the shapes do not fit.

    Example:
        >>> import lucid
        >>> x, info = lucid.linalg.solve_ex(lucid.tensor([[4.0, 0.0], [0.0, 2.0]]), lucid.tensor([4.0, 4.0]))
        >>> print(x)
        [1.0, 2.0]

    Source: Golub and Van Loan, Matrix computations, section 3.4.
    """
    check_matrix("solve_ex", a, True)
    info = _zero_pivots(a._data)
    if check_errors and info.any():
        raise LinAlgError(f"solve_ex: {SINGULAR} (shape {a._data.shape})")
    return ResultInfo(solve(_guarded(a, info, lambda m: m), b, left=left), wrap(info))


class SlogDet(Node):
    __slots__ = ()

    def forward(self, x: Tensor) -> tuple[np.ndarray, np.ndarray]:
        self.saved = (x,)
        sign, logabs = np.linalg.slogdet(x._data)
        return np.asarray(sign), np.asarray(logabs)

    def backward(self, _: Tensor | None, dlog: Tensor | None) -> Tensor | None:
        (x,) = self.unpack()
        if dlog is None:
            return None
        return dlog[..., None, None] * mT(inv(x))


def slogdet(x: Tensor, *, out: Any = None) -> Slogdet:
    """(sign, logabsdet): the sign of the determinant and the logarithm of its magnitude, which does not overflow.

    Args:
        x: shape (..., n, n), floating point. A singular matrix has sign 0 and logarithm -inf.
        out: a pair of tensors that receive the results.

    Raises:
        RuntimeError: not square.
        LinAlgError: in backward, where a matrix is singular and the gradient infinite.

    Example:
        >>> import lucid
        >>> [y.item() for y in lucid.slogdet(lucid.tensor([[-1.0, 0.0], [0.0, 1.0]]))]
        [-1.0, 0.0]
    """
    check_matrix("slogdet", x, True)
    return Slogdet(*SlogDet.apply(x))


class Det(Node):
    __slots__ = ()

    def forward(self, x: Tensor) -> np.ndarray:
        self.saved = (x,)
        return self.save_result(np.asarray(np.linalg.det(x._data)))

    def backward(self, dy: Tensor) -> Tensor:
        (x,), y = self.unpack(), self.unpack_result()
        if (y._data == 0).any():
            return dy[..., None, None] * Cofactors.apply(x)
        return (dy * y)[..., None, None] * mT(inv(x))


class Cofactors(Node):
    """The gradient of the determinant where there is no inverse: products of all singular values but one."""

    __slots__ = ()

    def forward(self, x: Tensor) -> np.ndarray:
        u, s, vh = np.linalg.svd(x._data)
        turned = (np.linalg.det(u) * np.linalg.det(vh))[..., None]
        n = s.shape[-1]
        others = np.where(np.eye(n, dtype=bool), 1, s[..., None, :]).prod(-1) * turned
        return (u * others[..., None, :]) @ vh

    def backward(self, dy: Tensor) -> Tensor:
        raise RuntimeError("det: the second derivative at a singular matrix is not available")


def det(x: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The determinant of square matrices; its gradient is right at singular ones as well.

    Args:
        x: shape (..., n, n), floating point or complex.
        out: tensor that receives the result.

    Raises:
        RuntimeError: not square.

    Example:
        >>> import lucid
        >>> print(lucid.linalg.det(lucid.tensor([[1.0, 2.0], [0.0, 3.0]])))
        3.0
    """
    check_matrix("det", x, True)
    return Det.apply(x)


def logdet(x: Tensor) -> Tensor:
    """log(det(x)); NaN where the determinant is negative, -inf where it is 0.

    Args:
        x: shape (..., n, n), floating point.

    Raises:
        RuntimeError: not square.

    Example:
        >>> import lucid
        >>> print(lucid.logdet(lucid.tensor([[1.0, 0.0], [0.0, 1.0]])))
        0.0
    """
    check_matrix("logdet", x, True)
    sign, logabs = SlogDet.apply(x)
    from lucid._functions.choice import where

    return where(sign < 0, np.nan, logabs)


# Triangular systems


def substitute(a: np.ndarray, b: np.ndarray, upper: bool, unit: bool) -> np.ndarray:
    """X with A X = B for triangular A: blocks from one end to the other, each a small system and a product."""
    n = a.shape[-1]
    shape = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    x = np.array(np.broadcast_to(b, (*shape, *b.shape[-2:])))
    starts = range(0, n, BLOCK)
    with np.errstate(all="ignore"):
        for start in reversed(starts) if upper else starts:
            stop = min(start + BLOCK, n)
            rows = range(stop - 1, start - 1, -1) if upper else range(start, stop)
            for i in rows:
                done = slice(i + 1, stop) if upper else slice(start, i)
                x[..., i, :] -= (a[..., i, None, done] @ x[..., done, :])[..., 0, :]
                if not unit:
                    x[..., i, :] /= a[..., i, i, None]
            rest = slice(0, start) if upper else slice(stop, n)
            x[..., rest, :] -= a[..., rest, start:stop] @ x[..., start:stop, :]
    return x


class SolveTriangular(Node):
    __slots__ = ("shapes", "unit", "upper")

    def forward(self, a: Tensor, b: Tensor, upper: bool, unit: bool) -> np.ndarray:
        self.saved, self.upper, self.unit = (a,), upper, unit
        self.shapes = (a._data.shape, b._data.shape)
        return self.save_result(substitute(a._data, b._data, upper, unit))

    def backward(self, dx: Tensor) -> tuple[Tensor, Tensor]:
        (a,), x = self.unpack(), self.unpack_result()
        db = SolveTriangular.apply(mT(a), dx, not self.upper, self.unit)
        da = -matmul(db, mT(x))
        da = triu(da, int(self.unit)) if self.upper else tril(da, -int(self.unit))
        return sum_to(da, self.shapes[0]), sum_to(db, self.shapes[1])


def solve_triangular(
    a: Tensor, b: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False, out: Tensor | None = None
) -> Tensor:
    """X with A X = B (or X A = B) for triangular A, by substitution; the other triangle is not read.

    Args:
        a: shape (..., n, n).
        b: shape (..., n, k), or (..., k, n) with ``left=False``; batch dimensions broadcast.
        upper: which triangle.
        left: whether A stands on the left.
        unitriangular: take the diagonal as ones.
        out: tensor that receives the result.

    Raises:
        RuntimeError: shapes or dtypes do not fit.

    Example:
        >>> import lucid
        >>> a, b = lucid.tensor([[2.0, 1.0], [0.0, 1.0]]), lucid.tensor([[4.0], [2.0]])
        >>> print(lucid.linalg.solve_triangular(a, b, upper=True))
        [[1.0],
         [2.0]]

    Source: Golub and Van Loan, Matrix computations, section 3.1.
    """
    check_matrix("solve_triangular", a, True)
    check_matrix("solve_triangular", b)
    if b._data.shape[-2 if left else -1] != a._data.shape[-1] or a._data.dtype != b._data.dtype:
        raise RuntimeError(f"solve_triangular: A {a.dtype} {a._data.shape} and B {b.dtype} {b._data.shape} do not fit")
    if left:
        x = SolveTriangular.apply(a, b, upper, unitriangular)
    else:
        x = mT(SolveTriangular.apply(mT(a), mT(b), not upper, unitriangular))
    return x
