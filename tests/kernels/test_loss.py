"""Losses element by element: values, sums and gradients against formulas in longdouble."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lucid import _isa

ops = _isa.load()
rng = np.random.default_rng(0)
Array = np.ndarray


def huber(x: Array, y: Array, a: float, b: float) -> Array:
    c = np.clip(x - y, -a, a)
    return c * (x - y - c / 2) / b


FORMULAS: dict[str, tuple[Callable[..., Array], Callable[..., Array]]] = {
    "mse": (lambda x, y, a, b: (x - y) ** 2, lambda x, y, a, b: 2 * (x - y)),
    "l1": (lambda x, y, a, b: np.abs(x - y), lambda x, y, a, b: np.sign(x - y)),
    "huber": (huber, lambda x, y, a, b: np.clip(x - y, -a, a) / b),
    "bce": (
        lambda x, y, a, b: -(y * np.log(x) + (1 - y) * np.log1p(-x)),
        lambda x, y, a, b: (x - y) / (x * (1 - x)),
    ),
    "bce_logits": (
        lambda x, y, a, b: y * np.log1p(np.exp(-x)) + (1 - y) * np.log1p(np.exp(x)),
        lambda x, y, a, b: (1 - y) / (1 + np.exp(-x)) - y / (1 + np.exp(x)),
    ),
    "kl": (lambda x, y, a, b: y * (np.log(y) - x), lambda x, y, a, b: -y),
    "kl_log": (lambda x, y, a, b: np.exp(y) * (y - x), lambda x, y, a, b: -np.exp(y)),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 63, 64, 1000, 70_001])
@pytest.mark.parametrize("kind", FORMULAS)
def test_follows_the_formula(kind: str, n: int, dtype: type) -> None:
    eps = np.finfo(dtype).eps
    x, y = rng.uniform(0.05, 0.95, (2, n)).astype(dtype)
    a, b = 0.25, 0.5
    wide_x, wide_y = x.astype(np.longdouble), y.astype(np.longdouble)
    value, slope = (f(wide_x, wide_y, a, b) for f in FORMULAS[kind])
    tol = {"rtol": 8 * eps, "atol": 8 * eps}
    np.testing.assert_allclose(ops.loss(x, y, kind, a, b), value, **tol)
    g = rng.standard_normal(n).astype(dtype)
    np.testing.assert_allclose(ops.loss_backward(x, y, g, kind, a, b), slope * g, rtol=32 * eps, atol=8 * eps)
    one = np.array(0.5, dtype)
    np.testing.assert_allclose(ops.loss_backward(x, y, one, kind, a, b, n), slope * 0.5 / n, rtol=32 * eps, atol=eps)
    sums = set()
    for threads in (1, 2, 3, 8):
        ops.set_num_threads(threads)
        sums.add(ops.loss_sum(x, y, kind, a, b))
    assert len(sums) == 1
    np.testing.assert_allclose(sums.pop(), ops.loss(x, y, kind, a, b).astype(np.longdouble).sum(), rtol=1e-13)


def test_limits() -> None:
    x, y = np.array([0.0, 1.0, 1.0, np.nan]), np.array([1.0, 0.0, 1.0, 1.0])
    np.testing.assert_array_equal(ops.loss(x, y, "bce"), [100, 100, 0, np.nan])
    assert ops.loss(np.array([-3.0]), np.array([0.0]), "kl")[0] == 0
    assert np.isnan(ops.loss_sum(x, y, "mse"))
    assert ops.loss(np.array([-1000.0, 1000.0]), np.array([1.0, 1.0]), "bce_logits").tolist() == [1000, 0]


def test_errors() -> None:
    x = np.zeros((2, 3))
    for call, message in (
        (lambda: ops.loss(x, x[:1], "mse"), "loss: shapes (2, 3) and (1, 3) differ"),
        (lambda: ops.loss_sum(x, x, "cubic"),
         "loss_sum: expected one of mse, l1, huber, bce, bce_logits, kl, kl_log, got 'cubic'"),
        (lambda: ops.loss_backward(x, x, x[:1], "mse"),
         "loss_backward: expected g (2, 3) and no divisor, or one number, got (1, 3)"),
    ):  # fmt: skip
        with pytest.raises(ValueError) as info:
            call()
        assert str(info.value) == message
