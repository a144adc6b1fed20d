"""Losses between numbers."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

import numpy as np

from lucid._functions._common import cast, check_broadcast, expand
from lucid._functions._errors import OptionError
from lucid._functions.loss import AbsoluteError, ElementLoss, Huber, SquaredError
from lucid._functions.reduce import sum
from lucid.autograd._node import TensorBase
from lucid.nn.functional._common import both_floating, check_tensors, reduced, reduction_of

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def _alike(name: str, input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Both in one dtype and shape, with PyTorch's warning where that broadcasts."""
    check_tensors(name, input, target)
    own, other = input._data.shape, target._data.shape
    if own == other:
        return both_floating(name, input, target)
    check_broadcast(name, own, other)
    warnings.warn(
        f"{name}: using a target size {other} that is different to the input size {own}. This will likely lead to "
        "incorrect results due to broadcasting. Please ensure they have the same size.",
        stacklevel=3,
    )
    shape = np.broadcast_shapes(own, other)
    return both_floating(name, expand(input, shape), expand(target, shape))  # in this order: 0-d ones count too then


def _weight(name: str, input: Tensor, weight: Tensor | None) -> Tensor | None:
    """The weight, checked."""
    if weight is None:
        return None
    check_tensors(name, weight)
    if weight._data.shape != input._data.shape:
        raise ValueError(
            f"{name}: expected weight of shape {input._data.shape} like the input, got {weight._data.shape}"
        )
    return weight


def _weighted(loss: type[ElementLoss], x: Tensor, y: Tensor, weight: Tensor | None, reduction: str) -> Tensor:
    """The loss, reduced; a weighted mean is over the sum of the weights."""
    if weight is None:
        return loss.apply(x, y, reduction)
    each = loss.apply(x, y, "none") * weight
    return sum(each) / sum(weight) if reduction == "mean" else reduced(each, reduction)


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """The squared error.

        loss = weight * (x - y)^2,    mean: sum(loss) / sum(weight)

    Args:
        input: x, any shape; it or the target is floating point.
        target: y, of the same shape; another that broadcasts gives a warning.
        size_average, reduce: deprecated forms of ``reduction``.
        reduction: "none", "mean" or "sum".
        weight: of the input's shape; ones unless given.

    Raises:
        TypeError: an argument is no tensor, or neither ``input`` nor ``target`` is floating point.
        ValueError: the shapes do not broadcast, or ``reduction`` is wrong.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> print(F.mse_loss(lucid.tensor([1.0, 2.0]), lucid.tensor([0.0, 4.0])))
        2.5

    Source: Gauss, Theoria combinationis observationum erroribus minimis obnoxiae, 1823.
    """
    reduction = reduction_of("mse_loss", reduction, size_average, reduce)
    check_tensors("mse_loss", input)
    weight = _weight("mse_loss", input, weight)
    return _weighted(SquaredError, *_alike("mse_loss", input, target), weight, reduction)


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """The absolute error.

        loss = weight * |x - y|,    mean: sum(loss) / sum(weight)

    The gradient at x = y is 0.

    Args:
        input: x, any shape; it or the target is floating point.
        target: y, of the same shape; another that broadcasts gives a warning.
        size_average, reduce: deprecated forms of ``reduction``.
        reduction: "none", "mean" or "sum".
        weight: of the input's shape; ones unless given.

    Raises:
        TypeError: an argument is no tensor, or neither ``input`` nor ``target`` is floating point.
        ValueError: the shapes do not broadcast, or ``reduction`` is wrong.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> print(F.l1_loss(lucid.tensor([1.0, 2.0]), lucid.tensor([0.0, 4.0])))
        1.5

    Source: Laplace, Theorie analytique des probabilites, 1812.
    """
    reduction = reduction_of("l1_loss", reduction, size_average, reduce)
    check_tensors("l1_loss", input)
    weight = _weight("l1_loss", input, weight)
    return _weighted(AbsoluteError, *_alike("l1_loss", input, target), weight, reduction)


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """The absolute error, made quadratic near zero.

        loss = d^2 / (2 * beta) if |d| < beta else |d| - beta / 2,    d = x - y

    Args:
        input: x, any shape; it or the target is floating point.
        target: y, of the same shape; another that broadcasts gives a warning.
        size_average, reduce: deprecated forms of ``reduction``.
        reduction: "none", "mean" or "sum".
        beta: where the quadratic ends, at least 0; 0 gives the absolute error.

    Raises:
        TypeError: an argument is no tensor, or neither ``input`` nor ``target`` is floating point.
        ValueError: the shapes do not broadcast, ``reduction`` is wrong, or beta is negative or not finite.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> print(F.smooth_l1_loss(lucid.tensor([0.5, 3.0]), lucid.zeros(2), reduction="none"))
        [0.125, 2.5]

    Source: Girshick, Fast R-CNN, arXiv:1504.08083.
    """
    reduction = reduction_of("smooth_l1_loss", reduction, size_average, reduce)
    if not 0 <= beta < math.inf:
        raise ValueError(f"smooth_l1_loss: beta must be finite and not negative, got {beta}")
    x, y = _alike("smooth_l1_loss", input, target)
    return AbsoluteError.apply(x, y, reduction) if beta == 0 else Huber.apply(x, y, reduction, beta, beta)


def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """The squared error, made linear far from zero.

        loss = weight * (d^2 / 2 if |d| < delta else delta * (|d| - delta / 2)),    d = x - y

    Unlike those of `mse_loss` and `l1_loss` a weighted mean is over the number of elements, as in PyTorch.

    Args:
        input: x, any shape; it or the target is floating point.
        target: y, of the same shape; another that broadcasts gives a warning.
        reduction: "none", "mean" or "sum".
        delta: where the quadratic ends, positive.
        weight: of the input's shape; ones unless given.

    Raises:
        TypeError: an argument is no tensor, or neither ``input`` nor ``target`` is floating point.
        ValueError: the shapes do not broadcast, ``reduction`` is wrong, or delta is not positive and finite.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> print(F.huber_loss(lucid.tensor([0.5, 3.0]), lucid.zeros(2), reduction="none", delta=2.0))
        [0.125, 4.0]

    Source: Huber, Robust estimation of a location parameter, 1964.
    """
    reduction = reduction_of("huber_loss", reduction)
    if not 0 < delta < math.inf:
        raise OptionError(f"huber_loss: delta must be finite and greater than 0, got {delta}")
    check_tensors("huber_loss", input)
    weight = _weight("huber_loss", input, weight)
    if input._data.dtype.kind == "f" and isinstance(target, TensorBase) and target._data.dtype.kind == "f":
        target = cast(target, input.dtype)  # the result has the input's dtype
    x, y = _alike("huber_loss", input, target)
    if weight is None:
        return Huber.apply(x, y, reduction, delta, 1.0)
    return reduced(Huber.apply(x, y, "none", delta, 1.0) * weight, reduction)


__all__ = ["huber_loss", "l1_loss", "mse_loss", "smooth_l1_loss"]
