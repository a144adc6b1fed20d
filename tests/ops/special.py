"""Records of special functions, against sums, series and bisections of Python's own numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from ops.record import Case, Record, case, example, inf, nan, sample

import lucid
from lucid import special

EXPERT = "values near roots and gradients are differences"


def integrated(function: Any) -> Any:
    """A reference made of Python's exact scalars."""
    return lambda x, *a: np.array([function(float(v), *a) for v in np.ravel(x)], float).reshape(np.shape(x))


def gamma_log(v: float) -> float:
    if math.isnan(v):
        return nan
    return inf if v in (0, -inf) or (v < 0 and v == math.floor(v)) else math.lgamma(v)


def summed(n: int, v: float) -> float:
    """(-1)^(n+1) n! times the sum of (v + k)^-(n+1): 200 terms and four of the tail."""
    a = v + 200
    tail = (
        a**-n / n + a ** -(n + 1) / 2 + (n + 1) * a ** -(n + 2) / 12 - (n + 1) * (n + 2) * (n + 3) * a ** -(n + 4) / 720
    )
    return (-1.0) ** (n + 1) * math.factorial(n) * (math.fsum((v + k) ** -(n + 1) for k in range(200)) + tail)


def psi(v: float) -> float:
    """Recurrence to 60, then the asymptotic series."""
    z = v + 60
    series = 1 / (12 * z**2) - 1 / (120 * z**4) + 1 / (252 * z**6)
    return math.fsum([math.log(z), -0.5 / z, -series, *[-1 / (v + k) for k in range(60)]])


def bessel(n: int, v: float) -> float:
    """The power series, whose terms all have one sign."""
    return math.fsum((v / 2) ** (2 * k + n) / (math.factorial(k) * math.factorial(k + n)) for k in range(80))


def scaled(n: int) -> Any:
    return integrated(lambda v: bessel(n, v) * math.exp(-abs(v)))


def inverse_erf(v: float) -> float:
    """Bisection on math.erf, and math.erfc near the ends."""
    if abs(v) >= 1:
        return math.copysign(inf, v) if abs(v) == 1 else nan
    low, high = 0.0, 6.0
    for _ in range(200):
        middle = (low + high) / 2
        above = math.erf(middle) > abs(v) if abs(v) < 0.5 else math.erfc(middle) < 1 - abs(v)
        low, high = (low, middle) if above else (middle, high)
    return math.copysign(high, v)


def logit(x: Any, eps: float | None = None) -> Any:
    z = x if eps is None else np.clip(x, eps, 1 - eps)
    return np.where((z >= 0) & (z <= 1), np.log(z / (1 - z)), nan)


def normal(v: float) -> float:
    return math.erfc(-v / math.sqrt(2)) / 2


def entr(x: Any) -> Any:
    return np.where(x > 0, -x * np.log(x), np.where(x == 0, 0, np.where(x < 0, -inf, nan)))


def function(name: str, reference: Any, call: Any = None, cases: Any = None, **options: Any) -> Record:
    """Not swept over all bit patterns: the references are made for the span."""
    options = {
        "ulp": (1, 8),
        "grad_floor": None,
        "grad_ulp": 16,
        "why": EXPERT,
        "elementwise": False,
        "integer": "float",
        "torch": lambda torch, *xs, **p: getattr(torch.special, name)(*xs, **p),
        **options,
    }
    shapes = cases or tuple(Case((s,)) for s in ((), (0,), (2, 3), (65,), (2, 1, 7)))
    return Record(name, call or getattr(special, name), reference, cases=shapes, **options)


