"""Evenly spaced numbers: arange, linspace, logspace."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _dtype
from lucid._functions._arguments import integer
from lucid._functions.creation import _finish, _number, _numpy_dtype
from lucid.autograd._node import TensorBase

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def arange(
    start: float | None = None,
    end: float | None = None,
    step: float = 1,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **_: Any,
) -> Tensor:
    """start, start + step, ... up to but without ``end``; ``arange(end)`` starts at 0.

    Args:
        start: first value; 0 unless given.
        end: limit, not reached.
        step: distance of neighbours; negative ones count down.
        dtype: int64 if all three are integers, otherwise the default floating-point type, unless given.
        device: "cpu".
        requires_grad: record operations on it.

    Raises:
        RuntimeError: ``step`` is zero or leads away from ``end``.
        TypeError: no number is given, or what is none.

    Example:
        >>> import lucid
        >>> print(lucid.arange(1, 7, 2))
        [1, 3, 5]
    """
    if end is None:
        start, end = None, start
    start, end, step = 0 if start is None else start, end, step
    start, end, step = (_number(v) for v in (start, end, step))
    if not all(isinstance(v, _dtype.NUMBERS) for v in (start, end, step)):
        raise TypeError(f"arange: expected numbers, got {', '.join(type(v).__name__ for v in (start, end, step))}")
    if not math.isfinite(start) or not math.isfinite(end):
        raise RuntimeError(f"arange: unsupported range: {start} -> {end}")
    if step == 0 or (end - start) * step < 0:
        raise RuntimeError(f"arange: upper bound and lower bound inconsistent with step sign: {start}, {end}, {step}")
    whole = all(isinstance(v, (int, np.integer)) for v in (start, end, step))
    d = _numpy_dtype(dtype, _, _dtype.int64 if whole else None)
    first, stride = start, step
    if d.kind in "iu":  # counted in integers, as PyTorch does
        first, stride = int(start), int(step)
        if d == np.int64:
            start, end, step = first, int(end), stride or step
    count = max(0, int(np.ceil((end - start) / step)))
    return _finish("arange", (first + np.arange(count) * stride).astype(d), requires_grad, device, _)


def linspace(
    start: float,
    end: float,
    steps: int,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **_: Any,
) -> Tensor:
    """``steps`` evenly spaced values from ``start`` to ``end``, both included.

    Args:
        start, end: first and last value.
        steps: number of values.
        dtype: the default floating-point type unless given.
        device: "cpu".
        requires_grad: record operations on it.

    Example:
        >>> import lucid
        >>> print(lucid.linspace(0, 1, 5))
        [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    return _finish(
        "linspace",
        _spaced("linspace", start, end, steps, dtype).astype(_numpy_dtype(dtype, _)),
        requires_grad,
        device,
        _,
    )


def _spaced(name: str, start: Any, end: Any, steps: Any, dtype: Any) -> np.ndarray:
    """Evenly spaced numbers in float64; for integer dtypes between the truncated ends."""
    for v in (start, end):
        if isinstance(v, TensorBase) and v._data.ndim:
            raise RuntimeError(f"{name}: only supports 0-d start and end tensors, got shape {v._data.shape}")
    start, end, steps = _number(start), _number(end), integer(steps)
    if not all(isinstance(v, _dtype.NUMBERS) for v in (start, end)):
        raise TypeError(f"{name}: start and end must be numbers, got {type(start).__name__} and {type(end).__name__}")
    if not isinstance(steps, int):
        raise TypeError(f"{name}: number of steps must be an integer, got {steps!r}")
    if steps < 0:
        raise RuntimeError(f"{name}: number of steps must not be negative, got {steps}")
    if dtype is not None and _numpy_dtype(dtype).kind in "iu":
        start, end = int(start), int(end)
    return np.linspace(start, end, steps)


def logspace(
    start: float, end: float, steps: int, base: float = 10.0, *, dtype: Any = None, device: Any = None,
    requires_grad: bool = False, **_: Any
) -> Tensor:  # fmt: skip
    """``base`` to the powers of `linspace`.

    Args:
        start, end: first and last exponent.
        steps: number of values.
        base: positive number.
        dtype: the default floating-point type unless given.
        device: "cpu".
        requires_grad: record operations on it.

    Example:
        >>> import lucid
        >>> print(lucid.logspace(0, 2, 3))
        [1.0, 10.0, 100.0]
    """
    powers = _number(base) ** _spaced("logspace", start, end, steps, dtype)
    return _finish("logspace", np.asarray(powers).astype(_numpy_dtype(dtype, _)), requires_grad, device, _)
