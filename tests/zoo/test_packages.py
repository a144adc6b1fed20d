"""Packages written for PyTorch, unmodified, on lucid: the outputs, gradients and losses they reach on PyTorch.

Needs a Python with PyTorch, this one or that of LUCID_ZOO_TORCH, and the package in both. Runs a few cases; all of them
when LUCID_ZOO is "all" (``make zoo``).
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from zoo.zoo import HERE

ELSEWHERE = os.environ.get("LUCID_ZOO_TORCH")
ALL = (
    "bert", "gpt2", "llama", "gemma3", "vit", "mobilevit", "features", "pretrained", "generation", "trainer", "adapters",
    "metrics", "equations",
)  # fmt: skip
WITHIN = {"mobilevit": 1e-9}
"""Units of the largest number of an array; 1e-4 for cases that are not here, which compute in float32."""
pytestmark = [
    pytest.mark.zoo,
    pytest.mark.skipif(not ELSEWHERE and importlib.util.find_spec("torch") is None, reason="needs torch"),
]


def run(python: list[str], case: str, path: Path) -> dict[str, np.ndarray]:
    done = subprocess.run([*python, HERE / "packages.py", case, path], capture_output=True, text=True, timeout=600)
    if done.returncode == 5:
        pytest.skip("its package is not installed")
    assert done.returncode == 0, done.stderr
    with np.load(path) as file:
        return dict(file)


@pytest.mark.parametrize("case", ALL if os.environ.get("LUCID_ZOO") == "all" else ("llama", "metrics", "features"))
def test_agrees_with_pytorch(case: str, tmp_path: Path) -> None:
    theirs = run([ELSEWHERE or sys.executable, "-P"], case, tmp_path / "theirs.npz")
    mine = run([sys.executable, "-P", "-m", "lucid.torch"], case, tmp_path / "mine.npz")
    assert set(mine) == set(theirs)
    for name, reference in theirs.items():
        assert mine[name].shape == reference.shape and mine[name].dtype == reference.dtype, name
        if reference.dtype.kind == "i":
            assert (mine[name] == reference).all(), name
        else:
            scale = max(float(np.abs(reference).max()), 1e-3)
            np.testing.assert_allclose(mine[name], reference, rtol=0, atol=WITHIN.get(case, 1e-4) * scale, err_msg=name)
