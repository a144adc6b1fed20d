"""Convolutions whose result is read in slices of channels only, as stages that split their channels do."""

from __future__ import annotations

from lucid.compiler._graph import Graph, Op, Value

BLOCK = 16
"""Channels of a block: slices at its multiples are images of their own."""


def split_convolutions(graph: Graph) -> None:
    """One convolution per slice, with its rows of the weight: nothing is copied out of a larger image."""
    users = graph.users()
    for conv in list(graph.ops):
        if conv.kind != "conv2d" or conv.attributes["groups"] != 1 or conv.output in graph.outputs:
            continue
        extra = conv.inputs[1:]
        slices = [(op, channels(op)) for op in users.get(conv.output, [])]
        if not slices or any(found is None for _, found in slices) or not all(x.constant for x in extra):
            continue
        made: dict[tuple[int, int], Value] = {}
        parts: list[Op] = []
        for op, found in slices:
            assert found is not None
            if found in made:
                graph.replace(op.output, made[found])
                continue
            lo, hi = found
            rows = [Value.of(x.array[lo:hi], key=("rows", lo, hi, x.key)) for x in extra]  # type: ignore[index]
            made[found] = op.output
            parts.append(Op("conv2d", [conv.inputs[0], *rows], op.outputs, dict(conv.attributes), None, conv.covers))
        at = graph.ops.index(conv)
        graph.ops[at : at + 1] = parts
        graph.remove({op for op, _ in slices})


def channels(op: Op) -> tuple[int, int] | None:
    """The channels of an image that ``op`` takes, where it takes whole blocks and all else of it."""
    if op.kind != "call" or op.call is None or getattr(op.call.operation, "__name__", "") != "Slice":
        return None
    index = op.call.args[1]
    x = op.inputs[0]
    if not isinstance(index, tuple) or len(index) < 2 or len(x.shape) != 4 or len(op.output.shape) != 4:
        return None
    if not all(isinstance(part, slice) for part in index):
        return None
    if any(
        part.indices(size) != (0, size, 1) for part, size in zip((index[0], *index[2:]), (x.shape[0], *x.shape[2:]))
    ):
        return None
    lo, hi, step = index[1].indices(x.shape[1])
    return (lo, hi) if step == 1 and lo < hi and lo % BLOCK == 0 and hi % BLOCK == 0 else None
