"""Finding where values become NaN or infinite."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lucid.autograd import _watching
from lucid.autograd._node import TensorBase
from lucid.autograd._site import find_site, holds
from lucid.autograd._watching import Observer

__all__ = ["NaNError", "detect_nan"]


class NaNError(FloatingPointError):
    """An operation made NaN or an infinity from finite values; see `detect_nan`.

    Example:
        >>> import lucid
        >>> with lucid.autograd.detect_nan():
        ...     try:
        ...         lucid.log(lucid.tensor([-1.0]))
        ...     except lucid.autograd.NaNError as error:
        ...         print("found")
        ...
        found
    """

    __module__ = "lucid.autograd"


def _state(x: Any) -> tuple[bool, bool]:
    """Whether ``x``, a tensor, an array, a number or a sequence of them, holds NaN, and whether an infinity."""
    if isinstance(x, float):
        return math.isnan(x), math.isinf(x)
    if isinstance(x, (tuple, list)):
        states = [_state(v) for v in x]
        return any(s[0] for s in states), any(s[1] for s in states)
    data = x._data if isinstance(x, TensorBase) else x
    return holds(data) if isinstance(data, np.ndarray) else (False, False)


class _Search(Observer):
    def __init__(self, inf: bool) -> None:
        self.inf = inf

    def before(self, operation: Any, args: tuple[Any, ...]) -> Any:
        return [] if _watching.in_backward() else [a for a in args if isinstance(a, TensorBase)]

    def after(self, operation: Any, args: tuple[Any, ...], results: tuple[Any, ...], note: Any) -> None:
        if _watching.in_backward():
            return
        nan, inf = _state(results)
        if not nan and not (inf and self.inf):
            return
        had_nan, had_inf = _state(args)
        if had_nan or (had_inf and not nan):
            return
        y = next(t for t in results if _state(t)[0 if nan else 1])
        raise NaNError(_message(operation, "NaN" if nan else "inf", y, args, had_inf))


def _message(operation: Any, what: str, y: Any, args: tuple[Any, ...], had_inf: bool) -> str:
    site = find_site(operation)
    bad = int((np.isnan if what == "NaN" else np.isinf)(y._data).sum())
    head = f"{site.module} (operation {site.function})" if site.module else f"operation {site.function}"
    source = "input that holds inf" if had_inf else "finite input"
    count = f"{bad} of {y._data.size} values, output {tuple(y._data.shape)}"
    operands = ", ".join(_operand(a, i) for i, a in enumerate(args) if isinstance(a, TensorBase))
    where = f" ({site.frames[0][0]}:{site.frames[0][1]})" if site.frames else ""
    return f"{head} made {what} from {source}: {count}; {operands or 'no tensor operands'}{where}"


def _operand(x: Any, position: int) -> str:
    data = x._data
    name = ("input", "weight", "bias")[position] if type(x).__name__ == "Parameter" and position < 3 else "input"
    if not data.size:
        return f"{name} {tuple(data.shape)}"
    if data.dtype.kind != "f":
        return f"{name} {tuple(data.shape)} {x.dtype}"
    return f"{name} {tuple(data.shape)} min {float(np.nanmin(data)):.3g} max {float(np.nanmax(data)):.3g}"


class detect_nan:
    """A context in which the first operation that makes NaN or an infinity from finite values raises, and is named.

    The error says which module, by its path, and which operation it was, how many values, the ranges of the operands
    and the line of the program. Values that are infinite or NaN already, such as masks of -inf, are let through:
    an operation raises when its output holds NaN and no operand does, or when its output holds an infinity and all
    operands are finite. Every result is searched: use it to find a mistake, not in training. The backward pass is
    the affair of `detect_anomaly`.

    Args:
        inf: raise for infinities as well, not for NaN alone.

    Raises:
        NaNError: in a forward pass inside the context.
        TypeError: ``inf`` is not a bool.

    Example:
        >>> import lucid
        >>> with lucid.autograd.detect_nan():  # doctest: +ELLIPSIS
        ...     y = lucid.tensor([1.0, -1.0]).sqrt()
        Traceback (most recent call last):
        ...
        lucid.autograd.NaNError: operation sqrt made NaN from finite input: 1 of 2 values, output (2,); input (2,) ...
    """

    def __init__(self, inf: bool = True) -> None:
        if not isinstance(inf, bool):
            raise TypeError(f"detect_nan: inf must be a bool, got {inf!r}")
        self._inf = inf
        self._searches: list[_Search] = []

    def __enter__(self) -> None:
        self._searches.append(_Search(self._inf))
        _watching.add(self._searches[-1])

    def __exit__(self, *exc: object) -> None:
        _watching.remove(self._searches.pop())
