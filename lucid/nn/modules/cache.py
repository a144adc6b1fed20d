"""Keys and values kept between the steps of a decoder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from lucid._functions._naming import NamedMethods
from lucid._functions.creation import zeros
from lucid._functions.join import cat
from lucid._tensor import Tensor
from lucid.autograd._mode import no_grad
from lucid.autograd._node import wrap

__all__ = ["Cache", "DynamicKVCache", "EncoderDecoderCache", "KVCache", "StaticKVCache"]

Pair = tuple[Tensor, Tensor]


def _integers(name: str, value: Any) -> np.ndarray:
    found = value._data if isinstance(value, Tensor) else np.asarray(value)
    if found.dtype.kind not in "iu":
        raise TypeError(f"{name}: expected integers, got {found.dtype}")
    return found.astype(np.int64)


class Cache(NamedMethods, ABC):
    """State that a module keeps between calls, for every sample of a batch.

    Example:
        >>> import lucid
        >>> issubclass(lucid.nn.DynamicKVCache, lucid.nn.Cache)
        True
    """

    @abstractmethod
    def reset(self) -> None:
        """Forget everything."""

    @abstractmethod
    def batch_select_indices(self, indices: Any) -> None:
        """Keep the samples ``indices``, in that order.

        Args:
            indices: integers, a tensor or a list.
        """

    @abstractmethod
    def batch_repeat_interleave(self, repeats: int) -> None:
        """Repeat every sample ``repeats`` times, side by side.

        Args:
            repeats: how often, at least 1.
        """

    @abstractmethod
    def crop(self, max_length: int) -> None:
        """Keep the latest ``max_length`` positions.

        Args:
            max_length: how many, at least 0.
        """

    def reorder_cache(self, beam_idx: Any) -> None:
        """Keep the samples of the surviving beams.

        Args:
            beam_idx: which samples, integers.
        """
        self.batch_select_indices(beam_idx)

    def get_max_cache_shape(self) -> int | None:
        """The most positions it can hold; None without a limit."""
        return None


class KVCache(Cache):
    """Keys and values of every layer of a decoder, of shape (batch, heads, length, size).

    Raises:
        TypeError: positions or indices are not integers.
        ValueError: in `update`, shapes do not fit or a position is negative or beyond the capacity; in
            `batch_repeat_interleave` and `crop`, a count is out of range.

    Example:
        >>> import lucid
        >>> cache = lucid.nn.DynamicKVCache()
        >>> isinstance(cache, lucid.nn.KVCache)
        True
    """

    def __init__(self) -> None:
        self._layers: dict[int, Pair] = {}
        self._lengths: dict[int, int] = {}

    def update(self, key: Tensor, value: Tensor, layer_idx: int, cache_position: Any = None) -> Pair:
        """Store new keys and values, and return all that the layer holds.

        Args:
            key: shape (batch, heads, T, size).
            value: the same, but for the last size.
            layer_idx: which layer.
            cache_position: where they go: after what is there unless given; integers of shape () for T = 1, (T,), or
                (batch, T). Places that nothing was written to are zero.

        Raises:
            TypeError: ``cache_position`` does not hold integers.
            ValueError: shapes do not fit, or a position is negative or beyond the capacity.
        """
        name = type(self).__name__
        if key.ndim != 4 or value.ndim != 4 or tuple(key.shape[:3]) != tuple(value.shape[:3]):
            raise ValueError(
                f"{name}: expected key and value of shape (batch, heads, length, size), got {tuple(key.shape)} and "
                f"{tuple(value.shape)}"
            )
        batch, _, count, _ = key.shape
        held = self._lengths.get(layer_idx, 0)
        if cache_position is None:
            at = np.arange(held, held + count)
        else:
            at = _integers(f"{name}.update", cache_position)
            at = at.reshape(1) if at.ndim == 0 else at
            if at.shape not in ((count,), (batch, count)):
                raise ValueError(
                    f"{name}: expected cache_position of shape {(count,)} or {(batch, count)}, got {at.shape}"
                )
        end = max(held, int(at.max()) + 1 if at.size else 0)
        if at.size and at.min() < 0:
            raise ValueError(f"{name}: cache_position must not be negative, got {int(at.min())}")
        stored = self._room(layer_idx, key, value, end)
        if cache_position is None and type(self) is DynamicKVCache:
            keys, values = (cat([s[:, :, :held], t], 2) for s, t in zip(stored, (key, value)))
            self._layers[layer_idx] = keys, values
        else:
            with no_grad():
                for s, t in zip(stored, (key, value)):
                    rows = np.arange(batch)[:, None] if at.ndim == 2 else slice(None)
                    s._data.swapaxes(1, 2)[rows, at] = t._data.swapaxes(1, 2)
            self._layers[layer_idx] = stored
        self._lengths[layer_idx] = end
        return self._held(layer_idx)

    @abstractmethod
    def _room(self, layer_idx: int, key: Tensor, value: Tensor, length: int) -> Pair:
        """The layer's storage with room for ``length`` positions."""

    def _held(self, layer_idx: int) -> Pair:
        key, value = self._layers[layer_idx]
        length = self._lengths[layer_idx]
        return key[:, :, :length], value[:, :, :length]

    def get(self, layer_idx: int) -> Pair | None:
        """Keys and values of a layer.

        Args:
            layer_idx: number of the layer.

        Returns:
            Two tensors (batch, heads, length, size), or None if nothing was stored.
        """
        return self._held(layer_idx) if layer_idx in self._lengths else None

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """The number of positions a layer holds.

        Args:
            layer_idx: number of the layer.
        """
        return self._lengths.get(layer_idx, 0)

    def reset(self) -> None:
        """Forget all layers."""
        self._layers.clear()
        self._lengths.clear()

    def _change(self, change: Any) -> None:
        for layer, pair in self._layers.items():
            self._layers[layer] = tuple([change(t) for t in pair])

    def batch_select_indices(self, indices: Any) -> None:
        """Keep the samples ``indices``, in that order.

        Args:
            indices: integers, a tensor or a list.
        """
        at = wrap(_integers(f"{type(self).__name__}.batch_select_indices", indices).reshape(-1))
        self._change(lambda t: t.index_select(0, at))

    def batch_repeat_interleave(self, repeats: int) -> None:
        """Repeat every sample ``repeats`` times, side by side.

        Args:
            repeats: how often, at least 1.
        """
        if repeats < 1:
            raise ValueError(f"{type(self).__name__}: repeats must be positive, got {repeats}")
        self._change(lambda t: t.repeat_interleave(repeats, 0))

    def crop(self, max_length: int) -> None:
        """Keep the latest ``max_length`` positions.

        Args:
            max_length: how many, at least 0.
        """
        if max_length < 0:
            raise ValueError(f"{type(self).__name__}: max_length must not be negative, got {max_length}")
        for layer, held in self._lengths.items():
            if held > max_length:
                key, value = self._layers[layer]
                self._layers[layer] = self._latest(key, held, max_length), self._latest(value, held, max_length)
                self._lengths[layer] = max_length

    def _latest(self, t: Tensor, held: int, count: int) -> Tensor:
        return t[:, :, held - count : held].clone()


