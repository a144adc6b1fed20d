"""scaled_dot_product_attention and MultiheadAttention against torch; errors; second derivatives; dropout."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from nn.parity import close, compare, draw, exchange, torch

import lucid
import lucid.nn.functional as F
from lucid import nn

MASKS = [None, "causal", "heads", "float"]


def attention_mask(kind: str | None, queries: int, keys: int, batch_heads: int) -> np.ndarray | None:
    rng = np.random.default_rng(3)
    if kind is None:
        return None
    if kind == "causal":
        return np.triu(np.ones((queries, keys), bool), 1)
    if kind == "heads":
        mask = rng.random((batch_heads, queries, keys)) > 0.6
        mask[..., 0] = False
        return mask
    return rng.standard_normal((queries, keys))


class Bound:
    """A module called with fixed keyword arguments."""

    def __init__(self, module: Any, call: Any) -> None:
        self.module, self.call = module, call
        self.named_parameters, self.named_buffers = module.named_parameters, module.named_buffers

    def __call__(self, *xs: Any) -> Any:
        return self.call(self.module, *xs)


def attend(
    library: Any, need_weights: bool, mask: np.ndarray | None, padding: np.ndarray | None, **options: Any
) -> Any:
    def call(module: Any, *xs: Any) -> Any:
        query, key = xs[0], xs[1] if len(xs) > 1 else xs[0]
        value = xs[2] if len(xs) > 2 else key
        extra = {
            name: library.tensor(m) for name, m in (("attn_mask", mask), ("key_padding_mask", padding)) if m is not None
        }
        y, weights = module(query, key, value, need_weights=need_weights, **extra, **options)
        assert (weights is None) == (not need_weights)
        return (y * y).sum() + (weights * weights).sum() if need_weights else y

    return call


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize(
    "options",
    [{}, {"batch_first": True}, {"add_bias_kv": True, "add_zero_attn": True}, {"kdim": 6, "vdim": 10}, {"bias": False}],
)
def test_multihead_attention_like_torch(options: dict[str, Any], padded: bool, mask: str | None) -> None:
    t = torch()
    for need_weights, inputs in itertools.product((False, True), (1, 2, 3)):
        if "kdim" in options and inputs < 3:
            continue
        ours, theirs = (
            nn.MultiheadAttention(8, 2, **options).double(),
            t.nn.MultiheadAttention(8, 2, **options).double(),
        )
        exchange(ours, theirs)
        keys = 5 if inputs == 1 else 7
        order = (1, 0, 2) if options.get("batch_first") else (0, 1, 2)
        arrays = [
            draw(5, 3, 8),
            draw(keys, 3, options.get("kdim", 8), seed=1),
            draw(keys, 3, options.get("vdim", 8), seed=2),
        ][:inputs]
        arrays = [np.ascontiguousarray(a.transpose(order)) for a in arrays]
        padding = np.arange(keys) >= np.array([[keys], [2], [4]]) if padded else None
        m = attention_mask(mask, 5, keys, 6)
        compare(
            Bound(ours, attend(lucid, need_weights, m, padding)),
            Bound(theirs, attend(t, need_weights, m, padding)),
            *arrays,
        )


def test_unbatched_and_per_head_weights_like_torch() -> None:
    t = torch()
    ours, theirs = nn.MultiheadAttention(8, 2).double(), t.nn.MultiheadAttention(8, 2).double()
    exchange(ours, theirs)
    x = draw(5, 8)
    y, w = ours(lucid.tensor(x), lucid.tensor(x), lucid.tensor(x), average_attn_weights=False)
    their_y, their_w = theirs(*(t.tensor(x),) * 3, average_attn_weights=False)
    close(y, their_y, "output")
    close(w, their_w, "weights")
    y, none = ours(lucid.tensor(x), lucid.tensor(x), lucid.tensor(x), need_weights=False)
    close(y, their_y, "output without weights")
    assert none is None


def test_is_causal_is_the_causal_mask() -> None:
    layer, x = nn.MultiheadAttention(8, 2), lucid.randn(6, 3, 8)
    mask = lucid.from_numpy(np.triu(np.ones((6, 6), bool), 1))
    masked, hinted = (layer(x, x, x, attn_mask=mask, is_causal=c, need_weights=False)[0] for c in (False, True))
    assert np.array_equal(masked.detach().numpy(), hinted.detach().numpy())
    with pytest.raises(RuntimeError, match="is_causal is a hint about attn_mask, which must be given too"):
        layer(x, x, x, is_causal=True)


def test_initial_values() -> None:
    layer = nn.MultiheadAttention(64, 4, add_bias_kv=True)
    bound = np.sqrt(6 / (64 + 192))
    w = layer.in_proj_weight.detach().numpy()
    assert np.abs(w).max() <= bound and np.abs(w).max() > 0.98 * bound
    assert not layer.in_proj_bias.detach().numpy().any() and not layer.out_proj.bias.detach().numpy().any()
    assert 0.05 < layer.bias_k.detach().numpy().std() < 0.5
    separate = nn.MultiheadAttention(8, 2, kdim=3)
    assert (
        separate.in_proj_weight is None
        and separate.k_proj_weight.shape == (8, 3)
        and separate.v_proj_weight.shape == (8, 8)
    )


@pytest.mark.parametrize("needs", ["q", "qkv", "mask"])
@pytest.mark.parametrize("projected", [False, True])
def test_second_derivatives(needs: str, projected: bool) -> None:
    x = lucid.from_numpy(draw(3, 2, 4)).requires_grad_()
    mask = lucid.from_numpy(draw(3, 3, seed=4)).requires_grad_(needs == "mask")
    if projected:
        layer = nn.MultiheadAttention(4, 2).double()
        assert lucid.autograd.gradgradcheck(lambda a, m: layer(a, a, a, attn_mask=m, need_weights=False)[0], [x, mask])
        other = lucid.from_numpy(draw(5, 2, 4, seed=2)).requires_grad_()
        assert lucid.autograd.gradgradcheck(lambda a, b: layer(a, b, b, need_weights=False)[0], [x, other])
        return
    q, k, v = (lucid.from_numpy(draw(2, 3, 2, seed=s)).requires_grad_(s == 0 or needs == "qkv") for s in range(3))

    def attention(*xs: lucid.Tensor) -> lucid.Tensor:
        return F.scaled_dot_product_attention(*xs, is_causal=True)

    assert lucid.autograd.gradgradcheck(attention, [q, k, v, mask])


def test_dropout_is_the_same_in_backward_and_reproducible() -> None:
    q, k, v = (lucid.from_numpy(draw(2, 2, 9, 4, seed=s)).requires_grad_() for s in range(3))

    def call(*xs: lucid.Tensor) -> lucid.Tensor:
        lucid.manual_seed(3)
        return F.scaled_dot_product_attention(*xs, dropout_p=0.4)

    assert lucid.autograd.gradcheck(call, [q, k, v])
    first = call(q, k, v)
    assert np.array_equal(first.detach().numpy(), call(q, k, v).detach().numpy())
    plain = lucid.autograd.grad(call(q, k, v).sum(), [q, k, v])
    recorded = lucid.autograd.grad(call(q, k, v).sum(), [q, k, v], create_graph=True)
    for a, b in zip(plain, recorded):
        np.testing.assert_allclose(a.numpy(), b.detach().numpy(), 1e-10, 1e-12)
    mean = np.mean([F.scaled_dot_product_attention(q, k, v, dropout_p=0.4).detach().numpy() for _ in range(400)], 0)
    np.testing.assert_allclose(mean, F.scaled_dot_product_attention(q, k, v).detach().numpy(), atol=0.25)


def test_dropout_acts_in_training_only() -> None:
    layer, x = nn.MultiheadAttention(8, 2, dropout=0.9), lucid.randn(6, 3, 8)
    a, b = (layer(x, x, x, need_weights=False)[0].detach().numpy() for _ in range(2))
    assert not np.array_equal(a, b)
    layer.eval()
    a, b = (layer(x, x, x, need_weights=False)[0].detach().numpy() for _ in range(2))
    assert np.array_equal(a, b)


def test_masked_out_queries_give_zeros_like_torch() -> None:
    t = torch()
    q, mask = draw(2, 3, 4, dtype="float32"), np.array([[True, False, True], [False] * 3, [True] * 3])
    for m in (mask, np.where(mask, 0, -np.inf).astype("f")):
        x, y = lucid.tensor(q, requires_grad=True), t.tensor(q, requires_grad=True)
        ours, theirs = (
            F.scaled_dot_product_attention(x, x, x, lucid.tensor(m)),
            t.nn.functional.scaled_dot_product_attention(y, y, y, t.tensor(m)),
        )
        close(ours, theirs, "output", "float32")
        assert not ours.detach().numpy()[:, 1].any()
        ours.sum().backward()
        theirs.sum().backward()
        close(x.grad, y.grad, "gradient", "float32")


def z(*shape: int) -> lucid.Tensor:
    return lucid.zeros(*shape)


@pytest.mark.parametrize(
    "call,kind,message",
    [
        (lambda f: f(z(4), z(4), z(4)), RuntimeError, "at least 2-d (query (4,), key (4,), value (4,))"),
        (lambda f: f(z(2, 4), z(3, 5), z(3, 5)), RuntimeError, "expected key with last dimension 4 like query, got 5 (query (2, 4), key (3, 5), value (3, 5))"),
        (lambda f: f(z(2, 4), z(3, 4), z(2, 4)), RuntimeError, "expected value of length 3 like key, got 2"),
        (lambda f: f(z(3, 2, 4), z(2, 3, 4), z(2, 3, 4)), RuntimeError, "batch dimensions do not broadcast"),
        (lambda f: f(z(2, 4), z(3, 4).double(), z(3, 4)), RuntimeError, "of one floating-point dtype, got lucid.float32, lucid.float64"),
        (lambda f: f(z(3, 2, 4), z(2, 3, 4), z(2, 3, 4), enable_gqa=True), RuntimeError, "the heads of query must be a multiple"),
        (lambda f: f(z(2, 4), z(3, 4), z(3, 4), z(3, 3)), RuntimeError, "expected attn_mask that broadcasts to (2, 3), got shape (3, 3)"),
        (lambda f: f(z(2, 4), z(3, 4), z(3, 4), z(2, 3).double()), RuntimeError, "expected attn_mask of dtype bool or lucid.float32, got lucid.float64"),
        (lambda f: f(z(2, 4), z(3, 4), z(3, 4), dropout_p=1.5), ValueError, "has to be between 0 and 1, but got 1.5"),
        (lambda f: f(z(2, 4), [1.0], z(3, 4)), TypeError, "expected a Tensor, got list"),
    ],
)  # fmt: skip
def test_attention_errors(call: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        call(F.scaled_dot_product_attention)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "call,kind,message",
    [
        (lambda m: m(z(5, 3, 6), z(5, 3, 8), z(5, 3, 8)), RuntimeError, "MultiheadAttention: expected query with last dimension 8, got 6"),
        (lambda m: m(z(5, 3, 8), z(4, 2, 8), z(4, 2, 8)), RuntimeError, "MultiheadAttention: expected query and key of one batch size, got 3 and 2"),
        (lambda m: m(z(5, 3, 8), z(4, 3, 8), z(5, 3, 8)), RuntimeError, "MultiheadAttention: expected key and value of one length and batch size"),
        (lambda m: m(z(5, 3, 8), z(4, 3, 6), z(4, 3, 6)), RuntimeError, "MultiheadAttention: expected key and value with last dimensions (8, 8), got (6, 6)"),
        (lambda m: m(z(5, 8), z(5, 3, 8), z(5, 8)), RuntimeError, "all 2-d (unbatched) or all 3-d (batched)"),
        (lambda m: m(*(z(5, 3, 8),) * 3, attn_mask=z(4, 5)), RuntimeError, "expected attn_mask of shape (5, 5) or (6, 5, 5), got (4, 5)"),
        (lambda m: m(*(z(5, 3, 8),) * 3, key_padding_mask=z(5, 3)), RuntimeError, "expected key_padding_mask of shape (3, 5), got (5, 3)"),
        (lambda m: m(*(z(5, 3, 8),) * 3, attn_mask=z(5, 5).long()), RuntimeError, "expected attn_mask of dtype bool or floating point, got lucid.int64"),
    ],
)  # fmt: skip
def test_multihead_attention_errors(call: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        call(nn.MultiheadAttention(8, 2))
    assert message in str(caught.value)


def test_constructor_errors() -> None:
    with pytest.raises(ValueError, match="embed_dim 8 must be divisible by num_heads 3"):
        nn.MultiheadAttention(8, 3)
    with pytest.raises(ValueError, match="must be positive, got 0 and 2"):
        nn.MultiheadAttention(0, 2)
