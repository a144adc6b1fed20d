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


GUIDES = sorted(p for p in (ROOT / "docs").rglob("*.md") if "site" not in p.parts) + [ROOT / "README.md"]
QUOTED = [(path.name, name) for path in GUIDES
          for name in re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.S))]  # fmt: skip


def names_of(pattern: str, *guides: str) -> list[str]:
    """What the documents, or those of them, quote in the form of ``pattern``."""
    found = {name for guide, name in QUOTED if re.fullmatch(pattern, name) and (not guides or guide in guides)}
    assert found
    return sorted(found)


def test_names_in_the_documents_exist() -> None:
    from importlib import import_module

    def found(name: str) -> object:
        module, _, rest = name.partition(".")
        value: object = import_module(module)
        for part in rest.split("."):
            module += f".{part}"
            value = getattr(value, part) if hasattr(value, part) else import_module(module)
        return value

    for name in names_of(r"(lucid|nn|optim|F)(\.\w+)+(\(.*\))?"):
        path = name.partition("(")[0]
        head, dot, rest = path.partition(".")
        where = {"lucid": "lucid", "F": "lucid.nn.functional"}.get(head, f"lucid.{head}")
        assert found(f"{where}{dot}{rest}") is not None, name


def test_files_in_the_documents_exist() -> None:
    there = {path.relative_to(ROOT).as_posix() for folder in ("lucid", "tests", "docs", "benchmarks", "examples")
             for path in (ROOT / folder).rglob("*")} | {path.name for path in ROOT.iterdir()}  # fmt: skip
    for name in names_of(r"[\w./-]+(\.(py|pyx|pxi|pxd|pyi|toml)|/)"):
        assert any(f"/{path}".endswith(f"/{name.rstrip('/')}") for path in there), name


def test_functions_the_design_names_are_in_the_sources() -> None:
    files = [*(ROOT / "lucid").rglob("*.p[yx]*"), ROOT / "setup.py", ROOT / "pyproject.toml", ROOT / "Makefile"]
    sources = "\n".join(path.read_text(encoding="utf-8") for path in files if path.suffix != ".pyc")
    words = set(re.findall(r"\w+", sources))
    for name in names_of(r"(?!.*\.(py|pyx|pxi|md)$)[A-Za-z_]\w*(\.\w+)*(\(.*\))?", "design.md"):
        assert words.issuperset(re.findall(r"\w+", name.partition("(")[0])), name


def test_the_recipe_names_what_is_there() -> None:
    from lucid._functions.activation import SiLU

    assert SiLU.kernel is lucid._ops.silu and SiLU.kernel_backward is lucid._ops.silu_backward
    kernels = (ROOT / "lucid/_kernels/activation.pxi").read_text()
    assert (
        "cdef void silu_kernel(const floating* x, floating* y, Py_ssize_t n, const double* p) noexcept nogil:"
        in kernels
    )
