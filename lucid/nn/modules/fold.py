"""Windows of planes as columns of a matrix, and back."""

from __future__ import annotations

from lucid._tensor import Tensor
from lucid.nn import functional as F
from lucid.nn.functional._arguments import Sizes
from lucid.nn.modules.module import Module

__all__ = ["Fold", "Unfold"]


class Unfold(Module):
    """Every position of a window over planes, as a column: `lucid.nn.functional.unfold`.

    Args:
        kernel_size: height kh and width kw of the window.
        dilation: distance between the elements of a window.
        padding: zeros added on all sides.
        stride: steps between positions.

    Shape: (N, C, H, W) or (C, H, W) to (N, C * kh * kw, positions), or without N.

    Raises:
        RuntimeError: another number of dimensions, or a window that does not fit.
        TypeError: the input is not a floating-point tensor.
        ValueError: an option is out of range, found when called.

    Example:
        >>> import lucid
        >>> lucid.nn.Unfold(2)(lucid.ones(1, 3, 4, 5)).shape
        lucid.Size([1, 12, 12])

    Source: Chellapilla et al., High performance convolutional neural networks for document processing, 2006.
    """

    def __init__(self, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1) -> None:
        super().__init__()
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride

    def forward(self, input: Tensor) -> Tensor:
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, stride={self.stride}"


class Fold(Module):
    """Columns laid back as windows over planes, overlaps added: `lucid.nn.functional.fold`.

    Args:
        output_size: height and width of the planes.
        kernel_size: height kh and width kw of the window.
        dilation: distance between the elements of a window.
        padding: what is cut off on all sides.
        stride: steps between positions.

    Shape: (N, C * kh * kw, positions) to (N, C, *output_size), or without N.

    Raises:
        RuntimeError: another number of dimensions, columns or positions than the window has on such planes.
        TypeError: the input is not a floating-point tensor.
        ValueError: an option is out of range, found when called.

    Example:
        >>> import lucid
        >>> lucid.nn.Fold((4, 5), 2)(lucid.ones(1, 12, 12)).shape
        lucid.Size([1, 3, 4, 5])
    """

    def __init__(
        self, output_size: Sizes, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1
    ) -> None:
        super().__init__()
        self.output_size, self.kernel_size = output_size, kernel_size
        self.dilation, self.padding, self.stride = dilation, padding, stride

    def forward(self, input: Tensor) -> Tensor:
        return F.fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, dilation={self.dilation}, "
            f"padding={self.padding}, stride={self.stride}"
        )
