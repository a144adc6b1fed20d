"""Undoing max pooling, and max pooling by windows whose steps are drawn at random."""

from __future__ import annotations

from typing import Any

from lucid._tensor import Tensor
from lucid.nn import functional as F
from lucid.nn.functional._arguments import Sizes, sizes
from lucid.nn.functional.fractional import check_ratio
from lucid.nn.modules.module import Module

__all__ = ["FractionalMaxPool2d", "FractionalMaxPool3d", "MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d"]


class _MaxUnpool(Module):
    spatial: int

    def __init__(self, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0) -> None:
        super().__init__()
        name = type(self).__name__
        self.kernel_size = sizes(name, "kernel_size", kernel_size, self.spatial)
        self.stride = self.kernel_size if stride is None else sizes(name, "stride", stride, self.spatial)
        self.padding = sizes(name, "padding", padding, self.spatial)

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        unpool = (F.max_unpool1d, F.max_unpool2d, F.max_unpool3d)[self.spatial - 1]
        return unpool(input, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpool):
    """Maxima put back to where `MaxPool1d` found them, zeros elsewhere.

    Args:
        kernel_size: elements in a window.
        stride: step between windows; ``kernel_size`` unless given.
        padding: what the pooling added at both ends.

    Shape:
        input: maxima (N, C, L) or (C, L), floating point, and their int64 indices, the same.
        output_size: length before pooling, where several pool to the same: (L',) or the whole shape.
        result: (N, C, L') or (C, L'); L' = (L - 1) * stride + kernel_size - 2 * padding unless given.

    Raises:
        RuntimeError: the input has another number of dimensions, or the indices another shape or dtype, or one is out
            of range.
        TypeError: a size is not made of ints, or the input not a floating-point tensor.
        ValueError: an option is out of range.

    Example:
        >>> import lucid
        >>> y, i = lucid.nn.MaxPool1d(2, return_indices=True)(lucid.tensor([[1.0, 3.0, 2.0, 0.0]]))
        >>> lucid.nn.MaxUnpool1d(2)(y, i).tolist()
        [[0.0, 3.0, 2.0, 0.0]]

    Source: Zeiler and Fergus, Visualizing and understanding convolutional networks, arXiv:1311.2901.
    """

    spatial = 1


class MaxUnpool2d(_MaxUnpool):
    """Maxima put back to where `MaxPool2d` found them, zeros elsewhere.

    Args:
        kernel_size: height and width of a window.
        stride: steps between windows; ``kernel_size`` unless given.
        padding: what the pooling added on all sides.

    Shape:
        input: maxima (N, C, H, W) or (C, H, W), floating point, and their int64 indices, the same.
        output_size: size before pooling, where several pool to the same: (H', W') or the whole shape.
        result: (N, C, H', W') or (C, H', W'); H' = (H - 1) * stride + kernel height - 2 * padding, W' likewise unless
            given.

    Raises:
        RuntimeError: the input has another number of dimensions, or the indices another shape or dtype, or one is out
            of range.
        TypeError: a size is not made of ints, or the input not a floating-point tensor.
        ValueError: an option is out of range.

    Example:
        >>> import lucid
        >>> lucid.nn.MaxUnpool2d(2)(lucid.ones(1, 1, 1), lucid.tensor([[[3]]])).tolist()
        [[[0.0, 0.0], [0.0, 1.0]]]

    Source: Zeiler and Fergus, Visualizing and understanding convolutional networks, arXiv:1311.2901.
    """

    spatial = 2


