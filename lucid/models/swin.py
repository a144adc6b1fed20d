"""Transformers over windows that shift from layer to layer: Liu et al. (2021)."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np

import lucid
from lucid import Tensor, nn
from lucid.models._blocks import Permute, initialise_transformer
from lucid.models._preprocessing import Preprocessing
from lucid.models._registry import About, variant
from lucid.nn import functional as F
from lucid.nn.modules._layers import check_layers


def _offsets(window: int) -> np.ndarray:
    """Row of the bias table for each pair of positions of a window, query by query."""
    rows, columns = np.divmod(np.arange(window * window), window)
    down = rows[:, None] - rows + window - 1
    right = columns[:, None] - columns + window - 1
    return (down * (2 * window - 1) + right).reshape(-1)


@functools.lru_cache(maxsize=64)
def _apart(size: tuple[int, int], window: int, shift: tuple[int, int]) -> np.ndarray:
    """-100 for pairs that a cyclic shift brought into one window from opposite edges, else 0: (windows, 1, L, L)."""
    labels = []
    for length, by in zip(size, shift):
        i = np.arange(length)
        labels.append((i >= length - window).astype(int) + (i >= length - by) if by else np.zeros(length, int))
    region = labels[0][:, None] * 3 + labels[1]
    h, w = size
    region = region.reshape(h // window, window, w // window, window).swapaxes(1, 2).reshape(-1, 1, window * window)
    return np.where(region[..., None] == region[:, :, None], np.float32(0), np.float32(-100))


class WindowAttention(nn.Module):
    """Multi-head attention within windows, with a learned bias for each relative position."""

    def __init__(self, dim: int, heads: int, window: int, shift: int) -> None:
        super().__init__()
        self.heads, self.window, self.shift = heads, window, shift
        self.relative_position_bias_table = nn.Parameter(lucid.empty((2 * window - 1) ** 2, heads))
        self.register_buffer("relative_position_index", lucid.from_numpy(_offsets(window)))
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        nn.init.normal_(self.relative_position_bias_table, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        n, height, width, c = x.shape
        s = self.window
        x = F.pad(x, (0, 0, 0, -width % s, 0, -height % s))
        h, w = x.shape[1:3]
        shift = (self.shift if h > s else 0, self.shift if w > s else 0)
        if any(shift):
            x = lucid.roll(x, (-shift[0], -shift[1]), (1, 2))
        rows, columns, length = h // s, w // s, s * s
        x = x.reshape(n, rows, s, columns, s, c).permute(0, 1, 3, 2, 4, 5).reshape(n, rows * columns, length, c)
        q, k, v = self.qkv(x).reshape(n, -1, length, 3, self.heads, c // self.heads).permute(3, 0, 1, 4, 2, 5).unbind(0)
        bias = self.relative_position_bias_table[self.relative_position_index]
        bias = bias.reshape(length, length, self.heads).permute(2, 0, 1)
        if any(shift):
            bias = bias + lucid.from_numpy(_apart((h, w), s, shift)).to(bias.dtype)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        y = self.proj(y.transpose(2, 3).reshape(n, rows, columns, s, s, c))
        y = y.permute(0, 1, 3, 2, 4, 5).reshape(n, h, w, c)
        if any(shift):
            y = lucid.roll(y, shift, (1, 2))
        return y[:, :height, :width]


class SwinBlock(nn.Module):
    """Attention within windows and a perceptron, each after layer normalisation and beside a shortcut."""

    def __init__(self, dim: int, heads: int, window: int, shift: int, drop: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.attn = WindowAttention(dim, heads, window, shift)
        self.drop_path = nn.DropPath(drop)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(
            nn.Linear(dim, 4 * dim), nn.GELU(), nn.Dropout(0.0), nn.Linear(4 * dim, dim), nn.Dropout(0.0)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.drop_path(self.attn(self.norm1(x)))
        return x + self.drop_path(self.mlp(self.norm2(x)))


class PatchMerging(nn.Module):
    """Half the positions in each direction, twice the channels."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.reduction = nn.Linear(4 * dim, 2 * dim, bias=False)
        self.norm = nn.LayerNorm(4 * dim)

    def forward(self, x: Tensor) -> Tensor:
        x = F.pad(x, (0, 0, 0, x.shape[2] % 2, 0, x.shape[1] % 2))
        corners = [x[:, i::2, j::2] for j in (0, 1) for i in (0, 1)]
        return self.reduction(self.norm(lucid.cat(corners, -1)))


class SwinTransformer(nn.Module):
    """Swin transformer.

    Args:
        dim: channels of the first stage; each further one has twice as many.
        layers, heads: blocks and attention heads of each stage.
        num_classes: number of outputs.
        drop_path: probability that the last block's branch is left out of a training step; it grows linearly from 0.
        window: positions of each side of a window.

    Shape:
        (N, 3, H, W) -> (N, num_classes).

    Example:
        >>> import lucid
        >>> model = lucid.models.SwinTransformer(32, (1, 1, 2, 1), (1, 2, 4, 8), num_classes=10).eval()
        >>> model(lucid.zeros(1, 3, 64, 64)).shape
        lucid.Size([1, 10])

    Source: Liu et al. (2021), Swin Transformer: Hierarchical Vision Transformer using Shifted Windows.
    """

    def __init__(
        self, dim: int, layers: Sequence[int], heads: Sequence[int], num_classes: int = 1000, drop_path: float = 0.2,
        window: int = 7,
    ) -> None:  # fmt: skip
        super().__init__()
        check_layers("SwinTransformer", "layers", *layers)
        features: list[nn.Module] = [
            nn.Sequential(nn.Conv2d(3, dim, 4, 4), Permute(0, 2, 3, 1), nn.LayerNorm(dim)),
        ]
        last, done = sum(layers) - 1, 0
        for stage, (count, parts) in enumerate(zip(layers, heads)):
            if stage:
                features.append(PatchMerging(dim))
                dim *= 2
            blocks = [
                SwinBlock(dim, parts, window, window // 2 if i % 2 else 0, drop_path * (done + i) / last)
                for i in range(count)
            ]
            features.append(nn.Sequential(*blocks))
            done += count
        self.features = nn.Sequential(*features)
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, num_classes)
        initialise_transformer(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(self.features(x)).mean((1, 2)))


_ABOUT = About("Liu et al. (2021), Swin Transformer: Hierarchical Vision Transformer using Shifted Windows")


def _swin(
    name: str, title: str, size: str, resize: int, dim: int, layers: Sequence[int], heads: Sequence[int], drop: float
) -> Callable[..., SwinTransformer]:
    title, prepare = f"Swin transformer, {title}", Preprocessing(resize, 224, "bicubic")
    return variant(name, title, size, prepare, _ABOUT, SwinTransformer, dim, layers, heads, drop_path=drop)


swin_t = _swin("swin_t", "tiny", "28.3 million", 232, 96, (2, 2, 6, 2), (3, 6, 12, 24), 0.2)
swin_s = _swin("swin_s", "small", "49.6 million", 246, 96, (2, 2, 18, 2), (3, 6, 12, 24), 0.3)
swin_b = _swin("swin_b", "base", "87.8 million", 238, 128, (2, 2, 18, 2), (4, 8, 16, 32), 0.5)
