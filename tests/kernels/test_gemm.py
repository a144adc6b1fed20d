"""Matrix products against NumPy in float64, and the promise that bits never change."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from kernels.common import DTYPES, assert_close, at_threads, normal

Pair = tuple[int, int]


SIZES = [
    (1, 3, 5), (1, 1024, 1000), (2, 5, 64), (3, 700, 40), (5, 2000, 3), (7, 1, 9), (13, 17, 33), (31, 64, 129),
    (64, 784, 256), (64, 600, 1), (64, 1, 1), (100, 300, 70), (129, 513, 67), (300, 260, 2100),
]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", SIZES)
def test_matmul(ops: Any, size: tuple[int, int, int], dtype: type) -> None:
    m, k, n = size
    x, y = normal((m, k), dtype), normal((k, n), dtype, 1)
    z = at_threads(ops, lambda: ops.matmul(x, y))
    x64, y64 = x.astype(np.float64), y.astype(np.float64)
    assert_close(z, x64 @ y64, np.abs(x64) @ np.abs(y64), k)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", SIZES)
def test_matmul_bits_do_not_depend_on_layout_or_shape(ops: Any, size: tuple[int, int, int], dtype: type) -> None:
    m, k, n = size
    x, y = normal((m, k), dtype), normal((k, n), dtype, 1)
    z = ops.matmul(x, y)
    xf, yf = np.asfortranarray(x), np.asfortranarray(y)
    zero = np.zeros(n, dtype)
    spread_x, spread_y = np.zeros((m, 2 * k), dtype), np.zeros((2 * k, 3 * n), dtype)
    spread_x[:, ::2], spread_y[::2, ::3] = x, y
    for other in (
        ops.matmul(xf, y), ops.matmul(x, yf), ops.matmul(xf, yf), ops.matmul(y.T, x.T).T,
        ops.matmul(spread_x[:, ::2], spread_y[::2, ::3]), ops.matmul(x[::-1], y[:, ::-1])[::-1, ::-1],
        ops.linear(x, yf.T), ops.linear(x, yf.T, zero), ops.linear(xf, y.T.copy()), ops.linear(x[None], y.T)[0],
        ops.matmul(x[None], y)[0], ops.matmul(x[None], y[None])[0],
    ):  # fmt: skip
        np.testing.assert_array_equal(other, z)
    for i in {0, m // 2, m - 1}:
        np.testing.assert_array_equal(ops.matmul(x[i : i + 1], y)[0], z[i])
    for j in {0, n // 2, n - 1}:
        np.testing.assert_array_equal(ops.matmul(x, y[:, j : j + 1])[:, 0], z[:, j])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [(3, 3, 1), (3, 3, 3), (4, 4, 4), (1, 8, 8), (9, 1, 7), (2, 8, 5), (3, 0, 2)])
def test_batches_of_tiny_products(ops: Any, size: tuple[int, int, int], dtype: type) -> None:
    m, k, n = size
    x, y = normal((1001, m, k), dtype), normal((1001, k, n), dtype, 1)
    z = at_threads(ops, lambda: ops.matmul(x, y))
    x64, y64 = x.astype(np.float64), y.astype(np.float64)
    assert_close(z, x64 @ y64, np.abs(x64) @ np.abs(y64), max(k, 1))
    np.testing.assert_array_equal(ops.matmul(x[500:501], y[500:501]), z[500:501])
    np.testing.assert_array_equal(ops.matmul(x.swapaxes(1, 2).copy().swapaxes(1, 2), y[:, :, ::-1])[:, :, ::-1], z)
    np.testing.assert_array_equal(ops.matmul(x[:, None], y[None, :3])[7, 2], ops.matmul(x[7:8], y[2:3])[0])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("m", [1, 2, 3, 4, 6, 14, 28, 29, 64])
def test_rows_of_a_product_are_products_of_rows(ops: Any, m: int, dtype: type) -> None:
    for k, n in ((1, 1), (7, 31), (257, 33), (900, 130)):
        x, y = normal((m, k), dtype), normal((k, n), dtype, 1)
        z = ops.matmul(x, y)
        for i in range(m):
            np.testing.assert_array_equal(ops.matmul(x[i : i + 1], y)[0], z[i])
            np.testing.assert_array_equal(ops.linear(x[i : i + 1], np.ascontiguousarray(y.T))[0], z[i])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "shapes",
    [
        ((3, 4, 5), (3, 5, 6)), ((3, 4, 5), (5, 6)), ((4, 5), (3, 5, 6)), ((2, 1, 4, 5), (3, 5, 6)),
        ((2, 3, 4, 5), (2, 1, 5, 1)), ((0, 4, 5), (5, 6)), ((3, 4, 0), (3, 0, 6)), ((3, 0, 5), (5, 6)),
        ((3, 4, 5), (5, 0)), ((7, 40, 50), (7, 50, 60)), ((33, 40, 50), (33, 50, 60)), ((0, 4, 5), (0, 5, 6)),
    ],
)  # fmt: skip
def test_matmul_batches(ops: Any, shapes: tuple[tuple[int, ...], tuple[int, ...]], dtype: type) -> None:
    x, y = normal(shapes[0], dtype), normal(shapes[1], dtype, 1)
    z = at_threads(ops, lambda: ops.matmul(x, y))
    x64, y64 = x.astype(np.float64), y.astype(np.float64)
    assert_close(z, x64 @ y64, np.abs(x64) @ np.abs(y64), x.shape[-1])
    swapped = np.ascontiguousarray(np.swapaxes(x, -1, -2))
    np.testing.assert_array_equal(ops.matmul(np.swapaxes(swapped, -1, -2), y), z)
    expanded = np.broadcast_to(x[..., :1, :], x.shape) if x.shape[-2] else x
    np.testing.assert_array_equal(ops.matmul(expanded, y), ops.matmul(expanded.copy(), y))


@pytest.mark.parametrize("dtype", DTYPES)
def test_linear(ops: Any, dtype: type) -> None:
    for shape, out in (((5,), 3), ((4, 5), 3), ((2, 3, 40), 70), ((0, 5), 3), ((2, 0, 5), 3), ((64, 784), 256)):
        x, w, b = normal(shape, dtype), normal((out, shape[-1]), dtype, 1), normal((out,), dtype, 2)
        y = at_threads(ops, lambda x=x, w=w, b=b: ops.linear(x, w, b))
        x64, w64 = x.astype(np.float64), w.astype(np.float64)
        assert_close(y, x64 @ w64.T + b, np.abs(x64) @ np.abs(w64.T) + np.abs(b), shape[-1] + 1)


def test_bias_is_added_to_the_sum_of_a_block(ops: Any) -> None:
    for k in (1, 2, 60, 72, 192):
        x, w, bias = normal((3, k), np.float32), normal((40, k), np.float32, 1), normal((40,), np.float32, 2)
        expected = bias + ops.linear(x, w)
        np.testing.assert_array_equal(ops.linear(x, w, bias), expected)
        if k <= 72:  # the longest block of a 1x1 convolution
            y = ops.conv2d(x[:, :, None, None], w[:, :, None, None], bias, (1, 1), ((0, 0), (0, 0)), (1, 1), 1)
            np.testing.assert_array_equal(y[:, :, 0, 0], expected)


def parts_of_k(ops: Any, k: int, dtype: type) -> list[list[slice]]:
    """The chains that sums over k consist of, in the order they are added in: those of a part first."""
    shortest = {"v4": 60, "v3": 100}.get(ops.build_info()["level"])
    interleaved = shortest and dtype is np.float32 and k > 400
    parts = math.ceil(k / ((2048 if k <= 4096 else 1024) if interleaved else 192))
    most = math.ceil(math.ceil(k / parts) / 16) * 16
    chains = min(16, 1 << int(math.log2(k / shortest))) if interleaved else 1
    return [[slice(p + r, min(p + most, k), chains) for r in range(chains)] for p in range(0, k, most)]


@pytest.mark.parametrize("dtype", DTYPES)
def test_sums_of_chains_are_added_in_order(ops: Any, dtype: type) -> None:
    """No chain is longer than 200 steps before it joins the total, whichever path computes it."""
    for k in (192, 201, 384, 600, 1344, 1601, 3199, 3300, 4100, 6500):
        x, w, bias = normal((5, k), dtype), normal((67, k), dtype, 1), normal((67,), dtype, 2)
        parts = parts_of_k(ops, k, dtype)
        assert max(len(range(*chain.indices(k))) for part in parts for chain in part) <= 200
        for rows in (1, 2, 5):
            total = bias
            for i, part in enumerate(parts):
                sums = total if i == 0 else 0
                for chain in part:
                    steps = np.ascontiguousarray(x[:rows, chain]), np.ascontiguousarray(w[:, chain])
                    sums = sums + ops.matmul(steps[0], steps[1].T)
                total = sums if i == 0 else total + sums
            np.testing.assert_array_equal(ops.linear(x[:rows], w, bias), total)
            np.testing.assert_array_equal(ops.matmul(x[:rows], np.ascontiguousarray(w.T)), ops.linear(x[:rows], w))


@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_wherever_the_weight_begins(ops: Any, dtype: type) -> None:
    """A weight is read in whole cache lines, which its rows need neither start nor end at."""
    for k in (15, 129, 256, 400, 624, 1000, 1024, 1600, 2500, 3208):
        buffer, x = normal((75 * k + 16,), dtype), normal((9, k), dtype, 1)
        for offset in (0, 1, 4, 15):
            w = buffer[offset : offset + 75 * k].reshape(75, k)
            z = at_threads(ops, lambda x=x, w=w: ops.linear(x, w))
            np.testing.assert_array_equal(z, ops.matmul(x, np.ascontiguousarray(w.T)))
            for m in (1, 2, 3, 7, 8):
                np.testing.assert_array_equal(ops.linear(x[:m], w), z[:m])
                np.testing.assert_array_equal(ops.linear(x[:m], w[:40]), z[:m, :40])
                np.testing.assert_array_equal(ops.linear(np.asfortranarray(x[:m]), w[3:]), z[:m, 3:])


def test_padding_keeps_negative_zero(ops: Any) -> None:
    """Sums that underflow to -0 stay -0, next to a register that is not full too (without FMA one product is +0)."""
    tiny = np.full((1, 1), 1e-30, np.float32)
    sign = np.signbit(ops.linear(-tiny, tiny))
    assert sign == (ops.build_info()["level"] in ("v3", "v4")) or ops.build_info()["level"] == "plain"
    for k in (5, 1000, 1029):
        x, w = np.zeros((1, k), np.float32), np.zeros((40, k), np.float32)
        x[:], w[:] = -1e-30, 1e-30
        z = ops.linear(x, w)
        np.testing.assert_array_equal(z, 0)
        assert (np.signbit(z) == sign).all()
        np.testing.assert_array_equal(np.signbit(ops.matmul(x, np.ascontiguousarray(w.T))), np.signbit(z))


def test_products_keep_nan_and_infinity(ops: Any) -> None:
    for m in (1, 3, 40):
        x, y = np.ones((m, 300), np.float32), np.ones((300, 50), np.float32)
        x[0, 7], y[5, 3], y[6, 4] = np.nan, np.inf, -np.inf
        z = ops.matmul(x, y)
        assert np.isnan(z[0]).all() and (z[1:, 3] == np.inf).all() and (z[1:, 4] == -np.inf).all()
        assert (np.delete(z[1:], [3, 4], 1) == 300).all()


def test_matmul_errors(ops: Any) -> None:
    x = np.ones((3, 4), np.float32)
    with pytest.raises(ValueError, match=r"matmul: shapes \(3, 4\) and \(3, 4\) do not match"):
        ops.matmul(x, x)
    with pytest.raises(ValueError, match=r"matmul: shapes \(2, 3, 4\) and \(3, 4, 5\) do not match"):
        ops.matmul(np.ones((2, 3, 4), np.float32), np.ones((3, 4, 5), np.float32))
    with pytest.raises(ValueError, match=r"matmul: shapes \(4,\) and \(4, 5\) do not match"):
        ops.matmul(np.ones(4, np.float32), np.ones((4, 5), np.float32))
    with pytest.raises(TypeError, match="matmul: operands have different dtypes: float32, float64"):
        ops.matmul(x, np.ones((4, 5)))
    with pytest.raises(TypeError, match="expected float32 or float64, got int64"):
        ops.matmul(np.ones((3, 4), np.int64), x)
    with pytest.raises(ValueError, match=r"linear: input \(3, 4\) does not match weight \(5, 3\)"):
        ops.linear(x, np.ones((5, 3), np.float32))
    with pytest.raises(ValueError, match=r"linear: expected bias \(5,\), got \(4,\)"):
        ops.linear(x, np.ones((5, 4), np.float32), np.ones(4, np.float32))


# Winograd's algorithm; the direct path is tested above where shapes are too small for it


@pytest.mark.parametrize("k", [1, 7, 63, 192, 193, 400, 401, 1000, 1931, 2048, 2049, 5000, 20001])
def test_one_element_has_the_bits_it_has_in_a_larger_product(ops: Any, k: int) -> None:
    x, y = normal((5, k), np.float32), normal((k, 40), np.float32, 1)
    whole = ops.matmul(x, y)
    for i, j in ((0, 0), (4, 39), (2, 17)):
        column = np.ascontiguousarray(y[:, j])[:, None]
        assert ops.matmul(x[i : i + 1], column)[0, 0].tobytes() == whole[i, j].tobytes()
