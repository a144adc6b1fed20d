"""While a trace is made, large operations are not computed; what needs values is traced with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compiler.nets import NETS, inputs, make

import lucid
from lucid import nn
from lucid._functions.conv import Convolution
from lucid._functions.rnn import Recurrent
from lucid.compiler._imagine import BY_SAMPLE, SHAPES, blank


def resident() -> int:
    """Bytes that the process holds; 0 where the system does not say."""
    statistics = Path("/proc/self/statm")
    return int(statistics.read_text().split()[1]) * 4096 if statistics.exists() else 0


@pytest.mark.parametrize("name", NETS)
def test_shapes_are_those_of_the_operations(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every imagined result, beside the real one."""
    from lucid.compiler import _trace

    seen = []
    imagine = _trace.imagine

    def both(operation: Any, args: tuple[Any, ...]) -> Any:
        found = imagine(operation, args)
        if found is not None:
            y = _trace.run(operation, args)
            real = [t._data for t in (y if isinstance(y, tuple) else (y,))]
            assert [(a.shape, a.dtype) for a in real] == [(a.shape, a.dtype) for a in found], operation
            assert all(a.flags.c_contiguous and not a.any() for a in found)
            seen.append(operation)
        return found

    monkeypatch.setattr(_trace, "imagine", both)
    lucid.compile(make(name).eval())(*inputs(name, 2))
    assert len(seen) > 1 and set(seen) <= {*SHAPES, *BY_SAMPLE, Recurrent}


def test_first_calls_compute_nothing_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    forward = Convolution.forward
    monkeypatch.setattr(Convolution, "forward", lambda self, *args: calls.append(1) or forward(self, *args))
    net = nn.Sequential(nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 4, 3)).eval()
    x = lucid.randn(4, 3, 20, 20)
    y = lucid.compile(net)(x)
    assert not calls
    with lucid.no_grad():
        np.testing.assert_allclose(y.numpy(), net(x).numpy(), rtol=1e-4, atol=1e-5)
    assert len(calls) == 2


def test_what_refuses_zeros_is_traced_with_values() -> None:
    def solve(x: Any) -> Any:
        return lucid.linalg.cholesky(x @ x.mT)

    def cautious(x: Any) -> Any:
        try:
            return lucid.linalg.cholesky(x @ x.mT)
        except RuntimeError:
            return x

    for function in (solve, cautious):
        compiled = lucid.compile(function)
        for x in (lucid.randn(3, 8), lucid.randn(3, 8)):
            np.testing.assert_allclose(compiled(x).numpy(), function(x).numpy(), rtol=1e-4, atol=1e-5)


def test_wrong_arguments_are_refused_by_the_operations() -> None:
    with pytest.raises(RuntimeError, match="^Conv2d '0': expected"):
        lucid.compile(nn.Sequential(nn.Conv2d(3, 4, 3)).eval())(lucid.randn(2, 5, 8, 8))
    with pytest.raises((RuntimeError, ValueError), match="^Linear '0': expected"):
        lucid.compile(nn.Sequential(nn.Linear(3, 4)).eval())(lucid.randn(2, 5))
    table = nn.Sequential(nn.Embedding(4, 3)).eval()
    with pytest.raises(IndexError, match="index 7 is out of range"):
        lucid.compile(table)(lucid.tensor([1, 7]))


def test_imagined_memory_is_not_there() -> None:
    before = resident()
    x = blank((256, 1024, 1024), np.dtype(np.float32))  # a gigabyte
    assert resident() - before < 1 << 24
    assert x.flags.writeable and x[255, 1023, 1023] == 0
