"""From a module to a file."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np

from lucid import _version
from lucid._functions._naming import listed
from lucid.autograd._node import TensorBase
from lucid.compiler._tree import flatten
from lucid.onnx import _emit_elementwise, _emit_neural, _emit_reduce, _emit_rnn, _emit_shape
from lucid.onnx._traces import Edge, Input, Model, Size, names_of_inputs, read
from lucid.onnx._writer import EXPORTS, Builder, Node, Ref, Unsupported, operation_name, type_of
from lucid.serialization import write_to

OPSETS = {17: 8, 18: 8, 19: 9, 20: 9, 21: 10}
"""The operator sets that can be written, and the version of the file format that came with each."""

LARGEST = (1 << 31) - (1 << 24)
"""Bytes of weights that a file can hold by itself: protobuf's limit, with room for the nodes."""

_FAMILIES = (_emit_elementwise, _emit_neural, _emit_reduce, _emit_rnn, _emit_shape)  # imported for what they register

Axes = Mapping[str, Mapping[int, str] | Sequence[int]]


@listed
def export(
    model: Callable[..., Any],
    args: Any = (),
    f: str | os.PathLike[str] | BinaryIO | None = None,
    *,
    kwargs: Mapping[str, Any] | None = None,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    opset_version: int | None = None,
    dynamic_axes: Axes | None = None,
    dynamic_shapes: Any = None,
    external_data: bool | None = None,
    verbose: bool | None = None,
    export_params: bool = True,
    do_constant_folding: bool = True,
    dynamo: bool | None = None,
) -> Any:
    """Write what a model does in evaluation mode to an ONNX file.

    The model is called on the example and traced, as by `lucid.compile`; with dynamic axes it is called again with
    other sizes, and what differs is computed from the inputs' shapes. Parameters and buffers are initializers with the
    names of the state dict.

    Args:
        model: a module, or a function of tensors.
        args: the example: a tensor, or the tuple of positional arguments. What is no tensor becomes part of the file.
        f: a path, which gets a whole file or keeps what it had, or a binary file; None for the ONNX model in memory.
        kwargs: further arguments by name.
        input_names: a name for each tensor of the example; those of the parameters of ``forward`` unless given.
        output_names: a name for each tensor of the result; "output", or "output_0", "output_1" ... unless given.
        opset_version: 17 to 21; 17 unless given.
        dynamic_axes: by name of input, the axes whose size may differ: ``{"x": {0: "batch"}}`` or ``{"x": [0]}``.
            Entries of outputs only name axes.
        dynamic_shapes: the same in PyTorch's later form: ``{axis: name}`` by name or in the order of the inputs.
        external_data: whether weights go to a second file, ``f`` + ".data"; by themselves if a file cannot hold them.
        verbose, export_params, do_constant_folding, dynamo: accepted for scripts written for PyTorch; no effect.

    Returns:
        None, or the `onnx.ModelProto` if ``f`` is None.

    Raises:
        ImportError: the package `onnx` is missing.
        TraceError: the model reads values that depend on its inputs, or does else what a file cannot; the message says
            where.
        ValueError: operations without a counterpart in ONNX, all of them, with the modules that do them; names,
            axes or an operator set that do not fit. Nothing is written then.

    Example:
        >>> import lucid
        >>> from lucid import nn
        >>> model = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
        >>> axes = {"input": {0: "batch"}}
        >>> proto = lucid.onnx.export(model, lucid.ones(2, 4), dynamic_axes=axes)  # or a path as third argument
        >>> [node.op_type for node in proto.graph.node], [w.name for w in proto.graph.initializer]
        (['Gemm', 'Relu'], ['0.weight', '0.bias'])

    Source: https://onnx.ai/onnx/operators.
    """
    try:
        import onnx  # noqa: F401
    except ImportError as error:
        raise ImportError("onnx.export needs the package onnx: pip install lucid[onnx]") from error
    model = getattr(model, "function", model) if type(model).__name__ == "Compiled" else model
    if not callable(model):
        raise TypeError(f"onnx.export: expected a module or a function, got {type(model).__name__}")
    if f is not None and not isinstance(f, (str, os.PathLike)) and not hasattr(f, "write"):
        raise TypeError(f"onnx.export: expected a path or a binary file, got {type(f).__name__}")
    opset = 17 if opset_version is None else opset_version
    if opset not in OPSETS:
        raise ValueError(f"onnx.export: operator set {opset} is not supported, only {min(OPSETS)} to {max(OPSETS)}")
    if not isinstance(args, (TensorBase, tuple, list)):
        raise TypeError(f"onnx.export: expected args to be a tensor or a tuple of arguments, got {type(args).__name__}")
    positional = (args,) if isinstance(args, TensorBase) else tuple(args)
    named = dict(kwargs or {})
    if kwargs is None and positional and type(positional[-1]) is dict:
        *first, named = positional
        positional = tuple(first)
    tensors: list[Any] = []
    spec = (flatten(positional, tensors, "args"), flatten(named, tensors, "kwargs") if named else ())
    names = _checked_names("input_names", input_names, names_of_inputs(model, positional, named), len(tensors))
    symbols = _symbols(names, dynamic_axes, dynamic_shapes, tensors)
    found = read(model, spec, [Input(n, t._data, s) for n, t, s in zip(names, tensors, symbols)])
    count = len(found.outputs)
    default = ["output"] if count == 1 else [f"output_{i}" for i in range(count)]
    results = _checked_names("output_names", output_names, default, count)
    if set(names) & set(results):
        raise ValueError(f"onnx.export: {sorted(set(names) & set(results))} name both an input and an output")
    unknown = sorted(set(dynamic_axes or ()) - {*names, *results})
    if unknown:
        raise ValueError(f"onnx.export: dynamic_axes names {unknown}, but inputs and results are {[*names, *results]}")
    builder = build(found, opset, names, results)
    proto, arrays = assemble(builder, names, results, symbols, dynamic_axes or {})
    return _write(proto, arrays, f, external_data)


