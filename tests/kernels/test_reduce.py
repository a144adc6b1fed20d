"""Reductions against NumPy in float64."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from lucid import _isa

ops = _isa.load()
rng = np.random.default_rng(0)

CASES: list[tuple[tuple[int, ...], Any]] = [
    ((), None), ((), ()), ((1,), None), ((5,), None), ((7,), ()), ((100_003,), (0,)), ((400_001,), None),
    ((31, 5), (1,)), ((5, 31), (0,)), ((3000, 3), (0,)), ((40_000, 3), (0,)), ((3, 40_000), (1,)), ((700, 600), (0,)),
    ((2, 5, 1100), (1,)), ((4, 6, 5, 7), (0, 2, 3)), ((4, 6, 5, 7), (1, 2)), ((4, 6, 5, 7), (0, 3)),
    ((8, 3, 28, 28), (0, 2, 3)), ((4, 1, 5), (1,)), ((4, 1, 5), (-1, 0)), ((2, 3, 4, 5, 6), (0, 2, 4)),
    ((2, 3, 4, 5, 6), (1, 3)), ((9, 4), ()), ((1, 10), (1,)), ((1000, 32), (1,)), ((1000, 33), (1,)),
]  # fmt: skip


def exact_sum(x: np.ndarray, axes: Any, keepdim: bool = False) -> np.ndarray:
    return np.sum(x.astype(np.longdouble), axis=axes, keepdims=keepdim)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES)
def test_values(case: tuple[tuple[int, ...], Any], dtype: type) -> None:
    shape, axes = case
    x = np.asarray(rng.uniform(-1, 1, shape), dtype)
    eps = np.finfo(dtype).eps
    for keepdim in (False, True):
        total = exact_sum(x, axes, keepdim)
        count = x.size / max(total.size, 1)
        scale = exact_sum(np.abs(x), axes, keepdim)
        y = ops.sum(x, axes, keepdim)
        assert y.dtype == dtype and y.shape == total.shape
        assert np.all(np.abs(y - total) <= eps / 2 * np.abs(total) + 1e-15 * scale)
        assert np.all(np.abs(ops.mean(x, axes, keepdim) - total / count) <= eps * np.abs(total / count) + 1e-15 * scale)
        x64 = x.astype(np.longdouble)
        for name, expected in (
            ("amax", np.max(x64, axis=axes, keepdims=keepdim)),
            ("amin", np.min(x64, axis=axes, keepdims=keepdim)),
        ):
            np.testing.assert_array_equal(getattr(ops, name)(x, axes, keepdim), expected)
        lse = np.log(np.sum(np.exp(x64), axis=axes, keepdims=keepdim))
        np.testing.assert_allclose(ops.logsumexp(x, axes, keepdim), lse, rtol=4 * eps, atol=4 * eps)
        norm = np.sqrt(np.sum(x64**2, axis=axes, keepdims=keepdim))
        np.testing.assert_allclose(ops.norm2(x, axes, keepdim), norm, rtol=eps if dtype == np.float32 else 2 * eps)
        for correction in (0, 1):
            with np.errstate(all="ignore"):
                expected = np.sum((x64 - x64.mean(axis=axes, keepdims=True)) ** 2, axis=axes, keepdims=keepdim)
                expected = expected / max(count - correction, 0)
            np.testing.assert_allclose(ops.var(x, axes, correction, keepdim), expected, rtol=3 * eps)
        near_one = np.asarray(1 + x / 1e3, dtype)
        expected = np.prod(near_one.astype(np.longdouble), axis=axes, keepdims=keepdim)
        np.testing.assert_allclose(ops.prod(near_one, axes, keepdim), expected, rtol=eps + 1e-12)


def test_sums_are_rounded_once() -> None:
    x = rng.random(1_000_000)
    exact = math.fsum(x.astype(np.float32).astype(np.float64))
    assert ops.sum(x.astype(np.float32)) == np.float32(exact)
    assert abs(float(ops.sum(x)) - math.fsum(x)) <= np.spacing(math.fsum(x))
    shifted = rng.standard_normal((64, 3, 20, 20)) + 1e4
    np.testing.assert_allclose(ops.var(shifted, (0, 2, 3)), np.var(shifted, axis=(0, 2, 3), ddof=1), rtol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_bits_do_not_depend_on_threads(case: tuple[tuple[int, ...], Any]) -> None:
    shape, axes = case
    x = np.asarray(rng.standard_normal(shape), np.float32)
    x64 = np.asarray(rng.standard_normal(shape))
    results = []
    for threads in (1, 2, 3, 5):
        ops.set_num_threads(threads)
        results.append([f(a, axes).tobytes() for f in (ops.sum, ops.prod, ops.var, ops.logsumexp) for a in (x, x64)])
    assert all(r == results[0] for r in results)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(7,), (5000,), (6, 9), (40, 1100), (5, 600, 3), (2, 3, 4)])
def test_indices_and_running_sums(shape: tuple[int, ...], dtype: type) -> None:
    x = rng.integers(-50, 50, shape).astype(dtype)
    eps = np.finfo(dtype).eps
    for axis in range(-1, len(shape)):
        for name, arg, extreme in (("max", np.argmax, np.max), ("min", np.argmin, np.min)):
            values, indices = getattr(ops, f"{name}_with_indices")(x, axis)
            assert indices.dtype == np.int64 and values.dtype == dtype
            np.testing.assert_array_equal(indices, arg(x, axis=axis))
            np.testing.assert_array_equal(values, extreme(x, axis=axis))
        y = rng.uniform(0.5, 1.5, shape).astype(dtype)
        np.testing.assert_allclose(ops.cumsum(y, axis), np.cumsum(y.astype(np.float64), axis), rtol=eps)
        np.testing.assert_allclose(ops.cumprod(y, axis), np.cumprod(y.astype(np.float64), axis), eps + 1e-12, 1e-40)
    assert ops.argmax(x) == np.argmax(x) and ops.argmin(x) == np.argmin(x)
    x.reshape(-1)[[x.size // 2, x.size - 1]] = np.nan
    assert ops.argmax(x) == x.size // 2 == ops.argmin(x)
    assert np.isnan(ops.amax(x)) and np.isnan(ops.amin(x)) and np.isnan(ops.sum(x))
    np.testing.assert_array_equal(ops.argmax(x, 0), np.argmax(x, 0))


def test_logsumexp_limits() -> None:
    x = np.array([[-np.inf, -np.inf], [np.inf, 0], [np.nan, 0], [1000, 1000], [-np.inf, 3]], np.float32)
    expected = [-np.inf, np.inf, np.nan, 1000 + math.log(2), 3]
    np.testing.assert_allclose(ops.logsumexp(x, (1,)), expected, rtol=1e-6)
    one = np.array([np.inf, 1.0])
    ops.logsumexp(one, ())
    np.testing.assert_array_equal(one, [np.inf, 1.0])


@pytest.mark.parametrize(
    "shape", [(3, 4, 5), (4, 5), (5,), (), (1, 5), (4, 1), (1, 1, 1), (3, 1, 5), (1,), (3, 4, 1)], ids=str
)
def test_sum_to(shape: tuple[int, ...]) -> None:
    x = rng.standard_normal((3, 4, 5))
    axes = tuple(range(3 - len(shape))) + tuple(d + 3 - len(shape) for d, n in enumerate(shape) if n == 1)
    np.testing.assert_allclose(ops.sum_to(x, shape), x.sum(axis=axes).reshape(shape), rtol=1e-12)


def test_empty() -> None:
    x = np.zeros((0, 3), np.float32)
    np.testing.assert_array_equal(ops.sum(x, (0,)), [0, 0, 0])
    np.testing.assert_array_equal(ops.prod(x), 1)
    np.testing.assert_array_equal(ops.mean(x, (0,)), [np.nan] * 3)
    np.testing.assert_array_equal(ops.var(x, (0,)), [np.nan] * 3)
    np.testing.assert_array_equal(ops.logsumexp(x, (0,)), [-np.inf] * 3)
    assert ops.amax(x, (1,)).shape == (0,)
    assert ops.cumsum(x, 0).shape == (0, 3)
    assert ops.max_with_indices(x, 1)[1].shape == (0,)


def test_strided() -> None:
    x = rng.standard_normal((30, 40, 5))
    np.testing.assert_allclose(ops.sum(x.transpose(2, 0, 1), (1,)), x.sum(0).T, rtol=1e-12, atol=1e-14)


def test_errors() -> None:
    x = np.zeros((2, 0), np.float32)
    for call, error, message in (
        (lambda: ops.sum(x.astype(int)), TypeError, "expected float32 or float64, got int64"),
        (lambda: ops.sum(x, (2,)), ValueError, "axes (2,) are out of range or repeated for shape (2, 0)"),
        (lambda: ops.sum(x, (0, -2)), ValueError, "axes (0, -2) are out of range or repeated for shape (2, 0)"),
        (lambda: ops.amax(x, (1,)), ValueError, "amax: nothing to reduce over axes (1,) of shape (2, 0)"),
        (lambda: ops.argmin(x), ValueError, "amin: nothing to reduce over axes (0,) of shape (0,)"),
        (lambda: ops.cumsum(x, 2), ValueError, "cumsum: axis 2 is out of range for shape (2, 0)"),
        (lambda: ops.sum_to(x, (3, 1)), ValueError, "sum_to: (3, 1) does not broadcast to (2, 0)"),
    ):
        with pytest.raises(error) as info:
            call()
        assert str(info.value) == message


def test_squares_of_a_norm_neither_overflow_nor_vanish(ops: Any) -> None:
    x = np.array([[3e30, 4e30], [3e-30, 4e-30], [0, 0], [np.inf, 1]], np.float32)
    np.testing.assert_allclose(ops.norm2(x, (1,)), np.array([5e30, 5e-30, 0, np.inf], np.float32), rtol=1e-7)
