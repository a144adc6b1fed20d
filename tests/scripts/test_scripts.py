"""Training scripts written for PyTorch reach the same losses on lucid, from the same weights."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scripts.curves import CURVES, RUNS, initial, losses

import lucid

LUCID = [sys.executable, "-P", "-m", "lucid.torch"]
STORED = json.loads(CURVES.read_text())
TOLERANCE = {"classify": 2e-2}
"""Relative, of the losses of all steps; 1e-4 unless given. Batch norms over ReLUs magnify rounding errors: PyTorch with
its other convolution (``torch.backends.mkldnn.enabled = False``) is up to 1.7e-2 away from itself in 36 steps."""


def assert_close(name: str, found: list[float], expected: list[float]) -> None:
    np.testing.assert_allclose(found, expected, rtol=TOLERANCE.get(name, 1e-4))


def weights(name: str, directory: Path) -> str:
    path = directory / "weights.pt"
    lucid.save({k: lucid.from_numpy(v) for k, v in initial(STORED[name]["shapes"]).items()}, path)
    return str(path)


@pytest.mark.parametrize("name", RUNS)
def test_losses_are_those_on_pytorch(name: str, tmp_path: Path) -> None:
    found = losses(LUCID, RUNS[name], "--weights", weights(name, tmp_path))
    assert_close(name, found, STORED[name]["losses"])
    assert found[-1] < 0.75 * found[0]


@pytest.mark.parity
@pytest.mark.parametrize("name", RUNS)
def test_stored_losses_are_pytorchs(name: str, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    found = losses([sys.executable], RUNS[name], "--weights", weights(name, tmp_path))
    assert_close(name, found, STORED[name]["losses"])


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], list[float]]:
    """The arguments of a run and its losses on PyTorch."""
    pytest.importorskip("torch")
    path = weights("classify", tmp_path_factory.mktemp("uninterrupted"))
    arguments = ["classify.py", "--epochs", "4", "--count", "400", "--weights", path]
    return arguments, losses([sys.executable], arguments)


@pytest.mark.parity
@pytest.mark.parametrize("first, second", [("torch", "lucid"), ("lucid", "torch")])
def test_an_interrupted_run_goes_on_in_the_other_library(
    first: str, second: str, uninterrupted: tuple[list[str], list[float]], tmp_path: Path
) -> None:
    python: dict[str, Any] = {"torch": [sys.executable], "lucid": LUCID}
    arguments, whole = uninterrupted
    checkpoint = ["--checkpoint", str(tmp_path / "checkpoint.pt")]
    half = losses(python[first], arguments, "--stop", "2", *checkpoint)
    assert len(half) == len(whole) // 2
    assert_close("classify", half, whole[: len(half)])
    assert_close("classify", losses(python[second], arguments, *checkpoint), whole)
