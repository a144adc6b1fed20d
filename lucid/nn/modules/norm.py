"""Normalisation layers."""

from __future__ import annotations

from typing import Any, ClassVar

from lucid._functions.creation import ones, tensor, zeros
from lucid._tensor import Tensor
from lucid.nn import functional as F
from lucid.nn import init
from lucid.nn.modules.module import Module
from lucid.nn.parameter import Parameter, empty_parameter

__all__ = ["BatchNorm1d", "BatchNorm2d", "GroupNorm", "LayerNorm"]


class _Affine(Module):
    """A weight of ones and a bias of zeros, either of which may be absent."""

    weight: Parameter | None
    bias: Parameter | None

    def _make_affine(self, shape: tuple[int, ...], weight: bool, bias: bool, device: Any, dtype: Any) -> None:
        self.register_parameter("weight", empty_parameter(*shape, device=device, dtype=dtype) if weight else None)
        self.register_parameter("bias", empty_parameter(*shape, device=device, dtype=dtype) if bias else None)

    def reset_parameters(self) -> None:
        """Set the weight to 1 and the bias to 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


class _BatchNorm(_Affine):
    _version = 2  # 2 added num_batches_tracked
    dims: ClassVar[tuple[int, ...]]
    layouts: ClassVar[str]
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self._make_affine((num_features,), affine, affine and bias, device, dtype)
        tracked = track_running_stats
        self.register_buffer("running_mean", zeros(num_features, dtype=dtype) if tracked else None)
        self.register_buffer("running_var", ones(num_features, dtype=dtype) if tracked else None)
        self.register_buffer("num_batches_tracked", tensor(0) if tracked else None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forget all batches: mean 0, variance 1, no batches seen."""
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Forget all batches and set the weight to 1 and the bias to 0."""
        self.reset_running_stats()
        super().reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        shape = input._data.shape
        if len(shape) not in self.dims:
            raise ValueError(f"expected input of shape {self.layouts}, got {shape}")
        if shape[1] != self.num_features:
            raise RuntimeError(f"expected {self.num_features} channels, got {shape[1]} (input {shape})")
        mean, var, count = self.running_mean, self.running_var, self.num_batches_tracked
        if not self.training:
            return F.batch_norm(input, mean, var, self.weight, self.bias, mean is None and var is None, 0.0, self.eps)
        if not self.track_running_stats:
            return F.batch_norm(input, None, None, self.weight, self.bias, True, 0.0, self.eps)
        momentum = 0.0 if self.momentum is None else self.momentum
        if self.momentum is None and count is not None:
            momentum = 1.0 / (count.item() + 1)
        y = F.batch_norm(input, mean, var, self.weight, self.bias, True, momentum, self.eps)
        if count is not None:
            count.add_(1)
        return y

    def _upgrade_state(self, state: dict[str, Any], prefix: str, version: int | None) -> None:
        if (version is None or version < 2) and self.num_batches_tracked is not None:
            state.setdefault(prefix + "num_batches_tracked", self.num_batches_tracked)

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class BatchNorm1d(_BatchNorm):
    """Batch normalisation of features or of sequences: y = (x - mean) / sqrt(var + eps) * weight + bias per channel.

    In training, the statistics are those of the batch, and running estimates are kept for evaluation.

    Args:
        num_features: channels C of the input, of shape (N, C) or (N, C, L).
        eps: added to the variance.
        momentum: weight of a new batch in the running estimates; None for the average of all batches.
        affine: whether there are a weight and a bias.
        track_running_stats: keep running estimates; without them evaluation uses the batch as well.
        device: "cpu".
        dtype: type of the parameters; the default type unless given.
        bias: with ``affine``, whether there is a bias.

    Attributes:
        weight: shape (C,), ones at first; or None.
        bias: shape (C,), zeros at first; or None.
        running_mean: buffer of shape (C,), zeros at first; or None.
        running_var: buffer of shape (C,), of the unbiased variance, ones at first; or None.
        num_batches_tracked: buffer, int64: batches seen; or None.

    Raises:
        ValueError: another number of dimensions, or training on one value per channel.
        RuntimeError: another number of channels.

    Example:
        >>> import lucid
        >>> lucid.nn.BatchNorm1d(2)(lucid.randn(8, 2)).shape
        lucid.Size([8, 2])

    Source: Ioffe and Szegedy, "Batch Normalization", 2015.
    """

    dims, layouts = (2, 3), "(N, C) or (N, C, L)"


class BatchNorm2d(_BatchNorm):
    """Batch normalisation of planes: y = (x - mean) / sqrt(var + eps) * weight + bias per channel.

    In training, the statistics are those of the batch, and running estimates are kept for evaluation.

    Args:
        num_features: channels C of the input, of shape (N, C, H, W).
        eps: added to the variance.
        momentum: weight of a new batch in the running estimates; None for the average of all batches.
        affine: whether there are a weight and a bias.
        track_running_stats: keep running estimates; without them evaluation uses the batch as well.
        device: "cpu".
        dtype: type of the parameters; the default type unless given.
        bias: with ``affine``, whether there is a bias.

    Attributes:
        weight: shape (C,), ones at first; or None.
        bias: shape (C,), zeros at first; or None.
        running_mean: buffer of shape (C,), zeros at first; or None.
        running_var: buffer of shape (C,), of the unbiased variance, ones at first; or None.
        num_batches_tracked: buffer, int64: batches seen; or None.

    Raises:
        ValueError: another number of dimensions, or training on one value per channel.
        RuntimeError: another number of channels.

    Example:
        >>> import lucid
        >>> lucid.nn.BatchNorm2d(2)(lucid.randn(4, 2, 3, 3)).shape
        lucid.Size([4, 2, 3, 3])

    Source: Ioffe and Szegedy, "Batch Normalization", 2015.
    """

    dims, layouts = (4,), "(N, C, H, W)"


class LayerNorm(_Affine):
    """y = (x - mean) / sqrt(var + eps) * weight + bias, with the statistics of the last dimensions.

    Args:
        normalized_shape: sizes of the last dimensions to normalise over; an int for one.
        eps: added to the (biased) variance.
        elementwise_affine: whether there are a weight and a bias.
        bias: with ``elementwise_affine``, whether there is a bias.
        device: "cpu".
        dtype: type of the parameters; the default type unless given.

    Attributes:
        weight: shape ``normalized_shape``, ones at first; or None.
        bias: shape ``normalized_shape``, zeros at first; or None.

    Example:
        >>> import lucid
        >>> lucid.nn.LayerNorm(4)(lucid.randn(2, 3, 4)).shape
        lucid.Size([2, 3, 4])

    Source: Ba, Kiros and Hinton, "Layer Normalization", 2016.
    """

    def __init__(
        self,
        normalized_shape: Any,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.normalized_shape, self.eps, self.elementwise_affine = shape, eps, elementwise_affine
        self._make_affine(shape, elementwise_affine, elementwise_affine and bias, device, dtype)
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


class GroupNorm(_Affine):
    """y = (x - mean) / sqrt(var + eps) * weight + bias, with the statistics of each group of channels of a sample.

    Args:
        num_groups: number of groups of consecutive channels.
        num_channels: channels C of the input, of shape (N, C, ...).
        eps: added to the (biased) variance.
        affine: whether there are a weight and a bias per channel.
        device: "cpu".
        dtype: type of the parameters; the default type unless given.
        bias: with ``affine``, whether there is a bias.

    Attributes:
        weight: shape (C,), ones at first; or None.
        bias: shape (C,), zeros at first; or None.

    Raises:
        ValueError: the channels are not divisible into the groups.

    Example:
        >>> import lucid
        >>> lucid.nn.GroupNorm(2, 6)(lucid.randn(4, 6, 5)).shape
        lucid.Size([4, 6, 5])

    Source: Wu and He, "Group Normalization", 2018.
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_groups < 1 or num_channels % num_groups:
            raise ValueError(f"GroupNorm: num_channels {num_channels} must be divisible by num_groups {num_groups}")
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine
        self._make_affine((num_channels,), affine, affine and bias, device, dtype)
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )
