"""Steps in bfloat16 and bytes against plain convolution of the same numbers in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from kernels.blocked import convolve, normal, run, to_blocked, to_plain
from kernels.common import at_threads

BFLOAT = ("bfloat16", 1.0, 0)
BYTES = ("int8", 1 / 32, 97)
SHAPES = [
    # samples, channels, rows, height, width, kernel, stride, padding, groups
    (2, 64, 40, 9, 11, 1, 1, 0, 1), (1, 20, 33, 16, 16, 3, 1, 1, 1), (2, 37, 64, 15, 13, 3, 2, 1, 1),
    (1, 64, 96, 7, 30, 1, 2, 0, 1), (3, 32, 64, 6, 5, 3, 1, 1, 2), (1, 16, 16, 12, 12, 3, 1, 1, 1),
    (1, 9, 16, 8, 8, 2, 2, 0, 1),
]  # fmt: skip
KINDS = ["bfloat16", "int8"]
SILU = 8e-5
"""Relative error of the silu of few bits: at most a 24th of half a step, which in bfloat16 is 2^-9 to 2^-8 of a number,
and in bytes 1/510 of a range that the number is within."""


def needs(ops: Any, kind: str) -> None:
    if kind == "bfloat16" and ops.low_instruction(kind):
        pytest.skip("this CPU, or this level, has no AVX512-BF16")


def operands(ops: Any, kind: str, x_shape: Any, w_shape: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """x and w in few bits, and what they stand for."""
    x, w = normal(x_shape), normal(w_shape, 1) / np.float32(np.sqrt(np.prod(w_shape[1:])))
    if kind == "bfloat16":
        x, w = ops.round_bfloat16(x), ops.round_bfloat16(w)
        return x, w, ops.widen_bfloat16(x).astype(np.float64), ops.widen_bfloat16(w).astype(np.float64)
    x = np.clip(np.rint(x * 32) + BYTES[2], 0, 255).astype(np.uint8)
    w = np.clip(np.rint(w * 40 * np.sqrt(np.prod(w_shape[1:]))), -127, 127).astype(np.int8)
    return x, w, x.astype(np.float64) - BYTES[2], w.astype(np.float64)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_convolution(ops: Any, kind: str, shape: tuple[int, ...]) -> None:
    needs(ops, kind)
    n, c, rows, h, w, kernel, stride, pad, groups = shape
    x, weight, x_real, w_real = operands(ops, kind, (n, c, h, w), (rows, c // groups, kernel, kernel))
    padding, form = ((pad, pad), (pad, pad)), BFLOAT if kind == "bfloat16" else BYTES
    want = convolve(x_real, w_real, (stride, stride), padding, (1, 1), groups)
    packed = ops.pack_low(weight, groups)
    bias, ones = normal((rows,), 2), np.ones(rows, np.float32)
    # A border of bytes is 0, which is the zero point: what lies in channels that there are not does not matter.
    blocked = to_blocked(x)

    def step(plan: Any, b: Any, y: int) -> int:
        return plan.low_conv2d(
            b[0], y, packed, plan.constant(bias), -1, plan.constant(ones), n=n, c=c, h=h, w=w, form=form,
            stride=(stride, stride), padding=padding, activation="relu",
        )  # fmt: skip

    got = at_threads(ops, lambda: run(ops, [blocked], to_blocked(want).shape, step))
    want = np.maximum(want + bias[:, None, None], 0)
    if kind == "int8":
        np.testing.assert_array_equal(to_plain(got, rows), want.astype(np.float32))
    else:
        np.testing.assert_allclose(to_plain(got, rows), want, atol=3e-6 * np.abs(want).max())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("activation", ["none", "relu6", "hardswish", "silu", "gelu"])
@pytest.mark.parametrize("first", [False, True])
def test_results_and_residuals_of_few_bits(ops: Any, kind: str, activation: str, first: bool) -> None:
    needs(ops, kind)
    form = BFLOAT if kind == "bfloat16" else BYTES
    n, c, rows, h, w = 2, 24, 40, 6, 7
    x, weight, *_ = operands(ops, kind, (n, c, h, w), (rows, c, 1, 1))
    other = operands(ops, kind, (n, rows, h, w), (1, 1, 1, 1))[0]
    packed, worth = ops.pack_low(weight), np.full(rows, 1e-3, np.float32)
    options = dict(n=n, c=c, h=h, w=w, form=form, activation=activation, activation_first=first)
    blocked_other = to_blocked(other)
    wide = (n, 3, h, w, 16)

    def widened(array: np.ndarray) -> np.ndarray:
        size = {"n": n, "c": rows, "size": h * w}
        return run(ops, [array], wide, lambda p, b, y: p.convert(b[0], y, form=form, **size))

    residual = widened(blocked_other)

    def plain(p: Any, b: Any, y: int) -> int:
        return p.low_conv2d(b[0], y, packed, -1, b[1], p.constant(worth), **options)

    def few(p: Any, b: Any, y: int) -> int:
        middle = p.workspace(blocked_other.nbytes)
        p.low_conv2d(b[0], middle, packed, -1, b[1], p.constant(worth), y_form=form, residual_form=form, **options)
        return p.convert(middle, y, n=n, c=rows, size=h * w, form=form)

    want = run(ops, [to_blocked(x), residual], wide, plain)
    got = at_threads(ops, lambda: run(ops, [to_blocked(x), blocked_other], wide, few))
    off = SILU if activation == "silu" else 0.0
    if kind == "bfloat16" and off:
        half_step = np.exp2(np.floor(np.log2(np.maximum(np.abs(want), 1e-30))) - 8)  # 8 bits of mantissa
        assert (np.abs(got - want) <= half_step + off * np.abs(want)).all()
    elif kind == "bfloat16":
        np.testing.assert_array_equal(got, ops.widen_bfloat16(ops.round_bfloat16(want)))
    else:
        low, high = -97 / 32, (255 - 97) / 32
        assert (np.abs(got - np.clip(want, low, high)) <= 0.5 / 32 * 1.001 + off * np.abs(want)).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("activation", ["none", "relu", "hardswish", "silu"])
def test_bits_do_not_depend_on_the_tile(ops: Any, kind: str, activation: str) -> None:
    """Rows of 12 to 14 pixels become results in registers, shorter ones in a buffer; with a residual and without."""
    needs(ops, kind)
    form = BFLOAT if kind == "bfloat16" else BYTES
    c, rows, w = 40, 72, 98
    x, weight, *_ = operands(ops, kind, (1, c, 1, w), (rows, c, 1, 1))
    other = operands(ops, kind, (1, rows, 1, w), (1, 1, 1, 1))[0]
    packed, worth, bias = ops.pack_low(weight), np.full(rows, 1e-3, np.float32), normal((rows,), 4)

    def part(lo: int, hi: int, residual: bool) -> np.ndarray:
        size = hi - lo

        def step(p: Any, b: Any, y: int) -> int:
            middle = p.workspace(to_blocked(other).nbytes)
            p.low_conv2d(
                b[0], middle, packed, p.constant(bias), b[1] if residual else -1, p.constant(worth), n=1, c=c, h=1, w=size,
                form=form, y_form=form, residual_form=form if residual else None, activation=activation,
            )  # fmt: skip
            return p.convert(middle, y, n=1, c=rows, size=size, form=form)

        pieces = [to_blocked(np.ascontiguousarray(a[..., lo:hi])) for a in (x, other)]
        return run(ops, pieces, (1, 5, 1, size, 16), step)

    for residual in (False, True):
        whole = part(0, w, residual)
        for lo, hi in ((0, 5), (5, 30), (30, 31), (31, 43), (43, 92), (92, 98)):
            np.testing.assert_array_equal(part(lo, hi, residual), whole[:, :, :, lo:hi])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("above", [0, 1])
def test_rows_beside_the_image(ops: Any, kind: str, above: int) -> None:
    """A kernel of one tap with borders above and below, or below alone, of few bits on both sides."""
    needs(ops, kind)
    form, padding = BFLOAT if kind == "bfloat16" else BYTES, ((above, 2), (0, 0))
    x, weight, x_real, w_real = operands(ops, kind, (2, 24, 3, 28), (40, 24, 1, 1))
    want = convolve(x_real, w_real, (1, 1), padding, (1, 1), 1)
    packed, worth = ops.pack_low(weight), np.full(40, 1e-3, np.float32)

    def step(p: Any, b: Any, y: int) -> int:
        middle = p.workspace(to_blocked(want).size * 2)
        p.low_conv2d(
            b[0],
            middle,
            packed,
            -1,
            -1,
            p.constant(worth),
            n=2,
            c=24,
            h=3,
            w=28,
            form=form,
            y_form=form,
            padding=padding,
        )
        return p.convert(middle, y, n=2, c=40, size=want.shape[2] * 28, form=form)

    got = to_plain(at_threads(ops, lambda: run(ops, [to_blocked(x)], to_blocked(want).shape, step)), 40)
    if kind == "bfloat16":
        np.testing.assert_allclose(got, want, rtol=2**-8, atol=1e-5)
    else:
        np.testing.assert_allclose(got, np.clip(want * 1e-3, -97 / 32, 158 / 32), atol=0.51 / 32)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sizes", [(1, 40, 10), (19, 100, 24), (70, 16, 48)])
def test_products(ops: Any, kind: str, sizes: tuple[int, int, int]) -> None:
    needs(ops, kind)
    rows, k, out = sizes
    form = BFLOAT if kind == "bfloat16" else ("int8", 1 / 32, 97)
    x, residual, weight = normal((rows, k)), normal((rows, out), 3), normal((out, k), 1)
    few = ops.round_bfloat16(weight) if kind == "bfloat16" else np.clip(np.rint(weight * 40), -127, 127).astype(np.int8)
    real = ops.widen_bfloat16(few) if kind == "bfloat16" else few / 40
    packed, worth = ops.pack_low(few.reshape(out, k, 1, 1)), np.full(out, 1 / 32 / 40, np.float32)
    near = ops.widen_bfloat16(ops.round_bfloat16(x))
    if kind == "int8":
        near = (np.clip(np.rint(x * 32 + 97), 0, 255) - 97) / 32

    def step(p: Any, b: Any, y: int) -> int:
        middle = p.workspace(-(-k // 16) * 16 * rows * 2)
        p.narrow_rows(b[0], middle, rows=rows, columns=k, y_form=form)
        return p.low_linear(middle, y, packed, -1, b[1], p.constant(worth), rows=rows, form=form)

    got = at_threads(ops, lambda: run(ops, [x, residual], (rows, out), step))
    want = near.astype(np.float64) @ real.astype(np.float64).T + residual
    np.testing.assert_allclose(got, want, atol=3e-6 * np.abs(want).max())


def test_bytes_have_the_same_bits_at_every_level(ops: Any) -> None:
    """The sums are exact, and what follows rounds in one way everywhere."""
    x, weight, *_ = operands(ops, "int8", (1, 50, 13, 9), (30, 50, 3, 3))
    worth = np.abs(normal((30,), 5)) * np.float32(1e-3)

    def step(p: Any, b: Any, y: int) -> int:
        return p.low_conv2d(b[0], y, ops.pack_low(weight), p.constant(normal((30,), 4)), -1, p.constant(worth), n=1, c=50,
                            h=13, w=9, form=BYTES, padding=((1, 1), (1, 1)), activation="relu")  # fmt: skip

    got = to_plain(run(ops, [to_blocked(x)], (1, 2, 13, 9, 16), step), 30)
    sums = convolve(x.astype(np.float64) - 97, weight, (1, 1), ((1, 1), (1, 1)), (1, 1), 1)
    want = sums * worth.astype(np.float64)[:, None, None] + normal((30,), 4).astype(np.float64)[:, None, None]
    np.testing.assert_array_equal(got, np.maximum(want.astype(np.float32), 0))


def test_numbers_that_are_not_finite(ops: Any) -> None:
    needs(ops, "bfloat16")
    x = normal((1, 16, 4, 4))
    x[0, 3, 1, 2], x[0, 5, 3, 3] = np.nan, np.inf
    packed = ops.pack_low(ops.round_bfloat16(np.abs(normal((16, 16, 1, 1)))))

    def step(p: Any, b: Any, y: int) -> int:
        middle = p.workspace(x.nbytes // 2)
        p.convert(b[0], middle, n=1, c=16, size=16, y_form=BFLOAT)
        return p.low_conv2d(middle, y, packed, n=1, c=16, h=4, w=4, form=BFLOAT)

    y = to_plain(run(ops, [to_blocked(x)], (1, 1, 4, 4, 16), step), 16)
    assert np.isnan(y[0, :, 1, 2]).all() and (y[0, :, 3, 3] == np.inf).all()
    assert np.isfinite(np.delete(y.reshape(16, 16), [6, 15], axis=1)).all()


def test_refusals(ops: Any) -> None:
    packed = ops.pack_low(np.ones((16, 16, 3, 3), np.int8))
    plan = ops.Plan()
    x, y = plan.input(0, 16 * 64), plan.output(0, 4 * 16 * 64)
    size = {"n": 1, "c": 16, "h": 8, "w": 8, "padding": ((1, 1), (1, 1))}
    with pytest.raises(ValueError, match=r"weights of int8 do not fit bfloat16"):
        plan.low_conv2d(x, y, packed, form=BFLOAT, **size)
    with pytest.raises(ValueError, match="expected a positive scale and a zero point from 0 to 255, got 1.0, 256"):
        plan.low_conv2d(x, y, packed, form=("int8", 1.0, 256), **size)
    with pytest.raises(ValueError, match=r"x needs 1024 bytes, buffer 0 has 16"):
        small = ops.Plan()
        small.low_conv2d(small.input(0, 16), small.output(0, 4096), packed, form=BYTES, **size)
    with pytest.raises(
        TypeError, match=r"pack_low: expected a uint16 or int8 weight of 4 dimensions, got float32 \(1, 2\)"
    ):
        ops.pack_low(np.ones((1, 2), np.float32))
    with pytest.raises(ValueError, match="PackedLow: expected contiguous"):
        ops.PackedLow(packed.data[:-1].copy(), packed.shape)
    again = ops.PackedLow.load(packed.data, packed.meta)
    assert again.meta == packed.meta and "int8" in repr(again)


@pytest.mark.parametrize("shape", [(1, 64, 48, 20, 17), (2, 40, 33, 12, 12), (3, 32, 32, 31, 16)])
def test_winograd(ops: Any, shape: tuple[int, ...]) -> None:
    """Transforms round once more: errors of some units of bfloat16's last place, none where numbers are not finite."""
    needs(ops, "bfloat16")
    n, c, rows, h, w = shape
    x, weight, x_real, w_real = operands(ops, "bfloat16", (n, c, h, w), (rows, c, 3, 3))
    other = ops.round_bfloat16(normal((n, rows, h, w), 7))
    padding, wide = ((1, 1), (1, 1)), (n, -(-rows // 16), h, w, 16)
    packed = ops.pack_low(weight)

    def step(p: Any, b: Any, y: int) -> int:
        middle = p.workspace(int(np.prod(wide)) * 2)
        at = p.low_conv2d(b[0], middle, packed, p.constant(normal((rows,), 2)), b[1], n=n, c=c, h=h, w=w, form=BFLOAT,
                          y_form=BFLOAT, residual_form=BFLOAT, padding=padding, activation="relu")  # fmt: skip
        assert p.steps_added()[at - 1 :] == ["low_winograd", "low_repair"]
        return p.convert(middle, y, n=n, c=rows, size=h * w, form=BFLOAT)

    def call() -> np.ndarray:
        return run(ops, [to_blocked(x), to_blocked(other)], wide, step)

    got = to_plain(at_threads(ops, call), rows)
    want = convolve(x_real, w_real, (1, 1), padding, (1, 1), 1)
    want = np.maximum(want + normal((rows,), 2)[:, None, None] + ops.widen_bfloat16(other), 0)
    assert np.abs(got - want).max() < 0.02 * np.abs(want).max()
    x[-1, 3, 5, 6] = 0x7F80  # an infinity: that sample is computed directly
    again = to_plain(call(), rows)
    if n > 1:
        np.testing.assert_array_equal(again[:-1], got[:-1])
    far = np.ones((h, w), bool)
    far[4:7, 5:8] = False
    assert np.isfinite(again[:, :, far]).all() and not np.isfinite(again[-1, :, 5, 6]).all()


STEMS = [
    (2, 3, 40, 17, 19, 7, 2, 3),
    (1, 1, 16, 12, 9, 3, 1, 1),
    (1, 3, 33, 32, 32, 16, 16, 0),
    (2, 4, 16, 11, 14, 5, 4, 2),
    (2, 3, 16, 10, 56, 3, 2, 1),
    (1, 2, 16, 7, 83, 3, 2, 0),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", STEMS)
def test_plain_images(ops: Any, kind: str, shape: tuple[int, ...]) -> None:
    needs(ops, kind)
    n, c, rows, h, w, kernel, stride, pad = shape
    x = normal((n, c, h, w))
    _, weight, _, w_real = operands(ops, kind, (1, 1, 1, 1), (rows, c, kernel, kernel))
    form, padding = BFLOAT if kind == "bfloat16" else BYTES, ((pad, pad), (pad, pad))
    near = ops.widen_bfloat16(ops.round_bfloat16(x)).astype(np.float64)
    if kind == "int8":
        near = np.clip(np.rint(x * 32 + 97), 0, 255) - 97.0
    want = convolve(near, w_real, (stride, stride), padding, (1, 1), 1)
    quads = np.zeros((rows, kernel, 4, kernel), weight.dtype)
    quads[:, :, :c] = weight.transpose(0, 3, 1, 2)
    packed = ops.pack_low(quads.reshape(rows, 4 * kernel, kernel, 1))

    def step(p: Any, b: Any, y: int) -> int:
        return p.low_stem(b[0], y, packed, -1, p.constant(np.ones(rows, np.float32)), n=n, c=c, h=h, w=w, form=form,
                          stride=(stride, stride), padding=padding)  # fmt: skip

    got = to_plain(at_threads(ops, lambda: run(ops, [x], to_blocked(want).shape, step)), rows)
    if kind == "int8":
        np.testing.assert_array_equal(got, want.astype(np.float32))
    else:
        np.testing.assert_allclose(got, want, atol=3e-6 * np.abs(want).max())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(2, 24, 30, 33, 3, 1, 1), (1, 40, 17, 120, 5, 2, 2), (1, 16, 9, 9, 4, 1, 0)])
@pytest.mark.parametrize("activation", ["relu", "silu"])
def test_depthwise(ops: Any, kind: str, shape: tuple[int, ...], activation: str) -> None:
    """As the float32 step on the same numbers, rounded once at the end."""
    n, c, h, w, kernel, stride, pad = shape
    form = BFLOAT if kind == "bfloat16" else BYTES
    x = to_blocked(operands(ops, kind, (n, c, h, w), (1, 1, 1, 1))[0])
    packed = ops.pack_conv2d(normal((c, 1, kernel, kernel), 1), c)
    height, width = ((size + 2 * pad - kernel) // stride + 1 for size in (h, w))
    size, out = {"n": n, "c": c, "size": h * w}, {"n": n, "c": c, "size": height * width}
    wide, blocks = (n, -(-c // 16), height, width, 16), -(-c // 16)
    options = dict(n=n, c=c, h=h, w=w, stride=(stride, stride), padding=((pad, pad), (pad, pad)), activation=activation)
    other = to_blocked(operands(ops, kind, (n, c, height, width), (1, 1, 1, 1))[0])

    def plain(p: Any, b: Any, y: int) -> int:
        middle, residual, last = (p.workspace(4 * 16 * blocks * n * k) for k in (h * w, height * width, height * width))
        p.convert(b[0], middle, form=form, **size)
        p.convert(b[1], residual, form=form, **out)
        p.conv2d(middle, last, packed, p.constant(normal((c,), 2)), residual, **options)
        few = p.workspace(2 * 16 * blocks * n * height * width)
        p.convert(last, few, y_form=form, **out)
        return p.convert(few, y, form=form, **out)

    def short(p: Any, b: Any, y: int) -> int:
        few = p.workspace(2 * 16 * blocks * n * height * width)
        p.low_depthwise(b[0], few, packed, p.constant(normal((c,), 2)), b[1], form=form, residual_form=form, y_form=form,
                        **options)  # fmt: skip
        return p.convert(few, y, form=form, **out)

    want = run(ops, [x, other], wide, plain)
    np.testing.assert_array_equal(at_threads(ops, lambda: run(ops, [x, other], wide, short)), want)


TAPS = [
    # samples, channels, height, width, kernel, stride, padding
    (2, 24, 9, 14, 3, 1, 1), (1, 40, 17, 61, 5, 2, 2), (2, 16, 7, 7, 5, 1, 2), (1, 20, 6, 120, 7, 1, 3),
    (1, 16, 9, 31, 7, 2, 0), (3, 16, 1, 1, 3, 1, 1), (1, 33, 30, 29, 3, 2, 1), (1, 16, 4, 2, 5, 1, 2),
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", TAPS)
def test_depthwise_products_of_few_bits(ops: Any, kind: str, shape: tuple[int, ...]) -> None:
    needs(ops, kind)
    n, c, h, w, kernel, stride, pad = shape
    form, padding = BFLOAT if kind == "bfloat16" else BYTES, ((pad, pad), (pad, pad))
    x, weight, x_real, w_real = operands(ops, kind, (n, c, h, w), (c, 1, kernel, kernel))
    want = convolve(x_real, w_real, (stride, stride), padding, (1, 1), c)
    packed = ops.pack_low_depthwise(weight)
    again = ops.PackedLow.load(packed.data, packed.meta)
    assert again.meta == packed.meta and again.kind == "low_depthwise"

    def step(p: Any, b: Any, y: int) -> int:
        return p.low_depthwise(b[0], y, again, p.constant(normal((c,), 2)), -1, p.constant(np.ones(c, np.float32)), n=n,
                               c=c, h=h, w=w, form=form, stride=(stride, stride), padding=padding)  # fmt: skip

    got = to_plain(at_threads(ops, lambda: run(ops, [to_blocked(x)], to_blocked(want).shape, step)), c)
    want = want + normal((c,), 2).astype(np.float64)[:, None, None]
    if kind == "int8":
        np.testing.assert_array_equal(got, want.astype(np.float32))
    else:
        np.testing.assert_allclose(got, want, atol=3e-6 * np.abs(want).max())


@pytest.mark.parametrize("kernel", [3, 5, 7])
def test_depthwise_sums_read_nothing_beside_their_taps(ops: Any, kernel: int) -> None:
    """An infinity spoils the results whose taps reach it, as what it is, and no others."""
    needs(ops, "bfloat16")
    x = normal((1, 16, 15, 40))
    x[0, :, 7, 20] = np.inf
    x = ops.round_bfloat16(x)
    packed = ops.pack_low_depthwise(ops.round_bfloat16(np.abs(normal((16, 1, kernel, kernel))) + np.float32(0.1)))

    def step(p: Any, b: Any, y: int) -> int:
        return p.low_depthwise(b[0], y, packed, n=1, c=16, h=15, w=40, form=BFLOAT,
                               padding=((kernel // 2, kernel // 2), (kernel // 2, kernel // 2)))  # fmt: skip

    y = to_plain(run(ops, [to_blocked(x)], (1, 1, 15, 40, 16), step), 16)
    near = np.zeros((15, 40), bool)
    near[7 - kernel // 2 : 8 + kernel // 2, 20 - kernel // 2 : 21 + kernel // 2] = True
    assert (y[0][:, near] == np.inf).all() and np.isfinite(y[0][:, ~near]).all()


@pytest.mark.parametrize("kind", [None, *KINDS])
def test_means_of_planes(ops: Any, kind: str | None) -> None:
    form = None if kind is None else BFLOAT if kind == "bfloat16" else BYTES
    x = normal((3, 20, 5, 7))
    if kind is not None:
        x, _, real, _ = operands(ops, kind, x.shape, (1, 1, 1, 1))
        real = real / 32 if kind == "int8" else real
    else:
        real = x.astype(np.float64)
    got = run(
        ops,
        [to_blocked(x)],
        (3, 2, 1, 1, 16),
        lambda p, b, y: p.low_global_pool(b[0], y, n=3, c=20, size=35, form=form),
    )
    np.testing.assert_allclose(to_plain(got, 20), real.mean((2, 3), keepdims=True), atol=2e-6)


def test_refusals_of_depthwise_products(ops: Any) -> None:
    packed = ops.pack_low_depthwise(np.ones((16, 1, 3, 3), np.int8))
    plan = ops.Plan()
    x, y = plan.input(0, 2 * 16 * 64), plan.output(0, 4 * 16 * 64)
    size = {"n": 1, "c": 16, "h": 8, "w": 8, "padding": ((1, 1), (1, 1))}
    with pytest.raises(ValueError, match="Plan.low_depthwise: weights of int8 do not fit x"):
        plan.low_depthwise(x, y, packed, form=BFLOAT, **size)
    with pytest.raises(
        ValueError, match="Plan.low_depthwise: no kernel of few bits for this stride, dilation or border"
    ):
        plan.low_depthwise(x, y, packed, form=BYTES, dilation=(1, 2), **size | {"padding": ((1, 1), (2, 2))})
    with pytest.raises(ValueError, match="Plan.low_conv2d: .*"):
        plan.low_conv2d(x, y, packed, form=BYTES, **size)
    with pytest.raises(
        TypeError, match=r"pack_low_depthwise: expected a uint16 or int8 weight \(C, 1, kh, 3, 5 or 7\)"
    ):
        ops.pack_low_depthwise(np.ones((4, 1, 3, 4), np.int8))
    with pytest.raises(ValueError, match="PackedLow: no depthwise kernel of few bits"):
        ops.PackedLow(packed.data, (16, 2, 3, 3), 16, "low_depthwise")
    with pytest.raises(ValueError, match="PackedLow: expected low or low_depthwise, got 'dense'"):
        ops.PackedLow(packed.data, packed.shape, 16, "dense")
