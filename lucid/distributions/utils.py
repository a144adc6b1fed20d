"""What the distributions share: broadcasting of parameters, probabilities and their logits, triangular matrices."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

import lucid
from lucid import Tensor
from lucid.autograd._mode import enable_grad
from lucid.nn import functional as F

euler_constant = 0.57721566490153286060
"""Euler's constant gamma."""

LOG_2PI = math.log(2 * math.pi)


def is_number(x: Any) -> bool:
    return isinstance(x, (int, float, np.generic)) and not isinstance(x, np.ndarray)


def broadcast_all(*values: Any) -> tuple[Tensor, ...]:
    """Tensors and numbers as tensors of one shape; numbers take the dtype of the first tensor, or the default.

    Raises:
        ValueError: a value is neither.

    Example:
        >>> import lucid
        >>> from lucid.distributions.utils import broadcast_all
        >>> [tuple(x.shape) for x in broadcast_all(lucid.zeros(3), 1.0)]
        [(3,), (3,)]
    """
    for v in values:
        if not (isinstance(v, Tensor) or is_number(v)):
            raise ValueError(f"broadcast_all: expected numbers and Tensors, got {type(v).__name__}")
    dtype = next((v.dtype for v in values if isinstance(v, Tensor)), lucid.get_default_dtype())
    tensors = [v if isinstance(v, Tensor) else lucid.tensor(float(v), dtype=dtype) for v in values]
    if len({tuple(t.shape) for t in tensors}) == 1:
        return tuple(tensors)
    return tuple(lucid.broadcast_tensors(*tensors))


def sum_rightmost(x: Tensor, dims: int) -> Tensor:
    """``x`` summed over its last ``dims`` dimensions."""
    return x if dims == 0 else x.sum(tuple(range(-dims, 0)))


def tiny(x: Tensor) -> float:
    """The smallest normal number of the dtype."""
    return float(np.finfo(x.dtype.numpy).tiny)


def eps(x: Tensor) -> float:
    """The spacing of numbers at 1."""
    return float(np.finfo(x.dtype.numpy).eps)


def clamp_probs(probs: Tensor) -> Tensor:
    """Probabilities pulled into [eps, 1 - eps], with the spacing of numbers at 1 for eps."""
    return probs.clamp(min=eps(probs), max=1 - eps(probs))


def logits_to_probs(logits: Tensor, is_binary: bool = False) -> Tensor:
    """The sigmoid of log-odds, or the softmax over the last dimension."""
    return lucid.sigmoid(logits) if is_binary else F.softmax(logits, -1)


def probs_to_logits(probs: Tensor, is_binary: bool = False) -> Tensor:
    """The log-odds of clamped probabilities, or their logarithms."""
    p = clamp_probs(probs)
    return p.log() - (-p).log1p() if is_binary else p.log()


class lazy_property:
    """A property computed when it is first read, and then kept in the instance."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function
        functools.update_wrapper(self, function)  # type: ignore[arg-type]

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        with enable_grad():
            value = self.function(instance)
        instance.__dict__[self.function.__name__] = value
        return value


def tril_matrix_to_vec(mat: Tensor, diag: int = 0) -> Tensor:
    """The elements of square matrices on and below a diagonal, row by row.

    Raises:
        ValueError: there is no such diagonal.
    """
    n = mat.shape[-1]
    if not -n <= diag < n:
        raise ValueError(f"tril_matrix_to_vec: diag ({diag}) provided is outside [{-n}, {n - 1}].")
    rows, columns = lucid.tril_indices(n, n, diag)
    return mat[..., rows, columns]


def vec_to_tril_matrix(vec: Tensor, diag: int = 0) -> Tensor:
    """The inverse of `tril_matrix_to_vec`, with zeros above the diagonal.

    Raises:
        ValueError: no square matrix has so many elements there.
    """
    length = vec.shape[-1]
    n = (-(1 + 2 * diag) + math.sqrt((1 + 2 * diag) ** 2 + 8 * length + 4 * abs(diag) * (diag + 1))) / 2
    size = round(n)
    if abs(size - n) > 1e-6:
        raise ValueError(
            f"vec_to_tril_matrix: the size of last dimension is {length}, which cannot be expressed as the lower "
            "triangular part of a square matrix"
        )
    place = np.full((size, size), length)
    place[np.tril_indices(size, diag)] = np.arange(length)
    padded = F.pad(vec, (0, 1))
    return padded[..., lucid.from_numpy(place)]


__all__ = [
    "broadcast_all", "clamp_probs", "lazy_property", "logits_to_probs", "probs_to_logits", "tril_matrix_to_vec",
    "vec_to_tril_matrix",
]  # fmt: skip
