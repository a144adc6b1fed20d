"""What kind of operation each noted `Node` is: the names and attributes that the passes and the steps know."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lucid._functions import _common as common
from lucid._functions import (
    activation,
    attention,
    binary,
    choice,
    conv,
    division,
    embedding,
    exponential,
    join,
    matmul,
    norm,
    pointwise,
    pool,
    reduce,
    resample,
    rnn,
    shape,
    softmax,
    ternary,
    trigonometric,
)
from lucid.compiler._graph import Call, Graph, Op, Slot
from lucid.compiler._recurrent import describe

Attributes = dict[str, Any]

ACTIVATIONS = {
    activation.SiLU: "silu", activation.HardSwish: "hardswish", activation.HardSigmoid: "hardsigmoid",
    activation.Mish: "mish", activation.GELU: "gelu", activation.GELUTanh: "gelu_tanh", activation.ReLU: "relu",
    activation.HardTanh: "hardtanh", activation.LeakyReLU: "leaky_relu", activation.ELU: "elu",
    activation.Sigmoid: "sigmoid", activation.Tanh: "tanh", activation.Softplus: "softplus",
    activation.Softsign: "softsign", activation.LogSigmoid: "logsigmoid",
    **{getattr(pointwise, name).operation: name for name in (
        "neg", "abs", "sign", "floor", "ceil", "trunc", "reciprocal", "sqrt", "rsqrt", "square",
    )},
    **{getattr(exponential, name).operation: name for name in ("exp", "expm1", "log", "log1p", "erf")},
    pointwise._nearest.operation: "round",
    **{getattr(trigonometric, name).operation: name for name in ("sin", "cos", "tan")},
}  # fmt: skip
"""Functions of one number that other operations can do along the way; each is the kernel of its name."""


def _activation(call: Call) -> Attributes:
    return {"name": ACTIVATIONS[call.operation], "params": call.args[1:]}


def _convolution(call: Call) -> Attributes | None:
    geometry = call.args[3]
    return {**geometry._asdict(), "bias": call.args[2] is not None} if len(geometry.stride) == 2 else None


def _transposed(call: Call) -> Attributes | None:
    _, _, bias, shape, geometry = call.args
    whole = {"shape": tuple(shape), **geometry._asdict(), "bias": bias is not None}
    return whole if len(geometry.stride) == 2 else None


def _batch_norm(call: Call) -> Attributes:
    _, weight, bias, _, _, eps = call.args
    return {"weight": weight is not None, "bias": bias is not None, "eps": eps}


def _layer_norm(call: Call) -> Attributes:
    _, weight, bias, eps, rows = call.args
    return {"weight": weight is not None, "bias": bias is not None, "eps": eps, "size": rows[1]}


def _group_norm(call: Call) -> Attributes:
    _, weight, bias, groups, eps = call.args
    return {"weight": weight is not None, "bias": bias is not None, "groups": groups, "eps": eps}


def _attention(call: Call) -> Attributes | None:
    options = call.args[4]
    return {"mask": call.args[3] is not None, "scale": options.scale, "causal": options.causal}


def _projected(call: Call) -> Attributes:
    _, kv, mask, heads, axis, options = call.args
    return {"packed": kv is None, "mask": mask is not None, "heads": heads, "axis": axis, "scale": options.scale,
            "causal": options.causal}  # fmt: skip


def _names(*names: str) -> Callable[[Call], Attributes]:
    return lambda call: dict(zip(names, call.args[1:]))


KINDS: dict[Any, tuple[str, Callable[[Call], Attributes | None]]] = {
    conv.Convolution: ("conv2d", _convolution),
    conv.ConvolutionInputGrad: ("conv_transpose2d", _transposed),
    matmul.Linear: ("linear", lambda call: {"bias": call.args[2] is not None}),
    matmul.MatMul: ("matmul", lambda call: {}),
    norm.BatchNormApply: ("batch_norm", _batch_norm),
    norm.LayerNorm: ("layer_norm", _layer_norm),
    norm.GroupNorm: ("group_norm", _group_norm),
    binary.Add: ("add", lambda call: {} if len(call.args) == 2 else None),
    binary.Mul: ("mul", lambda call: {}),
    division.Div: ("div", lambda call: {}),
    binary.Pow: ("pow", lambda call: {}),
    binary.Maximum: ("maximum", lambda call: {}),
    binary.Minimum: ("minimum", lambda call: {}),
    ternary.Clamp: ("clamp", _names("low", "high")),
    choice.Where: ("where", lambda call: {}),
    pool.MaxPool2d: ("max_pool2d", _names("kernel", "stride", "padding", "dilation", "ceil_mode")),
    pool.AvgPool2d: ("avg_pool2d",
                     _names("kernel", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override")),
    pool.AdaptiveAvgPool2d: ("adaptive_avg_pool2d", _names("size")),
    shape.Reshape: ("reshape", _names("shape")),
    shape.Permute: ("permute", _names("dims")),
    shape.Clone: ("identity", lambda call: {}),
    common.Expand: ("expand", _names("shape")),
    softmax.Softmax: ("softmax", _names("dim")),
    attention.Attention: ("attention", _attention),
    attention.ProjectedAttention: ("projected_attention", _projected),
    reduce.Sum: ("sum", _names("dims", "keepdim")),
    embedding.Embedding: ("embedding", lambda call: {}),
    join.Cat: ("cat", lambda call: {"dim": call.args[0]}),
    rnn.Recurrent: ("recurrent", describe),
}  # fmt: skip


MOVES = {"reshape", "permute", "expand", "identity"}
"""Kinds that take elements of every type."""


def recognise(graph: Graph) -> None:
    """Give every operation its kind; what is not in the table stays a "call"."""
    for op in graph.ops:
        call = op.call
        assert call is not None
        name = getattr(call.operation, "__name__", str(call.operation))
        op.covers = [name]
        if call.operation is resample.Resample and op.inputs[0].dtype.kind == "f":
            op.kind, op.attributes = "resample", {"dim": call.args[2]}
        elif call.operation in ACTIVATIONS and op.inputs[0].dtype.kind == "f":
            op.kind, op.attributes = "activation", _activation(call)
        elif call.operation in KINDS:
            kind, describe = KINDS[call.operation]
            attributes = describe(call)
            floating = op.inputs[0].dtype.kind == "f" and (op.inputs[-1].dtype.kind in "fb" or kind == "embedding")
            if attributes is not None and _in_order(op) and (floating or kind in MOVES):
                op.kind, op.attributes = kind, attributes


def _in_order(op: Op) -> bool:
    """Whether the inputs are the operation's tensor arguments in order; one that is there twice becomes two inputs."""
    assert op.call is not None
    slots = [a.at for a in op.call.args if isinstance(a, Slot)]
    if set(slots) != set(range(len(op.inputs))):
        return False
    if slots != sorted(set(slots)):
        count = iter(range(len(slots)))
        args = tuple([a._replace(at=next(count)) if isinstance(a, Slot) else a for a in op.call.args])
        op.inputs, op.call = [op.inputs[at] for at in slots], op.call._replace(args=args)
    return True
