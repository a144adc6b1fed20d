"""Prints what the models of the zoo gave as a table."""

from __future__ import annotations

from typing import Any

import pytest

ROWS = pytest.StashKey[list[str]]()
HEAD = [
    "model                              parameters   float32, eval       float64, training                  seconds",
    "                                      million   output   gradient   output   gradient   statistics   eval   training",
]  # fmt: skip


def pytest_configure(config: Any) -> None:
    config.stash[ROWS] = []


@pytest.fixture
def rows(pytestconfig: Any) -> list[str]:
    return pytestconfig.stash[ROWS]


def pytest_terminal_summary(terminalreporter: Any, config: Any) -> None:
    if config.stash[ROWS]:
        terminalreporter.section("differences from PyTorch")
        for line in HEAD + config.stash[ROWS]:
            terminalreporter.write_line(line)
