"""Steps of a plan that are not convolutions, against the eager functions of the same level."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from kernels.blocked import normal, run, to_blocked, to_plain
from kernels.common import at_threads

IMAGES = [(2, 5, 7, 9), (1, 33, 16, 15), (3, 16, 1, 4), (1, 40, 56, 56)]


@pytest.mark.parametrize("shape", IMAGES)
def test_into_the_layout_and_out_of_it(ops: Any, shape: tuple[int, ...]) -> None:
    x = normal(shape)
    n, c, h, w = shape
    blocked = at_threads(
        ops,
        lambda: run(ops, [x], to_blocked(x).shape, lambda plan, b, y: plan.to_blocked(b[0], y, n=n, c=c, size=h * w)),
    )
    np.testing.assert_array_equal(blocked, to_blocked(x))
    y = at_threads(
        ops, lambda: run(ops, [blocked], shape, lambda plan, b, y: plan.to_plain(b[0], y, n=n, c=c, size=h * w))
    )
    np.testing.assert_array_equal(y, x)


WINDOWS = [((3, 3), (2, 2), (1, 1), False), ((2, 2), (2, 2), (0, 0), True), ((1, 4), (1, 3), (0, 2), False)]


@pytest.mark.parametrize("shape", IMAGES[1::2])
@pytest.mark.parametrize("window", WINDOWS)
def test_pooling(ops: Any, shape: tuple[int, ...], window: Any) -> None:
    x = normal(shape)
    x[0, 0, 0, 0], x[0, 1, 3, 3] = np.nan, np.inf
    n, c, h, w = shape
    kernel, stride, padding, ceil = window
    size = {"n": n, "c": c, "h": h, "w": w, "kernel": kernel, "stride": stride, "padding": padding, "ceil_mode": ceil}
    expected, _ = ops.max_pool2d(x, kernel, stride, padding, (1, 1), ceil)
    y = at_threads(
        ops,
        lambda: run(ops, [to_blocked(x)], to_blocked(expected).shape, lambda p, b, y: p.max_pool2d(b[0], y, **size)),
    )
    np.testing.assert_array_equal(to_plain(y, c), expected)
    for include, divisor in [(True, None), (False, None), (True, 5)]:
        expected = ops.avg_pool2d(x, kernel, stride, padding, ceil, include, divisor)
        y = run(
            ops, [to_blocked(x)], to_blocked(expected).shape,
            lambda p, b, y: p.avg_pool2d(b[0], y, count_include_pad=include, divisor_override=divisor, **size),  # noqa: B023
        )  # fmt: skip
        np.testing.assert_allclose(to_plain(y, c), expected, rtol=1e-6, atol=3e-7)


def test_dilated_max_pooling(ops: Any) -> None:
    x = normal((1, 16, 11, 12))
    expected, _ = ops.max_pool2d(x, (3, 2), (1, 2), (1, 1), (2, 3), False)
    size = {
        "n": 1,
        "c": 16,
        "h": 11,
        "w": 12,
        "kernel": (3, 2),
        "stride": (1, 2),
        "padding": (1, 1),
        "dilation": (2, 3),
    }
    y = run(ops, [to_blocked(x)], to_blocked(expected).shape, lambda p, b, y: p.max_pool2d(b[0], y, **size))
    np.testing.assert_array_equal(to_plain(y, 16), expected)


@pytest.mark.parametrize("shape", [*IMAGES, (2, 20, 1, 1), (1, 16, 112, 112)])
def test_global_average(ops: Any, shape: tuple[int, ...]) -> None:
    x = normal(shape) + np.float32(1)
    n, c, h, w = shape
    wide = 16 * -(-c // 16)
    y = at_threads(
        ops,
        lambda: run(ops, [to_blocked(x)], (n, wide), lambda p, b, y: p.global_avg_pool(b[0], y, n=n, c=c, size=h * w)),
    )
    np.testing.assert_allclose(y[:, :c], x.mean((2, 3), dtype=np.float64), rtol=3e-7, atol=3e-7)
    assert not y[:, c:].any()


@pytest.mark.parametrize("wide", [False, True])
def test_scale_channels(ops: Any, wide: bool) -> None:
    x, factors = normal((2, 20, 5, 6)), normal((2, 32 if wide else 20), 1)
    y = run(
        ops,
        [to_blocked(x), factors],
        (2, 2, 5, 6, 16),
        lambda p, b, y: p.scale_channels(b[0], y, b[1], n=2, c=20, size=30),
    )
    np.testing.assert_array_equal(to_plain(y, 20), x * factors[:, :20, None, None])


@pytest.mark.parametrize("size", [1, 63, 1024, 40_001])
def test_elementwise(ops: Any, size: int) -> None:
    x, residual = normal((size,)), normal((size,), 1)
    y = at_threads(ops, lambda: run(ops, [x, residual], (size,), lambda p, b, y: p.add(b[0], b[1], y, size=size)))
    np.testing.assert_array_equal(y, x + residual)
    y = run(ops, [x, residual], (size,), lambda p, b, y: p.add(b[0], b[1], y, size=size, activation="gelu"))
    np.testing.assert_array_equal(y, ops.gelu(x + residual))
    y = run(ops, [x], (size,), lambda p, b, y: p.activation(b[0], y, size=size, activation="hardswish"))
    np.testing.assert_array_equal(y, ops.hardswish(x))


def test_two_operands(ops: Any) -> None:
    x, y, row = normal((7, 300)), normal((7, 300), 1), normal((300,), 2)
    size = {"size": x.size}
    z = run(ops, [x, y], x.shape, lambda p, b, z: p.mul(b[0], b[1], z, **size))
    np.testing.assert_array_equal(z, x * y)
    z = at_threads(ops, lambda: run(ops, [x, row], x.shape, lambda p, b, z: p.mul(b[0], b[1], z, row=300, **size)))
    np.testing.assert_array_equal(z, x * row)
    z = run(ops, [x, row], x.shape, lambda p, b, z: p.add(b[0], b[1], z, row=300, activation="relu", **size))
    np.testing.assert_array_equal(z, np.maximum(x + row, 0))
    z = run(ops, [x], x.shape, lambda p, b, z: p.affine(b[0], z, scale=3, shift=-0.5, **size))
    np.testing.assert_allclose(z, x * 3 - 0.5, rtol=3e-7, atol=1e-7)


@pytest.mark.parametrize("shape", [(2, 197, 192), (3, 5, 1), (1, 100, 65)])
def test_mean(ops: Any, shape: tuple[int, int, int]) -> None:
    x = normal(shape)
    outer, count, inner = shape
    y = at_threads(
        ops,
        lambda: run(ops, [x], (outer, inner), lambda p, b, y: p.mean(b[0], y, outer=outer, count=count, inner=inner)),
    )
    np.testing.assert_allclose(y, x.mean(1, dtype=np.float64), rtol=1e-7, atol=1e-7)


def test_matmul(ops: Any) -> None:
    x, w = normal((2, 3, 37, 24)), normal((2, 3, 24, 50), 1)
    size = {"batch": 2, "heads": 3, "m": 37, "n": 50, "k": 24}

    def add(plan: Any, b: list[int], y: int) -> None:
        plan.matmul(
            (b[0], 0, 3 * 37 * 24, 37 * 24, 24, 1), (b[1], 0, 3600, 1200, 50, 1), (y, 0, 5550, 1850, 50), **size
        )

    y = at_threads(ops, lambda: run(ops, [x, w], (2, 3, 37, 50), add))
    np.testing.assert_array_equal(y, ops.matmul(x, w))
    keys = np.ascontiguousarray(w.swapaxes(2, 3))

    def transposed(plan: Any, b: list[int], y: int) -> None:
        plan.matmul((b[0], 0, 2664, 888, 24, 1), (b[1], 0, 3600, 1200, 1, 24), (y, 0, 5550, 1850, 50), **size)

    np.testing.assert_array_equal(run(ops, [x, keys], (2, 3, 37, 50), transposed), y)


@pytest.mark.parametrize("shape", [(1, 1000), (70, 10), (200, 197), (3, 16)])
def test_rows(ops: Any, shape: tuple[int, int]) -> None:
    rows, n = shape
    x, weight, bias = normal(shape), normal((n,), 1), normal((n,), 2)
    y = at_threads(ops, lambda: run(ops, [x], shape, lambda p, b, y: p.softmax(b[0], y, rows=rows, n=n)))
    np.testing.assert_array_equal(y, ops.softmax(x, -1))
    y = at_threads(
        ops,
        lambda: run(
            ops, [x, weight, bias], shape, lambda p, b, y: p.layer_norm(b[0], y, b[1], b[2], rows=rows, n=n, eps=1e-6)
        ),
    )
    np.testing.assert_array_equal(y, ops.layer_norm(x, weight, bias, 1e-6)[0])
    y = run(ops, [x, weight], shape, lambda p, b, y: p.layer_norm(b[0], y, b[1], rows=rows, n=n, eps=1e-6, rms=True))
    np.testing.assert_array_equal(y, ops.rms_norm(x, weight, 1e-6)[0])


@pytest.mark.parametrize("mask", [None, "float", "bool"])
def test_attention(ops: Any, mask: str | None) -> None:
    batch, heads, queries, size = 2, 3, 37, 24
    width = heads * size
    qkv = normal((batch, queries, 3 * width))
    q, k, v = (qkv[..., i * width : (i + 1) * width].reshape(batch, queries, heads, size) for i in range(3))
    arrays, options, added = [qkv], {}, None
    if mask:
        added = normal((queries, queries), 1) if mask == "float" else normal((queries, queries), 1) > 0
        arrays.append(added)
        options = {"mask_strides": (0, 0, queries, 1), "bool_mask": mask == "bool"}

    def add(plan: Any, b: list[int], y: int) -> None:
        strides = (queries * 3 * width, size, 3 * width)
        parts = [(b[0], i * width, *strides) for i in range(3)]
        plan.attention(
            *parts, (y, 0, queries * width, size, width), b[1] if mask else -1, batch=batch, heads=heads, queries=queries,
            keys=queries, size=size, scale=0.2, causal=mask is None, **options,
        )  # fmt: skip

    y = at_threads(ops, lambda: run(ops, arrays, (batch, queries, heads, size), add))
    q, k, v = (x.transpose(0, 2, 1, 3) for x in (q, k, v))
    expected, _ = ops.attention(q, k, v, added, 0.2, mask is None)
    np.testing.assert_array_equal(y, expected.transpose(0, 2, 1, 3))


def test_copy(ops: Any) -> None:
    x = normal((5, 6, 70))
    y = run(
        ops,
        [x],
        (70, 5, 6),
        lambda p, b, y: p.copy(b[0], y, shape=(70, 5, 6), x_strides=(1, 420, 70), y_strides=(30, 6, 1)),
    )
    np.testing.assert_array_equal(y, x.transpose(2, 0, 1))
    y = run(
        ops, [x], (5, 3, 70), lambda p, b, y: p.copy(b[0], y, shape=(5, 3, 70), x_strides=(420, 140, 1), y_strides=(210, 70, 1),
                                                    x_offset=70)
    )  # fmt: skip
    np.testing.assert_array_equal(y, x[:, 1::2])


def test_refusals(ops: Any) -> None:
    plan = ops.Plan(0)
    x, y = plan.input(0, 64 * 64), plan.output(0, 64 * 64)
    with pytest.raises(ValueError, match=r"Plan.softmax: expected rows, n and inner of at least 1, got 0, 3, 1"):
        plan.softmax(x, y, rows=0, n=3)
    with pytest.raises(ValueError, match=r"Plan.max_pool2d: kernel \(9, 9\) is larger than input \(1, 16, 8, 8\)"):
        plan.max_pool2d(x, y, n=1, c=16, h=8, w=8, kernel=(9, 9), stride=(1, 1))
    with pytest.raises(ValueError, match=r"Plan.attention: q needs 8192 bytes, buffer 0 has 4096"):
        plan.attention(
            (x, 0, 0, 0, 64),
            (x, 0, 0, 0, 64),
            (x, 0, 0, 0, 64),
            (y, 0, 0, 0, 64),
            batch=1,
            heads=1,
            queries=32,
            keys=4,
            size=64,
        )
    with pytest.raises(ValueError, match=r"Plan.copy: expected offsets of at least 0, got -1, 0"):
        plan.copy(x, y, shape=(3,), x_strides=(1,), y_strides=(1,), x_offset=-1)


@pytest.mark.parametrize("weighted", [True, False])
def test_resampling(ops: Any, weighted: bool) -> None:
    x = normal((3, 5, 17))
    x[1, 2, 3] = np.nan
    columns = np.array([[0, 4, 2, 1], [1, -1, 3, -1], [-1, -1, 2, -1]], np.int32)
    weights = normal((3, 4)) if weighted else np.ones((3, 4), np.float32)
    size = {"outer": 3, "inputs": 5, "outputs": 4, "inner": 17, "taps": 3}
    expected = np.zeros((3, 4, 17))
    for k, i in np.argwhere(columns >= 0):
        expected[:, i] += weights[k, i] * x[:, columns[k, i]].astype(np.float64)

    def step(plan: Any, b: Any, y: int) -> int:
        return plan.resample(b[0], plan.constant(columns), y, *[plan.constant(weights)] * weighted, **size)

    y = at_threads(ops, lambda: run(ops, [x], (3, 4, 17), step))
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)
    assert np.isnan(y[1, :, 3]).sum() == 1


@pytest.mark.parametrize("shape", [(2, 16, 84), (3, 5, 7), (1, 300, 33), (4, 9, 64)])
def test_softmax_over_the_middle(ops: Any, shape: tuple[int, int, int]) -> None:
    x, size = normal(shape), dict(zip(("rows", "n", "inner"), shape))
    y = at_threads(ops, lambda: run(ops, [x], shape, lambda p, b, y: p.softmax(b[0], y, **size)))
    np.testing.assert_array_equal(y, ops.softmax(x, 1))


def test_rows_of_a_table(ops: Any) -> None:
    table, index = normal((7, 33)), np.array([[6, 0, 3], [3, 3, 1]])
    size = {"rows": 7, "width": 33, "count": 6}

    def rows(places: Any) -> Any:
        return run(ops, [places], (2, 3, 33), lambda p, b, y: p.embedding(p.constant(table), b[0], y, **size))

    np.testing.assert_array_equal(at_threads(ops, lambda: rows(index)), table[index])
    from_end = np.where(index > 2, index - 7, index)
    lay = lambda p, b, y: p.embedding(p.constant(table), b[0], y, negative=True, **size)
    np.testing.assert_array_equal(run(ops, [from_end], (2, 3, 33), lay), table[index])
    with pytest.raises(IndexError, match=r"^embedding: index -8 is out of range for 7 rows"):
        run(ops, [from_end - 4], (2, 3, 33), lay)
    for bad in (-1, 7, 1 << 40):
        wrong = index.copy()
        wrong[1, 1] = bad
        with pytest.raises(
            IndexError, match=rf"^embedding: index {bad} is out of range for 7 rows \(weight \(7, 33\)\)"
        ):
            rows(wrong)


@pytest.mark.parametrize("function", ["div", "maximum", "minimum"])
@pytest.mark.parametrize("row", [0, 1, 24])
def test_functions_of_two_operands(ops: Any, function: str, row: int) -> None:
    x, other = normal((50, 7, 24)), normal((row,) if row else (50, 7, 24), 1)
    x[0, 0, :3], other[0] = (np.nan, np.inf, -0.0), 0.0
    for swapped in (False, True):
        operands = (np.broadcast_to(other, x.shape), x) if swapped else (x, np.broadcast_to(other, x.shape))
        want = getattr(ops, function)(*map(np.ascontiguousarray, operands))
        options = {"function": function, "size": x.size, "row": row, "swapped": swapped}
        got = at_threads(ops, lambda o=options: run(ops, [x, other], x.shape, lambda p, b, y: p.combine(*b, y, **o)))
        np.testing.assert_array_equal(got, want)
    with pytest.raises(ValueError, match=r"^Plan.combine: unknown function 'pow'"):
        ops.Plan(0).combine(0, 0, 0, function="pow", size=1)


@pytest.mark.parametrize(
    "name",
    ["neg", "abs", "sign", "reciprocal", "sqrt", "rsqrt", "square", "exp", "expm1", "log", "log1p", "erf", "floor", "ceil",
     "round", "trunc", "softsign", "logsigmoid", "softplus", "sin", "cos", "tan"],
)  # fmt: skip
def test_functions_of_one_number(ops: Any, name: str) -> None:
    x = normal((5, 333))
    x[0, :5] = np.nan, np.inf, -np.inf, 0.0, -0.0
    got = at_threads(
        ops, lambda: run(ops, [x], x.shape, lambda p, b, y: p.activation(b[0], y, size=x.size, activation=name))
    )
    np.testing.assert_array_equal(got, getattr(ops, name)(x))


def test_what_stands_in_for_nan(ops: Any) -> None:
    x = normal((3, 70))
    x[1, 4:9] = np.nan
    options = {"size": x.size, "activation": "fill_nan", "parameters": (0.25,)}
    got = run(ops, [x], x.shape, lambda p, b, y: p.activation(b[0], y, **options))
    np.testing.assert_array_equal(got, np.where(np.isnan(x), np.float32(0.25), x))


def test_refusals_of_moves(ops: Any) -> None:
    plan = ops.Plan(0)
    x, y = plan.input(0, 400), plan.output(0, 400)
    columns = plan.constant(np.array([0, 1, 5, -1], np.int32))
    size = {"outer": 1, "outputs": 4, "inner": 2, "taps": 1}
    with pytest.raises(ValueError, match=r"Plan.resample: column 5 is none of 5"):
        plan.resample(x, columns, y, inputs=5, **size)
    with pytest.raises(ValueError, match=r"Plan.resample: columns must be a constant"):
        plan.resample(x, x, y, inputs=5, **size)
    with pytest.raises(ValueError, match=r"Plan.resample: columns needs 32 bytes, buffer 2 has 16"):
        plan.resample(x, columns, y, inputs=6, **size | {"taps": 2})
    with pytest.raises(ValueError, match=r"Plan.resample: the output overlaps what the step reads"):
        plan.resample(x, columns, x, inputs=6, **size)
    with pytest.raises(ValueError, match=r"Plan.embedding: table needs 800 bytes, buffer 0 has 400"):
        plan.embedding(x, x, y, rows=100, width=2, count=3)
    with pytest.raises(ValueError, match=r"Plan.embedding: index needs 408 bytes, buffer 0 has 400"):
        plan.embedding(x, x, y, rows=10, width=1, count=51)
