"""Which steps of a plan multiply in bfloat16 or in bytes, and which intermediate results are kept so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lucid import _ops
from lucid.compiler._builder import CHANNELS
from lucid.compiler._graph import Graph, Op, Value
from lucid.compiler._low import BFLOAT16, STEM, Form, fits_depthwise, is_stem
from lucid.compiler._lowering import lowering_of

FEW = {"low", "low_depthwise"}
"""Attributes of layers that read and write few bits."""
LONGEST = 32768
"""Products in a sum of bytes that certainly fits 32 bits."""


class Range(NamedTuple):
    """What one layer was given while calibrating: its kind, the shape of its weight, least and greatest number."""

    kind: str
    shape: tuple[int, ...]
    low: float
    high: float

    @property
    def form(self) -> Form:
        """The bytes for it; 0 has one of its own, so that borders are exact."""
        low, high = min(self.low, 0.0), max(self.high, 0.0)
        scale = float(np.float32((high - low) / 255)) or 1.0
        return ("int8", scale, min(max(round(-low / scale), 0), 255))


class Calibration:
    """What `lucid.quantization.calibrate` found: the range of the input of every layer that can multiply bytes.

    Args:
        ranges: of each layer, in the order in which they run.

    Attributes:
        ranges: in the order in which the layers run.

    Example:
        >>> import lucid
        >>> lucid.quantization.calibrate(lucid.nn.Linear(4, 2).eval(), [lucid.randn(8, 4)])
        <Calibration of 1 layers>
    """

    def __init__(self, ranges: Sequence[Range]) -> None:
        self.ranges = tuple(ranges)

    def __repr__(self) -> str:
        return f"<Calibration of {len(self.ranges)} layers>"


class Precision(NamedTuple):
    """What `compile` was asked for: "bfloat16", or "int8" with the ranges of every layer."""

    dtype: str
    ranges: tuple[Range, ...] = ()


def layers(graph: Graph) -> list[Op]:
    """The convolutions and linear layers with constant weights: the same, in the same order, for every batch size."""
    return [op for op in graph.ops if op.kind in ("conv2d", "linear") and op.inputs[1].constant]


def is_depthwise(op: Op) -> bool:
    """Whether a layer is a depthwise convolution: between images of any form, in few bits where there is a kernel."""
    if op.kind != "conv2d" or lowering_of(op) is None:
        return False
    rows, channels = op.inputs[1].shape[:2]
    return bool(channels == 1 and rows == op.attributes["groups"] > 1)


def fits(op: Op) -> bool:
    """Whether there is a step of few bits for a layer."""
    weight = op.inputs[1].shape
    if lowering_of(op) is None or np.prod(weight[1:]) > LONGEST:
        return False
    return op.kind == "linear" or _fits_image(op, weight)


def _fits_image(op: Op, weight: Sequence[int]) -> bool:
    a = op.attributes
    if is_stem(op):
        plain = not a.get("scale") and not a.get("residual") and a["dilation"][1] == 1
        return plain and (14 * a["stride"][1] + weight[3]) * 2 * STEM <= 2048
    if weight[1] < CHANNELS and a["groups"] > 1:
        return False
    width, last = op.output.shape[3], op.inputs[0].shape[3] - 1
    (stride_y, stride_x), (_, (left, _)) = a["stride"], a["padding"]
    beyond = (width - 1) * stride_x - left + (weight[3] - 1) * a["dilation"][1] - last
    return max(stride_y, stride_x) <= 2 and left <= stride_x and beyond <= stride_x


def assign(graph: Graph, precision: Precision) -> None:
    """Note in the attributes of operations what is in few bits: ``low``, the form of the input; ``low_y``, of y.

    A result is kept in few bits where all that read it are such layers; where others do, it stays float32. What is
    read with a factor for each channel, or summed over planes, is kept in bfloat16: no layer's range is that of it.

    Raises:
        ValueError: the ranges are those of another model.
    """
    found = layers(graph)
    forms = dict.fromkeys(found, BFLOAT16) if precision.dtype == "bfloat16" else _calibrated(found, precision.ranges)
    wanted: dict[tuple[Value, str], Form] = {}
    for op in found:
        if is_depthwise(op):
            op.attributes["low_depthwise"] = forms[op] if fits_depthwise(op) else None
        elif fits(op):
            op.attributes["low"] = forms[op]
        else:
            continue
        if not op.attributes.get("scale") and not (op.kind == "conv2d" and is_stem(op)):
            wanted[op.inputs[0], op.kind] = forms[op]
    users = graph.users()
    for op in graph.ops:
        y, read = op.outputs[0], users.get(op.outputs[0], [])
        if op.kind == "adaptive_avg_pool2d" and tuple(op.attributes["size"]) == (1, 1):
            form, kind = wanted.get((y, "conv2d")), "conv2d"
        elif FEW & op.attributes.keys() and (op.kind == "conv2d" or not op.attributes.get("residual")):
            form, kind = wanted.get((y, op.kind), BFLOAT16 if op.kind == "conv2d" else None), op.kind
        else:
            continue
        if form is not None and read and y not in graph.outputs and all(_reads_low(user, y, kind) for user in read):
            op.attributes["low_y"] = form


def _reads_low(op: Op, x: Value, kind: str) -> bool:
    """Whether all that ``op`` does with ``x``, the result of a layer of some kind, can be done in few bits."""
    if op.kind == "adaptive_avg_pool2d":
        return tuple(op.attributes["size"]) == (1, 1)
    if op.kind != kind or not FEW & op.attributes.keys() or (kind == "conv2d" and is_stem(op)):
        return False
    places = [i for i, found in enumerate(op.inputs) if found is x]
    residual = len(op.inputs) - 1 if op.attributes.get("residual") and op.kind == "conv2d" else 0
    return all(i in (0, residual) for i in places)


def _calibrated(found: list[Op], ranges: tuple[Range, ...]) -> dict[Op, Form]:
    have = [(r.kind, r.shape) for r in ranges]
    need = [(op.kind, op.inputs[1].shape) for op in found]
    if have != need:
        at = next((i for i, (a, b) in enumerate(zip(have, need)) if a != b), min(len(have), len(need)))
        here = "{} with weight {}".format(*need[at]) if at < len(need) else "none"
        there = "{} with weight {}".format(*have[at]) if at < len(have) else "none"
        raise ValueError(
            f"compile: the calibration is of another model: its layer {at} is {there}, the model's is {here}"
        )
    return {op: r.form for op, r in zip(found, ranges)}


def lacking(dtype: str) -> str:
    """The instructions that this CPU, or this build, lacks for products of ``dtype``; empty if none."""
    return _ops.low_instruction(dtype) if hasattr(_ops, "low_instruction") else "the compiled layer"
