"""Hooks on tensors, and gradients kept on non-leaves."""

from __future__ import annotations

import pytest

import lucid
from lucid import Tensor
from lucid.autograd import grad


@pytest.fixture
def x() -> Tensor:
    return lucid.tensor([1.0, 2.0], requires_grad=True)


def test_hook_on_a_leaf_sees_the_whole_gradient(x: Tensor) -> None:
    seen: list[list[float]] = []
    x.register_hook(lambda g: seen.append(g.tolist()))
    (x * x + x * 3).backward()
    assert seen == [[5, 7]] and x.grad.tolist() == [5, 7]


def test_hook_on_a_leaf_replaces_the_gradient(x: Tensor) -> None:
    x.register_hook(lambda g: g * 10)
    (x * 2).backward()
    assert x.grad.tolist() == [20, 20]


def test_hook_on_a_non_leaf_replaces_what_flows_on(x: Tensor) -> None:
    y = x * 2
    y.register_hook(lambda g: g * 10)
    (y * 3).backward()
    assert x.grad.tolist() == [60, 60]


def test_hooks_run_in_order_of_registration(x: Tensor) -> None:
    y = x * 2
    y.register_hook(lambda g: g + 1)
    y.register_hook(lambda g: g * 10)
    y.backward()
    assert x.grad.tolist() == [40, 40]


def test_removed_hooks_do_not_run(x: Tensor) -> None:
    for t in (x, x * 2):
        handle = t.register_hook(lambda g: g * 1000)
        handle.remove()
        handle.remove()
        assert grad(t * 1, x)[0].max().item() < 1000


def test_a_hook_may_be_removed_while_others_stay(x: Tensor) -> None:
    y = x * 1
    first = y.register_hook(lambda g: g * 2)
    y.register_hook(lambda g: g * 3)
    first.remove()
    y.backward()
    assert x.grad.tolist() == [3, 3]


def test_handle_as_context_manager(x: Tensor) -> None:
    with x.register_hook(lambda g: g * 10):
        (x * 1).backward()
    (x * 1).backward()
    assert x.grad.tolist() == [11, 11]


def test_hook_returning_its_argument_does_not_share_memory_with_the_gradient(x: Tensor) -> None:
    kept: list[Tensor] = []

    def hook(g: Tensor) -> Tensor:
        kept.append(g)
        return g

    x.register_hook(hook)
    (x * 2).backward()
    x.grad.mul_(100)
    assert kept[0].tolist() == [2, 2]


def test_hook_that_only_looks_does_not_share_memory_with_the_gradient(x: Tensor) -> None:
    kept: list[Tensor] = []
    x.register_hook(kept.append)
    (x * 2).backward()
    x.grad.mul_(100)
    assert kept[0].tolist() == [2, 2]


def test_hook_on_a_view_output(x: Tensor) -> None:
    parts = (x * 1).split(1)
    parts[1].register_hook(lambda g: g * 7)
    lucid.cat(parts).backward()
    assert x.grad.tolist() == [1, 7]


def test_hook_on_one_of_several_outputs() -> None:
    x = lucid.tensor([[1.0, 3.0]], requires_grad=True)
    values, _ = x.max(1)
    values.register_hook(lambda g: g * 5)
    values.backward()
    assert x.grad.tolist() == [[0, 5]]


def test_hooks_are_differentiable(x: Tensor) -> None:
    y = x * x
    y.register_hook(lambda g: g * x)
    (g,) = grad(y, x, create_graph=True)  # 2x * x
    assert grad(g, x)[0].tolist() == [4, 8]


def test_hook_on_a_tensor_without_gradient() -> None:
    with pytest.raises(
        RuntimeError, match="register_hook: cannot register a hook on a tensor that doesn't require gradient"
    ):
        lucid.ones(1).register_hook(print)


def test_retain_grad(x: Tensor) -> None:
    y = x * 2
    y.retain_grad()
    y.retain_grad()
    (y * y).backward()
    assert y.grad.tolist() == [4, 8] and x.grad.tolist() == [8, 16]


def test_retained_gradient_does_not_share_memory_with_the_leaf(x: Tensor) -> None:
    y = x + 0
    y.retain_grad()
    y.backward()
    y.grad.mul_(10)
    assert x.grad.tolist() == [1, 1]


def test_retain_grad_after_a_hook_keeps_the_new_gradient(x: Tensor) -> None:
    y = x * 1
    y.register_hook(lambda g: g * 4)
    y.retain_grad()
    y.backward()
    assert y.grad.tolist() == [4, 4]


def test_retain_grad_on_a_leaf_changes_nothing(x: Tensor) -> None:
    x.retain_grad()
    (x * 2).backward()
    assert x.grad.tolist() == [2, 2]


def test_retain_grad_without_gradient() -> None:
    with pytest.raises(RuntimeError, match="can't retain_grad on Tensor that has requires_grad=False"):
        lucid.ones(1).retain_grad()


def test_without_retain_grad_a_non_leaf_keeps_nothing(x: Tensor) -> None:
    y = x * 2
    y.backward()
    assert y.grad is None
