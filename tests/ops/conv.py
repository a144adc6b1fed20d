"""Records of convolutions and padding."""

from __future__ import annotations

from typing import Any

import numpy as np
from ops.record import Record, case, sample

import lucid.nn.functional as F


def each(value: Any, spatial: int) -> tuple[int, ...]:
    return (value,) * spatial if isinstance(value, int) else tuple(value)


def pair(value: Any) -> tuple[int, ...]:
    return each(value, 2)


def steps(k: Any, stride: Any, dilation: Any, sizes: Any) -> tuple[slice, ...]:
    """The padded elements that kernel position ``k`` meets."""
    return tuple(slice(i * d, i * d + s * (n - 1) + 1, s) for i, s, d, n in zip(k, stride, dilation, sizes))


def conv(x: Any, w: Any, b: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1) -> Any:
    """The sum over kernel positions of strided slices of the padded input, one group of channels after another."""
    if x.ndim < w.ndim:
        return conv(x[None], w, b, stride, padding, dilation, groups)[0]
    kernel, spatial = w.shape[2:], w.ndim - 2
    stride, dilation = each(stride, spatial), each(dilation, spatial)
    if padding == "same":
        pads = [(d * (k - 1) // 2, d * (k - 1) - d * (k - 1) // 2) for k, d in zip(kernel, dilation)]
    else:
        pads = [(p, p) for p in each(0 if padding == "valid" else padding, spatial)]
    x = np.pad(x, [(0, 0), (0, 0), *pads])
    sizes = [(n - d * (k - 1) - 1) // s + 1 for n, k, s, d in zip(x.shape[2:], kernel, stride, dilation)]
    n, out, ci = x.shape[0], w.shape[0], w.shape[1]
    y = np.zeros((n, groups, out // groups, *sizes), x.dtype)
    xg, wg = x.reshape(n, groups, ci, *x.shape[2:]), w.reshape(groups, out // groups, ci, *kernel)
    for k in np.ndindex(*kernel):
        y += np.einsum("ngc...,goc->ngo...", xg[(..., *steps(k, stride, dilation, sizes))], wg[(..., *k)])
    y = y.reshape(n, out, *sizes)
    return y if b is None else y + b.reshape(-1, *(1,) * spatial)


def transposed(x: Any, w: Any, b: Any = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0, groups: int = 1,
               dilation: Any = 1) -> Any:  # fmt: skip
    """Every input element adds a scaled kernel to the result, of which the padding is cut off at the end."""
    if x.ndim < w.ndim:
        return transposed(x[None], w, b, stride, padding, output_padding, groups, dilation)[0]
    kernel, spatial = w.shape[2:], w.ndim - 2
    stride, dilation, padding, extra = (each(v, spatial) for v in (stride, dilation, padding, output_padding))
    n, sizes = x.shape[0], x.shape[2:]
    full = [(m - 1) * s + d * (k - 1) + 1 + e for m, s, d, k, e in zip(sizes, stride, dilation, kernel, extra)]
    y = np.zeros((n, groups, w.shape[1], *full), x.dtype)
    xg, wg = (
        x.reshape(n, groups, -1, *sizes) if n else np.zeros((0, groups, x.shape[1] // groups, *sizes), x.dtype),
        w.reshape(groups, -1, *w.shape[1:]),
    )
    for k in np.ndindex(*kernel):
        y[(..., *steps(k, stride, dilation, sizes))] += np.einsum("ngc...,gco->ngo...", xg, wg[(..., *k)])
    y = y.reshape(n, groups * w.shape[1], *full)[(..., *(slice(p, f - p) for p, f in zip(padding, full)))]
    return y if b is None else y + b.reshape(-1, *(1,) * spatial)


def magnitudes(reference: Any) -> Any:
    return lambda x, w, b=None, **p: reference(np.abs(x), np.abs(w), None if b is None else np.abs(b), **p)


def record(name: str, call: Any, reference: Any, *cases: Any, **options: Any) -> Record:
    return Record(name, call, reference, cases=cases, elementwise=False, batch=(0,), scale=magnitudes(reference), ulp=(12, 12), integer="same",
                  why="products may cancel; measured at the sum of their magnitudes", grad_ulp=64, grad_floor=None, **options)  # fmt: skip


def padded(x: Any, pad: Any, mode: str = "constant", value: float | None = None) -> Any:
    pairs = [(0, 0)] * (x.ndim - len(pad) // 2) + [tuple(pad[i : i + 2]) for i in range(0, len(pad), 2)][::-1]
    crop = tuple(slice(max(-a, 0), n - max(-b, 0)) for (a, b), n in zip(pairs, x.shape))
    pairs = [(max(a, 0), max(b, 0)) for a, b in pairs]
    options: dict[str, Any] = {"constant_values": value or 0} if mode == "constant" else {}
    return np.pad(x[crop], pairs, {"replicate": "edge", "circular": "wrap"}.get(mode, mode), **options)


RECORDS = [
    record("conv2d", F.conv2d, conv,
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
    record("grouped conv2d", lambda *xs, **p: F.conv2d(*xs, **p), conv,
           case((1, 2, 3, 3), (2, 1, 2, 2), groups=2), case((2, 4, 5, 5), (6, 2, 3, 3), (6,), groups=2, padding=1),
           case((2, 8, 9, 9), (8, 1, 3, 3), (8,), groups=8, padding=1), case((2, 8, 9, 9), (8, 1, 3, 3), groups=8, stride=2),
           case((2, 4, 9, 9), (8, 1, 3, 3), groups=4, dilation=2), case((1, 17, 12, 33), (17, 1, 5, 5), (17,), groups=17, padding=2),
           covers=(F.conv2d,), torch="conv2d",
           large=(case((4, 32, 40, 40), (32, 1, 3, 3), (32,), groups=32, padding=1), case((4, 32, 20, 20), (32, 8, 3, 3), groups=4))),
    record("conv1d", F.conv1d, conv,
           *(case((2, 3, 9), (4, 3, 3), (4,), **p) for p in ({}, dict(stride=2), dict(padding=1), dict(dilation=2), dict(padding="same"))),
           case((1, 2, 5), (2, 2, 2), (2,)), case((2, 4, 9), (4, 1, 3), groups=4), sample((3, 9), (2, 3, 3)), case((1, 1, 4097), (2, 1, 63)),
           case((0, 3, 9), (2, 3, 3)), large=(case((8, 16, 500), (32, 16, 5), (32,)),)),
    record("depthwise conv2d", lambda *xs, **p: F.conv2d(*xs, **p), conv,
           case((1, 2, 2, 2), (2, 1, 2, 2), (2,), groups=2, padding=1), case((1, 2, 3, 2), (2, 1, 2, 1), groups=2, stride=2),
           case((1, 3, 14, 14), (3, 1, 5, 5), (3,), groups=3, padding=2), case((2, 3, 7, 7), (3, 1, 3, 3), groups=3, padding=1),
           case((1, 2, 15, 17), (2, 1, 5, 5), groups=2, padding=2, stride=2), case((1, 2, 16, 33), (4, 1, 7, 7), (4,), groups=2, padding=3),
           case((2, 2, 9, 40), (2, 1, 3, 7), groups=2, padding=(0, 4), stride=(1, 3)), case((1, 2, 3, 2), (2, 1, 7, 7), groups=2, padding=4),
           case((0, 2, 5, 5), (2, 1, 3, 3), groups=2), covers=(F.conv2d,), torch="conv2d",
           large=(case((4, 32, 56, 56), (32, 1, 3, 3), (32,), groups=32, padding=1), case((4, 32, 28, 28), (32, 1, 5, 5), groups=32, stride=2))),
    record("conv3d", F.conv3d, conv,
           *(case((2, 3, 4, 5, 6), (4, 3, 3, 2, 3), (4,), **p) for p in (
               {}, dict(stride=2), dict(padding=1), dict(stride=(2, 1, 2), padding=(0, 2, 1)), dict(dilation=(1, 2, 1), padding=1),
               dict(padding="same"), dict(stride=3, padding=(3, 2, 2), dilation=2))),
           case((1, 1, 3, 3, 3), (2, 1, 2, 2, 2)), case((1, 1, 2, 3, 2), (1, 1, 2, 2, 1), (1,), padding=(1, 0, 0)), case((2, 4, 4, 5, 5), (8, 1, 3, 3, 3), (8,), groups=4, padding=1),
           case((2, 4, 3, 5, 5), (6, 2, 1, 3, 3), groups=2), sample((3, 4, 5, 5), (2, 3, 2, 3, 3)), case((0, 3, 4, 5, 5), (2, 3, 3, 3, 3), (2,)),
           large=(case((2, 16, 8, 20, 20), (32, 16, 3, 3, 3), (32,), padding=1),)),
    record("conv_transpose1d", F.conv_transpose1d, transposed,
           *(case((2, 3, 9), (3, 4, 3), (4,), **p) for p in ({}, dict(stride=2), dict(padding=1), dict(dilation=2, stride=3, output_padding=2))),
           case((1, 4, 9), (4, 1, 3), groups=4, stride=2), case((1, 2, 5), (2, 2, 2), dilation=3, output_padding=2), sample((3, 9), (3, 2, 3)),
           case((0, 3, 9), (3, 2, 3)), large=(case((8, 16, 500), (16, 32, 5), (32,), stride=2),)),
    record("conv_transpose2d", F.conv_transpose2d, transposed,
           *(case((2, 4, 5, 6), (4, 3, 3, 2), (3,), **p) for p in (
               {}, dict(stride=2), dict(padding=1), dict(stride=(2, 3), padding=(0, 1), output_padding=(1, 2)), dict(dilation=2),
               dict(stride=2, padding=1, output_padding=1, dilation=(1, 2)))),
           case((1, 1, 3, 3), (1, 2, 2, 2), (2,)), case((2, 4, 5, 5), (4, 3, 3, 3), (6,), groups=2, stride=2), sample((3, 5, 5), (3, 2, 3, 3)),
           case((2, 4, 7, 7), (4, 1, 4, 4), groups=4, stride=2, padding=1), case((1, 4, 9, 9), (4, 1, 3, 3), groups=4), case((0, 3, 5, 5), (3, 2, 3, 3)),
           large=(case((4, 32, 14, 14), (32, 16, 4, 4), (16,), stride=2, padding=1),)),
    record("conv_transpose3d", F.conv_transpose3d, transposed,
           *(case((2, 2, 3, 4, 3), (2, 3, 2, 3, 2), (3,), **p) for p in (
               {}, dict(stride=2), dict(padding=1), dict(stride=(2, 1, 3), padding=(0, 1, 1), output_padding=(1, 0, 2)), dict(dilation=2))),
           case((1, 1, 2, 2, 2), (1, 2, 2, 1, 2), (2,), stride=(2, 1, 1)), case((1, 4, 3, 4, 4), (4, 1, 3, 3, 3), (4,), groups=4, stride=2, padding=1), sample((2, 3, 4, 4), (2, 2, 2, 2, 2)),
           case((0, 2, 3, 3, 3), (2, 2, 2, 2, 2)), large=(case((2, 16, 6, 12, 12), (16, 8, 2, 2, 2), (8,), stride=2),)),
    Record("pad", F.pad, padded, elementwise=False, ulp=(0, 0), grad_ulp=4, integer="",
           cases=(*(case((2, 3, 4), pad=p) for p in ((1, 2), (1, 0, 0, 2), (1, 1, 1, 1, 1, 1), (-1, 2), (-1, -1, 1, -1), (0, 0))),
                  case((2, 3), pad=(1, 2), value=-1.5), case((2, 3), pad=(1, 1, 0, 2), mode="constant", value=float("inf")),
                  *(case((1, 4, 3), pad=(2, 1), mode=m) for m in ("reflect", "replicate", "circular")),
                  *(case((1, 1, 4, 3), pad=(2, 1, 0, 3), mode=m) for m in ("reflect", "replicate", "circular")))),
]  # fmt: skip
