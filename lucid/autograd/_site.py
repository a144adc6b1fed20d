"""Where an operation was called: the function of lucid, the module by its path, the line of the user's program."""

from __future__ import annotations

import linecache
import re
import sys
from itertools import pairwise
from types import FrameType
from typing import Any, NamedTuple

import numpy as np

from lucid import _dtype, _ops


class Site(NamedTuple):
    """One call.

    Attributes:
        function: the function of lucid that was called, such as ``conv2d``.
        module: ``Conv2d 'layer2.0.conv1'``, or "" outside of modules.
        path: ``layer2.0.conv1``.
        frames: file, line and function of the callers outside lucid, the innermost first.
    """

    function: str
    module: str
    path: str
    frames: tuple[tuple[str, int, str], ...]

    def place(self) -> str:
        """``sqrt in Net 'block.0' (model.py:33: y = x.sqrt())``."""
        where = f"{self.function} in {self.module}" if self.module else self.function
        if not self.frames:
            return where
        file, line, _ = self.frames[0]
        code = linecache.getline(file, line).strip()
        return f"{where} ({file}:{line}{': ' + code if code else ''})"

    def traceback(self) -> str:
        """The callers as Python prints them, the innermost last."""
        lines = []
        for file, line, name in reversed(self.frames):
            code = linecache.getline(file, line).strip()
            lines += [f'  File "{file}", line {line}, in {name}'] + ([f"    {code}"] if code else [])
        return "\n".join(lines)


def holds(data: np.ndarray) -> tuple[bool, bool]:
    """Whether an array holds NaN, and whether an infinity."""
    if data.dtype.kind not in "fc":
        if not _dtype.is_floating(data.dtype):
            return False, False
        data = _ops.widen_bfloat16(np.ascontiguousarray(data).view(np.uint16))
    if np.isfinite(data).all():
        return False, False
    return bool(np.isnan(data).any()), bool(np.isinf(data).any())


_MAKESHIFT = {"call", "compute", "method", "mutate", "run", "wrapped", "wrapper", "activate_inplace"}
"""Names of frames that are not those of the functions they run."""


def snake(operation: Any) -> str:
    """``MaxPool2d`` as ``max_pool2d``."""
    name = getattr(operation, "__name__", "operation")
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().strip("_")


def module_path(chain: list[Any]) -> str:
    """The dotted name of the last of ``chain``, modules that called one another, the outermost first."""
    names = []
    for parent, child in pairwise(chain):
        found = next((n for n, m in parent._modules.items() if m is child), None)
        names.append(found or next((n for n, m in parent.named_modules() if m is child), "?"))
    return ".".join(names)


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def _module_of(frame: FrameType) -> Any:
    if frame.f_code.co_varnames[:1] != ("self",):
        return None
    owner = frame.f_locals.get("self")
    return owner if "_modules" in getattr(owner, "__dict__", ()) else None


def find_site(operation: Any, limit: int = 12) -> Site:
    """The site of ``operation``, which an observer is being told of.

    Args:
        operation: gives its name where no function has one.
        limit: number of callers to keep.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and str(frame.f_globals.get("__name__", "")).startswith("lucid.autograd."):
        frame = frame.f_back
    function = ""
    chain: list[Any] = []
    frames: list[tuple[str, int, str]] = []
    while frame is not None:
        module, own = _module_of(frame), _package(frame) == "lucid"
        if module is not None and not (chain and chain[-1] is module):
            chain.append(module)
        name = frame.f_code.co_name
        if own and not chain and not frames and not name.startswith(("_", "<")) and name not in _MAKESHIFT:
            function = name
        if not own and len(frames) < limit:
            frames.append((frame.f_code.co_filename, frame.f_lineno, name))
        frame = frame.f_back
    chain.reverse()
    path = module_path(chain)
    module = f"{type(chain[-1]).__name__}{f' {path!r}' if path else ''}" if chain else ""
    return Site(function or snake(operation), module, path, tuple(frames))
