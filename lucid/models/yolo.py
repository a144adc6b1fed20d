"""Detectors that look at an image once, of convolutions with SiLU, in the form of YOLOv8."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import lucid
from lucid import Tensor, nn
from lucid.models._pretrained import rename
from lucid.models._registry import About, variant
from lucid.models.boxes import Detections, Letterbox, detections
from lucid.nn.modules._layers import check_layers

BINS = 16
"""Distances from 0 to 15 strides, over which each side of a box is a distribution."""

STRIDES = (8, 16, 32)


class Conv(nn.Module):
    """Convolution, batch normalisation, SiLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.03)
        self.act = nn.SiLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.bn(self.conv(x)))


class Bottleneck(nn.Module):
    """Two 3 x 3 convolutions, beside a shortcut if there is one."""

    def __init__(self, channels: int, shortcut: bool) -> None:
        super().__init__()
        self.cv1, self.cv2 = Conv(channels, channels, 3), Conv(channels, channels, 3)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        y = self.cv2(self.cv1(x))
        return x + y if self.shortcut else y


class C2f(nn.Module):
    """Half of the channels through bottlenecks; the results of all of them side by side through one convolution."""

    def __init__(self, inputs: int, outputs: int, blocks: int, shortcut: bool) -> None:
        super().__init__()
        half = outputs // 2
        self.cv1 = Conv(inputs, 2 * half)
        self.cv2 = Conv((2 + blocks) * half, outputs)
        self.m = nn.ModuleList([Bottleneck(half, shortcut) for _ in range(blocks)])

    def forward(self, x: Tensor) -> Tensor:
        parts = list(self.cv1(x).chunk(2, 1))
        for block in self.m:
            parts.append(block(parts[-1]))
        return self.cv2(lucid.cat(parts, 1))


