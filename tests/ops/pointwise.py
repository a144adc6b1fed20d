"""Records of elementwise arithmetic, comparisons and mathematics."""

from __future__ import annotations

from typing import Any

import numpy as np
from ops import references as ref
from ops.record import Case, Record, case, inf, nan

import lucid
from lucid import Tensor

SUMMED = "gradients of a broadcast operand are sums, which may cancel"
ROOT = "the gradient is a difference with a root in the span"
PI_2 = np.pi / 2
ONE_UP, ONE_DOWN = float(np.nextafter(np.float32(1), np.float32(2))), float(np.nextafter(np.float32(1), np.float32(0)))


def unary(name: str, reference: Any, *extremes: tuple[float, float, float | None], **options: Any) -> Record:
    """Of a function exact to 2 ulp, whose value and gradient are NaN at NaN."""
    nans = () if any(x != x for x, _, _ in extremes) else ((nan, nan, nan),)
    return Record(name, getattr(lucid, name), reference, extremes=(*extremes, *nans), **options)


STEPS = dict(ulp=(0, 0), integer="same", kinks=tuple(k / 2 for k in range(-7, 8)), twice=False)
POSITIVE = dict(span=((0.1, 4),), domain=(0, inf))

UNARY = [
    unary("neg", np.negative, (-inf, inf, -1), (-0.0, 0.0, -1), (0.0, -0.0, -1), (inf, -inf, -1), (nan, nan, -1), ulp=(0, 0),
          integer="same"),
    unary("abs", np.abs, (-inf, inf, -1), (-0.0, 0.0, 0), (0.0, 0.0, 0), (inf, inf, 1), ulp=(0, 0), kinks=(0,), integer="same"),
    unary("sign", lambda x: np.where(x == 0, x, np.sign(x)), (-inf, -1, 0), (-0.0, -0.0, 0), (0.0, 0.0, 0), (inf, 1, 0),
          (nan, nan, 0), **STEPS),
    unary("floor", np.floor, (-inf, -inf, 0), (-0.0, -0.0, 0), (0.0, 0.0, 0), (inf, inf, 0), (nan, nan, 0), (2, 2, 0), **STEPS),
    unary("ceil", np.ceil, (-inf, -inf, 0), (-0.0, -0.0, 0), (0.0, 0.0, 0), (inf, inf, 0), (nan, nan, 0), (-0.5, -0.0, 0),
          **STEPS),
    unary("round", np.round, (-inf, -inf, 0), (-0.0, -0.0, 0), (0.0, 0.0, 0), (inf, inf, 0), (nan, nan, 0), (2.5, 2, 0),
          (-0.5, -0.0, 0), (3.5, 4, 0), **STEPS),
    unary("trunc", np.trunc, (-inf, -inf, 0), (-0.0, -0.0, 0), (0.0, 0.0, 0), (inf, inf, 0), (nan, nan, 0), (-0.5, -0.0, 0),
          **STEPS),
    unary("reciprocal", lambda x: 1 / x, (-inf, -0.0, -0.0), (-0.0, -inf, -inf), (0.0, inf, -inf), (inf, 0.0, -0.0),
          span=((0.2, 3),), ulp=(0.5, 0.5)),
    unary("sqrt", np.sqrt, (-inf, nan, nan), (-0.0, -0.0, -inf), (0.0, 0.0, inf), (inf, inf, 0), (-1, nan, nan), ulp=(0.5, 0.5),
          **POSITIVE),
    unary("rsqrt", lambda x: 1 / np.sqrt(x), (-inf, nan, nan), (-0.0, -inf, None), (0.0, inf, -inf), (inf, 0, -0.0),
          (-1, nan, nan), **POSITIVE),
    unary("square", np.square, (-inf, inf, -inf), (-0.0, 0.0, -0.0), (0.0, 0.0, 0.0), (inf, inf, inf), ulp=(0.5, 0.5),
          integer="same"),
    Record("cube", lucid.cube, lambda x: x * x * x, integer="same",
           extremes=((-inf, -inf, inf), (-0.0, -0.0, 0.0), (0.0, 0.0, 0.0), (inf, inf, inf), (nan, nan, nan)), torch=""),
    unary("exp", np.exp, (-inf, 0.0, 0.0), (-0.0, 1, 1), (0.0, 1, 1), (inf, inf, inf)),
    unary("exp2", np.exp2, (-inf, 0.0, 0.0), (-0.0, 1, np.log(2)), (0.0, 1, np.log(2)), (inf, inf, inf), (-3, 0.125, None),
          grad_ulp=12),
    unary("expm1", np.expm1, (-inf, -1, 0.0), (-0.0, -0.0, 1), (0.0, 0.0, 1), (inf, inf, inf), grad_floor=1,
          ulp=(2, 3), why="the gradient is the result + 1, which cancels where the result is near -1"),
    unary("log", np.log, (-inf, nan, None), (-0.0, -inf, -inf), (0.0, -inf, inf), (1, 0.0, 1), (inf, inf, 0.0), **POSITIVE),
    unary("log2", np.log2, (-inf, nan, None), (-0.0, -inf, -inf), (0.0, -inf, inf), (8, 3, None), (inf, inf, 0.0), **POSITIVE),
    unary("log10", np.log10, (-inf, nan, None), (-0.0, -inf, -inf), (0.0, -inf, inf), (1000, 3, None), (inf, inf, 0.0),
          **POSITIVE),
    unary("log1p", np.log1p, (-inf, nan, None), (-1, -inf, inf), (-0.0, -0.0, 1), (0.0, 0.0, 1), (inf, inf, 0.0),
          span=((-0.9, 4),), domain=(-1, inf)),
    unary("sin", np.sin, (-inf, nan, nan), (-0.0, -0.0, 1), (0.0, 0.0, 1), (inf, nan, nan)),
    unary("cos", np.cos, (-inf, nan, nan), (-0.0, 1, 0.0), (0.0, 1, -0.0), (inf, nan, nan)),
    unary("tan", np.tan, (-inf, nan, nan), (-0.0, -0.0, 1), (0.0, 0.0, 1), (inf, nan, nan), span=((-1.4, 1.4),)),
    unary("asin", np.arcsin, (-inf, nan, nan), (-1, -PI_2, inf), (-0.0, -0.0, 1), (0.0, 0.0, 1), (1, PI_2, inf), (inf, nan, nan),
          span=((-0.95, 0.95),), domain=(-1, 1), grad_ulp=24),
    unary("acos", np.arccos, (-inf, nan, nan), (-1, np.pi, -inf), (-0.0, PI_2, -1), (0.0, PI_2, -1), (1, 0.0, -inf),
          (inf, nan, nan), span=((-0.95, 0.95),), domain=(-1, 1), grad_ulp=24),
    unary("atan", np.arctan, (-inf, -PI_2, 0.0), (-0.0, -0.0, 1), (0.0, 0.0, 1), (inf, PI_2, 0.0)),
    unary("sinh", np.sinh, (-inf, -inf, inf), (-0.0, -0.0, 1), (0.0, 0.0, 1), (inf, inf, inf)),
    unary("cosh", np.cosh, (-inf, inf, -inf), (-0.0, 1, -0.0), (0.0, 1, 0.0), (inf, inf, inf)),
    unary("asinh", np.arcsinh, (-inf, -inf, 0.0), (-0.0, -0.0, 1), (0.0, 0.0, 1), (inf, inf, 0.0)),
    unary("acosh", np.arccosh, (-inf, nan, None), (0.0, nan, nan), (-0.0, nan, nan), (1, 0.0, inf), (inf, inf, 0.0),
          span=((1.1, 5),), domain=(1, inf), grad_ulp=24),
    unary("atanh", np.arctanh, (-inf, nan, None), (-1, -inf, inf), (-0.0, -0.0, 1), (0.0, 0.0, 1), (1, inf, inf),
          (inf, nan, None), span=((-0.9, 0.9),), domain=(-1, 1), grad_ulp=24),
    unary("erf", ref.erf, (-inf, -1, 0.0), (-0.0, -0.0, 2 / np.sqrt(np.pi)), (0.0, 0.0, 2 / np.sqrt(np.pi)), (inf, 1, 0.0),
          grad_ulp=24),
    unary("erfc", ref.erfc, (-inf, 2, -0.0), (-0.0, 1, -2 / np.sqrt(np.pi)), (0.0, 1, -2 / np.sqrt(np.pi)), (inf, 0.0, -0.0), ulp=(4, 4),
          grad_ulp=24),
]  # fmt: skip


