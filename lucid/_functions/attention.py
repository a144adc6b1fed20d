"""Scaled dot-product attention: of separate heads, and of the projections of a multi-head layer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lucid import _ops
from lucid._functions._common import expand, sum_to
from lucid._functions.choice import where
from lucid._functions.join import cat
from lucid._functions.matmul import MatMul, mT
from lucid._functions.reduce import sum
from lucid._functions.shape import permute, reshape
from lucid._functions.softmax import softmax
from lucid.autograd._mode import mode
from lucid.autograd._node import Node, wrap

if TYPE_CHECKING:
    from lucid._random import Generator
    from lucid._tensor import Tensor

BLOCK = 128
"""A row of dropped probabilities takes a multiple of this many random numbers: the kernel's block of keys."""


class Options(NamedTuple):
    """How scores become probabilities; the arguments of the kernel after the mask."""

    scale: float
    causal: bool = False
    dropout: float = 0.0
    seed: int = 0
    offset: int = 0


def reserve(generator: Generator, rows: int, keys: int) -> tuple[int, int]:
    """(seed, offset) of the random numbers that dropout in ``rows`` rows of ``keys`` probabilities takes."""
    seed, start = generator.take(rows * -(-keys // BLOCK) * BLOCK + BLOCK - 1)
    return seed, -(-start // BLOCK) * BLOCK


def _array(x: Tensor | None) -> np.ndarray | None:
    return None if x is None else x._data


class Attention(Node):
    """softmax(scale * q @ k.T + mask) @ v of (batch, heads, length, size); k and v may have fewer heads."""

    __slots__ = ("logsumexp", "options")

    def forward(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, options: Options) -> np.ndarray:
        self.saved, self.options = (q, k, v, mask), options
        out, self.logsumexp = _ops.attention(q._data, k._data, v._data, _array(mask), *options)
        return self.save_result(out)

    def backward(self, dy: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, mask = self.unpack()
        out = self.unpack_result()._data
        if mode.enabled or any(edge is not None for edge in self.edges[3:]):
            return composed_backward(dy, q, k, v, mask, self.options)[: len(self.edges)]
        arrays = _ops.attention_backward(
            dy._data, q._data, k._data, v._data, _array(mask), out, self.logsumexp, *self.options
        )
        return (*[wrap(a) for a in arrays], None)[: len(self.edges)]


def composed_backward(
    dy: Tensor, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, options: Options
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Gradients of q, k, v and an added mask by differentiable operations on the whole matrix of scores."""
    batch, kv_heads, keys, size = k._data.shape
    shared = q._data.shape[1] // max(kv_heads, 1)
    each_k, each_v = (_repeat_heads(x, shared) for x in (k, v))
    p = _probabilities(q, each_k, mask, options)
    kept = _kept(p._data.shape, p._data.dtype, options)
    dp = MatMul.apply(dy, mT(each_v))
    dv = MatMul.apply(mT(p if kept is None else p * kept), dy)
    dp = dp if kept is None else dp * kept
    ds = p * (dp - sum(dp * p, -1, True))
    dq = MatMul.apply(ds, each_k) * options.scale
    dk = MatMul.apply(mT(ds), q) * options.scale
    if shared > 1:
        dk = sum(reshape(dk, (batch, kv_heads, shared, keys, size)), 2)
        dv = sum(reshape(dv, (batch, kv_heads, shared, keys, v._data.shape[-1])), 2)
    dmask = None
    if mask is not None and mask._data.dtype.kind == "f":
        dmask = sum_to(ds, mask._data.shape)
    return dq, dk, dv, dmask


def _repeat_heads(x: Tensor, times: int) -> Tensor:
    if times == 1:
        return x
    batch, heads, length, size = x._data.shape
    return reshape(
        expand(reshape(x, (batch, heads, 1, length, size)), (batch, heads, times, length, size)),
        (batch, heads * times, length, size),
    )


def _probabilities(q: Tensor, k: Tensor, mask: Tensor | None, options: Options) -> Tensor:
    """The softmax of the scores; zeros where every key is ruled out."""
    s = MatMul.apply(q, mT(k)) * options.scale
    if mask is not None and mask._data.dtype.kind == "f":
        s = s + mask
    elif mask is not None:
        s = where(mask, s, -np.inf)
    if options.causal:
        s = where(wrap(np.tri(*s._data.shape[-2:], dtype=np.bool_)), s, -np.inf)
    alive = wrap(~np.all(s._data == -np.inf, axis=-1, keepdims=True))
    return where(alive, softmax(where(alive, s, 0.0), -1), 0.0)


def _kept(shape: tuple[int, ...], dtype: np.dtype, options: Options) -> Tensor | None:
    """The factors of dropout, drawn as the kernel draws them."""
    if not options.dropout:
        return None
    ones = np.ones((*shape[:-1], -(-shape[-1] // BLOCK) * BLOCK), dtype)
    return wrap(_ops.dropout(ones, options.dropout, options.seed, options.offset)[..., : shape[-1]])


class ProjectedAttention(Node):
    """Attention of packed projections: q, k and v side by side in one tensor, or q in one and k, v in another.

    Tensors are (batch, length, features) for ``axis`` 0 and (length, batch, features) for ``axis`` 1, as is the result.
    No head is copied: the kernels read and write them where they lie.
    """

    __slots__ = ("axis", "heads", "logsumexp", "options")

    def forward(
        self, q: Tensor, kv: Tensor | None, mask: Tensor | None, heads: int, axis: int, options: Options
    ) -> np.ndarray:
        self.saved, self.heads, self.axis, self.options = (q, kv, mask), heads, axis, options
        each_q, each_k, each_v = self._heads(q._data, _array(kv))
        out, self.logsumexp = _ops.attention(each_q, each_k, each_v, _array(mask), *options)
        return self.save_result(self._join(out))

    def _heads(self, q: np.ndarray, kv: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """q, k and v as views of shape (batch, heads, length, size)."""
        each_q, each_k, each_v = self._split(q, 3) if kv is None else [*self._split(q, 1), *self._split(kv, 2)]
        return each_q, each_k, each_v

    def _split(self, x: np.ndarray, parts: int) -> list[np.ndarray]:
        if not x.flags.c_contiguous:
            x = np.ascontiguousarray(x)
        a, b, features = x.shape
        x = x.reshape(a, b, parts, self.heads, features // (parts * self.heads))
        return [x[:, :, i].transpose(self.axis, 2, 1 - self.axis, 3) for i in range(parts)]

    def _join(self, out: np.ndarray) -> np.ndarray:
        order = (0, 2, 1, 3) if self.axis == 0 else (2, 0, 1, 3)
        y = out.transpose(order)
        return y.reshape(*y.shape[:2], math.prod(y.shape[2:]))

    def backward(self, dy: Tensor) -> tuple[Tensor | None, ...]:
        q, kv, mask = self.unpack()
        y = self.unpack_result()._data
        tensors = 1 if kv is None else 2
        if mode.enabled or any(edge is not None for edge in self.edges[tensors:]):
            return self._composed(dy, q, kv, mask)[: len(self.edges)]
        dq = _ops.attention_buffer(q._data)
        dkv = None if kv is None else _ops.attention_buffer(kv._data)
        each_q, each_k, each_v = self._heads(q._data, _array(kv))
        (dout,), (out,) = self._split(dy._data, 1), self._split(y, 1)
        _ops.attention_backward(
            dout, each_q, each_k, each_v, _array(mask), out, self.logsumexp, *self.options, *self._heads(dq, dkv)
        )
        return (*[wrap(d) for d in (dq, dkv) if d is not None], None)[: len(self.edges)]

    def _composed(self, dy: Tensor, q: Tensor, kv: Tensor | None, mask: Tensor | None) -> tuple[Tensor | None, ...]:
        packed = [(q, 3)] if kv is None else [(q, 1), (kv, 2)]
        each_q, each_k, each_v = [part for x, count in packed for part in self._split_tensor(x, count)]
        (dout,) = self._split_tensor(dy, 1)
        dq, dk, dv, dmask = composed_backward(dout, each_q, each_k, each_v, mask, self.options)
        joined = [self._join_tensor(g) for g in (dq, dk, dv)]
        if kv is None:
            return cat(joined, -1), dmask
        return joined[0], cat(joined[1:], -1), dmask

    def _split_tensor(self, x: Tensor, parts: int) -> list[Tensor]:
        a, b, features = x._data.shape
        y = reshape(x, (a, b, parts, self.heads, features // (parts * self.heads)))
        return [permute(y[:, :, i], self.axis, 2, 1 - self.axis, 3) for i in range(parts)]

    def _join_tensor(self, x: Tensor) -> Tensor:
        y = permute(x, *((0, 2, 1, 3) if self.axis == 0 else (2, 0, 1, 3)))
        return reshape(y, (*y._data.shape[:2], math.prod(y._data.shape[2:])))
