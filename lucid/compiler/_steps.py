"""Which function of arrays does each kind of operation: the one table between the graph and the kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lucid import _ops
from lucid._functions.conv import Geometry, kernels
from lucid.compiler._execute import replay
from lucid.compiler._graph import Op

Run = Callable[..., Any]


POWERS = {"cube": 3.0, "pow_half": 0.5}
"""Functions that are kernels of plans and powers otherwise."""


def function_of(name: str, params: tuple[Any, ...]) -> Callable[..., np.ndarray]:
    """A function of one number by name, of (x, out=None)."""
    if name in POWERS:
        return lambda x, out=None: _ops.pow(x, np.asarray(POWERS[name], x.dtype))
    if name == "fill_nan":
        return lambda x, out=None: np.where(np.isnan(x), x.dtype.type(params[0]), x)
    kernel = getattr(_ops, name)
    return lambda x, out=None: kernel(x, *params, out=out)


def activate(op: Op) -> Callable[[np.ndarray], np.ndarray] | None:
    """The activation after an operation, in place where it can."""
    if "activation" not in op.attributes:
        return None
    function = function_of(*op.attributes["activation"])
    return lambda y: function(y, out=y)


def _finish(op: Op, product: Run) -> Run:
    """``product`` of the first inputs, then what was fused to it: residual and activation."""
    then, residual = activate(op), op.attributes.get("residual", False)
    early = op.attributes.get("activation_first", False)
    if then is None and not residual:
        return product

    def run(*arrays: np.ndarray) -> np.ndarray:
        y = product(*arrays[:-1]) if residual else product(*arrays)
        if then is not None and early:
            y = then(y)
        if residual:
            y = _ops.add(y, arrays[-1], y)
        return y if then is None or early else then(y)

    return run


def conv2d(op: Op) -> Run:
    a = op.attributes
    geometry = (a["stride"], a["padding"], a["dilation"], a["groups"])
    scaled, bias = a.get("scale", False), a.get("bias", False)

    def product(x: np.ndarray, weight: np.ndarray, *rest: np.ndarray) -> np.ndarray:
        if scaled:
            x = _ops.mul(x, rest[-1])
        return _ops.conv2d(x, weight, rest[0] if bias else None, *geometry)

    return _finish(op, product)


def conv_transpose2d(op: Op) -> Run:
    a = op.attributes
    geometry = Geometry(a["stride"], a["padding"], a["dilation"], a["groups"])

    def product(x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
        return kernels(geometry).input_grad(x, weight, a["shape"], *geometry, bias)

    return _finish(op, product)


def linear(op: Op) -> Run:
    return _finish(op, lambda x, weight, bias=None: _ops.linear(x, weight, bias))


def activation(op: Op) -> Run:
    return function_of(op.attributes["name"], op.attributes["params"])


def layer_norm(op: Op) -> Run:
    a = op.attributes

    def run(x: np.ndarray, *rest: np.ndarray) -> np.ndarray:
        rows = np.ascontiguousarray(x).reshape(-1, a["size"])
        weight, bias = rest[0] if a["weight"] else None, rest[-1] if a["bias"] else None
        y = _ops.rms_norm(rows, weight, a["eps"]) if a.get("rms") else _ops.layer_norm(rows, weight, bias, a["eps"])
        return y[0].reshape(x.shape)

    return run


def add(op: Op) -> Run:
    then = activate(op)
    if then is None:
        return lambda x, y: _ops.add(x, y)
    return lambda x, y: then(_ops.add(x, y))


def mul(op: Op) -> Run:
    then = activate(op)
    if then is None:
        return lambda x, y: _ops.mul(x, y)
    return lambda x, y: then(_ops.mul(x, y))


def mean(op: Op) -> Run:
    dims, keepdim = op.attributes["dims"], op.attributes["keepdim"]

    def run(x: np.ndarray) -> np.ndarray:
        count = np.prod([x.shape[d] for d in dims])
        return _ops.div(_ops.sum(x, dims, keepdim), np.asarray(count, x.dtype))

    return run


def max_pool2d(op: Op) -> Run:
    options = tuple(op.attributes.values())
    return lambda x: _ops.max_pool2d(x, *options)


def attention(op: Op) -> Run:
    scale, causal = op.attributes["scale"], op.attributes["causal"]
    return lambda q, k, v, mask=None: _ops.attention(q, k, v, mask, scale, causal)[0]


def adaptive_avg_pool2d(op: Op) -> Run:
    size = op.attributes["size"]
    return lambda x: _ops.adaptive_avg_pool2d(x, size)


def embedding(op: Op) -> Run:
    negative = op.attributes.get("negative", False)

    def run(table: np.ndarray, index: np.ndarray) -> np.ndarray:
        rows = len(table)
        bad = index[(index < (-rows if negative else 0)) | (index >= rows)]
        if bad.size:
            raise IndexError(f"embedding: index {bad.flat[0]} is out of range for {rows} rows (weight {table.shape})")
        return table[index]

    return run


def reshape(op: Op) -> Run:
    shape = op.attributes["shape"]
    return lambda x: x.reshape(shape)


def permute(op: Op) -> Run:
    dims = op.attributes["dims"]
    return lambda x: x.transpose(dims)


def regroup(op: Op) -> Run:
    groups, wide = op.attributes["groups"], op.output.shape[1]

    def run(x: np.ndarray) -> np.ndarray:
        each = x.reshape(x.shape[0], groups, -1, *x.shape[2:])
        more = [(0, max(wide // groups - each.shape[2], 0)) if d == 2 else (0, 0) for d in range(5)]
        return np.ascontiguousarray(np.pad(each, more)[:, :, : wide // groups]).reshape(x.shape[0], wide, *x.shape[2:])

    return run


def interleave(op: Op) -> Run:
    rows, columns = op.attributes["stride"]
    shape = op.attributes["shape"]

    def run(*phases: np.ndarray) -> np.ndarray:
        y = np.empty(shape, phases[0].dtype)
        for i, phase in enumerate(phases):
            y[:, :, i // columns :: rows, i % columns :: columns] = phase
        return y

    return run


STEPS: dict[str, Callable[[Op], Run]] = {
    "conv2d": conv2d,
    "conv_transpose2d": conv_transpose2d,
    "linear": linear,
    "activation": activation,
    "add": add,
    "mul": mul,
    "mean": mean,
    "max_pool2d": max_pool2d,
    "attention": attention,
    "adaptive_avg_pool2d": adaptive_avg_pool2d,
    "reshape": reshape,
    "permute": permute,
    "regroup": regroup,
    "layer_norm": layer_norm,
    "embedding": embedding,
    "interleave": interleave,
}
"""Kinds that are not in it run as they were traced."""


def step_of(op: Op) -> Run:
    """How to run ``op``."""
    if op.kind in STEPS:
        return STEPS[op.kind](op)
    assert op.call is not None, f"no step for {op.kind}"
    return replay(op.call)
