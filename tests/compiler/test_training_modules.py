"""Compiled modules whose results have gradients."""

from __future__ import annotations

from typing import Any

import pytest
from compiler.training_nets import NETS, Run

import lucid
from lucid import nn


@pytest.mark.parametrize("net", NETS)
def test_compiled_modules_give_the_bits_of_eager_ones(net: str) -> None:
    found = []
    for compiled in (False, True):
        run = Run(net, "Adam", False)
        call = lucid.compile(run.net, train=True) if compiled else run.net
        for _ in range(5):
            run.optimizer.zero_grad()
            y = call(run.x)
            if net != "shared":  # where two calls would sum gradients in another order
                y = y + call(run.x)
            loss = run.criterion(y, run.y) + 0.1 * y.square().mean()
            loss.backward()
            run.optimizer.step()
        found.append(run.bits())
    assert found[0] == found[1]


class Two(nn.Module):
    """Two results with gradients and one without."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.left, self.right = nn.Linear(3, 4), nn.Linear(4, 2), nn.Linear(4, 2)

    def forward(self, x: Any, double: bool = False) -> Any:
        h = self.body(x).tanh()
        return {"left": self.left(h) * (2 if double else 1), "right": self.right(h), "h": h.detach(), "n": 3}


def test_inputs_results_and_parts_of_them() -> None:
    net = Two()
    compiled = lucid.compile(net, train=True)
    for parts in (("left", "right"), ("left",), ("right",)):
        for double in (False, True):
            grads = []
            for call in (net, compiled):
                net.zero_grad()
                x = lucid.ones(2, 3, requires_grad=True)
                y = call(x * 1, double=double)
                assert list(y) == ["left", "right", "h", "n"] and y["n"] == 3 and not y["h"].requires_grad
                lucid.autograd.backward([y[part].sum() for part in parts])
                grads.append([None if p.grad is None else p.grad.tolist() for p in (x, *net.parameters())])
            assert grads[0] == grads[1]
            assert (grads[1][4] is None) == ("left" not in parts)


def test_compiled_modules_without_gradients() -> None:
    net = NETS["mlp"][0]().eval()
    compiled, x = lucid.compile(net, train=True), lucid.randn(4, 12)
    with lucid.no_grad():
        y = compiled(x)
    assert not y.requires_grad and y.tolist() == net(x).tolist()
    assert compiled(x).grad_fn is not None and compiled.training is False
    for p in net.parameters():
        p.requires_grad_(False)
    assert compiled(x).grad_fn is None


def test_gradients_of_compiled_modules_obey_the_rules_of_autograd() -> None:
    net = nn.Sequential(nn.Linear(3, 3), nn.Sigmoid())
    compiled, x = lucid.compile(net, train=True), lucid.randn(4, 3)
    y = compiled(x)
    y.sum().backward(retain_graph=True)
    once = net[0].weight.grad.clone()
    y.sum().backward()
    assert net[0].weight.grad.tolist() == (once + once).tolist()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        y.sum().backward()
    y = compiled(x)
    y.detach().zero_()  # the result is the caller's alone
    compiled(x).sum().backward()
    y = compiled(x * lucid.ones(1, requires_grad=True))
    with pytest.raises(RuntimeError, match="cannot be differentiated again"):
        lucid.autograd.grad(y.sum(), net[0].weight, create_graph=True)
    with lucid.no_grad():
        net[0].weight.mul_(2.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_compiling_functions_for_training_is_refused() -> None:
    with pytest.raises(TypeError, match="compile: train=True expects a module, got function; see compile_step"):
        lucid.compile(lambda x: x, train=True)
