"""Negative log-likelihoods of counts and of measurements."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid._functions._common import check_broadcast, floating
from lucid._functions.choice import where
from lucid._functions.exponential import exp, log
from lucid._functions.pointwise import square
from lucid._functions.shape import unsqueeze
from lucid.autograd._node import TensorBase, wrap
from lucid.nn.functional._common import check_floating, check_tensors, reduced, reduction_of
from lucid.nn.functional.distance import lifted

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["gaussian_nll_loss", "poisson_nll_loss"]


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The negative log-likelihood of counts from Poisson distributions.

        loss = exp(x) - t * x, or with log_input=False x - t * log(x + eps)
        full: plus t * log(t) - t + log(2 * pi * t) / 2 where t > 1, Stirling's approximation of log(t!)

    Args:
        input: x, the logarithm of the rate or the rate itself, any shape.
        target: counts t, of a shape that broadcasts with the input's.
        log_input: whether ``input`` is the logarithm.
        full: whether to add the term that does not depend on the input.
        size_average, reduce: deprecated forms of ``reduction``.
        eps: keeps log(0) away where ``log_input`` is false.
        reduction: "none", "mean" or "sum".

    Raises:
        TypeError: an argument is no tensor.
        ValueError: the shapes do not broadcast, or ``reduction`` is wrong.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> print(F.poisson_nll_loss(lucid.tensor([0.0, 0.0]), lucid.tensor([1.0, 3.0]), reduction="none"))
        [1.0, 1.0]

    Source: McCullagh and Nelder, Generalized linear models, 1989.
    """
    name = "poisson_nll_loss"
    reduction = reduction_of(name, reduction, size_average, reduce)
    check_tensors(name, input, target)
    check_broadcast(name, input._data.shape, target._data.shape)
    loss: Any = exp(input) - target * input if log_input else input - target * log(input + eps)
    if full:
        many = target > 1
        count = where(many, target, 2.0)  # any number above 1: its terms are not taken
        loss = loss + where(many, count * log(count) - count + 0.5 * log(2 * math.pi * count), 0.0)
    return reduced(loss, reduction)


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Any,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """The negative log-likelihood of measurements from normal distributions.

        loss = (log(v) + (x - t)^2 / v) / 2,    v = max(var, eps);    full: plus log(2 * pi) / 2

    The bound eps takes no part in the gradient.

    Args:
        input: expectation x, any shape.
        target: measurements t, of a shape that broadcasts with the input's.
        var: variance, not negative: of the input's shape, or that without its last dimension, or with 1 in one
            place; or a number.
        full: whether to add the constant term.
        eps: least variance, positive.
        reduction: "none", "mean" or "sum".

    Raises:
        TypeError: ``var`` is not floating point.
        ValueError: a variance is negative or of the wrong shape, the shapes do not broadcast, or an option is wrong.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> print(F.gaussian_nll_loss(lucid.tensor([1.0, 3.0]), lucid.tensor([1.0, 1.0]), lucid.ones(2)))
        1.0

    Source: Nix and Weigend, Estimating the mean and variance of the target probability distribution, 1994.
    """
    name = "gaussian_nll_loss"
    reduction = reduction_of(name, reduction)
    check_tensors(name, input, target)
    check_broadcast(name, input._data.shape, target._data.shape)
    if not eps > 0:
        raise ValueError(f"{name}: eps must be positive, got {eps}")
    shape = input._data.shape
    if not isinstance(var, (TensorBase, int, float, np.generic)):
        raise TypeError(f"{name}: expected var to be a Tensor or a number, got {type(var).__name__}")
    v: Any = var if isinstance(var, TensorBase) else wrap(np.full(shape, float(var), floating(input)._data.dtype))
    check_floating(name, v)
    own = v._data.shape
    if np.any(v._data < 0):
        raise ValueError(f"{name}: expected a variance that is not negative, got {v._data.min()}")
    if own != shape:
        lacks_last = own == shape[:-1] and len(shape) > 0
        one_wide = len(own) == len(shape) and sum(n for n, m in zip(own, shape) if n != m) == 1
        if not (lacks_last or one_wide):
            raise ValueError(f"{name}: expected var of shape {shape}, {shape[:-1]} or with one 1, got {own}")
        v = unsqueeze(v, -1) if lacks_last else v
    v = lifted(v, eps)
    loss = 0.5 * (log(v) + square(input - target) / v)
    return reduced(loss + 0.5 * math.log(2 * math.pi) if full else loss, reduction)