class MaxUnpool3d(_MaxUnpool):
    """Maxima put back to where `MaxPool3d` found them, zeros elsewhere.

    Args:
        kernel_size: depth, height and width of a window.
        stride: steps between windows; ``kernel_size`` unless given.
        padding: what the pooling added on all sides.

    Shape:
        input: maxima (N, C, D, H, W) or (C, D, H, W), floating point, and their int64 indices, the same.
        output_size: size before pooling, where several pool to the same: (D', H', W') or the whole shape.
        result: (N, C, D', H', W') or (C, D', H', W'); D' = (D - 1) * stride + kernel depth - 2 * padding, H' and W'
            likewise unless given.

    Raises:
        RuntimeError: the input has another number of dimensions, or the indices another shape or dtype, or one is out
            of range.
        TypeError: a size is not made of ints, or the input not a floating-point tensor.
        ValueError: an option is out of range.

    Example:
        >>> import lucid
        >>> lucid.nn.MaxUnpool3d(2)(lucid.ones(1, 1, 1, 1), lucid.tensor([[[[7]]]])).sum().item()
        1.0

    Source: Zeiler and Fergus, Visualizing and understanding convolutional networks, arXiv:1311.2901.
    """

    spatial = 3


class _FractionalMaxPool(Module):
    spatial: int

    def __init__(
        self,
        kernel_size: Sizes,
        output_size: Sizes | None = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if (output_size is None) == (output_ratio is None):
            raise ValueError(f"{name}: expected exactly one of output_size and output_ratio")
        self.kernel_size = sizes(name, "kernel_size", kernel_size, self.spatial)
        self.output_size = None if output_size is None else sizes(name, "output_size", output_size, self.spatial)
        self.output_ratio = None if output_ratio is None else check_ratio(name, output_ratio, self.spatial)
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)

    def forward(self, input: Tensor) -> Any:
        pool = F.fractional_max_pool2d if self.spatial == 2 else F.fractional_max_pool3d
        return pool(
            input, self.kernel_size, self.output_size, self.output_ratio, self.return_indices, self._random_samples
        )


class FractionalMaxPool2d(_FractionalMaxPool):
    """The largest element of every window; windows begin at evenly spaced positions, rounded from a random phase.

    Args:
        kernel_size: height and width of a window.
        output_size: windows in each dimension.
        output_ratio: instead of that: output size = floor(input size * ratio), ratios between 0 and 1.
        return_indices: return the positions of the maxima as well.
        _random_samples: the phases of width and height of each plane, (N, C, 2); drawn in [0, 1) at every call unless
            given.

    Shape: (N, C, H, W) or (C, H, W) to (N, C, *output size) or (C, *output size).

    Raises:
        RuntimeError: the input has another number of dimensions, or the windows do not fit.
        TypeError: a size is not made of ints, or the input not a floating-point tensor.
        ValueError: an option is out of range, or not exactly one of size and ratio is given.

    Example:
        >>> import lucid
        >>> lucid.nn.FractionalMaxPool2d(2, output_ratio=0.5)(lucid.randn(1, 3, 9, 9)).shape
        lucid.Size([1, 3, 4, 4])

    Source: Graham, Fractional max-pooling, arXiv:1412.6071.
    """

    spatial = 2


class FractionalMaxPool3d(_FractionalMaxPool):
    """`FractionalMaxPool2d` for volumes.

    Args:
        kernel_size: depth, height and width of a window.
        output_size: windows in each dimension.
        output_ratio: instead of that: output size = floor(input size * ratio), ratios between 0 and 1.
        return_indices: return the positions of the maxima as well.
        _random_samples: the phases of depth, height and width of each volume, (N, C, 3); drawn in [0, 1) at every call
            unless given.

    Shape: (N, C, D, H, W) or (C, D, H, W) to (N, C, *output size) or (C, *output size).

    Raises:
        RuntimeError: the input has another number of dimensions, or the windows do not fit.
        TypeError: a size is not made of ints, or the input not a floating-point tensor.
        ValueError: an option is out of range, or not exactly one of size and ratio is given.

    Example:
        >>> import lucid
        >>> lucid.nn.FractionalMaxPool3d(2, output_size=3)(lucid.randn(1, 3, 9, 9, 9)).shape
        lucid.Size([1, 3, 3, 3, 3])

    Source: Graham, Fractional max-pooling, arXiv:1412.6071.
    """

    spatial = 3
