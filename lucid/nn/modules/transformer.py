"""Transformers: stacks of encoder and decoder layers."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from lucid import _dtype
from lucid._convert import as_device
from lucid._tensor import Tensor
from lucid.autograd._node import wrap
from lucid.nn import functional as F
from lucid.nn import init
from lucid.nn.modules._layers import check_layers
from lucid.nn.modules.container import ModuleList
from lucid.nn.modules.module import Module
from lucid.nn.modules.norm import LayerNorm
from lucid.nn.modules.transformer_layer import Activation, Mask, TransformerDecoderLayer, TransformerEncoderLayer

__all__ = ["Transformer", "TransformerDecoder", "TransformerEncoder"]


def _causal_mask(size: int, dtype: Any = None) -> Tensor:
    d = _dtype.as_dtype(dtype) if dtype is not None else _dtype.get_default_dtype()
    return wrap(np.triu(np.full((size, size), -np.inf, d.numpy), 1))


def _is_causal(mask: Mask, given: bool | None, size: int) -> bool:
    """``given``, or whether ``mask`` is the causal mask."""
    if given is not None or mask is None:
        return bool(given)
    if mask._data.shape != (size, size):
        return False
    hidden = mask._data if mask._data.dtype == np.bool_ else mask._data == -np.inf
    shown = ~hidden if mask._data.dtype == np.bool_ else mask._data == 0
    above = ~np.tri(size, dtype=np.bool_)
    return bool(np.array_equal(hidden, above) and np.array_equal(shown, ~above))


def _length(layers: ModuleList, x: Tensor) -> int:
    """The length of the sequences in ``x``, laid out as the self-attention of ``layers`` takes them."""
    if x._data.ndim < 2:
        raise RuntimeError(f"expected a 2-d (unbatched) or 3-d (batched) input, got shape {x._data.shape}")
    attention = getattr(layers[0], "self_attn", None) if len(layers) else None
    return x._data.shape[1 if x._data.ndim == 3 and getattr(attention, "batch_first", False) else 0]


def _copies(layer: Module, count: int, name: str = "_get_clones") -> ModuleList:
    check_layers(name, "num_layers", count)
    return ModuleList([copy.deepcopy(layer) for _ in range(count)])


class TransformerEncoder(Module):
    """A stack of copies of an encoder layer.

    Args:
        encoder_layer: the layer to copy.
        num_layers: how many copies.
        norm: applied to the output of the last, or None.
        enable_nested_tensor: accepted; padded positions are computed like all others.
        mask_check: accepted.

    Shape: as for the layer.

    Raises:
        RuntimeError: shapes or dtypes do not fit.

    Example:
        >>> import lucid
        >>> layer = lucid.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        >>> lucid.nn.TransformerEncoder(layer, 2)(lucid.ones(2, 5, 8)).shape
        lucid.Size([2, 5, 8])

    Source: Vaswani et al., "Attention Is All You Need", 2017.
    """

    def __init__(
        self, encoder_layer: Module, num_layers: int, norm: Module | None = None, enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        self.layers = _copies(encoder_layer, num_layers, type(self).__name__)
        self.num_layers, self.norm = num_layers, norm
        self.enable_nested_tensor, self.mask_check = enable_nested_tensor, mask_check

    def forward(
        self, src: Tensor, mask: Mask = None, src_key_padding_mask: Mask = None, is_causal: bool | None = None
    ) -> Tensor:
        """The layers applied one after the other.

        Args:
            src: as for the layer.
            mask: ``src_mask`` of every layer.
            src_key_padding_mask: as for the layer.
            is_causal: ``mask`` is the causal mask; None: find out.
        """
        x = src
        causal = _is_causal(mask, is_causal, _length(self.layers, src))
        for layer in self.layers:
            x = layer(x, src_mask=mask, src_key_padding_mask=src_key_padding_mask, is_causal=causal)
        return x if self.norm is None else self.norm(x)


class TransformerDecoder(Module):
    """A stack of copies of a decoder layer.

    Args:
        decoder_layer: the layer to copy.
        num_layers: how many copies.
        norm: applied to the output of the last, or None.

    Shape: as for the layer.

    Raises:
        RuntimeError: shapes or dtypes do not fit.

    Example:
        >>> import lucid
        >>> layer = lucid.nn.TransformerDecoderLayer(8, 2, 16, batch_first=True)
        >>> lucid.nn.TransformerDecoder(layer, 2)(lucid.ones(2, 3, 8), lucid.ones(2, 5, 8)).shape
        lucid.Size([2, 3, 8])

    Source: Vaswani et al., "Attention Is All You Need", 2017.
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.layers = _copies(decoder_layer, num_layers, type(self).__name__)
        self.num_layers, self.norm = num_layers, norm

    def forward(
        self, tgt: Tensor, memory: Tensor, tgt_mask: Mask = None, memory_mask: Mask = None,
        tgt_key_padding_mask: Mask = None, memory_key_padding_mask: Mask = None, tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:  # fmt: skip
        """The layers applied one after the other.

        Args:
            tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask, memory_is_causal: as for
                the layer.
            tgt_is_causal: ``tgt_mask`` is the causal mask; None: find out.
        """
        x = tgt
        causal = _is_causal(tgt_mask, tgt_is_causal, _length(self.layers, tgt))
        for layer in self.layers:
            x = layer(
                x, memory, tgt_mask=tgt_mask, memory_mask=memory_mask, tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask, tgt_is_causal=causal,
                memory_is_causal=memory_is_causal,
            )  # fmt: skip
        return x if self.norm is None else self.norm(x)


class Transformer(Module):
    """An encoder and a decoder that attends to its output.

    Args:
        d_model: size of inputs and output.
        nhead: number of heads, a divisor of ``d_model``.
        num_encoder_layers: layers of the encoder.
        num_decoder_layers: layers of the decoder.
        dim_feedforward: size between the linear layers.
        dropout: probability of zeroing, in training.
        activation: "relu", "gelu" or a function of a tensor.
        custom_encoder: used instead of a `TransformerEncoder`.
        custom_decoder: used instead of a `TransformerDecoder`.
        layer_norm_eps: eps of the layer norms.
        batch_first: tensors are (batch, length, d_model) instead of (length, batch, d_model).
        norm_first: normalise before each part instead of after it.
        bias: whether linear layers and norms have biases.
        device: "cpu".
        dtype: type of the parameters; the default type unless given.

    Shape: ``src`` and ``tgt`` (length, batch, d_model), (batch, length, d_model) with ``batch_first``, or (length,
        d_model), each with a length of its own; the result like ``tgt``.

    Raises:
        RuntimeError: another ``activation``; or, when called, shapes or dtypes do not fit.
        ValueError: sizes do not fit, or ``dropout`` is out of range.

    Example:
        >>> import lucid
        >>> model = lucid.nn.Transformer(8, 2, 1, 1, 16)
        >>> model(lucid.ones(5, 2, 8), lucid.ones(3, 2, 8)).shape
        lucid.Size([3, 2, 8])

    Source: Vaswani et al., "Attention Is All You Need", 2017.
    """

    def __init__(
        self, d_model: int = 512, nhead: int = 8, num_encoder_layers: int = 6, num_decoder_layers: int = 6,
        dim_feedforward: int = 2048, dropout: float = 0.1, activation: Activation = F.relu,
        custom_encoder: Module | None = None, custom_decoder: Module | None = None, layer_norm_eps: float = 1e-5,
        batch_first: bool = False, norm_first: bool = False, bias: bool = True, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        made: dict[str, Any] = {"device": device, "dtype": dtype}
        layer = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias)

        def norm() -> LayerNorm:
            return LayerNorm(d_model, layer_norm_eps, bias=bias, **made)

        if custom_encoder is None:
            custom_encoder = TransformerEncoder(TransformerEncoderLayer(*layer, **made), num_encoder_layers, norm())
        if custom_decoder is None:
            custom_decoder = TransformerDecoder(TransformerDecoderLayer(*layer, **made), num_decoder_layers, norm())
        self.encoder, self.decoder = custom_encoder, custom_decoder
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        """Glorot's uniform numbers for all matrices."""
        for p in self.parameters():
            if p._data.ndim > 1:
                init.xavier_uniform_(p)

    def forward(
        self, src: Tensor, tgt: Tensor, src_mask: Mask = None, tgt_mask: Mask = None, memory_mask: Mask = None,
        src_key_padding_mask: Mask = None, tgt_key_padding_mask: Mask = None, memory_key_padding_mask: Mask = None,
        src_is_causal: bool | None = None, tgt_is_causal: bool | None = None, memory_is_causal: bool = False,
    ) -> Tensor:  # fmt: skip
        """The decoder's output for ``tgt`` and the encoder's output for ``src``.

        Args:
            src: shape (length, batch, d_model), (batch, length, d_model) with ``batch_first``, or (length, d_model).
            tgt: the same with a length of its own.
            src_mask: of the encoder; as for `TransformerEncoderLayer`.
            tgt_mask: of the decoder's self-attention.
            memory_mask: of its attention to the encoder's output.
            src_key_padding_mask: shape (batch, length); True rules a position out.
            tgt_key_padding_mask: the same for ``tgt``.
            memory_key_padding_mask: the same for the encoder's output.
            src_is_causal: ``src_mask`` is the causal mask; None: find out.
            tgt_is_causal: ``tgt_mask`` is the causal mask; None: find out.
            memory_is_causal: ``memory_mask`` is the causal mask.

        Raises:
            RuntimeError: shapes do not fit.
        """
        s, t = src._data.shape, tgt._data.shape
        batch = 0 if self.batch_first else 1
        if len(s) == 3 and len(t) == 3 and s[batch] != t[batch]:
            raise RuntimeError(f"the batch number of src and tgt must be equal, got shapes {s} and {t}")
        if s[-1:] != (self.d_model,) or t[-1:] != (self.d_model,):
            raise RuntimeError(f"expected src and tgt with last dimension {self.d_model}, got {s} and {t}")
        memory = self.encoder(src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal)
        return self.decoder(
            tgt, memory, tgt_mask=tgt_mask, memory_mask=memory_mask, tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask, tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )  # fmt: skip

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Tensor:
        """The causal mask of ``sz`` positions: -inf above the diagonal, zeros elsewhere.

        Args:
            sz: number of positions.
            device: "cpu".
            dtype: floating-point type; the default type unless given.

        Returns:
            Shape (sz, sz).

        Example:
            >>> import lucid
            >>> lucid.nn.Transformer.generate_square_subsequent_mask(2).tolist()
            [[0.0, -inf], [0.0, 0.0]]
        """
        if device is not None:
            as_device(device)
        return _causal_mask(sz, dtype)
