"""Transforms that always do the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import lucid
from lucid import Tensor
from lucid.nn import functional as F
from lucid.nn.modules.module import Module

LUMA = (0.299, 0.587, 0.114)  # Rec. ITU-R BT.601


def check_image(name: str, image: Any) -> Tensor:
    """Refuse what is not a tensor of shape (..., C, H, W)."""
    if not isinstance(image, Tensor):
        raise TypeError(f"{name}: expected a Tensor, got {type(image).__name__}; apply ToTensor first")
    if image.ndim < 3:
        raise ValueError(f"{name}: expected an image of shape (..., C, H, W), got {tuple(image.shape)}")
    return image


def pair(name: str, value: Any) -> tuple[int, int]:
    """(height, width) from one number, or two."""
    sizes = (value, value) if isinstance(value, int) else tuple(value)
    if len(sizes) != 2 or any(not isinstance(s, int) or s < 1 for s in sizes):
        raise ValueError(f"{name}: expected one or two positive integers as size, got {value!r}")
    return sizes[0], sizes[1]


def resized(image: Tensor, size: tuple[int, int], mode: str = "bilinear", antialias: bool = True) -> Tensor:
    """``image`` in another size; integers are rounded."""
    if tuple(image.shape[-2:]) == size:
        return image
    lead, whole = image.shape[:-3], not image.is_floating_point()
    x = image.reshape(-1, *image.shape[-3:])
    x = x.float() if whole else x
    smooth = mode in ("bilinear", "bicubic")
    x = F.interpolate(x, size, mode=mode, align_corners=False if smooth else None, antialias=antialias and smooth)
    if whole:
        limits = np.iinfo(image.dtype.numpy)
        x = x.round().clamp(min=limits.min, max=limits.max).to(image.dtype)
    return x.reshape(*lead, *x.shape[-3:])


class Compose(Module):
    """Several transforms, one after the other.

    Args:
        transforms: functions of one argument.

    Example:
        >>> import numpy as np
        >>> from lucid import transforms
        >>> prepare = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
        >>> print(prepare(np.full((1, 1), 255, np.uint8)))
        [[[1.0]]]
    """

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        super().__init__()
        self.transforms = list(transforms)

    def forward(self, image: Any) -> Any:
        for transform in self.transforms:
            image = transform(image)
        return image

    def extra_repr(self) -> str:
        return ", ".join(repr(t) for t in self.transforms)


class Lambda(Module):
    """A function as a transform.

    Args:
        lambd: the function.

    Raises:
        TypeError: it is no function.

    Example:
        >>> import lucid
        >>> print(lucid.transforms.Lambda(lambda x: x * 2)(lucid.ones(2)))
        [2.0, 2.0]
    """

    def __init__(self, lambd: Callable[[Any], Any]) -> None:
        super().__init__()
        if not callable(lambd):
            raise TypeError(f"Lambda: expected a function, got {type(lambd).__name__}")
        self.lambd = lambd

    def forward(self, image: Any) -> Any:
        return self.lambd(image)


class ToTensor(Module):
    """Arrays and PIL images of shape (H, W) or (H, W, C) as tensors (C, H, W); uint8 becomes float in [0, 1].

    Tensors keep their shape; of them too, uint8 becomes float in [0, 1].

    Raises:
        TypeError: the argument is no array, image or tensor.
        ValueError: it has neither two nor three dimensions.

    Example:
        >>> import numpy as np
        >>> from lucid.transforms import ToTensor
        >>> ToTensor()(np.zeros((4, 5, 3), np.uint8)).shape
        lucid.Size([3, 4, 5])
    """

    def forward(self, image: Any) -> Tensor:
        if isinstance(image, Tensor):
            return image.float() / 255 if image.dtype == lucid.uint8 else image
        if not isinstance(image, np.ndarray) and not hasattr(image, "__array_interface__"):
            raise TypeError(f"ToTensor: expected an array, a PIL image or a Tensor, got {type(image).__name__}")
        array = np.asarray(image)
        if array.ndim not in (2, 3):
            raise ValueError(f"ToTensor: expected shape (H, W) or (H, W, C), got {array.shape}")
        planes = array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
        if planes.dtype == np.uint8:
            return lucid.from_numpy(np.divide(planes, 255, dtype=np.float32))
        if planes.dtype == np.bool_:
            return lucid.from_numpy(planes.astype(np.float32))
        return lucid.from_numpy(np.ascontiguousarray(planes))


class Normalize(Module):
    """(image - mean) / std, per channel.

    Args:
        mean, std: one number per channel.
        inplace: accepted and without effect.

    Raises:
        TypeError: the image does not hold floats.
        ValueError: a standard deviation is zero, or the numbers do not match the channels.

    Example:
        >>> import lucid
        >>> print(lucid.transforms.Normalize((0.5,), (0.25,))(lucid.ones(1, 1, 2)))
        [[[2.0, 2.0]]]
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> None:
        super().__init__()
        self.mean, self.std = tuple(float(m) for m in mean), tuple(float(s) for s in std)
        if len(self.mean) != len(self.std) or 0.0 in self.std:
            raise ValueError(f"Normalize: expected as many std as mean, none of them 0, got {self.mean} and {self.std}")

    def forward(self, image: Tensor) -> Tensor:
        check_image("Normalize", image)
        if not image.is_floating_point():
            raise TypeError(f"Normalize: expected a floating-point image, got {image.dtype}; apply ToTensor first")
        if len(self.mean) not in (1, image.shape[-3]):
            raise ValueError(f"Normalize: {len(self.mean)} means, but {image.shape[-3]} channels")
        mean, std = (lucid.tensor(v, dtype=image.dtype).reshape(-1, 1, 1) for v in (self.mean, self.std))
        return (image - mean) / std

    def extra_repr(self) -> str:
        return f"mean={self.mean}, std={self.std}"


