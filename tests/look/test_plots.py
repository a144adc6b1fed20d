"""The script that draws the activations covers them all."""

from __future__ import annotations

import runpy
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "docs" / "plots.py"


@pytest.mark.skipif(not SCRIPT.exists(), reason="the documentation is not part of this copy")
def test_every_activation_is_drawn(tmp_path: Path) -> None:
    script = runpy.run_path(str(SCRIPT))
    names = set(script["activations"]())
    expected = (
        "CELU ELU GELU Hardshrink Hardsigmoid Hardswish Hardtanh LeakyReLU LogSigmoid Mish PReLU ReLU ReLU6 RReLU "
    )
    expected += "SELU Sigmoid SiLU Softplus Softshrink Softsign Tanh Tanhshrink Threshold"
    assert set(expected.split()) <= names
    script["main"](tmp_path)
    files = list(tmp_path.iterdir())
    assert {f.stem for f in files} == names
    for f in files:
        assert f.stat().st_size < 10_000 and "nan" not in f.read_text()
        lines = ElementTree.parse(f).getroot().findall("{http://www.w3.org/2000/svg}polyline")
        assert [len(p.attrib["points"].split()) for p in lines] == [161, 161]
