"""A network of lucid as an ONNX graph, operation by operation as it was traced: what an exporter would write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from graphs import Graph

Node = tuple[str, list[str], list[str], dict[str, Any]]


class Export:
    """The nodes so far, and the names of values."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.constants: dict[str, np.ndarray] = {}
        self.names: dict[Any, str] = {}

    def name(self, x: Any) -> str:
        if x not in self.names:
            self.names[x] = f"v{len(self.names)}"
            if x.array is not None:
                self.constants[self.names[x]] = np.ascontiguousarray(x.array)
        return self.names[x]

    def constant(self, values: Any, dtype: Any = np.int64) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(values, dtype)
        return name

    def node(self, kind: str, inputs: list[str], output: str = "", **attributes: Any) -> str:
        output = output or f"t{len(self.nodes)}"
        self.nodes.append((kind, inputs, [output], attributes))
        return output


def pads(padding: Any) -> list[int]:
    return [before for before, _ in padding] + [after for _, after in padding]


def conv2d(e: Export, op: Any, xs: list[str], y: str) -> None:
    a = op.attributes
    e.node("Conv", xs, y, kernel_shape=list(op.inputs[1].shape[2:]), strides=list(a["stride"]), group=a["groups"],
           pads=pads(a["padding"]), dilations=list(a["dilation"]))  # fmt: skip


def batch_norm(e: Export, op: Any, xs: list[str], y: str) -> None:
    x, weight, bias, mean, var = xs
    e.node("BatchNormalization", [x, weight, bias, mean, var], y, epsilon=op.attributes["eps"])


def linear(e: Export, op: Any, xs: list[str], y: str) -> None:
    if len(op.output.shape) == 2:
        e.node("Gemm", xs, y, transB=1)
        return
    bias, across = xs[2:], e.constant(op.inputs[1].array.T, np.float32)
    product = e.node("MatMul", [xs[0], across], "" if bias else y)
    if bias:
        e.node("Add", [product, bias[0]], y)


def activation(e: Export, op: Any, xs: list[str], y: str) -> None:
    name = op.attributes["name"]
    if name == "silu":  # ONNX has no operator of its own for it
        e.node("Mul", [xs[0], e.node("Sigmoid", xs)], y)
        return
    kinds = {"relu": "Relu", "hardswish": "HardSwish", "sigmoid": "Sigmoid", "gelu": "Gelu", "tanh": "Tanh"}
    if name == "hardsigmoid":
        e.node("HardSigmoid", xs, y, alpha=1 / 6, beta=0.5)
    else:
        e.node(kinds[name], xs, y)


def max_pool2d(e: Export, op: Any, xs: list[str], y: str) -> None:
    a = op.attributes
    e.node("MaxPool", xs, y, kernel_shape=list(a["kernel"]), strides=list(a["stride"]), pads=[*a["padding"]] * 2)


def layer_norm(e: Export, op: Any, xs: list[str], y: str) -> None:
    e.node("LayerNormalization", xs, y, axis=-1, epsilon=op.attributes["eps"])


def attention(e: Export, op: Any, xs: list[str], y: str) -> None:
    q, k, v = xs
    scores = e.node("MatMul", [q, e.node("Transpose", [k], perm=[0, 1, 3, 2])])
    scaled = e.node("Mul", [scores, e.constant(op.attributes["scale"], np.float32)])
    e.node("MatMul", [e.node("Softmax", [scaled], axis=-1), v], y)


def getitem(e: Export, op: Any, xs: list[str], y: str) -> None:
    taken = [(axis, part) for axis, part in enumerate(op.call.args[1]) if part != slice(None)]
    squeezed = [axis for axis, part in taken if isinstance(part, int)]
    x = xs[0]
    for i, (axis, part) in enumerate(taken):
        lo, hi, _ = slice(part, part + 1).indices(1 << 31) if isinstance(part, int) else part.indices(1 << 31)
        x = e.node("Slice", [x, *map(e.constant, ([lo], [hi], [axis]))], "" if squeezed or i + 1 < len(taken) else y)
    if squeezed:
        e.node("Squeeze", [x, e.constant(squeezed)], y)


SIMPLE: dict[str, Callable[[Any], tuple[str, dict[str, Any]]]] = {
    "add": lambda op: ("Add", {}),
    "mul": lambda op: ("Mul", {}),
    "adaptive_avg_pool2d": lambda op: ("GlobalAveragePool", {}),
    "permute": lambda op: ("Transpose", {"perm": list(op.attributes["dims"])}),
    "cat": lambda op: ("Concat", {"axis": op.attributes["dim"]}),
}
NODES: dict[str, Callable[[Export, Any, list[str], str], None]] = {
    "conv2d": conv2d, "batch_norm": batch_norm, "linear": linear, "activation": activation, "max_pool2d": max_pool2d,
    "layer_norm": layer_norm, "attention": attention,
    "reshape": lambda e, op, xs, y: e.node("Reshape", [xs[0], e.constant(op.output.shape)], y) and None,
    "expand": lambda e, op, xs, y: e.node("Expand", [xs[0], e.constant(op.output.shape)], y) and None,
}  # fmt: skip


def export(model: Any, x: np.ndarray) -> Graph:
    """The forward pass of ``model`` on ``x``."""
    import lucid
    from lucid.compiler._passes.dead import remove_dead
    from lucid.compiler._passes.identity import remove_identities
    from lucid.compiler._record import recognise
    from lucid.compiler._trace import trace

    owners = {id(t._data): t for t in (*model.parameters(), *model.buffers())}
    graph, y, _ = trace(model, model, owners, [lucid.from_numpy(x)], lambda fed: (tuple(fed), {}))
    graph.outputs = [tensor._value for tensor in (y if isinstance(y, tuple) else (y,))]
    recognise(graph)
    remove_dead(graph)
    remove_identities(graph)
    e = Export()
    e.names[graph.inputs[0]] = "x"
    e.names |= {v: f"y{i}" for i, v in enumerate(graph.outputs)}
    for op in graph.ops:
        names = [e.name(v) for v in op.inputs]
        if op.kind in SIMPLE:
            kind, attributes = SIMPLE[op.kind](op)
            e.node(kind, names, e.name(op.output), **attributes)
        elif op.kind in NODES:
            NODES[op.kind](e, op, names, e.name(op.output))
        elif op.covers == ["Slice"]:
            getitem(e, op, names, e.name(op.output))
        else:
            raise NotImplementedError(f"export: {op.covers}")
    return build(e, x, [v.shape for v in graph.outputs])


def build(e: Export, x: np.ndarray, shapes: list[tuple[int, ...]]) -> Graph:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    used = {name for _, inputs, _, _ in e.nodes for name in inputs}
    graph = helper.make_graph(
        [helper.make_node(kind, inputs, outputs, **more) for kind, inputs, outputs, more in e.nodes],
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info(f"y{i}", TensorProto.FLOAT, shape) for i, shape in enumerate(shapes)],
        [numpy_helper.from_array(a, name) for name, a in e.constants.items() if name in used],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
    model.ir_version = 9  # of opset 20; a newer onnx would claim one that the runtime may not know
    onnx.checker.check_model(model)
    return Graph(model.SerializeToString(), x)
