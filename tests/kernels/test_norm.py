"""Batch norm and layer norm kernels against NumPy in float64."""

from __future__ import annotations

import numpy as np
import pytest

from lucid import _isa

ops = _isa.load()
rng = np.random.default_rng(0)
Array = np.ndarray
Shape = tuple[int, ...]
Grads = tuple[Array, Array, Array]


def exact_forward(x: Array, weight: Array | None, bias: Array | None, eps: float, axes: Shape, shape: Shape) -> Grads:
    x = x.astype(np.float64)
    m, v = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    y = (x - m) / np.sqrt(v + eps)
    if weight is not None:
        y = y * weight.reshape(shape).astype(np.float64)
    return (y if bias is None else y + bias.reshape(shape)), m, v


def exact_backward(dy: Array, x: Array, weight: Array | None, eps: float, axes: Shape, shape: Shape) -> Grads:
    x, dy = x.astype(np.float64), dy.astype(np.float64)
    rstd = 1 / np.sqrt(x.var(axes, keepdims=True) + eps)
    xhat = (x - x.mean(axes, keepdims=True)) * rstd
    g = dy if weight is None else dy * weight.reshape(shape)
    dx = rstd * (g - g.mean(axes, keepdims=True) - xhat * (g * xhat).mean(axes, keepdims=True))
    rest = tuple(d for d in range(x.ndim) if shape[d] == 1)
    return dx, (dy * xhat).sum(rest), dy.sum(rest)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("shape", [(8, 5, 49), (33, 6, 1), (7, 3, 4), (2, 3, 5000), (1, 40, 64), (2, 1, 1)])
def test_batch_norm(shape: tuple[int, int, int], affine: bool, dtype: type) -> None:
    tol = {"rtol": 20 * np.finfo(dtype).eps, "atol": 60 * np.finfo(dtype).eps}
    c = shape[1]
    x, dy = (rng.standard_normal((2, *shape)) * 2 + 3).astype(dtype)
    weight, bias = rng.standard_normal((2, c)).astype(dtype) if affine else (None, None)
    y, m, v = ops.batch_norm(x, weight, bias, 1e-5)
    exact, em, ev = exact_forward(x, weight, bias, 1e-5, (0, 2), (1, c, 1))
    assert y.dtype == m.dtype == v.dtype == dtype and m.shape == v.shape == (c,)
    np.testing.assert_allclose(m, em.ravel(), **tol)
    np.testing.assert_allclose(v, ev.ravel(), **tol)
    count = x.size // c
    if count > 2:  # two values normalise to +-1 whatever their rounding
        np.testing.assert_allclose(y, exact, **tol)
        grads = ops.batch_norm_backward(dy, x, m, v, weight, 1e-5)
        for actual, expected in zip(grads, exact_backward(dy, x, weight, 1e-5, (0, 2), (1, c, 1))):
            np.testing.assert_allclose(actual, expected, tol["rtol"], tol["atol"] * count)
    m, v = rng.standard_normal(c).astype(dtype), rng.random(c).astype(dtype) + dtype(0.5)
    w64 = (np.ones(c) if weight is None else weight).reshape(1, c, 1)
    xhat = (x - m.reshape(1, c, 1).astype(np.float64)) / np.sqrt(v.reshape(1, c, 1) + 1e-5)
    expected = xhat * w64 + (0 if bias is None else bias.reshape(1, c, 1))
    np.testing.assert_allclose(ops.batch_norm_apply(x, m, v, weight, bias, 1e-5), expected, **tol)
    dx, dw, db = ops.batch_norm_apply_backward(dy, x, m, v, weight, 1e-5)
    np.testing.assert_allclose(dx, dy * (w64 / np.sqrt(v.reshape(1, c, 1) + 1e-5)), **tol)
    np.testing.assert_allclose(dw, (dy * xhat).sum((0, 2)), tol["rtol"], tol["atol"] * count)
    np.testing.assert_allclose(db, dy.sum((0, 2), dtype=np.float64), **tol)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("affine", [0, 1, 2])
