"""Normalisation across neighbouring channels, and the batch normalisation of programs for several processes."""

from __future__ import annotations

from typing import Any

from lucid._tensor import Tensor
from lucid.nn import functional as F
from lucid.nn.functional.response_norm import across_channels
from lucid.nn.modules.batch_norm import BatchNorm1d, BatchNorm2d, BatchNorm3d, _BatchNorm
from lucid.nn.modules.module import Module

__all__ = ["CrossMapLRN2d", "LocalResponseNorm", "SyncBatchNorm"]


class LocalResponseNorm(Module):
    """Every element divided by a power of the mean square of its neighbours in other channels.

        y[c] = x[c] / (k + alpha / size * sum of x[c']^2 for c' from c - size // 2 to c + (size - 1) // 2)^beta

    Args:
        size: number of neighbouring channels; those beyond the ends count as 0.
        alpha: weight of the mean square.
        beta: exponent.
        k: constant.

    Shape: (N, C, ...), at least three dimensions, and the same for the result.

    Raises:
        TypeError: the input is not a floating-point tensor.
        ValueError: fewer than three dimensions, or ``size`` is not positive; found when called.

    Example:
        >>> import lucid
        >>> lucid.nn.LocalResponseNorm(2)(lucid.ones(1, 4, 3)).shape
        lucid.Size([1, 4, 3])

    Source: Krizhevsky et al., ImageNet classification with deep convolutional neural networks, NIPS 2012.
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, input: Tensor) -> Tensor:
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class CrossMapLRN2d(Module):
    """`LocalResponseNorm` of planes with a window that is as wide before the channel as after it.

        y[c] = x[c] / (k + alpha / size * sum of x[c']^2 for |c' - c| <= (size - 1) // 2)^beta

    PyTorch's class departs from this formula: it counts channel 0 in the windows of all later channels too.

    Args:
        size: number of neighbouring channels; with an even one the window has size - 1, the factor stays.
        alpha: weight of the mean square.
        beta: exponent.
        k: constant.

    Shape: (N, C, H, W), and the same for the result.

    Raises:
        TypeError: the input is not a floating-point tensor.
        ValueError: the input does not have four dimensions, or ``size`` is not positive; found when called.

    Example:
        >>> import lucid
        >>> lucid.nn.CrossMapLRN2d(3)(lucid.ones(1, 4, 3, 3)).shape
        lucid.Size([1, 4, 3, 3])

    Source: Krizhevsky et al., ImageNet classification with deep convolutional neural networks, NIPS 2012.
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim != 4:
            raise ValueError(f"expected input of shape (N, C, H, W), got {tuple(input.shape)}")
        if self.size < 1:
            raise ValueError(f"size must be positive, got {self.size}")
        reach = (self.size - 1) // 2
        return across_channels(input, reach, reach, self.alpha * (2 * reach + 1) / self.size, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class SyncBatchNorm(_BatchNorm):
    """Batch normalisation: lucid trains in one process, so there is nothing to synchronise.

        y = (x - mean) / sqrt(var + eps) * weight + bias for every channel

    It has the parameters, buffers and state-dict keys of PyTorch's class, so that its checkpoints load.

    Args:
        num_features: channels C.
        eps: added to the variance.
        momentum: weight of a batch in the running statistics; None averages over all batches.
        affine: have a weight and a bias.
        track_running_stats: keep statistics for evaluation.
        process_group: accepted; there is one process.
        device: "cpu".
        dtype: type of the parameters; the default type unless given.
        bias: with ``affine``, whether there is a bias.

    Shape: (N, C, ...), and the same for the result.

    Raises:
        RuntimeError: another number of channels, or another dtype than the weight's.
        ValueError: another number of dimensions, or training on one value per channel.

    Example:
        >>> import lucid
        >>> lucid.nn.SyncBatchNorm(3)(lucid.ones(2, 3, 4, 4)).shape
        lucid.Size([2, 3, 4, 4])

    Source: Ioffe and Szegedy, Batch normalization, arXiv:1502.03167.
    """

    dims = (2, 3, 4, 5)
    layouts = "(N, C, ...)"

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: Any = None,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)
        self.process_group = process_group

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: Any = None) -> Module:
        """``module`` with every batch normalisation in it replaced by a SyncBatchNorm with its parameters and buffers.

        Args:
            module: changed in place, except that a batch normalisation itself is returned converted.
            process_group: accepted; there is one process.
        """
        if isinstance(module, (BatchNorm1d, BatchNorm2d, BatchNorm3d)):
            made = cls(
                module.num_features, module.eps, module.momentum, module.affine, module.track_running_stats,
                process_group,
            )  # fmt: skip
            made._parameters.update(module._parameters)
            made._buffers.update(module._buffers)
            return made.train(module.training)
        for name, child in module.named_children():
            module._modules[name] = cls.convert_sync_batchnorm(child, process_group)
        return module
