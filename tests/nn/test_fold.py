"""Unfold and Fold, EmbeddingBag, normalisation across channels, LPPool: modules, PyTorch, refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from nn.parity import close, compare, draw, exchange, torch

import lucid
import lucid.nn.functional as F
from lucid import nn

INDEX, OFFSETS = np.array([1, 4, 0, 1, 2, 2, 3]), np.array([0, 2, 2, 6])


@pytest.mark.parity
@pytest.mark.parametrize("name,args,options,shape", [
    ("Unfold", ((2, 3),), dict(dilation=2, padding=1, stride=(1, 2)), (2, 3, 6, 7)), ("Fold", ((6, 7), 2), dict(stride=2, padding=1), (2, 12, 16)),
    ("LocalResponseNorm", (3,), dict(alpha=0.5, k=2.0), (2, 5, 4, 3)), ("LocalResponseNorm", (4,), {}, (2, 5, 4)), ("LPPool1d", (2, 3), dict(stride=2, ceil_mode=True), (2, 3, 8)), ("LPPool2d", (2, (3, 2)), {}, (2, 3, 8, 7)),
    ("LPPool2d", (4, 3), dict(stride=2, ceil_mode=True), (3, 8, 7)), ("LPPool3d", (2, (3, 2, 2)), dict(ceil_mode=True, stride=2), (2, 3, 6, 8, 7)), ("LPPool3d", (2, 2), {}, (3, 6, 4, 4)),
])  # fmt: skip
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_modules_match_pytorch(name: str, args: Any, options: Any, shape: tuple[int, ...], dtype: str) -> None:
    ours, theirs = getattr(nn, name)(*args, **options), getattr(torch().nn, name)(*args, **options)
    assert repr(ours) == repr(theirs)
    compare(ours, theirs, draw(*shape, dtype=dtype), dtype=dtype)


def test_cross_map_lrn() -> None:
    """PyTorch's goes wrong after the first channels: it never takes channel 0 out of its running sum."""
    x = lucid.tensor(draw(2, 6, 3, 2))
    odd, even = nn.CrossMapLRN2d(3, 0.5, 0.5, 2.0), nn.CrossMapLRN2d(4, 0.5, 0.5, 2.0)
    np.testing.assert_allclose(odd(x).numpy(), F.local_response_norm(x, 3, 0.5, 0.5, 2.0).numpy(), rtol=1e-12)
    np.testing.assert_allclose(even(x).numpy(), F.local_response_norm(x, 3, 0.5 * 3 / 4, 0.5, 2.0).numpy(), rtol=1e-12)
    assert repr(even) == "CrossMapLRN2d(4, alpha=0.5, beta=0.5, k=2.0)"


def test_lp_pool_of_zeros_has_gradient_zero() -> None:
    x = lucid.zeros(1, 1, 4, requires_grad=True)
    F.lp_pool1d(x, 2, 2).sum().backward()
    assert x.grad is not None and x.grad.tolist() == [[[0, 0, 0, 0]]]


@pytest.mark.parity
@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        dict(padding_idx=1),
        dict(padding_idx=-1),
        dict(include_last_offset=True),
        dict(max_norm=1.0),
        dict(max_norm=1.0, norm_type=1.0),
    ],
)
def test_embedding_bag_matches_pytorch(mode: str, options: dict[str, Any]) -> None:
    t = torch()
    ours, theirs = (
        nn.EmbeddingBag(5, 3, mode=mode, **options).double(),
        t.nn.EmbeddingBag(5, 3, mode=mode, **options).double(),
    )
    assert repr(ours) == repr(theirs)
    exchange(ours, theirs)
    offsets = np.append(OFFSETS, 7) if "include_last_offset" in options else OFFSETS
    inputs: list[tuple[np.ndarray, ...]] = [
        (INDEX, offsets),
        (INDEX.astype(np.int32), offsets.astype(np.int32)),
        (np.arange(4).reshape(2, 2),),
    ]
    for arrays in inputs[: 2 if "include_last_offset" in options else 3]:
        y, their_y = ours(*map(lucid.tensor, arrays)), theirs(*map(t.tensor, arrays))
        close(y, their_y, "result")
        (y * y).sum().backward()
        (their_y * their_y).sum().backward()
        close(ours.weight.grad, theirs.weight.grad, "gradient")
        close(ours.weight, theirs.weight, "table")
        ours.weight.grad = theirs.weight.grad = None


