"""How images become the input that published weights were trained for."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

import lucid
from lucid import Tensor, transforms

PILLOW = {"nearest": 0, "bilinear": 2, "bicubic": 3}
"""Pillow's numbers of the interpolations."""


def is_pillow(image: Any) -> bool:
    """Whether it is an image of Pillow, which need not be installed."""
    return hasattr(image, "getbands") and hasattr(image, "convert")


def as_image(name: str, image: Any, channels: int) -> Tensor:
    """``image`` as a tensor (..., channels, H, W); grey and colour are converted where Pillow can do it.

    Raises:
        TypeError: it is no array, Pillow image or tensor.
        ValueError: it has other channels.
    """
    if is_pillow(image):
        image = np.asarray(image.convert("L" if channels == 1 else "RGB"))
    if isinstance(image, np.ndarray):
        if image.ndim not in (2, 3):
            raise ValueError(f"{name}: expected an array of shape (H, W) or (H, W, {channels}), got {image.shape}")
        image = lucid.from_numpy(np.ascontiguousarray(image[None] if image.ndim == 2 else image.transpose(2, 0, 1)))
    if not isinstance(image, Tensor):
        raise TypeError(f"{name}: expected an array, a Pillow image or a Tensor, got {type(image).__name__}")
    if image.ndim < 3 or image.shape[-3] != channels:
        raise ValueError(f"{name}: expected an image of shape (..., {channels}, H, W), got {tuple(image.shape)}")
    if image.dtype != lucid.uint8 and not image.is_floating_point():
        raise TypeError(f"{name}: expected uint8 from 0 to 255 or floats from 0 to 1, got {image.dtype}")
    return image


class Preprocessing(NamedTuple):
    """Resize, crop the centre, scale to 0 to 1, and normalise each channel: what published weights were trained for.

    Called with an image - an array (H, W, C), a Pillow image, or a tensor (..., C, H, W), of uint8 from 0 to 255 or of
    floats from 0 to 1 - it returns float32 of shape (..., C, crop, crop). Pillow resizes its images itself, which
    differs by one step of 255 in some pixels.

    Attributes:
        resize: pixels of the image's shorter side after resizing.
        crop: pixels of each side of the central part that is kept.
        interpolation: "bilinear" or "bicubic", antialiased.
        mean, std: of each channel (red, green, blue), for values from 0 to 1.

    Raises:
        TypeError: the argument is no image.
        ValueError: it has another number of channels than ``mean``.

    Example:
        >>> import numpy as np
        >>> import lucid
        >>> lucid.models.preprocessing("resnet50")(np.zeros((480, 640, 3), np.uint8)).shape
        lucid.Size([3, 224, 224])
    """

    resize: int
    crop: int
    interpolation: str = "bilinear"
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)

    def __call__(self, image: Any) -> Tensor:
        if is_pillow(image):
            image = image.convert("L" if len(self.mean) == 1 else "RGB")
            scaled = [side * self.resize // min(image.size) for side in image.size]
            image = image.resize(scaled, PILLOW[self.interpolation])
        x = as_image("Preprocessing", image, len(self.mean))
        x = transforms.CenterCrop(self.crop)(transforms.Resize(self.resize, self.interpolation)(x))
        return transforms.Normalize(self.mean, self.std)(transforms.ToTensor()(x))
