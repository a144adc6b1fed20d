"""Attention written as two products around a softmax."""

from __future__ import annotations

import numpy as np

from lucid._functions._common import as_type
from lucid.compiler._graph import Graph, Op, Value

Makers = dict[Value, Op]


def find_attention(graph: Graph) -> None:
    """softmax(q @ k.T * scale + mask) @ v of four-dimensional tensors, without the matrix of scores."""
    for product in list(graph.ops):
        if product.kind != "matmul":
            continue
        users, makers = graph.users(), graph.makers()
        chain: set[Op] = set()
        filled = _before(graph, product.inputs[0], "activation", makers, users, chain)
        guarded = filled is not None and filled.attributes == {"name": "fill_nan", "params": (0.0,)}
        if filled is not None and not guarded:
            continue
        weights = product.inputs[0] if filled is None else filled.inputs[0]
        softmax = _before(graph, weights, "softmax", makers, users, chain)
        if softmax is None or softmax.attributes["dim"] != 3:
            continue
        inner, mask = _masked(graph, softmax.inputs[0], makers, users, chain, guarded)
        scores, scale = _scaled(graph, inner, makers, users, chain)
        if scores is None:
            continue
        q, factor = _scaled_operand(graph, scores.inputs[0], makers, users, chain)
        kt, other = _scaled_operand(graph, scores.inputs[1], makers, users, chain)
        v, transposed = product.inputs[1], makers.get(kt)
        if transposed is None or transposed.kind != "permute" or not len(q.shape) == len(kt.shape) == len(v.shape) == 4:
            continue
        if not (q.shape[:2] == kt.shape[:2] == v.shape[:2]) or any(x.dtype.char != "f" for x in (q, kt, v)):
            continue
        k = Value((*kt.shape[:2], kt.shape[3], kt.shape[2]), kt.dtype)
        swap = Op("permute", [kt], [k], {"dims": (0, 1, 3, 2)}, None, [])
        attributes = {"mask": mask is not None, "scale": scale * factor * other, "causal": False}
        covers = [name for op in graph.ops if op in chain or op is product for name in op.covers]
        inputs = [q, k, v] if mask is None else [q, k, v, mask]
        at = graph.ops.index(product)
        graph.ops[at : at + 1] = [swap, Op("attention", inputs, product.outputs, attributes, None, covers)]
        graph.remove(chain)


def _masked(
    graph: Graph, x: Value, makers: Makers, users: dict[Value, list[Op]], chain: set[Op], guarded: bool
) -> tuple[Value, Value | None]:
    """The scores in ``x``, and the mask that was added to them; rows that it rules out whole must be 0 or not be."""
    op = makers.get(x)
    if op is None or op.kind != "add" or graph.sole_user(x, users) is None or op.attributes or len(op.inputs) != 2:
        return x, None
    for scores, mask in (op.inputs, op.inputs[::-1]):
        maker = makers.get(scores)
        fits = scores.shape == x.shape and not scores.constant and len(mask.shape) <= 4 and mask.dtype.char == "f"
        if maker is None or maker.kind not in ("matmul", "mul", "div") or not fits:
            continue
        if guarded or _finite(mask, makers):
            chain.add(op)
            return scores, mask
    return x, None


MOVES = ("reshape", "permute", "expand", "identity")


def _finite(x: Value, makers: Makers) -> bool:
    """Whether every row of a mask surely has a number above minus infinity, and none is NaN."""
    if x.array is not None:
        return bool((x.array.max(-1) > -np.inf).all() and not np.isnan(x.array).any())
    op = makers.get(x)
    if op is None:
        return False
    if op.kind == "where":
        return all(_all_finite(v) or _finite(v, makers) for v in op.inputs[:2])
    if op.kind == "call" and op.call is not None and op.call.operation is as_type:
        return op.inputs[0].dtype.kind in "biu"
    return op.kind in MOVES and _finite(op.inputs[0], makers)


def _all_finite(x: Value) -> bool:
    return x.array is not None and bool(np.isfinite(x.array).all())


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