RECORDS = [
    function("gammaln", integrated(gamma_log), span=((0.05, 20),), scale=lambda x: np.abs(integrated(gamma_log)(x)) + 1,
             examples=(example([0.0, -1, inf, nan, 1, 2], value=([inf, inf, inf, nan, 0, 0],)),)),
    Record("lgamma of negative numbers", lucid.lgamma, integrated(gamma_log), elementwise=False, cases=(case((40,)),), span=((-9, -0.01),), ulp=(2, 8), scale=lambda x: np.abs(integrated(gamma_log)(x)) + 1,
           why=EXPERT, grad_floor=None, grad_ulp=64, torch="lgamma", twice=False, integer=""),
    function("digamma", integrated(psi), span=((0.05, 30),), scale=lambda x: np.abs(integrated(psi)(x)) + 1, examples=(example([0.0, -0.0, -1, inf, nan], value=([-inf, inf, nan, inf, nan],)),)),
    function("psi", integrated(psi), span=((0.05, 30),), scale=lambda x: np.abs(integrated(psi)(x)) + 1),
    function("polygamma", lambda x, n: integrated(lambda v: psi(v) if n == 0 else summed(n, v))(x), lambda x, n: lucid.polygamma(n, x), tuple(case((20,), n=n) for n in range(5)), span=((0.2, 9),), ulp=(1, 16),
             scale=lambda x, n: np.abs(integrated(lambda v: psi(v) if n == 0 else summed(n, v))(x)) + 0.1, covers=(lucid.polygamma, lucid.Tensor.polygamma), torch=lambda torch, x, n: torch.polygamma(n, x)),
    Record("polygamma below zero", lambda x: lucid.polygamma(2, x), lambda x: integrated(lambda v: summed(2, v))(x),
           elementwise=False, cases=(sample(np.array([-0.3, -1.6, -2.45])),), covers=(lucid.polygamma,), torch=lambda torch, x: torch.polygamma(2, x), ulp=(4, 64), why=EXPERT, integer="", grad_floor=None, grad_ulp=64, twice=False),
    function("multigammaln", lambda x, p: sum(integrated(gamma_log)(x - np.asarray(j / 2, x.dtype)) for j in range(p)) + p * (p - 1) / 4 * math.log(math.pi), cases=(case((5,), p=1), case((5,), p=3)), span=((2, 9),),
             scale=lambda x, p: np.full(x.shape, 20.0), ulp=(4, 8), integer=""),
    function("i0", integrated(lambda v: bessel(0, v)), span=((-20, 20),)), function("i1", integrated(lambda v: bessel(1, v)), span=((-20, 20),), ulp=(1, 24)),
    function("i0e", scaled(0), span=((-20, 20),), ulp=(1, 12), examples=(example([inf, -inf, nan, 0], value=([0, 0, nan, 1],)),)),
    function("i1e", scaled(1), span=((-20, 20),), ulp=(1, 24), examples=(example([0.0, nan], value=([0, nan],), grad=([0.5, nan])),)),
    function("erfinv", integrated(inverse_erf), span=((-0.9999, 0.9999),), twice=True, examples=(example([1.0, -1, 2, nan, -0.0], value=([inf, -inf, nan, nan, 0],)),)),
    function("ndtri", integrated(lambda v: math.sqrt(2) * inverse_erf(2 * v - 1)), span=((0.01, 0.99),), ulp=(1, 64), examples=(example([0.0, 1, -1, 2, 0.5], value=([-inf, inf, nan, nan, 0],)),)),
    function("ndtr", integrated(normal), span=((-6, 6),), ulp=(2, 64)),
    function("logit", logit, cases=(case((20,)), case((2, 3), eps=0.2), case(())), span=((0.01, 0.99),), kinks=(0.2, 0.8), ulp=(1, 8), scale=lambda x, eps=None: np.abs(logit(x, eps)) + 0.1,
             examples=(example([0.0, 1, -1, 2], value=([-inf, inf, nan, nan],)), example([0.0, 0.5], value=([-math.log(3), 0],), eps=0.25, grad=[0, 4]))),
    function("entr", entr, span=((0.01, 3),), scale=lambda x: np.abs(entr(x)) + 0.1, examples=(example([0.0, -1, nan], value=([0, -inf, nan],)),)),
    function("xlog1py", lambda x, y: np.where(x == 0, 0, x * np.log1p(y)), cases=(case((5,), (5,)), case((2, 3), (3,)), case((), (2,))), span=((-3, 3), (-0.8, 3)), ulp=(4, 4),
             examples=(example([0.0, 0, 0], [-1.0, inf, nan], value=([0, 0, nan],)),)),
    Record("zeta", special.zeta, lambda s, q: np.array([abs(summed(1, float(b))) if a == 2 else abs(summed(3, float(b))) / 6 for a, b in zip(s, q)]), elementwise=False, cases=(sample(np.array([2.0, 4]), np.array([0.5, 3])),),
           differentiable=False, integer="", torch=lambda torch, s, q: torch.special.zeta(s.detach(), q.detach()), ulp=(1, 8), examples=(example([1.0, 0.5, 2], [1.0, 1, 0], value=([inf, nan, inf],)),)),
    *(Record(f"special.{name}", getattr(special, name), lambda x, f=f: f(x), elementwise=False, cases=(case((5,)),), integer="", torch=lambda torch, x, name=name: getattr(torch.special, name)(x), ulp=(2, 3), grad_ulp=16)
      for name, f in (("expit", lambda x: 1 / (1 + np.exp(-x))), ("expm1", np.expm1), ("exp2", np.exp2))),
]  # fmt: skip
