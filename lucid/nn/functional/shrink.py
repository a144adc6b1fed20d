"""Activation functions that pull values towards zero, and those that draw random numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lucid._functions import activation, shrink
from lucid._functions._common import normalize_dim
from lucid._functions._errors import OptionError
from lucid._functions.sampling import rand
from lucid._functions.softmax import softmax
from lucid.autograd._node import wrap
from lucid.nn.functional._common import check_floating, numeric, run

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["gumbel_softmax", "hardshrink", "rrelu", "rrelu_", "softshrink", "tanhshrink"]


def hardshrink(input: Tensor, lambd: float = 0.5, *, out: Tensor | None = None) -> Tensor:
    """Zero for small values, the identity for large ones.

        y = x if |x| > lambd else 0,    dy/dx = 1 if |x| > lambd else 0

    Args:
        input: floating point, any shape.
        lambd: largest magnitude that becomes 0.
        out: tensor that receives the result.

    Returns:
        Same shape and dtype. Infinities stay, NaN gives NaN.

    Raises:
        TypeError: ``input`` is not a floating-point tensor.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> print(F.hardshrink(lucid.tensor([-1.0, 0.25, 2.0])))
        [-1.0, 0.0, 2.0]

    Source: Donoho and Johnstone, Ideal spatial adaptation by wavelet shrinkage, 1994.
    """
    check_floating("hardshrink", input)
    return run("hardshrink", shrink.HardShrink, input, False, lambd)


def softshrink(input: Tensor, lambd: float = 0.5, *, out: Tensor | None = None) -> Tensor:
    """Values moved towards zero by a constant, and no further than zero.

        y = x - lambd if x > lambd, x + lambd if x < -lambd, else 0;    dy/dx = 1 if |x| > lambd else 0

    Args:
        input: floating point, any shape.
        lambd: largest magnitude that becomes 0, not negative.
        out: tensor that receives the result.

    Returns:
        Same shape and dtype. Infinities stay, NaN gives NaN.

    Raises:
        RuntimeError: ``lambd`` is negative or NaN.
        TypeError: ``input`` is not a floating-point tensor.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> print(F.softshrink(lucid.tensor([-1.0, 0.25, 2.0])))
        [-0.5, 0.0, 1.5]

    Source: Donoho and Johnstone, Ideal spatial adaptation by wavelet shrinkage, 1994.
    """
    check_floating("softshrink", input)
    if not lambd >= 0:
        raise RuntimeError(f"softshrink: lambd must not be negative, got {lambd}")
    return run("softshrink", shrink.SoftShrink, input, False, lambd)


def tanhshrink(input: Tensor) -> Tensor:
    """What the hyperbolic tangent takes away.

        y = x - tanh(x),    dy/dx = tanh(x)^2

    Args:
        input: floating point, any shape.

    Returns:
        Same shape and dtype, within rounding of x. Infinities stay, NaN gives NaN.

    Raises:
        TypeError: ``input`` is not a floating-point tensor.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> print(F.tanhshrink(lucid.tensor([0.0, 2.0], dtype=lucid.float64)))
        [0.0, 1.03597242]
    """
    return shrink.Tanhshrink.apply(numeric("tanhshrink", input))


def rrelu(
    input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, inplace: bool = False
) -> Tensor:
    """ReLU whose slope at and below zero is drawn for every element in training.

        y = x if x > 0 else a * x,    a uniform in [lower, upper); outside training a = (lower + upper) / 2

    Args:
        input: floating point, any shape.
        lower, upper: bounds of the slope, lower <= upper.
        training: whether to draw.
        inplace: overwrite ``input`` and return it.

    Returns:
        Same shape and dtype. NaN gives NaN.

    Raises:
        RuntimeError: in place on a leaf that requires grad.
        TypeError: ``input`` is not a floating-point tensor.
        ValueError: ``lower`` is above ``upper``, or one of them is not finite.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> print(F.rrelu(lucid.tensor([-4.0, 2.0]), 0.25, 0.75))
        [-2.0, 2.0]

    Source: Xu et al., Empirical evaluation of rectified activations, arXiv:1505.00853.
    """
    check_floating("rrelu", input)
    if not -np.inf < lower <= upper < np.inf:
        raise OptionError(f"rrelu: expected finite bounds with lower <= upper, got {lower} and {upper}")
    if not training:
        return run("rrelu", activation.LeakyReLU, input, inplace, (lower + upper) / 2)
    uniform = rand(*input._data.shape, dtype=input.dtype)._data
    slopes = uniform * input._data.dtype.type(upper - lower) + input._data.dtype.type(lower)
    return shrink.rrelu(input, slopes, inplace)


def rrelu_(input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False) -> Tensor:
    """`rrelu` in place: overwrites its input and returns it.

    Args:
        input: floating point, any shape.
        lower, upper: bounds of the slope, lower <= upper.
        training: whether to draw.

    Returns:
        ``input`` itself.

    Raises:
        RuntimeError: ``input`` is a leaf that requires grad.
        TypeError: ``input`` is not a floating-point tensor.
        ValueError: ``lower`` is above ``upper``, or one of them is not finite.

    Example:
        >>> import lucid
        >>> x = lucid.tensor([-3.0, 2.0])
        >>> y = lucid.rrelu_(x, 0.5, 0.5)
        >>> print(x)
        [-1.5, 2.0]

    Source: Xu et al., Empirical evaluation of rectified activations, arXiv:1505.00853.
    """
    return rrelu(input, lower, upper, training, inplace=True)


def gumbel_softmax(logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Tensor:
    """A random draw from a categorical distribution, relaxed so that it has a gradient.

        y = softmax((logits + g) / tau),    g = -log(-log(u)), u uniform in (0, 1)

    Args:
        logits: unnormalised log-probabilities, floating point, any shape.
        tau: temperature, positive; towards 0 the draw becomes one-hot.
        hard: give the one-hot draw, with the gradient of the relaxed one.
        eps: has no effect; PyTorch's signature has it.
        dim: dimension of the classes.

    Returns:
        The shape of ``logits``; sums to 1 along ``dim``.

    Raises:
        IndexError: ``dim`` is out of range.
        TypeError: ``logits`` is not a floating-point tensor.
        ValueError: ``tau`` is not positive.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> F.gumbel_softmax(lucid.zeros(2, 3), hard=True).sum(-1).tolist()
        [1.0, 1.0]

    Source: Jang et al., arXiv:1611.01144; Maddison et al., arXiv:1611.00712.
    """
    check_floating("gumbel_softmax", logits)
    if not tau > 0:
        raise ValueError(f"gumbel_softmax: tau must be positive, got {tau}")
    d = normalize_dim("gumbel_softmax", dim, logits)
    # In double the noise is finite: u is a multiple of 2^-53, and 0 is moved to below the others.
    uniform = np.maximum(rand(*logits._data.shape, dtype="float64")._data, 2.0**-54)
    noise = -np.log(-np.log(uniform))
    soft = softmax((logits + wrap(np.asarray(noise, logits._data.dtype))) / tau, d)
    if not hard or not logits._data.ndim:  # a 0-d draw is 1 either way
        return soft
    if not logits._data.size:
        return soft
    largest = np.expand_dims(np.argmax(soft._data, d), d)
    one_hot = np.zeros_like(soft._data)
    np.put_along_axis(one_hot, largest, 1, d)
    return wrap(one_hot) - soft.detach() + soft
