"""The one device lucid has."""

from __future__ import annotations

from typing import Any


class device:
    """Where a tensor lives; only ``device("cpu")`` exists.

    Raises:
        RuntimeError: another type of device.
    """

    def __init__(self, type: Any = "cpu", index: int | None = None) -> None:
        name, _, number = str(type).partition(":")
        if name != "cpu":
            raise RuntimeError(f"device: lucid runs on CPUs only, got {str(type)!r}")
        self.type = name
        self.index = int(number) if number else index

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and self.type == other.type

    def __hash__(self) -> int:
        return hash(self.type)

    def __repr__(self) -> str:
        return f"device(type={self.type!r})"

    def __str__(self) -> str:
        return self.type


cpu = device("cpu")
