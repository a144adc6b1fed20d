"""Pooling by p-norms; the functions document formula and errors in full."""

from __future__ import annotations

from lucid._tensor import Tensor
from lucid.nn import functional as F
from lucid.nn.functional._arguments import Sizes
from lucid.nn.modules.module import Module

__all__ = ["LPPool1d", "LPPool2d", "LPPool3d"]


class _LPPool(Module):
    def __init__(
        self, norm_type: float, kernel_size: Sizes, stride: Sizes | None = None, ceil_mode: bool = False
    ) -> None:
        super().__init__()
        self.norm_type, self.kernel_size, self.stride, self.ceil_mode = norm_type, kernel_size, stride, ceil_mode

    def extra_repr(self) -> str:
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPool):
    """The p-norm of every window of a sequence: (sum of x^p)^(1/p).

    Args:
        norm_type: p, positive.
        kernel_size: elements in a window.
        stride: step between windows; ``kernel_size`` unless given.
        ceil_mode: also give windows that begin inside the input and end beyond it.

    Shape: (N, C, L) or (C, L) to (N, C, L') or (C, L').

    Raises:
        RuntimeError: the input has another number of dimensions, or is smaller than a window.
        TypeError: the input is not a floating-point tensor.
        ValueError: an option is out of range, found when called.

    Example:
        >>> import lucid
        >>> lucid.nn.LPPool1d(2, 2)(lucid.tensor([[3.0, 4.0, 0.0, 2.0]])).tolist()
        [[5.0, 2.0]]

    Source: Gulcehre et al., Learned-norm pooling for deep feedforward and recurrent neural networks, arXiv:1311.1780.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.lp_pool1d(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)


class LPPool2d(_LPPool):
    """The p-norm of every window of a plane: (sum of x^p)^(1/p).

    Args:
        norm_type: p, positive.
        kernel_size: height and width of a window.
        stride: steps between windows; ``kernel_size`` unless given.
        ceil_mode: also give windows that begin inside the input and end beyond it.

    Shape: (N, C, H, W) or (C, H, W) to (N, C, H', W') or (C, H', W').

    Raises:
        RuntimeError: the input has another number of dimensions, or is smaller than a window.
        TypeError: the input is not a floating-point tensor.
        ValueError: an option is out of range, found when called.

    Example:
        >>> import lucid
        >>> lucid.nn.LPPool2d(2, 2)(lucid.ones(1, 3, 4, 4)).shape
        lucid.Size([1, 3, 2, 2])

    Source: Gulcehre et al., Learned-norm pooling for deep feedforward and recurrent neural networks, arXiv:1311.1780.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.lp_pool2d(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)


class LPPool3d(_LPPool):
    """The p-norm of every window of a volume: (sum of x^p)^(1/p).

    Args:
        norm_type: p, positive.
        kernel_size: depth, height and width of a window.
        stride: steps between windows; ``kernel_size`` unless given.
        ceil_mode: also give windows that begin inside the input and end beyond it.

    Shape: (N, C, D, H, W) or (C, D, H, W) to (N, C, D', H', W') or (C, D', H', W').

    Raises:
        RuntimeError: the input has another number of dimensions, or is smaller than a window.
        TypeError: the input is not a floating-point tensor.
        ValueError: an option is out of range, found when called.

    Example:
        >>> import lucid
        >>> lucid.nn.LPPool3d(2, 2)(lucid.ones(1, 3, 4, 4, 4)).shape
        lucid.Size([1, 3, 2, 2, 2])

    Source: Gulcehre et al., Learned-norm pooling for deep feedforward and recurrent neural networks, arXiv:1311.1780.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.lp_pool3d(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)
