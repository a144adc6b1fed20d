"""What a compiled training step refuses, and the arguments it takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lucid
from lucid import nn
from lucid.compiler import TraceError


def refused(function: Any, match: str, *args: Any, error: Any = TraceError, module: Any = None) -> None:
    w = nn.Parameter(lucid.ones(3))
    optimizer = lucid.optim.SGD([w], 0.1)
    args = args or (lucid.ones(4, 3),)
    with pytest.raises(error, match=match):
        lucid.compile_step(lambda *a: function(w, *a), None, optimizer)(*args)
    assert w.tolist() == [1.0, 1.0, 1.0] and w.grad is None and type(w) is nn.Parameter
    function(w, *args)


def test_reading_values_is_refused() -> None:
    refused(lambda w, x: (w * x).sum() * float(x.sum()), r"item \(.*reads the values|reads the values of a tensor")
    refused(lambda w, x: (w * x).sum() * (2 if w.sum() > 0 else 1), "reads the values of a tensor computed")
    refused(lambda w, x: (w * x).sum() * w.detach().numpy()[0], "reads the values of a tensor computed")
    refused(lambda w, x: (w * x[x > 0]).sum() if False else (w * x)[x > 0].sum(), "picks by a mask")


def test_strange_writes_are_refused() -> None:
    def write(w: Any, x: Any) -> Any:
        with lucid.no_grad():
            w.mul_(1.0)
        return (w * x).sum()

    refused(write, "mul_.* writes to")
    other = lucid.zeros(3)

    def remember(w: Any, x: Any) -> Any:
        other.add_(1)
        return (w * x).sum()

    refused(remember, "add_.* writes to")


def test_other_refusals() -> None:
    class Double(lucid.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

        @staticmethod
        def backward(ctx: Any, dy: Any) -> Any:
            return dy * 2

    def hooked(w: Any, x: Any) -> Any:
        y = w * x
        y.register_hook(lambda g: g * 2)
        return y.sum()

    refused(lambda w, x: Double.apply(w * x).sum(), "Double.* is an autograd function of its own")
    refused(hooked, "a hook on the gradient of MulBackward would not be called")
    refused(lambda w, x: (w * x * lucid.bernoulli(lucid.full((3,), 0.5))).sum(), "random|reads the values")

    def reseed(w: Any, x: Any) -> Any:
        lucid.manual_seed(0)
        return (w * lucid.randn(3) + lucid.manual_seed(1).initial_seed() * lucid.rand(3)).sum()

    refused(reseed, "from a generator that the model itself seeds")
    refused(lambda w, x: x.sum(), "the loss does not require grad", error=RuntimeError)
    stranger = lucid.ones(3, requires_grad=True)
    refused(lambda w, x: (w * x * stranger).sum(), "neither a parameter of the model nor of the optimizer")


def test_attributes_are_refused() -> None:
    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.calls = nn.Linear(3, 2), 0

        def forward(self, x: Any) -> Any:
            self.calls += 1
            return self.inner(x)

    net = Counting()
    optimizer = lucid.optim.SGD(net.parameters(), 0.1)
    with pytest.raises(TraceError, match="a call changes attribute 'calls' of Counting"):
        lucid.compile_step(net, nn.MSELoss(), optimizer)(lucid.ones(4, 3), lucid.zeros(4, 2))
    assert net.calls == 0
    step = lucid.compile_step(net, nn.MSELoss(), optimizer, fallback=True)
    losses = [step(lucid.ones(4, 3), lucid.zeros(4, 2)).item() for _ in range(5)]
    assert net.calls == 5 and losses[-1] < losses[0]


def test_buffers_of_all_kinds() -> None:
    class Moving(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(3, 2)
            self.register_buffer("average", lucid.zeros(2))

        def forward(self, x: Any) -> Any:
            y = self.inner(x)
            self.average.mul_(0.9).add_(y.detach().mean(0), alpha=0.1)
            return y - self.average

    found = []
    for compiled in (False, True):
        lucid.manual_seed(0)
        net = Moving()
        optimizer = lucid.optim.SGD(net.parameters(), 0.1)
        step = lucid.compile_step(net, nn.MSELoss(), optimizer)
        x = lucid.randn(4, 3)
        for _ in range(4):
            if compiled:
                step(x, lucid.zeros(4, 2))
            else:
                optimizer.zero_grad()
                nn.MSELoss()(net(x), lucid.zeros(4, 2)).backward()
                optimizer.step()
        found.append([v.numpy().tobytes() for v in net.state_dict().values()])
    assert found[0] == found[1]


def test_gradients_share_memory_with_nothing() -> None:
    a, b = nn.Parameter(lucid.tensor(0.5)), nn.Parameter(lucid.tensor(2.0))
    step = lucid.compile_step(lambda x: x.sum() + a + b, None, lucid.optim.SGD([a, b], 0.0), max_norm=0.5)
    for _ in range(3):
        step(lucid.ones(2))
        assert a.grad.item() == b.grad.item() == pytest.approx(0.5 / 2**0.5, rel=1e-5)
    assert not np.shares_memory(a.grad._data, b.grad._data)


def test_buffers_over_the_same_memory_are_refused() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(3, 3)
            self.register_buffer("a", lucid.zeros(3))
            self.register_buffer("b", self.a.detach())

        def forward(self, x: Any) -> Any:
            self.a.add_(1)
            return self.inner(x) + self.b

    net = Twice()
    with pytest.raises(TraceError, match="writes to a buffer that shares its memory"):
        lucid.compile_step(net, nn.MSELoss(), lucid.optim.SGD(net.parameters(), 0.1))(
            lucid.ones(4, 3), lucid.ones(4, 3)
        )
    assert net.a.tolist() == [0.0] * 3


def test_arguments() -> None:
    net = nn.Linear(3, 2)
    optimizer = lucid.optim.SGD(net.parameters(), 0.1)
    with pytest.raises(TypeError, match="compile_step: expected a module or a function as model, got int"):
        lucid.compile_step(3, None, optimizer)
    with pytest.raises(TypeError, match="compile_step: expected a module, a function or None as criterion, got str"):
        lucid.compile_step(net, "mse", optimizer)
    with pytest.raises(TypeError, match="compile_step: expected an optimizer, got list"):
        lucid.compile_step(net, None, list(net.parameters()))
    with pytest.raises(ValueError, match="compile_step: plans must be a positive integer, got 0"):
        lucid.compile_step(net, None, optimizer, plans=0)
    with pytest.raises(ValueError, match="compile_step: max_norm must be positive, got -1"):
        lucid.compile_step(net, None, optimizer, max_norm=-1)
    with pytest.raises(RuntimeError, match="explain: there is no plan yet"):
        lucid.compile_step(net, None, optimizer).explain()
    step = lucid.compile_step(net, nn.MSELoss(), optimizer)
    with pytest.raises(RuntimeError, match="compile_step: an input requires grad"):
        step(lucid.ones(4, 3, requires_grad=True), lucid.zeros(4, 2))
