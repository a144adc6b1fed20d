"""Records of pooling over volumes and to a given size."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from ops.conv import each
from ops.pool import average, maximum, shapes, starts
from ops.record import case, example, inf, nan

Windows = list[list[range]]


def largest(x: Any, windows: Any) -> Any:
    """Values and flat positions over the products of windows, the first of equal maxima."""
    spatial = len(windows)
    space, result = x.shape[-spatial:], (*x.shape[:-spatial], *map(len, windows))
    y, at = np.empty(result, x.dtype), np.empty(result, np.int64)
    for place in itertools.product(*[range(len(w)) for w in windows]):
        grid = np.ix_(*[list(w[i]) for w, i in zip(windows, place)])
        part = x[(..., *grid)].reshape(*x.shape[:-spatial], int(np.prod([g.size for g in grid])))
        first = np.argmax(part, -1)
        y[(..., *place)] = np.take_along_axis(part, first[..., None], -1)[..., 0]
        flat = np.ravel_multi_index([g.ravel() for g in np.broadcast_arrays(*grid)], space)
        at[(..., *place)] = flat[first]
    return y, at


def triple(value: Any) -> tuple[int, ...]:
    return each(value, 3)


def max_pool3d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> Any:
    windows = [
        [range(t if t >= 0 else t + -(t // d) * d, min(t + d * k, n), d) for t in starts(n, k, s, p, d, ceil_mode)]
        for n, k, s, p, d in zip(
            x.shape[-3:], triple(kernel_size), triple(stride or kernel_size), triple(padding), triple(dilation)
        )
    ]
    return largest(x, windows)


def avg_pool3d(
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    k, s, p = triple(kernel_size), triple(stride or kernel_size), triple(padding)
    begin = [starts(n, *a, 1, ceil_mode) for n, *a in zip(x.shape[-3:], k, s, p)]
    y = np.empty((*x.shape[:-3], *map(len, begin)), x.dtype)
    for place in itertools.product(*[range(len(b)) for b in begin]):
        first = [b[i] for b, i in zip(begin, place)]
        last = [min(f + a, n + q) for f, a, n, q in zip(first, k, x.shape[-3:], p)]
        part = x[(..., *[slice(max(f, 0), min(e, n)) for f, e, n in zip(first, last, x.shape[-3:])])]
        size = np.prod(np.subtract(last, first)) if count_include_pad else np.prod(part.shape[-3:])
        y[(..., *place)] = part.sum((-3, -2, -1)) / (divisor_override or size)
    return y


def even(x: Any, output_size: Any, spatial: int) -> Windows:
    given = output_size if isinstance(output_size, tuple) else (output_size,) * spatial
    return [
        [range(i * n // m, -(-(i + 1) * n // m)) for i in range(m)]
        for n, m in zip(x.shape[-spatial:], [n if o is None else o for n, o in zip(x.shape[-spatial:], given)])
    ]


def adaptive_max(spatial: int) -> Any:
    return lambda x, output_size: largest(x, even(x, output_size, spatial))


def adaptive_avg_pool3d(x: Any, output_size: Any) -> Any:
    windows = even(x, output_size, 3)
    y = np.empty((*x.shape[:-3], *map(len, windows)), x.dtype)
    for place in itertools.product(*[range(len(w)) for w in windows]):
        part = x[(..., *[slice(w[i].start, w[i].stop) for w, i in zip(windows, place)])]
        y[(..., *place)] = part.mean((-3, -2, -1))
    return y


VOLUMES = [
    dict(kernel_size=2),
    dict(kernel_size=3, stride=2),
    dict(kernel_size=3, stride=1, padding=1),
    dict(kernel_size=(1, 2, 3), stride=(1, 1, 2)),
    dict(kernel_size=3, stride=2, padding=1, ceil_mode=True),
    dict(kernel_size=2, stride=3, ceil_mode=True),
]
SMALL, MIDDLE = (1, 1, 3, 3, 3), (2, 2, 4, 5, 7)
COUNTS = [
    dict(kernel_size=3, stride=2, padding=1, count_include_pad=False),
    dict(kernel_size=3, padding=1, stride=2, ceil_mode=True, count_include_pad=False),
    dict(kernel_size=2, divisor_override=3),
]
MAX = shapes([*VOLUMES, dict(kernel_size=2, stride=1, dilation=2)], SMALL, MIDDLE) + shapes(
    VOLUMES[:2], (3, 4, 4, 4), (0, 2, 5, 5, 5), (2, 3, 5, 17, 33)
)
AVG = shapes([*VOLUMES, *COUNTS], SMALL, MIDDLE) + shapes(VOLUMES[:2], (3, 4, 4, 4), (0, 2, 5, 5, 5), (2, 3, 5, 17, 33))
EVEN3 = shapes(
    [dict(output_size=o) for o in (1, 2, (2, 3, 1), (None, 2, None), 5)],
    (1, 1, 2, 3, 4),
    MIDDLE,
    (3, 4, 4, 4),
    (0, 2, 5, 5, 5),
)
EVEN2 = shapes(
    [dict(output_size=o) for o in (1, 2, (2, 3), (None, 2), 5, 7)], (1, 1, 4, 5), (2, 3, 7, 9), (3, 8, 8), (0, 2, 5, 5)
)
EVEN1 = shapes([dict(output_size=o) for o in (1, 2, 5, 7)], (2, 1, 5), (3, 2, 9), (2, 9))
LARGE = (case((2, 8, 12, 30, 30), kernel_size=3, stride=2, padding=1), case((2, 8, 12, 30, 30), kernel_size=2))


def indexed(name: str) -> Any:
    return lambda torch, x, **p: getattr(torch.nn.functional, name)(x, **p, return_indices=True)


RECORDS = [
    maximum("max_pool3d", MAX, max_pool3d, False, large=LARGE,
            examples=(example([[[[1.0, 1], [1, 1]], [[1, 1], [1, 1]]]], value=([[[[1]]]],), kernel_size=2, grad=[[[[1, 0], [0, 0]], [[0, 0], [0, 0]]]]),
                      example([[[[1.0, 2]], [[nan, 1]]]], value=([[[[nan]]]],), kernel_size=(2, 1, 2)),
                      example([[[[-inf, -inf], [-inf, -inf]]]], value=([[[[-inf]]]],), kernel_size=(1, 2, 2)))),
    maximum("max_pool3d_with_indices", MAX, max_pool3d, True, torch=indexed("max_pool3d")),
    average("avg_pool3d", AVG, avg_pool3d, large=LARGE),
    average("adaptive_avg_pool3d", EVEN3, adaptive_avg_pool3d, large=(case((4, 8, 6, 30, 30), output_size=1),)),
    *(maximum(f"adaptive_max_pool{n}d", cases, adaptive_max(n), False) for n, cases in enumerate((EVEN1, EVEN2, EVEN3), 1)),
    *(maximum(f"adaptive_max_pool{n}d_with_indices", cases, adaptive_max(n), True, torch=indexed(f"adaptive_max_pool{n}d")) for n, cases in enumerate((EVEN1, EVEN2, EVEN3), 1)),
]  # fmt: skip
