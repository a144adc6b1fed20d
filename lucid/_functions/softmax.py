"""Softmax, log-softmax and the losses on top of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _dtype, _ops
from lucid._functions._common import cast, floating, normalize_dim
from lucid._functions.pointwise import exp
from lucid._functions.reduce import sum
from lucid.autograd._mode import mode
from lucid.autograd._node import Node, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor


class Softmax(Node):
    """exp(x) / sum(exp(x)) along one dimension."""

    __slots__ = ("dim",)

    def forward(self, x: Tensor, dim: int) -> np.ndarray:
        self.dim = dim
        return self.save_result(_ops.softmax(x._data, dim))

    def backward(self, dy: Tensor) -> Tensor:
        y = self.unpack_result()
        if mode.enabled:
            return y * (dy - sum(y * dy, self.dim, True))
        return wrap(_ops.softmax_backward(y._data, dy._data, self.dim))


class LogSoftmax(Node):
    """x - log(sum(exp(x))) along one dimension."""

    __slots__ = ("dim",)

    def forward(self, x: Tensor, dim: int) -> np.ndarray:
        self.dim = dim
        return self.save_result(_ops.log_softmax(x._data, dim))

    def backward(self, dy: Tensor) -> Tensor:
        y = self.unpack_result()
        if mode.enabled:
            return dy - exp(y) * sum(dy, self.dim, True)
        return wrap(_ops.log_softmax_backward(y._data, dy._data, self.dim))


def _along(operation: type[Node], name: str, x: Tensor, dim: int, dtype: Any) -> Tensor:
    d = normalize_dim(name, dim, x)
    x = cast(x, _dtype.as_dtype(dtype)) if dtype is not None else floating(x)
    if not x._data.ndim:
        return operation.apply(x.reshape(1), 0).reshape(())
    return operation.apply(x, d)


def softmax(x: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """exp(x) / sum(exp(x)) along ``dim``, computed from x - max(x).

    Args:
        x: any shape.
        dim: dimension along which the result sums to 1.
        dtype: convert to this type first.

    Example:
        >>> import lucid
        >>> print(lucid.softmax(lucid.tensor([0.0, 0.0]), 0))
        [0.5, 0.5]
    """
    return _along(Softmax, "softmax", x, dim, dtype)


def log_softmax(x: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """log(softmax(x)) along ``dim``, without forming the softmax."""
    return _along(LogSoftmax, "log_softmax", x, dim, dtype)


class CrossEntropy(Node):
    """Per-element cross-entropy of logits (N, C, L) with class indices (N, L), before reduction."""

    __slots__ = ("log_probabilities", "options")
    log_probabilities: np.ndarray | None

    def forward(
        self, x: Tensor, target: np.ndarray, weight: np.ndarray | None, ignore_index: int, label_smoothing: float
    ) -> np.ndarray:
        self.log_probabilities = _ops.log_softmax(x._data, 1)
        self.saved, self.options = (x,), (target, weight, ignore_index, label_smoothing)
        losses, _ = _ops.cross_entropy_rows(self.log_probabilities, *self.options)
        return losses

    def backward(self, g: Tensor) -> Tensor:
        (x,) = self.unpack()
        if mode.enabled:
            return self.differentiable(x, g)
        assert self.log_probabilities is not None  # released together with what unpack() just returned
        return wrap(_ops.cross_entropy_rows_backward(self.log_probabilities, *self.options, g._data))

    def differentiable(self, x: Tensor, g: Tensor) -> Tensor:
        """The same gradient from differentiable functions, for second derivatives."""
        dlogp = wrap(cross_entropy_slope(x._data, *self.options)) * g.unsqueeze(1)
        return dlogp - softmax(x, 1) * sum(dlogp, 1, True)

    def release(self) -> None:
        super().release()
        self.log_probabilities = None


def cross_entropy_slope(
    x: np.ndarray, target: np.ndarray, weight: np.ndarray | None, ignore_index: int, label_smoothing: float
) -> np.ndarray:
    """d(loss element)/d(log-probabilities), (N, C, L)."""
    classes = x.shape[1]
    valid = target != ignore_index
    per_class = np.ones(classes, x.dtype) if weight is None else weight
    slope = np.zeros_like(x)
    where = np.where(valid, target, 0)[:, None, :]
    np.put_along_axis(slope, where, (-(1 - label_smoothing) * per_class[where] * valid[:, None, :]).astype(x.dtype), 1)
    slope -= (label_smoothing / classes) * per_class[None, :, None] * valid[:, None, :]
    return slope


class NLL(Node):
    """Per-element negative log-likelihood of log-probabilities (N, C, L) at class indices (N, L), before reduction."""

    __slots__ = ("options",)

    def forward(self, x: Tensor, target: np.ndarray, weight: np.ndarray | None, ignore_index: int) -> np.ndarray:
        self.saved, self.options = (x,), (target, weight, ignore_index)
        losses, _ = _ops.nll_rows(x._data, *self.options)
        return losses

    def backward(self, g: Tensor) -> Tensor:
        (x,) = self.unpack()
        if mode.enabled:
            return wrap(cross_entropy_slope(x._data, *self.options, 0.0)) * g.unsqueeze(1)
        return wrap(_ops.nll_rows_backward(x._data, *self.options, g._data))
