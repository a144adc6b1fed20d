"""Build of the compiled layer: one C translation of ``lucid/_ops.pyx``, one extension per CPU level.

Everything else about the package is declared in ``pyproject.toml``.
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).parent
# setup.py is among them because a change of flags must rebuild too.
DEPENDS = ["setup.py", *sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("lucid/*/*.px[id]"))]

MODULES = [
    "lucid._bfloat16",
    "lucid._cpu",
    "lucid._ops",
    "lucid.autograd._node",
    "lucid.autograd._engine",
    "lucid._functions._arguments",
    "lucid._functions._binary",
    "lucid._functions._gate",
    "lucid._functions._unary",
    "lucid.compiler._watch",
]

# Every flag has its reason here. None changes a result: no -ffast-math, no -march=native.
CFLAGS = [
    "-O3",
    "-g0",  # some Pythons compile extensions with -g, which doubles the wheel
    "-fno-math-errno",  # a sqrt that need not set errno vectorises
    "-fno-trapping-math",  # a branch over arithmetic may become a vector select
    "-ffp-contract=fast",  # GCC's own choice; Clang fuses within a statement only, and kernels of one sum would differ
    "-fno-strict-aliasing",  # NumPy's and Cython's object structs alias one another
    "-Wno-unused-function",  # Cython emits helpers it does not call
]
LEVELS = {
    "v2": ["-march=x86-64-v2"],
    "v3": ["-march=x86-64-v3"],
    "v4": ["-march=x86-64-v4", "-mprefer-vector-width=512"],
}
# For a level, where the compiler (GCC 12) knows them: else arrays on the stack are copied by quarters of what is then
# read, which waits for the stores, and cleared by instructions that take a hundred cycles to start.
TUNING = {
    "v3": ["-mmove-max=256", "-mstore-max=256", "-mmemset-strategy=vector_loop:2048:noalign,libcall:-1:noalign"],
    "v4": ["-mmemset-strategy=vector_loop:2048:noalign,libcall:-1:noalign"],
}
DIRECTIVES = {
    "language_level": 3,
    "boundscheck": False,
    "wraparound": False,
    "cdivision": True,
    "initializedcheck": False,
    "freethreading_compatible": False,
    "embedsignature": True,
}
PROBE = "int main(void) { return 0; }"
OPENMP_PROBE = "#include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }"
# Where this compiles, _kernels/team.pxi has all that OpenMP code calls, and nothing is linked with libgomp.
TEAM_PROBE = """
#include <linux/futex.h>
#include <pthread.h>
#if !defined(__linux__) || !defined(_OPENMP) || defined(__clang__) || __GNUC__ < 9
#error "only what GCC 9 and later call on Linux is there"
#endif
int main(void) { return 0; }
"""
PYTHON_PROBE = "#include <Python.h>\nint main(void) { return 0; }"


def source(module: str) -> str:
    return module.replace(".", "/") + ".pyx"


def compiles(cc: list[str], flags: list[str], source: str = PROBE) -> bool:
    """True when ``cc flags`` compiles ``source``, and links it unless the flags hold -c."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "probe.c")
        path.write_text(source)
        command = [*cc, *flags, str(path), "-o", str(Path(folder, "probe"))]
        try:
            return subprocess.run(command, capture_output=True).returncode == 0
        except OSError:
            return False


def obstacle(cc: list[str]) -> str:
    """Why ``cc`` cannot build an extension of this Python, in one line; empty when it can."""
    if not compiles(cc, []):
        return (
            f"no working C compiler: {shlex.join(cc)!r} cannot build a test program. "
            "Install one (for example 'apt-get install gcc libc6-dev' or 'dnf install gcc'), or set CC."
        )
    include = sysconfig.get_path("include")
    if not compiles(cc, ["-c", f"-I{include}"], PYTHON_PROBE):
        return (
            f"Python.h does not compile from {include}: install the headers of Python {sysconfig.get_python_version()} "
            "(for example 'apt-get install python3-dev' or 'dnf install python3-devel')."
        )
    return ""


