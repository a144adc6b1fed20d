"""Clipping, vectors of parameters, fused batch norm."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from nn.parity import close, draw, torch

import lucid
from lucid import nn
from lucid.nn import utils

NAN, INF = math.nan, math.inf


def with_gradients(*grads: Any) -> list[nn.Parameter]:
    parameters = []
    for g in grads:
        p = nn.Parameter(lucid.zeros(*np.shape(g)))
        p.grad = None if g is None else lucid.tensor(np.asarray(g, np.float32))
        parameters.append(p)
    return parameters


@pytest.mark.parametrize(
    "norm_type, expected", [(2.0, 13.0), (1.0, 19.0), (INF, 12.0), (3.0, (27 + 64 + 1728) ** (1 / 3))]
)
def test_total_norm(norm_type: float, expected: float) -> None:
    parameters = with_gradients([3.0, -4.0], [[-12.0]], None)
    total = utils.grad_norm(parameters, norm_type)
    assert total.shape == () and total.dtype is lucid.float32
    assert total.item() == pytest.approx(expected, rel=1e-6)
    assert utils.get_total_norm([p.grad for p in parameters if p.grad is not None], norm_type).item() == total.item()


def test_norm_neither_overflows_nor_vanishes_in_float32() -> None:
    assert utils.grad_norm(with_gradients([3e30, 4e30])).item() == pytest.approx(5e30, rel=1e-6)
    assert utils.grad_norm(with_gradients([3e-30, 4e-30])).item() == pytest.approx(5e-30, rel=1e-6)


def test_clip_grad_norm_scales_all_by_one_factor_and_returns_the_norm_before() -> None:
    parameters = with_gradients([3.0, -4.0], [[-12.0]])
    assert utils.clip_grad_norm_(parameters, 1.3).item() == 13.0
    assert parameters[0].grad is not None and parameters[1].grad is not None
    np.testing.assert_allclose(parameters[0].grad.numpy(), [0.3, -0.4], rtol=1e-6)
    np.testing.assert_allclose(parameters[1].grad.numpy(), [[-1.2]], rtol=1e-6)


def test_small_gradients_keep_their_bits() -> None:
    (p,) = with_gradients([0.1, 0.2])
    assert p.grad is not None
    before = p.grad.numpy().tobytes()
    utils.clip_grad_norm_([p], 1.0)
    assert p.grad.numpy().tobytes() == before


def test_one_tensor_no_gradients_generators_and_shared_gradients() -> None:
    (p,) = with_gradients([30.0, 40.0])
    assert utils.clip_grad_norm_(p, 5.0).item() == 50.0
    assert p.grad is not None and p.grad.tolist() == pytest.approx([3.0, 4.0], rel=1e-6)
    assert utils.clip_grad_norm_([], 1.0).item() == 0.0
    assert utils.clip_grad_norm_((q for q in with_gradients(None, [2.0])), 1.0).item() == 2.0
    p.grad = lucid.tensor([30.0, 40.0])
    utils.clip_grads_with_norm_([p, p], 5.0, lucid.tensor(50.0))
    assert p.grad.tolist() == pytest.approx([3.0, 4.0], rel=1e-6)


def test_gradients_that_are_not_contiguous() -> None:
    p = nn.Parameter(lucid.zeros(2, 3, dtype=lucid.float64))
    p.grad = lucid.tensor(draw(3, 2)).t()
    before = p.grad.numpy().copy()
    total = utils.clip_grad_norm_([p], 0.5)
    np.testing.assert_allclose(total.item(), np.linalg.norm(before), rtol=1e-12)
    np.testing.assert_allclose(p.grad.numpy(), before * 0.5 / np.linalg.norm(before), rtol=1e-5)
    utils.clip_grad_value_([p], 0.1)
    assert np.abs(p.grad.numpy()).max() <= 0.1


@pytest.mark.parametrize("bad", [NAN, INF])
def test_nonfinite_norms(bad: float) -> None:
    (p,) = with_gradients([bad, 1.0])
    with pytest.raises(RuntimeError, match=r"^the total norm of order 2\.0 is non-finite .*error_if_nonfinite=False"):
        utils.clip_grad_norm_([p], 1.0, error_if_nonfinite=True)
    assert p.grad is not None and p.grad.tolist()[1] == 1.0
    for norm_type in (2.0, INF):
        assert not math.isfinite(utils.grad_norm(p, norm_type).item())
    utils.clip_grad_norm_([p], 1.0)
    assert math.isnan(p.grad.tolist()[0]) and (math.isnan(p.grad.tolist()[1]) or bad == INF)


def test_norm_type_must_be_positive() -> None:
    with pytest.raises(ValueError, match=r"^clip_grad_norm_: norm_type must be positive, got 0"):
        utils.clip_grad_norm_(with_gradients([1.0]), 1.0, norm_type=0)


def test_clip_grad_value() -> None:
    (p,) = with_gradients([-3.0, 0.5, 2.0, NAN])
    utils.clip_grad_value_(p, 1.0)
    assert p.grad is not None
    np.testing.assert_array_equal(p.grad.numpy(), np.array([-1.0, 0.5, 1.0, NAN], np.float32))


def test_parameters_to_vector_and_back() -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
    vector = utils.parameters_to_vector(model.parameters())
    assert vector.shape == (11,) and vector.requires_grad
    other = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
    memory = [p.data_ptr() for p in other.parameters()]
    utils.vector_to_parameters(vector, other.parameters())
    for p, q in zip(model.parameters(), other.parameters()):
        assert lucid.equal(p, q) and q.is_leaf and q.requires_grad
    assert [p.data_ptr() for p in other.parameters()] == memory
    with lucid.no_grad():
        vector.zero_()
    assert other[0].weight.any().item()


def test_vector_errors_change_nothing() -> None:
    linear = nn.Linear(2, 1)
    before = linear.weight.tolist()
    for wrong in (lucid.zeros(4), lucid.zeros(3, 1)):
        with pytest.raises(ValueError, match=r"^vector_to_parameters: expected shape \(3,\), got \("):
            utils.vector_to_parameters(wrong, linear.parameters())
    assert linear.weight.tolist() == before
    with pytest.raises(ValueError, match=r"^parameters_to_vector: expected at least one parameter, got none"):
        utils.parameters_to_vector([])


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("kind", ["conv1d", "conv2d", "linear"])
def test_fused_layer_computes_the_same(bias: bool, affine: bool, kind: str) -> None:
    f64 = lucid.float64
    layer, bn, shape = {
        "conv1d": (nn.Conv1d(4, 6, 3, groups=2, bias=bias, dtype=f64), nn.BatchNorm1d(6, affine=affine, dtype=f64), (5, 4, 9)),
        "conv2d": (nn.Conv2d(4, 6, 3, padding=1, bias=bias, dtype=f64), nn.BatchNorm2d(6, affine=affine, dtype=f64), (5, 4, 6, 7)),
        "linear": (nn.Linear(4, 6, bias=bias, dtype=f64), nn.BatchNorm1d(6, affine=affine, dtype=f64), (5, 4)),
    }[kind]  # fmt: skip
    for p in bn.parameters():
        nn.init.normal_(p)
    x = lucid.tensor(draw(*shape))
    bn(layer(x))
    layer.eval()
    bn.eval()
    before = layer.weight.tolist()
    fuse = utils.fuse_linear_bn_eval if kind == "linear" else utils.fuse_conv_bn_eval
    fused = fuse(layer, bn)  # type: ignore[arg-type]
    assert type(fused) is type(layer) and layer.weight.tolist() == before and (layer.bias is None) is not bias
    np.testing.assert_allclose(fused(x).detach().numpy(), bn(layer(x)).detach().numpy(), rtol=1e-10, atol=1e-12)


def test_fusion_errors() -> None:
    conv, bn = nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)
    with pytest.raises(ValueError, match=r"^fuse_conv_bn_eval: both modules must be in evaluation mode"):
        utils.fuse_conv_bn_eval(conv, bn)
    with pytest.raises(ValueError, match=r"^fuse_conv_bn_eval: the batch norm keeps no running statistics"):
        utils.fuse_conv_bn_eval(conv.eval(), nn.BatchNorm2d(4, track_running_stats=False).eval())
    with pytest.raises(ValueError, match=r"^fuse_linear_bn_eval: the batch norm has 4 channels, the layer 2 outputs"):
        utils.fuse_linear_bn_eval(nn.Linear(3, 2).eval(), nn.BatchNorm1d(4).eval())


@pytest.mark.parity
@pytest.mark.parametrize("norm_type", [0.5, 1.0, 2.0, 3.0, INF])
@pytest.mark.parametrize("max_norm", [0.1, 1e3])
def test_clip_grad_norm_parity(norm_type: float, max_norm: float) -> None:
    t = torch()
    arrays = [draw(3, 4, seed=s) for s in range(3)]
    ours = [nn.Parameter(lucid.tensor(a)) for a in arrays]
    theirs = [t.nn.Parameter(t.tensor(a)) for a in arrays]
    for p, q, a in zip(ours, theirs, arrays):
        p.grad, q.grad = lucid.tensor(a[::-1].copy()), t.tensor(a[::-1].copy())
    total = utils.clip_grad_norm_(ours, max_norm, norm_type)
    close(total, t.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type), "norm")
    for p, q in zip(ours, theirs):
        close(p.grad, q.grad, "gradient")
