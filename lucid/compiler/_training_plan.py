"""From a traced training step to its code: which gradients flow where, what runs, and which memory is written over."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Any

import numpy as np

from lucid import _ops
from lucid.autograd._node import Node, TensorBase, bump, wrap
from lucid.compiler._errors import TraceError
from lucid.compiler._graph import Op, Slot, Value
from lucid.compiler._training_code import Line, Writer
from lucid.compiler._training_fusion import fuse
from lucid.compiler._training_rules import FLOATS, emit_constant_gradient, rule_of
from lucid.compiler._training_trace import MASK, Drawn, State, Traced, node_class


def writes_state(op: Op) -> bool:
    """Whether an operation writes running statistics."""
    assert op.call is not None
    return (
        node_class(op) is not None
        and node_class(op).__name__ == "BatchNorm"
        and len(op.inputs) > 3
        and any(isinstance(a, Slot) for a in op.call.args[4:6])
    )


class Planner:
    """One plan in the making.

    Args:
        traced: the forward pass.
        state: parameters and buffers.
        roots: results to start the backward pass from.
        targets: tensors that gradients are wanted of.
        outputs: values that the caller gets.
    """

    def __init__(
        self, traced: Traced, state: State, roots: Sequence[Any], targets: Sequence[Any], outputs: Sequence[Value]
    ) -> None:
        self.traced, self.state, self.outputs, self.roots = traced, state, list(outputs), list(roots)
        self.w = Writer()
        self.names: dict[Value, str] = {v: f"x{i}" for i, v in enumerate(traced.inputs)}
        self.names |= {v: f"p{i}" for i, v in enumerate(state.values)}
        self.fresh: set[str] = set()  # names of memory that nothing else shares
        self.needed = self._needed(roots, {id(t) for t in targets})
        self.backward_ops = {op for i, op in traced.nodes.items() if i in self.needed}
        self.ops = self._live()
        fuse(self.ops, self.backward_ops, {*self.outputs, *[v for _, v in traced.writes]})
        self._count_uses()

    # What there is to do

    def _needed(self, roots: Sequence[Any], targets: set[int]) -> set[int]:
        """Ids of the nodes on a path from ``roots`` to ``targets``, and of these."""
        needed, reached, seen = set(targets), [], set[int]()
        stack = [t._node if t._node is not None else t for t in roots]
        while stack:
            maker = stack.pop()
            if id(maker) in seen:
                continue
            seen.add(id(maker))
            if isinstance(maker, Node):
                reached.append(maker)
                stack += [edge[0] for edge in maker.edges if edge is not None]
            elif id(maker) not in self.traced.leaves and maker._requires_grad:
                raise TraceError(f"compile: a tensor of shape {tuple(_shape_of(maker))} that requires grad is neither "
                                 "a parameter of the model nor of the optimizer")  # fmt: skip
        for node in sorted(reached, key=lambda node: node.sequence):
            if any(edge is not None and id(edge[0]) in needed for edge in node.edges):
                needed.add(id(node))
                if node.hooks is not None or node.retained is not None:
                    raise TraceError(f"compile: a hook on the gradient of {node.name} would not be called")
                if id(node) not in self.traced.nodes:
                    raise TraceError(f"compile: {node.name} was recorded in a way that has no place in a plan")
        return needed

    def _live(self) -> list[Op]:
        """The operations that results, gradients or running statistics depend on."""
        wanted = {*self.outputs, *[v for _, v in self.traced.writes]}
        live = []
        for op in reversed(self.traced.ops):
            if op in self.backward_ops or writes_state(op) or any(y in wanted for y in op.outputs):
                wanted.update(op.inputs)
                live.append(op)
        return live[::-1]

    def _count_uses(self) -> None:
        self.users: dict[Value, int] = {}
        for op in self.ops:
            for x in op.inputs:
                self.users[x] = self.users.get(x, 0) + 1
        self.held = {*self.outputs, *[v for _, v in self.traced.writes]}
        self.read = {v for op in self.backward_ops for v in rule_of(op).reads(op)}
        self.held |= self.read

    def wanted(self, op: Op) -> list[bool]:
        """For each edge of a recorded operation, whether a gradient goes through it."""
        edges = op.attributes["node"].edges
        return [e is not None and op in self.backward_ops and id(e[0]) in self.needed for e in edges]

    # Names

    def name(self, v: Value) -> str:
        """The name of a value."""
        if v not in self.names:
            assert v.array is not None
            self.names[v] = self.w.bind(v.array, "constant")
        return self.names[v]

    def make(self, v: Value, fresh: bool = False) -> str:
        """A name for a value that the next line makes."""
        name = self.names[v] = self.w.new()
        if fresh:
            self.fresh.add(name)
        return name

    def fresh_line(self, call: str, *uses: str) -> str:
        """Append a call that gives new memory, or that of an argument that nothing else needs; its name."""
        name = self.w.new()
        self.fresh.add(name)
        self.w.line(f"{name} = {call}", [name], uses)
        return name

    def draw_names(self, op: Op) -> list[str]:
        """The names of seeds and offsets that an operation takes."""
        return [f"{letter}{i}" for i in sorted(_draws(op)) for letter in "so"]

    def replaceable(self, v: Value) -> bool:
        """Whether the only user of ``v`` may write its result over it."""
        return self.names.get(v) in self.fresh and self.users[v] == 1 and v not in self.held

    def owned(self, name: str) -> bool:
        """Whether the line that takes the gradient ``name`` may write over it: each is taken once."""
        return name in self.fresh

    # Lines

    def emit_forward(self) -> None:
        """The lines of the forward pass."""
        self._emit_draws()
        for op in self.ops:
            if op in self.backward_ops:
                rule_of(op).forward(self, op)
            else:
                emit_constant_gradient(self, op)
            if writes_state(op):
                assert op.call is not None
                for a in op.call.args[4:6]:
                    if isinstance(a, Slot):
                        self._note_write(self.state.values.index(op.inputs[a.at]))

    def emit_writes(self) -> None:
        """The lines that write buffers."""
        for i, v in self.traced.writes:
            self.w.line(f"{self.w.bind(np.copyto)}(p{i}, {self.name(v)})", [], [self.name(v)])
            self._note_write(i)

    def _note_write(self, i: int) -> None:
        self.w.line(f"{self.w.bind(bump)}({self.w.bind(self.state.tensors[i], 'buffer')})", [], [])

    def _emit_draws(self) -> None:
        used = {d for op in self.ops for d in _draws(op)}
        counts: dict[int, int] = {}
        for d in self.traced.draws:
            counts[id(d.generator)] = counts.get(id(d.generator), 0) + d.size
        begun: dict[int, int] = {}
        for i, d in enumerate(self.traced.draws):
            key = id(d.generator)
            if key not in begun:
                g = begun[key] = len(begun)
                take = self.w.bind(d.generator, "generator")
                self.w.line(f"seed{g}, offset{g} = {take}.take({counts[key]})", [], [])
            if i in used:
                g = begun[key]
                self.w.line(f"s{i}, o{i} = seed{g}, (offset{g} + {d.start}) & {MASK}", [f"s{i}", f"o{i}"], [])

    def emit_backward(self, start: Sequence[str | None]) -> dict[int, str]:
        """The lines of the backward pass, given the names of the gradients of the roots, None where there is none.

        Returns:
            The names of the gradients of the targets, by their ids.
        """
        waiting: dict[int, list[str | None]] = {}
        heap: list[tuple[int, int, Any]] = []

        def send(maker: Any, slot: int, count: int, grad: str, dtype: np.dtype[Any]) -> None:
            if id(maker) not in self.needed:
                return
            if id(maker) not in waiting:
                waiting[id(maker)] = [None] * count
                if isinstance(maker, Node):
                    heapq.heappush(heap, (-maker.sequence, id(maker), maker))
            slots = waiting[id(maker)]
            current = slots[slot]
            slots[slot] = grad if current is None else self._sum(current, grad, dtype)

        for t, first in zip(self.roots, start):
            maker = t if t._node is None else t._node
            if first is not None:
                send(maker, t._slot, getattr(maker, "outputs", 1), first, _dtype_of(t))
        while heap:
            _, _, node = heapq.heappop(heap)
            op = self.traced.nodes[id(node)]
            wanted = self.wanted(op)
            found = rule_of(op).backward(self, op, waiting.pop(id(node)), wanted)
            for edge, grad in zip(node.edges, found):
                if grad is not None:
                    maker, slot = edge
                    send(maker, slot, getattr(maker, "outputs", 1), grad, self._dtype(maker, slot))
        return {i: slot for i, (slot,) in waiting.items() if slot is not None}

    def _dtype(self, maker: Any, slot: int) -> np.dtype[Any]:
        op = self.traced.nodes.get(id(maker))
        return op.outputs[slot].dtype if op is not None else self.traced.leaves[id(maker)].dtype

    def _sum(self, a: str, b: str, dtype: np.dtype[Any]) -> str:
        if dtype not in FLOATS:
            return self.fresh_line(f"{self.w.bind(_sum_of_any)}({a}, {b})", a, b)
        out = f", {a}" if self.owned(a) else f", {b}" if self.owned(b) else ""
        return self.fresh_line(f"{self.w.bind(_ops.add)}({a}, {b}{out})", a, b)

    # Functions

    def function(self, name: str, head: Sequence[str], lines: Sequence[Line], result: str, keeps: Sequence[str]) -> str:
        """Source of a function that starts by unpacking inputs and state."""
        used = {n for line in lines for n in line.uses}
        used |= {f"p{i}" for i, _ in self.traced.writes} | set(keeps)
        first = list(head)
        count = len(self.state.tensors)
        if any(f"p{i}" in used for i in range(count)):
            first.append("".join([f"p{i}, " if f"p{i}" in used else "_, " for i in range(count)]) + "= state")
        return self.w.source(name, first, lines, result, keeps)


def _sum_of_any(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (wrap(a) + wrap(b))._data


def _draws(op: Op) -> set[int]:
    found: set[int] = set()

    def look(a: Any) -> None:
        if isinstance(a, Drawn):
            found.add(a.draw)
        elif isinstance(a, (tuple, list)):
            for each in a:
                look(each)

    assert op.call is not None
    look(op.call.args)
    return found


def _shape_of(t: Any) -> tuple[int, ...]:
    return TensorBase.__dict__["_data"].__get__(t).shape


def _dtype_of(t: Any) -> np.dtype[Any]:
    return TensorBase.__dict__["_data"].__get__(t).dtype


def own(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The arrays, copied where they may share memory with another or are not contiguous."""
    found: list[np.ndarray] = []
    seen: set[int] = set()
    for a in arrays:
        base = a.base
        whole = a.flags.carray and (base is None or type(base) is _ops.Buffer)
        found.append(a if whole and id(a) not in seen else a.copy())
        seen.add(id(a))
    return found


__all__ = ["Planner", "own"]
