"""Modules of the losses. The functions they call document shapes, dtypes and errors in full."""

from __future__ import annotations

from lucid._tensor import Tensor
from lucid.nn import functional as F
from lucid.nn.functional._common import reduction_of
from lucid.nn.modules.module import Module


class Loss(Module):
    """What losses share: the reduction, and a weight that is saved with the module where there is one."""

    weight: Tensor | None
    _reductions: tuple[str, ...] = ("none", "mean", "sum")

    def __init__(self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = reduction_of(type(self).__name__, reduction, size_average, reduce, self._reductions)


class CrossEntropyLoss(Loss):
    """The cross-entropy of class indices or class probabilities, given logits.

        loss_n = -sum_c weight[c] * q[n, c] * log(softmax(x[n])[c])
        q = (1 - label_smoothing) * p + label_smoothing / C,    p the target's probabilities, or 1 at the target's index
        mean: sum_n loss_n / sum_n weight[t_n] for indices, / N for probabilities

    Args:
        weight: factor of each class, (C,); ones unless given.
        size_average, reduce: deprecated forms of ``reduction``.
        ignore_index: index that contributes neither to the loss nor to the mean.
        reduction: "none", "mean" or "sum".
        label_smoothing: share of the uniform distribution in the target, in [0, 1].

    Shape:
        input: (C,), (N, C) or (N, C, d1, ...), floating point.
        target: integer indices (), (N,) or (N, d1, ...); or probabilities, like the input.
        result: 0-d, or the shape of the indices for "none".

    Raises:
        IndexError: a target is out of range.
        TypeError: a dtype is wrong.
        ValueError: ``reduction`` is unknown; or, when called, a shape or ``label_smoothing`` is wrong.

    Example:
        >>> import lucid
        >>> x = lucid.tensor([[2.0, 0.0], [0.0, 0.0]], dtype=lucid.float64)
        >>> print(lucid.nn.CrossEntropyLoss()(x, lucid.tensor([0, 1])))
        0.4100376

    Source: Bishop, Pattern recognition and machine learning, 2006, section 4.3.4; label smoothing: Szegedy et al.,
    arXiv:1512.00567.
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(
            input,
            target,
            self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class NLLLoss(Loss):
    """The negative log-likelihood of class indices, given log-probabilities.

        loss_n = -weight[t_n] * x[n, t_n],    mean: sum_n loss_n / sum_n weight[t_n]

    Args:
        weight: factor of each class, (C,); ones unless given.
        size_average, reduce: deprecated forms of ``reduction``.
        ignore_index: index that contributes neither to the loss nor to the mean.
        reduction: "none", "mean" or "sum".

    Shape:
        input: (C,), (N, C) or (N, C, d1, ...), floating point.
        target: integer indices (), (N,) or (N, d1, ...).
        result: 0-d, or the shape of the target for "none".

    Raises:
        IndexError: a target is out of range.
        TypeError: a dtype is wrong.
        ValueError: ``reduction`` is unknown; or, when called, a shape is wrong.

    Example:
        >>> import lucid
        >>> x = lucid.tensor([[-0.5, -1.0], [-2.0, -0.25]])
        >>> print(lucid.nn.NLLLoss()(x, lucid.tensor([0, 1])))
        0.375

    Source: Bishop, Pattern recognition and machine learning, 2006, section 4.3.4.
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.nll_loss(input, target, self.weight, ignore_index=self.ignore_index, reduction=self.reduction)


class BCELoss(Loss):
    """The cross-entropy of yes-or-no targets, given probabilities.

        loss = -weight * (y * log(p) + (1 - y) * log(1 - p)),    logarithms no lower than -100

    Args:
        weight: broadcasts to the input; ones unless given.
        size_average, reduce: deprecated forms of ``reduction``.
        reduction: "none", "mean" or "sum".

    Shape: input and target the same, floating point; the result 0-d, or the same for "none".

    Raises:
        RuntimeError: an element of the input is outside [0, 1] or NaN.
        TypeError: a dtype is wrong.
        ValueError: ``reduction`` is unknown; or, when called, a shape is wrong.

    Example:
        >>> import lucid
        >>> p = lucid.tensor([0.5, 0.25], dtype=lucid.float64)
        >>> print(lucid.nn.BCELoss(reduction="none")(p, lucid.tensor([1.0, 0.0], dtype=lucid.float64)))
        [0.69314718, 0.28768207]

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
        return F.binary_cross_entropy(input, target, self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(Loss):
    """The cross-entropy of yes-or-no targets, given logits: accurate where the sigmoid is nearly 0 or 1.

        loss = -weight * (pos_weight * y * log(sigmoid(x)) + (1 - y) * log(sigmoid(-x)))

    Args:
        weight: broadcasts to the input; ones unless given.
        size_average, reduce: deprecated forms of ``reduction``.
        reduction: "none", "mean" or "sum".
        pos_weight: factor of the positive answers, broadcasts to the input; ones unless given.

    Shape: input and target the same, floating point; the result 0-d, or the same for "none".

    Raises:
        TypeError: a dtype is wrong.
        ValueError: ``reduction`` is unknown; or, when called, a shape is wrong.

    Example:
        >>> import lucid
        >>> x = lucid.tensor([0.0, -100.0], dtype=lucid.float64)
        >>> print(lucid.nn.BCEWithLogitsLoss(reduction="none")(x, lucid.ones(2, dtype=lucid.float64)))
        [0.69314718, 100.0]

    Source: Bishop, Pattern recognition and machine learning, 2006, section 4.3.2.
    """

    pos_weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(
            input, target, self.weight, pos_weight=self.pos_weight, reduction=self.reduction
        )


class KLDivLoss(Loss):
    """The Kullback-Leibler divergence of a target distribution from one given by log-probabilities.

        loss = t * (log(t) - x), 0 * log(0) being 0;    with log_target: exp(t) * (t - x)

    Args:
        size_average, reduce: deprecated forms of ``reduction``.
        reduction: "none", "sum", "batchmean" (the divergence itself) or "mean" (over all elements, with a warning).
        log_target: whether the target holds logarithms.

    Shape: input and target the same, floating point; the result 0-d, or the same for "none".

    Raises:
        TypeError: a dtype is wrong.
        ValueError: ``reduction`` is unknown; or, when called, the shapes do not broadcast.

    Example:
        >>> import lucid
        >>> x = lucid.tensor([[0.5, 0.5]], dtype=lucid.float64).log()
        >>> print(lucid.nn.KLDivLoss(reduction="batchmean")(x, lucid.tensor([[1.0, 0.0]], dtype=lucid.float64)))
        0.69314718

    Source: Kullback and Leibler, On information and sufficiency, 1951.
    """

    _reductions = ("none", "mean", "sum", "batchmean")

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        log_target: bool = False,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_target = log_target

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


class MSELoss(Loss):
    """The squared error.

        loss = (x - y)^2

    Args:
        size_average, reduce: deprecated forms of ``reduction``.
        reduction: "none", "mean" or "sum".

    Shape: input and target the same, floating point; the result 0-d, or the same for "none".

    Raises:
        TypeError: the input is not a floating-point tensor.
        ValueError: ``reduction`` is unknown; or, when called, the shapes do not broadcast.

    Example:
        >>> import lucid
        >>> print(lucid.nn.MSELoss()(lucid.tensor([1.0, 2.0]), lucid.tensor([0.0, 4.0])))
        2.5

    Source: Gauss, Theoria combinationis observationum erroribus minimis obnoxiae, 1823.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(input, target, reduction=self.reduction)


class L1Loss(Loss):
    """The absolute error.

        loss = |x - y|

    Args:
        size_average, reduce: deprecated forms of ``reduction``.
        reduction: "none", "mean" or "sum".

    Shape: input and target the same, floating point; the result 0-d, or the same for "none".

    Raises:
        TypeError: the input is not a floating-point tensor.
        ValueError: ``reduction`` is unknown; or, when called, the shapes do not broadcast.

    Example:
        >>> import lucid
        >>> print(lucid.nn.L1Loss()(lucid.tensor([1.0, 2.0]), lucid.tensor([0.0, 4.0])))
        1.5

    Source: Laplace, Theorie analytique des probabilites, 1812.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.l1_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(Loss):
    """The absolute error, made quadratic near zero.

        loss = d^2 / (2 * beta) if |d| < beta else |d| - beta / 2,    d = x - y

    Args:
        size_average, reduce: deprecated forms of ``reduction``.
        reduction: "none", "mean" or "sum".
        beta: where the quadratic ends, at least 0; 0 gives the absolute error.

    Shape: input and target the same, floating point; the result 0-d, or the same for "none".

    Raises:
        TypeError: the input is not a floating-point tensor.
        ValueError: ``reduction`` is unknown; or, when called, the shapes do not broadcast or ``beta`` is negative or
            not finite.

    Example:
        >>> import lucid
        >>> print(lucid.nn.SmoothL1Loss(reduction="none")(lucid.tensor([0.5, 3.0]), lucid.zeros(2)))
        [0.125, 2.5]

    Source: Girshick, Fast R-CNN, arXiv:1504.08083.
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        beta: float = 1.0,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(Loss):
    """The squared error, made linear far from zero.

        loss = d^2 / 2 if |d| < delta else delta * (|d| - delta / 2),    d = x - y

    Args:
        reduction: "none", "mean" or "sum".
        delta: where the quadratic ends, positive.

    Shape: input and target the same, floating point; the result 0-d, or the same for "none".

    Raises:
        TypeError: the input is not a floating-point tensor.
        ValueError: ``reduction`` is unknown; or, when called, the shapes do not broadcast or ``delta`` is not positive
            and finite.

    Example:
        >>> import lucid
        >>> print(lucid.nn.HuberLoss(reduction="none", delta=2.0)(lucid.tensor([0.5, 3.0]), lucid.zeros(2)))
        [0.125, 4.0]

    Source: Huber, Robust estimation of a location parameter, 1964.
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.huber_loss(input, target, self.reduction, self.delta)


__all__ = [
    "BCELoss", "BCEWithLogitsLoss", "CrossEntropyLoss", "HuberLoss", "KLDivLoss", "L1Loss", "MSELoss", "NLLLoss",
    "SmoothL1Loss",
]  # fmt: skip
