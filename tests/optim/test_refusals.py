"""Optimizers, schedulers and averages refuse wrong arguments in one line with their name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import lucid
from lucid import optim
from lucid.optim import lr_scheduler, swa_utils

OPTIMIZERS = ["SGD", "Adam", "AdamW", "Adagrad", "Adadelta", "Adamax", "ASGD", "NAdam", "RAdam", "RMSprop", "Rprop",
              "Muon", "Adafactor", "LBFGS"]  # fmt: skip


def leaf() -> lucid.Tensor:
    return lucid.ones(2, 2, requires_grad=True)


def sgd() -> optim.Optimizer:
    return optim.SGD([leaf()], lr=1.0)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize(
    ("params", "options", "kind", "message"),
    [
        (lambda: [leaf()], {"lr": "fast"}, TypeError, "lr must be a number, got 'fast'"),
        (lambda: [leaf()], {"lr": lucid.ones(2)}, ValueError, "Tensor lr must be 1-element, got shape (2,)"),
        (lambda: [leaf()], {"lr": -1}, ValueError, ""),
        (lambda: [], {}, ValueError, "optimizer got an empty parameter list"),
        (lambda: None, {}, TypeError, "expected parameters or groups of them, got None"),
        (lambda: [{"lr": 1.0}], {}, ValueError, "a group needs an entry 'params', got 'lr'"),
        (lambda: [3], {}, TypeError, "optimizer can only optimize Tensors, but one of the params is int"),
    ],
)
def test_optimizers(
    name: str, params: Callable[[], Any], options: dict[str, Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind) as caught:
        getattr(optim, name)(params(), **options)
    text = str(caught.value)
    assert text.startswith(f"{name}: {message}") and "\n" not in text


CASES: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "betas": (lambda: optim.Adam([leaf()], betas=0.9), TypeError, "Adam: betas must be two numbers, got 0.9"),  # type: ignore[arg-type]
    "one beta": (lambda: optim.NAdam([leaf()], betas=(0.9,)), TypeError, "NAdam: betas must be two numbers, got (0.9,)"),  # type: ignore[arg-type]
    "etas": (lambda: optim.Rprop([leaf()], etas=(0.5,)), TypeError, "Rprop: etas must be two numbers, got (0.5,)"),  # type: ignore[arg-type]
    "step sizes": (lambda: optim.Rprop([leaf()], step_sizes=3), TypeError, "Rprop: step_sizes must be two numbers, got 3"),  # type: ignore[arg-type]
    "nesterov": (lambda: optim.SGD([leaf()], nesterov=True), ValueError, "SGD: Nesterov momentum requires a momentum and zero dampening"),
    "chain": (lambda: lr_scheduler.ChainedScheduler([3]), TypeError, "ChainedScheduler: expected schedulers, got int at index 0"),  # type: ignore[list-item]
    "sequence": (lambda: lr_scheduler.SequentialLR(3, [], []), TypeError, "SequentialLR: int is not an Optimizer"),  # type: ignore[arg-type]
    "step size": (lambda: lr_scheduler.StepLR(sgd(), "a"), TypeError, "StepLR: step_size must be a number, got 'a'"),  # type: ignore[arg-type]
    "gamma": (lambda: lr_scheduler.ExponentialLR(sgd(), None), TypeError, "ExponentialLR: gamma must be a number, got None"),  # type: ignore[arg-type]
    "milestones": (lambda: lr_scheduler.MultiStepLR(sgd(), 3), TypeError, "MultiStepLR: milestones must be epochs, got 3"),  # type: ignore[arg-type]
    "average": (lambda: swa_utils.AveragedModel(3), TypeError, "AveragedModel: expected a Module, got int"),  # type: ignore[arg-type]
    "norms": (lambda: swa_utils.update_bn([], 3), TypeError, "update_bn: expected a Module, got int"),  # type: ignore[arg-type]
    "decay": (lambda: swa_utils.get_ema_avg_fn("a"), TypeError, "get_ema_avg_fn: decay must be a number, got 'a'"),  # type: ignore[arg-type]
}  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "message"), CASES.values(), ids=CASES)
def test_wrong_arguments(call: Callable[[], Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value) == message
