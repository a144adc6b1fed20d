"""Diagonals: taking them as views, and matrices made from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _dtype
from lucid._functions._arguments import check_tensors
from lucid._functions._common import cast, check_options, normalize_dim
from lucid._functions.reduce import sum
from lucid._functions.shape import clone, ravel
from lucid.autograd._node import Node, View, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def diagonal_of(x: np.ndarray, offset: int, dim1: int, dim2: int) -> np.ndarray:
    """A view, writable where ``x`` is; NumPy's own is read-only."""
    y = np.diagonal(x, offset, dim1, dim2)
    if x.flags.writeable:
        y.flags.writeable = True
    return y


class Diagonal(View):
    """The elements [i, i + offset] of two dimensions, which the last dimension of the view takes the place of."""

    __slots__ = ("dims", "offset", "shape")

    def forward(self, x: Tensor, offset: int, dim1: int, dim2: int) -> np.ndarray:
        self.shape, self.offset, self.dims = x._data.shape, offset, (dim1, dim2)
        return diagonal_of(x._data, offset, dim1, dim2)

    def backward(self, dy: Tensor) -> Tensor:
        return OnDiagonal.apply(dy, self.shape, self.offset, *self.dims)


class OnDiagonal(Node):
    """Zeros of ``shape`` with ``y`` on a diagonal: the adjoint of taking it."""

    __slots__ = ("dims", "offset")

    def forward(self, y: Tensor, shape: tuple[int, ...], offset: int, dim1: int, dim2: int) -> np.ndarray:
        self.offset, self.dims = offset, (dim1, dim2)
        x = np.zeros(shape, y._data.dtype)
        diagonal_of(x, offset, dim1, dim2)[...] = y._data
        return x

    def backward(self, dx: Tensor) -> Tensor:
        return Diagonal.apply(dx, self.offset, *self.dims)


def _two_dims(name: str, dim1: int, dim2: int, ndim: int) -> tuple[int, int]:
    d1, d2 = normalize_dim(name, dim1, ndim), normalize_dim(name, dim2, ndim)
    if d1 == d2:
        raise RuntimeError(f"{name}: diagonal dimensions cannot be identical {dim1}, {dim2}")
    return d1, d2


