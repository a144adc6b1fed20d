"""Operators by ONNX's names: functions of tensors (None for inputs left out), with attributes as keyword arguments.

A function whose keywords include ``outputs`` or ``opset`` is told how many results a node has, and the operator set of
its file.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])
OPERATORS: dict[str, Callable[..., Any]] = {}
RESULTS: dict[str, int] = {}
"""How many results operators can give that give more than one."""

TOLD = ("outputs", "opset")


def operator(*names: str, results: int = 1) -> Callable[[Function], Function]:
    """Enter the decorated function under ONNX's names."""

    def enter(function: Function) -> Function:
        OPERATORS.update(dict.fromkeys(names, function))
        if results > 1:
            RESULTS.update(dict.fromkeys(names, results))
        return function

    return enter


def keywords(function: Callable[..., Any]) -> set[str]:
    """The names of its keyword arguments."""
    return {p.name for p in inspect.signature(function).parameters.values() if p.kind is p.KEYWORD_ONLY}


def lacks(name: str, domain: str, attributes: dict[str, Any], outputs: list[str]) -> str | None:
    """What of a node is not supported: its operator, an attribute or a result; None if nothing."""
    function = OPERATORS.get(name) if domain in ("", "ai.onnx") else None
    if function is None:
        return f"{domain}.{name}" if domain else name
    odd = sorted(set(attributes) - keywords(function).difference(TOLD))
    if odd:
        return f"{name} with {', '.join(odd)}"
    used = max([i + 1 for i, y in enumerate(outputs) if y], default=0)
    return f"{name} with {used} outputs" if used > RESULTS.get(name, 1) else None
