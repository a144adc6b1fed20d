"""Losses of classes."""

from __future__ import annotations

import lucid
from lucid import Tensor
from lucid.nn import functional as F
from lucid.onnx._registry import operator

_NONE = -100
"""An index that no class has."""


@operator("NegativeLogLikelihoodLoss")
def negative_log_likelihood(
    x: Tensor, target: Tensor, weight: Tensor | None = None, *, ignore_index: int | None = None, reduction: str = "mean"
) -> Tensor:
    ignored = _NONE if ignore_index is None else ignore_index
    return F.nll_loss(x, target.to(lucid.int64), weight, ignore_index=ignored, reduction=reduction)


@operator("SoftmaxCrossEntropyLoss", results=2)
def softmax_cross_entropy(
    x: Tensor, target: Tensor, weight: Tensor | None = None, *, ignore_index: int | None = None, reduction: str = "mean"
) -> tuple[Tensor, Tensor]:
    logs = lucid.log_softmax(x, 1)
    return negative_log_likelihood(logs, target, weight, ignore_index=ignore_index, reduction=reduction), logs
