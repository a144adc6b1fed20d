"""Normalisation over batches and over features."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

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


def planes(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """(N, C, ...) as (N, C, L)."""
    return shape[0], shape[1], math.prod(shape[2:])


def wrapped(arrays: Any, edges: tuple[Any, ...], shape: tuple[int, ...]) -> tuple[Tensor | None, ...]:
    """Gradients of the inputs there are, the first of them in ``shape``."""
    dx, *rest = arrays
    return (wrap(dx.reshape(shape)), *[None if a is None else wrap(a) for a in rest])[: len(edges)]


class BatchNorm(Node):
    """(x - mean) / sqrt(var + eps) * weight + bias over (N, C, ...), with the statistics of this batch.

    The running statistics, where there are any, are moved towards them.
    """

    __slots__ = ("eps", "statistics")

    def forward(
        self,
        x: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        eps: float,
        running_mean: np.ndarray | None = None,
        running_var: np.ndarray | None = None,
        momentum: float = 0.0,
    ) -> np.ndarray:
        data = x._data
        y, m, v = _ops.batch_norm(
            data.reshape(planes(data.shape)), _array(weight), _array(bias), eps, running_mean, running_var, momentum
        )
        self.saved, self.eps, self.statistics = (x, weight), eps, (m, v)
        return y.reshape(data.shape)

    def backward(self, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = self.unpack()
        shape = x._data.shape
        rows = planes(shape)
        if mode.enabled:
            x, dy = x.reshape(rows), dy.reshape(rows)
            v, m = var(x, (0, 2), keepdim=True, correction=0), mean(x, (0, 2), True)
            dx, *rest = normalized_backward(dy, x, m, v, weight, self.eps, (0, 2), (0, 2), weight_view(weight))
            return (dx.reshape(shape), *rest)[: len(self.edges)]  # type: ignore[union-attr]
        arrays = _ops.batch_norm_backward(
            dy._data.reshape(rows), x._data.reshape(rows), *self.statistics, _array(weight), self.eps
        )
        return wrapped(arrays, self.edges, shape)


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
    """(x - mean) / sqrt(var + eps) * weight + bias over (N, C, ...), with given statistics."""

    __slots__ = ("eps", "statistics")

    def forward(
        self, x: Tensor, weight: Tensor | None, bias: Tensor | None, m: np.ndarray, v: np.ndarray, eps: float
    ) -> np.ndarray:
        self.saved, self.eps, self.statistics = (x, weight), eps, (m, v)
        data = x._data
        y = _ops.batch_norm_apply(data.reshape(planes(data.shape)), m, v, _array(weight), _array(bias), eps)
        return y.reshape(data.shape)

    def backward(self, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = self.unpack()
        shape = x._data.shape
        x, dy = x.reshape(planes(shape)), dy.reshape(planes(shape))
        m, v = (wrap(s).reshape(1, -1, 1) for s in self.statistics)
        rstd = rsqrt(v + self.eps)
        if weight is None:
            return ((dy * rstd).reshape(shape),)
        dx = dy * (weight.reshape(1, -1, 1) * rstd)
        return (dx.reshape(shape), sum(dy * ((x - m) * rstd), (0, 2)), sum(dy, (0, 2)))[: len(self.edges)]


class LayerNorm(Node):
    """(x - mean) / sqrt(var + eps) * weight + bias over rows of elements (M, D); weight and bias (D,)."""

    __slots__ = ("eps", "rows", "statistics")
    rows: tuple[int, int]

    def forward(
        self, x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float, rows: tuple[int, int]
    ) -> np.ndarray:
        data = x._data
        y, m, rstd = _ops.layer_norm(data.reshape(rows), _array(weight), _array(bias), eps)
        self.saved, self.eps, self.rows, self.statistics = (x, weight), eps, rows, (m, rstd)
        return y.reshape(data.shape)

    def backward(self, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = self.unpack()
        shape, rows = x._data.shape, self.rows
        if mode.enabled:
            x, dy = x.reshape(rows), dy.reshape(rows)
            v, m = var(x, 1, keepdim=True, correction=0), mean(x, 1, True)
            dx, *rest = normalized_backward(dy, x, m, v, weight, self.eps, (1,), (0,), weight)
            return (dx.reshape(shape), *rest)[: len(self.edges)]  # type: ignore[union-attr]
        arrays = _ops.layer_norm_backward(
            dy._data.reshape(rows), x._data.reshape(rows), *self.statistics, _array(weight)
        )
        return wrapped(arrays, self.edges, shape)


class RMSNorm(Node):
    """x / sqrt(mean(x**2) + eps) * weight over rows of elements (M, D); weight (D,)."""

    __slots__ = ("eps", "rows", "rstd")
    rows: tuple[int, int]

    def forward(self, x: Tensor, weight: Tensor | None, eps: float, rows: tuple[int, int]) -> np.ndarray:
        data = x._data
        y, rstd = _ops.rms_norm(data.reshape(rows), _array(weight), eps)
        self.saved, self.eps, self.rows, self.rstd = (x, weight), eps, rows, rstd
        return y.reshape(data.shape)

    def backward(self, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = self.unpack()
        shape, rows = x._data.shape, self.rows
        if mode.enabled:
            x, dy = x.reshape(rows), dy.reshape(rows)
            rstd = rsqrt(mean(x * x, 1, True) + self.eps)
            xhat = x * rstd
            g = dy if weight is None else dy * weight
            dx = ((g - xhat * mean(g * xhat, 1, True)) * rstd).reshape(shape)
            return (dx, None if weight is None else sum(dy * xhat, 0))[: len(self.edges)]
        arrays = _ops.rms_norm_backward(dy._data.reshape(rows), x._data.reshape(rows), self.rstd, _array(weight))
        return wrapped(arrays, self.edges, shape)


class GroupNorm(Node):
    """(x - mean) / sqrt(var + eps) * weight + bias over (N, C, ...), with the statistics of each group of channels."""

    __slots__ = ("eps", "groups", "statistics")
    eps: float
    groups: int

    def forward(self, x: Tensor, weight: Tensor | None, bias: Tensor | None, groups: int, eps: float) -> np.ndarray:
        data = x._data
        y, m, rstd = _ops.group_norm(data.reshape(planes(data.shape)), groups, _array(weight), _array(bias), eps)
        self.saved, self.groups, self.eps, self.statistics = (x, weight), groups, eps, (m, rstd)
        return y.reshape(data.shape)

    def backward(self, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = self.unpack()
        shape = x._data.shape
        layout = planes(shape)
        if mode.enabled:
            return self.differentiable(dy.reshape(layout), x, weight)[: len(self.edges)]
        arrays = _ops.group_norm_backward(
            dy._data.reshape(layout), x._data.reshape(layout), self.groups, *self.statistics, _array(weight)
        )
        return wrapped(arrays, self.edges, shape)

    def differentiable(self, dy: Any, x: Any, weight: Tensor | None) -> tuple[Any, Any, Any]:
        """The same gradients from differentiable functions, for second derivatives."""
        rows = (dy._data.shape[0] * self.groups, -1)
        a = x.reshape(rows)
        rstd = rsqrt(var(a, 1, keepdim=True, correction=0) + self.eps)
        xhat = (a - mean(a, 1, True)) * rstd
        g = (dy if weight is None else dy * weight_view(weight)).reshape(rows)
        dx = (g - mean(g, 1, True) - xhat * mean(g * xhat, 1, True)) * rstd
        return dx.reshape(x._data.shape), sum(dy * xhat.reshape(dy._data.shape), (0, 2)), sum(dy, (0, 2))
