"""Layers that resize."""

from __future__ import annotations

from typing import Any

from lucid._tensor import Tensor
from lucid.nn import functional as F
from lucid.nn.modules.module import Module

__all__ = ["Upsample", "UpsamplingBilinear2d", "UpsamplingNearest2d"]


class Upsample(Module):
    """The input resized along its spatial dimensions, as `lucid.nn.functional.interpolate`, which defines the modes.

    Args:
        size: output size, one int or one for each spatial dimension.
        scale_factor: instead of ``size``: output size = floor(input size * scale_factor).
        mode: "nearest", "nearest-exact", "area", "linear", "bilinear", "bicubic" or "trilinear".
        align_corners: let the outermost elements of input and output coincide.
        recompute_scale_factor: compute positions from the sizes although ``scale_factor`` is given.

    Shape: (N, C, L), (N, C, H, W) or (N, C, D, H, W) to (N, C, *output size).

    Raises:
        NotImplementedError: the mode is unknown, or does not take inputs of that many dimensions; found when called.
        RuntimeError: an input or output size of 0.
        TypeError: integers with a mode that computes, or a size that is not an int.
        ValueError: options that exclude each other, or have the wrong number of entries; found when called.

    Example:
        >>> import lucid
        >>> print(lucid.nn.Upsample(scale_factor=2, mode="linear")(lucid.tensor([[[0.0, 4.0]]])))
        [[[0.0, 1.0, 3.0, 4.0]]]

    Source: Keys, Cubic convolution interpolation for digital image processing, 1981.
    """

    def __init__(
        self,
        size: Any = None,
        scale_factor: Any = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        self.name, self.size = type(self).__name__, size
        if isinstance(scale_factor, tuple):
            self.scale_factor: Any = tuple(float(f) for f in scale_factor)
        else:
            self.scale_factor = float(scale_factor) if scale_factor else None
        self.mode, self.align_corners = mode, align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.interpolate(
            input, self.size, self.scale_factor, self.mode, self.align_corners, self.recompute_scale_factor
        )

    def extra_repr(self) -> str:
        size = f"size={self.size!r}" if self.scale_factor is None else f"scale_factor={self.scale_factor!r}"
        return f"{size}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """Planes resized by repeating elements: `Upsample` with mode "nearest".

    Args:
        size: output height and width.
        scale_factor: instead of ``size``: output size = floor(input size * scale_factor).

    Shape: (N, C, H, W) to (N, C, H', W').

    Raises:
        NotImplementedError: the input has fewer than three or more than five dimensions.
        RuntimeError: an input or output size of 0.
        TypeError: a size is not an int.
        ValueError: not exactly one of ``size`` and ``scale_factor`` is given, or with the wrong number of entries.

    Example:
        >>> import lucid
        >>> lucid.nn.UpsamplingNearest2d(scale_factor=2)(lucid.tensor([[[[1.0, 2.0]]]])).tolist()
        [[[[1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 2.0, 2.0]]]]
    """

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """Planes resized between neighbours, corners staying corners: `Upsample` with mode "bilinear", align_corners=True.

    Args:
        size: output height and width.
        scale_factor: instead of ``size``: output size = floor(input size * scale_factor).

    Shape: (N, C, H, W) to (N, C, H', W').

    Raises:
        NotImplementedError: the input does not have four dimensions.
        RuntimeError: an input or output size of 0.
        TypeError: the input is not floating point, or a size not an int.
        ValueError: not exactly one of ``size`` and ``scale_factor`` is given, or with the wrong number of entries.

    Example:
        >>> import lucid
        >>> print(lucid.nn.UpsamplingBilinear2d(size=(1, 3))(lucid.tensor([[[[1.0, 2.0]]]])))
        [[[[1.0, 1.5, 2.0]]]]
    """

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)
