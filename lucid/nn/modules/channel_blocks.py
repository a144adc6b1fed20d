"""Blocks that weigh channels: squeeze-excitation, selective kernels, global response normalisation."""

from __future__ import annotations

from lucid._functions.creation import ones, zeros
from lucid._functions.join import stack
from lucid._functions.softmax import softmax
from lucid._tensor import Tensor
from lucid.nn import functional as F
from lucid.nn.modules.activation import ReLU
from lucid.nn.modules.blocks import ConvBNReLU2d
from lucid.nn.modules.container import ModuleList, Sequential
from lucid.nn.modules.linear import Linear
from lucid.nn.modules.module import Module
from lucid.nn.parameter import Parameter

__all__ = ["GlobalResponseNorm", "SEModule", "SelectiveKernel"]


class SEModule(Module):
    """Squeeze and excitation: every channel multiplied by a number in (0, 1) found from the means of all channels.

        y = x * sigmoid(fc2(relu(fc1(mean of x over space))))

    Args:
        in_channels: channels C of the input, of shape (N, C, ...).
        reduction: fc1 has C // reduction outputs, at least one.

    Attributes:
        fc1, fc2: the `Linear` maps.

    Shape: (N, C, ...) with at least one spatial dimension, and the same for the result; floating point.

    Raises:
        RuntimeError: another number of channels, no spatial dimension, or another dtype.

    Example:
        >>> import lucid
        >>> lucid.nn.SEModule(32)(lucid.ones(2, 32, 5, 5)).shape
        lucid.Size([2, 32, 5, 5])

    Source: Hu et al., Squeeze-and-excitation networks, arXiv:1709.01507.
    """

    def __init__(self, in_channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.in_channels, self.reduction = in_channels, reduction
        middle = max(in_channels // reduction, 1)
        self.fc1, self.fc2 = Linear(in_channels, middle), Linear(middle, in_channels)

    def forward(self, input: Tensor) -> Tensor:
        shape = input._data.shape
        if len(shape) < 3 or shape[1] != self.in_channels:
            raise RuntimeError(f"expected input of shape (N, {self.in_channels}, ...), got {shape}")
        means = input.mean(tuple(range(2, len(shape))))
        scale = F.sigmoid(self.fc2(F.relu(self.fc1(means))))
        return input * scale.reshape(*shape[:2], *(1,) * (len(shape) - 2))


class SelectiveKernel(Module):
    """Convolutions with different kernels, weighted for each channel by what all of them see.

        y = sum_k softmax_k(a_k) * u_k,    u_k = relu(bn(conv_k(x))),    a = mlp(mean over the plane of sum_k u_k)

    Args:
        in_channels, out_channels: channels of the input and of the output.
        kernel_sizes: a size for each branch.
        stride: of all branches.
        padding: of all branches; half the kernel unless given.
        groups: of all branches.
        reduction: the hidden layer of the mlp has out_channels // reduction units, at least one.

    Shape: (N, in_channels, H, W) to (N, out_channels, H', W'), as for `Conv2d`.

    Raises:
        RuntimeError: the input has another number of dimensions or channels, or the branches' results differ in size.
        ValueError: there are no kernel sizes, or an option is out of range.

    Example:
        >>> import lucid
        >>> lucid.nn.SelectiveKernel(4, 8, [3, 5])(lucid.randn(2, 4, 6, 6)).shape
        lucid.Size([2, 8, 6, 6])

    Source: Li et al., Selective kernel networks, arXiv:1903.06586.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_sizes: list[int], stride: int = 1, padding: int | None = None,
        groups: int = 1, reduction: int = 16,
    ) -> None:  # fmt: skip
        super().__init__()
        if not kernel_sizes:
            raise ValueError("SelectiveKernel: kernel_sizes must not be empty")
        self.branches = ModuleList(
            ConvBNReLU2d(
                in_channels, out_channels, out_channels, k, stride, k // 2 if padding is None else padding,
                groups=groups, conv_bias=False,
            )
            for k in kernel_sizes
        )  # fmt: skip
        middle = max(out_channels // reduction, 1)
        self.attention = Sequential(
            Linear(out_channels, middle), ReLU(), Linear(middle, out_channels * len(kernel_sizes))
        )

    def forward(self, input: Tensor) -> Tensor:
        seen = stack([branch(input) for branch in self.branches], 1)
        n, branches, channels = seen._data.shape[:3]
        weights = softmax(self.attention(seen.sum(1).mean((2, 3))).reshape(n, branches, channels), 1)
        return (seen * weights.reshape(n, branches, channels, 1, 1)).sum(1)


class GlobalResponseNorm(Module):
    """Every channel of every image divided by its root mean square, as `lucid.nn.functional.global_response_norm`.

        y = gamma[c] * x / sqrt(mean of x^2 over the plane + eps) + beta[c]

    Args:
        channels: channels C of the input, of shape (N, C, H, W).
        eps: added to the mean square.

    Attributes:
        gamma: shape (1, C, 1, 1), ones at first.
        beta: shape (1, C, 1, 1), zeros at first.

    Shape: (N, C, H, W), and the same for the result; floating point.

    Raises:
        RuntimeError: the input has another shape, or is not floating point.

    Example:
        >>> import lucid
        >>> lucid.nn.GlobalResponseNorm(3)(lucid.ones(1, 3, 2, 2)).shape
        lucid.Size([1, 3, 2, 2])
    """

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.channels, self.eps = channels, eps
        self.gamma, self.beta = Parameter(ones(1, channels, 1, 1)), Parameter(zeros(1, channels, 1, 1))

    def forward(self, input: Tensor) -> Tensor:
        return F.global_response_norm(input, self.gamma, self.beta, self.eps)

    def extra_repr(self) -> str:
        return f"{self.channels}, eps={self.eps}"
