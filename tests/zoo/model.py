"""One model of the zoo, written for PyTorch: weights in, outputs and gradients out.

The same lines run under PyTorch, which makes the weights, and under lucid, which loads them.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import torch

SAMPLE = 4096
"""Entries of a large gradient that are compared; smaller ones are compared whole."""


def draw(name: str, shape: Any, dtype: Any = np.float64) -> Any:
    """Numbers from -1 to 1 that depend on the name and the shape alone."""
    x = np.asarray(np.random.default_rng(zlib.crc32(name.encode())).random(tuple(shape), dtype))
    x *= 2
    x -= 1
    return x


def build(library: str, name: str, options: dict[str, Any]) -> Any:
    if library == "timm":
        import timm

        return timm.create_model(name, pretrained=False, num_classes=10, **options)
    import torchvision

    return torchvision.models.get_model(name, weights=None, num_classes=10, **options)


def disturb(model: Any, size: tuple[int, ...]) -> None:
    """Move all parameters away from zeros and ones, which hide mistakes, and statistics to those of the input."""
    with torch.no_grad():
        for key, x in model.state_dict().items():
            if x.is_floating_point():
                x.add_(torch.from_numpy(draw(key, x.shape, np.float32)).to(x.dtype), alpha=0.02)
        norms = {m: m.momentum for m in model.modules() if getattr(m, "running_mean", None) is not None}
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # the mean over all batches, of which there is one
        model.train()
        model(torch.from_numpy(draw("input", size)).float())
        for norm, momentum in norms.items():
            norm.momentum = momentum
            norm.running_var += (
                0.5 * norm.running_var.mean()
            )  # channels of small variance would magnify rounding errors


def leave_out_randomness(model: Any) -> None:
    """No dropout in any form: its draws are not the same in two libraries."""
    for module in model.modules():
        for attribute in ("p", "drop_prob", "drop_rate", "attn_drop_rate"):
            if isinstance(getattr(module, attribute, None), float) and "Norm" not in type(module).__name__:
                setattr(module, attribute, 0.0)


def tensors(output: Any) -> list[Any]:
    """The tensors of nested outputs, in order."""
    if isinstance(output, torch.Tensor):
        return [output]
    if isinstance(output, dict):
        output = list(output.values())
    return [t for part in output or () for t in tensors(part)] if isinstance(output, (tuple, list)) else []


def part(key: str, x: Any) -> Any:
    """``x`` as an array, or what is compared of it."""
    array = x.detach().numpy()
    if array.size <= SAMPLE:
        return array.copy()
    places = np.random.default_rng(zlib.crc32(key.encode())).integers(0, array.size, SAMPLE)
    return array.reshape(-1)[places]


def run(model: Any, size: tuple[int, ...], train: bool, double: bool) -> dict[str, Any]:
    """What a forward and a backward pass give: outputs, gradients of parameters and, in training, changed buffers."""
    model.train(train)
    dtype = torch.float64 if double else torch.float32
    model.to(dtype)
    model.zero_grad()
    x = torch.from_numpy(draw("input", size)).to(dtype)
    outputs = tensors(model(x))
    loss = 0.0
    for i, y in enumerate(outputs):
        loss = loss + (y * torch.from_numpy(draw(f"output {i}", y.shape)).to(dtype)).sum()
    loss.backward()
    found = {f"output {i}": y.detach().numpy().copy() for i, y in enumerate(outputs)}
    for key, p in model.named_parameters():
        if p.grad is not None:
            found[f"gradient {key}"] = part(key, p.grad)
    if train:
        for key, b in model.named_buffers():
            if b.is_floating_point():
                found[f"buffer {key}"] = part(key, b)
    return found
