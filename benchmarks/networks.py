"""Published networks for 224x224 images, written with the names that lucid and PyTorch share; without dropout.

ResNet-18 and -50: He et al., Deep Residual Learning for Image Recognition, 2015, table 1, the stride in the 3x3 layer
of a block. MobileNetV3: Howard et al., Searching for MobileNetV3, 2019, tables 1 and 2. EfficientNet-B0: Tan and Le,
EfficientNet, 2019, table 1. ViT-Tiny: Touvron et al., Training data-efficient image transformers, 2021, table 1.
Detector: the backbone of a one-stage detector as these are built since 2020, whose stages split their channels, take
one part through bottlenecks and join what each of them gave (Wang et al., CSPNet, 2020); three images are its result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

SMALL = (
    (3, 16, 16, True, False, 2), (3, 72, 24, False, False, 2), (3, 88, 24, False, False, 1), (5, 96, 40, True, True, 2),
    (5, 240, 40, True, True, 1), (5, 240, 40, True, True, 1), (5, 120, 48, True, True, 1), (5, 144, 48, True, True, 1),
    (5, 288, 96, True, True, 2), (5, 576, 96, True, True, 1), (5, 576, 96, True, True, 1),
)  # fmt: skip
LARGE = (
    (3, 16, 16, False, False, 1), (3, 64, 24, False, False, 2), (3, 72, 24, False, False, 1),
    (5, 72, 40, True, False, 2), (5, 120, 40, True, False, 1), (5, 120, 40, True, False, 1),
    (3, 240, 80, False, True, 2), (3, 200, 80, False, True, 1), (3, 184, 80, False, True, 1),
    (3, 184, 80, False, True, 1), (3, 480, 112, True, True, 1), (3, 672, 112, True, True, 1),
    (5, 672, 160, True, True, 2), (5, 960, 160, True, True, 1), (5, 960, 160, True, True, 1),
)  # fmt: skip
"""Kernel, expansion, channels out, squeeze-and-excitation, hardswish (else ReLU), stride."""

EFFICIENT = (
    (3, 1, 16, 1, 1), (3, 6, 24, 2, 2), (5, 6, 40, 2, 2), (3, 6, 80, 3, 2), (5, 6, 112, 3, 1), (5, 6, 192, 4, 2),
    (3, 6, 320, 1, 1),
)  # fmt: skip
"""Kernel, factor of expansion, channels out, blocks, stride of the first."""


class Blocks:
    """Layers of one library ``t``."""

    def __init__(self, t: Any) -> None:
        self.nn = nn = t.nn

        class Excitation(nn.Module):  # type: ignore[name-defined, misc]
            def __init__(self, width: int, squeezed: int, act: Any, gate: Any) -> None:
                super().__init__()
                self.scale = nn.Sequential(
                    nn.AdaptiveAvgPool2d(1), nn.Conv2d(width, squeezed, 1), act(), nn.Conv2d(squeezed, width, 1), gate()
                )

            def forward(self, x: Any) -> Any:
                return x * self.scale(x)

        class Residual(nn.Module):  # type: ignore[name-defined, misc]
            """f(x + body(x)), or that of a projection of x."""

            def __init__(self, body: Any, projection: Any = None, act: Any = None) -> None:
                super().__init__()
                self.body, self.projection, self.act = body, projection, act() if act else None

            def forward(self, x: Any) -> Any:
                y = self.body(x) + (x if self.projection is None else self.projection(x))
                return y if self.act is None else self.act(y)

        self.Excitation, self.Residual = Excitation, Residual

    def unit(self, cin: int, cout: int, kernel: int, stride: int = 1, groups: int = 1, act: Any = None) -> list[Any]:
        """Convolution without bias, batch norm, activation."""
        nn = self.nn
        conv = nn.Conv2d(cin, cout, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=False)
        return [conv, nn.BatchNorm2d(cout), *([act()] if act else [])]

    def inverted(
        self, cin: int, kernel: int, wide: int, cout: int, stride: int, act: Any, excitation: Any = None
    ) -> Any:
        """Expansion, depthwise convolution, excitation, projection; added to the input where shapes allow."""
        layers = self.unit(cin, wide, 1, act=act) if wide != cin else []
        layers += self.unit(wide, wide, kernel, stride, wide, act)
        layers += [excitation] if excitation is not None else []
        body = self.nn.Sequential(*layers, *self.unit(wide, cout, 1))
        return self.Residual(body) if stride == 1 and cin == cout else body


def resnet(t: Any, depths: tuple[int, ...], bottleneck: bool) -> Any:
    b, nn = Blocks(t), t.nn

    def block(cin: int, width: int, cout: int, stride: int) -> Any:
        if bottleneck:
            layers = [*b.unit(cin, width, 1, act=nn.ReLU), *b.unit(width, width, 3, stride, act=nn.ReLU)]
            layers += b.unit(width, cout, 1)
        else:
            layers = [*b.unit(cin, width, 3, stride, act=nn.ReLU), *b.unit(width, cout, 3)]
        projection = nn.Sequential(*b.unit(cin, cout, 1, stride)) if stride != 1 or cin != cout else None
        return b.Residual(nn.Sequential(*layers), projection, nn.ReLU)

    layers, cin = [*b.unit(3, 64, 7, 2, act=nn.ReLU), nn.MaxPool2d(3, 2, 1)], 64
    for stage, depth in enumerate(depths):
        width = 64 << stage
        cout = 4 * width if bottleneck else width
        for i in range(depth):
            layers.append(block(cin, width, cout, 2 if stage and not i else 1))
            cin = cout
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(cin, 1000))


def resnet18(t: Any) -> Any:
    return resnet(t, (2, 2, 2, 2), False)


def resnet50(t: Any) -> Any:
    return resnet(t, (3, 4, 6, 3), True)


def mobilenet_v3(t: Any, table: Any, last: int, head: int) -> Any:
    b, nn = Blocks(t), t.nn
    layers, cin = b.unit(3, 16, 3, 2, act=nn.Hardswish), 16
    for kernel, wide, cout, excite, hardswish, stride in table:
        squeezed = max(8, (wide // 4 + 4) // 8 * 8)
        excitation = b.Excitation(wide, squeezed, nn.ReLU, nn.Hardsigmoid) if excite else None
        layers.append(b.inverted(cin, kernel, wide, cout, stride, nn.Hardswish if hardswish else nn.ReLU, excitation))
        cin = cout
    return nn.Sequential(
        *layers, *b.unit(cin, last, 1, act=nn.Hardswish), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(last, head), nn.Hardswish(), nn.Linear(head, 1000),
    )  # fmt: skip


def mobilenet_v3_small(t: Any) -> Any:
    return mobilenet_v3(t, SMALL, 576, 1024)


def mobilenet_v3_large(t: Any) -> Any:
    return mobilenet_v3(t, LARGE, 960, 1280)


def efficientnet_b0(t: Any) -> Any:
    b, nn = Blocks(t), t.nn
    layers, cin = b.unit(3, 32, 3, 2, act=nn.SiLU), 32
    for kernel, factor, cout, count, first in EFFICIENT:
        for i in range(count):
            wide = cin * factor
            excitation = b.Excitation(wide, max(1, cin // 4), nn.SiLU, nn.Sigmoid)
            layers.append(b.inverted(cin, kernel, wide, cout, 1 if i else first, nn.SiLU, excitation))
            cin = cout
    return nn.Sequential(
        *layers, *b.unit(cin, 1280, 1, act=nn.SiLU), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1280, 1000)
    )


def detector(t: Any) -> Any:
    """Convolutions, batch norms and SiLU; the images of strides 8, 16 and 32 have 128, 256 and 512 channels."""
    b, nn = Blocks(t), t.nn

    def unit(cin: int, cout: int, kernel: int, stride: int = 1) -> Any:
        return nn.Sequential(*b.unit(cin, cout, kernel, stride, act=nn.SiLU))

    class Stage(nn.Module):  # type: ignore[name-defined, misc]
        def __init__(self, width: int, depth: int) -> None:
            super().__init__()
            half = width // 2
            self.first = unit(width, width, 1)
            self.bottlenecks = nn.ModuleList(
                [b.Residual(nn.Sequential(unit(half, half, 3), unit(half, half, 3))) for _ in range(depth)]
            )
            self.last = unit(half * (2 + depth), width, 1)

        def forward(self, x: Any) -> Any:
            parts = list(self.first(x).chunk(2, 1))
            for bottleneck in self.bottlenecks:
                parts.append(bottleneck(parts[-1]))
            return self.last(t.cat(parts, 1))

    class Pyramid(nn.Module):  # type: ignore[name-defined, misc]
        """Three poolings of 5x5, one after the other, side by side."""

        def __init__(self, width: int) -> None:
            super().__init__()
            self.first, self.last = unit(width, width // 2, 1), unit(2 * width, width, 1)
            self.pool = nn.MaxPool2d(5, 1, 2)

        def forward(self, x: Any) -> Any:
            parts = [self.first(x)]
            for _ in range(3):
                parts.append(self.pool(parts[-1]))
            return self.last(t.cat(parts, 1))

    class Backbone(nn.Module):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Sequential(unit(3, 32, 3, 2), unit(32, 64, 3, 2), Stage(64, 1))
            self.stage3 = nn.Sequential(unit(64, 128, 3, 2), Stage(128, 2))
            self.stage4 = nn.Sequential(unit(128, 256, 3, 2), Stage(256, 2))
            self.stage5 = nn.Sequential(unit(256, 512, 3, 2), Stage(512, 1), Pyramid(512))

        def forward(self, x: Any) -> Any:
            p3 = self.stage3(self.stem(x))
            p4 = self.stage4(p3)
            return p3, p4, self.stage5(p4)

    return Backbone()


def vit_tiny(t: Any) -> Any:
    nn, width, heads = t.nn, 192, 3

    class Attention(nn.Module):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

        def forward(self, x: Any) -> Any:
            n, length, _ = x.shape
            q, k, v = self.qkv(x).reshape(n, length, 3, heads, width // heads).permute(2, 0, 3, 1, 4).unbind(0)
            y = nn.functional.scaled_dot_product_attention(q, k, v)
            return self.out(y.transpose(1, 2).reshape(n, length, width))

    class Block(nn.Module):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.attention = Attention()
            self.body = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

        def forward(self, x: Any) -> Any:
            x = x + self.attention(self.norm1(x))
            return x + self.body(self.norm2(x))

    class ViT(nn.Module):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.patches = nn.Conv2d(3, width, 16, stride=16)
            self.token = nn.Parameter(t.zeros(1, 1, width))
            self.places = nn.Parameter(t.zeros(1, 197, width))
            self.blocks = nn.Sequential(*[Block() for _ in range(12)])
            self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 1000)

        def forward(self, x: Any) -> Any:
            x = self.patches(x).flatten(2).transpose(1, 2)
            x = t.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.places
            return self.head(self.norm(self.blocks(x))[:, 0])

    return ViT()


NETWORKS: dict[str, Callable[[Any], Any]] = {
    "MobileNetV3-S": mobilenet_v3_small,
    "MobileNetV3-L": mobilenet_v3_large,
    "EfficientNet-B0": efficientnet_b0,
    "ResNet-18": resnet18,
    "ResNet-50": resnet50,
    "Detector": detector,
    "ViT-Tiny": vit_tiny,
}
