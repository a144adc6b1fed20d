"""The build: what it says when it cannot run, the build without OpenMP, and what the packages hold."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import ModuleType

import pytest

import lucid

ROOT = Path(__file__).parents[1]
IGNORED = (".git", ".venv*", "build", "dist", "*.egg-info", "__pycache__", "*.pyc", "*.so", ".*_cache", ".hypothesis")
on_a_wheel = pytest.mark.skipif("LUCID_TEST_WHEEL" not in os.environ, reason="not running on a wheel (make test)")
# The compilers below stand for worse ones: scripts around the one that works here.
CC = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
NO_OPENMP = """#!/bin/sh
for argument; do
    case $argument in -fopenmp) echo "cc: unrecognized option -fopenmp" >&2; exit 1 ;; esac
done
exec {cc} "$@" -O0
"""
NO_PYTHON_H = """#!/bin/sh
for argument; do
    if [ -f "$argument" ] && grep -q "include <Python.h>" "$argument"; then
        echo "fatal error: Python.h: No such file or directory" >&2; exit 1
    fi
done
exec {cc} "$@"
"""


@pytest.fixture(scope="module")
def setup_py() -> ModuleType:
    spec = importlib.util.spec_from_file_location("lucid_setup", ROOT / "setup.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source distribution, unpacked; made from a copy, since setuptools writes beside the sources."""
    folder = tmp_path_factory.mktemp("sdist")
    shutil.copytree(ROOT, folder / "copy", ignore=shutil.ignore_patterns(*IGNORED))
    subprocess.run(
        [sys.executable, "-c", f"from setuptools import build_meta; build_meta.build_sdist({str(folder)!r})"],
        cwd=folder / "copy",
        check=True,
        capture_output=True,
    )
    (archive,) = folder.glob("lucid-*.tar.gz")
    shutil.unpack_archive(archive, folder / "unpacked")
    (unpacked,) = (folder / "unpacked").iterdir()
    return unpacked


def script(path: Path, text: str) -> str:
    path.write_text(text.format(cc=CC))
    path.chmod(0o755)
    return str(path)


def pip_install(sdist: Path, target: Path, cc: str) -> subprocess.CompletedProcess[str]:
    """``pip install`` a copy of ``sdist`` with the compiler ``cc``; output and errors as one, as on a terminal."""
    source = shutil.copytree(sdist, target.with_name("source"))
    command = [sys.executable, "-m", "pip", "install", "--no-build-isolation", "--no-deps", "--no-index"]
    return subprocess.run(
        [*command, "-v", "--target", str(target), str(source)],
        env={**os.environ, "CC": cc},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
    )


@pytest.mark.parametrize(
    ("machine", "openmp", "known", "levels", "notice"),
    [
        ("x86_64", True, ["v2", "v3", "v4"], ["v2", "v3", "v4"], ""),
        ("AMD64", True, ["v2", "v3"], ["v2", "v3"], ""),
        ("x86_64", False, ["v2"], [""], "this compiler has no OpenMP: building one single-threaded _ops."),
        ("riscv64", True, [], [""], "no CPU levels are defined for riscv64: building one plain _ops."),
        ("aarch64", False, [], [""], "this compiler has no OpenMP: building one single-threaded _ops."),
        (
            "x86_64",
            True,
            [],
            [""],
            "this compiler does not know -march=x86-64-v2 (GCC 11 and Clang 12 do): building one plain _ops.",
        ),
    ],
)
def test_levels_to_build(
    setup_py: ModuleType, machine: str, openmp: bool, known: list[str], levels: list[str], notice: str
) -> None:
    assert setup_py.choose_levels(machine, openmp, known) == (levels, notice)


def test_no_flag_changes_results(setup_py: ModuleType) -> None:
    flags = [*setup_py.CFLAGS, *(flag for level in setup_py.LEVELS.values() for flag in level)]
    assert not {"-ffast-math", "-Ofast", "-march=native", "-funsafe-math-optimizations"} & set(flags)


