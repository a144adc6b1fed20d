"""Eigenvalues of general matrices, which are complex; by LAPACK through NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lucid._functions._arguments import check_tensors
from lucid._functions.complex import as_complex
from lucid._functions.complex_factors import Eig, run
from lucid._functions.complex_linalg import square
from lucid._functions.spectral import Eigen
from lucid.autograd._mode import mode
from lucid.autograd._node import wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def _check(name: str, x: Any) -> None:
    check_tensors(name, x)
    if x.dtype.rank < 2:
        raise RuntimeError(f"{name}: expected a floating point or complex tensor, got {x.dtype}")
    square(name, x)
    if not np.isfinite(x._data).all():
        raise RuntimeError(f"{name}: input tensor should not contain infs or NaNs")


def eig(x: Tensor, *, out: Any = None) -> Any:
    """(eigenvalues, eigenvectors) of square matrices: complex, in no particular order, columns of norm 1.

    Args:
        x: shape (..., n, n), floating point or complex, finite.
        out: a pair of tensors that receive the results.

    Raises:
        RuntimeError: not square, or not finite.
        RuntimeError: in backward, where the loss depends on the phases of the eigenvectors.
        LinAlgError: it does not converge.

    Example:
        >>> import lucid
        >>> print(lucid.linalg.eig(lucid.tensor([[0.0, -1.0], [1.0, 0.0]])).eigenvalues.imag)
        [1.0, -1.0]

    Source: Golub and Van Loan, Matrix computations, chapter 7.
    """
    _check("eig", x)
    return Eigen(*Eig.apply(as_complex("eig", x), False))


def eigvals(x: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The eigenvalues of square matrices: complex, in no particular order.

    Args:
        x: shape (..., n, n), floating point or complex.
        out: complex tensor that receives the result.

    Raises:
        RuntimeError: not square, or not finite.
        LinAlgError: it does not converge.

    Example:
        >>> import lucid
        >>> print(lucid.linalg.eigvals(lucid.tensor([[0.0, -1.0], [1.0, 0.0]])).imag)
        [1.0, -1.0]

    Source: Golub and Van Loan, Matrix computations, chapter 7.
    """
    _check("eigvals", x)
    x = as_complex("eigvals", x)
    if mode.enabled and x._requires_grad:
        return Eig.apply(x, False)[0]
    return wrap(run("eigvals", np.linalg.eigvals, x._data))
