"""Means, written as a sum and a division."""

from __future__ import annotations

import numpy as np

from lucid.compiler._graph import Graph, Op, Value


def find_means(graph: Graph) -> None:
    """x.sum(dims) / count is a mean; over the planes of (N, C, H, W), global average pooling."""
    users, makers = graph.users(), graph.makers()
    for div in list(graph.ops):
        total = makers.get(div.inputs[0]) if div.kind == "div" else None
        if total is None or total.kind != "sum" or graph.sole_user(total.output, users) is not div:
            continue
        x, count = total.inputs[0], div.inputs[1].array
        dims = tuple(sorted(total.attributes["dims"]))
        if count is None or count.size != 1 or not dims or dims != tuple(range(dims[0], dims[-1] + 1)):
            continue
        if float(count.reshape(())) != np.prod([x.shape[d] for d in dims]):
            continue
        if len(x.shape) != 4 or dims != (2, 3):
            attributes = {"dims": dims, "keepdim": total.attributes["keepdim"]}
            graph.ops[graph.ops.index(div)] = Op("mean", [x], div.outputs, attributes, None, total.covers + div.covers)
            graph.remove({total})
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
