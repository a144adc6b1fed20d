"""Records of reductions and cumulative sums."""

from __future__ import annotations

from typing import Any

import numpy as np
from ops.record import LENGTHS, Case, Record, case, example, inf, nan

import lucid

PLANES = [dict(dim=d, keepdim=k) for d in (None, 0, 1, -1, (0, 2), (1, -1), (0, 1, 2)) for k in (False, True)]
ALONG = [dict(dim=d, keepdim=k) for d in (0, 1, -1) for k in (False, True)]


def over(
    planes: list[dict[str, Any]], empty: bool = True, params: tuple[dict[str, Any], ...] = ({},)
) -> tuple[Case, ...]:
    """Every dimension of a small tensor, then rows of every length, then nothing."""
    shapes = [case((3, 4, 5), **p, **q) for p in planes for q in params]
    shapes += [case((2, n), dim=1, **q) for n in LENGTHS for q in params]
    shapes += [case((n, 2), dim=0, **q) for n in (65, 1000) for q in params]
    return tuple(shapes + ([case((2, 0, 3), dim=1, **q) for q in params] if empty else []))


LARGE = (case((70_001,), dim=0), case((7, 20_000), dim=1), case((20_000, 7), dim=0), case((50, 40, 60), dim=1))
LARGE_ROWS = (case((301, 400), dim=1), case((400, 301), dim=0))


def axes(reference: Any, **fixed: Any) -> Any:
    """``reference`` with PyTorch's names of the arguments."""
    return lambda x, dim=None, keepdim=False, **p: reference(x, axis=dim, keepdims=keepdim, **fixed, **p)


def total(x: Any, dim: Any = None, keepdim: bool = False, **_: Any) -> Any:
    return np.sum(np.abs(x), axis=dim, keepdims=keepdim)


def average(x: Any, dim: Any = None, keepdim: bool = False, **_: Any) -> Any:
    return np.mean(np.abs(x), axis=dim, keepdims=keepdim)


def reduction(name: str, reference: Any, **options: Any) -> Record:
    options = {"cases": over(PLANES), "large": LARGE, "call": getattr(lucid, name), **options}
    return Record(name, reference=reference, elementwise=False, **options)


def var(x: Any, dim: Any = None, unbiased: Any = None, keepdim: bool = False, correction: float | None = None) -> Any:
    correction = (1 if unbiased in (None, True) else 0) if correction is None else correction
    return np.var(x, axis=dim, ddof=correction, keepdims=keepdim)


def std(x: Any, *args: Any, **params: Any) -> Any:
    return np.sqrt(var(x, *args, **params))


def logsumexp(x: Any, dim: Any, keepdim: bool = False) -> Any:
    top = np.max(x, axis=dim, keepdims=True)
    y = np.log(np.sum(np.exp(x - top), axis=dim, keepdims=True)) + top
    return y if keepdim else np.squeeze(y, dim)


def extremum(pick: Any, arg: Any) -> Any:
    def reference(x: Any, dim: int, keepdim: bool = False) -> Any:
        return pick(x, axis=dim, keepdims=keepdim), arg(x, axis=dim, keepdims=keepdim)

    return reference


def norm(x: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False) -> Any:
    p, m = 2 if p == "fro" else p, np.abs(x)
    if abs(p) == inf:
        return (np.max if p > 0 else np.min)(m, axis=dim, keepdims=keepdim)
    if p == 0:
        return np.sum(x != 0, axis=dim, keepdims=keepdim).astype(x.dtype)
    return np.sum(m**p, axis=dim, keepdims=keepdim) ** (1 / x.dtype.type(p))


SUM = dict(ulp=(8, 8), why="terms may cancel; the bound is for the rounding of a few hundred of them added in blocks")
RUNNING = dict(ulp=(32, 32), why="errors add up along the dimension; measured at the sum of magnitudes")
CORRECTIONS = ({}, {"correction": 0}, {"correction": 2}, {"unbiased": False})
SPREAD = tuple(c for c in over(PLANES, empty=False, params=CORRECTIONS) if c.operands[0] not in ((2, 1),))
TIES = np.array([[3.0, 1, 3], [2, 2, 2]])

