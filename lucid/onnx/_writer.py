"""Building an ONNX graph: nodes, initializers, and the sizes that are known at run time only."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from lucid.onnx._sizes import linear, numbers_in, period, same, same_size
from lucid.onnx._traces import Edge, Lengths, Model, Size, Step


class Unsupported(Exception):
    """What the table does not have; the message completes "not supported: "."""


@dataclass(eq=False)
class Ref:
    """A tensor of the graph.

    Attributes:
        name: "" for constants that nothing has asked for yet.
        shape, dtype: of the tensor.
        edge: where a constant comes from.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    edge: Edge | None = None

    @property
    def array(self) -> np.ndarray | None:
        """The array of a constant, in the first trace."""
        return None if self.edge is None else np.asarray(self.edge.values[0].array)

    @property
    def arrays(self) -> list[np.ndarray]:
        """The arrays of a constant in all traces."""
        return [] if self.edge is None else [np.asarray(v.array) for v in self.edge.values]

    @property
    def rank(self) -> int:
        return len(self.shape)


class Node(NamedTuple):
    operator: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]
    name: str


Emitter = Callable[..., Any]
"""(builder, *arguments of the operation, `Ref` s for tensors) -> the name of the result, or a tuple of names."""


class Entry(NamedTuple):
    emit: Emitter
    sizes: bool


EXPORTS: dict[Any, Entry] = {}
"""How every operation that a trace can hold is written: the one table between the graph and ONNX."""


def exports(*operations: Any, sizes: bool = False) -> Callable[[Emitter], Emitter]:
    """Enter the decorated function; ``sizes`` says that it knows what to do with numbers that are a `Size`."""

    def enter(function: Emitter) -> Emitter:
        EXPORTS.update(dict.fromkeys(operations, Entry(function, sizes)))
        return function

    return enter


