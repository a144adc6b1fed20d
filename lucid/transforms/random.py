"""Transforms that differ from image to image; a batch is changed as one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import lucid
from lucid import Tensor
from lucid.nn import functional as F
from lucid.nn.modules.module import Module
from lucid.transforms.image import Pad, check_image, grayed, pair, resized


def draw(low: float = 0.0, high: float = 1.0) -> float:
    """A uniform number."""
    return low + (high - low) * float(lucid.rand((), dtype=lucid.float64).item())


def place(extent: int, size: int) -> int:
    """Where a part of ``size`` starts within ``extent``."""
    return int(lucid.randint(0, extent - size + 1, ()).item())


class _Sometimes(Module):
    """A change with a probability."""

    def __init__(self, p: float) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"{type(self).__name__}: expected a probability p, got {p}")
        self.p = p

    def change(self, image: Tensor) -> Tensor:
        raise NotImplementedError

    def forward(self, image: Tensor) -> Tensor:
        check_image(type(self).__name__, image)
        return self.change(image) if draw() < self.p else image

    def extra_repr(self) -> str:
        return f"p={self.p}"


class RandomHorizontalFlip(_Sometimes):
    """Left and right exchanged, with probability ``p``.

    Args:
        p: the probability, in [0, 1].

    Raises:
        ValueError: ``p`` is outside [0, 1].

    Example:
        >>> import lucid
        >>> print(lucid.transforms.RandomHorizontalFlip(1.0)(lucid.tensor([[[1.0, 2.0]]])))
        [[[2.0, 1.0]]]
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__(p)

    def change(self, image: Tensor) -> Tensor:
        return image.flip((-1,))


