"""The short ways of small operations give what the long ones do: same values, same history, same refusals."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import lucid
import lucid.nn.functional as F
from lucid import Tensor

Operation = Callable[[Tensor, Tensor], Tensor]
INPLACE: dict[str, Operation] = {
    "add_": lambda x, y: x.add_(y), "sub_": lambda x, y: x.sub_(y),
    "mul_": lambda x, y: x.mul_(y), "div_": lambda x, y: x.div_(y),
}  # fmt: skip


@pytest.mark.parametrize("name", INPLACE)
def test_in_place_arithmetic_keeps_the_storage(name: str) -> None:
    out_of_place = getattr(lucid, name[:-1])
    for other in (lucid.rand(4, 3) + 1, lucid.rand(3) + 1, lucid.rand(4, 1) + 1, lucid.tensor(2.0), 3, 0.5):
        x = lucid.rand(4, 3)
        expected, data, version = out_of_place(x, other).numpy().copy(), x._data, x._version
        assert INPLACE[name](x, other) is x
        assert x._data is data and x._version == version + 1
        np.testing.assert_array_equal(x.numpy(), expected)


@pytest.mark.parametrize("name", INPLACE)
def test_operands_that_overlap(name: str) -> None:
    for part, other in ((slice(0, 90), slice(10, 100)), (slice(10, 100), slice(0, 90)), (slice(0, 90), slice(0, 90))):
        storage = lucid.rand(100) + 1
        values = storage.numpy().copy()
        expected = getattr(lucid, name[:-1])(lucid.tensor(values[part]), lucid.tensor(values[other])).numpy()
        with lucid.no_grad():
            INPLACE[name](storage[part], storage[other])
        np.testing.assert_array_equal(storage.numpy()[part], expected)


def test_in_place_arithmetic_is_recorded_or_refused() -> None:
    w = lucid.ones(3, requires_grad=True)
    x = lucid.zeros(3)
    x.add_(w)  # from here on, x comes from w
    x.mul_(2)
    x.sum().backward()
    assert w.grad is not None and w.grad.tolist() == [2, 2, 2]
    with pytest.raises(RuntimeError, match=r"^add_: a leaf Variable that requires grad"):
        w.add_(1)
    squared = (w * w).detach() + (y := w * 1) * y
    y.mul_(3)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        squared.sum().backward()
    base = lucid.zeros(2, 3)
    base[0].add_(1)
    assert base.tolist() == [[1, 1, 1], [0, 0, 0]]
    for bad in (lucid.ones(2), lucid.ones(2, 3, 4)):
        with pytest.raises((RuntimeError, ValueError), match="add_"):
            lucid.zeros(2, 3).add_(bad)
    frozen = lucid.from_numpy(np.broadcast_to(np.float32(1), (3,)))
    with pytest.raises(RuntimeError, match=r"^mul_: "):
        frozen.mul_(2)


def test_what_is_joined_gets_its_gradient() -> None:
    x, y = lucid.rand(2, 3).requires_grad_(), lucid.rand(2, 3).requires_grad_()
    weight = lucid.rand(2, 2, 3)
    (lucid.stack([x, y], 1).transpose(0, 1) * weight).sum().backward()
    assert x.grad is not None and y.grad is not None
    np.testing.assert_array_equal(x.grad.numpy(), weight.numpy()[0])
    np.testing.assert_array_equal(y.grad.numpy(), weight.numpy()[1])
    assert lucid.autograd.gradgradcheck(lambda a, b: lucid.stack([a, b], -1) ** 3, (x.double(), y.double()))
    assert lucid.stack([x[:, :1], y[:, 1:2]]).shape == (2, 2, 1)  # parts that are not contiguous
    assert lucid.cat([x.t(), y.t()], -1).shape == (3, 4)


def test_parts_and_their_refusals() -> None:
    x = lucid.arange(10)
    assert [part.tolist() for part in x.split([3, 0, 7])] == [[0, 1, 2], [], [3, 4, 5, 6, 7, 8, 9]]
    assert [part.tolist() for part in x.view(2, 5).split(2, -1)] == [[[0, 1], [5, 6]], [[2, 3], [7, 8]], [[4], [9]]]
    with pytest.raises(RuntimeError, match=r"^split: sizes must not be negative, got \[12, -2\]"):
        x.split([12, -2])
    view = x.split(5)[1]
    view[0] = 50
    assert x[5].item() == 50


def test_topk_of_a_view_whose_base_came_to_need_a_gradient() -> None:
    base = lucid.tensor([[1.0, 3.0, 2.0], [6.0, 5.0, 4.0]])
    row = base[0]
    base.requires_grad_()
    (base[1].topk(2).values * lucid.tensor([10.0, 20.0])).sum().backward()
    assert base.grad is not None and base.grad.tolist() == [[0, 0, 0], [10, 20, 0]]
    assert row.topk(1).values.requires_grad == (row * 1).requires_grad


def test_sums_with_products_have_the_same_bits_with_and_without_a_gradient() -> None:
    lucid.manual_seed(0)
    x, a, b, c, d = lucid.randn(3, 100), lucid.randn(100), lucid.randn(3, 1), lucid.randn(3, 100), lucid.randn(3, 100)
    for call in (
        lambda x: lucid.lerp(x, a, 0.3),
        lambda x: lucid.lerp(x, a, b),
        lambda x: lucid.lerp(x, c, 1),
        lambda x: lucid.lerp(x, c, d),
        lambda x: lucid.addcmul(x, c, d, value=-0.7),
        lambda x: lucid.addcdiv(x, c, d, value=3),
        lambda x: lucid.addcmul(x, a, b),
        lambda x: lucid.addcmul(x, a, b, value=-0.7),
        lambda x: lucid.addcdiv(x, a, b),
        lambda x: lucid.addcdiv(x, a, b, value=3),
        lambda x: F.prelu(x, a),
        lambda x: F.prelu(x * 1e38 * 1e38, b[:1, 0]),
    ):
        recorded = call(x.detach().requires_grad_())
        assert recorded.requires_grad and not call(x).requires_grad
        assert call(x).numpy().tobytes() == recorded.detach().numpy().tobytes()
