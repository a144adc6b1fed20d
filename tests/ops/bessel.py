"""Records of Bessel functions and their relatives, against integrals by Simpson's rule and series of exact numbers."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
from ops.record import Record, case, example, inf, nan
from ops.special import EXPERT, bessel, function, integrated

import lucid
from lucid import special


def periodic(order: int) -> Any:
    """Bessel's integral: the trapezoidal rule is exact for it."""

    def j(v: float) -> float:
        points = 200
        return (
            math.fsum(
                math.cos(order * t - v * math.sin(t)) for t in (math.pi * (k + 0.5) / points for k in range(points))
            )
            / points
        )

    return j


def second(order: int) -> Any:
    """Y: the integral over a half period, by Gauss and Legendre, less that of the decaying part."""
    nodes, weights = np.polynomial.legendre.leggauss(120)

    def y(v: float) -> float:
        t = (nodes + 1) * math.pi / 2
        head = float(np.sum(weights * np.sin(v * np.sin(t) - order * t))) / 2
        u = (nodes + 1) * 4
        tail = (np.exp(order * u) + (-1) ** order * np.exp(-order * u)) * np.exp(-v * np.sinh(u))
        return head - float(np.sum(weights * tail)) * 4 / math.pi

    return y


def third(order: int, scaled: bool) -> Any:
    def k(v: float) -> float:
        step = 0.02
        terms = [
            math.exp(-v * (math.cosh(i * step) - (1 if scaled else 0))) * math.cosh(order * i * step)
            for i in range(1, 400)
        ]
        return step * (math.fsum(terms) + 0.5 * (1 if scaled else math.exp(-v)))

    return k


def airy(v: float) -> float:
    """The power series in integers that count 2^-256; fractions take 400 times as long."""
    bits, exact = 256, Fraction(v)
    x = (exact.numerator << bits) // exact.denominator
    cube = x * x * x >> 2 * bits
    f = a = 1 << bits
    g = b = x
    for k in range(1, 80):
        a, b = (a * cube >> bits) // ((3 * k - 1) * 3 * k), (b * cube >> bits) // (3 * k * (3 * k + 1))
        f, g = f + a, g + b
    c1, c2 = 355028053887817239260063186004183176397979174199, 258819403792806798405183560189203963479091138354
    return (c1 * f - c2 * g) / (10**48 << bits)


def erfcx(v: float) -> float:
    if v < 5:
        return math.exp(v * v) * math.erfc(v)
    t = 0.0
    for k in range(200, 0, -1):
        t = k / 2 / (v + t)
    return 1 / math.sqrt(math.pi) / (v + t)


def log_ndtr(v: float) -> float:
    return (
        math.log(erfcx(-v / math.sqrt(2)) / 2) - v * v / 2 if v < -1 else math.log1p(-math.erfc(v / math.sqrt(2)) / 2)
    )


def plus(amount: float, f: Any) -> Any:
    return lambda x: np.abs(integrated(f)(x)) + amount


def without(name: str) -> Any:
    """PyTorch has no gradient for most of these."""
    return lambda torch, x: getattr(torch.special, name)(x.detach())


def value(name: str, f: Any, span: Any, ulp: Any = (2, 64), amount: float = 0.0, **options: Any) -> Record:
    return function(
        name,
        integrated(f),
        span=(span,),
        ulp=ulp,
        scale=plus(amount, f),
        torch="",
        twice=False,
        grad_ulp=64,
        **options,
    )


def incomplete(a: float, x: float) -> float:
    """P(a, x) by the series, whose terms are positive."""
    term = total = 1 / a
    for n in range(1, 400):
        term *= x / (a + n)
        total += term
    return total * math.exp(a * math.log(x) - x - math.lgamma(a))


def pairs(f: Any) -> Any:
    return lambda a, x: (
        np.vectorize(f, otypes=[float])(a, x)
        if np.broadcast(a, x).size
        else np.zeros(np.broadcast_shapes(a.shape, x.shape))
    )


def recurrence(first: Any, step: Any) -> Any:
    def p(v: float, n: int) -> float:
        a, b = 1.0, first(v)
        for k in range(1, n):
            a, b = b, step(k, v, b, a)
        return 0.0 if n < 0 else 1.0 if n == 0 else b

    return lambda x, n: np.vectorize(p, otypes=[float])(x, n)