class DynamicKVCache(KVCache):
    """A `KVCache` that grows with what is stored; gradients flow through what was appended.

    Raises:
        TypeError: positions or indices are not integers.
        ValueError: as for `KVCache`.

    Example:
        >>> import lucid
        >>> cache = lucid.nn.DynamicKVCache()
        >>> for _ in range(3):
        ...     keys, values = cache.update(lucid.ones(1, 2, 1, 4), lucid.ones(1, 2, 1, 4), layer_idx=0)
        >>> cache.get_seq_length(), keys.shape
        (3, lucid.Size([1, 2, 3, 4]))
    """

    def _room(self, layer_idx: int, key: Tensor, value: Tensor, length: int) -> Pair:
        if layer_idx not in self._layers:
            shapes = [(*t.shape[:2], length, t.shape[3]) for t in (key, value)]
            return zeros(shapes[0], dtype=key.dtype), zeros(shapes[1], dtype=value.dtype)
        grown = []
        for t in self._layers[layer_idx]:
            more = zeros(*t.shape[:2], max(length - t.shape[2], 0), t.shape[3], dtype=t.dtype)
            grown.append(cat([t.detach(), more], 2) if more.numel() else t)
        return grown[0], grown[1]


class StaticKVCache(KVCache):
    """A `KVCache` with memory for a fixed number of positions, taken once.

    Args:
        max_cache_len: positions per layer.
        num_layers: number of layers.

    Raises:
        TypeError: positions or indices are not integers.
        ValueError: a size is not positive; in `update`, shapes do not fit, or the layer or a position is beyond the
            capacity.

    Example:
        >>> import lucid
        >>> cache = lucid.nn.StaticKVCache(max_cache_len=8, num_layers=1)
        >>> x = lucid.ones(1, 2, 1, 4)
        >>> keys, values = cache.update(x, x, layer_idx=0, cache_position=lucid.tensor(5))
        >>> cache.get_seq_length(), keys.shape
        (6, lucid.Size([1, 2, 6, 4]))
    """

    def __init__(self, max_cache_len: int, num_layers: int) -> None:
        super().__init__()
        if max_cache_len < 1 or num_layers < 1:
            raise ValueError(
                f"StaticKVCache: max_cache_len and num_layers must be positive, got {max_cache_len} and {num_layers}"
            )
        self.max_cache_len, self.num_layers = max_cache_len, num_layers

    def get_max_cache_shape(self) -> int:
        """The most positions it can hold."""
        return self.max_cache_len

    def _room(self, layer_idx: int, key: Tensor, value: Tensor, length: int) -> Pair:
        if not 0 <= layer_idx < self.num_layers:
            raise ValueError(f"StaticKVCache: layer_idx {layer_idx} is out of range for {self.num_layers} layers")
        if length > self.max_cache_len:
            raise ValueError(f"StaticKVCache: position {length - 1} exceeds max_cache_len {self.max_cache_len}")
        if layer_idx not in self._layers:
            shapes = [(*t.shape[:2], self.max_cache_len, t.shape[3]) for t in (key, value)]
            return zeros(shapes[0], dtype=key.dtype), zeros(shapes[1], dtype=value.dtype)
        return self._layers[layer_idx]

    def _latest(self, t: Tensor, held: int, count: int) -> Tensor:
        kept = zeros(*t.shape, dtype=t.dtype)
        kept[:, :, :count] = t[:, :, held - count : held]
        return kept


