"""The cross-entropy of a linear map."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from lucid._functions._arguments import check_tensors
from lucid._functions.shape import reshape
from lucid.nn.functional.linear import linear
from lucid.nn.functional.loss import cross_entropy

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["linear_cross_entropy"]


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: Any = None,
) -> Tensor:
    """`cross_entropy` of the logits ``input @ linear_weight.T + linear_bias``.

    Args:
        input: shape (F,) or (N, F), floating point.
        linear_weight: shape (C, F), or (C, d1, ..., F) for a loss of several places per sample.
        target: class indices (), (N,) or (N, d1, ...), or probabilities (C,), (N, C) or (N, C, d1, ...).
        linear_bias: shape of ``linear_weight`` without its last dimension.
        weight: factor of each class, (C,); ones unless given.
        reduction: "none", "mean" or "sum".
        ignore_index: index that contributes neither to the loss nor to the mean; -100 unless given.
        label_smoothing: share of the uniform distribution in the target, in [0, 1].
        options: accepted: how PyTorch saves memory; the logits are formed at once here.

    Raises:
        RuntimeError: shapes do not match.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> round(F.linear_cross_entropy(lucid.ones(2, 3), lucid.zeros(4, 3), lucid.tensor([0, 1])).item(), 4)
        1.3863
    """
    name = "linear_cross_entropy"
    check_tensors(name, input, linear_weight, target)
    shape, matrix = input._data.shape, linear_weight._data.shape
    if len(shape) not in (1, 2) or len(matrix) < 2 or shape[-1] != matrix[-1]:
        raise RuntimeError(
            f"{name}: expected input (F,) or (N, F) and linear_weight (C, ..., F), got {shape} and {matrix}"
        )
    if len(matrix) > 2 and len(shape) == 1:
        raise RuntimeError(f"{name}: a linear_weight of shape {matrix} needs a batched input, got {shape}")
    if linear_bias is not None:
        check_tensors(name, linear_bias)
        if linear_bias._data.shape != matrix[:-1]:
            raise RuntimeError(f"{name}: expected linear_bias of shape {matrix[:-1]}, got {linear_bias._data.shape}")
    rows = math.prod(matrix[:-1])
    bias = None if linear_bias is None else reshape(linear_bias, (rows,))
    logits = reshape(linear(input, reshape(linear_weight, (rows, matrix[-1])), bias), (*shape[:-1], *matrix[:-1]))
    if ignore_index is not None and target._data.dtype.kind == "f":
        raise RuntimeError(f"{name}: ignore_index cannot be specified when target contains probabilities")
    return cross_entropy(
        logits, target, weight, ignore_index=-100 if ignore_index is None else ignore_index, reduction=reduction,
        label_smoothing=label_smoothing,
    )  # fmt: skip
