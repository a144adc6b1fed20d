"""The loss of connectionist temporal classification."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lucid._functions.choice import where
from lucid._functions.ctc import CTC, Labels
from lucid._functions.reduce import mean
from lucid._functions.shape import reshape, unsqueeze
from lucid.autograd._node import TensorBase, wrap
from lucid.nn.functional._common import check_floating, check_tensors, reduced, reduction_of

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["ctc_loss"]


def _lengths(argument: str, value: Any, batch: int) -> np.ndarray:
    data = value._data if isinstance(value, TensorBase) else np.asarray(value)
    if data.dtype.kind not in "iu" and data.size:
        raise TypeError(f"ctc_loss: expected {argument} to be integers, got {data.dtype}")
    if data.size != batch or data.ndim > 1:
        raise ValueError(f"ctc_loss: expected {argument} to be {batch} numbers, one per sample, got shape {data.shape}")
    lengths = data.astype(np.int64).reshape(batch)
    if batch and lengths.min() < 0:
        raise ValueError(f"ctc_loss: expected {argument} not to be negative, got {lengths.min()}")
    return lengths


def _labels(targets: Tensor, frames: np.ndarray, counts: np.ndarray, blank: int, classes: int) -> Labels:
    """The states of every sample; those after its own labels are never part of an alignment."""
    check_tensors("ctc_loss", targets)
    data, batch = targets._data, len(counts)
    if data.dtype.kind not in "iu":
        raise TypeError(f"ctc_loss: expected integer targets, got {targets.dtype}")
    longest = int(counts.max(initial=0))
    present = np.arange(longest) < counts[:, None]
    padded = np.full((batch, longest), blank, np.int64)
    if data.ndim == 2 and data.shape[0] == batch and data.shape[1] >= longest:
        padded[present] = data[:, :longest][present]
    elif data.ndim == 1 and data.size == counts.sum():
        padded[present] = data
    else:
        raise ValueError(
            f"ctc_loss: expected targets of shape ({batch}, at least {longest}) or ({counts.sum()},), the sum of "
            f"target_lengths, got {data.shape}"
        )
    if padded.size and not 0 <= int(padded.min()) <= int(padded.max()) < classes:
        wrong = padded[(padded < 0) | (padded >= classes)][0]
        raise IndexError(f"ctc_loss: target {wrong} is out of range for {classes} classes")
    states = np.full((batch, 2 * longest + 1), blank, np.int64)
    states[:, 1::2] = padded
    return Labels(states, frames, counts)


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """The negative log-likelihood of label sequences, whichever frames their labels fall on.

        loss = -log(sum over alignments of prod_t p[t, class at t])

    An alignment becomes the target when repeats are merged and blanks dropped. The gradient is that of this formula;
    PyTorch's adds exp(log_probs), which makes no difference to what comes before a log_softmax.

    Args:
        log_probs: (T, N, C) or (T, C), floating point: logarithms of the classes' probabilities in each frame.
        targets: labels, integers in [0, C) but not ``blank``: (N, S) padded with anything, or all joined in (sum of
            lengths,).
        input_lengths: frames of each sample, at most T: a tensor or a tuple of N, or one number without N.
        target_lengths: labels of each sample, likewise.
        blank: the class that stands for no label.
        reduction: "none" (shape (N,) or ()), "mean" (of the losses divided by the target lengths) or "sum".
        zero_infinity: count targets that are too long for their frames as 0, without gradient.

    Raises:
        IndexError: a target or ``blank`` is out of range.
        TypeError: a dtype is wrong.
        ValueError: a shape, a length or ``reduction`` is wrong.

    Example:
        >>> import lucid, lucid.nn.functional as F
        >>> uniform = lucid.full((2, 1, 2), 0.5, dtype=lucid.float64).log()
        >>> print(F.ctc_loss(uniform, lucid.tensor([[1]]), (2,), (1,)).exp())  # 3 of 4 alignments
        1.33333333

    Source: Graves et al., Connectionist temporal classification, ICML 2006.
    """
    reduction = reduction_of("ctc_loss", reduction)
    check_floating("ctc_loss", log_probs)
    shape = log_probs._data.shape
    if len(shape) not in (2, 3):
        raise ValueError(f"ctc_loss: expected log_probs of shape (T, N, C) or (T, C), got {shape}")
    x = log_probs if len(shape) == 3 else unsqueeze(log_probs, 1)
    time, batch, classes = x._data.shape
    if not 0 <= blank < classes:
        raise IndexError(f"ctc_loss: blank {blank} is out of range for {classes} classes")
    frames = _lengths("input_lengths", input_lengths, batch)
    counts = _lengths("target_lengths", target_lengths, batch)
    if batch and frames.max() > time:
        raise ValueError(f"ctc_loss: expected input_lengths of at most {time} frames, got {frames.max()}")
    loss = CTC.apply(x, _labels(targets, frames, counts, blank, classes), blank)
    if zero_infinity:
        loss = where(wrap(np.isinf(loss._data)), 0.0, loss)
    if reduction == "mean":
        return mean(loss / wrap(np.maximum(counts, 1).astype(loss._data.dtype)))
    return reduced(loss if len(shape) == 3 else reshape(loss, ()), reduction)
