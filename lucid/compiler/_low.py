"""Steps in bfloat16 and bytes: how layers that `_precision` chose are emitted."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lucid import _ops
from lucid.compiler._builder import Builder
from lucid.compiler._graph import Op, Value
from lucid.compiler._pointwise import finish_of

Form = tuple[str, float, int]
"""How numbers are kept: ("bfloat16", 1.0, 0), or ("int8", scale, zero): a byte q stands for (q - zero) * scale."""

BFLOAT16: Form = ("bfloat16", 1.0, 0)


def bfloat16_bits(weight: np.ndarray) -> tuple[np.ndarray, None]:
    """The bits of the nearest bfloat16."""
    return _ops.round_bfloat16(np.ascontiguousarray(weight)), None


def bytes_of(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """int8 weights between -127 and 127, and the scale of every row: its largest magnitude / 127.

    Raises:
        ValueError: a weight is not finite.
    """
    rows = weight.reshape(len(weight), -1)
    largest = np.abs(rows).max(1)
    if not np.isfinite(largest).all():
        raise ValueError(f"compile: a weight of shape {weight.shape} holds infinities or NaN, which bytes cannot")
    scale = np.where(largest > 0, largest / np.float32(127), np.float32(1)).astype(np.float32)
    return np.rint(rows / scale[:, None]).astype(np.int8).reshape(weight.shape), scale


STEM = 4
"""Most channels of an image that stays plain until a convolution narrows it."""


def is_stem(op: Op) -> bool:
    """Whether a convolution reads a plain image of few channels."""
    return op.attributes["groups"] == 1 and op.inputs[1].shape[1] <= STEM


def weights(b: Builder, weight: Value, form: Form, groups: int = 1) -> tuple[Any, np.ndarray | None]:
    """Packed weights, and the scale of every row for bytes; ``groups`` is 0 for a stem."""

    def make() -> tuple[Any, np.ndarray | None]:
        assert weight.array is not None
        few, scale = bfloat16_bits(weight.array) if form[0] == "bfloat16" else bytes_of(weight.array)
        if groups == 0:
            rows, channels, height, width = few.shape
            quads = np.zeros((rows, width, STEM, height), few.dtype)
            quads[:, :, :channels] = few.transpose(0, 3, 1, 2)
            return _ops.pack_low(quads.reshape(rows, width * STEM, height, 1)), scale
        return _ops.pack_low(few.reshape(*few.shape, *[1] * (4 - few.ndim)), groups), scale

    found: tuple[Any, np.ndarray | None] = b.packing.get(("low", form[0], groups, weight.key), weight, make)
    return found


def numbers(b: Builder, op: Op, rest: list[Value], row: np.ndarray | None, form: Form) -> tuple[Any, Any]:
    """The buffers of the bias, taken from ``rest``, and of what one in a sum of bytes is worth."""
    bias = b.constant(rest.pop(0).array) if op.attributes["bias"] else None  # type: ignore[arg-type]
    scale = None if row is None else b.constant(row * np.float32(form[1]))
    return bias, scale


def stem(b: Builder, op: Op) -> None:
    """A convolution of a plain image of up to four channels."""
    a = op.attributes
    x, weight, *rest = op.inputs
    packed, row = weights(b, weight, a["low"], 0)
    bias, worth = numbers(b, op, rest, row, a["low"])
    y_form = a.get("low_y")
    source = b.contiguous(x)
    target = b.new_image(op.output) if y_form is None else b.new_low(op.output, y_form)
    n, c, h, w = x.shape
    flops = 2.0 * math.prod(op.output.shape) * math.prod(weight.shape[1:])
    b.emit("low_stem", [source, target, bias, worth], packed, flops, n=n, c=c, h=h, w=w, form=a["low"], y_form=y_form,
           stride=a["stride"], padding=a["padding"], dilation=a["dilation"], **finish_of(op))  # fmt: skip


def conv2d(b: Builder, op: Op) -> None:
    a = op.attributes
    if is_stem(op):
        stem(b, op)
        return
    x, weight, *rest = op.inputs
    packed, row = weights(b, weight, a["low"], a["groups"])
    bias, worth = numbers(b, op, rest, row, a["low"])
    scale = b.image(rest.pop(0)) if a.get("scale") else None
    residual, residual_form = b.any_image(rest.pop(0)) if a.get("residual") else (None, None)
    source = b.narrow(x, a["low"], scale)
    y_form = a.get("low_y")
    target = b.new_image(op.output) if y_form is None else b.new_low(op.output, y_form)
    n, c, h, w = x.shape
    b.emit("low_conv2d", [source, target, bias, residual, worth], packed,
           2.0 * math.prod(op.output.shape) * math.prod(weight.shape[1:]), n=n, c=c, h=h, w=w, form=a["low"],
           y_form=y_form, residual_form=residual_form, stride=a["stride"], padding=a["padding"], dilation=a["dilation"],
           activation_first=a.get("activation_first", False), **finish_of(op))  # fmt: skip


def fits_depthwise(op: Op) -> bool:
    """Whether a depthwise convolution has a kernel of few bits; else it is done in float32."""
    a, taps = op.attributes, op.inputs[1].shape[3]
    left, width = a["padding"][1][0], op.inputs[0].shape[3]
    beyond = (op.output.shape[3] - 1) * a["stride"][1] - left + taps - width
    straight = a["dilation"][1] == 1 and a["stride"][1] <= 2
    return straight and taps in (3, 5, 7) and left < taps and beyond < taps


def depthwise_weights(b: Builder, weight: Value, form: Form) -> tuple[Any, np.ndarray | None]:
    """As ``weights``."""

    def make() -> tuple[Any, np.ndarray | None]:
        assert weight.array is not None
        few, scale = bfloat16_bits(weight.array) if form[0] == "bfloat16" else bytes_of(weight.array)
        return _ops.pack_low_depthwise(few), scale

    found: tuple[Any, np.ndarray | None] = b.packing.get(("low_depthwise", form[0], weight.key), weight, make)
    return found


def depthwise(b: Builder, op: Op) -> None:
    """From an image of any form to one of any, in float32 where there is no kernel of few bits."""
    a = op.attributes
    x, weight, *rest = op.inputs
    form, worth = a["low_depthwise"], None
    if form is None:
        packed = b.packing.pack("conv2d", weight, a["groups"])
        bias = b.constant(rest.pop(0).array) if a["bias"] else None  # type: ignore[arg-type]
        source, form = b.any_image(x)
    else:
        packed, row = depthwise_weights(b, weight, form)
        bias, worth = numbers(b, op, rest, row, form)
        source = b.narrow(x, form)
    residual, residual_form = b.any_image(rest.pop(0)) if a.get("residual") else (None, None)
    y_form = a.get("low_y")
    target = b.new_image(op.output) if y_form is None else b.new_low(op.output, y_form)
    n, c, h, w = x.shape
    b.emit("low_depthwise", [source, target, bias, residual, worth], packed,
           2.0 * math.prod(op.output.shape) * math.prod(weight.shape[1:]), n=n, c=c, h=h, w=w, form=form, y_form=y_form,
           residual_form=residual_form, stride=a["stride"], padding=a["padding"], dilation=a["dilation"],
           activation_first=a.get("activation_first", False), **finish_of(op))  # fmt: skip


def global_pool(b: Builder, op: Op) -> bool:
    """The means of planes, where the image is there in few bits and not otherwise, or its means are read so."""
    (x,) = op.inputs
    y_form = op.attributes.get("low_y")
    few = x in b.low and x not in b.blocked
    if not (few or y_form) or tuple(op.attributes["size"]) != (1, 1):
        return False
    source, form = b.any_image(x) if few else (b.image(x), None)
    n, c, h, w = x.shape
    target = b.new_image(op.output) if y_form is None else b.new_low(op.output, y_form)
    b.emit("low_global_pool", [source, target], n=n, c=c, size=h * w, form=form, y_form=y_form)
    return True


def linear(b: Builder, op: Op) -> None:
    a = op.attributes
    x, weight, *rest = op.inputs
    packed, row = weights(b, weight, a["low"])
    bias, worth = numbers(b, op, rest, row, a["low"])
    residual = b.contiguous(rest.pop(0)) if a.get("residual") else None
    source = b.narrow_rows(x, a["low"])
    y_form = a.get("low_y")
    target = b.new_plain(op.output) if y_form is None else b.new_rows(op.output, y_form)
    rows = math.prod(x.shape[:-1])
    flops = 2.0 * rows * math.prod(weight.shape)
    b.emit("low_linear", [source, target, bias, residual, worth], packed, flops, rows=rows, form=a["low"],
           y_form=y_form, activation_first=a.get("activation_first", False), **finish_of(op))  # fmt: skip
