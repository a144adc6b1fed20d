"""Normalisation of samples: over features, groups of channels, root mean squares."""

from __future__ import annotations

from typing import Any

from lucid._tensor import Tensor
from lucid.nn import functional as F
from lucid.nn import init
from lucid.nn.modules.module import Module
from lucid.nn.parameter import Parameter, empty_parameter

__all__ = ["GroupNorm", "LayerNorm", "RMSNorm"]


class Affine(Module):
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


class RMSNorm(Module):
    """y = x / sqrt(mean(x^2) + eps) * weight, the mean over the last dimensions.

    Args:
        normalized_shape: sizes of the last dimensions to normalise over; an int for one.
        eps: added to the mean of squares; the distance from 1 to the next number of the dtype unless given.
        elementwise_affine: whether there is a weight.
        device: "cpu".
        dtype: type of the parameter; the default type unless given.

    Attributes:
        weight: shape ``normalized_shape``, ones at first; or None.

    Shape: (..., *normalized_shape), and the same for the result.

    Raises:
        RuntimeError: the input has other last dimensions, or another dtype than the weight.

    Example:
        >>> import lucid
        >>> lucid.nn.RMSNorm(4)(lucid.randn(2, 3, 4)).shape
        lucid.Size([2, 3, 4])

    Source: Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019.
    """

    def __init__(
        self,
        normalized_shape: Any,
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.normalized_shape, self.eps, self.elementwise_affine = shape, eps, elementwise_affine
        self.weight: Parameter | None
        self.register_parameter(
            "weight", empty_parameter(*shape, device=device, dtype=dtype) if elementwise_affine else None
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the weight to 1."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, input: Tensor) -> Tensor:
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class LayerNorm(Affine):
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

    Shape: (..., *normalized_shape), and the same for the result.

    Raises:
        RuntimeError: the input has other last dimensions, or another dtype than the weight.

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


class GroupNorm(Affine):
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

    Shape: (N, C, ...), and the same for the result.

    Raises:
        RuntimeError: the input has another number of channels, or another dtype than the weight.
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
