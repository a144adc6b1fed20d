"""Networks scaled in depth and width together.

Sources: Tan and Le (2019), EfficientNet; Tan and Le (2021), EfficientNetV2; Huang et al. (2016), Deep Networks with
Stochastic Depth.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from lucid import Tensor, nn
from lucid.models._blocks import SLOW_NORM, ConvNorm, Layer, SqueezeExcitation, divisible
from lucid.models._registry import register


class Stage(NamedTuple):
    """Blocks of one kind; ``fused`` ones expand with the spatial convolution itself."""

    ratio: int
    kernel: int
    stride: int
    outputs: int
    blocks: int
    fused: bool = False


class MBConv(nn.Module):
    """Inverted residual with squeeze-and-excitation and stochastic depth."""

    def __init__(self, inputs: int, stride: int, stage: Stage, outputs: int, norm: Layer, drop: float) -> None:
        super().__init__()
        self.shortcut = stride == 1 and inputs == outputs
        inner = divisible(inputs * stage.ratio)
        layers: list[nn.Module] = []
        if stage.fused:
            first = outputs if inner == inputs else inner
            layers.append(ConvNorm(inputs, first, stage.kernel, stride, norm=norm, activation=nn.SiLU))
        else:
            if inner != inputs:
                layers.append(ConvNorm(inputs, inner, 1, norm=norm, activation=nn.SiLU))
            layers.append(ConvNorm(inner, inner, stage.kernel, stride, inner, norm, nn.SiLU))
            layers.append(SqueezeExcitation(inner, max(1, inputs // 4), nn.SiLU, nn.Sigmoid))
        if not stage.fused or inner != inputs:
            layers.append(ConvNorm(inner, outputs, 1, norm=norm, activation=None))
        self.block = nn.Sequential(*layers)
        self.drop_path = nn.DropPath(drop)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.drop_path(self.block(x)) if self.shortcut else self.block(x)


class EfficientNet(nn.Module):
    """EfficientNet.

    Args:
        stages: what follows the stem.
        stem: channels of the stem.
        last: channels before the classifier; None for four times those of the last stage.
        dropout: probability of dropout before the classifier.
        num_classes: number of outputs.
        norm: makes a normalisation from a number of channels.
        drop_path: probability that the last block's branch is left out of a training step; it grows linearly from 0.

    Shapes:
        (N, 3, H, W) -> (N, num_classes).
    """

    def __init__(
        self, stages: Sequence[Stage], stem: int, last: int | None, dropout: float, num_classes: int = 1000,
        norm: Layer = nn.BatchNorm2d, drop_path: float = 0.2,
    ) -> None:  # fmt: skip
        super().__init__()
        layers: list[nn.Module] = [ConvNorm(3, stem, 3, 2, norm=norm, activation=nn.SiLU)]
        total, done, channels = sum(s.blocks for s in stages), 0, stem
        for stage in stages:
            layer: list[nn.Module] = []
            for i in range(stage.blocks):
                stride = 1 if i else stage.stride
                layer.append(MBConv(channels, stride, stage, stage.outputs, norm, drop_path * done / total))
                channels, done = stage.outputs, done + 1
            layers.append(nn.Sequential(*layer))
        last = last or 4 * channels
        self.features = nn.Sequential(*layers, ConvNorm(channels, last, 1, norm=norm, activation=nn.SiLU))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(last, num_classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        bound = 1 / math.sqrt(num_classes)
        nn.init.uniform_(self.classifier[1].weight, -bound, bound)
        nn.init.zeros_(self.classifier[1].bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


_B0 = (
    Stage(1, 3, 1, 16, 1), Stage(6, 3, 2, 24, 2), Stage(6, 5, 2, 40, 2), Stage(6, 3, 2, 80, 3),
    Stage(6, 5, 1, 112, 3), Stage(6, 5, 2, 192, 4), Stage(6, 3, 1, 320, 1),
)  # fmt: skip


def _scaled(width: float, depth: float, dropout: float, num_classes: int, norm: Layer = nn.BatchNorm2d) -> EfficientNet:
    stages = [s._replace(outputs=divisible(s.outputs * width), blocks=math.ceil(s.blocks * depth)) for s in _B0]
    return EfficientNet(stages, divisible(32 * width), None, dropout, num_classes, norm)


@register(256, 224, "bicubic")
def efficientnet_b0(num_classes: int = 1000, dropout: float = 0.2) -> EfficientNet:
    """EfficientNet-B0: 5.3 million parameters for 1000 classes."""
    return _scaled(1.0, 1.0, dropout, num_classes)


@register(256, 240, "bicubic")
def efficientnet_b1(num_classes: int = 1000, dropout: float = 0.2) -> EfficientNet:
    """EfficientNet-B1: 7.8 million parameters for 1000 classes."""
    return _scaled(1.0, 1.1, dropout, num_classes)


@register(288, 288, "bicubic")
def efficientnet_b2(num_classes: int = 1000, dropout: float = 0.3) -> EfficientNet:
    """EfficientNet-B2: 9.1 million parameters for 1000 classes."""
    return _scaled(1.1, 1.2, dropout, num_classes)


@register(320, 300, "bicubic")
def efficientnet_b3(num_classes: int = 1000, dropout: float = 0.3) -> EfficientNet:
    """EfficientNet-B3: 12.2 million parameters for 1000 classes."""
    return _scaled(1.2, 1.4, dropout, num_classes)


@register(384, 380, "bicubic")
def efficientnet_b4(num_classes: int = 1000, dropout: float = 0.4) -> EfficientNet:
    """EfficientNet-B4: 19.3 million parameters for 1000 classes."""
    return _scaled(1.4, 1.8, dropout, num_classes)


@register(456, 456, "bicubic")
def efficientnet_b5(num_classes: int = 1000, dropout: float = 0.4) -> EfficientNet:
    """EfficientNet-B5: 30.4 million parameters for 1000 classes."""
    return _scaled(1.6, 2.2, dropout, num_classes, SLOW_NORM)


@register(528, 528, "bicubic")
def efficientnet_b6(num_classes: int = 1000, dropout: float = 0.5) -> EfficientNet:
    """EfficientNet-B6: 43.0 million parameters for 1000 classes."""
    return _scaled(1.8, 2.6, dropout, num_classes, SLOW_NORM)


@register(600, 600, "bicubic")
def efficientnet_b7(num_classes: int = 1000, dropout: float = 0.5) -> EfficientNet:
    """EfficientNet-B7: 66.3 million parameters for 1000 classes."""
    return _scaled(2.0, 3.1, dropout, num_classes, SLOW_NORM)


def _norm(channels: int) -> nn.Module:
    return nn.BatchNorm2d(channels, eps=1e-3)


def _second(stages: Sequence[Stage], stem: int, dropout: float, num_classes: int) -> EfficientNet:
    return EfficientNet(stages, stem, 1280, dropout, num_classes, _norm)


@register(384, 384)
def efficientnet_v2_s(num_classes: int = 1000, dropout: float = 0.2) -> EfficientNet:
    """EfficientNetV2, small: 21.5 million parameters for 1000 classes."""
    stages = (
        Stage(1, 3, 1, 24, 2, True), Stage(4, 3, 2, 48, 4, True), Stage(4, 3, 2, 64, 4, True), Stage(4, 3, 2, 128, 6),
        Stage(6, 3, 1, 160, 9), Stage(6, 3, 2, 256, 15),
    )  # fmt: skip
    return _second(stages, 24, dropout, num_classes)


@register(480, 480)
def efficientnet_v2_m(num_classes: int = 1000, dropout: float = 0.3) -> EfficientNet:
    """EfficientNetV2, medium: 54.1 million parameters for 1000 classes."""
    stages = (
        Stage(1, 3, 1, 24, 3, True), Stage(4, 3, 2, 48, 5, True), Stage(4, 3, 2, 80, 5, True), Stage(4, 3, 2, 160, 7),
        Stage(6, 3, 1, 176, 14), Stage(6, 3, 2, 304, 18), Stage(6, 3, 1, 512, 5),
    )  # fmt: skip
    return _second(stages, 24, dropout, num_classes)


@register(480, 480, "bicubic", mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
def efficientnet_v2_l(num_classes: int = 1000, dropout: float = 0.4) -> EfficientNet:
    """EfficientNetV2, large: 118.5 million parameters for 1000 classes."""
    stages = (
        Stage(1, 3, 1, 32, 4, True), Stage(4, 3, 2, 64, 7, True), Stage(4, 3, 2, 96, 7, True), Stage(4, 3, 2, 192, 10),
        Stage(6, 3, 1, 224, 19), Stage(6, 3, 2, 384, 25), Stage(6, 3, 1, 640, 7),
    )  # fmt: skip
    return _second(stages, 32, dropout, num_classes)
