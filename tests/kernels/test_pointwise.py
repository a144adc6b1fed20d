"""Elementwise kernels and their drivers against NumPy in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lucid import _isa

ops = _isa.load()
rng = np.random.default_rng(0)
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.5, -2.5, np.inf, -np.inf, np.nan, 1e-40, 1e30, -1e30]


def values(n: int, dtype: type, lo: float = -4, hi: float = 4) -> np.ndarray:
    return np.concatenate([np.array(SPECIAL), rng.uniform(lo, hi, n)]).astype(dtype)


def assert_close(actual: np.ndarray, exact: np.ndarray, ulp: float = 2) -> None:
    """``actual`` is within ``ulp`` units in the last place of ``exact`` and NaN, infinite and signed alike."""
    with np.errstate(over="ignore"):
        expected = exact.astype(actual.dtype)
    assert actual.shape == expected.shape
    special = ~np.isfinite(expected) | ~np.isfinite(actual)
    np.testing.assert_array_equal(actual[special], expected[special])
    a, b = actual[~special].astype(np.float64), exact[~special].astype(np.float64)
    bound = ulp * np.spacing(np.abs(expected[~special])).astype(np.float64)
    worst = np.argmax(np.abs(a - b) / bound) if a.size else 0
    assert np.all(np.abs(a - b) <= bound), f"{a[worst]} for {b[worst]}"
    zero = expected == 0
    np.testing.assert_array_equal(np.signbit(actual[zero]), np.signbit(expected[zero]))


def erf64(x: np.ndarray) -> np.ndarray:
    return np.vectorize(math.erf)(x)


UNARY = {
    "neg": np.negative, "abs": np.abs, "sign": lambda x: np.where(x == 0, x, np.sign(x)), "reciprocal": lambda x: 1 / x,
    "sqrt": np.sqrt, "rsqrt": lambda x: 1 / np.sqrt(x), "square": np.square, "exp": np.exp, "exp2": np.exp2,
    "expm1": np.expm1, "log": np.log, "log2": np.log2, "log10": np.log10, "log1p": np.log1p, "sin": np.sin,
    "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "sinh": np.sinh,
    "cosh": np.cosh, "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh, "erf": erf64,
    "erfc": np.vectorize(math.erfc), "floor": np.floor, "ceil": np.ceil, "round": np.round, "trunc": np.trunc,
}  # fmt: skip
BINARY = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "pow": np.power, "maximum": np.maximum,
    "minimum": np.minimum, "fmax": np.fmax, "fmin": np.fmin, "atan2": np.arctan2, "fmod": np.fmod,
    "hypot": np.hypot,
}  # fmt: skip
COMPARE = {
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal
}  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", UNARY)
def test_unary(name: str, dtype: type) -> None:
    x = values(500, dtype)
    with np.errstate(all="ignore"):
        assert_close(getattr(ops, name)(x), UNARY[name](x.astype(np.float64)))


def test_lgamma() -> None:
    x = rng.uniform(0.1, 20, 300)
    np.testing.assert_allclose(ops.lgamma(x), np.vectorize(math.lgamma)(x), rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", BINARY)
def test_binary_on_every_pair_of_special_values(name: str, dtype: type) -> None:
    v = values(30, dtype)
    x, y = (np.ascontiguousarray(a) for a in np.broadcast_arrays(v[:, None], v[None, :]))
    with np.errstate(all="ignore"):
        exact = BINARY[name](x.astype(np.float64), y.astype(np.float64))
        actual = getattr(ops, name)(x, y)
        np.testing.assert_array_equal(getattr(ops, name)(v[:, None], v[None, :]), actual)
        if name in ("maximum", "minimum", "fmax", "fmin"):  # which zero wins is not promised
            exact, actual = exact + 0.0, actual + 0.0
        assert_close(actual, exact)


def test_remainder_has_the_sign_of_the_divisor() -> None:
    x, y = np.array([5.5, -5.5, 5.5, -5.5, 6, 1, np.nan]), np.array([2.0, 2, -2, -2, 3, np.inf, 1])
    np.testing.assert_array_equal(ops.remainder(x, y), [1.5, 0.5, -0.5, -1.5, 0, 1, np.nan])


@pytest.mark.parametrize("exponent", [2.0, 3.0, 0.5, -1.0, 0.0, 1.7, np.nan])
def test_pow_by_a_scalar(exponent: float) -> None:
    for dtype in (np.float32, np.float64):
        x = values(100, dtype)
        with np.errstate(all="ignore"):
            exact = np.power(x.astype(np.float64), np.full(x.shape, float(dtype(exponent))))
        assert_close(ops.pow(x, np.array(exponent, dtype)), exact)


@pytest.mark.parametrize("name", COMPARE)
def test_compare(name: str) -> None:
    v = values(20, np.float32)
    out = getattr(ops, name)(v[:, None], v)
    assert out.dtype == np.bool_
    np.testing.assert_array_equal(out, COMPARE[name](v[:, None], v))


def test_clamp_add_scaled_where() -> None:
    x = values(100, np.float32)
    np.testing.assert_array_equal(ops.clamp(x, -1, 2), np.clip(x, np.float32(-1), np.float32(2)))
    np.testing.assert_array_equal(ops.clamp(x, -np.inf, 0), np.minimum(x, np.float32(0)))
    y = rng.standard_normal(len(x)).astype(np.float32)
    with np.errstate(over="ignore"):
        assert_close(ops.add_scaled(x, y, 0.5), x.astype(np.float64) + 0.5 * y)
    c = rng.random((7, 1, len(x))) < 0.5
    np.testing.assert_array_equal(ops.where(c, x, y[None, :3, None]), np.where(c, x, y[None, :3, None]))
    np.testing.assert_array_equal(ops.where(c[0, 0], x, np.float32(3)[None]), np.where(c[0, 0], x, np.float32(3)))


SHAPES = [
    ((2, 3, 4, 5), (1, 3, 1, 1)), ((2, 8, 6, 7), (1, 8, 1, 1)), ((50, 1), (1, 70)), ((9, 3), (9, 1)), ((9, 1), (9, 3)),
    ((), ()), ((), (5,)), ((4, 5), ()), ((1, 1, 1), (6,)), ((0, 3), (1, 3)), ((3, 0), (3, 1)), ((1,), (2, 1, 3)),
    ((4, 1, 6), (5, 1)), ((130,), (3, 130)), ((3, 130), (3, 1)), ((300, 1, 200), (1, 4, 1)), ((1,), ()), ((1, 1), (1,)),
    ((2, 1, 3, 1, 40), (1, 5, 1, 6, 40)), ((70000,), (1,)), ((40, 2000), (2000,)),
]  # fmt: skip


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("shapes", SHAPES)
def test_broadcasting(shapes: tuple[tuple[int, ...], tuple[int, ...]], threads: int) -> None:
    ops.set_num_threads(threads)
    x, y = (rng.standard_normal(shape).astype(np.float32) for shape in shapes)
    for a, b in ((x, y), (y, x)):
        a, b = np.asarray(a), np.asarray(b)
        expected = np.asarray(a - b)
        for actual in (ops.sub(a, b), ops.sub(a, b, np.empty_like(expected))):
            assert actual.shape == expected.shape
            np.testing.assert_array_equal(actual, expected)
        np.testing.assert_array_equal(ops.where(np.asarray(a > 0), a, b), np.where(a > 0, a, b))


@pytest.mark.parametrize("n", [1, 15, 63, 64, 65, 127, 1023, 1024, 1025, 5000, 70001])
def test_result_may_be_an_operand(n: int) -> None:
    x, y = rng.standard_normal((2, n))
    for left, right, out in ((0, 1, 0), (0, 1, 1), (0, 0, 0)):
        a = [x.copy(), y.copy()]
        np.testing.assert_array_equal(ops.sub(a[left], a[right], a[out]), (x, y)[left] - (x, y)[right])
    a = x.copy()
    np.testing.assert_array_equal(ops.sub(a, a[:1], a), x - x[0])
    a = x.copy()
    assert ops.exp(a, a) is a
    np.testing.assert_array_equal(a, ops.exp(x))


def test_result_overlapping_an_operand() -> None:
    for n in (10, 3000):
        x = rng.standard_normal(n)
        for out, operand in ((slice(1, None), slice(None, -1)), (slice(None, -1), slice(1, None))):
            a = x.copy()
            ops.neg(a[operand], a[out])
            np.testing.assert_array_equal(a[out], -x[operand])
            a = x.copy()
            ops.sub(a[operand], a[n // 2 : n // 2 + 1], a[out])
            np.testing.assert_array_equal(a[out], x[operand] - x[n // 2])
    a = rng.standard_normal((5, 40))
    expected = a + a[0]
    np.testing.assert_array_equal(ops.add(a, a[0], a), expected)


def test_strided_swapped_and_unaligned_operands() -> None:
    x = rng.standard_normal((30, 40))
    np.testing.assert_array_equal(ops.add(x.T, x[:, ::-1].T), x.T + x[:, ::-1].T)
    np.testing.assert_array_equal(ops.neg(x.astype(">f8")), -x)
    unaligned = np.frombuffer(b"0" + x.tobytes(), np.uint8)[1:].view(np.float64).reshape(x.shape)
    np.testing.assert_array_equal(ops.mul(unaligned, unaligned), x * x)
    read_only = x.copy()
    read_only.flags.writeable = False
    np.testing.assert_array_equal(ops.neg(read_only), -x)


@pytest.mark.parametrize("name", ["exp", "log1p", "expm1", "erf", "sqrt", "sin"])
def test_bits_do_not_depend_on_position_length_or_threads(name: str) -> None:
    x = np.abs(rng.standard_normal(100_003)).astype(np.float32)
    ops.set_num_threads(1)
    whole = getattr(ops, name)(x)
    for threads in (2, 3):
        ops.set_num_threads(threads)
        np.testing.assert_array_equal(getattr(ops, name)(x), whole)
    for lo, hi in ((1, 2), (3, 70), (17, 1100), (99_990, 100_003)):
        np.testing.assert_array_equal(getattr(ops, name)(x[lo:hi]), whole[lo:hi])


def test_errors() -> None:
    x = np.zeros((2, 3), np.float32)
    for call, error, message in (
        (lambda: ops.exp(np.zeros(3, np.int64)), TypeError, "expected float32 or float64, got int64"),
        (lambda: ops.add(x, np.zeros(3)), TypeError, "operands have different dtypes: float32, float64"),
        (lambda: ops.pow(x, np.array(2.0)), TypeError, "operands have different dtypes: float32, float64"),
        (lambda: ops.add(x, np.zeros(4, np.float32)), ValueError, "shapes (2, 3), (4,) do not broadcast together"),
        (lambda: ops.where(x, x, x), TypeError, "where: expected a bool condition, got float32"),
        (lambda: ops.neg(x, np.zeros(3, np.float32)), ValueError, "out is float32 (3,), expected shape (2, 3)"),
        (lambda: ops.add(x, x, x.T.copy().T), ValueError, "out must be contiguous and writable"),
        (lambda: ops.add(x, x, np.broadcast_to(x[0], (2, 3))), ValueError, "out must be contiguous and writable"),
    ):
        with pytest.raises(error) as info:
            call()
        assert str(info.value) == message