class Builder:
    """The graph so far."""

    def __init__(self, model: Model, opset: int, taken: Sequence[str]) -> None:
        self.model, self.opset = model, opset
        self.nodes: list[Node] = []
        self.initializers: dict[str, np.ndarray] = {}
        self.refs: dict[tuple[int, ...], Ref] = {}  # by the key of the edge
        self.names = set(taken)
        self._owned: dict[tuple[int, int, str], tuple[str, np.ndarray]] = {}  # parameters and buffers by where they lie
        for t, name in model.state:
            array = t._data
            key = (array.__array_interface__["data"][0], array.size, array.dtype.str)
            if key not in self._owned:
                self._owned[key] = (self.unique(name), array)
        self.place = ""
        self.near: list[Ref] = []  # what the present operation reads: where sizes are looked for first
        self.means: dict[str, tuple[Ref, tuple[int, ...], bool]] = {}  # sums by name, so that means are found
        self._small: dict[Any, str] = {}
        self._shapes: dict[tuple[str, int], str] = {}

    # Names and nodes

    def unique(self, name: str) -> str:
        """``name``, or the first free one that starts with it."""
        if name in self.names:
            name = next(n for k in itertools.count(1) if (n := f"{name}_{k}") not in self.names)
        self.names.add(name)
        return name

    def node(self, operator: str, *inputs: Any, outputs: int = 1, **attributes: Any) -> Any:
        """Add a node; returns the name of its result, or a tuple of names.

        Args:
            operator: ONNX's name.
            inputs: refs, names, arrays and numbers (which become initializers), None for what is left out.
            outputs: how many results.
            attributes: those that are None are left out.
        """
        names = [self.name_of(x) for x in inputs]
        while names and not names[-1]:
            names.pop()
        label = self.unique(f"/{self.place.replace('.', '/')}/{operator}" if self.place else f"/{operator}")
        results = [self.unique(f"{label}_output_{i}" if i else f"{label}_output") for i in range(outputs)]
        given = {k: v for k, v in attributes.items() if v is not None}
        self.nodes.append(Node(operator, names, results, given, label))
        return results[0] if outputs == 1 else tuple(results)

    def name_of(self, x: Any) -> str:
        """The name of an input of a node."""
        if x is None:
            return ""
        if isinstance(x, Ref):
            if x.edge is not None and not x.name:
                x.name = self._captured(x.edge)
            return x.name
        return x if isinstance(x, str) else self.constant(np.asarray(x))

    def constant(self, array: np.ndarray, name: str = "constant") -> str:
        """The name of an initializer; small ones are shared."""
        array = np.ascontiguousarray(array).reshape(array.shape)
        key = (array.dtype.str, array.shape, array.tobytes()) if array.nbytes <= 256 and name == "constant" else None
        if key is None or key not in self._small:
            found = self.unique(name)
            self.initializers[found] = array
            if key is None:
                return found
            self._small[key] = found
        return self._small[key]

    def ints(self, *numbers: int) -> str:
        """A vector of int64, of which none depends on the inputs."""
        return self.constant(np.asarray(numbers, np.int64).reshape(-1))

    def like(self, x: Ref, number: float) -> str:
        """A number of the dtype of ``x``."""
        return self.constant(np.asarray(number, x.dtype))

    # Operations

    def step(self, step: Step, entry: Entry) -> None:
        """Add what one operation becomes."""
        for edge, name in zip(step.outputs, self.emit(step, entry)):
            value = edge.values[0]
            self.refs[edge.key] = Ref(name, edge.shape, value.dtype)

    def emit(self, step: Step, entry: Entry) -> tuple[str, ...]:
        """Add the nodes of one operation; returns the names of its results."""
        if not entry.sizes and any(isinstance(a, Size) for a in numbers_in(step.args)):
            raise Unsupported(f"{operation_name(step.operation)} with arguments that depend on the dynamic axes")
        self.near = []
        made = entry.emit(self, *[self._resolved(a) for a in step.args])
        return made if isinstance(made, tuple) else (made,)

    def _resolved(self, a: Any) -> Any:
        if isinstance(a, Edge):
            self.near.append(self.ref(a))
            return self.near[-1]
        if isinstance(a, Lengths):
            return a
        if isinstance(a, (tuple, list)):
            parts = [self._resolved(p) for p in a]
            return type(a)(*parts) if hasattr(a, "_fields") else type(a)(parts)
        return a

    def ref(self, edge: Edge) -> Ref:
        """The tensor of an edge; constants are written when they are first asked for."""
        value = edge.values[0]
        found = self.refs.get(edge.key)
        if found is None:
            if not value.constant:
                raise Unsupported("an output that ONNX's operator does not have")
            array = np.asarray(value.array)
            if array.dtype.kind not in "fiub" or array.dtype.name not in _WRITABLE:
                raise Unsupported(f"tensors of {array.dtype.name}")
            found = self.refs[edge.key] = Ref("", edge.shape, array.dtype, edge)
        return found

    def _captured(self, edge: Edge) -> str:
        arrays = [np.asarray(v.array) for v in edge.values]
        first = arrays[0]
        if all(a is first or same(a, first) for a in arrays):
            return self._stored(first)
        number = self._number(arrays)
        if number is not None:
            return number
        step = self.model.origin(edge)
        if step is not None and step.operation in EXPORTS:
            near = self.near
            try:
                return self.emit(step, EXPORTS[step.operation])[0]
            except Unsupported:
                pass  # what follows may recognise it
            finally:
                self.near = near
        found = self._repeated(edge.shape, arrays) or self._counting(edge.shape, arrays)
        if found is None:
            raise Unsupported(f"a tensor of shape {first.shape} that is made of the sizes of the dynamic axes")
        return found

    def _number(self, arrays: list[np.ndarray]) -> str | None:
        """One whole number, made from sizes."""
        first = arrays[0]
        if first.size != 1 or any(a.shape != first.shape or a.item() != int(a.item()) for a in arrays):
            return None
        number = self.node("Cast", self.size(Size.of([int(a.item()) for a in arrays])), to=type_of(first.dtype))
        return self.node("Reshape", number, self.ints(*first.shape))

    def _repeated(self, shape: tuple[Any, ...], arrays: list[np.ndarray]) -> str | None:
        """The same elements, as often as the sizes ask for."""
        periods = [period(arrays, d) if isinstance(n, Size) else n for d, n in enumerate(shape)]
        cores = [a[tuple([slice(0, p) for p in periods])] for a in arrays]
        if 0 in periods or not all(same(c, cores[0]) for c in cores):
            return None
        if all(p == 1 or p is n for p, n in zip(periods, shape)):
            return self.node("Expand", self._stored(cores[0]), self.dims(shape))
        times = [Size.of([m // p for m in n.across]) if isinstance(n, Size) else 1 for n, p in zip(shape, periods)]
        return self.node("Tile", self._stored(cores[0]), self.dims(times))

    def _counting(self, shape: tuple[Any, ...], arrays: list[np.ndarray]) -> str | None:
        """0, 1, 2 and so on."""
        kind = arrays[0].dtype
        if len(shape) != 1 or kind.kind not in "fi" or any(not same(a, np.arange(len(a), dtype=kind)) for a in arrays):
            return None
        count = self.node("Squeeze", self.size(shape[0]), self.ints(0))
        numbers = self.node("Range", np.asarray(0), count, np.asarray(1))
        return numbers if kind == np.int64 else self.node("Cast", numbers, to=type_of(kind))

    def _stored(self, array: np.ndarray) -> str:
        """An initializer; parameters and buffers, and what views them, go by their names in the state dict."""
        place = array.__array_interface__["data"][0]
        known = self._owned.get((place, array.size, array.dtype.str))
        if known is None:
            return self.constant(array)
        name, whole = known
        if name not in self.initializers:
            self.initializers[name] = np.ascontiguousarray(whole).reshape(whole.shape)
        if array.shape == whole.shape and (array.strides == whole.strides or array.flags.c_contiguous):
            return name
        if array.flags.c_contiguous:
            return self.node("Reshape", name, self.ints(*array.shape))
        order = sorted(range(array.ndim), key=lambda d: (-array.strides[d], d))
        shape = tuple([array.shape[d] for d in order])
        moved = name if shape == whole.shape else self.node("Reshape", name, self.ints(*shape))
        if not array.transpose(order).flags.c_contiguous:
            return self.constant(array)
        return self.node("Transpose", moved, perm=[order.index(d) for d in range(array.ndim)])

    # Sizes

    def dims(self, shape: Sequence[int]) -> str:
        """A vector of int64 that holds ``shape``."""
        if not any(isinstance(n, Size) for n in shape):
            return self.ints(*shape)
        if len(shape) == 1:
            return self.size(shape[0])
        return self.node("Concat", *[self.size(n) for n in shape], axis=0)

    def extent(self, x: Ref, axis: int) -> str:
        """The size of ``x`` along ``axis``, as a vector of one element."""
        key = (x.name, axis)
        if key not in self._shapes:
            self._shapes[key] = self.node("Shape", x, start=axis, end=axis + 1)
        return self._shapes[key]

    def size(self, n: int) -> str:
        """A vector of one element: ``n``, from what it depends on."""
        if not isinstance(n, Size):
            return self.ints(n)
        near = list(self._extents([x for x in self.near if x.edge is None]))
        inputs = list(self._extents([self.refs[x.key] for x in self.model.inputs]))
        known = [*near, *inputs]
        made = self._extents(x for x in reversed(list(self.refs.values())) if x.edge is None)
        for across, x, axis in itertools.chain(known, made):
            if across == n.across:
                return self.extent(x, axis)
        distinct = list({across: (across, x, axis) for across, x, axis in reversed(known)}.values())[::-1]
        for proportional in (True, False):  # first what has no constant part: two points lie on many a line
            for count in (1, 2, 3):
                for chosen in itertools.combinations_with_replacement(distinct, count):
                    product = [math.prod(each) for each in zip(*[across for across, _, _ in chosen])]
                    found = linear(product, n.across)
                    if found is not None and (found[1:] == (0, 1) or not proportional):
                        return self._computed([self.extent(x, axis) for _, x, axis in chosen], *found)
        raise Unsupported(f"a size of {int(n)} that depends on the dynamic axes in an unknown way")

    def _extents(self, refs: Any) -> Iterator[tuple[tuple[int, ...], Ref, int]]:
        for x in refs:
            for axis, n in enumerate(x.shape):
                if isinstance(n, Size):
                    yield n.across, x, axis

    def _computed(self, factors: list[str], times: int, plus: int, over: int) -> str:
        y = factors[0]
        for factor in factors[1:]:
            y = self.node("Mul", y, factor)
        y = y if times == 1 else self.node("Mul", y, self.ints(times))
        y = y if plus == 0 else self.node("Add", y, self.ints(plus))
        return y if over == 1 else self.node("Div", y, self.ints(over))

    # What many operations need

    @property
    def traces(self) -> int:
        """How many there are."""
        return len(self.model.inputs[0].values) if self.model.inputs else 1

    def reduce(self, operator: str, x: Any, dims: Sequence[int], keepdim: bool) -> str:
        """A reduction, whose axes are an attribute before operator set 18 and an input from then on."""
        if not dims:
            return self.node("Identity", x)
        if self.opset >= 18 or operator == "ReduceSum":
            return self.node(operator, x, self.ints(*dims), keepdims=int(keepdim))
        return self.node(operator, x, axes=[int(d) for d in dims], keepdims=int(keepdim))

    def reshape(self, x: Ref, shape: Sequence[int]) -> str:
        """``x`` in another shape."""
        if not any(isinstance(n, Size) for n in shape):
            return self.node("Reshape", x, self.ints(*shape), allowzero=1 if 0 in shape else None)
        free = [i for i, n in enumerate(shape) if isinstance(n, Size)]
        if 0 in shape:
            return self.node("Reshape", x, self.dims(shape), allowzero=1)
        if len(free) > 1:
            free = [i for i in free if not (i < x.rank and same_size(x.shape[i], shape[i]))]
        if len(free) > 1:
            return self.node("Reshape", x, self.dims(shape))
        wanted = [-1 if i in free else 0 if isinstance(n, Size) else n for i, n in enumerate(shape)]
        return self.node("Reshape", x, self.ints(*wanted))

    def view(self, name: str, x: Ref, shape: Sequence[int]) -> Ref:
        """A ref for an intermediate result."""
        return Ref(name, tuple(shape), x.dtype)


_WRITABLE = {"float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool"}


def type_of(d: np.dtype[Any]) -> int:
    """ONNX's number of a dtype."""
    numbers = {"float32": 1, "uint8": 2, "int8": 3, "int16": 5, "int32": 6, "int64": 7, "bool": 9, "float16": 10,
               "float64": 11}  # fmt: skip
    if d.name not in numbers:
        raise Unsupported(f"tensors of {d.name}")
    return numbers[d.name]


def operation_name(operation: Any) -> str:
    return getattr(operation, "__name__", str(operation))
