"""Small networks of many kinds; each is made with random weights and statistics, in evaluation mode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lucid
import lucid.nn.functional as F
from lucid import nn


def randomised(net: nn.Module) -> nn.Module:
    """``net`` with running statistics and affine parameters that are not those of a fresh layer."""
    with lucid.no_grad():
        for module in net.modules():
            if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
                module.running_mean.normal_(0, 0.2)
                module.running_var.uniform_(0.5, 1.5)
            if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm)):
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_(0, 0.2)
    return net.eval()


def unit(cin: int, cout: int, kernel: int, stride: int = 1, groups: int = 1, act: Any = None) -> list[Any]:
    conv = nn.Conv2d(cin, cout, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(cout), *([act()] if act else [])]


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(12, 20), nn.ReLU(), nn.Linear(20, 20), nn.Tanh(), nn.Linear(20, 5), nn.Softmax(1))


def lenet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2),
        nn.Flatten(), nn.Linear(16 * 5 * 5, 120), nn.Tanh(), nn.Dropout(0.5), nn.Linear(120, 10),
    )  # fmt: skip


class Residual(nn.Module):
    """A basic block of ResNet, with in-place additions and activations as torchvision writes them."""

    def __init__(self, cin: int, cout: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(cout), nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1, bias=False)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut = nn.Sequential(*unit(cin, cout, 1, stride)) if stride != 1 or cin != cout else None

    def forward(self, x: Any) -> Any:
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        y += x if self.shortcut is None else self.shortcut(x)
        return self.relu(y)


def resnet() -> nn.Module:
    return nn.Sequential(
        *unit(3, 24, 7, 2, act=nn.ReLU), nn.MaxPool2d(3, 2, 1), Residual(24, 24, 1), Residual(24, 40, 2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(40, 7),
    )  # fmt: skip


class Excitation(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.pool, self.act, self.gate = nn.AdaptiveAvgPool2d(1), nn.ReLU(), nn.Hardsigmoid()
        self.fc1, self.fc2 = nn.Conv2d(width, 8, 1), nn.Conv2d(8, width, 1)

    def forward(self, x: Any) -> Any:
        return self.gate(self.fc2(self.act(self.fc1(self.pool(x))))) * x


class Inverted(nn.Module):
    """A block of MobileNetV3."""

    def __init__(self, cin: int, wide: int, cout: int, kernel: int, stride: int, act: Any) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *unit(cin, wide, 1, act=act), *unit(wide, wide, kernel, stride, wide, act), Excitation(wide),
            *unit(wide, cout, 1),
        )  # fmt: skip
        self.residual = stride == 1 and cin == cout

    def forward(self, x: Any) -> Any:
        return x + self.body(x) if self.residual else self.body(x)


def mobilenet() -> nn.Module:
    return nn.Sequential(
        *unit(3, 16, 3, 2, act=nn.Hardswish), Inverted(16, 48, 24, 3, 2, nn.ReLU), Inverted(24, 72, 24, 5, 1, nn.Hardswish),
        Inverted(24, 72, 24, 3, 1, nn.SiLU), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(24, 5),
    )  # fmt: skip


class ConvNext(nn.Module):
    """A block of ConvNeXt: depthwise 7x7, channels last for the norm and the linear layers, a scaled residual."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.wide, self.act, self.narrow = nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        self.gamma = nn.Parameter(lucid.full((width,), 0.5))

    def forward(self, x: Any) -> Any:
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        y = self.gamma * self.narrow(self.act(self.wide(y)))
        return x + y.permute(0, 3, 1, 2)


def convnext() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 20, 4, 4), ConvNext(20), ConvNext(20))


class Activations(nn.Module):
    """Every activation that can be fused, after a convolution and after a linear layer."""

    KINDS = (nn.ReLU, nn.ReLU6, nn.SiLU, nn.Hardswish, nn.Hardsigmoid, nn.Mish, nn.GELU, nn.Sigmoid, nn.Tanh, nn.LeakyReLU,
             nn.ELU, nn.Hardtanh)  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList([nn.Conv2d(5, 5, 3, padding=1) for _ in self.KINDS])
        self.linears = nn.ModuleList([nn.Linear(6, 6) for _ in self.KINDS])
        self.acts = nn.ModuleList([kind() for kind in self.KINDS])

    def forward(self, x: Any) -> Any:
        for conv, act in zip(self.convs, self.acts):
            x = act(conv(x)) + x
        for linear, act in zip(self.linears, self.acts):
            x = act(linear(x))
        return x


class Transformer(nn.Module):
    def __init__(self, norm_first: bool) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(24, 3, 48, 0.1, "gelu", batch_first=True, norm_first=norm_first)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(24, 4)

    def forward(self, x: Any) -> Any:
        return self.head(self.encoder(x).mean(1))


class WrittenOut(nn.Module):
    """Attention as products and a softmax."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(24, 72), nn.Linear(24, 24)

    def forward(self, x: Any) -> Any:
        n, length, width = x.shape
        q, k, v = self.qkv(x).reshape(n, length, 3, 3, width // 3).permute(2, 0, 3, 1, 4).unbind(0)
        p = F.softmax((q @ k.transpose(-2, -1)) * (width // 3) ** -0.5, -1)
        return self.out((p @ v).transpose(1, 2).reshape(n, length, width))


class Language(nn.Module):
    """Token numbers to scores, with a causal mask and tied weights."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(11, 16), nn.Embedding(20, 16)
        self.norm, self.q, self.k, self.v = nn.LayerNorm(16), nn.Linear(16, 16), nn.Linear(16, 16), nn.Linear(16, 16)
        self.head = nn.Linear(16, 11, bias=False)
        self.head.weight = self.tokens.weight

    def forward(self, tokens: Any) -> Any:
        x = self.tokens(tokens) + self.places(lucid.arange(tokens.shape[1]))
        y = self.norm(x)
        heads = [f(y).unflatten(-1, (2, 8)).transpose(1, 2) for f in (self.q, self.k, self.v)]
        y = F.scaled_dot_product_attention(*heads, is_causal=True)
        return self.head(x + y.transpose(1, 2).flatten(2))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(6, 8, num_layers=2, bidirectional=True, batch_first=True)
        self.gru, self.head = nn.GRU(16, 5, batch_first=True), nn.Linear(5, 3)

    def forward(self, x: Any) -> Any:
        y, (h, _) = self.lstm(x)
        return self.head(self.gru(y)[0][:, -1]), h.transpose(0, 1)


