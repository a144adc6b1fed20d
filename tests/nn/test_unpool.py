"""Max unpooling, fractional max pooling, adaptive softmax: modules beside PyTorch's, refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from nn.parity import close, compare, draw, exchange, torch

import lucid
import lucid.nn.functional as F
from lucid import nn


@pytest.mark.parametrize("spatial", [1, 2])
def test_unpooling_undoes_pooling(spatial: int) -> None:
    x = lucid.randn(2, 3, *(8,) * spatial, requires_grad=True)
    pool, unpool = (getattr(nn, f"{name}{spatial}d") for name in ("MaxPool", "MaxUnpool"))
    y, i = pool(3, stride=2, padding=1, return_indices=True)(x)
    z = unpool(3, stride=2, padding=1)(y, i, output_size=x.shape)
    kept = z.detach().numpy() != 0
    np.testing.assert_array_equal(z.detach().numpy(), np.where(kept, x.detach().numpy(), 0))
    assert kept.any()
    z.sum().backward()
    assert x.grad is not None and (x.grad.numpy() != 0).tolist() == kept.tolist()


@pytest.mark.parity
@pytest.mark.parametrize("spatial", [1, 2, 3])
def test_unpool_modules_match_pytorch(spatial: int) -> None:
    t = torch()
    x = draw(2, 3, *(7, 6, 5)[:spatial])
    y, i = getattr(t.nn.functional, f"max_pool{spatial}d")(t.tensor(x), 2, return_indices=True)
    for size in (None, x.shape, x.shape[2:]):
        ours, theirs = getattr(nn, f"MaxUnpool{spatial}d")(2), getattr(t.nn, f"MaxUnpool{spatial}d")(2)
        assert repr(ours) == repr(theirs)
        if size is None and any(n % 2 for n in x.shape[2:]):
            continue  # indices beyond the smaller result
        compare(lambda a: ours(a, lucid.tensor(i.numpy()), size), lambda a: theirs(a, i, size), y.numpy())  # noqa: B023


@pytest.mark.parity
@pytest.mark.parametrize("spatial", [2, 3])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_fractional_max_pool_matches_pytorch(spatial: int, dtype: str) -> None:
    t = torch()
    x = draw(3, 4, *(17, 20, 13)[:spatial], dtype=dtype)
    samples = np.random.default_rng(0).uniform(0, 1, (3, 4, spatial)).astype(dtype)
    for p in (
        dict(output_ratio=0.61),
        dict(output_ratio=(0.5, 0.7, 0.8)[:spatial]),
        dict(output_size=(9, 4, 2)[:spatial]),
    ):
        ours, theirs = (
            getattr(m.nn, f"FractionalMaxPool{spatial}d")(3, return_indices=True, _random_samples=s, **p)
            for m, s in ((lucid, lucid.tensor(samples)), (t, t.tensor(samples)))
        )
        assert repr(ours) == repr(theirs) and list(ours.state_dict()) == list(theirs.state_dict())
        close(ours(lucid.tensor(x))[1], theirs(t.tensor(x))[1], "indices", dtype)
        compare(lambda a: ours(a)[0], lambda a: theirs(a)[0], x, dtype=dtype)  # noqa: B023


def test_fractional_max_pool_draws_its_windows() -> None:
    x = lucid.arange(30.0 * 30).reshape(1, 30, 30)
    pool = nn.FractionalMaxPool2d(2, output_size=13)
    assert pool(x).tolist() != pool(x).tolist()
    lucid.manual_seed(1)
    first = pool(x)
    lucid.manual_seed(1)
    assert lucid.equal(pool(x), first) and first.shape == (1, 13, 13) and first[0, -1, -1].item() == 899


@pytest.mark.parity
@pytest.mark.parametrize("options", [{}, {"head_bias": True, "div_value": 2.0}])
def test_adaptive_softmax_matches_pytorch(options: dict[str, Any]) -> None:
    t = torch()
    ours, theirs = (m.nn.AdaptiveLogSoftmaxWithLoss(16, 40, [5, 12, 30], **options).double() for m in (lucid, t))
    assert repr(ours) == repr(theirs)
    exchange(ours, theirs)
    for targets in (np.array([0, 4, 5, 11, 12, 29, 30, 39]), np.array([3, 3]), np.array([35])):
        x = draw(len(targets), 16)
        compare(lambda a: ours(a, lucid.tensor(targets)).output, lambda a: theirs(a, t.tensor(targets)).output, x)  # noqa: B023
        compare(lambda a: ours(a, lucid.tensor(targets)).loss, lambda a: theirs(a, t.tensor(targets)).loss, x)  # noqa: B023
    x = draw(50, 16) * 3
    compare(ours.log_prob, theirs.log_prob, x)
    assert (
        ours.predict(lucid.tensor(x)).tolist()
        == theirs.predict(t.tensor(x)).tolist()
        == ours.log_prob(lucid.tensor(x)).argmax(1).tolist()
    )
    y, loss = ours(lucid.tensor(x[0]), lucid.tensor(20))
    assert y.shape == loss.shape == () and loss.item() == -y.item()


one, index = lucid.ones(1, 1, 2), lucid.tensor([[[0, 1]]])
softmax = nn.AdaptiveLogSoftmaxWithLoss(4, 10, [3])
REFUSED: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: F.max_unpool1d(one, index.int(), 2), RuntimeError, r"max_unpool1d: expected int64 indices of shape \(1, 1, 2\), got lucid.int32"),
    (lambda: F.max_unpool1d(one, index + 4, 2), RuntimeError, r"max_unpool1d: index 5 is out of range for a result of \(4,\)"),
    (lambda: F.max_unpool1d(one, index, 2, output_size=(9,)), ValueError, r"max_unpool1d: expected output_size between \[3\] and \[5\], got \(9,\)"),
    (lambda: F.max_unpool1d(one, index, 2, output_size=(9, 9)), ValueError, r"max_unpool1d: expected output_size with 1 or 3 entries, got \(9, 9\)"),
    (lambda: F.max_unpool3d(one, index, 2), RuntimeError, r"max_unpool3d: expected a 4-d \(unbatched\) or 5-d \(batched\) input, got shape \(1, 1, 2\)"),
    (lambda: F.fractional_max_pool2d(lucid.ones(1, 4, 4), 2), ValueError, "fractional_max_pool2d: expected exactly one of output_size and output_ratio"),
    (lambda: F.fractional_max_pool2d(lucid.ones(1, 4, 4), 2, 4), RuntimeError, r"fractional_max_pool2d: \(4, 4\) windows of \(2, 2\) do not fit into an input of shape \(1, 4, 4\)"),
    (lambda: F.fractional_max_pool3d(lucid.ones(1, 4, 4), 2, 2), RuntimeError, "fractional_max_pool3d: expected a 4-d"),
    (lambda: F.fractional_max_pool2d(lucid.ones(1, 4, 4), 2, 2, _random_samples=lucid.ones(2, 1, 2)), RuntimeError, r"fractional_max_pool2d: expected _random_samples of shape \(1, 1, 2\)"),
    (lambda: nn.FractionalMaxPool2d(2, output_ratio=1.5), ValueError, "FractionalMaxPool2d: output_ratio must be one number or 2 between 0 and 1, got 1.5"),
    (lambda: nn.FractionalMaxPool2d(2, output_ratio="half"), TypeError, "FractionalMaxPool2d: output_ratio must be one number or 2, got 'half'"),
    (lambda: nn.FractionalMaxPool3d(2), ValueError, "FractionalMaxPool3d: expected exactly one of output_size and output_ratio"),
    (lambda: nn.AdaptiveLogSoftmaxWithLoss(4, 10, [5, 5]), ValueError, r"AdaptiveLogSoftmaxWithLoss: expected cutoffs to be integers that rise from at least 1 to at most n_classes - 1 = 9, got \[5, 5\]"),
    (lambda: nn.AdaptiveLogSoftmaxWithLoss(4, 10, []), ValueError, r"AdaptiveLogSoftmaxWithLoss: expected cutoffs to be integers .*, got \[\]"),
    (lambda: softmax(lucid.ones(2, 4), lucid.tensor([0, 10])), RuntimeError, "AdaptiveLogSoftmaxWithLoss: expected targets between 0 and 9, got 0 to 10"),
    (lambda: softmax(lucid.ones(2, 4), lucid.tensor([0])), RuntimeError, r"AdaptiveLogSoftmaxWithLoss: expected input \(N, in_features\) with target \(N,\), .*, got \(2, 4\) and \(1,\)"),
    (lambda: softmax(lucid.ones(1, 4), lucid.ones(1)), RuntimeError, "AdaptiveLogSoftmaxWithLoss: expected integer targets, got lucid.float32"),
]  # fmt: skip


@pytest.mark.parametrize("call,kind,message", REFUSED)
def test_refusals(call: Callable[[], Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        call()
