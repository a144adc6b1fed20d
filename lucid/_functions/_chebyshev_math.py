"""Chebyshev's polynomials of high degree: the NIST Digital Library of Mathematical Functions, 18.5.1 to 18.5.4."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["angular", "shifted_angular"]


def angular(kind: str) -> Callable[[Any, Any], Any]:
    """Chebyshev's polynomials of the first to fourth kind as functions of an angle, complex where abs(x) > 1."""

    def far(n: Any, x: Any) -> Any:
        angle = np.arccos(x + 0j)
        if kind == "t":
            return np.cos(n * angle).real
        if kind == "u":
            at_ends = (n + 1) * np.where(x > 0, 1.0, 1 - 2 * (n % 2))
            return np.where(abs(x) == 1, at_ends, (np.sin((n + 1) * angle) / np.sin(angle)).real)
        if kind == "v":
            at_end = (2 * n + 1) * (1 - 2 * (n % 2))
            return np.where(x == -1, at_end, (np.cos((n + 0.5) * angle) / np.cos(angle / 2)).real)
        return np.where(x == 1, 2 * n + 1, (np.sin((n + 0.5) * angle) / np.sin(angle / 2)).real)

    return far


def shifted_angular(kind: str) -> Callable[[Any, Any], Any]:
    """`angular` of the polynomials that are moved to 0 <= x <= 1."""
    far = angular(kind)
    return lambda n, x: far(n, 2 * x - 1)
