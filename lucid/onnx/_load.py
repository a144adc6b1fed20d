"""From a file to a module."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

import lucid
from lucid import Tensor, nn
from lucid.onnx import (
    _attention,
    _control,
    _elementwise,
    _loss,
    _neural,
    _places,
    _quantized,
    _recurrent,
    _reduce,
    _resize,
    _sampling,
    _shape,
)
from lucid.onnx._registry import OPERATORS, TOLD, keywords, lacks

OPSETS = range(13, 29)
_FAMILIES = (
    _attention, _control, _elementwise, _loss, _neural, _places, _quantized, _recurrent, _reduce, _resize, _sampling,
    _shape,
)  # fmt: skip
"""Imported for what they register."""


class _Step(NamedTuple):
    operator: str
    name: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]
    bodies: tuple[str, ...]  # the attributes that are graphs
    reads: set[str]  # what it reads, in its graphs too


class Body:
    """A graph: that of the file, or one that a node runs, which sees the values around it."""

    def __init__(self, graph: Any, opset: int, missing: set[str]) -> None:
        from onnx import numpy_helper

        self.constants = {x.name: tensor(numpy_helper.to_array(x)) for x in graph.initializer}
        self.inputs = [x.name for x in graph.input if x.name not in self.constants]
        self.outputs = [x.name for x in graph.output]
        self.states: dict[str, str] = {}
        self.steps = [_step(node, opset, missing) for node in graph.node]
        made = {*self.inputs, *self.constants, *[name for step in self.steps for name in step.outputs]}
        self.reads = {name for step in self.steps for name in step.reads}.union(self.outputs) - made - {""}
        self.last = _dead_after(self.steps, {*self.outputs, *self.constants, *self.reads})

    def nested(self) -> Iterator[Body]:
        """Itself and the graphs in it."""
        yield self
        for step in self.steps:
            for name in step.bodies:
                yield from step.attributes[name].nested()

    def run(self, module: nn.Module, values: dict[str, Any]) -> tuple[Any, ...]:
        """The results, from ``values``, which it changes."""
        values |= {name: getattr(module, state) for name, state in self.states.items()}
        for step, dead in zip(self.steps, self.last):
            attributes = step.attributes
            if step.bodies:
                attributes = attributes | {name: Bound(attributes[name], module, values) for name in step.bodies}
            try:
                y = OPERATORS[step.operator](*[values[name] for name in step.inputs], **attributes)
            except Exception as error:
                error.add_note(f"in the node {step.operator} '{step.name}' of an ONNX file")
                raise
            values.update(zip(step.outputs, y if isinstance(y, tuple) else (y,)))
            for name in dead:
                values.pop(name, None)
        return tuple([values[name] for name in self.outputs])


class Bound(NamedTuple):
    """A graph in an attribute, with the values that it sees: called with its inputs, it gives a tuple."""

    body: Body
    module: nn.Module
    around: dict[str, Any]

    def __call__(self, *inputs: Any) -> tuple[Any, ...]:
        return self.body.run(self.module, {**self.around, **dict(zip(self.body.inputs, inputs))})


def _step(node: Any, opset: int, missing: set[str]) -> _Step:
    from onnx import helper, numpy_helper

    attributes: dict[str, Any] = {}
    bodies = []
    for a in node.attribute:
        value: Any = helper.get_attribute_value(a)
        if a.type == a.TENSOR:
            value = tensor(numpy_helper.to_array(value))
        elif a.type == a.GRAPH:
            bodies.append(a.name)
            value = Body(value, opset, missing)
        elif a.type == a.STRINGS:
            value = [s.decode() for s in value]
        attributes[a.name] = value.decode() if isinstance(value, bytes) else value
    lack = lacks(node.op_type, node.domain, attributes, list(node.output))
    if lack is not None:
        missing.add(lack)
    else:
        told = {"outputs": len(node.output), "opset": opset}
        attributes |= {name: told[name] for name in keywords(OPERATORS[node.op_type]).intersection(TOLD)}
    reads = set(node.input).union(*[attributes[name].reads for name in bodies])
    return _Step(node.op_type, node.name, list(node.input), list(node.output), attributes, tuple(bodies), reads)


class OnnxModel(nn.Module):
    """The graph of an ONNX file.

    Initialisers are parameters where they are floating-point numbers, and buffers otherwise. Calls take the graph's
    inputs by position or name and return its output, or a tuple where there are several.

    Args:
        body: the graph, as `load` reads it.

    Raises:
        TypeError: in a call: other inputs than the graph's.

    Example:
        >>> import lucid, tempfile
        >>> from lucid import nn
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     lucid.onnx.export(nn.Linear(4, 3), lucid.ones(2, 4), f"{folder}/model.onnx")
        ...     model = lucid.onnx.load(f"{folder}/model.onnx")
        >>> model.input_names, model(lucid.ones(2, 4)).shape
        (['input'], lucid.Size([2, 3]))
    """

    def __init__(self, body: Body) -> None:
        super().__init__()
        self.input_names, self.output_names, self._body = body.inputs, body.outputs, body
        for each in body.nested():
            for name, x in each.constants.items():
                state = re.sub(r"\W", "_", name)
                while hasattr(self, state):
                    state += "_"
                each.states[name] = state
                if x.is_floating_point():
                    self.register_parameter(state, nn.Parameter(x))
                else:
                    self.register_buffer(state, x)
        self.eval()  # operators are those of inference

    def forward(self, *args: Tensor, **kwargs: Tensor) -> Any:
        names = self.input_names
        given = [*names[: len(args)], *kwargs]
        if len(args) > len(names) or sorted(given) != sorted(names):
            raise TypeError(f"expected the inputs {', '.join(names)}, got {', '.join(given) or 'none'}"
                            + (f" and {len(args) - len(names)} more" if len(args) > len(names) else ""))  # fmt: skip
        results = self._body.run(self, {"": None, **dict(zip(names, args)), **kwargs})
        return results[0] if len(results) == 1 else results


def _dead_after(steps: list[_Step], kept: set[str]) -> list[list[str]]:
    """The values that nothing reads after each step."""
    seen = {"", *kept}
    found = []
    for step in reversed(steps):
        names = dict.fromkeys([*step.reads, *step.outputs])
        found.append([name for name in names if name not in seen])
        seen.update(names)
    return found[::-1]


def load(path: str | os.PathLike[str]) -> OnnxModel:
    """A module that computes what the graph of an ONNX file says.

    Args:
        path: a file of the operator sets 13 to 28.

    Raises:
        ImportError: the package `onnx` is missing.
        TypeError: ``path`` is not a path.
        ValueError: not an ONNX file, another operator set, or operators that lucid does not have: all of them, by name.

    Example:
        >>> import lucid, tempfile
        >>> from lucid import nn
        >>> net, x = nn.Linear(4, 3), lucid.ones(2, 4)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     lucid.onnx.export(net, x, f"{folder}/model.onnx")
        ...     model = lucid.onnx.load(f"{folder}/model.onnx")
        >>> lucid.allclose(model(x), net(x))
        True

    Source: https://onnx.ai/onnx/operators.
    """
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError as error:
        raise ImportError("onnx.load needs the package onnx: pip install lucid[onnx]") from error
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"onnx.load: expected a path, got {type(path).__name__}")
    try:
        proto = onnx.load(os.fspath(path))
    except DecodeError as error:
        raise ValueError(f"onnx.load: {os.fspath(path)} is not an ONNX file") from error
    if not proto.HasField("graph"):  # an empty file is an empty message
        raise ValueError(f"onnx.load: {os.fspath(path)} is not an ONNX file")
    return from_proto(proto)


def from_proto(model: Any) -> OnnxModel:
    """`load` of a model that is in memory already."""
    versions = {entry.domain: entry.version for entry in model.opset_import}
    opset = versions.get("", versions.get("ai.onnx", 0))
    if opset not in OPSETS:
        raise ValueError(f"onnx.load: operator set {opset} is not supported, only {OPSETS[0]} to {OPSETS[-1]}")
    missing: set[str] = set()
    body = Body(model.graph, opset, missing)
    if missing:
        raise ValueError(f"onnx.load: not supported: {', '.join(sorted(missing))}")
    made = {"", *body.inputs, *body.constants}
    for step in body.steps:
        for name in step.reads - made:
            raise ValueError(f"onnx.load: the node {step.name!r} reads {name!r}, which no node before it makes")
        made.update(step.outputs)
    for name in body.outputs:
        if name not in made:
            raise ValueError(f"onnx.load: the graph gives {name!r}, which no node makes")
    return OnnxModel(body)


def tensor(array: np.ndarray) -> Tensor:
    """A tensor with a copy of ``array``."""
    return lucid.from_numpy(np.array(array))
