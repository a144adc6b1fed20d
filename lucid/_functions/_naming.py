"""Which function an error belongs to: the public one that was called, not one that it is made of.

The rule: an error that lucid's own code raised, or NumPy on its behalf, leaves a gate with the name of that gate in
front. The name of another function of lucid in that place gives way. Where Python or NumPy stumbled over an argument,
what they say of the insides becomes a note, and the message lists the arguments. The type, the traceback and errors
raised by anyone else stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Container
from typing import Any

from lucid import _dtype
from lucid.autograd._node import TensorBase

NAMED = ("TypeError", "ValueError", "RuntimeError", "IndexError", "NotImplementedError", "LinAlgError", "ShapeError")
"""Types of errors that are given a name; other subclasses of them are left alone."""

_PREFIX = re.compile(r"([a-z_][a-z_0-9]*): ")
_FOREIGN = re.compile(
    r"object is not|object of type|has no len|objects cannot be|object cannot be|an integer is required|"
    r"must be an iterable|not supported between|unsupported operand|is ambiguous|could not be broadcast|shape mismatch|"
    r"cannot reshape array|list index|tuple index|index out of range|slice indices|unpack|argument after|Value after|"
    r"Cannot convert|too large to|\b_\w+\(\)|empty sequence|has incorrect type|must be real|math domain|mapped shapes|"
    r"Python int|buffer|zero-size array"
)


def _is_own(error: Exception) -> bool:
    """Whether the last frame that is not NumPy's is lucid's; so it is where a call fails before it begins."""
    trace, last = error.__traceback__, "lucid"
    while trace is not None:
        root = str(trace.tb_frame.f_globals.get("__name__")).partition(".")[0]
        last = last if root == "numpy" else root
        trace = trace.tb_next
    return last == "lucid"


def _described(value: Any) -> str:
    if isinstance(value, TensorBase):
        return f"{_dtype.of_array(value._data).name} {value._data.shape}"
    text = repr(value) if isinstance(value, (bool, int, float, str)) else ""
    return text if 0 < len(text) <= 20 else type(value).__name__


def _listed(function: Any, values: tuple[Any, ...], keywords: tuple[str, ...]) -> str:
    code = getattr(function, "__code__", None)
    own = code.co_varnames[: code.co_argcount] if code is not None else ()
    first = len(values) - len(keywords)
    names = [*own[:first], *[f"argument {k + 1}" for k in range(len(own), first)], *keywords]
    return ", ".join(f"{name}: {_described(value)}" for name, value in zip(names, values))


def named(
    error: Any, function: Any, values: tuple[Any, ...], keywords: tuple[str, ...], known: Container[Any]
) -> Exception:
    """``error`` with the name of the gate ``function`` in front, in place of one that is among the names ``known``.

    ``values`` are the arguments of the call, the last of them given by ``keywords``.
    """
    name = function.__name__
    if isinstance(error, AttributeError):  # of what should have been a tensor
        found = error.obj
        if isinstance(found, TensorBase) or not any(found is v for v in values) or not _is_own(error):
            return error
        return TypeError(f"{name}: expected a Tensor, got {type(found).__name__}").with_traceback(error.__traceback__)
    if type(error).__name__ not in NAMED or len(error.args) != 1 or not _is_own(error):
        return error
    message = error.args[0]
    if not isinstance(message, str) or message.startswith((f"{name}: ", f"{name}()")):
        return error
    found = _PREFIX.match(message)
    if found is not None and found[1] in known:
        message = message[found.end() :]
    if _FOREIGN.search(message):
        error.add_note(f"raised within {name}: {message}")
        message = f"wrong argument among {_listed(function.__wrapped__, values, keywords)}"
    error.args = (f"{name}: {message}",)
    return error
