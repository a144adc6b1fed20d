"""Places in sorted rows against NumPy's search."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from kernels.common import at_threads


@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.int64])
@pytest.mark.parametrize("n", [1, 2, 3, 10, 1000])
def test_search(ops: Any, n: int, dtype: Any, right: bool) -> None:
    generator = np.random.default_rng(n)
    for m in (1, 15, 17, 3000):
        rows, values = (3 * generator.standard_normal((2, k)) for k in (n, m))
        if np.dtype(dtype).kind == "f":
            for i, v in enumerate((np.nan, 0.0, -0.0, np.inf, -np.inf, rows[0, 0])):
                values[:, i::7] = v
            rows[:, : n // 2 : 3], rows[:, 1 : n // 2 : 3] = np.nan, 0.0
        else:
            values[:, ::5] = np.iinfo(np.int32).max
        rows, values = np.sort(rows.astype(dtype)), values.astype(dtype)
        side: Any = "right" if right else "left"
        expected = np.stack([np.searchsorted(a, v, side) for a, v in zip(rows, values)])
        np.testing.assert_array_equal(at_threads(ops, lambda a=rows, v=values: ops.search(a, v, right)), expected)
        np.testing.assert_array_equal(ops.search(rows[0], values, right)[0], expected[0])
        narrow = ops.search(rows, values, right, False)
        assert narrow.dtype == np.int32
        np.testing.assert_array_equal(narrow, expected)


def test_shapes(ops: Any) -> None:
    assert ops.search(np.arange(3.0), np.array(1.5), False).shape == ()
    assert ops.search(np.zeros((2, 0)), np.zeros((2, 3)), True).tolist() == [[0, 0, 0], [0, 0, 0]]
    for a, v in (((0, 2), (0, 3)), ((2, 3), (2, 0)), ((3,), (0,))):
        assert ops.search(np.zeros(a), np.zeros(v), False).shape == v
    x = np.arange(24.0).reshape(4, 6).T[::2]
    np.testing.assert_array_equal(ops.search(x[0], x, False), np.searchsorted(x[0], x))


def test_refusals(ops: Any) -> None:
    for a, v in ((np.zeros(3, bool), np.zeros(3, bool)), (np.zeros(3), np.zeros(3, np.float32))):
        with pytest.raises(TypeError, match="^search: "):
            ops.search(a, v, False)
    for a, v in (((), (3,)), ((2, 3), (3, 3)), ((2, 3), (3,)), ((2, 3), ())):
        with pytest.raises(ValueError, match="^search: "):
            ops.search(np.zeros(a), np.zeros(v), False)
