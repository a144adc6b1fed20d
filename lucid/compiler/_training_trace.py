"""Running a model once in training, noting its operations together with what autograd records of them.

As in a trace for inference (`_trace`), values that depend on the inputs are out of reach of Python code. Here
parameters and buffers are such values too, since every step changes them, and so are random draws, which each step
makes anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from lucid._random import Generator
from lucid._tensor import Tensor
from lucid.autograd._node import Node, TensorBase, mode, wrap
from lucid.compiler._errors import TraceError, place
from lucid.compiler._graph import Call, Op, Value
from lucid.compiler._trace import (
    Hidden,
    TracedTensor,
    Tracer,
    _array_of,
    _dtype,
    _reveal,
    _shape,
    _shares,
    adopt,
    refuse,
    run,
    running,
)

MASK = (1 << 64) - 1


class Draw(NamedTuple):
    """Random numbers that a step takes: of ``generator``, ``size`` numbers, ``start`` after the step's first."""

    generator: Generator
    start: int
    size: int
    where: str


class Drawn(int):
    """Seed or offset of a draw as a trace sees it: the number now, and how later steps compute theirs.

    Attributes:
        code: an expression of ``s<i>`` or ``o<i>``, the seed and the offset of draw number i.
        draw: i.
    """

    code: str
    draw: int

    @staticmethod
    def of(value: int, code: str, draw: int) -> Drawn:
        found = int.__new__(Drawn, value)
        found.code, found.draw = code, draw
        return found

    def __neg__(self) -> Drawn:
        return Drawn.of(-int(self), f"(-{self.code})", self.draw)


def _arithmetic(name: str, sign: str) -> None:
    plain = getattr(int, name)

    def method(self: Drawn, other: Any) -> Any:
        value = plain(self, other)
        if value is NotImplemented or isinstance(other, Drawn):
            refuse("random numbers{place} are computed with in a way that later steps could not repeat")
        return Drawn.of(value, f"({self.code} {sign} {int(other)})", self.draw)

    setattr(Drawn, name, method)


def _no_arithmetic(name: str) -> None:
    def method(self: Drawn, *args: Any) -> Any:
        refuse("the place{place} of random numbers in their stream is used as a number, which is another in every step")

    setattr(Drawn, name, method)


for _name, _sign in (("add", "+"), ("radd", "+"), ("sub", "-"), ("mul", "*"), ("rmul", "*"), ("floordiv", "//"),
                     ("mod", "%"), ("and", "&")):  # fmt: skip
    _arithmetic(f"__{_name}__", _sign)
for _name in ("rsub", "rfloordiv", "rmod", "rand", "or", "ror", "xor", "rxor", "lt", "le", "gt", "ge", "eq", "ne",
              "bool", "truediv", "rtruediv", "pow", "rpow", "float"):  # fmt: skip
    _no_arithmetic(f"__{_name}__")
Drawn.__hash__ = int.__hash__  # type: ignore[method-assign]


def _plain(a: Any) -> Any:
    """``a`` with ordinary integers in the place of `Drawn` ones."""
    if isinstance(a, Drawn):
        return int.__index__(a)
    if isinstance(a, (tuple, list)):
        parts = [_plain(p) for p in a]
        return type(a)(*parts) if hasattr(a, "_fields") else type(a)(parts)
    return a


_traced_classes: dict[type, type] = {}


def _traced_class(cls: type) -> type:
    """A class of traced tensors that code which asks for a ``cls`` takes for one."""
    if cls not in _traced_classes:
        _traced_classes[cls] = type(f"Traced{cls.__name__}", (TracedTensor, cls), {})
    return _traced_classes[cls]


