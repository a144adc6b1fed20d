"""Attention written as two products around a softmax."""

from __future__ import annotations

from lucid.compiler._graph import Graph, Op, Value

Makers = dict[Value, Op]


def find_attention(graph: Graph) -> None:
    """softmax(q @ k.T * scale) @ v of four-dimensional tensors, without the matrix of scores."""
    users, makers = graph.users(), graph.makers()
    for product in list(graph.ops):
        chain: set[Op] = set()
        if product.kind != "matmul":
            continue
        softmax = _before(graph, product.inputs[0], "softmax", makers, users, chain)
        if softmax is None or softmax.attributes["dim"] != 3:
            continue
        scores, scale = _scaled(graph, softmax.inputs[0], makers, users, chain)
        if scores is None:
            continue
        q, kt = scores.inputs
        more, factor = _scaled_operand(graph, q, makers, users, chain)
        transposed = makers.get(kt)
        if transposed is None or transposed.kind != "permute" or list(transposed.attributes["dims"]) != [0, 1, 3, 2]:
            continue
        q, k, v = more, transposed.inputs[0], product.inputs[1]
        if not (len(q.shape) == len(k.shape) == len(v.shape) == 4 and q.shape[:2] == k.shape[:2] == v.shape[:2]):
            continue
        attributes = {"mask": False, "scale": scale * factor, "causal": False}
        covers = [name for op in graph.ops if op in chain or op is product for name in op.covers]
        graph.ops[graph.ops.index(product)] = Op("attention", [q, k, v], product.outputs, attributes, None, covers)
        graph.remove(chain)


def _before(
    graph: Graph, x: Value, kind: str, makers: Makers, users: dict[Value, list[Op]], chain: set[Op]
) -> Op | None:
    """The operation of that kind that makes ``x`` for one reader only; it joins ``chain``."""
    op = makers.get(x)
    if op is None or op.kind != kind or graph.sole_user(x, users) is None:
        return None
    chain.add(op)
    return op


def _scaled(
    graph: Graph, x: Value, makers: Makers, users: dict[Value, list[Op]], chain: set[Op]
) -> tuple[Op | None, float]:
    """The product of matrices behind ``x``, and the number it was multiplied with."""
    inner, scale = _scaled_operand(graph, x, makers, users, chain)
    return _before(graph, inner, "matmul", makers, users, chain), scale


def _scaled_operand(
    graph: Graph, x: Value, makers: Makers, users: dict[Value, list[Op]], chain: set[Op]
) -> tuple[Value, float]:
    """``x`` without a multiplication with, or division by, one number; and that number."""
    op = makers.get(x)
    if op is None or op.kind not in ("mul", "div") or graph.sole_user(x, users) is None:
        return x, 1.0
    numbers = [i for i in (0, 1) if op.inputs[i].array is not None and op.inputs[i].array.size == 1]  # type: ignore[union-attr]
    if len(numbers) != 1 or (op.kind == "div" and numbers == [0]) or op.inputs[1 - numbers[0]].shape != x.shape:
        return x, 1.0
    array = op.inputs[numbers[0]].array
    assert array is not None
    number = float(array.reshape(()))
    if op.kind == "div" and number == 0:
        return x, 1.0
    chain.add(op)
    return op.inputs[1 - numbers[0]], number if op.kind == "mul" else 1 / number
