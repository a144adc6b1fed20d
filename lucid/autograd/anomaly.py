"""Finding where gradients become NaN."""

from __future__ import annotations

from typing import Any

import numpy as np

from lucid.autograd import _engine
from lucid.autograd._node import Node, TensorBase

__all__ = [
    "detect_anomaly",
    "is_anomaly_check_nan_enabled",
    "is_anomaly_enabled",
    "set_anomaly_enabled",
    "set_detect_anomaly",
]

_state = {"enabled": False, "check_nan": True}


def _check(node: Node, result: Any) -> None:
    for k, g in enumerate(result if isinstance(result, tuple) else (result,)):
        if isinstance(g, TensorBase) and g._data.dtype.kind == "f" and np.isnan(g._data).any():
            raise RuntimeError(f"Function '{node.name}' returned nan values in its {k}th output.")


def set_anomaly_enabled(mode: bool, check_nan: bool = True) -> None:
    """Switch the check of `detect_anomaly` on or off.

    Raises:
        TypeError: ``mode`` is not a bool.
    """
    if not isinstance(mode, bool) or not isinstance(check_nan, bool):
        raise TypeError("set_anomaly_enabled: expected bools")
    _state.update(enabled=mode, check_nan=check_nan)
    _engine.set_anomaly(_check if mode and check_nan else None)


def is_anomaly_enabled() -> bool:
    """Whether gradients are checked, or would be but for ``check_nan=False``."""
    return _state["enabled"]


def is_anomaly_check_nan_enabled() -> bool:
    """Whether gradients are checked for NaN where they are checked."""
    return _state["check_nan"]


class set_detect_anomaly:
    """Switch the check of `detect_anomaly` on or off, for good or as a context.

    Args:
        mode: on or off.
        check_nan: raise at the first NaN.
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self._previous = (is_anomaly_enabled(), is_anomaly_check_nan_enabled())
        set_anomaly_enabled(mode, check_nan)

    def __enter__(self) -> None:
        """On or off already."""

    def __exit__(self, *exc: object) -> None:
        set_anomaly_enabled(*self._previous)


class detect_anomaly(set_detect_anomaly):
    """A context in which the backward pass raises at the first function whose gradient is NaN, and names it.

    Every gradient is searched: use it to find a mistake, not in training.

    Args:
        check_nan: raise at the first NaN.

    Raises:
        RuntimeError: in a backward pass inside the context, for a NaN.

    Example:
        >>> import lucid
        >>> x = lucid.zeros(1, requires_grad=True)
        >>> with lucid.autograd.detect_anomaly():
        ...     (x.sqrt() * 0).backward()
        Traceback (most recent call last):
        ...
        RuntimeError: Function 'SqrtBackward' returned nan values in its 0th output.
    """

    def __init__(self, check_nan: bool = True) -> None:
        super().__init__(True, check_nan)

    def __enter__(self) -> None:
        set_anomaly_enabled(True, is_anomaly_check_nan_enabled())
