"""Norms, powers, products and exponentials of matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _dtype
from lucid._functions import diagonal as diagonals
from lucid._functions import distance
from lucid._functions._arguments import check_tensors, integer
from lucid._functions._common import cast, check_broadcast, normalize_dim, normalize_dims
from lucid._functions.distance import vector_norm
from lucid._functions.extremum import amax, amin
from lucid._functions.index import constant_of
from lucid._functions.join import cat
from lucid._functions.matmul import matmul, mT
from lucid._functions.pointwise import abs
from lucid._functions.reduce import sum
from lucid._functions.shape import movedim, permute, reshape, unsqueeze
from lucid._functions.solve import check_matrix, inv, solve
from lucid._functions.spectral import svdvals
from lucid._printing import shown
from lucid.autograd._node import Node, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor

ORDERS = ("fro", "nuc", math.inf, -math.inf, 1, -1, 2, -2)


def matrix_norm(
    x: Tensor,
    ord: Any = "fro",
    dim: Sequence[int] = (-2, -1),
    keepdim: bool = False,
    *,
    dtype: Any = None,
    out: Tensor | None = None,
) -> Tensor:
    """A norm of matrices: "fro" sqrt(sum x^2), "nuc" the sum of singular values, 2 and -2 the extreme ones, 1 and -1
    the extreme sums of |x| over rows, inf and -inf those over columns.

    Args:
        x: floating point, at least two dimensions.
        ord: which.
        dim: the dimensions of rows and columns.
        keepdim: keep them with size 1.
        dtype: convert to this type first.
        out: tensor that receives the result.

    Raises:
        RuntimeError: ``x`` has too few dimensions or holds integers, or another order.

    Example:
        >>> import lucid
        >>> print(lucid.linalg.matrix_norm(lucid.tensor([[1.0, -2.0], [3.0, 1.0]]), ord=1))
        4.0

    Source: Golub and Van Loan, Matrix computations, section 2.3.
    """
    check_matrix("matrix_norm", x)
    if ord not in ORDERS:
        raise RuntimeError(f"matrix_norm: order {ord!r} not supported, expected one of {ORDERS}")
    if dtype is not None:
        x = cast(x, _dtype.as_dtype(dtype))
    dims = normalize_dims("matrix_norm", tuple(dim), x)
    if len(dims) != 2:
        raise RuntimeError(f"matrix_norm: dim must be a 2-tuple, got {tuple(dim)}")
    if ord == "fro":
        return vector_norm(x, 2, dims, keepdim)
    matrices = movedim(x, dims, (-2, -1))
    extreme = amax if ord != "nuc" and ord > 0 else amin
    rows, columns = matrices._data.shape[-2:]
    if ord in (1, 2, math.inf) and not (min(rows, columns) if ord == 2 else columns if ord == 1 else rows):
        return sum(x, dims, keepdim)  # the largest of none: 0
    if ord in ("nuc", 2, -2):
        s = svdvals(matrices)
        y = sum(s, -1) if ord == "nuc" else extreme(s, -1)
    else:
        y = extreme(sum(abs(matrices), -2 if ord in (1, -1) else -1), -1)
    if keepdim:
        for d in sorted(dims):
            y = unsqueeze(y, d)
    return y


def norm(
    x: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, out: Tensor | None = None
) -> Tensor:
    """`vector_norm`, or `matrix_norm` where ``ord`` or ``dim`` means a matrix.

    Args:
        x: floating point.
        ord: order; None means 2 over all elements or dimensions given.
        dim: one dimension for vectors, two for matrices. None takes ``x`` as a vector or matrix by its shape.
        keepdim: keep the dimensions with size 1.
        dtype: convert to this type first.
        out: tensor that receives the result.

    Raises:
        RuntimeError: ``ord`` is given without ``dim`` for more than two dimensions.

    Example:
        >>> import lucid
        >>> print(lucid.linalg.norm(lucid.tensor([3.0, 4.0])))
        5.0
    """
    check_tensors("norm", x)
    if ord is not None and dim is None and x._data.ndim > 2:
        raise RuntimeError(
            f"norm: if dim is not specified but ord is, the input must be 1-d or 2-d, got {x._data.shape}"
        )
    dim = integer(dim)
    pair = not isinstance(dim, int) and dim is not None and len(dim) == 2
    if isinstance(ord, str) or (ord is not None and (pair or (dim is None and x._data.ndim == 2))):
        dims = (-2, -1) if dim is None else dim
        return matrix_norm(x, ord, dims, keepdim, dtype=dtype)
    return vector_norm(x, 2 if ord is None else ord, dim, keepdim, dtype=dtype)


def matrix_power(x: Tensor, n: int, *, out: Tensor | None = None) -> Tensor:
    """The product of ``n`` equal square matrices, by repeated squaring; of inverses for negative ``n``.

    Args:
        x: shape (..., n, n).
        n: any integer.
        out: tensor that receives the result.

    Raises:
        RuntimeError: not square.
        LinAlgError: ``n`` is negative and a matrix singular.
        TypeError: ``n`` is not an integer.

    Example:
        >>> import lucid
        >>> print(lucid.matrix_power(lucid.tensor([[1.0, 1.0], [0.0, 1.0]]), 3))
        [[1.0, 3.0],
         [0.0, 1.0]]
    """
    check_tensors("matrix_power", x)
    shape = x._data.shape
    if len(shape) < 2 or shape[-1] != shape[-2]:
        raise RuntimeError(f"matrix_power: A must be batches of square matrices, got shape {shape}")
    n = integer(n)
    if not isinstance(n, int):
        raise TypeError(f"matrix_power: expected an integer n, got {shown(n)}")
    if n == 0:
        eye = np.broadcast_to(np.eye(shape[-1], dtype=x._data.dtype), shape)
        y = wrap(eye.copy())
        return constant_of(x, y) if x.requires_grad else y
    square = inv(x) if n < 0 else x
    n = -n if n < 0 else n
    factors: list[Tensor] = []  # the squares that the binary digits of n ask for
    while True:
        if n % 2:
            factors.append(square)
        n //= 2
        if not n:
            break
        square = matmul(square, square)
    result = factors[0]
    for factor in factors[1:]:
        result = matmul(result, factor)
    return result.clone() if result is x else result


def multi_dot(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """The product of two or more matrices, in the order that takes the fewest multiplications.

    Args:
        tensors: matrices; the first may be a row vector and the last a column vector, whose dimension is dropped.
        out: tensor that receives the result.

    Raises:
        RuntimeError: fewer than two, other dimensions, or sizes that do not match.

    Example:
        >>> import lucid
        >>> lucid.linalg.multi_dot([lucid.ones(2, 3), lucid.ones(3, 4), lucid.ones(4)]).shape
        lucid.Size([2])
    """
    check_tensors("multi_dot", *tensors)
    items = list(tensors)
    if len(items) < 2:
        raise RuntimeError(f"multi_dot: expected at least 2 tensors but got {len(items)}")
    row, column = items[0]._data.ndim == 1, items[-1]._data.ndim == 1
    items[0] = unsqueeze(items[0], 0) if row else items[0]
    items[-1] = unsqueeze(items[-1], 1) if column else items[-1]
    if len({x._data.dtype for x in items}) > 1:
        kinds = ", ".join(x.dtype.name for x in items)
        raise RuntimeError(f"multi_dot: expected tensors of one dtype, got {kinds}")
    for k, x in enumerate(items):
        if x._data.ndim != 2:
            raise RuntimeError(f"multi_dot: tensor {k} must be 2D (or 1D at the ends) but got {x._data.ndim}D")
        if k and items[k - 1]._data.shape[1] != x._data.shape[0]:
            raise RuntimeError(f"multi_dot: tensors {k - 1} and {k} with shapes {items[k - 1]._data.shape} and "
                               f"{x._data.shape} cannot be multiplied")  # fmt: skip
    sizes = [items[0]._data.shape[0], *[x._data.shape[1] for x in items]]
    n = len(items)
    cost = [[0] * n for _ in range(n)]
    cut = [[0] * n for _ in range(n)]
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            prices = [cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1] for k in range(i, j)]
            cost[i][j] = min(prices)
            cut[i][j] = i + prices.index(cost[i][j])

    def product(i: int, j: int) -> Tensor:
        return items[i] if i == j else matmul(product(i, cut[i][j]), product(cut[i][j] + 1, j))

    y = product(0, n - 1)
    shape = y._data.shape
    return reshape(y, (() if row else shape[:1]) + (() if column else shape[1:]))


# Numerators of the Pade approximant of order 13 of exp; the denominator has them with alternating signs (Higham, "The
# Scaling and Squaring Method for the Matrix Exponential Revisited", 2005), which is exact up to this 1-norm.
PADE = tuple(
    math.factorial(26 - k) * math.factorial(13) // (math.factorial(13 - k) * math.factorial(k)) for k in range(14)
)
PADE_NORM = 5.371920351148152


def expm(a: np.ndarray) -> np.ndarray:
    """exp(a) of square matrices, by scaling and squaring in float64."""
    x = a.astype(np.float64)
    norms = np.abs(x).sum(-2).max(-1, initial=0)
    if not np.isfinite(norms).all():
        x = np.where(np.isfinite(norms)[..., None, None], x, 0)
    scale = np.maximum(np.ceil(np.log2(np.maximum(np.where(np.isfinite(norms), norms, 0), PADE_NORM) / PADE_NORM)), 0)
    x = x * np.exp2(-scale)[..., None, None]
    eye, squared = np.eye(x.shape[-1]), x @ x
    odd = even = np.zeros(x.shape)
    for k in range(6, -1, -1):
        odd = odd @ squared + float(PADE[2 * k + 1] / PADE[0]) * eye
        even = even @ squared + float(PADE[2 * k] / PADE[0]) * eye
    odd = x @ odd
    y = np.linalg.solve(even - odd, even + odd)
    for k in range(int(scale.max(initial=0))):
        y = np.where((scale > k)[..., None, None], y @ y, y)
    return np.where(np.isfinite(norms)[..., None, None], y, np.nan).astype(a.dtype)


class MatrixExp(Node):
    __slots__ = ()

    def forward(self, x: Tensor) -> np.ndarray:
        self.saved = (x,)
        return expm(x._data)

    def backward(self, dy: Tensor) -> Tensor:
        # exp of [[A^T, G], [0, A^T]] has the derivative of exp at A^T towards G in its upper right corner
        (x,) = self.unpack()
        n, xt = x._data.shape[-1], mT(x)
        zero = wrap(np.zeros(x._data.shape, x._data.dtype))
        block = cat([cat([xt, dy], -1), cat([zero, xt], -1)], -2)
        return MatrixExp.apply(block)[..., :n, n:]


def matrix_exp(x: Tensor) -> Tensor:
    """The matrix exponential, sum of x^k / k!; NaN for matrices with elements that are not finite.

    Args:
        x: shape (..., n, n), floating point.

    Raises:
        RuntimeError: not square.

    The method is scaling and squaring with a Pade approximant, in float64.

    Example:
        >>> import lucid
        >>> lucid.linalg.matrix_exp(lucid.zeros(2, 2)).tolist()
        [[1.0, 0.0], [0.0, 1.0]]

    Source: Higham, The scaling and squaring method for the matrix exponential revisited, 2005.
    """
    check_matrix("matrix_exp", x, True)
    return MatrixExp.apply(x)


def tensorsolve(a: Tensor, b: Tensor, dims: Sequence[int] | None = None, *, out: Tensor | None = None) -> Tensor:
    """X with tensordot(A, X, X.ndim) = B.

    Args:
        a: shape b.shape + X.shape, whose two parts have equally many elements.
        b: the right-hand side.
        dims: dimensions of ``a`` to move to its end first.
        out: tensor that receives the result.

    Raises:
        RuntimeError: the shapes do not fit.

    Example:
        >>> import lucid
        >>> lucid.linalg.tensorsolve(lucid.eye(6).reshape(2, 3, 6), lucid.ones(2, 3)).shape
        lucid.Size([6])
    """
    check_tensors("tensorsolve", a, b)
    a, b, shape = square_system(a, b, dims)
    return reshape(solve(a, b), shape)


def square_system(a: Tensor, b: Tensor, dims: Sequence[int] | None) -> tuple[Tensor, Tensor, tuple[int, ...]]:
    """The matrix and the vector of `tensorsolve`, and the shape of its result.

    Raises:
        RuntimeError: the shapes do not fit.
    """
    if dims is not None:
        moved = normalize_dims("tensorsolve", tuple(dims), a)
        a = permute(a, [d for d in range(a._data.ndim) if d not in moved] + list(moved))
    shape = a._data.shape[b._data.ndim :]
    n = math.prod(shape)
    if a._data.size != n * n or b._data.size != n:
        raise RuntimeError(f"tensorsolve: A {a._data.shape} must be a square of {n} elements for B {b._data.shape}")
    return reshape(a, (n, n)), reshape(b, (n,)), shape


def tensorinv(x: Tensor, ind: int = 2, *, out: Tensor | None = None) -> Tensor:
    """The Y with tensordot(Y, tensordot(x, Z, Z.ndim), ind) = Z, where the first ``ind`` dimensions of x are its rows.

    Args:
        x: floating point, at least ``ind`` + 1 dimensions.
        ind: number of leading dimensions that count the rows.
        out: tensor that receives the result.

    Raises:
        RuntimeError: ``ind`` is not positive, or the two parts have different numbers of elements.

    Example:
        >>> import lucid
        >>> lucid.linalg.tensorinv(lucid.eye(6).reshape(2, 3, 6), ind=2).shape
        lucid.Size([6, 2, 3])
    """
    check_tensors("tensorinv", x)
    if ind <= 0:
        raise RuntimeError(f"tensorinv: expected a strictly positive integer for 'ind', got {ind}")
    first, last = x._data.shape[:ind], x._data.shape[ind:]
    n, m = math.prod(first), math.prod(last)
    if n != m:
        raise RuntimeError(f"tensorinv: expected the same number of elements in {first} and {last}")
    return reshape(inv(reshape(x, (n, n))), last + first)


def vecdot(x: Tensor, y: Tensor, *, dim: int = -1, out: Tensor | None = None) -> Tensor:
    """The sum of x * y over ``dim``, broadcast in the others.

    Args:
        x, y: tensors whose shapes broadcast.
        dim: dimension to sum over.
        out: tensor that receives the result.

    Raises:
        ValueError: the shapes do not broadcast.
        IndexError: ``dim`` is out of range.

    Example:
        >>> import lucid
        >>> print(lucid.linalg.vecdot(lucid.tensor([1.0, 2.0]), lucid.tensor([3.0, 4.0])))
        11.0
    """
    check_tensors("vecdot", x, y)
    check_broadcast("vecdot", x._data.shape, y._data.shape)
    ndim = max(x._data.ndim, y._data.ndim)
    return sum(x * y, normalize_dim("vecdot", dim, ndim))


def cross(x: Tensor, y: Tensor, *, dim: int = -1, out: Tensor | None = None) -> Tensor:
    """The cross product along ``dim``, of size 3.

    Args:
        x, y: shapes broadcast, with size 3 in ``dim``.
        dim: the dimension of the vectors.
        out: tensor that receives the result.

    Raises:
        RuntimeError: the size of ``dim`` is not 3.

    Example:
        >>> import lucid
        >>> print(lucid.linalg.cross(lucid.tensor([1.0, 0.0, 0.0]), lucid.tensor([0.0, 1.0, 0.0])))
        [0.0, 0.0, 1.0]
    """
    check_tensors("cross", x, y)
    return distance.cross(x, y, dim)


def diagonal(x: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """A view of the diagonals of matrices, as the last dimension.

    Args:
        x: at least two dimensions.
        offset: which diagonal: positive ones are above the main one.
        dim1, dim2: dimensions of the matrices.

    Raises:
        IndexError: a dimension is out of range.

    Example:
        >>> import lucid
        >>> print(lucid.linalg.diagonal(lucid.tensor([[1.0, 2.0], [3.0, 4.0]])))
        [1.0, 4.0]
    """
    check_tensors("diagonal", x)
    return diagonals.diagonal(x, offset, dim1, dim2)


def vander(x: Tensor, *, N: int | None = None) -> Tensor:
    """Powers x^0, x^1, ..., x^(N-1) of every element, as a new last dimension.

    Args:
        x: shape (..., n); integers and bools become int64.
        N: number of powers; n unless given.

    Raises:
        RuntimeError: ``N`` is below 2.

    Example:
        >>> import lucid
        >>> print(lucid.linalg.vander(lucid.tensor([1.0, 2.0, 3.0])))
        [[1.0, 1.0, 1.0],
         [1.0, 2.0, 4.0],
         [1.0, 3.0, 9.0]]
    """
    check_tensors("vander", x)
    x = x if x._data.ndim else unsqueeze(x, 0)
    n = x._data.shape[-1] if N is None else integer(N)
    if n <= 1:
        raise RuntimeError(f"vander: N must be greater than 1, got {n}")
    x = cast(x, _dtype.int64) if x._data.dtype.kind != "f" else x
    return unsqueeze(x, -1) ** cast(wrap(np.arange(n)), x.dtype)
