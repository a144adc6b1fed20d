"""Modules of the activations that pull values towards zero, and of the one that draws its slope."""

from __future__ import annotations

from lucid._tensor import Tensor
from lucid.nn import functional as F
from lucid.nn.modules._inplace import Inplace
from lucid.nn.modules.module import Module

__all__ = ["Hardshrink", "RReLU", "Softshrink", "Tanhshrink"]


class Hardshrink(Module):
    """Zero for small values, the identity for large ones.

        y = x if |x| > lambd else 0

    Args:
        lambd: largest magnitude that becomes 0.

    Shape: any, and the same for the result; floating point.

    Raises:
        TypeError: the input is not a floating-point tensor.

    Example:
        >>> import lucid
        >>> print(lucid.nn.Hardshrink()(lucid.tensor([-1.0, 0.25, 2.0])))
        [-1.0, 0.0, 2.0]

    Source: Donoho and Johnstone, Ideal spatial adaptation by wavelet shrinkage, 1994.
    """

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        return F.hardshrink(input, self.lambd)

    def extra_repr(self) -> str:
        return f"{self.lambd}"


class Softshrink(Module):
    """Values moved towards zero by a constant, and no further than zero.

        y = x - lambd if x > lambd, x + lambd if x < -lambd, else 0

    Args:
        lambd: largest magnitude that becomes 0, not negative.

    Shape: any, and the same for the result; floating point.

    Raises:
        RuntimeError: ``lambd`` is negative or NaN, found when called.
        TypeError: the input is not a floating-point tensor.

    Example:
        >>> import lucid
        >>> print(lucid.nn.Softshrink()(lucid.tensor([-1.0, 0.25, 2.0])))
        [-0.5, 0.0, 1.5]

    Source: Donoho and Johnstone, Ideal spatial adaptation by wavelet shrinkage, 1994.
    """

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        return F.softshrink(input, self.lambd)

    def extra_repr(self) -> str:
        return str(self.lambd)


class Tanhshrink(Module):
    """What the hyperbolic tangent takes away.

        y = x - tanh(x)

    Shape: any, and the same for the result; floating point.

    Raises:
        TypeError: the input is not a floating-point tensor.

    Example:
        >>> import lucid
        >>> print(lucid.nn.Tanhshrink()(lucid.tensor([0.0, 2.0], dtype=lucid.float64)))
        [0.0, 1.03597242]
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.tanhshrink(input)


class RReLU(Inplace):
    """ReLU whose slope at and below zero is drawn for every element in training.

        y = x if x > 0 else a * x,    a uniform in [lower, upper); in evaluation a = (lower + upper) / 2

    Args:
        lower, upper: bounds of the slope, lower <= upper.
        inplace: overwrite the input.

    Shape: any, and the same for the result; floating point.

    Raises:
        RuntimeError: in place on a leaf that requires grad.
        TypeError: the input is not a floating-point tensor, or ``inplace`` not a bool.
        ValueError: ``lower`` is above ``upper``, or one of them is not finite, found when called.

    Example:
        >>> import lucid
        >>> print(lucid.nn.RReLU(0.25, 0.75).eval()(lucid.tensor([-4.0, 2.0])))
        [-2.0, 2.0]

    Source: Xu et al., Empirical evaluation of rectified activations, arXiv:1505.00853.
    """

    def __init__(self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.lower, self.upper = lower, upper

    def forward(self, input: Tensor) -> Tensor:
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self) -> str:
        return self.settings(f"lower={self.lower}, upper={self.upper}")
