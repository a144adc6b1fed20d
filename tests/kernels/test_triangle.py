"""Triangles of matrices and differences of neighbours against NumPy's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from kernels.common import DTYPES, at_threads, normal

from lucid import _ops


@pytest.mark.parametrize("dtype", [np.bool_, np.float16, np.float32, np.int64, np.complex128])
@pytest.mark.parametrize("shape", [(1, 1), (5, 5), (3, 70), (70, 3), (2, 3, 20, 30), (0, 4), (4, 0), (2, 0, 3)])
def test_triangle(shape: tuple[int, ...], dtype: Any) -> None:
    x = np.random.default_rng(1).integers(1, 9, shape).astype(dtype)
    for diagonal in (-(2**62), -71, -3, -1, 0, 1, 4, 71, 2**62):
        near = max(min(diagonal, 100), -100)
        for upper, expected in ((False, np.tril(x, near)), (True, np.triu(x, near))):
            y = at_threads(_ops, lambda d=diagonal, u=upper: _ops.triangle(x, d, u))
            np.testing.assert_array_equal(y, expected)
            assert y.dtype == x.dtype
    np.testing.assert_array_equal(_ops.triangle(x.swapaxes(-1, -2), 1, True), np.triu(x.swapaxes(-1, -2), 1))


def test_nan_and_infinity_outside_leave_no_trace() -> None:
    x = np.full((3, 3), np.nan, np.float32)
    np.testing.assert_array_equal(_ops.triangle(x, 0, False)[0, 1:], [0, 0])


def test_refusals() -> None:
    with pytest.raises(ValueError, match=r"^triangle: expected at least two axes, got \(3,\)$"):
        _ops.triangle(np.zeros(3), 0, True)
    with pytest.raises(TypeError, match=r"^triangle: expected numbers of 1, 2, 4, 8 or 16 bytes, got object$"):
        _ops.triangle(np.array([[None]]), 0, True)
    for function in (_ops.diff, _ops.diff_backward):
        for axis in (-1, 2):
            with pytest.raises(ValueError, match=rf"^{function.__name__}: \(2, 3\) along axis {axis}$"):
                function(np.zeros((2, 3)), axis)
    with pytest.raises(ValueError, match=r"^diff: \(2, 0\) along axis 1$"):
        _ops.diff(np.zeros((2, 0)), 1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "axis"), [((9,), 0), ((3, 70), 1), ((70, 3), 0), ((2, 40, 33), 1), ((4, 1, 3), 1),
                                             ((2, 2, 50), 1), ((0, 3), 1), ((1,), 0)])  # fmt: skip
def test_diff_and_its_adjoint(shape: tuple[int, ...], axis: int, dtype: type) -> None:
    x = normal(shape, dtype)
    np.testing.assert_array_equal(at_threads(_ops, lambda: _ops.diff(x, axis)), np.diff(x, axis=axis))
    np.testing.assert_array_equal(_ops.diff(x.T, x.ndim - 1 - axis), np.diff(x, axis=axis).T)
    dy = normal(np.diff(x, axis=axis).shape, dtype, 1)
    dy[np.abs(dy) < 0.3] *= 0
    late, early = np.zeros(shape, dtype), np.zeros(shape, dtype)
    late[(slice(None),) * axis + (slice(1, None),)] = dy
    early[(slice(None),) * axis + (slice(None, -1),)] = -dy
    dx = at_threads(_ops, lambda: _ops.diff_backward(dy, axis))
    np.testing.assert_array_equal(dx, late + early)
    np.testing.assert_array_equal(np.signbit(dx[dx == 0]), np.signbit((late + early)[dx == 0]))
