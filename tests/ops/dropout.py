"""Records of dropout where it is not random; `test_random.py` tests where it is."""

from __future__ import annotations

from typing import Any

import numpy as np
from ops.record import Record, case

import lucid.nn.functional as F


def identity(name: str, *shapes: Any) -> Record:
    """Outside training, and with probability 0, the input itself."""
    return Record(name, getattr(F, name), lambda x, **_: x, cases=tuple(case(s, **p) for s in shapes for p in (dict(training=False), dict(p=0.0))),
                  elementwise=False, ulp=(0, 0), grad_ulp=0, integer="", shares=True, batch=(0,))  # fmt: skip


RECORDS = [
    identity("dropout", (2, 3), (65,)), identity("dropout1d", (2, 3, 4)), identity("dropout2d", (2, 2, 3, 2)),
    *(Record(f"{name} of everything", getattr(F, name), lambda x, p: np.zeros_like(x), cases=(case(shape, p=1.0),), elementwise=False, integer="",
             covers=(getattr(F, name),), torch=name, span=((0.1, 1),))
      for name, shape in (("dropout", (2, 3)), ("dropout1d", (2, 3, 4)), ("dropout2d", (2, 2, 3, 2)))),
]  # fmt: skip
