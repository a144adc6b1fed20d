"""ASGD."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from lucid import _ops
from lucid._tensor import Tensor
from lucid.optim._checks import as_float, check_modes, check_numbers
from lucid.optim.optimizer import Optimizer, data, gradients, memory, scalars, written


class ASGD(Optimizer):
    """Gradient descent with a falling learning rate that also averages the parameters it passes through.

        g = grad + weight_decay * p    (-grad where maximize)
        p = (1 - lambd * eta) * p - eta * g
        ax = ax + mu * (p - ax)
        eta = lr / (1 + lambd * lr * t)^alpha, mu = 1 / max(1, t - t0)    (for the next step)

    The averages are the state ``"ax"``: ``optimizer.state[p]["ax"]``.

    Args:
        params: floating-point parameters, (name, parameter) pairs, or dicts of groups with their own hyperparameters.
        lr: learning rate, a number or a 0-d Tensor.
        lambd: decay of the parameters and of the learning rate.
        alpha: power of the fall of the learning rate.
        t0: step after which averaging starts.
        weight_decay: factor of the L2 penalty.
        maximize: climb instead of descend.
        foreach, capturable: accepted and without effect: every step is one compiled pass.
        differentiable: refused.

    Raises:
        NotImplementedError: ``differentiable`` is true.
        RuntimeError: when stepping, a gradient differs from its parameter in shape or dtype.
        TypeError: ``params`` are not tensors in an ordered collection.
        ValueError: a hyperparameter is out of range, there are no parameters, or one is not a leaf or appears twice.

    Example:
        >>> import lucid
        >>> w = lucid.tensor([2.0], requires_grad=True)
        >>> optimizer = lucid.optim.ASGD([w], lr=0.25, lambd=0.0, t0=0)
        >>> for _ in range(2):
        ...     optimizer.zero_grad()
        ...     (w * w).sum().backward()
        ...     optimizer.step()
        >>> print(w.detach())
        [0.5]

    Source: Polyak and Juditsky, SIAM Journal on Control and Optimization 30, 838 (1992).
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_numbers("ASGD", lr, weight_decay=weight_decay)
        check_modes("ASGD", differentiable, foreach)
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def update_group(self, group: dict[str, Any], params: list[Tensor]) -> None:
        lr, lambd = as_float(group["lr"]), group["lambd"]
        steps = self.count(params)
        etas, mus = scalars(self, params, "eta", lr), scalars(self, params, "mu", 1.0)
        averages = self.buffers(params, "ax")
        arrays = memory(params)
        _ops.asgd_step(
            arrays,
            gradients(params),
            data(averages),
            [float(eta._data) for eta in etas],
            [float(mu._data) for mu in mus],
            lambd,
            as_float(group["weight_decay"]),
            group["maximize"],
        )
        written(params, arrays)
        for t, eta, mu in zip(steps, etas, mus):
            eta._data[...] = np.float32(lr / (1 + lambd * lr * t) ** group["alpha"])
            mu._data[...] = np.float32(1 / max(1.0, t - group["t0"]))


__all__ = ["ASGD"]
