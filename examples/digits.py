"""The network, the data and the small helpers that the two digits scripts share."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

import numpy as np

import lucid
from lucid import nn

CLASSES = 10
SIDE = 8
TEST_FRACTION = 0.2
SPLIT_SEED = 0


def fail(message: str) -> NoReturn:
    """End the program with one line on standard error."""
    print(f"{Path(sys.argv[0]).name}: {message}", file=sys.stderr)
    sys.exit(2)


def require(module: str, package: str) -> None:
    """End the program with advice if ``module`` is not installed."""
    try:
        __import__(module)
    except ImportError:
        fail(f"needs {package}, which is not installed: pip install 'lucid[demo]'")


class DigitNet(nn.Module):
    """Three Conv2d-BatchNorm2d-SiLU blocks and a linear classifier for 8x8 images."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            self.block(1, 32, stride=1),
            self.block(32, 64, stride=2),
            self.block(64, 128, stride=2),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(128, CLASSES))

    @staticmethod
    def block(inputs: int, outputs: int, stride: int) -> nn.Sequential:
        return nn.Sequential(
            nn.Conv2d(inputs, outputs, kernel_size=3, stride=stride, padding=1),
            nn.BatchNorm2d(outputs),
            nn.SiLU(),
        )

    def forward(self, x: lucid.Tensor) -> lucid.Tensor:
        return self.head(self.features(x))


def check_images(images: np.ndarray) -> np.ndarray:
    """Images as (n, 1, 8, 8) float32 in [0, 1], from (n, 8, 8) arrays of pixel values 0 to 16.

    Raises:
        ValueError: another shape, no numbers, or values out of range.
    """
    if images.ndim != 3 or images.shape[1:] != (SIDE, SIDE):
        raise ValueError(f"expected images of shape (n, {SIDE}, {SIDE}), got {images.shape}")
    if images.dtype.kind not in "fiu" or not np.isfinite(images).all():
        raise ValueError(f"expected finite numbers as pixels, got dtype {images.dtype}")
    if images.size and (images.min() < 0 or images.max() > 16):
        raise ValueError(f"expected pixel values from 0 to 16, got {images.min()} to {images.max()}")
    return (images[:, None] / 16).astype(np.float32)


def check_labels(labels: np.ndarray, count: int) -> np.ndarray:
    """Labels as int64, one per image.

    Raises:
        ValueError: another count or dtype, or a label that is not a digit.
    """
    if labels.shape != (count,) or labels.dtype.kind not in "iu":
        raise ValueError(f"expected {count} integer labels, got {labels.dtype} of shape {labels.shape}")
    bad = np.flatnonzero((labels < 0) | (labels >= CLASSES))
    if bad.size:
        raise ValueError(f"label {labels[bad[0]]} at position {bad[0]} is out of range for {CLASSES} classes")
    return labels.astype(np.int64)


def load_split() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """The 1,797 handwritten digits of scikit-learn as ((images, labels) to train on, (images, labels) held out).

    A fifth of every digit is held out; the split is the same in every run and every process.
    """
    require("sklearn", "scikit-learn")
    from sklearn.datasets import load_digits

    data = load_digits()
    images = check_images(data.images)
    labels = check_labels(data.target, len(images))
    shuffled = np.random.Generator(np.random.PCG64(SPLIT_SEED)).permutation(len(labels))
    held_out = np.zeros(len(labels), bool)
    for digit in range(CLASSES):
        of_digit = shuffled[labels[shuffled] == digit]
        held_out[of_digit[: round(TEST_FRACTION * len(of_digit))]] = True
    return (images[~held_out], labels[~held_out]), (images[held_out], labels[held_out])


def replace_file(path: Path, write: object) -> None:
    """Call ``write(temporary path)`` and give the file its name only when it is complete."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}{path.suffix}")
    try:
        write(temporary)  # type: ignore[operator]
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
