"""Softmax and cross-entropy kernels against NumPy in float64."""

from __future__ import annotations

import numpy as np
import pytest

from lucid import _isa

ops = _isa.load()
rng = np.random.default_rng(0)


def exact_log_softmax(x: np.ndarray, axis: int) -> np.ndarray:
    x = x.astype(np.longdouble)
    x = x - x.max(axis, keepdims=True)
    return x - np.log(np.exp(x).sum(axis, keepdims=True))


CASES = [((1,), 0), ((10,), 0), ((7, 10), -1), ((300, 5), 1), ((3, 4, 2500), 2), ((9, 16), 1), ((40, 33), 0),
         ((5, 6, 7), 1), ((2, 21, 100), 1), ((2, 3, 32), 1), ((6, 1), 1), ((2, 3, 4, 50), 0)]  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES)
def test_values(case: tuple[tuple[int, ...], int], dtype: type) -> None:
    shape, axis = case
    eps = np.finfo(dtype).eps
    x, dy = (rng.standard_normal((2, *shape)) * 3).astype(dtype)
    logp = exact_log_softmax(x, axis)
    p = np.exp(logp)
    for strided in (False, True):
        if strided:
            x, dy = np.asfortranarray(x), np.asfortranarray(dy)
        y = ops.softmax(x, axis)
        assert y.dtype == dtype and y.flags.c_contiguous
        # rounding x - max(x) costs half an ulp of it, which exp makes a relative error
        np.testing.assert_allclose(y, p, rtol=20 * eps)
        np.testing.assert_allclose(ops.log_softmax(x, axis), logp, rtol=2 * eps, atol=4 * eps)
        g = p * (dy - (p * dy).sum(axis, keepdims=True))
        np.testing.assert_allclose(ops.softmax_backward(y, dy, axis), g, rtol=4 * eps, atol=20 * eps)
        total = dy.astype(np.longdouble).sum(axis, keepdims=True)
        g = dy - p * total
        logy = ops.log_softmax(x, axis)
        np.testing.assert_allclose(ops.log_softmax_backward(logy, dy, axis), g, 4 * eps, 8 * eps * np.abs(total).max())


def test_limits() -> None:
    inf, nan = np.inf, np.nan
    rows = np.array([[-inf] * 3, [inf, 0, 0], [nan, 0, 1], [-inf, 0, 0], [1e30, -1e30, 1e30]], np.float32)
    expected = [[nan] * 3, [nan] * 3, [nan] * 3, [0, 0.5, 0.5], [0.5, 0, 0.5]]
    np.testing.assert_array_equal(ops.softmax(rows, 1), expected)
    np.testing.assert_array_equal(ops.softmax(np.repeat(rows.T[:, :, None], 40, 2), 0)[:, :, 7].T, expected)
    for y in (ops.log_softmax(rows, 1), ops.log_softmax(np.repeat(rows.T[:, :, None], 40, 2), 0)[:, :, 35].T):
        np.testing.assert_allclose(y[3], [-inf, -np.log(2), -np.log(2)], rtol=1e-6)
        assert np.isnan(y[:3]).all()


@pytest.mark.parametrize("shape", [(700, 77), (4, 21, 1000), (3, 30000)])
def test_bits_do_not_depend_on_batch_or_threads(shape: tuple[int, ...]) -> None:
    x, dy = rng.standard_normal((2, *shape)).astype(np.float32)
    results = []
    for threads in (1, 2, 3):
        ops.set_num_threads(threads)
        y, logy = ops.softmax(x, 1), ops.log_softmax(x, 1)
        results.append((y, logy, ops.softmax_backward(y, dy, 1), ops.log_softmax_backward(logy, dy, 1)))
        for a, b in zip(results[-1], results[0]):
            np.testing.assert_array_equal(a, b)
    y, logy = ops.softmax(x[1:2], 1), ops.log_softmax(x[1:2], 1)
    alone = (y, logy, ops.softmax_backward(y, dy[1:2], 1), ops.log_softmax_backward(logy, dy[1:2], 1))
    for a, b in zip(alone, results[0]):
        np.testing.assert_array_equal(a, b[1:2])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(6, 10, 1), (2, 5, 600), (3, 2, 7)])
