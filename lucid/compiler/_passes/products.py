"""Products with a constant matrix are linear layers: its weight, transposed, is packed once."""

from __future__ import annotations

import numpy as np

from lucid.compiler._graph import Graph, Op, Value


def find_linear(graph: Graph) -> None:
    """y = x @ m, and the addition of a constant row after it, as one linear layer."""
    users = graph.users()
    for op in list(graph.ops):
        if op.kind == "matmul" and len(op.inputs) == 2 and not op.inputs[0].constant:
            m = op.inputs[1]
            if m.array is None or len(m.shape) != 2 or m.dtype != np.float32 or op.output.dtype != m.dtype:
                continue
            weight = Value.of(np.ascontiguousarray(m.array.T), key=("transposed", m.key))
            op.kind, op.inputs, op.attributes, op.call = "linear", [op.inputs[0], weight], {"bias": False}, None
        if op.kind == "linear" and not op.attributes["bias"]:
            add = graph.sole_user(op.output, users)
            bias = None if add is None else row_of(add, op.output)
            if add is not None and bias is not None:
                op.inputs, op.attributes, op.call = [*op.inputs, bias], {**op.attributes, "bias": True}, None
                op.outputs, op.covers = add.outputs, op.covers + add.covers
                graph.remove({add})


def row_of(add: Op, x: Value) -> Value | None:
    """The constant that an addition to ``x`` adds to every row, if that is what it does."""
    if add.kind != "add" or len(add.inputs) != 2 or add.output.shape != x.shape or "activation" in add.attributes:
        return None
    other = add.inputs[1] if add.inputs[0] is x else add.inputs[0]
    n = x.shape[-1]
    if other.array is None or other.dtype != x.dtype or other.array.size != n or other.shape[-1:] != (n,):
        return None
    return other if other.shape == (n,) else Value.of(other.array.reshape(n), key=("row", other.key))
