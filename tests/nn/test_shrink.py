"""Shrinking and random activations: what the records do not show, modules, refusals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from nn.parity import compare, draw, torch

import lucid
import lucid.nn.functional as F
from lucid import nn


@pytest.mark.parity
@pytest.mark.parametrize("name,options", [
    ("Hardshrink", {}), ("Hardshrink", {"lambd": 1.5}), ("Hardshrink", {"lambd": -1.0}), ("Softshrink", {}), ("Softshrink", {"lambd": 0}),
    ("Softshrink", {"lambd": 1.5}), ("Tanhshrink", {}), ("RReLU", {}), ("RReLU", {"lower": -0.5, "upper": 0.25, "inplace": False}),
])  # fmt: skip
def test_modules_match_pytorch(name: str, options: dict[str, float]) -> None:
    ours, theirs = getattr(nn, name)(**options).eval(), getattr(torch().nn, name)(**options).eval()
    assert repr(ours) == repr(theirs)
    for dtype in ("float64", "float32"):
        compare(ours, theirs, draw(3, 50, dtype=dtype), dtype=dtype)


def test_rrelu_draws_slopes_for_negative_elements_alone() -> None:
    x = lucid.tensor(np.linspace(-2, 2, 100_001), requires_grad=True)
    y = nn.RReLU(0.1, 0.5)(x)
    y.sum().backward()
    assert x.grad is not None
    slopes, positive = x.grad.numpy(), x.detach().numpy() > 0
    assert np.all(slopes[positive] == 1)
    below = slopes[~positive]
    assert below.min() >= 0.1 and below.max() < 0.5
    assert abs(below.mean() - 0.3) < 0.005 and abs(below.var() - 0.4**2 / 12) < 0.001
    np.testing.assert_array_equal(y.detach().numpy(), x.detach().numpy() * slopes)


def test_rrelu_in_place_and_nan() -> None:
    x = lucid.tensor([-1.0, math.nan, 2.0])
    assert F.rrelu_(x, 0.25, 0.25, training=True) is x
    assert x[0].item() == -0.25 and math.isnan(x[1].item()) and x[2].item() == 2
    assert nn.RReLU(inplace=True)(x) is x


def test_gumbel_softmax_draws_from_the_softmax() -> None:
    logits = lucid.tensor([0.0, 1.0, 2.0])
    hard = F.gumbel_softmax(logits.expand(60_000, 3), hard=True)
    assert set(np.unique(hard.numpy()).tolist()) == {0, 1}
    np.testing.assert_allclose(hard.mean(0).numpy(), F.softmax(logits, 0).numpy(), atol=0.01)
    soft = F.gumbel_softmax(logits.expand(60_000, 3), tau=0.5)
    np.testing.assert_allclose(soft.sum(-1).numpy(), 1, rtol=1e-6)
    np.testing.assert_allclose((soft.argmax(-1) == 2).float().mean().item(), F.softmax(logits, 0)[2].item(), atol=0.01)


def test_gumbel_softmax_gradient_is_that_of_the_soft_draw() -> None:
    x = lucid.randn(4, 5, dtype=lucid.float64, requires_grad=True)
    start, found = lucid.randn(4, 5, dtype=lucid.float64), []
    for hard in (False, True):
        lucid.manual_seed(3)
        y = F.gumbel_softmax(x, tau=0.7, hard=hard, dim=0)
        found.append(lucid.autograd.grad(y, x, start)[0].numpy())
    assert np.abs(found[0]).max() > 0
    np.testing.assert_array_equal(*found)
    assert F.gumbel_softmax(lucid.tensor(3.0), hard=True).item() == 1


def test_refusals() -> None:
    with pytest.raises(RuntimeError, match="softshrink: lambd must not be negative, got -1"):
        F.softshrink(lucid.ones(2), -1)
    with pytest.raises(RuntimeError, match="Softshrink: lambd must not be negative, got -1"):
        nn.Softshrink(-1)(lucid.ones(2))
    with pytest.raises(ValueError, match="rrelu: expected finite bounds with lower <= upper, got 0.5 and 0.1"):
        F.rrelu(lucid.ones(2), 0.5, 0.1)
    with pytest.raises(ValueError, match="gumbel_softmax: tau must be positive, got 0"):
        F.gumbel_softmax(lucid.ones(2), tau=0)
    with pytest.raises(TypeError, match="tanhshrink: expected a floating-point tensor, got lucid.bool"):
        F.tanhshrink(lucid.tensor([True]))
