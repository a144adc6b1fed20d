"""Means of whole planes, written as a sum and a division."""

from __future__ import annotations

import numpy as np

from lucid.compiler._graph import Graph, Op, Value


def find_means(graph: Graph) -> None:
    """x.sum((2, 3)) / (H * W) of (N, C, H, W) is global average pooling."""
    users, makers = graph.users(), graph.makers()
    for div in list(graph.ops):
        total = makers.get(div.inputs[0]) if div.kind == "div" else None
        if total is None or total.kind != "sum" or graph.sole_user(total.output, users) is not div:
            continue
        x, count = total.inputs[0], div.inputs[1].array
        if len(x.shape) != 4 or tuple(sorted(total.attributes["dims"])) != (2, 3) or count is None:
            continue
        if count.size != 1 or float(count.reshape(())) != np.prod(x.shape[2:]):
            continue
        pooled = Value((*x.shape[:2], 1, 1), x.dtype)
        pool = Op("adaptive_avg_pool2d", [x], [pooled], {"size": (1, 1)}, None, total.covers + div.covers)
        ops = [pool]
        if len(div.output.shape) == 2:
            ops.append(Op("reshape", [pooled], div.outputs, {"shape": div.output.shape}, None, []))
        else:
            pool.outputs = div.outputs
        at = graph.ops.index(div)
        graph.ops[at : at + 1] = ops
        graph.remove({total})
