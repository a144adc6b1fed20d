"""Records of pooling."""

from __future__ import annotations

from typing import Any

import numpy as np
from ops.conv import pair
from ops.record import Record, case, example, inf, nan

import lucid.nn.functional as F


def starts(n: int, k: int, s: int, p: int, d: int, ceil_mode: bool) -> list[int]:
    """Where the windows along one dimension begin; with ``ceil_mode`` none begins in the padding on the right."""
    span = n + 2 * p - d * (k - 1) - 1
    count = (-(-span // s) if ceil_mode else span // s) + 1
    return [i * s - p for i in range(count) if not (ceil_mode and i * s >= n + p)]


def max_pool2d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> Any:
    """Values and flat positions; the first of equal maxima, or the first NaN."""
    k, s, p, d = pair(kernel_size), pair(stride or kernel_size), pair(padding), pair(dilation)
    height, width = x.shape[-2:]
    tops, lefts = (starts(n, *a, ceil_mode) for n, *a in zip((height, width), k, s, p, d))
    y = np.empty((*x.shape[:-2], len(tops), len(lefts)), x.dtype)
    at = np.empty(y.shape, np.int64)
    for i, top in enumerate(tops):
        for j, left in enumerate(lefts):
            rows = [r for r in range(top, top + d[0] * k[0], d[0]) if 0 <= r < height]
            columns = [c for c in range(left, left + d[1] * k[1], d[1]) if 0 <= c < width]
            window = x[..., rows, :][..., columns].reshape(*x.shape[:-2], len(rows) * len(columns))
            first = np.argmax(window, -1)
            y[..., i, j] = np.take_along_axis(window, first[..., None], -1)[..., 0]
            at[..., i, j] = np.array([r * width + c for r in rows for c in columns])[first]
    return y, at


def avg_pool2d(x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False, count_include_pad: bool = True,
               divisor_override: int | None = None) -> Any:  # fmt: skip
    k, s, p = pair(kernel_size), pair(stride or kernel_size), pair(padding)
    height, width = x.shape[-2:]
    tops, lefts = (starts(n, *a, 1, ceil_mode) for n, *a in zip((height, width), k, s, p))
    y = np.empty((*x.shape[:-2], len(tops), len(lefts)), x.dtype)
    for i, top in enumerate(tops):
        for j, left in enumerate(lefts):
            bottom, right = min(top + k[0], height + p[0]), min(left + k[1], width + p[1])
            part = x[..., max(top, 0) : min(bottom, height), max(left, 0) : min(right, width)]
            size = (bottom - top) * (right - left) if count_include_pad else part.shape[-1] * part.shape[-2]
            y[..., i, j] = part.sum((-2, -1)) / (divisor_override or size)
    return y


def adaptive_avg_pool2d(x: Any, output_size: Any) -> Any:
    height, width = x.shape[-2:]
    rows, columns = (
        n if o is None else o
        for o, n in zip(pair(output_size) if isinstance(output_size, int) else output_size, (height, width))
    )
    y = np.empty((*x.shape[:-2], rows, columns), x.dtype)
    for i in range(rows):
        for j in range(columns):
            part = x[
                ...,
                i * height // rows : -(-(i + 1) * height // rows),
                j * width // columns : -(-(j + 1) * width // columns),
            ]
            y[..., i, j] = part.mean((-2, -1))
    return y


def flat(reference: Any) -> Any:
    """The one-dimensional form, through planes of height 1."""

    def lift(name: str, value: Any) -> Any:
        value = value if isinstance(value, int) or value is None else value[0]
        return (0 if name == "padding" else 1, value) if name in SIZES and value is not None else value

    def one_dimensional(x: Any, *args: Any, **params: Any) -> Any:
        y = reference(x[..., None, :], *args, **{k: lift(k, v) for k, v in params.items()})
        return tuple(part[..., 0, :] for part in y) if isinstance(y, tuple) else y[..., 0, :]

    return one_dimensional


SIZES = ("kernel_size", "stride", "padding", "dilation", "output_size")
PLANES = [dict(kernel_size=2), dict(kernel_size=3, stride=2), dict(kernel_size=3, stride=1, padding=1), dict(kernel_size=(2, 3), stride=(1, 2)),
          dict(kernel_size=3, stride=2, padding=1, ceil_mode=True), dict(kernel_size=2, stride=3, ceil_mode=True)]  # fmt: skip
LINES = [dict(kernel_size=2), dict(kernel_size=3, stride=2, padding=1), dict(kernel_size=3, stride=2, ceil_mode=True)]
COUNTS = [
    dict(kernel_size=3, stride=2, padding=1, count_include_pad=False),
    dict(kernel_size=3, padding=1, stride=2, ceil_mode=True, count_include_pad=False),
]


def shapes(options: list[dict[str, Any]], *sizes: Any) -> tuple[Any, ...]:
    return tuple(case(size, **p) for p in options for size in sizes)


def maximum(name: str, cases: Any, reference: Any, both: bool, **options: Any) -> Record:
    picked = reference if both else (lambda x, **p: reference(x, **p)[0])
    return Record(
        name,
        getattr(F, name),
        picked,
        cases=cases,
        elementwise=False,
        batch=(0,),
        ulp=(0, 0),
        integer="",
        grad_ulp=4,
        **options,
    )


def average(name: str, cases: Any, reference: Any, **options: Any) -> Record:
    return Record(name, getattr(F, name), reference, cases=cases, elementwise=False, batch=(0,), ulp=(8, 8), integer="", grad_ulp=16,
                  scale=lambda x, **p: reference(np.abs(x), **p), why="terms may cancel", **options)  # fmt: skip


SMALL2, SMALL1 = (1, 1, 4, 5), (2, 1, 5)
MAX2 = shapes([*PLANES, dict(kernel_size=2, stride=1, dilation=2)], SMALL2, (2, 3, 7, 9)) + shapes(
    PLANES[:2], (3, 8, 8), (0, 2, 5, 5), (2, 17, 33, 65)
)
MAX1 = shapes([*LINES, dict(kernel_size=2, dilation=2)], SMALL1, (3, 2, 9), (2, 9), (0, 2, 9), (1, 2, 1000))
AVG2 = shapes([*PLANES, *COUNTS, dict(kernel_size=2, divisor_override=3)], SMALL2, (2, 3, 7, 9)) + shapes(
    PLANES[:2], (3, 8, 8), (0, 2, 5, 5), (2, 17, 33, 65)
)
AVG1 = shapes([*LINES, *COUNTS], SMALL1, (3, 2, 9), (2, 9), (0, 2, 9), (1, 2, 1000))
EVEN2 = shapes(
    [dict(output_size=o) for o in (1, 2, (2, 3), (None, 2), 5, 7)], SMALL2, (2, 3, 7, 9), (3, 8, 8), (0, 2, 5, 5)
)
EVEN1 = shapes([dict(output_size=o) for o in (1, 2, 5, 7)], SMALL1, (3, 2, 9), (2, 9))
LARGE2 = (case((4, 16, 60, 60), kernel_size=3, stride=2, padding=1), case((4, 16, 60, 60), kernel_size=2))

RECORDS = [
    maximum("max_pool2d", MAX2, max_pool2d, False, large=LARGE2,
            examples=(example([[[1.0, 1], [1, 1]]], value=([[[1]]],), kernel_size=2, grad=[[[1, 0], [0, 0]]]),
                      example([[[1.0, nan], [2, 1]]], value=([[[nan]]],), kernel_size=2),
                      example([[[-inf, -inf], [-inf, -inf]]], value=([[[-inf]]],), kernel_size=2))),
    maximum("max_pool2d_with_indices", MAX2, max_pool2d, True, torch=lambda torch, x, **p: torch.nn.functional.max_pool2d(x, **p, return_indices=True)),
    maximum("max_pool1d", MAX1, flat(max_pool2d), False, large=(case((8, 16, 900), kernel_size=3, stride=2),)),
    maximum("max_pool1d_with_indices", MAX1, flat(max_pool2d), True, torch=lambda torch, x, **p: torch.nn.functional.max_pool1d(x, **p, return_indices=True)),
    average("avg_pool2d", AVG2, avg_pool2d, large=LARGE2),
    average("avg_pool1d", AVG1, flat(avg_pool2d), large=(case((8, 16, 900), kernel_size=3, stride=2),)),
    average("adaptive_avg_pool2d", EVEN2, adaptive_avg_pool2d, large=(case((8, 32, 30, 30), output_size=1), case((8, 32, 30, 30), output_size=7))),
    average("adaptive_avg_pool1d", EVEN1, flat(adaptive_avg_pool2d)),
]  # fmt: skip
