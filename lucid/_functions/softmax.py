"""Softmax, log-softmax and the losses on top of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _dtype, _ops
from lucid._functions._arguments import check_tensors
from lucid._functions._common import cast, floating
from lucid._functions._unary import Unary, run_along
from lucid._functions.exponential import exp
from lucid._functions.reduce import sum
from lucid.autograd._mode import mode
from lucid.autograd._node import Node, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor


class Softmax(Unary):
    """exp(x) / sum(exp(x)) along one dimension."""

    __slots__ = ()
    kernel = staticmethod(_ops.softmax)
    saves = "y"

    def backward(self, dy: Tensor) -> Tensor:
        y, (dim,) = self.unpack_result(), self.params
        if mode.enabled:
            return y * (dy - sum(y * dy, dim, True))
        return wrap(_ops.softmax_backward(y._data, dy._data, dim))


class LogSoftmax(Unary):
    """x - log(sum(exp(x))) along one dimension."""

    __slots__ = ()
    kernel = staticmethod(_ops.log_softmax)
    saves = "y"

    def backward(self, dy: Tensor) -> Tensor:
        y, (dim,) = self.unpack_result(), self.params
        if mode.enabled:
            return dy - exp(y) * sum(dy, dim, True)
        return wrap(_ops.log_softmax_backward(y._data, dy._data, dim))


def along(operation: type[Unary], name: str, x: Tensor, dim: int, dtype: Any) -> Tensor:
    """``operation`` along ``dim``, counted from the front."""
    check_tensors(name, x)
    if dtype is not None:
        x = cast(x, _dtype.as_dtype(dtype))
    elif x._data.dtype.kind != "f":
        x = floating(x)
    return run_along(name, operation, x, dim)


def softmax(x: Tensor, dim: int, dtype: Any = None, *, out: Tensor | None = None) -> Tensor:
    """exp(x) / sum(exp(x)) along ``dim``, computed from x - max(x).

    Args:
        x: any shape.
        dim: dimension along which the result sums to 1.
        dtype: convert to this type first.
        out: tensor that receives the result.

    Raises:
        IndexError: ``dim`` is out of range.

    Example:
        >>> import lucid
        >>> print(lucid.softmax(lucid.tensor([0.0, 0.0]), 0))
        [0.5, 0.5]

    Source: Bridle, Probabilistic interpretation of feedforward classification network outputs, 1990.
    """
    return along(Softmax, "softmax", x, dim, dtype)


def log_softmax(x: Tensor, dim: int, dtype: Any = None, *, out: Tensor | None = None) -> Tensor:
    """log(softmax(x)) along ``dim``, without forming the softmax.

        y_i = x_i - ln(sum of e^(x_j))

    Args:
        x: any shape; integers and bools become the default floating-point type.
        dim: the dimension.
        dtype: convert to this type first.
        out: tensor that receives the result.

    Raises:
        IndexError: ``dim`` is out of range.

    Example:
        >>> import lucid
        >>> print(lucid.log_softmax(lucid.tensor([0.0, 0.0], dtype=lucid.float64), 0))
        [-0.69314718, -0.69314718]

    Source: Bridle, Probabilistic interpretation of feedforward classification network outputs, 1990.
    """
    return along(LogSoftmax, "log_softmax", x, dim, dtype)


outside = _ops.outside


def reduced(losses: np.ndarray, total: float, divisor: float, reduction: str, shape: tuple[int, ...]) -> np.ndarray:
    """The losses in ``shape``, or their sum over ``divisor``: NaN where that is 0, since nothing was averaged."""
    if reduction == "none":
        return losses.reshape(shape)
    return np.array(total / divisor if divisor else math.nan, losses.dtype)


class ClassLoss(Node):
    """What losses of classes share: x (N, C, ...), and as (N, C, L); targets (N, L); options; the mean's divisor."""

    __slots__ = ("divisor", "options", "reduction", "shape")
    divisor: float
    options: tuple[Any, ...]
    reduction: str
    shape: tuple[int, int, int]

    def rows(self, x: Any) -> Any:
        return x.reshape(self.shape)

    def slope(self, x: Tensor, g: Tensor, label_smoothing: float = 0.0) -> Any:
        """The gradient with respect to log-probabilities (N, C, L); differentiable in g."""
        n, _, length = self.shape
        each = g.reshape(n, 1, length) if self.reduction == "none" else g / self.divisor if self.divisor else g
        target, weight, ignore_index = self.options[:3]
        rows = x._data.reshape(self.shape)
        return wrap(cross_entropy_slope(rows, target, weight, ignore_index, label_smoothing)) * each


class CrossEntropy(ClassLoss):
    """Cross-entropy of logits with class indices, reduced."""

    __slots__ = ("kept",)
    kept: tuple[np.ndarray, np.ndarray] | None

    def forward(
        self,
        x: Tensor,
        shape: tuple[int, int, int],
        target: np.ndarray,
        weight: np.ndarray | None,
        ignore_index: int,
        label_smoothing: float,
        reduction: str,
        result: tuple[int, ...],
    ) -> np.ndarray:
        self.saved, self.shape, self.reduction = (x,), shape, reduction
        self.options = (target, weight, ignore_index, label_smoothing)
        losses, total, weights, self.kept = _ops.cross_entropy(self.rows(x._data), *self.options)
        self.divisor = weights if reduction == "mean" else 1.0
        return reduced(losses, total, self.divisor, reduction, result)

    def backward(self, g: Tensor) -> Tensor:
        (x,) = self.unpack()
        if mode.enabled:
            dlogp = self.slope(x, g, self.options[3])
            return (dlogp - softmax(self.rows(x), 1) * sum(dlogp, 1, True)).reshape(x._data.shape)
        assert self.kept is not None  # released together with what unpack() just returned
        target, weight, ignore_index, smoothing = self.options
        dx = _ops.cross_entropy_backward(
            self.rows(x._data), self.kept, target, weight, ignore_index, smoothing, g._data, self.divisor
        )
        return wrap(dx.reshape(x._data.shape))

    def release(self) -> None:
        super().release()
        self.kept = None


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


class NLL(ClassLoss):
    """Negative log-likelihood of log-probabilities at class indices, reduced."""

    __slots__ = ()

    def forward(
        self,
        x: Tensor,
        shape: tuple[int, int, int],
        target: np.ndarray,
        weight: np.ndarray | None,
        ignore_index: int,
        reduction: str,
        result: tuple[int, ...],
    ) -> np.ndarray:
        self.saved, self.shape, self.reduction = (x,), shape, reduction
        self.options = (target, weight, ignore_index)
        losses, total, weights = _ops.nll(self.rows(x._data), *self.options)
        self.divisor = weights if reduction == "mean" else 1.0
        return reduced(losses, total, self.divisor, reduction, result)

    def backward(self, g: Tensor) -> Tensor:
        (x,) = self.unpack()
        if mode.enabled:
            return self.slope(x, g).reshape(x._data.shape)
        target, weight, ignore_index = self.options
        dx = _ops.nll_backward(self.rows(x._data), target, weight, ignore_index, g._data, self.divisor)
        return wrap(dx.reshape(x._data.shape))
