"""The command line, as a process."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lucid
from lucid import models

COMMANDS = ("info", "summary", "bench", "compile", "predict", "serve")
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


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lucid.manual_seed(0)
    path = tmp_path_factory.mktemp("cli") / "weights.safetensors"
    model = models.mobilenet_v3_small(num_classes=4)
    lucid.save({n: x + 0.05 * lucid.randn(*x.shape) if x.is_floating_point() and "var" not in n else x
                for n, x in model.state_dict().items()}, path)  # fmt: skip
    return path


@pytest.fixture(scope="module")
def plan(weights: Path) -> Path:
    path = weights.with_name("net.lucid")
    done = run("compile", *SMALL, "--weights", weights, "--batch", "1,4", "-o", path)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith(f"{path}: ") and done.stderr.endswith(" MB, batches of 1, 4\n")
    return path


def outputs(weights: Path, x: np.ndarray) -> np.ndarray:
    """What the model gives, by the library."""
    model = models.mobilenet_v3_small(num_classes=4)
    model.load_state_dict(lucid.load(weights))
    with lucid.inference_mode():
        return lucid.compile(model.eval())(lucid.from_numpy(x)).numpy()


def samples(rows: int, side: int = 64) -> np.ndarray:
    return np.random.default_rng(rows).standard_normal((rows, 3, side, side)).astype(np.float32)


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
def test_models_that_are_none(command: tuple[str, ...], tmp_path: Path) -> None:
    name, *rest = command
    after = [*rest, *(["nothing.npy"] if name == "predict" else [])]
    junk, onnx = tmp_path / "junk.lucid", tmp_path / "junk.onnx"
    junk.write_bytes(b"junk" * 100)
    onnx.write_bytes(b"junk" * 100)
    start = f"lucid {name}: "
    assert refused(name, "resnet17", *after).startswith(
        f"{start}no model and no file is called 'resnet17'; did you mean resnet18"
    )
    assert refused(name, tmp_path / "no.onnx", *after) == f"{start}{tmp_path}/no.onnx: no such file"
    assert refused(name, junk, *after).startswith(f"{start}{junk}: is neither an ONNX file nor a saved plan: ")
    assert refused(name, "resnet18", "--weights", junk, *after).startswith(f"{start}{junk}: ")
    assert refused(name, tmp_path, *after) == f"{start}{tmp_path}: is a directory, not a model"
    assert refused(name, junk, "--classes", "3", *after) == (
        f"{start}{junk}: is a saved plan, for which there is no option classes"
    )
    pytest.importorskip("onnx")
    assert refused(name, onnx, *after) == f"{start}{onnx}: is not an ONNX file"


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


# predict


@pytest.fixture
def files(tmp_path: Path) -> Path:
    np.save(tmp_path / "many.npy", samples(6))
    np.save(tmp_path / "one.npy", samples(1)[0])
    np.save(tmp_path / "shape.npy", samples(2, 32))
    np.save(tmp_path / "objects.npy", np.array([{}], object), allow_pickle=True)
    (tmp_path / "junk.npy").write_bytes(b"junk")
    (tmp_path / "empty.npy").write_bytes(b"")
    np.savez(tmp_path / "archive.npz", samples(1))
    (tmp_path / "archive.npz").rename(tmp_path / "archive.npy")
    (tmp_path / "labels.txt").write_text("ant\nbee\ncat\ndog\n")
    return tmp_path


def expected_classes(weights: Path, x: np.ndarray) -> list[int]:
    return outputs(weights, x).argmax(1).tolist()


@pytest.mark.parametrize("compiled", [False, True])
def test_predict_arrays(compiled: bool, files: Path, weights: Path, plan: Path) -> None:
    model = (plan,) if compiled else (*SMALL, "--weights", weights)
    done = run("predict", *model, files / "many.npy", files / "one.npy", "--format", "json", "--raw", "--batch", "4")
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert [(Path(r["file"]).name, r.get("index")) for r in found] == [
        *[("many.npy", i) for i in range(6)],
        ("one.npy", None),
    ]
    x = np.concatenate([samples(6), samples(1)])
    assert np.array([r["outputs"][0] for r in found], np.float32).tobytes() == outputs(weights, x).tobytes()


def test_predict_formats(files: Path, weights: Path) -> None:
    command = ("predict", *SMALL, "--weights", weights, files / "many.npy", "--labels", files / "labels.txt")
    best = expected_classes(weights, samples(6))
    rows = [line.split() for line in run(*command, "--top", "1").stdout.splitlines()]
    assert rows[0] == ["file", "rank", "class", "label", "score"] and len(rows) == 7
    assert [int(r[2]) for r in rows[1:]] == best
    table = list(csv.DictReader(io.StringIO(run(*command, "--top", "2", "--format", "csv").stdout)))
    assert len(table) == 12 and [int(r["class"]) for r in table[::2]] == best
    assert [r["label"] for r in table[::2]] == [("ant", "bee", "cat", "dog")[i] for i in best]
    found = json.loads(run(*command, "--format", "json").stdout)
    assert [r["classes"][0]["number"] for r in found] == best
    assert all(sum(c["score"] for c in r["classes"]) == pytest.approx(1) for r in found)
    scores = json.loads(run(*command, "--format", "json", "--no-softmax", "--top", "1").stdout)
    assert [r["classes"][0]["score"] for r in scores] == outputs(weights, samples(6)).max(1).astype(float).tolist()


def test_bad_files_are_named_and_the_rest_is_processed(files: Path, weights: Path) -> None:
    bad = {
        "shape.npy": "has shape (2, 3, 32, 32); expected x: float32 (n, 3, 64, 64), or one sample of it without n",
        "objects.npy": "is not a .npy file of numbers",
        "junk.npy": "is not a .npy file of numbers",
        "empty.npy": "is not a .npy file of numbers",
        "archive.npy": "is not a .npy file of numbers",
        "missing.npy": "no such file",
    }
    names = ["one.npy", *bad, "many.npy"]
    done = run("predict", *SMALL, "--weights", weights, *[files / n for n in names], "--top", "1", "--format", "csv")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [f"lucid predict: {files / name}: {reason}" for name, reason in bad.items()]
    assert len(done.stdout.splitlines()) == 1 + 1 + 6


def test_all_files_bad(files: Path) -> None:
    done = run("predict", *SMALL, files / "missing.npy", "--format", "json")
    assert done.returncode == 1 and json.loads(done.stdout) == []
    assert f"lucid predict: {files}/missing.npy: no such file" in done.stderr.splitlines()


def test_labels_that_do_not_fit(files: Path, weights: Path) -> None:
    short = files / "short.txt"
    short.write_text("ant\nbee\n")
    done = run("predict", *SMALL, "--weights", weights, files / "one.npy", "--labels", short)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"lucid predict: {files}/one.npy: the model has 4 classes, but there are 2 labels\n"
    assert refused("predict", *SMALL, files / "one.npy", "--labels", files / "no.txt") == (
        f"lucid predict: {files}/no.txt: no such file or directory"
    )
    assert refused("predict", *SMALL, files / "one.npy", "--raw") == (
        "lucid predict: --raw: outputs are printed as JSON only; add --format json"
    )


def test_predict_images(tmp_path: Path, weights: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    from lucid import transforms

    pixels = np.random.default_rng(0).integers(0, 256, (300, 260, 3), np.uint8)
    image.fromarray(pixels).save(tmp_path / "b.png")
    image.fromarray(pixels).save(tmp_path / "a.jpg")
    np.save(tmp_path / "c.npy", pixels)
    (tmp_path / "d.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:3000])
    (tmp_path / "e.png").write_bytes(b"junk")
    (tmp_path / "notes.txt").write_text("not an input")
    done = run("predict", *NET, "--weights", weights, tmp_path, "--format", "json", "--raw")
    assert done.returncode == 1
    damaged, junk = done.stderr.splitlines()
    assert damaged.startswith(f"lucid predict: {tmp_path}/d.jpg: is a damaged image: ")
    assert junk == f"lucid predict: {tmp_path}/e.png: is not an image that Pillow reads"
    found = {Path(r["file"]).name: r["outputs"][0] for r in json.loads(done.stdout)}
    assert list(found) == ["a.jpg", "b.png", "c.npy"] and found["b.png"] == found["c.npy"] != found["a.jpg"]
    how = models.preprocessing("mobilenet_v3_small")
    steps = [transforms.Resize(how.resize), transforms.CenterCrop(how.crop), transforms.ToTensor(),
             transforms.Normalize(how.mean, how.std)]  # fmt: skip
    x = transforms.Compose(steps)(lucid.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))).numpy()[None]
    assert np.array(found["b.png"], np.float32).tobytes() == outputs(weights, x)[0].tobytes()


def test_a_progress_bar_on_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tqdm")
    from lucid.cli.predict import progress

    files = ["a.npy", "b.npy"]
    assert progress(files, off=False) is files  # what is captured is no terminal
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stderr", terminal)
    assert list(progress(files, off=False)) == files and "/2 [" in terminal.getvalue()
    assert progress(files, off=True) is files


# bench


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


def test_onnx_files(tmp_path: Path) -> None:
    conv_file(tmp_path / "any.onnx", "n")
    conv_file(tmp_path / "two.onnx", 2)
    x = np.random.default_rng(1).standard_normal((5, 3, 8, 8)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    found = []
    for name in ("any.onnx", "two.onnx"):
        done = run("predict", tmp_path / name, tmp_path / "x.npy", "--format", "json", "--raw")
        assert (done.returncode, done.stderr) == (0, "")
        found.append([r["outputs"][0] for r in json.loads(done.stdout)])
    assert found[0] == found[1] and len(found[0]) == 5
    done = run("compile", tmp_path / "two.onnx", "-o", tmp_path / "two.lucid")
    assert done.returncode == 0 and done.stderr.endswith("batches of 2\n")
    done = run("predict", tmp_path / "two.lucid", tmp_path / "x.npy", "--format", "json", "--raw")
    assert [r["outputs"][0] for r in json.loads(done.stdout)] == found[0]
    assert refused("compile", tmp_path / "two.onnx", "--batch", "1", "-o", "x").endswith("has no batch of 1, only 2")


def test_bench_ends_when_interrupted() -> None:
    """Its workers' answers fill a pipe that nobody reads then."""
    started = subprocess.Popen(
        [sys.executable, "-P", "-m", "lucid", "bench", *SMALL, "--seconds", "60"], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    with pytest.raises(subprocess.TimeoutExpired):
        started.communicate(timeout=3)
    started.send_signal(signal.SIGINT)
    out, err = started.communicate(timeout=60)
    assert (started.returncode, out) == (130, "") and "Traceback" not in err


def test_predict_names_what_json_and_the_terminal_lack(plan: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "nan.npy", np.full((3, 64, 64), np.nan, np.float32))
    (tmp_path / "labels.txt").write_text("é\nü\nß\nx\n", encoding="utf-8")
    done = run("predict", plan, tmp_path / "nan.npy", "--top", 1, "--format", "json")
    assert json.loads(done.stdout, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))[0]["classes"] == [
        {"number": 0, "label": "0", "score": None}
    ]
    done = run("predict", plan, tmp_path / "nan.npy", "--labels", tmp_path / "labels.txt", PYTHONIOENCODING="ascii")
    assert done.returncode == 0 and "\\xe9" in done.stdout and done.stderr == ""
    (tmp_path / "labels.txt").write_text("a\nb\n")
    np.save(tmp_path / "two.npy", np.zeros((2, 3, 64, 64), np.float32))
    done = run("predict", plan, tmp_path / "two.npy", "--labels", tmp_path / "labels.txt")
    assert done.stderr == f"lucid predict: {tmp_path / 'two.npy'}: the model has 4 classes, but there are 2 labels\n"


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
