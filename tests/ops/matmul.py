"""Records of matrix products and the linear layer."""

from __future__ import annotations

from typing import Any

import numpy as np
from ops.record import Record, case

import lucid
import lucid.nn.functional as F

SIZES = [(1, 1, 1), (3, 5, 2), (7, 64, 9), (63, 65, 33), (64, 1000, 16), (1, 4097, 3), (130, 17, 131)]
EMPTY = [(0, 3, 2), (2, 0, 3), (2, 3, 0)]
WHY = "products may cancel; measured at the sum of their magnitudes"


def product(name: str, cases: Any, **options: Any) -> Record:
    options = {"call": getattr(lucid, name), "reference": np.matmul, "ulp": (8, 8), "integer": "same", **options}
    return Record(name, cases=tuple(cases), elementwise=False, scale=lambda x, y: np.abs(x) @ np.abs(y), why=WHY, grad_ulp=32,
                  grad_floor=None, **options)  # fmt: skip


def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    return x @ np.swapaxes(weight, 0, -1) + (0 if bias is None else bias)


def affine(c: Any, x: Any, y: Any, beta: float = 1, alpha: float = 1) -> Any:
    return beta * c + alpha * (x @ y)


def magnitudes(c: Any, x: Any, y: Any, beta: float = 1, alpha: float = 1) -> Any:
    return affine(np.abs(c), np.abs(x), np.abs(y), abs(beta), abs(alpha))


def affine_record(name: str, *cases: Any) -> Record:
    return Record(name, getattr(lucid, name), affine, cases=cases, elementwise=False, scale=magnitudes, why=WHY, ulp=(8, 8), grad_ulp=32,
                  grad_floor=None, integer="same")  # fmt: skip


RECORDS = [
    product("matmul", [*(case((n, k), (k, m)) for n, k, m in SIZES + EMPTY), case((5,), (5,)), case((5,), (5, 3)), case((2, 5), (5,)),
                       case((4, 2, 5), (5, 3)), case((2, 5), (4, 5, 3)), case((4, 2, 5), (4, 5, 3)), case((2, 1, 2, 5), (3, 5, 3)),
                       case((4, 2, 5), (5,)), case((5,), (4, 5, 3)), case((0, 2, 5), (5, 3))],
            large=(case((300, 200), (200, 150)), case((64, 40, 30), (64, 30, 50)), case((2000, 300), (300,)))),
    product("mm", [case((n, k), (k, m)) for n, k, m in SIZES[:3] + EMPTY]),
    product("bmm", [case((3, 2, 2), (3, 2, 2)), case((3, 2, 4), (3, 4, 5)), case((0, 2, 4), (0, 4, 5)), case((2, 33, 65), (2, 65, 9))], batch=(0, 1),
            large=(case((16, 60, 70), (16, 70, 50)),)),
    product("mv", [case((3, 5), (5,)), case((65, 64), (64,)), case((2, 0), (0,))]),
    product("dot", [case((n,), (n,)) for n in (1, 3, 65, 1000, 4097)] + [case((0,), (0,))]),
    Record("rows of matmul", lucid.matmul, np.matmul, cases=tuple(case((n, k), (k, m)) for n, k, m in SIZES), elementwise=False, batch=(0,),
           scale=lambda x, y: np.abs(x) @ np.abs(y), why=WHY, ulp=(8, 8), grad_ulp=32, grad_floor=None, integer="", torch=""),
    Record("outer", lucid.outer, np.outer, cases=(case((3,), (4,)), case((0,), (4,)), case((65,), (3,))), ulp=(0.5, 0.5), elementwise=False,
           integer="same", grad_floor=None, grad_ulp=8, why="gradients are sums that may cancel"),
    affine_record("addmm", case((2, 3), (2, 4), (4, 3)), case((3,), (2, 4), (4, 3), beta=0.5, alpha=2)),
    affine_record("baddbmm", case((2, 2, 2), (2, 2, 2), (2, 2, 2)), case((3,), (2, 2, 4), (2, 4, 3), beta=0.5, alpha=2)),
    Record("linear", F.linear, linear, elementwise=False, batch=(0,), ulp=(8, 8), why=WHY, grad_ulp=32, grad_floor=None, integer="",
           scale=lambda x, weight, bias=None: linear(np.abs(x), np.abs(weight), None if bias is None else np.abs(bias)),
           cases=(*(case((n, k), (m, k), (m,)) for n, k, m in SIZES), case((3, 4), (2, 4)), case((5, 2, 4), (3, 4), (3,)),
                  case((0, 4), (2, 4), (2,)), case((3, 4), (4,))), large=(case((300, 200), (150, 200), (150,)),)),
    Record("linear of a vector", F.linear, linear, cases=(case((4,), (2, 4), (2,)), case((4,), (2, 4)), case((4,), (4,))), elementwise=False,
           ulp=(8, 8), scale=lambda x, w, b=None: linear(np.abs(x), np.abs(w), None if b is None else np.abs(b)), why=WHY, grad_ulp=32,
           grad_floor=None, integer="", torch=""),
]  # fmt: skip
