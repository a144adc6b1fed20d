"""All commands; `lucid info`, `summary` and `compile`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from cli.program import NET, SMALL, outputs, refused, refused_by_main, run, samples

import lucid
from lucid import models

COMMANDS = ("info", "summary", "bench", "compile", "predict", "serve")


# All commands


@pytest.mark.parametrize("command", [(), *[(c,) for c in COMMANDS]])
def test_help_has_examples(command: tuple[str, ...]) -> None:
    done = run(*command, "--help")
    assert done.returncode == 0 and done.stdout.startswith("usage: lucid")
    assert all(c in done.stdout for c in COMMANDS) if not command else f"\n  lucid {command[0]}" in done.stdout


def test_version_and_wrong_arguments() -> None:
    assert run("--version").stdout == f"lucid {lucid.__version__}\n"
    for arguments in (
        (),
        ("nothing",),
        ("serve",),
        ("serve", "resnet18", "--port", "99999"),
        ("bench", "x", "--batch", "0"),
    ):
        done = run(*arguments)
        assert done.returncode == 2 and done.stdout == "" and "lucid" in done.stderr.splitlines()[-1]
    assert "expected an integer from 0 to 65535, got '99999'" in run("serve", "resnet18", "--port", "99999").stderr


def test_what_does_not_fit_in_memory_is_one_line(tmp_path: Path) -> None:
    line = refused("compile", *NET[:1], "--classes", 10**12, "-o", tmp_path / "x")
    assert line == f"lucid compile: cannot allocate {4 * 1024 * 10**12} bytes"
    assert refused("summary", *SMALL, "--batch", 10**9).startswith("lucid summary: Unable to allocate ")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device")
def test_output_that_cannot_be_written_is_one_line() -> None:
    for arguments in (["info"], ["info", "--models"]):
        with open("/dev/full", "w") as full:
            done = subprocess.run([sys.executable, "-P", "-m", "lucid", *arguments], stdout=full, stderr=subprocess.PIPE,
                                  text=True, timeout=300)  # fmt: skip
        assert (done.returncode, done.stderr) == (1, "lucid info: output: no space left on device\n")


@pytest.mark.skipif(os.name != "posix", reason="closes a descriptor by a shell")
def test_closed_output_is_no_error() -> None:
    done = subprocess.run(f"'{sys.executable}' -P -m lucid info --models >&-", shell=True, capture_output=True, text=True,
                          timeout=300)  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("command", [("summary",), ("bench",), ("compile", "-o", "x"), ("predict",), ("serve",)])
def test_models_that_are_none(command: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name, *rest = command
    after = [*rest, *(["nothing.npy"] if name == "predict" else [])]
    junk, onnx = tmp_path / "junk.lucid", tmp_path / "junk.onnx"
    junk.write_bytes(b"junk" * 100)
    onnx.write_bytes(b"junk" * 100)
    start = f"lucid {name}: "
    assert refused(name, "resnet17", *after).startswith(
        f"{start}no model and no file is called 'resnet17'; did you mean resnet18"
    )
    assert refused_by_main(capsys, name, tmp_path / "no.onnx", *after) == f"{start}{tmp_path}/no.onnx: no such file"
    assert refused_by_main(capsys, name, junk, *after).startswith(
        f"{start}{junk}: is neither an ONNX file nor a saved plan: "
    )
    assert refused_by_main(capsys, name, "resnet18", "--weights", junk, *after).startswith(f"{start}{junk}: ")
    assert refused_by_main(capsys, name, tmp_path, *after) == f"{start}{tmp_path}: is a directory, not a model"
    assert refused_by_main(capsys, name, junk, "--classes", "3", *after) == (
        f"{start}{junk}: is a saved plan, for which there is no option classes"
    )
    pytest.importorskip("onnx")
    assert refused_by_main(capsys, name, onnx, *after) == f"{start}{onnx}: is not an ONNX file"


def test_weights_of_another_model(weights: Path) -> None:
    for name, entry in (("mobilenet_v3_small", "classifier.3.weight"), ("resnet18", "conv1.weight")):
        line = refused("summary", name, "--weights", weights)
        assert line.startswith(f"lucid summary: {weights} does not fit") and entry in line


def test_the_program_is_installed() -> None:
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        points = distribution("lucid").entry_points
    except PackageNotFoundError:
        pytest.skip("lucid is not installed, but on the path")
    (point,) = [p for p in points if p.group == "console_scripts"]
    from lucid.cli import main

    assert point.name == "lucid" and point.load() is main


def test_a_reader_that_has_seen_enough() -> None:
    code = f"{sys.executable} -P -m lucid info --models | head -1"
    done = subprocess.run(code, shell=True, capture_output=True, text=True, timeout=60)
    assert done.stdout == "alexnet\n" and done.stderr == ""


# info


def test_info() -> None:
    done = run("info", LUCID_NUM_THREADS="1")
    assert done.returncode == 0 and done.stderr == ""
    lines = dict(line.split(":", 1) for line in done.stdout.splitlines())
    assert list(lines) == ["lucid", "CPU level", "threads", "memory", "compiler", "OpenMP", "NumPy", "Python", "platform",
                           "packages"]  # fmt: skip
    assert lines["lucid"].strip() == lucid.__version__
    found = json.loads(run("info", "--json", LUCID_NUM_THREADS="1").stdout)
    assert found["threads"]["number"] == 1 and found["cpu"]["level"] == lucid._ops.build_info()["level"]
    assert found["lucid"] == lucid.__version__ and found["numpy"] == np.__version__
    if sys.platform == "linux":
        assert found["memory"]["total"] >= found["memory"]["available"] > 0


def test_info_needs_numpy_alone_and_is_quick() -> None:
    program = """
