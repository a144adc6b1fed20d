"""QR as Householder's reflections by the names of PyTorch's top level."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from lucid._functions._arguments import check_tensors
from lucid._functions.factor import householder_product
from lucid._functions.join import cat
from lucid._functions.matmul import matmul
from lucid._tensor import Tensor
from lucid.autograd._node import wrap


class Geqrf(NamedTuple):
    """Result of `geqrf`: unpacks as ``a, tau``."""

    a: Any
    tau: Any


def geqrf(input: Tensor, *, out: Any = None) -> Geqrf:
    """The QR decomposition as Householder vectors: R above the diagonal of ``a``, the vectors below it, and ``tau``.

    Args:
        input: shape (..., m, n), floating point.
        out: a pair of tensors that receive the results.

    Raises:
        RuntimeError: fewer than two dimensions or integers.

    Example:
        >>> import lucid
        >>> a, tau = lucid.geqrf(lucid.tensor([[3.0], [4.0]]))
        >>> print(a[0], tau)
        [-5.0] [1.6]

    Source: Golub and Van Loan, Matrix computations, section 5.2.
    """
    check_tensors("geqrf", input)
    if input.ndim < 2 or input._data.dtype.kind != "f":
        raise RuntimeError(f"geqrf: expected floating-point matrices, got {input.dtype} of shape {tuple(input.shape)}")
    *lead, m, n = input._data.shape
    flat, k = input._data.reshape(math.prod(lead), m, n), min(m, n)
    a, tau = np.empty_like(flat), np.empty((len(flat), k), flat.dtype)
    for i, matrix in enumerate(flat):
        raw, t = np.linalg.qr(matrix, "raw")
        a[i], tau[i] = raw.T, t
    return Geqrf(wrap(a.reshape(input._data.shape)), wrap(tau.reshape(*lead, k)))


def orgqr(input: Tensor, tau: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The first columns of the product of Householder matrices: `lucid.linalg.householder_product`.

    Args:
        input, tau: vectors (..., m, n) and factors (..., k) of the matrices, as `geqrf` gives them.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> a, tau = lucid.geqrf(lucid.tensor([[3.0], [4.0]]))
        >>> print(lucid.orgqr(a, tau).round(decimals=4))
        [[-0.6],
         [-0.8]]
    """
    check_tensors("orgqr", input, tau)
    return householder_product(input, tau)


def ormqr(
    input: Tensor, tau: Tensor, other: Tensor, left: bool = True, transpose: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """The product of the orthogonal Q that `geqrf` gives, all of it, and ``other``.

    Args:
        input: Householder vectors, shape (..., m, k).
        tau: their factors, shape (..., k).
        other: shape (..., m, n), or (..., n, m) without ``left``.
        left: Q other; else other Q.
        transpose: with the transpose of Q.
        out: tensor that receives the result.

    Raises:
        RuntimeError: shapes do not match.

    Example:
        >>> import lucid
        >>> a, tau = lucid.geqrf(lucid.tensor([[3.0], [4.0]]))
        >>> print(lucid.ormqr(a, tau, lucid.tensor([[3.0], [4.0]]), transpose=True).round(decimals=4))
        [[-5.0],
         [0.0]]
    """
    check_tensors("ormqr", input, tau, other)
    if input.ndim < 2 or other.ndim < 2 or other.shape[-2 if left else -1] != input.shape[-2]:
        raise RuntimeError(f"ormqr: input {tuple(input.shape)} and other {tuple(other.shape)} do not match")
    m, k = input.shape[-2:]
    wide = input if m == k else cat([input, input.new_zeros(*input.shape[:-1], m - k)], -1) if m > k else input[..., :m]
    q = householder_product(wide, tau)
    q = q.transpose(-2, -1) if transpose else q
    return matmul(q, other) if left else matmul(other, q)


__all__ = ["geqrf", "orgqr", "ormqr"]
