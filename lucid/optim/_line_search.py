"""The line search of L-BFGS: a step length that satisfies the strong Wolfe conditions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from lucid._tensor import Tensor

SUFFICIENT = 1e-4  # of the decrease that the slope at the start promises
FLATTER = 0.9  # of the slope at the start
TOLERANCE = 1e-9  # of the largest change of a parameter within the bracket


@dataclass(frozen=True)
class Point:
    """The objective at step length ``t``: its value, its gradient, and its slope along the direction."""

    t: float
    loss: float
    gradient: Tensor
    slope: float


def cubic_minimum(a: Point, b: Point, low: float, high: float) -> float:
    """Where the cubic through two points with their slopes is least, kept within [low, high]; the middle if nowhere."""
    if a.t > b.t:
        a, b = b, a
    mean = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = mean * mean - a.slope * b.slope
    if not square >= 0:
        return (low + high) / 2
    width = math.sqrt(square)
    denominator = b.slope - a.slope + 2 * width
    if denominator == 0:
        return low if math.isnan(denominator) else high
    return min(max(b.t - (b.t - a.t) * ((b.slope + width - mean) / denominator), low), high)


def strong_wolfe(
    evaluate: Callable[[float], Point], t: float, start: Point, size: float, most: int
) -> tuple[Point, int]:
    """Bracket a minimum along a direction, then shrink the bracket (Nocedal and Wright, algorithms 3.5 and 3.6).

    Args:
        evaluate: the point at a step length.
        t: the first step length to try.
        start: the point at step length 0.
        size: the largest element of the direction.
        most: how many further points to try.

    Returns:
        The best point, and how often ``evaluate`` was called.
    """
    previous, current, tried = start, evaluate(t), 0
    while tried < most:
        worse = tried > 1 and current.loss >= previous.loss
        if _too_high(current, start) or worse:
            ends = [previous, current]
            break
        if abs(current.slope) <= -FLATTER * start.slope:
            return current, tried + 1
        if current.slope >= 0:
            ends = [previous, current]
            break
        step = current.t - previous.t
        t = cubic_minimum(previous, current, current.t + 0.01 * step, current.t * 10)
        previous, current, tried = current, evaluate(t), tried + 1
    else:
        ends = [start, current]
    return _shrink(evaluate, ends, start, size, tried, most)


def _too_high(point: Point, start: Point) -> bool:
    return point.loss > start.loss + SUFFICIENT * point.t * start.slope


def _shrink(
    evaluate: Callable[[float], Point], ends: list[Point], start: Point, size: float, tried: int, most: int
) -> tuple[Point, int]:
    """The second half of the search: replace one end of the bracket after the other."""
    low = 0 if ends[0].loss <= ends[1].loss else 1
    stalled = False
    while tried < most and not abs(ends[1].t - ends[0].t) * size < TOLERANCE:
        left, right = sorted(end.t for end in ends)
        t = cubic_minimum(ends[0], ends[1], left, right)
        margin = 0.1 * (right - left)
        if min(right - t, t - left) < margin:
            if stalled or t >= right or t <= left:  # twice at the same end: move inwards
                t = right - margin if abs(t - right) < abs(t - left) else left + margin
                stalled = False
            else:
                stalled = True
        else:
            stalled = False
        new, tried = evaluate(t), tried + 1
        if _too_high(new, start) or new.loss >= ends[low].loss:
            ends[1 - low] = new
            low = 0 if ends[0].loss <= ends[1].loss else 1
            continue
        if abs(new.slope) <= -FLATTER * start.slope:
            return new, tried + 1
        if new.slope * (ends[1 - low].t - ends[low].t) >= 0:
            ends[1 - low] = ends[low]
        ends[low] = new
    return ends[low], tried + 1
