"""Modules of the activation functions: here the smooth ones, with those of `piecewise` and `softmax` beside them.

The functions they call document limits and errors.
"""

from __future__ import annotations

from lucid._tensor import Tensor
from lucid.nn import functional as F
from lucid.nn.modules._inplace import Inplace
from lucid.nn.modules.module import Module
from lucid.nn.modules.piecewise import (
    HardSigmoid,
    Hardsigmoid,
    HardSwish,
    Hardswish,
    Hardtanh,
    LeakyReLU,
    PReLU,
    ReLU,
    ReLU6,
    Threshold,
)
from lucid.nn.modules.softmax import LogSoftmax, Softmax, Softmax2d, Softmin


class Sigmoid(Module):
    """The logistic function.

        y = 1 / (1 + exp(-x))

    Shape: any, and the same for the result; integers and bools become the default floating-point type.

    Raises:
        TypeError: the input is not a tensor.

    Example:
        >>> import lucid
        >>> print(lucid.nn.Sigmoid()(lucid.tensor([0.0, 2.0], dtype=lucid.float64)))
        [0.5, 0.88079708]

    Source: Verhulst, Recherches mathematiques sur la loi d'accroissement de la population, 1845.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.sigmoid(input)


class Tanh(Module):
    """The hyperbolic tangent.

        y = (exp(x) - exp(-x)) / (exp(x) + exp(-x))

    Shape: any, and the same for the result; integers and bools become the default floating-point type.

    Raises:
        TypeError: the input is not a tensor.

    Example:
        >>> import lucid
        >>> print(lucid.nn.Tanh()(lucid.tensor([-1.0, 0.0], dtype=lucid.float64)))
        [-0.76159416, 0.0]

    Source: LeCun et al., Efficient BackProp, in Neural networks: tricks of the trade, 1998.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.tanh(input)


class LogSigmoid(Module):
    """The logarithm of the sigmoid, without underflow.

        y = -log(1 + exp(-x))

    Shape: any, and the same for the result; floating point.

    Raises:
        TypeError: the input is not a floating-point tensor.

    Example:
        >>> import lucid
        >>> print(lucid.nn.LogSigmoid()(lucid.tensor([-1000.0, 0.0], dtype=lucid.float64)))
        [-1000.0, -0.69314718]

    Source: Maechler, Accurately computing log(1 - exp(-|a|)), 2012.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.logsigmoid(input)


class Softplus(Module):
    """A smooth ReLU.

        y = log(1 + exp(beta * x)) / beta, and x where beta * x > threshold

    Args:
        beta: sharpness, not 0.
        threshold: value of beta * x above which the function is linear.

    Shape: any, and the same for the result; floating point.

    Raises:
        TypeError: the input is not a floating-point tensor.
        ValueError: ``beta`` is 0, found when called.

    Example:
        >>> import lucid
        >>> print(lucid.nn.Softplus()(lucid.tensor([0.0, 30.0], dtype=lucid.float64)))
        [0.69314718, 30.0]

    Source: Dugas et al., Incorporating second-order functional knowledge for better option pricing, NIPS 2000.
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta, self.threshold = beta, threshold

    def forward(self, input: Tensor) -> Tensor:
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}"


class SiLU(Inplace):
    """The sigmoid linear unit; `Swish` is another name of this class.

        y = x * sigmoid(x),    dy/dx = s * (1 + x * (1 - s)),    s = sigmoid(x)

    Args:
        inplace: overwrite the input.

    Shape: any, and the same for the result; floating point.

    Raises:
        RuntimeError: in place on a leaf that requires grad.
        TypeError: the input is not a floating-point tensor, or ``inplace`` not a bool.

    Example:
        >>> import lucid
        >>> print(lucid.nn.SiLU()(lucid.tensor([0.0, 1.0], dtype=lucid.float64)))
        [0.0, 0.73105858]

    Source: Elfwing et al., arXiv:1702.03118; Ramachandran et al., arXiv:1710.05941.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.silu(input, self.inplace)


Swish = SiLU


class Mish(Inplace):
    """The self-regularised activation Mish.

        y = x * t,    dy/dx = t + x * (1 - t^2) * sigmoid(x),    t = tanh(log(1 + exp(x)))

    Args:
        inplace: overwrite the input.

    Shape: any, and the same for the result; floating point.

    Raises:
        RuntimeError: in place on a leaf that requires grad.
        TypeError: the input is not a floating-point tensor, or ``inplace`` not a bool.

    Example:
        >>> import lucid
        >>> print(lucid.nn.Mish()(lucid.tensor([0.0, 1.0], dtype=lucid.float64)))
        [0.0, 0.86509839]

    Source: Misra, arXiv:1908.08681.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.mish(input, self.inplace)


