"""The losses: here those between distributions, with those between numbers of `regression` beside them."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

import numpy as np

from lucid._functions._common import check_broadcast, expand
from lucid._functions.activation import LogSigmoid
from lucid._functions.loss import (
    BinaryCrossEntropy,
    BinaryCrossEntropyWithLogits,
    ElementLoss,
    KLDivergence,
    KLDivergenceOfLogs,
)
from lucid._functions.reduce import sum
from lucid._functions.softmax import NLL, CrossEntropy, LogSoftmax, outside
from lucid.autograd._mode import mode
from lucid.autograd._node import compute
from lucid.nn.functional._common import (
    both_floating,
    check_broadcasts_to,
    check_dtype,
    check_floating,
    check_same_shape,
    check_tensors,
    fitting,
    reduced,
    reduction_of,
)
from lucid.nn.functional.regression import huber_loss, l1_loss, mse_loss, smooth_l1_loss

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def _check_class_weight(name: str, weight: Tensor | None, input: Tensor, classes: int) -> np.ndarray | None:
    if weight is None:
        return None
    check_dtype(name, "weight", weight, input)
    if weight._data.shape != (classes,):
        raise ValueError(f"{name}: expected weight of shape ({classes},), one per class, got {weight._data.shape}")
    if mode.enabled and weight._requires_grad:
        raise RuntimeError(f"{name}: the weight cannot require grad; detach() it")
    return compute(np.ascontiguousarray, weight)._data if mode.trace else np.ascontiguousarray(weight._data)


def _classes(name: str, input: Tensor) -> int:
    check_floating(name, input)
    if not input._data.ndim:
        raise ValueError(f"{name}: expected input of shape (C,), (N, C) or (N, C, d1, ...), got a 0-d tensor")
    return input._data.shape[min(1, input._data.ndim - 1)]


def _class_indices(name: str, input: Tensor, target: Tensor, ignore_index: int) -> np.ndarray:
    """The target as int64, (N, L), after checking everything about it."""
    shape, indices = input._data.shape, target._data
    expected = shape[:1] + shape[2:] if len(shape) > 1 else ()
    if indices.dtype.kind not in "iu":
        raise TypeError(
            f"{name}: expected integer class indices of shape {expected}, got {target.dtype} {indices.shape}"
        )
    if indices.shape != expected:
        raise ValueError(f"{name}: expected target of shape {expected}, got {indices.shape} (input {shape})")
    rows = _layout(input)[::2]
    if mode.trace:  # an operation, so that compiled training steps check their targets too
        return compute(_class_rows, target, name, shape[min(1, len(shape) - 1)], ignore_index, rows)._data
    return _class_rows(indices, name, shape[min(1, len(shape) - 1)], ignore_index, rows)


def _class_rows(indices: np.ndarray, name: str, classes: int, ignore_index: int, rows: tuple[int, ...]) -> np.ndarray:
    """The class indices as int64 in the shape ``rows``, if they are in range."""
    indices = indices.astype(np.int64, order="C", copy=False)
    at = outside(indices, classes, ignore_index)
    if at >= 0:
        position = tuple(int(i) for i in np.unravel_index(at, indices.shape))
        where_ = f" at position {position[0] if len(position) == 1 else position}" if position else ""
        raise IndexError(f"{name}: target {indices[position]}{where_} is out of range for {classes} classes")
    return indices.reshape(rows)


def _layout(input: Tensor) -> tuple[int, int, int]:
    """The input's shape as (N, C, L)."""
    shape = input._data.shape
    if len(shape) == 2:
        return (*shape, 1)
    return (1, shape[0], 1) if len(shape) == 1 else (shape[0], shape[1], math.prod(shape[2:]))


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The negative log-likelihood of class indices, given log-probabilities.

        loss_n = -weight[t_n] * x[n, t_n],    mean: sum_n loss_n / sum_n weight[t_n]

    Args:
        input: log-probabilities x, floating point: (C,), (N, C) or (N, C, d1, ...).
        target: class indices t, integers in [0, C): (), (N,) or (N, d1, ...).
        weight: factor of each class, (C,), of the input's dtype; ones unless given.
        size_average, reduce: deprecated forms of ``reduction``.
        ignore_index: target value that contributes neither to the loss nor to the mean.
        reduction: "none" (the target's shape), "mean" or "sum".

    Raises:
        IndexError: a target is out of range.
        TypeError: a dtype is wrong.
        ValueError: a shape or ``reduction`` is wrong.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> x = lucid.tensor([[-0.5, -1.0], [-2.0, -0.25]])
        >>> print(F.nll_loss(x, lucid.tensor([0, 1])))
        0.375

    Source: Bishop, Pattern recognition and machine learning, 2006, section 4.3.4.
    """
    reduction = reduction_of("nll_loss", reduction, size_average, reduce)
    classes = _classes("nll_loss", input)
    check_tensors("nll_loss", target)
    rows = _class_indices("nll_loss", input, target, ignore_index)
    factors = _check_class_weight("nll_loss", weight, input, classes)
    return NLL.apply(input, _layout(input), rows, factors, ignore_index, reduction, target._data.shape)


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """The cross-entropy of class indices or class probabilities, given logits.

        loss_n = -sum_c weight[c] * q[n, c] * log(softmax(x[n])[c])
        q = (1 - label_smoothing) * p + label_smoothing / C,    p the target's probabilities, or 1 at the target's index
        mean: sum_n loss_n / sum_n weight[t_n] for indices, / N for probabilities

    Args:
        input: logits x, floating point: (C,), (N, C) or (N, C, d1, ...).
        target: class indices t, integers in [0, C): (), (N,) or (N, d1, ...); or probabilities of the input's shape
            in any floating dtype, the loss being of the wider one.
        weight: factor of each class, (C,), of the input's dtype; ones unless given.
        size_average, reduce: deprecated forms of ``reduction``.
        ignore_index: index that contributes neither to the loss nor to the mean; not for probabilities.
        reduction: "none" (the shape of the indices), "mean" or "sum".
        label_smoothing: share of the uniform distribution in the target, in [0, 1].

    Raises:
        IndexError: a target is out of range.
        TypeError: a dtype is wrong.
        ValueError: a shape, ``reduction`` or ``label_smoothing`` is wrong.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> x = lucid.tensor([[2.0, 0.0], [0.0, 0.0]], dtype=lucid.float64)
        >>> print(F.cross_entropy(x, lucid.tensor([0, 1]), reduction="none"))
        [0.12692801, 0.69314718]

    Source: Bishop, Pattern recognition and machine learning, 2006, section 4.3.4; label smoothing: Szegedy et al.,
    arXiv:1512.00567.
    """
    name = "cross_entropy"
    reduction = reduction_of(name, reduction, size_average, reduce)
    classes = _classes(name, input)
    check_tensors(name, target)
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"{name}: label_smoothing must be between 0.0 and 1.0, got {label_smoothing}")
    if target._data.dtype.kind == "f" and target._data.shape == input._data.shape:
        return _soft_cross_entropy(name, input, target, weight, ignore_index, reduction, label_smoothing)
    rows = _class_indices(name, input, target, ignore_index)
    factors = _check_class_weight(name, weight, input, classes)
    return CrossEntropy.apply(
        input, _layout(input), rows, factors, ignore_index, label_smoothing, reduction, target._data.shape
    )


def _soft_cross_entropy(
    name: str,
    input: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ignore_index: int,
    reduction: str,
    label_smoothing: float,
) -> Tensor:
    if ignore_index >= 0:
        raise ValueError(f"{name}: ignore_index={ignore_index} is not supported for a target of probabilities")
    shape = input._data.shape
    axis = min(1, len(shape) - 1)
    classes = shape[axis]
    factors = _check_class_weight(name, weight, input, classes)
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / classes
    terms = LogSoftmax.apply(input, axis) * target
    if weight is not None and factors is not None:
        terms = terms * weight.reshape((classes, *(1 for _ in shape[axis + 1 :])))
    loss = -sum(terms, axis)
    return reduced(loss, reduction)


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The cross-entropy of yes-or-no targets, given probabilities.

        loss = -weight * (y * log(p) + (1 - y) * log(1 - p)),    logarithms no lower than -100

    Args:
        input: probabilities p in [0, 1], floating point, any shape.
        target: y, usually in [0, 1]; the input's shape and dtype.
        weight: broadcasts to the input; ones unless given.
        size_average, reduce: deprecated forms of ``reduction``.
        reduction: "none" (the input's shape), "mean" or "sum".

    Raises:
        RuntimeError: an element of the input is outside [0, 1] or NaN.
        TypeError: a dtype is wrong.
        ValueError: a shape or ``reduction`` is wrong.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> p = lucid.tensor([0.5, 0.25], dtype=lucid.float64)
        >>> print(F.binary_cross_entropy(p, lucid.tensor([1.0, 0.0], dtype=lucid.float64), reduction="none"))
        [0.69314718, 0.28768207]

    Source: Bishop, Pattern recognition and machine learning, 2006, section 4.3.2.
    """
    name = "binary_cross_entropy"
    reduction = reduction_of(name, reduction, size_average, reduce)
    check_floating(name, input)
    check_dtype(name, "target", target, input)
    check_same_shape(name, input, target)
    p = input._data
    if p.size and not 0 <= p.min() <= p.max() <= 1:
        position = tuple(int(i) for i in np.argwhere(~((p >= 0) & (p <= 1)))[0])
        raise RuntimeError(
            f"{name}: expected probabilities between 0 and 1, got {p[position]} at {position}; "
            f"{name}_with_logits takes any numbers"
        )
    if weight is not None:
        weight = fitting(name, "weight", weight, input)
        check_broadcasts_to(name, "weight", weight, p.shape)
    if weight is None:
        return BinaryCrossEntropy.apply(input, target, reduction)
    return reduced(BinaryCrossEntropy.apply(input, target, "none") * weight, reduction)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """The cross-entropy of yes-or-no targets, given logits: accurate where the sigmoid is nearly 0 or 1.

        loss = -weight * (pos_weight * y * log(sigmoid(x)) + (1 - y) * log(sigmoid(-x)))

    Args:
        input: logits x, floating point, any shape. Infinite logits give NaN.
        target: y, floating point, usually in [0, 1]; the input's shape.
        weight: broadcasts to the input; ones unless given.
        size_average, reduce: deprecated forms of ``reduction``.
        reduction: "none" (the input's shape), "mean" or "sum".
        pos_weight: factor of the positive answers, broadcasts to the input; ones unless given.

    Raises:
        TypeError: a dtype is wrong.
        ValueError: a shape or ``reduction`` is wrong.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> x = lucid.tensor([0.0, -100.0], dtype=lucid.float64)
        >>> print(F.binary_cross_entropy_with_logits(x, lucid.ones(2, dtype=lucid.float64), reduction="none"))
        [0.69314718, 100.0]

    Source: Bishop, Pattern recognition and machine learning, 2006, section 4.3.2.
    """
    name = "binary_cross_entropy_with_logits"
    reduction = reduction_of(name, reduction, size_average, reduce)
    check_floating(name, input)
    check_floating(name, target)
    check_same_shape(name, input, target)
    input, target = both_floating(name, input, target)
    if weight is not None:
        weight = fitting(name, "weight", weight, input)
        check_broadcasts_to(name, "weight", weight, input._data.shape)
    if pos_weight is not None:
        pos_weight = fitting(name, "pos_weight", pos_weight, input)
        check_broadcasts_to(name, "pos_weight", pos_weight, input._data.shape)
    if pos_weight is None and weight is None:
        return BinaryCrossEntropyWithLogits.apply(input, target, reduction)
    if pos_weight is None:
        loss = BinaryCrossEntropyWithLogits.apply(input, target, "none")
    else:
        loss = -(target * pos_weight * LogSigmoid.apply(input) + (1 - target) * LogSigmoid.apply(-input))
    return reduced(loss if weight is None else loss * weight, reduction)


def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """The Kullback-Leibler divergence of a target distribution from one given by log-probabilities.

        loss = t * (log(t) - x), 0 * log(0) being 0;    with log_target: exp(t) * (t - x)

    Args:
        input: log-probabilities x, floating point, any shape.
        target: probabilities t, or their logarithms, floating point; a shape that broadcasts with the input's.
        size_average, reduce: deprecated forms of ``reduction``.
        reduction: "none", "sum", "batchmean" (the sum over the size of dimension 0: the divergence itself) or "mean"
            (the mean over all elements, with a warning).
        log_target: whether ``target`` holds logarithms.

    Raises:
        TypeError: a dtype is wrong.
        ValueError: the shapes do not broadcast, or ``reduction`` is wrong.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> x = lucid.tensor([[0.5, 0.5]], dtype=lucid.float64).log()
        >>> print(F.kl_div(x, lucid.tensor([[1.0, 0.0]], dtype=lucid.float64), reduction="batchmean"))
        0.69314718

    Source: Kullback and Leibler, On information and sufficiency, 1951.
    """
    legacy = size_average is not None or reduce is not None
    reduction = reduction_of("kl_div", reduction, size_average, reduce, ("none", "mean", "sum", "batchmean"))
    check_floating("kl_div", input)
    check_floating("kl_div", target)
    check_broadcast("kl_div", input._data.shape, target._data.shape)
    input, target = both_floating("kl_div", input, target)
    if reduction == "mean" and not legacy:
        warnings.warn(
            "kl_div: reduction='mean' divides by the number of elements, not by the batch size; "
            "use reduction='batchmean' for the divergence",
            stacklevel=2,
        )
    rows = input._data.shape[0] if input._data.ndim else 1
    if input._data.shape != target._data.shape:
        shape = np.broadcast_shapes(input._data.shape, target._data.shape)
        input, target = expand(input, shape), expand(target, shape)
    loss: type[ElementLoss] = KLDivergenceOfLogs if log_target else KLDivergence
    if reduction != "batchmean":
        return loss.apply(input, target, reduction)
    return loss.apply(input, target, "sum") / rows


__all__ = [
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "cross_entropy", "huber_loss", "kl_div", "l1_loss",
    "mse_loss", "nll_loss", "smooth_l1_loss",
]  # fmt: skip
