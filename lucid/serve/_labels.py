"""The classes with the highest scores, by name."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lucid.serve._model import ModelError


class Scored(NamedTuple):
    """A class: its number, its label (the number as text where there are no labels) and its score."""

    number: int
    label: str
    score: float

    def plain(self) -> dict[str, int | str | float | None]:
        """Its entries for JSON, which has no number for NaN and infinities: None."""
        return {**self._asdict(), "score": self.score if math.isfinite(self.score) else None}


def read_labels(path: str | os.PathLike[str]) -> list[str]:
    """The labels in a text file: one per line, in the order of the classes.

    Raises:
        ModelError: there is no such file, or it is no text.
    """
    try:
        with open(path, encoding="utf-8") as file:
            found = [line.strip() for line in file.read().rstrip().splitlines()]
    except OSError as error:
        raise ModelError(f"{os.fspath(path)}: {(error.strerror or 'cannot be read').lower()}") from None
    except UnicodeDecodeError:
        raise ModelError(f"{os.fspath(path)}: is not UTF-8 text") from None
    if not found:
        raise ModelError(f"{os.fspath(path)}: holds no labels")
    return found


def top_classes(scores: np.ndarray, count: int, labels: Sequence[str] = (), softmax: bool = True) -> list[list[Scored]]:
    """The ``count`` best classes of each row, best first; equal scores in the order of the classes.

    Args:
        scores: (rows, classes).
        count: how many; fewer where there are fewer classes.
        labels: names of the classes.
        softmax: give probabilities, exp(s) / sum(exp(s)), instead of the scores.

    Raises:
        ValueError: the scores are not of that shape, or there are more or fewer labels than classes.
    """
    if scores.ndim != 2 or scores.dtype.kind not in "fiu":
        raise ValueError(f"the model gives {scores.dtype} of shape {scores.shape}, not one score per class")
    if labels and len(labels) != scores.shape[1]:
        raise ValueError(f"the model has {scores.shape[1]} classes, but there are {len(labels)} labels")
    values = scores.astype(np.float64)
    if softmax:
        with np.errstate(invalid="ignore"):  # NaN, which an infinite score becomes
            values = np.exp(values - values.max(1, keepdims=True))
            values /= values.sum(1, keepdims=True)
    order = np.argsort(-values, axis=1, kind="stable")[:, :count]
    return [
        [Scored(int(i), labels[i] if labels else str(i), float(row[i])) for i in best]
        for row, best in zip(values, order)
    ]
