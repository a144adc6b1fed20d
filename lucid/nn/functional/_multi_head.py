"""Multi-head attention: projections, masks, and the choice between fused and composed attention."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lucid._functions._common import cast, expand
from lucid._functions._gate import gate
from lucid._functions.attention import Attention, Options, ProjectedAttention, reserve
from lucid._functions.choice import where
from lucid._functions.join import cat
from lucid._functions.matmul import MatMul, linear, mT
from lucid._functions.reduce import mean
from lucid._functions.shape import permute, reshape, squeeze, unsqueeze
from lucid._functions.softmax import softmax
from lucid._random import default_generator
from lucid.autograd._node import compute, wrap
from lucid.nn.functional._common import check_tensors
from lucid.nn.functional.dropout import dropout

if TYPE_CHECKING:
    from lucid._tensor import Tensor


class Projections(NamedTuple):
    """The parameters that turn query, key and value into heads, and back."""

    packed: Tensor | None  # (3 * embed_dim, embed_dim), or None when the next three are given
    q: Tensor | None
    k: Tensor | None
    v: Tensor | None
    bias: Tensor | None  # (3 * embed_dim,)
    bias_k: Tensor | None  # (1, 1, embed_dim)
    bias_v: Tensor | None
    out: Tensor
    out_bias: Tensor | None


class Masks(NamedTuple):
    """Masks as arrays that broadcast to (batch, heads, queries, keys); True or -inf rules a key out."""

    attention: Tensor | None
    padding: Tensor | None


def _mask(name: str, mask: Any, allowed: tuple[tuple[int, ...], ...], like: Tensor) -> Tensor | None:
    """``mask``, checked; a floating-point one in the dtype of ``like``."""
    if mask is None:
        return None
    check_tensors("run_multi_head_attention", mask)
    if mask._data.dtype.kind not in "bf":
        raise RuntimeError(
            f"run_multi_head_attention: expected {name} of dtype bool or floating point, got {mask.dtype}"
        )
    if mask._data.shape not in allowed:
        raise RuntimeError(
            f"run_multi_head_attention: expected {name} of shape {' or '.join(map(str, allowed))}, got "
            f"{mask._data.shape}"
        )
    return mask if mask._data.dtype == np.bool_ else cast(mask, like.dtype)


def _check_inputs(
    query: Tensor, key: Tensor, value: Tensor, heads: int, p: Projections, axis: int
) -> tuple[int, int, int, int]:
    """Batch size, numbers of queries and keys, and embedding size."""
    name = "run_multi_head_attention"
    q, k, v = query._data.shape, key._data.shape, value._data.shape
    embed_dim = p.out._data.shape[0]
    shapes = f"(query {q}, key {k}, value {v})"
    if q[-1] != embed_dim:
        raise RuntimeError(f"{name}: expected query with last dimension {embed_dim}, got {q[-1]} {shapes}")
    if not heads or embed_dim % heads:
        raise RuntimeError(f"{name}: embed_dim {embed_dim} is not divisible by num_heads {heads}")
    if k[:2] != v[:2]:
        raise RuntimeError(f"{name}: expected key and value of one length and batch size {shapes}")
    if q[axis] != k[axis]:
        raise RuntimeError(f"{name}: expected query and key of one batch size, got {q[axis]} and {k[axis]} {shapes}")
    sizes = (embed_dim, embed_dim)
    if p.packed is None and p.k is not None and p.v is not None:
        sizes = p.k._data.shape[1], p.v._data.shape[1]
    if (k[-1], v[-1]) != sizes:
        raise RuntimeError(
            f"{name}: expected key and value with last dimensions {sizes}, got {(k[-1], v[-1])} {shapes}"
        )
    return q[axis], q[1 - axis], k[1 - axis], embed_dim


def attend(
    query: Tensor, key: Tensor, value: Tensor, heads: int, p: Projections, masks: Masks, axis: int, dropout_p: float,
    causal: bool,
) -> Tensor:  # fmt: skip
    """Multi-head attention of 3-d tensors whose batch is dimension ``axis``, before the output layer; no weights."""
    batch, queries, keys, embed_dim = _check_inputs(query, key, value, heads, p, axis)
    seed, offset = reserve(default_generator, batch * heads * queries, keys) if dropout_p else (0, 0)
    options = Options(1 / math.sqrt(embed_dim // heads), causal, dropout_p, seed, offset)
    mask = _taking_part(_merge(masks.attention, masks.padding, query))
    if p.packed is None or key is not value:
        q, k, v = (_split_heads(x, heads, axis) for x in _project(query, key, value, p, embed_dim))
        return _join_heads(Attention.apply(q, k, v, mask, options), axis)
    if query is key:
        return ProjectedAttention.apply(linear(query, p.packed, p.bias), None, mask, heads, axis, options)
    w, b = p.packed, p.bias
    q = linear(query, w[:embed_dim], None if b is None else b[:embed_dim])
    kv = linear(key, w[embed_dim:], None if b is None else b[embed_dim:])
    return ProjectedAttention.apply(q, kv, mask, heads, axis, options)


def attend_with_weights(
    query: Tensor, key: Tensor, value: Tensor, heads: int, p: Projections, masks: Masks, axis: int, dropout_p: float,
    add_zero_attn: bool,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """As `attend`, by the whole matrix of weights, which is returned too; and with further keys."""
    embed_dim = _check_inputs(query, key, value, heads, p, axis)[3]
    q, k, v = _project(query, key, value, p, embed_dim)
    further = []
    if p.bias_k is not None and p.bias_v is not None:
        further.append((p.bias_k, p.bias_v))
    if add_zero_attn:
        zero = wrap(np.zeros((1, 1, embed_dim), k._data.dtype))
        further.append((zero, zero))
    for one_k, one_v in further:
        k, v = _append(k, one_k, axis), _append(v, one_v, axis)
    mask = _taking_part(_merge(_widen(masks.attention, len(further)), _widen(masks.padding, len(further)), query))
    q, k, v = (_split_heads(x, heads, axis) for x in (q, k, v))
    s = MatMul.apply(q, mT(k)) * (1 / math.sqrt(embed_dim // heads))
    if mask is not None:
        s = where(mask, s, -math.inf) if mask._data.dtype == np.bool_ else s + mask
    weights = dropout(softmax(s, -1), dropout_p, dropout_p > 0)
    return _join_heads(MatMul.apply(weights, v), axis), weights


def _project(
    query: Tensor, key: Tensor, value: Tensor, p: Projections, embed_dim: int
) -> tuple[Tensor, Tensor, Tensor]:
    def projected(i: int, x: Tensor, weight: Any) -> Tensor:
        rows = slice(i * embed_dim, (i + 1) * embed_dim)
        return linear(x, weight if p.packed is None else p.packed[rows], None if p.bias is None else p.bias[rows])

    return projected(0, query, p.q), projected(1, key, p.k), projected(2, value, p.v)


def _append(x: Tensor, row: Tensor, axis: int) -> Tensor:
    """One more key: ``row`` for every sample."""
    shape = list(x._data.shape)
    shape[1 - axis] = 1
    return cat([x, expand(row, tuple(shape))], 1 - axis)


def _split_heads(x: Tensor, heads: int, axis: int) -> Tensor:
    a, b, features = x._data.shape
    return permute(reshape(x, (a, b, heads, features // heads)), axis, 2, 1 - axis, 3)


def _join_heads(y: Tensor, axis: int) -> Tensor:
    y = permute(y, *((0, 2, 1, 3) if axis == 0 else (2, 0, 1, 3)))
    a, b, heads, features = y._data.shape
    return reshape(y, (a, b, heads * features))


def _taking_part(mask: Tensor | None) -> Tensor | None:
    """A bool mask the other way round: True takes part."""
    return compute(np.invert, mask) if mask is not None and mask._data.dtype == np.bool_ else mask


def _widen(mask: Tensor | None, extra: int) -> Tensor | None:
    """Room for keys that are never ruled out."""
    if mask is None or not extra:
        return mask
    return cat([mask, wrap(np.zeros((*mask._data.shape[:-1], extra), mask._data.dtype))], -1)


def _merge(attention: Tensor | None, padding: Tensor | None, like: Tensor) -> Tensor | None:
    """Both masks as one: bool while both are, else added."""
    if attention is None or padding is None:
        return padding if attention is None else attention
    if attention._data.dtype == padding._data.dtype == np.bool_:
        return compute(np.bitwise_or, attention, padding)
    both = [m if m._data.dtype.kind == "f" else where(m, -math.inf, wrap(np.zeros((), like._data.dtype)))
            for m in (attention, padding)]  # fmt: skip
    return both[0] + both[1]


def masks_of(
    query: Tensor, key: Tensor, heads: int, axis: int, attn_mask: Any, key_padding_mask: Any, batched: bool
) -> Masks:
    """The masks of the caller, checked and as `attend` wants them."""
    batch, queries, keys = query._data.shape[axis], query._data.shape[1 - axis], key._data.shape[1 - axis]
    attention = _mask("attn_mask", attn_mask, ((queries, keys), (batch * heads, queries, keys)), query)
    padding = _mask("key_padding_mask", key_padding_mask, ((batch, keys) if batched else (keys,),), query)
    if attention is not None and attention._data.ndim == 3:
        attention = reshape(attention, (batch, heads, queries, keys))
    elif attention is not None:
        attention = reshape(attention, (1, 1, queries, keys))
    return Masks(attention, None if padding is None else reshape(padding, (batch, 1, 1, keys)))


@gate
def run_multi_head_attention(
    query: Tensor, key: Tensor, value: Tensor, heads: int, p: Projections, axis: int, dropout_p: float,
    add_zero_attn: bool, attn_mask: Any, key_padding_mask: Any, is_causal: bool, need_weights: bool, average: bool,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """`multi_head_attention_forward` for a batch in dimension ``axis``, or unbatched tensors."""
    name = "run_multi_head_attention"
    for t in (query, key, value):
        check_tensors(name, t)
    dims = query._data.ndim
    if dims not in (2, 3) or key._data.ndim != dims or value._data.ndim != dims:
        raise RuntimeError(
            f"{name}: expected query, key and value all 2-d (unbatched) or all 3-d (batched), got shapes "
            f"{query._data.shape}, {key._data.shape} and {value._data.shape}"
        )
    if is_causal and attn_mask is None:
        raise RuntimeError(f"{name}: is_causal is a hint about attn_mask, which must be given too")
    if dims == 2:
        same_key, same_value = key is query, value is key
        query = unsqueeze(query, axis)
        key = query if same_key else unsqueeze(key, axis)
        value = key if same_value else unsqueeze(value, axis)
    masks = masks_of(query, key, heads, axis, attn_mask, key_padding_mask, dims == 3)
    further = add_zero_attn or p.bias_k is not None
    weights = None
    if need_weights or further:
        y, weights = attend_with_weights(query, key, value, heads, p, masks, axis, dropout_p, add_zero_attn)
        weights = (mean(weights, 1) if average else weights) if need_weights else None
    else:
        # The hint stands for the mask only where nothing else has to be merged with it, as in PyTorch.
        causal = is_causal and masks.padding is None
        y = attend(query, key, value, heads, p, Masks(None, None) if causal else masks, axis, dropout_p, causal)
    y = linear(y, p.out, p.out_bias)
    if dims == 2:
        y, weights = squeeze(y, axis), None if weights is None else squeeze(weights, 0)
    return y, weights
