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

    Raises:
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

    Raises:
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

    Example:
        >>> import lucid
        >>> lucid.nn.AdaptiveAvgPool3d((1, None, 2))(lucid.ones(1, 2, 8, 8, 8)).shape
        lucid.Size([1, 2, 1, 8, 2])
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

    Example:
        >>> import lucid
        >>> lucid.nn.AdaptiveMaxPool1d(3)(lucid.ones(1, 2, 8)).shape
        lucid.Size([1, 2, 3])
    """

    def forward(self, input: Tensor) -> Any:
        return F.adaptive_max_pool1d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """The largest elements of windows that cover a plane evenly, as `lucid.nn.functional.adaptive_max_pool2d`.

    Args:
        output_size: one int for both, or (rows, columns); None keeps a size.
        return_indices: return the positions of the maxima as well.

    Example:
        >>> import lucid
        >>> lucid.nn.AdaptiveMaxPool2d((2, 3))(lucid.ones(1, 2, 8, 8)).shape
        lucid.Size([1, 2, 2, 3])
    """

    def forward(self, input: Tensor) -> Any:
        return F.adaptive_max_pool2d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """The largest elements of windows that cover a volume evenly, as `lucid.nn.functional.adaptive_max_pool3d`.

    Args:
        output_size: one int for all three, or (planes, rows, columns); None keeps a size.
        return_indices: return the positions of the maxima as well.

    Example:
        >>> import lucid
        >>> lucid.nn.AdaptiveMaxPool3d(2)(lucid.ones(1, 2, 8, 8, 8)).shape
        lucid.Size([1, 2, 2, 2, 2])
    """

    def forward(self, input: Tensor) -> Any:
        return F.adaptive_max_pool3d(input, self.output_size, self.return_indices)
