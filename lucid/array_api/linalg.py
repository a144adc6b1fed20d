"""Linear algebra of the array API standard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import lucid
from lucid._tensor import Tensor
from lucid.array_api._checked import checked
from lucid.array_api._docs import document
from lucid.array_api._manipulation import Axis, matrix_transpose, result_type

__all__ = [
    "cholesky", "cross", "det", "diagonal", "eigh", "eigvalsh", "inv", "matmul", "matrix_norm", "matrix_power",
    "matrix_rank", "matrix_transpose", "outer", "pinv", "qr", "slogdet", "solve", "svd", "svdvals", "tensordot",
    "trace", "vecdot", "vector_norm",
]  # fmt: skip

det, eigvalsh, inv, matrix_power, slogdet, solve, svdvals = (
    lucid.linalg.det, lucid.linalg.eigvalsh, lucid.linalg.inv, lucid.linalg.matrix_power, lucid.linalg.slogdet,
    lucid.linalg.solve, lucid.linalg.svdvals,
)  # fmt: skip


def _common(*tensors: Tensor) -> list[Tensor]:
    d = result_type(*tensors)
    return [x.to(d) for x in tensors]


def cholesky(x: Tensor, /, *, upper: bool = False) -> Tensor:
    """The Cholesky factor."""
    return lucid.linalg.cholesky(x, upper=upper)


def cross(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """The cross product of vectors of three along an axis."""
    return lucid.linalg.cross(*_common(x1, x2), dim=axis)


def diagonal(x: Tensor, /, *, offset: int = 0) -> Tensor:
    """A diagonal of the last two axes."""
    return lucid.linalg.diagonal(x, offset=offset)


def eigh(x: Tensor, /) -> Any:
    """(eigenvalues, eigenvectors) of symmetric or Hermitian matrices."""
    return lucid.linalg.eigh(x)


def matmul(x1: Tensor, x2: Tensor, /) -> Tensor:
    """The matrix product."""
    return lucid.matmul(*_common(x1, x2))


def matrix_norm(x: Tensor, /, *, keepdims: bool = False, ord: Any = "fro") -> Tensor:
    """A norm of the matrices in the last two axes."""
    return lucid.linalg.matrix_norm(x, ord, (-2, -1), keepdims)


def vector_norm(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False, ord: Any = 2) -> Tensor:
    """A norm over axes, or all."""
    return lucid.linalg.vector_norm(x, ord, axis, keepdims)


def matrix_rank(x: Tensor, /, *, rtol: Any = None) -> Tensor:
    """How many singular values exceed ``rtol`` times the greatest."""
    return lucid.linalg.matrix_rank(x, rtol=rtol)


def pinv(x: Tensor, /, *, rtol: Any = None) -> Tensor:
    """The pseudo-inverse."""
    return lucid.linalg.pinv(x, rtol=rtol)


def outer(x1: Tensor, x2: Tensor, /) -> Tensor:
    """All products of the elements of two vectors."""
    return lucid.outer(*_common(x1, x2))


def qr(x: Tensor, /, *, mode: str = "reduced") -> Any:
    """(Q, R)."""
    return lucid.linalg.qr(x, mode)


def svd(x: Tensor, /, *, full_matrices: bool = True) -> Any:
    """(U, S, Vh)."""
    return lucid.linalg.svd(x, full_matrices)


def tensordot(x1: Tensor, x2: Tensor, /, *, axes: int | tuple[Sequence[int], Sequence[int]] = 2) -> Tensor:
    """The sum of products over the last axes of one and the first of the other, or over pairs of axes."""
    x1, x2 = _common(x1, x2)
    return lucid.tensordot(x1, x2, axes)


def trace(x: Tensor, /, *, offset: int = 0, dtype: Any = None) -> Tensor:
    """The sum of a diagonal of the last two axes."""
    return lucid.sum(lucid.linalg.diagonal(x, offset=offset), -1, dtype=dtype)


def vecdot(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """The sum of conj(x1) * x2 along an axis."""
    x1, x2 = _common(x1, x2)
    return lucid.sum(lucid.conj(x1) * x2, axis)


document(__all__, globals())
globals().update(checked(__all__, globals()))
