"""What this installation is and how it runs here, for bug reports."""

from __future__ import annotations

import platform

import numpy as np

from lucid import _isa, _ops
from lucid._threads import current_limit
from lucid._version import __version__

OPENMP_VERSIONS = {201511: "4.5", 201811: "5.0", 202011: "5.1", 202111: "5.2", 202411: "6.0"}


def config() -> str:
    """Version, CPU level, compiler, OpenMP, threads, NumPy and platform, one per line."""
    build = _ops.build_info()
    openmp = build["openmp"]
    lines = {
        "lucid": __version__,
        "CPU level": f"{build['level']} ({_isa.how_chosen})",
        "compiler": build["compiler"],
        "OpenMP": f"{OPENMP_VERSIONS.get(openmp, '?')} ({openmp})" if openmp else "none",
        "threads": str(current_limit()),
        "NumPy": np.__version__,
        "Python": f"{platform.python_version()} ({platform.python_implementation()})",
        "platform": platform.platform(),
    }
    return "\n".join(f"{name + ':':<11}{value}" for name, value in lines.items())


def show_config() -> None:
    """Print the version, the CPU level and how it was chosen, the compiler, OpenMP, threads, NumPy and the platform.

    >>> import lucid
    >>> lucid.show_config()  # doctest: +ELLIPSIS
    lucid:     ...
    CPU level: ...
    """
    print(config())
