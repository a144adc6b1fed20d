"""Activations written out, as files of other frameworks hold them: GELU by erf or tanh, SiLU, hardswish, Mish.

What surrounds an inner function t is taken as a polynomial in x and t: however its factors are ordered, the product
0.5 * x * (1 + t), with t = erf(x / sqrt(2)), has the terms 0.5 x and 0.5 x t.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from lucid.compiler._graph import Graph, Op, Value
from lucid.compiler._passes.functions import number

Powers = tuple[int, int]
Polynomial = dict[Powers, float]
"""Coefficients by the powers of x and of t."""

DEPTH = 6
"""Operations between t and x or y, at most."""


class Formula(NamedTuple):
    """``name`` of x is ``outer``, a polynomial in x and t = ``inner`` of the polynomial ``argument`` in x."""

    name: str
    inner: tuple[str, tuple[float, ...]]
    argument: Polynomial
    outer: Polynomial


X: Polynomial = {(1, 0): 1.0}
ROOT = math.sqrt(2 / math.pi)
HALVES: Polynomial = {(1, 0): 0.5, (1, 1): 0.5}
SIXTH: Polynomial = {(1, 0): 1 / 6, (0, 0): 0.5}

FORMULAS = (
    Formula("gelu", ("erf", ()), {(1, 0): math.sqrt(0.5)}, HALVES),
    Formula("gelu_tanh", ("tanh", ()), {(1, 0): ROOT, (3, 0): 0.044715 * ROOT}, HALVES),
    Formula("silu", ("sigmoid", ()), X, {(1, 1): 1.0}),
    Formula("hardswish", ("hardsigmoid", (1 / 6, 0.5)), X, {(1, 1): 1.0}),
    Formula("hardswish", ("hardtanh", (0.0, 6.0)), {(1, 0): 1.0, (0, 0): 3.0}, {(1, 1): 1 / 6}),
    Formula("hardswish", ("hardtanh", (0.0, 1.0)), SIXTH, {(1, 1): 1.0}),
    Formula("hardsigmoid", ("hardtanh", (0.0, 6.0)), {(1, 0): 1.0, (0, 0): 3.0}, {(0, 1): 1 / 6}),
    Formula("hardsigmoid", ("hardtanh", (0.0, 1.0)), SIXTH, {(0, 1): 1.0}),
)
PARAMETERS: dict[str, tuple[float, ...]] = {"hardswish": (1 / 6, 0.5), "hardsigmoid": (1 / 6, 0.5)}


def find_formulas(graph: Graph) -> None:
    """Every activation that is written out, as one operation; what is then not read any more is removed later."""
    makers = graph.makers()
    for inner in list(graph.ops):
        if inner.kind != "activation" or inner.output.dtype.kind != "f":
            continue
        for formula in FORMULAS:
            if _same_function(inner, formula.inner) and _replace(graph, inner, formula, makers):
                makers = graph.makers()
                break
    _find_mish(graph)


def _same_function(op: Op, wanted: tuple[str, tuple[float, ...]]) -> bool:
    name, params = op.attributes["name"], tuple(op.attributes["params"])
    return name == wanted[0] and len(params) == len(wanted[1]) and all(map(_near, params, wanted[1]))


def _replace(graph: Graph, inner: Op, formula: Formula, makers: dict[Value, Op]) -> bool:
    """Whether ``inner`` is part of ``formula``, which is then one operation."""
    for x in _candidates(inner.inputs[0], makers):
        if not _equal(_polynomial(inner.inputs[0], {x: (1, 0)}, makers), formula.argument):
            continue
        for op in _after(graph, inner):
            if _equal(_polynomial(op.output, {x: (1, 0), inner.output: (0, 1)}, makers), formula.outer):
                attributes = {"name": formula.name, "params": PARAMETERS.get(formula.name, ())}
                covers = op.covers if op is inner else [*inner.covers, *op.covers]
                graph.ops[graph.ops.index(op)] = Op("activation", [x], op.outputs, attributes, None, covers)
                return True
    return False


def _candidates(argument: Value, makers: dict[Value, Op]) -> Iterator[Value]:
    """Values of which ``argument`` may be a polynomial."""
    seen: dict[Value, None] = {argument: None}
    for _ in range(DEPTH):
        for v in list(seen):
            op = makers.get(v)
            if op is not None and op.kind in ("add", "mul", "div", "activation"):
                same = [x for x in op.inputs if not x.constant and x.shape == argument.shape]
                seen |= dict.fromkeys(same)
    yield from seen


def _after(graph: Graph, inner: Op) -> Iterator[Op]:
    """The operations that make something of the same shape from the result of ``inner``, step by step."""
    users, op = graph.users(), inner
    yield inner
    for _ in range(DEPTH):
        found = users.get(op.output, [])
        if len(found) != 1 or found[0].kind not in ("add", "mul", "div") or found[0].output.shape != inner.output.shape:
            return
        op = found[0]
        yield op


def _polynomial(
    v: Value, names: dict[Value, Powers], makers: dict[Value, Op], depth: int = 2 * DEPTH
) -> Polynomial | None:
    """``v`` in terms of ``names``; None where it is no polynomial in them."""
    if v in names:
        return {names[v]: 1.0}
    if v.constant:
        constant = number(v)
        return None if constant is None else {(0, 0): constant}
    op = makers.get(v)
    if op is None or depth == 0 or "activation" in op.attributes:
        return None
    if op.kind == "activation" and op.attributes["name"] in ("square", "cube"):
        p = _polynomial(op.inputs[0], names, makers, depth - 1)
        times = 2 if op.attributes["name"] == "square" else 3
        return None if p is None or len(p) > 2 else _product(*[p] * times)
    if op.kind not in ("add", "mul", "div") or len(op.inputs) != 2:
        return None
    p, q = [_polynomial(x, names, makers, depth - 1) for x in op.inputs]
    if p is None or q is None:
        return None
    if op.kind == "add":
        return {powers: p.get(powers, 0.0) + q.get(powers, 0.0) for powers in {*p, *q}}
    if op.kind == "mul":
        return _product(p, q)
    return {powers: c / q[0, 0] for powers, c in p.items()} if q.keys() == {(0, 0)} and q[0, 0] else None


def _product(*factors: Polynomial) -> Polynomial:
    y: Polynomial = {(0, 0): 1.0}
    for p in factors:
        terms = [((a[0] + b[0], a[1] + b[1]), c * d) for a, c in y.items() for b, d in p.items()]
        y = {}
        for powers, c in terms:
            y[powers] = y.get(powers, 0.0) + c
    return y


def _equal(p: Polynomial | None, q: Polynomial) -> bool:
    """But for the rounding of coefficients."""
    return p is not None and p.keys() == q.keys() and all(_near(p[powers], q[powers]) for powers in q)


def _near(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=1e-5)


def _find_mish(graph: Graph) -> None:
    """x * tanh(softplus(x))."""
    makers = graph.makers()
    for op in graph.ops:
        for x, t in (op.inputs, op.inputs[::-1]) if op.kind == "mul" and len(op.inputs) == 2 else ():
            tanh = makers.get(t)
            soft = makers.get(tanh.inputs[0]) if tanh is not None and _is(tanh, "tanh") else None
            if soft is not None and _is(soft, "softplus") and soft.inputs[0] is x and not op.attributes:
                op.kind, op.inputs, op.call = "activation", [x], None
                op.attributes = {"name": "mish", "params": ()}
                break


def _is(op: Op, name: str) -> bool:
    return op.kind == "activation" and op.attributes["name"] == name and op.attributes["params"] in ((), (1.0, 20.0))
