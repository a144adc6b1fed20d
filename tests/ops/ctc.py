"""Records of connectionist temporal classification."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from ops.record import Record, case

import lucid
import lucid.nn.functional as F

TARGETS = np.array([[1, 2, 0], [2, 2, 1]])
FRAMES, COUNTS = (4, 5), (2, 3)


def merged(path: Any, blank: int) -> tuple[int, ...]:
    return tuple(c for k, c in enumerate(path) if c != blank and (k == 0 or c != path[k - 1]))


def ctc(x: Any, targets: Any, reduction: str = "mean", blank: int = 0) -> Any:
    """By listing every path."""
    losses = np.zeros(x.shape[1], x.dtype)
    for n, (frames, count) in enumerate(zip(FRAMES, COUNTS)):
        wanted = tuple(targets[n, :count])
        paths = [p for p in itertools.product(range(x.shape[2]), repeat=frames) if merged(p, blank) == wanted]
        losses[n] = -np.log(np.sum([np.exp(np.sum(x[np.arange(frames), n, list(p)])) for p in paths]))
    if reduction == "mean":
        return np.mean(losses / np.array(COUNTS))
    return losses.sum() if reduction == "sum" else losses


def logits(function: Any, log_softmax: Any) -> Any:
    """Of logits, where PyTorch's gradient is the true one."""
    return lambda x, targets, **p: function(log_softmax(x, -1), targets, FRAMES, COUNTS, **p)


def normalised(x: Any) -> Any:
    return x - np.log(np.sum(np.exp(x), -1, keepdims=True))


RECORDS = [
    Record("ctc_loss", lambda x, t, **p: F.ctc_loss(x, t, FRAMES, COUNTS, **p), ctc, cases=tuple(case((5, 2, 3), TARGETS, reduction=r) for r in ("none", "mean", "sum")), elementwise=False,
           twice=False, ulp=(8, 16), scale=lambda x, t, **p: 20.0, why="sums of exponentials", grad_ulp=32, grad_floor=None, integer="", torch=""),
    Record("ctc_loss of logits", logits(F.ctc_loss, lucid.log_softmax), lambda x, t, **p: ctc(normalised(x), t, **p), cases=tuple(case((5, 2, 4), TARGETS + 1, reduction=r, blank=b)
           for r in ("none", "mean") for b in (0,)) + (case((5, 2, 4), TARGETS, blank=3),), elementwise=False, twice=False, ulp=(8, 16), scale=lambda x, t, **p: 20.0, why="sums of exponentials", grad_ulp=64, grad_floor=None, integer="",
           covers=(F.ctc_loss,), torch=lambda torch, x, t, **p: logits(torch.nn.functional.ctc_loss, torch.nn.functional.log_softmax)(x, t, **p)),
]  # fmt: skip
