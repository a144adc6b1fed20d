"""Layers of the original Lucid: dropping, positions, constrained convolutions and blocks."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import lucid
import lucid.nn.functional as F
from lucid import nn
from lucid.autograd import gradcheck


def test_drop_path_drops_samples() -> None:
    x = lucid.ones(4000, 3, requires_grad=True)
    y = F.drop_path(x, 0.25)
    kept = y[:, 0] != 0
    assert abs(kept.float().mean().item() - 0.75) < 0.03
    np.testing.assert_allclose(y[kept].detach().numpy(), 1 / 0.75, 1e-6)
    assert not y[~kept].any()
    y.sum().backward()
    assert x.grad is not None and lucid.equal(x.grad, y.detach())
    assert set(F.drop_path(lucid.ones(100), 0.5, scale_by_keep=False).tolist()) == {0.0, 1.0}
    assert F.drop_path(x, 0.0) is x and nn.DropPath(0.9).eval()(x) is x
    assert nn.DropPath(1.0)(x.detach()).sum().item() == 0


def test_drop_block_drops_blocks() -> None:
    x = lucid.ones(8, 16, 24, 24)
    y = F.drop_block(x, 5, 0.2)
    zero = (y == 0).numpy()
    assert 0.1 < zero.mean() < 0.25
    np.testing.assert_allclose(y.mean().item(), 1, 1e-3)
    # every dropped element lies in a block of 5 x 5 dropped ones
    windows = np.lib.stride_tricks.sliding_window_view(zero, (5, 5), (2, 3)).all((4, 5))
    covered = np.zeros_like(zero)
    for i, j in np.ndindex(5, 5):
        covered[:, :, i : i + 20, j : j + 20] |= windows
    assert (covered == zero).all()
    assert nn.DropBlock(5, 0.2).eval()(x) is x
    single = F.drop_block(lucid.ones(1, 100, 10, 10), 1, 0.5)
    assert abs((single == 0).float().mean().item() - 0.5) < 0.02


def test_drops_refuse() -> None:
    for call, message in (
        (lambda: F.drop_path(lucid.ones(2), 1.5), "drop_path: p must be between 0 and 1, got 1.5"),
        (lambda: F.drop_block(lucid.ones(1, 1, 4, 4), 5), "drop_block: block_size must be between 1 and 4, got 5"),
        (lambda: nn.DropPath(-1), "DropPath: drop_prob must be between 0 and 1, got -1"),
        (lambda: nn.DropBlock(2, 2.0), "DropBlock: p must be between 0 and 1, got 2.0"),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            call()
    with pytest.raises(RuntimeError, match=re.escape("DropBlock: expected input of shape (N, C, H, W), got (2, 3)")):
        nn.DropBlock(2)(lucid.ones(2, 3))


def test_sinusoids() -> None:
    table = F.sinusoidal_pos_embedding(50, 7, dtype=lucid.float64).numpy()
    for p in (0, 1, 49):
        for i in range(7):
            angle = p / 10000 ** (2 * (i // 2) / 7)
            assert abs(table[p, i] - (np.cos(angle) if i % 2 else np.sin(angle))) < 1e-14
    assert F.sinusoidal_pos_embedding(2, 3).dtype is lucid.float32
    with pytest.raises(ValueError, match="seq_len and embed_dim must be positive, got 0 and 3"):
        F.sinusoidal_pos_embedding(0, 3)
    x = lucid.randn(2, 5, 8)
    y = nn.SinusoidalPosEmbedding(5, 8)(x)
    np.testing.assert_allclose((y - x).numpy()[1], F.sinusoidal_pos_embedding(5, 8).numpy(), atol=1e-6)
    with pytest.raises(ValueError, match="SinusoidalPosEmbedding: expected a sequence of length 4, got 5"):
        nn.SinusoidalPosEmbedding(4)(x)
    with pytest.raises(TypeError, match="SinusoidalPosEmbedding: expected a floating-point input, got lucid.int64"):
        nn.SinusoidalPosEmbedding()(lucid.ones(2, 5, 8).long())


def test_learned_positions() -> None:
    module = nn.LearnedPosEmbedding(10, 4)
    x = lucid.randn(2, 3, 4)
    y = module(x, offset=6)
    np.testing.assert_allclose((y - x)[0].detach().numpy(), module.pos_emb.weight.detach().numpy()[6:9], atol=1e-6)
    y.sum().backward()
    assert module.pos_emb.weight.grad is not None and module.pos_emb.weight.grad[:, 0].tolist() == [0] * 6 + [2] * 3 + [
        0
    ]
    for call, message in (
        (lambda: module(x, 8), "positions 8 to 10 lie beyond max_len 10"),
        (lambda: module(x[..., :3]), "expected embeddings of size 4, got 3"),
        (lambda: module(x[0, 0]), "expected input of shape (L, D) or (N, L, D), got (4,)"),
    ):
        with pytest.raises(ValueError, match=re.escape("LearnedPosEmbedding: " + message)):
            call()


def test_rotary_products_depend_on_the_distance() -> None:
    lucid.manual_seed(0)
    q, k = lucid.randn(1, 6, dtype=lucid.float64), lucid.randn(1, 6, dtype=lucid.float64)
    for interleaved in (True, False):

        def at(x: Any, m: int, interleaved: bool = interleaved) -> Any:
            return F.rotary_pos_embedding(x, lucid.tensor([m]), interleaved)

        near, far = (at(q, 3) @ at(k, 1).mT).item(), (at(q, 103) @ at(k, 101).mT).item()
        assert abs(near - far) < 1e-10
    for module in (nn.RotaryPosEmbedding(), nn.RotaryPosEmbedding(6, 40), nn.RotaryPosEmbedding(6, interleaved=False)):
        x = lucid.randn(2, 3, 9, 6, requires_grad=True)
        expected = F.rotary_pos_embedding(x, interleaved=module.interleaved)
        for _ in range(2):
            np.testing.assert_array_equal(module(x).detach().numpy(), expected.detach().numpy())
        ids = lucid.arange(20, 29)
        np.testing.assert_array_equal(
            module(x, ids).detach().numpy(), F.rotary_pos_embedding(x, ids, module.interleaved).detach().numpy()
        )
        assert not module.state_dict() and not list(module.parameters())
    for call, message in (
        (lambda: nn.RotaryPosEmbedding(6, 8)(x), "RotaryPosEmbedding: position 8 lies beyond max_seq_len 8"),
        (lambda: nn.RotaryPosEmbedding(4)(x), "RotaryPosEmbedding: expected embeddings of size 4, got 6"),
        (lambda: nn.RotaryPosEmbedding(5), "RotaryPosEmbedding: embed_dim must be positive and even, got 5"),
        (
            lambda: F.rotary_pos_embedding(x[..., :5]),
            "rotary_pos_embedding: expected input of shape (..., L, D) with an even D",
        ),
        (
            lambda: F.rotary_pos_embedding(x, lucid.arange(3)),
            "expected integer position_ids of shape (9,), got lucid.int64 of shape (3,)",
        ),
        (
            lambda: F.rotary_pos_embedding(x, lucid.arange(9) - 1),
            "rotary_pos_embedding: position_ids must not be negative, got -1",
        ),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            call()


CONSTRAINTS: dict[str, Any] = {
    "nonneg": lambda w: bool((w >= 0).all()),
    "sum_to_one": lambda w: np.allclose(w.sum(-1), 1),
    "zero_mean": lambda w: np.allclose(w.mean(-1), 0),
    "nonneg_sum1": lambda w: bool((w >= 0).all()) and bool((np.isclose(w.sum(-1), 1) | (w == 0).all(-1)).all()),
    "unit_l2": lambda w: np.allclose((w**2).sum(-1), 1),
    "max_l2": lambda w: bool(((w**2).sum(-1) <= 0.09 + 1e-9).all()),
    "fixed_center": lambda w: np.allclose(w[..., w.shape[-1] // 2], -2) and np.allclose(w.sum(-1), -2 + 0.5),
}


@pytest.mark.parametrize("constraint", CONSTRAINTS)
@pytest.mark.parametrize("spatial", [1, 2, 3])
def test_constrained_convolutions(spatial: int, constraint: str) -> None:
    options: dict[str, Any] = dict(
        constraint=constraint, max_l2=0.3, center_value=-2.0, neighbor_sum=0.5, dtype=lucid.float64
    )
    plain, kind = getattr(F, f"conv{spatial}d"), getattr(nn, f"ConstrainedConv{spatial}d")
    conv = kind(4, 6, 3, padding=1, groups=2, **options)
    weight = conv.constrained_weight()
    assert CONSTRAINTS[constraint](weight.detach().numpy().reshape(6, 2, -1))
    x = lucid.randn(2, 4, *(5,) * spatial, dtype=lucid.float64)
    y = conv(x)
    np.testing.assert_allclose(y.detach().numpy(), plain(x, weight, conv.bias, 1, 1, 1, 2).detach().numpy(), 1e-12)
    y.square().sum().backward()
    assert conv.weight.grad is not None and bool(conv.weight.grad.isfinite().all())
    raw = kind(4, 6, 3, padding=1, groups=2, enforce="post_step", **options)
    np.testing.assert_allclose(
        raw(x).detach().numpy(), plain(x, raw.weight, raw.bias, 1, 1, 1, 2).detach().numpy(), 1e-12
    )
    raw.project_()
    assert CONSTRAINTS[constraint](raw.weight.detach().numpy().reshape(6, 2, -1))
    assert raw.weight.requires_grad and raw.weight.is_leaf


def test_constrained_convolutions_refuse() -> None:
    for options, message in (
        ({"constraint": "odd"}, "ConstrainedConv1d: constraint must be one of"),
        ({"enforce": "later"}, "ConstrainedConv1d: enforce must be 'forward' or 'post_step', got 'later'"),
        ({"constraint": "max_l2"}, "ConstrainedConv1d: constraint 'max_l2' needs a positive max_l2, got None"),
        (
            {"constraint": "fixed_center"},
            "ConstrainedConv1d: constraint 'fixed_center' needs a kernel of more than one element",
        ),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            nn.ConstrainedConv1d(2, 2, 1, **options)  # type: ignore[arg-type]
    assert "constraint=none, enforce=forward" in repr(nn.ConstrainedConv2d(2, 2, 1))


@pytest.mark.parametrize("spatial", [1, 2, 3])
def test_fused_blocks(spatial: int) -> None:
    x = lucid.randn(3, 4, *(6,) * spatial)
    block = getattr(nn, f"ConvBNReLU{spatial}d")(4, 6, 6, 3, padding=1, conv_bias=False)
    assert lucid.equal(block(x), F.relu(block.bn.train()(block.conv(x))))
    assert next(iter(block.state_dict())) == "conv.weight" and block.bn.num_batches_tracked.item() == 2
    with pytest.raises(ValueError, match=f"ConvBNReLU{spatial}d: num_features 5 must be out_channels 6"):
        getattr(nn, f"ConvBNReLU{spatial}d")(4, 6, 5, 3)
    for options in (
        {},
        {"reversed": True},
        {"do_act": True, "base_act": nn.SiLU, "bias": False, "stride": 2, "padding": 1},
    ):
        block = getattr(nn, f"DepthSeparableConv{spatial}d")(4, 6, 3, **options)
        assert block.depthwise.groups == block.depthwise.in_channels == (6 if "reversed" in options else 4)
        first, second = (
            (block.pointwise, block.depthwise) if "reversed" in options else (block.depthwise, block.pointwise)
        )
        middle = F.silu(first(x)) if "do_act" in options else first(x)
        assert lucid.equal(block(x), second(middle))


def test_squeeze_and_excitation() -> None:
    module = nn.SEModule(8, 4).double()
    x = lucid.randn(2, 8, 3, 3, dtype=lucid.float64)
    means = x.mean((2, 3))
    scale = lucid.sigmoid(module.fc2(lucid.relu(module.fc1(means))))
    np.testing.assert_allclose(module(x).detach().numpy(), (x * scale[:, :, None, None]).detach().numpy(), 1e-12)
    assert module.fc1.weight.shape == (2, 8) and nn.SEModule(4).fc1.weight.shape == (1, 4)
    assert module(lucid.randn(2, 8, 5, dtype=lucid.float64)).shape == (2, 8, 5)
    with pytest.raises(RuntimeError, match=re.escape("SEModule: expected input of shape (N, 8, ...), got (2, 7, 3)")):
        module(lucid.ones(2, 7, 3))


def test_selective_kernel() -> None:
    module = nn.SelectiveKernel(4, 6, [1, 3, 5], stride=2, groups=2).double().eval()
    x = lucid.randn(2, 4, 7, 7, dtype=lucid.float64)
    seen = [branch(x) for branch in module.branches]
    weights = module.attention(sum(seen[1:], seen[0]).mean((2, 3))).reshape(2, 3, 6).softmax(1)
    expected = sum(s * weights[:, k, :, None, None] for k, s in enumerate(seen))
    assert expected.shape == (2, 6, 4, 4)
    np.testing.assert_allclose(module(x).detach().numpy(), expected.detach().numpy(), 1e-10)
    module(x).sum().backward()
    assert all(p.grad is not None for p in module.parameters())
    with pytest.raises(ValueError, match="SelectiveKernel: kernel_sizes must not be empty"):
        nn.SelectiveKernel(4, 6, [])


def test_response_norm_and_rotation_modules() -> None:
    module = nn.GlobalResponseNorm(3)
    x = lucid.randn(2, 3, 4, 4)
    np.testing.assert_allclose(
        module(x).detach().numpy(), (x / (x.square().mean((2, 3), keepdim=True) + 1e-6).sqrt()).numpy(), 1e-5
    )
    assert repr(module) == "GlobalResponseNorm(3, eps=1e-06)" and list(module.state_dict()) == ["gamma", "beta"]
    with pytest.raises(RuntimeError, match=re.escape("expected gamma and beta of shape (3,), got (2,) and (3,)")):
        F.global_response_norm(x, lucid.ones(2), lucid.ones(3))
    for k in range(4):
        np.testing.assert_allclose(F.rotate(x, 90 * k).numpy(), np.rot90(x.numpy(), k, (2, 3)), atol=1e-5)
    np.testing.assert_allclose(F.rotate(x, 360, (0, 1)).numpy(), x.numpy(), atol=1e-4)
    with pytest.raises(RuntimeError, match=re.escape("rotate: expected input of shape (N, C, H, W), got (3,)")):
        F.rotate(lucid.ones(3), 3)


def test_attention_modules() -> None:
    q, k, v = (lucid.randn(2, 3, n, 4) for n in (5, 6, 6))
    for options in ({}, {"is_causal": True}, {"scale": 0.3}, {"attn_mask": lucid.randn(5, 6)}):
        module = nn.ScaledDotProductAttention(**options)
        expected = F.scaled_dot_product_attention(q, k, v, **options)
        assert lucid.equal(module(q, k, v), expected)
    assert lucid.equal(
        nn.ScaledDotProductAttention(dropout_p=0.5).eval()(q, k, v), F.scaled_dot_product_attention(q, k, v)
    )
    module = nn.MultiHeadAttention(8, 2, add_bias_kv=True, kdim=3, vdim=5)
    plain = nn.MultiheadAttention(8, 2, add_bias_kv=True, kdim=3, vdim=5, batch_first=True)
    plain.load_state_dict(module.state_dict())
    x, y, z = lucid.randn(2, 4, 8), lucid.randn(2, 6, 3), lucid.randn(2, 6, 5)
    np.testing.assert_allclose(module(x, y, z).detach().numpy(), plain(x, y, z)[0].detach().numpy(), 1e-5, 1e-6)


def test_rearrange_as_a_module() -> None:
    model = nn.Sequential(nn.Rearrange("b c (h p) (w q) -> b (h w) (p q c)", p=2, q=2), nn.Linear(12, 5))
    assert model(lucid.randn(2, 3, 4, 6)).shape == (2, 6, 5)
    assert repr(model[0]) == "Rearrange('b c (h p) (w q) -> b (h w) (p q c)', p=2, q=2)"


def test_chunking() -> None:
    linear, x = nn.Linear(4, 3), lucid.randn(2, 6, 4)
    chunked = nn.utils.apply_chunking_to_forward
    for size in (0, 1, 2, 6):
        np.testing.assert_allclose(chunked(linear, size, 1, x).detach().numpy(), linear(x).detach().numpy(), 1e-5, 1e-6)
    assert lucid.equal(chunked(lambda a, b: a + b, 3, -2, x, x), x + x)
    for call, message in (
        (lambda: chunked(linear, 4, 1, x), "size 6 of dimension 1 is not divisible by chunk_size 4"),
        (lambda: chunked(linear, -1, 1, x), "chunk_size must not be negative, got -1"),
        (lambda: chunked(linear, 1, 1), "expected at least one tensor"),
        (lambda: chunked(linear, 1, 1, x, x[:, :3]), "sizes along dimension 1 differ: [3, 6]"),
    ):
        with pytest.raises(ValueError, match=re.escape("apply_chunking_to_forward: " + message)):
            call()


def test_gradients() -> None:
    x = lucid.randn(1, 2, 3, 4, dtype=lucid.float64, requires_grad=True)
    assert gradcheck(lambda t: F.rotate(t, 37.0), (x,))
    assert gradcheck(lambda t: F.rotary_pos_embedding(t, interleaved=False), (x,))
    conv = nn.ConstrainedConv2d(2, 2, 3, constraint="max_l2", max_l2=0.5, dtype=lucid.float64, padding=1)
    assert gradcheck(lambda w: lucid.func.functional_call(conv, {"weight": w}, (x.detach(),)), (conv.weight,))
