"""Whether operations are recorded: per thread, as a context manager or a decorator."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from lucid.autograd._node import mode

F = TypeVar("F", bound=Callable[..., Any])


class _Switch:
    """Sets the recording flag on entry and restores it on exit; also usable as a decorator."""

    _enabled = True

    def __enter__(self) -> None:
        self._stack = [*getattr(self, "_stack", []), mode.enabled]
        mode.enabled = self._enabled

    def __exit__(self, *exc: object) -> None:
        mode.enabled = self._stack.pop()

    def __call__(self, function: F) -> F:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self.__class__() if type(self) is not set_grad_enabled else set_grad_enabled(self._enabled):
                return function(*args, **kwargs)

        return wrapped  # type: ignore[return-value]


class no_grad(_Switch):
    """Do not record operations: results do not require grad.

    Args:
        function: a function to decorate: ``@lucid.no_grad`` without brackets.

    Example:
        >>> import lucid
        >>> x = lucid.ones(2, requires_grad=True)
        >>> with lucid.no_grad():
        ...     y = x * 2
        >>> y.requires_grad
        False
    """

    _enabled = False

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        self = super().__new__(cls)
        return self if function is None else self(function)


class enable_grad(_Switch):
    """Record operations again inside ``no_grad``.

    Args:
        function: a function to decorate: ``@lucid.enable_grad`` without brackets.

    Example:
        >>> import lucid
        >>> x = lucid.ones(1, requires_grad=True)
        >>> with lucid.no_grad(), lucid.enable_grad():
        ...     print((2 * x).requires_grad)
        ...
        True
    """

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        self = super().__new__(cls)
        return self if function is None else self(function)


class set_grad_enabled(_Switch):
    """Record operations or not, from now on or, as a context manager, until exit.

    Args:
        enabled: whether to record.

    Example:
        >>> import lucid
        >>> x = lucid.ones(1, requires_grad=True)
        >>> with lucid.set_grad_enabled(False):
        ...     print((2 * x).requires_grad)
        ...
        False
    """

    def __init__(self, enabled: bool) -> None:
        self._previous = mode.enabled
        self._enabled = mode.enabled = bool(enabled)

    def __enter__(self) -> None:
        mode.enabled = self._enabled

    def __exit__(self, *exc: object) -> None:
        mode.enabled = self._previous

    def __call__(self, function: F) -> F:
        mode.enabled = self._previous
        return super().__call__(function)


class inference_mode:
    """Like ``no_grad``, for code that will never need gradients of what it makes.

    Args:
        mode: False makes it do nothing; a function is decorated.

    Example:
        >>> import lucid
        >>> x = lucid.ones(1, requires_grad=True)
        >>> with lucid.inference_mode():
        ...     print((2 * x).requires_grad)
        ...
        False
    """

    def __new__(cls, mode: bool | Callable[..., Any] = True) -> Any:
        self = super().__new__(cls)
        if callable(mode):
            self._active = True
            return self(mode)
        return self

    def __init__(self, mode: bool | Callable[..., Any] = True) -> None:
        self._active = bool(mode)
        self._stack: list[tuple[bool, bool]] = []

    def __enter__(self) -> None:
        self._stack.append((mode.enabled, mode.inference))
        if self._active:
            mode.enabled, mode.inference = False, True

    def __exit__(self, *exc: object) -> None:
        mode.enabled, mode.inference = self._stack.pop()

    def __call__(self, function: F) -> F:
        active = self._active

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with inference_mode(active):
                return function(*args, **kwargs)

        return wrapped  # type: ignore[return-value]


def is_grad_enabled() -> bool:
    """Whether operations are recorded in this thread.

    Example:
        >>> import lucid
        >>> with lucid.no_grad():
        ...     print(lucid.is_grad_enabled())
        ...
        False
    """
    return mode.enabled


def is_inference_mode_enabled() -> bool:
    """Whether this thread is inside ``inference_mode``.

    Example:
        >>> import lucid
        >>> with lucid.inference_mode():
        ...     print(lucid.is_inference_mode_enabled())
        ...
        True
    """
    return mode.inference
