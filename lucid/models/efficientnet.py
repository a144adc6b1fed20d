"""Networks scaled in depth and width together: Tan and Le (2019, 2021)."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from lucid import Tensor, nn
from lucid.models._blocks import SLOW_NORM, ConvNorm, Layer, SqueezeExcitation, divisible
from lucid.models._preprocessing import Preprocessing
from lucid.models._registry import About, variant
from lucid.nn.modules._layers import check_layers


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
        norm: makes a normalisation from a number of channels.
        num_classes: number of outputs.
        dropout: probability of dropout before the classifier.
        drop_path: probability that the last block's branch is left out of a training step; it grows linearly from 0.

    Shape:
        (N, 3, H, W) -> (N, num_classes).

    Example:
        >>> import lucid
        >>> from lucid.models.efficientnet import Stage
        >>> stages = [Stage(1, 3, 1, 16, 1), Stage(6, 5, 2, 24, 2)]
        >>> model = lucid.models.EfficientNet(stages, 16, num_classes=10).eval()
        >>> model(lucid.zeros(1, 3, 64, 64)).shape
        lucid.Size([1, 10])

    Source: Tan and Le (2019), EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks.
    """

    def __init__(
        self, stages: Sequence[Stage], stem: int, last: int | None = None, norm: Layer = nn.BatchNorm2d,
        num_classes: int = 1000, dropout: float = 0.2, drop_path: float = 0.2,
    ) -> None:  # fmt: skip
        super().__init__()
        check_layers("EfficientNet", "blocks", *(stage.blocks for stage in stages))
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


_FIRST = About("Tan and Le (2019), EfficientNet; Huang et al. (2016), Deep Networks with Stochastic Depth")
_SECOND = About("Tan and Le (2021), EfficientNetV2; Huang et al. (2016), Deep Networks with Stochastic Depth")


def _b(
    number: int, size: str, resize: int, crop: int, width: float, depth: float, dropout: float,
    norm: Layer = nn.BatchNorm2d,
) -> Callable[..., EfficientNet]:  # fmt: skip
    stages = [s._replace(outputs=divisible(s.outputs * width), blocks=math.ceil(s.blocks * depth)) for s in _B0]
    return variant(
        f"efficientnet_b{number}", f"EfficientNet-B{number}", size, Preprocessing(resize, crop, "bicubic"), _FIRST,
        EfficientNet, stages, divisible(32 * width), None, norm, dropout=dropout,
    )  # fmt: skip


efficientnet_b0 = _b(0, "5.3 million", 256, 224, 1.0, 1.0, 0.2)
efficientnet_b1 = _b(1, "7.8 million", 256, 240, 1.0, 1.1, 0.2)
efficientnet_b2 = _b(2, "9.1 million", 288, 288, 1.1, 1.2, 0.3)
efficientnet_b3 = _b(3, "12.2 million", 320, 300, 1.2, 1.4, 0.3)
efficientnet_b4 = _b(4, "19.3 million", 384, 380, 1.4, 1.8, 0.4)
efficientnet_b5 = _b(5, "30.4 million", 456, 456, 1.6, 2.2, 0.4, SLOW_NORM)
efficientnet_b6 = _b(6, "43.0 million", 528, 528, 1.8, 2.6, 0.5, SLOW_NORM)
efficientnet_b7 = _b(7, "66.3 million", 600, 600, 2.0, 3.1, 0.5, SLOW_NORM)


def _v2(
    name: str, title: str, size: str, prepare: Preprocessing, stem: int, dropout: float, stages: Sequence[Stage]
) -> Callable[..., EfficientNet]:
    norm = functools.partial(nn.BatchNorm2d, eps=1e-3)
    title = f"EfficientNetV2, {title}"
    return variant(name, title, size, prepare, _SECOND, EfficientNet, stages, stem, 1280, norm, dropout=dropout)


efficientnet_v2_s = _v2(
    "efficientnet_v2_s", "small", "21.5 million", Preprocessing(384, 384), 24, 0.2, (
        Stage(1, 3, 1, 24, 2, True), Stage(4, 3, 2, 48, 4, True), Stage(4, 3, 2, 64, 4, True), Stage(4, 3, 2, 128, 6),
        Stage(6, 3, 1, 160, 9), Stage(6, 3, 2, 256, 15),
    ),
)  # fmt: skip
efficientnet_v2_m = _v2(
    "efficientnet_v2_m", "medium", "54.1 million", Preprocessing(480, 480), 24, 0.3, (
        Stage(1, 3, 1, 24, 3, True), Stage(4, 3, 2, 48, 5, True), Stage(4, 3, 2, 80, 5, True), Stage(4, 3, 2, 160, 7),
        Stage(6, 3, 1, 176, 14), Stage(6, 3, 2, 304, 18), Stage(6, 3, 1, 512, 5),
    ),
)  # fmt: skip
efficientnet_v2_l = _v2(
    "efficientnet_v2_l", "large", "118.5 million",
    Preprocessing(480, 480, "bicubic", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)), 32, 0.4, (
        Stage(1, 3, 1, 32, 4, True), Stage(4, 3, 2, 64, 7, True), Stage(4, 3, 2, 96, 7, True), Stage(4, 3, 2, 192, 10),
        Stage(6, 3, 1, 224, 19), Stage(6, 3, 2, 384, 25), Stage(6, 3, 1, 640, 7),
    ),
)  # fmt: skip
