"""Operations of a training step that run as one: batch norm, ReLU and 2 x 2 max pooling.

The first of them does the work of all in the forward pass, and in the backward pass too: gradients go through the
others as they are, until they reach it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lucid import _ops
from lucid._functions.activation import ReLU
from lucid._functions.norm import BatchNorm
from lucid._functions.pool import MaxPool2d
from lucid.compiler._graph import Op, Value
from lucid.compiler._training_rules import FLOATS, Names, expression
from lucid.compiler._training_trace import node_class

if TYPE_CHECKING:
    from lucid.compiler._training_plan import Planner

POOLING = ((2, 2), (2, 2), (0, 0), (1, 1), False)
"""Kernel, stride, padding, dilation and ceil mode of the pooling that has a fused form."""


class Through:
    """A later part: the first has done its work."""

    def reads(self, op: Op) -> list[Value]:
        return []

    def forward(self, p: Planner, op: Op) -> None:
        pass

    def backward(self, p: Planner, op: Op, grads: Names, wanted: Sequence[bool]) -> Names:
        return [grads[0]]


class NormRelu:
    """Batch norm, ReLU and perhaps pooling, in one pass over each channel.

    Args:
        result: the value of the last part.
        pool: whether that is pooling.
    """

    def __init__(self, result: Value, pool: bool) -> None:
        self.result, self.pool = result, pool

    def reads(self, op: Op) -> list[Value]:
        return [op.inputs[0], self.result, *op.inputs[1:]]

    def forward(self, p: Planner, op: Op) -> None:
        assert op.call is not None
        uses: list[str] = []
        args = [expression(p, op, a, uses, False) for a in (*op.call.args, None, None, 0.0)[:7]]
        self.y, self.mean, self.var, self.at = p.make(self.result, fresh=True), p.w.new(), p.w.new(), p.w.new()
        made = [self.y, self.mean, self.var, self.at]
        p.w.line(f"{', '.join(made)} = {p.w.bind(_ops.batch_norm_relu)}({', '.join(args)}, {self.pool})", made, uses)

    def backward(self, p: Planner, op: Op, grads: Names, wanted: Sequence[bool]) -> Names:
        assert op.call is not None
        uses = [str(grads[0]), self.y, self.at, self.mean, self.var]
        x, weight = (expression(p, op, a, uses, False) for a in op.call.args[:2])
        made = [p.w.new() for _ in range(3)]
        p.fresh.update(made)
        call = f"{grads[0]}, {self.y}, {x}, {self.at}, {self.mean}, {self.var}, {weight}, {p.w.bind(op.call.args[3])}"
        p.w.line(f"{', '.join(made)} = {p.w.bind(_ops.batch_norm_relu_backward)}({call})", made, uses)
        return [name if w else None for name, w in zip(made, wanted)]


def fuse(ops: Sequence[Op], backward: set[Op], outputs: set[Value]) -> None:
    """Give the operations that run as one their rules.

    Args:
        ops: the forward pass.
        backward: the operations that gradients go through.
        outputs: values that are needed by more than operations.
    """
    users: dict[Value, list[Op]] = {}
    for op in ops:
        for x in op.inputs:
            users.setdefault(x, []).append(op)

    def after(v: Value, cls: type) -> Op | None:
        """The only user of ``v``, if it is of this class."""
        found = users.get(v, [])
        only = len(found) == 1 and found[0] in backward and v not in outputs and node_class(found[0]) is cls
        return found[0] if only else None

    for norm in ops:
        if norm not in backward or node_class(norm) is not BatchNorm or norm.inputs[0].dtype not in FLOATS:
            continue
        relu = after(norm.outputs[0], ReLU)
        if relu is None or any(v.dtype != norm.inputs[0].dtype for v in norm.inputs):
            continue
        pool = after(relu.outputs[0], MaxPool2d)
        shape = norm.inputs[0].shape
        if pool is not None:
            assert pool.call is not None
            plain = tuple(pool.call.args[1:]) == POOLING and _ops.can_norm_relu(shape, True)
            indices = pool.outputs[1]
            if not plain or users.get(indices) or indices in outputs:
                pool = None
        if not _ops.can_norm_relu(shape, pool is not None):
            continue
        last = relu if pool is None else pool
        norm.attributes["rule"] = NormRelu(last.outputs[0], pool is not None)
        for part in (relu, pool):
            if part is not None:
                part.attributes["rule"] = Through()
