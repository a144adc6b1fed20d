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


def losses(python: list[str], name: str) -> list[float]:
    done = subprocess.run([*python, f"{KINDS / name}.py"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1].removeprefix("losses "))


@pytest.mark.parametrize("name", NAMES)
def test_the_script_runs_and_its_losses_fall(name: str) -> None:
    found = losses(LUCID, name)
    assert np.isfinite(found).all() and np.mean(found[-3:]) < 0.9 * np.mean(found[:3])


@pytest.mark.parity
@pytest.mark.parametrize("name", NAMES)
def test_the_losses_are_pytorchs(name: str) -> None:
    pytest.importorskip("torch")
    expected = losses([sys.executable], name)
    np.testing.assert_allclose(losses(LUCID, name), expected, rtol=1e-3, atol=1e-5)
