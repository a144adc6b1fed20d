"""Scaled dot-product attention and multi-head attention."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from lucid._functions._common import expand
from lucid._functions.attention import Attention, Options, reserve
from lucid._functions.shape import reshape, unsqueeze
from lucid._random import default_generator
from lucid.nn.functional._common import check_tensors
from lucid.nn.functional._multi_head import Projections, run_multi_head_attention
from lucid.nn.functional.dropout import check_probability

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["multi_head_attention_forward", "scaled_dot_product_attention"]


def _check_heads(query: Tensor, key: Tensor, value: Tensor, enable_gqa: bool) -> None:
    """Everything about query, key and value that can be wrong."""
    name = "scaled_dot_product_attention"
    for t in (query, key, value):
        check_tensors(name, t)
    q, k, v = query._data.shape, key._data.shape, value._data.shape
    shapes = f"(query {q}, key {k}, value {v})"
    if min(len(q), len(k), len(v)) < 2:
        raise RuntimeError(f"{name}: expected query, key and value to be at least 2-d {shapes}")
    if not query._data.dtype == key._data.dtype == value._data.dtype or query._data.dtype.kind != "f":
        raise RuntimeError(
            f"{name}: expected query, key and value of one floating-point dtype, got {query.dtype}, {key.dtype} and "
            f"{value.dtype}"
        )
    if q[-1] != k[-1]:
        raise RuntimeError(f"{name}: expected key with last dimension {q[-1]} like query, got {k[-1]} {shapes}")
    if k[-2] != v[-2]:
        raise RuntimeError(f"{name}: expected value of length {k[-2]} like key, got {v[-2]} {shapes}")
    if enable_gqa:
        if min(len(q), len(k), len(v)) < 3:
            raise RuntimeError(f"{name}: enable_gqa needs tensors with a dimension of heads {shapes}")
        if k[-3] != v[-3] or not k[-3] or q[-3] % k[-3]:
            raise RuntimeError(f"{name}: the heads of query must be a multiple of those of key and value {shapes}")
    try:
        heads = 3 if enable_gqa else 2
        np.broadcast_shapes(q[:-heads], k[:-heads], v[:-heads])
    except ValueError:
        raise RuntimeError(f"{name}: batch dimensions do not broadcast {shapes}") from None


def _to_heads(x: Tensor, lead: tuple[int, ...]) -> Tensor:
    """``x`` with leading dimensions ``lead`` as (batch, heads, length, size)."""
    x = expand(x, (*lead, *x._data.shape[-2:]))
    if len(lead) == 2:
        return x
    if len(lead) < 2:
        return unsqueeze(x, 1) if lead else unsqueeze(unsqueeze(x, 0), 0)
    return reshape(x, (math.prod(lead[:-1]), *x._data.shape[-3:]))


def _mask_to_heads(mask: Tensor, lead: tuple[int, ...], lengths: tuple[int, int]) -> Tensor:
    """A mask that broadcasts to (*lead, queries, keys) as one that broadcasts to (batch, heads, queries, keys)."""
    if mask._data.ndim < 2:
        mask = reshape(mask, (1,) * (2 - mask._data.ndim) + mask._data.shape)
    if len(lead) == 1 and mask._data.ndim == 3:
        return unsqueeze(mask, 1)
    if len(lead) > 2 and mask._data.ndim > 3:
        whole = expand(mask, (*lead, *lengths))
        return reshape(whole, (math.prod(lead[:-1]), lead[-1], *lengths))
    return mask


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(scale * query @ key.T + attn_mask) @ value, without forming the matrix of scores.

    Args:
        query: shape (..., queries, size).
        key: shape (..., keys, size).
        value: shape (..., keys, value_size).
        attn_mask: broadcasts to (..., queries, keys); bool, where True takes part, or floating point, added to the
            scores. A query that may look at no key gets zeros.
        dropout_p: probability of zeroing each probability, in [0, 1]; the others are divided by 1 - dropout_p.
        is_causal: query i looks at keys 0 to i only.
        scale: factor of the scores; 1 / sqrt(size) unless given.
        enable_gqa: key and value have fewer heads (third dimension from the end), each serving several of query.

    Returns:
        Shape (..., queries, value_size); leading dimensions broadcast.

    Raises:
        RuntimeError: shapes or dtypes do not fit.
        ValueError: ``dropout_p`` is out of range.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> q, k = lucid.zeros(1, 2, 3, 4), lucid.ones(1, 2, 5, 4)
        >>> F.scaled_dot_product_attention(q, k, k).shape
        lucid.Size([1, 2, 3, 4])
        >>> F.scaled_dot_product_attention(q, k, k)[0, 0, 0].tolist()
        [1.0, 1.0, 1.0, 1.0]

    Source: Vaswani et al., "Attention Is All You Need", 2017; Dao et al., "FlashAttention", 2022.
    """
    name = "scaled_dot_product_attention"
    _check_heads(query, key, value, enable_gqa)
    check_probability(dropout_p)
    q, k, v = query._data.shape, key._data.shape, value._data.shape
    if enable_gqa:
        batch = np.broadcast_shapes(q[:-3], k[:-3], v[:-3])
        lead, kv_lead = (*batch, q[-3]), (*batch, k[-3])
    else:
        lead = kv_lead = np.broadcast_shapes(q[:-2], k[:-2], v[:-2])
    lengths = (q[-2], k[-2])
    if attn_mask is not None:
        check_tensors(name, attn_mask)
        m = attn_mask._data
        if m.dtype != np.bool_ and m.dtype != query._data.dtype:
            raise RuntimeError(f"{name}: expected attn_mask of dtype bool or {query.dtype}, got {attn_mask.dtype}")
        full = (*lead, *lengths)
        if m.ndim > len(full) or any(a not in (1, b) for a, b in zip(reversed(m.shape), reversed(full))):
            raise RuntimeError(f"{name}: expected attn_mask that broadcasts to {full}, got shape {m.shape}")
        attn_mask = _mask_to_heads(attn_mask, lead, lengths)
    if scale is None:
        scale = 1 / math.sqrt(q[-1]) if q[-1] else 1.0
    seed = offset = 0
    if dropout_p:
        seed, offset = reserve(default_generator, math.prod(lead) * lengths[0], lengths[1])
    options = Options(scale, is_causal, dropout_p, seed, offset)
    y = Attention.apply(
        _to_heads(query, lead), _to_heads(key, kv_lead), _to_heads(value, kv_lead), attn_mask, options
    )  # fmt: skip
    return y if len(lead) == 2 else reshape(y, (*lead, lengths[0], v[-1]))


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """concat(head_1, ..., head_h) @ out.T with head_i = attention of query, key and value projected for head i.

    Args:
        query: shape (queries, batch, embed_dim), or (queries, embed_dim).
        key: shape (keys, batch, key_size), or (keys, key_size).
        value: shape (keys, batch, value_size), or (keys, value_size).
        embed_dim_to_check: embed_dim.
        num_heads: number of heads, a divisor of embed_dim.
        in_proj_weight: the three projections one under another, shape (3 * embed_dim, embed_dim).
        in_proj_bias: shape (3 * embed_dim,), or None.
        bias_k: a further key, shape (1, 1, embed_dim), or None.
        bias_v: its value.
        add_zero_attn: add a further key and value of zeros.
        dropout_p: probability of zeroing a weight, in training.
        out_proj_weight: shape (embed_dim, embed_dim).
        out_proj_bias: shape (embed_dim,), or None.
        training: whether to drop weights.
        key_padding_mask: shape (batch, keys), or (keys,); True rules a key out, a floating-point mask is added.
        need_weights: return the weights too, which takes the memory of the matrix of scores.
        attn_mask: shape (queries, keys) or (batch * num_heads, queries, keys); True rules out, or it is added.
        use_separate_proj_weight: use the next three instead of ``in_proj_weight``.
        q_proj_weight: shape (embed_dim, embed_dim).
        k_proj_weight: shape (embed_dim, key_size).
        v_proj_weight: shape (embed_dim, value_size).
        static_k: not supported.
        static_v: not supported.
        average_attn_weights: return the mean of the weights over heads.
        is_causal: ``attn_mask`` is the causal mask; lets it be applied without reading it.

    Returns:
        The output, shape (queries, batch, embed_dim), and None or the weights, shape (batch, queries, keys) or
        (batch, num_heads, queries, keys).

    Raises:
        RuntimeError: shapes or dtypes do not fit.
        ValueError: ``dropout_p`` is out of range.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> x, w = lucid.ones(5, 2, 4), lucid.zeros(12, 4)
        >>> y, weights = F.multi_head_attention_forward(
        ...     x, x, x, 4, 2, w, None, None, None, False, 0.0, lucid.ones(4, 4), None)
        >>> y.shape, weights.shape
        (lucid.Size([5, 2, 4]), lucid.Size([2, 5, 5]))

    Source: Vaswani et al., "Attention Is All You Need", 2017.
    """
    name = "multi_head_attention_forward"
    if static_k is not None or static_v is not None:
        raise RuntimeError(f"{name}: static_k and static_v are not supported")
    check_probability(dropout_p)
    check_tensors(name, query)
    if query._data.shape[-1:] != (embed_dim_to_check,):
        raise RuntimeError(
            f"{name}: expected query with last dimension {embed_dim_to_check}, got shape {query._data.shape}"
        )
    check_tensors(name, out_proj_weight, *[t for t in (in_proj_bias, out_proj_bias, bias_k, bias_v) if t is not None])
    separate = (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else (None, None, None)
    packed = None if use_separate_proj_weight else in_proj_weight
    if packed is None and any(w is None for w in separate):
        raise RuntimeError(f"{name}: expected in_proj_weight, or all of q_proj_weight, k_proj_weight and v_proj_weight")
    if packed is not None:
        check_tensors(name, packed)
    rows, e = (None if packed is None else packed._data.shape), embed_dim_to_check
    if rows is not None and rows != (3 * e, e):
        raise RuntimeError(f"{name}: expected in_proj_weight of shape {(3 * e, e)}, got {rows}")
    if in_proj_bias is not None and in_proj_bias._data.shape != (3 * e,):
        raise RuntimeError(f"{name}: expected in_proj_bias of shape {(3 * e,)}, got {in_proj_bias._data.shape}")
    if out_proj_weight._data.ndim != 2 or out_proj_weight._data.shape[1] != e:
        raise RuntimeError(f"{name}: expected out_proj_weight of shape {(e, e)}, got {out_proj_weight._data.shape}")
    p = Projections(packed, *separate, in_proj_bias, bias_k, bias_v, out_proj_weight, out_proj_bias)
    return run_multi_head_attention(
        query, key, value, num_heads, p, 1, dropout_p if training else 0.0, add_zero_attn, attn_mask, key_padding_mask,
        is_causal, need_weights, average_attn_weights,
    )  # fmt: skip
