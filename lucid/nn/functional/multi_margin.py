"""Losses of the scores of several classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lucid._functions._errors import KindError
from lucid._functions.activation import LogSigmoid
from lucid._functions.choice import where
from lucid._functions.gather import gather
from lucid._functions.pointwise import square
from lucid._functions.reduce import sum
from lucid._functions.shape import reshape, unsqueeze
from lucid._functions.ternary import clamp
from lucid.autograd._node import wrap
from lucid.nn.functional._common import (
    check_broadcasts_to,
    check_dtype,
    check_floating,
    check_same_shape,
    check_tensors,
    reduced,
    reduction_of,
)

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["multi_margin_loss", "multilabel_margin_loss", "multilabel_soft_margin_loss"]


def _rows(name: str, input: Tensor) -> Tensor:
    """(N, C), from that, (C,) or the score of one class."""
    check_floating(name, input)
    shape = input._data.shape
    if len(shape) > 2 or 0 in shape[-1:]:
        raise RuntimeError(f"{name}: expected a non-empty input of shape (N, C) or (C,), got {shape}")
    return input if len(shape) == 2 else reshape(input, (1, -1))


def _check_classes(name: str, index: np.ndarray, least: int, classes: int) -> None:
    if index.size and not least <= int(index.min()) <= int(index.max()) < classes:
        wrong = index[(index < least) | (index >= classes)].flat[0]
        raise IndexError(f"{name}: target {wrong} is out of range for {classes} classes")


def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The hinge loss of every right class against every wrong one.

        loss = sum over right classes r and wrong classes w of max(0, 1 - (x[r] - x[w])) / C

    Args:
        input: scores x, floating point: (N, C) or (C,).
        target: right classes, int64, of the input's shape; a -1 ends each list.
        size_average, reduce: deprecated forms of ``reduction``.
        reduction: "none" (shape (N,) or ()), "mean" or "sum".

    Raises:
        IndexError: a class is out of range.
        RuntimeError: the input is empty, or has another number of dimensions.
        TypeError: a dtype is wrong.
        ValueError: a shape or ``reduction`` is wrong.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> x, y = lucid.tensor([0.0, 0.5, 1.0, 1.0]), lucid.tensor([3, 0, -1, 1])
        >>> print(F.multilabel_margin_loss(x, y))
        1.25

    Source: Weston and Watkins, Support vector machines for multi-class pattern recognition, 1999.
    """
    name = "multilabel_margin_loss"
    reduction = reduction_of(name, reduction, size_average, reduce)
    x = _rows(name, input)
    check_tensors(name, target)
    if target._data.dtype != np.int64:
        raise KindError(f"{name}: expected int64 classes, got {target.dtype}")
    check_same_shape(name, input, target)
    classes = x._data.shape[1]
    listed = target._data.reshape(x._data.shape)
    _check_classes(name, listed, -1, classes)
    given = np.logical_and.accumulate(listed >= 0, 1)
    longest = max(int(given.sum(1).max(initial=0)), 1)
    given, listed = given[:, :longest], np.where(given, listed, 0)[:, :longest]
    right = np.zeros(x._data.shape, bool)
    rows, places = np.nonzero(given)
    right[rows, listed[rows, places]] = True
    lack = 1 - unsqueeze(gather(x, 1, wrap(np.ascontiguousarray(listed))), 2) + unsqueeze(x, 1)
    counts = wrap(given[:, :, None] & ~right[:, None, :])
    loss = sum(where(counts, clamp(lack, 0.0), 0.0), (1, 2)) / classes
    return reduced(reshape(loss, target._data.shape[:-1]), reduction)


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The mean over classes of yes-or-no cross-entropies, given logits.

        loss = -sum_c weight_c * (y_c * log(sigmoid(x_c)) + (1 - y_c) * log(sigmoid(-x_c))) / C

    Args:
        input: logits x, floating point: (N, C), or any shape with the classes last.
        target: y, usually 0 or 1, of a shape that broadcasts to the input's.
        weight: factor of each class, broadcasts to the input; ones unless given.
        size_average, reduce: deprecated forms of ``reduction``.
        reduction: "none" (the shape without classes), "mean" or "sum".

    Raises:
        TypeError: a dtype is wrong.
        ValueError: a shape or ``reduction`` is wrong.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> x, y = lucid.zeros(1, 2, dtype=lucid.float64), lucid.tensor([[0.0, 1.0]])
        >>> print(F.multilabel_soft_margin_loss(x, y))
        0.69314718

    Source: Bishop, Pattern recognition and machine learning, 2006, section 4.3.2.
    """
    name = "multilabel_soft_margin_loss"
    reduction = reduction_of(name, reduction, size_average, reduce)
    check_floating(name, input)
    check_tensors(name, target)
    shape = input._data.shape
    if not shape or not shape[-1]:
        raise ValueError(f"{name}: expected classes along a last dimension, got input of shape {shape}")
    check_broadcasts_to(name, "target", target, shape)
    loss: Any = -(target * LogSigmoid.apply(input) + (1 - target) * LogSigmoid.apply(-input))
    if weight is not None:
        check_tensors(name, weight)
        check_broadcasts_to(name, "weight", weight, shape)
        loss = loss * weight
    return reduced(sum(loss, len(shape) - 1) / shape[-1], reduction)


def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The hinge loss of the right class against every other.

        loss = sum over c != t of weight[t] * max(0, margin - x[t] + x[c])^p / C

    Args:
        input: scores x, floating point: (N, C) or (C,).
        target: right classes t, int64: (N,) or ().
        p: 1 or 2.
        margin: lead of the right class that is asked for.
        weight: factor of each class, (C,), of the input's dtype; ones unless given.
        size_average, reduce: deprecated forms of ``reduction``.
        reduction: "none" (the target's shape), "mean" (over N, whatever the weights) or "sum".

    Raises:
        IndexError: a class is out of range.
        RuntimeError: the input is empty, or has another number of dimensions.
        TypeError: a dtype is wrong.
        ValueError: a shape, ``p`` or ``reduction`` is wrong.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> print(F.multi_margin_loss(lucid.tensor([[0.0, 0.5, 1.0, 1.0]]), lucid.tensor([3])))
        0.375

    Source: Crammer and Singer, On the algorithmic implementation of multiclass kernel-based vector machines, 2001.
    """
    name = "multi_margin_loss"
    reduction = reduction_of(name, reduction, size_average, reduce)
    x = _rows(name, input)
    check_tensors(name, target)
    if p not in (1, 2):
        raise ValueError(f"{name}: p must be 1 or 2, got {p}")
    n, classes = x._data.shape
    wanted = input._data.shape[:-1]
    if target._data.dtype != np.int64:
        raise KindError(f"{name}: expected int64 classes, got {target.dtype}")
    if target._data.shape not in (wanted, (n,)):
        raise ValueError(f"{name}: expected target of shape {wanted}, got {target._data.shape} (input {x._data.shape})")
    index = target._data.reshape(n)
    _check_classes(name, index, 0, classes)
    lack = clamp(margin - gather(x, 1, wrap(index[:, None])) + x, 0.0)
    terms = where(wrap(np.arange(classes) == index[:, None]), 0.0, lack if p == 1 else square(lack))
    loss = sum(terms, 1) / classes
    if weight is not None:
        check_dtype(name, "weight", weight, input)
        if weight._data.shape != (classes,):
            raise ValueError(f"{name}: expected weight of shape ({classes},), one per class, got {weight._data.shape}")
        loss = loss * wrap(weight._data[index])
    return reduced(reshape(loss, target._data.shape), reduction)
