"""Models of torchvision and timm, unmodified, on lucid: the same outputs, gradients and statistics as on PyTorch.

One process runs them on PyTorch and writes weights and results to files; another, in which ``torch`` is lucid, loads
the weights and compares. Needs torchvision and timm, and a Python with PyTorch: this one, or that of LUCID_ZOO_TORCH.
Runs a few families; all of them when LUCID_ZOO is "all" (``make zoo``).
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from zoo.families import FAST, TIMM, TORCHVISION, Case
from zoo.zoo import HERE, Worker

ELSEWHERE = os.environ.get("LUCID_ZOO_TORCH")
MISSING = [name for name in ("torchvision", "timm") if importlib.util.find_spec(name) is None]
if not ELSEWHERE and importlib.util.find_spec("torch") is None:
    MISSING.append("torch")

pytestmark = [
    pytest.mark.zoo,
    pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)}"),
]
CASES = [*TORCHVISION, *TIMM] if os.environ.get("LUCID_ZOO") == "all" else FAST

OUTPUT = 1e-5
"""Of float32 outputs, in units of the largest."""

GRADIENT = 2e-2
"""Of all float32 gradients as one vector. An activation within rounding errors of a kink of ReLU may lie on the other
side of it, and then gradients differ by more than rounding; where none does, the difference is about 1e-6."""

DOUBLE = 1e-6
"""Of everything in float64, by array. Usually 1e-12; 1e-7 where PyTorch or a model computes in float32 in between."""


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Worker, Worker]]:
    directory = tmp_path_factory.mktemp("zoo")
    torch = Worker([ELSEWHERE or sys.executable, "-P"], directory)
    lucid = Worker([sys.executable, "-P", "-m", "lucid.torch"], directory)
    yield torch, lucid
    torch.close()
    lucid.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.library}-{case.name}")
def test_agrees_with_pytorch(case: Case, workers: tuple[Worker, Worker], rows: list[str]) -> None:
    torch, lucid = workers
    try:
        reference = torch.ask(case)
        assert "error" not in reference, reference["traceback"]
        found = lucid.ask(case)
    finally:
        for path in torch.directory.glob(f"{case.name}.*"):
            path.unlink()
    size = f"{case.name:<34}{reference['parameters'] / 1e6:11.2f}"
    if "error" in found:
        rows.append(f"{size}   {found['error'].splitlines()[0][:100]}")
        assert case.lacks and case.lacks in found["error"], found["traceback"]
        pytest.xfail(found["error"])
    rows.append(size + columns(found))
    assert not case.lacks, f"{case.name} works now: remove its 'lacks'"
    assert found["eval output"] < OUTPUT, found["eval output at"]
    assert found["eval norm"] < GRADIENT, found["eval gradient at"]
    for kind in ("output", "gradient", "buffer"):
        assert found[f"train {kind}"] < DOUBLE, found[f"train {kind} at"]


def test_transforms_agree_with_pytorch(tmp_path: Path) -> None:
    results = []
    for i, python in enumerate(([ELSEWHERE or sys.executable, "-P"], [sys.executable, "-P", "-m", "lucid.torch"])):
        path = tmp_path / f"{i}.npz"
        done = subprocess.run([*python, HERE / "transforms.py", path], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        with np.load(path) as file:
            results.append(dict(file))
    for name, reference in results[0].items():
        mine = results[1][name]
        assert mine.dtype == reference.dtype, name
        np.testing.assert_allclose(mine, reference, rtol=0, atol=1e-5 if mine.dtype.kind == "f" else 0, err_msg=name)


def columns(found: dict[str, Any]) -> str:
    keys = ("eval output", "eval norm", "train output", "train gradient", "train buffer")
    text = "".join(f"{found[key]:{width}.0e}" for key, width in zip(keys, (9, 11, 9, 11, 13)))
    return text + f"{found['eval seconds']:7.2f}{found['train seconds']:11.2f}"


@pytest.mark.skipif(not ELSEWHERE, reason="PyTorch is in this environment")
def test_pytorch_is_not_there() -> None:
    assert importlib.util.find_spec("torch") is None
