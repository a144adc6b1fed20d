"""Additions of something else to the result of a convolution or linear layer."""

from __future__ import annotations

from lucid.compiler._graph import Graph, Op, Value


def fuse_residuals(graph: Graph) -> None:
    """y = layer(x) + r as one operation, or, where the layer has an activation f already, y = f(layer(x)) + r."""
    users, makers = graph.users(), graph.makers()
    order = {op: i for i, op in enumerate(graph.ops)}
    for add in list(graph.ops):
        if add.kind != "add" or any(x.constant or x.shape != add.output.shape for x in add.inputs):
            continue
        layers = [makers[x] for x in add.inputs if x in makers and _fits(graph, makers[x], add, users)]
        if not layers or add.inputs[0] is add.inputs[1]:
            continue
        layer = max(layers, key=order.__getitem__)
        other = add.inputs[1] if add.inputs[0] is layer.output else add.inputs[0]
        layer.inputs = [*layer.inputs, other]
        layer.attributes["residual"] = True
        if "activation" in layer.attributes:
            layer.attributes["activation_first"] = True
        elif "activation" in add.attributes:
            layer.attributes["activation"] = add.attributes["activation"]
        layer.outputs, layer.call, layer.covers = add.outputs, None, layer.covers + add.covers
        # It moves to the place of the addition, where the other operand is known to be there.
        graph.remove({layer})
        graph.ops[graph.ops.index(add)] = layer
        makers[layer.output] = layer


def _fits(graph: Graph, layer: Op, add: Op, users: dict[Value, list[Op]]) -> bool:
    if layer.kind not in ("conv2d", "linear") or layer.attributes.get("residual"):
        return False
    if "activation" in layer.attributes and "activation" in add.attributes:
        return False
    return graph.sole_user(layer.output, users) is add
