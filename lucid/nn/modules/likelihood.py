"""Negative log-likelihoods of counts and of measurements; the functions they call document errors in full."""

from __future__ import annotations

from typing import Any

from lucid._tensor import Tensor
from lucid.nn import functional as F
from lucid.nn.modules.loss import Loss

__all__ = ["GaussianNLLLoss", "PoissonNLLLoss"]


class PoissonNLLLoss(Loss):
    """The negative log-likelihood of counts from Poisson distributions.

        loss = exp(x) - t * x, or with log_input=False x - t * log(x + eps)
        full: plus t * log(t) - t + log(2 * pi * t) / 2 where t > 1, Stirling's approximation of log(t!)

    Args:
        log_input: whether the input is the logarithm of the rate.
        full: whether to add the term that does not depend on the input.
        size_average, reduce: deprecated forms of ``reduction``.
        eps: keeps log(0) away where ``log_input`` is false.
        reduction: "none", "mean" or "sum".

    Shape: input and target the same, floating point; the result 0-d, or the same for "none".

    Raises:
        TypeError: the input is not a floating-point tensor.
        ValueError: ``reduction`` is unknown; or, when called, the shapes do not broadcast.

    Example:
        >>> import lucid
        >>> print(lucid.nn.PoissonNLLLoss()(lucid.tensor([0.0, 0.0]), lucid.tensor([1.0, 3.0])))
        1.0

    Source: McCullagh and Nelder, Generalized linear models, 1989.
    """

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        size_average: bool | None = None,
        eps: float = 1e-8,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_input, self.full, self.eps = log_input, full, eps

    def forward(self, log_input: Tensor, target: Tensor) -> Tensor:
        return F.poisson_nll_loss(log_input, target, self.log_input, self.full, eps=self.eps, reduction=self.reduction)


class GaussianNLLLoss(Loss):
    """The negative log-likelihood of measurements from normal distributions.

        loss = (log(v) + (x - t)^2 / v) / 2,    v = max(var, eps);    full: plus log(2 * pi) / 2

    Args:
        full: whether to add the constant term.
        eps: least variance, positive.
        reduction: "none", "mean" or "sum".

    Shape:
        input, target: the same, floating point.
        var: the same, or that without its last dimension, or with 1 in one place; or a number.
        result: 0-d, or the input's for "none".

    Raises:
        TypeError: the input or the variance is not floating point.
        ValueError: ``reduction`` is unknown; or, when called, a variance is negative or of the wrong shape, the shapes
            do not broadcast, or ``eps`` is not positive.

    Example:
        >>> import lucid
        >>> print(lucid.nn.GaussianNLLLoss()(lucid.tensor([1.0, 3.0]), lucid.tensor([1.0, 1.0]), lucid.ones(2)))
        1.0

    Source: Nix and Weigend, Estimating the mean and variance of the target probability distribution, 1994.
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.full, self.eps = full, eps

    def forward(self, input: Tensor, target: Tensor, var: Any) -> Tensor:
        return F.gaussian_nll_loss(input, target, var, self.full, self.eps, self.reduction)
