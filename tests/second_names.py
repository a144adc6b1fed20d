"""What the tests of PyTorch's second names share."""

from __future__ import annotations

from typing import Any

import numpy as np

import lucid
from lucid import Tensor

X = np.random.default_rng(0).standard_normal((3, 4))


def same(y: Any, expected: Any, tolerance: float = 1e-12) -> None:
    np.testing.assert_allclose(y.numpy(force=True), expected, tolerance, 1e-14, strict=False)
    assert y.shape == np.shape(expected)


def tensor(**options: Any) -> Tensor:
    return lucid.tensor(X, **options)
