"""Functions that look at values are noted as a whole: each call of a plan looks again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lucid
from lucid.compiler import TraceError
from lucid.compiler._whole import MODULES
from lucid.nn import functional as F

X = lucid.arange(20.0).reshape(4, 5)
FLAGS = X % 3 == 0

CALLS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "index_add": (lambda x, i, s: lucid.index_add(x, 0, i, s, alpha=2), (X, lucid.tensor([0, 3, 0]), X[:3] + 1)),
    "index_add_": (lambda x, i, s: x.clone().index_add_(0, i, s) * 2, (X, lucid.tensor([0, 3, 0]), X[:3] + 1)),
    "index_copy": (lambda x, i: lucid.index_copy(x, 1, i, lucid.zeros(4, 2)), (X, lucid.tensor([1, 4]))),
    "index_fill": (lambda x, i: x.index_fill(0, i, 2.5), (X, lucid.tensor([1, 2]))),
    "index_put": (lambda x, i, v: x.index_put((i, i), v, accumulate=True), (X, lucid.tensor([1, 1]), lucid.ones(2))),
    "take": (lambda x, i: x.take(i).sum(0), (X, lucid.tensor([[1, -1], [0, 19]]))),
    "one_hot": (lambda i: F.one_hot(i, num_classes=6).float().sum(0), (lucid.tensor([5, 0, 2]),)),
    "masked_scatter": (lambda x, m, s: x.masked_scatter(m, s), (X, FLAGS, -X)),
    "bucketize": (lambda x: lucid.bucketize(x, lucid.tensor([2.0, 7.0]), right=True), (X,)),
    "searchsorted": (lambda x, v: lucid.searchsorted(x, v), (X, X[:, ::2] + 0.5)),
    "sort": (lambda x: lucid.sort(x * (X % 2 - 0.5), 0, descending=True), (X,)),
    "topk": (lambda x: lucid.topk(x * (X % 2 - 0.5), 2, dim=1), (X,)),
    "as_strided": (lambda x: x.as_strided((2, 2), (1, 5), 3), (X,)),
    "embedding_bag": (lambda i: F.embedding_bag(i, X), (lucid.tensor([[0, 1], [3, 3]]),)),
}


def results(y: Any) -> list[Any]:
    return list(y) if isinstance(y, tuple) else [y]


@pytest.mark.parametrize("name", CALLS)
def test_calls_read_their_own_values(name: str, tmp_path: Path) -> None:
    function, operands = CALLS[name]
    compiled = lucid.compile(function)
    other = tuple([lucid.flip(x, [0]) for x in operands])
    path = tmp_path / "plan"
    compiled(*operands)
    compiled.save(path)
    for run in (compiled, lucid.load_compiled(path)):
        for args in (other, operands):
            expected = function(*args)
            found = run(*args)
            assert type(found) is type(expected)
            for y, e in zip(results(found), results(expected), strict=True):
                assert y.dtype is e.dtype and np.array_equal(y.numpy(), e.numpy()), name
                assert not any(np.may_share_memory(y.numpy(), x.numpy()) for x in args)


def test_places_are_checked_in_every_call() -> None:
    compiled = lucid.compile(lambda x, i: lucid.index_fill(x, 0, i, 1.0))
    compiled(X, lucid.tensor([0, 3]))
    with pytest.raises(IndexError, match="^index_fill: index 4 is out of range for dimension 0 of size 4"):
        compiled(X, lucid.tensor([0, 4]))


def test_what_is_not_pure_stays_refused() -> None:
    out = lucid.zeros(2)
    for function, message in (
        (lambda x, i: F.one_hot(i), "one_hot .* reads the values"),  # the largest decides the shape
        (lambda x, i: F.embedding_bag(i[None], X.clone(), max_norm=1.0), "embedding_bag .* reads the values"),
        (lambda x, i: lucid.take(x, i, out=out), "take .* writes to a tensor from outside"),
    ):
        with pytest.raises(TraceError, match=message):
            lucid.compile(function)(X, lucid.tensor([0, 3]))
    assert out.tolist() == [0, 0]


def test_errors_of_the_function_are_its_own() -> None:
    with pytest.raises(RuntimeError, match="^take: expected an int64 index, got lucid.float32") as found:
        lucid.compile(lambda x, i: lucid.take(x, i.float()))(X, lucid.tensor([0, 3]))
    assert not isinstance(found.value, TraceError)


def test_functions_that_are_listed_exist() -> None:
    for name, module in MODULES.items():
        place = lucid
        for part in module.split(".")[1:]:
            place = getattr(place, part)
        assert callable(getattr(place, name)), name
