"""Activations, matrix products and convolutions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from case import Case, Step, data, gradients, tensor

# Activations

ACTIVATIONS = ("silu", "hardswish", "mish", "gelu", "relu", "sigmoid", "tanh", "exp", "softmax")


def activation(t: Any, name: str, n: int, backward: bool) -> Step:
    x = tensor(t, n, grad=backward)
    functional = t.nn.functional
    f = {
        "exp": t.exp, "sigmoid": t.sigmoid, "tanh": t.tanh,
        "softmax": lambda v: functional.softmax(v.view(-1, 1000), 1),
    }.get(name) or getattr(functional, name)  # fmt: skip
    return gradients(t, f, x) if backward else lambda: f(x)


def activations() -> Iterator[Case]:
    for name in ACTIVATIONS:
        for n in (1_000, 100_000, 1_000_000, 10_000_000):
            for backward in (False, True):
                label = f"{name} {n:.0e} {'fwd+bwd' if backward else 'fwd'}".replace("e+0", "e")
                # Forward reads x and writes y; backward reads x and dy and writes dx.
                yield Case("activations", label, activation, (name, n, backward), bytes=4 * n * (5 if backward else 2))


# Matrix products


def matmul(t: Any, m: int, k: int, n: int) -> Step:
    x, y = tensor(t, m, k), tensor(t, k, n, seed=1)
    return lambda: t.matmul(x, y)


def numpy_matmul(m: int, k: int, n: int) -> Step:
    x, y = data(m, k), data(k, n, seed=1)
    return lambda: np.matmul(x, y)


def linear(t: Any, m: int, k: int, n: int) -> Step:
    x, w, b = tensor(t, m, k), tensor(t, n, k, seed=1), tensor(t, n, seed=2)
    return lambda: t.nn.functional.linear(x, w, b)


def numpy_linear(m: int, k: int, n: int) -> Step:
    x, w, b = data(m, k), data(n, k, seed=1), data(n, seed=2)
    return lambda: np.matmul(x, w.T) + b


SHAPES = ((1, 1024, 1000), (64, 784, 256), (128, 768, 3072))


def products() -> Iterator[Case]:
    peers = ("torch", "numpy")
    for n in (64, 128, 256, 512, 1024, 2048):
        yield Case("matmul", f"matmul {n}^3", matmul, (n, n, n), peers, numpy=numpy_matmul, flops=2 * n**3)
    for m, k, n in SHAPES:
        # One row: every weight is read for two operations, so memory is the limit.
        limit = {"bytes": 4.0 * k * n} if m == 1 else {"flops": 2.0 * m * k * n}
        yield Case("matmul", f"linear {m}x{k}x{n}", linear, (m, k, n), peers, numpy=numpy_linear, **limit)


# Convolutions


class Layer(NamedTuple):
    """A convolution without bias, with padding that keeps the size where the stride is 1."""

    cin: int
    cout: int
    size: int
    kernel: int
    stride: int = 1
    groups: int = 1
    kind: str = "conv2d"

    @property
    def padding(self) -> int:
        return 1 if self.kind == "conv_transpose2d" else self.kernel // 2

    @property
    def out(self) -> int:
        if self.kind == "conv_transpose2d":
            return (self.size - 1) * self.stride - 2 * self.padding + self.kernel
        return (self.size + 2 * self.padding - self.kernel) // self.stride + 1

    @property
    def dims(self) -> int:
        return 1 if self.kind == "conv1d" else 2

    @property
    def flops(self) -> float:
        """Operations per sample of the forward pass."""
        positions = self.size if self.kind == "conv_transpose2d" else self.out
        return 2.0 * self.cin * self.cout // self.groups * positions**self.dims * self.kernel**self.dims

    def image(self, batch: int) -> tuple[int, ...]:
        return (batch, self.cin) + (self.size,) * self.dims

    def weight(self) -> np.ndarray:
        pair = (self.cin, self.cout) if self.kind == "conv_transpose2d" else (self.cout, self.cin // self.groups)
        return data(*pair, *(self.kernel,) * self.dims, seed=1) * np.float32(0.05)


LAYERS = {
    "stem 7x7/2 3-64 224": Layer(3, 64, 224, 7, 2),
    "stem 3x3/2 3-32 224": Layer(3, 32, 224, 3, 2),
    "resnet 3x3 64 56": Layer(64, 64, 56, 3),
    "resnet 3x3/2 64-128 56": Layer(64, 128, 56, 3, 2),
    "resnet 3x3 256 14": Layer(256, 256, 14, 3),
    "resnet 3x3 512 7": Layer(512, 512, 7, 3),
    "resnet 1x1 256-64 56": Layer(256, 64, 56, 1),
    "vgg 3x3 128 112": Layer(128, 128, 112, 3),
    "mobilenet 1x1 96-576 14": Layer(96, 576, 14, 1),
    "mobilenet dw3x3 96 56": Layer(96, 96, 56, 3, 1, 96),
    "mobilenet dw5x5 240 14": Layer(240, 240, 14, 5, 1, 240),
    "efficientnet dw5x5/2 144 56": Layer(144, 144, 56, 5, 2, 144),
    "dcgan transposed 4x4/2 256-128 14": Layer(256, 128, 14, 4, 2, kind="conv_transpose2d"),
    "audio 1d k5 64-128 1000": Layer(64, 128, 1000, 5, kind="conv1d"),
}


def conv(t: Any, layer: str, batch: int, backward: bool) -> Step:
    shape = LAYERS[layer]
    x = tensor(t, *shape.image(batch), grad=backward)
    w = t.from_numpy(shape.weight()).requires_grad_(backward)
    f = getattr(t.nn.functional, shape.kind)

    def run(x: Any, w: Any) -> Any:
        return f(x, w, None, stride=shape.stride, padding=shape.padding, groups=shape.groups)

    return gradients(t, run, x, w) if backward else lambda: run(x, w)


def convolutions() -> Iterator[Case]:
    for layer, shape in LAYERS.items():
        for batch in (1, 16):
            for backward in (False, True):
                label = f"{layer} b{batch} {'fwd+bwd' if backward else 'fwd'}"
                yield Case("convolution", label, conv, (layer, batch, backward),
                           needs=(f"nn.functional.{shape.kind}",),
                           flops=batch * shape.flops * (3 if backward else 1))  # fmt: skip