class Resize(Module):
    """Another size.

    Args:
        size: (height, width), or the length of the shorter side, which keeps the proportions.
        interpolation: "bilinear", "bicubic", "nearest" or "nearest-exact".
        antialias: average over what shrinks, for the first two.

    Raises:
        ValueError: the size is not positive.

    Example:
        >>> import lucid
        >>> lucid.transforms.Resize(8)(lucid.zeros(3, 16, 32)).shape
        lucid.Size([3, 8, 16])
    """

    def __init__(self, size: int | Sequence[int], interpolation: str = "bilinear", antialias: bool = True) -> None:
        super().__init__()
        self.size = pair("Resize", size)
        self.shorter = isinstance(size, int) or len(size) == 1
        self.interpolation, self.antialias = interpolation, antialias

    def forward(self, image: Tensor) -> Tensor:
        check_image("Resize", image)
        size = self.size
        if self.shorter:
            height, width = image.shape[-2:]
            short = size[0]
            size = (short, short * width // height) if height <= width else (short * height // width, short)
        return resized(image, size, self.interpolation, self.antialias)

    def extra_repr(self) -> str:
        return f"size={self.size[0] if self.shorter else self.size}"


class Pad(Module):
    """A frame around the image.

    Args:
        padding: width of the frame: one number, (left and right, top and bottom), or (left, top, right, bottom).
        fill: value of the frame.
        padding_mode: "constant", "reflect", "edge" or "symmetric" (of which the last repeats the border).

    Raises:
        ValueError: ``padding`` or ``padding_mode`` is something else.

    Example:
        >>> import lucid
        >>> lucid.transforms.Pad(2)(lucid.zeros(3, 4, 4)).shape
        lucid.Size([3, 8, 8])
    """

    def __init__(self, padding: int | Sequence[int], fill: float = 0, padding_mode: str = "constant") -> None:
        super().__init__()
        widths = (padding,) * 4 if isinstance(padding, int) else tuple(padding)
        widths = widths * 2 if len(widths) == 2 else widths
        if len(widths) != 4 or any(w < 0 for w in widths):
            raise ValueError(f"Pad: expected one, two or four widths that are not negative, got {padding}")
        if padding_mode not in ("constant", "reflect", "edge", "symmetric"):
            raise ValueError(f"Pad: padding_mode must be constant, reflect, edge or symmetric, got {padding_mode}")
        self.padding, self.fill, self.padding_mode = widths, fill, padding_mode

    def forward(self, image: Tensor) -> Tensor:
        check_image("Pad", image)
        left, top, right, bottom = self.padding
        frame = [(0, 0)] * (image.ndim - 2) + [(top, bottom), (left, right)]
        if self.padding_mode == "constant":
            return F.pad(image, (left, right, top, bottom), value=self.fill)
        columns, rows = (
            np.pad(np.arange(n), widths, mode=self.padding_mode)  # type: ignore[call-overload]
            for n, widths in ((image.shape[-1], frame[-1]), (image.shape[-2], frame[-2]))
        )
        return image[..., lucid.from_numpy(rows), :][..., lucid.from_numpy(columns)]


class CenterCrop(Module):
    """The middle of the image, with zeros around where it is smaller.

    Args:
        size: (height, width), or one number for both.

    Raises:
        ValueError: the size is not positive.

    Example:
        >>> import lucid
        >>> lucid.transforms.CenterCrop(2)(lucid.zeros(3, 4, 5)).shape
        lucid.Size([3, 2, 2])
    """

    def __init__(self, size: int | Sequence[int]) -> None:
        super().__init__()
        self.size = pair("CenterCrop", size)

    def forward(self, image: Tensor) -> Tensor:
        check_image("CenterCrop", image)
        height, width = self.size
        down, right = max(height - image.shape[-2], 0), max(width - image.shape[-1], 0)
        if down or right:
            image = F.pad(image, (right // 2, (right + 1) // 2, down // 2, (down + 1) // 2))
        top, left = round((image.shape[-2] - height) / 2), round((image.shape[-1] - width) / 2)
        return image[..., top : top + height, left : left + width]

    def extra_repr(self) -> str:
        return f"size={self.size}"


class Grayscale(Module):
    """The luma 0.299 R + 0.587 G + 0.114 B.

    Args:
        num_output_channels: 1, or 3 equal ones.

    Raises:
        ValueError: the image has neither one nor three channels.

    Example:
        >>> import lucid
        >>> lucid.transforms.Grayscale()(lucid.rand(3, 4, 4)).shape
        lucid.Size([1, 4, 4])

    Source: Recommendation ITU-R BT.601.
    """

    def __init__(self, num_output_channels: int = 1) -> None:
        super().__init__()
        if num_output_channels not in (1, 3):
            raise ValueError(f"Grayscale: num_output_channels should be either 1 or 3, got {num_output_channels}")
        self.num_output_channels = num_output_channels

    def forward(self, image: Tensor) -> Tensor:
        gray = grayed("Grayscale", image)
        return gray if self.num_output_channels == 1 else lucid.cat([gray] * 3, -3)


def grayed(name: str, image: Tensor) -> Tensor:
    """One channel of luma."""
    check_image(name, image)
    if image.shape[-3] == 1:
        return image
    if image.shape[-3] != 3:
        raise ValueError(f"{name}: expected 1 or 3 channels, got {image.shape[-3]}")
    x = image if image.is_floating_point() else image.float()
    red, green, blue = x.split(1, -3)
    return (red * LUMA[0] + green * LUMA[1] + blue * LUMA[2]).to(image.dtype)
