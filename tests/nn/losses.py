"""What the tests of losses share: draws, exact references, reductions."""

from __future__ import annotations

from typing import Any

import numpy as np

REDUCTIONS = ["none", "mean", "sum"]


def draw(*shape: int, seed: int = 0, low: float = -3, high: float = 3) -> np.ndarray:
    return np.random.default_rng(seed).uniform(low, high, shape)


def indices(shape: tuple[int, ...], classes: int, ignore_index: int = -100) -> np.ndarray:
    t = np.random.default_rng(1).integers(0, classes, shape)
    if t.size > 2:
        t.flat[1] = ignore_index
    return t


def log_softmax(x: np.ndarray, axis: int) -> np.ndarray:
    x = x - x.max(axis, keepdims=True)
    return x - np.log(np.exp(x).sum(axis, keepdims=True))


def reduce(loss: np.ndarray, reduction: str, total: float | None = None) -> Any:
    if reduction == "none":
        return loss
    with np.errstate(invalid="ignore"):  # nothing but ignored targets
        return loss.sum() if reduction == "sum" else loss.sum() / (loss.size if total is None else total)
