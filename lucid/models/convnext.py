"""Convolutions in the form of transformers: Liu et al. (2022)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import lucid
from lucid import Tensor, nn
from lucid.models._blocks import Permute, initialise_transformer
from lucid.models._preprocessing import Preprocessing
from lucid.models._registry import About, variant
from lucid.nn import functional as F
from lucid.nn.modules._layers import check_layers

EPS = 1e-6


class LayerNorm2d(nn.LayerNorm):
    """Layer normalisation over the channels of images (N, C, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        y = F.layer_norm(x.permute(0, 2, 3, 1), self.normalized_shape, self.weight, self.bias, self.eps)
        return y.permute(0, 3, 1, 2)


class CNBlock(nn.Module):
    """Depthwise convolution, normalisation and perceptron, scaled by channel, beside a shortcut."""

    def __init__(self, dim: int, drop: float, scale: float) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.Conv2d(dim, dim, 7, 1, 3, groups=dim), Permute(0, 2, 3, 1), nn.LayerNorm(dim, eps=EPS),
            nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim), Permute(0, 3, 1, 2),
        )  # fmt: skip
        self.layer_scale = nn.Parameter(lucid.full((dim, 1, 1), scale))
        self.drop_path = nn.DropPath(drop)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.drop_path(self.layer_scale * self.block(x))


class ConvNeXt(nn.Module):
    """ConvNeXt.

    Args:
        dims, layers: channels and blocks of each stage.
        num_classes: number of outputs.
        drop_path: probability that the last block's branch is left out of a training step; it grows linearly from 0.
        layer_scale: initial factor of the branches.

    Shape:
        (N, 3, H, W) -> (N, num_classes), H and W at least 32.

    Example:
        >>> import lucid
        >>> model = lucid.models.ConvNeXt((16, 32, 64, 128), (1, 1, 2, 1), num_classes=10).eval()
        >>> model(lucid.zeros(1, 3, 64, 64)).shape
        lucid.Size([1, 10])

    Source: Liu et al. (2022), A ConvNet for the 2020s.
    """

    def __init__(
        self, dims: Sequence[int], layers: Sequence[int], num_classes: int = 1000, drop_path: float = 0.1,
        layer_scale: float = 1e-6,
    ) -> None:  # fmt: skip
        super().__init__()
        check_layers("ConvNeXt", "layers", *layers)
        features: list[nn.Module] = [nn.Sequential(nn.Conv2d(3, dims[0], 4, 4), LayerNorm2d(dims[0], eps=EPS))]
        last, done = sum(layers) - 1, 0
        for stage, (dim, count) in enumerate(zip(dims, layers)):
            if stage:
                features.append(
                    nn.Sequential(LayerNorm2d(dims[stage - 1], eps=EPS), nn.Conv2d(dims[stage - 1], dim, 2, 2))
                )
            drops = [drop_path * (done + i) / last for i in range(count)]
            features.append(nn.Sequential(*[CNBlock(dim, drop, layer_scale) for drop in drops]))
            done += count
        self.features = nn.Sequential(*features)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(LayerNorm2d(dims[-1], eps=EPS), nn.Flatten(1), nn.Linear(dims[-1], num_classes))
        initialise_transformer(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)))


_ABOUT = About("Liu et al. (2022), A ConvNet for the 2020s")


def _convnext(
    name: str, title: str, size: str, resize: int, dims: Sequence[int], layers: Sequence[int], drop_path: float
) -> Callable[..., ConvNeXt]:
    prepare = Preprocessing(resize, 224)
    return variant(name, f"ConvNeXt, {title}", size, prepare, _ABOUT, ConvNeXt, dims, layers, drop_path=drop_path)


_S, _B, _L = (96, 192, 384, 768), (128, 256, 512, 1024), (192, 384, 768, 1536)

convnext_tiny = _convnext("convnext_tiny", "tiny", "28.6 million", 236, _S, (3, 3, 9, 3), 0.1)
convnext_small = _convnext("convnext_small", "small", "50.2 million", 230, _S, (3, 3, 27, 3), 0.4)
convnext_base = _convnext("convnext_base", "base", "88.6 million", 232, _B, (3, 3, 27, 3), 0.5)
convnext_large = _convnext("convnext_large", "large", "197.8 million", 232, _L, (3, 3, 27, 3), 0.5)
