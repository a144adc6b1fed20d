"""Wrong arguments to the array API's functions: one line with the function's name, no error of Python's insides."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

import lucid
import lucid.array_api as xp

X = lucid.ones(2, 3)
FUNCTIONS = [
    (name, function)
    for module in (xp, xp.linalg, xp.fft)
    for name in (getattr(module, "__all__", None) or dir(module))
    if callable(function := getattr(module, name)) and not isinstance(function, (type, ModuleType, lucid.dtype))
]
CALLS: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    ((), {}), ((object(),), {}), (("a",), {}), ((3,), {}), ((None, None), {}), (([X, "a"],), {}), ((X, "a"), {}),
    ((X, object()), {}), ((X, None, "q"), {}), ((X, X, X, X, X), {}), ((X,), {"axis": "a"}), ((X,), {"axis": 1.5}),
    ((X,), {"dtype": "none"}), ((X,), {"dtype": 3}), ((X,), {"nobody_takes_this": 1}),
]  # fmt: skip


def test_all_functions_are_tried() -> None:
    assert len(FUNCTIONS) > 150


@pytest.mark.parametrize("name,function", FUNCTIONS, ids=[name for name, _ in FUNCTIONS])
def test_errors_are_lines_with_the_name(name: str, function: Any) -> None:
    for args, kwargs in CALLS:
        try:
            function(*args, **kwargs)
        except (TypeError, ValueError, RuntimeError, IndexError) as error:
            message = str(error)
            assert message.startswith((f"{name}: ", f"{name}() ")) and "\n" not in message, (args, kwargs, message)
