"""Distances between points, norms of vectors and the cross product."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _dtype, _ops
from lucid._functions._arguments import check_tensors
from lucid._functions._common import cast, check_broadcast, normalize_dims
from lucid._functions.binary import pow
from lucid._functions.broadcast import broadcast_tensors
from lucid._functions.choice import where
from lucid._functions.extremum import amax, amin
from lucid._functions.join import stack, unbind
from lucid._functions.matmul import matmul, mT
from lucid._functions.pointwise import abs, sqrt
from lucid._functions.reduce import Dim, keep, sum
from lucid._functions.shape import unsqueeze
from lucid._functions.ternary import clamp
from lucid.autograd._mode import mode
from lucid.autograd._node import Node

if TYPE_CHECKING:
    from lucid._tensor import Tensor


class Norm2(Node):
    """sqrt(sum of squares) over dimensions; the gradient at the zero vector is 0."""

    __slots__ = ("dims",)

    def forward(self, x: Tensor, dims: tuple[int, ...], keepdim: bool) -> np.ndarray:
        self.saved, self.dims = (x,), dims
        return self.save_result(_ops.norm2(x._data, dims, keepdim))

    def backward(self, dy: Tensor) -> Tensor:
        (x,), y = self.unpack(), self.unpack_result()
        y, dy = keep(y, x._data.shape, self.dims), keep(dy, x._data.shape, self.dims)
        zero = y.detach() == 0
        if not zero._data.any():
            return x * (dy / y)
        return x * where(zero, 0.0, dy / where(zero, 1.0, y))


def root(total: Tensor, p: float) -> Tensor:
    """total^(1/p), with gradient 0 where the total is 0."""
    zero = total.detach() == 0
    if (not mode.enabled and p > 0) or not zero._data.any():
        return sqrt(total) if p == 2 else pow(total, 1 / p)
    safe = where(zero, 1.0, total)
    return where(zero, total, sqrt(safe) if p == 2 else pow(safe, 1 / p))


def power(x: Tensor, p: float) -> Tensor:
    """|x|^p, with gradient 0 at 0 for every p."""
    if p == 2:
        return x * x
    zero = x.detach() == 0
    return where(zero, 0.0 if p >= 0 else math.inf, pow(abs(where(zero, 1.0, x)), p))


def vector_norm(
    x: Tensor, ord: float = 2, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None, out: Tensor | None = None
) -> Tensor:
    """(sum |x|^ord)^(1/ord) over ``dim``; the largest and smallest |x| for ``ord`` inf and -inf, the count of nonzero
    elements for 0. The gradient at the zero vector is 0.

    Args:
        x: floating point, any shape.
        ord: order of the norm.
        dim: dimension or dimensions; all elements for None.
        keepdim: keep them with size 1.
        dtype: convert to this type first.
        out: tensor that receives the result.

    Raises:
        RuntimeError: ``x`` holds integers, or there is nothing to take the extreme of.

    Example:
        >>> import lucid
        >>> print(lucid.linalg.vector_norm(lucid.tensor([3.0, -4.0])))
        5.0

    Source: Golub and Van Loan, Matrix computations, section 2.2.
    """
    check_tensors("vector_norm", x)
    if dtype is not None:
        x = cast(x, _dtype.as_dtype(dtype))
    if x._data.dtype.kind != "f":
        raise RuntimeError(f"vector_norm: expected a floating-point tensor, got {x.dtype}")
    dims = normalize_dims("vector_norm", dim, x)
    if ord in (math.inf, -math.inf):
        if 0 in [x._data.shape[d] for d in dims]:
            raise RuntimeError(
                f"vector_norm: no norm of order {ord} over a dimension of size 0 (shape {x._data.shape})"
            )
        y = amax(abs(x), dims, keepdim) if ord > 0 else amin(abs(x), dims, keepdim)
    elif ord == 1:
        y = sum(abs(x), dims, keepdim)
    elif ord == 2:
        y = Norm2.apply(x, dims, keepdim)
    else:
        y = sum(power(x, ord), dims, keepdim)
        y = y if ord == 0 else root(y, ord)
    return y


MODES = {
    "use_mm_for_euclid_dist_if_necessary": None,
    "use_mm_for_euclid_dist": True,
    "donot_use_mm_for_euclid_dist": False,
}


def norm(
    x: Tensor, p: float | str | None = "fro", dim: Dim = None, keepdim: bool = False, out: Tensor | None = None,
    dtype: Any = None,
) -> Tensor:  # fmt: skip
    """The p-norm (sum |x|^p)^(1/p) over ``dim``; ``"fro"`` and None mean 2, ``"nuc"`` the sum of
    the singular values of matrices, inf and -inf the extreme magnitudes.

    Args:
        x: any tensor.
        p: order of the norm.
        dim: dimensions; all unless given.
        keepdim: keep them with size 1.
        out: tensor that receives the result.
        dtype: floating-point type to compute in.

    Raises:
        ValueError: another name.
        RuntimeError: ``x`` holds integers, or there is nothing to take the extreme of.

    Example:
        >>> import lucid
        >>> print(lucid.norm(lucid.tensor([3.0, 4.0])))
        5.0
    """
    if p is None or p == "fro":
        p = 2.0
    if p == "nuc":
        from lucid._functions.linalg import matrix_norm

        return matrix_norm(x, "nuc", (-2, -1) if dim is None else dim, keepdim, dtype=dtype)  # type: ignore[arg-type]
    if isinstance(p, str):
        raise ValueError(f"norm: p must be a number, 'fro' or 'nuc', got {p!r}")
    return vector_norm(x, p, dim, keepdim, dtype=dtype)


def cdist(
    x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str | None = "use_mm_for_euclid_dist_if_necessary"
) -> Tensor:
    """The p-norm of the difference of every row of ``x1`` and every row of ``x2``; coinciding rows get gradient 0.

    Args:
        x1, x2: shapes (..., n, k) and (..., m, k), floating point; batch dimensions broadcast.
        p: order of the norm, at least 0; 0 counts differing coordinates.
        compute_mode: whether p = 2 comes from a matrix product, |a|^2 + |b|^2 - 2 a.b, which is much faster but loses
            digits between near points. By default it does when there are more than 25 rows.

    Returns:
        Shape (..., n, m).

    Raises:
        RuntimeError: too few dimensions, different row lengths, integers or a negative ``p``.
        ValueError: another ``compute_mode``.

    Example:
        >>> import lucid
        >>> print(lucid.cdist(lucid.tensor([[0.0, 0.0]]), lucid.tensor([[3.0, 4.0], [0.0, 1.0]])))
        [[5.0, 1.0]]
    """
    check_tensors("cdist", x1, x2)
    a, b = x1._data, x2._data
    if a.ndim < 2 or b.ndim < 2:
        raise RuntimeError(f"cdist: both operands need at least two dimensions, got shapes {a.shape} and {b.shape}")
    if a.shape[-1] != b.shape[-1]:
        raise RuntimeError(f"cdist: X1 and X2 must have the same number of columns, got shapes {a.shape} and {b.shape}")
    if a.dtype.kind != "f" or b.dtype.kind != "f":
        raise RuntimeError(f"cdist: only supports floating-point dtypes, got {x1.dtype} and {x2.dtype}")
    if not p >= 0:
        raise RuntimeError(f"cdist: only supports non-negative p values, got {p}")
    if compute_mode is not None and compute_mode not in MODES:
        raise ValueError(f"cdist: compute_mode must be one of {', '.join(MODES)}, got {compute_mode!r}")
    check_broadcast("cdist", a.shape[:-2], b.shape[:-2])
    dtype = _dtype.result_type(x1, x2)
    x1, x2 = cast(x1, dtype), cast(x2, dtype)
    product = None if compute_mode is None else MODES[compute_mode]
    if p == 2 and (max(a.shape[-2], b.shape[-2]) > 25 if product is None else product):
        squares = sum(x1 * x1, -1, True) + mT(sum(x2 * x2, -1, True))
        return root(clamp(squares - 2 * matmul(x1, mT(x2)), min=0.0), 2)
    difference = unsqueeze(x1, -2) - unsqueeze(x2, -3)
    if p == math.inf and not difference._data.shape[-1]:
        return sum(difference, -1)
    return vector_norm(difference, p, -1)


def dist(x: Tensor, y: Tensor, p: float = 2) -> Tensor:
    """The p-norm of x - y, over all elements.

    Args:
        x, y: shapes broadcast; one of them is floating point.
        p: order of the norm, infinities included.

    Raises:
        RuntimeError: both hold integers.

    Example:
        >>> import lucid
        >>> print(lucid.dist(lucid.tensor([0.0, 0.0]), lucid.tensor([3.0, 4.0])))
        5.0
    """
    check_tensors("dist", x, y)
    difference = x - y
    if difference._data.dtype.kind != "f":
        raise RuntimeError(f"dist: expected floating-point tensors, got {x.dtype} and {y.dtype}")
    return vector_norm(difference, p)


def cross(x: Tensor, y: Tensor, dim: int | None = None, *, out: Tensor | None = None) -> Tensor:
    """The cross product along a dimension of size 3: x2 y3 - x3 y2, x3 y1 - x1 y3, x1 y2 - x2 y1.

    Args:
        x, y: tensors that broadcast.
        dim: the dimension; the first of size 3 for None.
        out: tensor that receives the result.

    Raises:
        RuntimeError: it does not have size 3.

    Example:
        >>> import lucid
        >>> print(lucid.cross(lucid.tensor([1.0, 0.0, 0.0]), lucid.tensor([0.0, 1.0, 0.0])))
        [0.0, 0.0, 1.0]
    """
    check_tensors("cross", x, y)
    shapes = f"shapes {x._data.shape} and {y._data.shape}"
    if x._data.ndim != y._data.ndim:
        raise RuntimeError(f"cross: inputs must have the same number of dimensions, got {shapes}")
    check_broadcast("cross", x._data.shape, y._data.shape)
    shape = np.broadcast_shapes(x._data.shape, y._data.shape)
    if dim is None:
        if 3 not in shape:
            raise RuntimeError(f"cross: no dimension of size 3 in input, got {shapes}")
        dim = shape.index(3)
    (d,) = normalize_dims("cross", dim, len(shape)) or (0,)
    if not shape or x._data.shape[d] != 3 or y._data.shape[d] != 3:
        raise RuntimeError(f"cross: inputs dimension {dim} must have length 3, got {shapes}")
    (x1, x2, x3), (y1, y2, y3) = (unbind(t, d) for t in broadcast_tensors(x, y))
    return stack([x2 * y3 - x3 * y2, x3 * y1 - x1 * y3, x1 * y2 - x2 * y1], d)


__all__ = ["cdist", "cross", "dist", "norm"]
