"""Which compiled level is loaded, and what is said when none can be."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import lucid
from lucid import _cpu, _isa, _ops

BUILT = _isa.built_levels()


def run(code: str, isa: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "LUCID_ISA": isa}
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    ("forced", "built", "cpu", "level"),
    [
        (None, ["v2", "v3", "v4"], 4, "v4"),
        (None, ["v2", "v3", "v4"], 3, "v3"),
        (None, ["v2", "v3", "v4"], 2, "v2"),
        (None, ["v2", "v3"], 4, "v3"),
        ("v2", ["v2", "v3", "v4"], 4, "v2"),
        ("v3", ["v2", "v3", "v4"], 3, "v3"),
        (None, [], 0, ""),
        (None, [], 4, ""),
    ],
)
def test_choose(forced: str | None, built: list[str], cpu: int, level: str) -> None:
    assert _isa.choose(forced, built, cpu) == level


@pytest.mark.parametrize(
    ("forced", "built", "cpu", "message"),
    [
        ("v5", ["v2"], 4, "LUCID_ISA=v5: expected one of v2, v3, v4"),
        ("avx2", [], 4, "LUCID_ISA=avx2: expected one of v2, v3, v4"),
        ("v3", [], 4, "LUCID_ISA=v3: this installation has one plain build, no CPU levels; unset it"),
        ("v4", ["v2", "v3"], 4, "LUCID_ISA=v4: not in this installation, which has v2, v3"),
        ("v4", ["v2", "v3", "v4"], 3, "LUCID_ISA=v4: this CPU runs levels up to v3"),
        (None, ["v2", "v3"], 1, "this CPU is x86-64-v1 and this lucid wheel needs v2: build lucid from source"),
    ],
)
def test_choose_refuses(forced: str | None, built: list[str], cpu: int, message: str) -> None:
    with pytest.raises(ImportError) as error:
        _isa.choose(forced, built, cpu)
    assert str(error.value) == message


def test_cpu_level_agrees_with_the_kernel() -> None:
    try:
        flags = set(Path("/proc/cpuinfo").read_text().split("flags", 1)[1].split("\n", 1)[0].split())
    except (OSError, IndexError):
        pytest.skip("no x86 flags in /proc/cpuinfo")
    needs = [
        "cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3",
        "avx avx2 bmi1 bmi2 f16c fma abm movbe xsave",
        "avx512f avx512bw avx512cd avx512dq avx512vl",
    ]
    level = 1
    while level < 4 and set(needs[level - 1].split()) <= flags:
        level += 1
    assert _cpu.level() == level


def test_built_levels_are_those_on_disk() -> None:
    folder = Path(_isa.__file__).parent
    assert [f"_{level}" for level in BUILT] == sorted(path.parent.name for path in folder.glob("_v?/_ops.*"))


def test_the_highest_level_is_loaded() -> None:
    result = run("import lucid; from lucid import _ops; print(_ops.build_info()['level'])", "")
    assert result.stdout.strip() == (_isa.choose(None, BUILT, _cpu.level()) or "plain"), result.stderr


@pytest.mark.parametrize("level", [level for level in BUILT if int(level[1]) <= _cpu.level()])
def test_a_level_can_be_forced(level: str) -> None:
    code = """
import lucid, lucid._ops, numpy as np
print(lucid._ops.build_info()["level"], lucid._ops.silu(np.ones(1000, np.float32))[999])
lucid.show_config()"""
    result = run(code, level)
    assert result.returncode == 0, result.stderr
    first, *config = result.stdout.splitlines()
    assert first.startswith(f"{level} 0.73105")
    assert f"CPU level: {level} (forced by LUCID_ISA; CPU v{_cpu.level()}, built {' '.join(BUILT)})" in config


def test_an_unknown_level_stops_the_import_with_one_line() -> None:
    result = run("import lucid", "fast")
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == "ImportError: LUCID_ISA=fast: expected one of v2, v3, v4"


def test_ops_is_an_attribute_and_a_module_of_one_identity() -> None:
    assert sys.modules["lucid._ops"] is _ops is vars(lucid)["_ops"]


def test_an_unbuilt_source_tree_says_so(tmp_path: Path) -> None:
    package = tmp_path / "lucid"
    package.mkdir()
    shutil.copy(str(_isa.__file__), package)
    (package / "__init__.py").write_text("from lucid import _isa\n")
    result = subprocess.run(
        [sys.executable, "-c", "import lucid"], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert result.stderr.splitlines()[-1] == (
        f"ImportError: lucid has no compiled modules for this Python in {package}: "
        "start Python outside the source tree, or build them there with 'python setup.py build_ext --inplace'"
    )