class State:
    """Parameters and buffers: what steps read and write besides their inputs."""

    def __init__(self, tensors: list[Tensor]) -> None:
        self.tensors = tensors
        self.values = [Value(t._data.shape, t._data.dtype, source=t) for t in tensors]
        self.place = {id(t): i for i, t in enumerate(tensors)}

    def hide(self) -> None:
        """Put their values out of reach; `show` undoes it."""
        self._before = []
        for t, value in zip(self.tensors, self.values):
            array = t._data
            copied = array.copy() if not t._requires_grad else None
            self._before.append((type(t), array, copied, t._counter, t._requires_grad, t.grad))
            adopt(t, value, array, [])
            t.__class__ = _traced_class(self._before[-1][0])

    def show(self) -> tuple[list[Value | None], bool]:
        """The value that each was given in the trace, if another, and whether one got a gradient meanwhile."""
        written: list[Value | None] = []
        graded = False
        for t, value, before in zip(self.tensors, self.values, self._before):
            cls, array, copied, counter, wanted, grad = before
            now = t._value  # type: ignore[attr-defined]
            written.append(None if now is value else now)
            graded |= t.grad is not grad
            _array_of.__set__(t, array)
            t.__class__ = cls
            del t.__dict__["_value"], t.__dict__["_sharing"]
            t._counter, t._requires_grad, t._node, t._slot, t.grad = counter, wanted, None, 0, grad
            if copied is not None and array.flags.writeable:
                np.copyto(array, copied)
        self._before = []
        return written, graded


class TrainingTracer(Tracer):
    """One trace of a training step: operations, and which node autograd made for each."""

    def __init__(self, root: Any, state: State) -> None:
        super().__init__(root, {id(_array_of.__get__(t)): t for t in state.tensors})
        self.state = state
        self.nodes: dict[int, Op] = {}
        self.kept: list[Any] = []  # nodes and results, so that ids stay theirs
        self.draws: list[Draw] = []
        self.taken: dict[int, int] = {}  # numbers of each generator, by id
        self.begun: dict[int, tuple[int, int]] = {}  # seed and offset of each generator when first used
        self.used: set[int] = set()

    def operation(self, operation: Any, args: tuple[Any, ...]) -> Any:
        """Run ``operation``, and note it when an argument depends on what differs from step to step."""
        inputs: list[Value] = []
        tensors: list[TracedTensor] = []
        drawn: list[int] = []
        self._drawn = drawn
        template = tuple([self.template(a, inputs, tensors) for a in args])
        real = tuple([_plain(a) if drawn else a for a in map(_reveal, args)])
        if tensors:
            self.check(operation, args)
        mode.trace, self.readable = 0, {id(t) for t in tensors}
        try:
            y = run(operation, real)
        finally:
            mode.trace, self.readable = self.number, frozenset()
        results = y if isinstance(y, tuple) else (y,)
        for t in results:
            t._born = self.number
        if tensors or drawn:
            op = Op("call", inputs, [Value(_shape(t), _dtype(t)) for t in results], {}, Call(operation, template))
            self.ops.append(op)
            self.used.update(drawn)
            node = next((t._node for t in results if t._node is not None), None)
            if node is not None and type(node) is operation:
                self.nodes[id(node)] = op
                op.attributes["node"] = node
                self.kept.append(node)
            for t, value in zip(results, op.outputs):
                array = _array_of.__get__(t)
                adopt(t, value, array, args[0]._sharing if _shares(operation, array, args[0]) else [])
        return y

    def template(self, a: Any, inputs: list[Value], tensors: list[TracedTensor]) -> Any:
        if isinstance(a, Drawn):
            self._drawn.append(a.draw)
            return a
        return super().template(a, inputs, tensors)

    def check(self, operation: Any, args: tuple[Any, ...]) -> None:
        if getattr(operation, "__name__", "") != "BatchNorm":
            return super().check(operation, args)
        for a in args[4:6]:
            if a is not None and not (isinstance(a, Hidden) and any(a._owner._value is v for v in self.state.values)):
                refuse("batch_norm{place} writes running statistics that are no buffers of the model")

    # Random numbers

    def draw(self, generator: Generator, seed: int, offset: int, count: int) -> tuple[int, int]:
        """Seed and offset of ``count`` numbers, which every step takes anew."""
        _, where = place(self.root)
        begun = self.begun.setdefault(id(generator), (seed, offset))
        i, start = len(self.draws), self.taken.get(id(generator), 0)
        if (begun[0], (begun[1] + start) & MASK) != (seed, offset):
            refuse("the random numbers{place} come from a generator that the model itself seeds or moves")
        self.draws.append(Draw(generator, start, count, where))
        self.taken[id(generator)] = start + count
        return Drawn.of(seed, f"s{i}", i), Drawn.of(offset, f"o{i}", i)

    # Writes

    def check_write(self, name: str, x: Any) -> None:
        if id(x) in self.state.place and not x._requires_grad and isinstance(x, TracedTensor):
            return
        super().check_write(name, x)

    def refuse_write(self, name: str, x: Any) -> Any:
        if name == "bump" and id(x) in self.state.place and not x._requires_grad:
            return None  # batch norm notes that it wrote its running statistics
        return super().refuse_write(name, x)

    def rebind(self, name: str, x: Any, y: Any) -> bool:
        cls = type(x)
        if not super().rebind(name, x, y):
            return False
        if id(x) in self.state.place:
            if y._requires_grad:
                refuse(f"{name}{{place}} writes what has a gradient to a buffer; detach() it first")
            x.__class__ = cls
        x._requires_grad, x._node, x._slot = y._requires_grad, y._node, y._slot
        self.kept.append(y)
        return True

    def made(self, node: Any) -> None:
        refuse(f"{node.name.removesuffix('Backward')}{{place}} is an autograd function of its own, whose gradient is "
               "Python code; compile with fallback=True")  # fmt: skip


