"""Normalisation of channels: over a batch, or over each sample."""

from __future__ import annotations

from typing import Any, ClassVar

from lucid._functions.creation import ones, tensor, zeros
from lucid._tensor import Tensor
from lucid.nn import functional as F
from lucid.nn.modules.norm import Affine

__all__ = [
    "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d",
]  # fmt: skip


class _NormBase(Affine):
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


class _BatchNorm(_NormBase):
    pass


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

    Shape: (N, C) or (N, C, L), and the same for the result; floating point.

    Raises:
        RuntimeError: another number of channels, or another dtype than the weight's.
        ValueError: another number of dimensions, or training on one value per channel.

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

    Shape: (N, C, H, W), and the same for the result; floating point.

    Raises:
        RuntimeError: another number of channels, or another dtype than the weight's.
        ValueError: another number of dimensions, or training on one value per channel.

    Example:
        >>> import lucid
        >>> lucid.nn.BatchNorm2d(2)(lucid.randn(4, 2, 3, 3)).shape
        lucid.Size([4, 2, 3, 3])

    Source: Ioffe and Szegedy, "Batch Normalization", 2015.
    """

    dims, layouts = (4,), "(N, C, H, W)"


class BatchNorm3d(_BatchNorm):
    """Batch normalisation of volumes: y = (x - mean) / sqrt(var + eps) * weight + bias per channel.

    In training, the statistics are those of the batch, and running estimates are kept for evaluation.

    Args:
        num_features: channels C of the input, of shape (N, C, D, H, W).
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

    Shape: (N, C, D, H, W), and the same for the result; floating point.

    Raises:
        RuntimeError: another number of channels, or another dtype than the weight's.
        ValueError: another number of dimensions, or training on one value per channel.

    Example:
        >>> import lucid
        >>> lucid.nn.BatchNorm3d(2)(lucid.randn(4, 2, 3, 3, 3)).shape
        lucid.Size([4, 2, 3, 3, 3])

    Source: Ioffe and Szegedy, "Batch Normalization", 2015.
    """

    dims, layouts = (5,), "(N, C, D, H, W)"


class _InstanceNorm(_NormBase):
    _version = 2
    dims: ClassVar[tuple[int, ...]]
    layouts: ClassVar[str]

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        shape = input._data.shape
        if len(shape) not in self.dims:
            raise ValueError(f"expected input of shape {self.layouts}, got {shape}")
        single = len(shape) == min(self.dims)
        x = input.unsqueeze(0) if single else input
        channels = x._data.shape[1]
        if channels != self.num_features:
            raise ValueError(f"expected {self.num_features} channels, got {channels} (input {shape})")
        own = self.training or not self.track_running_stats
        momentum = 0.0 if self.momentum is None else self.momentum
        y = F.instance_norm(x, self.running_mean, self.running_var, self.weight, self.bias, own, momentum, self.eps)
        return y.squeeze(0) if single else y


class InstanceNorm1d(_InstanceNorm):
    """Normalisation of every channel of every sequence: y = (x - mean) / sqrt(var + eps) * weight + bias.

    Args:
        num_features: channels C of the input, of shape (N, C, L) or (C, L).
        eps: added to the (biased) variance.
        momentum: weight of a new batch in the running estimates; None for 0.
        affine: whether there are a weight and a bias per channel.
        track_running_stats: keep running estimates and use them in evaluation.
        device: "cpu".
        dtype: type of the parameters; the default type unless given.
        bias: with ``affine``, whether there is a bias.

    Attributes:
        weight: shape (C,), ones at first; or None.
        bias: shape (C,), zeros at first; or None.
        running_mean: buffer of shape (C,), zeros at first; or None.
        running_var: buffer of shape (C,), of the unbiased variance, ones at first; or None.
        num_batches_tracked: buffer, int64: batches seen; or None.

    Shape: (N, C, L) or (C, L), and the same for the result; floating point.

    Raises:
        RuntimeError: the input is not floating point, or not of the parameters' dtype.
        ValueError: another number of dimensions or channels, or one value per channel of a sample.

    Example:
        >>> import lucid
        >>> lucid.nn.InstanceNorm1d(2)(lucid.randn(4, 2, 5)).shape
        lucid.Size([4, 2, 5])

    Source: Ulyanov, Vedaldi and Lempitsky, "Instance Normalization", 2016.
    """

    dims, layouts = (2, 3), "(N, C, L) or (C, L)"


class InstanceNorm2d(_InstanceNorm):
    """Normalisation of every channel of every image: y = (x - mean) / sqrt(var + eps) * weight + bias.

    Args:
        num_features: channels C of the input, of shape (N, C, H, W) or (C, H, W).
        eps: added to the (biased) variance.
        momentum: weight of a new batch in the running estimates; None for 0.
        affine: whether there are a weight and a bias per channel.
        track_running_stats: keep running estimates and use them in evaluation.
        device: "cpu".
        dtype: type of the parameters; the default type unless given.
        bias: with ``affine``, whether there is a bias.

    Attributes:
        weight: shape (C,), ones at first; or None.
        bias: shape (C,), zeros at first; or None.
        running_mean: buffer of shape (C,), zeros at first; or None.
        running_var: buffer of shape (C,), of the unbiased variance, ones at first; or None.
        num_batches_tracked: buffer, int64: batches seen; or None.

    Shape: (N, C, H, W) or (C, H, W), and the same for the result; floating point.

    Raises:
        RuntimeError: the input is not floating point, or not of the parameters' dtype.
        ValueError: another number of dimensions or channels, or one value per channel of a sample.

    Example:
        >>> import lucid
        >>> lucid.nn.InstanceNorm2d(2)(lucid.randn(4, 2, 3, 3)).shape
        lucid.Size([4, 2, 3, 3])

    Source: Ulyanov, Vedaldi and Lempitsky, "Instance Normalization", 2016.
    """

    dims, layouts = (3, 4), "(N, C, H, W) or (C, H, W)"


class InstanceNorm3d(_InstanceNorm):
    """Normalisation of every channel of every volume: y = (x - mean) / sqrt(var + eps) * weight + bias.

    Args:
        num_features: channels C of the input, of shape (N, C, D, H, W) or (C, D, H, W).
        eps: added to the (biased) variance.
        momentum: weight of a new batch in the running estimates; None for 0.
        affine: whether there are a weight and a bias per channel.
        track_running_stats: keep running estimates and use them in evaluation.
        device: "cpu".
        dtype: type of the parameters; the default type unless given.
        bias: with ``affine``, whether there is a bias.

    Attributes:
        weight: shape (C,), ones at first; or None.
        bias: shape (C,), zeros at first; or None.
        running_mean: buffer of shape (C,), zeros at first; or None.
        running_var: buffer of shape (C,), of the unbiased variance, ones at first; or None.
        num_batches_tracked: buffer, int64: batches seen; or None.

    Shape: (N, C, D, H, W) or (C, D, H, W), and the same for the result; floating point.

    Raises:
        RuntimeError: the input is not floating point, or not of the parameters' dtype.
        ValueError: another number of dimensions or channels, or one value per channel of a sample.

    Example:
        >>> import lucid
        >>> lucid.nn.InstanceNorm3d(2)(lucid.randn(4, 2, 3, 3, 3)).shape
        lucid.Size([4, 2, 3, 3, 3])

    Source: Ulyanov, Vedaldi and Lempitsky, "Instance Normalization", 2016.
    """

    dims, layouts = (4, 5), "(N, C, D, H, W) or (C, D, H, W)"
