"""Differences are sums: x - y = x + (-1) * y, to the last bit."""

from __future__ import annotations

import numpy as np

from lucid._functions.binary import Add
from lucid.compiler._graph import Graph, Op, Slot, Value


def find_differences(graph: Graph) -> None:
    """Every x - y of floating-point tensors as an addition."""
    for op in list(graph.ops):
        if op.kind != "call" or op.call is None or op.call.operation is not Add or len(op.call.args) != 3:
            continue
        first, second, alpha = op.call.args
        if alpha != -1 or not (isinstance(first, Slot) and isinstance(second, Slot)):
            continue
        x, y = op.inputs[first.at], op.inputs[second.at]
        if x.dtype.kind != "f" or y.dtype != x.dtype:
            continue
        if y.array is not None:
            negative = Value.of(-y.array, key=("negated", y.key))
        else:
            negative = Value(y.shape, y.dtype)
            factor = Value.of(np.array(-1, y.dtype))
            product = Op("mul", [y, factor], [negative], {}, None, [])
            graph.ops.insert(graph.ops.index(op), product)
        op.kind, op.inputs, op.call = "add", [x, negative], None
