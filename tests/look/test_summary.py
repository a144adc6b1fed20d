"""Tables of models and counts of arithmetic, against numbers worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

import lucid
import lucid.nn.functional as F
from lucid import nn


def test_convolutional_network() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.Sequential(nn.MaxPool2d(2)), nn.Flatten(),
                          nn.Linear(128, 10))  # fmt: skip
    model[0].weight.requires_grad_(False)
    before = lucid.get_rng_state()
    s = lucid.summary(model, (2, 3, 8, 8))
    assert lucid.equal(before, lucid.get_rng_state()) and model.training and model[1].num_batches_tracked.item() == 0
    assert all(m._hooks is None for m in model.modules())
    assert s.parameters == 224 + 16 + 1290 and s.trainable == s.parameters - 216
    assert s.macs == 2 * 64 * 8 * 27 + 2 * 128 * 10
    assert s.flops == 2 * s.macs + 1024 + 20 + 2 * 1024 + 256 * 4 and s.uncounted == {}
    assert [r.path for r in s.layers] == ["", "0", "1", "2", "2.0", "3", "4"]
    assert s.layers[4].output_shape == (2, 8, 4, 4) and s.layers[0].input_shape == (2, 3, 8, 8)
    assert s.input_bytes == 1536 and s.parameter_bytes == 4 * s.parameters
    assert s.activation_bytes == 4 * (1024 + 1024 + 256 + 20) + 8 * 256  # the places of the maxima are int64
    held = s.parameter_bytes + s.buffer_bytes
    assert s.peak_bytes == held + 1536 + 4 * 2048
    assert sum(r.parameters for r in s.layers) == s.parameters and sum(r.flops for r in s.layers) == s.flops
    short = lucid.summary(model, input=lucid.ones(2, 3, 8, 8), depth=0)
    assert len(short.layers) == 1 and short.layers[0].flops == s.flops and short.layers[0].parameters == s.parameters
    assert "multiply-adds 30,208, floating-point operations 64,532" in str(s)


def test_recurrent_shared_and_uncalled() -> None:
    s = lucid.summary(nn.LSTM(4, 8), (5, 2, 4))
    assert s.macs == 10 * (32 * 4 + 32 * 8) and s.layers[0].output_shape == [(5, 2, 8), [(1, 2, 8), (1, 2, 8)]]
    shared = nn.Linear(4, 4)
    s = lucid.summary(nn.Sequential(shared, nn.ReLU(), nn.Sequential(shared)), (2, 4))
    assert s.parameters == 20 and s.layers[-1].shared_with == "0" and s.layers[-1].parameters == 0 and s.macs == 64

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.unused = nn.Embedding(10, 4), nn.Linear(4, 4)

        def forward(self, i: lucid.Tensor, scale: float = 1.0) -> Any:
            y = self.a(i)
            return {"sum": (y * scale).sum(), "all": [y, self.a(i)]}

    s = lucid.summary(Net(), (3, 2), dtypes=[lucid.int64])
    assert s.layers[0].output_shape == {"sum": (), "all": [(3, 2, 4), (3, 2, 4)]} and s.layers[1].calls == 2
    assert s.layers[2].calls == 0 and "not called" in str(s) and s.flops == 48
    assert lucid.summary(Net(), input={"i": lucid.zeros(3, dtype=lucid.int64), "scale": 2.0}).flops == 24


def test_counts() -> None:
    assert lucid.count_flops(lambda a, b: a @ b, lucid.ones(5, 2, 3), lucid.ones(3, 4)).macs == 5 * 2 * 3 * 4
    q, k = lucid.ones(1, 2, 3, 4), lucid.ones(1, 2, 5, 4)
    count = lucid.count_flops(F.scaled_dot_product_attention, q, k, k)
    assert count.macs == 2 * 3 * 5 * 8 and count.flops == 2 * count.macs + 6 * 30
    assert lucid.count_flops(F.scaled_dot_product_attention, q, q, q, is_causal=True).macs == 2 * 6 * 8
    assert lucid.count_flops(nn.ConvTranspose2d(3, 6, 3, bias=False), lucid.ones(1, 3, 4, 4)).macs == 48 * 6 * 9
    count = lucid.count_flops(lucid.linalg.inv, lucid.eye(3))
    assert count.flops == 0 and dict(count.uncounted) == {"Inverse": 1} and "not counted: Inverse" in str(count)
    assert int(lucid.count_flops(nn.SiLU(), lucid.ones(7))) == 7


def test_refusals() -> None:
    with pytest.raises(TypeError, match="^summary: expected a Module, got function$"):
        lucid.summary(lambda x: x, (1,))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="^summary: give one of input_size and input$"):
        lucid.summary(nn.ReLU())
    with pytest.raises(ValueError, match="^summary: depth must be a number from 0, got -1$"):
        lucid.summary(nn.ReLU(), (1,), depth=-1)
    with pytest.raises(ValueError, match="^summary: got 1 shapes and 2 dtypes$"):
        lucid.summary(nn.ReLU(), (1,), dtypes=[None, None])
    with pytest.raises(TypeError, match="^count_flops: expected a module or a function, got int$"):
        lucid.count_flops(3)
    model = nn.Sequential(nn.Linear(3, 3))
    with pytest.raises(RuntimeError, match="^Linear '0': expected last dimension 3, got 4 "):
        lucid.summary(model, (1, 4))
    assert model[0]._hooks is None and model.training
