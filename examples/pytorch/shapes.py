"""Small grey images of discs, rings, squares, crosses and triangles, drawn rather than downloaded."""

from __future__ import annotations

import numpy as np

NAMES = ("disc", "ring", "square", "cross", "triangle")


def shapes(count: int, side: int = 16, noise: float = 0.3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """``count`` images and their classes.

    Returns:
        images (count, 1, side, side) float32, about 0 outside and 1 inside the figure; labels (count,) int64.
    """
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, len(NAMES), count)
    radius = rng.uniform(0.2, 0.4, (count, 1, 1)) * side
    middle = side / 2 + rng.uniform(-0.1, 0.1, (count, 2, 1, 1)) * side
    place = np.arange(side) + 0.5
    y, x = place[:, None] - middle[:, 0], place[None, :] - middle[:, 1]
    distance, largest = np.hypot(x, y), np.maximum(np.abs(x), np.abs(y))
    inside = np.select(
        [labels[:, None, None] == k for k in range(len(NAMES))],
        [
            distance < radius,
            (distance < radius) & (distance > 0.55 * radius),
            largest < 0.85 * radius,
            (np.minimum(np.abs(x), np.abs(y)) < 0.25 * radius) & (largest < radius),
            (y < 0.7 * radius) & (np.abs(x) * 1.8 < y + radius),
        ],
    )
    images = inside + noise * rng.standard_normal(inside.shape)
    return images[:, None].astype(np.float32), labels.astype(np.int64)
