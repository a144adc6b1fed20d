"""The activation functions: here the smooth ones, with those of `piecewise` and `softmax` beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lucid._functions import activation as ops
from lucid._functions._common import normalize_dim
from lucid._functions._errors import OptionError
from lucid.nn.functional._common import check_floating, check_tensors, numeric, run
from lucid.nn.functional.piecewise import hardsigmoid, hardswish, hardtanh, leaky_relu, prelu, relu, relu6, threshold
from lucid.nn.functional.softmax import log_softmax, softmax, softmin

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def sigmoid(input: Tensor) -> Tensor:
    """The logistic function.

        y = 1 / (1 + exp(-x)),    dy/dx = y * (1 - y)

    Args:
        input: any shape; integers and bools become the default floating-point type.

    Returns:
        Same shape, values in [0, 1]. -inf gives 0, inf gives 1, NaN gives NaN.

    Raises:
        TypeError: ``input`` is not a Tensor.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> print(F.sigmoid(lucid.tensor([0.0, 2.0], dtype=lucid.float64)))
        [0.5, 0.88079708]

    Source: Verhulst, Recherches mathematiques sur la loi d'accroissement de la population, 1845.
    """
    check_tensors("sigmoid", input)
    return ops.sigmoid(input)


def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent.

        y = (exp(x) - exp(-x)) / (exp(x) + exp(-x)),    dy/dx = 1 - y^2

    Args:
        input: any shape; integers and bools become the default floating-point type.

    Returns:
        Same shape, values in [-1, 1]. -inf gives -1, inf gives 1, NaN gives NaN.

    Raises:
        TypeError: ``input`` is not a Tensor.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> print(F.tanh(lucid.tensor([-1.0, 0.0], dtype=lucid.float64)))
        [-0.76159416, 0.0]

    Source: LeCun et al., Efficient BackProp, in Neural networks: tricks of the trade, 1998.
    """
    check_tensors("tanh", input)
    return ops.tanh(input)


