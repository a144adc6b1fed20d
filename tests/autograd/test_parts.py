"""Gradients of parts of a tensor, which are added where they belong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lucid
from lucid import Tensor

PARTS: dict[str, Callable[[Tensor], Any]] = {
    "chunk": lambda x: x.chunk(3), "columns": lambda x: x.chunk(2, 1), "unbind": lambda x: x.unbind(1),
    "overlapping": lambda x: (x[1:], x[:-1], x[2], x[:, 1:3], x[3]), "steps": lambda x: (x[::2], x[1::2], x),
    "whole first": lambda x: (x * 2.0, x[1:3], x[:, 2]), "same twice": lambda x: (x[0], x[0], x[0]),
    "nothing": lambda x: (x[2:2], x[1:], x[2:2]),
}  # fmt: skip


def gradient(x: Tensor, parts: Any, **kwargs: Any) -> Tensor:
    loss = sum([(part * part * float(k + 1)).sum() for k, part in enumerate(parts)])
    return lucid.autograd.grad(loss, x, **kwargs)[0]  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", [lucid.float32, lucid.float64, lucid.float16, lucid.bfloat16, lucid.complex64])
@pytest.mark.parametrize("name", PARTS)
def test_values(name: str, dtype: lucid.dtype) -> None:
    data = np.random.default_rng(0).integers(-3, 4, (6, 5))
    x = lucid.tensor(data, dtype=dtype, requires_grad=True)
    if dtype.is_complex:
        parts = [p.real for p in PARTS[name](x)]
    else:
        parts = PARTS[name](x)
    expected = np.zeros(data.shape)
    every = np.arange(data.size).reshape(data.shape)
    for k, part in enumerate(PARTS[name](lucid.tensor(every, dtype=lucid.float64))):
        factor = 4.0 if name == "whole first" and k == 0 else 1.0
        places = (part / (2.0 if factor == 4.0 else 1.0)).numpy().astype(int).reshape(-1)
        np.add.at(expected.reshape(-1), places, 2.0 * (k + 1) * factor * data.reshape(-1)[places])
    np.testing.assert_array_equal(gradient(x, parts).to(lucid.complex64).numpy().real, expected.astype(np.float32))


@pytest.mark.parametrize("name", PARTS)
def test_recorded_gradients_are_the_same(name: str) -> None:
    x = lucid.tensor(np.random.default_rng(0).standard_normal((6, 5)), requires_grad=True)
    once = gradient(x, PARTS[name](x))
    again = gradient(x, PARTS[name](x), create_graph=True)
    np.testing.assert_array_equal(once.numpy(), again.detach().numpy())
    (second,) = lucid.autograd.grad(again.sum(), x)
    assert second.shape == x.shape


def test_gradients_that_others_hold_stay_as_they_are() -> None:
    x = lucid.ones(4, 3, requires_grad=True)
    y = x * 1.0
    seen: list[Tensor] = []
    y.register_hook(seen.append)
    a, b = y[:2], y[2:]
    kept: list[Tensor] = []
    a.register_hook(kept.append)
    (a.sum() + (b * 3.0).sum()).backward(retain_graph=True)
    np.testing.assert_array_equal(kept[0].numpy(), np.ones((2, 3)))
    expected = np.repeat([1.0, 3.0], 2)[:, None] * np.ones(3)
    np.testing.assert_array_equal(x.grad.numpy(), expected)  # type: ignore[union-attr]
    first = seen[0].numpy().copy()
    (a.sum() + (b * 5.0).sum()).backward()
    np.testing.assert_array_equal(seen[0].numpy(), first)
    assert x.grad is not None and x.grad[3, 0].item() == 8.0


def test_a_gradient_passed_in_is_not_written_to() -> None:
    x = lucid.ones(4, 3, requires_grad=True)
    y, given = x * 1.0, lucid.ones(4, 3)
    lucid.autograd.backward([y, y[1:]], [given, lucid.ones(3, 3)])
    np.testing.assert_array_equal(given.numpy(), np.ones((4, 3)))
    np.testing.assert_array_equal(x.grad.numpy()[:, 0], [1, 2, 2, 2])  # type: ignore[union-attr]
