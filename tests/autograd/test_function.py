"""Operations defined by users: the protocol of `lucid.autograd.Function`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lucid
from lucid import Tensor
from lucid.autograd import Function, grad, gradcheck, gradgradcheck
from lucid.autograd.function import once_differentiable


class Square(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return dy * x * 2


def leaf(*values: float) -> Tensor:
    return lucid.tensor([float(v) for v in values], requires_grad=True)


def test_value_and_gradient() -> None:
    x = leaf(2, 3)
    y = Square.apply(x)
    assert y.tolist() == [4, 9] and y.grad_fn.name == "SquareBackward"
    y.backward()
    assert x.grad.tolist() == [4, 6]


def test_derivatives_of_every_order() -> None:
    x = lucid.tensor([2.0], dtype=lucid.float64, requires_grad=True)
    assert gradcheck(Square.apply, x) and gradgradcheck(Square.apply, x)
    (g,) = grad(Square.apply(x), x, create_graph=True)
    assert grad(g, x)[0].item() == 2


def test_without_gradient_it_is_a_plain_call() -> None:
    assert not Square.apply(lucid.ones(2)).requires_grad
    with lucid.no_grad():
        assert not Square.apply(leaf(1)).requires_grad


def test_forward_is_not_recorded() -> None:
    class Peek(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            y = x * 2
            assert not y.requires_grad and not lucid.is_grad_enabled()
            return y

        @staticmethod
        def backward(ctx: Any, dy: Tensor) -> Tensor:
            return dy * 2

    assert Peek.apply(leaf(1)).requires_grad


class Affine(Function):
    """x * factor + shift, with a number among its arguments."""

    seen: tuple[bool, ...] = ()

    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: float, shift: Tensor) -> Tensor:
        ctx.factor = factor
        Affine.seen = ctx.needs_input_grad
        return x * factor + shift

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        return dy * ctx.factor if ctx.needs_input_grad[0] else None, None, dy if ctx.needs_input_grad[2] else None


def test_needs_input_grad() -> None:
    x, shift = leaf(1), leaf(2)
    Affine.apply(x, 3.0, shift.detach()).backward()
    assert Affine.seen == (True, False, False) and x.grad.item() == 3
    Affine.apply(x.detach(), 3.0, shift).backward()
    assert Affine.seen == (False, False, True) and shift.grad.item() == 1


def test_saved_tensors_are_watched() -> None:
    x = leaf(1)
    h = x * 1
    y = Square.apply(h)
    h.add_(1)
    with pytest.raises(
        RuntimeError, match=r"modified by an inplace operation: a tensor of shape \(1,\) saved by SquareBackward"
    ):
        y.backward()


def test_saved_tensors_are_freed() -> None:
    y = Square.apply(leaf(1))
    y.backward()
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        y.backward()


def test_attributes_survive_without_retain_graph_only_for_one_backward() -> None:
    y = Square.apply(leaf(3))
    y.backward(retain_graph=True)
    y.backward()


class SortOf(Function):
    """The values and the order of sorting; the order has no gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        values, order = x.sort()
        position = order.to(x.dtype)
        ctx.mark_non_differentiable(position)
        ctx.save_for_backward(order)
        return values, position

    @staticmethod
    def backward(ctx: Any, dvalues: Tensor, _: Tensor) -> Tensor:
        (order,) = ctx.saved_tensors
        return lucid.zeros(*dvalues.shape).scatter(0, order, dvalues)


def test_mark_non_differentiable() -> None:
    x = leaf(3, 1, 2)
    values, position = SortOf.apply(x)
    assert values.requires_grad and not position.requires_grad and position.is_leaf
    values.backward(lucid.tensor([1.0, 2.0, 3.0]))
    assert x.grad.tolist() == [3, 1, 2]


class AddInPlace(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, value: float) -> Tensor:
        x.add_(value)
        ctx.mark_dirty(x)
        return x

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, None]:
        return dy * 7, None  # wrong on purpose: shows that this backward runs


def test_mark_dirty() -> None:
    x = leaf(1, 2)
    h = x * 1
    y = AddInPlace.apply(h, 5.0)
    assert y is h and h.tolist() == [6, 7]
    y.backward()
    assert x.grad.tolist() == [7, 7]


def test_mark_dirty_on_a_view_changes_the_history_of_its_base() -> None:
    x = leaf(1, 2)
    h = x * 1
    part = h[:1]
    assert AddInPlace.apply(part, 5.0) is part and h.tolist() == [6, 2]
    h.backward()
    assert x.grad.tolist() == [7, 1]


