"""Convolution plane by plane and over volumes against plain loops, at every CPU level, and its promises."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from kernels.common import normal

Geometry = tuple[tuple[int, ...], tuple[tuple[int, int], ...], tuple[int, ...], int]
inf, nan = float("inf"), float("nan")


def meetings(
    x_shape: tuple[int, ...], w_shape: tuple[int, ...], y_shape: tuple[int, ...], how: Geometry
) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...], tuple[Any, ...]]]:
    """Indices (of x, w and y) of the elements that meet, a kernel position and an output position at a time.

    The direct definition: a kernel position outside the input meets nothing.
    """
    stride, padding, dilation, groups = how
    per_group, rows = w_shape[1], w_shape[0] // groups
    for at in itertools.product(*(range(n) for n in y_shape[2:])):
        for k in itertools.product(*(range(n) for n in w_shape[2:])):
            place = tuple(i * s + t * d - p[0] for i, s, t, d, p in zip(at, stride, k, dilation, padding))
            if all(0 <= i < n for i, n in zip(place, x_shape[2:])):
                for o in range(w_shape[0]):
                    channels = slice(o // rows * per_group, (o // rows + 1) * per_group)
                    yield (slice(None), channels, *place), (o, slice(None), *k), (slice(None), o, *at)


def by_definition(
    x: np.ndarray, w: np.ndarray, dy: np.ndarray, how: Geometry
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """y, dx and dw in float64, with as many infinities and NaN as the sums themselves have."""
    x, w, dy = x.astype(np.float64), w.astype(np.float64), dy.astype(np.float64)
    y, dx, dw = np.zeros(dy.shape), np.zeros(x.shape), np.zeros(w.shape)
    with np.errstate(invalid="ignore"):
        for i, j, k in meetings(x.shape, w.shape, dy.shape, how):
            y[k] += (x[i] * w[j]).sum(1)
            dx[i] += dy[k][:, None] * w[j]
            dw[j] += (x[i] * dy[k][:, None]).sum(0)
    return y, dx, dw


def output_shape(x: tuple[int, ...], w: tuple[int, ...], how: Geometry) -> tuple[int, ...]:
    stride, padding, dilation, _ = how
    parts = zip(x[2:], w[2:], stride, padding, dilation)
    return (x[0], w[0], *((n + sum(p) - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in parts))


def maps(ops: Any, spatial: int) -> tuple[Any, Any, Any]:
    name = f"conv{spatial}d"
    return getattr(ops, name), getattr(ops, name + "_input_grad"), getattr(ops, name + "_weight_grad")


def random_case(seed: int, spatial: int) -> tuple[tuple[int, ...], tuple[int, ...], Geometry]:
    """Shapes of x and w and a geometry, kernels larger than the unpadded image included."""
    rng = np.random.default_rng(seed)
    while True:
        groups = int(rng.choice([1, 2, 3, 5]))
        rows, per_group = (1, 1) if rng.random() < 0.6 else rng.permutation([1, int(rng.integers(1, 10))])
        square = rng.random() < 0.5
        kernel = rng.choice([1, 2, 3, 4, 5, 7], spatial) if not square else [int(rng.choice([3, 5, 7]))] * spatial
        sizes = rng.choice([1, 2, 4, 7, 9, 14, 19] if spatial == 2 else [1, 2, 4, 5], spatial)
        stride, dilation = rng.choice([1, 1, 2, 3], spatial), rng.choice([1, 1, 2], spatial)
        padding = tuple((int(a), int(b)) for a, b in rng.integers(0, 4, (spatial, 2)))
        how = (tuple(map(int, stride)), padding, tuple(map(int, dilation)), groups)
        x = (int(rng.integers(1, 3)), groups * int(per_group), *map(int, sizes))
        w = (groups * int(rows), int(per_group), *map(int, kernel))
        if min(output_shape(x, w, how)) > 0:
            return x, w, how


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("spatial, seed", [*((2, s) for s in range(60)), *((3, s) for s in range(20))])
def test_random_convolutions_are_their_definition(ops: Any, spatial: int, seed: int, dtype: type) -> None:
    x_shape, w_shape, how = random_case(seed, spatial)
    x, w = normal(x_shape, dtype), normal(w_shape, dtype, 1)
    dy = normal(output_shape(x_shape, w_shape, how), dtype, 2)
    forward, input_grad, weight_grad = maps(ops, spatial)

    def all_three() -> tuple[np.ndarray, ...]:
        return (
            forward(x, w, None, *how), input_grad(dy, w, x.shape, *how), weight_grad(x, dy, w.shape, *how)
        )  # fmt: skip

    ops.set_num_threads(1)
    got = all_three()
    terms = (w[0].size, w.size, dy.size)
    want, scale = by_definition(x, w, dy, how), by_definition(np.abs(x), np.abs(w), np.abs(dy), how)
    for name, g, e, s, n in zip(("y", "dx", "dw"), got, want, scale, terms):
        assert g.dtype == dtype and g.shape == e.shape, name
        assert np.all(np.abs(g - e) <= (n + 2) * np.finfo(dtype).eps * s + np.finfo(dtype).tiny), name
    for threads in (2, 3, 8):
        ops.set_num_threads(threads)
        for name, g, again in zip(("y", "dx", "dw"), got, all_three()):
            np.testing.assert_array_equal(again, g, err_msg=f"{name}, {threads} threads")


LARGE: list[tuple[tuple[int, ...], tuple[int, ...], Geometry]] = [
    ((5, 24, 56, 56), (24, 1, 3, 3), ((1, 1), ((1, 1), (1, 1)), (1, 1), 24)),
    ((3, 40, 28, 28), (40, 1, 5, 5), ((2, 2), ((2, 2), (2, 2)), (1, 1), 40)),
    ((4, 64, 14, 14), (128, 1, 7, 7), ((1, 1), ((3, 3), (3, 3)), (1, 1), 64)),
    ((3, 37, 7, 7), (37, 1, 7, 7), ((1, 1), ((3, 3), (3, 3)), (1, 1), 37)),
    ((2, 12, 31, 33), (12, 1, 5, 3), ((1, 1), ((0, 2), (1, 2)), (1, 1), 12)),
    ((2, 20, 29, 14), (20, 1, 2, 5), ((3, 2), ((0, 1), (4, 1)), (1, 1), 20)),
    ((2, 3, 150, 200), (3, 1, 3, 3), ((1, 1), ((1, 1), (1, 1)), (1, 1), 3)),
    ((2, 3, 1, 20000), (3, 1, 1, 31), ((1, 1), ((0, 0), (15, 15)), (1, 1), 3)),
    ((2, 2, 3, 3000), (2, 1, 3, 9), ((1, 4), ((1, 1), (4, 4)), (1, 2), 2)),
    ((2, 6, 8, 30, 30), (6, 6, 3, 3, 3), ((1, 1, 1), ((1, 1),) * 3, (1, 1, 1), 1)),
    ((2, 8, 9, 40, 40), (8, 1, 3, 3, 3), ((2, 1, 1), ((1, 1),) * 3, (1, 1, 1), 8)),
]


@pytest.mark.parametrize("x_shape, w_shape, how", LARGE)
def test_bits_depend_neither_on_threads_nor_on_the_batch(
    ops: Any, x_shape: tuple[int, ...], w_shape: tuple[int, ...], how: Geometry
) -> None:
    x, w = normal(x_shape, np.float32), normal(w_shape, np.float32, 1)
    dy = normal(output_shape(x_shape, w_shape, how), np.float32, 2)
    forward, input_grad, weight_grad = maps(ops, len(w_shape) - 2)
    ops.set_num_threads(1)
    y, dx, dw = forward(x, w, None, *how), input_grad(dy, w, x.shape, *how), weight_grad(x, dy, w.shape, *how)
    for threads in (2, 3, 8):
        ops.set_num_threads(threads)
        np.testing.assert_array_equal(forward(x, w, None, *how), y)
        np.testing.assert_array_equal(input_grad(dy, w, x.shape, *how), dx)
        np.testing.assert_array_equal(weight_grad(x, dy, w.shape, *how), dw)
    for i in range(x_shape[0]):
        np.testing.assert_array_equal(forward(x[i : i + 1], w, None, *how)[0], y[i])
        np.testing.assert_array_equal(input_grad(dy[i : i + 1], w, (1, *x_shape[1:]), *how)[0], dx[i])


def test_bits_do_not_depend_on_the_place_in_the_plane(ops: Any) -> None:
    """Where the same window is read by different tiles: moved by a pixel, and in planes of other sizes."""
    how: Geometry = ((1, 1), ((0, 0), (0, 0)), (1, 1), 2)
    x, w = normal((1, 2, 40, 50), np.float32), normal((2, 1, 5, 5), np.float32, 1)
    y = ops.conv2d(x, w, None, *how)
    for height, width, top, left in ((40, 49, 0, 1), (39, 50, 1, 0), (12, 33, 9, 3), (5, 50, 20, 0), (9, 7, 3, 11)):
        part = np.ascontiguousarray(x[:, :, top : top + height, left : left + width])
        np.testing.assert_array_equal(
            ops.conv2d(part, w, None, *how), y[:, :, top : top + height - 4, left : left + width - 4]
        )


@pytest.mark.parametrize("channels", [3, 13])  # rows of planes, and channels side by side
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("value", [inf, -inf, nan])
@pytest.mark.parametrize("where", ["x", "w", "dy"])
def test_only_elements_that_meet_an_infinity_see_it(
    ops: Any, where: str, value: float, stride: int, channels: int
) -> None:
    """The zero border and the lanes beyond a row are no elements: they make no NaN."""
    how: Geometry = ((stride, stride), ((1, 1), (2, 2)), (1, 1), channels)
    x, w = normal((2, channels, 9, 17), np.float32), normal((channels, 1, 3, 5), np.float32, 1)
    dy = normal(output_shape(x.shape, w.shape, how), np.float32, 2)
    {"x": x[1, 1], "w": w[1, 0], "dy": dy[1, 1]}[where][0, 0] = value
    {"x": x[1, 1], "w": w[1, 0], "dy": dy[1, 1]}[where][-1, -1] = value
    got = (
        ops.conv2d(x, w, None, *how),
        ops.conv2d_input_grad(dy, w, x.shape, *how),
        ops.conv2d_weight_grad(x, dy, w.shape, *how),
    )
    for name, g, e in zip(("y", "dx", "dw"), got, by_definition(x, w, dy, how)):
        np.testing.assert_array_equal(np.isnan(g), np.isnan(e), err_msg=name)
        np.testing.assert_array_equal(np.isinf(g), np.isinf(e), err_msg=name)
        fine = np.isfinite(e)
        np.testing.assert_allclose(g[fine], e[fine], rtol=1e-4, atol=1e-4, err_msg=name)


def test_bits_do_not_depend_on_the_place_among_the_channels(ops: Any) -> None:
    how: Geometry = ((1, 1), ((1, 1), (1, 1)), (1, 1), 18)
    x, w, b = normal((1, 18, 9, 9), np.float32), normal((18, 1, 3, 3), np.float32, 1), normal((18,), np.float32, 2)
    y = ops.conv2d(x, w, b, *how)
    for c in (1, 7, 16):
        order = np.roll(np.arange(18), c)
        np.testing.assert_array_equal(ops.conv2d(x[:, order], w[order], b[order], *how), y[:, order])


def test_bias_is_where_each_sum_starts(ops: Any) -> None:
    """Two roundings, not three: the chain of madd begins with the bias."""
    how: Geometry = ((1, 1), ((0, 0), (0, 0)), (1, 1), 2)
    x, w = np.full((1, 2, 1, 1), 2.0**-24, np.float32), np.ones((2, 1, 1, 1), np.float32)
    y = ops.conv2d(x, w, np.array([1.0, 3.0], np.float32), *how)
    assert y.ravel().tolist() == [1.0, 3.0]
    volume: Geometry = ((1, 1, 1), ((0, 0),) * 3, (1, 1, 1), 2)
    z = ops.conv3d(x[..., None], w[..., None], np.array([1.0, 3.0], np.float32), *volume)
    np.testing.assert_array_equal(z[..., 0], y)


def test_volume_errors(ops: Any) -> None:
    x, w = np.ones((2, 4, 3, 5, 5), np.float32), np.ones((6, 4, 4, 3, 3), np.float32)
    how: Geometry = ((1, 1, 1), ((0, 0),) * 3, (1, 1, 1), 1)
    with pytest.raises(ValueError, match=r"^conv3d: weight \(6, 4, 4, 3, 3\) with dilation \(1, 1, 1\) does not fit"):
        ops.conv3d(x, w, None, *how)
    with pytest.raises(ValueError, match=r"^conv3d: expected 5-d input and weight, got input \(4, 3, 5, 5\)"):
        ops.conv3d(x[0], w, None, *how)
    with pytest.raises(ValueError, match=r"^conv3d: expected positive stride .* got stride \(0, 1, 1\)"):
        ops.conv3d(x, w, None, (0, 1, 1), *how[1:])
    with pytest.raises(ValueError, match=r"^conv3d: expected bias \(6,\), got \(4,\)"):
        ops.conv3d(x, w[:, :, :3], np.ones(4, np.float32), *how)
    with pytest.raises(ValueError, match=r"^conv3d_input_grad: expected dy \(2, 6, 1, 3, 3\), got \(2, 6, 5, 5\)"):
        ops.conv3d_input_grad(np.ones((2, 6, 5, 5), np.float32), w[:, :, :3], x.shape, *how)
    with pytest.raises(ValueError, match=r"^conv3d_weight_grad: expected dy \(2, 6, 1, 3, 3\), got \(2, 6, 1, 3, 4\)"):
        ops.conv3d_weight_grad(x, np.ones((2, 6, 1, 3, 4), np.float32), (6, 4, 3, 3, 3), *how)
