"""What ``importlib.metadata`` tells of ``torch`` while lucid stands in for it: its version, which packages ask for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import Distribution, DistributionFinder
from typing import Any

from lucid import _version

VERSION = "2.13.0"
"""The release of PyTorch whose names and behaviour lucid has."""


class TorchDistribution(Distribution):
    """An installed distribution ``torch`` that consists of nothing but its name and version."""

    def read_text(self, filename: str) -> str | None:
        summary = f"PyTorch's names, answered by lucid {_version.__version__}"
        return {
            "METADATA": f"Metadata-Version: 2.1\nName: torch\nVersion: {VERSION}\nSummary: {summary}\n",
            "top_level.txt": "torch\n",
        }.get(filename)

    def locate_file(self, path: Any) -> Any:
        raise FileNotFoundError(f"torch: lucid stands in for it, and there is no file {path!s}")


def find(context: Any = DistributionFinder.Context()) -> Iterator[Distribution]:  # noqa: B008
    """The distribution, where the search is for it or for all."""
    if context.name is None or re.sub(r"[-_.]+", "-", context.name).lower() == "torch":
        yield TorchDistribution()
