"""Losses of one or two scores, or of distances, that stop counting beyond a margin."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from lucid._functions._common import cast, check_broadcast
from lucid._functions.activation import LogSigmoid
from lucid._functions.binary import minimum
from lucid._functions.choice import where
from lucid._functions.pointwise import sqrt, square
from lucid._functions.reduce import sum
from lucid._functions.ternary import clamp
from lucid.nn.functional._common import (
    check_floating,
    check_tensors,
    reduced,
    reduction_of,
)
from lucid.nn.functional.distance import pairwise_distance

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = [
    "cosine_embedding_loss", "hinge_embedding_loss", "margin_ranking_loss", "soft_margin_loss", "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]  # fmt: skip


def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """How far pairs of scores are from being in the right order by a margin.

        loss = max(0, -y * (x1 - x2) + margin)

    Args:
        input1, input2: scores x1 and x2, floating point, shapes that broadcast and have as many dimensions.
        target: y, 1 where the first score should be larger and -1 where the second should.
        margin: difference that is asked for.
        size_average, reduce: deprecated forms of ``reduction``.
        reduction: "none", "mean" or "sum".

    Raises:
        RuntimeError: numbers of dimensions differ.
        TypeError: a score is not a floating-point tensor.
        ValueError: the shapes do not broadcast, or ``reduction`` is wrong.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> x1, x2, y = lucid.tensor([1.0, 3.0]), lucid.tensor([2.0, 1.0]), lucid.tensor([1.0, 1.0])
        >>> print(F.margin_ranking_loss(x1, x2, y, margin=0.5, reduction="none"))
        [1.5, 0.0]

    Source: Joachims, Optimizing search engines using clickthrough data, 2002.
    """
    name = "margin_ranking_loss"
    reduction = reduction_of(name, reduction, size_average, reduce)
    check_tensors(name, input1, input2, target)
    shapes = input1._data.shape, input2._data.shape, target._data.shape
    if len({len(s) for s in shapes}) > 1:
        raise RuntimeError(
            f"{name}: expected as many dimensions everywhere, got input1 {shapes[0]}, input2 {shapes[1]}, "
            f"target {shapes[2]}"
        )
    check_broadcast(name, shapes[0], shapes[1])
    check_broadcast(name, np.broadcast_shapes(shapes[0], shapes[1]), shapes[2])
    return reduced(clamp(-target * (input1 - input2) + margin, 0.0), reduction)


def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Distances of like pairs, and what distances of unlike pairs lack to a margin.

        loss = x where y = 1, max(0, margin - x) where y = -1

    Args:
        input: distances x, floating point, any shape.
        target: y, 1 or -1, of a shape that broadcasts with the input's.
        margin: distance beyond which unlike pairs do not count.
        size_average, reduce: deprecated forms of ``reduction``.
        reduction: "none", "mean" or "sum".

    Raises:
        TypeError: ``input`` is not a floating-point tensor.
        ValueError: the shapes do not broadcast, or ``reduction`` is wrong.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> x, y = lucid.tensor([0.5, 0.25]), lucid.tensor([1, -1])
        >>> print(F.hinge_embedding_loss(x, y, reduction="none"))
        [0.5, 0.75]

    Source: Hadsell et al., Dimensionality reduction by learning an invariant mapping, CVPR 2006.
    """
    name = "hinge_embedding_loss"
    reduction = reduction_of(name, reduction, size_average, reduce)
    check_floating(name, input)
    check_tensors(name, target)
    check_broadcast(name, input._data.shape, target._data.shape)
    if target._data.dtype.kind == "u":
        target = target.long()  # -1 is no uint8
    unlike = where(target != 1, clamp(margin - input, 0.0), 0.0)
    return reduced(unlike + where(target != -1, input, 0.0), reduction)


