"""Residual networks: He et al. (2016), Xie et al. (2017), Zagoruyko and Komodakis (2016)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lucid import Tensor, nn
from lucid.models._blocks import initialise_convolutions
from lucid.models._preprocessing import Preprocessing
from lucid.models._registry import About, variant
from lucid.nn.modules._layers import check_layers


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut."""

    expansion = 1

    def __init__(
        self, inputs: int, planes: int, stride: int, downsample: nn.Module | None, groups: int, base: int
    ) -> None:
        super().__init__()
        if groups != 1 or base != 64:
            raise ValueError(f"BasicBlock: expected groups 1 and width_per_group 64, got {groups} and {base}")
        self.conv1 = nn.Conv2d(inputs, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        y = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(y)) + shortcut)


class Bottleneck(nn.Module):
    """A 3 x 3 convolution between two of 1 x 1, beside a shortcut."""

    expansion = 4

    def __init__(
        self, inputs: int, planes: int, stride: int, downsample: nn.Module | None, groups: int, base: int
    ) -> None:
        super().__init__()
        width = planes * base // 64 * groups
        outputs = planes * self.expansion
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        return self.relu(self.bn3(self.conv3(y)) + shortcut)


class ResNet(nn.Module):
    """A stem, four stages of residual blocks, and a linear classifier of the mean over positions.

    Args:
        block: `BasicBlock` or `Bottleneck`.
        layers: blocks of each stage.
        num_classes: number of outputs.
        groups, width_per_group: groups of the 3 x 3 convolutions and their channels in the first stage.

    Shape:
        (N, 3, H, W) -> (N, num_classes); H and W of 32 at least are sensible.

    Example:
        >>> import lucid
        >>> from lucid.models.resnet import BasicBlock
        >>> model = lucid.models.ResNet(BasicBlock, (1, 1, 1, 1), num_classes=10).eval()
        >>> model(lucid.zeros(1, 3, 64, 64)).shape
        lucid.Size([1, 10])

    Source: He et al. (2016), Deep Residual Learning for Image Recognition.
    """

    def __init__(
        self, block: type[BasicBlock | Bottleneck], layers: Sequence[int], num_classes: int = 1000, groups: int = 1,
        width_per_group: int = 64,
    ) -> None:  # fmt: skip
        super().__init__()
        check_layers("ResNet", "layers", *layers)
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        channels = 64
        for stage, count in enumerate(layers):
            blocks: list[nn.Module] = []
            planes = 64 << stage
            for i in range(count):
                stride = 2 if stage and i == 0 else 1
                outputs = planes * block.expansion
                downsample = None
                if stride > 1 or channels != outputs:
                    conv = nn.Conv2d(channels, outputs, 1, stride, bias=False)
                    downsample = nn.Sequential(conv, nn.BatchNorm2d(outputs))
                blocks.append(block(channels, planes, stride, downsample, groups, width_per_group))
                channels = outputs
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, num_classes)
        initialise_convolutions(self)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))


_DEEP = About("He et al. (2016), Deep Residual Learning for Image Recognition; the stride is in the 3 x 3 convolution")
_GROUPED = About("Xie et al. (2017), Aggregated Residual Transformations for Deep Neural Networks")
_WIDE = About("Zagoruyko and Komodakis (2016), Wide Residual Networks")
_50, _101, _152 = (3, 4, 6, 3), (3, 4, 23, 3), (3, 8, 36, 3)


def _resnet(
    name: str, title: str, size: str, block: type[BasicBlock | Bottleneck], layers: Sequence[int],
    about: About = _DEEP, resize: int = 256, **defaults: int,
) -> Callable[..., ResNet]:  # fmt: skip
    return variant(name, title, size, Preprocessing(resize, 224), about, ResNet, block, layers, **defaults)


resnet18 = _resnet("resnet18", "ResNet with 18 layers", "11.7 million", BasicBlock, (2, 2, 2, 2))
resnet34 = _resnet("resnet34", "ResNet with 34 layers", "21.8 million", BasicBlock, _50)
resnet50 = _resnet("resnet50", "ResNet with 50 layers", "25.6 million", Bottleneck, _50)
resnet101 = _resnet("resnet101", "ResNet with 101 layers", "44.5 million", Bottleneck, _101)
resnet152 = _resnet("resnet152", "ResNet with 152 layers", "60.2 million", Bottleneck, _152)
resnext50_32x4d = _resnet(
    "resnext50_32x4d", "ResNeXt with 50 layers, 32 groups of 4 channels", "25.0 million", Bottleneck, _50, _GROUPED,
    groups=32, width_per_group=4,
)  # fmt: skip
resnext101_32x8d = _resnet(
    "resnext101_32x8d", "ResNeXt with 101 layers, 32 groups of 8 channels", "88.8 million", Bottleneck, _101, _GROUPED,
    groups=32, width_per_group=8,
)  # fmt: skip
resnext101_64x4d = _resnet(
    "resnext101_64x4d", "ResNeXt with 101 layers, 64 groups of 4 channels", "83.5 million", Bottleneck, _101, _GROUPED,
    resize=232, groups=64, width_per_group=4,
)  # fmt: skip
wide_resnet50_2 = _resnet(
    "wide_resnet50_2", "ResNet with 50 layers and inner convolutions twice as wide", "68.9 million", Bottleneck, _50,
    _WIDE, width_per_group=128,
)  # fmt: skip
wide_resnet101_2 = _resnet(
    "wide_resnet101_2", "ResNet with 101 layers and inner convolutions twice as wide", "126.9 million", Bottleneck,
    _101, _WIDE, width_per_group=128,
)  # fmt: skip
