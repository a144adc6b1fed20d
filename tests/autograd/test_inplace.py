"""In-place changes: version counters, views and their bases, and what is refused."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lucid
from lucid import Tensor
from lucid.autograd import grad, gradcheck

STALE = "one of the variables needed for gradient computation has been modified by an inplace operation"


def leaf(*values: float) -> Tensor:
    return lucid.tensor([float(v) for v in values], requires_grad=True)


# Saved tensors


def test_changing_a_saved_operand_is_noticed() -> None:
    x, c = leaf(1, 2), lucid.tensor([3.0, 4.0])
    y = x * c
    c.add_(1)
    with pytest.raises(
        RuntimeError,
        match=STALE + r": a tensor of shape \(2,\) saved by MulBackward is at version 1; expected version 0",
    ):
        y.backward()


def test_changing_a_saved_result_is_noticed() -> None:
    x = leaf(1, 2)
    y = x.exp()
    z = y * 1
    y.mul_(2)
    with pytest.raises(RuntimeError, match=STALE + ".*saved by ExpBackward"):
        z.backward()


def test_changing_an_operand_that_was_not_saved_is_fine() -> None:
    x, c = leaf(1, 2), lucid.tensor([3.0, 4.0])
    h = x * 1
    y, z = x + c, h * 2
    c.mul_(100)  # addition saves nothing
    h.mul_(100)  # a product with a constant saves the constant alone
    (y + z).backward()
    assert x.grad.tolist() == [3, 3]


def test_a_product_with_a_constant_keeps_only_the_constant() -> None:
    x = leaf(1, 2)
    h = x * 1
    y = h * 2
    reference = weakref.ref(h)
    del h
    assert reference() is None
    y.backward()
    assert x.grad.tolist() == [2, 2]


def test_changing_a_saved_operand_through_a_view_is_noticed() -> None:
    x, c = leaf(1, 2), lucid.tensor([3.0, 4.0])
    y = x * c
    c[:1].zero_()
    with pytest.raises(RuntimeError, match=STALE):
        y.backward()


def test_changing_a_saved_operand_through_detach_is_noticed() -> None:
    x = leaf(1, 2)
    h = x * 1
    y = h * h
    h.detach().add_(1)
    with pytest.raises(RuntimeError, match=STALE):
        y.backward()


def test_changing_a_saved_leaf_under_no_grad_is_noticed() -> None:
    x = leaf(1, 2)
    y = x * x
    with lucid.no_grad():
        x.add_(1)
    with pytest.raises(RuntimeError, match=STALE):
        y.backward()


def test_assignment_counts_as_a_change() -> None:
    x, c = leaf(1, 2), lucid.tensor([3.0, 4.0])
    y = x * c
    c[0] = 7
    with pytest.raises(RuntimeError, match=STALE):
        y.backward()


def test_versions_count_writes() -> None:
    x = lucid.zeros(3)
    assert x._version == 0
    x.add_(1)
    x[0] = 5
    x.fill_(2)
    x.copy_(lucid.ones(3))
    assert x._version == 4 and x[1:]._version == 4 and x.detach()._version == 4 and x.clone()._version == 0


def test_out_counts_as_a_change() -> None:
    x, c = leaf(1, 2), lucid.tensor([3.0, 4.0])
    y = x * c
    lucid.add(lucid.ones(2), 1, out=c)
    with pytest.raises(RuntimeError, match=STALE):
        y.backward()


# The operation's own operand


INPLACE: list[tuple[str, Callable[[Tensor], Any], Callable[[np.ndarray], Any]]] = [
    ("add_", lambda t: t.add_(2), lambda x: np.ones_like(x)),
    ("sub_", lambda t: t.sub_(2), lambda x: np.ones_like(x)),
    ("mul_", lambda t: t.mul_(3), lambda x: np.full_like(x, 3)),
    ("div_", lambda t: t.div_(4), lambda x: np.full_like(x, 0.25)),
    ("pow_", lambda t: t.pow_(2), lambda x: 2 * x),
    ("exp_", lambda t: t.exp_(), np.exp),
    ("square_", lambda t: t.square_(), lambda x: 2 * x),
    ("sigmoid_", lambda t: t.sigmoid_(), lambda x: np.exp(-x) / (1 + np.exp(-x)) ** 2),
    ("relu_", lambda t: t.relu_(), lambda x: np.ones_like(x)),
    ("clamp_", lambda t: t.clamp_(1.5, 9), lambda x: np.where(x > 1.5, 1.0, 0.0)),
    ("zero_", lambda t: t.zero_(), np.zeros_like),
    ("fill_", lambda t: t.fill_(3), np.zeros_like),
    ("masked_fill_", lambda t: t.masked_fill_(lucid.tensor([True, False]), 0), lambda x: np.array([0.0, 1])),
]  # fmt: skip


@pytest.mark.parametrize("function,slope", [(f, s) for _, f, s in INPLACE], ids=[n for n, _, _ in INPLACE])
def test_gradient_of_in_place_operation(function: Callable[[Tensor], Any], slope: Callable[[np.ndarray], Any]) -> None:
    """y.f_() saves what it needs of the values it overwrites."""
    x = lucid.tensor([1.0, 2.0], dtype=lucid.float64, requires_grad=True)
    y = x * 1
    assert function(y) is y
    (y * lucid.tensor([1.0, 10.0], dtype=lucid.float64)).backward()
    np.testing.assert_allclose(x.grad.numpy(), slope(np.array([1.0, 2.0])) * [1, 10], rtol=1e-12)


def test_in_place_with_itself() -> None:
    x = leaf(2, 3)
    y = x * 1
    y.mul_(y)
    y.backward()
    assert y.tolist() == [4, 9] and x.grad.tolist() == [4, 6]


def test_augmented_assignment_is_in_place() -> None:
    x = leaf(2, 3)
    y = x * 1
    same, pointer = y, y.data_ptr()
    y += 1
    y *= 2
    y -= 1
    y /= 2
    y **= 2
    assert y is same and y.data_ptr() == pointer and y.tolist() == [6.25, 12.25]
    y.backward()
    assert x.grad.tolist() == [5, 7]


def test_gradient_of_the_other_operand() -> None:
    x, w = leaf(2, 3), leaf(5, 7)
    y = x * 1
    y.mul_(w)
    y.backward()
    assert x.grad.tolist() == [5, 7] and w.grad.tolist() == [2, 3]


def test_constant_becomes_differentiable_by_an_in_place_operation() -> None:
    x, y = leaf(2, 3), lucid.ones(2)
    y.mul_(x)
    assert y.requires_grad
    y.backward()
    assert x.grad.tolist() == [1, 1]


# What is refused


@pytest.mark.parametrize("function", [f for _, f, _ in INPLACE], ids=[n for n, _, _ in INPLACE])
def test_leaf_that_requires_grad(function: Callable[[Tensor], Any]) -> None:
    x = leaf(1, 2)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad is being used in an in-place operation"):
        function(x)
    assert x.tolist() == [1, 2]


@pytest.mark.parametrize(
    "view", [lambda x: x[:1], lambda x: x.view(2, 1), lambda x: x.view(2, 1)[:1], lambda x: x.expand(1, 2)]
)
def test_view_of_a_leaf_that_requires_grad(view: Callable[[Tensor], Tensor]) -> None:
    x = leaf(1, 2)
    with pytest.raises(
        RuntimeError, match="a view of a leaf Variable that requires grad is being used in an in-place operation"
    ):
        view(x).add_(1)
    assert x.tolist() == [1, 2]


def test_assignment_to_a_leaf_that_requires_grad() -> None:
    x = leaf(1, 2)
    with pytest.raises(RuntimeError, match="setitem: a leaf Variable that requires grad"):
        x[0] = 5
    assert x.tolist() == [1, 2]


@pytest.mark.parametrize("write", [lambda y: y.add_(1), lambda y: y.zero_(), lambda y: y.__setitem__(0, 1.0)])
@pytest.mark.parametrize("requires_grad", [False, True])
def test_expanded_tensors(write: Callable[[Tensor], Any], requires_grad: bool) -> None:
    x = lucid.ones(2, 1)
    y = (x.requires_grad_() * 1 if requires_grad else x).expand(2, 3)
    with pytest.raises(
        RuntimeError,
        match=r"more than one element of the written-to tensor refers to a single memory location.*clone\(\)",
    ):
        write(y)


def test_read_only_memory() -> None:
    array = np.ones(2)
    array.flags.writeable = False
    for write in (lambda t: t.add_(1), lambda t: t.zero_(), lambda t: t.__setitem__(0, 1.0)):
        with pytest.raises(RuntimeError, match=r"the tensor is over read-only memory; clone\(\) it first"):
            write(lucid.from_numpy(array))


def test_result_of_another_shape() -> None:
    x = lucid.ones(3)
    with pytest.raises(
        RuntimeError, match=r"add_: output with shape \(3,\) doesn't match the broadcast shape \(2, 3\)"
    ):
        x.add_(lucid.ones(2, 3))
    assert x.tolist() == [1, 1, 1] and x._version == 0


def test_result_of_another_category() -> None:
    x = lucid.tensor([1, 2])
    with pytest.raises(
        RuntimeError, match=r"mul_: result type lucid\.float32 can't be cast to the desired output type lucid\.int64"
    ):
        x.mul_(1.5)
    assert x.tolist() == [1, 2]


# Views


def test_view_writes_through() -> None:
    x = leaf(1, 2, 3, 4)
    h = x * 1
    v = h.view(2, 2)
    v[0].mul_(10)
    assert h.tolist() == [10, 20, 3, 4]
    h.backward()
    assert x.grad.tolist() == [10, 10, 1, 1]


def test_writing_through_a_view_changes_the_history_of_the_base() -> None:
    x, w = leaf(1, 2, 3), leaf(5)
    h = x * 1
    h[1:2].mul_(w)
    (h * lucid.tensor([1.0, 10.0, 100.0])).backward()
    assert x.grad.tolist() == [1, 50, 100] and w.grad.tolist() == [20]


def test_writing_to_the_base_changes_the_history_of_its_views() -> None:
    x = leaf(1, 2)
    h = x * 1
    v = h[:1]
    h.mul_(3)
    assert v.tolist() == [3]
    v.backward()
    assert x.grad.tolist() == [3, 0]


def test_writing_to_a_view_changes_the_history_of_other_views() -> None:
    x = leaf(1, 2, 3)
    h = x * 1
    first, last = h[:2], h[1:]
    first.mul_(3)
    last.backward()
    assert x.grad.tolist() == [0, 3, 1]


def test_view_of_a_constant_becomes_differentiable_with_it() -> None:
    w = leaf(2)
    base = lucid.zeros(3)
    v = base[1:]
    base[1:2] = w
    assert v.requires_grad and base.requires_grad
    v.sum().backward()
    assert w.grad.tolist() == [1]


def test_base_becomes_differentiable_through_its_view() -> None:
    w = leaf(2, 3)
    base = lucid.zeros(2, 2)
    base[0].copy_(w)
    assert base.requires_grad and base.tolist() == [[2, 3], [0, 0]]
    (base * base).backward()
    assert w.grad.tolist() == [4, 6]


@pytest.mark.parametrize("view", [
    lambda h: h.view(6), lambda h: h.reshape(3, 2), lambda h: h.t(), lambda h: h[0], lambda h: h[:, 1], lambda h: h[:, ::2],
    lambda h: h.unsqueeze(0), lambda h: h.narrow(1, 1, 2), lambda h: h.permute(1, 0)[1:], lambda h: h.flatten()[2:4].view(2, 1),
    lambda h: h.split(1)[1], lambda h: h.transpose(0, 1)[0], lambda h: h.unbind(1)[2], lambda h: h[None, ..., None], lambda h: h[1, 1],
])  # fmt: skip
def test_every_kind_of_view_against_differences(view: Callable[[Tensor], Tensor]) -> None:
    """Squaring part of a tensor in place through a view of it."""

    def function(x: Tensor) -> Tensor:
        h = x * 1
        part = view(h)
        part.mul_(part)
        return h * part.sum()

    x = lucid.tensor(np.arange(1.0, 7).reshape(2, 3), requires_grad=True)
    assert gradcheck(function, x)


def test_two_writes_through_two_views() -> None:
    def function(x: Tensor) -> Tensor:
        h = x * 1
        a, b = h[:2], h[1:]
        a.add_(b)
        b.mul_(3)
        a.add_(b)
        b.mul_(b)
        return h

    assert gradcheck(function, lucid.tensor([0.1, 0.2, 0.3], dtype=lucid.float64, requires_grad=True))


def test_view_saved_before_a_write_through_another_is_stale() -> None:
    x = leaf(1, 2, 3)
    h = x * 1
    y = h[:2] * h[1:]
    h[2:].zero_()
    with pytest.raises(RuntimeError, match=STALE):
        y.backward()


# Assignment


def test_gradient_of_assignment() -> None:
    x, v = leaf(1, 2, 3), leaf(7, 8)
    y = x * 1
    y[:2] = v
    (y * lucid.tensor([1.0, 10.0, 100.0])).backward()
    assert x.grad.tolist() == [0, 0, 100] and v.grad.tolist() == [1, 10]


def test_gradient_of_assigning_a_number() -> None:
    x = leaf(1, 2)
    y = x * 1
    y[0] = 5
    (y * y).backward()
    assert x.grad.tolist() == [0, 4]


@pytest.mark.parametrize("index,shape", [
    (0, (3,)), ((0, 1), ()), (slice(None), (3,)), ((slice(None), 1), (2,)), ((..., slice(1, None)), (2, 2)), ((slice(None), slice(0, 2)), (1,)),
    (np.array([1, 0]), (2, 3)), ((np.array([0, 1]), np.array([2, 0])), (2,)), (np.array([[True, False, True], [False, True, False]]), (3,)),
    (np.array([True, False]), (3,)), (None, (2, 3)), ((slice(None), np.array([2, 0])), (2, 2)),
])  # fmt: skip
def test_assignment_against_differences(index: Any, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    x, v = (lucid.tensor(rng.standard_normal(s), requires_grad=True) for s in ((2, 3), shape))

    def function(x: Tensor, v: Tensor) -> Tensor:
        y = x * 1
        y[index] = v * v
        return y * y

    assert gradcheck(function, [x, v])


def test_assignment_converts_to_the_dtype_of_the_tensor() -> None:
    v = lucid.tensor([1.5], dtype=lucid.float64, requires_grad=True)
    y = lucid.zeros(2)
    y[:1] = v
    assert y.dtype is lucid.float32
    y.sum().backward()
    assert v.grad.dtype is lucid.float64 and v.grad.tolist() == [1]


def test_create_graph_through_in_place_operations() -> None:
    x = lucid.tensor([2.0, 3.0], dtype=lucid.float64, requires_grad=True)
    y = x * x
    y[0:1].mul_(x[1:])  # (x0^2 x1, x1^2)
    (g,) = grad(y.sum(), x, create_graph=True)
    assert g.tolist() == [12, 10]
    (h,) = grad(g[0], x)
    assert h.tolist() == [6, 4]
