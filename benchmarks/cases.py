"""What is measured. Each case is written once and runs with any library that has PyTorch's names.

A case is a function of the library ``t`` (the module ``lucid`` or ``torch``) and its parameters. It returns a function
without arguments, which is timed, and whose result (a tensor or a tuple of tensors) must agree between the libraries.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

Step = Callable[[], Any]


@dataclass(frozen=True)
class Case:
    """One cell of the table.

    Attributes:
        group: cases that share a geometric mean.
        name: unique within the run.
        build: ``build(t, *args)`` makes the timed function.
        args: parameters of ``build``.
        flops: floating-point operations per call, 0 where meaningless.
        bytes: memory that must be read and written per call, 0 where meaningless.
        tolerance: largest difference between libraries, relative to the largest magnitude.
    """

    group: str
    name: str
    build: Callable[..., Step]
    args: tuple[Any, ...] = ()
    flops: float = 0.0
    bytes: float = 0.0
    tolerance: float = 1e-4


def data(*shape: int, seed: int = 0) -> np.ndarray:
    """Reproducible standard normal float32 numbers."""
    return np.random.Generator(np.random.PCG64(seed)).standard_normal(shape, dtype=np.float32)


def tensor(t: Any, *shape: int, seed: int = 0, grad: bool = False) -> Any:
    return t.from_numpy(data(*shape, seed=seed)).requires_grad_(grad)


def set_parameters(t: Any, model: Any, seed: int = 0) -> Any:
    """The same weights in every library: scaled normal numbers for matrices, ones and zeros otherwise kept."""
    with t.no_grad():
        for i, p in enumerate(model.parameters()):
            if p.ndim > 1:
                fan = math.prod(p.shape[1:])
                p.copy_(t.from_numpy(data(*p.shape, seed=seed + i) / np.float32(math.sqrt(fan))))
            elif "weight" not in type(p).__name__:
                p.copy_(t.from_numpy(np.abs(data(*p.shape, seed=seed + i)) * np.float32(0.1) + np.float32(0.5)))
    return model


def gradients(t: Any, function: Callable[..., Any], *inputs: Any) -> Step:
    """Forward, and backward from fixed numbers; the result is the output and every gradient.

    Not from ones: some gradients, softmax's for one, would be nothing but rounding.
    """
    seed = None

    def step() -> Any:
        nonlocal seed
        for x in inputs:
            x.grad = None
        y = function(*inputs)
        if seed is None:
            seed = tensor(t, *y.shape, seed=9)
        y.backward(seed)
        return (y, *[x.grad for x in inputs if x.grad is not None])

    return step


# Activations


def activation(t: Any, name: str, n: int, backward: bool) -> Step:
    x = tensor(t, n, grad=backward)
    functional = t.nn.functional
    f = {
        "exp": t.exp, "sigmoid": t.sigmoid, "tanh": t.tanh,
        "softmax": lambda v: functional.softmax(v.view(-1, 1000), 1),
    }.get(name) or getattr(functional, name)  # fmt: skip
    return gradients(t, f, x) if backward else lambda: f(x)


def activations() -> Iterator[Case]:
    for name in ("silu", "hardswish", "mish", "gelu", "relu", "sigmoid", "tanh", "exp", "softmax"):
        for n in (1_000, 100_000, 1_000_000, 10_000_000):
            for backward in (False, True):
                label = f"{name} {n:.0e} {'fwd+bwd' if backward else 'fwd'}".replace("e+0", "e")
                yield Case("activations", label, activation, (name, n, backward), bytes=8 * n * (3 if backward else 1))


# Matrix products


def matmul(t: Any, m: int, k: int, n: int) -> Step:
    x, y = tensor(t, m, k), tensor(t, k, n, seed=1)
    return lambda: t.matmul(x, y)


def linear(t: Any, m: int, k: int, n: int) -> Step:
    x, w, b = tensor(t, m, k), tensor(t, n, k, seed=1), tensor(t, n, seed=2)
    return lambda: t.nn.functional.linear(x, w, b)


def products() -> Iterator[Case]:
    for n in (64, 128, 256, 512, 1024, 2048):
        yield Case("matmul", f"matmul {n}^3", matmul, (n, n, n), flops=2 * n**3)
    for m, k, n in ((1, 1024, 1000), (64, 784, 256), (128, 768, 3072)):
        yield Case("matmul", f"linear {m}x{k}x{n}", linear, (m, k, n), flops=2 * m * k * n)


# Convolutions

LAYERS = {  # name: (channels in, channels out, size, kernel, stride, groups)
    "stem 7x7/2 3-64 224": (3, 64, 224, 7, 2, 1),
    "stem 3x3/2 3-32 224": (3, 32, 224, 3, 2, 1),
    "resnet 3x3 64 56": (64, 64, 56, 3, 1, 1),
    "resnet 3x3/2 64-128 56": (64, 128, 56, 3, 2, 1),
    "resnet 3x3 256 14": (256, 256, 14, 3, 1, 1),
    "resnet 3x3 512 7": (512, 512, 7, 3, 1, 1),
    "resnet 1x1 256-64 56": (256, 64, 56, 1, 1, 1),
    "vgg 3x3 128 112": (128, 128, 112, 3, 1, 1),
    "mobilenet 1x1 96-576 14": (96, 576, 14, 1, 1, 1),
    "mobilenet dw3x3 96 56": (96, 96, 56, 3, 1, 96),
    "mobilenet dw5x5 240 14": (240, 240, 14, 5, 1, 240),
    "efficientnet dw5x5/2 144 56": (144, 144, 56, 5, 2, 144),
}


def conv(t: Any, layer: str, batch: int, backward: bool) -> Step:
    cin, cout, size, kernel, stride, groups = LAYERS[layer]
    x = tensor(t, batch, cin, size, size, grad=backward)
    w = t.from_numpy(data(cout, cin // groups, kernel, kernel, seed=1) * np.float32(0.05)).requires_grad_(backward)
    f = t.nn.functional.conv2d

    def run(x: Any, w: Any) -> Any:
        return f(x, w, None, stride, kernel // 2, 1, groups)

    return gradients(t, run, x, w) if backward else lambda: run(x, w)


def convolutions() -> Iterator[Case]:
    for layer, (cin, cout, size, kernel, stride, groups) in LAYERS.items():
        out = (size + 2 * (kernel // 2) - kernel) // stride + 1
        for batch in (1, 16):
            work = 2.0 * batch * cout * out * out * cin // groups * kernel * kernel
            for backward in (False, True):
                label = f"{layer} b{batch} {'fwd+bwd' if backward else 'fwd'}"
                yield Case("convolution", label, conv, (layer, batch, backward), flops=work * (3 if backward else 1))


# Everything else a training step touches


def function(t: Any, name: str, shape: tuple[int, ...]) -> Step:
    functional = t.nn.functional
    x = tensor(t, *shape, grad=True)
    c = shape[1]
    w, b = (t.from_numpy(np.abs(data(c, seed=s)) + np.float32(0.5)).requires_grad_() for s in (1, 2))
    if name == "batch_norm":
        return gradients(t, lambda x, w, b: functional.batch_norm(x, None, None, w, b, True), x, w, b)
    if name == "layer_norm":
        return gradients(t, lambda x, w, b: functional.layer_norm(x, (c,), w, b), x, w, b)
    if name == "cross_entropy":
        target = t.from_numpy(np.arange(shape[0]) * 7 % c)
        return gradients(t, lambda x: functional.cross_entropy(x, target), x)
    if name == "embedding":
        index = t.from_numpy(np.arange(128 * 16).reshape(128, 16) * 7919 % shape[0])
        return gradients(t, lambda x: functional.embedding(index, x), x)
    f = {
        "sum": lambda x: x.sum(), "sum rows": lambda x: x.sum(1), "sum columns": lambda x: x.sum(0),
        "mean channels": lambda x: x.mean((0, 2, 3)), "max rows": lambda x: x.amax(1), "var": lambda x: x.var(1),
        "max_pool2d": lambda x: functional.max_pool2d(x, 2), "avg_pool2d": lambda x: functional.avg_pool2d(x, 3, 2, 1),
        "adaptive_avg_pool2d": lambda x: functional.adaptive_avg_pool2d(x, 1),
        "log_softmax": lambda x: functional.log_softmax(x, 1),
        "add": lambda x: x + x.detach(), "mul broadcast": lambda x: x * w.detach(),
    }[name]  # fmt: skip
    return gradients(t, f, x)


def functions() -> Iterator[Case]:
    image, matrix = (16, 64, 56, 56), (2048, 768)
    for name, shape in (
        ("batch_norm", image), ("layer_norm", matrix), ("cross_entropy", (512, 1000)), ("log_softmax", matrix),
        ("max_pool2d", image), ("avg_pool2d", image), ("adaptive_avg_pool2d", image), ("embedding", (10_000, 256)),
        ("sum", matrix),
        ("sum rows", matrix), ("sum columns", matrix), ("mean channels", image), ("max rows", matrix), ("var", matrix),
        ("add", matrix), ("mul broadcast", matrix),
    ):  # fmt: skip
        yield Case("functions", f"{name} {'x'.join(map(str, shape))}", function, (name, shape))


# Training steps


def train(t: Any, name: str) -> Step:
    nn, optim = t.nn, t.optim
    if name == "mlp":
        model = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
        x, classes = tensor(t, 64, 784), 10
    elif name == "tiny":
        model = nn.Sequential(nn.Linear(3, 5), nn.SiLU(), nn.Linear(5, 2))
        x, classes = tensor(t, 1, 3), 2
    elif name == "cnn":
        model = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(64 * 7 * 7, 10),
        )  # fmt: skip
        x, classes = tensor(t, 64, 1, 28, 28), 10
    else:
        raise ValueError(name)
    set_parameters(t, model)
    target = t.from_numpy(np.arange(len(x)) % classes)
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.SGD(model.parameters(), lr=0.01) if name == "tiny" else optim.Adam(model.parameters(), lr=1e-3)

    def step() -> Any:
        optimizer.zero_grad()
        loss = criterion(model(x), target)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def block(t: Any, training: bool) -> Step:
    """Two Conv-BN-SiLU blocks, as in the SiLU documentation: 8 images forward and backward, or one in evaluation."""
    nn = t.nn
    model = nn.Sequential(
        nn.Conv2d(3, 32, 3, stride=2, padding=1), nn.BatchNorm2d(32), nn.SiLU(),
        nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.SiLU(),
    )  # fmt: skip
    set_parameters(t, model)
    x = tensor(t, 8 if training else 1, 3, 224, 224)
    if training:
        weights = list(model.parameters())

        def step() -> Any:
            for p in weights:
                p.grad = None
            y = model(x).mean()
            y.backward()
            return (y, weights[0].grad)

        return step
    model.eval()

    def infer() -> Any:
        with t.no_grad():
            return model(x)

    return infer


def training() -> Iterator[Case]:
    for name, text in (
        ("mlp", "MLP 784-256-10 b64 Adam"),
        ("tiny", "Linear-SiLU-Linear b1 SGD"),
        ("cnn", "MNIST CNN b64 Adam"),
    ):
        yield Case("training step", text, train, (name,), tolerance=5e-2)
    yield Case("training step", "Conv-BN-SiLU 8x3x224x224 fwd+bwd", block, (True,), tolerance=1e-3)
    yield Case("inference", "Conv-BN-SiLU 1x3x224x224 eval", block, (False,), tolerance=1e-3)


CASES = [*activations(), *products(), *convolutions(), *functions(), *training()]
