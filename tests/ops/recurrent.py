"""Records of recurrent layers and cells as functions of their weights, and of normalisation with its statistics."""

from __future__ import annotations

from typing import Any

import numpy as np
from ops.record import Record, case

import lucid

WHY = "sums of products, then exponentials"
OPTIONS: dict[str, Any] = dict(
    elementwise=False, ulp=(64, 64), why=WHY, scale=lambda *a, **p: 1.0, grad_ulp=128, grad_floor=None, integer="",
    span=((-1, 1),),
)  # fmt: skip


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def gates(x: Any, h: Any, w: Any, u: Any, b: Any = 0.0, c: Any = 0.0) -> tuple[Any, Any]:
    return x @ w.T + b, h @ u.T + c


def lstm_step(x: Any, h: Any, c: Any, *weights: Any) -> Any:
    total = np.add(*gates(x, h, *weights))
    i, f, g, o = np.split(total, 4, -1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru_step(x: Any, h: Any, *weights: Any) -> Any:
    a, b = gates(x, h, *weights)
    (r, z, n), (hr, hz, hn) = np.split(a, 3, -1), np.split(b, 3, -1)
    z = sigmoid(z + hz)
    return (1 - z) * np.tanh(n + sigmoid(r + hr) * hn) + z * h


def simple_step(activate: Any) -> Any:
    return lambda x, h, *weights: activate(np.add(*gates(x, h, *weights)))


def relu(x: Any) -> Any:
    return np.maximum(x, 0)


def lstm_cell(x: Any, h: Any, c: Any, *weights: Any) -> Any:
    return lucid.lstm_cell(x, (h, c), *weights)


def cell_cases(rows: int, states: int = 1) -> Any:
    """Five samples with biases, and two without."""
    weights = ((rows * 3, 2), (rows * 3, 3))
    with_biases = case((5, 2), *[(5, 3)] * states, *weights, (rows * 3,), (rows * 3,))
    return with_biases, case((2, 1), *[(2, 1)] * states, (rows, 1), (rows, 1))


def layer(name: str, states: int) -> Any:
    """Two layers of one direction, without biases, over four steps."""

    def call(x: Any, *rest: Any) -> Any:
        hx = rest[:states] if states > 1 else rest[0]
        return getattr(lucid, name)(x, hx, list(rest[states:]), False, 2, 0.0, False, False, False)

    return call


def steps(step: Any, states: int) -> Any:
    def reference(x: Any, *rest: Any) -> Any:
        given, weights = rest[:states], rest[states:]
        finals = []
        for k in range(2):
            own, ys = [s[k] for s in given], []
            for row in x:
                found = step(row, *own, *weights[2 * k : 2 * k + 2])
                own = list(found) if isinstance(found, tuple) else [found]
                ys.append(own[0])
            x = np.stack(ys)
            finals.append(own)
        return (x, *[np.stack([f[i] for f in finals]) for i in range(states)])

    return reference


def layer_cases(rows: int, states: int) -> Any:
    return (
        case((4, 5, 2), *[(2, 5, 3)] * states, (rows * 3, 2), (rows * 3, 3), (rows * 3, 3), (rows * 3, 3)),
        case((2, 1, 1), *[(2, 1, 1)] * states, (rows, 1), (rows, 1), (rows, 1), (rows, 1)),
    )


def normalized(x: Any, axes: Any, eps: float) -> tuple[Any, Any, Any]:
    m, r = x.mean(axes, keepdims=True), 1 / np.sqrt(x.var(axes, keepdims=True) + eps)
    return (x - m) * r, m, r


def layer_norm(x: Any, w: Any, b: Any) -> Any:
    y, m, r = normalized(x, (-1,), 0.1)
    return y * w + b, m, r


def group_norm(x: Any, w: Any, b: Any) -> Any:
    y, m, r = normalized(x.reshape(2, 2, -1), (2,), 0.1)
    return y.reshape(x.shape) * w[:, None] + b[:, None], m[..., 0], r[..., 0]


def batch_norm(x: Any, w: Any, b: Any) -> Any:
    y, m, r = normalized(x, (0, 2), 0.1)
    return y * w[:, None] + b[:, None], m.ravel(), r.ravel()


STATISTICS: dict[str, Any] = {**OPTIONS, "torch": "", "why": "sums of squares", "differentiable": False}
RECORDS = [
    Record("lstm_cell", lstm_cell, lstm_step, cases=cell_cases(4, 2), covers=(lucid.lstm_cell,),
           torch=lambda t, x, h, c, *w: t.lstm_cell(x, (h, c), *w), **OPTIONS),
    Record("gru_cell", lucid.gru_cell, gru_step, cases=cell_cases(3), **OPTIONS),
    Record("rnn_tanh_cell", lucid.rnn_tanh_cell, simple_step(np.tanh), cases=cell_cases(1), **OPTIONS),
    Record("rnn_relu_cell", lucid.rnn_relu_cell, simple_step(relu), cases=cell_cases(1), **OPTIONS),
    *[Record(name, layer(name, states), steps(step, states), cases=layer_cases(rows, states),
             covers=(getattr(lucid, name),), torch="", **OPTIONS)
      for name, rows, states, step in (("lstm", 4, 2, lstm_step), ("gru", 3, 1, gru_step),
                                       ("rnn_tanh", 1, 1, simple_step(np.tanh)), ("rnn_relu", 1, 1, simple_step(relu)))],
    Record("native_layer_norm", lambda x, w, b: lucid.native_layer_norm(x, (5,), w, b, 0.1), layer_norm,
           cases=(case((3, 5), (5,), (5,)),), covers=(lucid.native_layer_norm,), **STATISTICS),
    Record("native_group_norm", lambda x, w, b: lucid.native_group_norm(x, w, b, 2, 4, 3, 2, 0.1), group_norm,
           cases=(case((2, 4, 3), (4,), (4,)),), covers=(lucid.native_group_norm,), **STATISTICS),
    Record("native_batch_norm", lambda x, w, b: lucid.native_batch_norm(x, w, b, None, None, True, 0.1, 0.1), batch_norm,
           cases=(case((3, 4, 2), (4,), (4,)),), covers=(lucid.native_batch_norm,), **STATISTICS),
]  # fmt: skip
