"""What is picked from places, and put there, against NumPy's indexing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from kernels.common import DTYPES, at_threads, normal

from lucid import _ops
from lucid._dtype import bfloat16

ITEMS = [np.bool_, np.uint8, np.float16, bfloat16.numpy, np.int32, np.float32, np.int64, np.float64, np.complex64,
         np.complex128]  # fmt: skip
COMBINE: dict[str, Any] = {"sum": np.add, "prod": np.multiply, "amax": np.maximum, "amin": np.minimum}
SHAPES = [((7,), 0), ((5, 130), 0), ((130, 5), 1), ((40, 3, 50), 1), ((2, 3, 4, 5), 2), ((1, 9, 1), 1), ((3, 1, 70), 1)]


def integers(shape: tuple[int, ...], low: int, high: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(low, high, shape)


def of_dtype(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    return integers(shape, 0, 200, 2).astype(dtype)


def along(index: np.ndarray, axis: int) -> tuple[np.ndarray, ...]:
    grid = list(np.ogrid[tuple(slice(n) for n in index.shape)])
    grid[axis] = index
    return tuple(grid)


def index_shape(shape: tuple[int, ...], axis: int, size: int, less: int) -> tuple[int, ...]:
    return tuple([size if d == axis else max(n - less, 1) for d, n in enumerate(shape)])


@pytest.mark.parametrize("dtype", ITEMS)
def test_items_of_all_sizes(dtype: Any) -> None:
    x, index, few = of_dtype((6, 70), dtype), integers((9, 70), 0, 6), integers((4,), -70, 70)
    np.testing.assert_array_equal(_ops.gather(x, index, 0), np.take_along_axis(x, index, 0))
    for axis in (0, 1):
        places = few % 6 - 3 if axis == 0 else few
        np.testing.assert_array_equal(_ops.index_select(x, places, axis), np.take(x, places, axis))
        y, expected = x.copy(), x.copy()
        value = of_dtype(np.take(x, places, axis).shape, dtype)[::-1]
        _ops.index_into(y, places, value, axis, "write")
        expected[(slice(None),) * axis + (places,)] = value
        np.testing.assert_array_equal(y, expected)
        _ops.index_into(y, places, x[3, 3:4].reshape(()), axis, "write")
        expected[(slice(None),) * axis + (places,)] = x[3, 3]
        np.testing.assert_array_equal(y, expected)
        assert y.dtype == x.dtype


@pytest.mark.parametrize(("shape", "axis"), SHAPES)
@pytest.mark.parametrize("less", [0, 1])
@pytest.mark.parametrize("size", [1, 3, 40])
def test_gather(shape: tuple[int, ...], axis: int, less: int, size: int) -> None:
    x = normal(shape, np.float32)
    index = integers(index_shape(shape, axis, size, less), 0, shape[axis])
    y = at_threads(_ops, lambda: _ops.gather(x, index, axis))
    np.testing.assert_array_equal(y, x[along(index, axis)])
    assert y.flags.c_contiguous
    wide = np.zeros([2 * n for n in shape], np.float32)[(slice(None, None, 2),) * x.ndim]
    wide[...] = x
    np.testing.assert_array_equal(_ops.gather(wide, index[..., ::-1], axis), x[along(index[..., ::-1], axis)])


def test_gather_of_broadcast_arrays() -> None:
    """Indices that rows share, and an array that repeats."""
    x = normal((1, 50), np.float64)
    index = np.broadcast_to(integers((7, 1), 0, 9), (7, 50))
    wide = np.broadcast_to(normal((9, 1), np.float64), (9, 50))
    np.testing.assert_array_equal(_ops.gather(wide, index, 0), wide[along(index, 0)])
    rows = np.ascontiguousarray(wide) + x
    np.testing.assert_array_equal(at_threads(_ops, lambda: _ops.gather(rows, index, 0)), rows[along(index, 0)])
    swapped = rows.T
    np.testing.assert_array_equal(_ops.gather(swapped, index.T, 1), swapped[along(index.T, 1)])


@pytest.mark.parametrize(("shape", "axis"), SHAPES)
@pytest.mark.parametrize("places", [(), (1,), (33,), (3, 5)])
def test_index_select(shape: tuple[int, ...], axis: int, places: tuple[int, ...]) -> None:
    x = normal(shape, np.float32)
    index = integers(places, -shape[axis], shape[axis])
    y = at_threads(_ops, lambda: _ops.index_select(x, index, axis))
    np.testing.assert_array_equal(y, np.take(x, index, axis))
    np.testing.assert_array_equal(
        _ops.index_select(x.T, index, x.ndim - 1 - axis), np.take(x.T, index, x.ndim - 1 - axis)
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "axis"), SHAPES)
@pytest.mark.parametrize("way", ["write", *COMBINE])
def test_scatter_into(shape: tuple[int, ...], axis: int, way: str, dtype: type) -> None:
    for less, size in ((0, 30), (1, 2)):
        index = integers(index_shape(shape, axis, size, less), 0, shape[axis])
        x, given = normal(shape, dtype), special(normal(index.shape, dtype, 1))
        for value in (given, given[..., ::-1], given.reshape(-1)[:1].reshape(())):
            check(x, lambda y, v=value, i=index: _ops.scatter_into(y, i, v, axis, way), along(index, axis), value, way)


@pytest.mark.parametrize(("shape", "axis"), SHAPES)
@pytest.mark.parametrize("places", [(), (1,), (33,), (3, 5)])
@pytest.mark.parametrize("way", ["write", *COMBINE])
def test_index_into(shape: tuple[int, ...], axis: int, places: tuple[int, ...], way: str) -> None:
    index = integers(places, -shape[axis], shape[axis])
    x = normal(shape, np.float32)
    value = special(normal(np.take(x, index, axis).shape, np.float32, 1))
    for v in (value, value.T.copy().T, value.reshape(-1)[:1].reshape(())):
        at = (slice(None),) * axis + (index,)
        check(x, lambda y, v=v: _ops.index_into(y, index, v, axis, way), at, v, way)


def special(x: np.ndarray) -> np.ndarray:
    flat = x.reshape(-1)
    extremes = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-40], x.dtype)
    flat[::7] = np.resize(extremes, flat[::7].shape)
    return x


def check(x: np.ndarray, put: Any, at: Any, value: np.ndarray, way: str) -> None:
    def done() -> np.ndarray:
        y = x.copy()
        put(y)
        return y

    expected = x.copy()
    with np.errstate(invalid="ignore"):
        if way == "write":
            expected[at] = value
        else:
            COMBINE[way].at(expected, at, value)
    y = at_threads(_ops, done)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(np.signbit(y[y == 0]), np.signbit(expected[y == 0]))


def test_nothing() -> None:
    empty = np.zeros(0, np.int64)
    assert _ops.index_select(np.zeros((2, 3, 4)), empty, 1).shape == (2, 0, 4)
    assert _ops.index_select(np.zeros((2, 0, 4)), empty, 1).shape == (2, 0, 4)
    assert _ops.index_select(np.zeros((0, 3)), np.array([2, -1]), 1).shape == (0, 2)
    assert _ops.gather(np.zeros((2, 3)), np.zeros((2, 0), np.int64), 1).shape == (2, 0)
    y = np.ones((2, 3))
    _ops.index_into(y, empty, np.zeros((0, 3)), 0, "sum")
    _ops.scatter_into(y, np.zeros((0, 3), np.int64), np.zeros((0, 3)), 0, "write")
    np.testing.assert_array_equal(y, np.ones((2, 3)))


def test_refusals() -> None:
    x, rows = np.zeros((4, 300), np.float32), np.array([0, 4, 9])
    with pytest.raises(IndexError, match=r"^index_select: index 4 at position 1 is out of range for 4$"):
        _ops.index_select(x, rows, 0)
    with pytest.raises(IndexError, match=r"^index_select: index -5 at position 0 is out of range for 4$"):
        _ops.index_select(x, np.array([-5]), 0)
    for axis, bad in ((0, -1), (0, 4), (1, 300), (1, 2**63 - 1), (1, -(2**63))):
        for position in (0, 299, 1199):
            index = np.zeros((4, 300), np.int64)
            index.reshape(-1)[position] = bad
            with pytest.raises(IndexError, match=rf"^gather: index {bad} at position {position} is out of range"):
                _ops.gather(x, index, axis)
            for way in ("write", "amax"):
                with pytest.raises(IndexError, match=rf"^scatter_into: index {bad} at position {position} is out of"):
                    _ops.scatter_into(x.copy(), index, x, axis, way)
    with pytest.raises(IndexError, match=r"^index_into: index 4 at position 1"):
        _ops.index_into(x.copy(), rows, x[:3], 0, "sum")
    with pytest.raises(IndexError, match=r"^index_select: index 0 at position 0 is out of range for 0$"):
        _ops.index_select(np.zeros((0, 2)), np.array([0]), 0)
    with pytest.raises(IndexError, match=r"^index_select: index 3 at position 0 is out of range for 3$"):
        _ops.index_select(np.zeros((0, 3)), np.array([3]), 1)
    for index, axis in ((np.zeros((5, 300), int), 1), (np.zeros(4, int), 0), (np.zeros((4, 300), int), 2)):
        with pytest.raises(ValueError, match=r"^gather: index .* does not fit x \(4, 300\) along axis"):
            _ops.gather(x, index, axis)
    np.testing.assert_array_equal(_ops.index_select(x, np.array([1], np.longlong), 0), x[1:2])
    with pytest.raises(TypeError, match=r"^gather: expected int64 indices, got int32$"):
        _ops.gather(x, np.zeros((4, 300), np.int32), 0)
    with pytest.raises(TypeError, match=r"^index_select: expected numbers of 1, 2, 4, 8 or 16 bytes, got object$"):
        _ops.index_select(np.array([None]), np.array([0]), 0)
    with pytest.raises(ValueError, match=r"^index_into: x \(2, 300\) does not fit index \(3,\) of y \(4, 300\)$"):
        _ops.index_into(x.copy(), rows, x[:2], 0, "write")
    with pytest.raises(TypeError, match=r"^index_into: expected y contiguous, writable and of the dtype of x, float64"):
        _ops.index_into(x.copy(), rows, x[:3].astype(np.float64), 0, "write")
    with pytest.raises(TypeError, match=r"^index_into: expected y contiguous, writable"):
        _ops.index_into(x[:, ::2], rows, x[:3, ::2], 0, "write")
    with pytest.raises(ValueError, match=r"^index_into: expected one of write, sum, prod, amax, amin, got 'mean'$"):
        _ops.index_into(x.copy(), rows, x[:3], 0, "mean")
    with pytest.raises(ValueError, match=r"^index_into: y and index share memory$"):
        _ops.index_into(rows, rows, rows, 0, "write")
    for call in (lambda: _ops.gather(None, rows, 0), lambda: _ops.index_into(x, rows, None, 0, "write")):
        with pytest.raises(TypeError, match=r"^\w+: expected an array, got None$"):
            call()
    for call in (lambda: _ops.index_select(x, None, 0), lambda: _ops.in_range(None, 3, True)):
        with pytest.raises(TypeError, match=r"^\w+: expected int64 indices, got None$"):
            call()
    with pytest.raises(TypeError, match=r"^expected float32 or float64, got int64$"):
        _ops.index_into(np.zeros((4, 3), np.int64), rows, np.zeros((3, 3), np.int64), 0, "sum")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "axis"), SHAPES)
def test_sums_begin_with_zero_and_end_with_what_is_added_to(shape: tuple[int, ...], axis: int, dtype: type) -> None:
    index = integers(index_shape(shape, axis, 20, 1), 0, shape[axis])
    x, more = special(normal(index.shape, dtype)), special(normal(shape, dtype, 1))
    sums = np.zeros(shape, dtype)
    with np.errstate(invalid="ignore"):
        np.add.at(sums, along(index, axis), x)
        for added, expected in ((None, sums), (more, more + sums), (more.T.copy().T, more + sums)):
            y = at_threads(_ops, lambda a=added: _ops.scatter_sums(x, index, shape, axis, a))
            np.testing.assert_array_equal(y, expected)
            np.testing.assert_array_equal(np.signbit(y[y == 0]), np.signbit(expected[y == 0]))
    for wrong in (more[:0], more.astype(np.float16)):
        with pytest.raises(ValueError, match=r"^scatter_sums: expected float\d+ \(.*\) to add to, got float"):
            _ops.scatter_sums(x, index, shape, axis, wrong)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "shape", [(1, 7, 1), (1, 7, 5), (1, 7, 40), (1, 900, 130), (6, 7, 3), (6, 7, 33), (0, 7, 3), (2, 7, 0)]
)
def test_slices_added_up(shape: tuple[int, int, int], dtype: type) -> None:
    outer, rows, width = shape
    for n in (0, 1, 50):
        y, x = special(normal((outer, n, width), dtype)), special(normal(shape, dtype, 1))
        index, sums = integers((n,), 0, rows), np.zeros(shape, dtype)
        with np.errstate(invalid="ignore"):
            np.add.at(sums, (slice(None), index), y)
            for added, expected in ((None, sums), (x, x + sums)):
                z = at_threads(_ops, lambda y=y, i=index, a=added: _ops.scatter_add(y, i, shape, a))
                np.testing.assert_array_equal(z, expected)
                np.testing.assert_array_equal(np.signbit(z[z == 0]), np.signbit(expected[z == 0]))
    with pytest.raises(ValueError, match=r"^scatter_add: expected x float"):
        _ops.scatter_add(y, index, shape, x[None])


def test_places_of_several_coordinates() -> None:
    shape, coordinates = (7, 1, 30), [integers((50, 60), -n, n, n) for n in (7, 1, 30)]
    y = at_threads(_ops, lambda: _ops.flat_places(coordinates, shape))
    np.testing.assert_array_equal(
        y, np.ravel_multi_index(tuple(np.where(c < 0, c + n, c) for c, n in zip(coordinates, shape)), shape)
    )
    coordinates[2][1, 1] = 30
    with pytest.raises(IndexError, match=r"^flat_places: index 30 at position 61 is out of range for 30$"):
        _ops.flat_places(coordinates, shape)
    for bad in ([], coordinates[:2], [coordinates[0], coordinates[1], coordinates[2][:1]]):
        with pytest.raises(ValueError, match=r"^flat_places: "):
            _ops.flat_places(bad, shape)
    assert _ops.flat_places([np.zeros(0, np.int64)], (0,)).shape == (0,)


def test_whether_places_are_in_range() -> None:
    index = integers((3, 5000), 0, 9)
    assert _ops.in_range(index, 9, False) and not _ops.in_range(index, 8, False)
    for bad, extent, wrap in ((-1, 9, False), (-10, 9, True), (2**63 - 1, 9, True), (-(2**63), 9, True)):
        index[1, 77] = bad
        assert not at_threads(_ops, lambda e=extent, w=wrap: np.asarray(_ops.in_range(index, e, w)))
    index[1, 77] = -9
    assert _ops.in_range(index, 9, True)
    assert _ops.in_range(index[:0], 0, False) and not _ops.in_range(index, 0, True)
    with pytest.raises(TypeError, match=r"^in_range: expected int64 indices, got int32$"):
        _ops.in_range(index.astype(np.int32), 9, True)


def test_zeros() -> None:
    for dtype in ITEMS:
        for shape in ((), (3,), (0, 4), (300, 400)):
            y = at_threads(_ops, lambda s=shape, d=dtype: _ops.zeros(s, np.dtype(d)))
            assert y.shape == shape and y.dtype == dtype and not y.astype(bool).any()
    with pytest.raises(TypeError, match=r"^zeros: expected a numeric dtype, got object$"):
        _ops.zeros((2,), np.dtype(object))
