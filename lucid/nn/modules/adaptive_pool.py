"""Pooling of volumes, and pooling to a given size."""

from __future__ import annotations

from typing import Any

from lucid._tensor import Tensor
from lucid.nn import functional as F
from lucid.nn.modules.module import Module
from lucid.nn.modules.pool import _AvgPool, _MaxPool

__all__ = [
    "AdaptiveAvgPool3d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d", "AdaptiveMaxPool3d", "AvgPool3d", "MaxPool3d",
]  # fmt: skip


class MaxPool3d(_MaxPool):
    """The largest element of every window of a volume, as `lucid.nn.functional.max_pool3d`.

    Args:
        kernel_size: depth, height and width of a window.
        stride: steps between windows; ``kernel_size`` unless given.
        padding: elements of -inf added on all sides, at most half a window.
        dilation: distance between the elements of a window.
        return_indices: return the positions of the maxima as well.
        ceil_mode: also give windows that begin inside the input or its padding in front and end beyond it.

    Shape:
        input: (N, C, D, H, W) or (C, D, H, W), floating point.
        result: (N, C, D', H', W') or (C, D', H', W');
            D' = floor((D + 2 padding - dilation (kernel depth - 1) - 1) / stride) + 1, H' and W' likewise; with
            ``ceil_mode`` the ceiling. The positions, int64, have the same shape.

    Raises:
        RuntimeError: the input has another number of dimensions, is not floating point, or is smaller than a window.
        TypeError: a size is not made of ints.
        ValueError: an option is out of range.

    Example:
        >>> import lucid
        >>> lucid.nn.MaxPool3d(3, stride=2, padding=1)(lucid.ones(1, 3, 8, 8, 8)).shape
        lucid.Size([1, 3, 4, 4, 4])
    """

    spatial = 3

    def forward(self, input: Tensor) -> Any:
        return F.max_pool3d(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )


class AvgPool3d(_AvgPool):
    """The mean of every window of a volume, as `lucid.nn.functional.avg_pool3d`.

    Args:
        kernel_size: depth, height and width of a window.
        stride: steps between windows; ``kernel_size`` unless given.
        padding: zeros added on all sides, at most half a window.
        ceil_mode: also give windows that begin inside the input or its padding in front and end beyond it.
        count_include_pad: divide by the elements of the window that lie in the padded input, not only in the input.
        divisor_override: divide by this number instead.

    Shape:
        input: (N, C, D, H, W) or (C, D, H, W), floating point.
        result: (N, C, D', H', W') or (C, D', H', W'); D' = floor((D + 2 padding - kernel depth) / stride) + 1, H' and
            W' likewise; with ``ceil_mode`` the ceiling.

    Raises:
        RuntimeError: the input has another number of dimensions, is not floating point, or is smaller than a window.
        TypeError: a size is not made of ints.
        ValueError: an option is out of range.

    Example:
        >>> import lucid
        >>> lucid.nn.AvgPool3d(2)(lucid.ones(1, 3, 8, 8, 8)).shape
        lucid.Size([1, 3, 4, 4, 4])
    """

    spatial = 3


class AdaptiveAvgPool3d(Module):
    """Means over a grid of windows that cover a volume evenly, as `lucid.nn.functional.adaptive_avg_pool3d`.

    Args:
        output_size: one int for all three, or (planes, rows, columns); None keeps a size.

    Shape: (N, C, D, H, W) or (C, D, H, W) to (N, C, *output_size) or (C, *output_size); floating point.

    Raises:
        RuntimeError: the input has another number of dimensions, or is not floating point.
        TypeError: ``output_size`` is not made of ints, found when called.
        ValueError: ``output_size`` is not positive or of the wrong length, found when called.

    Example:
        >>> import lucid
        >>> lucid.nn.AdaptiveAvgPool3d((1, None, 2))(lucid.ones(1, 2, 8, 8, 8)).shape
        lucid.Size([1, 2, 1, 8, 2])

    Source: He et al., Spatial pyramid pooling in deep convolutional networks, arXiv:1406.4729 (the windows).
    """

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_avg_pool3d(input, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class _AdaptiveMaxPool(Module):
    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__()
        self.output_size, self.return_indices = output_size, return_indices

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """The largest elements of windows that cover a sequence evenly, as `lucid.nn.functional.adaptive_max_pool1d`.

    Args:
        output_size: number of windows; None means the length of the input.
        return_indices: return the positions of the maxima as well.

    Shape: (N, C, L) or (C, L) to (N, C, output_size) or (C, output_size); floating point, positions int64.

    Raises:
        RuntimeError: the input has another number of dimensions, or is not floating point.
        TypeError: ``output_size`` is not made of ints, found when called.
        ValueError: ``output_size`` is not positive or of the wrong length, found when called.

    Example:
        >>> import lucid
        >>> lucid.nn.AdaptiveMaxPool1d(3)(lucid.ones(1, 2, 8)).shape
        lucid.Size([1, 2, 3])

    Source: He et al., Spatial pyramid pooling in deep convolutional networks, arXiv:1406.4729 (the windows).
    """

    def forward(self, input: Tensor) -> Any:
        return F.adaptive_max_pool1d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """The largest elements of windows that cover a plane evenly, as `lucid.nn.functional.adaptive_max_pool2d`.

    Args:
        output_size: one int for both, or (rows, columns); None keeps a size.
        return_indices: return the positions of the maxima as well.

    Shape: (N, C, H, W) or (C, H, W) to (N, C, *output_size) or (C, *output_size); floating point, positions int64.

    Raises:
        RuntimeError: the input has another number of dimensions, or is not floating point.
        TypeError: ``output_size`` is not made of ints, found when called.
        ValueError: ``output_size`` is not positive or of the wrong length, found when called.

    Example:
        >>> import lucid
        >>> lucid.nn.AdaptiveMaxPool2d((2, 3))(lucid.ones(1, 2, 8, 8)).shape
        lucid.Size([1, 2, 2, 3])

    Source: He et al., Spatial pyramid pooling in deep convolutional networks, arXiv:1406.4729 (the windows).
    """

    def forward(self, input: Tensor) -> Any:
        return F.adaptive_max_pool2d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """The largest elements of windows that cover a volume evenly, as `lucid.nn.functional.adaptive_max_pool3d`.

    Args:
        output_size: one int for all three, or (planes, rows, columns); None keeps a size.
        return_indices: return the positions of the maxima as well.

    Shape: (N, C, D, H, W) or (C, D, H, W) to (N, C, *output_size) or (C, *output_size); floating point, positions
        int64.

    Raises:
        RuntimeError: the input has another number of dimensions, or is not floating point.
        TypeError: ``output_size`` is not made of ints, found when called.
        ValueError: ``output_size`` is not positive or of the wrong length, found when called.

    Example:
        >>> import lucid
        >>> lucid.nn.AdaptiveMaxPool3d(2)(lucid.ones(1, 2, 8, 8, 8)).shape
        lucid.Size([1, 2, 2, 2, 2])

    Source: He et al., Spatial pyramid pooling in deep convolutional networks, arXiv:1406.4729 (the windows).
    """

    def forward(self, input: Tensor) -> Any:
        return F.adaptive_max_pool3d(input, self.output_size, self.return_indices)
