"""Matrix product and convolution against NumPy in float64, and the promise that bits never change."""

from __future__ import annotations

import importlib
import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from lucid import _cpu, _isa

LEVELS = [level for level in _isa.built_levels() if int(level[1]) <= _cpu.level()] or [""]
DTYPES = [np.float32, np.float64]
Pair = tuple[int, int]


@pytest.fixture(params=LEVELS)
def ops(request: pytest.FixtureRequest) -> Iterator[Any]:
    module = importlib.import_module(f"lucid._{request.param}._ops" if request.param else "lucid._ops")
    before = module.get_num_threads()
    yield module
    module.set_num_threads(before)


def normal(shape: tuple[int, ...], dtype: type, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def assert_close(y: np.ndarray, expected: np.ndarray, scale: np.ndarray, terms: int) -> None:
    """|y - expected| within the error bound of a sum of ``terms`` products whose magnitudes add up to ``scale``."""
    assert y.shape == expected.shape
    eps = np.finfo(y.dtype).eps
    assert np.all(np.abs(y - expected) <= (terms + 2) * eps * scale + np.finfo(y.dtype).tiny)


def at_threads(ops: Any, call: Any) -> np.ndarray:
    """The result of ``call``, after a check that no thread count changes a bit of it."""
    ops.set_num_threads(1)
    y = call()
    for threads in (2, 3, 8):
        ops.set_num_threads(threads)
        np.testing.assert_array_equal(call(), y)
    return y


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


def parts_of_k(ops: Any, k: int, dtype: type) -> list[slice]:
    """The chains that sums over k consist of, in the order they are added in."""
    interleaved = ops.build_info()["level"] == "v4" and dtype is np.float32 and k > 400
    parts = math.ceil(k / (2048 if interleaved else 192))
    most = math.ceil(math.ceil(k / parts) / 16) * 16
    chains = min(16, 1 << int(math.log2(k / 60))) if interleaved else 1
    return [slice(p + r, min(p + most, k), chains) for p in range(0, k, most) for r in range(chains)]


@pytest.mark.parametrize("dtype", DTYPES)
def test_sums_of_chains_are_added_in_order(ops: Any, dtype: type) -> None:
    """No chain is longer than 200 steps before it joins the total, whichever path computes it."""
    for k in (192, 201, 384, 600, 1344, 1601, 3199, 3300, 6500):
        x, w, bias = normal((5, k), dtype), normal((67, k), dtype, 1), normal((67,), dtype, 2)
        parts = parts_of_k(ops, k, dtype)
        assert max(len(range(*part.indices(k))) for part in parts) <= 200
        total = bias
        for part in parts:
            steps = np.ascontiguousarray(x[:, part]), np.ascontiguousarray(w[:, part])
            total = total + ops.matmul(steps[0], steps[1].T)
        np.testing.assert_array_equal(ops.linear(x, w, bias), total)


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


# Convolution

Geometry = tuple[Pair, tuple[Pair, Pair], Pair, int]


def patches(x: np.ndarray, kernel: Pair, geometry: Geometry) -> np.ndarray:
    """(N, C, kh, kw, OH, OW) view of the padded x."""
    (sh, sw), padding, (dh, dw), _ = geometry
    x = np.pad(x, ((0, 0), (0, 0), *padding))
    kh, kw = kernel
    oh = (x.shape[2] - dh * (kh - 1) - 1) // sh + 1
    ow = (x.shape[3] - dw * (kw - 1) - 1) // sw + 1
    n, c, h, w = x.strides
    shape = (*x.shape[:2], kh, kw, oh, ow)
    return np.lib.stride_tricks.as_strided(x, shape, (n, c, h * dh, w * dw, h * sh, w * sw), writeable=False)


def reference(
    x: np.ndarray, w: np.ndarray, dy: np.ndarray, geometry: Geometry
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """y, dx and dw by definition."""
    (sh, sw), ((top, bottom), (left, right)), (dh, dw_), groups = geometry
    n, c, height, width = x.shape
    o, per_group, kh, kw = w.shape
    oh, ow = dy.shape[2:]
    windows = patches(x, (kh, kw), geometry).reshape(n, groups, per_group, kh, kw, oh * ow)
    kernels = w.reshape(groups, o // groups, per_group, kh, kw)
    y = np.einsum("ngcijp,gocij->ngop", windows, kernels, optimize=True)
    grads = dy.reshape(y.shape).astype(np.float64)
    dw = np.einsum("ngcijp,ngop->gocij", windows, grads, optimize=True).reshape(w.shape)
    spread = np.einsum("ngop,gocij->ngcijp", grads, kernels, optimize=True).reshape(n, c, kh, kw, oh, ow)
    dx = np.zeros((n, c, height + top + bottom, width + left + right))
    for i, j in itertools.product(range(kh), range(kw)):
        dx[:, :, i * dh : i * dh + sh * oh : sh, j * dw_ : j * dw_ + sw * ow : sw] += spread[:, :, i, j]
    return y.reshape(n, o, oh, ow), dx[:, :, top : top + height, left : left + width], dw


def geometry(stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1) -> Geometry:
    def pair(v: Any) -> Any:
        return v if isinstance(v, tuple) else (v, v)

    top, left = (pair(v) for v in pair(padding))
    return pair(stride), (top, left), pair(dilation), groups


# input shape, output channels, kernel, geometry
CONVOLUTIONS: list[tuple[tuple[int, int, int, int], int, Pair, Geometry]] = [
    ((2, 3, 8, 9), 4, (3, 3), geometry(padding=1)),
    ((3, 16, 14, 14), 33, (1, 1), geometry()),
    ((9, 40, 7, 7), 20, (1, 1), geometry()),
    ((2, 64, 7, 7), 70, (3, 3), geometry(padding=1)),
    ((2, 3, 33, 31), 16, (7, 7), geometry(stride=2, padding=3)),
    ((2, 12, 15, 17), 24, (1, 1), geometry(stride=2)),
    ((2, 8, 9, 12), 6, (2, 3), geometry(stride=(3, 2), padding=((0, 1), (2, 1)), dilation=(2, 1))),
    ((1, 130, 12, 11), 40, (3, 3), geometry(padding=1)),
    ((1, 2, 1, 3000), 5, (1, 9), geometry(stride=(1, 4), padding=(0, 4))),
    ((1, 1, 5, 5), 1, (5, 5), geometry()),
    ((17, 1, 12, 12), 32, (3, 3), geometry()),
    ((2, 4, 6, 6), 3, (3, 3), geometry(padding=5, dilation=3)),
    ((2, 4, 5, 5), 6, (1, 1), geometry(padding=2, stride=3)),
    ((2, 12, 10, 10), 18, (3, 3), geometry(padding=1, groups=3)),
    ((2, 6, 20, 20), 6, (3, 3), geometry(padding=1, groups=6)),
    ((2, 70, 7, 7), 70, (5, 5), geometry(padding=2, groups=70)),
    ((3, 5, 11, 40), 15, (3, 5), geometry(stride=2, padding=(1, 2), groups=5)),
    ((2, 6, 90, 80), 6, (3, 3), geometry(padding=1, dilation=2, groups=6)),
    ((0, 3, 8, 8), 4, (3, 3), geometry(padding=1)),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_convolution(ops: Any, case: tuple[tuple[int, int, int, int], int, Pair, Geometry], dtype: type) -> None:
    shape, out, kernel, how = case
    groups = how[-1]
    x, w, b = normal(shape, dtype), normal((out, shape[1] // groups, *kernel), dtype, 1), normal((out,), dtype, 2)
    x64, w64 = x.astype(np.float64), w.astype(np.float64)
    y = at_threads(ops, lambda: ops.conv2d(x, w, None, *how))
    dy = normal(y.shape, dtype, 3)
    dx = at_threads(ops, lambda: ops.conv2d_input_grad(dy, w, x.shape, *how))
    dw = at_threads(ops, lambda: ops.conv2d_weight_grad(x, dy, w.shape, *how))
    expected = reference(x64, w64, dy, how)
    scales = reference(np.abs(x64), np.abs(w64), np.abs(dy), how)
    area = kernel[0] * kernel[1]
    terms = (shape[1] // groups * area, out // groups * area, shape[0] * y.shape[2] * y.shape[3])
    for got, want, scale, count in zip((y, dx, dw), expected, scales, terms):
        assert got.dtype == dtype
        assert_close(got, want, scale, count)
    b64 = b.astype(np.float64)[:, None, None]
    assert_close(ops.conv2d(x, w, b, *how), expected[0] + b64, scales[0] + np.abs(b64), terms[0] + 1)
    c = normal((shape[1],), dtype, 4)
    c64 = c.astype(np.float64)[:, None, None]
    assert_close(
        ops.conv2d_input_grad(dy, w, x.shape, *how, c), expected[1] + c64, scales[1] + np.abs(c64), terms[1] + 1
    )
    for i in range(shape[0]):
        np.testing.assert_array_equal(ops.conv2d(x[i : i + 1], w, None, *how)[0], y[i])
        np.testing.assert_array_equal(ops.conv2d_input_grad(dy[i : i + 1], w, (1, *shape[1:]), *how)[0], dx[i])


def test_convolution_bits_are_those_of_matrix_products(ops: Any) -> None:
    """A 1x1 convolution is weight @ pixels, over equal blocks of at most 72 channels, whichever kernel computes it."""
    for channels, out in ((1, 1), (5, 3), (300, 2), (70, 64), (300, 40)):
        x, w = normal((2, channels, 9, 9), np.float32), normal((out, channels, 1, 1), np.float32, 1)
        y = ops.conv2d(x, w, None, *geometry())
        depth = -(-channels // -(-channels // 72))
        for i in range(2):
            z = None
            for c in range(0, channels, depth):
                block = ops.matmul(w[:, c : c + depth, 0, 0], x[i, c : c + depth].reshape(-1, 81))
                z = block if z is None else z + block
            np.testing.assert_array_equal(y[i].reshape(out, -1), z)


def test_convolution_of_views(ops: Any) -> None:
    x, w = normal((2, 9, 9, 4), np.float32), normal((3, 3, 4, 5), np.float32, 1)
    nchw, oihw = x.transpose(0, 3, 1, 2), w.transpose(3, 2, 0, 1)
    y = ops.conv2d(nchw, oihw, None, *geometry(padding=1))
    np.testing.assert_array_equal(y, ops.conv2d(nchw.copy(), oihw.copy(), None, *geometry(padding=1)))


# Winograd's algorithm; the direct path is tested above where shapes are too small for it

WINOGRAD = [  # input, channels out, padding
    ((1, 12, 16, 8), 12, 1), ((2, 16, 14, 14), 33, 1), ((3, 40, 13, 17), 14, 0), ((2, 13, 30, 57), 17, 2), ((1, 70, 11, 12), 30, 1),
    ((33, 12, 16, 8), 13, 1), ((1, 200, 14, 14), 12, 1), ((2, 12, 70, 9), 100, ((0, 2), (1, 0))), ((1, 16, 6, 300), 16, 1),
    ((1, 16, 3, 700), 12, ((3, 0), (0, 4))), ((5, 40, 7, 7), 30, 1), ((3, 12, 9, 8), 17, 1), ((17, 256, 8, 8), 512, 1),
    ((40, 13, 7, 8), 45, 1),
]  # fmt: skip


@pytest.fixture
def winograd(ops: Any) -> Iterator[Any]:
    yield ops
    ops.set_winograd(True)


@pytest.mark.parametrize("case", WINOGRAD)
def test_winograd(winograd: Any, case: tuple[tuple[int, int, int, int], int, Any]) -> None:
    ops, (shape, out, padding) = winograd, case
    how = geometry(padding=padding)
    x, w, b = normal(shape, np.float32), normal((out, shape[1], 3, 3), np.float32, 1), normal((out,), np.float32, 2)
    y = at_threads(ops, lambda: ops.conv2d(x, w, b, *how))
    dy = normal(y.shape, np.float32, 3)
    dx = at_threads(ops, lambda: ops.conv2d_input_grad(dy, w, x.shape, *how))
    for i in range(shape[0]):
        np.testing.assert_array_equal(ops.conv2d(x[i : i + 1], w, b, *how)[0], y[i])
        np.testing.assert_array_equal(ops.conv2d_input_grad(dy[i : i + 1], w, (1, *shape[1:]), *how)[0], dx[i])
    x64, w64, b64, dy64 = (a.astype(np.float64) for a in (x, w, b, dy))
    exact, dx_exact = ops.conv2d(x64, w64, b64, *how), ops.conv2d_input_grad(dy64, w64, x.shape, *how)
    ops.set_winograd(False)
    assert not ops.get_winograd()
    direct, dx_direct = ops.conv2d(x, w, b, *how), ops.conv2d_input_grad(dy, w, x.shape, *how)
    assert not np.array_equal(y, direct)  # it is Winograd that was tested
    assert not np.array_equal(dx, dx_direct)
    for got, other, want in ((y, direct, exact), (dx, dx_direct, dx_exact)):
        scale = np.sqrt(np.mean(want**2))
        assert np.sqrt(np.mean((got - want) ** 2)) <= max(1.1 * np.sqrt(np.mean((other - want) ** 2)), 1e-7 * scale)
        assert np.abs(got - want).max() <= 3e-6 * scale


def test_winograd_leaves_double_alone(winograd: Any) -> None:
    x, w = normal((1, 16, 16, 16), np.float64), normal((16, 16, 3, 3), np.float64, 1)
    y = winograd.conv2d(x, w, None, *geometry(padding=1))
    winograd.set_winograd(False)
    np.testing.assert_array_equal(winograd.conv2d(x, w, None, *geometry(padding=1)), y)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 3e38])
def test_winograd_does_not_spread_what_is_not_finite(winograd: Any, value: float) -> None:
    """A sample that holds an infinity, a NaN or sums beyond the largest float gets the direct path; others keep theirs."""
    ops, how = winograd, geometry(padding=1)
    x, w = normal((4, 16, 14, 18), np.float32), normal((20, 16, 3, 3), np.float32, 1)
    x[1, 3, 5, 6] = value
    x[3, 2, 0, 17] = value
    x[3, 2, 1, 17] = value
    y = at_threads(ops, lambda: ops.conv2d(x, w, None, *how))
    dx = at_threads(ops, lambda: ops.conv2d_input_grad(x, w.transpose(1, 0, 2, 3), (4, 20, 14, 18), *how))
    for i in (0, 2):
        np.testing.assert_array_equal(ops.conv2d(x[i : i + 1], w, None, *how)[0], y[i])
    ops.set_winograd(False)
    for got, direct in (
        (y, ops.conv2d(x, w, None, *how)),
        (dx, ops.conv2d_input_grad(x, w.transpose(1, 0, 2, 3), (4, 20, 14, 18), *how)),
    ):
        if not np.isfinite(value):
            np.testing.assert_array_equal(got[1::2], direct[1::2])
            assert np.isfinite(got[::2]).all()
        np.testing.assert_array_equal(np.isfinite(got), np.isfinite(direct))


def test_winograd_of_weights_that_are_not_finite(winograd: Any) -> None:
    x, w = normal((2, 16, 14, 18), np.float32), normal((20, 16, 3, 3), np.float32, 1)
    w[7, 3, 1, 1] = np.inf
    y = winograd.conv2d(x, w, None, *geometry(padding=1))
    assert np.isfinite(y[:, :7]).all() and np.isfinite(y[:, 8:]).all()
    winograd.set_winograd(False)
    np.testing.assert_array_equal(winograd.conv2d(x, w, None, *geometry(padding=1)), y)


WINOGRAD_WEIGHT = [  # input, channels out, padding, groups
    ((1, 24, 8, 8), 16, 1, 1), ((2, 16, 14, 14), 33, 1, 1), ((3, 40, 13, 17), 24, 0, 1), ((5, 70, 7, 7), 47, 2, 1),
    ((2, 33, 9, 31), 30, ((0, 2), (1, 0)), 1), ((1, 24, 3, 300), 17, ((3, 0), (0, 4)), 1), ((3, 64, 10, 12), 100, 1, 2),
    ((1, 24, 100, 101), 16, 1, 1), ((7, 32, 40, 40), 32, 1, 1), ((2, 250, 6, 6), 130, 1, 1),
]  # fmt: skip


@pytest.mark.parametrize("case", WINOGRAD_WEIGHT)
def test_winograd_weight_gradient(winograd: Any, case: tuple[tuple[int, int, int, int], int, Any, int]) -> None:
    ops, (shape, out, padding, groups) = winograd, case
    how = geometry(padding=padding, groups=groups)
    w = (out, shape[1] // groups, 3, 3)
    x = normal(shape, np.float32)
    dy = normal(ops.conv2d(x, np.zeros(w, np.float32), None, *how).shape, np.float32, 3)
    dw = at_threads(ops, lambda: ops.conv2d_weight_grad(x, dy, w, *how))
    exact = ops.conv2d_weight_grad(x.astype(np.float64), dy.astype(np.float64), w, *how)
    ops.set_winograd(False)
    direct = ops.conv2d_weight_grad(x, dy, w, *how)
    assert not np.array_equal(dw, direct)  # it is Winograd that was tested
    scale = np.sqrt(np.mean(exact**2))
    assert np.sqrt(np.mean((dw - exact) ** 2)) <= max(1.5 * np.sqrt(np.mean((direct - exact) ** 2)), 2e-7 * scale)
    assert np.abs(dw - exact).max() <= 4e-6 * scale


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 3e38])
def test_winograd_weight_gradient_of_what_is_not_finite(winograd: Any, value: float) -> None:
    """One infinity, NaN or sum beyond the largest float, and the direct path gives the whole gradient."""
    ops, how, w = winograd, geometry(padding=1), (20, 24, 3, 3)
    x, dy = normal((3, 24, 14, 18), np.float32), normal((3, 20, 14, 18), np.float32, 1)
    for at, of in ((x, (1, 3, 0, 6)), (dy, (2, 5, 13, 17))):
        kept, at[of] = at[of], value
        dw = at_threads(ops, lambda: ops.conv2d_weight_grad(x, dy, w, *how))
        ops.set_winograd(False)
        direct = ops.conv2d_weight_grad(x, dy, w, *how)
        np.testing.assert_array_equal(np.isfinite(dw), np.isfinite(direct))
        if not np.isfinite(value):
            np.testing.assert_array_equal(dw, direct)
        ops.set_winograd(True)
        at[of] = kept


def test_convolution_errors(ops: Any) -> None:
    x, w = np.ones((2, 4, 5, 5), np.float32), np.ones((6, 4, 3, 3), np.float32)
    with pytest.raises(ValueError, match=r"conv2d: input \(2, 4, 5, 5\) and weight \(6, 4, 3, 3\) do not fit 2 groups"):
        ops.conv2d(x, w, None, *geometry(groups=2))
    with pytest.raises(ValueError, match=r"conv2d: weight \(6, 4, 3, 3\) with dilation \(3, 3\) is larger than input"):
        ops.conv2d(x, w, None, *geometry(dilation=3))
    with pytest.raises(ValueError, match=r"conv2d: expected bias \(6,\), got \(4,\)"):
        ops.conv2d(x, w, np.ones(4, np.float32), *geometry())
    with pytest.raises(ValueError, match=r"conv2d: expected positive stride .* got stride \(0, 0\)"):
        ops.conv2d(x, w, None, *geometry(stride=0))
    with pytest.raises(ValueError, match=r"conv2d: expected 4-d input and weight, got input \(4, 5, 5\)"):
        ops.conv2d(x[0], w, None, *geometry())
    with pytest.raises(TypeError, match="conv2d: operands have different dtypes: float32, float64"):
        ops.conv2d(x, w.astype(np.float64), None, *geometry())
    with pytest.raises(ValueError, match=r"conv2d_input_grad: expected dy \(2, 6, 3, 3\), got \(2, 6, 5, 5\)"):
        ops.conv2d_input_grad(np.ones((2, 6, 5, 5), np.float32), w, x.shape, *geometry())
    with pytest.raises(ValueError, match=r"conv2d_weight_grad: expected dy \(2, 6, 3, 3\), got \(2, 6, 5, 5\)"):
        ops.conv2d_weight_grad(x, np.ones((2, 6, 5, 5), np.float32), w.shape, *geometry())
