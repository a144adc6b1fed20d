"""Numbers and arrays that are not the same in all traces: compared, and related to each other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from lucid.onnx._traces import Edge, Lengths, Size


def in_trace(n: int, k: int) -> int:
    """The value of a number in trace ``k``."""
    return n.across[k] if isinstance(n, Size) else n


def same_size(n: int, m: int) -> bool:
    """Whether two sizes are equal in all traces."""
    if isinstance(n, Size) and isinstance(m, Size):
        return n.across == m.across
    return not isinstance(n, Size) and not isinstance(m, Size) and n == m


def numbers_in(a: Any) -> Iterator[Any]:
    """The numbers among arguments, not those of tensors' shapes."""
    if isinstance(a, Edge):
        return
    if isinstance(a, Lengths):
        yield Size.of([len(each) for each in a.across])
    elif isinstance(a, (tuple, list)):
        for part in a:
            yield from numbers_in(part)
    elif isinstance(a, slice):
        yield from (a.start, a.stop, a.step)
    else:
        yield a


def linear(x: Sequence[int], y: Sequence[int]) -> tuple[int, int, int] | None:
    """(p, c, q) with y = floor((p * x + c) / q), if there are such."""
    other = next((k for k, n in enumerate(x) if n != x[0]), None)
    if other is None:
        return None
    slope = Fraction(y[other] - y[0], x[other] - x[0])
    if slope == 0:
        return None
    p, q = slope.numerator, slope.denominator
    for rest in range(q):
        c = q * y[0] - p * x[0] + rest
        if all((p * a + c) // q == b for a, b in zip(x, y)):
            return p, c, q
    return None


def same(a: np.ndarray, b: np.ndarray) -> bool:
    if a.shape != b.shape:
        return False
    if a.__array_interface__["data"] == b.__array_interface__["data"] and a.strides == b.strides:
        return True
    return bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))


def period(arrays: list[np.ndarray], d: int) -> int:
    """The smallest number of slices along ``d`` that all arrays repeat; 0 if there is none."""
    common = math.gcd(*[a.shape[d] for a in arrays])

    def repeats(a: np.ndarray, p: int) -> bool:
        parts = a.reshape(*a.shape[:d], -1, p, *a.shape[d + 1 :])
        return bool((parts == parts[(slice(None),) * d + (slice(0, 1),)]).all())

    return next((p for p in range(1, common + 1) if common % p == 0 and all(repeats(a, p) for a in arrays)), 0)
