"""Operators that work element by element."""

from __future__ import annotations

import functools
from collections.abc import Callable

import lucid
from lucid import Tensor
from lucid.nn import functional as F
from lucid.onnx._registry import OPERATORS, operator
from lucid.onnx._types import dtype_of

_PLAIN: dict[str, Callable[..., Tensor]] = {
    "Abs": lucid.abs, "Neg": lucid.neg, "Exp": lucid.exp, "Log": lucid.log, "Sqrt": lucid.sqrt, "Floor": lucid.floor,
    "Reciprocal": lucid.reciprocal, "Ceil": lucid.ceil, "Round": lucid.round, "Sign": lucid.sign, "Sin": lucid.sin,
    "Cos": lucid.cos, "Tan": lucid.tan, "Asin": lucid.asin, "Acos": lucid.acos, "Atan": lucid.atan, "Sinh": lucid.sinh,
    "Cosh": lucid.cosh, "Asinh": lucid.asinh, "Acosh": lucid.acosh, "Atanh": lucid.atanh, "Erf": lucid.erf,
    "Not": lucid.logical_not, "IsNaN": lucid.isnan, "Relu": F.relu, "Sigmoid": lucid.sigmoid, "Tanh": lucid.tanh,
    "Softplus": F.softplus, "Softsign": F.softsign, "HardSwish": F.hardswish, "Mish": F.mish,
    "Add": lucid.add, "Sub": lucid.sub, "Mul": lucid.mul, "Equal": lucid.eq, "Greater": lucid.gt,
    "GreaterOrEqual": lucid.ge, "Less": lucid.lt, "LessOrEqual": lucid.le, "And": lucid.logical_and,
    "Or": lucid.logical_or, "Xor": lucid.logical_xor, "Where": lucid.where, "BitwiseAnd": lucid.bitwise_and,
    "BitwiseOr": lucid.bitwise_or, "BitwiseXor": lucid.bitwise_xor, "BitwiseNot": lucid.bitwise_not,
    "Det": lucid.linalg.det,
}  # fmt: skip


def _plain(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def run(*inputs: Tensor) -> Tensor:
        return function(*inputs)

    return run


OPERATORS.update({name: _plain(function) for name, function in _PLAIN.items()})


@operator("Identity")
def identity(x: Tensor) -> Tensor:
    return x


@operator("Div")
def div(x: Tensor, y: Tensor) -> Tensor:
    if x.is_floating_point():
        return lucid.div(x, y)
    q = lucid.floor_divide(x, y)  # towards zero, without reading values, so that it can be compiled
    return q + ((q < 0) & (q * y != x)).to(q.dtype)


@operator("Pow")
def power(x: Tensor, y: Tensor) -> Tensor:
    return lucid.pow(x, y.to(x.dtype) if x.is_floating_point() else y).to(x.dtype)


@operator("Mod")
def mod(x: Tensor, y: Tensor, *, fmod: int = 0) -> Tensor:
    return lucid.fmod(x, y) if fmod else lucid.remainder(x, y)


@operator("Max")
def maximum(*inputs: Tensor) -> Tensor:
    return functools.reduce(lucid.maximum, inputs)


@operator("Min")
def minimum(*inputs: Tensor) -> Tensor:
    return functools.reduce(lucid.minimum, inputs)


@operator("Sum")
def sum_of(*inputs: Tensor) -> Tensor:
    return functools.reduce(lucid.add, inputs)


@operator("Mean")
def mean_of(*inputs: Tensor) -> Tensor:
    return functools.reduce(lucid.add, inputs) / len(inputs)


@operator("Clip")
def clip(x: Tensor, low: Tensor | None = None, high: Tensor | None = None) -> Tensor:
    x = x if low is None else lucid.maximum(x, low)
    return x if high is None else lucid.minimum(x, high)


@operator("IsInf")
def isinf(x: Tensor, *, detect_negative: int = 1, detect_positive: int = 1) -> Tensor:
    if detect_negative and detect_positive:
        return lucid.isinf(x)
    if detect_negative:
        return lucid.isneginf(x)
    return lucid.isposinf(x) if detect_positive else lucid.zeros_like(x, dtype=lucid.bool)


@operator("LeakyRelu")
def leaky_relu(x: Tensor, *, alpha: float = 0.01) -> Tensor:
    return F.leaky_relu(x, alpha)


@operator("PRelu")
def prelu(x: Tensor, slope: Tensor) -> Tensor:
    return lucid.where(x < 0, x * slope, x)


@operator("Elu")
def elu(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    return F.elu(x, alpha)


@operator("Celu")
def celu(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    return F.celu(x, alpha)


@operator("Selu")
def selu(x: Tensor, *, alpha: float = 1.6732632423543772, gamma: float = 1.0507009873554805) -> Tensor:
    return gamma * F.elu(x, alpha)


@operator("BitShift")
def bit_shift(x: Tensor, y: Tensor, *, direction: str) -> Tensor:
    return lucid.bitwise_left_shift(x, y) if direction == "LEFT" else lucid.bitwise_right_shift(x, y)


@operator("Shrink")
def shrink(x: Tensor, *, bias: float = 0.0, lambd: float = 0.5) -> Tensor:
    return lucid.where(x < -lambd, x + bias, lucid.where(x > lambd, x - bias, 0.0)).to(x.dtype)


@operator("ThresholdedRelu")
def thresholded_relu(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    return F.threshold(x, alpha, 0.0)


@operator("HardSigmoid")
def hard_sigmoid(x: Tensor, *, alpha: float = 0.2, beta: float = 0.5) -> Tensor:
    return lucid.clamp(alpha * x + beta, 0.0, 1.0)


@operator("Gelu")
def gelu(x: Tensor, *, approximate: str = "none") -> Tensor:
    return F.gelu(x, approximate=approximate)


@operator("Softmax")
def softmax(x: Tensor, *, axis: int = -1) -> Tensor:
    return lucid.softmax(x, axis)


@operator("LogSoftmax")
def log_softmax(x: Tensor, *, axis: int = -1) -> Tensor:
    return lucid.log_softmax(x, axis)


@operator("Cast")
def cast(x: Tensor, *, to: int, round_mode: str = "up", saturate: int = 1) -> Tensor:
    return x.to(dtype_of(to))


@operator("CastLike")
def cast_like(x: Tensor, like: Tensor, *, round_mode: str = "up", saturate: int = 1) -> Tensor:
    return x.to(like.dtype)
