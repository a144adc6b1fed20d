"""One layer of a transformer's encoder or decoder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from lucid._tensor import Tensor
from lucid.nn import functional as F
from lucid.nn.modules.attention import MultiheadAttention
from lucid.nn.modules.dropout import Dropout
from lucid.nn.modules.linear import Linear
from lucid.nn.modules.module import Module
from lucid.nn.modules.norm import LayerNorm

__all__ = ["TransformerDecoderLayer", "TransformerEncoderLayer"]

Activation = str | Callable[[Tensor], Tensor]
Mask = Tensor | None


def _activation(activation: Activation, name: str = "transformer") -> Callable[[Tensor], Tensor]:
    if callable(activation):
        return activation
    if activation not in ("relu", "gelu"):
        raise RuntimeError(f"{name}: activation should be 'relu', 'gelu' or a callable, got {activation!r}")
    return F.relu if activation == "relu" else F.gelu


class _Layer(Module):
    """The parts that layers of the encoder and of the decoder have: attentions, two linear layers, norms, dropout."""

    _attentions: ClassVar[tuple[str, ...]]

    def __init__(
        self, d_model: int, nhead: int, dim_feedforward: int = 2048, dropout: float = 0.1,
        activation: Activation = F.relu, layer_norm_eps: float = 1e-5, batch_first: bool = False,
        norm_first: bool = False, bias: bool = True, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        made: dict[str, Any] = {"device": device, "dtype": dtype}
        for name in self._attentions:
            setattr(self, name, MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, **made))
        self.linear1 = Linear(d_model, dim_feedforward, bias, **made)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, **made)
        self.norm_first = norm_first
        parts = range(1, len(self._attentions) + 2)
        for k in parts:
            setattr(self, f"norm{k}", LayerNorm(d_model, layer_norm_eps, bias=bias, **made))
        for k in parts:
            setattr(self, f"dropout{k}", Dropout(dropout))
        self.activation = _activation(activation, type(self).__name__)


class TransformerEncoderLayer(_Layer):
    """x = norm1(x + attention(x)), then norm2(x + linear2(activation(linear1(x)))), with dropout after each part.

    With ``norm_first``: x + attention(norm1(x)), then x + linear2(activation(linear1(norm2(x)))).

    Args:
        d_model: size of the input and output.
        nhead: number of heads, a divisor of ``d_model``.
        dim_feedforward: size between the linear layers.
        dropout: probability of zeroing, in training.
        activation: "relu", "gelu" or a function of a tensor.
        layer_norm_eps: eps of the layer norms.
        batch_first: tensors are (batch, length, d_model) instead of (length, batch, d_model).
        norm_first: normalise before each part instead of after it.
        bias: whether linear layers and norms have biases.
        device: "cpu".
        dtype: type of the parameters; the default type unless given.

    Shape: (length, batch, d_model), (batch, length, d_model) with ``batch_first``, or (length, d_model), and the same
        for the result.

    Raises:
        RuntimeError: another ``activation``; or, when called, shapes or dtypes do not fit.
        ValueError: sizes do not fit, or ``dropout`` is out of range.

    Example:
        >>> import lucid
        >>> layer = lucid.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        >>> layer(lucid.ones(2, 5, 8)).shape
        lucid.Size([2, 5, 8])

    Source: Vaswani et al., "Attention Is All You Need", 2017.
    """

    _attentions = ("self_attn",)
    self_attn: MultiheadAttention

    def forward(
        self, src: Tensor, src_mask: Mask = None, src_key_padding_mask: Mask = None, is_causal: bool = False
    ) -> Tensor:
        """The layer applied to ``src``.

        Args:
            src: shape (length, batch, d_model), (batch, length, d_model) with ``batch_first``, or (length, d_model).
            src_mask: shape (length, length) or (batch * nhead, length, length); True rules out, or it is added.
            src_key_padding_mask: shape (batch, length); True rules a position out.
            is_causal: ``src_mask`` is the causal mask; lets it be applied without reading it.
        """
        x = src
        if self.norm_first:
            x = x + self._attend(self.norm1(x), src_mask, src_key_padding_mask, is_causal)
            return x + self._feed_forward(self.norm2(x))
        x = self.norm1(x + self._attend(x, src_mask, src_key_padding_mask, is_causal))
        return self.norm2(x + self._feed_forward(x))

    def _attend(self, x: Tensor, mask: Mask, padding: Mask, is_causal: bool) -> Tensor:
        return self.dropout1(self.self_attn(x, x, x, padding, False, mask, is_causal=is_causal)[0])

    def _feed_forward(self, x: Tensor) -> Tensor:
        return self.dropout2(self.linear2(self.dropout(self.activation(self.linear1(x)))))


class TransformerDecoderLayer(_Layer):
    """Self-attention, attention to the encoder's output, and two linear layers, each with residual and layer norm.

    Args:
        d_model: size of the input and output.
        nhead: number of heads, a divisor of ``d_model``.
        dim_feedforward: size between the linear layers.
        dropout: probability of zeroing, in training.
        activation: "relu", "gelu" or a function of a tensor.
        layer_norm_eps: eps of the layer norms.
        batch_first: tensors are (batch, length, d_model) instead of (length, batch, d_model).
        norm_first: normalise before each part instead of after it.
        bias: whether linear layers and norms have biases.
        device: "cpu".
        dtype: type of the parameters; the default type unless given.

    Shape: ``tgt`` and ``memory`` (length, batch, d_model), (batch, length, d_model) with ``batch_first``, or (length,
        d_model), each with a length of its own; the result like ``tgt``.

    Raises:
        RuntimeError: another ``activation``; or, when called, shapes or dtypes do not fit.
        ValueError: sizes do not fit, or ``dropout`` is out of range.

    Example:
        >>> import lucid
        >>> layer = lucid.nn.TransformerDecoderLayer(8, 2, 16, batch_first=True)
        >>> layer(lucid.ones(2, 3, 8), lucid.ones(2, 5, 8)).shape
        lucid.Size([2, 3, 8])

    Source: Vaswani et al., "Attention Is All You Need", 2017.
    """

    _attentions = ("self_attn", "multihead_attn")
    self_attn: MultiheadAttention
    multihead_attn: MultiheadAttention

    def forward(
        self, tgt: Tensor, memory: Tensor, tgt_mask: Mask = None, memory_mask: Mask = None,
        tgt_key_padding_mask: Mask = None, memory_key_padding_mask: Mask = None, tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:  # fmt: skip
        """The layer applied to ``tgt``.

        Args:
            tgt: shape (length, batch, d_model), (batch, length, d_model) with ``batch_first``, or (length, d_model).
            memory: output of the encoder, the same with a length of its own.
            tgt_mask: shape (length, length) or (batch * nhead, length, length); True rules out, or it is added.
            memory_mask: the same with the length of ``memory`` last.
            tgt_key_padding_mask: shape (batch, length); True rules a position out.
            memory_key_padding_mask: the same for ``memory``.
            tgt_is_causal: ``tgt_mask`` is the causal mask; lets it be applied without reading it.
            memory_is_causal: the same for ``memory_mask``.
        """
        x = tgt
        own = (tgt_mask, tgt_key_padding_mask, tgt_is_causal)
        other = (memory_mask, memory_key_padding_mask, memory_is_causal)
        if self.norm_first:
            x = x + self._attend(self.norm1(x), *own)
            x = x + self._attend_memory(self.norm2(x), memory, *other)
            return x + self._feed_forward(self.norm3(x))
        x = self.norm1(x + self._attend(x, *own))
        x = self.norm2(x + self._attend_memory(x, memory, *other))
        return self.norm3(x + self._feed_forward(x))

    def _attend(self, x: Tensor, mask: Mask, padding: Mask, is_causal: bool) -> Tensor:
        return self.dropout1(self.self_attn(x, x, x, padding, False, mask, is_causal=is_causal)[0])

    def _attend_memory(self, x: Tensor, memory: Tensor, mask: Mask, padding: Mask, is_causal: bool) -> Tensor:
        return self.dropout2(self.multihead_attn(x, memory, memory, padding, False, mask, is_causal=is_causal)[0])

    def _feed_forward(self, x: Tensor) -> Tensor:
        return self.dropout3(self.linear2(self.dropout(self.activation(self.linear1(x)))))
