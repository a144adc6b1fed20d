"""Records of the activation functions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from ops import references as ref
from ops.record import Record, case, example, inf, nan

import lucid
import lucid.nn.functional as F

NAN = (nan, nan, nan)
CURVED = "the gradient has a root, near which it is a difference of larger terms"
FLOATING = "!expected a floating-point tensor, got"


def around(x: float) -> tuple[float, float]:
    """The float32 neighbours of ``x``."""
    return tuple(float(np.nextafter(np.float32(x), np.float32(s))) for s in (-inf, inf))  # type: ignore[return-value]


def kink(x: float, value: Any, at: float, slope: Any) -> tuple[tuple[float, float, float | None], ...]:
    """Rows at ``x``, where the gradient is ``at``, and at its two neighbours."""
    low, high = around(x)
    return (low, value(low), slope(low)), (x, value(x), at), (high, value(high), slope(high))


def activation(name: str, reference: Any, *extremes: tuple[float, float, float | None], **options: Any) -> Record:
    return Record(name, getattr(F, name), reference, extremes=(*extremes, NAN), **{"integer": FLOATING, **options})


def hardswish(x: Any, slope: float = 1 / 6, offset: float = 0.5) -> Any:
    if slope == 1 / 6:  # 1/6 is not a float: the definition divides by 6
        return x * (np.clip(x + 3, 0, 6) / 6)
    return x * np.clip(slope * x + offset, 0, 1)


def hardsigmoid(x: Any, slope: float = 1 / 6, offset: float = 0.5) -> Any:
    return np.clip(x + 3, 0, 6) / 6 if slope == 1 / 6 else np.clip(slope * x + offset, 0, 1)


def hardswish_slope(x: float) -> float:
    return 0 if x <= -3 else 1 if x >= 3 else (2 * x + 3) / 6


def hardsigmoid_slope(x: float) -> float:
    return 1 / 6 if -3 < x < 3 else 0


def gelu(x: Any, approximate: str = "none") -> Any:
    if approximate == "none":
        return x * ref.normal_cdf(x)
    return x * ref.sigmoid(np.sqrt(8 / x.dtype.type(np.pi)) * (x + x.dtype.type("0.044715") * x**3))


def gelu_tanh_scale(x: Any) -> Any:
    """The result; in double, where exp(v) magnifies the rounding of its argument v, times |v|."""
    y = np.abs(gelu(x, "tanh"))
    return y if x.dtype == np.float64 else y * np.maximum(1, np.abs(1.6 * x + 0.072 * x**3))


def elu(x: Any, alpha: float = 1.0) -> Any:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def selu(x: Any) -> Any:
    scale, alpha = x.dtype.type("1.0507009873554804934193349852946"), x.dtype.type("1.6732632423543772848170429916717")
    return scale * np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def celu(x: Any, alpha: float = 1.0) -> Any:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / alpha))


def softplus(x: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    return np.where(beta * x > threshold, x, ref.softplus(beta * x) / beta)


SELU_LIMIT, SELU_SLOPE = -1.7580993408473766, 1.7580993408473766
LN2 = math.log(2)
GELU_LIMIT = dict(dense=((-14, -5), (-5, 5), (5, 14)), dense_gradient=((-12, -3), (3, 12)))

SMOOTH = [
    activation("sigmoid", ref.sigmoid, (-inf, 0.0, 0.0), (-0.0, 0.5, 0.25), (0.0, 0.5, 0.25), (inf, 1, 0.0), ulp=(4, 4), integer="float",
               covers=(F.sigmoid, lucid.sigmoid), dense=((-103, -5), (-5, 20)), grad_ulp=16, grad_floor=1,
               why="the gradient comes from the result: y * (1 - y) loses digits as y nears 1"),
    activation("tanh", np.tanh, (-inf, -1, 0.0), (-0.0, -0.0, 1), (0.0, 0.0, 1), (inf, 1, 0.0), ulp=(4, 4), integer="float",
               covers=(F.tanh, lucid.tanh), dense=((-10, 10), (-0.6, 0.6)), grad_ulp=16, grad_floor=1,
               why="the gradient comes from the result: 1 - y^2 loses digits as y nears 1"),
    activation("logsigmoid", lambda x: np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x))), (-inf, -inf, 1), (-0.0, -LN2, 0.5), (0.0, -LN2, 0.5), (inf, 0.0, 0.0),
               ulp=(4, 4), dense=((-20, 5), (5, 103)), grad_ulp=16),
    activation("softplus", softplus, (-inf, 0.0, 0.0), (-0.0, LN2, 0.5), (0.0, LN2, 0.5), (inf, inf, 1), ulp=(4, 4),
               dense=((-103, -5), (-5, 25)), grad_ulp=16),
    Record("softplus with beta", lambda x: F.softplus(x, 2.0, 3.0), lambda x: softplus(x, 2.0, 3.0), kinks=(1.5,), ulp=(4, 4),
           covers=(F.softplus,), torch="", grad_ulp=16, integer="",
           extremes=((-inf, 0.0, 0.0), (1.5, softplus(np.float64(1.5), 2.0), 1 / (1 + math.exp(-3))), (around(1.5)[1], around(1.5)[1], 1),
                     (inf, inf, 1), NAN)),
    activation("silu", lambda x: x * ref.sigmoid(x), (-inf, -0.0, -0.0), (-0.0, -0.0, 0.5), (0.0, 0.0, 0.5), (inf, inf, 1), ulp=(4, 4),
               dense=((-110, -80), (-80, -5), (-5, 30)), dense_gradient=((-100, -2), (0, 30)), grad_ulp=16, grad_floor=1, why=CURVED),
    activation("mish", lambda x: x * np.tanh(ref.softplus(x)), (-inf, -0.0, -0.0), (-0.0, -0.0, 0.6), (0.0, 0.0, 0.6), (inf, inf, 1),
               ulp=(5, 5), dense=((-110, -80), (-80, -5), (-5, 30)), dense_gradient=((-100, -2), (0, 30)), grad_ulp=16, grad_floor=1,
               why=CURVED),
    activation("gelu", gelu, (-inf, -0.0, -0.0), (-0.0, -0.0, 0.5), (0.0, 0.0, 0.5), (inf, inf, 1), ulp=(8, 8), grad_ulp=16, grad_floor=1,
               why=CURVED, **GELU_LIMIT),
    Record("gelu by tanh", lambda x: F.gelu(x, "tanh"), lambda x: gelu(x, "tanh"), ulp=(8, 8), covers=(F.gelu,), torch="", integer="",
           extremes=((-inf, -0.0, -0.0), (-0.0, -0.0, 0.5), (0.0, 0.0, 0.5), (inf, inf, 1), NAN), grad_ulp=16, grad_floor=1,
           scale=gelu_tanh_scale, why=CURVED,
           dense=((-10, -4), (-4, 8))),
    activation("elu", elu, (-inf, -1, 0.0), (-0.0, -0.0, 1), (0.0, 0.0, 1), (inf, inf, 1), ulp=(4, 4), params=({}, ), kinks=(0,),
               dense=((-30, 3), (-0.6, 0.6)), grad_ulp=8),
    Record("elu with alpha", lambda x: F.elu(x, 1.5), lambda x: elu(x, 1.5), ulp=(4, 4), kinks=(0,), covers=(F.elu,), torch="", integer="",
           extremes=((-inf, -1.5, 0.0), (-0.0, -0.0, 1.5), (0.0, 0.0, 1.5), (around(0)[1], around(0)[1], 1), (inf, inf, 1), NAN)),
    activation("selu", selu, (-inf, SELU_LIMIT, 0.0), (-0.0, -0.0, SELU_SLOPE), (0.0, 0.0, SELU_SLOPE), (inf, inf, 1.0507009873554805),
               ulp=(4, 4), kinks=(0,), dense=((-30, 3), (-0.6, 0.6))),
    activation("celu", celu, (-inf, -1, 0.0), (-0.0, -0.0, 1), (0.0, 0.0, 1), (inf, inf, 1), ulp=(4, 4), kinks=(0,), dense=((-30, 3),)),
    Record("celu with alpha", lambda x: F.celu(x, 0.5), lambda x: celu(x, 0.5), ulp=(4, 4), kinks=(0,), covers=(F.celu,), torch="", integer="",
           extremes=((-inf, -0.5, 0.0), (-0.0, -0.0, 1), (0.0, 0.0, 1), (inf, inf, 1), NAN)),
    activation("softsign", lambda x: x / (1 + np.abs(x)), (-inf, -1, 0.0), (-0.0, -0.0, 1), (0.0, 0.0, 1), (inf, 1, 0.0), kinks=(0,), integer="float"),
    Record("glu", F.glu, lambda x, dim=-1: np.split(x, 2, dim)[0] * ref.sigmoid(np.split(x, 2, dim)[1]), ulp=(4, 4), elementwise=False,
           cases=(case((2, 6)), case((4, 3), dim=0), case((130,)), case((2, 0))), batch=(), grad_ulp=16, integer=FLOATING),
]  # fmt: skip

PIECEWISE = [
    activation("hardswish", hardswish, (-inf, -0.0, 0.0), *kink(-3, hardswish, 0, hardswish_slope),
               (-0.0, -0.0, 0.5), (0.0, 0.0, 0.5), *kink(3, hardswish, 1, hardswish_slope), (inf, inf, 1),
               kinks=(-3, 3), span=((-5, 5),), dense=((-3.5, -2.5), (-2.5, 4)), twice=True, grad_floor=1, why=CURVED),
    Record("hardswish shifted", lambda x: F.hardswish(x, slope=0.25, offset=0.375), lambda x: hardswish(x, 0.25, 0.375), covers=(F.hardswish,),
           kinks=(-1.5, 2.5), torch="", integer="", grad_floor=1, why=CURVED, ulp=(4, 4),
           extremes=((-inf, -0.0, 0.0), (-1.5, -0.0, 0.0), (-0.0, -0.0, 0.375), (2.5, 2.5, 1), (inf, inf, 1), NAN)),
    activation("hardsigmoid", hardsigmoid, (-inf, 0.0, 0.0), *kink(-3, hardsigmoid, 0, hardsigmoid_slope),
               (-0.0, 0.5, 1 / 6), (0.0, 0.5, 1 / 6), *kink(3, hardsigmoid, 0, hardsigmoid_slope), (inf, 1, 0.0),
               kinks=(-3, 3), span=((-5, 5),), twice=False, dense=((-3.5, 4),)),
    activation("relu", lambda x: np.where(x < 0, 0, x), (-inf, 0.0, 0.0), *kink(0, lambda x: max(x, 0.0), 0, lambda x: x > 0), (-0.0, -0.0, 0),
               (0.0, 0.0, 0), (inf, inf, 1), kinks=(0,), ulp=(0, 0), integer="same", covers=(F.relu, lucid.relu), twice=True),
    activation("relu6", lambda x: np.where(x < 0, 0, np.minimum(x, 6)), (-inf, 0.0, 0.0), (-0.0, -0.0, 0), (0.0, 0.0, 0),
               *kink(6, lambda x: min(x, 6.0), 0, lambda x: x < 6), (inf, 6, 0.0), kinks=(0, 6), span=((-3, 9),), ulp=(0, 0), integer="same"),
    activation("leaky_relu", lambda x: np.where(x > 0, x, x.dtype.type(np.float32(0.01) if x.dtype == np.float64 else 0.01) * x),
               (-inf, -inf, 0.01), (-0.0, -0.0, 0.01), (0.0, 0.0, 0.01), (around(0)[1], around(0)[1], 1), (inf, inf, 1), kinks=(0,)),
    activation("hardtanh", lambda x: np.clip(x, -1, 1), (-inf, -1, 0.0), *kink(-1, lambda x: max(x, -1.0), 0, lambda x: x > -1), (-0.0, -0.0, 1),
               (0.0, 0.0, 1), *kink(1, lambda x: min(x, 1.0), 0, lambda x: x < 1), (inf, 1, 0.0), kinks=(-1, 1), ulp=(0, 0), integer=""),
    Record("hardtanh with bounds", lambda x: F.hardtanh(x, -0.5, 2.0), lambda x: np.clip(x, -0.5, 2), kinks=(-0.5, 2), ulp=(0, 0), integer="",
           covers=(F.hardtanh,), torch="", extremes=((-inf, -0.5, 0.0), (-0.5, -0.5, 0), (2, 2, 0), (inf, 2, 0.0), NAN)),
    Record("threshold", lambda x: F.threshold(x, 0.25, 20.0), lambda x: np.where(x <= 0.25, 20.0, x), kinks=(0.25,), ulp=(0, 0), integer="",
           covers=(F.threshold,), torch="", extremes=((-inf, 20, 0), *kink(0.25, lambda x: 20.0 if x <= 0.25 else x, 0, lambda x: x > 0.25), (inf, inf, 1),
                                                      (nan, nan, None))),
    Record("prelu", F.prelu, lambda x, w: np.where(x > 0, x, x * (w if w.ndim == 0 or x.ndim < 2 else w.reshape((-1,) + (1,) * (x.ndim - 2)))),
           cases=(case((2, 3, 4), (3,)), case((2, 3), (1,)), case((5,), ()), case((0, 3), (3,)), case((65,), (1,))),
           large=(case((4, 5, 70, 70), (5,)),), span=((-3, 3), (0.1, 0.5)), kinks=(0,), elementwise=False, batch=(0,), integer=FLOATING,
           grad_ulp=16, grad_floor=None, why="the gradient of the slope is a sum",
           examples=(example([-2.0, 0, 3, -0.0], [0.25], value=([-0.5, 0, 3, 0],), grad=([0.25, 0.25, 1, 0.25], [-2.0])),
                     example([-2.0, -4], [0.5, 0.25], value=([-1, -1],), grad=([0.5, 0.25], [-2, -4])))),
]  # fmt: skip

RECORDS = [*SMOOTH, *PIECEWISE]
