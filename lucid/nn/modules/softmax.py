"""Modules of the softmax family. The functions they call document limits and errors."""

from __future__ import annotations

from lucid._tensor import Tensor
from lucid.nn import functional as F
from lucid.nn.modules.module import Module


class Softmax(Module):
    """Exponentials scaled to sum to 1 along a dimension.

        y_i = exp(x_i) / sum_j exp(x_j)

    Args:
        dim: dimension to normalise; None means 0 for 0, 1 and 3 dimensions and 1 otherwise, with a warning.

    Shape: any, and the same for the result; floating point.

    Raises:
        IndexError: ``dim`` is out of range.
        TypeError: the input is not a floating-point tensor.

    Example:
        >>> import lucid
        >>> print(lucid.nn.Softmax(dim=0)(lucid.tensor([1.0, 1.0, 1.0, 1.0])))
        [0.25, 0.25, 0.25, 0.25]

    Source: Bridle, Probabilistic interpretation of feedforward classification network outputs, 1990.
    """

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return F.softmax(input, self.dim, _stacklevel=5)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softmin(Module):
    """The softmax of -x.

        y_i = exp(-x_i) / sum_j exp(-x_j)

    Args:
        dim: dimension to normalise; None means 0 for 0, 1 and 3 dimensions and 1 otherwise, with a warning.

    Shape: any, and the same for the result; floating point.

    Raises:
        IndexError: ``dim`` is out of range.
        TypeError: the input is not a floating-point tensor.

    Example:
        >>> import lucid
        >>> print(lucid.nn.Softmin(dim=0)(lucid.tensor([1.0, 1.0])))
        [0.5, 0.5]

    Source: Bridle, 1990, with the sign of the input changed.
    """

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return F.softmin(input, self.dim, _stacklevel=5)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class LogSoftmax(Module):
    """The logarithm of the softmax, without underflow.

        y_i = x_i - log(sum_j exp(x_j))

    Args:
        dim: dimension to normalise; None means 0 for 0, 1 and 3 dimensions and 1 otherwise, with a warning.

    Shape: any, and the same for the result; floating point.

    Raises:
        IndexError: ``dim`` is out of range.
        TypeError: the input is not a floating-point tensor.

    Example:
        >>> import lucid
        >>> print(lucid.nn.LogSoftmax(dim=0)(lucid.tensor([0.0, 0.0], dtype=lucid.float64)))
        [-0.69314718, -0.69314718]

    Source: Bridle, 1990.
    """

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return F.log_softmax(input, self.dim, _stacklevel=5)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softmax2d(Module):
    """Softmax over the channels of every pixel.

        y_c = exp(x_c) / sum_k exp(x_k),    c and k along dimension -3

    Shape: (N, C, H, W) or (C, H, W), and the same for the result; floating point.

    Raises:
        TypeError: the input is not a floating-point tensor.
        ValueError: the input has neither 3 nor 4 dimensions.

    Example:
        >>> import lucid
        >>> lucid.nn.Softmax2d()(lucid.zeros(1, 4, 2, 2))[0, :, 0, 0].tolist()
        [0.25, 0.25, 0.25, 0.25]

    Source: Bridle, 1990.
    """

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim not in (3, 4):
            raise ValueError(f"softmax: expected 3 or 4 dimensions, got {input.ndim} (input {tuple(input.shape)})")
        return F.softmax(input, -3)


__all__ = [
    "LogSoftmax", "Softmax", "Softmax2d", "Softmin",
]  # fmt: skip
