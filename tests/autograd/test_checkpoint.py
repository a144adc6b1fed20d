"""Functions computed again for their gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lucid
from lucid import nn
from lucid.utils.checkpoint import checkpoint, checkpoint_sequential


def net() -> nn.Sequential:
    lucid.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.GELU(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 3))


def gradients(run: Any) -> list[np.ndarray]:
    model = net()
    x = lucid.ones(5, 4, requires_grad=True)
    lucid.manual_seed(1)
    y = run(model, x * 2)
    y.square().sum().backward()
    return [y.detach().numpy(), *[p.grad.numpy() for p in [x, *model.parameters()]]]


@pytest.mark.parametrize("run", [
    lambda m, x: checkpoint(m, x, use_reentrant=False), lambda m, x: checkpoint(lambda t: m(t), x), lambda m, x: checkpoint(lambda: m(x)),
    lambda m, x: checkpoint(lambda d: m(d["x"][0]), {"x": [x]}), lambda m, x: checkpoint_sequential(m, 3, x, use_reentrant=True), lambda m, x: checkpoint_sequential(m, 1, x),
    lambda m, x: checkpoint(lambda t: checkpoint(m, t), x),
])  # fmt: skip
def test_the_same_gradients(run: Any) -> None:
    for mine, plain in zip(gradients(run), gradients(lambda m, x: m(x)), strict=True):
        np.testing.assert_array_equal(mine, plain)


def test_it_is_called_again_in_the_backward_pass_only() -> None:
    calls = []

    def f(t: Any) -> Any:
        calls.append(lucid.is_grad_enabled())
        return t.exp(), [t * 2, t.detach()]

    x = lucid.ones(3, requires_grad=True)
    a, (b, c) = checkpoint(f, x)
    assert len(calls) == 1 and a.requires_grad and b.requires_grad and not c.requires_grad
    (a.sum() + 3 * b.sum()).backward()
    assert calls == [True, True] and x.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), np.e + 6, 1e-6)
    with lucid.no_grad():
        checkpoint(f, x)
    assert calls[2:] == [False]
    (b,) = checkpoint(f, x)[1][:1]
    assert lucid.autograd.grad(b.sum(), x)[0].tolist() == [2, 2, 2]


def test_second_derivatives() -> None:
    x = lucid.tensor([0.3, 0.7], dtype=lucid.float64, requires_grad=True)
    w = lucid.tensor([2.0, 3.0], dtype=lucid.float64, requires_grad=True)
    assert lucid.autograd.gradcheck(lambda x, w: checkpoint(lambda t: (t * w).sin(), x), (x, w))
    assert lucid.autograd.gradgradcheck(lambda x, w: checkpoint(lambda t: (t * w).sin(), x * 1), (x, w))


def test_a_modified_input_is_noticed() -> None:
    x = lucid.ones(3, requires_grad=True) * 1
    y = checkpoint(lambda t: t.exp(), x)
    x.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_other_results_are_noticed() -> None:
    again: list[int] = []
    x = lucid.ones(2, requires_grad=True)

    def f(t: Any) -> Any:
        again.append(1)
        return t * 2 if len(again) == 1 else t.detach()

    with pytest.raises(RuntimeError, match="checkpoint: the function gave other results"):
        checkpoint(f, x).sum().backward()
    with pytest.raises(ValueError, match="checkpoint_sequential: segments must be between 1 and 2, got 3"):
        checkpoint_sequential([f, f], 3, x)