class GELU(Module):
    """The Gaussian error linear unit.

        y = x * Phi(x),    Phi the standard normal distribution function
        approximate="tanh":    y = x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)))

    Args:
        approximate: "none" or "tanh".

    Shape: any, and the same for the result; floating point.

    Raises:
        TypeError: the input is not a floating-point tensor.
        ValueError: another ``approximate``, found when called.

    Example:
        >>> import lucid
        >>> print(lucid.nn.GELU()(lucid.tensor([0.0, 1.0], dtype=lucid.float64)))
        [0.0, 0.84134475]

    Source: Hendrycks and Gimpel, arXiv:1606.08415.
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        return F.gelu(input, self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class ELU(Inplace):
    """The exponential linear unit.

        y = x if x > 0 else alpha * (exp(x) - 1)

    Args:
        alpha: minus the limit at -inf.
        inplace: overwrite the input.

    Shape: any, and the same for the result; floating point.

    Raises:
        RuntimeError: in place on a leaf that requires grad.
        TypeError: the input is not a floating-point tensor, or ``inplace`` not a bool.

    Example:
        >>> import lucid
        >>> print(lucid.nn.ELU()(lucid.tensor([-1.0, 2.0], dtype=lucid.float64)))
        [-0.63212056, 2.0]

    Source: Clevert et al., arXiv:1511.07289.
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.alpha = alpha

    def forward(self, input: Tensor) -> Tensor:
        return F.elu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        return self.settings(f"alpha={self.alpha}")


class SELU(Inplace):
    """The self-normalising exponential linear unit.

        y = scale * elu(x, alpha),    scale = 1.0507009873554805, alpha = 1.6732632423543772

    Args:
        inplace: overwrite the input.

    Shape: any, and the same for the result; floating point.

    Raises:
        RuntimeError: in place on a leaf that requires grad.
        TypeError: the input is not a floating-point tensor, or ``inplace`` not a bool.

    Example:
        >>> import lucid
        >>> print(lucid.nn.SELU()(lucid.tensor([-1.0, 2.0], dtype=lucid.float64)))
        [-1.11133074, 2.10140197]

    Source: Klambauer et al., arXiv:1706.02515.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.selu(input, self.inplace)


class CELU(Inplace):
    """The exponential linear unit whose derivative is continuous for every alpha.

        y = x if x > 0 else alpha * (exp(x / alpha) - 1)

    Args:
        alpha: minus the limit at -inf, for positive values; not 0.
        inplace: overwrite the input.

    Shape: any, and the same for the result; floating point.

    Raises:
        RuntimeError: ``alpha`` is 0, found when called; or in place on a leaf that requires grad.
        TypeError: the input is not a floating-point tensor, or ``inplace`` not a bool.

    Example:
        >>> import lucid
        >>> print(lucid.nn.CELU(alpha=2.0)(lucid.tensor([-1.0, 2.0], dtype=lucid.float64)))
        [-0.78693868, 2.0]

    Source: Barron, arXiv:1704.07483.
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.alpha = alpha

    def forward(self, input: Tensor) -> Tensor:
        return F.celu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        return self.settings(f"alpha={self.alpha}")


class Softsign(Module):
    """A sigmoid with polynomial tails.

        y = x / (1 + |x|)

    Shape: any, and the same for the result; floating point.

    Raises:
        TypeError: the input is not a floating-point tensor.

    Example:
        >>> import lucid
        >>> print(lucid.nn.Softsign()(lucid.tensor([-3.0, 1.0])))
        [-0.75, 0.5]

    Source: Turian et al., Quadratic features and deep architectures for chunking, NAACL 2009.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softsign(input)


class GLU(Module):
    """The gated linear unit: one half of the input times the sigmoid of the other.

        y = a * sigmoid(b),    a and b the two halves of x along dim

    Args:
        dim: dimension to halve.

    Shape: any with an even size along ``dim``, which the result has half of; floating point.

    Raises:
        IndexError: ``dim`` is out of range.
        TypeError: the input is not a floating-point tensor.
        RuntimeError: the size along ``dim`` is odd, or the input is 0-d.

    Example:
        >>> import lucid
        >>> print(lucid.nn.GLU()(lucid.tensor([2.0, 4.0, 0.0, 0.0])))
        [1.0, 2.0]

    Source: Dauphin et al., Language modeling with gated convolutional networks, arXiv:1612.08083.
    """

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return F.glu(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


__all__ = [
    "CELU", "ELU", "GELU", "GLU", "SELU", "HardSigmoid", "HardSwish", "Hardsigmoid", "Hardswish", "Hardtanh",
    "LeakyReLU", "LogSigmoid", "LogSoftmax", "Mish", "PReLU", "ReLU", "ReLU6", "SiLU", "Sigmoid", "Softmax",
    "Softmax2d", "Softmin", "Softplus", "Softsign", "Swish", "Tanh", "Threshold",
]  # fmt: skip
