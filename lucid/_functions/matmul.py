"""Matrix products."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _ops
from lucid._functions._arguments import check_tensors, fits_linear, fits_matmul
from lucid._functions._binary import Binary
from lucid._functions._common import broadcast_shapes, expand, sum_to
from lucid._functions.reduce import sum
from lucid._functions.shape import permute, reshape, transpose, unsqueeze
from lucid.autograd._mode import mode
from lucid.autograd._node import Node, TensorBase, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def mT(x: Tensor) -> Tensor:
    """The last two dimensions exchanged."""
    return transpose(x, -2, -1)


class MatMul(Binary):
    """x @ y of operands with at least two dimensions; batch dimensions broadcast."""

    __slots__ = ()
    direct = staticmethod(_ops.matmul)

    def forward(self, x: Tensor, y: Tensor) -> np.ndarray:
        self.saved = (x, y)
        if x._data.dtype.kind == "f":
            return _ops.matmul(x._data, y._data)
        return np.matmul(x._data, y._data)

    def backward(self, dz: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, y = self.unpack()
        dx = sum_to(MatMul.apply(dz, mT(y)), x._data.shape) if self.edges[0] is not None else None
        dy = None
        if self.edges[1] is not None:
            if y._data.ndim == 2 and x._data.ndim > 2:  # one product over all batches
                n, k = dz._data.shape[-1], x._data.shape[-1]
                rows = math.prod(x._data.shape[:-1])
                dy = MatMul.apply(transpose(reshape(x, (rows, k)), 0, 1), reshape(dz, (rows, n)))
            else:
                dy = sum_to(MatMul.apply(mT(x), dz), y._data.shape)
        return dx, dy


def matmul(x: Tensor, y: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The matrix product x @ y.

    Args:
        x: shape (..., n, k), or (k,), which acts as a row and loses that dimension.
        y: shape (..., k, m), or (k,), which acts as a column and loses that dimension.
        out: tensor that receives the result.

    Returns:
        Shape (..., n, m); batch dimensions broadcast.

    Raises:
        RuntimeError: different dtypes, a 0-d operand, or sizes that do not match.

    Example:
        >>> import lucid
        >>> print(lucid.matmul(lucid.tensor([[1.0, 2.0], [3.0, 4.0]]), lucid.tensor([1.0, 1.0])))
        [3.0, 7.0]
    """
    if fits_matmul(x, y):
        return MatMul.apply(x, y)
    for operand in (x, y):
        if not isinstance(operand, TensorBase):
            raise TypeError(f"matmul: expected two Tensors, got {type(operand).__name__}")
    a, b = x._data, y._data
    if a.dtype != b.dtype:
        raise RuntimeError(f"matmul: expected both operands to have the same dtype, but got {x.dtype} and {y.dtype}")
    if not a.ndim or not b.ndim:
        raise RuntimeError(f"matmul: both operands need at least one dimension, got shapes {a.shape} and {b.shape}")
    if a.shape[-1] != b.shape[0 if b.ndim == 1 else -2]:
        raise RuntimeError(f"matmul: shapes {a.shape} and {b.shape} cannot be multiplied: {a.shape[-1]} columns "
                           f"against {b.shape[0 if b.ndim == 1 else -2]} rows")  # fmt: skip
    if a.ndim > 2 and b.ndim > 2:
        try:
            np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        except ValueError:
            raise RuntimeError(f"matmul: batch dimensions of {a.shape} and {b.shape} do not broadcast") from None
    left = unsqueeze(x, 0) if a.ndim == 1 else x
    right = unsqueeze(y, 1) if b.ndim == 1 else y
    z = MatMul.apply(left, right)
    if a.ndim == 1 or b.ndim == 1:
        shape = z._data.shape
        z = reshape(z, shape[:-2] + (() if a.ndim == 1 else shape[-2:-1]) + (() if b.ndim == 1 else shape[-1:]))
    return z


def rmatmul(x: Tensor, y: Tensor) -> Tensor:
    return matmul(y, x)