def test_cross_entropy(shape: tuple[int, int, int], weighted: bool, smoothing: float, dtype: type) -> None:
    n, c, length = shape
    eps = np.finfo(dtype).eps
    x, g = rng.standard_normal(shape).astype(dtype), rng.standard_normal((n, length)).astype(dtype)
    target = rng.integers(0, c, (n, length))
    target[0, 0] = -100
    weight = None
    if weighted:
        weight = rng.random(c).astype(dtype)
        weight[0] = 0
    w = np.ones(c) if weight is None else weight.astype(np.longdouble)
    valid = target != -100
    onehot = (target[:, None, :] == np.arange(c)[None, :, None]).astype(np.longdouble)
    slope = -((1 - smoothing) * onehot + smoothing / c) * w[None, :, None] * valid[:, None, :]  # d(loss)/d(logp)
    logp = ops.log_softmax(x, 1)
    exact = exact_log_softmax(x, 1)
    losses, total, weights, kept = ops.cross_entropy(x, target, weight, -100, smoothing)
    assert losses.dtype == dtype
    np.testing.assert_allclose(losses, (slope * exact).sum(1), rtol=8 * eps, atol=8 * eps)
    np.testing.assert_allclose(total, losses.sum(dtype=np.float64), rtol=1e-12)
    np.testing.assert_allclose(weights, np.where(valid, w[np.where(valid, target, 0)], 0).sum(), rtol=1e-12)
    dlogp = slope * g[:, None, :]
    expected = dlogp - np.exp(exact) * dlogp.sum(1, keepdims=True)
    dx = ops.cross_entropy_backward(x, kept, target, weight, -100, smoothing, g)
    np.testing.assert_allclose(dx, expected, rtol=8 * eps, atol=8 * eps)
    one = ops.cross_entropy_backward(x, kept, target, weight, -100, smoothing, g[:1, :1], 4.0)
    all_ = ops.cross_entropy_backward(x, kept, target, weight, -100, smoothing, np.full_like(g, g[0, 0] / 4))
    np.testing.assert_array_equal(one, all_)
    losses, *_ = ops.nll(logp, target, weight, -100)
    slope = -onehot * w[None, :, None] * valid[:, None, :]
    np.testing.assert_allclose(losses, (slope * exact).sum(1), rtol=8 * eps, atol=8 * eps)
    dlogp = ops.nll_backward(logp, target, weight, -100, g)
    np.testing.assert_allclose(dlogp, slope * g[:, None, :], rtol=2 * eps)


def test_errors() -> None:
    logp, target = np.zeros((4, 10, 1), np.float32), np.zeros((4, 1), np.int64)
    bad = np.array([[0], [1], [-1], [12]])
    for call, error, message in (
        (lambda: ops.softmax(logp, 3), ValueError, "softmax: axis 3 is out of range for shape (4, 10, 1)"),
        (lambda: ops.softmax_backward(logp, logp[:2], 1), ValueError,
         "softmax_backward: shapes (4, 10, 1) and (2, 10, 1) differ"),
        (lambda: ops.cross_entropy(logp, bad, None, -1, 0.0), IndexError,
         "cross_entropy: target 12 at position 3 is out of range for 10 classes"),
        (lambda: ops.cross_entropy(logp, bad, None, -100, 0.0), IndexError,
         "cross_entropy: target -1 at position 2 is out of range for 10 classes"),
        (lambda: ops.cross_entropy(logp, target.astype(np.int32), None, -100, 0.0), TypeError,
         "cross_entropy: expected int64 targets, got int32"),
        (lambda: ops.nll(logp, target[:3], None, -100), ValueError,
         "nll: expected (N, C, L) and targets (N, L), got (4, 10, 1) and (3, 1)"),
        (lambda: ops.nll(logp, target, np.zeros(9, np.float32), -100), ValueError,
         "nll: expected a weight for each of 10 classes, got shape (9,)"),
    ):  # fmt: skip
        with pytest.raises(error) as info:
            call()
        assert str(info.value) == message
