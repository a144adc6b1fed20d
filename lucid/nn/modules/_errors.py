"""Which module an error belongs to: ``Linear 'head.0': expected last dimension 576, got 960 (...)``.

The rule: an error of one of the types in `NAMED` that lucid's own code raised (the innermost frame of its traceback is
in this package) is named after the innermost module it passes through, and gains the names of the modules around it
on its way out. The name of the function (``linear: ``) gives way to that of the module, except where the ``forward``
that called it was written elsewhere. The type, the traceback and errors raised by anyone else stay as they are.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from lucid._functions._arguments import ShapeError
from lucid._functions._errors import KindError, OptionError, PlaceError
from lucid._functions._naming import readable
from lucid.autograd._node import TensorBase

if TYPE_CHECKING:
    from lucid.nn.modules.module import Module

NAMED = (
    ValueError, RuntimeError, IndexError, TypeError, NotImplementedError, KindError, OptionError, PlaceError,
    ShapeError,
)  # fmt: skip
"""Types of errors that are given a module's name; subclasses of them are left alone."""

_FUNCTION = re.compile(r"[a-z_0-9]+: ")


class _Origin:
    """What an error said before it was named, and the names collected so far."""

    def __init__(self, module: Module, message: str) -> None:
        self.kind, self.message = type(module).__name__, message
        self.names: list[str] = []
        self.reached = module


def _raised_by_lucid(error: Exception) -> bool:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and str(trace.tb_frame.f_globals.get("__name__")).split(".")[0] == "lucid"


def _name_within(parent: Module, child: Module) -> str:
    """The dotted name of ``child`` in ``parent``; "?" for a module that is not registered there."""
    return next((name for name, m in parent.named_modules() if m is child), "?")


def wrong_argument(error: AttributeError, args: tuple[Any, ...], kwargs: dict[str, Any]) -> TypeError | None:
    """What to raise instead of an error about an attribute that only tensors have, of an argument that is none."""
    found = error.obj
    if isinstance(found, TensorBase) or not any(found is a for a in (*args, *kwargs.values())):
        return None
    if not _raised_by_lucid(error):
        return None
    return TypeError(f"expected a Tensor, got {type(found).__name__}").with_traceback(error.__traceback__)


def not_a_module(value: Any) -> TypeError:
    """What to raise when ``value`` is given as a part of a model; says what was probably meant."""
    if isinstance(value, type):
        return TypeError(f"{value.__name__} is a class, not a Module: make one by {value.__name__}(...)")
    if callable(value) and hasattr(value, "__name__"):
        return TypeError(f"the function {value.__name__} is not a Module subclass; call it in a forward()")
    return TypeError(f"{type(value).__name__} is not a Module subclass")


def name_module(error: Any, module: Module, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> None:
    """Put the class of the failing module and its path into the message of an error that is leaving ``module``.

    Where Python or NumPy stumbled over one of the arguments, they are listed.
    """
    origin = error.__dict__.get("_origin")
    if origin is None:
        if type(error) not in NAMED or len(error.args) != 1 or not _raised_by_lucid(error):
            return
        message = str(error.args[0])
        if message.startswith("Module ["):  # the missing forward, in PyTorch's words, which name the class
            return
        if (type(module).forward.__module__ or "").split(".")[0] == "lucid":
            said = message
            message = readable(said, type(module).forward, (module, *args), kwargs or {})
            if message.startswith("wrong argument among"):
                error.add_note(f"raised within {type(module).__name__}: {said}")
            message = message.removeprefix(f"{type(module).__name__}: ")
            message = _FUNCTION.sub("", message, count=1) if _FUNCTION.match(message) else message
        origin = error._origin = _Origin(module, message)
    elif origin.reached is not module:
        origin.names.insert(0, _name_within(module, origin.reached))
        origin.reached = module
    path = f" '{'.'.join(origin.names)}'" if origin.names else ""
    error.args = (f"{origin.kind}{path}: {origin.message}",)
