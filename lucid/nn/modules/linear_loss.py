"""The cross-entropy of a linear map, and a former name."""

from __future__ import annotations

import math
import warnings
from typing import Any

from lucid._tensor import Tensor
from lucid.nn import functional as F
from lucid.nn.modules.linear import Linear
from lucid.nn.modules.loss import Loss, NLLLoss

__all__ = ["LinearCrossEntropyLoss", "NLLLoss2d"]


class LinearCrossEntropyLoss(Loss):
    """The cross-entropy of a linear map of the input, as `lucid.nn.functional.linear_cross_entropy`.

        loss = cross_entropy(x @ linear.weight.T + linear.bias, target)

    Args:
        in_features: F, the size of an input sample.
        num_classes: C.
        out_features: sizes d1, ... of a loss of several places per sample.
        bias: whether to add a bias to the logits.
        device: "cpu".
        dtype: type of the parameters; the default type unless given.
        reduction: "none", "mean" or "sum".
        weight: factor of each class, (C,); ones unless given.
        ignore_index: index that contributes neither to the loss nor to the mean; -100 unless given.
        label_smoothing: share of the uniform distribution in the target, in [0, 1].
        options: accepted: how PyTorch saves memory.

    Attributes:
        linear: the `Linear` map from F to C * d1 * ... logits.

    Shape:
        input: (in_features,) or (N, in_features), floating point.
        target: class indices (), (N,) or (N, d1, ...), or probabilities (C,), (N, C) or (N, C, d1, ...).
        result: 0-d, or the shape of the indices for "none".

    Raises:
        IndexError: a target is out of range.
        RuntimeError: ``weight`` has another shape, or ``label_smoothing`` is out of range; or, when called, shapes do
            not match.
        TypeError: a dtype is wrong.
        ValueError: ``reduction`` is unknown; or, when called, the target has another shape.

    Example:
        >>> import lucid
        >>> loss = lucid.nn.LinearCrossEntropyLoss(5, 10, out_features=(4,))
        >>> loss(lucid.randn(2, 5), lucid.zeros(2, 4, dtype=lucid.int64)).shape
        lucid.Size([])
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: tuple[int, ...] = (),
        bias: bool = False,
        device: Any = None,
        dtype: Any = None,
        reduction: str = "mean",
        weight: Tensor | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options: Any = None,
    ) -> None:
        super().__init__(reduction=reduction)
        if weight is not None and tuple(weight.shape) != (num_classes,):
            raise RuntimeError(
                f"LinearCrossEntropyLoss: expected weight of shape {(num_classes,)}, got {tuple(weight.shape)}"
            )
        if not 0 <= label_smoothing <= 1:
            raise RuntimeError(f"LinearCrossEntropyLoss: label_smoothing must be in [0, 1], got {label_smoothing}")
        self.register_buffer("weight", weight)
        self.num_classes, self.out_features = num_classes, out_features
        self.ignore_index, self.label_smoothing, self.options = ignore_index, label_smoothing, options
        self.linear = Linear(in_features, num_classes * math.prod(out_features), bias, device, dtype)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        rows, bias = (self.num_classes, *self.out_features), self.linear.bias
        return F.linear_cross_entropy(
            input, self.linear.weight.reshape(*rows, self.linear.in_features), target,
            linear_bias=None if bias is None else bias.reshape(rows), weight=self.weight, reduction=self.reduction,
            ignore_index=self.ignore_index, label_smoothing=self.label_smoothing, options=self.options,
        )  # fmt: skip

    def extra_repr(self) -> str:
        return (
            f"in_features={self.linear.in_features}, num_classes={self.num_classes}, out_features={self.out_features}, "
            f"bias={self.linear.bias is not None}, reduction={self.reduction}, ignore_index={self.ignore_index}, "
            f"label_smoothing={self.label_smoothing}, options={self.options}"
        )


class NLLLoss2d(NLLLoss):
    """The former name of `NLLLoss` of planes; it warns.

    Args:
        args, kwargs: as in `NLLLoss`.

    Shape: as for `NLLLoss`.

    Raises:
        IndexError: a target is out of range.
        TypeError: a dtype is wrong.
        ValueError: ``reduction`` is unknown; or, when called, a shape is wrong.

    Example:
        >>> import lucid
        >>> import warnings
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore")
        ...     loss = lucid.nn.NLLLoss2d()
        ...
        >>> print(loss(lucid.zeros(1, 2, 1, 1), lucid.zeros(1, 1, 1, dtype=lucid.int64)))
        0.0
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        warnings.warn("NLLLoss2d is deprecated: use NLLLoss, which takes planes as well", FutureWarning, stacklevel=2)
        super().__init__(*args, **kwargs)
