"""How operations that work element by element are written."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import lucid
from lucid import _ops
from lucid._functions import _common as common
from lucid._functions import (
    activation,
    binary,
    choice,
    division,
    exponential,
    loss,
    pairwise,
    pointwise,
    shrink,
    special,
    ternary,
    trigonometric,
)
from lucid.onnx._sizes import in_trace
from lucid.onnx._writer import Builder, Ref, Unsupported, exports, type_of

_UNARY: dict[Any, str] = {
    pointwise.neg: "Neg", pointwise.abs: "Abs", pointwise.sign: "Sign", pointwise.floor: "Floor",
    pointwise.ceil: "Ceil", pointwise._nearest: "Round", pointwise.reciprocal: "Reciprocal", pointwise.sqrt: "Sqrt",
    exponential.exp: "Exp", exponential.log: "Log", exponential.erf: "Erf",
    trigonometric.sin: "Sin", trigonometric.cos: "Cos", trigonometric.tan: "Tan", trigonometric.asin: "Asin",
    trigonometric.acos: "Acos", trigonometric.atan: "Atan", trigonometric.sinh: "Sinh", trigonometric.cosh: "Cosh",
    trigonometric.asinh: "Asinh", trigonometric.acosh: "Acosh", trigonometric.atanh: "Atanh",
}  # fmt: skip

_PLAIN: dict[Any, str] = {
    **{function.operation: name for function, name in _UNARY.items()}, activation.ReLU: "Relu",
    activation.Sigmoid: "Sigmoid", activation.Tanh: "Tanh", activation.Softsign: "Softsign", binary.Mul: "Mul",
    binary.Pow: "Pow", _ops.eq: "Equal", _ops.lt: "Less", _ops.le: "LessOrEqual", _ops.gt: "Greater",
    _ops.ge: "GreaterOrEqual", np.equal: "Equal", np.less: "Less", np.less_equal: "LessOrEqual",
    np.greater: "Greater", np.greater_equal: "GreaterOrEqual", np.isnan: "IsNaN", np.isinf: "IsInf",
}  # fmt: skip


def _plain(operator: str) -> Any:
    return lambda b, *inputs: b.node(operator, *inputs)


for _operation, _operator in _PLAIN.items():
    exports(_operation)(_plain(_operator))


def _square(b: Builder, x: Ref) -> str:
    return b.node("Mul", x, x)


def _trunc(b: Builder, x: Ref) -> str:
    return b.node("Mul", b.node("Sign", x), b.node("Floor", b.node("Abs", x)))


_FORMULAS: dict[Any, Any] = {
    pointwise.square: _square,
    pointwise.trunc: _trunc,
    pointwise.rsqrt: lambda b, x: b.node("Reciprocal", b.node("Sqrt", x)),
    exponential.erfc: lambda b, x: b.node("Sub", b.like(x, 1), b.node("Erf", x)),
    exponential.exp2: lambda b, x: b.node("Pow", b.like(x, 2), x),
    exponential.expm1: lambda b, x: b.node("Sub", b.node("Exp", x), b.like(x, 1)),
    exponential.log1p: lambda b, x: b.node("Log", b.node("Add", x, b.like(x, 1))),
    exponential.log2: lambda b, x: b.node("Mul", b.node("Log", x), b.like(x, 1 / math.log(2))),
    exponential.log10: lambda b, x: b.node("Mul", b.node("Log", x), b.like(x, 1 / math.log(10))),
}
for _function, _formula in _FORMULAS.items():
    exports(_function.operation)(_formula)


@exports(binary.Add)
def add(b: Builder, x: Ref, y: Ref, alpha: float = 1) -> str:
    if alpha == -1:
        return b.node("Sub", x, y)
    return b.node("Add", x, y if alpha == 1 else b.node("Mul", y, b.like(y, alpha)))


@exports(division.Div)
def div(b: Builder, x: Ref, y: Ref) -> str:
    summed = b.means.get(x.name)
    if summed is not None and y.rank == 0:
        source, dims, keepdim = summed
        counts = [math.prod([in_trace(source.shape[d], k) for d in dims]) for k in range(b.traces)]
        if [a.item() for a in y.arrays] == counts:
            return b.reduce("ReduceMean", source, dims, keepdim)
    return b.node("Div", x, y)


@exports(binary.Maximum)
def maximum(b: Builder, x: Ref, y: Ref) -> str:
    return b.node("Or" if x.dtype.kind == "b" else "Max", x, y)


@exports(binary.Minimum)
def minimum(b: Builder, x: Ref, y: Ref) -> str:
    return b.node("And" if x.dtype.kind == "b" else "Min", x, y)


@exports(choice.Where)
def where(b: Builder, x: Ref, y: Ref, condition: Ref) -> str:
    return b.node("Where", condition, x, y)


@exports(ternary.Clamp)
def clamp(b: Builder, x: Ref, low: float | None, high: float | None) -> str:
    ends = [None if end is None else b.like(x, end) for end in (low, high)]
    return b.node("Clip", x, *ends)


@exports(division.floored)
def floor_divide(b: Builder, x: Ref, y: Ref) -> str:
    if x.dtype.kind == "f":
        return b.node("Floor", b.node("Div", x, y))
    return b.node("Div", b.node("Sub", x, b.node("Mod", x, y)), y)


@exports(division.Remainder)
def remainder(b: Builder, x: Ref, y: Ref) -> str:
    if x.dtype.kind != "f":
        return b.node("Mod", x, y)
    return b.node("Sub", x, b.node("Mul", b.node("Floor", b.node("Div", x, y)), y))


@exports(pairwise.Fmod)
def fmod(b: Builder, x: Ref, y: Ref) -> str:
    return b.node("Mod", x, y, fmod=1)


@exports(pairwise.LogAddExp)
def logaddexp(b: Builder, x: Ref, y: Ref) -> str:
    distance = b.node("Neg", b.node("Abs", b.node("Sub", x, y)))
    return b.node("Add", b.node("Max", x, y), b.node("Log", b.node("Add", b.node("Exp", distance), b.like(x, 1))))


@exports(pairwise.Hypot)
def hypot(b: Builder, x: Ref, y: Ref) -> str:
    return b.node("Sqrt", b.node("Add", b.node("Mul", x, x), b.node("Mul", y, y)))


@exports(_ops.ne, np.not_equal)
def not_equal(b: Builder, x: Ref, y: Ref) -> str:
    return b.node("Not", b.node("Equal", x, y))


def _truth(b: Builder, x: Ref) -> Any:
    return x if x.dtype.kind == "b" else b.node("Cast", x, to=9)


def _logic(operator: str) -> Any:
    return lambda b, *inputs: b.node(operator, *[_truth(b, x) for x in inputs])


def _bits(operator: str) -> Any:
    def emit(b: Builder, *inputs: Ref) -> str:
        if any(x.dtype.kind != "b" for x in inputs):
            raise Unsupported(f"bits of {inputs[0].dtype.name}")
        return b.node(operator, *inputs)

    return emit


for _operator in ("And", "Or", "Xor", "Not"):
    exports(getattr(np, f"logical_{_operator.lower()}"))(_logic(_operator))
    exports(getattr(np, f"bitwise_{_operator.lower()}"))(_bits(_operator))


@exports(np.isfinite)
def isfinite(b: Builder, x: Ref) -> str:
    return b.node("Not", b.node("Or", b.node("IsNaN", x), b.node("IsInf", x)))


@exports(common.Cast)
def cast(b: Builder, x: Ref, d: Any) -> str:
    if d is lucid.bfloat16 or d.is_complex:
        raise Unsupported(f"tensors of {d}")
    return b.node("Cast", x, to=type_of(d.numpy))


@exports(common.as_type)
def as_type(b: Builder, x: Ref, d: np.dtype[Any]) -> str:
    return b.node("Cast", x, to=type_of(np.dtype(d)))


# Activations


@exports(activation.SiLU)
def silu(b: Builder, x: Ref) -> str:
    return b.node("Mul", x, b.node("Sigmoid", x))


@exports(activation.HardSigmoid)
def hardsigmoid(b: Builder, x: Ref, slope: float, offset: float) -> str:
    return b.node("HardSigmoid", x, alpha=float(slope), beta=float(offset))


@exports(activation.HardSwish)
def hardswish(b: Builder, x: Ref, slope: float, offset: float) -> str:
    if abs(slope - 1 / 6) < 1e-7 and abs(offset - 0.5) < 1e-7:
        return b.node("HardSwish", x)
    return b.node("Mul", x, hardsigmoid(b, x, slope, offset))


@exports(activation.Mish)
def mish(b: Builder, x: Ref) -> str:
    return b.node("Mish", x) if b.opset >= 18 else b.node("Mul", x, b.node("Tanh", b.node("Softplus", x)))


@exports(activation.GELU)
def gelu(b: Builder, x: Ref) -> str:
    if b.opset >= 20:
        return b.node("Gelu", x)
    phi = b.node("Add", b.node("Erf", b.node("Div", x, b.like(x, math.sqrt(2)))), b.like(x, 1))
    return b.node("Mul", b.node("Mul", x, phi), b.like(x, 0.5))


@exports(activation.GELUTanh)
def gelu_tanh(b: Builder, x: Ref) -> str:
    if b.opset >= 20:
        return b.node("Gelu", x, approximate="tanh")
    cube = b.node("Mul", x, b.node("Mul", x, x))
    inner = b.node("Add", x, b.node("Mul", cube, b.like(x, 0.044715)))
    t = b.node("Tanh", b.node("Mul", inner, b.like(x, math.sqrt(2 / math.pi))))
    return b.node("Mul", b.node("Mul", x, b.node("Add", t, b.like(x, 1))), b.like(x, 0.5))


@exports(activation.HardTanh)
def hardtanh(b: Builder, x: Ref, low: float, high: float) -> str:
    return clamp(b, x, low, high)


@exports(activation.LeakyReLU)
def leaky_relu(b: Builder, x: Ref, slope: float) -> str:
    return b.node("LeakyRelu", x, alpha=float(slope))


@exports(activation.ELU)
def elu(b: Builder, x: Ref, low: float, high: float, rate: float) -> str:
    """high * x above 0, low * (exp(rate * x) - 1) below."""
    if rate == 1:
        y = b.node("Elu", x, alpha=float(low / high))
        return y if high == 1 else b.node("Mul", y, b.like(x, high))
    y = b.node("Celu", x, alpha=1 / rate)
    if math.isclose(low * rate, high, rel_tol=1e-6):
        return y if high == 1 else b.node("Mul", y, b.like(x, high))
    below = b.node("Mul", b.node("Min", y, b.like(x, 0)), b.like(x, low * rate))
    return b.node("Add", b.node("Mul", b.node("Relu", x), b.like(x, high)), below)


@exports(activation.Softplus)
def softplus(b: Builder, x: Ref, beta: float, threshold: float) -> str:
    scaled = x if beta == 1 else b.node("Mul", x, b.like(x, beta))
    y = b.node("Softplus", scaled)
    y = y if beta == 1 else b.node("Div", y, b.like(x, beta))
    if threshold >= 15:  # where rounding makes them equal
        return y
    return b.node("Where", b.node("Greater", scaled, b.like(x, threshold)), x, y)


@exports(activation.LogSigmoid)
def logsigmoid(b: Builder, x: Ref) -> str:
    return b.node("Neg", b.node("Softplus", b.node("Neg", x)))


@exports(shrink.Threshold)
def threshold(b: Builder, x: Ref, bound: float, value: float) -> str:
    return b.node("Where", b.node("LessOrEqual", x, b.like(x, bound)), b.like(x, value), x)


@exports(shrink.HardShrink)
def hardshrink(b: Builder, x: Ref, lambd: float) -> str:
    return b.node("Where", b.node("LessOrEqual", b.node("Abs", x), b.like(x, lambd)), b.like(x, 0), x)


@exports(shrink.SoftShrink)
def softshrink(b: Builder, x: Ref, lambd: float) -> str:
    near = b.node("LessOrEqual", b.node("Abs", x), b.like(x, lambd))
    return b.node("Where", near, b.like(x, 0), b.node("Sub", x, b.node("Mul", b.node("Sign", x), b.like(x, lambd))))


@exports(shrink.Tanhshrink)
def tanhshrink(b: Builder, x: Ref) -> str:
    return b.node("Sub", x, b.node("Tanh", x))


@exports(special.Logit)
def logit(b: Builder, x: Ref, eps: float | None = None) -> str:
    if eps is not None:
        x = b.view(clamp(b, x, eps, 1 - eps), x, x.shape)
    return b.node("Log", b.node("Div", x, b.node("Sub", b.like(x, 1), x)))


# Losses of elements


def _reduced(b: Builder, each: str, reduction: str) -> str:
    if reduction == "none":
        return each
    return b.node("ReduceMean", each, keepdims=0) if reduction == "mean" else b.node("ReduceSum", each, keepdims=0)


@exports(loss.SquaredError)
def squared_error(b: Builder, x: Ref, y: Ref, reduction: str) -> str:
    d = b.node("Sub", x, y)
    return _reduced(b, b.node("Mul", d, d), reduction)


@exports(loss.AbsoluteError)
def absolute_error(b: Builder, x: Ref, y: Ref, reduction: str) -> str:
    return _reduced(b, b.node("Abs", b.node("Sub", x, y)), reduction)
