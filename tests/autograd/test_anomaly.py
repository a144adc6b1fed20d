"""Gradients that become NaN are found."""

from __future__ import annotations

import pytest

import lucid
from lucid.autograd import detect_anomaly, set_detect_anomaly


def poisoned() -> lucid.Tensor:
    x = lucid.zeros(2, requires_grad=True)
    return (x.sqrt() * 0).sum()


def test_the_function_is_named() -> None:
    poisoned().backward()
    with detect_anomaly():
        assert lucid.is_anomaly_enabled() and lucid.is_anomaly_check_nan_enabled()
        with pytest.raises(RuntimeError, match="^Function 'SqrtBackward' returned nan values in its 0th output.$"):
            poisoned().backward()
        lucid.ones(2, requires_grad=True).exp().sum().backward()
        x = lucid.ones(2, requires_grad=True)
        with pytest.raises(RuntimeError, match="returned nan values in its 1th output"):
            lucid.autograd.grad(lucid.mul(lucid.full((2,), float("nan")), x).sum(), x)
    poisoned().backward()
    assert not lucid.is_anomaly_enabled()
    with detect_anomaly(check_nan=False):
        assert lucid.is_anomaly_enabled() and not lucid.is_anomaly_check_nan_enabled()
        poisoned().backward()


def test_switching_it_on_for_good() -> None:
    set_detect_anomaly(True)
    try:
        with pytest.raises(RuntimeError, match="SqrtBackward"):
            poisoned().backward()
        with set_detect_anomaly(False):
            poisoned().backward()
        assert lucid.is_anomaly_enabled()
    finally:
        lucid.set_anomaly_enabled(False)
    with pytest.raises(TypeError, match="set_anomaly_enabled: expected bools"):
        lucid.set_anomaly_enabled(1)  # type: ignore[arg-type]
