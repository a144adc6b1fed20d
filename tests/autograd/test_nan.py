"""The first operation that makes NaN or an infinity is found."""

from __future__ import annotations

import pytest

import lucid
import lucid.nn.functional as F
from lucid import nn
from lucid.autograd import NaNError, detect_nan


def test_the_module_the_operation_and_the_operands_are_named() -> None:
    model = nn.Sequential(nn.Sequential(nn.Conv2d(1, 1, 1), nn.ReLU()), nn.Conv2d(1, 1, 1, bias=False), nn.Softmax(1))
    model[1].weight.data.fill_(3e38)
    model[0][0].weight.data.fill_(1.0)
    x = lucid.full((1, 1, 2, 2), 4.0)
    model(x)
    with detect_nan(), pytest.raises(NaNError) as caught:
        model(x)
    text = str(caught.value)
    assert text.startswith(
        "Conv2d '1' (operation conv2d) made inf from finite input: 4 of 4 values, output (1, 1, 2, 2); "
    )
    assert "weight (1, 1, 1, 1) min 3e+38 max 3e+38 (" in text and "\n" not in text
    assert isinstance(caught.value, FloatingPointError)


def test_the_first_is_named_and_what_was_there_is_let_through() -> None:
    with detect_nan(), pytest.raises(NaNError, match=r"^operation log made NaN from finite input: 1 of 2 values, "):
        F.softmax(lucid.tensor([-1.0, 1.0]).log() * 2, 0)
    with detect_nan():
        scores = lucid.zeros(2, 2).masked_fill(lucid.tensor([[False, True], [False, False]]), float("-inf"))
        assert F.softmax(scores, 1).isfinite().all()
        assert (lucid.tensor([float("nan")]) * 2).isnan().all()
        assert lucid.full((2,), float("inf")).exp().isinf().all()
        with pytest.raises(NaNError, match=r"^operation sub made NaN from input that holds inf: "):
            x = lucid.full((2,), float("inf"))
            lucid.sub(x, x)


def test_infinities_only_where_asked() -> None:
    x = lucid.zeros(3)
    with detect_nan(), pytest.raises(NaNError, match="^operation log made inf from finite input: 3 of 3 values"):
        x.log()
    with detect_nan(inf=False):
        assert x.log().isinf().all()
    with pytest.raises(TypeError, match="^detect_nan: inf must be a bool, got 1$"):
        detect_nan(1)  # type: ignore[arg-type]


def test_backward_passes_are_let_through_and_nesting() -> None:
    x = lucid.zeros(2, requires_grad=True)
    guard = detect_nan()
    with guard, lucid.autograd.detect_anomaly(check_nan=False):
        (x.sqrt() * 0).sum().backward()
        with guard:
            lucid.autograd.grad((x.sqrt() * 0).sum(), x, create_graph=True)
    assert x.grad is not None and x.grad.isnan().all()
    x.log()


def test_half_precision() -> None:
    with detect_nan(), pytest.raises(NaNError, match="operation "):
        lucid.full((4,), 60000.0, dtype=lucid.float16) * 2
    with detect_nan(), pytest.raises(NaNError, match="operation sqrt made NaN"):
        lucid.full((4,), -1.0, dtype=lucid.bfloat16).sqrt()
