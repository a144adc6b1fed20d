"""A table of a model: what its layers give, hold and compute."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lucid import _dtype
from lucid._random import Generator
from lucid.autograd._node import TensorBase, View, wrap
from lucid.autograd._watching import Observer, watched_by
from lucid.nn.modules.module import Module
from lucid.utils._calls import Call, Calls, inference, tensors_in
from lucid.utils.flops import FlopCount, FlopCounter

__all__ = ["Layer", "Summary", "summary"]


def shape_of(x: Any) -> Any:
    """``x`` with shapes in the place of tensors: tuples, lists and dicts stay what they are."""
    if isinstance(x, TensorBase):
        return tuple(x._data.shape)
    if isinstance(x, dict):
        return {k: shape_of(v) for k, v in x.items()}
    if isinstance(x, (tuple, list)):
        return [shape_of(v) for v in x]
    return x if x is None or isinstance(x, (bool, int, float, str)) else type(x).__name__


def _bytes(tensors: Any) -> int:
    return sum({id(t): t._data.nbytes for t in tensors if t is not None}.values())


def quantity(n: int) -> str:
    """Bytes for people: ``44.6 MB``, a million bytes each."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("KB", 10**3)):
        if n >= size:
            return f"{n / size:.1f} {unit}"
    return f"{n} B"


class Memory(Observer):
    """Follows the results of operations for as long as they live: ``total`` bytes made, ``peak`` alive at once."""

    def __init__(self, inputs: Any = ()) -> None:
        self.total = self.alive = self.peak = 0
        self._references: dict[int, Any] = {}
        for t in inputs:
            self._keep(t._data, made=False)

    def _keep(self, data: np.ndarray, made: bool = True) -> None:
        while isinstance(data.base, np.ndarray):
            data = data.base
        if id(data) in self._references:
            return
        size, key = data.nbytes, id(data)

        def forget(_: Any) -> None:
            self.alive -= size
            self._references.pop(key, None)

        self._references[key] = weakref.ref(data, forget)
        self.total += size * made
        self.alive += size
        self.peak = max(self.peak, self.alive)

    def after(self, operation: Any, args: tuple[Any, ...], results: tuple[Any, ...], note: Any) -> None:
        if isinstance(operation, type) and issubclass(operation, View):
            x = args[0]
            results = tuple([t for t in results if not np.may_share_memory(t._data, x._data)])
        for t in results:
            self._keep(t._data)


@dataclass
class Layer:
    """One row of a `Summary`.

    Attributes:
        path, kind, depth: the module's name in the model, its class, and how deep it lies.
        input_shape, output_shape: of its last call; lists and dicts of shapes for several; None if never called.
        calls: how often it was called.
        parameters, trainable: elements of its own parameters, or with everything below in the last row that is shown.
        macs, flops: of its own operations, or with everything below in the last row that is shown.
        shared_with: path of the same module further up in the table, where its parameters are counted.

    Example:
        >>> import lucid
        >>> rows = lucid.summary(lucid.nn.Sequential(lucid.nn.Linear(4, 3)), input_size=(2, 4)).layers
        >>> rows[1].kind, rows[1].output_shape, rows[1].parameters
        ('Linear', (2, 3), 15)
    """

    path: str
    kind: str
    depth: int
    input_shape: Any = None
    output_shape: Any = None
    calls: int = 0
    parameters: int = 0
    trainable: int = 0
    macs: int = 0
    flops: int = 0
    shared_with: str | None = None


