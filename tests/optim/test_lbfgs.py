"""L-BFGS: minima it must find, what it must stop at, and PyTorch's trajectories."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import lucid
from lucid import optim

RNG = np.random.default_rng(0)
A, B = RNG.standard_normal((40, 6)), RNG.standard_normal(40)
OPTIONS = [
    dict(zip(("lr", "line_search_fn", "history_size", "max_iter"), values))
    for values in itertools.product([1.0, 0.3], [None, "strong_wolfe"], [100, 3], [20, 4])
] + [{"line_search_fn": "strong_wolfe", "max_eval": 5}, {"line_search_fn": "strong_wolfe", "tolerance_change": 0.1}]


def rosenbrock(x: Any) -> Any:
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def make(module: Any, dtype: Any, options: dict[str, Any], problem: str) -> tuple[list[Any], Any, Any, list[float]]:
    """Parameters, an optimizer, its closure, and the losses the closure saw."""
    shapes = [(2, 3), (6,)] if problem == "logistic" else [(4,)]
    first = [np.linspace(-1.2, 1.3, int(np.prod(s))).reshape(s).astype(dtype) for s in shapes]
    params = [module.tensor(x, requires_grad=True) for x in first]
    a, b = module.tensor(A.astype(dtype)), module.tensor((B > 0).astype(dtype))
    optimizer, losses = module.optim.LBFGS(params, **options), []

    def closure() -> Any:
        optimizer.zero_grad()
        if problem == "logistic":
            z = a @ (params[0].reshape(-1) + params[1] * 0.5)
            loss = module.nn.functional.softplus(z).mean() - (z * b).mean() + 0.01 * (params[1] ** 2).sum()
        else:
            loss = rosenbrock(params[0])
        loss.backward()
        losses.append(loss.item())
        return loss

    return params, optimizer, closure, losses


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_finds_the_bottom_of_rosenbrocks_valley(dtype: Any) -> None:
    params, optimizer, closure, _ = make(lucid, dtype, {"line_search_fn": "strong_wolfe", "max_iter": 200}, "valley")
    first = optimizer.step(closure)
    assert first.item() > 1
    np.testing.assert_allclose(params[0].detach().numpy(), np.ones(4), rtol=1e-4 if dtype is np.float32 else 1e-7)


def test_a_quadratic_takes_a_few_iterations() -> None:
    """With exact curvature n steps suffice in theory; the gradient vanishes soon after."""
    w = lucid.zeros(6, dtype=lucid.float64).requires_grad_()
    optimizer = optim.LBFGS([w], line_search_fn="strong_wolfe", max_iter=40, tolerance_change=1e-15)
    a, b = lucid.tensor(A), lucid.tensor(B)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = ((a @ w - b) ** 2).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    np.testing.assert_allclose(w.detach().numpy(), np.linalg.lstsq(A, B, rcond=None)[0], atol=1e-8)


def test_stops_at_a_minimum_without_moving() -> None:
    w = lucid.zeros(3).requires_grad_()
    optimizer = optim.LBFGS([w])

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 0
    assert optimizer.state[w] == {"func_evals": 1, "n_iter": 0} and w.tolist() == [0, 0, 0]


def test_the_closure_is_called_no_more_often_than_allowed() -> None:
    _, optimizer, closure, losses = make(lucid, np.float64, {"max_eval": 3, "max_iter": 50}, "valley")
    optimizer.step(closure)
    assert len(losses) == 3


def test_parameters_are_put_back_when_the_closure_fails() -> None:
    params, optimizer, closure, losses = make(lucid, np.float64, {"line_search_fn": "strong_wolfe"}, "valley")
    before = params[0].tolist()

    def failing() -> Any:
        if losses:
            raise KeyError("data ran out")
        return closure()

    with pytest.raises(KeyError, match="data ran out"):
        optimizer.step(failing)
    assert params[0].tolist() == before


def test_messages() -> None:
    w = lucid.ones(2, requires_grad=True)
    with pytest.raises(TypeError, match="LBFGS: step needs a closure that computes the loss and its gradients"):
        optim.LBFGS([w]).step()
    with pytest.raises(RuntimeError, match="LBFGS: only 'strong_wolfe' is supported, got 'armijo'"):
        optim.LBFGS([w], line_search_fn="armijo").step(lambda: None)


@pytest.mark.parity
@pytest.mark.parametrize("problem", ["logistic", "valley"])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_same_as_pytorch(options: dict[str, Any], problem: str) -> None:
    torch = pytest.importorskip("torch")
    if problem == "valley" and options.get("line_search_fn") is None:
        options = options | {"lr": 0.01}  # longer steps diverge
    (ours, mine, step, seen), (theirs, other, call, expected) = (
        make(module, np.float64, options, problem) for module in (lucid, torch)
    )
    for _ in range(3):
        mine.step(step)
        other.step(call)
    assert len(seen) == len(expected)
    np.testing.assert_allclose(seen, expected, rtol=1e-7)
    for p, q in zip(ours, theirs):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-6, atol=1e-8)
    a, b = mine.state_dict(), other.state_dict()
    assert a["param_groups"] == b["param_groups"] and set(a["state"][0]) == set(b["state"][0])
    assert len(a["state"][0]["old_dirs"]) == len(b["state"][0]["old_dirs"])


@pytest.mark.parity
@pytest.mark.parametrize("line_search", [None, "strong_wolfe"])
def test_states_are_exchanged_with_pytorch(line_search: str | None) -> None:
    torch = pytest.importorskip("torch")
    from optim.test_methods import convert

    options = {"max_iter": 3, "line_search_fn": line_search, "lr": 0.5}
    runs = [make(module, np.float64, options, "logistic") for module in (lucid, torch)]
    for _, optimizer, closure, _ in runs:
        optimizer.step(closure)
    (_, mine, step, seen), (_, other, call, expected) = runs
    ours, theirs = convert(mine.state_dict(), torch.tensor), convert(other.state_dict(), lucid.tensor)
    mine.load_state_dict(theirs)
    other.load_state_dict(ours)
    mine.step(step)
    other.step(call)
    np.testing.assert_allclose(seen, expected, rtol=1e-9)
