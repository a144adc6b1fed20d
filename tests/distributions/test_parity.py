"""Every distribution against PyTorch's: log probabilities, distribution functions, entropies, moments, shapes."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from distributions.cases import CASES, double, made

import lucid
import lucid.distributions as D

pytestmark = pytest.mark.parity
torch = pytest.importorskip("torch")
T = torch.distributions

ROUGH = {
    "ContinuousBernoulli": 1e-7,  # differences of nearly equal numbers on both sides
    "Multinomial": 1e-7,  # PyTorch takes one logarithm in float32
    "VonMises": 1e-5,  # PyTorch's Bessel functions have 7 digits
}


def theirs(name: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return CASES[name](T, lambda x: torch.tensor(np.asarray(x)))


def close(ours: Any, expected: Any, rtol: float = 1e-9) -> None:
    assert tuple(ours.shape) == tuple(expected.shape)
    assert str(ours.dtype).split(".")[-1] == str(expected.dtype).split(".")[-1]
    np.testing.assert_allclose(ours.numpy(force=True), expected.detach().numpy(), rtol=rtol, atol=1e-11)


@pytest.mark.parametrize("name", CASES)
def test_shapes_and_moments(name: str) -> None:
    ours, other = made(name), theirs(name)
    assert ours.batch_shape == tuple(other.batch_shape) and ours.event_shape == tuple(other.event_shape)
    assert ours.has_rsample == other.has_rsample and ours.has_enumerate_support == other.has_enumerate_support
    for what in ("mean", "mode", "variance", "stddev", "entropy", "perplexity"):
        try:
            expected = getattr(other, what)
            expected = expected() if callable(expected) else expected
        except NotImplementedError:
            continue
        found = getattr(ours, what)
        if what == "mode" and name in ("Dirichlet low", "Kumaraswamy"):
            continue  # PyTorch's are not where the density is largest: see test_values.py
        close(found() if callable(found) else found, expected, ROUGH.get(name, 1e-9))


def expanded(distribution: Any) -> Any:
    return distribution.expand((4, *distribution.batch_shape))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("change", [lambda d: d, expanded], ids=["", "expanded"])
def test_log_prob_and_distribution_functions(name: str, change: Any) -> None:
    lucid.manual_seed(1)
    if name == "GeneralizedPareto":
        pytest.skip("PyTorch's compares float64 with float32: see test_values.py")
    near_half = name == "ContinuousBernoulli"  # PyTorch's distribution function is that of p = 1/2 there
    rtol = max(1e-8, ROUGH.get(name, 0))
    ours, other = change(made(name)), change(theirs(name))
    assert ours.batch_shape == tuple(other.batch_shape) and ours.event_shape == tuple(other.event_shape)
    x = ours.sample((5,)).detach()
    assert tuple(x.shape) == (5, *ours.batch_shape, *ours.event_shape)
    y = torch.tensor(x.numpy())
    close(ours.log_prob(x), other.log_prob(y), rtol)
    for what in ("cdf", "log_survival_function"):
        try:
            expected = getattr(other, what)(y)
        except (NotImplementedError, AttributeError):
            continue
        close(getattr(ours, what)(x), expected, 1e-3 if near_half else rtol)
    try:
        p = np.random.default_rng(0).uniform(0.01, 0.99, (5, *ours.batch_shape))
        expected = other.icdf(torch.tensor(p))
    except NotImplementedError:
        return
    close(ours.icdf(double(p)), expected, 1e-3 if near_half else rtol)


@pytest.mark.parametrize("name", [n for n in CASES if getattr(made(n), "has_enumerate_support", False)])
@pytest.mark.parametrize("expand", [False, True])
def test_enumerated_supports(name: str, expand: bool) -> None:
    close(made(name).enumerate_support(expand), theirs(name).enumerate_support(expand))


@pytest.mark.parametrize("name", CASES)
def test_supports_and_arguments(name: str) -> None:
    ours, other = made(name), theirs(name)
    assert type(ours.support).__name__ == type(other.support).__name__
    assert set(ours.arg_constraints) == set(other.arg_constraints)
    for key, constraint in ours.arg_constraints.items():
        if not D.constraints.is_dependent(constraint):
            assert constraint.event_dim == other.arg_constraints[key].event_dim
    if not D.constraints.is_dependent(type(ours).support):
        assert ours.support.event_dim == other.support.event_dim
        assert ours.support.is_discrete == other.support.is_discrete


def test_all_of_pytorchs_names_exist() -> None:
    missing = [name for name in T.__all__ if not hasattr(D, name)]
    assert not missing
    assert not [n for n in T.constraints.__all__ if not hasattr(D.constraints, n)]
