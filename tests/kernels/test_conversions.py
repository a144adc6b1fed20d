"""Numbers of one type as numbers of another, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from kernels.common import at_threads

from lucid import _ops

TYPES = ["bool", "uint8", "int32", "int64", "float32", "float64"]


def extremes(dtype: str) -> np.ndarray:
    """The ends of the type, what rounding has to decide, and a few thousand others."""
    generator = np.random.default_rng(0)
    if dtype == "bool":
        return generator.integers(0, 2, 4099).astype(bool)
    if dtype.startswith("f"):
        named = [0.0, -0.0, 1.5, np.inf, -np.inf, np.nan, 1e-40, 1e-45, 3.4028235677973366e38, 1.0000000596046448]
        return np.concatenate(
            [named, generator.standard_normal(4099) * 10.0 ** generator.integers(-40, 38, 4099)]
        ).astype(dtype)
    ends = np.iinfo(dtype)
    named = np.array([0, 1, ends.min, ends.max, ends.max - 1], dtype)
    return np.concatenate([named, generator.integers(ends.min, ends.max, 4099, dtype)])


@pytest.mark.parametrize("source", TYPES)
@pytest.mark.parametrize("target", ["int64", "float32", "float64"])
def test_values(source: str, target: str) -> None:
    x = extremes(source)
    y = at_threads(_ops, lambda: _ops.convert(x, np.dtype(target))) if source[0] != "f" or target[0] == "f" else None
    if y is None:
        assert _ops.convert(x, np.dtype(target)) is None
        return
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(y, x.astype(target))
    assert y.dtype == target and not np.shares_memory(x, y)
    np.testing.assert_array_equal(_ops.convert(x[::-2], np.dtype(target)), y[::-2])


def test_shapes_and_what_is_left_to_numpy() -> None:
    assert _ops.convert(np.array(3), np.dtype("f4")).shape == ()
    assert _ops.convert(np.zeros((2, 0, 3), "i4"), np.dtype("f8")).shape == (2, 0, 3)
    for source, target in (("f4", "i4"), ("i8", "u1"), ("f2", "f4"), ("c8", "f4"), (">f4", "f8"), ("f4", ">f8")):
        assert _ops.convert(np.zeros(3, source), np.dtype(target)) is None
