"""docs/surface.md says what the package has."""

from __future__ import annotations

import importlib.util
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "docs" / "make_surface.py"


def test_the_table_of_names_is_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("make_surface", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.table() == module.TABLE.read_text(encoding="utf-8"), "docs/surface.md is stale: run 'make surface'"