@pytest.mark.parametrize("shape", [(5, 10), (70, 96), (33, 1000), (1, 3), (200, 64)])
def test_layer_norm(shape: tuple[int, int], affine: int, dtype: type) -> None:
    eps = np.finfo(dtype).eps
    tol = {"rtol": 20 * eps, "atol": 60 * eps}
    x, dy = (rng.standard_normal((2, *shape)) * 2 + 3).astype(dtype)
    weight, bias = rng.standard_normal((2, shape[1])).astype(dtype)
    weight, bias = weight if affine else None, bias if affine == 2 else None
    y, m, rstd = ops.layer_norm(x, weight, bias, 1e-5)
    exact, em, ev = exact_forward(x, weight, bias, 1e-5, (1,), (1, -1))
    np.testing.assert_allclose(y, exact, **tol)
    np.testing.assert_allclose(m, em.ravel(), **tol)
    np.testing.assert_allclose(rstd, 1 / np.sqrt(ev.ravel() + 1e-5), **tol)
    dx, dw, db = ops.layer_norm_backward(dy, x, m, rstd, weight)
    edx, edw, edb = exact_backward(dy, x, weight, 1e-5, (1,), (1, shape[1]))
    np.testing.assert_allclose(dx, edx, **tol)
    if affine:
        np.testing.assert_allclose(dw, edw, tol["rtol"], tol["atol"] * shape[0])
        np.testing.assert_allclose(db, edb, tol["rtol"], tol["atol"])
    else:
        assert dw is None and db is None


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("shape", [(5, 10), (70, 96), (33, 1000), (1, 3)])
def test_rms_norm(shape: tuple[int, int], affine: bool, dtype: type) -> None:
    eps = np.finfo(dtype).eps
    tol = {"rtol": 20 * eps, "atol": 60 * eps}
    x, dy = (rng.standard_normal((2, *shape)) * 2 + 1).astype(dtype)
    weight = rng.standard_normal(shape[1]).astype(dtype) if affine else None
    y, rstd = ops.rms_norm(x, weight, 1e-5)
    wide, w = x.astype(np.longdouble), np.ones(shape[1]) if weight is None else weight
    exact = 1 / np.sqrt((wide**2).mean(1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(rstd, exact.ravel(), **tol)
    np.testing.assert_allclose(y, wide * exact * w, **tol)
    dx, dw = ops.rms_norm_backward(dy, x, rstd, weight)
    g, xhat = dy.astype(np.longdouble) * w, wide * exact
    np.testing.assert_allclose(dx, (g - xhat * (g * xhat).mean(1, keepdims=True)) * exact, **tol)
    if affine:
        np.testing.assert_allclose(dw, (dy * xhat).sum(0), tol["rtol"], tol["atol"] * shape[0])
    else:
        assert dw is None


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize(
    ("shape", "groups"), [((3, 6, 20), 2), ((2, 4, 1), 2), ((4, 6, 49), 6), ((5, 8, 5), 1), ((2, 3, 700), 3)]
)
def test_group_norm(shape: tuple[int, int, int], groups: int, affine: bool, dtype: type) -> None:
    n, c, _ = shape
    tol = {"rtol": 20 * np.finfo(dtype).eps, "atol": 60 * np.finfo(dtype).eps}
    x, dy = (rng.standard_normal((2, *shape)) * 2 + 3).astype(dtype)
    weight, bias = rng.standard_normal((2, c)).astype(dtype) if affine else (None, None)
    y, m, rstd = ops.group_norm(x, groups, weight, bias, 1e-5)
    rows, g = x.reshape(n * groups, -1), dy if weight is None else dy * weight.reshape(1, c, 1).astype(np.float64)
    exact, em, _ev = exact_forward(rows, None, None, 1e-5, (1,), (1, -1))
    xhat = exact.reshape(shape)
    w, b = (np.ones(c), np.zeros(c)) if weight is None else (weight, bias)
    np.testing.assert_allclose(m, em.ravel(), **tol)
    np.testing.assert_allclose(y, xhat * w.reshape(1, c, 1) + b.reshape(1, c, 1), **tol)
    dx, dw, db = ops.group_norm_backward(dy, x, groups, m, rstd, weight)
    edx, _, _ = exact_backward(g.reshape(rows.shape), rows, None, 1e-5, (1,), (1, rows.shape[1]))
    np.testing.assert_allclose(dx, edx.reshape(shape), tol["rtol"], 4 * tol["atol"])
    np.testing.assert_allclose(dw, (dy * xhat).sum((0, 2)), tol["rtol"], tol["atol"] * x.size)
    np.testing.assert_allclose(db, dy.sum((0, 2), dtype=np.float64), tol["rtol"], tol["atol"] * 10)


def test_variance_survives_a_large_mean() -> None:
    x = (rng.standard_normal((4, 2, 500)) + 1e3).astype(np.float32)
    _, _, v = ops.batch_norm(x, None, None, 1e-5)
    np.testing.assert_allclose(v, x.astype(np.float64).var((0, 2)), rtol=1e-6)
    _, _, rstd = ops.layer_norm(x.reshape(8, 500), None, None, 1e-5)
    np.testing.assert_allclose(rstd, 1 / np.sqrt(x.reshape(8, 500).astype(np.float64).var(1) + 1e-5), rtol=1e-6)


@pytest.mark.parametrize(
    ("scale", "shift", "eps"), [(1e30, 0, 1e-5), (1e-22, 0, 0), (1, 1e4, 1e-5), (1e20, 1e21, 1e-5), (1e-30, 1, 1e-5)]
)
def test_layer_norm_where_float32_holds_no_squares(scale: float, shift: float, eps: float) -> None:
    """Squared deviations overflow, vanish or cancel: as exact as float64 from the same numbers, row by row."""
    for n in (7, 8, 33, 768, 1000):
        x = (rng.standard_normal((5, n)) * scale + shift).astype(np.float32)
        (weight, bias), dy = (rng.standard_normal((k, n)).astype(np.float32) for k in (2, 5))
        y, m, rstd = ops.layer_norm(x, weight, bias, eps)
        grads = ops.layer_norm_backward(dy, x, m, rstd, weight)
        wide = [a.astype(np.float64) for a in (x, weight, bias, dy)]
        exact_y, em, er = ops.layer_norm(*wide[:3], eps)
        exact = ops.layer_norm_backward(wide[3], wide[0], em, er, wide[1])
        for actual, expected in zip((y, rstd, *grads), (exact_y, er, *exact)):
            # a mean of 10^4 is itself rounded to a thousandth
            np.testing.assert_allclose(actual, expected, 0, (2e-3 if shift == 1e4 else 1e-4) * np.abs(expected).max())
        alone = ops.layer_norm(x[2:3], weight, bias, eps)
        np.testing.assert_array_equal(alone[0][0], y[2])
        np.testing.assert_array_equal(ops.layer_norm_backward(dy[2:3], x[2:3], *alone[1:], weight)[0][0], grads[0][2])


@pytest.mark.parametrize("shape", [(64, 16, 49), (300, 200, 1), (16, 8, 2000)])
def test_bits_do_not_depend_on_threads(shape: tuple[int, int, int]) -> None:
    x, dy = rng.standard_normal((2, *shape)).astype(np.float32)
    weight = rng.standard_normal(shape[1]).astype(np.float32)
    wide = rng.standard_normal(shape[2]).astype(np.float32)
    results = []
    for threads in (1, 2, 3, 5):
        ops.set_num_threads(threads)
        y, m, v = ops.batch_norm(x, weight, weight, 1e-5)
        rows, dy_rows = x.reshape(-1, shape[2]), dy.reshape(-1, shape[2])
        z, lm, rstd = ops.layer_norm(rows, wide, wide, 1e-5)
        arrays = [y, m, v, z, lm, rstd, *ops.batch_norm_backward(dy, x, m, v, weight, 1e-5)]
        results.append([a.tobytes() for a in (*arrays, *ops.layer_norm_backward(dy_rows, rows, lm, rstd, wide))])
    assert all(r == results[0] for r in results)


def test_errors() -> None:
    x, p = np.zeros((2, 3, 4), np.float32), np.zeros(4, np.float32)
    for call, message in (
        (lambda: ops.batch_norm(x[0], None, None, 1e-5), "batch_norm: expected (N, C, L), got (3, 4)"),
        (lambda: ops.batch_norm(x, p, p, 1e-5), "batch_norm: expected parameters (3,) for (2, 3, 4), got (4,)"),
        (lambda: ops.batch_norm(x[:0], None, None, 1e-5), "batch_norm: no values per channel in (0, 3, 4)"),
        (lambda: ops.batch_norm_backward(x[:1], x, p[:3], p[:3], None, 1e-5),
         "batch_norm_backward: dy (1, 3, 4) and x (2, 3, 4) differ"),
        (lambda: ops.layer_norm(x[0], p[:3], None, 1e-5), "layer_norm: expected parameters (4,) for (3, 4), got (3,)"),
        (lambda: ops.layer_norm_backward(x[0], x[0], p, p, None),
         "layer_norm_backward: expected (3,) statistics, got (4,)"),
    ):  # fmt: skip
        with pytest.raises(ValueError) as info:
            call()
        assert str(info.value) == message
