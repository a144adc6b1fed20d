"""From a traced graph to a program: the passes in order, then runs of compiled steps and calls between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lucid import _ops
from lucid.autograd._node import View
from lucid.compiler._builder import Builder, Packing
from lucid.compiler._execute import Program, Step
from lucid.compiler._graph import Graph, Op, Pass, Value
from lucid.compiler._lowering import lowering_of
from lucid.compiler._passes import PASSES
from lucid.compiler._record import recognise
from lucid.compiler._segment import Segment
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


def split(graph: Graph) -> list[list[Op]]:
    """The operations in order: runs that one compiled plan does, and single ones that stay calls.

    An operation joins the last run that comes after everything it reads, so that a call in one branch does not part
    the others.
    """
    groups: list[tuple[bool, list[Op]]] = []
    made: dict[Value, int] = {}
    for op in graph.ops:
        compiled = lowering_of(op) is not None
        earliest = max([made.get(x, -1) for x in op.inputs], default=-1)
        at = (
            next((i for i in range(len(groups) - 1, max(earliest, 0) - 1, -1) if groups[i][0]), None)
            if compiled
            else None
        )
        if at is None:
            at = len(groups)
            groups.append((compiled, []))
        groups[at][1].append(op)
        made |= dict.fromkeys(op.outputs, at)
    return [ops for _, ops in groups]


def worth(ops: list[Op]) -> bool:
    """Whether a run is more than views."""
    return any(not is_view(op) for op in ops)


def segment(graph: Graph, ops: list[Op], packing: Packing) -> tuple[Segment, list[Value], list[Value]]:
    """The compiled form of a run, and what it reads and gives."""
    made = {y for op in ops for y in op.outputs}
    inside = set(ops)
    inputs = list(dict.fromkeys(x for op in ops for x in op.inputs if x not in made and not x.constant))
    wanted = {x for op in graph.ops if op not in inside for x in op.inputs} | set(graph.outputs)
    outputs = [y for op in ops for y in op.outputs if y in wanted]
    builder = Builder(packing, inputs, outputs)
    for op in ops:
        lowering = lowering_of(op)
        assert lowering is not None
        builder.add(op, lowering.emit)
    return Segment(builder.finish()), inputs, outputs


def lower(graph: Graph, packing: Packing, single: Callable[[Op], Any] | None = None) -> Program:
    """A program for ``graph``; with ``single`` every operation is a step of its own, the function that gives for it."""
    compiled = single is None and hasattr(_ops, "Plan")
    parts: list[tuple[Any, list[Value], list[Value], Op | None]] = []
    fresh: set[Value] = set()  # made by segments, which never give views
    for ops in split(graph) if compiled else [[op] for op in graph.ops]:
        if compiled and lowering_of(ops[0]) is not None and worth(ops):
            made = segment(graph, ops, packing)
            parts.append((*made, None))
            fresh.update(made[2])
        else:
            parts += [((single or step_of)(op), op.inputs, op.outputs, op) for op in ops]
    places: dict[Value, int] = {}
    values: list[np.ndarray | None] = []

    def place(x: Value) -> int:
        if x not in places:
            places[x] = len(values)
            values.append(x.array)
        return places[x]

    for x in graph.inputs:
        place(x)
    last: dict[Value, int] = {x: i for i, part in enumerate(parts) for x in part[1]}
    last |= dict.fromkeys(graph.outputs, len(parts))
    steps = []
    for i, (run, sources, targets, op) in enumerate(parts):
        frees = [place(x) for x in {*sources, *targets} if not x.constant and last.get(x, i) <= i]
        steps.append(Step(run, tuple(map(place, sources)), tuple(map(place, targets)), tuple(frees), op))
    root, seen, outputs = roots(graph), set[Value](), []
    for y in graph.outputs:
        owner = y if y in fresh else root.get(y, y)
        outputs.append((place(y), owner in graph.inputs or owner.constant or owner in seen))
        seen.add(owner)
    return Program(values, steps, outputs)
