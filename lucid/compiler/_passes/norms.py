"""Layer norm and RMS norm written out: differences from means, divided by their root mean square."""

from __future__ import annotations

from lucid.compiler._graph import Graph, Op, Value
from lucid.compiler._passes.functions import number

Makers = dict[Value, Op]


def find_norms(graph: Graph) -> None:
    """(x - mean(x)) / sqrt(mean((x - mean(x))^2) + eps), its weight and its bias, as one operation."""
    makers = graph.makers()
    for op in list(graph.ops):
        found = _normalised(op, makers)
        if found is None:
            continue
        centred, eps = found
        x = _of_centred(centred, makers)
        attributes = {"weight": False, "bias": False, "eps": eps, "size": centred.shape[-1], "rms": x is None}
        norm = Op("layer_norm", [centred if x is None else x], op.outputs, attributes, None, op.covers)
        graph.ops[graph.ops.index(op)] = norm
        _take(graph, norm, "mul", "weight")
        if x is not None:
            _take(graph, norm, "add", "bias")
        makers = graph.makers()


def _normalised(op: Op, makers: Makers) -> tuple[Value, float] | None:
    """(v, eps) of v / sqrt(mean(v^2) + eps) over the last dimension."""
    if op.kind not in ("mul", "div") or len(op.inputs) != 2 or op.attributes or op.output.dtype.char != "f":
        return None
    for v, root in (op.inputs, op.inputs[::-1]) if op.kind == "mul" else (op.inputs,):
        inverse = makers.get(root)
        if op.kind == "mul" and inverse is not None and inverse.kind == "div" and number(inverse.inputs[0]) == 1:
            inverse = makers.get(inverse.inputs[1])
            wanted: tuple[str, ...] = ("sqrt", "pow_half")
        elif op.kind == "mul" and inverse is not None and _is(inverse, "reciprocal"):
            inverse = makers.get(inverse.inputs[0])
            wanted = ("sqrt", "pow_half")
        else:
            wanted = ("rsqrt",) if op.kind == "mul" else ("sqrt", "pow_half")
        if inverse is None or not any(_is(inverse, name) for name in wanted):
            continue
        total = makers.get(inverse.inputs[0])
        if total is None or total.kind != "add" or v.shape != op.output.shape:
            continue
        for mean, eps in (total.inputs, total.inputs[::-1]):
            amount = number(eps)
            if amount is not None and _is_mean_square(makers.get(mean), v, makers):
                return v, amount
    return None


def _is(op: Op, name: str) -> bool:
    return op.kind == "activation" and op.attributes["name"] == name


def _is_row_mean(op: Op | None) -> bool:
    """Whether it is a mean over the last dimension, which is kept."""
    if op is None or op.kind != "mean":
        return False
    return tuple(op.attributes["dims"]) == (len(op.inputs[0].shape) - 1,) and bool(op.attributes["keepdim"])


def _is_mean_square(op: Op | None, v: Value, makers: Makers) -> bool:
    if op is None or not _is_row_mean(op):
        return False
    square = makers.get(op.inputs[0])
    if square is None or "activation" in square.attributes:
        return False
    return all(_same(x, v, makers) for x in square.inputs) and (_is(square, "square") or square.kind == "mul")


def _same(x: Value, v: Value, makers: Makers) -> bool:
    """Whether two values are one, or are computed alike: files hold the difference from the mean twice at times."""
    if x is v:
        return True
    a, b = makers.get(x), makers.get(v)
    if (
        a is None
        or b is None
        or a.kind != b.kind
        or a.kind not in ("add", "mul", "mean")
        or a.attributes != b.attributes
    ):
        return False
    return len(a.inputs) == len(b.inputs) and all(
        _same(p, q, makers) or (p.constant and number(p) is not None and number(p) == number(q))
        for p, q in zip(a.inputs, b.inputs)
    )


def _of_centred(v: Value, makers: Makers) -> Value | None:
    """The x of which ``v`` is x - mean(x)."""
    add = makers.get(v)
    if add is None or add.kind != "add" or add.attributes:
        return None
    for x, other in (add.inputs, add.inputs[::-1]):
        negative = makers.get(other)
        if negative is None or negative.kind != "mul" or number(negative.inputs[1]) != -1:
            continue
        mean = makers.get(negative.inputs[0])
        if mean is not None and _is_row_mean(mean) and mean.inputs[0] is x and x.shape == v.shape:
            return x
    return None


def _take(graph: Graph, norm: Op, kind: str, name: str) -> None:
    """The multiplication with, or the addition of, a constant row after a norm becomes part of it."""
    then = graph.sole_user(norm.output, graph.users())
    if then is None or then.kind != kind or len(then.inputs) != 2 or then.attributes:
        return
    other = then.inputs[1] if then.inputs[0] is norm.output else then.inputs[0]
    n = norm.attributes["size"]
    if other.array is None or other.array.size != n or other.shape[-1:] != (n,) or other.dtype != norm.output.dtype:
        return
    row = other if other.shape == (n,) else Value.of(other.array.reshape(n), key=("row", other.key))
    if then.output.shape != norm.output.shape:
        return
    norm.inputs, norm.attributes[name] = [*norm.inputs, row], True
    norm.outputs, norm.covers = then.outputs, norm.covers + then.covers
    graph.remove({then})
