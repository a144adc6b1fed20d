"""Whole training steps, how much a second thread brings, and inference against ONNX Runtime too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import graphs
import kernels
import models
import numpy as np
from case import Case, Step, set_parameters, tensor


class Training(NamedTuple):
    """A model, the optimizer's name and arguments, and the shape of a batch; ``at`` is its dimension of samples."""

    label: str
    model: Callable[[Any], Any]
    optimizer: tuple[str, dict[str, float]]
    shape: tuple[int, ...]
    classes: int = 10
    at: int = 0
    needs: tuple[str, ...] = ()


def perceptron(t: Any) -> Any:
    return t.nn.Sequential(t.nn.Linear(784, 256), t.nn.ReLU(), t.nn.Linear(256, 10))


def tiny(t: Any) -> Any:
    return t.nn.Sequential(t.nn.Linear(3, 5), t.nn.SiLU(), t.nn.Linear(5, 2))


MOMENTUM = ("SGD", {"lr": 0.01, "momentum": 0.9})
TRAININGS = {
    "mlp": Training("MLP 784-256-10 b64 Adam", perceptron, ("Adam", {"lr": 1e-3}), (64, 784)),
    "tiny": Training("Linear-SiLU-Linear b1 SGD", tiny, ("SGD", {"lr": 0.01}), (1, 3), 2),
    "cnn": Training("MNIST CNN b64 Adam", models.mnist_cnn, ("Adam", {"lr": 1e-3}), (64, 1, 28, 28)),
    "resnet18": Training("ResNet-18 32x32 b32 SGD", models.resnet18, MOMENTUM, (32, 3, 32, 32)),
    "mobilenet": Training("MobileNetV3-S 96x96 b32 SGD", models.mobilenet_v3_small, MOMENTUM, (32, 3, 96, 96)),
    "transformer": Training("Transformer 2x256 b16x128 AdamW", models.transformer, ("AdamW", {"lr": 1e-4}),
                            (16, 128, 256), needs=("nn.TransformerEncoder",)),
    "lstm": Training("LSTM 128-256 50 steps b32 Adam", models.lstm_classifier, ("Adam", {"lr": 1e-3}),
                     (50, 32, 128), at=1, needs=("nn.LSTM",)),
}  # fmt: skip


def train(t: Any, name: str) -> Step:
    """A step: gradients to None, forward, cross-entropy, backward, update; its result the loss and a gradient."""
    recipe = TRAININGS[name]
    model = set_parameters(t, recipe.model(t))
    x, target = tensor(t, *recipe.shape), t.from_numpy(np.arange(recipe.shape[recipe.at]) % recipe.classes)
    criterion = t.nn.CrossEntropyLoss()
    kind, arguments = recipe.optimizer
    first = next(model.parameters())
    optimizer = getattr(t.optim, kind)(model.parameters(), **arguments)

    def step() -> Any:
        optimizer.zero_grad()
        loss = criterion(model(x), target)
        loss.backward()
        optimizer.step()
        return (loss.detach(), first.grad)

    return step


def conv_blocks(t: Any) -> Step:
    """Forward and backward of two Conv-BN-SiLU blocks on 8 images."""
    model = set_parameters(t, models.conv_blocks(t))
    x, weights = tensor(t, 8, 3, 224, 224), list(model.parameters())

    def step() -> Any:
        for p in weights:
            p.grad = None
        y = model(x).mean()
        y.backward()
        return (y.detach(), weights[0].grad)

    return step


def trainings() -> Iterator[Case]:
    # ResNet-18 multiplies rounding errors: even PyTorch's own gradient is 5e-4 of scale from that in float64.
    for name, recipe in TRAININGS.items():
        yield Case("training", recipe.label, train, (name,), needs=recipe.needs, tolerance=5e-3)
    yield Case("training", "Conv-BN-SiLU 8x3x224x224 fwd+bwd", conv_blocks, tolerance=1e-3)


# One thread and all of them, lucid alone


def threads() -> Iterator[Case]:
    compute, memory = partial(Case, "threads", peers=(), threads=True, required=1.8), 1.4
    yield compute("threads: matmul 1024^3", kernels.matmul, (1024, 1024, 1024), flops=2 * 1024**3)
    layer = "resnet 3x3 64 56"
    yield compute(f"threads: conv {layer} b16", kernels.conv, (layer, 16, False),
                  flops=16 * kernels.LAYERS[layer].flops)  # fmt: skip
    yield compute("threads: silu 1e7", kernels.activation, ("silu", 10_000_000, False), bytes=8e7, required=memory)
    yield compute("threads: training step, MNIST CNN b64", train, ("cnn",))


# Inference


def block(t: Any) -> Step:
    """Two Conv-BN-SiLU blocks in evaluation on one image."""
    model = set_parameters(t, models.conv_blocks(t)).eval()
    x = tensor(t, 1, 3, 224, 224)

    def infer() -> Any:
        with t.no_grad():
            return model(x)

    return infer


def inference() -> Iterator[Case]:
    """Forward passes that ONNX Runtime does too; the ratio is to the faster of it and PyTorch."""
    case = partial(Case, "inference", peers=("torch", "onnxruntime"))
    for name in kernels.ACTIVATIONS:
        args = (name, 1_000_000, False)
        yield case(f"infer {name} 1e6", kernels.activation, args, onnx=graphs.activation, bytes=8e6)
    for m, k, n in kernels.SHAPES:
        yield case(f"infer linear {m}x{k}x{n}", kernels.linear, (m, k, n), onnx=graphs.linear, flops=2.0 * m * k * n)
    for layer, shape in kernels.LAYERS.items():
        yield case(f"infer {layer} b1", kernels.conv, (layer, 1, False), onnx=graphs.conv, flops=shape.flops,
                   needs=(f"nn.functional.{shape.kind}",))  # fmt: skip
    yield case("infer Conv-BN-SiLU 1x3x224x224", block, onnx=graphs.blocks, tolerance=1e-3)
