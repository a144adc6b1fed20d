"""Dropout layers."""

from __future__ import annotations

from lucid._tensor import Tensor
from lucid.nn import functional as F
from lucid.nn.modules.module import Module

__all__ = ["Dropout", "Dropout1d", "Dropout2d"]


class _Dropout(Module):
    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0.0 <= p <= 1.0:  # refuses NaN as well
            raise ValueError(f"{type(self).__name__}: dropout probability has to be between 0 and 1, but got {p}")
        self.p, self.inplace = p, inplace

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """In training, each element zeroed with probability ``p`` and the others divided by 1 - p.

    Args:
        p: probability of zeroing an element, in [0, 1].
        inplace: overwrite the input.

    Shape: any, and the same for the result; floating point.

    Raises:
        RuntimeError: the input is not floating point.
        ValueError: ``p`` is out of range.

    Example:
        >>> import lucid
        >>> lucid.nn.Dropout(0.5).eval()(lucid.ones(3)).tolist()
        [1.0, 1.0, 1.0]

    Source: Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", 2014.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_Dropout):
    """In training, whole channels of (N, C, L) or (C, L) zeroed with probability ``p``, the others divided by 1 - p.

    Args:
        p: probability of zeroing a channel, in [0, 1].
        inplace: overwrite the input.

    Shape: (N, C, L) or (C, L), and the same for the result; floating point.

    Raises:
        RuntimeError: another number of dimensions, or an input that is not floating point.
        ValueError: ``p`` is out of range.

    Example:
        >>> import lucid
        >>> print(lucid.nn.Dropout1d(0.5).eval()(lucid.ones(1, 2, 2)))
        [[[1.0, 1.0],
          [1.0, 1.0]]]

    Source: Tompson et al., Efficient object localization using convolutional networks, arXiv:1411.4280.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_Dropout):
    """In training, whole channels of (N, C, H, W) zeroed with probability ``p``, the others divided by 1 - p.

    Args:
        p: probability of zeroing a channel, in [0, 1].
        inplace: overwrite the input.

    Shape: (N, C, H, W); (N, C, L) as well, and the same for the result; floating point.

    Raises:
        RuntimeError: another number of dimensions, or an input that is not floating point.
        ValueError: ``p`` is out of range.

    Example:
        >>> import lucid
        >>> lucid.nn.Dropout2d(0.5)(lucid.ones(1, 2, 4, 4)).shape
        lucid.Size([1, 2, 4, 4])

    Source: Tompson et al., "Efficient Object Localization Using Convolutional Networks", 2015.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout2d(input, self.p, self.training, self.inplace)
