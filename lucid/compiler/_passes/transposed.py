"""Transposed convolutions as ordinary ones: one for all pixels whose places agree modulo the stride."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from lucid.compiler._graph import Graph, Op, Value

FEWEST = 9
"""Channels of results from which it is worth it: convolutions in blocks of 16 compute the others for nothing."""


class Phase(NamedTuple):
    """Places first, first + stride, ... of a dimension: taps of the kernel in order, and zeros around the input."""

    taps: list[int]
    padding: tuple[int, int]
    places: int


def split_transposed(graph: Graph) -> None:
    """One convolution per phase of rows and of columns, and the interleaving of their results."""
    for op in list(graph.ops):
        if op.kind != "conv_transpose2d" or op.output.dtype != np.float32 or not all(x.constant for x in op.inputs[1:]):
            continue
        if op.output.shape[1] < FEWEST:
            continue
        a, x, weight = op.attributes, op.inputs[0], op.inputs[1]
        strides, kernel, sizes = a["stride"], weight.shape[2:], a["shape"][2:]
        phases = [
            [phase_of(first, strides[d], kernel[d], a["padding"][d][0], x.shape[2 + d], sizes[d])
             for first in range(min(strides[d], sizes[d]))]
            for d in range(2)
        ]  # fmt: skip
        each = [phase for found in phases for phase in found]
        if a["dilation"] != (1, 1) or not math.prod(op.output.shape) or any(phase is None for phase in each):
            continue
        parts = [convolution(op, row, column) for row in phases[0] for column in phases[1]]  # type: ignore[arg-type]
        at = graph.ops.index(op)
        if len(parts) == 1:
            parts[0].outputs = op.outputs
            graph.ops[at : at + 1] = parts
            continue
        steps = {"stride": (len(phases[0]), len(phases[1])), "shape": op.output.shape}
        whole = Op("interleave", [part.output for part in parts], op.outputs, steps, None, [])
        graph.ops[at : at + 1] = [*parts, whole]


def phase_of(first: int, stride: int, kernel: int, padding: int, size: int, places: int) -> Phase | None:
    """Output place o gets tap k of the kernel from input place (o + padding - k) / stride; None where none does."""
    least = (first + padding) % stride
    taps = list(range(least, kernel, stride))[::-1]
    count = -(-(places - first) // stride)
    before = len(taps) - 1 - (first + padding - least) // stride
    after = count - size - before + len(taps) - 1
    return Phase(taps, (before, after), count) if taps and before >= 0 and after >= 0 else None


def convolution(op: Op, row: Phase, column: Phase) -> Op:
    x, weight, *bias = op.inputs
    groups = op.attributes["groups"]
    assert weight.array is not None
    channels, each = weight.shape[:2]
    w = weight.array[:, :, row.taps][:, :, :, column.taps]
    w = w.reshape(groups, channels // groups, each, *w.shape[2:]).swapaxes(1, 2)
    w = np.ascontiguousarray(w.reshape(groups * each, channels // groups, *w.shape[3:]))
    value = Value.of(w, key=("phase", tuple(row.taps), tuple(column.taps), groups, weight.key))
    attributes = {"stride": (1, 1), "padding": (row.padding, column.padding), "dilation": (1, 1), "groups": groups,
                  "bias": bool(bias)}  # fmt: skip
    if "activation" in op.attributes:
        attributes["activation"] = op.attributes["activation"]
    y = Value((x.shape[0], groups * each, row.places, column.places), x.dtype)
    return Op("conv2d", [x, value, *bias], [y], attributes, None, list(op.covers))