class SPPF(nn.Module):
    """Maxima over neighbourhoods of 5, 9 and 13, side by side with what they are of."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        half = inputs // 2
        self.cv1, self.cv2 = Conv(inputs, half), Conv(4 * half, outputs)
        self.m = nn.MaxPool2d(5, 1, 2)

    def forward(self, x: Tensor) -> Tensor:
        parts = [self.cv1(x)]
        for _ in range(3):
            parts.append(self.m(parts[-1]))
        return self.cv2(lucid.cat(parts, 1))


class Concat(nn.Module):
    """Images side by side."""

    def forward(self, *parts: Tensor) -> Tensor:
        return lucid.cat(parts, 1)


class DFL(nn.Module):
    """Expected distances of distributions over bins: a convolution whose weights are the bins' numbers.

    Source: Li et al. (2020), Generalized Focal Loss.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(BINS, 1, 1, bias=False).requires_grad_(False)
        with lucid.no_grad():
            self.conv.weight.copy_(lucid.arange(BINS, dtype=lucid.float32).reshape(1, BINS, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        n, _, places = x.shape
        bins = x.reshape(n, 4, BINS, places).transpose(1, 2).softmax(1)
        return self.conv(bins).reshape(n, 4, places)


class Detect(nn.Module):
    """Boxes and scores of classes at every place of images of three sizes."""

    def __init__(self, num_classes: int, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.num_classes = num_classes
        boxes, classes = max(16, channels[0] // 4, 4 * BINS), max(channels[0], min(num_classes, 100))
        self.cv2, self.cv3 = (
            nn.ModuleList(
                nn.Sequential(Conv(c, inner, 3), Conv(inner, inner, 3), nn.Conv2d(inner, outputs, 1)) for c in channels
            )
            for inner, outputs in ((boxes, 4 * BINS), (classes, num_classes))
        )
        self.dfl = DFL()

    def forward(self, images: list[Tensor]) -> Tensor | list[Tensor]:
        raw = [lucid.cat([box(x), score(x)], 1) for x, box, score in zip(images, self.cv2, self.cv3)]
        return raw if self.training else self.decode(raw)

    def decode(self, raw: list[Tensor]) -> Tensor:
        """(N, 4 + classes, places): middle, width and height in pixels, and scores from 0 to 1."""
        flat = lucid.cat([x.flatten(2) for x in raw], 2)
        boxes, scores = flat[:, : 4 * BINS], flat[:, 4 * BINS :]
        points, strides = self.places([(x.shape[2], x.shape[3]) for x in raw], flat)
        near, far = self.dfl(boxes).chunk(2, 1)
        middle, extent = points + (far - near) / 2, near + far
        return lucid.cat([lucid.cat([middle, extent], 1) * strides, scores.sigmoid()], 1)

    @staticmethod
    def places(sizes: list[tuple[int, int]], like: Tensor) -> tuple[Tensor, Tensor]:
        """Middles of all places, (2, places), in strides; and the strides, (places,), in pixels."""
        points, strides = [], []
        for (height, width), stride in zip(sizes, STRIDES):
            y = (lucid.arange(height, dtype=like.dtype) + 0.5)[:, None].expand(height, width)
            x = (lucid.arange(width, dtype=like.dtype) + 0.5)[None].expand(height, width)
            points.append(lucid.stack([x.flatten(), y.flatten()]))
            strides.append(lucid.full((height * width,), float(stride), dtype=like.dtype))
        return lucid.cat(points, 1), lucid.cat(strides)


# What makes each layer of (channels, blocks): its kind, its channels and blocks, and the layers it reads.
_LAYERS: tuple[tuple[str, int, int, tuple[int, ...]], ...] = (
    ("conv", 64, 0, (-1,)), ("conv", 128, 0, (-1,)), ("c2f+", 128, 3, (-1,)), ("conv", 256, 0, (-1,)),
    ("c2f+", 256, 6, (-1,)), ("conv", 512, 0, (-1,)), ("c2f+", 512, 6, (-1,)), ("conv", 1024, 0, (-1,)),
    ("c2f+", 1024, 3, (-1,)), ("sppf", 1024, 0, (-1,)),
    ("up", 0, 0, (-1,)), ("cat", 0, 0, (-1, 6)), ("c2f", 512, 3, (-1,)),
    ("up", 0, 0, (-1,)), ("cat", 0, 0, (-1, 4)), ("c2f", 256, 3, (-1,)),
    ("conv", 256, 0, (-1,)), ("cat", 0, 0, (-1, 12)), ("c2f", 512, 3, (-1,)),
    ("conv", 512, 0, (-1,)), ("cat", 0, 0, (-1, 9)), ("c2f", 1024, 3, (-1,)),
)  # fmt: skip
_HEAD = (15, 18, 21)


class YOLOv8(nn.Module):
    """A detector without anchors: a backbone, features of three sizes mixed downwards and upwards, and a head.

    The parameters have the names and shapes of the weights published for YOLOv8 ("model.0.conv.weight" ...).

    Args:
        width: factor of the channels.
        depth: factor of the number of blocks.
        most: largest number of channels before ``width``.
        num_classes: number of classes.

    Shape:
        (N, 3, H, W), red, green, blue from 0 to 1, H and W multiples of 32 -> (N, 4 + num_classes, places): middle x
        and y, width and height in pixels, then scores from 0 to 1. In training: a list of three
        (N, 64 + num_classes, h, w), as the head makes them.

    Raises:
        ValueError: an input has another shape.

    Example:
        >>> import lucid
        >>> model = lucid.models.YOLOv8(0.25, 1 / 3, 1024, num_classes=3).eval()
        >>> model(lucid.zeros(1, 3, 64, 96)).shape
        lucid.Size([1, 7, 126])
        >>> [part.shape for part in model.detect(lucid.zeros(1, 3, 64, 96), score_threshold=0.99)[0]]
        [lucid.Size([0, 4]), lucid.Size([0]), lucid.Size([0])]

    Source: Redmon et al. (2016), You Only Look Once; Jocher, Chaurasia, Qiu (2023), YOLOv8, for the architecture.
    """

    def __init__(self, width: float, depth: float, most: int, num_classes: int = 80) -> None:
        super().__init__()
        self.num_classes = num_classes
        channels: list[int] = []
        layers: list[nn.Module] = []
        for kind, base, blocks, sources in _LAYERS:
            inputs = sum(channels[s] for s in sources) if channels else 3
            outputs = math.ceil(min(base, most) * width / 8) * 8 if base else inputs
            count = max(round(blocks * depth), 1)
            check_layers("YOLOv8", "blocks", count)
            layers.append(self._layer(kind, inputs, outputs, count))
            channels.append(outputs)
        layers.append(Detect(num_classes, tuple(channels[i] for i in _HEAD)))
        self.model = nn.ModuleList(layers)
        self._start(layers[-1])

    @staticmethod
    def _layer(kind: str, inputs: int, outputs: int, blocks: int) -> nn.Module:
        if kind == "conv":
            return Conv(inputs, outputs, 3, 2)
        if kind.startswith("c2f"):
            return C2f(inputs, outputs, blocks, shortcut=kind == "c2f+")
        if kind == "sppf":
            return SPPF(inputs, outputs)
        return Concat() if kind == "cat" else nn.Upsample(scale_factor=2, mode="nearest")

    @staticmethod
    def _start(head: Any) -> None:
        """Begin with boxes of one stride and few objects, as most places show none."""
        with lucid.no_grad():
            for box, score, stride in zip(head.cv2, head.cv3, STRIDES):
                box[-1].bias.fill_(1.0)
                score[-1].bias.fill_(math.log(5 / head.num_classes / (640 / stride) ** 2))

    def forward(self, x: Tensor) -> Any:
        if x.ndim != 4 or x.shape[1] != 3 or x.shape[2] % 32 or x.shape[3] % 32 or not x.shape[2] * x.shape[3]:
            expected = "(N, 3, H, W) with H and W multiples of 32"
            raise ValueError(f"expected an input of shape {expected}, got {tuple(x.shape)}")
        found: list[Tensor] = []
        for layer, (kind, _, _, sources) in zip(self.model, _LAYERS):
            x = layer(*[found[s] for s in sources]) if kind == "cat" else layer(x)
            found.append(x)
        return self.model[-1]([found[i] for i in _HEAD])

    def _upgrade_state(self, state: dict[str, Any], prefix: str, version: int | None) -> None:
        rename(state, prefix, lambda name: name.removeprefix("model.") if name.startswith("model.model.") else name)

    @lucid.no_grad()
    def detect(
        self, x: Tensor, score_threshold: float = 0.25, iou_threshold: float = 0.7, most: int = 300
    ) -> list[Detections]:
        """What is in each image of a batch, which `Letterbox` prepared.

        Args:
            x: (N, 3, H, W), as of `forward`.
            score_threshold, iou_threshold, most: as of `detections`.

        Raises:
            RuntimeError: the model is in training mode.
        """
        if self.training:
            raise RuntimeError("detect: the model is in training mode; call eval() first")
        return detections(self(x), score_threshold, iou_threshold, most)


_ABOUT = About(
    "Redmon et al. (2016), You Only Look Once; Jocher, Chaurasia, Qiu (2023), YOLOv8, for the architecture",
    result="lucid.Size([1, 14, 84])",
)


def _yolov8(letter: str, title: str, size: str, width: float, depth: float, most: int) -> Callable[..., YOLOv8]:
    return variant(f"yolov8{letter}", f"YOLOv8, {title}", size, Letterbox(), _ABOUT, YOLOv8, width, depth, most)


yolov8n = _yolov8("n", "nano", "3.2 million", 0.25, 0.33, 1024)
yolov8s = _yolov8("s", "small", "11.2 million", 0.5, 0.33, 1024)
yolov8m = _yolov8("m", "medium", "25.9 million", 0.75, 0.67, 768)
yolov8l = _yolov8("l", "large", "43.7 million", 1.0, 1.0, 512)
yolov8x = _yolov8("x", "extra large", "68.2 million", 1.25, 1.0, 512)
