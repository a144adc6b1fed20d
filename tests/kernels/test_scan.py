"""Running sums and products: the same bits whatever lies beside a row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from kernels.common import at_threads


@pytest.mark.parametrize("name", ["cumsum", "cumprod"])
@pytest.mark.parametrize("shape", [(1, 5), (4, 7), (9, 300), (2, 3, 4), (3, 0), (0, 3), (7,), (2, 300, 3), (2, 3, 300)])
def test_running(ops: Any, shape: tuple[int, ...], name: str) -> None:
    generator = np.random.default_rng(2)
    exact, run = getattr(np, name), getattr(ops, name)
    for dtype in (np.float32, np.float64):
        x = generator.standard_normal(shape).astype(dtype)
        for axis in range(-1, len(shape)):
            y = at_threads(ops, lambda x=x, axis=axis: run(x, axis))
            np.testing.assert_array_equal(y, exact(x.astype(np.float64), axis).astype(dtype), "in order, in float64")
        for row in range(shape[0] if len(shape) == 2 else 0):
            np.testing.assert_array_equal(run(x[row], 0), run(x, 1)[row])
    info = np.iinfo(np.int64)
    for integer in (np.int64, np.longlong):
        x = generator.integers(info.min, info.max, shape).astype(integer)
        for axis in range(-1, len(shape)):
            y = at_threads(ops, lambda x=x, axis=axis: run(x, axis))
            assert y.dtype == np.int64
            np.testing.assert_array_equal(y, exact(x, axis))


def test_refusals(ops: Any) -> None:
    for bad in (np.zeros(3, np.int32), np.zeros(3, bool)):
        with pytest.raises(TypeError, match="^expected float32 or float64"):
            ops.cumsum(bad, 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1, 5), (4, 7), (2, 3, 4), (3, 0), (0, 3), (7,), (2, 20, 3), (2, 3, 300), (3, 1)])
def test_gradients_of_products(ops: Any, shape: tuple[int, ...], dtype: type) -> None:
    generator = np.random.default_rng(3)
    x, dy = generator.uniform(-1.5, 1.5, (2, *shape)).astype(dtype)
    x[generator.random(shape) < 0.1] = 0  # none, one or several to a row
    for axis in range(-1, len(shape)):
        dx = at_threads(ops, lambda axis=axis: ops.cumprod_backward(x, dy, axis))
        rows, slopes = np.moveaxis(x, axis, -1).astype(np.float64), np.moveaxis(dy, axis, -1).astype(np.float64)
        without = np.where(np.eye(x.shape[axis], dtype=bool), 1.0, rows[..., None, :])  # [i, j]: all but x[i]
        terms = np.triu(np.cumprod(without, -1)) * slopes[..., None, :]
        error = np.abs(np.moveaxis(dx, axis, -1) - terms.sum(-1))
        assert (error <= 4 * np.finfo(dtype).eps * np.abs(terms).sum(-1) + np.finfo(dtype).tiny).all()
