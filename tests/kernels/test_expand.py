"""Broadcasting in memory against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from lucid import _isa

ops = _isa.load()
rng = np.random.default_rng(0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.bool_])
@pytest.mark.parametrize(
    ("own", "shape"),
    [((), (7,)), ((), (300, 400)), ((5, 1), (5, 9)), ((1, 9), (5, 9)), ((3,), (2, 4, 3)), ((2, 1, 3), (2, 4, 3)),
     ((50_000, 1), (50_000, 3)), ((1, 1), (1, 1)), ((0, 1), (0, 4)), ((4, 1, 3, 1), (4, 5, 3, 2)), ((2, 70_000), (2, 70_000))],
)  # fmt: skip
def test_expand(own: tuple[int, ...], shape: tuple[int, ...], dtype: type) -> None:
    x = np.asarray(rng.standard_normal(own) * 9).astype(dtype)
    for threads in (1, 2, 3):
        ops.set_num_threads(threads)
        y = ops.expand(x, shape)
        assert y.dtype == dtype and y.flags.c_contiguous and y.flags.writeable and not np.shares_memory(x, y)
        np.testing.assert_array_equal(y, np.broadcast_to(x, shape))


def test_expand_of_any_strides() -> None:
    x = rng.standard_normal((6, 8))
    for view in (x.T, x[::2, 1::3], x[::-1], np.broadcast_to(x[0], (6, 8))):
        shape = (3, *view.shape)
        np.testing.assert_array_equal(ops.expand(view, shape), np.broadcast_to(view, shape))


def test_errors() -> None:
    with pytest.raises(ValueError) as info:
        ops.expand(np.zeros((2, 3)), (3, 3))
    assert str(info.value) == "expand: (2, 3) does not broadcast to (3, 3)"
    with pytest.raises(TypeError) as error:
        ops.expand(np.zeros(2, np.int32), (3, 2))
    assert str(error.value) == "expand: expected floating-point numbers, int64 or bool, got int32"
