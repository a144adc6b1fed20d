"""Records of encodings of positions, rotation and the response norm of whole images."""

from __future__ import annotations

from typing import Any

import numpy as np
from ops.record import Record, case, example, sample

import lucid
import lucid.nn.functional as F


def rotary(x: Any, position_ids: Any = None, interleaved: bool = True) -> Any:
    *_, length, size = x.shape
    positions = np.arange(length) if position_ids is None else position_ids.numpy()
    y = np.empty_like(x)
    for m in range(length):
        for i in range(size // 2):
            a, b = (2 * i, 2 * i + 1) if interleaved else (i, i + size // 2)
            t = np.float64(positions[m]) * 10000.0 ** (-2 * i / size)
            y[..., m, a] = x[..., m, a] * np.cos(t) - x[..., m, b] * np.sin(t)
            y[..., m, b] = x[..., m, a] * np.sin(t) + x[..., m, b] * np.cos(t)
    return y


def turned(x: Any, angle: float, center: Any = None) -> Any:
    """Every pixel by itself: where it comes from, and the four around that."""
    height, width = x.shape[2:]
    cx, cy = (width / 2, height / 2) if center is None else center
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    y = np.zeros_like(x)
    for i in range(height):
        for j in range(width):
            dx, dy = j + 0.5 - cx, i + 0.5 - cy
            sx, sy = cx + cos * dx - sin * dy - 0.5, cy + sin * dx + cos * dy - 0.5
            x0, y0 = int(np.floor(sx)), int(np.floor(sy))
            for r, wy in ((y0, 1 - (sy - y0)), (y0 + 1, sy - y0)):
                for s, wx in ((x0, 1 - (sx - x0)), (x0 + 1, sx - x0)):
                    if 0 <= r < height and 0 <= s < width:
                        y[:, :, i, j] += x[:, :, r, s] * (wy * wx)
    return y


def response(x: Any, gamma: Any, beta: Any, eps: float = 1e-6) -> Any:
    scale = 1 / np.sqrt((x**2).mean((2, 3), keepdims=True) + x.dtype.type(eps))
    return x * scale * gamma.reshape(1, -1, 1, 1) + beta.reshape(1, -1, 1, 1)


def padded(x: Any, pad_width: Any, constant_value: float = 0) -> Any:
    width = np.reshape(pad_width, (-1, 2)) if np.ndim(pad_width) == 1 and len(pad_width) == 2 * x.ndim else pad_width
    return np.pad(x, width, constant_values=constant_value)


TERMS = "sums of products that may cancel, with coefficients rounded to the dtype"
RECORDS = [
    Record("rotary_pos_embedding", F.rotary_pos_embedding, rotary, elementwise=False, integer="", ulp=(8, 16), torch="",
           cases=(case((5, 4)), case((2, 3, 5, 6)), case((2, 3, 5, 6), interleaved=False), case((0, 3, 2)),
                  sample((1, 3, 4), position_ids=lucid.tensor([7, 0, 3]))),
           scale=lambda x, **p: np.full(x.shape, np.abs(x).max(initial=0)), why=TERMS, grad_floor=None, batch=()),
    Record("rotate", F.rotate, turned, elementwise=False, integer="", ulp=(64, 1 << 14), torch="", batch=(0,),
           cases=(case((1, 1, 4, 5), angle=30.0), case((2, 3, 6, 4), angle=-100.0, center=(1.0, 2.5)), case((2, 1, 3, 3), angle=0.0)),
           examples=(example([[[[1.0, 2], [3, 4]]]], value=([[[[2, 4], [1, 3]]]],), angle=90.0, grad=[[[[1, 1], [1, 1]]]]),),
           scale=lambda x, **p: np.full(x.shape, np.abs(x).max(initial=0)), why=TERMS + "; the grid is rounded", atol=(1e-5, 1e-14), grad_floor=None, grad_ulp=64),
    Record("global_response_norm", F.global_response_norm, response, elementwise=False, integer="", ulp=(8, 16), torch="",
           cases=(case((2, 3, 4, 5), (3,), (3,)), sample((1, 2, 2, 2), (1, 2, 1, 1), (2,), eps=0.1)), batch=(0,),
           scale=lambda x, g, b, eps=1e-6: np.abs(response(x, g, 0 * b, eps)) + np.abs(b.reshape(1, -1, 1, 1)), why=TERMS, grad_floor=None, grad_ulp=64),
    Record("lucid.pad", lucid.pad, padded, elementwise=False, torch="", integer="same",
           cases=(case((3,), pad_width=(2, 3)), case((2, 3), pad_width=((1, 1), (2, 0))), case((2, 3), pad_width=1), case((2, 3), pad_width=(1, 2)), case((2, 3), pad_width=(0, 1, 2, 3), constant_value=2.5), case((0, 2), pad_width=1))),
]  # fmt: skip
