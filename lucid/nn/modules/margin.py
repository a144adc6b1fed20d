"""Losses that stop counting beyond a margin. The functions they call document shapes, dtypes and errors in full."""

from __future__ import annotations

from collections.abc import Callable

from lucid._tensor import Tensor
from lucid.nn import functional as F
from lucid.nn.modules.distance import PairwiseDistance
from lucid.nn.modules.loss import Loss

__all__ = [
    "CosineEmbeddingLoss", "HingeEmbeddingLoss", "MarginRankingLoss", "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss", "MultiMarginLoss", "SoftMarginLoss", "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
]  # fmt: skip


class MarginRankingLoss(Loss):
    """How far pairs of scores are from being in the right order by a margin.

        loss = max(0, -y * (x1 - x2) + margin)

    Args:
        margin: difference that is asked for.
        size_average, reduce: deprecated forms of ``reduction``.
        reduction: "none", "mean" or "sum".

    Shape: scores x1 and x2 and target y (1 or -1) the same; the result 0-d, or the same for "none".

    Raises:
        RuntimeError: numbers of dimensions differ.
        TypeError: a score is not a floating-point tensor.
        ValueError: ``reduction`` is unknown; or, when called, the shapes do not broadcast.

    Example:
        >>> import lucid
        >>> x1, x2, y = lucid.tensor([1.0, 3.0]), lucid.tensor([2.0, 1.0]), lucid.tensor([1.0, 1.0])
        >>> print(lucid.nn.MarginRankingLoss(0.5)(x1, x2, y))
        0.75

    Source: Joachims, Optimizing search engines using clickthrough data, 2002.
    """

    def __init__(
        self,
        margin: float = 0.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return F.margin_ranking_loss(input1, input2, target, self.margin, reduction=self.reduction)


class HingeEmbeddingLoss(Loss):
    """Distances of like pairs, and what distances of unlike pairs lack to a margin.

        loss = x where y = 1, max(0, margin - x) where y = -1

    Args:
        margin: distance beyond which unlike pairs do not count.
        size_average, reduce: deprecated forms of ``reduction``.
        reduction: "none", "mean" or "sum".

    Shape: distances x and target y (1 or -1) the same; the result 0-d, or the same for "none".

    Raises:
        TypeError: the input is not a floating-point tensor.
        ValueError: ``reduction`` is unknown; or, when called, the shapes do not broadcast.

    Example:
        >>> import lucid
        >>> print(lucid.nn.HingeEmbeddingLoss()(lucid.tensor([0.5, 0.25]), lucid.tensor([1, -1])))
        0.625

    Source: Hadsell et al., Dimensionality reduction by learning an invariant mapping, CVPR 2006.
    """

    def __init__(
        self,
        margin: float = 1.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.hinge_embedding_loss(input, target, self.margin, reduction=self.reduction)


class SoftMarginLoss(Loss):
    """The logistic loss of two classes called 1 and -1.

        loss = log(1 + exp(-y * x))

    Args:
        size_average, reduce: deprecated forms of ``reduction``.
        reduction: "none", "mean" or "sum".

    Shape: scores x and target y (1 or -1) the same; the result 0-d, or the same for "none".

    Raises:
        TypeError: the input is not a floating-point tensor.
        ValueError: ``reduction`` is unknown; or, when called, the shapes do not broadcast.

    Example:
        >>> import lucid
        >>> print(lucid.nn.SoftMarginLoss()(lucid.tensor([0.0], dtype=lucid.float64), lucid.tensor([1])))
        0.69314718

    Source: Cox, The regression analysis of binary sequences, 1958.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.soft_margin_loss(input, target, reduction=self.reduction)


class CosineEmbeddingLoss(Loss):
    """What the cosine of like vectors lacks to 1, and how far that of unlike ones is above a margin.

        loss = 1 - cos(x1, x2) where y = 1, max(0, cos(x1, x2) - margin) where y = -1

    Args:
        margin: cosine below which unlike pairs do not count.
        size_average, reduce: deprecated forms of ``reduction``.
        reduction: "none", "mean" or "sum".

    Shape: vectors x1 and x2 (N, D) with target y (N,), or (D,) with a 0-d target; the result 0-d, or that of the
        target for "none".

    Raises:
        RuntimeError: the target has more than one dimension, or the vectors not one more than it.
        TypeError: a vector is not a floating-point tensor.
        ValueError: ``reduction`` is unknown; or, when called, the shapes do not broadcast.

    Example:
        >>> import lucid
        >>> x1, x2 = lucid.tensor([[1.0, 0.0]]), lucid.tensor([[-3.0, 0.0]])
        >>> print(lucid.nn.CosineEmbeddingLoss()(x1, x2, lucid.tensor([1])))
        2.0

    Source: Bromley et al., Signature verification using a "Siamese" time delay neural network, NIPS 1993.
    """

    def __init__(
        self,
        margin: float = 0.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return F.cosine_embedding_loss(input1, input2, target, self.margin, reduction=self.reduction)


class MultiLabelMarginLoss(Loss):
    """The hinge loss of every right class against every wrong one.

        loss = sum over right classes r and wrong classes w of max(0, 1 - (x[r] - x[w])) / C

    Args:
        size_average, reduce: deprecated forms of ``reduction``.
        reduction: "none", "mean" or "sum".

    Shape: scores (N, C) or (C,); target the same, int64 classes ended by a -1; the result 0-d, or (N,) for "none".

    Raises:
        IndexError: a class is out of range.
        RuntimeError: the input is empty, or has another number of dimensions.
        TypeError: a dtype is wrong.
        ValueError: ``reduction`` is unknown; or, when called, the target has another shape.

    Example:
        >>> import lucid
        >>> x, y = lucid.tensor([0.0, 0.5, 1.0, 1.0]), lucid.tensor([3, 0, -1, 1])
        >>> print(lucid.nn.MultiLabelMarginLoss()(x, y))
        1.25

    Source: Weston and Watkins, Support vector machines for multi-class pattern recognition, 1999.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multilabel_margin_loss(input, target, reduction=self.reduction)


class MultiLabelSoftMarginLoss(Loss):
    """The mean over classes of yes-or-no cross-entropies, given logits.

        loss = -sum_c weight_c * (y_c * log(sigmoid(x_c)) + (1 - y_c) * log(sigmoid(-x_c))) / C

    Args:
        weight: factor of each class, (C,); ones unless given.
        size_average, reduce: deprecated forms of ``reduction``.
        reduction: "none", "mean" or "sum".

    Shape: logits x and target y (N, C); the result 0-d, or (N,) for "none".

    Raises:
        TypeError: a dtype is wrong.
        ValueError: ``reduction`` is unknown; or, when called, a shape is wrong.

    Example:
        >>> import lucid
        >>> x, y = lucid.zeros(1, 2, dtype=lucid.float64), lucid.tensor([[0.0, 1.0]])
        >>> print(lucid.nn.MultiLabelSoftMarginLoss()(x, y))
        0.69314718

    Source: Bishop, Pattern recognition and machine learning, 2006, section 4.3.2.
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multilabel_soft_margin_loss(input, target, self.weight, reduction=self.reduction)


class MultiMarginLoss(Loss):
    """The hinge loss of the right class against every other.

        loss = sum over c != t of weight[t] * max(0, margin - x[t] + x[c])^p / C

    Args:
        p: 1 or 2.
        margin: lead of the right class that is asked for.
        weight: factor of each class, (C,); ones unless given.
        size_average, reduce: deprecated forms of ``reduction``.
        reduction: "none", "mean" (over N, whatever the weights) or "sum".

    Shape: scores x (N, C) or (C,); target t (N,) or (), int64; the result 0-d, or the target's for "none".

    Raises:
        IndexError: a class is out of range.
        RuntimeError: the input is empty, or has another number of dimensions.
        TypeError: a dtype is wrong.
        ValueError: ``p`` is neither 1 nor 2, the weight is not a vector, ``reduction`` is unknown; or, when called, a
            shape is wrong.

    Example:
        >>> import lucid
        >>> print(lucid.nn.MultiMarginLoss()(lucid.tensor([[0.0, 0.5, 1.0, 1.0]]), lucid.tensor([3])))
        0.375

    Source: Crammer and Singer, On the algorithmic implementation of multiclass kernel-based vector machines, 2001.
    """

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        if p not in (1, 2):
            raise ValueError(f"MultiMarginLoss: p must be 1 or 2, got {p}")
        if weight is not None and weight.ndim != 1:
            raise ValueError(f"MultiMarginLoss: expected weight of shape (C,), got {tuple(weight.shape)}")
        self.register_buffer("weight", weight)
        self.p, self.margin = p, margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multi_margin_loss(input, target, self.p, self.margin, self.weight, reduction=self.reduction)


class TripletMarginLoss(Loss):
    """How far the unlike vector is from being further away than the like one by a margin.

        loss = max(0, d(a, p) - d(a, n) + margin),    d(x, y) the p-norm of x - y + eps
        swap: the smaller of d(a, n) and d(p, n) in place of d(a, n)

    Args:
        margin: lead that is asked for, positive.
        p: order of the norm.
        eps: added to the differences of the vectors.
        swap: see above.
        size_average, reduce: deprecated forms of ``reduction``.
        reduction: "none", "mean" or "sum".

    Shape: anchor a, positive p and negative n (N, D) or (D,); the result 0-d, or (N,) or () for "none".

    Raises:
        RuntimeError: numbers of dimensions differ.
        TypeError: an argument is not a floating-point tensor.
        ValueError: ``margin`` is not positive, ``reduction`` is unknown; or, when called, the shapes do not broadcast.

    Example:
        >>> import lucid
        >>> a, p, n = lucid.zeros(1, 2), lucid.tensor([[3.0, 4.0]]), lucid.tensor([[0.0, 2.0]])
        >>> print(lucid.nn.TripletMarginLoss(eps=0.0)(a, p, n))
        4.0

    Source: Balntas et al., Learning local feature descriptors with triplets, BMVC 2016.
    """

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        if not margin > 0:
            raise ValueError(f"TripletMarginLoss: margin must be greater than 0, got {margin}")
        self.margin, self.p, self.eps, self.swap = margin, p, eps, swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return F.triplet_margin_loss(
            anchor, positive, negative, self.margin, self.p, self.eps, self.swap, reduction=self.reduction
        )


class TripletMarginWithDistanceLoss(Loss):
    """`TripletMarginLoss` with any distance.

        loss = max(0, d(a, p) - d(a, n) + margin)

    Args:
        distance_function: d, of two tensors; `PairwiseDistance` unless given.
        margin: lead that is asked for, positive.
        swap: take the smaller of d(a, n) and d(p, n) in place of d(a, n).
        reduction: "none", "mean" or "sum".

    Shape: anchor a, positive p and negative n as the distance takes them; the result 0-d, or the distance's for "none".

    Raises:
        RuntimeError: numbers of dimensions differ.
        TypeError: an argument is not a floating-point tensor.
        ValueError: ``margin`` is not positive, or ``reduction`` is unknown.

    Example:
        >>> import lucid
        >>> a, p, n = lucid.zeros(1, 2), lucid.tensor([[3.0, 4.0]]), lucid.tensor([[0.0, 2.0]])
        >>> print(lucid.nn.TripletMarginWithDistanceLoss(distance_function=lambda x, y: (x - y).abs().sum(-1))(a, p, n))
        6.0

    Source: Balntas et al., Learning local feature descriptors with triplets, BMVC 2016.
    """

    def __init__(
        self,
        *,
        distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction=reduction)
        if not margin > 0:
            raise ValueError(f"TripletMarginWithDistanceLoss: margin must be greater than 0, got {margin}")
        self.distance_function = PairwiseDistance() if distance_function is None else distance_function
        self.margin, self.swap = margin, swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return F.triplet_margin_with_distance_loss(
            anchor, positive, negative, distance_function=self.distance_function, margin=self.margin, swap=self.swap,
            reduction=self.reduction,
        )  # fmt: skip
