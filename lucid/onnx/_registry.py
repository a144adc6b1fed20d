"""Operators by ONNX's names: functions of tensors (None for inputs left out), with attributes as keyword arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])
OPERATORS: dict[str, Callable[..., Any]] = {}


def operator(*names: str) -> Callable[[Function], Function]:
    """Enter the decorated function under ONNX's names."""

    def enter(function: Function) -> Function:
        OPERATORS.update(dict.fromkeys(names, function))
        return function

    return enter


def lacks(name: str, domain: str, attributes: dict[str, Any]) -> str | None:
    """What of a node is not supported: its operator or an attribute; None if nothing."""
    function = OPERATORS.get(name) if domain in ("", "ai.onnx") else None
    if function is None:
        return f"{domain}.{name}" if domain else name
    known = {p.name for p in inspect.signature(function).parameters.values() if p.kind is p.KEYWORD_ONLY}
    odd = sorted(set(attributes) - known)
    return f"{name} with {', '.join(odd)}" if odd else None
