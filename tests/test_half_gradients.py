"""float16 and bfloat16: gradients, products, optimizers, modules and training."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import lucid
import lucid.nn.functional as F
from lucid import nn

both = pytest.mark.parametrize("dtype", [lucid.float16, lucid.bfloat16], ids=["float16", "bfloat16"])


@both
def test_a_custom_function_gets_gradients_in_half_precision(dtype: Any) -> None:
    seen = []

    class Double(lucid.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

        @staticmethod
        def backward(ctx: Any, dy: Any) -> Any:
            seen.append(dy.dtype)
            return dy * 2

    x = lucid.ones(2, dtype=dtype, requires_grad=True)
    y = Double.apply(x)
    y.sum().backward()
    assert y.dtype is dtype and seen == [dtype] and x.grad.tolist() == [2, 2]


def test_sums_are_rounded_once() -> None:
    x = lucid.ones(1000, dtype=lucid.bfloat16) * (1 + 2.0**-7)
    assert x.sum().item() == lucid.tensor(1000 * (1 + 2.0**-7)).bfloat16().item()  # in bfloat16 alone: 256
    assert (
        x.sum(dtype=lucid.float32).item() == 1000 * (1 + 2.0**-7)
        and lucid.ones(3).sum(dtype=lucid.float16).dtype is lucid.float16
    )
    assert F.softmax(x, 0, dtype=lucid.float32).dtype is lucid.float32
    assert F.softmax(lucid.ones(3), 0, dtype=lucid.bfloat16).dtype is lucid.bfloat16


def test_products_refuse_mixed_dtypes() -> None:
    x, w = lucid.ones(2, 3, dtype=lucid.bfloat16), lucid.ones(2, 3)
    with pytest.raises(RuntimeError, match="^linear: expected operands of the same dtype, got bfloat16 and float32"):
        F.linear(x, w)
    with pytest.raises(RuntimeError, match="^matmul: expected operands of the same dtype, got bfloat16 and float16"):
        x @ w.T.half()


@both
def test_normalisation_with_float32_parameters(dtype: Any) -> None:
    x = lucid.randn(4, 6).to(dtype)
    assert (
        nn.LayerNorm(6)(x).dtype
        is F.group_norm(x, 2, lucid.ones(6)).dtype
        is F.rms_norm(x, (6,), lucid.ones(6)).dtype
        is dtype
    )
    norm = nn.BatchNorm1d(6).to(dtype)
    assert norm.running_mean.dtype is dtype and norm(x).dtype is dtype
    assert norm.running_mean.tolist() == pytest.approx((0.1 * x.float().mean(0)).tolist(), rel=1e-2, abs=1e-4)


@both
@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop"])
def test_optimizers_step_in_float32_and_round(name: str, dtype: Any) -> None:
    start, gradient = lucid.randn(20).to(dtype), lucid.randn(20).to(dtype)
    found = []
    for p in (start.clone(), start.float()):
        p.requires_grad_()
        optimizer = getattr(lucid.optim, name)([p], lr=0.1, **({"momentum": 0.9} if name == "SGD" else {}))
        p.grad = gradient.to(p.dtype)
        optimizer.step()
        found.append((p, optimizer))
    assert found[0][0].dtype is dtype and found[0][0].equal(found[1][0].to(dtype))
    state = found[0][1].state_dict()
    assert all(v.dtype is lucid.float32 for v in state["state"][0].values() if isinstance(v, lucid.Tensor))
    found[0][1].load_state_dict(state)
    found[0][1].step()


@both
def test_clipping(dtype: Any) -> None:
    p = nn.Parameter(lucid.zeros(2, dtype=dtype))
    p.grad = lucid.tensor([3.0, 4.0], dtype=dtype)
    assert nn.utils.clip_grad_norm_(p, 1.0).dtype is dtype and p.grad.tolist() == pytest.approx([0.6, 0.8], rel=1e-2)
    nn.utils.clip_grad_value_(p, 0.5)
    assert p.grad.tolist() == [0.5, 0.5]


MODULES: list[tuple[Any, tuple[int, ...]]] = [
    (lambda: nn.Conv2d(3, 4, 3), (2, 3, 6, 6)), (lambda: nn.ConvTranspose2d(3, 4, 3), (2, 3, 6, 6)), (lambda: nn.LSTM(3, 4, 2, bidirectional=True), (5, 2, 3)),
    (lambda: nn.GRUCell(3, 4), (2, 3)), (lambda: nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0), (5, 2, 8)), (lambda: nn.MaxPool2d(2), (1, 2, 4, 4)),
    (lambda: nn.Sequential(nn.Linear(3, 8), nn.GELU(), nn.LayerNorm(8), nn.Dropout(0.0), nn.Linear(8, 2), nn.LogSoftmax(1)), (4, 3)),
    (lambda: nn.utils.parametrizations.weight_norm(nn.Linear(3, 2)), (4, 3)), (lambda: nn.Upsample(scale_factor=2, mode="bilinear"), (1, 2, 4, 4)),
    (lambda: nn.utils.parametrizations.spectral_norm(nn.Linear(3, 2)), (4, 3)), (lambda: nn.PReLU(), (3, 3)), (lambda: nn.Bilinear(3, 3, 2), (4, 3)),
]  # fmt: skip


@both
@pytest.mark.parametrize("index", range(len(MODULES)))
def test_modules(index: int, dtype: Any) -> None:
    lucid.manual_seed(0)
    make, shape = MODULES[index]
    module = make().to(dtype)
    wide = copy.deepcopy(module).float()
    x = lucid.randn(*shape).to(dtype)
    results = []
    for m, data in ((module, x), (wide, x.float())):
        data = data.clone().requires_grad_()
        y = m(data, data) if isinstance(m, nn.Bilinear) else m(data)
        y = y[0] if isinstance(y, tuple) else y
        y.sum().backward()
        results.append((y, data.grad, [p.grad for p in m.parameters()]))
    (y, dx, grads), (wide_y, wide_dx, wide_grads) = results
    tolerance = 30 * lucid.finfo(dtype).eps
    for a, e in [(y, wide_y), (dx, wide_dx), *zip(grads, wide_grads, strict=True)]:
        assert a.dtype is dtype and e.dtype is lucid.float32
        e = e.detach()
        np.testing.assert_allclose(
            a.detach().float().numpy(), e.numpy(), tolerance, tolerance * max(1, e.abs().max().item())
        )


@both
def test_training_reaches_what_float32_reaches(dtype: Any) -> None:
    lucid.manual_seed(0)
    x = lucid.randn(256, 2)
    target = (x[:, 0] * x[:, 1] > 0).long()
    model = nn.Sequential(nn.Linear(2, 32), nn.SiLU(), nn.Linear(32, 2)).to(dtype)
    optimizer = lucid.optim.AdamW(model.parameters(), lr=0.02)
    for _ in range(150):
        optimizer.zero_grad()
        F.cross_entropy(model(x.to(dtype)), target).backward()
        optimizer.step()
    assert (model(x.to(dtype)).argmax(1) == target).float().mean().item() > 0.93


def test_load_state_dict_converts() -> None:
    source = nn.Linear(3, 2)
    target = nn.Linear(3, 2).bfloat16()
    target.load_state_dict(source.state_dict())
    assert target.weight.dtype is lucid.bfloat16 and target.weight.equal(source.weight.bfloat16())
    source.load_state_dict(target.state_dict())
    assert source.weight.dtype is lucid.float32 and source.half().weight.dtype is lucid.float16
