"""`lucid predict`: arrays, images, ONNX files, and what is wrong with them."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from cli.program import NET, SMALL, conv_file, outputs, refused, run, samples

import lucid
from lucid import models


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
