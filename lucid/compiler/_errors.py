"""What a trace refuses, and where in the user's program it happened."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any


class TraceError(RuntimeError):
    """A model does something that a compiled call could not repeat; the message says what and where.

    Example:
        >>> import lucid
        >>> @lucid.compile
        ... def f(x):
        ...     return x if x.sum() > 0 else -x
        ...
        >>> try:
        ...     f(lucid.ones(2))
        ... except lucid.compiler.TraceError as error:
        ...     print("refused")
        ...
        refused
    """


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def _is_compiler(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__", "")).startswith("lucid.compiler")


def _is_gate(frame: FrameType) -> bool:
    """Whether it stands between the caller of a public function and the function."""
    return frame.f_globals.get("__name__") == "lucid._functions._precision"


def place(root: Any) -> tuple[str, str]:
    """(name of the function of lucid that was called, ``" in Net 'block.0' (model.py:33)"``) for a frame of a trace.

    Args:
        root: the model being traced, where modules get their names from.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _is_compiler(frame):
        frame = frame.f_back
    name, caller, module = "", None, None
    while frame is not None and not _is_compiler(frame):
        if module is None and hasattr(frame.f_locals.get("self"), "_modules"):
            module = frame.f_locals["self"]
        if caller is None:
            if _package(frame) != "lucid":
                caller = frame
            elif not frame.f_code.co_name.startswith("<") and module is None and not _is_gate(frame):
                name = frame.f_code.co_name
        frame = frame.f_back
    where = ""
    if module is not None:
        where = f" in {type(module).__name__}"
        path = next((n for n, m in root.named_modules() if m is module), "") if hasattr(root, "named_modules") else ""
        where += f" '{path}'" if path else ""
    if caller is not None:
        where += f" ({caller.f_code.co_filename}:{caller.f_lineno})"
    return name, where
