"""Losses of differences: formulas, options, gradients, messages. Their values in PyTorch: test_loss.py."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from nn.losses import REDUCTIONS, draw, reduce

import lucid
import lucid.nn.functional as F
from lucid.autograd import gradcheck, gradgradcheck

REGRESSION: dict[str, tuple[Callable[..., Any], Callable[[np.ndarray], np.ndarray]]] = {
    "mse_loss": (F.mse_loss, lambda d: d**2),
    "l1_loss": (F.l1_loss, np.abs),
    "smooth_l1_loss": (F.smooth_l1_loss, lambda d: np.where(np.abs(d) < 1, d**2 / 2, np.abs(d) - 0.5)),
    "smooth_l1_loss 0.3": (
        lambda x, y, **o: F.smooth_l1_loss(x, y, beta=0.3, **o),
        lambda d: np.where(np.abs(d) < 0.3, d**2 / 0.6, np.abs(d) - 0.15),
    ),
    "smooth_l1_loss 0": (lambda x, y, **o: F.smooth_l1_loss(x, y, beta=0.0, **o), np.abs),
    "huber_loss": (F.huber_loss, lambda d: np.where(np.abs(d) < 1, d**2 / 2, np.abs(d) - 0.5)),
    "huber_loss 0.3": (
        lambda x, y, **o: F.huber_loss(x, y, delta=0.3, **o),
        lambda d: np.where(np.abs(d) < 0.3, d**2 / 2, 0.3 * (np.abs(d) - 0.15)),
    ),
}


@pytest.mark.parametrize("dtype", [lucid.float32, lucid.float64])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", REGRESSION)
def test_regression_losses_follow_the_formula(name: str, reduction: str, dtype: Any) -> None:
    function, formula = REGRESSION[name]
    x, y = lucid.tensor(draw(4, 5), dtype=dtype), lucid.tensor(draw(4, 5, seed=1), dtype=dtype)
    exact = formula(x.numpy().astype(np.float64) - y.numpy())
    rtol = 1e-5 if dtype is lucid.float32 else 1e-13
    np.testing.assert_allclose(function(x, y, reduction=reduction).numpy(), reduce(exact, reduction), rtol=rtol)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", REGRESSION)
def test_regression_losses_have_right_gradients(name: str, reduction: str) -> None:
    x, y = lucid.tensor(draw(3, 4), requires_grad=True), lucid.tensor(draw(3, 4, seed=1), requires_grad=True)

    def loss(x: Any, y: Any) -> Any:
        return REGRESSION[name][0](x, y, reduction=reduction)

    assert gradcheck(loss, (x, y)) and gradgradcheck(loss, (x, y))


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "huber_loss"])
def test_weighted_regression_losses(name: str, reduction: str) -> None:
    function, formula = REGRESSION[name]
    x, y, w = draw(4, 5), draw(4, 5, seed=1), draw(4, 5, seed=2, low=0, high=2)
    actual = function(lucid.tensor(x), lucid.tensor(y), reduction=reduction, weight=lucid.tensor(w))
    np.testing.assert_allclose(
        actual.numpy(), reduce(formula(x - y) * w, reduction, None if name == "huber_loss" else w.sum()), rtol=1e-13
    )


@pytest.mark.parametrize("name", REGRESSION)
def test_exact_predictions_cost_nothing_and_infinite_errors_have_finite_gradients_or_none(name: str) -> None:
    x = lucid.tensor([1.0, math.inf, math.nan], requires_grad=True)
    y = REGRESSION[name][0](x, lucid.ones(3), reduction="none")
    y.backward()
    assert y.tolist()[:2] == [0.0, math.inf] and math.isnan(y[2].item())
    assert x.grad[0].item() == 0.0
    slope = {"mse_loss": math.inf, "huber_loss 0.3": 0.3}.get(name, 1.0)
    assert x.grad[1].item() == pytest.approx(slope)


@pytest.mark.parametrize("name", REGRESSION)
def test_broadcasting_warns_at_the_caller(name: str) -> None:
    function, own = REGRESSION[name][0], name.split()[0]
    message = rf"{own}: using a target size \(3,\) that is different to the input size \(3, 1\)"
    with pytest.warns(UserWarning, match=message) as record:
        y = function(lucid.ones(3, 1), lucid.ones(3), reduction="none")
    assert y.shape == (3, 3) and record[0].filename == __file__


@pytest.mark.parametrize("name", REGRESSION)
def test_messages_about_numbers(name: str) -> None:
    function, own = REGRESSION[name][0], name.split()[0]
    with pytest.raises(ValueError, match=rf"^{own}: shapes \(2,\) and \(3,\) do not broadcast: 2 against 3$"):
        function(lucid.ones(2), lucid.ones(3))
    with pytest.raises(TypeError, match=f"^{own}: expected a floating-point tensor, got lucid.int64"):
        function(lucid.tensor([1]), lucid.tensor([2]))
    with pytest.raises(TypeError, match=f"^{own}: expected a Tensor, got float$"):
        function(lucid.ones(1), 1.0)
    with pytest.raises(ValueError, match=f"^{own}: reduction must be one of 'none', 'mean', 'sum', got 'max'$"):
        function(lucid.ones(1), lucid.ones(1), reduction="max")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: F.smooth_l1_loss(lucid.ones(1), lucid.ones(1), beta=-1.0),
            "smooth_l1_loss: beta must be finite and not negative",
        ),
        (
            lambda: F.huber_loss(lucid.ones(1), lucid.ones(1), delta=0.0),
            "huber_loss: delta must be finite and greater than 0, got 0",
        ),
        (
            lambda: F.mse_loss(lucid.ones(2), lucid.ones(2), weight=lucid.ones(1)),
            r"mse_loss: expected weight of shape \(2,\) like the input, got \(1,\)",
        ),
    ],
)
def test_messages_about_settings(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_integer_targets_are_promoted() -> None:
    assert F.mse_loss(lucid.tensor([1.0, 2.0]), lucid.tensor([0, 4])).item() == 2.5
