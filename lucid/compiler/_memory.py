"""Where in one arena each intermediate result lies: results that are never alive together share memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

ALIGNMENT = 64
"""Bytes: a cache line, and the widest vector."""


class Span(NamedTuple):
    """``size`` bytes that are needed from step ``first`` to step ``last``, both included."""

    size: int
    first: int
    last: int


def arrange(spans: Sequence[Span]) -> tuple[list[int], int]:
    """Offsets, multiples of 64, at which no two spans overlap in both memory and time; and the bytes of all.

    The largest come first; each goes to the smallest gap that holds it between those it meets, or behind them.
    """
    offsets = [0] * len(spans)
    placed: list[int] = []
    total = 0
    for i in sorted(range(len(spans)), key=lambda i: (-spans[i].size, spans[i].first)):
        size = _rounded(spans[i].size)
        met = sorted((offsets[j], offsets[j] + _rounded(spans[j].size)) for j in placed if _meet(spans[i], spans[j]))
        at, best, end = -1, 0, 0
        for low, high in met:
            gap = low - end
            if gap >= size and (at < 0 or gap < best):
                at, best = end, gap
            end = max(end, high)
        offsets[i] = end if at < 0 else at
        total = max(total, offsets[i] + size)
        placed.append(i)
    return offsets, total


def _rounded(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


def _meet(a: Span, b: Span) -> bool:
    return a.first <= b.last and b.first <= a.last
