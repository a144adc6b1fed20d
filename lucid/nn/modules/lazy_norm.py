"""Normalisations that learn their number of channels from their first input."""

from __future__ import annotations

from typing import Any

from lucid._tensor import Tensor
from lucid.nn.modules.batch_norm import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
    _BatchNorm,
)
from lucid.nn.modules.lazy import _LazyAffine
from lucid.nn.parameter import UninitializedBuffer, UninitializedParameter

__all__ = [
    "LazyBatchNorm1d", "LazyBatchNorm2d", "LazyBatchNorm3d", "LazyInstanceNorm1d", "LazyInstanceNorm2d",
    "LazyInstanceNorm3d",
]  # fmt: skip


class _LazyNorm(_LazyAffine, _BatchNorm):
    def __init__(
        self, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True, track_running_stats: bool = True,
        device: Any = None, dtype: Any = None, *, bias: bool = True,
    ) -> None:  # fmt: skip
        _BatchNorm.__init__(self, 0, eps, momentum, False, track_running_stats, device, dtype)
        self.affine = affine
        if affine:
            self._wait(bias, device, dtype)
        if track_running_stats:
            self.running_mean = UninitializedBuffer(device=device, dtype=dtype)
            self.running_var = UninitializedBuffer(device=device, dtype=dtype)

    def reset_running_stats(self) -> None:
        """Forget all batches, once there are statistics."""
        if not self.has_uninitialized_params():
            super().reset_running_stats()

    def initialize_parameters(self, input: Tensor) -> None:
        """Take ``num_features`` from the input, unless a state dict gave it.

        Args:
            input: of a shape that the layer takes.
        """
        shape = input._data.shape
        if len(shape) not in self.dims:
            raise ValueError(f"expected input of shape {self.layouts}, got {shape}")
        new = self.has_uninitialized_params()
        self.num_features = shape[0 if self._is_unbatched(shape) else 1]
        for t in (self.weight, self.bias, self.running_mean, self.running_var):
            if isinstance(t, (UninitializedParameter, UninitializedBuffer)):
                t.materialize((self.num_features,))
        if new:
            self.reset_parameters()

    def _is_unbatched(self, shape: tuple[int, ...]) -> bool:
        return False


class LazyBatchNorm1d(_LazyNorm, BatchNorm1d):
    """`BatchNorm1d` whose ``num_features`` is that of the first input.

    Args:
        eps, momentum, affine, track_running_stats, device, dtype, bias: as in `BatchNorm1d`.

    Shape: as for `BatchNorm1d`.

    Raises:
        RuntimeError: another dtype than ``dtype``.
        ValueError: another number of dimensions, or training on one value per channel.

    Example:
        >>> import lucid
        >>> lucid.nn.LazyBatchNorm1d()(lucid.randn(8, 2)).shape
        lucid.Size([8, 2])
    """

    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(_LazyNorm, BatchNorm2d):
    """`BatchNorm2d` whose ``num_features`` is that of the first input.

    Args:
        eps, momentum, affine, track_running_stats, device, dtype, bias: as in `BatchNorm2d`.

    Shape: as for `BatchNorm2d`.

    Raises:
        RuntimeError: another dtype than ``dtype``.
        ValueError: another number of dimensions, or training on one value per channel.

    Example:
        >>> import lucid
        >>> layer = lucid.nn.LazyBatchNorm2d()
        >>> _ = layer(lucid.ones(2, 3, 4, 4))
        >>> layer.num_features
        3
    """

    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(_LazyNorm, BatchNorm3d):
    """`BatchNorm3d` whose ``num_features`` is that of the first input.

    Args:
        eps, momentum, affine, track_running_stats, device, dtype, bias: as in `BatchNorm3d`.

    Shape: as for `BatchNorm3d`.

    Raises:
        RuntimeError: another dtype than ``dtype``.
        ValueError: another number of dimensions, or training on one value per channel.

    Example:
        >>> import lucid
        >>> layer = lucid.nn.LazyBatchNorm3d()
        >>> _ = layer(lucid.ones(2, 3, 4, 4, 4))
        >>> layer.num_features
        3
    """

    cls_to_become = BatchNorm3d


class _LazyInstanceNorm(_LazyNorm):
    def _is_unbatched(self, shape: tuple[int, ...]) -> bool:
        return len(shape) == min(self.dims)


class LazyInstanceNorm1d(_LazyInstanceNorm, InstanceNorm1d):
    """`InstanceNorm1d` whose ``num_features`` is that of the first input, with parameters and running statistics.

    Args:
        eps, momentum, device, dtype, bias: as in `InstanceNorm1d`.
        affine, track_running_stats: likewise, but true unless given.

    Shape: as for `InstanceNorm1d`.

    Raises:
        RuntimeError: another dtype than ``dtype``.
        ValueError: another number of dimensions, or one value per channel of a sample.

    Example:
        >>> import lucid
        >>> lucid.nn.LazyInstanceNorm1d()(lucid.randn(8, 2, 5)).shape
        lucid.Size([8, 2, 5])
    """

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_LazyInstanceNorm, InstanceNorm2d):
    """`InstanceNorm2d` whose ``num_features`` is that of the first input, with parameters and running statistics.

    Args:
        eps, momentum, device, dtype, bias: as in `InstanceNorm2d`.
        affine, track_running_stats: likewise, but true unless given.

    Shape: as for `InstanceNorm2d`.

    Raises:
        RuntimeError: another dtype than ``dtype``.
        ValueError: another number of dimensions, or one value per channel of a sample.

    Example:
        >>> import lucid
        >>> layer = lucid.nn.LazyInstanceNorm2d()
        >>> _ = layer(lucid.ones(2, 3, 4, 4))
        >>> layer.num_features
        3
    """

    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(_LazyInstanceNorm, InstanceNorm3d):
    """`InstanceNorm3d` whose ``num_features`` is that of the first input, with parameters and running statistics.

    Args:
        eps, momentum, device, dtype, bias: as in `InstanceNorm3d`.
        affine, track_running_stats: likewise, but true unless given.

    Shape: as for `InstanceNorm3d`.

    Raises:
        RuntimeError: another dtype than ``dtype``.
        ValueError: another number of dimensions, or one value per channel of a sample.

    Example:
        >>> import lucid
        >>> layer = lucid.nn.LazyInstanceNorm3d()
        >>> _ = layer(lucid.ones(2, 3, 4, 4, 4))
        >>> layer.num_features
        3
    """

    cls_to_become = InstanceNorm3d
