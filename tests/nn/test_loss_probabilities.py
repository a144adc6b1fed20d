"""Losses of probabilities: binary cross entropies and the Kullback-Leibler divergence."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from nn.losses import REDUCTIONS, draw, log_softmax, reduce

import lucid
import lucid.nn.functional as F
from lucid import nn
from lucid.autograd import gradcheck, gradgradcheck


@pytest.mark.parametrize("dtype", [lucid.float32, lucid.float64])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("weighted", "positive"), list(itertools.product([False, True], [False, True])))
def test_binary_cross_entropies_follow_the_formula(weighted: bool, positive: bool, reduction: str, dtype: Any) -> None:
    v, y = draw(4, 3, low=-8, high=8), draw(4, 3, seed=1, low=0, high=1).round(1)
    w, k = draw(3, low=0.5, high=2), draw(4, 1, seed=2, low=0.5, high=4)
    p = 1 / (1 + np.exp(-v))
    exact = -((k if positive else 1) * y * np.log(p) + (1 - y) * np.log(1 - p)) * (w if weighted else 1)
    x, target = lucid.tensor(v, dtype=dtype), lucid.tensor(y, dtype=dtype)
    weight = lucid.tensor(w, dtype=dtype) if weighted else None
    pos_weight = lucid.tensor(k, dtype=dtype) if positive else None
    rtol = 1e-5 if dtype is lucid.float32 else 1e-12
    actual = F.binary_cross_entropy_with_logits(x, target, weight, reduction=reduction, pos_weight=pos_weight)
    np.testing.assert_allclose(actual.numpy(), reduce(exact, reduction), rtol=rtol)
    if not positive:
        rtol = 1e-3 if dtype is lucid.float32 else 1e-12
        actual = F.binary_cross_entropy(lucid.tensor(p, dtype=dtype), target, weight, reduction=reduction)
        np.testing.assert_allclose(actual.numpy(), reduce(exact, reduction), rtol=rtol)


def test_binary_cross_entropies_have_right_gradients() -> None:
    x = lucid.tensor(draw(2, 3), requires_grad=True)
    y = lucid.tensor(draw(2, 3, seed=1, low=0.1, high=0.9), requires_grad=True)
    w = lucid.tensor(draw(3, seed=2, low=0.5, high=2), requires_grad=True)
    k = lucid.tensor(draw(2, 1, seed=3, low=0.5, high=2), requires_grad=True)

    def with_logits(x: Any, y: Any, w: Any, k: Any) -> Any:
        return F.binary_cross_entropy_with_logits(x, y, w, pos_weight=k)

    assert gradcheck(with_logits, (x, y, w, k)) and gradgradcheck(with_logits, (x, y, w, k))
    p = lucid.tensor(draw(2, 3, low=0.1, high=0.9), requires_grad=True)
    assert gradcheck(F.binary_cross_entropy, (p, y, w)) and gradgradcheck(F.binary_cross_entropy, (p, y, w))


def test_binary_cross_entropy_cuts_logarithms_off_at_minus_100() -> None:
    p = lucid.tensor([0.0, 1.0, 0.0, 1.0], requires_grad=True)
    y = F.binary_cross_entropy(p, lucid.tensor([1.0, 0.0, 0.0, 1.0]), reduction="none")
    assert y.tolist() == [100.0, 100.0, 0.0, 0.0]
    y.backward()
    np.testing.assert_allclose(p.grad.numpy(), [-1e12, 1e12, 0, 0], rtol=1e-6)


def test_a_confident_right_answer_costs_its_exponential_not_zero() -> None:
    x = lucid.tensor([50.0, -50.0], requires_grad=True)
    y = F.binary_cross_entropy_with_logits(x, lucid.tensor([1.0, 0.0]), reduction="none")
    assert y.tolist() == pytest.approx([math.exp(-50)] * 2, rel=1e-6)
    y.backward()
    assert x.grad.tolist() == pytest.approx([-math.exp(-50), math.exp(-50)], rel=1e-6)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: F.binary_cross_entropy(lucid.tensor([[0.5, 1.5]]), lucid.ones(1, 2)),
            RuntimeError,
            r"binary_cross_entropy: expected probabilities between 0 and 1, got 1.5 at \(0, 1\); "
            "binary_cross_entropy_with_logits takes any numbers",
        ),
        (
            lambda: F.binary_cross_entropy(lucid.tensor([0.5, math.nan]), lucid.ones(2)),
            RuntimeError,
            r"binary_cross_entropy: expected probabilities between 0 and 1, got nan at \(1,\)",
        ),
        (
            lambda: F.binary_cross_entropy(lucid.ones(2), lucid.ones(2, 1)),
            ValueError,
            r"binary_cross_entropy: expected target of shape \(2,\) like the input, got \(2, 1\)",
        ),
        (
            lambda: F.binary_cross_entropy_with_logits(lucid.ones(2), lucid.tensor([0, 1])),
            TypeError,
            "binary_cross_entropy_with_logits: expected a floating-point tensor, got lucid.int64",
        ),
        (
            lambda: F.binary_cross_entropy_with_logits(lucid.ones(2), lucid.ones(2), pos_weight=lucid.ones(3)),
            ValueError,
            r"binary_cross_entropy_with_logits: expected pos_weight that broadcasts to \(2,\), got shape \(3,\)",
        ),
        (
            lambda: F.kl_div(lucid.ones(2), lucid.ones(3), reduction="sum"),
            ValueError,
            r"kl_div: shapes \(2,\) and \(3,\) do not broadcast: 2 against 3",
        ),
        (
            lambda: nn.BCELoss()(lucid.ones(2), lucid.ones(3)),
            ValueError,
            r"BCELoss: expected target of shape \(2,\) like the",
        ),
        (
            lambda: nn.BCELoss(reduction="batchmean"),
            ValueError,
            "BCELoss: reduction must be one of 'none', 'mean', 'sum'",
        ),
    ],
)
def test_messages_about_probabilities(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("log_target", [False, True])
@pytest.mark.parametrize("reduction", [*REDUCTIONS, "batchmean"])
def test_kl_div_follows_the_formula(reduction: str, log_target: bool) -> None:
    logq = log_softmax(draw(4, 5), 1)
    p = np.exp(log_softmax(draw(4, 5, seed=1), 1))
    exact = p * (np.log(p) - logq)
    exact = exact.sum() / 4 if reduction == "batchmean" else reduce(exact, reduction)
    target = lucid.tensor(np.log(p) if log_target else p)
    with warnings.catch_warnings():
        warnings.simplefilter("error" if reduction != "mean" else "ignore")
        y = F.kl_div(lucid.tensor(logq), target, reduction=reduction, log_target=log_target)
    np.testing.assert_allclose(y.numpy(), exact, rtol=1e-12)


def test_kl_div_has_right_gradients_and_zero_times_log_zero_is_zero() -> None:
    x, t = lucid.tensor(draw(3, 2), requires_grad=True), lucid.tensor(draw(3, 2, low=0.1, high=1), requires_grad=True)
    for log_target in (False, True):

        def loss(x: Any, t: Any) -> Any:
            return F.kl_div(x, t, reduction="sum", log_target=log_target)  # noqa: B023

        assert gradcheck(loss, (x, t)) and gradgradcheck(loss, (x, t))
    zero = lucid.tensor([0.0, 1.0], requires_grad=True)
    y = F.kl_div(lucid.tensor([-1.0, -2.0]), zero, reduction="none")
    y.sum().backward()
    assert y.tolist() == [0.0, 2.0] and np.isfinite(zero.grad.numpy()).all()


def test_kl_div_warns_about_the_mean_at_the_caller() -> None:
    with pytest.warns(UserWarning, match="use reduction='batchmean' for the divergence") as record:
        F.kl_div(lucid.zeros(2), lucid.ones(2))
    assert record[0].filename == __file__