def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The logistic loss of two classes called 1 and -1.

        loss = log(1 + exp(-y * x))

    Args:
        input: scores x, floating point, any shape.
        target: y, 1 or -1, of a shape that broadcasts with the input's.
        size_average, reduce: deprecated forms of ``reduction``.
        reduction: "none", "mean" or "sum".

    Returns:
        Does not overflow for large scores, unlike the formula as it stands.

    Raises:
        TypeError: ``input`` is not a floating-point tensor.
        ValueError: the shapes do not broadcast, or ``reduction`` is wrong.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> x, y = lucid.tensor([0.0, -1000.0], dtype=lucid.float64), lucid.tensor([1, 1])
        >>> print(F.soft_margin_loss(x, y, reduction="none"))
        [0.69314718, 1000.0]

    Source: Cox, The regression analysis of binary sequences, 1958.
    """
    name = "soft_margin_loss"
    reduction = reduction_of(name, reduction, size_average, reduce)
    check_floating(name, input)
    check_tensors(name, target)
    check_broadcast(name, input._data.shape, target._data.shape)
    if np.broadcast_shapes(input._data.shape, target._data.shape) != input._data.shape:
        raise ValueError(
            f"{name}: expected target that broadcasts to {input._data.shape}, got shape {target._data.shape}"
        )
    return reduced(-LogSigmoid.apply(cast(target, input.dtype) * input), reduction)


def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """What the cosine of like vectors lacks to 1, and how far that of unlike ones is above a margin.

        loss = 1 - c where y = 1, max(0, c - margin) where y = -1
        c = sum(x1 * x2) / sqrt((sum(x1^2) + 1e-12) * (sum(x2^2) + 1e-12))

    Args:
        input1, input2: vectors x1 and x2: (N, D), or (D,) for a 0-d target.
        target: y, 1 or -1: (N,) or ().
        margin: cosine below which unlike pairs do not count.
        size_average, reduce: deprecated forms of ``reduction``.
        reduction: "none", "mean" or "sum".

    Raises:
        RuntimeError: the target has more than one dimension, or the inputs not one more than it.
        TypeError: an input is not a floating-point tensor.
        ValueError: the shapes do not broadcast, or ``reduction`` is wrong.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> x1, x2 = lucid.tensor([[1.0, 0.0]]), lucid.tensor([[-3.0, 0.0]])
        >>> print(F.cosine_embedding_loss(x1, x2, lucid.tensor([1])))
        2.0

    Source: Bromley et al., Signature verification using a "Siamese" time delay neural network, NIPS 1993.
    """
    name = "cosine_embedding_loss"
    reduction = reduction_of(name, reduction, size_average, reduce)
    check_tensors(name, input1, input2, target)
    s1, s2, st = input1._data.shape, input2._data.shape, target._data.shape
    if len(st) > 1 or len(s1) != len(st) + 1 or len(s2) != len(st) + 1:
        raise RuntimeError(
            f"{name}: expected inputs (N, D) with target (N,), or (D,) with a 0-d target, got {s1}, {s2} and {st}"
        )
    check_broadcast(name, s1, s2)
    check_broadcast(name, np.broadcast_shapes(s1, s2)[:-1], st)
    if target._data.dtype.kind == "u":
        target = target.long()  # -1 is no uint8
    dim = len(st)
    size1, size2 = sum(square(input1), dim) + 1e-12, sum(square(input2), dim) + 1e-12
    cosine = sum(input1 * input2, dim) / sqrt(size1 * size2)
    unlike = where(target == -1, clamp(cosine - margin, 0.0), 0.0)
    return reduced(where(target == 1, 1 - cosine, 0.0) + unlike, reduction)


def _check_triplet(name: str, anchor: Tensor, positive: Tensor, negative: Tensor, margin: float) -> None:
    check_tensors(name, anchor, positive, negative)
    if not margin > 0:
        raise ValueError(f"{name}: margin must be greater than 0, got {margin}")
    shapes = [x._data.shape for x in (anchor, positive, negative)]
    if len({len(s) for s in shapes}) > 1:
        raise RuntimeError(
            f"{name}: expected anchor, positive and negative with as many dimensions, got {', '.join(map(str, shapes))}"
        )


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """How far the unlike vector is from being further away than the like one by a margin.

        loss = max(0, d(a, p) - d(a, n) + margin),    d the `pairwise_distance` of order p
        swap: the smaller of d(a, n) and d(p, n) in place of d(a, n)

    Args:
        anchor, positive, negative: vectors a, p and n along the last dimension: (N, D) or (D,).
        margin: lead that is asked for, positive.
        p: order of the norm.
        eps: added to the differences of the vectors.
        swap: see above.
        size_average, reduce: deprecated forms of ``reduction``.
        reduction: "none", "mean" or "sum".

    Raises:
        RuntimeError: numbers of dimensions differ.
        TypeError: an argument is not a floating-point tensor.
        ValueError: ``margin`` is not positive, the shapes do not broadcast, or ``reduction`` is wrong.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> a, p, n = lucid.zeros(1, 2), lucid.tensor([[3.0, 4.0]]), lucid.tensor([[0.0, 2.0]])
        >>> print(F.triplet_margin_loss(a, p, n, eps=0.0))
        4.0

    Source: Balntas et al., Learning local feature descriptors with triplets, BMVC 2016.
    """
    name = "triplet_margin_loss"
    reduction = reduction_of(name, reduction, size_average, reduce)
    _check_triplet(name, anchor, positive, negative, margin)

    def distance(x: Tensor, y: Tensor) -> Tensor:
        return pairwise_distance(x, y, p, eps)

    return reduced(_triplet(anchor, positive, negative, distance, margin, swap), reduction)


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """`triplet_margin_loss` with any distance.

        loss = max(0, d(a, p) - d(a, n) + margin)
        swap: the smaller of d(a, n) and d(p, n) in place of d(a, n)

    Args:
        anchor, positive, negative: a, p and n, of shapes that the distance takes.
        distance_function: d, of two tensors; `pairwise_distance` unless given.
        margin: lead that is asked for, positive.
        swap: see above.
        reduction: "none", "mean" or "sum".

    Raises:
        RuntimeError: numbers of dimensions differ.
        TypeError: an argument is not a floating-point tensor.
        ValueError: ``margin`` is not positive, or ``reduction`` is wrong.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> a, p, n = lucid.zeros(1, 2), lucid.tensor([[3.0, 4.0]]), lucid.tensor([[0.0, 2.0]])
        >>> print(F.triplet_margin_with_distance_loss(a, p, n, distance_function=lambda x, y: (x - y).abs().sum(-1)))
        6.0

    Source: Balntas et al., Learning local feature descriptors with triplets, BMVC 2016.
    """
    name = "triplet_margin_with_distance_loss"
    reduction = reduction_of(name, reduction)
    _check_triplet(name, anchor, positive, negative, margin)
    distance = pairwise_distance if distance_function is None else distance_function
    return reduced(_triplet(anchor, positive, negative, distance, margin, swap), reduction)


def _triplet(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    distance: Callable[[Tensor, Tensor], Tensor],
    margin: float,
    swap: bool,
) -> Tensor:
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = minimum(far, distance(positive, negative))
    return clamp(near - far + margin, 0.0)
