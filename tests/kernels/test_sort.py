"""Rows in order, and elements of a rank, against NumPy's stable sort."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from kernels.common import at_threads

KINDS = [np.float32, np.float64, np.int32, np.int64]
SHAPES = [(1, 1), (3, 7), (5, 128), (3, 129), (4, 768), (2, 9000), (1, 70_001)]


def rows_of(shape: tuple[int, ...], dtype: Any, kind: str) -> np.ndarray:
    generator = np.random.default_rng(shape[-1])
    if np.dtype(dtype).kind == "i":
        info = np.iinfo(dtype)
        x = generator.integers(info.min, info.max, shape, dtype, endpoint=True)
        x.reshape(-1)[: 2 * (x.size > 2)] = info.min
        few = generator.integers(-3, 4, shape).astype(dtype)
        return {"any": x, "few": few, "close": x // dtype(2) * dtype(2) % dtype(2**20), "sorted": np.sort(x)}[kind]
    x = generator.standard_normal(shape).astype(dtype)
    if kind == "few":
        x = np.round(2 * x)
        extremes = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, -np.nan, 1e-40, -1e-40, 3e38], dtype)
        x[x == 1] = generator.choice(extremes, int((x == 1).sum()))
    elif kind == "close":  # upper words of keys are equal
        x = (1 + x * 1e-13).astype(dtype)
    return np.sort(x) if kind == "sorted" else x


def places_of(x: np.ndarray, descending: bool) -> np.ndarray:
    if not descending:
        return np.argsort(x, -1, kind="stable")
    return x.shape[-1] - 1 - np.flip(np.argsort(np.flip(x, -1), -1, kind="stable"), -1)


def first_of(x: np.ndarray, values: np.ndarray) -> np.ndarray:
    v = values[..., None]
    return np.argmax((x == v) | ((v != v) & (x != x)), -1)


@pytest.mark.parametrize("kind", ["any", "few", "close", "sorted"])
@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_sort(ops: Any, shape: tuple[int, ...], dtype: Any, kind: str) -> None:
    x = rows_of(shape, dtype, kind)
    for descending in (False, True):
        places = at_threads(ops, lambda d=descending: ops.sort(x, d, False)[1])
        np.testing.assert_array_equal(places, places_of(x, descending))
        ops.set_grain_scale(0)
        for threads in (1, 2, 3):
            ops.set_num_threads(threads)
            values, same = ops.sort(x, descending)
            np.testing.assert_array_equal(same, places)
            assert values.tobytes() == np.take_along_axis(x, places, -1).tobytes(), "signs of zeros and NaN stay"
        ops.set_grain_scale(1)


@pytest.mark.parametrize("kind", ["any", "few", "close", "sorted"])
@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_select(ops: Any, shape: tuple[int, ...], dtype: Any, kind: str) -> None:
    x = rows_of(shape, dtype, kind)
    n, ordered, numbers = shape[-1], np.sort(x, -1), (x == x).sum(-1)
    middle = np.where((x != x).any(-1), ordered[:, -1], ordered[:, (n - 1) // 2])
    of_numbers = np.take_along_axis(ordered, np.maximum(numbers - 1, 0)[:, None] // 2, -1)[:, 0]
    cases = [((k,), ordered[:, k]) for k in sorted({0, n // 3, n - 1})]
    for args, expected in (*cases, ((0, True), middle), ((0, True, True), of_numbers)):
        places = at_threads(ops, lambda args=args: ops.select(x, *args)[1])
        values, _ = ops.select(x, *args)
        np.testing.assert_array_equal(values, expected)
        np.testing.assert_array_equal(places, first_of(x, expected))
        assert values.tobytes() == np.take_along_axis(x, places[:, None], -1).tobytes()


@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (40, 30), (2, 5000)])
def test_most_frequent(ops: Any, shape: tuple[int, ...], dtype: Any) -> None:
    for kind in ("any", "few", "sorted"):
        x = rows_of(shape, dtype, kind)
        if kind == "sorted" and np.dtype(dtype).kind == "f":
            x[...] = np.nan
        found = at_threads(ops, lambda x=x: np.stack([a.astype(float) for a in ops.most_frequent(*ops.sort(x, False))]))
        for row, value, place in zip(x, *found):
            values, counts = np.unique(row[row == row], return_counts=True)
            most = values[counts.argmax()] if values.size else np.nan
            np.testing.assert_array_equal(value, most)
            assert place == np.flatnonzero((row == most) | ((row != row) & (most != most)))[-1]


def test_shapes(ops: Any) -> None:
    for shape in ((0,), (2, 0), (0, 3), (2, 0, 3)):
        values, places = ops.sort(np.zeros(shape, np.float32), False)
        assert values.shape == places.shape == shape
    x = np.asfortranarray(np.random.default_rng(0).standard_normal((5, 6)))
    x.flags.writeable = False
    np.testing.assert_array_equal(ops.sort(x, False)[0], np.sort(x))
    values, places = ops.select(np.zeros((2, 0, 4), np.float32), 3)
    assert values.shape == places.shape == (2, 0)
    assert ops.select(np.arange(3.0), 1)[0].shape == ()


def test_refusals(ops: Any) -> None:
    for call in (lambda x: ops.sort(x, False), lambda x: ops.select(x, 0)):
        with pytest.raises(TypeError, match=r"^(sort|select): expected float32, float64, int32 or int64, got int16"):
            call(np.zeros(3, np.int16))
        with pytest.raises(ValueError, match=r"^(sort|select): expected rows"):
            call(np.zeros((), np.float32))
    for x, at in (
        (np.zeros(3), np.zeros(2, int)),
        (np.zeros((2, 0)), np.zeros((2, 0), int)),
        (np.zeros(3), np.zeros(3)),
    ):
        with pytest.raises(ValueError, match=r"^most_frequent: values of .* at places of"):
            ops.most_frequent(x, at)
    for k, shape in ((-1, (2, 4)), (4, (2, 4)), (0, (2, 0))):
        with pytest.raises(ValueError, match=r"^select: rank -?\d in rows of"):
            ops.select(np.zeros(shape, np.float32), k)
