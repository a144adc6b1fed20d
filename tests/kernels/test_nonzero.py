"""Where masks hold, and elements there, against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from kernels.common import at_threads

SHAPES = [(1,), (63,), (65,), (0,), (3, 0), (0, 3), (3, 7), (70, 130), (4, 5, 6), (3, 4097), (5000, 3), (2, 1, 3, 1, 5)]


@pytest.mark.parametrize("density", [0, 0.1, 0.6, 1])
@pytest.mark.parametrize("shape", SHAPES)
def test_places(ops: Any, shape: tuple[int, ...], density: float) -> None:
    mask = np.random.default_rng(1).random(shape) < density
    expected = np.stack(np.nonzero(mask), 1)
    np.testing.assert_array_equal(at_threads(ops, lambda: ops.nonzero(mask)), expected)
    np.testing.assert_array_equal(at_threads(ops, lambda: ops.nonzero(mask, True)), expected.T)


@pytest.mark.parametrize("dtype", ["bool", "int8", "float16", "float32", "float64", "complex128"])
@pytest.mark.parametrize("shape", SHAPES)
def test_elements(ops: Any, shape: tuple[int, ...], dtype: str) -> None:
    generator = np.random.default_rng(1)
    x = (10 * generator.standard_normal(shape)).astype(dtype)
    for density in (0, 0.5, 1):
        for own in {shape, shape[:1]}:
            mask = generator.random(own) < density
            np.testing.assert_array_equal(at_threads(ops, lambda m=mask: ops.take_where(x, m)), x[mask])


def test_layouts(ops: Any) -> None:
    mask = np.arange(60).reshape(5, 12).T % 3 == 1
    x = np.arange(120).reshape(12, 10)[:, ::2]
    x.flags.writeable = False
    np.testing.assert_array_equal(ops.nonzero(mask), np.stack(np.nonzero(mask), 1))
    np.testing.assert_array_equal(ops.take_where(x, mask), x[mask])
    odd = np.array([0, 2, 128, 255, 1, 0], np.uint8).view(bool)  # true, whatever the byte
    np.testing.assert_array_equal(ops.nonzero(odd)[:, 0], [1, 2, 3, 4])


def test_refusals(ops: Any) -> None:
    for bad in (np.zeros(3), np.array(True)):
        with pytest.raises(TypeError, match="^nonzero: expected a bool mask"):
            ops.nonzero(bad)
        with pytest.raises(TypeError, match="^take_where: expected a bool mask"):
            ops.take_where(np.zeros(3), bad)
    for x, mask in (
        (np.zeros(3), np.ones(4, bool)),
        (np.zeros(3), np.ones((3, 1), bool)),
        (np.array(["a"]), np.ones(1, bool)),
    ):
        with pytest.raises(ValueError, match="^take_where: a mask of"):
            ops.take_where(x, mask)
