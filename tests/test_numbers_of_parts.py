"""Numbers of layers and workers that nobody means are refused before anything is built."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import lucid
from lucid import models, nn
from lucid.models.efficientnet import Stage
from lucid.models.resnet import BasicBlock

MANY = 2**31


def encoder() -> nn.Module:
    return nn.TransformerEncoderLayer(4, 2, 4)


CASES: list[tuple[Callable[[], Any], str]] = [
    (lambda: nn.LSTM(2, 3, num_layers=MANY), "LSTM: expected num_layers"),
    (lambda: nn.GRU(2, 3, num_layers=MANY), "GRU: expected num_layers"),
    (lambda: nn.TransformerEncoder(encoder(), MANY), "TransformerEncoder: expected num_layers"),
    (lambda: nn.Transformer(4, 2, 1, MANY, 4), "TransformerDecoder: expected num_layers"),
    (lambda: models.VGG((1, MANY)), "VGG: expected layers"),
    (lambda: models.ResNet(BasicBlock, (MANY,)), "ResNet: expected layers"),
    (lambda: models.ConvNeXt((8, 8), (MANY, 1)), "ConvNeXt: expected layers"),
    (lambda: models.SwinTransformer(32, (1, MANY), (1, 2)), "SwinTransformer: expected layers"),
    (lambda: models.VisionTransformer(16, MANY, 32, 2, 64), "VisionTransformer: expected layers"),
    (lambda: models.EfficientNet([Stage(1, 3, 1, 16, MANY)], 16), "EfficientNet: expected blocks"),
    (lambda: models.BertConfig(num_hidden_layers=MANY), "BertConfig: expected num_hidden_layers"),
    (lambda: models.GPT2Config(n_layer=MANY), "GPT2Config: expected n_layer"),
]


@pytest.mark.parametrize(("make", "start"), CASES, ids=[start for _, start in CASES])
def test_layers(make: Callable[[], Any], start: str) -> None:
    with pytest.raises(ValueError, match=f"^{start} of at most 10000, got {MANY}$"):
        make()


def test_blocks_of_detectors_by_their_factor() -> None:
    with pytest.raises(ValueError, match=rf"^YOLOv8: expected blocks of at most 10000, got {3 * MANY}$"):
        models.YOLOv8(0.25, MANY, 64)


def test_heads() -> None:
    with pytest.raises(ValueError, match="^BertConfig: num_attention_heads must be positive, got 0$"):
        models.BertConfig(num_attention_heads=0)
    with pytest.raises(ValueError, match="^GPT2Config: n_head must be positive, got -1$"):
        models.GPT2Config(n_head=-1)


def test_workers() -> None:
    with pytest.raises(ValueError, match=f"^DataLoader: expected num_workers of at most 4096, got {MANY}$"):
        lucid.data.DataLoader([1], num_workers=MANY)
