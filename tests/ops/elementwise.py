"""Records of the elementwise functions that NumPy computes."""

from __future__ import annotations

from typing import Any

import numpy as np
from ops.record import Record, case, example, inf, nan, sample

import lucid

SUMMED = "gradients of a broadcast operand are sums, which may cancel"
FLOATS_ONLY = "not implemented for lucid"
NOT = dict(differentiable=False)


def unary(name: str, reference: Any, *extremes: Any, **options: Any) -> Record:
    nans = () if any(x != x for x, _, _ in extremes) else ((nan, nan, nan),)
    return Record(name, getattr(lucid, name), reference, extremes=(*extremes, *nans), **options)


def binary(name: str, reference: Any, **options: Any) -> Record:
    options = {"arity": 2, "grad_floor": None, "grad_ulp": 16, "why": SUMMED, **options}
    return Record(name, getattr(lucid, name), reference, **options)


def sinc(x: Any) -> Any:
    turn = x - 2 * np.round(x / 2)
    return np.where(
        x == 0, 1, np.sin(turn * np.arccos(np.asarray(-1, x.dtype))) / (x * np.arccos(np.asarray(-1, x.dtype)))
    )


def xlogy(x: Any, y: Any) -> Any:
    return np.where((x == 0) & ~np.isnan(y), 0, x * np.log(y))


def pi(x: Any) -> Any:
    return np.arccos(np.asarray(-1, x.dtype))


