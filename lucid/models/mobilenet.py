"""Inverted residuals for small devices: Sandler et al. (2018), Howard et al. (2019)."""

from __future__ import annotations

from collections.abc import Sequence

from lucid import Tensor, nn
from lucid.models._blocks import SLOW_NORM, ConvNorm, SqueezeExcitation, divisible, initialise_convolutions
from lucid.models._preprocessing import Preprocessing
from lucid.models._registry import About, variant


class InvertedResidualV2(nn.Module):
    """Expansion, depthwise convolution and projection without activation, beside a shortcut where shapes allow."""

    def __init__(self, inputs: int, outputs: int, stride: int, ratio: int) -> None:
        super().__init__()
        self.shortcut = stride == 1 and inputs == outputs
        inner = inputs * ratio
        expand = [] if ratio == 1 else [ConvNorm(inputs, inner, 1, activation=nn.ReLU6)]
        self.conv = nn.Sequential(
            *expand,
            ConvNorm(inner, inner, 3, stride, groups=inner, activation=nn.ReLU6),
            nn.Conv2d(inner, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.shortcut else self.conv(x)


# ratio, channels, blocks, stride
_V2 = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


class MobileNetV2(nn.Module):
    """MobileNetV2.

    Args:
        num_classes: number of outputs.
        width_mult: factor of all channels.
        dropout: probability of dropout before the classifier.

    Shape:
        (N, 3, H, W) -> (N, num_classes).

    Example:
        >>> import lucid
        >>> model = lucid.models.MobileNetV2(num_classes=10, width_mult=0.5).eval()
        >>> model(lucid.zeros(1, 3, 64, 64)).shape
        lucid.Size([1, 10])

    Source: Sandler et al. (2018), MobileNetV2: Inverted Residuals and Linear Bottlenecks.
    """

    def __init__(self, num_classes: int = 1000, width_mult: float = 1.0, dropout: float = 0.2) -> None:
        super().__init__()
        channels = divisible(32 * width_mult)
        last = divisible(1280 * max(1.0, width_mult))
        layers: list[nn.Module] = [ConvNorm(3, channels, 3, 2, activation=nn.ReLU6)]
        for ratio, base, count, stride in _V2:
            outputs = divisible(base * width_mult)
            for i in range(count):
                layers.append(InvertedResidualV2(channels, outputs, 1 if i else stride, ratio))
                channels = outputs
        self.features = nn.Sequential(*layers, ConvNorm(channels, last, 1, activation=nn.ReLU6))
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(last, num_classes))
        initialise_convolutions(self, 0.01)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).mean((2, 3)))


class InvertedResidualV3(nn.Module):
    """`InvertedResidualV2` with a choice of kernel and activation, and squeeze-and-excitation before the projection."""

    def __init__(
        self, inputs: int, kernel: int, inner: int, outputs: int, excite: bool, hardswish: bool, stride: int
    ) -> None:
        super().__init__()
        self.shortcut = stride == 1 and inputs == outputs
        activation = nn.Hardswish if hardswish else nn.ReLU
        layers: list[nn.Module] = []
        if inner != inputs:
            layers.append(ConvNorm(inputs, inner, 1, norm=SLOW_NORM, activation=activation))
        layers.append(ConvNorm(inner, inner, kernel, stride, inner, SLOW_NORM, activation))
        if excite:
            layers.append(SqueezeExcitation(inner, divisible(inner // 4), nn.ReLU, nn.Hardsigmoid))
        layers.append(ConvNorm(inner, outputs, 1, norm=SLOW_NORM, activation=None))
        self.block = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.block(x) if self.shortcut else self.block(x)


# kernel, inner channels, channels, squeeze-and-excitation, hardswish, stride
_Row = tuple[int, int, int, bool, bool, int]

_SMALL: tuple[_Row, ...] = (
    (3, 16, 16, True, False, 2), (3, 72, 24, False, False, 2), (3, 88, 24, False, False, 1),
    (5, 96, 40, True, True, 2), (5, 240, 40, True, True, 1), (5, 240, 40, True, True, 1),
    (5, 120, 48, True, True, 1), (5, 144, 48, True, True, 1),
    (5, 288, 96, True, True, 2), (5, 576, 96, True, True, 1), (5, 576, 96, True, True, 1),
)  # fmt: skip

_LARGE: tuple[_Row, ...] = (
    (3, 16, 16, False, False, 1), (3, 64, 24, False, False, 2), (3, 72, 24, False, False, 1),
    (5, 72, 40, True, False, 2), (5, 120, 40, True, False, 1), (5, 120, 40, True, False, 1),
    (3, 240, 80, False, True, 2), (3, 200, 80, False, True, 1),
    (3, 184, 80, False, True, 1), (3, 184, 80, False, True, 1),
    (3, 480, 112, True, True, 1), (3, 672, 112, True, True, 1),
    (5, 672, 160, True, True, 2), (5, 960, 160, True, True, 1), (5, 960, 160, True, True, 1),
)  # fmt: skip


class MobileNetV3(nn.Module):
    """MobileNetV3.

    Args:
        rows: (kernel, inner channels, channels, squeeze-and-excitation, hardswish, stride) of each block.
        hidden: units between the features and the classifier.
        num_classes: number of outputs.
        width_mult: factor of all channels.
        dropout: probability of dropout before the classifier.

    Shape:
        (N, 3, H, W) -> (N, num_classes).

    Example:
        >>> import lucid
        >>> rows = [(3, 16, 16, True, False, 2), (5, 96, 24, True, True, 2)]
        >>> model = lucid.models.MobileNetV3(rows, 64, num_classes=10).eval()
        >>> model(lucid.zeros(1, 3, 64, 64)).shape
        lucid.Size([1, 10])

    Source: Howard et al. (2019), Searching for MobileNetV3.
    """

    def __init__(
        self, rows: Sequence[_Row], hidden: int, num_classes: int = 1000, width_mult: float = 1.0, dropout: float = 0.2
    ) -> None:
        super().__init__()
        channels = divisible(16 * width_mult)
        layers: list[nn.Module] = [ConvNorm(3, channels, 3, 2, norm=SLOW_NORM, activation=nn.Hardswish)]
        for kernel, inner, outputs, excite, hardswish, stride in rows:
            inner, outputs = divisible(inner * width_mult), divisible(outputs * width_mult)
            layers.append(InvertedResidualV3(channels, kernel, inner, outputs, excite, hardswish, stride))
            channels = outputs
        last = 6 * channels
        hidden = divisible(hidden * width_mult)
        self.features = nn.Sequential(*layers, ConvNorm(channels, last, 1, norm=SLOW_NORM, activation=nn.Hardswish))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Linear(last, hidden), nn.Hardswish(), nn.Dropout(dropout), nn.Linear(hidden, num_classes)
        )
        initialise_convolutions(self, 0.01)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


_SECOND = About("Sandler et al. (2018), MobileNetV2: Inverted Residuals and Linear Bottlenecks")
_THIRD = About("Howard et al. (2019), Searching for MobileNetV3")
_PREPARE = Preprocessing(256, 224)

mobilenet_v2 = variant("mobilenet_v2", "MobileNetV2", "3.5 million", _PREPARE, _SECOND, MobileNetV2)
mobilenet_v3_small = variant(
    "mobilenet_v3_small", "MobileNetV3, small", "2.5 million", _PREPARE, _THIRD, MobileNetV3, _SMALL, 1024
)
mobilenet_v3_large = variant(
    "mobilenet_v3_large", "MobileNetV3, large", "5.5 million", _PREPARE, _THIRD, MobileNetV3, _LARGE, 1280
)
