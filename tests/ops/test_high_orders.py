"""Polygamma and orthogonal polynomials of orders that no loop over them would reach."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

import lucid
from lucid import special

KINDS = "tuvw"


def exact(n: int, x: Fraction) -> float:
    """The n-th derivative of digamma as a sum of fractions; what is left out is below 1e-17 of it for n >= 10."""
    terms = [1 / (x + k) ** (n + 1) for k in range(200)]
    return float((-1) ** (n + 1) * math.factorial(n) * sum(terms))


@pytest.mark.parametrize("n", [10, 15, 20, 21, 60, 99])
def test_polygamma_below_zero_and_above(n: int) -> None:
    places = [Fraction(p, 8) for p in (-20, -17, -12, -9, -5, -4, -1, 1, 4, 9, 20)]
    x = lucid.tensor([float(p) for p in places], dtype=lucid.float64)
    np.testing.assert_allclose(lucid.polygamma(n, x).numpy(), [exact(n, p) for p in places], rtol=1e-12)


def test_polygamma_where_the_factors_are_beyond_float64() -> None:
    x = lucid.tensor([300.0, 500.0, 800.0, 0.5], dtype=lucid.float64)
    logs = [math.lgamma(401) - 401 * math.log(q) for q in (300.0, 500.0, 800.0)]
    tails = [math.fsum(math.exp(-401 * math.log1p(k / q)) for k in range(2000)) for q in (300.0, 500.0, 800.0)]
    found = lucid.polygamma(400, x).numpy()
    np.testing.assert_allclose(found[:3], [-math.exp(a) * t for a, t in zip(logs, tails)], rtol=1e-11)
    assert found[3] == -np.inf


def test_polygamma_of_any_order_ends_at_once() -> None:
    x = lucid.tensor([0.5, 2.0, 1e30, -1.3, -1.0, 0.0, np.inf, np.nan], dtype=lucid.float64)
    found = lucid.polygamma(2**31, x).numpy()
    np.testing.assert_array_equal(found, [-np.inf, -np.inf, 0, np.inf, -np.inf, -np.inf, 0, np.nan])
    with pytest.raises(TypeError, match=r"^polygamma: expected an int as n, got float$"):
        lucid.polygamma(1.5, x)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("prefix", ["", "shifted_"])
def test_chebyshev_beyond_the_recurrence(prefix: str, kind: str) -> None:
    function = getattr(special, f"{prefix}chebyshev_polynomial_{kind}")
    inner = np.array([-1, -0.7, 0.0, 0.3, 0.9, 1])
    x = lucid.tensor((inner + 1) / 2 if prefix else inner)
    below, at, above = (function(x, n).numpy() for n in (10_000, 10_001, 10_002))
    step = 2 * inner * at - below  # the first of them by the recurrence, the others by the closed form
    np.testing.assert_allclose(above, step, rtol=1e-9, atol=1e-9)
    assert np.isfinite(function(x, 2**40).numpy()).all()
    assert not np.isfinite(function(lucid.tensor(7.0), 2**31).item())


@pytest.mark.parametrize(
    "name", ["hermite_polynomial_h", "hermite_polynomial_he", "laguerre_polynomial_l", "legendre_polynomial_p"]
)
def test_degrees_without_a_closed_form_have_an_end(name: str) -> None:
    x = lucid.tensor([0.3, 2.0])
    with pytest.raises(ValueError, match=rf"^{name}: expected degrees up to 1000000, got 2147483648$"):
        getattr(special, name)(x, 2**31)
    assert getattr(special, name)(x, lucid.tensor([float("nan"), 0.0])).isnan().tolist() == [True, False]


def test_degrees_go_on_where_every_value_has_overflowed() -> None:
    assert special.hermite_polynomial_h(lucid.tensor([0.5, 1.5]), 1_000_000).isnan().all()
    mixed = special.hermite_polynomial_h(lucid.tensor([0.5, 0.5]), lucid.tensor([2, 1_000_000]))
    assert mixed[0].item() == -1.0 and mixed[1].isnan()
