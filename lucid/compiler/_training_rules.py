"""How a plan of a training step does each operation: the kernel calls of its forward and its backward pass.

Operations that have no rule here run as they do eagerly: a node without history, and its ``backward``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from lucid import _ops
from lucid._functions._unary import Activation, Unary
from lucid._functions.attention import ProjectedAttention
from lucid._functions.conv import Convolution, ConvolutionInputGrad
from lucid._functions.dropout import Dropout
from lucid._functions.loss import AbsoluteError, Huber, SquaredError
from lucid._functions.matmul import Linear, MatMul
from lucid._functions.norm import BatchNorm, GroupNorm, LayerNorm, RMSNorm
from lucid._functions.pool import AdaptiveAvgPool2d, AvgPool2d, MaxPool2d
from lucid._functions.softmax import CrossEntropy
from lucid.autograd._engine import run_backward
from lucid.autograd._node import wrap
from lucid.compiler._graph import Op, Slot, Value
from lucid.compiler._training_trace import Drawn, node_class

if TYPE_CHECKING:
    from lucid.compiler._training_plan import Planner

Names = Sequence[str | None]

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))

FRESH = {Linear, MatMul, Convolution, ConvolutionInputGrad, BatchNorm, LayerNorm, GroupNorm, RMSNorm}
"""Operations whose result is new memory that their nodes do not keep."""


FRESH_GRADIENTS = {
    Convolution, BatchNorm, LayerNorm, GroupNorm, RMSNorm, MaxPool2d, AvgPool2d, AdaptiveAvgPool2d, ProjectedAttention,
    SquaredError, AbsoluteError, Huber, CrossEntropy,
}  # fmt: skip
"""Operations whose backward gives new memory for every input."""


class Rule(Protocol):
    """``reads(op)``: values that the backward pass needs; ``backward`` gives a name for each wanted edge."""

    def reads(self, op: Op) -> list[Value]: ...

    def forward(self, p: Planner, op: Op) -> None: ...

    def backward(self, p: Planner, op: Op, grads: Names, wanted: Sequence[bool]) -> Names: ...


def argument(op: Op, i: int) -> Value | None:
    """The value of argument ``i`` of an operation; None where it is no tensor."""
    assert op.call is not None
    a = op.call.args[i] if i < len(op.call.args) else None
    return op.inputs[a.at] if isinstance(a, Slot) else None


def expression(p: Planner, op: Op, a: Any, uses: list[str], tensors: bool = True) -> str:
    """Code for an argument of an operation."""
    if isinstance(a, Slot):
        name = use(p, op, a, uses)
        return f"{p.w.bind(wrap)}({name})" if a.tensor and tensors else name
    if isinstance(a, Drawn):
        return a.code
    if isinstance(a, (tuple, list)) and _live(a):
        parts = ", ".join([expression(p, op, each, uses, tensors) for each in a])
        if hasattr(a, "_fields"):
            return f"{p.w.bind(type(a))}({parts})"
        return f"[{parts}]" if isinstance(a, list) else f"({parts},)"
    return p.w.bind(a)


def use(p: Planner, op: Op, a: Slot, uses: list[str]) -> str:
    """The name of an argument that is a value."""
    uses.append(p.name(op.inputs[a.at]))
    return uses[-1]


def _live(a: Any) -> bool:
    return isinstance(a, (Slot, Drawn)) or (isinstance(a, (tuple, list)) and any(_live(each) for each in a))


class LinearRule:
    """x @ weight.T + bias."""

    def reads(self, op: Op) -> list[Value]:
        return list(op.inputs[:2])

    def forward(self, p: Planner, op: Op) -> None:
        uses = [p.name(v) for v in op.inputs]
        y = p.make(op.output, fresh=True)
        p.w.line(f"{y} = {p.w.bind(_ops.linear)}({', '.join(uses)})", [y], uses)

    def backward(self, p: Planner, op: Op, grads: Names, wanted: Sequence[bool]) -> Names:
        (dy,) = grads
        assert dy is not None
        x_value, weight = op.inputs[:2]
        x, w = p.name(x_value), p.name(weight)
        n, k = weight.shape
        matmul = p.w.bind(_ops.matmul)
        flat = len(x_value.shape) == 2
        rows = dy if flat else p.w.new()
        if not flat:
            p.w.line(f"{rows} = {dy}.reshape(-1, {n})", [rows], [dy])
        found: list[str | None] = [None] * len(wanted)
        if wanted[0]:
            back = "" if flat else f".reshape({x_value.shape})"
            found[0] = p.fresh_line(f"{matmul}({rows}, {w}){back}", rows, w)
        if wanted[1]:
            across = x if flat else f"{x}.reshape(-1, {k})"
            found[1] = p.fresh_line(f"{matmul}({rows}.T, {across})", rows, x)
        if len(wanted) > 2 and wanted[2]:
            found[2] = p.fresh_line(f"{p.w.bind(_ops.sum)}({rows}, (0,), False)", rows)
        return found


class ActivationRule:
    """kernel(x, *parameters) and kernel_backward of x or y; over what nothing else needs."""

    def reads(self, op: Op) -> list[Value]:
        return [op.output if node_class(op).saves == "y" else op.inputs[0]]

    def forward(self, p: Planner, op: Op) -> None:
        cls, (x_value,) = node_class(op), op.inputs
        x, y = p.name(x_value), p.make(op.output, fresh=True)
        out = f", out={x}" if p.replaceable(x_value) else ""
        p.w.line(f"{y} = {p.w.bind(cls.kernel)}({x}{self._parameters(p, op)}{out})", [y], [x])

    def backward(self, p: Planner, op: Op, grads: Names, wanted: Sequence[bool]) -> Names:
        (dy,) = grads
        assert dy is not None
        saved = p.name(self.reads(op)[0])
        out = f", out={dy}" if p.owned(dy) else ""
        kernel = p.w.bind(node_class(op).kernel_backward)
        return [p.fresh_line(f"{kernel}({saved}, {dy}{self._parameters(p, op)}{out})", saved, dy)]

    def _parameters(self, p: Planner, op: Op) -> str:
        assert op.call is not None
        return "".join([f", {p.w.bind(a)}" for a in op.call.args[1:]])


class DropoutRule:
    """Zeros by the numbers of a draw, which the backward pass takes again."""

    def reads(self, op: Op) -> list[Value]:
        return []

    def forward(self, p: Planner, op: Op) -> None:
        x = p.name(op.inputs[0])
        y = p.make(op.output, fresh=True)
        p.w.line(f"{y} = {self._call(p, op, x)}", [y], [x])

    def backward(self, p: Planner, op: Op, grads: Names, wanted: Sequence[bool]) -> Names:
        (dy,) = grads
        assert dy is not None
        return [p.fresh_line(self._call(p, op, dy), dy, *p.draw_names(op))]

    def _call(self, p: Planner, op: Op, x: str) -> str:
        assert op.call is not None
        probability, seed, offset = (expression(p, op, a, []) for a in op.call.args[1:])
        return f"{p.w.bind(_ops.dropout)}({x}, {probability}, {seed}, {offset})"


class CrossEntropyRule:
    """The sum or mean over class indices."""

    def reads(self, op: Op) -> list[Value]:
        return list(op.inputs)

    def forward(self, p: Planner, op: Op) -> None:
        assert op.call is not None
        uses: list[str] = []
        x, shape, *options = op.call.args
        rows = f"{expression(p, op, x, uses, False)}.reshape({shape})"
        target, weight, ignored, smoothing = (expression(p, op, a, uses) for a in options[:4])
        total, divisor, kept = (op.attributes.setdefault(key, p.w.new()) for key in ("total", "divisor", "kept"))
        call = f"{p.w.bind(_ops.cross_entropy)}({rows}, {target}, {weight}, {ignored}, {smoothing})"
        p.w.line(f"_, {total}, {divisor}, {kept} = {call}", [total, divisor, kept], uses)
        dtype = p.w.bind(op.inputs[0].dtype, "dtype")
        over = f"{total} / {divisor} if {divisor} else nan" if options[4] == "mean" else total
        y = p.make(op.output, fresh=True)
        p.w.globals["nan"] = float("nan")
        p.w.line(f"{y} = {p.w.bind(np.array)}({over}, {dtype})", [y], [total, divisor])

    def backward(self, p: Planner, op: Op, grads: Names, wanted: Sequence[bool]) -> Names:
        assert op.call is not None
        (g,) = grads
        uses: list[str] = [str(g), op.attributes["kept"], op.attributes["divisor"]]
        x, shape, *options = op.call.args
        rows = f"{expression(p, op, x, uses, False)}.reshape({shape})"
        rest = ", ".join([expression(p, op, a, uses) for a in options[:4]])
        divisor = op.attributes["divisor"] if options[4] == "mean" else "1.0"
        call = f"{p.w.bind(_ops.cross_entropy_backward)}({rows}, {op.attributes['kept']}, {rest}, {g}, {divisor})"
        return [p.fresh_line(f"{call}.reshape({op.inputs[0].shape})", *uses)]


class NodeRule:
    """What runs as it does eagerly: a node that keeps what its ``backward`` reads."""

    def reads(self, op: Op) -> list[Value]:
        return [*op.inputs, *([] if node_class(op) in FRESH else op.outputs)]

    def forward(self, p: Planner, op: Op) -> None:
        assert op.call is not None
        uses: list[str] = []
        cls, traced = op.call.operation, op.attributes["node"]
        node = op.attributes["name"] = p.w.new("n")
        if issubclass(cls, Unary):
            args = [expression(p, op, a, uses, False) for a in op.call.args]
            y = p.make(op.output)
            p.w.line(f"{node}, {y} = {p.w.bind(unary)}({p.w.bind(cls)}, {', '.join(args)})", [node, y], uses)
            return
        wanted = iter(p.wanted(op))  # one for each tensor among the arguments
        args = []
        for a in op.call.args:
            graded = isinstance(a, Slot) and a.tensor and next(wanted)
            args.append(f"{p.w.bind(wrap_graded)}({use(p, op, a, uses)})" if graded else expression(p, op, a, uses))
        ys = [p.make(y, fresh=cls in FRESH) for y in op.outputs]
        p.w.line(f"{node} = {p.w.bind(cls)}()", [node], [])
        p.w.line(f"{', '.join(ys)} = {node}.forward({', '.join(args)})", ys, [node, *uses])
        edges = tuple([None if e is None or not w else ((), 0) for e, w in zip(traced.edges, p.wanted(op))])
        p.w.line(f"{node}.edges = {p.w.bind(edges, 'edges')}", [], [node])
        if traced.result is not None:
            p.w.line(f"{p.w.bind(keep)}({node})", [], [node])

    def backward(self, p: Planner, op: Op, grads: Names, wanted: Sequence[bool]) -> Names:
        node = op.attributes["name"]
        found = [p.w.new() if w else None for w in wanted]
        made = [n for n in found if n is not None]
        uses = [node, *[g for g in grads if g is not None]]
        call = f"{p.w.bind(backward)}({node}, {tuple([i for i, w in enumerate(wanted) if w])}, "
        p.w.line(f"{', '.join(made)}, = {call}{', '.join(map(str, grads))})", made, uses)
        if type(op.attributes["node"]) in FRESH_GRADIENTS:
            p.fresh.update(made)
        return found


def unary(cls: Any, x: np.ndarray, *params: Any) -> tuple[Any, np.ndarray]:
    """A node of a function of one tensor, and its result."""
    node, y = cls(), cls.kernel(x, *params)
    node.params, node.edges = params, (((), 0),)
    if "x" in cls.saves:
        node.saved = (wrap(x),)
    if "y" in cls.saves:
        node.result = (y, [0], 0)
    return node, y


def wrap_graded(array: np.ndarray) -> Any:
    """A tensor that a gradient is wanted for: nodes look at that when they decide what to keep."""
    t = wrap(array)
    t._requires_grad = True
    return t


def keep(node: Any) -> None:
    """Let a node keep its result, as recording does."""
    node.result = (node.result[0], [0], 0)


def backward(node: Any, at: tuple[int, ...], *grads: np.ndarray | None) -> list[np.ndarray]:
    """The gradients number ``at`` of the inputs of a node."""
    found = run_backward(node, [None if g is None else wrap(g) for g in grads])
    found = found if isinstance(found, tuple) else (found,)
    wanted = []
    for i in at:
        g = found[i] if i < len(found) else None
        if g is None:
            raise RuntimeError(f"compile: {node.name} gives no gradient for an input that has one in the plan; compile "
                               "with fallback=True")  # fmt: skip
        wanted.append(g._data)
    return wanted


RULES: dict[Any, Any] = {Linear: LinearRule(), Dropout: DropoutRule()}
"""By class of node; subclasses of `Activation` share one."""

ACTIVATION, CROSS_ENTROPY, NODE = ActivationRule(), CrossEntropyRule(), NodeRule()


def rule_of(op: Op) -> Rule:
    """The rule for a recorded operation."""
    if "rule" in op.attributes:  # it is part of a fused one
        return op.attributes["rule"]
    cls = node_class(op)
    assert op.call is not None
    plain = all(v.dtype in FLOATS for v in (*op.inputs, *op.outputs))
    if cls is CrossEntropy and op.inputs[0].dtype in FLOATS and op.call.args[6] in ("mean", "sum"):
        return CROSS_ENTROPY
    if plain and cls in RULES:
        return RULES[cls]
    if plain and issubclass(cls, Activation) and len(op.inputs) == 1:
        return ACTIVATION
    return NODE


def emit_constant_gradient(p: Planner, op: Op) -> None:
    """An operation through which no gradient goes."""
    assert op.call is not None
    rule = rule_of(op) if node_class(op) is not None else NODE
    if rule is not NODE and op.attributes.get("node") is not None:
        rule.forward(p, op)
        return
    uses: list[str] = []
    cls = node_class(op)
    if cls is not None and not (issubclass(cls, Unary) and not hasattr(cls, "integer")):
        args = [expression(p, op, a, uses) for a in op.call.args]
        call = f"{p.w.bind(cls)}().forward({', '.join(args)})"
    else:
        args = [expression(p, op, a, uses, False) for a in op.call.args]
        function = cls.kernel if cls is not None else op.call.operation
        call = f"{p.w.bind(function)}({', '.join(args)})"
        if cls is None:
            call = f"{p.w.bind(np.asarray)}({call})"
    ys = [p.make(y, fresh=cls in FRESH) for y in op.outputs]
    p.w.line(f"{', '.join(ys)} = {call}", ys, uses)


__all__ = ["NODE", "RULES", "Rule", "emit_constant_gradient", "rule_of"]
