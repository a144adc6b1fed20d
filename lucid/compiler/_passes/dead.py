"""Operations whose results nobody reads."""

from __future__ import annotations

from lucid.compiler._graph import Graph


def remove_dead(graph: Graph) -> None:
    """Drop them; a max pooling whose positions nobody reads has one result."""
    live = set(graph.outputs)
    kept = []
    for op in reversed(graph.ops):
        if any(y in live for y in op.outputs):
            kept.append(op)
            live.update(op.inputs)
            if op.kind == "max_pool2d" and len(op.outputs) == 2 and op.outputs[1] not in live:
                op.outputs = op.outputs[:1]
    graph.ops = kept[::-1]
