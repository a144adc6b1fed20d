"""docs/onnx.md lists what there is, and its example runs."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

pytest.importorskip("onnx.helper")

import lucid
from lucid.onnx import _load  # noqa: F401  (fills the tables)
from lucid.onnx._registry import OPERATORS
from lucid.onnx._writer import EXPORTS, operation_name

DOCUMENT = Path(__file__).parents[2] / "docs" / "onnx.md"
LISTS = {"load": set(OPERATORS), "export": {operation_name(operation) for operation in EXPORTS}}


def paragraph(names: set[str]) -> str:
    """The names as the document has them."""
    return textwrap.fill(", ".join(sorted(names, key=lambda name: (name.lower(), name))), 118, break_on_hyphens=False)


def test_lists() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for mark, names in LISTS.items():
        assert f"<!-- {mark} -->\n\n{paragraph(names)}\n" in text, f"{mark}: should be\n{paragraph(names)}"


def test_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"^```python\n(.*?)^```", DOCUMENT.read_text(encoding="utf-8"), re.M | re.S)
    exec(compile(block, "onnx.md", "exec"), {"lucid": lucid})
    assert capsys.readouterr().out == "lucid.Size([4, 5])\n" * 2
