"""Limiting gradients."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from lucid import _dtype, _ops
from lucid._functions._common import convert
from lucid._tensor import Tensor
from lucid.autograd._node import bump, wrap
from lucid.nn.utils._checks import number, tensors_of

Tensors = Tensor | Iterable[Tensor]


def _gradients(name: str, parameters: Tensors) -> list[Tensor]:
    return [p.grad for p in tensors_of(name, parameters) if p.grad is not None]


def get_total_norm(
    tensors: Tensors, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None
) -> Tensor:
    """(sum of |x|^p)^(1/p) over all elements of all tensors, as if they were one vector.

    Args:
        tensors: floating-point tensors.
        norm_type: p, positive; ``math.inf`` for the largest magnitude.
        error_if_nonfinite: raise when the norm is inf or NaN.
        foreach: accepted; there is one implementation.

    Returns:
        A 0-d tensor of the dtype of the first one; 0 for no tensors.

    Raises:
        RuntimeError: the norm is not finite and ``error_if_nonfinite`` is true.
        TypeError: what is given holds no tensors.
        ValueError: ``norm_type`` is not positive.

    Example:
        >>> import lucid
        >>> lucid.nn.utils.get_total_norm([lucid.tensor([3.0]), lucid.tensor([4.0])]).item()
        5.0
    """
    return _total("get_total_norm", tensors_of("get_total_norm", tensors), norm_type, error_if_nonfinite)


def _total(name: str, given: list[Tensor], norm_type: float, error_if_nonfinite: bool = False) -> Tensor:
    p = number(name, "norm_type", norm_type)
    if not p > 0:
        raise ValueError(f"{name}: norm_type must be positive, got {norm_type}")
    arrays = [convert(t._data, _dtype.float32) if t.dtype.is_half else t._data for t in given]
    if not arrays:
        return wrap(np.zeros((), np.float32))
    if p == 2:
        total = _ops.grad_norm(arrays)
    elif p == math.inf:
        total = float(np.max([np.max(np.abs(a), initial=0.0) for a in arrays]))  # NaN, once seen, stays the largest
    else:
        total = math.fsum(np.sum(np.abs(a.astype(np.float64)) ** p) for a in arrays) ** (1 / p)
    if error_if_nonfinite and not math.isfinite(total):
        raise RuntimeError(
            f"the total norm of order {norm_type} is non-finite ({total}), so gradients cannot be clipped to it; "
            "pass error_if_nonfinite=False to scale them by it anyway"
        )
    return wrap(np.asarray(total, given[0]._data.dtype))


def clip_grad_norm_(
    parameters: Tensors,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Multiply all gradients by min(1, max_norm / (norm + 1e-6)), in place.

    Args:
        parameters: a tensor, or an iterable of them; those without a gradient are skipped.
        max_norm: largest norm afterwards.
        norm_type: order of the norm, positive; ``math.inf`` for the largest magnitude.
        error_if_nonfinite: raise, changing nothing, when the norm is inf or NaN.
        foreach: accepted; there is one implementation.

    Returns:
        The norm before, as a 0-d tensor.

    Raises:
        RuntimeError: see ``error_if_nonfinite``.
        TypeError: what is given holds no tensors.
        ValueError: ``norm_type`` is not positive.

    Example:
        >>> import lucid
        >>> p = lucid.nn.Parameter(lucid.zeros(2))
        >>> p.grad = lucid.tensor([3.0, 4.0])
        >>> lucid.nn.utils.clip_grad_norm_(p, 1.0).item()
        5.0
        >>> round(lucid.nn.utils.grad_norm(p).item(), 4)
        1.0

    Source: Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks", 2013.
    """
    grads, limit = _gradients("clip_grad_norm_", parameters), number("clip_grad_norm_", "max_norm", max_norm)
    total = _total("clip_grad_norm_", grads, norm_type, error_if_nonfinite)
    _scale_to(grads, limit, total)
    return total


def clip_grads_with_norm_(
    parameters: Tensors, max_norm: float, total_norm: Tensor | float, foreach: bool | None = None
) -> None:
    """The second half of `clip_grad_norm_`, for a norm that is known already.

    Args:
        parameters: a tensor, or an iterable of them; those without a gradient are skipped.
        max_norm: largest norm afterwards, if ``total_norm`` is that of the gradients.
        total_norm: the norm before, a 0-d tensor or a number.
        foreach: accepted; there is one implementation.

    Raises:
        TypeError: what is given holds no tensors.

    Example:
        >>> import lucid
        >>> x = lucid.ones(2, requires_grad=True)
        >>> (x * lucid.tensor([3.0, 4.0])).sum().backward()
        >>> lucid.nn.utils.clip_grads_with_norm_([x], 1.0, lucid.nn.utils.grad_norm([x]))
        >>> print(x.grad)
        [0.5999999, 0.79999983]

    Source: Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks", 2013.
    """
    limit = number("clip_grads_with_norm_", "max_norm", max_norm)
    _scale_to(_gradients("clip_grads_with_norm_", parameters), limit, total_norm)


def _scale_to(grads: list[Tensor], limit: float, total: Tensor | float) -> None:
    factor = limit / (float(total) + 1e-6)
    if factor >= 1:  # false for NaN, which must reach the gradients
        return
    distinct = list({id(g): g for g in grads}.values())
    _ops.scale_([g._data for g in distinct if g._data.flags.carray and not g.dtype.is_half], factor)
    for g in distinct:
        if g.dtype.is_half:
            g._data[...] = convert(convert(g._data, _dtype.float32) * np.float32(factor), g.dtype)
        elif not g._data.flags.carray:
            g._data *= g._data.dtype.type(factor)
        bump(g)


def clip_grad_value_(parameters: Tensors, clip_value: float, foreach: bool | None = None) -> None:
    """Limit every element of the gradients to [-clip_value, clip_value], in place; NaN stays.

    Args:
        parameters: a tensor, or an iterable of them; those without a gradient are skipped.
        clip_value: largest magnitude afterwards.
        foreach: accepted; there is one implementation.

    Raises:
        TypeError: what is given holds no tensors.

    Example:
        >>> import lucid
        >>> x = lucid.tensor([1.0, 2.0], requires_grad=True)
        >>> (x * lucid.tensor([0.5, 9.0])).sum().backward()
        >>> lucid.nn.utils.clip_grad_value_([x], 1.0)
        >>> print(x.grad)
        [0.5, 1.0]
    """
    limit = number("clip_grad_value_", "clip_value", clip_value)
    for g in _gradients("clip_grad_value_", parameters):
        if g.dtype.is_half:
            g._data[...] = convert(np.clip(convert(g._data, _dtype.float32), -limit, limit), g.dtype)
        else:
            np.clip(g._data, -limit, limit, out=g._data)
        bump(g)


def grad_norm(parameters: Tensors, norm_type: float = 2.0) -> Tensor:
    """The norm of all gradients as if they were one vector.

    Args:
        parameters: a tensor, or an iterable of them; those without a gradient are skipped.
        norm_type: order of the norm, positive; ``math.inf`` for the largest magnitude.

    Returns:
        A 0-d tensor of the dtype of the first gradient; 0 for none.

    Raises:
        TypeError: what is given holds no tensors.
        ValueError: ``norm_type`` is not positive.

    Example:
        >>> import lucid
        >>> x = lucid.ones(2, requires_grad=True)
        >>> (x * lucid.tensor([3.0, 4.0])).sum().backward()
        >>> print(lucid.nn.utils.grad_norm([x]))
        5.0
    """
    return _total("grad_norm", _gradients("grad_norm", parameters), norm_type)
