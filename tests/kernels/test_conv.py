"""Convolution against NumPy in float64, directly and by Winograd's transforms, and the promise that bits never change."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from kernels.common import DTYPES, assert_close, at_threads, normal
from kernels.test_gemm import Pair

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
    ((2, 3, 9, 62), 18, (3, 3), geometry(padding=1)),
    ((2, 3, 23, 224), 7, (3, 3), geometry(stride=2, padding=1)),
    ((1, 2, 30, 160), 12, (7, 7), geometry(stride=2, padding=3)),
    ((2, 8, 6, 56), 10, (3, 3), geometry(padding=1, groups=2)),
    ((1, 1, 1, 2000), 5, (1, 5), geometry(padding=((0, 0), (2, 2)))),
    ((2, 3, 57, 61), 3, (5, 5), geometry(stride=2, padding=2, groups=3)),
    ((1, 3, 9, 1), 3, (3, 3), geometry(stride=2, padding=1, groups=3)),
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


@pytest.mark.parametrize(("shape", "out", "how"), [
    ((6, 3, 128, 128), 22, geometry(padding=1)),                    # y goes past the caches
    ((17, 32, 64, 64), 32, geometry(stride=2, padding=1, groups=32)),   # the next block of x is called for
])  # fmt: skip
def test_bits_of_large_batches(ops: Any, shape: tuple[int, int, int, int], out: int, how: Geometry) -> None:
    x, w = normal(shape, np.float32), normal((out, shape[1] // how[-1], 3, 3), np.float32, 1)
    b = normal((out,), np.float32, 2)
    y = at_threads(ops, lambda: ops.conv2d(x, w, b, *how))
    for i in range(shape[0]):
        np.testing.assert_array_equal(ops.conv2d(x[i : i + 1], w, b, *how)[0], y[i])


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


STRIDED = [  # input, channels out, kernel, padding, groups
    ((2, 32, 40, 41), 33, 3, 1, 1), ((3, 40, 39, 43), 100, 3, 0, 1), ((1, 150, 44, 50), 46, 3, ((0, 2), (1, 0)), 1),
    ((2, 64, 60, 56), 76, 3, 1, 2), ((5, 33, 28, 28), 48, 4, 1, 1), ((2, 130, 33, 31), 32, 4, 0, 1),
    ((1, 32, 12, 300), 44, 4, ((3, 0), (0, 5)), 1), ((1, 32, 300, 12), 32, 3, 1, 1),
]  # fmt: skip


@pytest.mark.parametrize("case", STRIDED)
def test_winograd_with_stride_two(winograd: Any, case: tuple[tuple[int, int, int, int], int, int, Any, int]) -> None:
    ops, (shape, out, kernel, padding, groups) = winograd, case
    how = geometry(stride=2, padding=padding, groups=groups)
    x, b = normal(shape, np.float32), normal((out,), np.float32, 2)
    w = normal((out, shape[1] // groups, kernel, kernel), np.float32, 1)
    y = at_threads(ops, lambda: ops.conv2d(x, w, b, *how))
    for i in range(shape[0]):
        np.testing.assert_array_equal(ops.conv2d(x[i : i + 1], w, b, *how)[0], y[i])
    exact = ops.conv2d(*(a.astype(np.float64) for a in (x, w, b)), *how)
    ops.set_winograd(False)
    direct = ops.conv2d(x, w, b, *how)
    assert not np.array_equal(y, direct)  # it is Winograd that was tested
    scale = np.sqrt(np.mean(exact**2))
    assert np.sqrt(np.mean((y - exact) ** 2)) <= max(1.3 * np.sqrt(np.mean((direct - exact) ** 2)), 1e-7 * scale)
    assert np.abs(y - exact).max() <= 3e-6 * scale


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 3e38])
def test_winograd_with_stride_two_of_what_is_not_finite(winograd: Any, value: float) -> None:
    ops, how = winograd, geometry(stride=2, padding=1)
    x, w = normal((3, 32, 40, 42), np.float32), normal((34, 32, 3, 3), np.float32, 1)
    x[1, 3, 5, 6] = value
    x[1, 2, 0, 17] = value
    y = at_threads(ops, lambda: ops.conv2d(x, w, None, *how))
    ops.set_winograd(False)
    direct = ops.conv2d(x, w, None, *how)
    assert np.isfinite(y[::2]).all() and not np.array_equal(y[0], direct[0])
    np.testing.assert_array_equal(np.isfinite(y), np.isfinite(direct))
    if not np.isfinite(value):
        np.testing.assert_array_equal(y[1], direct[1])


@pytest.mark.parametrize("shape", [(96, 196, 576), (40, 49, 30), (33, 7, 130), (200, 255, 16), (17, 64, 44)])
def test_one_small_image_under_a_1x1_kernel(ops: Any, shape: tuple[int, int, int]) -> None:
    """Read and written in place: the bits of the same image in a batch, whose pixels are packed."""
    channels, pixels, out = shape
    x, w = normal((2, channels, 1, pixels), np.float32), normal((out, channels, 1, 1), np.float32, 1)
    for bias in (None, normal((out,), np.float32, 2)):
        y = at_threads(ops, lambda bias=bias: ops.conv2d(x, w, bias, *geometry()))
        one = at_threads(ops, lambda bias=bias: ops.conv2d(x[1:], w, bias, *geometry()))
        np.testing.assert_array_equal(one[0], y[1])
        w64, x64 = w[:, :, 0, 0].astype(np.float64), x[1, :, 0].astype(np.float64)
        added = np.zeros(out, np.float32) if bias is None else bias
        scale = np.abs(w64) @ np.abs(x64) + np.abs(added)[:, None]
        assert_close(one[0, :, 0], w64 @ x64 + added[:, None], scale, channels + 1)


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
