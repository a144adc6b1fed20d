"""Dropout: what survives, how it is scaled, what is reproducible, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lucid
import lucid.nn.functional as F
from lucid import nn
from lucid.autograd import gradcheck, gradgradcheck


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_elements_are_zero_or_scaled_in_the_right_proportion(p: float) -> None:
    y = F.dropout(lucid.ones(100, 1000), p).numpy()
    kept = y != 0
    np.testing.assert_allclose(y[kept], 1 / (1 - p), rtol=1e-6)
    assert abs(kept.mean() - (1 - p)) < 5 * np.sqrt(p * (1 - p) / kept.size)


def test_gradient_passes_through_the_same_mask() -> None:
    x = lucid.full((1000,), 2.0, requires_grad=True)
    y = F.dropout(x, 0.3)
    y.sum().backward()
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.numpy() * 2, y.detach().numpy())


def test_gradients_of_both_orders() -> None:
    x = lucid.randn(5, 4, 3, dtype=lucid.float64, requires_grad=True)
    for f in (F.dropout, F.dropout1d):

        def repeatable(x: Any, f: Any = f) -> Any:
            lucid.manual_seed(7)
            return f(x, 0.5) ** 2

        assert gradcheck(repeatable, (x,))
        assert gradgradcheck(repeatable, (x,))


def test_seed_decides_and_every_call_differs() -> None:
    x = lucid.ones(64)
    lucid.manual_seed(3)
    first, second = F.dropout(x), F.dropout(x)
    lucid.manual_seed(3)
    assert lucid.equal(F.dropout(x), first)
    assert not lucid.equal(first, second)


def test_mask_does_not_depend_on_the_number_of_threads() -> None:
    x = lucid.ones(200_001)
    results = []
    for threads in (1, 2):
        lucid.set_num_threads(threads)
        lucid.manual_seed(5)
        results.append(F.dropout(x, 0.5))
    assert lucid.equal(*results)


def test_limits_of_the_probability() -> None:
    x = lucid.tensor([1.0, float("nan")], requires_grad=True)
    assert F.dropout(x, 0.0) is x
    y = F.dropout(x, 1.0)
    assert y[0].item() == 0 and np.isnan(y[1].item())
    y[0].backward()
    assert x.grad is not None and x.grad[0].item() == 0


@pytest.mark.parametrize("kind", [nn.Dropout, nn.Dropout1d, nn.Dropout2d])
def test_evaluation_returns_the_input(kind: type[Any]) -> None:
    x = lucid.ones(2, 3, 4, 4)[: 2 if kind is not nn.Dropout1d else 1]
    x = x[0] if kind is nn.Dropout1d else x
    assert kind(0.5).eval()(x) is x


def test_inplace_overwrites_the_input() -> None:
    x = lucid.ones(100)
    y = nn.Dropout(0.5, inplace=True)(x)
    assert y is x and set(x.tolist()) == {0.0, 2.0}
    z = lucid.ones(2, 50, 3)
    assert nn.Dropout1d(0.5, inplace=True)(z) is z and 0.0 in z


@pytest.mark.parametrize(
    "f, shape", [(F.dropout1d, (40, 50, 7)), (F.dropout1d, (50, 7)), (F.dropout2d, (40, 50, 3, 4))]
)
def test_whole_channels_drop(f: Any, shape: tuple[int, ...]) -> None:
    y = f(lucid.ones(*shape), 0.25).numpy()
    leading = 1 if len(shape) == 2 else 2
    planes = y.reshape(*shape[:leading], -1)
    assert (planes == planes[..., :1]).all()
    np.testing.assert_allclose(np.unique(planes), [0, 1 / 0.75], rtol=1e-6)


def test_dropout2d_of_three_dimensions_warns_and_drops_along_the_last() -> None:
    with pytest.warns(UserWarning, match=r"dropout2d: a 3-d input is taken as \(N, C, L\); use dropout1d"):
        y = F.dropout2d(lucid.ones(8, 50, 4)).numpy()
    assert (y == y[..., :1]).all() and len(np.unique(y)) == 2


@pytest.mark.parametrize("p", [-0.1, 1.5, float("nan")])
def test_probability_out_of_range(p: float) -> None:
    with pytest.raises(ValueError, match=f"^dropout: dropout probability has to be between 0 and 1, but got {p}"):
        F.dropout(lucid.ones(3), p, training=False)
    with pytest.raises(ValueError, match=f"^Dropout2d: dropout probability has to be between 0 and 1, but got {p}"):
        nn.Dropout2d(p)


def test_shapes_and_dtypes_that_are_refused() -> None:
    with pytest.raises(RuntimeError, match=r"^dropout1d: expected a 2-d or 3-d input, got shape \(3,\)"):
        F.dropout1d(lucid.ones(3))
    with pytest.raises(RuntimeError, match=r"^Dropout2d: expected a 4-d \(or 3-d\) input, got shape \(3, 3\)"):
        nn.Dropout2d()(lucid.ones(3, 3))
    with pytest.raises(RuntimeError, match=r"^dropout: expected float32 or float64 input, got lucid.int64"):
        F.dropout(lucid.ones(3).long())


def test_repr() -> None:
    assert repr(nn.Dropout(0.2, True)) == "Dropout(p=0.2, inplace=True)"
