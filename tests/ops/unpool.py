"""Records of undoing max pooling, and of fractional max pooling."""

from __future__ import annotations

from typing import Any

import numpy as np
from ops.record import Record, case, sample

import lucid.nn.functional as F


def places(spatial: int, windows: tuple[int, ...], kernel: int, step: int, size: tuple[int, ...]) -> Any:
    """Distinct flat positions, one in the window of each of ``windows``."""
    found = np.empty(windows, np.int64)
    for at in np.ndindex(windows):
        flat = 0
        for i, n in zip(at[-spatial:], size):
            flat = flat * n + i * step + (sum(at) % min(kernel, step))
        found[at] = flat
    return found


def unpool(spatial: int) -> Any:
    def function(
        x: Any, indices: Any, kernel_size: int, stride: int | None = None, padding: int = 0, output_size: Any = None
    ) -> Any:
        step = kernel_size if stride is None else stride
        size = (
            [(n - 1) * step + kernel_size - 2 * padding for n in x.shape[-spatial:]]
            if output_size is None
            else output_size[-spatial:]
        )
        y = np.zeros((*x.shape[:-spatial], int(np.prod(size))), x.dtype)
        for lead in np.ndindex(x.shape[:-spatial]):
            y[lead][indices[lead].reshape(-1)] = x[lead].reshape(-1)
        return y.reshape(*x.shape[:-spatial], *size)

    return function


def fractional(spatial: int) -> Any:
    def function(x: Any, samples: Any, kernel_size: int, output_size: Any = None, output_ratio: Any = None) -> Any:
        space = x.shape[-spatial:]
        wanted = (
            [int(n * output_ratio) for n in space]
            if output_size is None
            else [output_size] * spatial
            if isinstance(output_size, int)
            else output_size
        )
        flat = x.reshape(-1, *space)
        y, at = np.empty((len(flat), *wanted), x.dtype), np.empty((len(flat), *wanted), np.int64)
        for p, (plane, draws) in enumerate(zip(flat, samples.reshape(-1, spatial))):
            starts = []
            for d, (n, m) in enumerate(zip(space, wanted)):
                u = draws[1 - d] if spatial == 2 else draws[d]
                s = (n - kernel_size) / (m - 1) if m > 1 else 0
                starts.append([int((i + u) * s) - int(u * s) for i in range(m - 1)] + [n - kernel_size])
            for w in np.ndindex(*wanted):
                part = tuple(slice(b[i], b[i] + kernel_size) for b, i in zip(starts, w))
                local = np.unravel_index(np.argmax(plane[part]), (kernel_size,) * spatial)
                y[(p, *w)] = plane[part][local]
                at[(p, *w)] = np.ravel_multi_index(tuple(b[i] + k for b, i, k in zip(starts, w, local)), space)
        shape = (*x.shape[:-spatial], *wanted)
        return y.reshape(shape), at.reshape(shape)

    return function


def only(function: Any) -> Any:
    return lambda *xs, **p: function(*xs, **p)[0]


def with_samples(name: str, spatial: int, both: bool, shape: tuple[int, ...], options: Any) -> Record:
    """The samples come as the second operand."""
    call = getattr(F, name)
    return Record(name, lambda x, s, **p: call(x, _random_samples=s, **p), fractional(spatial) if both else only(fractional(spatial)),
                  cases=tuple(case(shape, (*shape[:2], spatial), **p) for p in options) + (sample(shape[1:], (1, shape[1], spatial), **options[0]), TINY[spatial]), span=((-3, 3), (0.01, 0.99)), fixed=(1,), elementwise=False,
                  batch=(0, 1), ulp=(0, 0), grad_ulp=4, integer="", covers=(call,), torch=lambda torch, x, s, **p: getattr(torch.nn.functional, name)(x, _random_samples=s, **p))  # fmt: skip


SIZES = {1: (3,), 2: (2, 3), 3: (2, 1, 2)}
FRACTIONS = [
    dict(kernel_size=2, output_size=3),
    dict(kernel_size=2, output_ratio=0.6),
    dict(kernel_size=1, output_size=1),
    dict(kernel_size=3, output_size=2),
]
VOLUMES = [
    dict(kernel_size=2, output_ratio=0.6),
    dict(kernel_size=1, output_size=1),
    dict(kernel_size=2, output_size=(1, 1, 2)),
]
TINY = {
    2: sample((1, 3, 4), (1, 1, 2), kernel_size=2, output_size=2),
    3: sample((1, 2, 3, 2), (1, 1, 3), kernel_size=1, output_size=(1, 2, 1)),
}


def unpooled(spatial: int) -> Record:
    name, windows = f"max_unpool{spatial}d", SIZES[spatial]
    usual, wide = tuple(2 * n for n in windows), tuple(2 * n + 1 for n in windows)
    return Record(name, getattr(F, name), unpool(spatial), cases=(case((2, 2, *windows), places(spatial, (2, 2, *windows), 2, 2, usual), kernel_size=2), sample((1, *windows), places(spatial, (1, *windows), 2, 2, usual), kernel_size=2),
                  case((2, 1, *windows), places(spatial, (2, 1, *windows), 3, 2, wide), kernel_size=3, stride=2), sample((1, *windows), places(spatial, (1, *windows), 2, 2, wide), kernel_size=2, output_size=wide),
                  sample((1, *windows), places(spatial, (1, *windows), 2, 2, usual), kernel_size=4, stride=2, padding=1)), elementwise=False, batch=(0, 1), ulp=(0, 0), grad_ulp=0, integer="")  # fmt: skip


RECORDS = [
    unpooled(1), unpooled(2), unpooled(3),
    with_samples("fractional_max_pool2d", 2, False, (2, 2, 5, 6), FRACTIONS), with_samples("fractional_max_pool2d_with_indices", 2, True, (2, 2, 5, 6), FRACTIONS),
    with_samples("fractional_max_pool3d", 3, False, (2, 1, 4, 3, 4), VOLUMES), with_samples("fractional_max_pool3d_with_indices", 3, True, (2, 1, 4, 3, 4), VOLUMES),
]  # fmt: skip
