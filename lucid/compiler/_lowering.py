"""Which steps of a compiled plan each kind of operation becomes: the one table between the graph and `_ops.Plan`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from lucid.autograd._node import View, wrap
from lucid.compiler import _low
from lucid.compiler._builder import CHANNELS, FLOAT, Builder
from lucid.compiler._graph import Op, Value
from lucid.compiler._moving import (
    can_embed,
    can_resample,
    can_softmax,
    embedding,
    interleave,
    is_index,
    regroup,
    resample,
    softmax,
)
from lucid.compiler._passes.batch_norm import affine
from lucid.compiler._passes.scale import FEWEST
from lucid.compiler._pointwise import (
    activation,
    can_activate,
    can_combine,
    combine,
    finish_of,
    mul,
    stretched,
)
from lucid.compiler._recurrent import can_recur, recurrent
from lucid.compiler._views import Strided, row_major


class Lowering(NamedTuple):
    """``can(op)``: whether the plan does this one; ``emit(builder, op)``: its steps."""

    can: Callable[[Op], bool]
    emit: Callable[[Builder, Op], None]


def fits_memory(op: Op) -> bool:
    """Whether all operands are float32 (masks of attention may be bool, places int64) and hold something."""
    mask = op.inputs[-1] if op.attributes.get("mask") and op.inputs[-1].dtype.kind == "b" else None
    return all(
        (x.dtype == FLOAT or x is mask or is_index(op, x)) and math.prod(x.shape) for x in (*op.inputs, *op.outputs)
    )


# Convolutions and linear layers


def can_convolve(op: Op) -> bool:
    groups, weight = op.attributes["groups"], op.inputs[1]
    extra = op.inputs[1 : 2 + op.attributes["bias"]]
    if not all(x.constant for x in extra) or not can_activate(op) or op.inputs[0].constant:
        return False
    rows, channels = weight.shape[:2]
    if op.attributes.get("scale") and (groups > 1 or channels < FEWEST):
        return False
    whole = channels % CHANNELS == 0 and (rows // groups) % CHANNELS == 0
    small = channels in (1, 2, 4, 8) and rows == channels * groups
    return groups == 1 or small or whole


def conv2d(b: Builder, op: Op) -> None:
    a = op.attributes
    if "low" in a:
        _low.conv2d(b, op)
        return
    if "low_depthwise" in a:
        _low.depthwise(b, op)
        return
    x, weight, *rest = op.inputs
    packed = b.packing.pack("conv2d", weight, a["groups"])
    bias = b.constant(rest.pop(0).array) if a["bias"] else None  # type: ignore[arg-type]
    scale = b.image(rest.pop(0)) if a.get("scale") else None
    residual = b.image(rest.pop(0)) if a.get("residual") else None
    n, c, h, w = x.shape
    source = b.contiguous(x) if packed.kind == "stem" else b.image(x)
    if scale is not None and h * w <= weight.shape[0]:  # the convolution would scale its weights, which are more
        scaled = b.buffer("temporary", source.nbytes)
        b.emit("scale_channels", [source, scaled, scale], n=n, c=c, size=h * w)
        source, scale = scaled, None
    flops = 2.0 * math.prod(op.output.shape) * math.prod(weight.shape[1:])
    b.emit("conv2d", [source, b.new_image(op.output), bias, residual, scale], packed, flops, n=n, c=c, h=h, w=w,
           stride=a["stride"], padding=a["padding"], dilation=a["dilation"],
           activation_first=a.get("activation_first", False), **finish_of(op))  # fmt: skip


def can_multiply(op: Op) -> bool:
    return all(x.constant for x in op.inputs[1 : 2 + op.attributes["bias"]]) and can_activate(op)


def linear(b: Builder, op: Op) -> None:
    a = op.attributes
    if "low" in a:
        _low.linear(b, op)
        return
    x, weight, *rest = op.inputs
    bias = b.constant(rest.pop(0).array) if a["bias"] else None  # type: ignore[arg-type]
    residual = b.contiguous(rest.pop(0)) if a.get("residual") else None
    rows = math.prod(x.shape[:-1])
    b.emit("linear", [b.contiguous(x), b.new_plain(op.output), bias, residual], b.packing.pack("linear", weight),
           2.0 * rows * math.prod(weight.shape), rows=rows, activation_first=a.get("activation_first", False),
           **finish_of(op))  # fmt: skip


def can_normalise(op: Op) -> bool:
    return len(op.inputs[0].shape) == 4 and all(x.constant for x in op.inputs[1:]) and not op.inputs[0].constant


def batch_norm(b: Builder, op: Op) -> None:
    factor, shift = affine(op)
    channels_affine(b, op, op.inputs[0], (op.attributes["eps"], *[v.key for v in op.inputs[1:]]), factor, shift)


def channels_affine(b: Builder, op: Op, x: Value, made_of: Any, factor: np.ndarray, shift: np.ndarray) -> None:
    """x * factor + shift for every channel, as a depthwise convolution of one pixel."""
    n, c, h, w = x.shape
    weight = np.broadcast_to(factor, (c,)).astype(np.float32).reshape(c, 1, 1, 1)
    packed = b.packing.pack("conv2d", Value.of(weight, key=("affine", made_of)), c)
    if packed.kind != "depthwise":  # one channel: a plain image
        source = b.contiguous(x)
    else:
        source = b.image(x)
    bias = b.constant(np.broadcast_to(shift, (c,)).astype(np.float32))
    b.emit("conv2d", [source, b.new_image(op.output), bias], packed, 2.0 * n * c * h * w, n=n, c=c, h=h, w=w)


def group_norm(b: Builder, op: Op) -> None:
    """As a layer norm of the rows that the groups of a plain image are, and an affine function of every channel."""
    x, *rest = op.inputs
    n, c, h, w = x.shape
    row = c // op.attributes["groups"] * h * w
    normal = Value(x.shape, x.dtype) if rest else op.output
    b.emit("layer_norm", [b.contiguous(x), b.new_plain(normal), None, None], rows=n * c * h * w // row, n=row,
           eps=op.attributes["eps"])  # fmt: skip
    if rest:
        numbers = [v.array for v in rest if v.array is not None]
        factor = numbers.pop(0) if op.attributes["weight"] else np.ones(())
        shift = numbers.pop(0) if op.attributes["bias"] else np.zeros(())
        channels_affine(b, op, normal, ("group_norm", *[v.key for v in rest]), factor, shift)


# Pooling


def image_sizes(x: Value) -> dict[str, int]:
    return dict(zip("nchw", x.shape))


def can_pool(op: Op) -> bool:
    return len(op.outputs) == 1 and not op.inputs[0].constant


def max_pool2d(b: Builder, op: Op) -> None:
    (x,) = op.inputs
    b.emit("max_pool2d", [b.image(x), b.new_image(op.output)], **image_sizes(x), **op.attributes)


def avg_pool2d(b: Builder, op: Op) -> None:
    (x,) = op.inputs
    b.emit("avg_pool2d", [b.image(x), b.new_image(op.output)], **image_sizes(x), **op.attributes)


def can_pool_evenly(op: Op) -> bool:
    return can_pool(op) and all(n % m == 0 for n, m in zip(op.inputs[0].shape[2:], op.attributes["size"]))


def adaptive_avg_pool2d(b: Builder, op: Op) -> None:
    (x,) = op.inputs
    if _low.global_pool(b, op):
        return
    n, c, h, w = x.shape
    rows, columns = op.attributes["size"]
    source, target = b.image(x), b.new_image(op.output)
    if rows == columns == 1:
        b.emit("global_avg_pool", [source, target], n=n, c=c, size=h * w)
    else:
        window = (h // rows, w // columns)
        b.emit("avg_pool2d", [source, target], **image_sizes(x), kernel=window, stride=window)


# Views and joining


def can_view(op: Op) -> bool:
    x = op.inputs[0]
    return not x.constant and len(op.inputs) == 1 and len(op.output.shape) > 0 and len(x.shape) > 0


def view_of(op: Op) -> Callable[[np.ndarray], np.ndarray]:
    """What a view does to an array; nothing is read."""
    if op.kind == "permute":
        return lambda x: x.transpose(op.attributes["dims"])
    if op.kind == "expand":
        return lambda x: np.broadcast_to(x, op.attributes["shape"])
    assert op.call is not None
    operation, (_, *params) = op.call
    return lambda x: operation().forward(wrap(x), *params)


def move(b: Builder, op: Op) -> None:
    (x,) = op.inputs
    moved = b.view(x).through(view_of(op))
    assert moved is not None and moved.shape == op.output.shape
    b.plain[op.output] = moved


def reshape(b: Builder, op: Op) -> None:
    (x,) = op.inputs
    y = op.output
    moved = b.view(x).reshaped(y.shape)
    b.plain[y] = Strided(b.contiguous(x), y.shape, row_major(y.shape)) if moved is None else moved


def can_join(op: Op) -> bool:
    return not any(x.constant and x.dtype != FLOAT for x in op.inputs)


def cat(b: Builder, op: Op) -> None:
    dim, y = op.attributes["dim"], op.output
    whole = dim == 1 and len(y.shape) == 4 and all(x.shape[1] % CHANNELS == 0 for x in op.inputs)
    if whole and any(b.is_image(x) for x in op.inputs):
        n, per_channel = y.shape[0], math.prod(y.shape[2:])
        sources = [b.image(x) for x in op.inputs]
        target, at = b.new_image(y), 0
        for x, source in zip(op.inputs, sources):
            size = x.shape[1] * per_channel
            b.copy(Strided(source, (n, size), (size, 1)),
                   Strided(target, (n, size), (y.shape[1] * per_channel, 1), at))  # fmt: skip
            at += size
        return
    views = [b.view(x) for x in op.inputs]
    target, strides, at = b.new_plain(y), row_major(y.shape), 0
    for view in views:
        b.copy(view, Strided(target, view.shape, strides, at))
        at += view.shape[dim] * strides[dim]


# Rows


def layer_norm(b: Builder, op: Op) -> None:
    x, *rest = op.inputs
    weight = b.constant(rest.pop(0).array) if op.attributes["weight"] else None  # type: ignore[arg-type]
    bias = b.constant(rest.pop(0).array) if op.attributes["bias"] else None  # type: ignore[arg-type]
    n = op.attributes["size"]
    b.emit("layer_norm", [b.contiguous(x), b.new_plain(op.output), weight, bias], rows=math.prod(x.shape) // n, n=n,
           eps=op.attributes["eps"], **({"rms": True} if op.attributes.get("rms") else {}))  # fmt: skip


def can_normalise_rows(op: Op) -> bool:
    return not op.inputs[0].constant and all(x.constant for x in op.inputs[1:])


def mean(b: Builder, op: Op) -> None:
    (x,) = op.inputs
    first, last = op.attributes["dims"][0], op.attributes["dims"][-1]
    outer, count, inner = (math.prod(x.shape[a:z]) for a, z in ((0, first), (first, last + 1), (last + 1, None)))
    b.emit("mean", [b.contiguous(x), b.new_plain(op.output)], outer=outer, count=count, inner=inner)


def can_take_product(op: Op) -> bool:
    return len(op.inputs) == 2 and 2 <= len(op.output.shape) <= 4


def matmul(b: Builder, op: Op) -> None:
    *lead, m, n = op.output.shape
    batch, heads = [*[1] * (2 - len(lead)), *lead]
    views = [stretched(b, x, (batch, heads, *x.shape[-2:])) for x in op.inputs]
    operands = [(v.buffer, v.offset, *v.strides) for v in views]
    y = b.new_plain(op.output)
    k = op.inputs[0].shape[-1]
    b.emit("matmul", [*operands, (y, 0, heads * m * n, m * n, n)], None, 2.0 * batch * heads * m * n * k, batch=batch,
           heads=heads, m=m, n=n, k=k)  # fmt: skip


# Attention


def can_attend(op: Op) -> bool:
    masked = op.attributes["mask"]
    if any(x.constant for x in op.inputs[: len(op.inputs) - masked]) or (masked and len(op.inputs[-1].shape) > 4):
        return False
    return op.kind == "projected_attention" or all(len(x.shape) == 4 for x in op.inputs[:3])


def operand(b: Builder, x: Value) -> tuple[Any, ...]:
    """(buffer, offset, strides of sample, head and row) of (batch, heads, length, size)."""
    view = b.view(x)
    if view.strides[3] != 1 and view.shape[3] != 1:
        view = Strided(b.contiguous(x), x.shape, row_major(x.shape))
    return (view.buffer, view.offset, *view.strides[:3])


def attention(b: Builder, op: Op) -> None:
    q, k, v = op.inputs[:3]
    batch, heads, queries, size = q.shape
    keys, wide = k.shape[2], v.shape[3]
    operands = [operand(b, x) for x in (q, k, v)]
    # Heads side by side in each row: what follows is nearly always their joining, which is then free.
    y = b.buffer("temporary", op.output.nbytes)
    strides = (queries * heads * wide, wide, heads * wide)
    b.plain[op.output] = Strided(y, op.output.shape, (*strides, 1))
    _attend(b, [*operands, (y, 0, *strides)], op, batch, heads, queries, keys, size, wide, k.shape[1])


def projected_attention(b: Builder, op: Op) -> None:
    heads, axis = op.attributes["heads"], op.attributes["axis"]
    outer, inner, wide = op.output.shape
    size = wide // heads
    batch, queries = (outer, inner) if axis == 0 else (inner, outer)
    sources = [(op.inputs[0], i, 3) for i in range(3)]
    if not op.attributes["packed"]:
        sources = [(op.inputs[0], 0, 1), (op.inputs[1], 0, 2), (op.inputs[1], 1, 2)]
    keys = sources[1][0].shape[1 - axis]
    operands = []
    for x, i, parts in [*sources, (op.output, 0, 1)]:
        row, inner_size = parts * wide, x.shape[1]
        strides = (inner_size * row, row) if axis == 0 else (row, inner_size * row)
        buffer = b.new_plain(x) if x is op.output else b.contiguous(x)
        operands.append((buffer, i * wide, strides[0], size, strides[1]))
    _attend(b, operands, op, batch, heads, queries, keys, size, size, heads)


def _attend(
    b: Builder, operands: list[Any], op: Op, batch: int, heads: int, queries: int, keys: int, size: int, wide: int,
    kv_heads: int,
) -> None:  # fmt: skip
    mask: dict[str, Any] = {}
    if op.attributes["mask"]:
        x, shape = op.inputs[-1], (batch, heads, queries, keys)
        if b.view(x).offset:  # the step takes strides only
            b.contiguous(x)
        view = stretched(b, x, shape)
        operands = [*operands, view.buffer]
        mask = {"mask_strides": view.strides, "bool_mask": x.dtype.kind == "b"}
    b.emit("attention", operands, None, 2.0 * batch * heads * queries * keys * (size + wide), batch=batch, heads=heads,
           queries=queries, keys=keys, size=size, v_size=wide, kv_heads=kv_heads, scale=op.attributes["scale"],
           causal=op.attributes["causal"], **mask)  # fmt: skip


LOWERINGS: dict[str, Lowering] = {
    "conv2d": Lowering(can_convolve, conv2d),
    "linear": Lowering(can_multiply, linear),
    "batch_norm": Lowering(can_normalise, batch_norm),
    "activation": Lowering(lambda op: can_activate(op, ""), activation),
    "add": Lowering(can_combine, combine),
    "mul": Lowering(can_combine, mul),
    "div": Lowering(can_combine, combine),
    "maximum": Lowering(can_combine, combine),
    "minimum": Lowering(can_combine, combine),
    "mean": Lowering(lambda op: not op.inputs[0].constant, mean),
    "matmul": Lowering(can_take_product, matmul),
    "max_pool2d": Lowering(can_pool, max_pool2d),
    "avg_pool2d": Lowering(can_pool, avg_pool2d),
    "adaptive_avg_pool2d": Lowering(can_pool_evenly, adaptive_avg_pool2d),
    "permute": Lowering(can_view, move),
    "expand": Lowering(can_view, move),
    "reshape": Lowering(can_view, reshape),
    "cat": Lowering(can_join, cat),
    "softmax": Lowering(can_softmax, softmax),
    "resample": Lowering(can_resample, resample),
    "embedding": Lowering(can_embed, embedding),
    "regroup": Lowering(lambda op: True, regroup),
    "interleave": Lowering(can_join, interleave),
    "layer_norm": Lowering(can_normalise_rows, layer_norm),
    "group_norm": Lowering(can_normalise, group_norm),
    "attention": Lowering(can_attend, attention),
    "projected_attention": Lowering(can_attend, projected_attention),
    "recurrent": Lowering(can_recur, recurrent),
}
"""Kinds that are not in it, and operations that ``can`` refuses, stay calls of their own (see `_steps`)."""

VIEW = Lowering(can_view, move)


def lowering_of(op: Op) -> Lowering | None:
    """How a compiled plan does ``op``, if it can."""
    found = LOWERINGS.get(op.kind)
    if found is None and op.kind == "call" and op.call is not None:
        operation = op.call.operation
        if isinstance(operation, type) and issubclass(operation, View):
            found = VIEW
    several = len(op.outputs) > 1 and op.kind != "recurrent"
    return found if found is not None and not several and fits_memory(op) and found.can(op) else None