import sys
from lucid.cli import main
assert main(["info"]) == 0
heavy = {"PIL", "tqdm", "onnx", "onnxruntime", "starlette", "uvicorn", "torch", "prometheus_client"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-P", "-c", program], check=True, timeout=60, capture_output=True)


def test_names_of_models() -> None:
    assert run("info", "--models", "resnet?8").stdout == "resnet18\n"
    assert json.loads(run("info", "--models", "--json").stdout) == models.list_models()
    assert refused("info", "--models", "q*") == "lucid info: no model of lucid.models matches 'q*'"


# summary


def test_summary(plan: Path) -> None:
    done = run("summary", *SMALL, "--depth", "0", "--batch", "2")
    expected = str(lucid.summary(models.mobilenet_v3_small(num_classes=4), (2, 3, 64, 64), depth=0))
    assert done.returncode == 0 and done.stdout == expected + "\n"
    found = json.loads(run("summary", *SMALL, "--json").stdout)
    assert found["parameters"] == sum(p.numel() for p in models.mobilenet_v3_small(num_classes=4).parameters())
    assert found["inputs"] == [{"name": "x", "shape": [3, 64, 64], "dtype": "float32"}]
    assert "3 x 64 x 64\nbatches of 1, 4; the file has " in run("summary", plan).stdout
    assert refused("summary", *NET, "--shape", "5,64,64").startswith(
        "lucid summary: mobilenet_v3_small: cannot be run on zeros of x: float32 (n, 5, 64, 64): "
    )


# compile


def test_compile_refusals(plan: Path, tmp_path: Path) -> None:
    assert refused("compile", plan, "-o", tmp_path / "x") == f"lucid compile: {plan}: is a compiled plan already"
    done = run("compile", *SMALL, "-o", tmp_path / "no" / "x")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"lucid compile: {tmp_path}/no/x: no such directory"
    assert "warning: mobilenet_v3_small has random weights; give --weights FILE" in done.stderr


def test_compile_explains(tmp_path: Path) -> None:
    done = run("compile", *SMALL, "-o", tmp_path / "x", "--explain")
    assert done.returncode == 0 and "compiled segments" in done.stdout


def test_precisions(files: Path, weights: Path, tmp_path: Path) -> None:
    model = (*SMALL, "--weights", weights)
    expected = outputs(weights, samples(6))
    for options, bound in ((("bfloat16",), 0.05), (("int8", "--calibration", files / "many.npy"), 0.2)):
        done = run("predict", *model, "--precision", *options, files / "many.npy", "--format", "json", "--raw")
        if done.returncode:
            assert options == ("bfloat16",) and "bfloat16 needs" in done.stderr and len(done.stderr.splitlines()) == 1
            continue
        found = np.array([r["outputs"][0] for r in json.loads(done.stdout)])
        assert 0 < np.abs(found - expected).max() <= bound * np.abs(expected).max()
        done = run("compile", *model, "--precision", *options, "--batch", "2", "-o", tmp_path / "low.lucid")
        assert done.returncode == 0, done.stderr
        done = run("predict", tmp_path / "low.lucid", files / "many.npy", "--format", "json", "--raw")
        assert np.array([r["outputs"][0] for r in json.loads(done.stdout)]).tobytes() == found.tobytes()
    together = "precision int8 and a calibration go together, and no other precision needs one"
    assert refused("summary", *SMALL, "--precision", "int8") == f"lucid summary: mobilenet_v3_small: {together}"
    assert refused("summary", *SMALL, "--calibration", "x.npy") == f"lucid summary: mobilenet_v3_small: {together}"
    for name, reason in (("no.npy", "no such file or directory"), ("junk.npy", "is not a .npy file of numbers"),
                         ("shape.npy", "cannot calibrate mobilenet_v3_small, whose inputs are x: float32 (n, 3, 64, 64)")):  # fmt: skip
        line = refused("summary", *SMALL, "--precision", "int8", "--calibration", files / name)
        assert line == f"lucid summary: {files / name}: {reason}"
    path = tmp_path / "low.lucid"
    assert refused("summary", path, "--precision", "bfloat16").endswith(
        "a saved plan, for which there is no option precision"
    )


def test_calibration_and_onnx_files_that_are_none(tmp_path: Path) -> None:
    np.save(tmp_path / "nan.npy", np.full((4, 3, 64, 64), np.nan, np.float32))
    line = refused(
        "compile", *SMALL, "--precision", "int8", "--calibration", tmp_path / "nan.npy", "-o", tmp_path / "x"
    )
    assert line.endswith("nan.npy: the input of layer 0, conv2d with weight (16, 3, 3, 3), is not finite")
    assert refused("compile", *SMALL, "-o", "") == "lucid compile: --output: expected the name of a file, got ''"
    pytest.importorskip("onnx")
    (tmp_path / "empty.onnx").touch()
    assert refused("summary", tmp_path / "empty.onnx").endswith("empty.onnx: is not an ONNX file")
