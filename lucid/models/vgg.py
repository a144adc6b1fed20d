"""Plain stacks of convolutions with a perceptron on top: Krizhevsky (2014), Simonyan and Zisserman (2015)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lucid import Tensor, nn
from lucid.models._blocks import initialise_convolutions
from lucid.models._preprocessing import Preprocessing
from lucid.models._registry import About, variant
from lucid.nn.modules._layers import check_layers


class AlexNet(nn.Module):
    """AlexNet with one tower.

    Args:
        num_classes: number of outputs.
        dropout: probability of dropout in the classifier.

    Shape:
        (N, 3, H, W) -> (N, num_classes), H and W at least 63.

    Example:
        >>> import lucid
        >>> model = lucid.models.AlexNet(num_classes=10).eval()
        >>> model(lucid.zeros(1, 3, 64, 64)).shape
        lucid.Size([1, 10])

    Source: Krizhevsky (2014), One weird trick for parallelizing convolutional neural networks.
    """

    def __init__(self, num_classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2),
            nn.Conv2d(64, 192, 5, 1, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2),
            nn.Conv2d(192, 384, 3, 1, 1), nn.ReLU(inplace=True),
            nn.Conv2d(384, 256, 3, 1, 1), nn.ReLU(inplace=True),
            nn.Conv2d(256, 256, 3, 1, 1), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2),
        )  # fmt: skip
        self.avgpool = nn.AdaptiveAvgPool2d(6)
        self.classifier = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(256 * 36, 4096), nn.ReLU(inplace=True),
            nn.Dropout(dropout), nn.Linear(4096, 4096), nn.ReLU(inplace=True),
            nn.Linear(4096, num_classes),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


class VGG(nn.Module):
    """Stages of 3 x 3 convolutions, each followed by a pooling.

    Args:
        layers: convolutions of each stage.
        batch_norm: whether a normalisation follows each convolution.
        num_classes: number of outputs.
        dropout: probability of dropout in the classifier.

    Shape:
        (N, 3, H, W) -> (N, num_classes), H and W at least 32.

    Example:
        >>> import lucid
        >>> model = lucid.models.VGG((1, 1, 1, 1, 1), num_classes=10).eval()
        >>> model(lucid.zeros(1, 3, 64, 64)).shape
        lucid.Size([1, 10])

    Source: Simonyan and Zisserman (2015), Very Deep Convolutional Networks for Large-Scale Image Recognition.
    """

    def __init__(
        self, layers: Sequence[int], batch_norm: bool = False, num_classes: int = 1000, dropout: float = 0.5
    ) -> None:
        super().__init__()
        check_layers("VGG", "layers", *layers)
        features: list[nn.Module] = []
        channels = 3
        for outputs, count in zip((64, 128, 256, 512, 512), layers):
            for _ in range(count):
                norm = [nn.BatchNorm2d(outputs)] if batch_norm else []
                features += [nn.Conv2d(channels, outputs, 3, 1, 1), *norm, nn.ReLU(inplace=True)]
                channels = outputs
            features.append(nn.MaxPool2d(2, 2))
        self.features = nn.Sequential(*features)
        self.avgpool = nn.AdaptiveAvgPool2d(7)
        self.classifier = nn.Sequential(
            nn.Linear(512 * 49, 4096), nn.ReLU(inplace=True), nn.Dropout(dropout),
            nn.Linear(4096, 4096), nn.ReLU(inplace=True), nn.Dropout(dropout),
            nn.Linear(4096, num_classes),
        )  # fmt: skip
        initialise_convolutions(self, 0.01)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


_PREPARE = Preprocessing(256, 224)
_ABOUT = About("Simonyan and Zisserman (2015), Very Deep Convolutional Networks for Large-Scale Image Recognition")
_LAYERS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}


def _vgg(layers: int, size: str, batch_norm: bool = False) -> Callable[..., VGG]:
    name, title = f"vgg{layers}", f"VGG with {layers} layers"
    if batch_norm:
        name, title = f"{name}_bn", f"{title} and batch normalisation"
    return variant(name, title, size, _PREPARE, _ABOUT, VGG, _LAYERS[layers], batch_norm)


vgg11, vgg11_bn = _vgg(11, "132.9 million"), _vgg(11, "132.9 million", batch_norm=True)
vgg13, vgg13_bn = _vgg(13, "133.0 million"), _vgg(13, "133.1 million", batch_norm=True)
vgg16, vgg16_bn = _vgg(16, "138.4 million"), _vgg(16, "138.4 million", batch_norm=True)
vgg19, vgg19_bn = _vgg(19, "143.7 million"), _vgg(19, "143.7 million", batch_norm=True)

alexnet = variant(
    "alexnet", "AlexNet", "61.1 million", _PREPARE,
    About("Krizhevsky (2014), One weird trick for parallelizing convolutional neural networks"), AlexNet,
)  # fmt: skip
