"""The other CPU levels of this installation: within the same bounds, and in agreement with each other."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ops.record import Record, assert_ulp, families

from lucid import _cpu, _isa, _ops

ACTIVE = _ops.build_info()["level"]
BUILT = _isa.built_levels()
HERE = Path(__file__).parent

pytestmark = pytest.mark.skipif(not BUILT, reason="one plain build, without CPU levels")


def run(level: str, *command: str) -> str:
    """The output of a Python command under another level; fails with that output."""
    if int(level[1]) > _cpu.level():
        pytest.skip(f"this CPU is x86-64-v{_cpu.level()}")
    environment = {**os.environ, "LUCID_ISA": level, "PYTHONPATH": os.pathsep.join([str(HERE.parent), *sys.path])}
    done = subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{level}:\n{done.stdout[-4000:]}{done.stderr[-2000:]}"
    return done.stdout


@pytest.mark.parametrize("level", [level for level in BUILT if level != ACTIVE])
def test_values_and_extremes(level: str) -> None:
    """`test_records.py` again: the tests of values, sweeps, extremes, examples and thread counts."""
    chosen = "test_values or test_sweep or test_extremes or test_dense or test_examples or test_thread_count"
    output = run(
        level, "-m", "pytest", str(HERE / "test_records.py"), "-k", chosen, "-p", "no:cacheprovider", "--tb=line"
    )
    assert " passed" in output


COLLECT = """
import sys, numpy as np
from lucid import _ops
from ops.test_levels import outputs
assert _ops.build_info()["level"] == sys.argv[2]
np.savez(sys.argv[1], **outputs())
"""


def measured() -> list[Record]:
    return [r for r in families() if any(isinstance(o, tuple) for c in r.cases for o in c.operands)]


def outputs() -> dict[str, Any]:
    """Results of every record's first cases in float32."""
    found = {}
    for record in measured():
        for i, case in enumerate(record.cases[:8]):
            for j, y in enumerate(record.results(record.draw(case, np.float32), case.params)):
                found[f"{record.name}|{i}|{j}"] = y
    return found


@pytest.fixture(scope="module")
def by_level(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for level in BUILT:
        if int(level[1]) <= _cpu.level():
            path = tmp_path_factory.mktemp(level) / "outputs.npz"
            run(level, "-c", COLLECT, str(path), level)
            with np.load(path) as data:
                found[level] = dict(data)
    return found


@pytest.mark.parametrize("other", [level for level in BUILT if level != "v2"])
def test_levels_agree(other: str, by_level: dict[str, dict[str, Any]]) -> None:
    """No further apart than one level may be from the exact result: the bound of each record."""
    if other not in by_level or "v2" not in by_level:
        pytest.skip(f"this CPU is x86-64-v{_cpu.level()}")
    assert by_level["v2"].keys() == by_level[other].keys()
    for record in measured():
        for i, case in enumerate(record.cases[:8]):
            arrays = record.draw(case, np.float32)
            scale = record.magnitude(arrays, case.params)
            for j in range(len(record.results(arrays, case.params))):
                lower, higher = (by_level[level][f"{record.name}|{i}|{j}"] for level in ("v2", other))
                wide = lower.astype(np.float64) if lower.dtype.kind == "f" else lower
                assert_ulp(
                    higher,
                    wide,
                    record.ulp[0],
                    scale,
                    record.atol[0],
                    False,
                    f"{record.name}({case}): {other} against v2",
                )
