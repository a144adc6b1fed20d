"""Parts that several families share."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from lucid import Tensor, nn
from lucid.nn import functional as F

Layer = Callable[..., nn.Module]

SLOW_NORM = partial(nn.BatchNorm2d, eps=1e-3, momentum=0.01)
"""Batch normalisation with the constants of the TensorFlow models that MobileNetV3 and large EfficientNets repeat."""


def divisible(channels: float, by: int = 8) -> int:
    """The multiple of ``by`` nearest to ``channels``, at least ``by`` and never below 90 % of ``channels``."""
    nearest = max(by, int(channels + by / 2) // by * by)
    return nearest + by if nearest < 0.9 * channels else nearest


class ConvNorm(nn.Sequential):
    """Convolution "0" that keeps the size but for its stride, normalisation "1" and activation "2"."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1,
        norm: Layer = nn.BatchNorm2d, activation: Layer | None = nn.ReLU,
    ) -> None:  # fmt: skip
        conv = nn.Conv2d(inputs, outputs, kernel, stride, (kernel - 1) // 2, groups=groups, bias=False)
        super().__init__(conv, norm(outputs), *([] if activation is None else [activation()]))


class SqueezeExcitation(nn.Module):
    """Channels weighted by what all of them hold on average: x * gate(W2 act(W1 mean(x))).

    Source: Hu, Shen, Sun (2018), Squeeze-and-Excitation Networks.
    """

    def __init__(self, channels: int, squeezed: int, activation: Layer, gate: Layer) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)
        self.activation = activation()
        self.gate = gate()

    def forward(self, x: Tensor) -> Tensor:
        mean = F.adaptive_avg_pool2d(x, 1)
        return x * self.gate(self.fc2(self.activation(self.fc1(mean))))


class Permute(nn.Module):
    """Dimensions in another order."""

    def __init__(self, *order: int) -> None:
        super().__init__()
        self.order = order

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(*self.order)


def initialise_convolutions(model: nn.Module, linear_std: float | None = None) -> None:
    """Draw weights of convolutions by the fan out of ReLU, and those of linear layers with ``linear_std`` if given.

    Source: He et al. (2015), Delving Deep into Rectifiers.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.Linear) and linear_std is not None:
            nn.init.normal_(module.weight, 0.0, linear_std)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def initialise_transformer(model: nn.Module) -> None:
    """Draw the weights of linear layers and convolutions from a normal distribution of deviation 0.02."""
    for module in model.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            nn.init.normal_(module.weight, std=0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
