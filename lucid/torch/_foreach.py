"""``torch._foreach_*``: the same operation on every tensor of a list, which optimizers of other packages use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lucid

OPERATIONS = (
    "abs", "add", "addcdiv", "addcmul", "clamp_max", "clamp_min", "copy", "div", "exp", "lerp", "log", "maximum",
    "minimum", "mul", "neg", "pow", "reciprocal", "round", "rsqrt", "sigmoid", "sign", "sqrt", "sub", "tanh", "zero",
)  # fmt: skip


def _function(operation: str) -> Callable[..., Any]:
    """The operation on one tensor, as a function that returns its result."""
    if operation in ("maximum", "minimum"):  # of numbers as well
        clamp = lucid.clamp_min if operation == "maximum" else lucid.clamp_max
        return lambda x, y: clamp(x, y)
    if operation in ("addcdiv", "addcmul"):
        ternary = getattr(lucid, operation)
        return lambda x, a, b, value=1: ternary(x, a, b, value=value)
    return getattr(lucid, operation)


def _foreach(operation: str, inplace: bool) -> Callable[..., Any]:
    def apply(tensors: Any, *args: Any, **kwargs: Any) -> list[Any] | None:
        results = []
        function = None if operation in ("copy", "zero") else _function(operation)
        for i, x in enumerate(tensors):
            own = [a[i] if isinstance(a, (list, tuple)) else a for a in args]
            if function is None:
                getattr(x, operation + "_")(*own, **kwargs)
                continue
            y = function(x, *own, **kwargs)
            if inplace:
                x.copy_(y)
            else:
                results.append(y)
        return None if inplace else results

    apply.__name__ = f"_foreach_{operation}" + "_" * inplace
    return apply


def _foreach_norm(tensors: Any, ord: Any = 2, dtype: Any = None) -> list[Any]:
    return [lucid.linalg.vector_norm(x, ord, dtype=dtype) for x in tensors]


def functions() -> dict[str, Any]:
    """All of them, by name."""
    made = [_foreach(name, True) for name in OPERATIONS]
    made += [_foreach(name, False) for name in OPERATIONS if name not in ("copy", "zero")]
    return {f.__name__: f for f in (*made, _foreach_norm)}
