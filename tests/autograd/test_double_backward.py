"""Derivatives of derivatives through compositions, as penalties on gradients need them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lucid
import lucid.nn.functional as F
from lucid import Tensor
from lucid.autograd import grad, gradcheck


def doubles(*shape: int, seed: int = 0) -> Tensor:
    return lucid.tensor(np.random.default_rng(seed).standard_normal(shape), requires_grad=True)


CASES: dict[str, tuple[Callable[..., Tensor], tuple[tuple[int, ...], ...]]] = {
    "pointwise": (lambda x, y: x.sin() * y.exp() / (1 + x * x), ((3,), (3,))),
    "broadcast": (lambda x, y: x * y + x / (y * y + 1), ((2, 3), (3,))),
    "powers": (lambda x: x**2 + (x * x + 1) ** 1.5 + x**3 / (x * x + 1) ** 1, ((3,),)),
    "exponent of one number": (lambda x, y: (x * x + 1) ** y, ((3,), ())),
    "matmul": (lambda x, y: (x @ y).tanh(), ((2, 3), (3, 2))),
    "linear": (lambda x, w, b: F.linear(x, w, b).tanh(), ((2, 3), (2, 3), (2,))),
    "softmax": (lambda x: x.softmax(-1) * x.log_softmax(-1), ((2, 3),)),
    "reductions": (lambda x: x.var(0) * x.logsumexp(0) + x.prod(0) + x.cumsum(0).sum(0), ((3, 2),)),
    "norm": (lambda x: x.norm(dim=1), ((2, 3),)),
    "indexing": (lambda x: x[[0, 1, 1]] * x[:1], ((2, 3),)),
    "activations": (lambda x: F.silu(F.gelu(F.mish(F.softplus(x)))), ((4,),)),
    "conv2d": (lambda x, w, b: F.conv2d(x, w, b, stride=2, padding=1).tanh(), ((1, 2, 4, 4), (2, 2, 3, 3), (2,))),
    "grouped conv2d": (lambda x, w: F.conv2d(x, w, groups=2, dilation=2).tanh(), ((1, 2, 5, 5), (2, 1, 2, 2))),
    "batch_norm": (lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True).tanh(), ((3, 2, 2), (2,), (2,))),
    "layer_norm": (lambda x, w, b: F.layer_norm(x, (4,), w, b).tanh(), ((3, 4), (4,), (4,))),
    "cross_entropy": (lambda x: F.cross_entropy(x * x, lucid.tensor([0, 2])), ((2, 3),)),
    "max_pool2d": (lambda x: F.max_pool2d(x * x, 2).tanh(), ((1, 1, 4, 4),)),
    "avg_pool2d": (lambda x: F.avg_pool2d(x * x, 2).tanh(), ((1, 1, 4, 4),)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_gradient_penalty(name: str) -> None:
    """d/dx of |d sum(f) / dx|^2, against differences: what a gradient penalty trains through."""
    function, shapes = CASES[name]
    inputs = [doubles(*shape, seed=k) for k, shape in enumerate(shapes)]

    def penalty(*xs: Any) -> Tensor:
        with lucid.enable_grad():
            xs = tuple(x if x.requires_grad else x.requires_grad_() for x in xs)
            y = function(*xs)
            grads = grad(y.sum(), xs, create_graph=True)
            return sum(((g * g).sum() for g in grads), lucid.zeros((), dtype=lucid.float64))

    assert gradcheck(penalty, inputs, rtol=1e-4, atol=1e-5)


def test_a_number_as_exponent_gives_the_gradient_of_a_full_one() -> None:
    x = lucid.tensor([-lucid.inf, -3.0, -0.0, 0.0, 1e-30, 2.0, 1e30, lucid.inf, lucid.nan], requires_grad=True)
    for exponent in (0, 1, 2):
        by_number, by_tensor = grad((x**exponent).sum(), x), grad((x ** lucid.full((9,), float(exponent))).sum(), x)
        assert by_number[0].numpy().tobytes() == by_tensor[0].numpy().tobytes(), exponent


def test_third_derivative() -> None:
    x = doubles(3)
    y = x.sin().sum()
    for expected in (np.cos, lambda v: -np.sin(v), lambda v: -np.cos(v)):
        (g,) = grad(y, x, create_graph=True)
        np.testing.assert_allclose(g.detach().numpy(), expected(x.detach().numpy()), rtol=1e-12)
        y = g.sum()


def test_first_order_gradients_have_no_history() -> None:
    x = doubles(3)
    (x * x).backward()
    assert x.grad is not None and not x.grad.requires_grad


def test_hessian_vector_product() -> None:
    a = np.random.default_rng(1).standard_normal((4, 4))
    x, v = doubles(4), lucid.tensor(np.arange(4.0))
    (g,) = grad((x @ lucid.tensor(a) @ x), x, create_graph=True)
    (hv,) = grad(g, x, v)
    np.testing.assert_allclose(hv.numpy(), (a + a.T) @ np.arange(4.0), rtol=1e-12)


def test_gradient_of_a_gradient_step() -> None:
    """Learning the step size: the loss after one step, differentiated by the step."""
    x, step = (
        lucid.tensor(3.0, dtype=lucid.float64, requires_grad=True),
        lucid.tensor(0.1, dtype=lucid.float64, requires_grad=True),
    )
    (g,) = grad(x * x, x, create_graph=True)
    moved = x - step * g
    (dstep,) = grad(moved * moved, step)
    assert dstep.item() == pytest.approx(2 * (3 - 0.6) * -6)
