"""Functions keep denormal numbers: arguments and results, to the last bit where the function is exact there."""

from __future__ import annotations

import numpy as np
import pytest

from lucid import _ops

SMALL = [
    np.float32(2.0**-149),
    np.float32(2.0**-140 + 2.0**-149),
    np.float32(2.0**-126 - 2.0**-149),
    np.float32(2.0**-126),
]
X = np.array([s * v for v in SMALL for s in (1, -1)] + [np.float32(0.0), np.float32(-0.0)], np.float32)


def halves(x: np.ndarray) -> np.ndarray:
    return (x.astype(np.float64) / 2).astype(np.float32)


@pytest.mark.parametrize("name", ["tanh", "expm1", "log1p", "softsign", "elu"])
def test_identity_near_zero(name: str) -> None:
    y = getattr(_ops, name)(X)
    np.testing.assert_array_equal(y.view(np.int32), X.view(np.int32))


@pytest.mark.parametrize("name", ["silu", "gelu", "gelu_tanh", "hardswish"])
def test_half_near_zero(name: str) -> None:
    y = getattr(_ops, name)(X)
    assert np.abs(y.view(np.int32) - halves(X).view(np.int32)).max() <= 1
    np.testing.assert_array_equal(np.signbit(y), np.signbit(X))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_roots(dtype: type) -> None:
    tiny = np.finfo(dtype).smallest_subnormal
    x: np.ndarray = np.array(
        [tiny, 3 * tiny, 12345 * tiny, np.finfo(dtype).tiny, np.finfo(dtype).tiny - tiny, 0, -0.0], dtype
    )
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(_ops.sqrt(x), np.sqrt(x))
        np.testing.assert_array_equal(_ops.rsqrt(x), 1 / np.sqrt(x))
        assert np.isnan(_ops.sqrt(-x[:3])).all()


@pytest.mark.parametrize("name", ["exp", "sigmoid"])
def test_denormal_results(name: str) -> None:
    x = np.linspace(-103, -88, 1001, dtype=np.float32)
    exact = np.exp(x.astype(np.float64)).astype(np.float32)
    assert np.abs(getattr(_ops, name)(x).view(np.int32) - exact.view(np.int32)).max() <= 1
