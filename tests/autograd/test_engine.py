"""The backward pass: what it visits, adds up, keeps and frees."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

import lucid
from lucid import Tensor
from lucid.autograd import backward, grad


def leaf(*values: float) -> Tensor:
    return lucid.tensor([float(v) for v in values], requires_grad=True)


def test_gradients_accumulate_over_calls() -> None:
    x = leaf(1, 2)
    (x * 3).backward()
    (x * x).backward()
    assert x.grad.tolist() == [5, 7]


def test_a_tensor_used_several_times() -> None:
    x = leaf(3)
    y = x * x  # diamond: both operands are x, and y is used twice
    (y * 2 + y * y).backward()
    assert x.grad.item() == 2 * 6 + 2 * 9 * 6


def test_wide_fan_out_adds_up_in_the_order_of_arrival() -> None:
    x = leaf(1)
    total = x * 0
    for k in range(100):
        total = total + x * k
    total.backward()
    assert x.grad.item() == sum(range(100))


def test_long_chain_visits_every_operation_once() -> None:
    """10,000 operations: no recursion, and each backward runs exactly once."""
    calls = 0

    class Step(lucid.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return x + 1

        @staticmethod
        def backward(ctx: Any, dy: Tensor) -> Tensor:
            nonlocal calls
            calls += 1
            return dy

    x = leaf(0)
    y = x
    for _ in range(10_000):
        y = Step.apply(y)
    y.backward()
    assert calls == 10_000 and x.grad.item() == 1
    del y  # freeing the chain must not recurse either
    gc.collect()


def test_freeing_a_long_chain_of_builtin_operations() -> None:
    x = leaf(1)
    y = x
    for _ in range(100_000):
        y = y + 1
    del y
    gc.collect()


def test_doubling_chain_is_visited_once_per_operation() -> None:
    """y = y + y sixty times has 2**60 paths."""
    x = leaf(1)
    y = x
    for _ in range(60):
        y = y + y
    y.backward()
    assert x.grad.item() == 2.0**60


def test_non_scalar_backward_starts_from_ones() -> None:
    x = leaf(1, 2, 3)
    (x * x).backward()
    assert x.grad.tolist() == [2, 4, 6]


def test_explicit_start() -> None:
    x = leaf(1, 2)
    (x * x).backward(lucid.tensor([1.0, 10.0]))
    assert x.grad.tolist() == [2, 40]


def test_start_of_another_shape_is_refused() -> None:
    x = leaf(1, 2)
    with pytest.raises(RuntimeError, match=r"backward: gradient has shape \(3,\), expected \(2,\), the tensor's"):
        (x * x).backward(lucid.ones(3))


def test_nothing_to_differentiate() -> None:
    with pytest.raises(RuntimeError, match="does not require grad and does not have a grad_fn"):
        lucid.ones(2).backward()


def test_backward_on_a_leaf() -> None:
    x = leaf(1, 2)
    x.backward()
    assert x.grad.tolist() == [1, 1]


def test_several_roots() -> None:
    x = leaf(1, 2)
    backward([x * 2, x * x], [lucid.ones(2), lucid.tensor([1.0, 100.0])])
    assert x.grad.tolist() == [2 + 2, 2 + 400]
    with pytest.raises(RuntimeError, match="backward: got 2 tensors and 1 gradients"):
        backward([x * 2, x * x], [lucid.ones(2)])


def test_freed_graph() -> None:
    x = leaf(2)
    y = x * x
    y.backward()
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        y.backward()


def test_retain_graph() -> None:
    x = leaf(2)
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 8


def test_failed_backward_restores_recording() -> None:
    class Broken(lucid.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return x * 1

        @staticmethod
        def backward(ctx: Any, dy: Tensor) -> Tensor:
            raise ArithmeticError("broken")

    x = leaf(1)
    with pytest.raises(ArithmeticError, match="broken"):
        Broken.apply(x).backward()
    assert lucid.is_grad_enabled() and (x * 2).requires_grad


def test_leaf_gradients_do_not_share_memory() -> None:
    a, b = leaf(1, 2), leaf(3, 4)
    (a + b).backward()
    assert not np.shares_memory(a.grad.numpy(), b.grad.numpy())
    a.grad.mul_(10)
    assert b.grad.tolist() == [1, 1]


@pytest.mark.parametrize(
    "function",
    [lambda x: x.view(2, 1), lambda x: x + 0, lambda x: x.clone(), lambda x: x.reshape(1, 2), lambda x: x[:]],
)
def test_leaf_gradient_does_not_share_memory_with_the_start(function: Any) -> None:
    x = leaf(1, 2)
    y = function(x)
    start = lucid.ones(*y.shape)
    y.backward(start)
    x.grad.mul_(10)
    assert start.flatten().tolist() == [1, 1]


def test_gradients_of_parts_do_not_share_memory() -> None:
    parts = [leaf(1, 2), leaf(3, 4)]
    lucid.cat(parts).backward()
    parts[0].grad.mul_(10)
    assert parts[1].grad.tolist() == [1, 1]


def test_broadcast_gradient_is_writable() -> None:
    x = leaf(1, 2)
    x.sum().backward()
    x.grad.mul_(3)
    assert x.grad.tolist() == [3, 3]


def test_accumulation_happens_in_place() -> None:
    """As optimizers and gradient clipping expect: `grad` stays the same tensor."""
    x = leaf(1)
    (x * 2).backward()
    first = x.grad
    (x * 3).backward()
    assert x.grad is first and first.item() == 5


def test_gradient_with_history_after_create_graph() -> None:
    x = leaf(3)
    (x**3).backward(create_graph=True)
    assert x.grad.requires_grad
    (second,) = grad(x.grad, x)
    assert second.item() == 18


def test_grad_does_not_touch_grad() -> None:
    x = leaf(2)
    (g,) = grad(x * x, x)
    assert g.item() == 4 and x.grad is None


def test_grad_of_non_leaf_inputs() -> None:
    x = leaf(2)
    y = x * x
    z = y * y
    dy, dx = grad(z, [y, x])
    assert dy.item() == 8 and dx.item() == 32


def test_grad_of_a_root() -> None:
    x = leaf(2)
    y = x * x
    assert grad(y, y)[0].item() == 1


def test_grad_of_the_same_input_twice() -> None:
    x = leaf(2)
    a, b = grad(x * x, [x, x])
    assert a.item() == b.item() == 4


def test_unused_inputs() -> None:
    x, other = leaf(1), leaf(1, 1)
    with pytest.raises(RuntimeError, match=r"grad: input 1 of shape \(2,\) appears to not have been used in the graph"):
        grad(x * 2, [x, other])
    assert grad(x * 2, [x, other], allow_unused=True)[1] is None
    assert grad(x * 2, [x, other], materialize_grads=True)[1].tolist() == [0, 0]
    with pytest.raises(RuntimeError, match=r"grad: input 0 of shape .* does not require grad"):
        grad(x * 2, lucid.ones(1))


def test_grad_outputs() -> None:
    x = leaf(1, 2)
    (g,) = grad(x * x, x, lucid.tensor([1.0, 10.0]))
    assert g.tolist() == [2, 40]


def test_batched_grads_are_refused() -> None:
    x = leaf(1)
    with pytest.raises(RuntimeError, match="is_grads_batched=True is not supported"):
        grad(x * 2, x, is_grads_batched=True)


def test_backward_into_chosen_inputs() -> None:
    a, b = leaf(2), leaf(3)
    (a * b).backward(inputs=[a])
    assert a.grad.item() == 3 and b.grad is None


def test_backward_only_runs_what_leads_to_the_inputs() -> None:
    class Forbidden(lucid.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return x * 1

        @staticmethod
        def backward(ctx: Any, dy: Tensor) -> Tensor:
            raise AssertionError("not on the way to the input")

    a, b = leaf(2), leaf(3)
    (a * Forbidden.apply(b)).backward(inputs=a)
    assert a.grad.item() == 3


def test_create_graph_to_any_order() -> None:
    x = lucid.tensor([2.0], dtype=lucid.float64, requires_grad=True)
    y = x**5
    for expected in (80.0, 160.0, 240.0, 240.0, 120.0):
        (y,) = grad(y, x, create_graph=True)
        assert y.item() == pytest.approx(expected, rel=1e-12)


def test_integers_never_require_grad() -> None:
    x = leaf(1.5, 0.5)
    assert not (x > 1).requires_grad and not x.argmax().requires_grad and not x.long().requires_grad
    with pytest.raises(
        RuntimeError, match=r"only Tensors of floating point and complex dtype can require gradients, got lucid\.int64"
    ):
        lucid.tensor([1]).requires_grad = True


def test_mixed_dtypes_give_gradients_of_the_operand_dtype() -> None:
    x = lucid.tensor([1.0], dtype=lucid.float32, requires_grad=True)
    y = lucid.tensor([2.0], dtype=lucid.float64, requires_grad=True)
    (x * y).backward()
    assert x.grad.dtype is lucid.float32 and y.grad.dtype is lucid.float64


def test_graph_frees_its_inputs_after_backward() -> None:
    x = leaf(1, 2)
    h = x * 2
    y = (h * h).sum()
    saved = weakref.ref(h)
    del h
    assert saved() is not None, "the multiplication needs it"
    y.backward()
    assert saved() is None, "nothing needs it any more"


def test_graph_frees_its_inputs_with_the_result() -> None:
    x = leaf(1, 2)
    h = x.exp()
    y = h * h
    saved = weakref.ref(h)
    del h, y
    assert saved() is None


@pytest.mark.parametrize(
    "function",
    [Tensor.exp, Tensor.sigmoid, lambda x: x.softmax(0), Tensor.relu, lambda x: x.amax(), lambda x: x.logsumexp(0)],
)
def test_operations_that_save_their_result_make_no_cycle(function: Any) -> None:
    """With the garbage collector off, the result must die with its last reference."""
    x = leaf(1, 2)
    gc.collect()
    gc.disable()
    try:
        y = function(x)
        node = y.grad_fn
        data = weakref.ref(y)
        assert node is not None
        del y, node
        assert data() is None
    finally:
        gc.enable()


def test_requires_grad_of_results() -> None:
    x, c = leaf(1), lucid.ones(1)
    assert (x + c).requires_grad and not (c + c).requires_grad
    assert (x + c).grad_fn is not None and (c + c).grad_fn is None
    assert x.is_leaf and c.is_leaf and not (x * 2).is_leaf


def test_grad_fn_shows_the_graph() -> None:
    x = leaf(1)
    y = (x * 2).exp()
    assert repr(y.grad_fn) == "<ExpBackward>" and y.grad_fn.name == "ExpBackward"
    (parent, slot), *_ = y.grad_fn.next_functions
    assert parent.name == "MulBackward" and slot == 0
    assert parent.next_functions[0][0] is x


def test_detach() -> None:
    x = leaf(1, 2)
    y = (x * 2).detach()
    assert not y.requires_grad and y.is_leaf
    z = x * y
    z.backward()
    assert x.grad.tolist() == [2, 4]
    assert np.shares_memory(x.detach().numpy(), x.data.numpy())


def test_detach_in_place() -> None:
    x = leaf(1)
    y = x * 2
    assert y.detach_() is y and y.is_leaf and not y.requires_grad


def test_requires_grad_of_a_non_leaf_cannot_be_cleared() -> None:
    y = leaf(1) * 2
    with pytest.raises(RuntimeError, match="you can only change requires_grad flags of leaf variables"):
        y.requires_grad = False
