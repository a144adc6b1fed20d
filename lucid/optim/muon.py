"""Muon."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from lucid._functions.matmul import addmm
from lucid._tensor import Tensor
from lucid.optim._checks import as_float, check_scalar
from lucid.optim.optimizer import Optimizer


def orthogonalized(x: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float) -> Tensor:
    """Newton and Schulz' iteration X <- a X + (b X X^T + c (X X^T)^2) X, which drives all singular values towards 1.

    Args:
        x: matrix.
        coefficients: (a, b, c).
        steps: iterations, fewer than 100.
        eps: smallest norm to divide by at the start.

    Raises:
        ValueError: ``steps`` is 100 or more, or there are not three coefficients.
    """
    if steps >= 100:
        raise ValueError(f"Muon: ns_steps must be below 100, got {steps}")
    if len(coefficients) != 3:
        raise ValueError(f"Muon: ns_coefficients must be 3 numbers, got {len(coefficients)}")
    a, b, c = coefficients
    tall = x.shape[0] > x.shape[1]
    y = x.T if tall else x
    y = y / y.norm().clamp(min=eps)
    for _ in range(steps):
        gram = y @ y.T
        y = addmm(y, addmm(gram, gram, gram, beta=b, alpha=c), y, beta=a)
    return y.T if tall else y


class Muon(Optimizer):
    """Momentum whose matrix is made orthogonal before it is applied; for the weight matrices inside a network.

        b = momentum * b + (1 - momentum) * grad
        u = (1 - momentum) * grad + momentum * b    (b without nesterov)
        p = p - lr * weight_decay * p
        p = p - f * lr * orthogonalized(u)

    f is sqrt(max(1, rows / columns)), or 0.2 sqrt(max(rows, columns)) for ``adjust_lr_fn="match_rms_adamw"``. The
    iteration runs in the dtype of the parameter, where PyTorch rounds to bfloat16: updates agree to its 8 bits only.

    Args:
        params: floating-point matrices; biases, embeddings and heads belong to another optimizer.
        lr: learning rate.
        weight_decay: share of the parameter taken away per step, times lr.
        momentum: decay of the average of gradients.
        nesterov: look one step ahead.
        ns_coefficients: a, b, c of the iteration X <- a X + (b X X^T + c (X X^T)^2) X.
        eps: smallest norm to divide by.
        ns_steps: iterations.
        adjust_lr_fn: None or "original", or "match_rms_adamw".

    Raises:
        RuntimeError: when stepping, a gradient differs from its parameter in shape or dtype.
        TypeError: ``params`` are not tensors in an ordered collection.
        ValueError: a parameter is not a matrix, or a hyperparameter is out of range, there are no parameters, or one is
            not a leaf or appears twice.

    Example:
        >>> import lucid
        >>> w = lucid.eye(2).requires_grad_()
        >>> optimizer = lucid.optim.Muon([w], lr=0.125, weight_decay=0.0)
        >>> w.sum().backward()
        >>> optimizer.step()
        >>> bool((w < lucid.eye(2)).all())
        True

    Source: Jordan et al., Muon: an optimizer for hidden layers in neural networks, 2024; Liu et al., arXiv:2502.16982.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        check_scalar("Muon", "lr", lr)
        for what, value in (("Learning rate", lr), ("momentum", momentum), ("weight decay", weight_decay)):
            if not as_float(value) >= 0.0:
                raise ValueError(f"Muon: {what} should be >= 0 but is: {value}")
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(f"Muon: adjust_lr_fn must be 'original', 'match_rms_adamw' or None, got {adjust_lr_fn!r}")
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }
        super().__init__(params, defaults)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        super().add_param_group(param_group)
        for p in self.param_groups[-1]["params"]:
            if p.ndim != 2:
                shape = tuple(p.shape)
                self.param_groups.pop()
                raise ValueError(f"Muon: expected matrices, got a parameter of shape {shape}")

    def update_group(self, group: dict[str, Any], params: list[Tensor]) -> None:
        lr, momentum = as_float(group["lr"]), group["momentum"]
        for p, average in zip(params, self.buffers(params, "momentum_buffer")):
            average.lerp_(p.grad, 1 - momentum)
            update = p.grad.lerp(average, momentum) if group["nesterov"] else average  # type: ignore[union-attr]
            update = orthogonalized(update, group["ns_coefficients"], group["ns_steps"], group["eps"])
            rows, columns = p.shape
            if group["adjust_lr_fn"] == "match_rms_adamw":
                factor = 0.2 * math.sqrt(max(rows, columns))
            else:
                factor = math.sqrt(max(1, rows / columns))
            p.mul_(1 - lr * group["weight_decay"])
            p.sub_(update, alpha=lr * factor)


__all__ = ["Muon"]
