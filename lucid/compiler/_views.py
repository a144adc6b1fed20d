"""Plain float32 tensors somewhere in a buffer: shape, strides and offset, and what views make of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from lucid.compiler._recipe import Buffer

_ITEM = 4  # bytes


class Strided(NamedTuple):
    """Numbers of ``buffer``, at ``offset`` plus the sum of index times stride; both count numbers, not bytes."""

    buffer: Buffer
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int = 0

    @property
    def contiguous(self) -> bool:
        """Whether the numbers lie in order without gaps, from the start of the buffer."""
        return self.offset == 0 and [s for s, n in zip(self.strides, self.shape) if n > 1] == [
            s for s, n in zip(row_major(self.shape), self.shape) if n > 1
        ]

    def through(self, view: Callable[[np.ndarray], np.ndarray]) -> Strided | None:
        """What ``view`` makes of it; None where that would need a copy."""
        base = np.empty(1, np.float32)  # nothing reads the elements beyond it: views look at shapes and strides alone
        x = np.lib.stride_tricks.as_strided(base, self.shape, tuple(s * _ITEM for s in self.strides))
        try:
            y = view(x)
        except ValueError:
            return None
        if any(s < 0 for s in y.strides):
            return None
        moved = y.__array_interface__["data"][0] - x.__array_interface__["data"][0]
        return Strided(self.buffer, y.shape, tuple(s // _ITEM for s in y.strides), self.offset + moved // _ITEM)

    def reshaped(self, shape: tuple[int, ...]) -> Strided | None:
        """In another shape; None where that would need a copy."""
        if self.contiguous:
            return Strided(self.buffer, shape, row_major(shape))
        return self.through(lambda x: np.reshape(x, shape, copy=False))


def row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Strides of a contiguous array."""
    strides, step = [], 1
    for n in reversed(shape):
        strides.append(step)
        step *= n
    return tuple(strides[::-1])


def merged(shape: tuple[int, ...], *strides: tuple[int, ...]) -> tuple[tuple[int, ...], list[tuple[int, ...]]]:
    """Fewer dimensions for the same elements: neighbours that step evenly in all ``strides`` become one."""
    dims = [(n, *[s[i] for s in strides]) for i, n in enumerate(shape) if n != 1] or [(1, *[1] * len(strides))]
    kept = [dims[0]]
    for dim in dims[1:]:
        last = kept[-1]
        if all(outer == inner * dim[0] for outer, inner in zip(last[1:], dim[1:])):
            kept[-1] = (last[0] * dim[0], *dim[1:])
        else:
            kept.append(dim)
    return tuple([d[0] for d in kept]), [tuple([d[i + 1] for d in kept]) for i in range(len(strides))]