def diagonal(x: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """A view of the elements [i, i + offset] of dimensions ``dim1`` and ``dim2``, as a new last dimension.

    Args:
        x: at least two dimensions.
        offset: 0 for the main diagonal, above 0 for one to the right of it, below 0 for one under it.
        dim1, dim2: the two dimensions.

    Raises:
        RuntimeError: they are the same.
        IndexError: they are out of range.

    Example:
        >>> import lucid
        >>> print(lucid.diagonal(lucid.arange(9).reshape(3, 3), offset=1))
        [1, 5]
    """
    check_tensors("diagonal", x)
    d1, d2 = _two_dims("diagonal", dim1, dim2, x._data.ndim)
    return Diagonal.apply(x, offset, d1, d2)


def diag_embed(x: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices that are zero but for the last dimension of ``x`` on their diagonals: the inverse of `diagonal`.

    Args:
        x: shape (..., n).
        offset: which diagonal.
        dim1, dim2: where the matrices' dimensions, of size n + |offset|, go in the result.

    Raises:
        IndexError: ``x`` is 0-d, or a dimension is out of range.

    Example:
        >>> import lucid
        >>> print(lucid.diag_embed(lucid.tensor([1.0, 2.0])))
        [[1.0, 0.0],
         [0.0, 2.0]]
    """
    check_tensors("diag_embed", x)
    if not x._data.ndim:
        raise IndexError("diag_embed: expected a tensor with at least one dimension, got a 0-d tensor")
    ndim = x._data.ndim + 1
    d1, d2 = _two_dims("diag_embed", dim1, dim2, ndim)
    n = x._data.shape[-1] + (offset if offset >= 0 else -offset)
    rest = iter(x._data.shape[:-1])
    shape = tuple([n if d in (d1, d2) else next(rest) for d in range(ndim)])
    return OnDiagonal.apply(x, shape, offset, d1, d2)


def diag(x: Tensor, diagonal: int = 0, *, out: Tensor | None = None) -> Tensor:
    """The matrix with the vector ``x`` on its diagonal, or a copy of the diagonal of the matrix ``x``.

    Args:
        x: shape (n,) or (n, m).
        diagonal: which diagonal: positive ones are above the main one.
        out: tensor that receives the result.

    Raises:
        RuntimeError: ``x`` has neither one dimension nor two.

    Example:
        >>> import lucid
        >>> lucid.diag(lucid.tensor([1, 2])).tolist()
        [[1, 0], [0, 2]]
    """
    check_tensors("diag", x)
    if x._data.ndim not in (1, 2):
        raise RuntimeError(f"diag: expected a vector or a matrix, got shape {x._data.shape}")
    return diag_embed(x, diagonal) if x._data.ndim == 1 else clone(Diagonal.apply(x, diagonal, 0, 1))


def diagflat(x: Tensor, offset: int = 0) -> Tensor:
    """The matrix with all elements of ``x`` on its diagonal.

    Args:
        x: any shape.
        offset: which diagonal: positive ones are above the main one.

    Example:
        >>> import lucid
        >>> print(lucid.diagflat(lucid.tensor([1.0, 2.0])))
        [[1.0, 0.0],
         [0.0, 2.0]]
    """
    return diag_embed(ravel(x), offset)


def diagonal_scatter(x: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """A copy of ``x`` with ``src`` on a diagonal.

    Args:
        x: at least two dimensions.
        src: what goes on the diagonal, of its shape.
        offset: which diagonal: positive ones are above the main one.
        dim1, dim2: dimensions of the matrices.

    Raises:
        RuntimeError: ``src`` does not have the shape of that diagonal.

    Example:
        >>> import lucid
        >>> print(lucid.diagonal_scatter(lucid.zeros(2, 2), lucid.tensor([1.0, 2.0])))
        [[1.0, 0.0],
         [0.0, 2.0]]
    """
    check_tensors("diagonal_scatter", x, src)
    d1, d2 = _two_dims("diagonal_scatter", dim1, dim2, x._data.ndim)
    shape = diagonal_of(x._data, offset, d1, d2).shape
    if src._data.shape != shape:
        raise RuntimeError(f"diagonal_scatter: expected src of the diagonal's shape {shape}, got {src._data.shape}")
    kept = np.ones(x._data.shape, bool)
    diagonal_of(kept, offset, d1, d2)[...] = False
    from lucid._functions.choice import where

    return where(wrap(kept), x, OnDiagonal.apply(cast(src, x.dtype), x._data.shape, offset, d1, d2))


def trace(x: Tensor) -> Tensor:
    """The sum of the diagonal of a matrix.

    Args:
        x: shape (n, m).

    Raises:
        RuntimeError: ``x`` is not a matrix.

    Example:
        >>> import lucid
        >>> print(lucid.trace(lucid.tensor([[1.0, 2.0], [3.0, 4.0]])))
        5.0
    """
    check_tensors("trace", x)
    if x._data.ndim != 2:
        raise RuntimeError(
            f"trace: expected a matrix, but got tensor with {x._data.ndim} dims of shape {x._data.shape}"
        )
    return sum(diagonal(x))


def _indices(name: str, row: int, col: int, offset: int, dtype: Any, device: Any, upper: bool) -> Tensor:
    d = _dtype.as_dtype(dtype)
    if d not in (_dtype.int64, _dtype.int32):
        raise TypeError(f"{name}: expected dtype int64 or int32, got {d}")
    if row < 0 or col < 0:
        raise RuntimeError(f"{name}: row and col must not be negative, got {row} and {col}")
    check_options(name, {"device": device})
    kept = (np.triu if upper else np.tril)(np.ones((row, col), bool), offset)
    return wrap(np.stack(np.nonzero(kept)).astype(d.numpy))


def tril_indices(row: int, col: int, offset: int = 0, *, dtype: Any = _dtype.int64, device: Any = None) -> Tensor:
    """Row and column numbers, as two rows, of the lower triangle of a (row, col) matrix, row by row.

    Args:
        row: number of rows.
        col: number of columns.
        offset: which diagonal bounds the triangle, and belongs to it.
        dtype: int64 or int32.
        device: "cpu".

    Raises:
        TypeError: another dtype.
        RuntimeError: ``row`` or ``col`` is negative, or another device.

    Example:
        >>> import lucid
        >>> print(lucid.tril_indices(2, 2))
        [[0, 1, 1],
         [0, 0, 1]]
    """
    return _indices("tril_indices", row, col, offset, dtype, device, False)


def triu_indices(row: int, col: int, offset: int = 0, *, dtype: Any = _dtype.int64, device: Any = None) -> Tensor:
    """Row and column numbers, as two rows, of the upper triangle of a (row, col) matrix, row by row.

    Args:
        row: number of rows.
        col: number of columns.
        offset: which diagonal bounds the triangle, and belongs to it.
        dtype: int64 or int32.
        device: "cpu".

    Raises:
        TypeError: another dtype.
        RuntimeError: ``row`` or ``col`` is negative, or another device.

    Example:
        >>> import lucid
        >>> print(lucid.triu_indices(2, 2))
        [[0, 0, 1],
         [0, 1, 1]]
    """
    return _indices("triu_indices", row, col, offset, dtype, device, True)


__all__ = [
    "diag", "diag_embed", "diagflat", "diagonal", "diagonal_scatter", "trace", "tril_indices", "triu_indices",
]  # fmt: skip
