"""Multi-head attention."""

from __future__ import annotations

from typing import Any

from lucid._tensor import Tensor
from lucid.nn import init
from lucid.nn.functional._multi_head import Projections, run_multi_head_attention
from lucid.nn.functional.dropout import check_probability
from lucid.nn.modules.linear import Linear
from lucid.nn.modules.module import Module
from lucid.nn.parameter import Parameter, empty_parameter

__all__ = ["MultiheadAttention"]


class MultiheadAttention(Module):
    """concat(head_1, ..., head_h) @ out.T with head_i = attention of query, key and value projected for head i.

    Args:
        embed_dim: size of the query and of the output; divided among the heads.
        num_heads: number of heads.
        dropout: probability of zeroing an attention weight in training.
        bias: whether the projections have biases.
        add_bias_kv: learn a further key and value.
        add_zero_attn: add a further key and value of zeros.
        kdim: size of the key; ``embed_dim`` unless given.
        vdim: size of the value; likewise.
        batch_first: tensors are (batch, length, size) instead of (length, batch, size).
        device: "cpu".
        dtype: type of the parameters; the default type unless given.

    Attributes:
        in_proj_weight: shape (3 * embed_dim, embed_dim), or None where ``kdim`` or ``vdim`` differ.
        q_proj_weight, k_proj_weight, v_proj_weight: the three separately where they differ, or None.
        in_proj_bias: shape (3 * embed_dim,), or None.
        bias_k, bias_v: shape (1, 1, embed_dim), or None.
        out_proj: the last projection.

    Shape:
        query: (queries, batch, embed_dim), (batch, queries, embed_dim) with ``batch_first``, or (queries, embed_dim).
        key, value: the same with the number of keys, and ``kdim`` or ``vdim``.
        result: the output, like the query, and the weights, (batch, queries, keys), or None.

    Raises:
        RuntimeError: shapes or dtypes do not fit.
        ValueError: sizes are not positive, ``embed_dim`` is not divisible by ``num_heads``, or ``dropout`` is out of
            range.

    Example:
        >>> import lucid
        >>> x = lucid.ones(2, 5, 8)
        >>> y, weights = lucid.nn.MultiheadAttention(8, 2, batch_first=True)(x, x, x)
        >>> y.shape, weights.shape
        (lucid.Size([2, 5, 8]), lucid.Size([2, 5, 5]))

    Source: Vaswani et al., "Attention Is All You Need", 2017.
    """

    in_proj_weight: Parameter | None
    q_proj_weight: Parameter | None
    k_proj_weight: Parameter | None
    v_proj_weight: Parameter | None
    in_proj_bias: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None
    out_proj: Linear

    def __init__(
        self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True, add_bias_kv: bool = False,
        add_zero_attn: bool = False, kdim: int | None = None, vdim: int | None = None, batch_first: bool = False,
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                f"MultiheadAttention: embed_dim and num_heads must be positive, got {embed_dim} and {num_heads}"
            )
        if embed_dim % num_heads:
            raise ValueError(f"MultiheadAttention: embed_dim {embed_dim} must be divisible by num_heads {num_heads}")
        check_probability(dropout)
        self.embed_dim, self.num_heads, self.head_dim = embed_dim, num_heads, embed_dim // num_heads
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self.dropout, self.batch_first, self.add_zero_attn = dropout, batch_first, add_zero_attn
        self._qkv_same_embed_dim = self.kdim == self.vdim == embed_dim
        shapes: dict[str, tuple[int, ...] | None] = {
            "q_proj_weight": (embed_dim, embed_dim),
            "k_proj_weight": (embed_dim, self.kdim),
            "v_proj_weight": (embed_dim, self.vdim),
            "in_proj_weight": None,
        }
        if self._qkv_same_embed_dim:
            shapes = {"in_proj_weight": (3 * embed_dim, embed_dim), **dict.fromkeys(list(shapes)[:3])}
        shapes["in_proj_bias"] = (3 * embed_dim,) if bias else None
        for name, shape in shapes.items():
            p = None if shape is None else empty_parameter(*shape, device=device, dtype=dtype)
            self.register_parameter(name, p)
        self.out_proj = Linear(embed_dim, embed_dim, bias, device, dtype)
        for name in ("bias_k", "bias_v"):
            p = empty_parameter(1, 1, embed_dim, device=device, dtype=dtype) if add_bias_kv else None
            self.register_parameter(name, p)
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        """Glorot's uniform numbers for the projections, zeros for biases."""
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            init.zeros_(self.in_proj_bias)
        if self.out_proj.bias is not None:
            init.zeros_(self.out_proj.bias)
        for bias in (self.bias_k, self.bias_v):
            if bias is not None:
                init.xavier_normal_(bias)

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, key_padding_mask: Tensor | None = None,
        need_weights: bool = True, attn_mask: Tensor | None = None, average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:  # fmt: skip
        """The output and, with ``need_weights``, the attention weights.

        Args:
            query: shape (queries, batch, embed_dim), (batch, queries, embed_dim) with ``batch_first``, or
                (queries, embed_dim).
            key: the same with the number of keys and ``kdim``.
            value: the same with the number of keys and ``vdim``.
            key_padding_mask: shape (batch, keys), or (keys,); True rules a key out, a floating-point mask is added.
            need_weights: return the weights; without them the matrix of scores is never formed.
            attn_mask: shape (queries, keys) or (batch * num_heads, queries, keys); likewise.
            average_attn_weights: return the mean over heads.
            is_causal: ``attn_mask`` is the causal mask; lets it be applied without reading it.

        Returns:
            The output, shaped like ``query``, and None or the weights, shape (batch, queries, keys), or
            (batch, num_heads, queries, keys) without averaging.

        Raises:
            RuntimeError: shapes or dtypes do not fit.
        """
        p = Projections(
            self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight, self.in_proj_bias,
            self.bias_k, self.bias_v, self.out_proj.weight, self.out_proj.bias,
        )  # fmt: skip
        return run_multi_head_attention(
            query, key, value, self.num_heads, p, 0 if self.batch_first else 1, self.dropout if self.training else 0.0,
            self.add_zero_attn, attn_mask, key_padding_mask, is_causal, need_weights, average_attn_weights,
        )  # fmt: skip
