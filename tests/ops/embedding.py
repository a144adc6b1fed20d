"""Records of table look-ups, one-hot codes and bilinear forms."""

from __future__ import annotations

from typing import Any

import numpy as np
from ops.record import Record, case, example

import lucid.nn.functional as F

INDEX = np.array([[0, 2, 1], [2, 2, 4]])


def bilinear(x: Any, y: Any, w: Any, b: Any = None) -> Any:
    return np.einsum("...i,oij,...j->...o", x, w, y) + (0 if b is None else b)


RECORDS = [
    Record("embedding", F.embedding, lambda index, weight, padding_idx=None: weight[index], elementwise=False, ulp=(0, 0), integer="", grad_ulp=4, batch=(0,),
           cases=(case(INDEX, (5, 3)), case(INDEX.astype(np.int32), (5, 3)), case(np.array(3), (5, 3)), case(np.zeros((0, 2), np.int64), (5, 3)),
                  case(np.arange(65) % 7, (7, 33))),
           large=(case(np.arange(3000) % 97, (97, 64)),),
           examples=(example([1, 1, 0], [[1.0, 2], [3, 4]], value=([[3, 4], [3, 4], [1, 2]],), grad=[[1, 1], [2, 2]]),)),
    Record("embedding with padding", F.embedding, lambda index, weight, padding_idx: weight[index], elementwise=False, ulp=(0, 0), integer="", grad_ulp=4,
           cases=(case(INDEX, (5, 3), padding_idx=0),), torch="embedding", differentiable=False, twice=True,
           examples=(example([1, 1, 0], [[1.0, 2], [3, 4]], value=([[3, 4], [3, 4], [1, 2]],), grad=[[1, 1], [0, 0]], padding_idx=1),
                     example([1, 1, 0], [[1.0, 2], [3, 4]], value=([[3, 4], [3, 4], [1, 2]],), grad=[[0, 0], [2, 2]], padding_idx=-2))),
    Record("one_hot", F.one_hot, lambda index, num_classes=-1: np.eye(num_classes if num_classes > 0 else index.max() + 1, dtype=np.int64)[index],
           cases=(case(INDEX), case(INDEX, num_classes=7), case(np.array(2)), case(np.zeros(0, np.int64), num_classes=3)), elementwise=False, ulp=(0, 0),
           differentiable=False, integer=""),
    Record("bilinear", F.bilinear, bilinear, cases=(case((2, 2), (2, 3), (2, 2, 3), (2,)), case((2,), (3,), (4, 2, 3)), case((5, 2, 2), (5, 2, 3), (4, 2, 3), (4,)),
                                                    case((0, 2), (0, 3), (4, 2, 3))), elementwise=False, ulp=(12, 12), grad_ulp=64, grad_floor=None, integer="",
           scale=lambda *a: bilinear(*map(np.abs, a)), why="products may cancel"),
]  # fmt: skip