class Shared(nn.Module):
    """One layer used twice, two inputs, a dict of results."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.last = nn.Linear(6, 6), nn.Linear(12, 2)

    def forward(self, x: Any, y: Any) -> Any:
        a, b = F.silu(self.layer(x)), F.silu(self.layer(y))
        return {"pair": (a, b), "scores": self.last(lucid.cat([a, b], 1)), "distance": (a - b).pow(2).sum(1).sqrt()}


class Sequence1d(nn.Module):
    """Convolution over time, batch norm of vectors, transposed convolution, interpolation, padding."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv1d(4, 6, 3, padding=1), nn.BatchNorm1d(6)
        self.back, self.pad = nn.ConvTranspose1d(6, 3, 4, 2, 1), nn.ZeroPad1d(2)
        self.up = nn.Upsample(scale_factor=2, mode="nearest")

    def forward(self, x: Any) -> Any:
        return self.pad(self.up(self.back(F.leaky_relu(self.norm(self.conv(x)), 0.2))))


class Decoder(nn.Module):
    """Images made larger in four ways, and smaller in one."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(*unit(3, 24, 3, 2, act=nn.ReLU), *unit(24, 32, 3, 2, act=nn.SiLU))
        self.up = nn.Sequential(nn.ConvTranspose2d(32, 16, 2, 2, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        self.odd = nn.ConvTranspose2d(16, 20, 3, 2, 1, output_padding=1, groups=1)
        self.even = nn.ConvTranspose2d(20, 32, (4, 3), (2, 1), (1, 0))
        self.grouped = nn.Sequential(nn.ConvTranspose2d(32, 32, 4, 2, 1, groups=2), nn.BatchNorm2d(32), nn.GELU())
        self.each = nn.ConvTranspose2d(32, 32, 3, 2, 1, groups=32)
        self.last = nn.ConvTranspose2d(32, 3, 3, 1, 1)

    def forward(self, x: Any) -> Any:
        small = self.first(x)
        y = self.odd(self.up(small))
        z = F.interpolate(small, scale_factor=2, mode="nearest")
        z = lucid.cat([z[:, :, :, :14], self.grouped(small)[:, :, :, :14]], 1)
        z = F.interpolate(z, size=(9, 7), mode="bilinear")
        w = self.last(F.interpolate(self.each(small), size=(20, 11), mode="bicubic", antialias=True))
        return self.even(y), F.softmax(z, 1), w - F.interpolate(w[:, :1], size=(20, 11), mode="nearest")


def grouped() -> nn.Module:
    return nn.Sequential(
        *unit(3, 24, 3, 2, act=nn.ReLU), *unit(24, 24, 3, groups=6, act=nn.SiLU), *unit(24, 64, 1),
        *unit(64, 64, 5, 2, 8, nn.ReLU), *unit(64, 64, 3, 1, 32), nn.Conv2d(64, 32, 3, groups=4), nn.Conv2d(32, 8, 1, groups=4),
    )  # fmt: skip


def linear_norm() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 9), nn.BatchNorm1d(9), nn.SiLU(), nn.BatchNorm1d(9), nn.Linear(9, 2))


def image(*shape: int) -> Callable[[int], tuple[Any, ...]]:
    return lambda n: (lucid.randn(n, *shape),)


NETS: dict[str, tuple[Callable[[], nn.Module], Callable[[int], tuple[Any, ...]]]] = {
    "mlp": (mlp, image(12)),
    "lenet": (lenet, image(1, 28, 28)),
    "resnet": (resnet, image(3, 33, 35)),
    "mobilenet": (mobilenet, image(3, 32, 32)),
    "convnext": (convnext, image(3, 24, 24)),
    "activations": (Activations, image(5, 7, 6)),
    "transformer": (lambda: Transformer(False), image(7, 24)),
    "transformer, norm first": (lambda: Transformer(True), image(7, 24)),
    "attention written out": (WrittenOut, image(7, 24)),
    "language": (Language, lambda n: (lucid.randint(0, 11, (n, 9)),)),
    "grouped": (grouped, image(3, 29, 27)),
    "decoder": (Decoder, image(3, 30, 27)),
    "recurrent": (Recurrent, image(5, 6)),
    "shared": (Shared, lambda n: (lucid.randn(n, 6), lucid.randn(n, 6))),
    "sequence": (Sequence1d, image(4, 10)),
    "linear, batch norm": (linear_norm, image(6)),
}  # fmt: skip
"""How to make each network, and its inputs for a batch size."""


def make(name: str) -> nn.Module:
    lucid.manual_seed(1)
    return randomised(NETS[name][0]())


def inputs(name: str, n: int) -> tuple[Any, ...]:
    lucid.manual_seed(2)
    return NETS[name][1](n)


def tensors(result: Any) -> list[Any]:
    """All tensors in a nested result."""
    if isinstance(result, lucid.Tensor):
        return [result]
    parts = result.values() if isinstance(result, dict) else result
    return [t for part in parts for t in tensors(part)]
