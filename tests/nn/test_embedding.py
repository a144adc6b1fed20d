"""Embedding and one_hot: rows, gradients, padding, errors, PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from nn.parity import compare, draw, exchange, torch

import lucid
import lucid.nn.functional as F
from lucid import nn
from lucid.autograd import gradcheck, gradgradcheck


@pytest.mark.parametrize("shape", [(), (4,), (2, 3), (0,), (2, 0)])
@pytest.mark.parametrize("dtype", [lucid.int64, lucid.int32])
def test_rows_are_looked_up(shape: tuple[int, ...], dtype: Any) -> None:
    table = draw(7, 3)
    index = np.random.default_rng(0).integers(0, 7, shape)
    y = F.embedding(lucid.tensor(index).to(dtype), lucid.tensor(table))
    np.testing.assert_array_equal(y.numpy(), table[index])


def test_gradients_of_repeated_rows_add_up() -> None:
    weight = lucid.zeros(3, 2, requires_grad=True)
    F.embedding(lucid.tensor([2, 0, 2]), weight).backward(lucid.tensor([[1.0, 2.0], [3.0, 4.0], [10.0, 20.0]]))
    assert weight.grad is not None and weight.grad.tolist() == [[3.0, 4.0], [0.0, 0.0], [11.0, 22.0]]


@pytest.mark.parametrize("padding_idx", [None, 2, -1])
def test_gradients_of_both_orders(padding_idx: int | None) -> None:
    weight = lucid.tensor(draw(4, 3), requires_grad=True)
    index = lucid.tensor([[0, 2], [2, 1]])
    assert gradgradcheck(lambda w: F.embedding(index, w) ** 3, (weight,))
    y = F.embedding(lucid.tensor([3, 2, 0, 1]), weight, padding_idx)
    (g,) = lucid.autograd.grad((y**2).sum(), weight, create_graph=True)
    expected = 2 * weight.detach().numpy()
    if padding_idx is not None:
        expected[padding_idx] = 0
    np.testing.assert_allclose(g.detach().numpy(), expected, rtol=1e-12)
    if padding_idx is None:
        assert gradcheck(lambda w: F.embedding(index, w) ** 2, (weight,))


def test_padding_row_starts_as_zeros_and_stays() -> None:
    e = nn.Embedding(5, 3, padding_idx=-2)
    assert e.padding_idx == 3 and e.weight[3].tolist() == [0.0, 0.0, 0.0]
    e(lucid.tensor([3, 1])).sum().backward()
    assert e.weight.grad is not None
    assert e.weight.grad.tolist() == [[0.0] * 3, [1.0] * 3, [0.0] * 3, [0.0] * 3, [0.0] * 3]


def test_max_norm_shortens_only_the_rows_that_are_looked_up() -> None:
    table = np.array([[3.0, 4.0], [30.0, 40.0], [0.3, 0.4]])
    e = nn.Embedding.from_pretrained(lucid.tensor(table), max_norm=1.0)
    y = e(lucid.tensor([0, 2, 0]))
    np.testing.assert_allclose(y.numpy(), [[0.6, 0.8], [0.3, 0.4], [0.6, 0.8]], rtol=1e-6)
    np.testing.assert_allclose(e.weight.numpy(), [[0.6, 0.8], [30.0, 40.0], [0.3, 0.4]], rtol=1e-6)


def test_from_pretrained_shares_memory_and_freezes() -> None:
    table = lucid.zeros(2, 2)
    e = nn.Embedding.from_pretrained(table)
    assert not e.weight.requires_grad
    table.fill_(4.0)
    assert e(lucid.tensor(0)).tolist() == [4.0, 4.0]
    assert nn.Embedding.from_pretrained(table, freeze=False).weight.requires_grad


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: F.embedding(lucid.tensor([0, 4]), lucid.ones(4, 3)), IndexError,
         r"embedding: index 4 is out of range for 4 rows \(weight \(4, 3\)\)"),
        (lambda: F.embedding(lucid.tensor([-1]), lucid.ones(4, 3)), IndexError, "embedding: index -1 is out of range"),
        (lambda: nn.Sequential(nn.Embedding(4, 3))(lucid.tensor([9])), IndexError,
         r"Embedding '0': index 9 is out of range for 4 rows \(weight \(4, 3\)\)"),
        (lambda: F.embedding(lucid.ones(2), lucid.ones(4, 3)), RuntimeError,
         "embedding: expected an int64 or int32 index, got lucid.float32"),
        (lambda: F.embedding(lucid.tensor([0]), lucid.ones(4)), RuntimeError,
         r"embedding: expected a floating-point matrix, got lucid.float32 of shape \(4,\)"),
        (lambda: F.embedding(lucid.tensor([0]), lucid.ones(4, 3), padding_idx=4), ValueError,
         "embedding: padding_idx 4 is out of range for 4 rows"),
        (lambda: F.embedding(lucid.tensor([0]), lucid.ones(4, 3), sparse=True), ValueError,
         "embedding: sparse=True is not supported"),
        (lambda: nn.Embedding(4, 3, padding_idx=-5), ValueError, "Embedding: padding_idx -5 is out of range for 4 rows"),
        (lambda: nn.Embedding(4, 3, sparse=True), ValueError, "Embedding: sparse=True is not supported"),
        (lambda: nn.Embedding(4, 3, _weight=lucid.ones(3, 4)), ValueError,
         r"Embedding: expected a weight of shape \(4, 3\), got \(3, 4\)"),
        (lambda: nn.Embedding.from_pretrained(lucid.ones(4)), ValueError,
         r"Embedding.from_pretrained: expected a matrix, got shape \(4,\)"),
        (lambda: F.one_hot(lucid.ones(3)), RuntimeError, "one_hot: expected an int64 tensor, got lucid.float32"),
        (lambda: F.one_hot(lucid.tensor([-1])), RuntimeError, "one_hot: class values must be non-negative, got -1"),
        (lambda: F.one_hot(lucid.tensor([3]), 3), RuntimeError,
         "one_hot: class values must be smaller than num_classes 3, got 3"),
        (lambda: F.one_hot(lucid.zeros(0).long()), RuntimeError, "one_hot: cannot infer the number of classes"),
    ],
)  # fmt: skip
def test_errors(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match="^" + message):
        call()


def test_bad_index_leaves_the_table_alone() -> None:
    weight = lucid.full((2, 2), 9.0)
    with pytest.raises(IndexError):
        F.embedding(lucid.tensor([0, 2]), weight, max_norm=1.0)
    assert weight.tolist() == [[9.0, 9.0], [9.0, 9.0]]


def test_one_hot() -> None:
    y = F.one_hot(lucid.tensor([[1], [0]]), 3)
    assert y.dtype is lucid.int64 and y.tolist() == [[[0, 1, 0]], [[1, 0, 0]]]


def test_repr() -> None:
    assert repr(nn.Embedding(3, 2, padding_idx=1, max_norm=2.0)) == "Embedding(3, 2, padding_idx=1, max_norm=2.0)"


@pytest.mark.parity
@pytest.mark.parametrize("padding_idx", [None, 0, -1])
@pytest.mark.parametrize("max_norm, norm_type", [(None, 2.0), (0.9, 2.0), (0.9, 1.0)])
def test_embedding_parity(padding_idx: int | None, max_norm: float | None, norm_type: float) -> None:
    t = torch()
    theirs = t.nn.Embedding(6, 4, padding_idx, max_norm, norm_type, dtype=t.float64)
    ours = nn.Embedding(6, 4, padding_idx, max_norm, norm_type, dtype=lucid.float64)
    exchange(ours, theirs)
    compare(ours, theirs, np.random.default_rng(0).integers(0, 6, (3, 5)))
    compare(ours, theirs, np.array([[0, 5, 5]]))