def logsigmoid(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The logarithm of the sigmoid, without underflow.

        y = -log(1 + exp(-x)),    dy/dx = sigmoid(-x)

    Args:
        input: floating point, any shape.
        out: tensor that receives the result.

    Returns:
        Same shape and dtype. -inf gives -inf, inf gives 0, NaN gives NaN.

    Raises:
        TypeError: ``input`` is not a floating-point tensor.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> print(F.logsigmoid(lucid.tensor([-1000.0, 0.0], dtype=lucid.float64)))
        [-1000.0, -0.69314718]

    Source: Maechler, Accurately computing log(1 - exp(-|a|)), 2012.
    """
    return run("logsigmoid", ops.LogSigmoid, input, False)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0, *, out: Tensor | None = None) -> Tensor:
    """A smooth ReLU.

        y = log(1 + exp(beta * x)) / beta,    dy/dx = sigmoid(beta * x)
        y = x and dy/dx = 1 where beta * x > threshold

    Args:
        input: floating point, any shape.
        beta: sharpness, not 0.
        threshold: value of beta * x above which the function is linear.
        out: tensor that receives the result.

    Returns:
        Same shape and dtype. For a positive beta -inf gives 0 and inf gives inf; NaN gives NaN.

    Raises:
        TypeError: ``input`` is not a floating-point tensor.
        ValueError: beta is 0.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> print(F.softplus(lucid.tensor([0.0, 30.0], dtype=lucid.float64)))
        [0.69314718, 30.0]

    Source: Dugas et al., Incorporating second-order functional knowledge for better option pricing, NIPS 2000.
    """
    if beta == 0:
        raise ValueError("softplus: beta cannot be 0")
    return run("softplus", ops.Softplus, input, False, beta, threshold)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """The sigmoid linear unit, also known as Swish.

        y = x * s,    dy/dx = s * (1 + x * (1 - s)),    s = sigmoid(x)

    Args:
        input: floating point, any shape.
        inplace: overwrite ``input`` and return it.

    Returns:
        Same shape and dtype. -inf gives -0, inf gives inf, NaN gives NaN.

    Raises:
        TypeError: ``input`` is not a floating-point tensor.
        RuntimeError: in place on a leaf that requires grad.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> print(F.silu(lucid.tensor([0.0, 1.0], dtype=lucid.float64)))
        [0.0, 0.73105858]

    Source: Elfwing et al., arXiv:1702.03118; Ramachandran et al., arXiv:1710.05941.
    """
    return run("silu", ops.SiLU, input, inplace)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """The self-regularised activation Mish.

        y = x * t,    dy/dx = t + x * (1 - t^2) * sigmoid(x),    t = tanh(log(1 + exp(x)))

    Args:
        input: floating point, any shape.
        inplace: overwrite ``input`` and return it.

    Returns:
        Same shape and dtype. -inf gives -0, inf gives inf, NaN gives NaN.

    Raises:
        TypeError: ``input`` is not a floating-point tensor.
        RuntimeError: in place on a leaf that requires grad.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> print(F.mish(lucid.tensor([0.0, 1.0], dtype=lucid.float64)))
        [0.0, 0.86509839]

    Source: Misra, arXiv:1908.08681.
    """
    return run("mish", ops.Mish, input, inplace)


def gelu(input: Tensor, approximate: str = "none", *, out: Tensor | None = None) -> Tensor:
    """The Gaussian error linear unit.

        y = x * Phi(x),    dy/dx = Phi(x) + x * phi(x)
        approximate="tanh":    y = x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)))

    Phi and phi are the distribution function and the density of the standard normal distribution.

    Args:
        input: floating point, any shape.
        approximate: "none" or "tanh".
        out: tensor that receives the result.

    Returns:
        Same shape and dtype. -inf gives -0, inf gives inf, NaN gives NaN.

    Raises:
        TypeError: ``input`` is not a floating-point tensor.
        ValueError: another ``approximate``.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> print(F.gelu(lucid.tensor([0.0, 1.0], dtype=lucid.float64)))
        [0.0, 0.84134475]

    Source: Hendrycks and Gimpel, arXiv:1606.08415.
    """
    if approximate not in ("none", "tanh"):
        raise OptionError(f"gelu: approximate must be 'none' or 'tanh', got {approximate!r}")
    return run("gelu", ops.GELU if approximate == "none" else ops.GELUTanh, input, False)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """The exponential linear unit.

        y = x if x > 0 else alpha * (exp(x) - 1),    dy/dx = 1 if x > 0 else alpha * exp(x)

    Args:
        input: floating point, any shape.
        alpha: minus the limit at -inf.
        inplace: overwrite ``input`` and return it.

    Returns:
        Same shape and dtype. -inf gives -alpha, inf gives inf, NaN gives NaN.

    Raises:
        TypeError: ``input`` is not a floating-point tensor.
        RuntimeError: in place on a leaf that requires grad.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> print(F.elu(lucid.tensor([-1.0, 2.0], dtype=lucid.float64)))
        [-0.63212056, 2.0]

    Source: Clevert et al., arXiv:1511.07289.
    """
    return run("elu", ops.ELU, input, inplace, alpha, 1.0, 1.0)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """The self-normalising exponential linear unit.

        y = scale * elu(x, alpha),    scale = 1.0507009873554805, alpha = 1.6732632423543772

    Args:
        input: floating point, any shape.
        inplace: overwrite ``input`` and return it.

    Returns:
        Same shape and dtype. -inf gives -scale * alpha = -1.7580993, inf gives inf, NaN gives NaN.

    Raises:
        TypeError: ``input`` is not a floating-point tensor.
        RuntimeError: in place on a leaf that requires grad.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> print(F.selu(lucid.tensor([-1.0, 2.0], dtype=lucid.float64)))
        [-1.11133074, 2.10140197]

    Source: Klambauer et al., arXiv:1706.02515.
    """
    scale, alpha = 1.0507009873554805, 1.6732632423543772
    return run("selu", ops.ELU, input, inplace, scale * alpha, scale, 1.0)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """The exponential linear unit whose derivative is continuous for every alpha.

        y = x if x > 0 else alpha * (exp(x / alpha) - 1),    dy/dx = 1 if x > 0 else exp(x / alpha)

    Args:
        input: floating point, any shape.
        alpha: minus the limit at -inf, for positive values; not 0.
        inplace: overwrite ``input`` and return it.

    Returns:
        Same shape and dtype. -inf gives -alpha, inf gives inf, NaN gives NaN.

    Raises:
        TypeError: ``input`` is not a floating-point tensor.
        RuntimeError: alpha is 0, or in place on a leaf that requires grad.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> print(F.celu(lucid.tensor([-1.0, 2.0], dtype=lucid.float64), alpha=2.0))
        [-0.78693868, 2.0]

    Source: Barron, arXiv:1704.07483.
    """
    if alpha == 0:
        raise RuntimeError("celu: alpha cannot be 0")
    return run("celu", ops.ELU, input, inplace, alpha, 1.0, 1.0 / alpha)


def softsign(input: Tensor) -> Tensor:
    """A sigmoid with polynomial tails.

        y = x / (1 + |x|),    dy/dx = 1 / (1 + |x|)^2

    Args:
        input: floating point, any shape.

    Returns:
        Same shape and dtype. -inf gives -1, inf gives 1, NaN gives NaN.

    Raises:
        TypeError: ``input`` is not a floating-point tensor.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> print(F.softsign(lucid.tensor([-3.0, 1.0])))
        [-0.75, 0.5]

    Source: Turian et al., Quadratic features and deep architectures for chunking, NAACL 2009.
    """
    return run("softsign", ops.Softsign, numeric("softsign", input), False)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """The gated linear unit: one half of the input times the sigmoid of the other.

        y = a * sigmoid(b),    a and b the two halves of x along dim

    Args:
        input: floating point, of even size along ``dim``.
        dim: dimension to halve.

    Returns:
        Same dtype; half the size along ``dim``.

    Raises:
        TypeError: ``input`` is not a floating-point tensor.
        RuntimeError: the size along ``dim`` is odd, or ``input`` is 0-d.
        IndexError: ``dim`` is out of range.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> print(F.glu(lucid.tensor([2.0, 4.0, 0.0, 0.0])))
        [1.0, 2.0]

    Source: Dauphin et al., Language modeling with gated convolutional networks, arXiv:1612.08083.
    """
    check_floating("glu", input)
    shape = input._data.shape
    if not shape:
        raise RuntimeError("glu: expected at least one dimension, got a 0-d tensor")
    d = normalize_dim("glu", dim, len(shape))
    if shape[d] % 2:
        raise RuntimeError(f"glu: expected an even size along dimension {d}, got {shape[d]} (input {shape})")
    half = shape[d] // 2
    return input.narrow(d, 0, half) * ops.sigmoid(input.narrow(d, half, half))


__all__ = [
    "celu", "elu", "gelu", "glu", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "log_softmax", "logsigmoid",
    "mish", "prelu", "relu", "relu6", "selu", "sigmoid", "silu", "softmax", "softmin", "softplus", "softsign", "tanh",
    "threshold",
]  # fmt: skip