def assert_one_line_from_pip(result: subprocess.CompletedProcess[str], line: str) -> None:
    """pip failed; ``line`` is the last the build said, and nothing in it is a traceback."""
    assert result.returncode == 1, result.stdout
    assert "Traceback" not in result.stdout, result.stdout
    said = [text.strip() for text in result.stdout.splitlines()]
    assert said[said.index("error: subprocess-exited-with-error") - 1] == line, result.stdout


def test_no_compiler(sdist: Path, tmp_path: Path) -> None:
    assert_one_line_from_pip(
        pip_install(sdist, tmp_path / "target", "/no/such/cc"),
        "lucid: no working C compiler: '/no/such/cc' cannot build a test program. "
        "Install one (for example 'apt-get install gcc libc6-dev' or 'dnf install gcc'), or set CC.",
    )


def test_no_python_headers(sdist: Path, tmp_path: Path) -> None:
    assert_one_line_from_pip(
        pip_install(sdist, tmp_path / "target", script(tmp_path / "cc", NO_PYTHON_H)),
        f"lucid: Python.h does not compile from {sysconfig.get_path('include')}: install the headers of Python "
        f"{sysconfig.get_python_version()} (for example 'apt-get install python3-dev' or 'dnf install python3-devel').",
    )


WITHOUT_OPENMP = """
import warnings
import numpy as np
import lucid
from lucid import _ops, _threads
assert _ops.build_info()["level"] == "plain" and _ops.build_info()["openmp"] == 0, _ops.build_info()
assert str(_threads.current_limit()) == "1: built without OpenMP"
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    lucid.set_num_threads(4)
assert [str(w.message) for w in caught] == ["set_num_threads(4): staying on one thread: built without OpenMP"]
assert lucid.get_num_threads() == 1
x = np.linspace(-20, 20, 1 << 18, dtype=np.float32)
np.testing.assert_allclose(_ops.silu(x), x / (1 + np.exp(-x.astype(np.float64))), rtol=1e-5, atol=1e-7)
print(lucid.__file__)
"""


def test_the_sdist_builds_without_openmp(sdist: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    result = pip_install(sdist, target, script(tmp_path / "cc", NO_OPENMP))
    assert result.returncode == 0, result.stdout
    said = [line.strip() for line in result.stdout.splitlines()]
    assert said.count("lucid: this compiler has no OpenMP: building one single-threaded _ops.") == 1
    assert len(list(target.glob("lucid/**/_ops*.so"))) == 1
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT_OPENMP],
        env={**os.environ, "PYTHONPATH": str(target)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (ran.returncode, ran.stdout.strip()) == (0, str(target / "lucid" / "__init__.py")), ran.stderr


def test_the_sdist_holds_every_source(sdist: Path) -> None:
    kinds = {".py", ".pyi", ".pyx", ".pxd", ".pxi", ".typed"}
    folders = ("lucid", "tests", "examples", "benchmarks")
    sources = {p.relative_to(ROOT) for folder in folders for p in (ROOT / folder).rglob("*") if p.suffix in kinds}
    wanted = {*map(str, sources), "setup.py", "pyproject.toml", "README.md", "LICENSE", "Makefile", ".ci/run"}
    held = {str(p.relative_to(sdist)) for p in sdist.rglob("*") if p.is_file()}
    assert wanted - held == set()
    assert [name for name in held if name.endswith((".so", ".pyc", ".c"))] == []


@on_a_wheel
def test_the_installed_wheel_is_what_is_tested() -> None:
    assert Path(lucid.__file__).is_relative_to(sys.prefix)
    assert not Path(lucid.__file__).is_relative_to(ROOT / "lucid")
    assert importlib.metadata.version("lucid") == lucid.__version__


@on_a_wheel
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_the_wheel_has_threads_of_its_own() -> None:
    code = "import lucid; lucid.set_num_threads(2); print(open('/proc/self/maps').read())"
    maps = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert [line for line in maps.splitlines() if "gomp" in line] == []
    assert not Path(lucid.__file__).parents[1].joinpath("lucid.libs").exists()


@on_a_wheel
def test_the_wheel_holds_no_sources_of_the_compiled_layer() -> None:
    folder = Path(lucid.__file__).parent
    assert [path.name for path in folder.rglob("*") if path.suffix in {".pyx", ".pxi", ".c"}] == []
    assert (folder / "py.typed").exists()
