"""CTCLoss: PyTorch's values on longer sequences, impossible targets, refusals."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from nn.parity import close, draw, torch

import lucid
import lucid.nn.functional as F
from lucid import nn

T, N, C = 50, 6, 20
FRAMES = np.array([50, 40, 50, 7, 0, 3])
COUNTS = np.array([12, 1, 0, 7, 0, 9])  # the last has more labels than frames


@pytest.mark.parity
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("joined", [False, True])
def test_matches_pytorch(reduction: str, dtype: str, joined: bool) -> None:
    t = torch()
    targets = np.random.default_rng(0).integers(1, C, (N, 15))
    targets[0, 3] = targets[0, 4]
    if joined:
        targets = np.concatenate([row[:n] for row, n in zip(targets, COUNTS)])
    x = draw(T, N, C, dtype=dtype) * 3
    ours, theirs = lucid.tensor(x, requires_grad=True), t.tensor(x, requires_grad=True)
    y = nn.CTCLoss(reduction=reduction, zero_infinity=True)(
        F.log_softmax(ours, -1), *map(lucid.tensor, (targets, FRAMES, COUNTS))
    )
    their_y = t.nn.CTCLoss(reduction=reduction, zero_infinity=True)(
        t.log_softmax(theirs, -1), *map(t.tensor, (targets, FRAMES, COUNTS))
    )
    close(y, their_y, "loss", dtype)
    y.sum().backward()
    their_y.sum().backward()
    close(ours.grad, theirs.grad, "gradient", dtype)


def test_unbatched_and_lengths_as_numbers() -> None:
    x = F.log_softmax(lucid.randn(6, 4), -1)
    whole = F.ctc_loss(x.unsqueeze(1), lucid.tensor([[1, 2]]), (6,), (2,), reduction="none")
    alone = F.ctc_loss(x, lucid.tensor([1, 2]), lucid.tensor(6), lucid.tensor(2), reduction="none")
    assert alone.shape == () and alone.item() == whole.item()


def test_targets_that_cannot_be_aligned() -> None:
    x = lucid.zeros(2, 2, 3, requires_grad=True)
    p = F.log_softmax(x, -1)
    y = F.ctc_loss(p, lucid.tensor([[1, 1], [1, 2]]), (2, 2), (2, 2), reduction="none")
    assert y[0].item() == math.inf and y[1].item() == pytest.approx(2 * math.log(3), rel=1e-6)
    z = F.ctc_loss(p, lucid.tensor([[1, 1], [1, 2]]), (2, 2), (2, 2), reduction="sum", zero_infinity=True)
    z.backward()
    assert z.item() == y[1].item() and x.grad is not None
    assert not x.grad[:, 0].numpy().any() and np.isfinite(x.grad.numpy()).all() and x.grad[:, 1].numpy().any()


def test_second_derivatives_are_refused() -> None:
    x = lucid.randn(3, 1, 3, requires_grad=True)
    (g,) = lucid.autograd.grad(F.ctc_loss(x, lucid.tensor([[1]]), (3,), (1,)), x, create_graph=True)
    with pytest.raises(RuntimeError, match="ctc_loss: second derivatives are not implemented"):
        g.sum().backward()


x, one = lucid.zeros(3, 2, 4), lucid.tensor([[1], [2]])
REFUSED: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: F.ctc_loss(x, one, (3,), (1, 1)), ValueError, r"ctc_loss: expected input_lengths to be 2 numbers, one per sample, got shape \(1,\)"),
    (lambda: F.ctc_loss(x, one, (4, 3), (1, 1)), ValueError, "ctc_loss: expected input_lengths of at most 3 frames, got 4"),
    (lambda: F.ctc_loss(x, one, (3, 3), (1, -1)), ValueError, "ctc_loss: expected target_lengths not to be negative, got -1"),
    (lambda: F.ctc_loss(x, one, (3, 3), (1, 2)), ValueError, r"ctc_loss: expected targets of shape \(2, at least 2\) or \(3,\), the sum of target_lengths, got \(2, 1\)"),
    (lambda: F.ctc_loss(x, one * 2, (3, 3), (1, 1)), IndexError, "ctc_loss: target 4 is out of range for 4 classes"),
    (lambda: F.ctc_loss(x, one, (3, 3), (1, 1), blank=4), IndexError, "ctc_loss: blank 4 is out of range for 4 classes"),
    (lambda: F.ctc_loss(x, one.float(), (3, 3), (1, 1)), TypeError, "ctc_loss: expected integer targets, got lucid.float32"),
    (lambda: F.ctc_loss(x, one, (3.0, 3.0), (1, 1)), TypeError, "ctc_loss: expected input_lengths to be integers, got float64"),
    (lambda: F.ctc_loss(x[0, 0], one, (3, 3), (1, 1)), ValueError, r"ctc_loss: expected log_probs of shape \(T, N, C\) or \(T, C\), got \(4,\)"),
    (lambda: nn.CTCLoss(reduction="max"), ValueError, "CTCLoss: reduction must be one of 'none', 'mean', 'sum', got 'max'"),
]  # fmt: skip


@pytest.mark.parametrize("call,kind,message", REFUSED)
def test_refusals(call: Callable[[], Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        call()
