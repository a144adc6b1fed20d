"""The update rules: against NumPy in float64 for both dtypes, and against PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from optim.steps import assert_close, gradients, product, start

import lucid
from lucid import optim

STEPS = 20


SGD = product(momentum=[0, 0.9], dampening=[0, 0.3], weight_decay=[0, 0.1], nesterov=[False], maximize=[False, True])
SGD += product(momentum=[0.9], weight_decay=[0, 0.1], nesterov=[True], maximize=[False, True])
ADAM = product(amsgrad=[False, True], weight_decay=[0, 0.1], maximize=[False, True], betas=[(0.9, 0.999), (0.5, 0.8)])
RMSPROP = product(
    momentum=[0, 0.9], centered=[False, True], weight_decay=[0, 0.1], maximize=[False, True], alpha=[0.99, 0.9]
)
CASES = (
    [("SGD", o) for o in SGD]
    + [("Adam", o) for o in ADAM]
    + [("AdamW", o) for o in ADAM]
    + [("RMSprop", o) for o in RMSPROP]
)
LR = 0.01


def label(case: Any) -> str:
    if isinstance(case, str):
        return case
    return " ".join(f"{k}={v}" for k, v in case.items()) if isinstance(case, dict) else case.__name__


class Reference:
    """The rules as the docstrings state them, for one parameter, in float64."""

    def __init__(self, name: str, p: np.ndarray, options: dict[str, Any]) -> None:
        self.name, self.p, self.o, self.t = name, p.astype(np.float64), options, 0
        self.m = self.v = self.a = self.b = self.largest = np.zeros(p.shape)

    def step(self, grad: np.ndarray) -> None:
        o, self.t = self.o, self.t + 1
        g = -grad if o["maximize"] else grad.astype(np.float64)
        if self.name == "AdamW":
            self.p = self.p - LR * o["weight_decay"] * self.p
        else:
            g = g + o["weight_decay"] * self.p
        self.p = self.p - LR * getattr(self, self.name.lower().replace("adamw", "adam"))(g)

    def sgd(self, g: np.ndarray) -> np.ndarray:
        o = self.o
        if not o["momentum"]:
            return g
        self.b = g if self.t == 1 else o["momentum"] * self.b + (1 - o.get("dampening", 0)) * g
        return g + o["momentum"] * self.b if o["nesterov"] else self.b

    def adam(self, g: np.ndarray) -> np.ndarray:
        beta1, beta2 = self.o["betas"]
        self.m = beta1 * self.m + (1 - beta1) * g
        self.v = beta2 * self.v + (1 - beta2) * g * g
        self.largest = np.maximum(self.largest, self.v)
        v = self.largest if self.o["amsgrad"] else self.v
        return self.m / (1 - beta1**self.t) / (np.sqrt(v / (1 - beta2**self.t)) + 1e-8)

    def rmsprop(self, g: np.ndarray) -> np.ndarray:
        alpha = self.o["alpha"]
        self.v = alpha * self.v + (1 - alpha) * g * g
        self.a = alpha * self.a + (1 - alpha) * g
        d = g / (np.sqrt(self.v - self.a**2 if self.o["centered"] else self.v) + 1e-8)
        self.b = self.o["momentum"] * self.b + d
        return self.b


def run(name: str, options: dict[str, Any], dtype: Any, steps: int = STEPS) -> list[np.ndarray]:
    params = [lucid.tensor(x, requires_grad=True) for x in start(dtype)]
    optimizer = getattr(optim, name)(params, lr=LR, **options)
    for t in range(steps):
        for p, g in zip(params, gradients(t, dtype)):
            p.grad = lucid.from_numpy(g)
        optimizer.step()
    return [p.detach().numpy() for p in params]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "options"), CASES, ids=label)
def test_rule(name: str, options: dict[str, Any], dtype: Any) -> None:
    references = [Reference(name, p, options) for p in start(dtype)]
    for t in range(STEPS):
        for reference, g in zip(references, gradients(t, dtype)):
            reference.step(g)
    for actual, reference in zip(run(name, options, dtype), references):
        assert_close(actual, reference.p, 1e-12 if dtype is np.float64 else 1e-6)


@pytest.mark.parametrize(("name", "options"), [CASES[0], CASES[3], CASES[25], CASES[-1]], ids=label)
def test_the_same_bits_at_every_thread_count(name: str, options: dict[str, Any]) -> None:
    before, results = lucid.get_num_threads(), []
    try:
        for threads in (1, 4):
            lucid.set_num_threads(threads)
            params = [lucid.tensor(np.resize(start(np.float32)[-1], n), requires_grad=True) for n in (200_003, 7)]
            optimizer = getattr(optim, name)(params, lr=LR, **options)
            for t in range(3):
                for p in params:
                    p.grad = lucid.tensor(np.resize(gradients(t, np.float32)[-1], p.numel()))
                optimizer.step()
            results.append([p.detach().numpy() for p in params])
    finally:
        lucid.set_num_threads(before)
    for one, four in zip(*results):
        np.testing.assert_array_equal(one, four)
    np.testing.assert_array_equal(results[0][0][:7], results[0][1])  # nor do they depend on the length


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop"])
def test_both_dtypes_in_one_group(name: str) -> None:
    single, double = lucid.ones(3, requires_grad=True), lucid.ones(3, dtype=lucid.float64, requires_grad=True)
    optimizer = getattr(optim, name)([single, double], lr=0.125)
    single.grad, double.grad = lucid.ones(3), lucid.ones(3, dtype=lucid.float64)
    optimizer.step()
    np.testing.assert_allclose(single.detach().numpy(), double.detach().numpy(), rtol=1e-6)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop"])
def test_nan_gradients_reach_their_own_elements_only(name: str) -> None:
    w = lucid.ones(100, requires_grad=True)
    optimizer = getattr(optim, name)([w], lr=0.125)
    w.grad = lucid.ones(100)
    w.grad[41] = float("nan")
    optimizer.step()
    assert np.flatnonzero(np.isnan(w.detach().numpy())).tolist() == [41]


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop"])
def test_a_learning_rate_of_zero_changes_nothing(name: str) -> None:
    w = lucid.tensor([1.0, -2.0], requires_grad=True)
    w.grad = lucid.tensor([3.0, 1e-30])
    getattr(optim, name)([w], lr=0.0).step()
    assert w.tolist() == [1.0, -2.0]


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop"])
def test_empty_parameters(name: str) -> None:
    w = lucid.zeros(0, 3).requires_grad_()
    w.grad = lucid.zeros(0, 3)
    getattr(optim, name)([w], lr=0.5).step()
    assert w.shape == (0, 3)


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop"])
def test_tensor_learning_rates(name: str) -> None:
    params = [lucid.ones(3, requires_grad=True) for _ in range(2)]
    for w, lr in zip(params, (0.125, lucid.tensor(0.125))):
        w.grad = lucid.tensor([1.0, 2.0, -3.0])
        getattr(optim, name)([w], lr=lr).step()
    assert params[0].tolist() == params[1].tolist()


def test_adams_first_step_has_the_size_of_the_learning_rate() -> None:
    w = lucid.zeros(3, dtype=lucid.float64).requires_grad_()
    w.grad = lucid.tensor([1e-3, -5.0, 1e4], dtype=lucid.float64)
    optim.Adam([w], lr=0.25).step()
    np.testing.assert_allclose(w.detach().numpy(), [-0.25, 0.25, -0.25], rtol=1e-4)


@pytest.mark.parity
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "options"), CASES, ids=label)
def test_same_as_pytorch(name: str, options: dict[str, Any], dtype: Any) -> None:
    torch = pytest.importorskip("torch")
    params = [torch.tensor(x, requires_grad=True) for x in start(dtype)]
    optimizer = getattr(torch.optim, name)(params, lr=LR, **options)
    for t in range(STEPS):
        for p, g in zip(params, gradients(t, dtype)):
            p.grad = torch.tensor(g)
        optimizer.step()
    for actual, p in zip(run(name, options, dtype), params):
        assert_close(actual, p.detach().numpy(), 1e-12 if dtype is np.float64 else 1e-6)


@pytest.mark.parity
@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop"])
def test_state_dicts_of_pytorch_load_and_have_the_same_layout(name: str) -> None:
    torch = pytest.importorskip("torch")
    options = {"momentum": 0.9} if name in ("SGD", "RMSprop") else {"amsgrad": True}
    theirs, ours = torch.ones(3, requires_grad=True), lucid.ones(3, requires_grad=True)
    a, b = getattr(torch.optim, name)([theirs], lr=LR, **options), getattr(optim, name)([ours], lr=LR, **options)
    for _ in range(3):
        theirs.grad, ours.grad = torch.tensor([1.0, -2.0, 3.0]), lucid.tensor([1.0, -2.0, 3.0])
        a.step(), b.step()
    x, y = a.state_dict(), b.state_dict()
    assert list(x["param_groups"][0].items()) == list(y["param_groups"][0].items())
    assert x["state"][0].keys() == y["state"][0].keys()
    for key, value in x["state"][0].items():
        assert (tuple(value.shape), str(value.dtype)) == (
            y["state"][0][key].shape,
            f"torch.{y['state'][0][key].dtype.name}",
        )
        np.testing.assert_allclose(y["state"][0][key].numpy(), value.numpy(), rtol=1e-6)
    b.load_state_dict(x)
    assert str(a) == str(b)
    theirs.grad, ours.grad = torch.ones(3), lucid.ones(3)
    a.step(), b.step()
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-6)
