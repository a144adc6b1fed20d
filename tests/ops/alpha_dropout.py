"""Records of alpha dropout and dropout of volumes where they are not random; `tests/nn/test_alpha_dropout.py` has the rest."""

from __future__ import annotations

import numpy as np
from ops.dropout import identity
from ops.record import Record, case

import lucid.nn.functional as F

SHAPES = {"dropout3d": (2, 2, 1, 3, 2), "alpha_dropout": (2, 3), "feature_alpha_dropout": (2, 3, 2)}

RECORDS = [
    *(identity(name, shape) for name, shape in SHAPES.items()),
    *(Record(f"{name} of everything", getattr(F, name), lambda x, p, training: np.zeros_like(x), cases=(case(shape, p=1.0, training=True),), elementwise=False,
             integer="", covers=(getattr(F, name),), torch=name, span=((0.1, 1),)) for name, shape in SHAPES.items()),
]  # fmt: skip
