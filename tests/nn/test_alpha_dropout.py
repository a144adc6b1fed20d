"""Alpha dropout and dropout of volumes: distributions, masks, modules, refusals."""

from __future__ import annotations

import math

import numpy as np
import pytest

import lucid
import lucid.nn.functional as F
from lucid import nn

LIMIT = 1.7580993408473766  # minus SELU's limit


def values(p: float) -> tuple[float, float]:
    """Factor and shift that give mean 0 and variance 1 back to standard normal input."""
    a = ((1 - p) * (1 + p * LIMIT**2)) ** -0.5
    return a, a * LIMIT * p


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_alpha_dropout(p: float) -> None:
    x = lucid.randn(200_000, dtype=lucid.float64)
    y = F.alpha_dropout(x, p, training=True).numpy()
    a, b = values(p)
    dropped = np.isclose(y, -a * LIMIT + b, rtol=1e-12)
    assert abs(dropped.mean() - p) < 0.01
    np.testing.assert_allclose(y[~dropped], a * x.numpy()[~dropped] + b, rtol=1e-12, atol=1e-14)
    assert abs(y.mean()) < 0.02 and abs(y.var() - 1) < 0.03


def test_gradient_goes_to_kept_elements() -> None:
    x = lucid.randn(1000, dtype=lucid.float64, requires_grad=True)
    y = F.alpha_dropout(x, 0.3, training=True)
    y.sum().backward()
    a, b = values(0.3)
    kept = ~np.isclose(y.detach().numpy(), -a * LIMIT + b, rtol=1e-12)
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), np.where(kept, a, 0), rtol=1e-12)


def test_dropped_infinities_and_nan_leave_no_trace() -> None:
    y = F.alpha_dropout(lucid.full((1000,), math.nan), 0.5, training=True).numpy()
    assert 300 < np.isfinite(y).sum() < 700


@pytest.mark.parametrize(
    "name,shape,channels",
    [("FeatureAlphaDropout", (40, 50, 2, 3), 2), ("Dropout3d", (40, 50, 2, 2, 2), 2), ("Dropout3d", (300, 2, 2, 2), 1)],
)
def test_whole_channels(name: str, shape: tuple[int, ...], channels: int) -> None:
    module = getattr(nn, name)(0.5)
    y = module(lucid.ones(*shape)).numpy().reshape(math.prod(shape[:channels]), -1)
    assert np.all(y == y[:, :1])
    low, high = np.unique(y)
    assert 0.3 < (y == low).mean() < 0.7
    a, b = (2.0, 0.0) if name == "Dropout3d" else values(0.5)
    assert high == pytest.approx(a + b, rel=1e-6)
    assert low == pytest.approx(0 if name == "Dropout3d" else -a * LIMIT + b, abs=1e-6)


@pytest.mark.parametrize(
    "name,shape", [("AlphaDropout", (2, 50)), ("FeatureAlphaDropout", (2, 50)), ("Dropout3d", (20, 2, 1, 1))]
)
def test_in_place_evaluation_and_text(name: str, shape: tuple[int, ...]) -> None:
    x = lucid.ones(*shape)
    module = getattr(nn, name)(0.5, inplace=True)
    assert repr(module) == f"{name}(p=0.5, inplace=True)"
    assert module.eval()(x) is x and x._version == 0
    assert module.train()(x) is x and x._version == 1 and not np.all(x.numpy() == 1)


def test_refusals() -> None:
    with pytest.raises(ValueError, match="alpha_dropout: dropout probability has to be between 0 and 1, but got 1.5"):
        F.alpha_dropout(lucid.ones(2), 1.5)
    with pytest.raises(
        ValueError, match="FeatureAlphaDropout: dropout probability has to be between 0 and 1, but got -1"
    ):
        nn.FeatureAlphaDropout(-1)
    with pytest.raises(RuntimeError, match=r"feature_alpha_dropout: expected input of shape \(N, C, ...\), got \(2,\)"):
        F.feature_alpha_dropout(lucid.ones(2), training=True)
    with pytest.raises(RuntimeError, match=r"dropout3d: expected a 4-d or 5-d input, got shape \(2, 3\)"):
        F.dropout3d(lucid.ones(2, 3))
    with pytest.raises(TypeError, match="alpha_dropout: expected a floating-point tensor, got lucid.int64"):
        F.alpha_dropout(lucid.tensor([1]))
