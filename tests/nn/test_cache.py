"""Caches of keys and values, against plain arrays."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import lucid
from lucid import nn


def pair(batch: int, length: int, seed: int) -> tuple[Any, Any]:
    lucid.manual_seed(seed)
    return lucid.randn(batch, 2, length, 3), lucid.randn(batch, 2, length, 5)


def made() -> list[nn.KVCache]:
    return [nn.DynamicKVCache(), nn.StaticKVCache(12, 2)]


@pytest.mark.parametrize("cache", made(), ids=["dynamic", "static"])
def test_appending(cache: nn.KVCache) -> None:
    assert cache.get(0) is None and cache.get_seq_length() == 0
    keys, values = zip(*[pair(2, n, n) for n in (4, 1, 2)])
    for k, v in zip(keys, values):
        all_keys, all_values = cache.update(k, v, 0)
    assert cache.get_seq_length(0) == 7 and cache.get_seq_length(1) == 0
    np.testing.assert_array_equal(all_keys.numpy(), np.concatenate([k.numpy() for k in keys], 2))
    np.testing.assert_array_equal(all_values.numpy(), np.concatenate([v.numpy() for v in values], 2))
    found = cache.get(0)
    assert found is not None and lucid.equal(found[0], all_keys)
    cache.reset()
    assert cache.get(0) is None


@pytest.mark.parametrize("cache", made(), ids=["dynamic", "static"])
def test_positions(cache: nn.KVCache) -> None:
    k, v = pair(1, 1, 0)
    keys, _ = cache.update(k, v, 0, cache_position=lucid.tensor(5, dtype=lucid.int32))
    assert keys.shape == (1, 2, 6, 3) and not keys[:, :, :5].any() and lucid.equal(keys[:, :, 5:], k)
    k, v = pair(1, 3, 1)
    keys, values = cache.update(k, v, 0, cache_position=lucid.tensor([0, 7, 2]))
    assert cache.get_seq_length(0) == 8
    expected = np.zeros((1, 2, 8, 5), np.float32)
    expected[:, :, [0, 7, 2]] = v.numpy()
    expected[:, :, 5] = pair(1, 1, 0)[1].numpy()[:, :, 0]
    np.testing.assert_array_equal(values.numpy(), expected)
    k, v = pair(2, 2, 2)
    keys, _ = cache.update(k, v, 1, cache_position=lucid.tensor([[0, 2], [1, 3]]))
    assert keys.shape == (2, 2, 4, 3)
    assert lucid.equal(keys[0][:, [0, 2]], k[0]) and lucid.equal(keys[1][:, [1, 3]], k[1]) and not keys[0, :, 1].any()


@pytest.mark.parametrize("cache", made(), ids=["dynamic", "static"])
def test_beams_and_cropping(cache: nn.KVCache) -> None:
    k, v = pair(2, 6, 0)
    cache.update(k, v, 0)
    cache.batch_repeat_interleave(3)
    cache.reorder_cache(lucid.tensor([5, 0, 2], dtype=lucid.int32))
    cache.crop(4)
    cache.crop(9)
    found = cache.get(0)
    assert found is not None and cache.get_seq_length() == 4
    np.testing.assert_array_equal(found[1].numpy(), v.numpy()[[1, 0, 0]][:, :, 2:])
    more = pair(3, 1, 1)
    keys, _ = cache.update(*more, 0)
    np.testing.assert_array_equal(keys.numpy(), np.concatenate([k.numpy()[[1, 0, 0]][:, :, 2:], more[0].numpy()], 2))


def test_gradients_flow_through_what_was_appended() -> None:
    cache = nn.DynamicKVCache()
    cache.update(*pair(1, 2, 0), 0)
    k, v = pair(1, 1, 1)
    keys, values = cache.update(k.requires_grad_(), v, 0)
    (keys.sum() + values.sum()).backward()
    assert k.grad is not None and k.grad.shape == k.shape and bool((k.grad == 1).all())


def test_encoder_and_decoder() -> None:
    cache = nn.EncoderDecoderCache(cross_attention_cache=nn.StaticKVCache(10, 1))
    cache.update(*pair(2, 1, 0), layer_idx=0)
    cache.update(*pair(2, 10, 1), layer_idx=0, is_cross_attention=True)
    assert cache.is_updated == {0: True} and cache.get_max_cache_shape() is None
    assert cache.get_seq_length(0) == 1 and cache.get_seq_length(0, is_cross_attention=True) == 10
    cache.batch_repeat_interleave(2)
    cache.batch_select_indices([3, 0])
    cache.crop(0)
    found = cache.get(0, is_cross_attention=True)
    assert found is not None and found[0].shape == (2, 2, 10, 3) and cache.get_seq_length(0) == 0
    np.testing.assert_array_equal(found[0].numpy(), pair(2, 10, 1)[0].numpy()[::-1])
    cache.reset()
    assert cache.get(0) is None and not cache.is_updated


def test_refusals() -> None:
    k, v = pair(2, 2, 0)
    cache = nn.StaticKVCache(3, 1)
    assert cache.get_max_cache_shape() == 3
    for call, message in (
        (
            lambda: cache.update(k, v[:, :, :1], 0),
            "StaticKVCache: expected key and value of shape (batch, heads, length, size), got (2, 2, 2, 3) and (2, 2, 1, 5)",
        ),
        (lambda: cache.update(k, v, 1), "StaticKVCache: layer_idx 1 is out of range for 1 layers"),
        (lambda: cache.update(k, v, 0, [2, 3]), "StaticKVCache: position 3 exceeds max_cache_len 3"),
        (lambda: cache.update(k, v, 0, [-1, 0]), "StaticKVCache: cache_position must not be negative, got -1"),
        (
            lambda: cache.update(k, v, 0, [1]),
            "StaticKVCache: expected cache_position of shape (2,) or (2, 2), got (1,)",
        ),
        (lambda: cache.batch_repeat_interleave(0), "StaticKVCache: repeats must be positive, got 0"),
        (lambda: cache.crop(-1), "StaticKVCache: max_length must not be negative, got -1"),
        (lambda: nn.StaticKVCache(0, 1), "StaticKVCache: max_cache_len and num_layers must be positive, got 0 and 1"),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            call()
    with pytest.raises(TypeError, match="expected integers, got float32"):
        cache.update(k, v, 0, lucid.tensor([0.0, 1.0]))
    assert cache.get(0) is None
    with pytest.raises(TypeError, match="abstract"):
        nn.KVCache()  # type: ignore[abstract]