DOUBLED = lambda k, x, p, q: 2 * x * p - q
SHIFTED = lambda k, x, p, q: 2 * (2 * x - 1) * p - q
POLYNOMIALS = {
    "chebyshev_polynomial_t": (lambda x: x, DOUBLED),
    "chebyshev_polynomial_u": (lambda x: 2 * x, DOUBLED),
    "chebyshev_polynomial_v": (lambda x: 2 * x - 1, DOUBLED),
    "chebyshev_polynomial_w": (lambda x: 2 * x + 1, DOUBLED),
    "shifted_chebyshev_polynomial_t": (lambda x: 2 * x - 1, SHIFTED),
    "shifted_chebyshev_polynomial_u": (lambda x: 4 * x - 2, SHIFTED),
    "shifted_chebyshev_polynomial_v": (lambda x: 4 * x - 3, SHIFTED),
    "shifted_chebyshev_polynomial_w": (lambda x: 4 * x - 1, SHIFTED),
    "hermite_polynomial_h": (lambda x: 2 * x, lambda k, x, p, q: 2 * x * p - 2 * k * q),
    "hermite_polynomial_he": (lambda x: x, lambda k, x, p, q: x * p - k * q),
    "laguerre_polynomial_l": (lambda x: 1 - x, lambda k, x, p, q: ((2 * k + 1 - x) * p - k * q) / (k + 1)),
    "legendre_polynomial_p": (lambda x: x, lambda k, x, p, q: ((2 * k + 1) * x * p - k * q) / (k + 1)),
}
DEGREES = np.array([-1, 0, 1, 2, 5, 9])


RECORDS = [
    value("bessel_j0", periodic(0), (-60, 60), (2, 128), amount=0.1, examples=(example([0.0, inf, -inf, nan], value=([1, 0, 0, nan],)),)),
    value("bessel_j1", periodic(1), (-60, 60), (2, 128), amount=0.1, examples=(example([0.0, inf, nan], value=([0, 0, nan],)), example([0.0], value=([0],), grad=[0.5]))),
    value("bessel_y0", second(0), (0.3, 20), (2, 1 << 12), amount=0.1, examples=(example([0.0, -1, inf, nan], value=([-inf, nan, 0, nan],)),)),
    value("bessel_y1", second(1), (0.3, 20), (2, 1 << 12), amount=0.1, examples=(example([0.0, -1, inf, nan], value=([-inf, nan, 0, nan],)),)),
    value("modified_bessel_k0", third(0, False), (0.05, 30), (2, 256), examples=(example([0.0, -1, inf, nan], value=([inf, nan, 0, nan],)),)),
    value("modified_bessel_k1", third(1, False), (0.05, 30), (2, 256), examples=(example([0.0, -1, inf, nan], value=([inf, nan, 0, nan],)),)),
    value("scaled_modified_bessel_k0", third(0, True), (0.05, 90), (2, 256)),
    value("scaled_modified_bessel_k1", third(1, True), (0.05, 90), (2, 256)),
    value("spherical_bessel_j0", lambda v: math.sin(v) / v if v else 1.0, (-30, 30), amount=0.03, examples=(example([0.0, inf, nan], value=([1, 0, nan],)),)),
    value("airy_ai", airy, (-7, 4), (2, 1 << 10), amount=0.1, differentiable=False, examples=(example([inf, nan], value=([0, nan],)),)),
    value("erfcx", erfcx, (-4, 40), (2, 256), grad_floor=2.0, examples=(example([inf, -inf, nan, 0], value=([0, inf, nan, 1],)),)),
    value("log_ndtr", log_ndtr, (-30, 5), (2, 256), examples=(example([inf, -inf, nan], value=([0, -inf, nan],)),)),
    *(function(name, integrated(lambda v, n=n: bessel(n, v)), span=((-20, 20),), ulp=(2, 24), covers=(getattr(special, name), getattr(lucid.special, f"i{n}")), torch=without(name), differentiable=False) for n, name in ((0, "modified_bessel_i0"), (1, "modified_bessel_i1"))),
    *(Record(name, getattr(lucid, name), pairs(f), elementwise=False, cases=(case((4,), (4,)), case((2, 3), (3,)), case((0,), (1,))), span=((0.3, 20), (0.2, 25)), fixed=(0,), ulp=(8, 4096), scale=lambda a, x: np.ones(np.broadcast_shapes(a.shape, x.shape)),
             why=EXPERT, twice=True, grad_floor=None, grad_ulp=256, integer="", torch=name, examples=(example([1.0, 0, 0, -1, inf, 2], [0.0, 1, 0, 1, 1, inf], value=(values,)),))
      for name, f, values in (("igamma", incomplete, [0, 1, nan, nan, 0, 1]), ("igammac", lambda a, x: 1 - incomplete(a, x), [1, 0, nan, nan, 1, 0]))),
    *(Record(name, getattr(special, name), recurrence(*rule), elementwise=False, cases=(case((6,), DEGREES), case((3, 1), DEGREES)), span=((-2, 2),), differentiable=False, ulp=(1, 64), scale=lambda x, n, rule=rule: np.abs(recurrence(*rule)(x, n)) + 1, why="terms cancel near roots",
             integer="", torch=lambda torch, x, n, name=name: getattr(torch.special, name)(x.detach(), n)) for name, rule in POLYNOMIALS.items()),
]  # fmt: skip
