"""Convolutions of groups for which there is no step: each group gets channels of zeros until there is one."""

from __future__ import annotations

import numpy as np

from lucid.compiler._graph import Graph, Op, Value
from lucid.compiler._passes.activations import UNBOUNDED

BLOCK = 16
"""Channels of a block: groups of whole blocks have a step."""
SMALL = (1, 2, 4, 8)
"""Channels of groups with a step, where the result has as many."""
MOST_SMALL, MOST_BLOCKS = 2.0, 1.35
"""How many times the multiplications may be done: measured, with the layouts that a call has to be given."""
FREE = 500_000
"""Multiplications that take the time of a call."""


def pad_groups(graph: Graph) -> None:
    """y = conv(x) by groups of other numbers of channels as slices of a convolution of padded groups.

    What was added are zeros, so that what is not finite stays in its group. Where a convolution of one group comes
    before it, or after it, its weights are padded in place of the image: with copies of other rows, whose own weights
    are halved where they are read, since a zero times what is not finite would be NaN.
    """
    for op in list(graph.ops):
        if op.kind != "conv2d" or op.attributes["groups"] == 1 or not is_plain(op):
            continue
        sizes = padded(op)
        if sizes is None or not pays(op, *sizes):
            continue
        users, makers = graph.users(), graph.makers()
        groups, (channels, rows), x, y = op.attributes["groups"], sizes, op.inputs[0], op.output
        wide = Value((x.shape[0], groups * channels, *x.shape[2:]), x.dtype)
        whole = Value((y.shape[0], groups * rows, *y.shape[2:]), y.dtype)
        weight, *bias = op.inputs[1:]
        first, then = makers.get(x), graph.sole_user(y, users)
        if (
            first is None
            or graph.sole_user(x, users) is not op
            or not is_dense(first)
            or channels > 2 * weight.shape[1]
        ):
            first = None
        if then is None or not is_dense(then) or then.inputs[0] is not y or rows > 2 * weight.shape[0] // groups:
            then = None
        weight = padding(weight, 1, 1, channels, "halves" if first else "zeros")
        of_rows = [padding(v, 0, groups, rows, "copies" if then else "zeros") for v in (weight, *bias)]
        parts = [Op("conv2d", [wide, *of_rows], [whole], dict(op.attributes), None, op.covers)]
        if first is None:
            parts.insert(0, Op("regroup", [x], [wide], {"groups": groups}, None, []))
        else:
            first.inputs = [first.inputs[0], *[padding(v, 0, groups, channels, "copies") for v in first.inputs[1:]]]
            first.outputs, first.call = [wide], None
        if then is None:
            parts.append(Op("regroup", [whole], op.outputs, {"groups": groups}, None, []))
        else:
            then.inputs = [whole, padding(then.inputs[1], 1, groups, rows, "halves"), *then.inputs[2:]]
            then.call = None
        at = graph.ops.index(op)
        graph.ops[at : at + 1] = parts


def is_plain(op: Op) -> bool:
    """Whether nothing but an activation, finite at 0, is done on the way."""
    a = op.attributes
    return (
        op.output.dtype == np.float32
        and all(x.constant for x in op.inputs[1:])
        and not (a.get("scale") or a.get("residual"))
        and a.get("activation", ("none",))[0] not in UNBOUNDED
    )


def is_dense(op: Op) -> bool:
    """Whether ``op`` is a convolution whose weights can be padded."""
    return op.kind == "conv2d" and op.attributes["groups"] == 1 and is_plain(op)


def padded(op: Op) -> tuple[int, int] | None:
    """Channels and rows of each group that there is a step for; None where there is one as it is."""
    channels, rows = op.inputs[1].shape[1], op.inputs[1].shape[0] // op.attributes["groups"]
    if (channels == rows and channels in SMALL) or (channels % BLOCK == 0 and rows % BLOCK == 0):
        return None
    most = max(channels, rows)
    if most <= SMALL[-1]:
        size = next(n for n in SMALL if n >= most)
        return size, size
    return -(-channels // BLOCK) * BLOCK, -(-rows // BLOCK) * BLOCK


def pays(op: Op, channels: int, rows: int) -> bool:
    """Whether the padded convolution takes less time than a call of the eager one, by what one sample takes."""
    weight, (_, _, height, width) = op.inputs[1].shape, op.output.shape
    given, made = weight[1] * weight[0] // op.attributes["groups"], channels * rows
    extra = (made - given) * op.attributes["groups"] * weight[2] * weight[3] * height * width
    return made <= given * (MOST_SMALL if channels <= SMALL[-1] else MOST_BLOCKS) or extra <= FREE


def padding(v: Value, dim: int, groups: int, size: int, how: str) -> Value:
    """A weight, or a bias, each of whose groups of a dimension is ``size`` long.

    What is added are zeros, or copies of the first rows; or both these rows and their copies are halved.
    """
    assert v.array is not None
    lead, rest, given = v.shape[:dim], v.shape[dim + 1 :], v.shape[dim] // groups
    each = np.moveaxis(v.array.reshape(*lead, groups, given, *rest), dim + 1, 0)
    y = np.zeros((size, *each.shape[1:]), v.dtype)
    y[:given] = each
    if how != "zeros":
        y[given:] = each[: size - given]
    if how == "halves":
        y[: size - given] /= 2
        y[given:] /= 2
    array = np.ascontiguousarray(np.moveaxis(y, 0, dim + 1)).reshape(*lead, groups * size, *rest)
    return Value.of(array, key=("padded", dim, groups, size, how, v.key))
