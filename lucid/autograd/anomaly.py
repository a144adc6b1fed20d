"""Finding where gradients become NaN."""

from __future__ import annotations

from typing import Any

from lucid.autograd import _watching
from lucid.autograd._node import TensorBase
from lucid.autograd._site import Site, find_site, holds
from lucid.autograd._watching import Observer

__all__ = [
    "detect_anomaly",
    "is_anomaly_check_nan_enabled",
    "is_anomaly_enabled",
    "set_anomaly_enabled",
    "set_detect_anomaly",
]


class _Anomaly(Observer):
    """Remembers where every node was made, and searches every gradient."""

    def __init__(self, check_nan: bool) -> None:
        self.check_nan = check_nan

    def after(self, operation: Any, args: tuple[Any, ...], results: tuple[Any, ...], note: Any) -> None:
        node = next((t._node for t in results if isinstance(t, TensorBase) and t._node is not None), None)
        if node is not None and node.site is None:
            node.site = find_site(operation)

    def made(self, node: Any) -> None:
        node.site = find_site(node._function)._replace(function=node._function.__name__)

    def after_backward(self, node: Any, result: Any, note: Any) -> None:
        if not self.check_nan:
            return
        for k, g in enumerate(result if isinstance(result, tuple) else (result,)):
            if isinstance(g, TensorBase) and holds(g._data)[0]:
                error = RuntimeError(f"Function '{node.name}' returned nan values in its {k}th output.{_made_by(node)}")
                _explain(node, error)
                raise error

    def failed_backward(self, node: Any, error: BaseException) -> None:
        _explain(node, error)


def _made_by(node: Any) -> str:
    return f" Made by {node.site.place()}" if isinstance(node.site, Site) else ""


def _explain(node: Any, error: BaseException) -> None:
    if isinstance(node.site, Site) and not getattr(error, "__notes__", ()):
        error.add_note(f"{node.name} was made by {node.site.place()}, called from\n{node.site.traceback()}")


_observer: _Anomaly | None = None
_check_nan = True


def set_anomaly_enabled(mode: bool, check_nan: bool = True) -> None:
    """Switch the search of `detect_anomaly` on or off for the calling thread.

    Args:
        mode: on or off.
        check_nan: raise at the first NaN; with False, only errors of the backward pass are explained.

    Raises:
        TypeError: ``mode`` or ``check_nan`` is not a bool.

    Example:
        >>> import lucid
        >>> lucid.set_anomaly_enabled(True)
        >>> lucid.is_anomaly_enabled()
        True
        >>> lucid.set_anomaly_enabled(False)
    """
    global _observer, _check_nan
    if not isinstance(mode, bool) or not isinstance(check_nan, bool):
        raise TypeError("set_anomaly_enabled: expected bools")
    if _observer is not None:
        _watching.remove(_observer)
    _observer, _check_nan = _Anomaly(check_nan) if mode else None, check_nan
    if _observer is not None:
        _watching.add(_observer)


def is_anomaly_enabled() -> bool:
    """Whether gradients are checked, or would be but for ``check_nan=False``.

    Example:
        >>> import lucid
        >>> lucid.is_anomaly_enabled()
        False
    """
    return _observer is not None


def is_anomaly_check_nan_enabled() -> bool:
    """Whether gradients are checked for NaN where they are checked.

    Example:
        >>> import lucid
        >>> lucid.is_anomaly_check_nan_enabled()
        True
    """
    return _check_nan


class set_detect_anomaly:
    """Switch the search of `detect_anomaly` on or off, for good or as a context.

    Args:
        mode: on or off.
        check_nan: raise at the first NaN.

    Raises:
        TypeError: ``mode`` or ``check_nan`` is not a bool.

    Example:
        >>> import lucid
        >>> with lucid.autograd.set_detect_anomaly(True):
        ...     print(lucid.is_anomaly_enabled())
        ...
        True
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self._previous = (is_anomaly_enabled(), is_anomaly_check_nan_enabled())
        set_anomaly_enabled(mode, check_nan)

    def __enter__(self) -> None:
        """On or off already."""

    def __exit__(self, *exc: object) -> None:
        set_anomaly_enabled(*self._previous)


class detect_anomaly:
    """A context in which the backward pass raises at the first function whose gradient is NaN, and says what made it.

    The forward pass inside the context remembers the call of every operation. The error names the function, the
    module by its path and the line of the program; the whole chain of calls is in the error's notes, which Python
    prints below the message, also for any other error raised in the backward pass. Every gradient is searched: use
    it to find a mistake, not in training. Outside of contexts nothing is remembered or searched, at no cost.

    Args:
        check_nan: raise at the first NaN; with False, only errors of the backward pass are explained.

    Raises:
        RuntimeError: in a backward pass inside the context, for a NaN.
        TypeError: ``check_nan`` is not a bool.

    Example:
        >>> import lucid
        >>> x = lucid.zeros(1, requires_grad=True)
        >>> with lucid.autograd.detect_anomaly():  # doctest: +ELLIPSIS
        ...     (x.sqrt() * 0).backward()
        Traceback (most recent call last):
        ...
        RuntimeError: Function 'SqrtBackward' returned nan values in its 0th output. Made by sqrt (...)
        ...
    """

    def __init__(self, check_nan: bool = True) -> None:
        if not isinstance(check_nan, bool):
            raise TypeError(f"detect_anomaly: check_nan must be a bool, got {check_nan!r}")
        self._check_nan = check_nan

    def __enter__(self) -> None:
        self._previous = (is_anomaly_enabled(), is_anomaly_check_nan_enabled())
        set_anomaly_enabled(True, self._check_nan)

    def __exit__(self, *exc: object) -> None:
        set_anomaly_enabled(*self._previous)
