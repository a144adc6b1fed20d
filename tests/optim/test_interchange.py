"""Checkpoints of model, optimizer and scheduler move between PyTorch and lucid in .pt files, both ways.

One library takes some steps and saves; the other, whose optimizer was made with other hyperparameters, loads and goes
on. Its losses must be those of the first library going on by itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lucid

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity

BEFORE, AFTER = 7, 8
rng = np.random.default_rng(0)
X, Y = rng.standard_normal((16, 6)), rng.standard_normal((16, 3))

OPTIMIZERS: dict[str, list[dict[str, Any]]] = {
    "ASGD": [{"lr": 0.05, "t0": 3.0}, {"lr": 0.05, "weight_decay": 0.1}],
    "Adadelta": [{"lr": 0.5}, {"lr": 0.5, "weight_decay": 0.1, "maximize": False}],
    "Adafactor": [{"lr": 0.05}, {"lr": 0.05, "weight_decay": 0.1}],
    "Adagrad": [{"lr": 0.1}, {"lr": 0.1, "lr_decay": 0.1, "initial_accumulator_value": 0.2}],
    "Adam": [{"lr": 0.05}, {"lr": 0.05, "amsgrad": True, "weight_decay": 0.1}],
    "AdamW": [{"lr": 0.05}, {"lr": 0.05, "amsgrad": True}],
    "Adamax": [{"lr": 0.05}, {"lr": 0.05, "weight_decay": 0.1}],
    "LBFGS": [{"lr": 0.1, "max_iter": 3}, {"lr": 0.5, "max_iter": 4, "line_search_fn": "strong_wolfe"}],
    "Muon": [{"lr": 0.01}, {"lr": 0.01, "nesterov": False}],
    "NAdam": [{"lr": 0.05}, {"lr": 0.05, "weight_decay": 0.1, "decoupled_weight_decay": True}],
    "RAdam": [{"lr": 0.05}, {"lr": 0.05, "weight_decay": 0.1}],
    "RMSprop": [{"lr": 0.02}, {"lr": 0.02, "momentum": 0.9, "centered": True}],
    "Rprop": [{"lr": 0.02}],
    "SGD": [
        {"lr": 0.1},
        {"lr": 0.1, "momentum": 0.9, "nesterov": True},
        {"lr": 0.1, "momentum": 0.9, "dampening": 0.1},
    ],
}
SCHEDULERS: dict[str, Any] = {
    "ConstantLR": lambda s, o: s.ConstantLR(o, 0.3, total_iters=9),
    "CosineAnnealingLR": lambda s, o: s.CosineAnnealingLR(o, 12, eta_min=0.001),
    "CosineAnnealingWarmRestarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 3, T_mult=2),
    "CyclicLR": lambda s, o: s.CyclicLR(o, 0.01, 0.1, step_size_up=4, mode="triangular2"),
    "ChainedScheduler": lambda s, o: s.ChainedScheduler([s.ConstantLR(o, 0.5, 9), s.ExponentialLR(o, 0.9)], optimizer=o),
    "ExponentialLR": lambda s, o: s.ExponentialLR(o, 0.9),
    "LambdaLR": lambda s, o: s.LambdaLR(o, lambda step: 1 / (1 + step)),
    "LinearLR": lambda s, o: s.LinearLR(o, 0.1, total_iters=10),
    "MultiStepLR": lambda s, o: s.MultiStepLR(o, [3, 9], 0.5),
    "MultiplicativeLR": lambda s, o: s.MultiplicativeLR(o, lambda step: 0.95),
    "OneCycleLR": lambda s, o: s.OneCycleLR(o, 0.1, total_steps=20),
    "PolynomialLR": lambda s, o: s.PolynomialLR(o, 18, power=2),
    "ReduceLROnPlateau": lambda s, o: s.ReduceLROnPlateau(o, factor=0.5, patience=0, threshold=0.5),
    "SequentialLR": lambda s, o: s.SequentialLR(o, [s.LinearLR(o, 0.1, total_iters=4), s.CosineAnnealingLR(o, 12)], [4]),
    "StepLR": lambda s, o: s.StepLR(o, 3, 0.5),
}  # fmt: skip


class Training:
    """A network of two layers, an optimizer with two groups, a scheduler."""

    def __init__(self, library: Any, optimizer: str, options: dict[str, Any], scheduler: str) -> None:
        self.library = library
        nn = library.nn
        bias = optimizer != "Muon"  # takes matrices alone
        self.model = nn.Sequential(nn.Linear(6, 5, bias), nn.Tanh(), nn.Linear(5, 3, bias)).double()
        weights = np.random.default_rng(1)
        self.model.load_state_dict({
            key: library.from_numpy(weights.standard_normal(tuple(value.shape)) / 3)
            for key, value in self.model.state_dict().items()
        })  # fmt: skip
        groups: Any = self.model.parameters()
        if optimizer != "LBFGS":  # knows no groups
            groups = [{"params": self.model[0].parameters()}, {"params": self.model[2].parameters(), "lr": 0.01}]
        self.optimizer = getattr(library.optim, optimizer)(groups, **options)
        self.scheduler = SCHEDULERS[scheduler](library.optim.lr_scheduler, self.optimizer)
        self.x, self.y = library.from_numpy(X), library.from_numpy(Y)

    def steps(self, count: int) -> list[float]:
        losses = []

        def closure() -> Any:
            self.optimizer.zero_grad()
            loss = ((self.model(self.x) - self.y) ** 2).mean()
            loss.backward()
            return loss

        for _ in range(count):
            losses.append(self.optimizer.step(closure).item())
            plateau = type(self.scheduler).__name__ == "ReduceLROnPlateau"
            self.scheduler.step(losses[-1]) if plateau else self.scheduler.step()
        return losses

    def save(self, path: Path) -> None:
        parts = {"model": self.model, "optimizer": self.optimizer, "scheduler": self.scheduler}
        self.library.save({name: part.state_dict() for name, part in parts.items()}, path)

    def load(self, path: Path) -> None:
        saved = self.library.load(path)  # torch.load with weights_only, its default
        self.model.load_state_dict(saved["model"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.scheduler.load_state_dict(saved["scheduler"])


def check(first: Any, second: Any, optimizer: str, options: dict[str, Any], scheduler: str, path: Path) -> None:
    one = Training(first, optimizer, options, scheduler)
    one.steps(BEFORE)
    one.save(path)
    other = Training(second, optimizer, {"lr": 0.7}, scheduler)
    other.load(path)
    expected = one.steps(AFTER)
    rough = optimizer == "Muon"  # PyTorch orthogonalises in bfloat16
    np.testing.assert_allclose(other.steps(AFTER), expected, rtol=1e-4 if rough else 1e-9)
    assert len(set(expected)) == AFTER
    rates = [[group["lr"] for group in t.optimizer.param_groups] for t in (one, other)]
    np.testing.assert_allclose(rates[1], rates[0], rtol=1e-12)


WAYS = {"to lucid": (torch, lucid), "to torch": (lucid, torch)}
CASES = [(name, options) for name, many in OPTIMIZERS.items() for options in many]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("optimizer, options", CASES, ids=[f"{n}-{'-'.join(list(o)[1:])}" for n, o in CASES])
def test_optimizers(way: str, optimizer: str, options: dict[str, Any], tmp_path: Path) -> None:
    check(*WAYS[way], optimizer, options, "StepLR", tmp_path / "checkpoint.pt")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_schedulers(way: str, scheduler: str, tmp_path: Path) -> None:
    check(*WAYS[way], "SGD", {"lr": 0.1, "momentum": 0.9}, scheduler, tmp_path / "checkpoint.pt")


def test_every_optimizer_and_scheduler_is_here() -> None:
    optimizers = {name for name in lucid.optim.__all__ if isinstance(getattr(torch.optim, name, None), type)}
    assert optimizers - {"Optimizer", "SparseAdam"} == set(OPTIMIZERS)
    schedulers = {name for name in lucid.optim.lr_scheduler.__all__ if hasattr(torch.optim.lr_scheduler, name)}
    assert schedulers - {"LRScheduler"} == set(SCHEDULERS)
