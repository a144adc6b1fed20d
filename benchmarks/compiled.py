"""Whole networks by `lucid.compile`, against ONNX Runtime and PyTorch."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import models
from case import Case, Step, data, set_parameters, tensor
from networks import NETWORKS

FLOPS = {"MobileNetV3-S": 0.113e9, "MobileNetV3-L": 0.433e9, "EfficientNet-B0": 0.780e9, "ResNet-18": 3.63e9,
         "ResNet-50": 8.18e9, "Detector": 1.52e9, "ViT-Tiny": 2.51e9}  # fmt: skip
"""Operations of the forward pass for one image."""


def network(t: Any, name: str, batch: int) -> Step:
    """The forward pass; by a plan in lucid, as it is in PyTorch."""
    return forward(t, NETWORKS[name](t), (batch, 3, 224, 224))


def transformer(t: Any, batch: int) -> Step:
    return forward(t, models.transformer(t), (batch, 128, 256))


def untraced(t: Any, name: str, batch: int) -> Step:
    """The forward pass, operation by operation in both libraries."""
    model = set_parameters(t, NETWORKS[name](t)).eval()
    x = tensor(t, batch, 3, 224, 224)

    def infer() -> Any:
        with t.no_grad():
            return model(x)

    return infer


def parts(t: Any, name: str, batch: int) -> tuple[Any, Any]:
    """A model and its input."""
    return set_parameters(t, NETWORKS[name](t)).eval(), tensor(t, batch, 3, 224, 224)


def forward(t: Any, model: Any, shape: tuple[int, ...]) -> Step:
    model = set_parameters(t, model).eval()
    x = tensor(t, *shape)
    run = t.compile(model) if t.__name__ == "lucid" else model

    def infer() -> Any:
        with t.no_grad():
            return run(x)

    return infer


def exported(name: str, batch: int) -> Any:
    from export import export

    import lucid

    return export(set_parameters(lucid, NETWORKS[name](lucid)).eval(), data(batch, 3, 224, 224))


def eager() -> Iterator[Case]:
    """The same networks without compilation, for those who do not compile."""
    for name in NETWORKS:
        for batch in (1, 16):
            yield Case("eager", f"eager {name} b{batch}", untraced, (name, batch), tolerance=2e-3,
                       flops=batch * FLOPS[name])  # fmt: skip


def startup() -> Iterator[Case]:
    """The first result and the memory of compiled networks."""
    for name in NETWORKS:
        case = partial(Case, "startup", build=parts, args=(name, 1), peers=("onnxruntime",), onnx=exported)
        yield case(f"first result {name} b1", once="seconds", most=1.0 if name == "ResNet-50" else 0.0)
    for name in NETWORKS:
        for batch in (1, 16):
            yield Case("memory", f"memory {name} b{batch}", parts, (name, batch), ("onnxruntime",), onnx=exported,
                       once="memory")  # fmt: skip


def compiled() -> Iterator[Case]:
    case = partial(Case, "compiled", tolerance=2e-3)
    for name in NETWORKS:
        for batch in (1, 16):
            yield case(f"compiled {name} b{batch}", network, (name, batch), ("torch", "onnxruntime"), onnx=exported,
                       flops=batch * FLOPS[name], needs=("compile",))  # fmt: skip
    for batch in (1, 16):
        yield case(f"compiled transformer 2x256 b{batch}x128", transformer, (batch,),
                   flops=batch * 0.436e9, needs=("nn.TransformerEncoder", "compile"))  # fmt: skip
