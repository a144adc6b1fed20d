"""What a model does, as one list of steps in which sizes that depend on the inputs' are known as such.

A trace holds the sizes of its example. So a model with dynamic axes is traced several times, with other sizes of one
axis each time: whatever number differs between the traces depends on that axis, and `Size` remembers its values in all.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from lucid._tensor import Tensor
from lucid.autograd._node import wrap
from lucid.compiler._compiled import _State
from lucid.compiler._errors import TraceError
from lucid.compiler._graph import Call, Graph, Op, Slot, Value
from lucid.compiler._trace import TracedTensor, Tracer, trace
from lucid.compiler._tree import arguments_of, flatten
from lucid.nn.modules.module import Module


class Size(int):
    """A number that is not the same in all traces: its value in the first, and in each."""

    across: tuple[int, ...]

    @staticmethod
    def of(across: Sequence[int]) -> int:
        """A plain number where all are equal."""
        if all(n == across[0] for n in across):
            return across[0]
        size = Size(across[0])
        size.across = tuple(across)
        return size


class Lengths(tuple[Any, ...]):
    """A tuple of numbers that has another length in every trace; ``across`` holds it as it was in each."""

    across: list[tuple[int, ...]]


class Differs(Exception):
    """Two traces do not do the same."""


class Input(NamedTuple):
    """An example of an input: the symbols of its dynamic axes by axis."""

    name: str
    array: np.ndarray
    symbols: dict[int, str]


class Edge(NamedTuple):
    """What flows: the values of all traces."""

    values: tuple[Value, ...]

    @property
    def key(self) -> tuple[int, ...]:
        """What it is known by. Constants that are one in a trace may be two in another."""
        return tuple([id(v) for v in self.values])

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple([Size.of(each) for each in zip(*[v.shape for v in self.values])])


class Step(NamedTuple):
    """One operation: ``args`` hold `Edge` s for tensors, and `Size` s where numbers differ."""

    operation: Any
    args: tuple[Any, ...]
    outputs: list[Edge]
    place: str


class Locating(Tracer):
    """A tracer that also notes the module in which every operation was done, and what constants were made of.

    Attributes:
        modules: the module of each operation.
        made: operations on what does not depend on the inputs, by the id of the array they gave.
    """

    def __init__(self, root: Any, owners: dict[int, Tensor]) -> None:
        super().__init__(root, owners)
        self.modules: list[Any] = []
        self.made: dict[int, tuple[np.ndarray, Op]] = {}

    def operation(self, operation: Any, args: tuple[Any, ...]) -> Any:
        y = super().operation(operation, args)
        if not isinstance(y, (tuple, TracedTensor)):
            inputs: list[Value] = []
            template = tuple([self.template(a, inputs, []) for a in args])
            value = self.constant(y, y._data, None)
            self.made[id(y._data)] = (y._data, Op("call", inputs, [value], {}, Call(operation, template)))
        if len(self.ops) > len(self.modules):
            frame = sys._getframe(1)
            while frame is not None and not isinstance(frame.f_locals.get("self"), Module):
                frame = frame.f_back  # type: ignore[assignment]
            self.modules.append(None if frame is None else frame.f_locals["self"])
        return y


class Model(NamedTuple):
    """All steps; ``symbols``: the dynamic axes with their sizes in all traces; ``state``: parameters and buffers."""

    inputs: list[Edge]
    outputs: list[Edge]
    steps: list[Step]
    symbols: dict[str, tuple[int, ...]]
    state: list[tuple[Tensor, str]]
    tracers: list[Locating]

    def origin(self, edge: Edge) -> Step | None:
        """What made a constant, if all traces made it by the same operation."""
        found = [tracer.made.get(id(v.array)) for tracer, v in zip(self.tracers, edge.values)]
        ops = [f[1] for f in found if f is not None]
        if len(ops) < len(found):
            return None
        try:
            (step,) = aligned([Graph([], [], [op]) for op in ops], [None], {})
        except Differs:
            return None
        return step


@contextmanager
def evaluating(model: Any) -> Iterator[None]:
    """All modules in evaluation mode, and back as they were."""
    before = [(m, m.training) for m in model.modules()] if isinstance(model, Module) else []
    for module, _ in before:
        module.training = False
    try:
        yield
    finally:
        for module, training in before:
            module.training = training


def run(model: Callable[..., Any], spec: Any, tensors: list[Tensor]) -> tuple[Graph, list[Tensor], Locating]:
    """One trace: its graph, the tensors of its result, and the tracer."""
    state = _State(model)
    owners = {id(t._data): t for t in state.tensors}

    try:
        graph, result, tracer = trace(model, model, owners, tensors, partial(arguments_of, spec=spec), Locating)
    except TraceError as error:
        text = str(error).replace("compile: ", "onnx.export: ").replace(", which compiled calls would not do", "")
        text = text.replace("; compile with fallback=True to run it uncompiled", "")
        raise TraceError(text.replace(", or compile with fallback=True", "")) from error
    finally:
        changes = state.restore()
    if changes:
        raise TraceError(
            f"onnx.export: a call changes {changes[0]}, which a file would not do; keep state out of forward"
        )
    found: list[Any] = []
    flatten(result, found, "result")
    assert isinstance(tracer, Locating)
    return graph, found, tracer


def sizes_of(inputs: list[Input]) -> dict[str, int]:
    """The size of each symbol in the first trace.

    A size of 1 is no example of others: it broadcasts.
    """
    first: dict[str, int] = {}
    for x in inputs:
        for axis, symbol in x.symbols.items():
            n = x.array.shape[axis]
            if first.setdefault(symbol, n) != n:
                raise ValueError(f"onnx.export: the axis '{symbol}' has {n} elements in '{x.name}' (shape "
                                 f"{x.array.shape}), and {first[symbol]} elsewhere")  # fmt: skip
            if n == 0:
                raise ValueError(f"onnx.export: the dynamic axis '{symbol}' of '{x.name}' has no elements")
    return {symbol: n if n > 1 else 2 for symbol, n in first.items()}


Trace = tuple[Graph, list[Tensor], Locating]


def traces_of(
    model: Callable[..., Any], spec: Any, inputs: list[Input]
) -> tuple[list[Trace], dict[str, tuple[int, ...]]]:
    """The traces, and the sizes of each symbol in them.

    After the sizes of the example come, for each symbol, a multiple, since what divides a size is meant to divide
    others too, and one more element, which shows what depends on remainders; or what else the model takes.
    """
    base = sizes_of(inputs)
    found, chosen = [run(model, spec, [resized(x, base) for x in inputs])], [base]
    for symbol, n in base.items():
        refused: Exception | None = None
        tried: list[int] = []
        for m in (2 * n, n + 1, n // 2 if n % 2 == 0 else 0, n - 1):
            if m < 2 or len(tried) == 2 or (tried and m < n):
                continue
            sizes = base | {symbol: m}
            try:
                found.append(run(model, spec, [resized(x, sizes) for x in inputs]))
            except TraceError:
                raise
            except Exception as error:
                refused = refused or error
                continue
            chosen.append(sizes)
            tried.append(m)
        if not tried and refused is not None:
            refused.add_note(
                f"while onnx.export ran the model with other sizes than {n} of the dynamic axis '{symbol}'"
            )
            raise refused
    return found, {symbol: tuple([sizes[symbol] for sizes in chosen]) for symbol in base}


def resized(x: Input, sizes: dict[str, int]) -> Tensor:
    """The example in other sizes: its elements repeated."""
    array = x.array
    for axis, symbol in x.symbols.items():
        array = np.take(array, np.arange(sizes[symbol]) % array.shape[axis], axis)
    return wrap(array)


def read(model: Callable[..., Any], spec: Any, inputs: list[Input]) -> Model:
    """Trace ``model`` as often as its dynamic axes need.

    Raises:
        TraceError: a file could not do what the model does.
        ValueError: the model does other operations for other sizes.
    """
    state: list[tuple[Tensor, str]] = []
    paths: dict[int, str] = {}
    if isinstance(model, Module):
        state = [(t, name) for name, t in [*model.named_parameters(), *model.named_buffers()]]
        paths = {id(m): name for name, m in model.named_modules()}
    with evaluating(model):
        traces, symbols = traces_of(model, spec, inputs)
    graphs = [graph for graph, _, _ in traces]
    try:
        steps = aligned(graphs, traces[0][2].modules, paths)
        if len({len(found) for _, found, _ in traces}) > 1:
            raise Differs("the number of results")
        tracers = [tracer for _, _, tracer in traces]
        outputs = [_output(each, tracers) for each in zip(*[found for _, found, _ in traces])]
    except Differs as error:
        raise ValueError(f"onnx.export: the model does not do the same for other sizes of the dynamic axes "
                         f"{', '.join(symbols)}: {error} differs") from None  # fmt: skip
    edges = [Edge(values) for values in zip(*[graph.inputs for graph in graphs])]
    return Model(edges, outputs, live(steps, outputs), symbols, state, tracers)


def _output(tensors: tuple[Any, ...], tracers: list[Locating]) -> Edge:
    traced = [isinstance(t, TracedTensor) for t in tensors]
    if any(traced) != all(traced):
        raise Differs("a result")
    if traced[0]:
        return Edge(tuple([t._value for t in tensors]))
    return Edge(tuple([tracer.constant(t, t._data, None) for tracer, t in zip(tracers, tensors)]))


def aligned(graphs: list[Graph], modules: list[Any], paths: dict[int, str]) -> list[Step]:
    """The operations of all traces side by side."""
    steps = []
    lengths = {len(graph.ops) for graph in graphs}
    for ops, module in zip(zip(*[graph.ops for graph in graphs]), modules):
        calls = [op.call for op in ops]
        operation = calls[0].operation
        name, path = getattr(operation, "__name__", str(operation)), paths.get(id(module))
        place = f"{type(module).__name__} '{path}'" if path else type(module).__name__ if module is not None else ""
        where = f"{name}{' in ' if place else ''}{place}"
        if any(call.operation is not operation for call in calls):
            raise Differs(f"the operation {where}")
        args = tuple([_argument(each, ops, where) for each in zip(*[call.args for call in calls])])
        outputs = [Edge(values) for values in zip(*[op.outputs for op in ops])]
        steps.append(Step(operation, args, outputs, place))
    if len(lengths) > 1:
        raise Differs("the number of operations")
    return steps


def _argument(each: tuple[Any, ...], ops: tuple[Op, ...], where: str) -> Any:
    first = each[0]
    if any(type(a) is not type(first) for a in each):
        raise Differs(f"an argument of {where}")
    if isinstance(first, Slot):
        if any(a.tensor != first.tensor for a in each):
            raise Differs(f"an argument of {where}")
        return Edge(tuple([op.inputs[a.at] for op, a in zip(ops, each)]))
    if isinstance(first, (tuple, list)):
        if any(len(a) != len(first) for a in each):
            if not all(isinstance(n, int) for a in each for n in a):
                raise Differs(f"the number of arguments of {where}")
            lengths = Lengths(first)
            lengths.across = [tuple(a) for a in each]
            return lengths
        parts = [_argument(part, ops, where) for part in zip(*each)]
        return type(first)(*parts) if hasattr(first, "_fields") else type(first)(parts)
    if type(first) is int:
        return Size.of(each)
    if isinstance(first, slice):
        ends = [(s.start, s.stop, s.step) for s in each]
        return slice(*[_argument(part, ops, where) for part in zip(*ends)])
    if any(a is not first and a != first for a in each):
        raise Differs(f"an argument of {where}")
    return first


def live(steps: list[Step], outputs: list[Edge]) -> list[Step]:
    """The steps that the outputs need."""
    wanted = {y.key for y in outputs}
    kept = []
    for step in reversed(steps):
        if any(y.key in wanted for y in step.outputs):
            kept.append(step)
            wanted.update(x.key for x in edges_in(step.args))
    return kept[::-1]


def edges_in(a: Any) -> Iterator[Edge]:
    """The edges among arguments."""
    if isinstance(a, Edge):
        yield a
    elif isinstance(a, (tuple, list)):
        for part in a:
            yield from edges_in(part)


def names_of_inputs(model: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[str]:
    """A name for every tensor: the parameter of ``forward``, numbered where it holds several."""
    function = model.forward if isinstance(model, Module) else model
    parameters = [p.name for p in inspect.signature(function).parameters.values()
                  if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]  # fmt: skip
    labels = [*[parameters[i] if i < len(parameters) else f"input_{i}" for i in range(len(args))], *kwargs]
    names = []
    for label, value in zip(labels, [*args, *kwargs.values()]):
        tensors: list[Any] = []
        flatten(value, tensors, label)
        names += [label] if len(tensors) == 1 else [f"{label}_{i}" for i in range(len(tensors))]
    return names