def test_embedding_bag_of_ties_and_nothing() -> None:
    table = lucid.tensor([[1.0, 2.0], [1.0, 3.0]], requires_grad=True)
    y = F.embedding_bag(lucid.tensor([0, 1]), table, lucid.tensor([0, 2]), mode="max")
    assert y.tolist() == [[1, 3], [0, 0]]
    y.sum().backward()
    assert table.grad is not None and table.grad.tolist() == [[1, 0], [0, 1]]
    for mode in ("sum", "mean", "max"):
        empty = lucid.tensor([], dtype=lucid.int64)
        assert F.embedding_bag(empty, table, lucid.tensor([0, 0]), mode=mode).tolist() == [[0, 0], [0, 0]]
        assert F.embedding_bag(empty, table, empty, mode=mode).shape == (0, 2)


def test_embedding_bag_from_pretrained() -> None:
    table = lucid.randn(4, 2)
    frozen = nn.EmbeddingBag.from_pretrained(table, mode="sum", padding_idx=0)
    assert not frozen.weight.requires_grad and frozen.weight.data_ptr() == table.data_ptr()
    assert lucid.equal(frozen(lucid.tensor([[0, 1, 2]])), (table[1] + table[2]).reshape(1, 2))
    assert nn.EmbeddingBag.from_pretrained(table, freeze=False).weight.requires_grad


@pytest.mark.parity
def test_sync_batch_norm_is_batch_norm_with_pytorchs_state() -> None:
    ours, theirs = nn.SyncBatchNorm(3), torch().nn.SyncBatchNorm(3)
    exchange(ours, theirs)
    assert repr(ours) == repr(theirs)
    compare(nn.SyncBatchNorm(3).double(), torch().nn.BatchNorm2d(3).double(), draw(2, 3, 4, 5))


def test_convert_sync_batch_norm() -> None:
    model = nn.Sequential(
        nn.Conv2d(1, 3, 1),
        nn.BatchNorm2d(3, eps=0.1),
        nn.Sequential(nn.BatchNorm2d(3, affine=False)),
        nn.InstanceNorm2d(3),
    ).eval()
    x, (weight, old) = lucid.randn(2, 1, 4, 4), (model[1].weight, model[1])
    expected = model(x)
    converted = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    assert (
        converted is model
        and type(model[1]) is type(model[2][0]) is nn.SyncBatchNorm
        and type(model[3]) is nn.InstanceNorm2d
    )
    assert model[1].weight is weight and model[1].eps == 0.1 and not model[1].training and model[2][0].weight is None
    assert lucid.equal(model(x), expected)
    assert type(nn.SyncBatchNorm.convert_sync_batchnorm(old)) is nn.SyncBatchNorm


