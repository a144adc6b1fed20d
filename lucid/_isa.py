"""Chooses the compiled ``_ops`` for this CPU, once, before anything imports it.

The wheel carries the same source built for x86-64-v2, v3 and v4 as ``lucid._v2._ops`` and so on; other
builds carry one plain ``lucid._ops``. Whatever is chosen is known as ``lucid._ops`` from then on.
``LUCID_ISA=v2|v3|v4`` forces a level.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from types import ModuleType

try:
    from lucid import _cpu
except ImportError as error:
    # Not the interpreter's "most likely due to a circular import": the usual cause is a source tree on sys.path.
    raise ImportError(
        f"lucid has no compiled modules for this Python in {os.path.dirname(__file__)}: "
        "start Python outside the source tree, or build them there with 'python setup.py build_ext --inplace'"
    ) from error

LEVELS = ("v2", "v3", "v4")
how_chosen = ""  # one line for show_config, set by load


def built_levels() -> list[str]:
    """The CPU levels this installation was built for, lowest first; empty for a plain build."""
    find = importlib.util.find_spec  # which raises for a module of a package that does not exist
    return [level for level in LEVELS if find(f"lucid._{level}") and find(f"lucid._{level}._ops")]


def choose(forced: str | None, built: list[str], cpu: int) -> str:
    """The level to load: ``forced`` when given, else the highest one built that the CPU runs.

    Args:
        forced: value of ``LUCID_ISA``, or None.
        built: levels present in this installation, lowest first.
        cpu: the CPU's own level, 1 to 4, or 0 for another architecture.

    Raises:
        ImportError: the forced level is unknown, not built, or beyond this CPU; or nothing built runs here.
    """
    if forced and forced not in LEVELS:
        raise ImportError(f"LUCID_ISA={forced}: expected one of {', '.join(LEVELS)}")
    if not built:
        if forced:
            raise ImportError(f"LUCID_ISA={forced}: this installation has one plain build, no CPU levels; unset it")
        return ""
    runnable = [level for level in built if int(level[1]) <= cpu]
    if forced:
        if forced not in built:
            raise ImportError(f"LUCID_ISA={forced}: not in this installation, which has {', '.join(built)}")
        if forced not in runnable:
            raise ImportError(f"LUCID_ISA={forced}: this CPU runs levels up to v{cpu}")
        return forced
    if not runnable:
        raise ImportError(f"this CPU is x86-64-v{cpu} and this lucid wheel needs {built[0]}: build lucid from source")
    return runnable[-1]


def explain(forced: str | None, built: list[str], cpu: int) -> str:
    """How ``choose`` decided on these arguments, in one line."""
    if not built:
        return "the only one built"
    reason = "forced by LUCID_ISA" if forced else "the highest this CPU runs"
    return f"{reason}; CPU v{cpu}, built {' '.join(built)}"


def load() -> ModuleType:
    """Import the chosen extension and register it as ``lucid._ops``."""
    global how_chosen
    forced, built, cpu = os.environ.get("LUCID_ISA") or None, built_levels(), _cpu.level()
    level = choose(forced, built, cpu)
    how_chosen = explain(forced, built, cpu)
    module = importlib.import_module(f"lucid._{level}._ops" if level else "lucid._ops")
    sys.modules["lucid._ops"] = module
    # An entry in sys.modules alone does not bind the name in the package: lucid._ops.silu would not be found.
    sys.modules["lucid"]._ops = module  # type: ignore[attr-defined]
    return module
