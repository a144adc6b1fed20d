"""Refusing what is no tensor, first thing in every function of the namespace."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any

from lucid._functions._arguments import check_tensors


def checked(names: Iterable[str], namespace: dict[str, Any]) -> dict[str, Callable[..., Any]]:
    """The functions of ``namespace`` whose first argument is ``x``, each behind a check that it is a tensor.

    Raises:
        TypeError: in a call: it is not.
    """

    def behind(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(x: Any, /, *args: Any, **kwargs: Any) -> Any:
            check_tensors(name, x)
            return function(x, *args, **kwargs)

        return call

    found = {name: namespace[name] for name in names}
    return {
        name: behind(name, f) for name, f in found.items() if next(iter(inspect.signature(f).parameters), "") == "x"
    }