class EncoderDecoderCache(Cache):
    """The caches of a decoder that attends to itself and to an encoder.

    Args:
        self_attention_cache: a `DynamicKVCache` unless given.
        cross_attention_cache: likewise.

    Attributes:
        is_updated: layer: whether its cross-attention was stored.

    Example:
        >>> import lucid
        >>> cache = lucid.nn.EncoderDecoderCache()
        >>> x = lucid.ones(2, 8, 10, 4)
        >>> pair = cache.update(x, x, layer_idx=0, is_cross_attention=True)
        >>> cache.get_seq_length(0, is_cross_attention=True), cache.get_seq_length(0)
        (10, 0)
    """

    def __init__(
        self, self_attention_cache: KVCache | None = None, cross_attention_cache: KVCache | None = None
    ) -> None:
        self.self_attention_cache = DynamicKVCache() if self_attention_cache is None else self_attention_cache
        self.cross_attention_cache = DynamicKVCache() if cross_attention_cache is None else cross_attention_cache
        self.is_updated: dict[int, bool] = {}

    def _which(self, is_cross_attention: bool) -> KVCache:
        return self.cross_attention_cache if is_cross_attention else self.self_attention_cache

    def update(
        self, key: Tensor, value: Tensor, layer_idx: int, cache_position: Any = None, is_cross_attention: bool = False
    ) -> Pair:
        """`KVCache.update` of one of the two.

        Args:
            key: (batch, heads, T, size).
            value: the same, but for the last size.
            layer_idx: number of the layer.
            cache_position: where they go, as in `KVCache.update`.
            is_cross_attention: which of the two caches.

        Returns:
            All keys and values of the layer.

        Raises:
            ValueError: as for `KVCache.update`.
        """
        pair = self._which(is_cross_attention).update(key, value, layer_idx, cache_position)
        if is_cross_attention:
            self.is_updated[layer_idx] = True
        return pair

    def get(self, layer_idx: int, is_cross_attention: bool = False) -> Pair | None:
        """`KVCache.get` of one of the two.

        Args:
            layer_idx: number of the layer.
            is_cross_attention: which of the two caches.
        """
        return self._which(is_cross_attention).get(layer_idx)

    def get_seq_length(self, layer_idx: int = 0, is_cross_attention: bool = False) -> int:
        """`KVCache.get_seq_length` of one of the two.

        Args:
            layer_idx: number of the layer.
            is_cross_attention: which of the two caches.
        """
        return self._which(is_cross_attention).get_seq_length(layer_idx)

    def reset(self) -> None:
        """Forget both."""
        self.self_attention_cache.reset()
        self.cross_attention_cache.reset()
        self.is_updated.clear()

    def batch_select_indices(self, indices: Any) -> None:
        """Keep the samples ``indices`` of both, in that order.

        Args:
            indices: integers, a tensor or a list.
        """
        self.self_attention_cache.batch_select_indices(indices)
        self.cross_attention_cache.batch_select_indices(indices)

    def batch_repeat_interleave(self, repeats: int) -> None:
        """Repeat every sample of both ``repeats`` times, side by side.

        Args:
            repeats: how often, at least 1.
        """
        self.self_attention_cache.batch_repeat_interleave(repeats)
        self.cross_attention_cache.batch_repeat_interleave(repeats)

    def crop(self, max_length: int) -> None:
        """Keep the latest ``max_length`` positions of the decoder itself.

        Args:
            max_length: how many, at least 0.
        """
        self.self_attention_cache.crop(max_length)

    def get_max_cache_shape(self) -> int | None:
        """The most positions of the decoder itself."""
        return self.self_attention_cache.get_max_cache_shape()
