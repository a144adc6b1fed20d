"""Attention kernels against NumPy in float64: blocks, groups of keys, masks, strides, dropout, threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lucid import _isa

ops = _isa.load()
rng = np.random.default_rng(0)
Array = np.ndarray


def exact(
    q: Array, k: Array, v: Array, dout: Array, mask: Array | None, scale: float, causal: bool, keep: Any = 1.0
) -> tuple[Array, ...]:
    """Output, logsumexp and gradients in float64, key heads repeated."""
    q, k, v, dout = (x.astype(np.float64) for x in (q, k, v, dout))
    shared = q.shape[1] // k.shape[1]
    each_k, each_v = np.repeat(k, shared, 1), np.repeat(v, shared, 1)
    s = q @ each_k.swapaxes(-1, -2) * scale
    if mask is not None:
        s = np.where(mask, s, -np.inf) if mask.dtype == bool else s + mask
    if causal:
        s = np.where(np.tri(*s.shape[-2:], dtype=bool), s, -np.inf)
    top = s.max(-1, keepdims=True)
    p = np.exp(s - np.where(np.isinf(top), 0, top))
    total = p.sum(-1, keepdims=True)
    with np.errstate(divide="ignore"):
        logsumexp = (np.where(np.isinf(top), 0, top) + np.log(total))[..., 0]
    p = p / np.where(total == 0, 1, total)
    out = (p * keep) @ each_v
    dp = dout @ each_v.swapaxes(-1, -2) * keep
    ds = p * (dp - (dp * p).sum(-1, keepdims=True)) * scale
    dk, dv = ds.swapaxes(-1, -2) @ q, (p * keep).swapaxes(-1, -2) @ dout
    group = (k.shape[0], k.shape[1], shared)
    return out, logsumexp, ds @ each_k, dk.reshape(*group, *k.shape[2:]).sum(2), dv.reshape(*group, *v.shape[2:]).sum(2)


def operands(b: int, h: int, hk: int, lq: int, lk: int, e: int, ev: int, dtype: Any) -> list[Array]:
    return [
        rng.standard_normal(s).astype(dtype) for s in ((b, h, lq, e), (b, hk, lk, e), (b, hk, lk, ev), (b, h, lq, ev))
    ]


def run(q: Array, k: Array, v: Array, dout: Array, mask: Array | None, *options: Any) -> tuple[Array, ...]:
    out, logsumexp = ops.attention(q, k, v, mask, *options)
    return (out, logsumexp, *ops.attention_backward(dout, q, k, v, mask, out, logsumexp, *options))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("mask", [None, "bool", "float", "keys"])
@pytest.mark.parametrize(
    "shape",
    [
        (2, 4, 4, 37, 51, 16, 16),
        (1, 4, 2, 130, 300, 40, 24),
        (2, 2, 1, 33, 129, 5, 33),
        (1, 1, 1, 70, 1100, 8, 8),
        (1, 2, 2, 1, 7, 64, 64),
    ],
)
def test_attention(shape: tuple[int, ...], mask: str | None, causal: bool, dtype: Any) -> None:
    b, _, _, lq, lk, e, _ = shape
    q, k, v, dout = operands(*shape, dtype=dtype)
    m = {
        None: None, "bool": rng.random((b, 1, lq, lk)) > 0.3, "float": rng.standard_normal((lq, lk)).astype(dtype), "keys": rng.random((b, 1, 1, lk)) > 0.3,
    }[mask]  # fmt: skip
    if mask == "bool" and m is not None:
        m[:, :, 0] = False  # a query without keys
    options = (1 / np.sqrt(e), causal)
    eps = np.finfo(dtype).eps
    for actual, expected in zip(run(q, k, v, dout, m, *options), exact(q, k, v, dout, m, *options)):
        assert actual.dtype == dtype and actual.shape == expected.shape
        np.testing.assert_allclose(
            actual, expected, 0, 60 * eps * max(1, np.abs(np.where(np.isfinite(expected), expected, 0)).max())
        )


def test_no_keys_and_no_queries() -> None:
    q, k, v, dout = operands(2, 2, 2, 3, 0, 4, 5, np.float32)
    out, logsumexp, dq, dk, dv = run(q, k, v, dout, None, 1.0)
    assert (
        not out.any() and np.all(logsumexp == -np.inf) and not dq.any() and dk.shape == k.shape and dv.shape == v.shape
    )
    q, k, v, dout = operands(2, 2, 2, 0, 3, 4, 5, np.float32)
    out, logsumexp, dq, dk, dv = run(q, k, v, dout, None, 1.0)
    assert out.shape == (2, 2, 0, 5) and not dk.any() and not dv.any()


def test_bits_do_not_depend_on_threads_batch_or_neighbours() -> None:
    q, k, v, dout = operands(3, 4, 2, 150, 700, 40, 24, np.float32)
    mask = rng.random((3, 1, 150, 700)) > 0.2
    before = ops.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 3, 8):
            ops.set_num_threads(threads)
            results.append(run(q, k, v, dout, mask, 0.2, True, 0.3, 5, 256))
    finally:
        ops.set_num_threads(before)
    for other in results[1:]:
        for a, b in zip(results[0], other):
            np.testing.assert_array_equal(a, b)
    whole = run(q, k, v, dout, mask, 0.2, True)
    alone = run(q[1:2], k[1:2], v[1:2], dout[1:2], mask[1:2], 0.2, True)
    for a, b in zip(whole, alone):
        np.testing.assert_array_equal(a[1:2], b)
    tail, _ = ops.attention(q[:, :, 17:], k, v, mask[:, :, 17:], 0.2)
    np.testing.assert_array_equal(tail, ops.attention(q, k, v, mask, 0.2)[0][:, :, 17:])


def test_strided_operands_and_results() -> None:
    """Heads of a packed projection, read and written in place."""
    length, batch, heads, size = 40, 3, 2, 16
    packed = rng.standard_normal((length, batch, 3, heads, size)).astype(np.float32)
    q, k, v = (packed[:, :, i].transpose(1, 2, 0, 3) for i in range(3))
    dout = rng.standard_normal((length, batch, heads, size)).astype(np.float32).transpose(1, 2, 0, 3)
    out, logsumexp = ops.attention(q, k, v, None, 0.25)
    assert out.transpose(2, 0, 1, 3).flags.c_contiguous
    plain = run(*(np.ascontiguousarray(x) for x in (q, k, v, dout)), None, 0.25)
    gradient = np.full_like(packed, np.nan)
    dq, dk, dv = (gradient[:, :, i].transpose(1, 2, 0, 3) for i in range(3))
    ops.attention_backward(dout, q, k, v, None, out, logsumexp, 0.25, dq=dq, dk=dk, dv=dv)
    for a, b in zip((out, logsumexp, dq, dk, dv), plain):
        np.testing.assert_array_equal(a, b)
    assert not np.isnan(gradient).any()
    np.testing.assert_array_equal(ops.attention(q[..., ::-1], k[..., ::-1], v, None, 0.25)[0].shape, out.shape)
    with pytest.raises(ValueError, match="cannot write a gradient"):
        ops.attention_backward(dout, q, k, v, None, out, logsumexp, dq=np.empty((1, 2, 3, 4), np.float32))


@pytest.mark.parametrize("keys", [5, 128, 300])
def test_dropout_is_the_stream_of_dropout(keys: int) -> None:
    p, seed, offset = 0.4, 11, 384
    q, k, v, dout = operands(2, 2, 2, 37, keys, 8, 8, np.float64)
    ones = np.ones((2, 2, 37, -(-keys // 128) * 128))
    keep = ops.dropout(ones, p, seed, offset)[..., :keys]
    assert 0.3 < np.mean(keep == 0) < 0.5
    for actual, expected in zip(
        run(q, k, v, dout, None, 0.3, False, p, seed, offset), exact(q, k, v, dout, None, 0.3, False, keep)
    ):
        np.testing.assert_allclose(actual, expected, 1e-11, 1e-12)
    with pytest.raises(ValueError, match="offset of whole blocks"):
        ops.attention(q, k, v, None, 1.0, False, p, seed, 5)
    everything = ops.attention(q, k, v, None, 0.3, False, 1.0, seed, offset)[0]
    assert not everything.any()


def test_nan_and_infinity() -> None:
    q, k, v, _ = operands(1, 1, 1, 40, 200, 8, 8, np.float32)
    clean = ops.attention(q, k, v, None, 0.3)[0]
    q[0, 0, 5, 2] = np.nan
    out = ops.attention(q, k, v, None, 0.3)[0]
    assert np.isnan(out[0, 0, 5]).all()
    np.testing.assert_array_equal(np.delete(out, 5, 2), np.delete(clean, 5, 2))
    q[0, 0, 5, 2] = 0
    v[0, 0, 150, 3] = np.inf
    out = ops.attention(q, k, v, None, 0.3)[0]
    assert np.isinf(out[..., 3]).all() and np.isfinite(np.delete(out, 3, 3)).all()


def test_large_scores_do_not_overflow() -> None:
    q, k, v, _ = operands(1, 1, 1, 3, 300, 4, 4, np.float32)
    out, logsumexp = ops.attention(q * np.float32(1e4), k, v, None, 1.0)
    expected = exact(q * np.float32(1e4), k, v, out, None, 1.0, False)
    np.testing.assert_allclose(logsumexp, expected[1], 1e-6)
    np.testing.assert_allclose(out, expected[0], 1e-2, 1e-2)


@pytest.mark.parametrize(
    "change,message",
    [
        (lambda q, k, v: (q[0], k, v), "expected 4-d operands"),
        (lambda q, k, v: (q, k[..., :3], v), "do not fit"),
        (lambda q, k, v: (q, k, v[:, :, :4]), "do not fit"),
        (lambda q, k, v: (q, k[:1], v), "do not fit"),
        (lambda q, k, v: (q, np.repeat(k, 3, 1), np.repeat(v, 3, 1)), "do not fit"),
        (lambda q, k, v: (q, k.astype(np.float64), v), "one floating-point dtype"),
        (lambda q, k, v: (q, k, v, np.ones((3, 5), np.int64)), "expected a bool mask"),
    ],
)
def test_refused(change: Any, message: str) -> None:
    q, k, v, _ = operands(2, 2, 2, 3, 5, 4, 4, np.float32)
    with pytest.raises((ValueError, TypeError), match=message):
        ops.attention(*change(q, k, v))
