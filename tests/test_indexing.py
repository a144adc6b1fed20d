"""Indexing: what is a view, what is a copy, assignment, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lucid
from lucid import Tensor

BASIC: list[Any] = [
    0, -1, slice(None), slice(1, 3), slice(-2, None), slice(None, None, 2), slice(5, 1), ..., None, (0, 1), (0, ...), (..., 0), (0, slice(1, 3)),
    (slice(None), 1), (slice(1, None), slice(None), 2), (None, 0, None), (..., None), (slice(0, 100),), (0, 1, 2), (), (-1, -1, -1),
    (slice(None), slice(None), slice(3, None, 3)),
]  # fmt: skip
ADVANCED: list[Any] = [
    [0, 2], [[0, 1], [2, 0]], ([0, 1], [1, 2]), (slice(None), [0, 2]), ([0, 1], slice(1, 3)), (..., [0, 0, 0]), (0, [1, 2]), ([1, 0], None),
    ([0, 1], slice(None), [2, 3]), ([[0], [1]], [0, 1]), [True, False, True], (slice(None), [True, False, True]), [-1, 0], [], (slice(None), []),
    (None, [0, 1]),
]  # fmt: skip


def array() -> np.ndarray:
    return np.arange(36.0).reshape(3, 3, 4)


def to_numpy(index: Any) -> Any:
    """Lists as index arrays (an empty list picks nothing)."""
    one = lambda p: np.array(p, np.int64 if not p else None) if isinstance(p, list) else p  # type: ignore[arg-type]
    return tuple(map(one, index)) if isinstance(index, tuple) else one(index)


def to_tensor(index: Any) -> Any:
    one = lambda p: lucid.from_numpy(to_numpy(p)) if isinstance(p, list) else p
    return tuple(map(one, index)) if isinstance(index, tuple) else one(index)


@pytest.mark.parametrize("index", BASIC, ids=repr)
def test_basic_indexing_gives_views(index: Any) -> None:
    a = array()
    x = lucid.from_numpy(a)
    y = x[index]
    assert isinstance(y, Tensor) and y.tolist() == a[index].tolist() and y.shape == np.shape(a[index])
    assert y.numel() == 0 or np.shares_memory(y.numpy(), a)


@pytest.mark.parametrize("index", ADVANCED, ids=repr)
@pytest.mark.parametrize("form", [lambda i: i, to_numpy, to_tensor], ids=["lists", "arrays", "tensors"])
def test_advanced_indexing_gives_copies(index: Any, form: Any) -> None:
    a = array()
    y = lucid.from_numpy(a)[form(index)]
    expected = a[to_numpy(index)]
    assert y.shape == expected.shape and y.tolist() == expected.tolist()
    assert not np.shares_memory(y.numpy(), a) and y.is_contiguous()


def test_masks() -> None:
    a = array()
    x = lucid.from_numpy(a)
    assert x[x > 30].tolist() == a[a > 30].tolist()
    assert x[lucid.tensor([True, False, True])].shape == (2, 3, 4)
    assert x[x[..., 0] > 10].tolist() == a[a[..., 0] > 10].tolist()
    assert x[lucid.tensor(True)].shape == (1, 3, 3, 4) and x[lucid.tensor(False)].shape == (0, 3, 3, 4)
    assert x[lucid.tensor([1, 0, 1], dtype=lucid.uint8)].shape == (2, 3, 4)


def test_integer_tensors_without_dimensions_are_integers() -> None:
    x = lucid.from_numpy(array())
    y = x[lucid.tensor(1), lucid.tensor(-1)]
    assert y.tolist() == array()[1, -1].tolist() and np.shares_memory(y.numpy(), x.numpy())
    assert x[np.int64(2), 0, 0].item() == 24


def test_zero_dimensional_results() -> None:
    x = lucid.tensor([1.0, 2.0])
    y = x[0]
    assert y.shape == () and y.item() == 1
    y.fill_(5)
    assert x.tolist() == [5, 2]


def test_writing_through_a_view() -> None:
    x = lucid.zeros(2, 3)
    x[1].fill_(2)
    x[:, 0].add_(1)
    assert x.tolist() == [[1, 0, 0], [3, 2, 2]]


VALUES: list[Any] = [7.0, 7, True, lucid.tensor(7.0), np.float64(7)]


@pytest.mark.parametrize("index", BASIC + ADVANCED, ids=repr)
@pytest.mark.parametrize("value", VALUES, ids=[type(v).__name__ for v in VALUES])
def test_assigning_a_number(index: Any, value: Any) -> None:
    a = array()
    x = lucid.from_numpy(a.copy())
    x[to_tensor(index)] = value
    a[to_numpy(index)] = float(value)
    assert x.tolist() == a.tolist()


@pytest.mark.parametrize("index", BASIC + ADVANCED, ids=repr)
def test_assigning_a_tensor(index: Any) -> None:
    a = array()
    x = lucid.from_numpy(a.copy())
    value = np.random.default_rng(0).standard_normal(np.shape(a[to_numpy(index)]))
    x[to_tensor(index)] = lucid.from_numpy(np.asarray(value))
    a[to_numpy(index)] = value
    assert x.tolist() == a.tolist()


def test_assignment_broadcasts() -> None:
    x = lucid.zeros(2, 3)
    x[:] = lucid.tensor([1.0, 2.0, 3.0])
    x[:, 1:] = lucid.tensor([[5.0], [6.0]])
    assert x.tolist() == [[1, 5, 5], [1, 6, 6]]


def test_assignment_converts() -> None:
    x = lucid.zeros(2, dtype=lucid.int64)
    x[0] = 2.7
    x[1] = lucid.tensor(3.9)
    assert x.tolist() == [2, 3]


def test_assignment_of_lists() -> None:
    x = lucid.zeros(3)
    x[1:] = [4, 5]
    assert x.tolist() == [0, 4, 5]


def test_assignment_with_a_mask() -> None:
    x = lucid.arange(5.0)
    x[x > 2] = 0
    assert x.tolist() == [0, 1, 2, 0, 0]
    x[lucid.tensor([True, False, False, False, True])] = lucid.tensor([8.0, 9.0])
    assert x.tolist() == [8, 1, 2, 0, 9]


def test_augmented_assignment_to_a_part() -> None:
    x = lucid.arange(4.0)
    x[1:3] *= 10
    x[[0, 3]] += 1
    assert x.tolist() == [1, 10, 20, 4]


@pytest.mark.parametrize("index", [i for i in BASIC + ADVANCED if i != []], ids=repr)
def test_gradient_of_indexing(index: Any) -> None:
    a = np.random.default_rng(0).standard_normal((3, 3, 4))
    x = lucid.tensor(a, requires_grad=True)
    assert lucid.autograd.gradcheck(lambda t: t[to_tensor(index)] * 2 if x[to_tensor(index)].numel() else t * 1, x)


def test_gradient_of_repeated_indices_adds_up() -> None:
    x = lucid.ones(3, requires_grad=True)
    x[[0, 2, 2, 2]].backward(lucid.tensor([1.0, 10.0, 100.0, 1000.0]))
    assert x.grad.tolist() == [1, 0, 1110]


@pytest.mark.parametrize("index,error,message", [
    (slice(None, None, -1), ValueError, "getitem: step must be greater than zero"),
    ((0, slice(3, 0, -1)), ValueError, "getitem: step must be greater than zero"),
    (3, IndexError, r"getitem: index 3 is out of bounds for dimension 0 with size 3 \(shape \(3, 3, 4\)\)"),
    (-4, IndexError, r"getitem: index -4 is out of bounds for dimension 0 with size 3"),
    ((0, 0, 0, 0), IndexError, r"getitem: too many indices for tensor.*\(shape \(3, 3, 4\)\)"),
    (1.5, TypeError, "getitem: tensors used as indices must be integer or bool, got float64"),
    ([0.5], TypeError, "getitem: tensors used as indices must be integer or bool, got float64"),
    ("a", TypeError, "getitem: tensors used as indices must be integer or bool, got <U1"),
    ([0, 5], IndexError, "getitem: index 5 is out of bounds for dimension 0 with size 3"),
    ([True, False], IndexError, "getitem: the mask has size 2 in dimension 0, the tensor 3"),
    (([0, 1], [0, 1, 2]), IndexError, "getitem: the shapes of the indices, "),
], ids=repr)  # fmt: skip
def test_refused_indices(index: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        lucid.from_numpy(array())[index]


@pytest.mark.parametrize("index,value,error,message", [
    (3, 0.0, IndexError, r"setitem: index 3 is out of bounds for dimension 0 with size 3 \(shape \(3, 3, 4\), value \(\)\)"),
    (0, lucid.ones(5), ValueError, r"setitem: .*\(shape \(3, 3, 4\), value \(5,\)\)"),
    (slice(None, None, -1), 0.0, ValueError, "step must be greater than zero"),
    (0, None, TypeError, "^setitem: can't assign a NoneType to a tensor of lucid.float"),
    (0, "a", TypeError, "^setitem: can't assign a str to a tensor of lucid.float"),
    (0, 1j, TypeError, "^setitem: can't assign a complex to a tensor of lucid.float"),
    ((0, 0, 0), lucid.ones(2), ValueError, "^setitem: one element is assigned more than one value"),
    (([0, 1], [0, 1]), lucid.ones(3, 4), ValueError, r"^setitem: a value of shape \(3,\s?4\) does not broadcast to \(2,\s?4\)"),
    (lucid.ones(3, 3, 4, dtype=lucid.bool), lucid.ones(5), ValueError, "^setitem: 5 values for 36 elements of the mask"),
])  # fmt: skip
def test_refused_assignments(index: Any, value: Any, error: type[Exception], message: str) -> None:
    x = lucid.from_numpy(array())
    with pytest.raises(error, match=message):
        x[index] = value
    assert x.tolist() == array().tolist()


def test_numbers_that_do_not_fit_are_not_written() -> None:
    for number, name in ((300, "uint8"), (-1, "uint8"), (2**70, "int64")):
        x = lucid.zeros(2, dtype=getattr(lucid, name))
        for write in (lambda x, v: x.__setitem__(0, v), lambda x, v: x.fill_(v), lambda x, v: x + v):
            with pytest.raises(RuntimeError, match=f"cannot be converted to lucid.{name} without overflow"):
                write(x, number)
        for make in (lambda v, d: lucid.tensor([v], dtype=d), lambda v, d: lucid.full((2,), v, dtype=d)):
            with pytest.raises(RuntimeError, match=f"cannot be converted to (lucid.)?{name} without overflow"):
                make(number, x.dtype)
        assert x.tolist() == [0, 0]