WHOLE, OTHER = np.array([[12, -18, 0], [7, 5, 9]]), np.array([8, 6, 0])
KINKS = tuple(k / 2 for k in range(-7, 8))
RECORDS = [
    unary("frac", lambda x: x - np.trunc(x), (-inf, nan, None), (-0.0, 0.0, 1), (0.0, 0.0, 1), (inf, nan, None), (nan, nan, None), ulp=(0, 0), kinks=KINKS, integer="!frac: " + FLOATS_ONLY),
    unary("deg2rad", lambda x: x * (pi(x) / 180), (-inf, -inf, None), (-0.0, -0.0, None), (0.0, 0.0, None), (inf, inf, None), (nan, nan, None)),
    unary("rad2deg", lambda x: x * (180 / pi(x)), (-inf, -inf, None), (-0.0, -0.0, None), (0.0, 0.0, None), (inf, inf, None), (nan, nan, None)),
    unary("positive", lambda x: x, (-inf, -inf, 1), (-0.0, -0.0, 1), (0.0, 0.0, 1), (inf, inf, 1), (nan, nan, 1), ulp=(0, 0), integer="same"),
    Record("signbit", lucid.signbit, np.signbit, integer="bool", examples=(example([-0.0, 0.0, -1], value=([1, 0, 1],)),), **NOT),
    Record("isposinf", lucid.isposinf, np.isposinf, integer="bool", examples=(example([inf, -inf, nan, 1], value=([1, 0, 0, 0],)),), **NOT),
    Record("isneginf", lucid.isneginf, np.isneginf, integer="bool", examples=(example([inf, -inf, nan, 1], value=([0, 1, 0, 0],)),), **NOT),
    Record("isreal", lucid.isreal, lambda x: np.ones(x.shape, bool), integer="bool", **NOT),
    Record("nan_to_num", lucid.nan_to_num, lambda x, **p: np.nan_to_num(x, **p), integer="same", ulp=(0, 0), params=({}, dict(nan=2.0, posinf=3.0, neginf=-4.0)),
           examples=(example([nan, inf, -inf, 1], value=([2, 3, -4, 1],), nan=2.0, posinf=3.0, neginf=-4.0, grad=[0, 0, 0, 1]),)),
    unary("sinc", sinc, (-inf, nan, None), (-0.0, 1, 0.0), (0.0, 1, 0.0), (inf, nan, None), examples=(example([1.0, -2, 1000], value=([0, 0, 0],)),), ulp=(4, 6), kinks=(-3, -2, -1, 1, 2, 3), domain=(-1e6, 1e6),
          atol=(1e-9, 1e-17), why="relative to the values between the roots, which sin(pi x) has in the rounding of x", grad_floor=None, grad_ulp=16),
    binary("fmod", np.fmod, ulp=(0, 0), integer="same", span=((-9, 9), (1, 2))),
    binary("fmax", np.fmax, ulp=(0, 0), integer="same", examples=(example([1.0, nan, 2], [1.0, 3, nan], value=([1, 3, 2],), grad=([1, 0, 1], [0, 1, 0])),)),
    binary("fmin", np.fmin, ulp=(0, 0), integer="same", examples=(example([1.0, nan, 2], [1.0, 3, nan], value=([1, 3, 2],), grad=([1, 0, 1], [0, 1, 0])),)),
    binary("hypot", np.hypot, ulp=(1, 1), integer="!hypot: " + FLOATS_ONLY, examples=(example([3.0, inf], [4.0, nan], value=([5, inf],)),)),
    binary("logaddexp", np.logaddexp, ulp=(4, 4), scale=lambda x, y: np.abs(np.logaddexp(x, y)) + 1, integer="!logaddexp: " + FLOATS_ONLY,
           examples=(example([inf, -inf, 1000, nan], [inf, -inf, -inf, 0], value=([inf, -inf, 1000, nan],), grad=([0.5, 0.5, 1, nan], [0.5, 0.5, 0, nan])),)),
    binary("logaddexp2", np.logaddexp2, ulp=(4, 4), scale=lambda x, y: np.abs(np.logaddexp2(x, y)) + 1, integer="!logaddexp2: " + FLOATS_ONLY),
    Record("heaviside", lucid.heaviside, np.heaviside, arity=2, ulp=(0, 0), integer="same", examples=(example([0.0, -1, 2, nan], [5.0] * 4, value=([5, 0, 1, nan],)),), **NOT),
    binary("copysign", np.copysign, ulp=(0, 0), kinks=(0,), examples=(example([1.0, -2, 3], [-0.0, 0.0, nan], value=([-1, 2, 3],)),)),
    Record("nextafter", lucid.nextafter, lambda x, y: x + np.sign(y - x) * 0, arity=2, ulp=(1, 1), integer="!nextafter: " + FLOATS_ONLY,
           examples=(example([1.0, 0, 1], [1.0, 0, nan], value=([1, 0, nan],)),), **NOT),
    Record("ldexp", lucid.ldexp, lambda x, n: x * 2.0**n, elementwise=False, cases=(case((5,), np.array([0, 1, -2, 3, 9])), sample((2, 3), np.array(2))), integer="", grad_ulp=8,
           torch=lambda torch, x, n: torch.ldexp(x, n.double())),
    binary("xlogy", xlogy, span=((-3, 3), (0.2, 4)), examples=(example([0.0, 0, 0, 1], [0.0, inf, nan, 0], value=([0, 0, nan, -inf],)),), ulp=(3, 3)),
    Record("float_power", lucid.float_power, lambda x, y: np.power(np.asarray(x, np.longdouble), y).astype(np.float64), arity=2, span=((0.3, 3), (-2, 2)), differentiable=False,
           integer="float64", torch=lambda torch, x, y: torch.float_power(x.detach(), y.detach()), cases=(case(np.array([1, 2, 3]), np.array([2, 3, 4])),), elementwise=False, ulp=(2, 2)),
    *(Record(name, getattr(lucid, name), getattr(np, name), elementwise=False, integer="", cases=(sample(WHOLE, OTHER), sample(WHOLE, np.array(4)), sample(WHOLE.astype(np.int32), WHOLE.astype(np.int32))), **NOT)
      for name in ("gcd", "lcm")),
    Record("bitwise_left_shift", lucid.bitwise_left_shift, np.left_shift, elementwise=False, integer="", cases=(sample(WHOLE, np.array([0, 1, 5])),), **NOT),
    Record("bitwise_right_shift", lucid.bitwise_right_shift, np.right_shift, elementwise=False, integer="", cases=(sample(WHOLE, np.array([0, 1, 5])),), **NOT),
]  # fmt: skip
