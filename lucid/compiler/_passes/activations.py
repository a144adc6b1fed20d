"""Activations right after what can apply them while a result is still in registers."""

from __future__ import annotations

from lucid.compiler._graph import Graph

PRODUCERS = {"conv2d", "conv_transpose2d", "linear", "add", "mul", "div", "maximum", "minimum"}

UNBOUNDED = ("log", "reciprocal", "rsqrt")
"""Functions that are infinite at 0, which is what the channels of a block that there are not may hold."""


def fuse_activations(graph: Graph) -> None:
    """y = f(op(x)) as one operation, where nothing else reads op(x)."""
    users = graph.users()
    for op in list(graph.ops):
        if op.kind not in PRODUCERS or "activation" in op.attributes:
            continue
        if op.kind == "mul" and any(x.shape != op.output.shape for x in op.inputs if not x.constant):
            continue  # a scale of channels, which has a step of its own
        then = graph.sole_user(op.output, users)
        if then is not None and then.kind == "activation":
            if op.kind.startswith("conv") and then.attributes["name"] in UNBOUNDED:
                continue
            op.attributes["activation"] = (then.attributes["name"], then.attributes["params"])
            op.outputs, op.covers = then.outputs, op.covers + then.covers
            graph.remove({then})
