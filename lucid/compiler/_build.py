"""From a traced graph to a program: the passes in their order, then one step per operation."""

from __future__ import annotations

from typing import Any

import numpy as np

from lucid.autograd._node import View
from lucid.compiler._execute import Program, Step
from lucid.compiler._graph import Graph, Op, Pass, Value
from lucid.compiler._passes import PASSES
from lucid.compiler._record import recognise
from lucid.compiler._steps import step_of

VIEWS = {"reshape", "permute", "expand", "identity"}


def optimise(graph: Graph, passes: tuple[Pass, ...] = PASSES) -> None:
    """Recognise the operations of a fresh trace and rewrite them."""
    recognise(graph)
    for each in passes:
        each(graph)


def is_view(op: Op) -> bool:
    """Whether the result may share memory with the first input."""
    if op.kind in VIEWS:
        return True
    operation: Any = None if op.call is None else op.call.operation
    return isinstance(operation, type) and issubclass(operation, View)


def roots(graph: Graph) -> dict[Value, Value]:
    """For each value the one whose memory it may share, itself for most."""
    found: dict[Value, Value] = {x: x for x in graph.inputs}
    for op in graph.ops:
        for y in op.outputs:
            found[y] = found.get(op.inputs[0], op.inputs[0]) if is_view(op) else y
    return found


def lower(graph: Graph) -> Program:
    """A program for ``graph``."""
    places: dict[Value, int] = {}
    values: list[np.ndarray | None] = []

    def place(x: Value) -> int:
        if x not in places:
            places[x] = len(values)
            values.append(x.array)
        return places[x]

    for x in graph.inputs:
        place(x)
    last: dict[Value, int] = {x: i for i, op in enumerate(graph.ops) for x in op.inputs}
    last |= dict.fromkeys(graph.outputs, len(graph.ops))
    steps = []
    for i, op in enumerate(graph.ops):
        sources, targets = tuple(map(place, op.inputs)), tuple(map(place, op.outputs))
        frees = [places[x] for x in {*op.inputs, *op.outputs} if not x.constant and last.get(x, i) <= i]
        steps.append(Step(step_of(op), sources, targets, tuple(frees)))
    root, seen, outputs = roots(graph), set[Value](), []
    for y in graph.outputs:
        owner = root.get(y, y)
        outputs.append((place(y), owner in graph.inputs or owner.constant or owner in seen))
        seen.add(owner)
    return Program(values, steps, outputs)
