"""One layer of a recurrent network over whole sequences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import _ops
from lucid._functions._gate import gate
from lucid._functions.join import cat
from lucid._functions.matmul import linear
from lucid._functions.shape import reshape
from lucid.autograd._mode import mode as recording
from lucid.autograd._node import Node, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor

GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "LSTM": 4, "GRU": 3}
"""Rows of the weights per unit."""


class Direction:
    """The weights of one direction, and what its forward pass leaves for the backward pass."""

    __slots__ = ("b_hh", "b_ih", "cells", "gates", "mode", "raw", "reverse", "sizes", "w_hh", "w_hr", "w_ih")

    def __init__(self, mode: str, sizes: tuple[int, ...], reverse: bool, weights: tuple[Any, ...], bias: bool) -> None:
        """``weights`` are arrays or Tensors in PyTorch's order: w_ih, w_hh, then b_ih, b_hh, then w_hr."""
        self.mode, self.sizes, self.reverse = mode, sizes, reverse
        self.w_ih, self.w_hh, *rest = weights
        self.b_ih: Any = rest[0] if bias else None
        self.b_hh: Any = rest[1] if bias else None
        self.w_hr = rest[2 if bias else 0] if len(rest) > (2 if bias else 0) else None

    def forward(
        self, x: np.ndarray, h0: np.ndarray, c0: np.ndarray | None, y: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """y, written to the given array if there is one, and the final h and c."""
        bias = share_bias = None
        if self.b_ih is not None:
            bias = self.b_ih + self.b_hh
        if self.mode == "GRU":
            units = self.w_ih.shape[0] // 3
            share_bias = np.zeros(units, x.dtype)
            if bias is not None:
                bias[2 * units :] = self.b_ih[2 * units :]
                share_bias = self.b_hh[2 * units :]
        self.gates: Any = _ops.linear(x, self.w_ih)
        y, self.cells, self.raw, h, c = _ops.rnn(
            self.mode, self.gates, self.w_hh, bias, share_bias, h0, c0, self.w_hr, self.sizes, self.reverse, y
        )
        return y, h, c

    def backward(
        self, dy: np.ndarray | None, dh: np.ndarray, dc: np.ndarray | None, x: np.ndarray, h0: np.ndarray,
        c0: np.ndarray | None, y: np.ndarray, wants_x: bool,
    ) -> tuple[np.ndarray | None, np.ndarray, np.ndarray | None, list[np.ndarray]]:  # fmt: skip
        """Gradients of x (None unless wanted), h0 and c0, and of the weights in their order.

        The gates of the forward pass become their gradients. A graph that is gone through again makes them anew.
        """
        if self.gates is None:
            self.forward(x, h0, c0, None)
        dgates, self.gates = self.gates, None
        dshare, dhidden, before, dh0, dc0 = _ops.rnn_backward(
            self.mode, dy, dh, dc, dgates, self.cells, self.raw, y, self.w_hh, h0, c0, self.w_hr, self.sizes,
            self.reverse,
        )  # fmt: skip
        dw_ih = _ops.matmul(dgates.T, x)
        if dshare is None:
            dw_hh = _ops.matmul(dgates.T, before)
        else:
            units = dshare.shape[1]
            dw_hh = np.concatenate([_ops.matmul(dgates[:, : 2 * units].T, before), _ops.matmul(dshare.T, before)])
        grads = [dw_ih, dw_hh]
        if self.b_ih is not None:
            db = _ops.sum(dgates, (0,))
            db_hh = db.copy()
            if dshare is not None:
                db_hh[2 * dshare.shape[1] :] = _ops.sum(dshare, (0,))
            grads += [db, db_hh]
        if dhidden is not None and self.raw is not None:
            grads.append(_ops.matmul(dhidden.T, self.raw))
        return _ops.matmul(dgates, self.w_ih) if wants_x else None, dh0, dc0, grads


def stacked(arrays: list[Any]) -> np.ndarray:
    """The arrays of all directions as one; that of a single one is not copied."""
    return arrays[0][None] if len(arrays) == 1 else np.stack(arrays)


class Recurrent(Node):
    """A layer over (rows, features): step t is the next sizes[t] rows, of the first samples of the batch.

    h0 is (directions, batch, size), c0 (directions, batch, units) for LSTM and None otherwise; the weights of one
    direction follow those of the other. Gives y, the final h and, for LSTM, the final c.
    """

    __slots__ = ("config", "directions")

    def forward(
        self, mode: str, sizes: tuple[int, ...], bias: bool, x: Tensor, h0: Tensor, c0: Tensor | None, *weights: Any
    ) -> tuple[np.ndarray, ...]:
        count = h0._data.shape[0]
        self.saved, self.config = (x, h0, c0, *weights), (mode, sizes, bias)
        self.directions = []
        size = h0._data.shape[2]
        y = np.empty((x._data.shape[0], count * size), x._data.dtype) if count > 1 else None
        finals = []
        each = len(weights) // count
        for d in range(count):
            arrays = tuple([w._data for w in weights[d * each : (d + 1) * each]])
            direction = Direction(mode, sizes, d == 1, arrays, bias)
            c = None if c0 is None else c0._data[d]
            columns = None if y is None else y[:, d * size : (d + 1) * size]
            finals.append(direction.forward(x._data, h0._data[d], c, columns))
            self.directions.append(direction)
        h_n = stacked([h for _, h, _ in finals])
        y = self.save_result(finals[0][0] if y is None else y)
        return (y, h_n) if c0 is None else (y, h_n, stacked([c for *_, c in finals]))

    def release(self) -> None:
        super().release()
        self.directions = []

    def backward(self, dy: Tensor | None, dh: Tensor | None, dc: Tensor | None = None) -> tuple[Tensor | None, ...]:
        x, h0, c0, *_ = self.unpack()
        if recording.enabled:
            return self._composed(dy, dh, dc)
        y = self.unpack_result()._data
        size = h0._data.shape[2]
        dx: np.ndarray | None = None
        starts: list[list[np.ndarray]] = [[], []]
        grads: list[np.ndarray] = []
        for d, direction in enumerate(self.directions):
            columns = slice(d * size, (d + 1) * size)
            own, dh0, dc0, dweights = direction.backward(
                None if dy is None else dy._data[:, columns],
                np.zeros_like(h0._data[d]) if dh is None else dh._data[d],
                None if c0 is None else np.zeros_like(c0._data[d]) if dc is None else dc._data[d],
                x._data, h0._data[d], None if c0 is None else c0._data[d], y[:, columns], self.edges[0] is not None,
            )  # fmt: skip
            if own is not None:
                dx = own if dx is None else _ops.add(dx, own, dx)
            starts[0].append(dh0)
            if dc0 is not None:
                starts[1].append(dc0)
            grads += dweights
        return (None if dx is None else wrap(dx), *[wrap(stacked(s)) for s in starts if s], *[wrap(g) for g in grads])

    def _composed(self, dy: Tensor | None, dh: Tensor | None, dc: Tensor | None) -> tuple[Tensor | None, ...]:
        """The same by differentiable operations: the layer once more, step by step, and its gradient."""
        from lucid.autograd import grad

        mode, sizes, bias = self.config
        inputs = [None if t is None else Same.apply(t) for t in self.saved or ()]
        x, h0, c0, *weights = inputs
        assert x is not None and h0 is not None
        outputs = composed_layer(mode, sizes, bias, x, h0, c0, *weights)
        pairs = [(o, g) for o, g in zip(outputs, (dy, dh, dc)) if g is not None]
        targets = [t for t in inputs if t is not None and t._requires_grad]
        found = iter(grad([o for o, _ in pairs], targets, [g for _, g in pairs], create_graph=True, allow_unused=True))
        return tuple([next(found) if t._requires_grad else None for t in inputs if t is not None])


class Same(Node):
    """The tensor itself under a history of its own, to differentiate by it apart from what it came from."""

    __slots__ = ()
    owns_gradients = False

    def forward(self, x: Tensor) -> np.ndarray:
        return x._data

    def backward(self, dy: Tensor) -> Tensor:
        return dy


def composed_layer(
    mode: str, sizes: tuple[int, ...], bias: bool, x: Tensor, h0: Tensor, c0: Tensor | None, *weights: Any
) -> tuple[Tensor, ...]:
    """What `Recurrent` computes, by operations on the rows of each step."""
    count = h0._data.shape[0]
    each = len(weights) // count
    ys, hs, cs = [], [], []
    for d in range(count):
        direction = Direction(mode, sizes, d == 1, weights[d * each : (d + 1) * each], bias)
        y, h, c = composed_direction(direction, x, h0[d], None if c0 is None else c0[d])
        ys.append(y)
        hs.append(reshape(h, (1, *h._data.shape)))
        cs += [] if c is None else [reshape(c, (1, *c._data.shape))]
    return (cat(ys, 1), cat(hs, 0), *([cat(cs, 0)] if cs else []))


def composed_direction(
    direction: Direction, x: Tensor, h: Tensor, c: Tensor | None
) -> tuple[Tensor, Tensor, Tensor | None]:
    sizes = direction.sizes
    offsets = np.cumsum(sizes) - sizes
    share = linear(x, direction.w_ih, direction.b_ih)
    ys: dict[int, Tensor] = {}
    for t in reversed(range(len(sizes))) if direction.reverse else range(len(sizes)):
        n, at = sizes[t], int(offsets[t])
        if not n:
            continue
        new, c_new = composed_step(direction, share[at : at + n], h[:n], None if c is None else c[:n])
        ys[t] = new
        h = cat([new, h[n:]], 0) if n < h._data.shape[0] else new
        if c is not None and c_new is not None:
            c = cat([c_new, c[n:]], 0) if n < c._data.shape[0] else c_new
    return cat([ys[t] for t in sorted(ys)], 0), h, c


def composed_step(d: Direction, share: Tensor, h: Tensor, c: Tensor | None) -> tuple[Tensor, Tensor | None]:
    own = linear(h, d.w_hh, d.b_hh)
    units = own._data.shape[1] // GATES[d.mode]
    parts = [slice(i * units, (i + 1) * units) for i in range(GATES[d.mode])]
    if d.mode == "LSTM":
        assert c is not None
        total = share + own
        i, f, g, o = (total[:, p] for p in parts)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        return h if d.w_hr is None else linear(h, d.w_hr), c
    if d.mode == "GRU":
        r, z = ((share[:, p] + own[:, p]).sigmoid() for p in parts[:2])
        new = (share[:, parts[2]] + r * own[:, parts[2]]).tanh()
        return new + z * (h - new), None
    total = share + own
    return total.tanh() if d.mode == "RNN_TANH" else total.clamp(min=0.0), None


@gate
def run_recurrent(
    mode: str, sizes: tuple[int, ...], bias: bool, x: Tensor, h0: Tensor, c0: Tensor | None, *weights: Any
) -> Any:
    """`Recurrent` as a function: the rows of the outputs and the final states."""
    return Recurrent.apply(mode, sizes, bias, x, h0, c0, *weights)


@gate
def run_cell(
    mode: str, sizes: tuple[int, ...], bias: bool, x: Tensor, h0: Tensor, c0: Tensor | None, *weights: Any
) -> Any:
    """The same for one step."""
    return Recurrent.apply(mode, sizes, bias, x, h0, c0, *weights)
