"""Attention, rotary embeddings and gates."""

from __future__ import annotations

import math
from typing import Any

import lucid
from lucid import Tensor
from lucid.onnx._registry import operator
from lucid.onnx._types import dtype_of


def _heads(x: Tensor, count: int | None) -> Tensor:
    """(batch, length, heads * size) as (batch, heads, length, size)."""
    if x.ndim == 4 or count is None:
        return x
    return x.reshape(x.shape[0], x.shape[1], count, -1).transpose(1, 2)


def _allowed(queries: int, keys: int, before: Any, causal: bool, left: int, right: int) -> Tensor | None:
    """Which keys each query may see by its position, ``before`` positions later than its number; None for all."""
    ahead = lucid.arange(keys) - (lucid.arange(queries).reshape(-1, 1) + before)
    found = None
    for bound, seen in ((causal, ahead <= 0), (left >= 0, ahead >= -left), (right >= 0, ahead <= right)):
        if bound:
            found = seen if found is None else found & seen
    return found


def _bias(mask: Tensor | None, scores: Tensor) -> Tensor:
    """What a mask adds to the scores, for keys that it does not have as well."""
    low = lucid.tensor(-math.inf, dtype=scores.dtype)
    if mask is None:
        return lucid.zeros((), dtype=scores.dtype)
    if mask.dtype == lucid.bool_:
        mask = lucid.where(mask, lucid.zeros((), dtype=scores.dtype), low)
    missing = scores.shape[-1] - mask.shape[-1]
    return lucid.cat([mask, low.expand(*mask.shape[:-1], missing)], -1) if missing > 0 and mask.shape[-1] > 1 else mask


@operator("Attention", results=4)
def attention(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, past_key: Tensor | None = None,
    past_value: Tensor | None = None, lengths: Tensor | None = None, *, is_causal: int = 0,
    kv_num_heads: int | None = None, left_window_size: int = -1, q_num_heads: int | None = None,
    qk_matmul_output_mode: int = 0, right_window_size: int = -1, scale: float | None = None, softcap: float = 0.0,
    softmax_precision: int | None = None,
) -> tuple[Tensor, ...]:  # fmt: skip
    joined = q.ndim == 3
    q, k, v = _heads(q, q_num_heads), _heads(k, kv_num_heads), _heads(v, kv_num_heads)
    before: Any = 0
    if past_key is not None and past_value is not None:
        before = past_key.shape[2]
        k, v = lucid.cat([past_key, k], 2), lucid.cat([past_value, v], 2)
    elif lengths is not None:
        before = (lengths - q.shape[2]).reshape(-1, 1, 1, 1)
    present = k, v
    shared = q.shape[1] // k.shape[1]
    if shared > 1:
        k, v = (x.repeat_interleave(shared, 1) for x in (k, v))
    root = math.sqrt(1 / math.sqrt(q.shape[3]) if scale is None else scale)
    scores = lucid.matmul(q * root, (k * root).transpose(2, 3))
    kept = [scores]
    if softcap:
        scores = lucid.tanh(scores / softcap) * softcap
    kept.append(scores)
    low = lucid.tensor(-math.inf, dtype=scores.dtype)
    scores = scores + _bias(mask, scores)
    seen = _allowed(q.shape[2], k.shape[2], before, bool(is_causal), left_window_size, right_window_size)
    if seen is not None:
        scores = lucid.where(seen, scores, low)
    if lengths is not None:
        scores = lucid.where(lucid.arange(k.shape[2]) < lengths.reshape(-1, 1, 1, 1), scores, low)
    kept.append(scores)
    wide = scores if softmax_precision is None else scores.to(dtype_of(softmax_precision))
    none = lucid.amax(wide, -1, True) == -math.inf
    p = lucid.where(none, lucid.zeros((), dtype=wide.dtype), lucid.softmax(wide, -1)).to(scores.dtype)
    kept.append(p)
    y = lucid.matmul(p, v)
    if joined:
        y = y.transpose(1, 2)
        y = y.reshape(*y.shape[:2], -1)
    return (y, *present, kept[qk_matmul_output_mode])


@operator("RotaryEmbedding")
def rotary_embedding(
    x: Tensor, cos: Tensor, sin: Tensor, positions: Tensor | None = None, *, interleaved: int = 0, num_heads: int = 0,
    rotary_embedding_dim: int = 0,
) -> Tensor:  # fmt: skip
    shape = x.shape
    x = _heads(x, num_heads)
    if positions is not None:
        cos, sin = cos[positions], sin[positions]
    cos, sin = cos.unsqueeze(1), sin.unsqueeze(1)
    size = rotary_embedding_dim or x.shape[3]
    turned, rest = x[..., :size], x[..., size:]
    if interleaved:
        a, b = turned[..., 0::2], turned[..., 1::2]
    else:
        a, b = turned[..., : size // 2], turned[..., size // 2 :]
    real, imaginary = cos * a - sin * b, sin * a + cos * b
    if interleaved:
        turned = lucid.stack([real, imaginary], -1).reshape(turned.shape)
    else:
        turned = lucid.cat([real, imaginary], -1)
    y = lucid.cat([turned, rest], -1)
    return y if len(shape) == 4 else y.transpose(1, 2).reshape(shape)


@operator("RMSNormalization")
def rms_normalization(
    x: Tensor, scale: Tensor, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1
) -> Tensor:
    wide = x.to(dtype_of(stash_type))
    mean = lucid.mean(wide * wide, tuple(range(axis % x.ndim, x.ndim)), True)
    return (wide * lucid.rsqrt(mean + epsilon)).to(x.dtype) * scale


@operator("Swish")
def swish(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    return x * lucid.sigmoid(alpha * x)


@operator("SwiGLU")
def swiglu(a: Tensor, b: Tensor, *, alpha: float = 1.0) -> Tensor:
    return swish(a, alpha=alpha) * b
