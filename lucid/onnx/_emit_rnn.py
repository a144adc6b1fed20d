"""How recurrent layers are written."""

from __future__ import annotations

from typing import Any

import numpy as np

from lucid._functions import rnn
from lucid.onnx._sizes import in_trace
from lucid.onnx._traces import Lengths, Size
from lucid.onnx._writer import Builder, Ref, Unsupported, exports

_ORDER = {"LSTM": (0, 3, 1, 2), "GRU": (1, 0, 2), "RNN_TANH": (0,), "RNN_RELU": (0,)}
"""ONNX's gates by their places among PyTorch's: i o f c of i f c o, z r h of r z h."""


def _steps(b: Builder, sizes: Any) -> tuple[int, int]:
    """(steps, batch) of sequences of one length."""
    if isinstance(sizes, Lengths):
        across = sizes.across
    else:
        across = [tuple([in_trace(n, k) for n in sizes]) for k in range(b.traces)]
    if any(len(set(each)) != 1 for each in across):
        raise Unsupported("packed sequences of different lengths")
    return Size.of([len(each) for each in across]), Size.of([each[0] for each in across])


@exports(rnn.Recurrent, sizes=True)
def recurrent(
    b: Builder, mode: str, sizes: Any, bias: bool, x: Ref, h0: Ref, c0: Ref | None, *weights: Ref
) -> tuple[str, ...]:
    count = h0.shape[0]
    each = len(weights) // count
    if each != (4 if bias else 2):
        raise Unsupported("LSTM with projections")
    steps, batch = _steps(b, sizes)
    units = h0.shape[2]

    def gates(w: Ref) -> str:
        order = _ORDER[mode]
        if len(order) == 1:
            return b.name_of(w)
        parts = b.node("Split", w, b.ints(*[units] * len(order)), outputs=len(order), axis=0)
        return b.node("Concat", *[parts[i] for i in order], axis=0)

    def stacked(names: list[str]) -> str:
        rows = [b.node("Unsqueeze", name, b.ints(0)) for name in names]
        return rows[0] if len(rows) == 1 else b.node("Concat", *rows, axis=0)

    by_direction = [weights[d * each : (d + 1) * each] for d in range(count)]
    w, r = (stacked([gates(own[i]) for own in by_direction]) for i in (0, 1))
    both = stacked([b.node("Concat", gates(own[2]), gates(own[3]), axis=0) for own in by_direction]) if bias else None
    sequence = b.reshape(x, (steps, batch, x.shape[1]))
    options: dict[str, Any] = {"hidden_size": units, "direction": "bidirectional" if count > 1 else "forward"}
    if mode == "GRU":
        options["linear_before_reset"] = 1
    if mode == "RNN_RELU":
        options["activations"] = ["Relu"] * count
    operator = mode.partition("_")[0]
    states = [h0] if c0 is None else [h0, c0]
    y, *finals = b.node(operator, sequence, w, r, both, None, *states, outputs=1 + len(states), **options)
    if count > 1:
        y = b.node("Transpose", y, perm=[0, 2, 1, 3])
    rows = b.node("Reshape", y, np.asarray([-1, count * units]))
    return (rows, *finals)
