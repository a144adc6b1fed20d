"""Rows of a table at places that may count from its end, as ONNX has it: the lookup does that by itself."""

from __future__ import annotations

from lucid._functions.choice import Where
from lucid.compiler._graph import Graph, Op, Slot, Value
from lucid.compiler._passes.functions import number


def find_lookups(graph: Graph) -> None:
    """An embedding of where(i < 0, i + rows, i) as one of i."""
    makers = graph.makers()
    for op in graph.ops:
        if op.kind == "embedding" and len(op.inputs) == 2:
            index = _places(makers.get(op.inputs[1]), op.inputs[0].shape[0], makers)
            if index is not None:
                op.inputs, op.attributes, op.call = [op.inputs[0], index], {"negative": True}, None


def _places(op: Op | None, rows: int, makers: dict[Value, Op]) -> Value | None:
    """The i of which ``op`` is where(i < 0, i + rows, i)."""
    if op is None or op.call is None or op.call.operation is not Where:
        return None
    slots = op.call.args
    if len(slots) != 3 or not all(isinstance(s, Slot) for s in slots):
        return None
    moved, index, condition = [op.inputs[s.at] for s in slots]
    add, less = makers.get(moved), makers.get(condition)
    if add is None or less is None or index.dtype.str != "<i8" or index.constant or index.shape != moved.shape:
        return None
    if not _is(add, "Add", index, rows) or not _is(less, "less", index, 0):
        return None
    return index


def _is(op: Op, name: str, x: Value, n: int) -> bool:
    """Whether ``op`` is an operation of that name on ``x`` and a number."""
    if op.call is None or getattr(op.call.operation, "__name__", "") != name or len(op.call.args) != 2:
        return False
    values = [op.inputs[a.at] if isinstance(a, Slot) else a for a in op.call.args]
    second = values[1]
    return values[0] is x and (number(second) if isinstance(second, Value) else second) == n