class RandomVerticalFlip(_Sometimes):
    """Top and bottom exchanged, with probability ``p``.

    Args:
        p: the probability, in [0, 1].

    Raises:
        ValueError: ``p`` is outside [0, 1].

    Example:
        >>> import lucid
        >>> print(lucid.transforms.RandomVerticalFlip(p=1.0)(lucid.tensor([[[1.0], [2.0]]])))
        [[[2.0],
          [1.0]]]
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__(p)

    def change(self, image: Tensor) -> Tensor:
        return image.flip((-2,))


class RandomGrayscale(_Sometimes):
    """All channels replaced by the luma, with probability ``p``.

    Args:
        p: the probability, in [0, 1].

    Raises:
        ValueError: ``p`` is outside [0, 1].

    Example:
        >>> import lucid
        >>> lucid.transforms.RandomGrayscale(p=1.0)(lucid.rand(3, 4, 4)).shape
        lucid.Size([3, 4, 4])
    """

    def __init__(self, p: float = 0.1) -> None:
        super().__init__(p)

    def change(self, image: Tensor) -> Tensor:
        return lucid.cat([grayed("RandomGrayscale", image)] * image.shape[-3], -3)


class RandomCrop(Module):
    """A part of the image at a random place.

    Args:
        size: (height, width), or one number for both.
        padding: a frame added first, as in `Pad`.
        fill: value of the frame.
        padding_mode: as in `Pad`.

    Raises:
        ValueError: the image is smaller.

    Example:
        >>> import lucid
        >>> lucid.transforms.RandomCrop(32, padding=4)(lucid.zeros(3, 32, 32)).shape
        lucid.Size([3, 32, 32])
    """

    def __init__(
        self,
        size: int | Sequence[int],
        padding: int | Sequence[int] | None = None,
        fill: float = 0,
        padding_mode: str = "constant",
    ) -> None:
        super().__init__()
        self.size = pair("RandomCrop", size)
        self.pad = None if padding is None else Pad(padding, fill, padding_mode)

    def forward(self, image: Tensor) -> Tensor:
        check_image("RandomCrop", image)
        if self.pad is not None:
            image = self.pad(image)
        (height, width), shape = self.size, tuple(image.shape[-2:])
        if height > shape[0] or width > shape[1]:
            raise ValueError(f"RandomCrop: required crop size {self.size} is larger than input image size {shape}")
        top, left = place(shape[0], height), place(shape[1], width)
        return image[..., top : top + height, left : left + width]


class RandomResizedCrop(Module):
    """A random part of random proportions, resized.

    Args:
        size: (height, width) of the result, or one number for both.
        scale: smallest and largest share of the area.
        ratio: smallest and largest width / height.
        interpolation, antialias: as in `Resize`.

    Raises:
        ValueError: ``scale`` or ``ratio`` is not a pair of positive numbers in ascending order.

    Example:
        >>> import lucid
        >>> lucid.transforms.RandomResizedCrop(8)(lucid.zeros(3, 32, 48)).shape
        lucid.Size([3, 8, 8])

    Source: Szegedy et al., arXiv:1409.4842, section 6.
    """

    def __init__(
        self,
        size: int | Sequence[int],
        scale: tuple[float, float] = (0.08, 1.0),
        ratio: tuple[float, float] = (3 / 4, 4 / 3),
        interpolation: str = "bilinear",
        antialias: bool = True,
    ) -> None:
        super().__init__()
        self.size, self.scale, self.ratio = pair("RandomResizedCrop", size), scale, ratio
        self.interpolation, self.antialias = interpolation, antialias
        if not (0 < scale[0] <= scale[1] and 0 < ratio[0] <= ratio[1]):
            raise ValueError(
                f"RandomResizedCrop: scale and ratio should be positive and (min, max), got {scale}, {ratio}"
            )

    def _part(self, height: int, width: int) -> tuple[int, int, int, int]:
        """(top, left, height, width); after ten failures the largest middle part whose proportions are allowed."""
        for _ in range(10):
            area = height * width * draw(*self.scale)
            ratio = math.exp(draw(math.log(self.ratio[0]), math.log(self.ratio[1])))
            h, w = round(math.sqrt(area / ratio)), round(math.sqrt(area * ratio))
            if 0 < h <= height and 0 < w <= width:
                return place(height, h), place(width, w), h, w
        ratio = min(max(width / height, self.ratio[0]), self.ratio[1])
        h, w = min(height, round(width / ratio)), min(width, round(height * ratio))
        return (height - h) // 2, (width - w) // 2, h, w

    def forward(self, image: Tensor) -> Tensor:
        check_image("RandomResizedCrop", image)
        top, left, h, w = self._part(image.shape[-2], image.shape[-1])
        return resized(image[..., top : top + h, left : left + w], self.size, self.interpolation, self.antialias)


class RandomRotation(Module):
    """The image turned about its middle, counterclockwise, by a random angle, in its old size.

    Args:
        degrees: (smallest, largest) angle in degrees, or one number d for (-d, d).
        interpolation: "nearest" or "bilinear".
        fill: value outside of the image.

    Raises:
        ValueError: one negative number is given.

    Example:
        >>> import lucid
        >>> print(lucid.transforms.RandomRotation((90, 90))(lucid.tensor([[[1.0, 2.0], [3.0, 4.0]]])))
        [[[2.0, 4.0],
          [1.0, 3.0]]]
    """

    def __init__(self, degrees: float | Sequence[float], interpolation: str = "nearest", fill: float = 0) -> None:
        super().__init__()
        if isinstance(degrees, (int, float)):
            if degrees < 0:
                raise ValueError(f"RandomRotation: if degrees is a single number, it must be positive, got {degrees}")
            degrees = (-degrees, degrees)
        self.degrees, self.interpolation, self.fill = tuple(degrees), interpolation, fill

    def forward(self, image: Tensor) -> Tensor:
        check_image("RandomRotation", image)
        x = image if image.is_floating_point() else image.float()
        x = x.reshape(-1, *x.shape[-3:])
        angle = math.radians(draw(*self.degrees))
        c, s = math.cos(angle), math.sin(angle)
        height, width = x.shape[-2:]
        matrix = [[[c, -s * height / width, 0.0], [s * width / height, c, 0.0]]]
        theta = lucid.tensor(matrix, dtype=x.dtype).expand(x.shape[0], 2, 3)
        grid = F.affine_grid(theta, list(x.shape), align_corners=False)
        y = F.grid_sample(x - self.fill, grid, mode=self.interpolation, align_corners=False) + self.fill
        y = y.reshape(image.shape)
        return y if image.is_floating_point() else y.round().to(image.dtype)


class RandomErasing(_Sometimes):
    """A random rectangle overwritten, with probability ``p``.

    Args:
        p: the probability.
        scale: smallest and largest share of the area.
        ratio: smallest and largest width / height of the rectangle.
        value: what to write: a number, or "random" for normal numbers.
        inplace: accepted and without effect.

    Raises:
        ValueError: ``p`` is outside [0, 1].

    Example:
        >>> import lucid
        >>> lucid.transforms.RandomErasing(p=1.0)(lucid.ones(3, 8, 8)).min().item()
        0.0

    Source: Zhong et al., arXiv:1708.04896.
    """

    def __init__(
        self,
        p: float = 0.5,
        scale: tuple[float, float] = (0.02, 0.33),
        ratio: tuple[float, float] = (0.3, 3.3),
        value: Any = 0,
        inplace: bool = False,
    ) -> None:
        super().__init__(p)
        self.scale, self.ratio, self.value = scale, ratio, value

    def change(self, image: Tensor) -> Tensor:
        height, width = image.shape[-2:]
        for _ in range(10):
            area = height * width * draw(*self.scale)
            ratio = math.exp(draw(math.log(self.ratio[0]), math.log(self.ratio[1])))
            h, w = round(math.sqrt(area / ratio)), round(math.sqrt(area * ratio))
            if 0 < h < height and 0 < w < width:
                top, left = place(height, h), place(width, w)
                y = image.clone()
                part = y[..., top : top + h, left : left + w]
                part.copy_(lucid.randn(*part.shape) if self.value == "random" else lucid.full_like(part, self.value))
                return y
        return image
