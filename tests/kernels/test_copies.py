"""Arrays of any strides copied, against NumPy."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from kernels.common import at_threads

from lucid import _ops

SHAPES = [
    (),
    (0, 3),
    (1,),
    (5,),
    (3, 4),
    (2, 130),
    (130, 2),
    (64, 100),
    (2, 3, 4),
    (7, 33, 65),
    (4, 1, 6),
    (2, 2, 3, 40),
]


def views(shape: tuple[int, ...], dtype: str) -> Iterator[np.ndarray]:
    """Every order of the axes, all elements or every second, forwards and backwards."""
    base = np.asarray(np.random.default_rng(0).integers(0, 100, [2 * n for n in shape])).astype(dtype)
    for step, order in itertools.product((1, 2, -1, -2), itertools.permutations(range(len(shape)))):
        yield base[(*(slice(None, None, step),) * len(shape), ...)].transpose(order)


@pytest.mark.parametrize(
    "dtype", ["uint8", "bool", "float16", "float32", "float64", "int64", "complex64", "complex128"]
)
@pytest.mark.parametrize("shape", SHAPES)
def test_views_of_any_strides(shape: tuple[int, ...], dtype: str) -> None:
    for x in views(shape, dtype):
        y = at_threads(_ops, lambda x=x: _ops.copied(x))
        assert y.dtype == x.dtype and y.flags.c_contiguous and y.flags.writeable
        np.testing.assert_array_equal(y, x)


@pytest.mark.parametrize("dtype", ["uint8", "float16", "float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES[1:])
def test_parts_of_a_larger_array(shape: tuple[int, ...], dtype: str) -> None:
    inside = (slice(1, -1),) * len(shape)
    for x in views(shape, dtype):

        def copy(x: np.ndarray = x) -> np.ndarray:
            y = np.full([n + 2 for n in x.shape], 101, x.dtype)
            assert _ops.copy_into(y[inside], x)
            return y

        y = at_threads(_ops, copy)
        np.testing.assert_array_equal(y[inside], x)
        assert np.count_nonzero(y == 101) == y.size - x.size


def test_repeated_elements() -> None:
    x = np.broadcast_to(np.arange(15, dtype=np.float32).reshape(3, 1, 5), (4, 3, 6, 5))
    for order in itertools.permutations(range(4)):
        np.testing.assert_array_equal(
            at_threads(_ops, lambda order=order: _ops.copied(x.transpose(order))), x.transpose(order)
        )


def test_what_kernels_do_not_move_is_left_to_numpy() -> None:
    x = np.arange(6, dtype=">f4").reshape(2, 3).T
    np.testing.assert_array_equal(_ops.copied(x), x)
    assert not _ops.copy_into(np.empty((3, 2), ">f4"), x)


def test_refusals() -> None:
    x = np.zeros((2, 3), np.float32)
    frozen = x.copy()
    frozen.flags.writeable = False
    for y, message in (
        (np.zeros((3, 2), np.float32), r"^copy_into: float32 \(2, 3\) into float32 \(3, 2\)$"),
        (np.zeros((2, 3)), r"^copy_into: float32 \(2, 3\) into float64 \(2, 3\)$"),
        (frozen, "^copy_into: the destination cannot be written$"),
    ):
        with pytest.raises(ValueError, match=message):
            _ops.copy_into(y, x)
