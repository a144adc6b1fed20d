"""Steps that take numbers from elsewhere: rows of tables, resampling, transposed convolutions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lucid.compiler._builder import CHANNELS, FLOAT, Builder
from lucid.compiler._execute import fill
from lucid.compiler._graph import Op, Value
from lucid.compiler._views import Strided, row_major

INDEX = np.dtype(np.int64)
ZERO = np.zeros(1, np.float32)


def is_index(op: Op, x: Value) -> bool:
    """Whether ``x`` are the places that an embedding looks up, or part of the matrix of a resampling."""
    if op.kind == "resample" and x.constant:
        return True
    return op.kind == "embedding" and len(op.inputs) == 2 and x is op.inputs[1] and x.dtype == INDEX


def can_embed(op: Op) -> bool:
    table, index = op.inputs
    return table.constant and not index.constant and index.dtype == INDEX


def embedding(b: Builder, op: Op) -> None:
    table, index = op.inputs
    rows, width = table.shape
    b.emit("embedding", [b.contiguous(table), b.contiguous(index), b.new_plain(op.output)], rows=rows, width=width,
           count=math.prod(index.shape), **op.attributes)  # fmt: skip


def table_of(op: Op) -> Any:
    """The matrix that an operation resamples with; its arrays are inputs of the operation."""
    assert op.call is not None
    return fill(op.call.args[1], [x.array for x in op.inputs])


def can_resample(op: Op) -> bool:
    return not op.inputs[0].constant and all(x.constant for x in op.inputs[1:]) and bool(table_of(op).taps)


def resample(b: Builder, op: Op) -> None:
    x, matrix, dim = op.inputs[0], table_of(op), op.attributes["dim"]
    columns = np.full((len(matrix.taps), matrix.outputs), -1, np.int32)
    weights = np.ones(columns.shape, np.float32)
    for k, tap in enumerate(matrix.taps):
        columns[k, tap.rows], weights[k, tap.rows] = tap.columns, tap.weights
    n, c, h, w = x.shape if len(x.shape) == 4 else (1, 1, 1, 1)
    if len(x.shape) == 4 and dim >= 2 and (b.is_image(x) or (dim == 3 and c % CHANNELS == 0)):
        source, target = b.image(x), b.new_image(op.output)
        blocks = n * -(-c // CHANNELS)
        outer, inner = (blocks, w * CHANNELS) if dim == 2 else (blocks * h, CHANNELS)
    else:
        source, target = b.contiguous(x), b.new_plain(op.output)
        outer, inner = math.prod(x.shape[:dim]), math.prod(x.shape[dim + 1 :])
    plain = bool(np.all(weights == 1))
    b.emit("resample", [source, b.constant(columns), target, None if plain else b.constant(weights)], outer=outer,
           inputs=matrix.inputs, outputs=matrix.outputs, inner=inner, taps=len(matrix.taps))  # fmt: skip


def can_softmax(op: Op) -> bool:
    return not op.inputs[0].constant and op.inputs[0].dtype == FLOAT


def softmax(b: Builder, op: Op) -> None:
    (x,) = op.inputs
    dim: Any = op.attributes["dim"]
    rows, inner = math.prod(x.shape[:dim]), math.prod(x.shape[dim + 1 :])
    b.emit("softmax", [b.contiguous(x), b.new_plain(op.output)], rows=rows, n=x.shape[dim], inner=inner)


def interleave(b: Builder, op: Op) -> None:
    """Images whose pixels lie side by side in the result, row phase by row phase."""
    n, c, h, w = op.output.shape
    rows, columns = op.attributes["stride"]
    sources, target = [b.image(x) for x in op.inputs], b.new_image(op.output)
    blocks, pixel = n * -(-c // CHANNELS), CHANNELS
    for i, (x, source) in enumerate(zip(op.inputs, sources)):
        high, wide = x.shape[2:]
        b.copy(
            Strided(source, (blocks, high, wide, pixel), row_major((blocks, high, wide, pixel))),
            Strided(target, (blocks, high, wide, pixel), (h * w * pixel, rows * w * pixel, columns * pixel, 1),
                    (i // columns * w + i % columns) * pixel),
        )  # fmt: skip


def regroup(b: Builder, op: Op) -> None:
    """More channels for each group, which are zeros, or fewer."""
    (x,), groups = op.inputs, op.attributes["groups"]
    (n, c, *plane), wide = x.shape, op.output.shape[1]
    size, few, many = math.prod(plane), c // groups, wide // groups
    source, target = b.contiguous(x), b.new_plain(op.output)
    strides = {c: (c * size, few * size, size, 1), wide: (wide * size, many * size, size, 1)}
    shape = (n, groups, min(few, many), size)
    b.copy(Strided(source, shape, strides[c]), Strided(target, shape, strides[wide]))
    if many > few:
        zeros = (n, groups, many - few, size)
        none = Strided(b.constant(ZERO), zeros, (0, 0, 0, 0))
        b.copy(none, Strided(target, zeros, strides[wide], few * size))
