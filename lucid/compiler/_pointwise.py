"""Steps of activations, sums and products of tensors and numbers, in the layout their operands are in."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lucid.compiler._builder import CHANNELS, Builder
from lucid.compiler._graph import Op, Value
from lucid.compiler._passes.activations import UNBOUNDED
from lucid.compiler._views import Strided, row_major


def finish_of(op: Op) -> dict[str, Any]:
    """The options for the activation after a step."""
    if "activation" not in op.attributes:
        return {}
    return activation_options(*op.attributes["activation"])


HALF = (1 / 6, 0.5)
"""Slope and offset of PyTorch's hardsigmoid, the only ones the kernels of plans know."""


def activation_options(name: str, params: tuple[Any, ...]) -> dict[str, Any]:
    """``activation`` and ``parameters`` of a step."""
    fixed = name in ("hardswish", "hardsigmoid")
    return {"activation": name, "parameters": () if fixed else tuple(float(p) for p in params)}


def can_activate(op: Op, key: str = "activation") -> bool:
    """Whether steps can apply the activation of ``op``."""
    name, params = op.attributes.get(key, ("none", ())) if key else (op.attributes["name"], op.attributes["params"])
    return name not in ("hardswish", "hardsigmoid") or tuple(params) == HALF


def pointwise_layout(b: Builder, xs: list[Value], whole: bool = False) -> bool:
    """Whether elementwise steps on ``xs`` are done on blocked images; with ``whole`` of blocks that are full only."""
    full = len(xs[0].shape) == 4 and (not whole or xs[0].shape[1] % CHANNELS == 0)
    return full and any(b.is_image(x) for x in xs)


def activation(b: Builder, op: Op) -> None:
    (x,) = op.inputs
    options = activation_options(op.attributes["name"], op.attributes["params"])
    if pointwise_layout(b, [x], op.attributes["name"] in UNBOUNDED):
        source, target = b.image(x), b.new_image(op.output)
    else:
        source, target = b.contiguous(x), b.new_plain(op.output)
    b.emit("activation", [source, target], size=target.nbytes // 4, **options)


def can_combine(op: Op) -> bool:
    return can_activate(op) and sum(x.constant for x in op.inputs) < 2


def number_of(op: Op) -> tuple[Value, float] | None:
    """(tensor, number) of an operation with one number."""
    for x, y in (op.inputs[:2], op.inputs[1::-1]) if len(op.inputs) == 2 else ():
        if y.array is not None and y.array.size == 1 and x.shape == op.output.shape:
            return x, float(y.array.reshape(()))
    return None


def repeats(x: Value, shape: tuple[int, ...]) -> bool:
    """Whether ``x`` is a stretch of the last dimensions of ``shape`` that repeats over the others."""
    kept = x.shape[next((i for i, n in enumerate(x.shape) if n != 1), len(x.shape)) :]
    return kept == shape[len(shape) - len(kept) :]


def combine(b: Builder, op: Op) -> None:
    """Sums, products and other functions of two tensors, or of a tensor and a number."""
    shape, found = op.output.shape, number_of(op)
    if found is not None and (
        op.kind in ("add", "mul") or (found[0] is op.inputs[0] and op.kind == "div" and found[1])
    ):
        x, number = found
        # Minus zero, so that a product of -0 stays one.
        by = {"add": (1.0, number), "mul": (number, -0.0)}
        scale, shift = by[op.kind] if op.kind in by else (1 / number, -0.0)
        affine_step(b, op, x, scale, shift)
        return
    method = op.kind if op.kind in ("add", "mul") else "combine"
    options: dict[str, Any] = {} if method == op.kind else {"function": op.kind}
    x, y = op.inputs
    if x.shape == y.shape == shape and pointwise_layout(b, [x, y], op.kind == "div"):
        sources, target, row = [b.image(x), b.image(y)], b.new_image(op.output), 0
    else:
        if x.shape != shape:
            x, y = y, x
            options |= {"swapped": True} if options else {}
        row = math.prod(y.shape) if y.shape != shape and repeats(y, shape) else 0
        sources = [spread(b, x, shape), b.contiguous(y) if row else spread(b, y, shape)]
        target = b.new_plain(op.output)
    b.emit(method, [*sources, target], size=target.nbytes // 4, row=row, **options, **finish_of(op))


def affine_step(b: Builder, op: Op, x: Value, scale: float, shift: float) -> None:
    if pointwise_layout(b, [x]):
        source, target = b.image(x), b.new_image(op.output)
    else:
        source, target = b.contiguous(x), b.new_plain(op.output)
    b.emit("affine", [source, target], size=target.nbytes // 4, scale=scale, shift=shift, **finish_of(op))


def spread(b: Builder, x: Value, shape: tuple[int, ...]) -> Any:
    """The buffer of ``x`` broadcast to ``shape``, plain and contiguous."""
    if x.shape == shape:
        return b.contiguous(x)
    if x.array is not None:
        return b.constant(np.ascontiguousarray(np.broadcast_to(x.array, shape)))
    y = b.buffer("temporary", 4 * math.prod(shape))
    b.copy(stretched(b, x, shape), Strided(y, shape, row_major(shape)))
    return y


def scale_operands(op: Op) -> tuple[Value, Value] | None:
    """(image, factors) of a multiplication of channels."""
    shape = op.output.shape
    if len(shape) == 4 and not any(x.constant for x in op.inputs) and "activation" not in op.attributes:
        for image, factor in (op.inputs[:2], op.inputs[1::-1]) if len(op.inputs) == 2 else ():
            if image.shape == shape and factor.shape == (*shape[:2], 1, 1):
                return image, factor
    return None


def mul(b: Builder, op: Op) -> None:
    operands = scale_operands(op)
    if operands is None:
        combine(b, op)
        return
    image, factor = operands
    n, c, h, w = op.output.shape
    source, factors = b.image(image), b.image(factor)
    b.emit("scale_channels", [source, b.new_image(op.output), factors], n=n, c=c, size=h * w)


def stretched(b: Builder, x: Value, shape: tuple[int, ...]) -> Strided:
    """``x`` broadcast to ``shape``, without a copy."""
    found = b.view(x).through(lambda v: np.broadcast_to(v, shape))
    assert found is not None  # broadcasting never copies
    return found
