"""Show the version, the CPU level, threads and why, memory, and the extras that are installed."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
from typing import Any

import numpy as np

import lucid
from lucid import _isa, _ops
from lucid._threads import current_limit

EXAMPLES = """examples:
  lucid info
  lucid info --json | jq .threads.number
  lucid info --models 'resnet*'"""

PACKAGES = ("onnx", "onnxruntime", "pillow", "scikit-learn", "starlette", "tensorboard", "torch", "tqdm", "uvicorn")
MODULES = {"pillow": "PIL", "scikit-learn": "sklearn"}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--models", nargs="?", const="*", metavar="PATTERN", help="instead: the names of lucid.models, "
                        "or those that match, such as 'resnet*'")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="as JSON")


def memory() -> dict[str, int | None]:
    """Bytes of the machine and of this process; None where the system does not tell."""
    found: dict[str, int | None] = {"total": None, "available": None}
    try:
        with open("/proc/meminfo") as file:
            entries = dict(line.split(":", 1) for line in file)
        found = {"total": 1024 * int(entries["MemTotal"].split()[0]),
                 "available": 1024 * int(entries["MemAvailable"].split()[0])}  # fmt: skip
    except (OSError, KeyError, ValueError):
        if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
            found["total"] = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {**found, "control_group": control_group_limit()}


def control_group_limit() -> int | None:
    """The least bytes that a control group above this process grants, or None."""
    from lucid._cgroup import _group_folders

    limits = []
    for folder in _group_folders("/"):
        try:
            with open(os.path.join(folder, "memory.max")) as file:
                limits.append(int(file.read()))
        except (OSError, ValueError):  # there is none, or it says "max"
            continue
    return min(limits, default=None)


def collect() -> dict[str, Any]:
    """Everything that is shown."""
    from importlib.metadata import PackageNotFoundError, version

    packages = {}
    for name in PACKAGES:
        if importlib.util.find_spec(MODULES.get(name, name)) is not None:
            try:
                packages[name] = version(name)
            except PackageNotFoundError:
                packages[name] = "unknown version"
    build, limit = _ops.build_info(), current_limit()
    return {
        "lucid": lucid.__version__,
        "cpu": {"level": build["level"], "reason": _isa.how_chosen, "machine": platform.machine()},
        "compiler": build["compiler"],
        "openmp": build["openmp"] or None,
        "threads": {"number": limit.threads, "reason": limit.reason},
        "memory": memory(),
        "numpy": np.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": packages,
    }


def run(args: argparse.Namespace) -> int:
    from lucid.cli._common import Problem, quantity

    if args.models is not None:
        found_models = lucid.models.list_models(args.models)
        if not found_models:
            raise Problem(f"no model of lucid.models matches {args.models!r}")
        print(json.dumps(found_models, indent=2) if args.json else "\n".join(found_models))
        return 0
    found = collect()
    if args.json:
        print(json.dumps(found, indent=2))
        return 0
    sizes = [f"{quantity(n)} {name.replace('_', ' ')}" for name, n in found["memory"].items() if n is not None]
    lines = {
        "lucid": found["lucid"],
        "CPU level": f"{found['cpu']['level']} ({found['cpu']['reason']})",
        "threads": f"{found['threads']['number']}: {found['threads']['reason']}",
        "memory": ", ".join(sizes) or "unknown",
        "compiler": found["compiler"],
        "OpenMP": found["openmp"] or "none",
        "NumPy": found["numpy"],
        "Python": found["python"],
        "platform": found["platform"],
        "packages": ", ".join(f"{name} {v}" for name, v in found["packages"].items()) or "none of the optional ones",
    }
    for name, value in lines.items():
        print(f"{name + ':':<11}{value}")
    return 0