@dataclass
class Summary:
    """What `summary` found; ``str`` of it is the table.

    Attributes:
        layers: the rows, in the order of the modules.
        parameters, trainable: elements of all parameters, each counted once, and of those that require grad.
        macs, flops: multiply-adds and floating-point operations as `lucid.count_flops` counts them.
        uncounted: operations that are not in ``flops``, and how often they ran.
        input_bytes, parameter_bytes, buffer_bytes: memory of the inputs, the parameters and the buffers.
        activation_bytes: all results of operations that are not views: about what a training step has to keep.
        peak_bytes: parameters, buffers, and the inputs and results alive at once at the worst moment of this
            inference, measured; without working memory of kernels.
        training_bytes: an estimate: parameters and gradients, buffers, inputs, all activations; without an optimizer.

    Example:
        >>> import lucid
        >>> found = lucid.summary(lucid.nn.Linear(4, 3), input_size=(2, 4))
        >>> found.parameters, found.macs, found.parameter_bytes
        (15, 24, 60)
    """

    layers: list[Layer]
    parameters: int = 0
    trainable: int = 0
    macs: int = 0
    flops: int = 0
    uncounted: dict[str, int] = field(default_factory=dict)
    input_bytes: int = 0
    parameter_bytes: int = 0
    buffer_bytes: int = 0
    activation_bytes: int = 0
    peak_bytes: int = 0

    @property
    def training_bytes(self) -> int:
        return 2 * self.parameter_bytes + self.buffer_bytes + self.input_bytes + self.activation_bytes

    def __str__(self) -> str:
        rows: list[tuple[str, ...]] = [("layer", "output shape", "parameters", "multiply-adds", "FLOPs")]
        for row in self.layers:
            name = f"{'  ' * row.depth}{row.path.rpartition('.')[2] + ': ' if row.path else ''}{row.kind}"
            name += f" = {row.shared_with}" if row.shared_with is not None else ""
            name += f" x{row.calls}" if row.calls > 1 else ""
            numbers = [f"{n:,}" if n else "-" for n in (row.parameters, row.macs, row.flops)]
            rows.append((name, _short(row.output_shape) if row.calls else "not called", *numbers))
        widths = [max(len(r[i]) for r in rows) for i in range(5)]
        line = "-" * (sum(widths) + 8)
        sides = (str.ljust, str.ljust, str.rjust, str.rjust, str.rjust)
        lines = ["  ".join(side(c, w) for side, c, w in zip(sides, r, widths)) for r in rows]
        frozen = self.parameters - self.trainable
        lines[1:1] = [line]
        lines += [
            line,
            f"parameters {self.parameters:,} ({self.trainable:,} trainable, {frozen:,} frozen)",
            f"multiply-adds {self.macs:,}, floating-point operations {self.flops:,}",
            *[f"not counted: {name} ({n} calls)" for name, n in self.uncounted.items()],
            f"memory: input {quantity(self.input_bytes)}, parameters {quantity(self.parameter_bytes)}, "
            f"buffers {quantity(self.buffer_bytes)}, activations {quantity(self.activation_bytes)}",
            f"peak of this inference {quantity(self.peak_bytes)}, "
            f"a training step about {quantity(self.training_bytes)}",
        ]
        return "\n".join(x.rstrip() for x in lines)

    __repr__ = __str__


def _short(shape: Any, limit: int = 44) -> str:
    text = str(shape) if not isinstance(shape, list) else ", ".join(map(str, shape))
    return text if len(text) <= limit else text[: limit - 3] + "..."


class _Followed(Calls):
    """Calls with the shapes of what goes in and out, by path."""

    def __init__(self, model: Module) -> None:
        super().__init__(model)
        self.found: dict[str, tuple[int, Any, Any]] = {}

    def entered(self, call: Call) -> None:
        call.args = [shape_of(a) for a in (*call.args, *call.kwargs.values())]  # not the tensors: they should die

    def left(self, call: Call) -> None:
        shapes = call.args[0] if len(call.args) == 1 else call.args
        count = self.found.get(call.path, (0,))[0]
        self.found[call.path] = (count + 1, shapes, shape_of(call.output))
        call.output = None


def make_inputs(name: str, sizes: Any, dtypes: Any) -> tuple[Any, ...]:
    """Tensors of the given shapes: normal random numbers, or zeros for integers and bools."""
    if isinstance(sizes, Sequence) and all(isinstance(n, (int, np.integer)) for n in sizes):
        sizes = [sizes]
    try:
        shapes = [tuple([int(n) for n in s]) for s in sizes]
    except TypeError:
        raise TypeError(f"{name}: input_size must be a shape or a list of shapes, got {sizes!r}") from None
    kinds = [None] * len(shapes) if dtypes is None else list(dtypes)
    if len(kinds) != len(shapes):
        raise ValueError(f"{name}: got {len(shapes)} shapes and {len(kinds)} dtypes")
    draw = Generator().manual_seed(0).numpy(sum(int(np.prod(s)) for s in shapes))
    made = []
    for shape, kind in zip(shapes, kinds):
        d = _dtype.get_default_dtype() if kind is None else _dtype.as_dtype(kind)
        values = draw.standard_normal(shape, np.float32) if d.is_floating_point else np.zeros(shape)
        made.append(wrap(np.asarray(values, np.float32)).to(d))
    return tuple(made)


