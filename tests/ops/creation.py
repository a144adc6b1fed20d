"""Records of tensors made from constants and ranges; `test_random.py` tests the random ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from ops.record import Record, case

import lucid
from lucid import Tensor


def made(name: str, reference: Any, *cases: Any, **options: Any) -> Record:
    return Record(name, options.pop("call", getattr(lucid, name, None)), lambda *a, dtype=None, **p: reference(*a, **p), cases=cases, elementwise=False,
                  differentiable=False, ulp=(0.5, 0.5), integer="", **{"torch": None, **options})  # fmt: skip


def constant(name: str, value: int) -> list[Record]:
    return [
        made(name, lambda size: np.full(size, float(value)), case(size=(2, 3)), case(size=()), case(size=(0, 2)), case(size=(65,)),
             call=lambda size, dtype=None: getattr(lucid, name)(size, dtype=dtype), covers=(getattr(lucid, name),), torch=""),
        made(f"{name}_like", lambda x: np.full(x.shape, value, x.dtype), case((2, 3)), case(()), case(np.arange(3))),
        made(f"new_{name}", lambda x, size: np.full(size, value, x.dtype), case((2, 3), size=(4,)), case(np.arange(3), size=(2, 2)),
             call=lambda x, size: getattr(Tensor, f"new_{name}")(x, size), covers=(getattr(Tensor, f"new_{name}"),), torch=""),
    ]  # fmt: skip


def arange(start: float, end: float | None = None, step: float = 1) -> Any:
    start, end = (0, start) if end is None else (start, end)
    whole = all(isinstance(v, int) for v in (start, end, step))
    values = start + np.arange(max(0, int(np.ceil((end - start) / step)))) * step
    return values if whole else values.astype(np.float64)


RECORDS = [
    *constant("zeros", 0), *constant("ones", 1),
    made("full", lambda size, fill_value: np.full(size, fill_value), *(case(size=s, fill_value=v) for s in ((2, 3), (), (0,)) for v in (1.5, 3, True))),
    made("full_like", lambda x, fill_value: np.full(x.shape, fill_value, x.dtype), case((2, 3), fill_value=1.5), case(np.arange(3), fill_value=7)),
    made("new_full", lambda x, size, fill_value: np.full(size, fill_value, x.dtype), case((2, 3), size=(4,), fill_value=1.5), call=Tensor.new_full,
         torch=lambda torch, x, size, fill_value: x.new_full(size, fill_value)),
    made("new_tensor", lambda x, data: np.asarray(data, x.dtype), case((2,), data=[1, 2]), case(np.arange(2), data=[1, 2]), call=Tensor.new_tensor, torch=""),
    made("eye", lambda n, m=None: np.eye(n, m), case(n=3), case(n=2, m=4), case(n=4, m=2), case(n=0)),
    made("arange", arange, *(case(**dict(zip(("start", "end", "step"), a))) for a in (
        (5,), (0,), (2, 7), (7, 2, -1), (0.0, 1.0, 0.1), (1.0, 0.0, -0.25), (2.5,), (0, 10, 3), (3, 3), (-2, 2.5))), torch=""),
    made("linspace", lambda start, end, steps: np.linspace(start, end, steps), *(case(start=a, end=b, steps=n) for a, b, n in ((0, 1, 5), (-1.5, 2.5, 65), (3, 1, 4), (0, 1, 1), (2, 2, 3), (0, 1, 0))),
         call=lambda start, end, steps: lucid.linspace(start, end, steps), covers=(lucid.linspace,), torch=""),
    made("logspace", lambda start, end, steps, base=10.0: np.logspace(start, end, steps, base=base), case(start=0, end=3, steps=4),
         case(start=-2, end=2, steps=65), case(start=0, end=3, steps=4, base=2.0)),
]  # fmt: skip
