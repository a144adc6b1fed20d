"""Recurrent layers: by the compiled layer where the activations are the usual ones, step by step otherwise."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import lucid
from lucid import Tensor
from lucid._functions.rnn import run_recurrent
from lucid.nn import functional as F
from lucid.onnx._registry import operator

Activation = Callable[[Tensor], Tensor]

_ACTIVATIONS: dict[str, Callable[..., Activation]] = {
    "Relu": lambda a, b: F.relu, "Tanh": lambda a, b: lucid.tanh, "Sigmoid": lambda a, b: lucid.sigmoid,
    "Affine": lambda a, b: lambda x: (1.0 if a is None else a) * x + (0.0 if b is None else b),
    "LeakyRelu": lambda a, b: lambda x: F.leaky_relu(x, 0.01 if a is None else a),
    "ThresholdedRelu": lambda a, b: lambda x: F.threshold(x, 1.0 if a is None else a, 0.0),
    "ScaledTanh": lambda a, b: lambda x: (1.0 if a is None else a) * lucid.tanh((1.0 if b is None else b) * x),
    "HardSigmoid": lambda a, b: lambda x: lucid.clamp((0.2 if a is None else a) * x + (0.5 if b is None else b), 0, 1),
    "Elu": lambda a, b: lambda x: F.elu(x, 1.0 if a is None else a),
    "Softsign": lambda a, b: F.softsign, "Softplus": lambda a, b: F.softplus,
}  # fmt: skip

_ORDER = {"LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2), "RNN": (0,)}
"""PyTorch's gates by their places among ONNX's: i f c o of i o f c, r z h of z r h."""

_USUAL = {"LSTM": ("Sigmoid", "Tanh", "Tanh"), "GRU": ("Sigmoid", "Tanh"), "RNN": ("Tanh",)}


class _Layer:
    """One direction."""

    def __init__(
        self, kind: str, w: Tensor, r: Tensor, bias: Tensor | None, peepholes: Tensor | None,
        activations: list[Activation], clip: float | None, before_reset: int, forget: int,
    ) -> None:  # fmt: skip
        self.kind, self.w, self.r, self.activations = kind, w, r, activations
        self.clip, self.before_reset, self.forget = clip, before_reset, forget
        gates = len(_ORDER[kind])
        self.units = r.shape[1]
        half = gates * self.units
        self.wb, self.rb = (bias[:half], bias[half:]) if bias is not None else (lucid.zeros(half), lucid.zeros(half))
        self.peepholes = None if peepholes is None else peepholes.chunk(3)

    def limited(self, x: Tensor) -> Tensor:
        return x if self.clip is None else lucid.clamp(x, -self.clip, self.clip)

    def step(self, x: Tensor, h: Tensor, c: Tensor | None) -> tuple[Tensor, Tensor | None]:
        share, own = F.linear(x, self.w, self.wb), F.linear(h, self.r, self.rb)
        f = self.activations[0]
        if self.kind == "RNN":
            return f(self.limited(share + own)), None
        g = self.activations[1]
        if self.kind == "GRU":
            parts = zip(share.chunk(3, 1)[:2], own.chunk(3, 1)[:2])
            z, r = (f(self.limited(a + b)) for a, b in parts)
            last = share.chunk(3, 1)[2]
            if self.before_reset:
                n = g(self.limited(last + r * own.chunk(3, 1)[2]))
            else:
                rows = slice(2 * self.units, None)
                n = g(self.limited(last + F.linear(r * h, self.r[rows], self.rb[rows])))
            return (1 - z) * n + z * h, None
        assert c is not None
        i, o, keep, new = (share + own).chunk(4, 1)
        if self.peepholes is not None:
            i, keep = i + self.peepholes[0] * c, keep + self.peepholes[2] * c
        i = f(self.limited(i))
        keep = 1 - i if self.forget else f(self.limited(keep))
        c = keep * c + i * g(self.limited(new))
        o = o if self.peepholes is None else o + self.peepholes[1] * c
        return f(self.limited(o)) * self.activations[2](c), c

    def run(
        self, x: Tensor, h: Tensor, c: Tensor | None, lengths: Tensor | None, reverse: bool
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        steps = range(x.shape[0])
        rows: dict[int, Tensor] = {}
        for t in reversed(steps) if reverse else steps:
            new_h, new_c = self.step(x[t], h, c)
            rows[t] = new_h
            if lengths is not None:
                going = (lengths > t).reshape(-1, 1)
                rows[t] = lucid.where(going, new_h, 0.0)
                new_h = lucid.where(going, new_h, h)
                new_c = None if new_c is None else lucid.where(going, new_c, c)
            h, c = new_h, new_c
        return lucid.stack([rows[t] for t in steps]), h, c


def _reordered(x: Tensor, kind: str) -> Tensor:
    parts = x.chunk(len(_ORDER[kind]))
    return lucid.cat([parts[i] for i in _ORDER[kind]])


def _compiled(
    kind: str, x: Tensor, w: Tensor, r: Tensor, bias: Tensor | None, h: Tensor, c: Tensor | None, mode: str
) -> tuple[Tensor, Tensor, Tensor | None]:
    weights = []
    for d in range(len(w)):
        weights += [_reordered(w[d], kind), _reordered(r[d], kind)]
        weights += [] if bias is None else [_reordered(part, kind) for part in bias[d].chunk(2)]
    steps, batch = x.shape[:2]
    y, h, *cells = run_recurrent(mode, (batch,) * steps, bias is not None, x.reshape(steps * batch, -1), h, c, *weights)
    y = y.reshape(steps, batch, len(w), -1).permute(0, 2, 1, 3)
    return y, h, cells[0] if cells else None


def _of(parts: Tensor | None, direction: int) -> Tensor | None:
    return None if parts is None else parts[direction]


def _layer(
    kind: str, x: Tensor, w: Tensor, r: Tensor, bias: Tensor | None, lengths: Tensor | None, h: Tensor | None,
    c: Tensor | None, peepholes: Tensor | None, direction: str, activations: Sequence[str] | None,
    alpha: Sequence[float] | None, beta: Sequence[float] | None, clip: float | None, layout: int,
    before_reset: int = 0, forget: int = 0,
) -> tuple[Tensor, ...]:  # fmt: skip
    if layout:
        x = x.transpose(0, 1)
        h, c = (None if t is None else t.transpose(0, 1) for t in (h, c))
    count, units = len(w), r.shape[2]
    zeros = lucid.zeros(count, x.shape[1], units, dtype=x.dtype)
    h = zeros if h is None else h
    c = (zeros if c is None else c) if kind == "LSTM" else None
    names = list(activations or _USUAL[kind] * count)
    each = len(_USUAL[kind])
    usual = names == list(_USUAL[kind] * count) or (kind == "RNN" and names == ["Relu"] * count)
    plain = clip is None and peepholes is None and lengths is None and not forget and alpha is None and beta is None
    if usual and plain and direction != "reverse" and (kind != "GRU" or before_reset):
        mode = {"RNN": f"RNN_{names[0].upper()}"}.get(kind, kind)
        y, h_n, c_n = _compiled(kind, x, w, r, bias, h, c, mode)
    else:
        alphas, betas = list(alpha or []), list(beta or [])
        functions = [_ACTIVATIONS[name](*[t.pop(0) if t else None for t in (alphas, betas)]) for name in names]
        found = []
        for d in range(count):
            layer = _Layer(kind, w[d], r[d], _of(bias, d), _of(peepholes, d), functions[d * each : (d + 1) * each],
                           clip, before_reset, forget)  # fmt: skip
            found.append(layer.run(x, h[d], _of(c, d), lengths, direction == "reverse" or d == 1))
        y, h_n = lucid.stack([y for y, _, _ in found], 1), lucid.stack([h for _, h, _ in found])
        c_n = None if c is None else lucid.stack([cell for _, _, cell in found if cell is not None])
    if layout:
        y, h_n = y.permute(2, 0, 1, 3), h_n.transpose(0, 1)
        c_n = None if c_n is None else c_n.transpose(0, 1)
    return (y, h_n) if c_n is None else (y, h_n, c_n)


@operator("LSTM", results=3)
def lstm(
    x: Tensor, w: Tensor, r: Tensor, bias: Tensor | None = None, lengths: Tensor | None = None,
    h: Tensor | None = None, c: Tensor | None = None, peepholes: Tensor | None = None, *,
    activation_alpha: Sequence[float] | None = None, activation_beta: Sequence[float] | None = None,
    activations: Sequence[str] | None = None, clip: float | None = None, direction: str = "forward",
    hidden_size: int = 0, input_forget: int = 0, layout: int = 0,
) -> tuple[Tensor, ...]:  # fmt: skip
    return _layer("LSTM", x, w, r, bias, lengths, h, c, peepholes, direction, activations, activation_alpha,
                  activation_beta, clip, layout, forget=input_forget)  # fmt: skip


@operator("GRU", results=2)
def gru(
    x: Tensor, w: Tensor, r: Tensor, bias: Tensor | None = None, lengths: Tensor | None = None,
    h: Tensor | None = None, *, activation_alpha: Sequence[float] | None = None,
    activation_beta: Sequence[float] | None = None, activations: Sequence[str] | None = None,
    clip: float | None = None, direction: str = "forward", hidden_size: int = 0, layout: int = 0,
    linear_before_reset: int = 0,
) -> tuple[Tensor, ...]:  # fmt: skip
    return _layer("GRU", x, w, r, bias, lengths, h, None, None, direction, activations, activation_alpha,
                  activation_beta, clip, layout, before_reset=linear_before_reset)  # fmt: skip


@operator("RNN", results=2)
def rnn(
    x: Tensor, w: Tensor, r: Tensor, bias: Tensor | None = None, lengths: Tensor | None = None,
    h: Tensor | None = None, *, activation_alpha: Sequence[float] | None = None,
    activation_beta: Sequence[float] | None = None, activations: Sequence[str] | None = None,
    clip: float | None = None, direction: str = "forward", hidden_size: int = 0, layout: int = 0,
) -> tuple[Tensor, ...]:  # fmt: skip
    return _layer("RNN", x, w, r, bias, lengths, h, None, None, direction, activations, activation_alpha,
                  activation_beta, clip, layout)  # fmt: skip
