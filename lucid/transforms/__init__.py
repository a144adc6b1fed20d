"""Transforms of images before training: tensors of shape (..., C, H, W), and a way to make them from arrays.

They take and return tensors, are modules without parameters, and may be composed. Random ones draw from the default
generator of lucid, so that `lucid.manual_seed` repeats them.
"""

from lucid.transforms.image import (
    CenterCrop,
    Compose,
    Grayscale,
    Lambda,
    Normalize,
    Pad,
    Resize,
    ToTensor,
)
from lucid.transforms.random import (
    RandomCrop,
    RandomErasing,
    RandomGrayscale,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomRotation,
    RandomVerticalFlip,
)

__all__ = [
    "CenterCrop", "Compose", "Grayscale", "Lambda", "Normalize", "Pad", "RandomCrop", "RandomErasing",
    "RandomGrayscale", "RandomHorizontalFlip", "RandomResizedCrop", "RandomRotation", "RandomVerticalFlip", "Resize",
    "ToTensor",
]  # fmt: skip
