"""Limiting gradients."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from lucid import _ops
from lucid._tensor import Tensor
from lucid.autograd._node import TensorBase, bump, wrap

Parameters = Tensor | Iterable[Tensor]


def _gradients(parameters: Parameters) -> list[Tensor]:
    items = [parameters] if isinstance(parameters, TensorBase) else list(parameters)
    return [p.grad for p in items if p.grad is not None]


def get_total_norm(
    tensors: Iterable[Tensor], norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None
) -> Tensor:
    """The norm of all elements of ``tensors`` as if they were one vector.

    Args:
        tensors: floating-point tensors.
        norm_type: order; ``math.inf`` for the largest magnitude.
        error_if_nonfinite: raise when the norm is inf or NaN.
        foreach: accepted; there is one implementation.

    Raises:
        RuntimeError: the norm is not finite and ``error_if_nonfinite`` is true.
    """
    arrays = [t._data for t in tensors]
    if not arrays:
        return wrap(np.zeros((), np.float32))
    p = float(norm_type)
    if p == 2:
        total = _ops.grad_norm([np.ascontiguousarray(a) for a in arrays])
    elif p == math.inf:
        total = float(np.max([np.max(np.abs(a), initial=0.0) for a in arrays]))
    else:
        total = float(np.sum([np.sum(np.abs(a.astype(np.float64)) ** p) for a in arrays])) ** (1 / p)
    if error_if_nonfinite and not math.isfinite(total):
        raise RuntimeError(
            f"get_total_norm: the total norm of order {norm_type} for gradients is non-finite, so it cannot be clipped"
        )
    return wrap(np.asarray(total, arrays[0].dtype))


def clip_grad_norm_(
    parameters: Parameters,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients by min(1, max_norm / (norm + 1e-6)), in place.

    Args:
        parameters: a tensor, or an iterable of them; those without a gradient are skipped.
        max_norm: largest norm afterwards.
        norm_type: order of the norm; ``math.inf`` for the largest magnitude.
        error_if_nonfinite: raise, changing nothing, when the norm is inf or NaN.
        foreach: accepted; there is one implementation.

    Returns:
        The norm before, as a 0-d tensor.

    Raises:
        RuntimeError: see ``error_if_nonfinite``.
    """
    grads = _gradients(parameters)
    total = get_total_norm(grads, norm_type, error_if_nonfinite)
    factor = float(max_norm) / (total.item() + 1e-6)
    scale_gradients(grads, 1.0 if factor > 1 else factor)
    return total


def scale_gradients(grads: list[Tensor], factor: float) -> None:
    """Multiply gradients by ``factor`` in place; NaN reaches all of them."""
    if factor == 1.0:
        return
    compact = [g._data for g in grads if g._data.flags.carray]
    if compact:
        _ops.scale_(compact, factor)
    for g in grads:
        if not g._data.flags.carray:
            g._data[...] *= g._data.dtype.type(factor)
        bump(g)


def clip_grad_value_(parameters: Parameters, clip_value: float, foreach: bool | None = None) -> None:
    """Limit every element of the gradients to [-clip_value, clip_value], in place."""
    for g in _gradients(parameters):
        np.clip(g._data, -clip_value, clip_value, out=g._data)
        bump(g)


def grad_norm(parameters: Parameters, norm_type: float = 2.0) -> Tensor:
    """The norm of all gradients as if they were one vector."""
    return get_total_norm(_gradients(parameters), norm_type)


