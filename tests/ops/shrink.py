"""Records of the shrinking activations, and of the random ones where they are not random."""

from __future__ import annotations

from typing import Any

import numpy as np
from ops.activation import FLOATING, activation, kink
from ops.record import Record, case, inf, nan

import lucid
import lucid.nn.functional as F


def hard(x: Any, lambd: float = 0.5) -> Any:
    return np.where(np.abs(x) <= lambd, 0, x)


def soft(x: Any, lambd: float = 0.5) -> Any:
    return np.where(np.abs(x) <= lambd, 0, np.sign(x) * (np.abs(x) - lambd))


def tanhshrink(x: Any) -> Any:
    """By its series where the difference would lose everything."""
    return np.where(np.abs(x) < 0.01, x**3 * (1 / x.dtype.type(3) - x * x * 2 / 15 + x**4 * 17 / 315), x - np.tanh(x))


def rrelu(x: Any, lower: float = 0.125, upper: float = 1 / 3, training: bool = False) -> Any:
    return np.where(x > 0, x, x * ((lower + upper) / 2))


def outside(x: float) -> bool:
    return abs(x) > 0.5


def certain(logits: Any, hard: bool) -> Any:
    """A draw whose first class is so likely that the noise changes nothing."""
    lucid.manual_seed(0)
    lift = lucid.tensor(np.where(np.arange(logits.shape[-1]) == 0, 1e4, 0.0), dtype=logits.dtype)
    return F.gumbel_softmax(logits + lift, hard=hard)


def first(logits: Any, hard: bool) -> Any:
    return np.broadcast_to(np.arange(logits.shape[-1]) == 0, logits.shape).astype(logits.dtype)


ENDS = ((-inf, -inf, 1.0), (inf, inf, 1.0), (-0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
RECORDS = [
    Record("hardshrink", F.hardshrink, hard, extremes=(*ENDS, (nan, nan, None), *kink(-0.5, hard, 0, outside), *kink(0.5, hard, 0, outside)), kinks=(-0.5, 0.5), ulp=(0, 0), integer=FLOATING),
    Record("hardshrink with a bound", lambda x: F.hardshrink(x, 1.25), lambda x: hard(x, 1.25), kinks=(-1.25, 1.25), ulp=(0, 0), integer="", covers=(F.hardshrink,),
           extremes=(*ENDS, (nan, nan, None)), torch=lambda torch, x: torch.nn.functional.hardshrink(x, 1.25)),
    Record("softshrink", F.softshrink, soft, extremes=(*ENDS, (nan, nan, None), *kink(-0.5, soft, 0, outside), *kink(0.5, soft, 0, outside)), kinks=(-0.5, 0.5), ulp=(0.5, 0.5), integer=FLOATING),
    Record("softshrink with a bound", lambda x: F.softshrink(x, 1.25), lambda x: soft(x, 1.25), kinks=(-1.25, 1.25), ulp=(0.5, 0.5), integer="", covers=(F.softshrink,),
           extremes=(*ENDS, (nan, nan, None)), torch=lambda torch, x: torch.nn.functional.softshrink(x, 1.25)),
    activation("tanhshrink", tanhshrink, (-inf, -inf, 1.0), (inf, inf, 1.0), (0.0, 0.0, 0.0), (-0.0, -0.0, 0.0), scale=lambda x: x, ulp=(3, 3),
               why="a difference: accurate to the rounding of its terms", grad_ulp=16, integer="float"),
    Record("rrelu", F.rrelu, rrelu, extremes=((-inf, -inf, 11 / 48), (inf, inf, 1.0), (0.0, 0.0, 11 / 48), (-0.0, -0.0, 11 / 48), (nan, nan, None)), kinks=(0,), ulp=(2, 2),
           integer=FLOATING),
    Record("rrelu_", lambda x, **p: F.rrelu_(x.clone(), **p), rrelu, cases=(case((65,), lower=0.1, upper=0.3), case((2, 3))), kinks=(0,), elementwise=False, covers=(F.rrelu_,), integer="", torch="rrelu"),
    Record("gumbel_softmax", certain, first, cases=tuple(case(s, hard=h) for s in ((2, 3), (5,), (0, 3)) for h in (False, True)), elementwise=False, ulp=(0, 0),
           differentiable=False, covers=(F.gumbel_softmax,), integer="", torch="", layouts=True),
]  # fmt: skip
