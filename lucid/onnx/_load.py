"""From a file to a module."""

from __future__ import annotations

import os
import re
from typing import Any, NamedTuple

import numpy as np

import lucid
from lucid import Tensor, nn
from lucid.onnx import _elementwise, _neural, _reduce, _shape
from lucid.onnx._registry import OPERATORS, lacks

OPSETS = range(13, 22)
_FAMILIES = (_elementwise, _neural, _reduce, _shape)  # imported for what they register


class _Step(NamedTuple):
    operator: str
    name: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]


class OnnxModel(nn.Module):
    """The graph of an ONNX file.

    Initialisers are parameters where they are floating-point numbers, and buffers otherwise. Calls take the graph's
    inputs by position or name and return its output, or a tuple where there are several.
    """

    def __init__(self, steps: list[_Step], constants: dict[str, Tensor], inputs: list[str], outputs: list[str]) -> None:
        super().__init__()
        self.input_names, self.output_names, self._steps = inputs, outputs, steps
        self._states: dict[str, str] = {}
        for name, x in constants.items():
            state = re.sub(r"\W", "_", name)
            while state in self._states.values() or hasattr(self, state):
                state += "_"
            self._states[name] = state
            if x.is_floating_point():
                self.register_parameter(state, nn.Parameter(x))
            else:
                self.register_buffer(state, x)
        self._last: list[list[str]] = _dead_after(steps, {*outputs, *constants})
        self.eval()  # operators are those of inference

    def forward(self, *args: Tensor, **kwargs: Tensor) -> Any:
        names = self.input_names
        given = [*names[: len(args)], *kwargs]
        if len(args) > len(names) or sorted(given) != sorted(names):
            raise TypeError(f"expected the inputs {', '.join(names)}, got {', '.join(given) or 'none'}"
                            + (f" and {len(args) - len(names)} more" if len(args) > len(names) else ""))  # fmt: skip
        values: dict[str, Any] = {"": None, **{name: getattr(self, state) for name, state in self._states.items()}}
        values.update(zip(names, args))
        values.update(kwargs)
        for step, dead in zip(self._steps, self._last):
            try:
                y = OPERATORS[step.operator](*[values[name] for name in step.inputs], **step.attributes)
            except Exception as error:
                error.add_note(f"in the node {step.operator} '{step.name}' of an ONNX file")
                raise
            values.update(zip(step.outputs, y if isinstance(y, tuple) else (y,)))
            for name in dead:
                del values[name]
        results = tuple(values[name] for name in self.output_names)
        return results[0] if len(results) == 1 else results


def _dead_after(steps: list[_Step], kept: set[str]) -> list[list[str]]:
    """The values that nothing reads after each step."""
    seen = {"", *kept}
    found = []
    for step in reversed(steps):
        names = dict.fromkeys([*step.inputs, *step.outputs])
        found.append([name for name in names if name not in seen])
        seen.update(names)
    return found[::-1]


def load(path: str | os.PathLike[str]) -> OnnxModel:
    """A module that computes what the graph of an ONNX file says.

    Args:
        path: a file of the operator sets 13 to 21.

    Raises:
        ImportError: the package `onnx` is missing.
        TypeError: ``path`` is not a path.
        ValueError: not an ONNX file, another operator set, or operators that lucid does not have: all of them, by name.
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
    return from_proto(proto)


def from_proto(model: Any) -> OnnxModel:
    """`load` of a model that is in memory already."""
    from onnx import helper, numpy_helper

    versions = {entry.domain: entry.version for entry in model.opset_import}
    opset = versions.get("", versions.get("ai.onnx", 0))
    if opset not in OPSETS:
        raise ValueError(f"onnx.load: operator set {opset} is not supported, only {OPSETS[0]} to {OPSETS[-1]}")
    graph = model.graph
    steps, missing = [], set()
    for node in graph.node:
        attributes = {}
        for a in node.attribute:
            value: Any = helper.get_attribute_value(a)
            value = value.decode() if isinstance(value, bytes) else value
            if a.type == a.TENSOR:
                value = tensor(numpy_helper.to_array(value))
            attributes[a.name] = value
        lack = lacks(node.op_type, node.domain, attributes)
        used = [name for name in node.output if name]
        if lack is None and len(used) > 1 and node.op_type != "Split":
            lack = f"{node.op_type} with {len(used)} outputs"
        if lack is not None:
            missing.add(lack)
        if node.op_type == "Split":
            attributes["outputs"] = len(node.output)
        steps.append(_Step(node.op_type, node.name, list(node.input), list(node.output), attributes))
    if missing:
        raise ValueError(f"onnx.load: not supported: {', '.join(sorted(missing))}")
    constants = {x.name: tensor(numpy_helper.to_array(x)) for x in graph.initializer}
    inputs = [x.name for x in graph.input if x.name not in constants]
    return OnnxModel(steps, constants, inputs, [x.name for x in graph.output])


def tensor(array: np.ndarray) -> Tensor:
    """A tensor with a copy of ``array``."""
    return lucid.from_numpy(np.array(array))
