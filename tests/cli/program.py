"""The command line as a process, the model it is tried with, and what the library makes of that model."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lucid
from lucid import models
from lucid.cli import main

NET = ("mobilenet_v3_small", "--classes", "4")
SMALL = (*NET, "--shape", "3,64,64")


def run(*arguments: object, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-P", "-m", "lucid", *map(str, arguments)], capture_output=True, text=True,
                          timeout=300, cwd=cwd, env={**os.environ, **environment})  # fmt: skip


def refused(*arguments: object, **environment: str) -> str:
    """The one line with which a command fails."""
    done = run(*arguments, **environment)
    assert done.returncode == 1 and done.stdout == "", done
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


def refused_by_main(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The same without a process of its own, for rows of refusals."""
    capsys.readouterr()
    code = main(list(map(str, arguments)))
    out, err = capsys.readouterr()
    assert (code, out) == (1, "") and len(err.splitlines()) == 1, (code, out, err)
    return err.rstrip("\n")


def outputs(weights: Path, x: np.ndarray) -> np.ndarray:
    """What the model gives, by the library."""
    model = models.mobilenet_v3_small(num_classes=4)
    model.load_state_dict(lucid.load(weights))
    with lucid.inference_mode():
        return lucid.compile(model.eval())(lucid.from_numpy(x)).numpy()


def samples(rows: int, side: int = 64) -> np.ndarray:
    return np.random.default_rng(rows).standard_normal((rows, 3, side, side)).astype(np.float32)


def conv_file(path: Path, batch: Any) -> None:
    onnx = pytest.importorskip("onnx")
    h, numbers = onnx.helper, onnx.numpy_helper
    draw = np.random.default_rng(0)
    weights = [("w", (8, 3, 3, 3)), ("v", (8, 5))]
    graph = h.make_graph(
        [h.make_node("Conv", ["x", "w"], ["a"], pads=[1, 1, 1, 1]), h.make_node("Relu", ["a"], ["b"]),
         h.make_node("GlobalAveragePool", ["b"], ["c"]), h.make_node("Flatten", ["c"], ["d"]),
         h.make_node("MatMul", ["d", "v"], ["y"])],
        "net", [h.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [batch, 3, 8, 8])],
        [h.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [batch, 5])],
        [numbers.from_array(draw.standard_normal(shape).astype(np.float32), name) for name, shape in weights],
    )  # fmt: skip
    onnx.save(h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=8), path)