table = lucid.ones(5, 3)
REFUSED: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: F.unfold(lucid.ones(2, 2), 2), RuntimeError, r"unfold: expected input of shape \(N, C, H, W\) or \(C, H, W\), got \(2, 2\)"),
    (lambda: F.unfold(lucid.ones(1, 2, 2), 3), RuntimeError, r"unfold: a window of \(3, 3\) with dilation \(1, 1\) does not fit into a plane of \(2, 2\) with padding \(0, 0\)"),
    (lambda: F.unfold(lucid.ones(1, 2, 2), 0), ValueError, "unfold: kernel_size must be positive, got 0"),
    (lambda: F.fold(lucid.ones(4, 3), (2, 3), 2), RuntimeError, r"fold: expected 1 \* 2 = 2 positions along the last dimension, got 3 \(input \(4, 3\)\)"),
    (lambda: F.fold(lucid.ones(3, 2), (2, 3), 2), RuntimeError, r"fold: expected dimension -2 divisible by 4, the window's elements, got \(3, 2\)"),
    (lambda: F.fold(lucid.ones(3), (2, 3), 2), RuntimeError, r"fold: expected input of shape \(N, C \* kernel, positions\) or without N, got \(3,\)"),
    (lambda: nn.Unfold(3)(lucid.ones(1, 2, 2)), RuntimeError, "Unfold: a window of"),
    (lambda: F.embedding_bag(lucid.tensor([0]), table), ValueError, "embedding_bag: expected offsets to be a vector of integers for a 1-d input, got None"),
    (lambda: F.embedding_bag(lucid.tensor([[0]]), table, lucid.tensor([0])), ValueError, "embedding_bag: expected no offsets for a 2-d input"),
    (lambda: F.embedding_bag(lucid.tensor([0]), table, lucid.tensor([1])), RuntimeError, "embedding_bag: expected offsets to begin with 0, got 1"),
    (lambda: F.embedding_bag(lucid.tensor([0]), table, lucid.tensor([0, 2])), RuntimeError, r"embedding_bag: expected offsets that rise up to at most 1, got \[0, 2\]"),
    (lambda: F.embedding_bag(lucid.tensor([0, 0]), table, lucid.tensor([0, 1]), include_last_offset=True), RuntimeError, "embedding_bag: expected the last offset to be 2, got 1"),
    (lambda: F.embedding_bag(lucid.tensor([[5]]), table), IndexError, r"embedding_bag: index 5 is out of range for 5 rows \(weight \(5, 3\)\)"),
    (lambda: F.embedding_bag(lucid.tensor([[0.0]]), table), RuntimeError, "embedding_bag: expected an int64 or int32 input, got lucid.float32"),
    (lambda: F.embedding_bag(lucid.tensor([[0]]), table, per_sample_weights=lucid.ones(1, 1)), ValueError, "embedding_bag: per_sample_weights needs mode 'sum', got 'mean'"),
    (lambda: F.embedding_bag(lucid.tensor([[0]]), table, per_sample_weights=lucid.ones(1), mode="sum"), ValueError, r"embedding_bag: expected per_sample_weights of shape \(1, 1\)"),
    (lambda: F.embedding_bag(lucid.tensor([[0]]), table, mode="min"), ValueError, "embedding_bag: mode must be 'sum', 'mean' or 'max', got 'min'"),
    (lambda: F.embedding_bag(lucid.tensor([[0]]), table, sparse=True), ValueError, "embedding_bag: sparse=True is not supported"),
    (lambda: nn.EmbeddingBag(3, 2, padding_idx=3), ValueError, "EmbeddingBag: padding_idx 3 is out of range for 3 rows"),
    (lambda: F.local_response_norm(lucid.ones(2, 3), 2), ValueError, r"local_response_norm: expected input of shape \(N, C, ...\) with at least 3 dimensions, got \(2, 3\)"),
    (lambda: F.local_response_norm(lucid.ones(2, 3, 1), 0), ValueError, "local_response_norm: size must be positive, got 0"),
    (lambda: nn.CrossMapLRN2d(3)(lucid.ones(2, 3, 1)), ValueError, r"CrossMapLRN2d: expected input of shape \(N, C, H, W\), got \(2, 3, 1\)"),
    (lambda: F.lp_pool1d(lucid.ones(2, 3), 0, 2), ValueError, "lp_pool1d: norm_type must be positive and finite, got 0"),
    (lambda: F.lp_pool2d(lucid.ones(2, 3), 2, 2), RuntimeError, r"lp_pool2d: expected a 3-d \(unbatched\) or 4-d \(batched\) input, got shape \(2, 3\)"),
    (lambda: F.lp_pool3d(lucid.ones(1, 1, 2, 2), 2, 2), RuntimeError, r"lp_pool3d: a window of \(2, 2, 2\) does not fit into an input of shape \(1, 1, 2, 2\)"),
    (lambda: nn.SyncBatchNorm(2)(lucid.ones(3)), ValueError, r"SyncBatchNorm: expected input of shape \(N, C, ...\), got \(3,\)"),
]  # fmt: skip


@pytest.mark.parametrize("call,kind,message", REFUSED)
def test_refusals(call: Callable[[], Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        call()
