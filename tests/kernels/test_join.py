"""Arrays joined along an axis, and views that repeat."""

from __future__ import annotations

import numpy as np
import pytest
from kernels.common import at_threads

from lucid import _ops


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8", "bool", "complex64"])
@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("shape", [(3, 4, 5), (1, 1, 1), (2, 0, 3), (65, 33, 17)])
def test_concatenation(shape: tuple[int, int, int], axis: int, dtype: str) -> None:
    generator = np.random.default_rng(0)
    arrays = []
    for size in (shape[axis], 1, 0, 7):
        own = (*shape[:axis], size, *shape[axis + 1 :])
        arrays.append(generator.integers(0, 2, own).astype(dtype))
    expected = np.concatenate(arrays, axis)
    y = at_threads(_ops, lambda: _ops.join(arrays, expected.shape, axis))
    assert y.dtype == dtype and y.flags.c_contiguous
    np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_stack(axis: int) -> None:
    arrays = [np.full((300, 200), k, np.float32) for k in range(3)]
    expected = np.stack(arrays, axis)
    np.testing.assert_array_equal(at_threads(_ops, lambda: _ops.join(arrays, expected.shape, axis)), expected)


def test_what_is_not_contiguous_is_left_to_others() -> None:
    assert _ops.join([np.zeros((4, 3)).T], (3, 4), 0) is None


def test_what_does_not_fit_is_refused() -> None:
    x = np.zeros(4, np.float32)
    for arrays, shape, axis, kind, message in (
        ([], (2,), 0, ValueError, r"^join: 0 arrays along axis 0 of \(2,\)$"),
        ([x], (4,), 1, ValueError, r"^join: 1 arrays along axis 1 of \(4,\)$"),
        ([x], (4,), -1, ValueError, r"^join: 1 arrays along axis -1 of \(4,\)$"),
        ([x, x], (7,), 0, ValueError, r"^join: 8 elements for a result of \(7,\)$"),
        ([x, x], (3, 4), 1, ValueError, r"^join: \(4,\) does not fit along axis 1 of \(3, 4\)$"),
        ([x, x.astype(float)], (8,), 0, TypeError, "^join: arrays have different dtypes: float32, float64$"),
    ):
        with pytest.raises(kind, match=message):
            _ops.join(arrays, shape, axis)


def test_views_that_repeat() -> None:
    x = np.arange(6, dtype=np.float32).reshape(2, 1, 3)
    y = _ops.broadcast_view(x, (5, 2, 4, 3))
    np.testing.assert_array_equal(y, np.broadcast_to(x, (5, 2, 4, 3)))
    assert np.shares_memory(x, y) and not y.flags.writeable and y.strides == (0, 12, 0, 4)
    np.testing.assert_array_equal(_ops.broadcast_view(x.T, (3, 7, 2)), np.broadcast_to(x.T, (3, 7, 2)))
    assert _ops.broadcast_view(np.zeros(1), (0, 3)).shape == (0, 3)
    for shape in ((2, 3), (2, 1, 4), (3, 1, 3)):
        with pytest.raises(ValueError, match="does not broadcast to"):
            _ops.broadcast_view(x, shape)
