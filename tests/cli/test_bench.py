"""`lucid bench`."""

from __future__ import annotations

import importlib.util
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from cli.program import SMALL, conv_file, refused, run


def test_bench(plan: Path) -> None:
    done = run("bench", plan, "--vs", "torch,onnxruntime", "--rounds", "1", "--seconds", "0.05", "--json")
    assert done.returncode == 0
    found = json.loads(done.stdout)
    assert [(r["library"], r["batch"]) for r in found["results"]] == [("lucid", 1), ("lucid", 4)]
    assert all(r["milliseconds"] > 0 and r["calls"] >= 1 and r["ratio"] == 1 for r in found["results"])
    lines = done.stderr.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["lucid bench"] * 2
    assert lines[0].startswith("lucid bench: torch left out: ") and lines[1].startswith(
        "lucid bench: onnxruntime left out: "
    )
    assert refused("bench", plan, "--batch", "3") == f"lucid bench: {plan}: has no batch of 3, only 1, 4"
    assert refused("bench", plan, "--vs", "jax") == "lucid bench: --vs: expected torch or onnxruntime, got 'jax'"


@pytest.mark.parity
def test_bench_against_torch(tmp_path: Path) -> None:
    if not all(map(importlib.util.find_spec, ("torch", "torchvision"))):  # imported, it would stay for other tests
        pytest.skip("torch or torchvision is not installed")
    # torchvision's compiled part may be made for another PyTorch (CUDA's); the models need none of it.
    (tmp_path / "sitecustomize.py").write_text(
        "import sys, torch\n"
        "try:\n"
        "    import torchvision\n"
        "except RuntimeError:\n"
        "    for name in [name for name in sys.modules if name.partition('.')[0] == 'torchvision']:\n"
        "        del sys.modules[name]\n"
        "    for name in ('nms', 'qnms'):\n"
        "        torch.library.define(f'torchvision::{name}', '(Tensor dets, Tensor scores, float threshold) -> Tensor')\n"
    )
    options = ("--vs", "torch", "--rounds", "1", "--seconds", "0.05", "--json")
    done = run("bench", "mobilenet_v3_small", *options, PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    ours, theirs = json.loads(done.stdout)["results"]
    assert (ours["library"], theirs["library"]) == ("lucid", "torch") and 0 < theirs["difference"] < 1e-4


def test_bench_of_an_onnx_file_against_onnxruntime(tmp_path: Path) -> None:
    conv_file(tmp_path / "net.onnx", "n")
    done = run(
        "bench", tmp_path / "net.onnx", "--vs", "onnxruntime", "--batch", "1,2", "--rounds", "2", "--seconds", "0.02"
    )
    assert done.returncode == 0, done.stderr
    try:
        import onnxruntime  # noqa: F401
    except ImportError:
        assert done.stderr.startswith("lucid bench: onnxruntime left out: onnxruntime not installed (pip install")
        return
    assert (
        done.stderr == "" and [line.split()[1] for line in done.stdout.splitlines()[2:]] == ["lucid", "onnxruntime"] * 2
    )


def test_bench_ends_when_interrupted() -> None:
    """Its workers' answers fill a pipe that nobody reads then."""
    started = subprocess.Popen(
        [sys.executable, "-P", "-m", "lucid", "bench", *SMALL, "--seconds", "60"], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # shells let background jobs ignore it
    )  # fmt: skip
    with pytest.raises(subprocess.TimeoutExpired):
        started.communicate(timeout=3)
    started.send_signal(signal.SIGINT)
    out, err = started.communicate(timeout=60)
    assert (started.returncode, out) == (130, "") and "Traceback" not in err
