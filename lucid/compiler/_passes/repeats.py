"""Operations that are there twice: files compute the same mask, or the same difference, once for every layer."""

from __future__ import annotations

from typing import Any

from lucid.compiler._graph import Graph, Op, Slot, Value

KINDS = ("where", "add", "mul", "div", "mean", "permute", "reshape", "expand")
"""Kinds whose result follows from inputs and attributes; others with arguments that are tensors and numbers do too."""


def remove_repeats(graph: Graph) -> None:
    """Let what reads the second read the first."""
    seen: dict[Any, Op] = {}
    for op in list(graph.ops):
        what = _what(op)
        if what is None or len(op.outputs) != 1:
            continue
        first = seen.setdefault((*what, *map(_identity, op.inputs)), op)
        if first is not op and first.output.dtype == op.output.dtype and op.output not in graph.outputs:
            graph.replace(op.output, first.output)
            graph.remove({op})


def _what(op: Op) -> tuple[Any, ...] | None:
    """What an operation does, but for its inputs."""
    if op.kind in KINDS:
        return op.kind, str(op.attributes)
    if op.kind != "call" or op.call is None or not all(isinstance(a, (Slot, bool, int, float)) for a in op.call.args):
        return None
    return op.call.operation, str(op.call.args)


def _identity(x: Value) -> Any:
    """The same for values that are the same: constants of one element by their number."""
    return (x.dtype.str, x.shape, x.array.tobytes()) if x.array is not None and x.array.size == 1 else id(x)
