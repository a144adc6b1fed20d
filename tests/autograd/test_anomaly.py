"""Gradients that become NaN are found, and the call that made them is named."""

from __future__ import annotations

import copy
import re
import threading

import pytest

import lucid
from lucid import nn
from lucid.autograd import _watching, detect_anomaly, set_detect_anomaly
from lucid.autograd._node import mode


def poisoned() -> lucid.Tensor:
    x = lucid.zeros(2, requires_grad=True)
    return (x.sqrt() * 0).sum()


def message(function: str, k: int = 0) -> str:
    return rf"^Function '{function}Backward' returned nan values in its {k}th output\. Made by "


def test_the_function_and_the_line_are_named() -> None:
    poisoned().backward()
    with detect_anomaly():
        assert lucid.is_anomaly_enabled() and lucid.is_anomaly_check_nan_enabled()
        line = r"sqrt \(.*test_anomaly.py:\d+: return \(x\.sqrt\(\) \* 0\)\.sum\(\)\)\n"
        with pytest.raises(RuntimeError, match=message("Sqrt") + line) as caught:
            poisoned().backward()
        notes = "".join(caught.value.__notes__)
        assert "in poisoned\n" in notes and "in test_the_function_and_the_line_are_named" in notes
        lucid.ones(2, requires_grad=True).exp().sum().backward()
        x = lucid.ones(2, requires_grad=True)
        with pytest.raises(RuntimeError, match=message("Mul", 1) + "mul "):
            lucid.autograd.grad(lucid.mul(lucid.full((2,), float("nan")), x).sum(), x)
    poisoned().backward()
    assert not lucid.is_anomaly_enabled()
    with detect_anomaly(check_nan=False):
        assert lucid.is_anomaly_enabled() and not lucid.is_anomaly_check_nan_enabled()
        poisoned().backward()


class Block(nn.Module):
    def forward(self, x: lucid.Tensor) -> lucid.Tensor:
        return (x * 0).sqrt() * 0


def test_the_module_is_named_by_its_path() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.ModuleDict({"inner": Block()})["inner"], nn.Sequential(Block()))
    with detect_anomaly(), pytest.raises(RuntimeError, match=message("Sqrt") + r"sqrt in Block '2\.0' \("):
        model(lucid.ones(1, 2)).sum().backward()


class Bad(lucid.autograd.Function):
    @staticmethod
    def forward(ctx, x):  # type: ignore[no-untyped-def]
        return x * 2

    @staticmethod
    def backward(ctx, dy):  # type: ignore[no-untyped-def]
        return dy * float("nan")


class Broken(Bad):
    @staticmethod
    def backward(ctx, dy):  # type: ignore[no-untyped-def]
        raise ValueError("not today")


def test_functions_of_users() -> None:
    x = lucid.ones(2, requires_grad=True)
    with detect_anomaly():
        with pytest.raises(RuntimeError, match=message("Bad") + r"Bad \(.*Bad\.apply\(x\)"):
            Bad.apply(x).sum().backward()
        with pytest.raises(ValueError, match=r"^not today\b") as caught:
            Broken.apply(x).sum().backward()
        assert "BrokenBackward was made by Broken" in caught.value.__notes__[0]
    with pytest.raises(ValueError, match=r"^not today\b") as caught:
        Broken.apply(x).sum().backward()
    assert not hasattr(caught.value, "__notes__")


def test_half_precision_and_inplace() -> None:
    for dtype in (lucid.bfloat16, lucid.float16, lucid.float64):
        x = lucid.zeros(2, dtype=dtype, requires_grad=True)
        with detect_anomaly(), pytest.raises(RuntimeError, match="Made by sqrt "):
            (x.sqrt() * 0).sum().backward()
    x = lucid.zeros(2, requires_grad=True)
    with detect_anomaly(), pytest.raises(RuntimeError, match=message("Sqrt") + r"sqrt"):
        ((x * 1).sqrt_() * 0).sum().backward()


def test_gradients_are_the_same_bits() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(inplace=True), nn.LSTM(8, 3))
    again = copy.deepcopy(model)
    x = lucid.randn(5, 4)
    model(x)[0].sum().backward()
    with detect_anomaly():
        again(x)[0].sum().backward()
    for p, q in zip(model.parameters(), again.parameters()):
        assert p.grad is not None and q.grad is not None and lucid.equal(p.grad, q.grad)


def test_nothing_is_watched_afterwards() -> None:
    with detect_anomaly():
        assert mode.trace == -1
        seen = []
        thread = threading.Thread(target=lambda: seen.append(mode.trace))
        thread.start()
        thread.join()
        assert seen == [0]
    assert mode.trace == 0 and _watching.threads.tracer is None
    y = lucid.ones(1, requires_grad=True).exp()
    assert y.grad_fn is not None and y.grad_fn.site is None


def test_compiling_inside() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU()).eval()
    x = lucid.randn(2, 3)
    with lucid.no_grad():
        expected = model(x)
        with detect_anomaly():
            y = lucid.compile(model)(x)
            assert mode.trace == -1
    assert y.shape == expected.shape and lucid.allclose(y, expected)


def test_switching_it_on_for_good() -> None:
    set_detect_anomaly(True)
    try:
        with pytest.raises(RuntimeError, match="SqrtBackward"):
            poisoned().backward()
        with set_detect_anomaly(False):
            poisoned().backward()
        assert lucid.is_anomaly_enabled()
    finally:
        lucid.set_anomaly_enabled(False)
    with pytest.raises(TypeError, match="set_anomaly_enabled: expected bools"):
        lucid.set_anomaly_enabled(1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=re.escape("detect_anomaly: check_nan must be a bool, got 1")):
        detect_anomaly(1)  # type: ignore[arg-type]
