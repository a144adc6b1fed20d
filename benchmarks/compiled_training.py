"""Whole training steps by `lucid.compile_step`, against the same steps run eagerly by PyTorch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from case import Case, Step, set_parameters, tensor
from training import TRAININGS, Training


def digits(t: Any) -> Any:
    """The network of examples/digits.py, without dropout."""
    nn, layers = t.nn, []
    for inputs, outputs, stride in ((1, 32, 1), (32, 64, 2), (64, 128, 2)):
        layers += [nn.Conv2d(inputs, outputs, 3, stride, 1), nn.BatchNorm2d(outputs), nn.SiLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10))


RECIPES = {
    **{name: TRAININGS[name] for name in ("tiny", "mlp", "cnn", "resnet18", "transformer", "lstm")},
    "digits": Training("digits CNN b64 AdamW", digits, ("AdamW", {"lr": 1e-3}), (64, 1, 8, 8)),
}


def train(t: Any, name: str) -> Step:
    """A step, compiled in lucid; its result the loss and a gradient."""
    recipe = RECIPES[name]
    model = set_parameters(t, recipe.model(t))
    x, target = tensor(t, *recipe.shape), t.from_numpy(np.arange(recipe.shape[recipe.at]) % recipe.classes)
    criterion = t.nn.CrossEntropyLoss()
    kind, arguments = recipe.optimizer
    first = next(model.parameters())
    optimizer = getattr(t.optim, kind)(model.parameters(), **arguments)
    if t.__name__ == "lucid":
        compiled = t.compile_step(model, criterion, optimizer)
        return lambda: (compiled(x, target), first.grad)

    def step() -> Any:
        optimizer.zero_grad()
        loss = criterion(model(x), target)
        loss.backward()
        optimizer.step()
        return (loss.detach(), first.grad)

    return step


def compiled_trainings() -> Iterator[Case]:
    for name, recipe in RECIPES.items():
        yield Case("compiled_training", f"compiled {recipe.label}", train, (name,), needs=recipe.needs,
                   tolerance=5e-3)  # fmt: skip
