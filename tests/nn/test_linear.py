"""Linear, bilinear, identity, flatten: values, errors, gradients, PyTorch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from nn.parity import compare, draw, exchange, torch

import lucid
import lucid.nn.functional as F
from lucid import nn
from lucid.autograd import gradcheck, gradgradcheck


@pytest.mark.parametrize("shape", [(3,), (5, 3), (2, 5, 3), (0, 3)])
def test_linear_is_its_formula(shape: tuple[int, ...]) -> None:
    x, w, b = draw(*shape), draw(4, 3, seed=1), draw(4, seed=2)
    y = F.linear(lucid.tensor(x), lucid.tensor(w), lucid.tensor(b))
    np.testing.assert_allclose(y.numpy(), x @ w.T + b, atol=1e-12)


def test_linear_with_a_vector_as_weight() -> None:
    x, w = draw(5, 3), draw(3, seed=1)
    np.testing.assert_allclose(F.linear(lucid.tensor(x), lucid.tensor(w)).numpy(), x @ w, atol=1e-12)


def test_bilinear_is_its_formula() -> None:
    x, y, w, b = draw(5, 2), draw(5, 3, seed=1), draw(4, 2, 3, seed=2), draw(4, seed=3)
    z = F.bilinear(*[lucid.tensor(a) for a in (x, y, w, b)])
    np.testing.assert_allclose(z.numpy(), np.einsum("ni,oij,nj->no", x, w, y) + b, atol=1e-12)


def test_gradients_of_both_orders() -> None:
    x, w, b = (lucid.tensor(draw(*s, seed=i), requires_grad=True) for i, s in enumerate([(2, 3, 4), (5, 4), (5,)]))
    assert gradcheck(F.linear, (x, w, b))
    assert gradgradcheck(F.linear, (x, w, b))
    x2, w2 = (lucid.tensor(draw(*s, seed=7), requires_grad=True) for s in [(2, 3, 2), (3, 4, 2)])
    assert gradcheck(F.bilinear, (x, x2, w2))


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: nn.Linear(3, 4)(lucid.ones(2, 5)), RuntimeError,
         r"Linear: expected last dimension 3, got 5 \(input \(2, 5\), weight \(4, 3\)\)$"),
        (lambda: nn.Linear(3, 4)(lucid.ones(2, 3).double()), RuntimeError,
         "Linear: input, weight and bias must have the same dtype, got lucid.float64, lucid.float32, lucid.float32"),
        (lambda: F.linear(lucid.ones(2, 3), lucid.ones(4, 3), lucid.ones(5)), RuntimeError,
         r"linear: bias has shape \(5,\), expected \(4,\) \(weight \(4, 3\)\)"),
        (lambda: F.bilinear(lucid.ones(5, 2), lucid.ones(5, 3), lucid.ones(4, 3, 3)), RuntimeError,
         r"bilinear: expected inputs \(..., in1\) and \(..., in2\) for weight \(out, in1, in2\), got \(5, 2\), \(5, 3\) and"),
        (lambda: F.bilinear(lucid.ones(5, 2), lucid.ones(5, 3), lucid.ones(4, 2, 3), lucid.ones(3)), RuntimeError,
         r"bilinear: bias has shape \(3,\), expected \(4,\)"),
        (lambda: nn.Bilinear(0, 3, 4), ValueError, "Bilinear: in1_features must be positive, got 0"),
        (lambda: nn.Unflatten(1, "ab"), TypeError, "Unflatten: unflattened_size must be a tuple of ints, got 'ab'"),
        (lambda: nn.Unflatten(1, (2, 2))(lucid.ones(2, 5)), RuntimeError, r"Unflatten: .*\[2, 2\].* 5"),
        (lambda: nn.Flatten(2)(lucid.ones(2, 5)), IndexError, "Flatten: Dimension out of range"),
        (lambda: nn.Linear(3, 4, device="cuda"), RuntimeError, "device: lucid runs on CPUs only, got 'cuda'"),
    ],
)  # fmt: skip
def test_errors(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match="^" + message):
        call()


def test_initial_parameters_are_uniform_within_the_bound() -> None:
    linear = nn.Linear(100, 200)
    assert linear.bias is not None
    for p in (linear.weight, linear.bias):
        values = p.detach().numpy()
        assert np.abs(values).max() <= 0.1
        assert abs(values.std() - 0.1 / math.sqrt(3)) < 0.1 * 0.1
    assert nn.Linear(3, 2, dtype=lucid.float64).weight.dtype is lucid.float64
    assert nn.Linear(3, 2, bias=False).bias is None


def test_no_inputs_gives_the_bias() -> None:
    with pytest.warns(UserWarning, match=r"no elements to initialize in shape \(3, 0\)"):
        linear = nn.Linear(0, 3)
    assert linear(lucid.ones(2, 0)).tolist() == [[0.0] * 3] * 2


def test_identity_and_flatten() -> None:
    x = lucid.ones(2, 3, 4, 5)
    assert nn.Identity(54, unused=True)(x) is x
    assert nn.Flatten()(x).shape == (2, 60)
    assert nn.Flatten(0, 1)(x).shape == (6, 4, 5)
    assert nn.Unflatten(-1, (5, -1))(x).shape == (2, 3, 4, 5, 1)
    assert nn.Unflatten(1, [3, 1])(x).shape == (2, 3, 1, 4, 5)


def test_repr() -> None:
    assert repr(nn.Linear(3, 4)) == "Linear(in_features=3, out_features=4, bias=True)"
    assert repr(nn.Bilinear(2, 3, 4)) == "Bilinear(in1_features=2, in2_features=3, out_features=4, bias=True)"
    assert repr(nn.Flatten()) == "Flatten(start_dim=1, end_dim=-1)"
    assert repr(nn.Unflatten(1, (2, 3))) == "Unflatten(dim=1, unflattened_size=(2, 3))"
    assert repr(nn.Identity()) == "Identity()"


@pytest.mark.parity
@pytest.mark.parametrize("shape", [(3,), (1, 3), (7, 3), (2, 5, 3), (0, 3)])
@pytest.mark.parametrize("bias", [True, False])
def test_linear_parity(shape: tuple[int, ...], bias: bool) -> None:
    t = torch()
    theirs, ours = t.nn.Linear(3, 5, bias, dtype=t.float64), nn.Linear(3, 5, bias, dtype=lucid.float64)
    exchange(ours, theirs)
    compare(ours, theirs, draw(*shape))


@pytest.mark.parity
@pytest.mark.parametrize("rows, inputs, outputs", [(1, 1, 1), (33, 65, 17), (128, 300, 70)])
def test_linear_parity_float32(rows: int, inputs: int, outputs: int) -> None:
    t = torch()
    theirs, ours = t.nn.Linear(inputs, outputs), nn.Linear(inputs, outputs)
    exchange(ours, theirs)
    compare(ours, theirs, draw(rows, inputs, dtype="float32"), dtype="float32")


@pytest.mark.parity
def test_bilinear_parity() -> None:
    t = torch()
    theirs, ours = t.nn.Bilinear(2, 3, 4, dtype=t.float64), nn.Bilinear(2, 3, 4, dtype=lucid.float64)
    exchange(ours, theirs)
    compare(ours, theirs, draw(5, 6, 2), draw(5, 6, 3, seed=1))


@pytest.mark.parity
def test_state_dicts_load_both_ways() -> None:
    t = torch()

    def build(nn: Any) -> Any:
        return nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 5),
            nn.LayerNorm(5), nn.Dropout(0.5),
        )  # fmt: skip

    ours, theirs = build(nn), build(t.nn)
    ours(lucid.randn(8, 1, 8, 8))
    result = theirs.load_state_dict({name: t.tensor(v.numpy()) for name, v in ours.state_dict().items()})
    assert not result.missing_keys and not result.unexpected_keys
    theirs(t.randn(8, 1, 8, 8))
    assert str(ours.load_state_dict(theirs.state_dict())) == "<All keys matched successfully>"
    x = draw(3, 1, 8, 8, dtype="float32")
    compare(ours.eval(), theirs.eval(), x, dtype="float32")