def test_mark_dirty_is_seen_by_operations_that_saved_the_tensor() -> None:
    x = leaf(1, 2)
    h = x * 1
    before = h * h
    AddInPlace.apply(h, 5.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        before.backward()


def test_mark_dirty_on_a_leaf_is_refused() -> None:
    x = leaf(1, 2)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        AddInPlace.apply(x, 5.0)


def test_returning_an_input_gives_a_new_tensor() -> None:
    class Identity(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return x

        @staticmethod
        def backward(ctx: Any, dy: Tensor) -> Tensor:
            return dy * 3

    x = leaf(1, 2)
    y = Identity.apply(x)
    assert y is not x and x.is_leaf and y.tolist() == [1, 2]
    y.backward()
    assert x.grad.tolist() == [3, 3]


def test_once_differentiable() -> None:
    class Cube(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        @once_differentiable
        def backward(ctx: Any, dy: Tensor) -> Tensor:
            (x,) = ctx.saved_tensors
            assert not lucid.is_grad_enabled()
            return lucid.from_numpy(dy.numpy(force=True) * 3 * x.numpy(force=True) ** 2)

    x = leaf(2)
    (g,) = grad(Cube.apply(x), x)
    assert g.item() == 12
    (g,) = grad(Cube.apply(x), x, create_graph=True)
    with pytest.raises(
        RuntimeError, match="trying to differentiate twice a function that was marked with @once_differentiable"
    ):
        grad(g, x)


def returning(result: Any, outputs: int = 1) -> Any:
    class Fixed(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, y: Tensor) -> Any:
            return x * 1 if outputs == 1 else tuple(x * 1 for _ in range(outputs))

        @staticmethod
        def backward(ctx: Any, *grads: Tensor) -> Any:
            return result(*grads)

    return Fixed.apply


def test_too_few_gradients() -> None:
    with pytest.raises(RuntimeError, match="FixedBackward: returned 1 gradients, expected 2"):
        returning(lambda g: g)(leaf(1), leaf(2)).backward()


def test_too_many_gradients() -> None:
    with pytest.raises(RuntimeError, match="FixedBackward: returned 3 gradients for 2 inputs"):
        returning(lambda g: (g, g, g))(leaf(1), leaf(2)).backward()
    returning(lambda g: (g, g, None))(leaf(1), leaf(2)).backward()  # trailing None is allowed


def test_gradient_of_another_shape() -> None:
    message = (
        r"FixedBackward: returned an invalid gradient at index 1 - got \(\) but expected shape compatible with \(1,\)"
    )
    with pytest.raises(RuntimeError, match=message):
        returning(lambda g: (g, lucid.tensor(1.0)))(leaf(1), leaf(2)).backward()


def test_gradient_of_a_repeated_input_is_summed() -> None:
    x, y = leaf(1), leaf(2)
    returning(lambda g: (g, lucid.ones(2, 3)))(x, y).backward()
    assert y.grad.tolist() == [6.0]


def test_gradient_for_a_constant_is_ignored() -> None:
    x, c = leaf(1), lucid.ones(1)
    returning(lambda g: (g, g))(x, c).backward()
    assert x.grad.item() == 1 and c.grad is None


def test_missing_gradients_of_outputs_are_zeros() -> None:
    x = leaf(1)
    seen: list[Any] = []
    first, _ = returning(lambda *gs: (seen.append(gs) or gs[0], None), outputs=2)(x, leaf(2))
    first.backward()
    assert [g.tolist() for g in seen[0]] == [[1], [0]]


def test_set_materialize_grads() -> None:
    class Pair(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> tuple[Tensor, Tensor]:
            ctx.set_materialize_grads(False)
            return x * 1, x * 2

        @staticmethod
        def backward(ctx: Any, a: Tensor | None, b: Tensor | None) -> Tensor | None:
            assert b is None
            return a

    x = leaf(1)
    Pair.apply(x)[0].backward()
    assert x.grad.item() == 1


def test_setup_context() -> None:
    class Separate(Function):
        @staticmethod
        def forward(x: Tensor, power: int) -> Tensor:
            return x**power

        @staticmethod
        def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
            x, ctx.power = inputs
            ctx.save_for_backward(x)

        @staticmethod
        def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, None]:
            (x,) = ctx.saved_tensors
            return dy * ctx.power * x ** (ctx.power - 1), None

    x = leaf(2)
    Separate.apply(x, 3).backward()
    assert x.grad.item() == 12


def test_missing_methods() -> None:
    class Nothing(Function):
        pass

    class Forward(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return x * 1

    with pytest.raises(NotImplementedError, match="must define the static method forward"):
        Nothing.apply(leaf(1))
    with pytest.raises(NotImplementedError, match="must define the static method backward"):
        Forward.apply(leaf(1)).backward()


def test_outputs_that_are_not_tensors() -> None:
    class Counted(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> tuple[Tensor, int]:
            return x * 2, 5

        @staticmethod
        def backward(ctx: Any, dy: Tensor, _: Any = None) -> Tensor:
            return dy * 2

    x = leaf(1)
    y, count = Counted.apply(x)
    assert count == 5
    y.backward()
    assert x.grad.item() == 2


def test_user_may_keep_the_gradient_it_returns() -> None:
    kept: list[Tensor] = []

    class Keep(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return x * 1

        @staticmethod
        def backward(ctx: Any, dy: Tensor) -> Tensor:
            kept.append(dy * 1)
            return kept[0]

    x = leaf(1, 2)
    Keep.apply(x).backward()
    x.grad.mul_(10)
    np.testing.assert_array_equal(kept[0].numpy(), [1, 1])
