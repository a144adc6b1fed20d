"""Positions added to embeddings, or rotated into them."""

from __future__ import annotations

import numpy as np

from lucid._functions.creation import zeros
from lucid._tensor import Tensor
from lucid.autograd._node import wrap
from lucid.nn import functional as F
from lucid.nn.functional.position import angles, check_rotary, rotate_pairs
from lucid.nn.modules.embedding import Embedding
from lucid.nn.modules.module import Module

__all__ = ["LearnedPosEmbedding", "RotaryPosEmbedding", "SinusoidalPosEmbedding"]


def _check_embeddings(x: Tensor, embed_dim: int | None) -> tuple[int, int]:
    """Length and size of (L, D) or (N, L, D)."""
    shape = x._data.shape
    if len(shape) not in (2, 3):
        raise ValueError(f"expected input of shape (L, D) or (N, L, D), got {shape}")
    if not x.is_floating_point():
        raise TypeError(f"expected a floating-point input, got {x.dtype}")
    if embed_dim is not None and shape[-1] != embed_dim:
        raise ValueError(f"expected embeddings of size {embed_dim}, got {shape[-1]} (input {shape})")
    return shape[-2], shape[-1]


class LearnedPosEmbedding(Module):
    """A learned vector for every position, added to the embeddings.

        y[..., t, :] = x[..., t, :] + weight[offset + t]

    Args:
        max_len: number of positions.
        embed_dim: size D of the embeddings.

    Attributes:
        pos_emb: the `Embedding` (max_len, embed_dim).

    Shape: (N, L, D) or (L, D) and the position of the first, an int, to the same; floating point.

    Raises:
        ValueError: the shape is wrong, or a position lies beyond ``max_len``.
        TypeError: the input is not floating point.

    Example:
        >>> import lucid
        >>> lucid.nn.LearnedPosEmbedding(16, 4)(lucid.zeros(2, 5, 4), offset=3).shape
        lucid.Size([2, 5, 4])

    Source: Gehring et al., Convolutional sequence to sequence learning, arXiv:1705.03122.
    """

    def __init__(self, max_len: int, embed_dim: int) -> None:
        super().__init__()
        self.max_len, self.embed_dim = max_len, embed_dim
        self.pos_emb = Embedding(max_len, embed_dim)

    def forward(self, x: Tensor, offset: int = 0) -> Tensor:
        length, _ = _check_embeddings(x, self.embed_dim)
        if offset < 0 or offset + length > self.max_len:
            raise ValueError(f"positions {offset} to {offset + length - 1} lie beyond max_len {self.max_len}")
        return x + self.pos_emb.weight[offset : offset + length]

    def extra_repr(self) -> str:
        return f"max_len={self.max_len}, embed_dim={self.embed_dim}"


class SinusoidalPosEmbedding(Module):
    """Sines and cosines of every position added to the embeddings, as `lucid.nn.functional.sinusoidal_pos_embedding`.

    Args:
        seq_len: the only length L to take; any unless given.
        embed_dim: the only size D to take; any unless given.

    Shape: (N, L, D) or (L, D), and the same for the result; floating point.

    Raises:
        TypeError: the input is not floating point.
        ValueError: another shape than said.

    Example:
        >>> import lucid
        >>> lucid.nn.SinusoidalPosEmbedding()(lucid.zeros(2, 5, 4)).shape
        lucid.Size([2, 5, 4])

    Source: Vaswani et al., Attention is all you need, arXiv:1706.03762, section 3.5.
    """

    def __init__(self, seq_len: int | None = None, embed_dim: int | None = None) -> None:
        super().__init__()
        self.seq_len, self.embed_dim = seq_len, embed_dim

    def forward(self, input_: Tensor) -> Tensor:
        length, size = _check_embeddings(input_, self.embed_dim)
        if self.seq_len is not None and length != self.seq_len:
            raise ValueError(f"expected a sequence of length {self.seq_len}, got {length} (input {input_._data.shape})")
        return input_ + F.sinusoidal_pos_embedding(length, size, dtype=input_.dtype)

    def extra_repr(self) -> str:
        return f"seq_len={self.seq_len}, embed_dim={self.embed_dim}"


class RotaryPosEmbedding(Module):
    """Pairs of channels rotated by their position, as `lucid.nn.functional.rotary_pos_embedding`, from tables it keeps.

    Args:
        embed_dim: the only size D to take; any even one unless given.
        max_seq_len: largest position + 1; without it the tables grow as needed.
        interleaved: pairs are neighbours; else halves.

    Shape: (..., L, D) with an even D, and positions (L,) of integers, 0 to L - 1 unless given, to the input's shape;
        floating point.

    Raises:
        RuntimeError: the input is not floating point.
        ValueError: ``embed_dim`` is not positive and even, or ``max_seq_len`` not positive; or, when called, the shape
            is wrong, or a position is negative or beyond ``max_seq_len``.

    Example:
        >>> import lucid
        >>> lucid.nn.RotaryPosEmbedding(4, max_seq_len=16)(lucid.ones(2, 5, 4)).shape
        lucid.Size([2, 5, 4])

    Source: Su et al., RoFormer, arXiv:2104.09864.
    """

    cos: Tensor
    sin: Tensor

    def __init__(self, embed_dim: int | None = None, max_seq_len: int | None = None, interleaved: bool = True) -> None:
        super().__init__()
        if embed_dim is not None and (embed_dim <= 0 or embed_dim % 2):
            raise ValueError(f"RotaryPosEmbedding: embed_dim must be positive and even, got {embed_dim}")
        if max_seq_len is not None and max_seq_len <= 0:
            raise ValueError(f"RotaryPosEmbedding: max_seq_len must be positive, got {max_seq_len}")
        self.embed_dim, self.max_seq_len, self.interleaved = embed_dim, max_seq_len, interleaved
        self.register_buffer("cos", zeros(0, 0), persistent=False)
        self.register_buffer("sin", zeros(0, 0), persistent=False)

    def forward(self, input_: Tensor, position_ids: Tensor | None = None) -> Tensor:
        positions = check_rotary("rotary_pos_embedding", input_, position_ids)
        size, kind = input_._data.shape[-1], input_._data.dtype
        if self.embed_dim is not None and size != self.embed_dim:
            raise ValueError(f"expected embeddings of size {self.embed_dim}, got {size} (input {input_._data.shape})")
        needed = int(positions.max()) + 1 if positions.size else 0
        if self.max_seq_len is not None and needed > self.max_seq_len:
            raise ValueError(f"position {needed - 1} lies beyond max_seq_len {self.max_seq_len}")
        held, half = self.cos._data.shape
        if held < needed or half != size // 2 or self.cos._data.dtype != kind:
            length = needed if self.max_seq_len is None else self.max_seq_len
            phase = angles(np.arange(length, dtype=np.float64), size)
            self.cos, self.sin = wrap(np.cos(phase).astype(kind)), wrap(np.sin(phase).astype(kind))
        at = positions.astype(np.int64)
        cos, sin = wrap(self.cos._data[at]), wrap(self.sin._data[at])
        return rotate_pairs(input_, cos, sin, self.interleaved)

    def extra_repr(self) -> str:
        return f"embed_dim={self.embed_dim}, max_seq_len={self.max_seq_len}, interleaved={self.interleaved}"
