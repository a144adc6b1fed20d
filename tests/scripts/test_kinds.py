"""Scripts of many kinds, written for PyTorch: they run on lucid and reach PyTorch's losses from the same weights."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

KINDS = Path(__file__).with_name("kinds")
NAMES = sorted(path.stem for path in KINDS.glob("*.py") if path.stem != "start")
LUCID = [sys.executable, "-P", "-m", "lucid.torch"]


ALL = """
import runpy, sys
_, folder, names = sys.argv
sys.argv[1:] = []
sys.path.insert(0, folder)
for name in names.split():
    runpy.run_path(f"{folder}/{name}.py", run_name="__main__")
"""


def printed(*command: str) -> list[list[float]]:
    """The losses that scripts print, a line each."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("losses ")]
    return [json.loads(line.removeprefix("losses ")) for line in lines]


def losses(name: str) -> list[float]:
    (found,) = printed(*LUCID, f"{KINDS / name}.py")
    return found


@pytest.fixture(scope="module")
def pytorchs() -> dict[str, list[float]]:
    """PyTorch's losses, from one process: each would spend most of its time on imports."""
    pytest.importorskip("torch")
    return dict(zip(NAMES, printed(sys.executable, "-P", "-c", ALL, str(KINDS), " ".join(NAMES)), strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_the_script_runs_and_its_losses_fall(name: str) -> None:
    found = losses(name)
    assert np.isfinite(found).all() and np.mean(found[-3:]) < 0.9 * np.mean(found[:3])


@pytest.mark.parity
@pytest.mark.parametrize("name", NAMES)
def test_the_losses_are_pytorchs(name: str, pytorchs: dict[str, list[float]]) -> None:
    np.testing.assert_allclose(losses(name), pytorchs[name], rtol=1e-3, atol=1e-5)