def call_arguments(name: str, input_size: Any, input: Any, dtypes: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments a model is to be called with."""
    if (input is None) == (input_size is None):
        raise ValueError(f"{name}: give one of input_size and input")
    if input is None:
        return make_inputs(name, input_size, dtypes), {}
    if isinstance(input, dict):
        return (), input
    named = hasattr(input, "_fields")  # a PackedSequence is one argument
    return (tuple(input) if isinstance(input, (tuple, list)) and not named else (input,)), {}


def summary(model: Module, input_size: Any = None, input: Any = None, *, depth: int = 3, dtypes: Any = None) -> Summary:
    """A table of the modules of ``model``: output shapes, parameters, arithmetic; and the memory it needs.

    The model is called once, in evaluation mode and without recording; modes and random numbers are put back. Rows
    hold what belongs to the module itself, the deepest rows all that lies below them as well: columns add up.

    Args:
        model: what to look at.
        input_size: shape of the input, batch included, or a list of shapes; random numbers are made.
        input: instead: the input, a tuple of the positional arguments, or a dict of named ones.
        depth: how far down modules have rows; the model itself is at depth 0.
        dtypes: dtypes of the inputs of ``input_size``; float32 unless given, zeros are made for integers.

    Returns:
        A `lucid.utils.summary.Summary`, whose fields hold what its ``str`` shows.

    Raises:
        TypeError: ``model`` is not a module, or ``input_size`` no shape.
        ValueError: not exactly one of ``input_size`` and ``input``, or a negative depth.

    Example:
        >>> import lucid
        >>> from lucid import nn
        >>> print(lucid.summary(nn.Sequential(nn.Linear(4, 8), nn.ReLU()), (2, 4)))
        layer        output shape  parameters  multiply-adds  FLOPs
        -----------------------------------------------------------
        Sequential   (2, 8)                 -              -      -
          0: Linear  (2, 8)                40             64    144
          1: ReLU    (2, 8)                 -              -     16
        -----------------------------------------------------------
        parameters 40 (40 trainable, 0 frozen)
        multiply-adds 64, floating-point operations 160
        memory: input 32 B, parameters 160 B, buffers 0 B, activations 128 B
        peak of this inference 320 B, a training step about 480 B
    """
    if not isinstance(model, Module):
        raise TypeError(f"summary: expected a Module, got {type(model).__name__}")
    if not isinstance(depth, int) or depth < 0:
        raise ValueError(f"summary: depth must be a number from 0, got {depth!r}")
    args, kwargs = call_arguments("summary", input_size, input, dtypes)
    inputs = tensors_in([*args, *kwargs.values()])
    memory = Memory(inputs)
    followed = _Followed(model)
    with inference(model), followed:
        counter = FlopCounter(followed)
        with watched_by(counter), watched_by(memory):
            model(*args, **kwargs)
    parameters, buffers = list(model.parameters()), list(model.buffers())
    held = _bytes(parameters) + _bytes(buffers)
    count = counter.count
    return Summary(
        _rows(model, depth, followed, count),
        sum(p._data.size for p in parameters),
        sum(p._data.size for p in parameters if p.requires_grad),
        count.macs, count.flops, dict(count.uncounted), _bytes(inputs), _bytes(parameters), _bytes(buffers),
        memory.total, held + memory.peak,
    )  # fmt: skip


def _rows(model: Module, depth: int, followed: _Followed, count: FlopCount) -> list[Layer]:
    rows: list[Layer] = []
    seen: dict[int, str] = {}
    counted: set[int] = set()

    def below(table: Any, path: str, last: bool) -> int:
        start = f"{path}." if path else ""
        return sum(n for p, n in table.items() if p == path or (last and p.startswith(start)))

    def visit(module: Module, path: str, level: int) -> None:
        last = level == depth or not module._modules
        row = Layer(path, type(module).__name__, level, shared_with=seen.get(id(module)))
        seen.setdefault(id(module), path)
        row.calls, row.input_shape, row.output_shape = followed.found.get(path, (0, None, None))
        own = module.parameters() if last else (p for p in module._parameters.values() if p is not None)
        for p in own:
            if id(p) not in counted:
                counted.add(id(p))
                row.parameters += p._data.size
                row.trainable += p._data.size if p.requires_grad else 0
        row.macs, row.flops = below(count.macs_by_module, path, last), below(count.by_module, path, last)
        rows.append(row)
        if not last:
            for name, child in module._modules.items():
                if child is not None:
                    visit(child, f"{path}.{name}" if path else name, level + 1)

    visit(model, "", 0)
    return rows
