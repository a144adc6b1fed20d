"""Pooling layers."""

from __future__ import annotations

from typing import Any, ClassVar

from lucid._tensor import Tensor
from lucid.nn import functional as F
from lucid.nn.functional._arguments import Sizes, sizes
from lucid.nn.functional.pool import windows
from lucid.nn.modules.module import Module

__all__ = ["AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AvgPool1d", "AvgPool2d", "MaxPool1d", "MaxPool2d"]


def _check(module: Module, spatial: int, *options: Any) -> None:
    windows(type(module).__name__, spatial, *[tuple(o) if isinstance(o, list) else o for o in options])


class _MaxPool(Module):
    spatial: ClassVar[int]

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        _check(self, self.spatial, kernel_size, stride, padding, dilation)
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.dilation = padding, dilation
        self.return_indices, self.ceil_mode = return_indices, ceil_mode

    def forward(self, input: Tensor) -> Any:
        pool = F.max_pool1d if self.spatial == 1 else F.max_pool2d
        return pool(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}, "
            f"ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """The largest element of every window of a sequence, as `lucid.nn.functional.max_pool1d`.

    Args:
        kernel_size: elements in a window.
        stride: step between windows; ``kernel_size`` unless given.
        padding: elements of -inf added at both ends, at most half a window.
        dilation: distance between the elements of a window.
        return_indices: return the positions of the maxima as well.
        ceil_mode: also give windows that begin inside the input or left padding and end beyond it.

    Shape:
        input: (N, C, L) or (C, L), floating point.
        result: (N, C, L') or (C, L'); L' = floor((L + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1; with
            ``ceil_mode`` the ceiling. The positions, int64, have the same shape.

    Raises:
        RuntimeError: the input has another number of dimensions, is not floating point, or is smaller than a window.
        TypeError: a size is not made of ints.
        ValueError: an option is out of range.

    Example:
        >>> import lucid
        >>> lucid.nn.MaxPool1d(2)(lucid.ones(1, 3, 8)).shape
        lucid.Size([1, 3, 4])
    """

    spatial = 1


class MaxPool2d(_MaxPool):
    """The largest element of every window of a plane, as `lucid.nn.functional.max_pool2d`.

    Args:
        kernel_size: height and width of a window.
        stride: steps between windows; ``kernel_size`` unless given.
        padding: elements of -inf added on all sides, at most half a window.
        dilation: distance between the elements of a window.
        return_indices: return the positions of the maxima as well.
        ceil_mode: also give windows that begin inside the input or top-left padding and end beyond it.

    Shape:
        input: (N, C, H, W) or (C, H, W), floating point.
        result: (N, C, H', W') or (C, H', W');
            H' = floor((H + 2 padding - dilation (kernel height - 1) - 1) / stride) + 1, W' likewise; with ``ceil_mode``
            the ceiling. The positions, int64, have the same shape.

    Raises:
        RuntimeError: the input has another number of dimensions, is not floating point, or is smaller than a window.
        TypeError: a size is not made of ints.
        ValueError: an option is out of range.

    Example:
        >>> import lucid
        >>> lucid.nn.MaxPool2d(3, stride=2, padding=1)(lucid.ones(1, 3, 8, 8)).shape
        lucid.Size([1, 3, 4, 4])
    """

    spatial = 2


class AvgPool1d(Module):
    """The mean of every window of a sequence, as `lucid.nn.functional.avg_pool1d`.

    Args:
        kernel_size: elements in a window.
        stride: step between windows; ``kernel_size`` unless given.
        padding: zeros added at both ends, at most half a window.
        ceil_mode: also give windows that begin inside the input or left padding and end beyond it.
        count_include_pad: divide by the elements of the window that lie in the padded input, not only in the input.

    Shape:
        input: (N, C, L) or (C, L), floating point.
        result: (N, C, L') or (C, L'); L' = floor((L + 2 padding - kernel_size) / stride) + 1; with ``ceil_mode`` the
            ceiling.

    Raises:
        RuntimeError: the input has another number of dimensions, is not floating point, or is smaller than a window.
        TypeError: a size is not made of ints.
        ValueError: an option is out of range.

    Example:
        >>> import lucid
        >>> lucid.nn.AvgPool1d(2)(lucid.ones(1, 3, 8)).shape
        lucid.Size([1, 3, 4])
    """

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        _check(self, 1, kernel_size, stride, padding, 1)
        self.kernel_size = sizes("AvgPool1d", "kernel_size", kernel_size, 1)
        self.stride = self.kernel_size if stride is None else sizes("AvgPool1d", "stride", stride, 1)
        self.padding = sizes("AvgPool1d", "padding", padding, 1)
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool1d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _AvgPool(Module):
    """Mean pooling over two or three dimensions, which may have a divisor of its own."""

    spatial: ClassVar[int]

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        _check(self, self.spatial, kernel_size, stride, padding, 1)
        if divisor_override == 0:
            raise ValueError(f"{type(self).__name__}: divisor_override must not be zero")
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.ceil_mode = padding, ceil_mode
        self.count_include_pad, self.divisor_override = count_include_pad, divisor_override

    def forward(self, input: Tensor) -> Tensor:
        pool = F.avg_pool2d if self.spatial == 2 else F.avg_pool3d
        return pool(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad,
            self.divisor_override,
        )  # fmt: skip

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(_AvgPool):
    """The mean of every window of a plane, as `lucid.nn.functional.avg_pool2d`.

    Args:
        kernel_size: height and width of a window.
        stride: steps between windows; ``kernel_size`` unless given.
        padding: zeros added on all sides, at most half a window.
        ceil_mode: also give windows that begin inside the input or top-left padding and end beyond it.
        count_include_pad: divide by the elements of the window that lie in the padded input, not only in the input.
        divisor_override: divide by this number instead.

    Shape:
        input: (N, C, H, W) or (C, H, W), floating point.
        result: (N, C, H', W') or (C, H', W'); H' = floor((H + 2 padding - kernel height) / stride) + 1, W' likewise;
            with ``ceil_mode`` the ceiling.

    Raises:
        RuntimeError: the input has another number of dimensions, is not floating point, or is smaller than a window.
        TypeError: a size is not made of ints.
        ValueError: an option is out of range.

    Example:
        >>> import lucid
        >>> lucid.nn.AvgPool2d(2)(lucid.ones(1, 3, 8, 8)).shape
        lucid.Size([1, 3, 4, 4])
    """

    spatial = 2


class AdaptiveAvgPool1d(Module):
    """Means over a given number of windows that cover a sequence evenly, as `lucid.nn.functional.adaptive_avg_pool1d`.

    Args:
        output_size: number of windows; None means the length of the input.

    Shape: (N, C, L) or (C, L) to (N, C, output_size) or (C, output_size); floating point.

    Raises:
        RuntimeError: the input has another number of dimensions, or is not floating point.
        TypeError: ``output_size`` is not made of ints, found when called.
        ValueError: ``output_size`` is not positive or of the wrong length, found when called.

    Example:
        >>> import lucid
        >>> lucid.nn.AdaptiveAvgPool1d(3)(lucid.ones(1, 2, 8)).shape
        lucid.Size([1, 2, 3])

    Source: He et al., Spatial pyramid pooling in deep convolutional networks, arXiv:1406.4729 (the windows).
    """

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_avg_pool1d(input, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool2d(Module):
    """Means over a grid of windows that cover a plane evenly, as `lucid.nn.functional.adaptive_avg_pool2d`.

    Args:
        output_size: one int for both, or (rows, columns); None keeps a size.

    Shape: (N, C, H, W) or (C, H, W) to (N, C, *output_size) or (C, *output_size); floating point.

    Raises:
        RuntimeError: the input has another number of dimensions, or is not floating point.
        TypeError: ``output_size`` is not made of ints, found when called.
        ValueError: ``output_size`` is not positive or of the wrong length, found when called.

    Example:
        >>> import lucid
        >>> lucid.nn.AdaptiveAvgPool2d(1)(lucid.ones(1, 2, 8, 8)).shape
        lucid.Size([1, 2, 1, 1])

    Source: He et al., Spatial pyramid pooling in deep convolutional networks, arXiv:1406.4729 (the windows).
    """

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_avg_pool2d(input, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"
