"""Records of moving channels into space and back, and between groups."""

from __future__ import annotations

from typing import Any

import numpy as np
from ops.record import Record, case, example, sample

import lucid.nn.functional as F


def pixel_shuffle(x: Any, upscale_factor: int) -> Any:
    r = upscale_factor
    *lead, c, h, w = x.shape
    y = np.empty((*lead, c // (r * r), h * r, w * r), x.dtype)
    for k in range(c):
        y[..., k // (r * r), k // r % r :: r, k % r :: r] = x[..., k, :, :]
    return y


def pixel_unshuffle(x: Any, downscale_factor: int) -> Any:
    r = downscale_factor
    *lead, c, h, w = x.shape
    y = np.empty((*lead, c * r * r, h // r, w // r), x.dtype)
    for k in range(c * r * r):
        y[..., k, :, :] = x[..., k // (r * r), k // r % r :: r, k % r :: r]
    return y


def channel_shuffle(x: Any, groups: int) -> Any:
    per = x.shape[1] // groups
    return np.stack([x[:, k % groups * per + k // groups] for k in range(x.shape[1])], 1)


def moves(name: str, reference: Any, cases: Any, *examples: Any) -> Record:
    return Record(
        name,
        getattr(F, name),
        reference,
        cases=cases,
        elementwise=False,
        ulp=(0, 0),
        grad_ulp=0,
        integer="same",
        batch=(0,),
        examples=examples,
    )


RECORDS = [
    moves("pixel_shuffle", pixel_shuffle, (case((2, 4, 2, 3), upscale_factor=2), sample((9, 1, 2), upscale_factor=3), case((2, 3, 2, 2), upscale_factor=1),
                                           case((2, 1, 8, 1, 1), upscale_factor=2), case((3, 8, 5, 7), upscale_factor=2)),
          example([[[1.0]], [[2]], [[3]], [[4]]], value=([[[1, 2], [3, 4]]],), upscale_factor=2)),
    moves("pixel_unshuffle", pixel_unshuffle, (case((2, 1, 4, 6), downscale_factor=2), sample((2, 3, 6), downscale_factor=3), case((2, 3, 2, 2), downscale_factor=1),
                                               case((3, 2, 10, 14), downscale_factor=2)),
          example([[[1.0, 2], [3, 4]]], value=([[[1]], [[2]], [[3]], [[4]]],), downscale_factor=2)),
    moves("channel_shuffle", channel_shuffle, (case((2, 4, 3), groups=2), case((2, 6, 2, 2), groups=3), case((1, 4, 1), groups=1), case((1, 4, 1), groups=4),
                                               case((0, 4, 2), groups=2), case((3, 8, 5, 7), groups=4), case((2, 4, 1, 2, 2), groups=2)),
          example([[[1.0], [2], [3], [4]]], value=([[[1], [3], [2], [4]]],), groups=2)),
]  # fmt: skip
