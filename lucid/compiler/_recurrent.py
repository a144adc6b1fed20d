"""Recurrent layers: one product for the input's share, then one step of the plan for the whole sequence."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lucid._functions.rnn import GATES
from lucid.compiler._builder import TEMPORARY, Builder
from lucid.compiler._graph import Call, Op, Value

MOST_STEPS = 1 << 20
"""The plan keeps where each step begins."""


def describe(call: Call) -> dict[str, Any] | None:
    """The attributes of a layer; None where samples have different lengths or LSTM projects its state."""
    mode, sizes, bias, *_ = call.args
    directions, rest = divmod(len(call.args) - 6, 4 if bias else 2)
    if len(set(sizes)) != 1 or rest or directions not in (1, 2):
        return None
    return {"mode": mode, "steps": len(sizes), "batch": sizes[0], "bias": bias, "directions": directions}


def can_recur(op: Op) -> bool:
    """Whether the weights are constants of an ordinary layer."""
    a = op.attributes
    states = 2 if a["mode"] == "LSTM" else 1
    weights = op.inputs[1 + states :]
    hidden = op.inputs[1].shape[-1]
    return (
        not op.inputs[0].constant
        and a["steps"] <= MOST_STEPS
        and len(weights) == a["directions"] * (4 if a["bias"] else 2)
        and all(w.constant for w in weights)
        and all(x.shape == (a["directions"], a["batch"], hidden) for x in op.inputs[1 : 1 + states])
        and weights[1].shape == (GATES[a["mode"]] * hidden, hidden)
    )


def _joined(name: str, parts: list[Value]) -> Value:
    """The weights of both directions, one under another."""
    if len(parts) == 1:
        return parts[0]
    arrays = [p.array for p in parts if p.array is not None]
    return Value.of(np.concatenate(arrays), key=(name, *[p.key for p in parts]))


def recurrent(b: Builder, op: Op) -> None:
    a = op.attributes
    mode, directions, steps, batch = a["mode"], a["directions"], a["steps"], a["batch"]
    x, h0, *rest = op.inputs
    c0 = rest.pop(0) if mode == "LSTM" else None
    each = len(rest) // directions
    own = [rest[d * each : (d + 1) * each] for d in range(directions)]
    hidden, rows = h0.shape[-1], steps * batch
    bias = share_bias = None
    if a["bias"] or mode == "GRU":
        pairs = [_biases(mode, w, a["bias"], hidden) for w in own]
        bias = b.constant(np.concatenate([p[0] for p in pairs])) if a["bias"] else None
        share_bias = b.constant(np.concatenate([p[1] for p in pairs])) if mode == "GRU" else None
    w_ih, w_hh = (_joined(name, [w[i] for w in own]) for i, name in enumerate(("w_ih", "w_hh")))
    gates = b.buffer(TEMPORARY, 4 * rows * w_ih.shape[0])
    b.emit("linear", [b.contiguous(x), gates, bias, None], b.packing.pack("linear", w_ih),
           2.0 * rows * math.prod(w_ih.shape), rows=rows)  # fmt: skip
    y, h, *c = op.outputs
    cells = b.new_plain(c[0]) if c else b.buffer(TEMPORARY, h.nbytes) if mode == "GRU" else None
    b.emit("recurrent", [gates, b.new_plain(y), b.contiguous(h0), b.new_plain(h), cells,
                         b.contiguous(c0) if c0 is not None else None, share_bias],
           b.packing.pack("recurrence", w_hh, directions), 2.0 * rows * math.prod(w_hh.shape), mode=mode, steps=steps,
           batch=batch, hidden=hidden, directions=directions)  # fmt: skip


def _biases(mode: str, weights: list[Value], bias: bool, hidden: int) -> tuple[np.ndarray, np.ndarray]:
    """What is added to a direction's gates, and, for GRU, to the state's share of the candidate."""
    if not bias:
        return np.zeros(0, np.float32), np.zeros(hidden, np.float32)
    b_ih, b_hh = (np.asarray(w.array) for w in weights[2:4])
    total = b_ih + b_hh
    if mode == "GRU":
        total[2 * hidden :] = b_ih[2 * hidden :]
    return total, b_hh[2 * hidden :]
