"""What every function of the namespace stands behind: its first tensor is one, and errors have its name."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any

import lucid
from lucid._functions._arguments import check_tensors
from lucid._functions._naming import named


def _known() -> set[str]:
    """Names that the functions it is made of put in front of their errors."""
    return {*dir(lucid), *dir(lucid.linalg), *dir(lucid.fft)}


def checked(names: Iterable[str], namespace: dict[str, Any]) -> dict[str, Callable[..., Any]]:
    """The functions among ``names`` of ``namespace``; what they raise is named after them, on one line.

    Raises:
        TypeError: in a call: the first argument is ``x``, and no tensor.
    """

    def behind(name: str, function: Callable[..., Any], tensor_first: bool) -> Callable[..., Any]:
        function.__qualname__ = function.__name__ = name  # which Python puts in front of what it says of a call

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                if tensor_first and args:
                    check_tensors(name, args[0])
                return function(*args, **kwargs)
            except (TypeError, ValueError, RuntimeError, LookupError, AttributeError, ArithmeticError) as error:
                better = named(error, call, (*args, *kwargs.values()), tuple(kwargs), _known())
                if better is error:
                    raise
                raise better from None

        return call

    found = {name: namespace[name] for name in names}
    return {
        name: behind(name, f, next(iter(inspect.signature(f).parameters), "") == "x")
        for name, f in found.items()
        if inspect.isfunction(f)
    }