def choose_levels(machine: str, openmp: bool, known: list[str]) -> tuple[list[str], str]:
    """The CPU levels to build, and when there is only the plain build (``[""]``), why, in one line.

    Args:
        machine: the architecture, as ``platform.machine()`` spells it.
        openmp: the compiler has OpenMP.
        known: the levels the compiler has flags for.
    """
    if not openmp:
        return [""], "this compiler has no OpenMP: building one single-threaded _ops."
    if machine.lower() not in ("x86_64", "amd64"):
        return [""], f"no CPU levels are defined for {machine}: building one plain _ops."
    if not known:
        return [""], "this compiler does not know -march=x86-64-v2 (GCC 11 and Clang 12 do): building one plain _ops."
    return known, ""


def level_extension(ext: Extension, level: str, openmp: bool, team: bool, tuning: list[str]) -> Extension:
    """``ext`` for one CPU level; an empty level is the plain build. ``team``: with lucid's own threads for OpenMP."""
    import numpy

    threaded = openmp and ext.name == "lucid._ops"
    own = threaded and team
    return Extension(
        f"lucid._{level}._ops" if level else ext.name,
        ext.sources,
        include_dirs=[numpy.get_include()],
        define_macros=[
            ("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION"),
            ("LUCID_LEVEL", f'"{level or "plain"}"'),
            *([("LUCID_OWN_TEAM", "1")] if own else []),
        ],
        extra_compile_args=[*CFLAGS, *LEVELS.get(level, []), *tuning, *(["-fopenmp"] if threaded else [])],
        extra_link_args=["-pthread"] if own else ["-fopenmp"] if threaded else [],
        depends=DEPENDS,
    )


class BuildOps(build_ext):
    """``build_ext`` that expands ``lucid._ops`` into one extension per CPU level the compiler knows."""

    def finalize_options(self) -> None:
        self.cc = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
        openmp = compiles(self.cc, ["-fopenmp"], OPENMP_PROBE)
        team = openmp and compiles(self.cc, ["-c", "-fopenmp"], TEAM_PROBE)
        known = [level for level, flags in LEVELS.items() if compiles(self.cc, ["-c", *flags])]
        tuning = {level: flags for level, flags in TUNING.items() if compiles(self.cc, ["-c", *LEVELS[level], *flags])}
        levels, self.notice = choose_levels(platform.machine(), openmp, known)
        if chosen := os.environ.get("LUCID_BUILD_LEVELS"):  # a third of the time while working on a kernel
            levels = [level for level in levels if level in chosen.split(",")] or levels
        self.distribution.ext_modules = [
            level_extension(ext, level, openmp, team, tuning.get(level, []))
            for ext in self.distribution.ext_modules
            for level in (levels if ext.name == "lucid._ops" else [""])
        ]
        super().finalize_options()
        self.parallel = self.parallel or os.cpu_count()

    def run(self) -> None:
        if problem := obstacle(self.cc):
            sys.exit(f"lucid: {problem}")
        if self.notice:
            print(f"lucid: {self.notice}", file=sys.stderr)
        self._remove_stale()
        self._translate()
        super().run()

    def _remove_stale(self) -> None:
        """Delete extensions an earlier build with another compiler left: lucid would load them, wheels carry them."""
        wanted = {Path(self.get_ext_fullpath(ext.name)).resolve() for ext in self.extensions}
        folder = ROOT if self.inplace else Path(self.build_lib)
        for path in folder.glob(f"lucid/**/*{sysconfig.get_config_var('EXT_SUFFIX')}"):
            if path.resolve() not in wanted:
                path.unlink()

    def _translate(self) -> None:
        """Run Cython once per module, then give each level a C file, and so an object file, of its own."""
        from Cython.Build import cythonize

        modules = [Extension(name, [source(name)], depends=DEPENDS) for name in MODULES]
        translated = cythonize(modules, compiler_directives=DIRECTIVES, build_dir="build/cython", quiet=True)
        c_files = {Path(module.sources[0]).stem: Path(module.sources[0]) for module in translated}
        for ext in self.extensions:
            c_file = c_files[ext.name.rpartition(".")[2]]
            copy = c_file.with_name(f"{ext.name}.c")
            if not copy.exists() or copy.stat().st_mtime < c_file.stat().st_mtime:
                shutil.copy(c_file, copy)
            ext.sources = [str(copy)]
            if self.inplace:
                Path(self.get_ext_fullpath(ext.name)).parent.mkdir(exist_ok=True)


if __name__ == "__main__":
    setup(
        ext_modules=[Extension(name, [source(name)]) for name in MODULES],
        cmdclass={"build_ext": BuildOps},
    )