def mm(x: Tensor, y: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The product of two matrices, without broadcasting.

    Args:
        x, y: shapes (n, k) and (k, m), of one dtype.
        out: tensor that receives the result.

    Raises:
        RuntimeError: the shapes do not fit, or the dtypes differ.

    Example:
        >>> import lucid
        >>> print(lucid.mm(lucid.tensor([[1.0, 2.0]]), lucid.tensor([[3.0], [4.0]])))
        [[11.0]]
    """
    check_tensors("mm", x, y)
    if x._data.ndim != 2 or y._data.ndim != 2:
        raise RuntimeError(f"mm: expected two matrices, got shapes {x._data.shape} and {y._data.shape}")
    return matmul(x, y)


def bmm(x: Tensor, y: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Products of two batches of matrices, (b, n, k) @ (b, k, m).

    Args:
        x, y: shapes (b, n, k) and (b, k, m), of one dtype.
        out: tensor that receives the result.

    Raises:
        RuntimeError: the shapes do not fit, or the dtypes differ.

    Example:
        >>> import lucid
        >>> lucid.bmm(lucid.ones(2, 3, 4), lucid.ones(2, 4, 5)).shape
        lucid.Size([2, 3, 5])
    """
    check_tensors("bmm", x, y)
    if x._data.ndim != 3 or y._data.ndim != 3 or x._data.shape[0] != y._data.shape[0]:
        raise RuntimeError(f"bmm: expected two batches of matrices, got shapes {x._data.shape} and {y._data.shape}")
    return matmul(x, y)


def mv(x: Tensor, y: Tensor, *, out: Tensor | None = None) -> Tensor:
    """A matrix times a vector.

    Args:
        x, y: shapes (n, k) and (k,), of one dtype.
        out: tensor that receives the result.

    Raises:
        RuntimeError: the shapes do not fit, or the dtypes differ.

    Example:
        >>> import lucid
        >>> print(lucid.mv(lucid.tensor([[1.0, 2.0], [3.0, 4.0]]), lucid.tensor([1.0, 1.0])))
        [3.0, 7.0]
    """
    check_tensors("mv", x, y)
    if x._data.ndim != 2 or y._data.ndim != 1:
        raise RuntimeError(f"mv: expected a matrix and a vector, got shapes {x._data.shape} and {y._data.shape}")
    return matmul(x, y)


def dot(x: Tensor, y: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inner product of two vectors.

    Args:
        x, y: vectors of one length and dtype.
        out: tensor that receives the result.

    Raises:
        RuntimeError: they are not.

    Example:
        >>> import lucid
        >>> print(lucid.dot(lucid.tensor([1.0, 2.0]), lucid.tensor([3.0, 4.0])))
        11.0
    """
    check_tensors("dot", x, y)
    if x._data.ndim != 1 or y._data.ndim != 1:
        raise RuntimeError(f"dot: 1D tensors expected, but got shapes {x._data.shape} and {y._data.shape}")
    return matmul(x, y)


def outer(x: Tensor, y: Tensor, *, out: Tensor | None = None) -> Tensor:
    """x[i] * y[j].

    Args:
        x, y: shapes (n,) and (m,); dtypes promote.
        out: tensor that receives the result.

    Raises:
        RuntimeError: they are not vectors.

    Example:
        >>> import lucid
        >>> print(lucid.outer(lucid.tensor([1.0, 2.0]), lucid.tensor([3.0, 4.0])))
        [[3.0, 4.0],
         [6.0, 8.0]]
    """
    check_tensors("outer", x, y)
    if x._data.ndim != 1 or y._data.ndim != 1:
        raise RuntimeError(f"outer: expected two vectors, got shapes {x._data.shape} and {y._data.shape}")
    return reshape(x, (-1, 1)) * reshape(y, (1, -1))


def added(name: str, c: Tensor, product: Tensor, beta: Any, alpha: Any) -> Tensor:
    """beta * c + alpha * product; with beta 0, NaN in ``c`` does not count. Of integers the factors are integers too.

    Raises:
        RuntimeError: the dtypes differ.
    """
    d = product._data.dtype
    if c._data.dtype != d:
        raise RuntimeError(f"{name}: expected operands of the same dtype, got {c.dtype} and {product.dtype}")
    if d.kind in "ui":
        beta, alpha = (v if v in (0, 1) else wrap(np.asarray(int(v)).astype(d)) for v in (beta, alpha))
    scaled = product if _is(alpha, 1) else product * alpha
    if _is(beta, 0):
        shape = broadcast_shapes(name, c._data.shape, product._data.shape)
        return expand(scaled, shape)
    return (c if _is(beta, 1) else c * beta) + scaled


def _is(factor: Any, value: int) -> bool:
    return not isinstance(factor, TensorBase) and factor == value


def addmm(c: Tensor, x: Tensor, y: Tensor, *, beta: float = 1, alpha: float = 1, out: Tensor | None = None) -> Tensor:
    """beta * c + alpha * (x @ y).

    Args:
        c: broadcasts to (n, m).
        x, y: shapes (n, k) and (k, m), of one dtype.
        beta, alpha: factors of ``c`` and of the product; of integers without their fractions.
        out: tensor that receives the result.

    Raises:
        RuntimeError: the shapes of ``x`` and ``y`` do not fit, or their dtypes differ.
        ValueError: ``c`` does not broadcast.

    Example:
        >>> import lucid
        >>> print(lucid.addmm(lucid.tensor([1.0]), lucid.tensor([[1.0, 2.0]]), lucid.tensor([[3.0], [4.0]])))
        [[12.0]]
    """
    check_tensors("addmm", c, x, y)
    return added("addmm", c, mm(x, y), beta, alpha)


def baddbmm(c: Tensor, x: Tensor, y: Tensor, *, beta: float = 1, alpha: float = 1, out: Tensor | None = None) -> Tensor:
    """beta * c + alpha * (x @ y) for batches.

    Args:
        c: broadcasts to (b, n, m).
        x, y: shapes (b, n, k) and (b, k, m), of one dtype.
        beta, alpha: factors of ``c`` and of the products; of integers without their fractions.
        out: tensor that receives the result.

    Raises:
        RuntimeError: the shapes of ``x`` and ``y`` do not fit, or their dtypes differ.
        ValueError: ``c`` does not broadcast.

    Example:
        >>> import lucid
        >>> lucid.baddbmm(lucid.zeros(2, 3, 5), lucid.ones(2, 3, 4), lucid.ones(2, 4, 5)).shape
        lucid.Size([2, 3, 5])
    """
    check_tensors("baddbmm", c, x, y)
    return added("baddbmm", c, bmm(x, y), beta, alpha)


class Linear(Node):
    """x @ weight.T + bias."""

    __slots__ = ()

    def forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> np.ndarray:
        self.saved = (x, weight)
        try:
            return _ops.linear(x._data, weight._data, None if bias is None else bias._data)
        except TypeError:
            if weight._data.dtype.kind not in "iu":
                raise
            y = x._data @ weight._data.T
            return np.asarray(y if bias is None else y + bias._data)

    def backward(self, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = self.unpack()
        if not mode.enabled:
            return self.gradients(x._data, weight._data, dy._data)
        rows = reshape(dy, (math.prod(dy._data.shape[:-1]), weight._data.shape[0]))
        dx = MatMul.apply(rows, weight) if self.edges[0] is not None else None
        dw = db = None
        if self.edges[1] is not None:
            dw = MatMul.apply(permute(rows, 1, 0), reshape(x, (math.prod(x._data.shape[:-1]), weight._data.shape[1])))
        if len(self.edges) > 2 and self.edges[2] is not None:
            db = sum(rows, 0)
        return (None if dx is None else reshape(dx, x._data.shape), dw, db)[: len(self.edges)]

    def gradients(self, x: np.ndarray, weight: np.ndarray, dy: np.ndarray) -> tuple[Tensor | None, ...]:
        """The same without recording, on arrays."""
        n, k = weight.shape
        rows = dy if dy.ndim == 2 else dy.reshape(math.prod(dy.shape[:-1]), n)
        wanted = [edge is not None for edge in self.edges]
        dx = dw = db = None
        if wanted[0]:
            product = _ops.matmul(rows, weight)
            dx = wrap(product if x.ndim == 2 else product.reshape(x.shape))
        if wanted[1]:
            dw = wrap(_ops.matmul(rows.T, x if x.ndim == 2 else x.reshape(math.prod(x.shape[:-1]), k)))
        if len(wanted) > 2 and wanted[2]:
            db = wrap(_ops.sum(rows, (0,), False))
        return (dx, dw, db)[: len(wanted)]


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None, *, out: Tensor | None = None) -> Tensor:
    """y = x @ weight.T + bias.

    Args:
        x: shape (..., in_features).
        weight: shape (out_features, in_features) or (in_features,).
        bias: shape (out_features,), or None.
        out: tensor that receives the result.

    Raises:
        RuntimeError: the shapes or dtypes do not fit.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.linear(lucid.ones(2, 3), lucid.ones(4, 3), lucid.zeros(4)).shape
        lucid.Size([2, 4])
    """
    if fits_linear(x, weight, bias):
        return Linear.apply(x, weight, bias)
    check_tensors("linear", x, weight)
    if bias is not None:
        check_tensors("linear", bias)
    a, w = x._data, weight._data
    if w.ndim == 1:
        y = matmul(x, weight)
        return y if bias is None else y + bias
    if w.ndim != 2:
        raise RuntimeError(f"linear: weight must have one or two dimensions, got shape {w.shape}")
    if not a.ndim or a.shape[-1] != w.shape[1]:
        got = a.shape[-1] if a.ndim else "a 0-d tensor"
        raise RuntimeError(
            f"linear: expected last dimension {w.shape[1]}, got {got} (input {a.shape}, weight {w.shape})"
        )
    if a.dtype != w.dtype or (bias is not None and bias._data.dtype != w.dtype):
        dtypes = ", ".join(str(t.dtype) for t in (x, weight, bias) if t is not None)
        raise RuntimeError(f"linear: input, weight and bias must have the same dtype, got {dtypes}")
    if bias is not None and bias._data.shape != (w.shape[0],):
        if bias._data.size != 1 or bias._data.ndim > 1:
            got, want = bias._data.shape, w.shape[:1]
            raise RuntimeError(f"linear: bias has shape {got}, expected {want} (weight {w.shape})")
        bias = bias.expand(w.shape[0])
    return Linear.apply(x, weight, bias)
