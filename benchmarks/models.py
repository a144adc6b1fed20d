"""Two published networks, written with the names that lucid and PyTorch share; ``t`` is the module of either.

ResNet-18 in its CIFAR form: He et al., Deep Residual Learning for Image Recognition, 2015, section 4.2, with the widths
of section 4.1. MobileNetV3-Small: Howard et al., Searching for MobileNetV3, 2019, table 2.
"""

from __future__ import annotations

from typing import Any


def resnet18(t: Any, classes: int = 10) -> Any:
    """ResNet-18 whose first layer is 3x3 with stride 1, for 32x32 images."""
    nn = t.nn

    class Block(nn.Module):  # type: ignore[name-defined, misc]
        def __init__(self, cin: int, cout: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(cin, cout, 3, stride=stride, padding=1, bias=False)
            self.bn1 = nn.BatchNorm2d(cout)
            self.conv2 = nn.Conv2d(cout, cout, 3, padding=1, bias=False)
            self.bn2 = nn.BatchNorm2d(cout)
            self.relu = nn.ReLU()
            self.shortcut = nn.Identity()
            if stride != 1 or cin != cout:
                self.shortcut = nn.Sequential(nn.Conv2d(cin, cout, 1, stride=stride, bias=False), nn.BatchNorm2d(cout))

        def forward(self, x: Any) -> Any:
            y = self.relu(self.bn1(self.conv1(x)))
            return self.relu(self.bn2(self.conv2(y)) + self.shortcut(x))

    blocks, width = [], 64
    for cout, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        blocks += [Block(width, cout, stride), Block(cout, cout, 1)]
        width = cout
    return nn.Sequential(
        nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
        *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, classes),
    )  # fmt: skip


# kernel, expansion, channels out, squeeze-and-excitation, hardswish (else ReLU), stride
MOBILENET_SMALL = (
    (3, 16, 16, True, False, 2), (3, 72, 24, False, False, 2), (3, 88, 24, False, False, 1), (5, 96, 40, True, True, 2),
    (5, 240, 40, True, True, 1), (5, 240, 40, True, True, 1), (5, 120, 48, True, True, 1), (5, 144, 48, True, True, 1),
    (5, 288, 96, True, True, 2), (5, 576, 96, True, True, 1), (5, 576, 96, True, True, 1),
)  # fmt: skip


def mobilenet_v3_small(t: Any, classes: int = 10) -> Any:
    """MobileNetV3-Small; without dropout, so that two libraries can be compared."""
    nn = t.nn

    def unit(cin: int, cout: int, kernel: int, stride: int = 1, groups: int = 1, act: Any = None) -> list[Any]:
        conv = nn.Conv2d(cin, cout, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=False)
        return [conv, nn.BatchNorm2d(cout), *([act()] if act else [])]

    class Excitation(nn.Module):  # type: ignore[name-defined, misc]
        def __init__(self, width: int) -> None:
            super().__init__()
            squeezed = max(8, (width // 4 + 4) // 8 * 8)
            self.scale = nn.Sequential(
                nn.AdaptiveAvgPool2d(1), nn.Conv2d(width, squeezed, 1), nn.ReLU(),
                nn.Conv2d(squeezed, width, 1), nn.Hardsigmoid(),
            )  # fmt: skip

        def forward(self, x: Any) -> Any:
            return x * self.scale(x)

    class Block(nn.Module):  # type: ignore[name-defined, misc]
        def __init__(
            self, cin: int, kernel: int, wide: int, cout: int, excite: bool, hardswish: bool, stride: int
        ) -> None:
            super().__init__()
            act = nn.Hardswish if hardswish else nn.ReLU
            layers = unit(cin, wide, 1, act=act) if wide != cin else []
            layers += unit(wide, wide, kernel, stride, wide, act)
            layers += [Excitation(wide)] if excite else []
            self.body = nn.Sequential(*layers, *unit(wide, cout, 1))
            self.residual = stride == 1 and cin == cout

        def forward(self, x: Any) -> Any:
            return x + self.body(x) if self.residual else self.body(x)

    blocks, cin = [], 16
    for kernel, wide, cout, excite, hardswish, stride in MOBILENET_SMALL:
        blocks.append(Block(cin, kernel, wide, cout, excite, hardswish, stride))
        cin = cout
    return nn.Sequential(
        *unit(3, 16, 3, 2, act=nn.Hardswish), *blocks, *unit(96, 576, 1, act=nn.Hardswish),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(576, 1024), nn.Hardswish(), nn.Linear(1024, classes),
    )  # fmt: skip


def mnist_cnn(t: Any) -> Any:
    """Two convolution blocks for 28x28 grey images."""
    nn = t.nn
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * 7 * 7, 10),
    )  # fmt: skip


def conv_blocks(t: Any) -> Any:
    """Two Conv-BN-SiLU blocks for colour images."""
    nn = t.nn
    return nn.Sequential(
        nn.Conv2d(3, 32, 3, stride=2, padding=1), nn.BatchNorm2d(32), nn.SiLU(),
        nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.SiLU(),
    )  # fmt: skip


def transformer(t: Any) -> Any:
    """Two encoder layers of width 256 with 4 heads, without dropout, and a classifier of their mean."""
    nn = t.nn

    class Classifier(nn.Module):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            layer = nn.TransformerEncoderLayer(256, 4, dim_feedforward=1024, dropout=0.0, batch_first=True)
            self.encoder = nn.TransformerEncoder(layer, 2)
            self.head = nn.Linear(256, 10)

        def forward(self, x: Any) -> Any:
            return self.head(self.encoder(x).mean(1))

    return Classifier()


def lstm_classifier(t: Any) -> Any:
    """LSTM(128, 256) over (length, batch, 128) and a classifier of its last output."""
    nn = t.nn

    class Classifier(nn.Module):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(128, 256)
            self.head = nn.Linear(256, 10)

        def forward(self, x: Any) -> Any:
            return self.head(self.lstm(x)[0][-1])

    return Classifier()
