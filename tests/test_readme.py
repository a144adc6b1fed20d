"""The README's examples run as they stand, and what it says about files and names is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import lucid

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_training_and_inference_examples_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = [block for block in re.findall(r"^```python\n(.*?)^```", README, re.M | re.S) if "import lucid" in block]
    blocks += [block for block in re.findall(r"^```python\n(.*?)^```", README, re.M | re.S) if "lucid.load(" in block]
    assert len(blocks) == 2
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)
    printed = capsys.readouterr().out
    found = re.search(r"accuracy ([\d.]+)%", printed)
    assert found and float(found[1]) > 95
    assert (tmp_path / "xor.safetensors").exists()


@pytest.mark.parametrize("name", ["compile", "onnx"])
def test_examples_of_guides_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if name == "onnx":
        pytest.importorskip("onnx")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / f"docs/{name}.md").read_text(encoding="utf-8"), re.M | re.S)
    names: dict[str, object] = {}
    for block in blocks:
        try:
            exec(compile(block, f"docs/{name}.md", "exec"), names)
        except RuntimeError as error:  # as the text says of CPUs
            assert "AVX512-BF16" in str(error)
    assert len(blocks) == {"compile": 3, "onnx": 1}[name] and (name == "onnx" or "loss" in names)


@pytest.mark.parametrize("path", re.findall(r"`(lucid/[\w/.]+|tests/[\w/.]+|docs/[\w/.]+)`", README))
def test_named_files_exist(path: str) -> None:
    assert (ROOT / path).exists()


def test_the_recipe_names_what_is_there() -> None:
    from lucid._functions.activation import SiLU

    assert SiLU.kernel is lucid._ops.silu and SiLU.kernel_backward is lucid._ops.silu_backward
    kernels = (ROOT / "lucid/_kernels/activation.pxi").read_text()
    assert (
        "cdef void silu_kernel(const floating* x, floating* y, Py_ssize_t n, const double* p) noexcept nogil:"
        in kernels
    )
