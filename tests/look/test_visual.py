"""Graphs of models and of histories."""

from __future__ import annotations

import pytest

import lucid
from lucid import nn
from lucid.visual import draw


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 4), nn.ReLU())

    def forward(self, x: lucid.Tensor) -> lucid.Tensor:
        return x + self.body(x)


def test_dataflow() -> None:
    text = draw(Residual(), lucid.ones(2, 4))
    assert text.splitlines() == [
        "flowchart TD", '    n0["input 2x4"]', '    n1["body.0<br/>Linear"]', '    n2["body.1<br/>ReLU"]',
        '    n3["add"]', '    n4["output 2x4"]', '    n0 -->|"2x4"| n1', '    n1 -->|"2x4"| n2', '    n0 -->|"2x4"| n3',
        '    n2 -->|"2x4"| n3', '    n3 -->|"2x4"| n4',
    ]  # fmt: skip
    assert '["body<br/>Sequential"]' in draw(Residual(), lucid.ones(2, 4), depth=1)


def test_history() -> None:
    x = lucid.ones(3, requires_grad=True)
    text = draw((x.exp() * x).sum())
    assert text.count("leaf 3") == 1 and text.count(" --> ") == 4 and "ExpBackward" in text


def test_refusals() -> None:
    with pytest.raises(ValueError, match="^draw: format must be 'mermaid' or 'svg', got 'png'$"):
        draw(Residual(), lucid.ones(1, 4), "png")
    with pytest.raises(TypeError, match="^draw: expected a Module or a Tensor, got int$"):
        draw(3)
    with pytest.raises(ValueError, match="^draw: a Module needs an input$"):
        draw(Residual())