@dataclass
class Traced:
    """A training step's forward pass: operations, results, and what it writes.

    Attributes:
        inputs: the inputs' values.
        ops: operations in order.
        result: what the function returned.
        writes: (place in the state, value) of buffers that were given new values.
        draws: random draws.
        captured: tensors from outside that operations read.
        nodes: operations by the id of the node that autograd made.
        leaves: what gradients can go to: values by the ids of tensors.
        fed: the traced inputs.
        kept: keeps ids valid.
    """

    inputs: list[Value]
    ops: list[Op]
    result: Any
    writes: list[tuple[int, Value]]
    draws: list[Draw]
    captured: list[Any]
    nodes: dict[int, Op]
    leaves: dict[int, Value]
    fed: list[Any]
    kept: list[Any] = field(default_factory=list)


def trace_training(
    function: Callable[..., Any], root: Any, state: State, tensors: list[Tensor], build: Callable[..., Any]
) -> Traced:
    """Run ``function`` on traced copies of ``tensors``, recording; nothing that it changes stays changed.

    Raises:
        TraceError: the function does what a compiled step could not repeat.
    """
    tracer = TrainingTracer(root, state)
    inputs = [Value(t._data.shape, t._data.dtype) for t in tensors]
    fed = []
    for t, value in zip(tensors, inputs):
        array = t._data.view()
        array.flags.writeable = False
        copied = adopt(wrap(array), value, array, [])
        copied._requires_grad = t._requires_grad
        fed.append(copied)
    args, kwargs = build(fed)
    try:
        state.hide()
        with running(tracer, recording=True):
            result = function(*args, **kwargs)
    finally:
        written, graded = state.show()
        for generator in {id(d.generator): d.generator for d in tracer.draws}.values():
            generator._seed, generator._offset = tracer.begun[id(generator)]
    if graded:
        raise TraceError("compile: the model runs a backward pass of its own, which compiled steps would not repeat")
    for i, draw in enumerate(tracer.draws):
        if i not in tracer.used:
            raise TraceError(f"compile: random numbers{draw.where} are drawn outside of an operation, and would be the "
                             "same in every step; compile with fallback=True")  # fmt: skip
    captured = {}
    for held, value in tracer.constants.values():
        t = value.source if value.source is not None else held
        if isinstance(t, TensorBase) and t._born != tracer.number:
            captured[id(t)] = t
    leaves = {id(t): v for t, v in zip([*state.tensors, *fed], [*state.values, *inputs])}
    writes = [(i, v) for i, v in enumerate(written) if v is not None]
    for i, _ in writes:
        if any(np.may_share_memory(state.tensors[i]._data, t._data) for j, t in enumerate(state.tensors) if j != i):
            raise TraceError("compile: the model writes to a buffer that shares its memory with another or a parameter")
    return Traced(inputs, tracer.ops, result, writes, tracer.draws, list(captured.values()), tracer.nodes, leaves,
                  fed, [tracer.kept, tracer.constants])  # fmt: skip


def node_class(op: Op) -> Any:
    """The `Node` class of an operation, None for functions of arrays."""
    assert op.call is not None
    operation = op.call.operation
    return operation if isinstance(operation, type) and issubclass(operation, Node) else None


__all__ = ["Draw", "Drawn", "State", "Traced", "TracedTensor", "node_class", "trace_training"]
