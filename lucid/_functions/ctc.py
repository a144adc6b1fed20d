"""Connectionist temporal classification: the probability of a label sequence, summed over all its alignments.

States of an alignment are the labels with blanks before, between and after them: 2 S + 1 of them. Everything is in
double and vectorised over samples and states; only time, along which the recursions run, is a loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lucid.autograd._node import Node

if TYPE_CHECKING:
    from lucid._tensor import Tensor


class Labels(NamedTuple):
    """What is to be aligned."""

    states: np.ndarray  # (N, 2 S + 1): class of each state
    frames: np.ndarray  # (N,): frames of each sample
    counts: np.ndarray  # (N,): labels of each sample

    @property
    def ends(self) -> np.ndarray:
        """(N, 2 S + 1): the two states an alignment may end in, the last label and the blank after it."""
        last = 2 * self.counts[:, None]
        place = np.arange(self.states.shape[1])
        return (place == last) | (place == last - 1)

    def skips(self, blank: int) -> np.ndarray:
        """(N, 2 S + 1): whether a state may follow the one two before it: both labels, and different ones."""
        allowed = np.zeros(self.states.shape, bool)
        allowed[:, 2:] = (self.states[:, 2:] != blank) & (self.states[:, 2:] != self.states[:, :-2])
        return allowed


def shifted(x: np.ndarray, by: int) -> np.ndarray:
    """(N, L) moved ``by`` states up (or down), with log(0) where nothing comes from."""
    y = np.full_like(x, -np.inf)
    if by > 0:
        y[:, by:] = x[:, :-by]
    else:
        y[:, :by] = x[:, -by:]
    return y


def log_sum(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """log(exp(a) + exp(b) + exp(c)), by vectorised exponentials: np.logaddexp takes numbers one by one."""
    top = np.maximum(np.maximum(a, b), c)
    top[top == -np.inf] = 0.0
    with np.errstate(divide="ignore"):  # nothing comes here: log(0)
        return top + np.log(np.exp(a - top) + np.exp(b - top) + np.exp(c - top))


def forward_scores(p: np.ndarray, labels: Labels, blank: int) -> np.ndarray:
    """(T, N, L): log-probability of all beginnings of alignments that are in a state at a time."""
    alpha = np.full(p.shape, -np.inf)
    skips = np.where(labels.skips(blank), 0.0, -np.inf)
    for t in range(len(p)):
        if t == 0:
            alpha[0, :, :2] = p[0, :, :2]
            continue
        before = alpha[t - 1]
        alpha[t] = log_sum(before, shifted(before, 1), shifted(before, 2) + skips) + p[t]
    return alpha


def backward_scores(p: np.ndarray, labels: Labels, blank: int) -> np.ndarray:
    """(T, N, L): log-probability of all ends of alignments after a state at a time, without that state's own."""
    beta = np.full(p.shape, -np.inf)
    skips, ends = np.where(labels.skips(blank), 0.0, -np.inf), np.where(labels.ends, 0.0, -np.inf)
    for t in reversed(range(len(p))):
        if t + 1 < len(p):
            after = beta[t + 1] + p[t + 1]
            beta[t] = log_sum(after, shifted(after, -1), shifted(after + skips, -2))
        last = labels.frames == t + 1
        beta[t, last] = ends[last]
    return beta


class CTC(Node):
    """-log P(labels | frames) for each sample, from log-probabilities (T, N, C)."""

    __slots__ = ("alpha", "blank", "labels", "losses")

    def forward(self, x: Tensor, labels: Labels, blank: int) -> np.ndarray:
        self.saved, self.labels, self.blank = (x,), labels, blank
        p = np.take_along_axis(x._data, labels.states[None], 2).astype(np.float64)
        alpha = self.alpha = forward_scores(p, labels, blank)
        n = np.arange(len(labels.frames))
        last = alpha[labels.frames - 1, n] if len(alpha) else np.full(labels.states.shape, -np.inf)
        total = np.logaddexp.reduce(np.where(labels.ends, last, -np.inf), 1)
        self.losses = np.where(labels.frames > 0, -total, np.where(labels.counts > 0, np.inf, 0.0))
        return self.losses.astype(x._data.dtype)

    def backward(self, dy: Tensor) -> Tensor:
        (x,) = self.unpack()
        return CTCGrad.apply(x, dy, self.alpha, self.losses, self.labels, self.blank)


class CTCGrad(Node):
    """dL/dx: minus the probability that an alignment of the labels is in a class at a time, times dy."""

    __slots__ = ()

    def forward(
        self, x: Tensor, dy: Tensor, alpha: np.ndarray, losses: np.ndarray, labels: Labels, blank: int
    ) -> np.ndarray:
        p = np.take_along_axis(x._data, labels.states[None], 2).astype(np.float64)
        with np.errstate(invalid="ignore"):  # no alignment at all: NaN
            share = np.exp(alpha + backward_scores(p, labels, blank) + losses[:, None])
            share *= dy._data[:, None]
        # A sample without weight takes no part, also where it has no alignment.
        used = (np.arange(len(p))[:, None, None] < labels.frames[:, None]) & (dy._data != 0)[:, None]
        share = np.where(used, share, 0.0)
        dx, n = np.zeros(x._data.shape), np.arange(x._data.shape[1])
        for state in range(labels.states.shape[1]):  # no sample twice in one step, so that nothing is lost
            dx[:, n, labels.states[:, state]] -= share[:, :, state]
        return dx.astype(x._data.dtype)

    def backward(self, g: Tensor) -> Tensor:
        raise RuntimeError("ctc_loss: second derivatives are not implemented")
