"""Losses between a tensor and a target of its shape. Cross-entropy is with the softmax it is fused with."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from lucid import _ops
from lucid._functions.activation import Sigmoid
from lucid._functions.choice import where
from lucid._functions.exponential import exp, log, log1p
from lucid._functions.pointwise import sign
from lucid._functions.ternary import clamp
from lucid.autograd._mode import mode
from lucid.autograd._node import Node, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor

LOWEST_LOG = -100.0
"""Logarithms are cut off here, so that a probability of exactly 0 costs 100 and not infinity."""


class ElementLoss(Node):
    """A loss of x and y element by element, reduced: "none", "sum" or "mean".

    ``slope`` is its derivative with respect to x, ``target_slope`` that with respect to y, of differentiable functions.
    """

    __slots__ = ("divisor", "parameters", "reduction")
    divisor: float
    parameters: tuple[float, ...]
    reduction: str
    kind: ClassVar[str]
    antisymmetric: ClassVar[bool] = False
    """True when the loss depends on x - y alone: one gradient is the other, negated."""

    def forward(self, x: Tensor, y: Tensor, reduction: str, *parameters: float) -> np.ndarray:
        self.saved, self.reduction, self.parameters = (x, y), reduction, parameters
        data = x._data
        self.divisor = float(data.size) if reduction == "mean" else 1.0
        if reduction == "none":
            return _ops.loss(data, y._data, self.kind, *parameters)
        total = _ops.loss_sum(data, y._data, self.kind, *parameters)
        return np.array(total / self.divisor if self.divisor else math.nan, data.dtype)

    def backward(self, g: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, y = self.unpack()
        dx = dy = None
        if not mode.enabled and (self.antisymmetric or self.edges[1] is None):
            dx = wrap(_ops.loss_backward(x._data, y._data, g._data, self.kind, *self.full(), self.divisor))
            return dx, -dx if self.edges[1] is not None else None
        g = g if self.reduction != "mean" else g / self.divisor if self.divisor else g * math.nan
        if self.edges[0] is not None:
            dx = g * self.slope(x, y, *self.parameters)
        if self.edges[1] is not None:
            dy = g * self.target_slope(x, y, *self.parameters)
        return dx, dy

    def full(self) -> tuple[float, float]:
        """Both parameters of the kernels."""
        a, b = (*self.parameters, 1.0, 1.0)[:2]
        return a, b

    @staticmethod
    def slope(x: Any, y: Any, *parameters: float) -> Any:
        raise NotImplementedError

    @classmethod
    def target_slope(cls, x: Any, y: Any, *parameters: float) -> Any:
        return -cls.slope(x, y, *parameters)


class SquaredError(ElementLoss):
    """(x - y)**2."""

    __slots__ = ()
    kind, antisymmetric = "mse", True

    @staticmethod
    def slope(x: Any, y: Any, *parameters: float) -> Any:
        return (x - y) * 2


class AbsoluteError(ElementLoss):
    """|x - y|."""

    __slots__ = ()
    kind, antisymmetric = "l1", True

    @staticmethod
    def slope(x: Any, y: Any, *parameters: float) -> Any:
        return sign(x - y)


class Huber(ElementLoss):
    """c * (d - c / 2) / b with d = x - y and c = d pulled into [-a, a]: smooth L1 for b = a, Huber's loss for b = 1."""

    __slots__ = ()
    kind, antisymmetric = "huber", True

    @staticmethod
    def slope(x: Any, y: Any, *parameters: float) -> Any:
        a, b = parameters
        return clamp(x - y, -a, a) / b


class BinaryCrossEntropy(ElementLoss):
    """-(y * log(p) + (1 - y) * log(1 - p)).

    The denominator of the gradient (p - y) / (p * (1 - p)) is kept above 1e-12, as in PyTorch.
    """

    __slots__ = ()
    kind = "bce"

    @staticmethod
    def slope(p: Any, y: Any, *parameters: float) -> Any:
        return (p - y) / clamp(p * (1 - p), min=1e-12)

    @classmethod
    def target_slope(cls, p: Any, y: Any, *parameters: float) -> Any:
        return clamp(log1p(-p), min=LOWEST_LOG) - clamp(log(p), min=LOWEST_LOG)


class BinaryCrossEntropyWithLogits(ElementLoss):
    """-(y * log(sigmoid(x)) + (1 - y) * log(sigmoid(-x)))."""

    __slots__ = ()
    kind = "bce_logits"

    @staticmethod
    def slope(x: Any, y: Any, *parameters: float) -> Any:
        return (1 - y) * Sigmoid.apply(x) - y * Sigmoid.apply(-x)

    @classmethod
    def target_slope(cls, x: Any, y: Any, *parameters: float) -> Any:
        return -x


class KLDivergence(ElementLoss):
    """y * (log(y) - x), 0 * log(0) being 0."""

    __slots__ = ()
    kind = "kl"

    @staticmethod
    def slope(x: Any, y: Any, *parameters: float) -> Any:
        return -y

    @classmethod
    def target_slope(cls, x: Any, y: Any, *parameters: float) -> Any:
        return where(y == 0, 0.0, log(where(y == 0, 1.0, y)) + 1) - x


class KLDivergenceOfLogs(ElementLoss):
    """exp(y) * (y - x)."""

    __slots__ = ()
    kind = "kl_log"

    @staticmethod
    def slope(x: Any, y: Any, *parameters: float) -> Any:
        return -exp(y)

    @classmethod
    def target_slope(cls, x: Any, y: Any, *parameters: float) -> Any:
        return exp(y) * (y - x + 1)