RECORDS = [
    reduction("sum", axes(np.sum), scale=total, **SUM, integer="int64", grad_ulp=0),
    Record("sum of rows", lambda x: lucid.sum(x, -1), lambda x: np.sum(x, -1), cases=tuple(case((5, n)) for n in LENGTHS),
           large=(case((301, 400)),), scale=lambda x: np.sum(np.abs(x), -1), **SUM, elementwise=False, batch=(0,), integer="",
           covers=(lucid.sum,), torch=""),
    reduction("mean", axes(np.mean), scale=average, **SUM, integer="!mean: could not infer output dtype", grad_ulp=2),
    reduction("var", var, cases=SPREAD, ulp=(8, 8), integer="!var: only support floating point dtypes", grad_ulp=16, grad_floor=None,
              why="x - mean may cancel"),
    reduction("std", std, cases=SPREAD, ulp=(8, 8), integer="!only support floating point dtypes", grad_ulp=16, grad_floor=None,
              why="x - mean may cancel"),
    reduction("var_mean", lambda x, dim=None, correction=1, keepdim=False: (var(x, dim, None, keepdim, correction), np.mean(x, axis=dim, keepdims=keepdim)),
              cases=tuple(case((4, 5), dim=d, keepdim=k, correction=c) for d in (None, 0, 1) for k in (False, True) for c in (0, 1)),
              ulp=(8, 8), scale=average, why="terms of the mean may cancel", grad_ulp=16, grad_floor=None, integer="",
              large=(case((301, 400), dim=1),)),
    reduction("std_mean", lambda x, dim=None, correction=1, keepdim=False: (std(x, dim, None, keepdim, correction), np.mean(x, axis=dim, keepdims=keepdim)),
              cases=tuple(case((4, 5), dim=d, keepdim=k, correction=c) for d in (None, 0, 1) for k in (False, True) for c in (0, 1)),
              ulp=(8, 8), scale=average, why="terms of the mean may cancel", grad_ulp=16, grad_floor=None, integer="",
              large=(case((301, 400), dim=1),)),
    reduction("prod", axes(np.prod), span=((0.9, 1.1),), integer="int64", ulp=(64, 64), grad_ulp=600,
              why="every factor adds half an ulp; 4097 of them in any order",
              cases=(*(case((3, 4, 5), dim=d, keepdim=k) for d in (None, 0, -1) for k in (False, True)), case((2, 0, 3), dim=1),
                     *(case((n,)) for n in LENGTHS), case(())), large=LARGE[:3],
              examples=(example([2.0, 3, 4], value=24, grad=[12, 8, 6]), example([0.0, 3, 4], value=0, grad=[12, 0, 0]),
                        example([0.0, 0, 4], value=0, grad=[0, 0, 0]))),
    reduction("amax", axes(np.max), cases=over(PLANES, empty=False), ulp=(0, 0), integer="same", grad_ulp=0,
              examples=(example(TIES, value=[3, 2], dim=1, grad=[[0.5, 0, 0.5], [1 / 3] * 3]), example([1, nan, 2], value=nan),
                        example([-inf, -inf], value=-inf, grad=[0.5, 0.5]))),
    reduction("amin", axes(np.min), cases=over(PLANES, empty=False), ulp=(0, 0), integer="same", grad_ulp=0,
              examples=(example(TIES, value=[1, 2], dim=1, grad=[[0, 1, 0], [1 / 3] * 3]), example([1, nan, 2], value=nan),
                        example([inf, inf], value=inf, grad=[0.5, 0.5]))),
    reduction("max", extremum(np.max, np.argmax), cases=over(ALONG, empty=False), ulp=(0, 0), integer="", grad_ulp=0,
              examples=(example(TIES, value=([3, 2], [0, 0]), dim=1, grad=[[1, 0, 0], [1, 0, 0]]),
                        example([1, nan, 2, nan], value=(nan, 1), dim=0), example(5.0, value=(5, 0), dim=0, grad=1),
                        example(TIES, value=3, grad=[[0.5, 0, 0.5], [0, 0, 0]]))),
    reduction("min", extremum(np.min, np.argmin), cases=over(ALONG, empty=False), ulp=(0, 0), integer="", grad_ulp=0,
              examples=(example(TIES, value=([1, 2], [1, 0]), dim=1, grad=[[0, 1, 0], [1, 0, 0]]),
                        example([1, nan, 2, nan], value=(nan, 1), dim=0), example(TIES, value=1, grad=[[0, 1, 0], [0, 0, 0]]))),
    Record("max of two", lucid.max, np.maximum, arity=2, ulp=(0, 0), integer="same", torch="max"),
    Record("min of two", lucid.min, np.minimum, arity=2, ulp=(0, 0), integer="same", torch="min"),
    reduction("argmax", axes(np.argmax), cases=(*over(ALONG, empty=False), case((3, 4)), case(())), differentiable=False,
              integer="int64", examples=(example([1, 3, 3], value=1), example([1, nan, 3, nan], value=1), example([-inf, -inf], value=0))),
    reduction("argmin", axes(np.argmin), cases=(*over(ALONG, empty=False), case((3, 4)), case(())), differentiable=False,
              integer="int64", examples=(example([1, 3, 1], value=0), example([1, nan, 3, nan], value=1), example([inf, inf], value=0))),
    reduction("all", axes(np.all), cases=over(PLANES), differentiable=False, integer="bool but of uint8",
              examples=(example([1.0, 0], value=False), example([1.0, nan], value=True), example([], value=True))),
    reduction("any", axes(np.any), cases=over(PLANES), differentiable=False, integer="bool but of uint8",
              examples=(example([0.0, -0.0], value=False), example([0.0, nan], value=True), example([], value=False))),
    reduction("count_nonzero", lambda x, dim=None: np.asarray(np.count_nonzero(x, axis=dim), np.int64), differentiable=False,
              integer="int64", cases=tuple(case((3, 4, 5), dim=d) for d in (None, 0, 1, (0, 2))),
              examples=(example([0.0, 2, nan, -0.0], value=2),)),
    reduction("logsumexp", logsumexp, cases=tuple(c for c in over(PLANES, empty=False) if c.params["dim"] is not None), ulp=(8, 8),
              scale=lambda x, dim, keepdim=False: np.maximum(np.max(np.abs(x), axis=dim, keepdims=keepdim), 1),
              why="the largest operand and the logarithm may cancel", large=LARGE, grad_ulp=32,
              examples=(example([1000.0, 1000], value=1000 + np.log(2), dim=0, grad=[0.5, 0.5]), example([-inf, -inf], value=-inf, dim=0),
                        example([-1000.0, 0], value=0, dim=0, grad=[0, 1]), example([inf, 0], value=inf, dim=0),
                        example([nan, 0], value=nan, dim=0))),
    Record("logsumexp of rows", lambda x: lucid.logsumexp(x, -1), lambda x: logsumexp(x, -1), elementwise=False, batch=(0,),
           cases=tuple(case((5, n)) for n in (1, 3, 65, 1000)), ulp=(8, 8), scale=lambda x: np.maximum(np.max(np.abs(x), -1), 1),
           why="as logsumexp", grad_ulp=32, covers=(lucid.logsumexp,), torch="", integer=""),
    reduction("cumsum", lambda x, dim: np.cumsum(x, axis=dim), integer="int64", scale=lambda x, dim: np.cumsum(np.abs(x), axis=dim),
              cases=(*(case((3, 4, 5), dim=d) for d in (0, 1, -1)), *(case((n,), dim=0) for n in LENGTHS), case((2, 0), dim=1)),
              grad_ulp=64, grad_floor=None, **RUNNING, large=LARGE_ROWS),
    reduction("cumprod", lambda x, dim: np.cumprod(x, axis=dim), span=((0.9, 1.1),), integer="int64", ulp=(64, 64),
              cases=(*(case((3, 4, 5), dim=d) for d in (0, 1, -1)), *(case((n,), dim=0) for n in (1, 3, 65)), case((2, 0), dim=1)),
              why="every factor adds half an ulp", grad_ulp=64, large=(case((301, 40), dim=1),),
              examples=(example([2.0, 0, 4], value=([2, 0, 0],), dim=0, grad=[1, 10, 0]),)),
    reduction("norm", norm, span=((0.2, 3),), ulp=(16, 16), why="powers and roots magnify the rounding of the sum", grad_ulp=32,
              integer="", cases=tuple(case((2, 3, 4), p=p, dim=d, keepdim=k) for p in ("fro", 1, 2, 3, 0.5, inf, -inf)
                                      for d in (None, 0, (1, 2)) for k in (False, True)), large=(case((301, 400), dim=1),),
              examples=(example([3.0, -4], value=5, grad=[0.6, -0.8]), example([0.0, 0], value=0, grad=[0, 0]),
                        example([3.0, -4], value=7, p=1, grad=[1, -1]), example([3.0, -4], value=4, p=inf, grad=[0, -1]))),
    Record("norm 0", lambda x: lucid.norm(x, 0), lambda x: norm(x, 0), cases=(case(TIES), case((0,)), case((65,))), ulp=(0, 0),
           covers=(lucid.norm,), differentiable=False, integer="", elementwise=False, torch=""),
]  # fmt: skip