def number(function: Any, value: Any) -> Any:
    """``function(x, value)`` as a function of x."""
    return lambda x: function(x, value)


BINARY = [
    Record("add", lucid.add, lambda x, y, alpha=1: x + alpha * y, arity=2, params=({}, {"alpha": 2}, {"alpha": -0.5}),
           integer="same", scale=lambda x, y, alpha=1: np.abs(x) + np.abs(alpha * y), why="alpha * y is rounded before the sum"),
    Record("sub", lucid.sub, lambda x, y, alpha=1: x - alpha * y, arity=2, params=({}, {"alpha": 2}), integer="same",
           scale=lambda x, y, alpha=1: np.abs(x) + np.abs(alpha * y), why="alpha * y is rounded before the difference"),
    Record("rsub", lucid.rsub, lambda x, y: y - x, arity=2, ulp=(0.5, 0.5), integer="same"),
    Record("mul", lucid.mul, np.multiply, arity=2, ulp=(0.5, 0.5), integer="same", grad_floor=3,
           why=SUMMED),
    Record("div", lucid.div, np.divide, arity=2, ulp=(0.5, 0.5), span=((-3, 3), (0.3, 3)), integer="float", grad_floor=3,
           why=SUMMED),
    Record("div rounded", lucid.div, lambda x, y, rounding_mode: np.floor(x / y) if rounding_mode == "floor" else np.trunc(x / y),
           arity=2, params=({"rounding_mode": "trunc"}, {"rounding_mode": "floor"}), span=((-9, 9), (0.7, 1.9)), ulp=(0, 0),
           integer="same", twice=False, differentiable=False, torch="div"),
    Record("rdiv", Tensor.__rtruediv__, lambda x, y: y / x, arity=2, ulp=(0.5, 0.5), span=((0.3, 3), (-3, 3)), torch=""),
    Record("floor_divide", lucid.floor_divide, np.floor_divide, arity=2, ulp=(0, 0), span=((-9, 9), (0.7, 1.9)),
           differentiable=False, integer="same"),
    Record("rfloor_divide", Tensor.__rfloordiv__, lambda x, y: np.floor_divide(y, x), arity=2, ulp=(0, 0),
           span=((0.7, 1.9), (-9, 9)), differentiable=False, integer="same", torch=""),
    Record("remainder", lucid.remainder, np.remainder, arity=2, ulp=(0.5, 0.5), span=((-9, 9), (1.1, 1.2)), twice=False,
           integer="same", grad_floor=1, why="the gradient of y is an integer"),
    Record("rremainder", Tensor.__rmod__, lambda x, y: np.remainder(y, x), arity=2, ulp=(0.5, 0.5), span=((1.1, 1.2), (-9, 9)),
           twice=False, integer="same", grad_floor=1, why="the gradient of x is an integer", torch=""),
    Record("pow", lucid.pow, np.power, arity=2, span=((0.3, 3), (-3, 3)), integer="", grad_floor=1,
           why="the gradient of y has the factor log(x), with a root at 1"),
    Record("rpow", Tensor.__rpow__, lambda x, y: np.power(y, x), arity=2, span=((-3, 3), (0.3, 3)), integer="", grad_floor=1,
           why="the gradient of x has the factor log(y), with a root at 1", torch=""),
    *(Record(f"pow {p}", number(lucid.pow, p), number(np.power, p), span=((0.2, 3),), domain=(0, inf), integer="",
             covers=(lucid.pow,), torch="",
             extremes={2: ((-inf, inf, -inf), (-0.0, 0.0, -0.0), (0.0, 0.0, 0.0), (inf, inf, inf), (nan, nan, nan)),
                       3: ((-inf, -inf, inf), (-0.0, -0.0, 0.0), (0.0, 0.0, 0.0), (inf, inf, inf), (nan, nan, nan)),
                       0.5: ((-1, nan, nan), (-0.0, 0.0, inf), (0.0, 0.0, inf), (inf, inf, 0.0), (nan, nan, nan)),
                       -1: ((-inf, -0.0, -0.0), (-0.0, -inf, -inf), (0.0, inf, -inf), (inf, 0.0, -0.0), (nan, nan, nan)),
                       0: ((-inf, 1, 0.0), (-0.0, 1, 0.0), (0.0, 1, 0.0), (inf, 1, 0.0), (nan, 1, 0.0)),
                       1.75: ((-1, nan, nan), (-0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (inf, inf, inf), (nan, nan, nan))}[p])
      for p in (2, 3, 0.5, -1, 0, 1.75)),
    Record("maximum", lucid.maximum, np.maximum, arity=2, ulp=(0, 0), integer="same"),
    Record("minimum", lucid.minimum, np.minimum, arity=2, ulp=(0, 0), integer="same"),
    Record("maximum at a tie", number(lucid.maximum, 1.0), number(np.maximum, 1.0), kinks=(1,), ulp=(0, 0), integer="",
           covers=(lucid.maximum,), torch="",
           extremes=((-inf, 1, 0), (1, 1, 0.5), (ONE_UP, ONE_UP, 1), (inf, inf, 1), (nan, nan, None))),
    Record("minimum at a tie", number(lucid.minimum, 1.0), number(np.minimum, 1.0), kinks=(1,), ulp=(0, 0), integer="",
           covers=(lucid.minimum,), torch="",
           extremes=((-inf, -inf, 1), (1, 1, 0.5), (ONE_UP, 1, 0), (inf, 1, 0), (nan, nan, None))),
    Record("atan2", lucid.atan2, np.arctan2, arity=2, ulp=(2, 2), grad_floor=1, why=ROOT),
]  # fmt: skip


def comparison(name: str, reference: Any, **options: Any) -> Record:
    """On operands with ties, infinities and NaN among them."""
    x = np.array([0.0, -0.0, 1, 2, inf, -inf, nan, nan])
    cases = (
        case(x, x[::-1].copy()),
        case(x[:, None], x),
        case((2, 3), (3,)),
        case((), ()),
        case((0,), (0,)),
        case((65,), (65,)),
    )
    return Record(name, getattr(lucid, name), reference, cases=cases, large=(case((70_001,), (70_001,)),), arity=2, ulp=(0, 0),
                  differentiable=False, **{"integer": "bool", **options})  # fmt: skip


TRUTH = np.array([True, False, True, False]), np.array([True, True, False, False])
LOGIC = [
    *(comparison(name, getattr(np, long)) for name, long in
      dict(eq="equal", ne="not_equal", lt="less", le="less_equal", gt="greater", ge="greater_equal").items()),
    *(comparison(name, getattr(np, name)) for name in ("logical_and", "logical_or", "logical_xor")),
    *(Record(name, getattr(lucid, name), getattr(np, name), arity=2, differentiable=False, integer="same", ulp=(0, 0),
             cases=(Case(TRUTH), case(np.arange(8), np.arange(8)[:, None]), case(np.zeros((0, 2), bool), np.ones((1, 2), bool)),
                    case(np.array(6, np.uint8), np.array(3, np.uint8))))
      for name in ("bitwise_and", "bitwise_or", "bitwise_xor")),
    Record("bitwise_not", lucid.bitwise_not, np.invert, differentiable=False, integer="same", ulp=(0, 0),
           cases=(Case(TRUTH[:1]), case(np.arange(-3, 3)), case(np.array(6, np.uint8)), case(np.zeros(0, np.int32)))),
    *(Record(name, getattr(lucid, name), getattr(np, name), differentiable=False, integer="bool", ulp=(0, 0),
             cases=(case(np.array([0.0, -0.0, 1, inf, -inf, nan])), case(()), case((0, 3)), case((65,)), case((3, 5))))
      for name in ("isnan", "isinf", "isfinite", "logical_not")),
    Record("isclose", lucid.isclose, np.isclose, differentiable=False, integer="", ulp=(0, 0), arity=2,
           cases=tuple(case(np.array([1.0, 2, nan, inf, inf]), np.array([1.0001, 2.1, nan, inf, -inf]), **p)
                       for p in ({}, {"equal_nan": True}, {"rtol": 1e-3}, {"atol": 0.2}))),
    Record("allclose", lucid.allclose, np.allclose, differentiable=False, integer="", ulp=(0, 0), arity=2, elementwise=False,
           cases=(case(np.array([1.0, 2]), np.array([1.0, 2 + 1e-6])), case(np.array([1.0, nan]), np.array([1.0, nan])),
                  case(np.array([1.0, nan]), np.array([1.0, nan]), equal_nan=True), case(np.ones(3), np.array([2.0]), atol=1.0))),
    Record("equal", lucid.equal, np.array_equal, differentiable=False, integer="", ulp=(0, 0), arity=2, elementwise=False,
           cases=(case(np.ones(3), np.ones(3)), case(np.ones(3), np.ones((1, 3))), case(np.array([nan]), np.array([nan])),
                  case(np.zeros(0), np.zeros(0)), case(np.array([0.0]), np.array([-0.0])))),
]  # fmt: skip

MASK = np.arange(15).reshape(3, 5) % 3 == 0
BOUNDS = ({"min": -1}, {"max": 0.5}, {"min": -1, "max": 0.5}, {"min": 1, "max": -1})
CHOICE = [
    Record("where", lambda x, y, condition: lucid.where(condition, x, y), lambda x, y, condition: np.where(condition, x, y),
           cases=(case((3, 5), (3, 5), MASK), case((5,), (3, 1), MASK), case((), (3, 5), MASK), case((0, 5), (1, 5), MASK[:0]),
                  case((), (), np.array(True))), large=(case((70_001,), (70_001,), np.arange(70_001) % 3 == 0),),
           covers=(lucid.where,), ulp=(0, 0), integer="same", torch="", elementwise=False),
    Record("where without values", lambda x: lucid.where(x), np.nonzero, cases=(case(MASK), case(np.zeros((2, 0)))),
           covers=(lucid.where,), differentiable=False, integer="", elementwise=False, ulp=(0, 0), torch="where"),
    Record("clamp", lucid.clamp, lambda x, min=None, max=None: np.clip(x, min, max), params=BOUNDS, kinks=(-1, 0.5, 1), ulp=(0, 0),
           integer="", twice=False),
    Record("clamp to 1", lambda x: lucid.clamp(x, -1, 1), lambda x: np.clip(x, -1, 1), kinks=(-1, 1), ulp=(0, 0), integer="same",
           covers=(lucid.clamp,), torch="", twice=False,
           extremes=((-inf, -1, 0), (-1, -1, 1), (-0.0, -0.0, 1), (0.0, 0.0, 1), (ONE_DOWN, ONE_DOWN, 1), (1, 1, 1),
                     (ONE_UP, 1, 0), (inf, 1, 0), (nan, nan, 0))),
    Record("clamp to tensors", lambda x, low, high: lucid.clamp(x, low, high), lambda x, low, high: np.clip(x, low, high), arity=3,
           span=((-3, 3), (-2, -1), (1, 2)), ulp=(0, 0), integer="", covers=(lucid.clamp,), twice=False,
           torch=lambda torch, x, low, high: torch.clamp(x.expand(torch.broadcast_shapes(x.shape, low.shape, high.shape)), low, high)),
    Record("lerp", lucid.lerp, lambda x, end, weight: x + weight * (end - x), arity=3, span=((-3, 3), (-3, 3), (0, 1)),
           scale=lambda x, end, weight: np.abs(x) + np.abs(weight) * (np.abs(x) + np.abs(end)),
           why="end - x is rounded, times weight is rounded, and the sum may cancel", integer="", grad_floor=1),
    Record("lerp by a number", lambda x, end: lucid.lerp(x, end, 0.25), lambda x, end: x + 0.25 * (end - x), arity=2,
           scale=lambda x, end: np.abs(x) + 0.25 * (np.abs(x) + np.abs(end)), why="as lerp", integer="", covers=(lucid.lerp,),
           torch=""),
    Record("addcmul", lucid.addcmul, lambda x, a, b, value=1: x + value * a * b, arity=3, params=({}, {"value": 0.5}),
           scale=lambda x, a, b, value=1: np.abs(x) + np.abs(value * a * b), grad_floor=3, why="the sum may cancel, and so may gradients of broadcast operands", integer=""),
    Record("addcdiv", lucid.addcdiv, lambda x, a, b, value=1: x + value * a / b, arity=3, params=({}, {"value": 0.5}),
           span=((-3, 3), (-3, 3), (0.5, 3)), scale=lambda x, a, b, value=1: np.abs(x) + np.abs(value * a / b),
           grad_floor=3, why="the sum may cancel, and so may gradients of broadcast operands", integer=""),
]  # fmt: skip

RECORDS = [*UNARY, *BINARY, *LOGIC, *CHOICE]