def _checked_names(argument: str, given: Sequence[str] | None, default: list[str], count: int) -> list[str]:
    names = default if given is None else list(given)
    if len(names) != count or len(set(names)) != count:
        what = "inputs" if argument == "input_names" else "results"
        raise ValueError(f"onnx.export: {argument} must be {count} different names, one for each of the tensors among "
                         f"the {what}, got {names}")  # fmt: skip
    return names


def _symbols(names: list[str], axes: Any, shapes: Any, tensors: list[Any]) -> list[dict[int, str]]:
    """The symbols of the dynamic axes of each input."""
    wanted: dict[str, Any] = dict(axes or {})
    if shapes is not None:
        if axes is not None:
            raise ValueError("onnx.export: give dynamic_axes or dynamic_shapes, not both")
        listed = shapes if isinstance(shapes, Mapping) else dict(zip(names, shapes))
        if set(listed) - set(names):
            raise ValueError(f"onnx.export: dynamic_shapes names {sorted(set(listed) - set(names))}, but the inputs "
                             f"are {names}")  # fmt: skip
        wanted = {name: entry for name, entry in listed.items() if entry}
    found = []
    for name, t in zip(names, tensors):
        entry = wanted.get(name) or {}
        if not isinstance(entry, Mapping):
            if all(isinstance(a, int) for a in entry) and shapes is None:
                entry = {a: f"{name}_dynamic_axis_{a}" for a in entry}
            else:
                entry = {a: label for a, label in enumerate(entry) if label is not None}
        own = {}
        for axis, label in entry.items():
            if label is None:
                continue
            if not -t.ndim <= axis < t.ndim:
                raise ValueError(f"onnx.export: axis {axis} of '{name}' does not exist (shape {tuple(t.shape)})")
            text = label if isinstance(label, str) else getattr(label, "__name__", f"{name}_dynamic_axis_{axis}")
            own[axis % t.ndim] = text
        found.append(own)
    return found


def build(model: Model, opset: int, inputs: list[str], outputs: list[str]) -> Builder:
    """The nodes and initializers of a model.

    Raises:
        ValueError: what has no counterpart, all of it.
    """
    builder = Builder(model, opset, [*inputs, *outputs])
    for name, edge in zip(inputs, model.inputs):
        builder.refs[edge.key] = Ref(name, edge.shape, edge.values[0].dtype)
    missing: dict[str, list[str]] = {}
    for step in model.steps:
        builder.place = step.place.partition("'")[2].rstrip("'")
        entry = EXPORTS.get(step.operation)
        reason = None
        if entry is None:
            reason = operation_name(step.operation)
        else:
            try:
                builder.step(step, entry)
            except Unsupported as error:
                reason = str(error)
        if reason is not None:
            places = missing.setdefault(reason, [])
            if step.place not in places:
                places.append(step.place)
            for y in step.outputs:  # so that what comes after is looked at as well
                builder.refs.setdefault(y.key, Ref("missing", y.shape, y.values[0].dtype))
    if missing:
        listed = [f"{what} (in {', '.join(where)})" if any(where) else what for what, where in missing.items()]
        raise ValueError(f"onnx.export: not supported: {'; '.join(listed)}")
    builder.place = ""
    for name, y in zip(outputs, model.outputs):
        _name_result(builder, name, y, outputs)
    return builder


