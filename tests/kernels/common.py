"""What tests of kernels share: the CPU levels, random arrays, and that threads change no bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lucid import _cpu, _isa

LEVELS = [level for level in _isa.built_levels() if int(level[1]) <= _cpu.level()] or [""]
DTYPES = [np.float32, np.float64]


def normal(shape: tuple[int, ...], dtype: type, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def at_threads(ops: Any, call: Callable[[], np.ndarray]) -> np.ndarray:
    """The result of ``call``, after a check that no thread count changes a bit of it, however small the work."""
    ops.set_num_threads(1)
    y = call()
    ops.set_grain_scale(0)
    for threads in (2, 3, 8):
        ops.set_num_threads(threads)
        np.testing.assert_array_equal(call(), y)
    ops.set_grain_scale(1)
    return y


def assert_close(y: np.ndarray, expected: np.ndarray, scale: np.ndarray, terms: int) -> None:
    """|y - expected| within the error bound of a sum of ``terms`` products whose magnitudes add up to ``scale``."""
    assert y.shape == expected.shape
    eps = np.finfo(y.dtype).eps
    assert np.all(np.abs(y - expected) <= (terms + 2) * eps * scale + np.finfo(y.dtype).tiny)
