"""What a plan keeps of weights, and where its values lie."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from compiler.nets import inputs, make
from compiler.test_passes import run

import lucid
import lucid.nn.functional as F
from lucid.compiler._memory import Span, arrange
from lucid.compiler._views import Strided, merged, row_major


def test_weights_are_packed_once_for_all_batch_sizes() -> None:
    compiled = run(make("mobilenet"), *inputs("mobilenet", 2))
    before = [id(p) for p, _ in compiled._packing._found.values()]
    for n in (1, 3, 7):
        compiled(*inputs("mobilenet", n))
    assert [id(p) for p, _ in compiled._packing._found.values()] == before
    assert len(compiled._plans) == 4


def test_computed_weights_are_packed_once_too() -> None:
    base = lucid.randn(40, 40)
    compiled = lucid.compile(lambda x: F.linear(x, base * 2 + base.t()))
    for n in (1, 2, 3):
        compiled(lucid.randn(n, 40))
    assert len(compiled._packing._found) == 1


@pytest.mark.parametrize("seed", range(40))
def test_spans_never_overlap_in_memory_and_time(seed: int) -> None:
    g = np.random.default_rng(seed)
    firsts = g.integers(0, 13, seed).tolist()
    spans = [Span(int(g.integers(1, 5000)), first, first + int(g.integers(0, 7))) for first in firsts]
    offsets, total = arrange(spans)
    for i, (a, at) in enumerate(zip(spans, offsets)):
        assert at % 64 == 0 and at + a.size <= total
        for b, other in list(zip(spans, offsets))[:i]:
            apart = at + a.size <= other or other + b.size <= at
            assert apart or a.last < b.first or b.last < a.first
    alive = [sum(-(-s.size // 64) * 64 for s in spans if s.first <= t <= s.last) for t in range(20)]
    assert total >= max(alive)
    assert total <= 2 * max(alive)


def test_a_chain_needs_two_buffers() -> None:
    assert arrange([Span(640, i, i + 1) for i in range(50)])[1] == 1280


def test_views_of_strides() -> None:
    base = np.arange(120, dtype=np.float32)
    x: Any = Strided(None, (2, 3, 4, 5), row_major((2, 3, 4, 5)))  # type: ignore[arg-type]

    def values(s: Any) -> np.ndarray:
        return np.lib.stride_tricks.as_strided(base[s.offset :], s.shape, [4 * v for v in s.strides])

    array = base.reshape(2, 3, 4, 5)
    moves = [lambda a: a.transpose(0, 2, 1, 3), lambda a: a[:, 1:, ::2], lambda a: a[1], lambda a: a[:, None, :, 0]]
    for move in moves:
        y = x.through(move)
        np.testing.assert_array_equal(values(y), move(array))
        shape, (strides,) = merged(y.shape, y.strides)
        np.testing.assert_array_equal(values(Strided(None, shape, strides, y.offset)).ravel(), move(array).ravel())
    assert x.through(lambda a: a[::-1]) is None  # steps backwards
    assert x.through(lambda a: a.transpose(3, 2, 1, 0)).reshaped((120,)) is None
    assert x.reshaped((6, 20)).contiguous and not x.through(lambda a: a[:, :, :, 1:]).contiguous
