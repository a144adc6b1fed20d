"""The loss of connectionist temporal classification."""

from __future__ import annotations

from typing import Any

from lucid._tensor import Tensor
from lucid.nn import functional as F
from lucid.nn.modules.loss import Loss

__all__ = ["CTCLoss"]


class CTCLoss(Loss):
    """The negative log-likelihood of label sequences, whichever frames their labels fall on.

        loss = -log(sum over alignments of prod_t p[t, class at t])

    Args:
        blank: the class that stands for no label.
        reduction: "none", "mean" (of the losses divided by the target lengths) or "sum".
        zero_infinity: count targets that are too long for their frames as 0, without gradient.

    Shape:
        log_probs: (T, N, C) or (T, C), floating point.
        targets: (N, S), or all joined in one dimension.
        input_lengths, target_lengths: (N,) or (); tensors or tuples.
        result: 0-d, or (N,) for "none".

    Raises:
        IndexError: a target or ``blank`` is out of range.
        TypeError: a dtype is wrong.
        ValueError: ``reduction`` is unknown; or, when called, a shape or a length is wrong.

    Example:
        >>> import lucid
        >>> uniform = lucid.full((2, 1, 2), 0.5, dtype=lucid.float64).log()
        >>> print(lucid.nn.CTCLoss()(uniform, lucid.tensor([[1]]), (2,), (1,)).exp())
        1.33333333

    Source: Graves et al., Connectionist temporal classification, ICML 2006.
    """

    def __init__(self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False) -> None:
        super().__init__(reduction=reduction)
        self.blank, self.zero_infinity = blank, zero_infinity

    def forward(self, log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any) -> Tensor:
        return F.ctc_loss(
            log_probs, targets, input_lengths, target_lengths, self.blank, self.reduction, self.zero_infinity
        )
