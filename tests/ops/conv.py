"""Records of convolutions and padding."""

from __future__ import annotations

from typing import Any

import numpy as np
from ops.record import Record, case, sample

import lucid.nn.functional as F


def pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else tuple(value)


def conv2d(x: Any, w: Any, b: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1) -> Any:
    """The sum over kernel positions of strided slices of the padded input, one group of channels after another."""
    if x.ndim == 3:
        return conv2d(x[None], w, b, stride, padding, dilation, groups)[0]
    (sh, sw), (dh, dw), (kh, kw) = pair(stride), pair(dilation), w.shape[2:]
    if padding == "same":
        pads = [(t // 2, t - t // 2) for t in (dh * (kh - 1), dw * (kw - 1))]
    else:
        pads = [(p, p) for p in ((0, 0) if padding == "valid" else pair(padding))]
    x = np.pad(x, [(0, 0), (0, 0), *pads])
    height, width = (
        (x.shape[2 + i] - d * (k - 1) - 1) // s + 1 for i, (k, s, d) in enumerate(((kh, sh, dh), (kw, sw, dw)))
    )
    n, out, ci = x.shape[0], w.shape[0], w.shape[1]
    y = np.zeros((n, groups, out // groups, height, width), x.dtype)
    xg, wg = x.reshape(n, groups, ci, *x.shape[2:]), w.reshape(groups, out // groups, ci, kh, kw)
    for i in range(kh):
        for j in range(kw):
            part = xg[..., i * dh : i * dh + sh * (height - 1) + 1 : sh, j * dw : j * dw + sw * (width - 1) + 1 : sw]
            y += np.einsum("ngchw,goc->ngohw", part, wg[..., i, j])
    y = y.reshape(n, out, height, width)
    return y if b is None else y + b[:, None, None]


def conv1d(x: Any, w: Any, b: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1) -> Any:
    one = lambda v, rest: v if isinstance(v, str) else (rest, v if isinstance(v, int) else v[0])
    padding = padding if isinstance(padding, str) else one(padding, 0)
    return conv2d(x[..., None, :], w[..., None, :], b, one(stride, 1), padding, one(dilation, 1), groups)[..., 0, :]


def magnitudes(reference: Any) -> Any:
    return lambda x, w, b=None, **p: reference(np.abs(x), np.abs(w), None if b is None else np.abs(b), **p)


def record(name: str, call: Any, reference: Any, *cases: Any, **options: Any) -> Record:
    return Record(name, call, reference, cases=cases, elementwise=False, batch=(0,), scale=magnitudes(reference), ulp=(12, 12), integer="",
                  why="products may cancel; measured at the sum of their magnitudes", grad_ulp=64, grad_floor=None, **options)  # fmt: skip


def padded(x: Any, pad: Any, mode: str = "constant", value: float | None = None) -> Any:
    pairs = [(0, 0)] * (x.ndim - len(pad) // 2) + [tuple(pad[i : i + 2]) for i in range(0, len(pad), 2)][::-1]
    crop = tuple(slice(max(-a, 0), n - max(-b, 0)) for (a, b), n in zip(pairs, x.shape))
    pairs = [(max(a, 0), max(b, 0)) for a, b in pairs]
    options: dict[str, Any] = {"constant_values": value or 0} if mode == "constant" else {}
    return np.pad(x[crop], pairs, {"replicate": "edge", "circular": "wrap"}.get(mode, mode), **options)


RECORDS = [
    record("conv2d", F.conv2d, conv2d,
           *(case((2, 3, 7, 6), (4, 3, 3, 2), (4,), **p) for p in (
               {}, dict(stride=2), dict(padding=1), dict(stride=(2, 1), padding=(0, 2)), dict(dilation=2), dict(padding="same"),
               dict(padding="valid"), dict(padding="same", dilation=(2, 3)), dict(stride=3, padding=2, dilation=2))),
           case((1, 1, 3, 3), (2, 1, 2, 2), (2,)), case((2, 1, 3, 3), (1, 1, 2, 2), padding=1, stride=2), sample((3, 5, 5), (2, 3, 3, 3)),
           case((1, 1, 1, 1), (1, 1, 1, 1), (1,)), case((0, 3, 5, 5), (2, 3, 3, 3), (2,)), case((2, 7, 5, 5), (65, 7, 1, 1), (65,)),
           case((2, 3, 9, 9), (5, 3, 5, 5), padding=2), case((1, 3, 33, 31), (17, 3, 3, 3), (17,), padding=1),
           case((3, 64, 8, 8), (32, 64, 3, 3), (32,), padding=1), case((2, 16, 14, 14), (8, 16, 7, 7), stride=2, padding=3),
           case((1, 2, 64, 3), (3, 2, 1, 3)), case((1, 2, 3, 65), (3, 2, 3, 1)),
           large=(case((8, 16, 30, 30), (24, 16, 3, 3), (24,), padding=1), case((4, 32, 40, 40), (64, 32, 1, 1)),
                  case((3, 8, 60, 60), (16, 8, 5, 5), stride=2))),
    record("grouped conv2d", lambda *xs, **p: F.conv2d(*xs, **p), conv2d,
           case((1, 2, 3, 3), (2, 1, 2, 2), groups=2), case((2, 4, 5, 5), (6, 2, 3, 3), (6,), groups=2, padding=1),
           case((2, 8, 9, 9), (8, 1, 3, 3), (8,), groups=8, padding=1), case((2, 8, 9, 9), (8, 1, 3, 3), groups=8, stride=2),
           case((2, 4, 9, 9), (8, 1, 3, 3), groups=4, dilation=2), case((1, 17, 12, 33), (17, 1, 5, 5), (17,), groups=17, padding=2),
           covers=(F.conv2d,), torch="conv2d",
           large=(case((4, 32, 40, 40), (32, 1, 3, 3), (32,), groups=32, padding=1), case((4, 32, 20, 20), (32, 8, 3, 3), groups=4))),
    record("conv1d", F.conv1d, conv1d,
           *(case((2, 3, 9), (4, 3, 3), (4,), **p) for p in ({}, dict(stride=2), dict(padding=1), dict(dilation=2), dict(padding="same"))),
           case((1, 2, 5), (2, 2, 2), (2,)), case((2, 4, 9), (4, 1, 3), groups=4), sample((3, 9), (2, 3, 3)), case((1, 1, 4097), (2, 1, 63)),
           case((0, 3, 9), (2, 3, 3)), large=(case((8, 16, 500), (32, 16, 5), (32,)),)),
    Record("pad", F.pad, padded, elementwise=False, ulp=(0, 0), grad_ulp=4, integer="",
           cases=(*(case((2, 3, 4), pad=p) for p in ((1, 2), (1, 0, 0, 2), (1, 1, 1, 1, 1, 1), (-1, 2), (-1, -1, 1, -1), (0, 0))),
                  case((2, 3), pad=(1, 2), value=-1.5), case((2, 3), pad=(1, 1, 0, 2), mode="constant", value=float("inf")),
                  *(case((1, 4, 3), pad=(2, 1), mode=m) for m in ("reflect", "replicate", "circular")),
                  *(case((1, 1, 4, 3), pad=(2, 1, 0, 3), mode=m) for m in ("reflect", "replicate", "circular")))),
]  # fmt: skip
