"""The inference cases as ONNX graphs; imported by the processes of lucid and PyTorch too, so ``onnx`` comes late."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from case import data


class Graph(NamedTuple):
    """A serialised ONNX model and its input."""

    model: bytes
    x: np.ndarray


def make(x: np.ndarray, nodes: list[tuple[Any, ...]], constants: dict[str, np.ndarray]) -> Graph:
    """A graph from ``x`` to ``y``; a node is (type, inputs, outputs, attributes)."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    made = [helper.make_node(kind, inputs.split(), outputs.split(), **more) for kind, inputs, outputs, more in nodes]
    graph = helper.make_graph(
        made,
        "case",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * x.ndim)],
        [numpy_helper.from_array(np.ascontiguousarray(a), name) for name, a in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
    model.ir_version = 9  # of opset 20; a newer onnx would claim one that the runtime may not know
    onnx.checker.check_model(model)
    return Graph(model.SerializeToString(), x)


def activation(name: str, n: int, backward: bool) -> Graph:
    x = data(n)
    if name == "softmax":
        x = x.reshape(-1, 1000)
    single = {"hardswish": "HardSwish", "mish": "Mish", "gelu": "Gelu", "relu": "Relu", "sigmoid": "Sigmoid",
              "tanh": "Tanh", "exp": "Exp", "softmax": "Softmax"}  # fmt: skip
    silu = [("Sigmoid", "x", "s", {}), ("Mul", "x s", "y", {})]  # ONNX has no operator of its own for it
    return make(x, silu if name == "silu" else [(single[name], "x", "y", {})], {})


def linear(m: int, k: int, n: int) -> Graph:
    return make(data(m, k), [("Gemm", "x w b", "y", {"transB": 1})], {"w": data(n, k, seed=1), "b": data(n, seed=2)})


def conv(layer: str, batch: int, backward: bool) -> Graph:
    from kernels import LAYERS

    shape = LAYERS[layer]
    kind = "ConvTranspose" if shape.kind == "conv_transpose2d" else "Conv"
    attributes = {
        "kernel_shape": [shape.kernel] * shape.dims,
        "strides": [shape.stride] * shape.dims,
        "pads": [shape.padding] * 2 * shape.dims,
        "group": shape.groups,
    }
    return make(data(*shape.image(batch)), [(kind, "x w", "y", attributes)], {"w": shape.weight()})


def blocks() -> Graph:
    """``models.conv_blocks`` in evaluation, with the weights of ``case.set_parameters``."""
    constants: dict[str, np.ndarray] = {}
    nodes: list[tuple[Any, ...]] = []
    names = ["w", "b", "scale", "shift"]
    at, source = 0, "x"
    for layer, (cin, cout, stride) in enumerate(((3, 32, 2), (32, 64, 1))):
        for name in names:
            if name == "w":
                fan = np.float32(np.sqrt(cin * 9))
                constants[f"w{layer}"] = data(cout, cin, 3, 3, seed=at) / fan
            else:
                constants[f"{name}{layer}"] = np.abs(data(cout, seed=at)) * np.float32(0.1) + np.float32(0.5)
            at += 1
        constants[f"mean{layer}"], constants[f"var{layer}"] = np.zeros(cout, np.float32), np.ones(cout, np.float32)
        nodes += [
            ("Conv", f"{source} w{layer} b{layer}", f"c{layer}",
             {"kernel_shape": [3, 3], "strides": [stride] * 2, "pads": [1] * 4}),
            ("BatchNormalization", f"c{layer} scale{layer} shift{layer} mean{layer} var{layer}", f"n{layer}", {}),
            ("Sigmoid", f"n{layer}", f"s{layer}", {}),
            ("Mul", f"n{layer} s{layer}", "y" if layer else f"a{layer}", {}),
        ]  # fmt: skip
        source = f"a{layer}"
    return make(data(1, 3, 224, 224), nodes, constants)
