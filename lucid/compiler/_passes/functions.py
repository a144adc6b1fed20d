"""Functions of a tensor and numbers, written as operations on two tensors, which steps do along the way."""

from __future__ import annotations

import math

import numpy as np

from lucid.compiler._graph import Graph, Op, Slot, Value

POWERS = {2.0: "square", 3.0: "cube", 0.5: "pow_half", -1.0: "reciprocal"}
"""Exponents with kernels of their own, as the eager function has it."""


def number(x: Value) -> float | None:
    """The number that a constant of one element is."""
    return None if x.array is None or x.array.size != 1 else float(x.array.reshape(()))


def find_functions(graph: Graph) -> None:
    """Powers, limits, and what stands in for NaN, as functions of one number."""
    users, makers = graph.users(), graph.makers()
    for op in list(graph.ops):
        if not op.inputs or op.inputs[0].dtype.kind != "f" or len(op.outputs) != 1:
            continue
        found = _clamp(op) or _power(op) or _filled(op, makers)
        if found is None:
            continue
        x, name, params = found
        if x.shape != op.output.shape or x.dtype != op.output.dtype:
            continue
        op.kind, op.inputs, op.attributes, op.call = "activation", [x], {"name": name, "params": params}, None
        before = makers.get(x)
        if before is not None and graph.sole_user(x, users) is op:
            _join(graph, before, op)
        users, makers = graph.users(), graph.makers()


def _clamp(op: Op) -> tuple[Value, str, tuple[float, ...]] | None:
    """Limits by numbers."""
    if op.kind == "clamp":
        low, high = op.attributes["low"], op.attributes["high"]
        if any(isinstance(limit, Slot) for limit in (low, high)):
            return None
        return op.inputs[0], *_limits(-math.inf if low is None else low, math.inf if high is None else high)
    if op.kind not in ("maximum", "minimum") or len(op.inputs) != 2:
        return None
    for x, y in (op.inputs, op.inputs[::-1]):
        limit = number(y)
        if limit is not None and not math.isnan(limit):
            return x, *(_limits(limit, math.inf) if op.kind == "maximum" else _limits(-math.inf, limit))
    return None


def _limits(low: float, high: float) -> tuple[str, tuple[float, ...]]:
    return ("relu", ()) if (low, high) == (0, math.inf) else ("hardtanh", (float(low), float(high)))


def _power(op: Op) -> tuple[Value, str, tuple[float, ...]] | None:
    exponent = number(op.inputs[1]) if op.kind == "pow" and len(op.inputs) == 2 else None
    return None if exponent not in POWERS else (op.inputs[0], POWERS[exponent], ())


def _filled(op: Op, makers: dict[Value, Op]) -> tuple[Value, str, tuple[float, ...]] | None:
    """where(isnan(x), number, x)."""
    if op.kind != "where" or len(op.inputs) != 3:
        return None
    other, x, condition = op.inputs
    test, filling = makers.get(condition), number(other)
    if test is None or test.call is None or test.call.operation is not np.isnan or test.inputs[0] is not x:
        return None
    return None if filling is None else (x, "fill_nan", (filling,))


def _join(graph: Graph, before: Op, op: Op) -> None:
    """Two limits one after the other as one."""
    first, second = _sides(before), _sides(op)
    if first is None or second is None:
        return
    (low, high), (low2, high2) = first, second
    if low <= high and low2 <= high2 and max(low, low2) <= min(high, high2):
        name, params = _limits(max(low, low2), min(high, high2))
        op.inputs, op.attributes = list(before.inputs), {"name": name, "params": params}
        op.covers = before.covers + op.covers
        graph.remove({before})


def _sides(op: Op) -> tuple[float, float] | None:
    if op.kind != "activation":
        return None
    if op.attributes["name"] == "relu":
        return 0.0, math.inf
    return op.attributes["params"] or (-1.0, 1.0) if op.attributes["name"] == "hardtanh" else None
