"""The same module with the same numbers here and in PyTorch: outputs, gradients and buffers side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lucid

TOLERANCE = {"float64": {"rtol": 1e-9, "atol": 1e-11}, "float32": {"rtol": 2e-4, "atol": 2e-5}}


def torch() -> Any:
    return pytest.importorskip("torch")


def draw(*shape: int, seed: int = 0, dtype: str = "float64") -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def close(ours: Any, theirs: Any, what: str, dtype: str = "float64") -> None:
    ours, theirs = ours.detach().numpy(), theirs.detach().numpy()
    assert ours.shape == theirs.shape, what
    np.testing.assert_allclose(ours, theirs, err_msg=what, **TOLERANCE[dtype])


def exchange(ours: Any, theirs: Any) -> None:
    """Give both modules the parameters and buffers of ``theirs``, checking the keys."""
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())


def compare(ours: Any, theirs: Any, *arrays: np.ndarray, dtype: str = "float64") -> None:
    """Outputs, gradients of inputs and parameters, and buffers afterwards of two modules or functions."""
    t = torch()
    xs = [lucid.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    their_xs = [t.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    y, their_y = ours(*xs), theirs(*their_xs)
    close(y, their_y, "output", dtype)
    dy = draw(*y.shape, seed=99, dtype=dtype)
    if their_y.requires_grad:
        y.backward(lucid.tensor(dy))
        their_y.backward(t.tensor(dy))
    else:
        assert not y.requires_grad
    for i, (x, their_x) in enumerate(zip(xs, their_xs)):
        assert (x.grad is None) == (their_x.grad is None), f"gradient of input {i}"
        if x.grad is not None:
            close(x.grad, their_x.grad, f"gradient of input {i}", dtype)
    if hasattr(ours, "named_parameters"):
        for (name, p), (their_name, q) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
            assert name == their_name
            assert (p.grad is None) == (q.grad is None), name
            if p.grad is not None:
                close(p.grad, q.grad, f"gradient of {name}", dtype)
            p.grad = q.grad = None
        for (name, b), (their_name, c) in zip(ours.named_buffers(), theirs.named_buffers(), strict=True):
            assert name == their_name
            close(b, c, f"buffer {name}", dtype)
