"""Padding layers: their amounts, their text, PyTorch's results, what they refuse."""

from __future__ import annotations

from typing import Any

import pytest
from nn.parity import compare, draw, torch

import lucid
from lucid import nn

KINDS = ["ConstantPad", "ZeroPad", "ReflectionPad", "ReplicationPad", "CircularPad"]
SHAPES = {1: (2, 3, 7), 2: (2, 3, 5, 6), 3: (1, 2, 4, 5, 4)}
AMOUNTS: dict[int, list[Any]] = {
    1: [2, (1, 3), (0, 2), (-1, 2)],
    2: [1, (1, 2, 0, 3), (2, -1, 0, 1), (0, 0, 0, 0)],
    3: [1, (1, 2, 0, 3, 2, 1), (0, 0, 1, -1, 0, 0)],
}


def make(package: Any, kind: str, spatial: int, padding: Any) -> Any:
    cls = getattr(package.nn, f"{kind}{spatial}d")
    return cls(padding, 2.5) if kind == "ConstantPad" else cls(padding)


@pytest.mark.parity
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("spatial", [1, 2, 3])
def test_matches_pytorch(kind: str, spatial: int) -> None:
    for padding in AMOUNTS[spatial]:
        ours, theirs = make(lucid, kind, spatial, padding), make(torch(), kind, spatial, padding)
        assert repr(ours) == repr(theirs)
        for dtype in ("float64", "float32"):
            compare(ours, theirs, draw(*SHAPES[spatial], dtype=dtype), dtype=dtype)
            compare(ours, theirs, draw(*SHAPES[spatial][1:], dtype=dtype), dtype=dtype)


@pytest.mark.parametrize("kind,row", [
    ("ConstantPad", [2.5, 2.5, 1, 2, 3, 2.5]), ("ZeroPad", [0, 0, 1, 2, 3, 0]), ("ReflectionPad", [3, 2, 1, 2, 3, 2]),
    ("ReplicationPad", [1, 1, 1, 2, 3, 3]), ("CircularPad", [2, 3, 1, 2, 3, 1]),
])  # fmt: skip
def test_values(kind: str, row: list[float]) -> None:
    assert make(lucid, kind, 1, (2, 1))(lucid.tensor([[1.0, 2.0, 3.0]])).tolist() == [row]
    tall = make(lucid, kind, 2, (0, 0, 2, 1))(lucid.tensor([[[1.0], [2.0], [3.0]]]))
    assert tall.flatten().tolist() == row
    deep = make(lucid, kind, 3, (0, 0, 0, 0, 2, 1))(lucid.tensor([1.0, 2.0, 3.0]).reshape(1, 3, 1, 1))
    assert deep.flatten().tolist() == row


def test_refusals() -> None:
    with pytest.raises(ValueError, match=r"ReflectionPad2d: padding must be an int or a tuple of 4 ints, got \(1, 2\)"):
        nn.ReflectionPad2d((1, 2))
    with pytest.raises(TypeError, match="ZeroPad1d: padding must be an int or a tuple of 2 ints, got 1.5"):
        nn.ZeroPad1d(1.5)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="ReflectionPad1d: mode 'reflect' can add at most 2 elements to dimension 1"):
        nn.ReflectionPad1d(3)(lucid.ones(1, 3))
    with pytest.raises(RuntimeError, match="CircularPad2d: mode 'circular' pads the last 2 dimensions of 3-d or 4-d"):
        nn.CircularPad2d(1)(lucid.ones(3, 3))
