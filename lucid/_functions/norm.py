"""Normalisation over batches and over features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lucid import _ops
from lucid._functions.pointwise import rsqrt
from lucid._functions.reduce import mean, sum, var
from lucid.autograd._mode import mode
from lucid.autograd._node import Node, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def _array(t: Tensor | None) -> np.ndarray | None:
    return None if t is None else t._data


class BatchNorm(Node):
    """(x - mean) / sqrt(var + eps) * weight + bias over (N, C, L), with the statistics of this batch."""

    __slots__ = ("eps", "statistics")

    def forward(self, x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float) -> tuple[np.ndarray, ...]:
        y, m, v = _ops.batch_norm(x._data, _array(weight), _array(bias), eps)
        self.saved, self.eps, self.statistics = (x, weight), eps, (m, v)
        return y, m, v

    def backward(self, dy: Tensor, dmean: Tensor | None, dvar: Tensor | None) -> tuple[Tensor | None, ...]:
        x, weight = self.unpack()
        if mode.enabled:
            v, m = var(x, (0, 2), keepdim=True, correction=0), mean(x, (0, 2), True)
            grads = normalized_backward(dy, x, m, v, weight, self.eps, (0, 2), (0, 2), weight_view(weight))
        else:
            arrays = _ops.batch_norm_backward(dy._data, x._data, *self.statistics, _array(weight), self.eps)
            grads = tuple(None if a is None else wrap(a) for a in arrays)
        return grads[: len(self.edges)]


def weight_view(weight: Tensor | None) -> Tensor | None:
    return None if weight is None else weight.reshape(1, -1, 1)


def normalized_backward(
    dy: Tensor,
    x: Tensor,
    m: Tensor,
    v: Tensor,
    weight: Tensor | None,
    eps: float,
    dims: tuple[int, ...],
    batch: tuple[int, ...],
    weight_shaped: Tensor | None,
) -> tuple[Tensor | None, ...]:
    """Gradients of y = (x - m) * rsqrt(v + eps) * w + b with m, v the statistics over ``dims``; differentiable."""
    rstd = rsqrt(v + eps)
    xhat = (x - m) * rstd
    g = dy if weight_shaped is None else dy * weight_shaped
    dx = (g - mean(g, dims, True) - xhat * mean(g * xhat, dims, True)) * rstd
    if weight is None:
        return dx, None, None
    return dx, sum(dy * xhat, batch).reshape(weight.shape), sum(dy, batch).reshape(weight.shape)


class BatchNormApply(Node):
    """(x - mean) / sqrt(var + eps) * weight + bias over (N, C, L), with given statistics."""

    __slots__ = ("eps", "statistics")

    def forward(
        self, x: Tensor, weight: Tensor | None, bias: Tensor | None, m: np.ndarray, v: np.ndarray, eps: float
    ) -> np.ndarray:
        self.saved, self.eps, self.statistics = (x, weight), eps, (m, v)
        return _ops.batch_norm_apply(x._data, m, v, _array(weight), _array(bias), eps)

    def backward(self, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = self.unpack()
        m, v = (wrap(s).reshape(1, -1, 1) for s in self.statistics)
        rstd = rsqrt(v + self.eps)
        if weight is None:
            return (dy * rstd,)
        dx = dy * (weight.reshape(1, -1, 1) * rstd)
        return (dx, sum(dy * ((x - m) * rstd), (0, 2)), sum(dy, (0, 2)))[: len(self.edges)]


class LayerNorm(Node):
    """(x - mean) / sqrt(var + eps) * weight + bias over the rows of (M, D)."""

    __slots__ = ("eps", "statistics")

    def forward(self, x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float) -> np.ndarray:
        y, m, rstd = _ops.layer_norm(x._data, _array(weight), _array(bias), eps)
        self.saved, self.eps, self.statistics = (x, weight), eps, (m, rstd)
        return y

    def backward(self, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = self.unpack()
        if mode.enabled:
            v, m = var(x, 1, keepdim=True, correction=0), mean(x, 1, True)
            grads = normalized_backward(dy, x, m, v, weight, self.eps, (1,), (0,), weight)
        else:
            arrays = _ops.layer_norm_backward(dy._data, x._data, *self.statistics, _array(weight))
            grads = tuple(None if a is None else wrap(a) for a in arrays)
        return grads[: len(self.edges)]