def _name_result(b: Builder, name: str, y: Edge, taken: list[str]) -> None:
    made = b.name_of(b.ref(y))
    maker = next((n for n in b.nodes if made in n.outputs), None)
    if maker is None or made in taken:  # an input, a constant, or two results in one
        b.nodes.append(Node("Identity", [made], [name], {}, b.unique("/Identity")))
        return
    for k, node in enumerate(b.nodes):
        if made in node.inputs or made in node.outputs:
            inputs, results = ([name if n == made else n for n in part] for part in (node.inputs, node.outputs))
            b.nodes[k] = node._replace(inputs=inputs, outputs=results)
    b.refs[y.key].name = name


def assemble(
    b: Builder, inputs: list[str], outputs: list[str], symbols: list[dict[int, str]], axes: Axes
) -> tuple[Any, list[tuple[Any, np.ndarray]]]:
    """The model without the data of its initializers, and these with their arrays."""
    from onnx import helper

    wanted = set(outputs)
    kept: list[Node] = []
    for node in reversed(b.nodes):
        if wanted.intersection(node.outputs):
            kept.append(node)
            wanted.update(node.inputs)
    graph = helper.make_graph([], "lucid", [], [])
    for node in reversed(kept):
        graph.node.append(helper.make_node(node.operator, node.inputs, [n if n in wanted else "" for n in node.outputs],
                                           node.name, **node.attributes))  # fmt: skip
    for name, edge, own in zip(inputs, b.model.inputs, symbols):
        shape = [own.get(d, int(n)) for d, n in enumerate(edge.shape)]
        graph.input.append(helper.make_tensor_value_info(name, type_of(edge.values[0].dtype), shape))
    known = {across: symbol for symbol, across in b.model.symbols.items()}
    for name, y in zip(outputs, b.model.outputs):
        given = axes.get(name, {})
        given = given if isinstance(given, Mapping) else {a: f"{name}_dynamic_axis_{a}" for a in given}
        shape = [given.get(d) or known.get(n.across, f"{name}_{d}") if isinstance(n, Size) else int(n)
                 for d, n in enumerate(y.shape)]  # fmt: skip
        graph.output.append(helper.make_tensor_value_info(name, type_of(y.values[0].dtype), shape))
    arrays = []
    for name, array in b.initializers.items():
        if name in wanted:
            tensor = graph.initializer.add(name=name, data_type=type_of(array.dtype), dims=array.shape)
            arrays.append((tensor, array))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", b.opset)], ir_version=OPSETS[b.opset],
                              producer_name="lucid", producer_version=_version.__version__)  # fmt: skip
    return model, [(t, a) for t, (_, a) in zip(model.graph.initializer, arrays)]


def _write(proto: Any, arrays: list[tuple[Any, np.ndarray]], f: Any, external: bool | None) -> Any:
    from onnx import checker

    total = sum(a.nbytes for _, a in arrays)
    external = total > LARGEST if external is None else external
    if external and not isinstance(f, (str, os.PathLike)):
        raise ValueError(f"onnx.export: {total} bytes of weights need a second file; give a path" if total > LARGEST
                         else "onnx.export: external_data needs a path")  # fmt: skip
    if not external:
        if total > LARGEST:
            raise ValueError(f"onnx.export: one file cannot hold {total} bytes of weights; leave external_data out")
        for tensor, array in arrays:
            tensor.raw_data = _little(array).tobytes()
        checker.check_model(proto)
        if f is None:
            return proto
        write_to(f, lambda file: file.write(proto.SerializeToString()), "onnx.export")
        return None
    path = os.fspath(f)
    data, at = f"{path}.data", 0
    for tensor, array in arrays:
        at += -at % 64
        tensor.data_location = 1  # external
        for key, value in (("location", os.path.basename(data)), ("offset", at), ("length", array.nbytes)):
            tensor.external_data.add(key=key, value=str(value))
        at += array.nbytes

    def put(file: BinaryIO) -> None:
        for _, array in arrays:
            file.write(b"\0" * (-file.tell() % 64))
            file.write(_little(array).tobytes())

    write_to(data, put, "onnx.export")
    write_to(path, lambda file: file.write(proto.SerializeToString()), "onnx.export")
    return None


def _little(array: np.ndarray) -> np.ndarray:
    """The array in ONNX's byte order."""
    return np.ascontiguousarray(array, array.dtype.newbyteorder("<"))


__all__ = ["export"]
