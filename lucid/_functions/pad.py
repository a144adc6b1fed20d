"""Elements added around a tensor: a value, or its own repeated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lucid import _ops
from lucid._functions.index import SetItem, Unslice
from lucid._functions.join import cat, narrow
from lucid._functions.repeat import flip
from lucid._functions.ternary import unrecorded
from lucid.autograd._node import wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def pad(x: Tensor, added: dict[int, tuple[int, int]], mode: str, value: float) -> Tensor:
    """``x`` with elements before and after along dimensions; modes as of `lucid.nn.functional.pad`."""
    if unrecorded(x):
        return wrap(framed(x._data, added, mode, value))
    if mode == "constant":
        return _surround(x, added, value)
    for d, (before, after) in added.items():
        x = _extend(x, d, before, after, mode)
    return x


def _surround(x: Tensor, added: dict[int, tuple[int, int]], value: float) -> Tensor:
    shape = list(x._data.shape)
    index = [slice(None)] * len(shape)
    for d, (before, after) in added.items():
        index[d] = slice(before, before + shape[d])
        shape[d] += before + after
    if value == 0:
        return Unslice.apply(x, tuple(shape), tuple(index))
    return SetItem.apply(wrap(np.full(shape, value, x._data.dtype)), x, tuple(index))


def _extend(x: Tensor, d: int, before: int, after: int, mode: str) -> Tensor:
    size = x._data.shape[d]
    if mode == "reflect":
        first, last = flip(narrow(x, d, 1, before), d), flip(narrow(x, d, size - 1 - after, after), d)
    elif mode == "circular":
        first, last = narrow(x, d, size - before, before), narrow(x, d, 0, after)
    else:
        shape = x._data.shape
        ends = narrow(x, d, 0, 1), narrow(x, d, size - 1, 1)
        first, last = (end.expand(*shape[:d], n, *shape[d + 1 :]) for end, n in zip(ends, (before, after)))
    return cat([first, x, last], d)


def framed(x: np.ndarray, added: dict[int, tuple[int, int]], mode: str, value: float) -> np.ndarray:
    """`pad` of an array, written once: the inside, then what is added along one dimension after the other."""
    counts = [added.get(d, (0, 0)) for d in range(x.ndim)]
    y = _ops.allocate(tuple([before + n + after for n, (before, after) in zip(x.shape, counts)]), x.dtype)
    region = [slice(before, before + n) for n, (before, _) in zip(x.shape, counts)]
    _ops.copy_into(y[tuple(region)], x)
    for d, (before, after) in added.items():
        end = before + x.shape[d]
        for target, source in (
            (slice(0, before), _source(mode, before, end, before, True)),
            (slice(end, end + after), _source(mode, before, end, after, False)),
        ):
            if target.start == target.stop:
                continue
            region[d] = target
            part = y[tuple(region)]
            region[d] = source
            filling = np.asarray(value, y.dtype) if mode == "constant" else y[tuple(region)]
            _ops.copy_into(part, np.broadcast_to(filling, part.shape))
        region[d] = slice(0, end + after)
    return y


def _source(mode: str, start: int, end: int, n: int, first: bool) -> slice:
    """Where the ``n`` elements before or after the places start to end are taken from."""
    if mode == "reflect":
        return slice(start + n, start, -1) if first else slice(end - 2, end - 2 - n if end - 2 - n >= 0 else None, -1)
    if mode == "circular":
        return slice(end - n, end) if first else slice(start, start + n)
    return slice(start, start + 1) if first else slice(end - 1, end)
