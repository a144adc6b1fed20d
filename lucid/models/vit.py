"""Vision transformers: Dosovitskiy et al. (2021), Touvron et al. (2021)."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Sequence

import lucid
from lucid import Tensor, nn
from lucid.models._preprocessing import Preprocessing
from lucid.models._registry import About, variant
from lucid.nn.modules._layers import check_layers

EPS = 1e-6


class EncoderLayer(nn.Module):
    """Attention and a perceptron, each after layer normalisation and beside a shortcut."""

    def __init__(self, dim: int, heads: int, hidden: int, dropout: float, attention_dropout: float) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(dim, eps=EPS)
        self.self_attention = nn.MultiheadAttention(dim, heads, dropout=attention_dropout, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.ln_2 = nn.LayerNorm(dim, eps=EPS)
        self.mlp = nn.Sequential(
            nn.Linear(dim, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, dim), nn.Dropout(dropout)
        )
        for layer in (self.mlp[0], self.mlp[3]):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.normal_(layer.bias, std=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        y = self.ln_1(x)
        y, _ = self.self_attention(y, y, y, need_weights=False)
        x = x + self.dropout(y)
        return x + self.mlp(self.ln_2(x))


class Encoder(nn.Module):
    """Position embedding, layers and a last normalisation."""

    def __init__(
        self, length: int, layers: int, dim: int, heads: int, hidden: int, dropout: float, attention_dropout: float
    ) -> None:
        super().__init__()
        self.pos_embedding = nn.Parameter(nn.init.normal_(lucid.empty(1, length, dim), std=0.02))
        self.dropout = nn.Dropout(dropout)
        stack = ((f"encoder_layer_{i}", EncoderLayer(dim, heads, hidden, dropout, attention_dropout))
                 for i in range(layers))  # fmt: skip
        self.layers = nn.Sequential(OrderedDict(stack))
        self.ln = nn.LayerNorm(dim, eps=EPS)

    def forward(self, x: Tensor) -> Tensor:
        return self.ln(self.layers(self.dropout(x + self.pos_embedding)))


class VisionTransformer(nn.Module):
    """Patches of an image and a class token through a transformer; a linear classifier of the token.

    Args:
        patch: pixels of each side of a patch.
        layers, dim, heads, hidden: layers, channels, attention heads, and hidden units of the perceptrons.
        image_size: pixels of each side of the images, a multiple of ``patch``.
        num_classes: number of outputs.
        dropout, attention_dropout: probabilities.

    Shape:
        (N, 3, image_size, image_size) -> (N, num_classes).

    Raises:
        ValueError: ``patch`` does not divide ``image_size``, or an input has another size.

    Example:
        >>> import lucid
        >>> model = lucid.models.VisionTransformer(16, 2, 32, 2, 64, image_size=64, num_classes=10).eval()
        >>> model(lucid.zeros(1, 3, 64, 64)).shape
        lucid.Size([1, 10])

    Source: Dosovitskiy et al. (2021), An Image is Worth 16x16 Words.
    """

    def __init__(
        self, patch: int, layers: int, dim: int, heads: int, hidden: int, image_size: int = 224,
        num_classes: int = 1000, dropout: float = 0.0, attention_dropout: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__()
        if image_size % patch:
            raise ValueError(f"VisionTransformer: image_size {image_size} is not a multiple of the patch size {patch}")
        check_layers("VisionTransformer", "layers", layers)
        self.image_size = image_size
        self.class_token = nn.Parameter(lucid.zeros(1, 1, dim))
        self.conv_proj = nn.Conv2d(3, dim, patch, patch)
        length = (image_size // patch) ** 2 + 1
        self.encoder = Encoder(length, layers, dim, heads, hidden, dropout, attention_dropout)
        self.heads = nn.Sequential(OrderedDict(head=nn.Linear(dim, num_classes)))
        nn.init.normal_(self.conv_proj.weight, std=math.sqrt(1 / (3 * patch * patch)))
        assert self.conv_proj.bias is not None
        nn.init.zeros_(self.conv_proj.bias)
        nn.init.zeros_(self.heads[0].weight)
        nn.init.zeros_(self.heads[0].bias)

    def forward(self, x: Tensor) -> Tensor:
        if tuple(x.shape[1:]) != (3, self.image_size, self.image_size):
            expected = f"(N, 3, {self.image_size}, {self.image_size})"
            raise ValueError(f"expected an input of shape {expected}, got {tuple(x.shape)}")
        tokens = self.conv_proj(x).flatten(2).transpose(1, 2)
        first = self.class_token.expand(x.shape[0], -1, -1)
        return self.heads(self.encoder(lucid.cat([first, tokens], 1))[:, 0])


_EXAMPLE = "lucid.models.{name}(num_classes=10, image_size=64).eval()(lucid.zeros(1, 3, 64, 64)).shape"
_ABOUT = About("Dosovitskiy et al. (2021), An Image is Worth 16x16 Words", _EXAMPLE)
_SMALLER = About("Touvron et al. (2021), Training data-efficient image transformers", _EXAMPLE)
_TINY, _SMALL = (12, 192, 3, 768), (12, 384, 6, 1536)
_BASE, _LARGE = (12, 768, 12, 3072), (24, 1024, 16, 4096)


def _vit(
    name: str, title: str, size: str, patch: int, shape: Sequence[int], about: About = _ABOUT, resize: int = 256
) -> Callable[..., VisionTransformer]:
    title, prepare = f"ViT, {title}, patches of {patch} pixels", Preprocessing(resize, 224)
    return variant(name, title, size, prepare, about, VisionTransformer, patch, *shape)


vit_t_16 = _vit("vit_t_16", "tiny", "5.7 million", 16, _TINY, _SMALLER)
vit_s_16 = _vit("vit_s_16", "small", "22.1 million", 16, _SMALL, _SMALLER)
vit_b_16 = _vit("vit_b_16", "base", "86.6 million", 16, _BASE)
vit_b_32 = _vit("vit_b_32", "base", "88.2 million", 32, _BASE)
vit_l_16 = _vit("vit_l_16", "large", "304.3 million", 16, _LARGE, resize=242)
vit_l_32 = _vit("vit_l_32", "large", "306.5 million", 32, _LARGE)
