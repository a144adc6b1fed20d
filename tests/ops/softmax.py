"""Records of softmax and log-softmax."""

from __future__ import annotations

from typing import Any

import numpy as np
from ops.record import LENGTHS, Record, case, example, inf, nan

import lucid
import lucid.nn.functional as F

CASES = (*(case((2, 3, 4), dim=d) for d in (0, 1, -1)), *(case((3, n), dim=1) for n in LENGTHS), *(case((n, 3), dim=0) for n in (65, 1000)),
         case((), dim=0), case((0, 3), dim=1), case((3, 1), dim=-1))  # fmt: skip
LARGE = (case((301, 400), dim=1), case((400, 301), dim=0), case((20, 70, 60), dim=1))
THIRD = 1 / 3


def softmax(x: Any, dim: int) -> Any:
    e = np.exp(x - np.max(x, axis=dim if x.ndim else None, keepdims=True, initial=-inf))
    return e / np.sum(e, axis=dim if x.ndim else None, keepdims=True)


def log_softmax(x: Any, dim: int) -> Any:
    z = x - np.max(x, axis=dim if x.ndim else None, keepdims=True, initial=-inf)
    return z - np.log(np.sum(np.exp(z), axis=dim if x.ndim else None, keepdims=True))


def reach(x: Any, dim: int) -> Any:
    """How large the differences and logarithms are that log_softmax subtracts."""
    return 2 * np.ones_like(x) * np.max(np.abs(x), axis=dim if x.ndim else None, keepdims=True, initial=1) + np.log(
        max(x.size, 2)
    )


WHY = "x - max(x) is rounded before the exponential"
OPTIONS: dict[str, Any] = dict(
    cases=CASES, large=LARGE, why=WHY, grad_ulp=64, grad_floor=None, elementwise=False, integer=""
)
RECORDS = [
    Record("F.softmax", F.softmax, softmax, ulp=(16, 16), torch="softmax", **OPTIONS),
    Record("F.log_softmax", F.log_softmax, log_softmax, ulp=(4, 4), scale=reach, torch="log_softmax", **OPTIONS),
    Record("softmin", F.softmin, lambda x, dim: softmax(-x, dim), ulp=(16, 16), **OPTIONS),
    Record("softmax", lucid.softmax, softmax, cases=CASES, large=LARGE, ulp=(16, 16), why=WHY, grad_ulp=64, grad_floor=None,
           elementwise=False,
           examples=(example([0.0, 0, 0], value=([THIRD] * 3,), dim=0, grad=[0, 0, 0]), example([1000.0, 1000], value=([0.5, 0.5],), dim=0),
                     example([-inf, 0], value=([0, 1],), dim=0, grad=[0, 0]), example([nan, 0], value=([nan, nan],), dim=0),
                     example([-1000.0, 0], value=([0, 1],), dim=0), example([-inf, -inf], value=([nan, nan],), dim=0))),
    Record("log_softmax", lucid.log_softmax, log_softmax, cases=CASES, large=LARGE, ulp=(4, 4), scale=reach, why=WHY, grad_ulp=64,
           grad_floor=None, elementwise=False,
           examples=(example([0.0, 0], value=([-np.log(2)] * 2,), dim=0, grad=[0, 0]), example([1000.0, 0], value=([0, -1000],), dim=0),
                     example([-inf, 0], value=([-inf, 0],), dim=0), example([nan, 0], value=([nan, nan],), dim=0))),
    Record("softmax of rows", lambda x: lucid.softmax(x, 1), lambda x: softmax(x, 1), cases=tuple(case((4, n)) for n in (1, 3, 64, 65, 1000)),
           large=(case((301, 400)),), ulp=(16, 16), why=WHY, grad_ulp=64, grad_floor=None, elementwise=False, batch=(0,),
           covers=(lucid.softmax,), torch=""),
    Record("log_softmax of rows", lambda x: lucid.log_softmax(x, 1), lambda x: log_softmax(x, 1), scale=lambda x: reach(x, 1), ulp=(4, 4),
           cases=tuple(case((4, n)) for n in (1, 3, 64, 65, 1000)), large=(case((301, 400)),), why=WHY, grad_ulp=64, grad_floor=None,
           elementwise=False, batch=(0,), covers=(lucid.log_softmax,), torch=""),
]  # fmt: skip
