"""Records of the few functions that are a line of others."""

from __future__ import annotations

from typing import Any

import numpy as np
from ops.record import Record, case, example, nan, sample

import lucid
from lucid import Tensor


def filled(x: Any, fill_value: float, wrap: bool = False) -> Any:
    y = np.array(x)
    np.fill_diagonal(y, fill_value, wrap)
    return y


KINKS = (0.5,)
BOUND = dict(elementwise=False, integer="", kinks=KINKS, cases=(case((5,)), case((2, 3)), case(())))
RECORDS = [
    Record("clamp_min by a number", lambda x: lucid.clamp_min(x, 0.5), lambda x: np.maximum(x, 0.5), covers=(lucid.clamp_min,), torch=lambda torch, x: torch.clamp_min(x, 0.5), ulp=(0, 0),
           examples=(example([0.0, 1, nan], value=([0.5, 1, nan],)),), **BOUND),
    Record("clamp_max by a number", lambda x: lucid.clamp_max(x, 0.5), lambda x: np.minimum(x, 0.5), covers=(lucid.clamp_max,), torch=lambda torch, x: torch.clamp_max(x, 0.5), ulp=(0, 0),
           examples=(example([0.0, 1, nan], value=([0, 0.5, nan],)),), **BOUND),
    Record("msort", lucid.msort, lambda x: np.sort(x, 0), elementwise=False, cases=(sample((5, 2)), sample((4,))), ulp=(0, 0), integer="same", grad_ulp=2),
    Record("unravel_index", lucid.unravel_index, lambda i, shape: np.unravel_index(i, shape), elementwise=False, cases=(sample(np.array([[0, 5], [11, 7]]), shape=(3, 4)), sample(np.array(3), shape=(2, 2, 2))),
           differentiable=False, integer=""),
    Record("broadcast_shapes", lambda x, y: lucid.zeros(lucid.broadcast_shapes(x.shape, y.shape)), lambda x, y: np.zeros(np.broadcast_shapes(x.shape, y.shape), np.float32), elementwise=False, differentiable=False,
           cases=(sample(np.zeros((3, 1), int), np.zeros((1, 4), int)), sample(np.zeros((2,), int), np.array(1))), covers=(lucid.broadcast_shapes,), integer="", torch=""),
    Record("sum_to_size", lambda x, size: Tensor.sum_to_size(x, *size), lambda x, size: np.sum(x, (0, 2), keepdims=True)[0] if x.ndim == 3 else np.sum(x, 1, keepdims=True), elementwise=False,
           cases=(sample((2, 3, 4), size=(3, 1)), sample((2, 3), size=(2, 1))), covers=(Tensor.sum_to_size,), torch=lambda torch, x, size: x.sum_to_size(*size), integer="",
           scale=lambda x, size: np.full((), 8.0), why="sums may cancel"),
    Record("fill_diagonal_", lambda x, **p: Tensor.fill_diagonal_(x.clone(), **p), filled, elementwise=False, covers=(Tensor.fill_diagonal_,), torch=lambda torch, x, **p: x.clone().fill_diagonal_(**p), ulp=(0, 0), integer="same", grad_ulp=0,
           cases=(sample((3, 3), fill_value=2), sample((5, 2), fill_value=2), sample((5, 2), fill_value=2, wrap=True), sample((7, 3), fill_value=1, wrap=True), sample((2, 4), fill_value=2), sample((2, 2, 2), fill_value=2))),
]  # fmt: skip
