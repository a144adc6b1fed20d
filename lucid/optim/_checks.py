"""What hyperparameters must be: the refusals that all optimizers share."""

from __future__ import annotations

from typing import Any

from lucid._printing import shown
from lucid._tensor import Tensor


def as_float(x: Any) -> float:
    """The value of a number or of a tensor with one element."""
    return float(x.item()) if isinstance(x, Tensor) else float(x)


def check_scalar(name: str, what: str, x: Any) -> None:
    """Refuse a hyperparameter that is no number, or a tensor of several elements."""
    if isinstance(x, str) or not hasattr(x, "__float__"):
        raise TypeError(f"{name}: {what} must be a number, got {shown(x)}")
    if isinstance(x, Tensor) and x.numel() != 1:
        raise ValueError(f"{name}: Tensor {what} must be 1-element, got shape {tuple(x.shape)}")


def check_at_least_zero(name: str, what: str, x: Any) -> None:
    """Refuse what is no number, negative ones and NaN."""
    check_scalar(name, what, x)
    if not as_float(x) >= 0.0:
        raise ValueError(f"{name}: Invalid {what}: {x}")


def check_numbers(name: str, lr: Any, **others: Any) -> None:
    """Refuse a learning rate, or ``others`` by their names, that is no number, negative or NaN."""
    check_scalar(name, "lr", lr)
    check_at_least_zero(name, "learning rate", lr)
    for other, x in others.items():
        check_at_least_zero(name, f"{other} value", x)


def check_pair(name: str, what: str, x: Any) -> None:
    """Refuse what is not two things."""
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        raise TypeError(f"{name}: {what} must be two numbers, got {shown(x)}")


def check_betas(name: str, betas: Any) -> None:
    """Refuse decays outside [0, 1)."""
    check_pair(name, "betas", betas)
    for i, beta in enumerate(betas):
        check_scalar(name, f"betas[{i}]", beta)
        if not 0.0 <= as_float(beta) < 1.0:
            raise ValueError(f"{name}: Invalid beta parameter at index {i}: {beta}")


def check_modes(name: str, differentiable: bool, foreach: bool | None = None, fused: bool | None = None) -> None:
    """Refuse the modes of PyTorch that would change results or make no sense together."""
    if differentiable:
        raise NotImplementedError(f"{name}: differentiable=True is not supported: a step writes into the parameters")
    if foreach and fused:
        raise RuntimeError(f"{name}: fused and foreach cannot be True together")
