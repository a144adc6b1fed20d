"""What the estimators share with any training loop: modules, losses and batches from what users pass."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

import lucid
from lucid import Tensor, from_numpy, nn, optim
from lucid.nn import functional as F

PREDICTED_AT_ONCE = 1024
"""Rows per batch of predictions; small enough that the results of wide layers stay in the cache."""


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draws from ``seed`` inside, and lucid's own stream as it was afterwards."""
    state = lucid.get_rng_state()
    lucid.manual_seed(seed)
    try:
        yield
    finally:
        lucid.set_rng_state(state)


def make_module(module: Any, inputs: int, outputs: int, owner: str) -> nn.Module:
    """A module of its own: a copy of ``module``, what the factory ``module`` gives, or a perceptron."""
    if module is None:
        return nn.Sequential(nn.Linear(inputs, 64), nn.SiLU(), nn.Linear(64, outputs))
    if isinstance(module, nn.Module):
        return copy.deepcopy(module)
    if not callable(module):
        raise TypeError(f"{owner}: module must be a Module, a function that makes one, or None, got {module!r}")
    made = module(inputs, outputs)
    if not isinstance(made, nn.Module):
        raise TypeError(f"{owner}: module(n_features, n_outputs) must give a Module, got {type(made).__name__}")
    return made


def make_optimizer(optimizer: Any, parameters: Any, lr: float, owner: str) -> Any:
    """An optimizer: of the class named ``optimizer``, or what ``optimizer`` gives for ``(parameters, lr=lr)``."""
    if isinstance(optimizer, str):
        classes = {
            name.lower(): kind
            for name, kind in vars(optim).items()
            if inspect.isclass(kind) and issubclass(kind, optim.Optimizer) and kind is not optim.Optimizer
        }
        if optimizer.lower() not in classes:
            raise ValueError(
                f"{owner}: there is no optimizer {optimizer!r}; lucid.optim has {', '.join(sorted(classes))}"
            )
        optimizer = classes[optimizer.lower()]
    return optimizer(parameters, lr=lr)


def make_loss(loss: Any, owner: str) -> Callable[[Tensor, Tensor], Tensor]:
    """A function of outputs and targets: losses of samples where ``loss`` allows, its own value otherwise."""
    if isinstance(loss, str):
        function = getattr(F, loss, None)
        if function is None or "reduction" not in inspect.signature(function).parameters:
            raise ValueError(f"{owner}: there is no loss {loss!r} in lucid.nn.functional")
        return lambda outputs, target: function(outputs, target, reduction="none")
    if isinstance(loss, type) and issubclass(loss, nn.Module):
        loss = loss()
    if isinstance(loss, nn.Module) and hasattr(loss, "reduction"):
        loss = copy.deepcopy(loss)
        loss.reduction = "none"
    if not callable(loss):
        raise TypeError(f"{owner}: loss must be a name, a loss module or a function, got {loss!r}")
    return loss


def weighted_mean(losses: Tensor, weights: np.ndarray | None, owner: str) -> Tensor:
    """The mean of weight times loss; weights are scaled to a mean of 1 over all samples, not over the batch."""
    if losses.ndim == 0:
        if weights is not None:
            raise ValueError(f"{owner}: weights need a loss of every sample, but the loss is one number per batch")
        return losses
    losses = losses.flatten(1).mean(1) if losses.ndim > 1 else losses
    return losses.mean() if weights is None else (losses * from_numpy(weights)).mean()


def batches(order: np.ndarray, size: int) -> list[np.ndarray]:
    """``order`` in batches; a single sample at the end joins the batch before, since it has no batch statistics."""
    starts = list(range(0, len(order), size))
    if len(starts) > 1 and len(order) - starts[-1] == 1 and size > 1:
        starts.pop()
    return [order[a:b] for a, b in zip(starts, [*starts[1:], len(order)])]


def outputs_of(module: nn.Module, x: np.ndarray) -> np.ndarray:
    """The module's results in evaluation mode, batch by batch."""
    module.eval()
    with lucid.inference_mode():
        parts = [module(from_numpy(part)).numpy() for part in _parts(x)]
    return np.concatenate(parts)


def _parts(x: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(x), PREDICTED_AT_ONCE):
        part = x[start : start + PREDICTED_AT_ONCE]
        yield part if part.flags.writeable else part.copy()
