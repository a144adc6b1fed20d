"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from lucid import _ops
from lucid._tensor import Tensor
from lucid.autograd._node import wrap
from lucid.optim._checks import as_float, check_modes, check_numbers
from lucid.optim.optimizer import Optimizer, data, gradients, memory, written


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum where wanted.

        g = grad + weight_decay * p    (-grad where maximize)
        b = momentum * b + (1 - dampening) * g,    b = g in the first step
        p = p - lr * (g + momentum * b if nesterov else b)

    Args:
        params: floating-point parameters, (name, parameter) pairs, or dicts of groups with their own hyperparameters.
        lr: learning rate, a number or a 0-d Tensor.
        momentum: factor of the previous step.
        dampening: share of the gradient left out of the momentum.
        weight_decay: factor of the L2 penalty.
        nesterov: look ahead along the momentum; needs momentum, and no dampening.
        maximize: climb instead of descend.
        foreach, fused: accepted and without effect: every step is one compiled pass.
        differentiable: refused.

    Raises:
        NotImplementedError: ``differentiable`` is true.
        RuntimeError: both ``foreach`` and ``fused`` are true; or, when stepping, a gradient differs from its parameter
            in shape or dtype.
        TypeError: ``params`` are not tensors in an ordered collection.
        ValueError: a hyperparameter is out of range, there are no parameters, or one is not a leaf or appears twice.

    Example:
        >>> import lucid
        >>> w = lucid.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = lucid.optim.SGD([w], lr=0.25)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> print(w.detach())
        [0.5, -1.0]

    Source: Robbins and Monro, 1951; momentum: Polyak, 1964; Nesterov's form: Sutskever et al., ICML 2013.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float | Tensor = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_numbers("SGD", lr, momentum=momentum, weight_decay=weight_decay)
        check_modes("SGD", differentiable, foreach, fused)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("SGD: Nesterov momentum requires a momentum and zero dampening")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)

    def update_group(self, group: dict[str, Any], params: list[Tensor]) -> None:
        momenta, first = None, [False] * len(params)
        if group["momentum"]:
            first = [self.state[p].get("momentum_buffer") is None for p in params]
            for p, new in zip(params, first):
                if new:
                    self.state[p]["momentum_buffer"] = wrap(np.zeros(p._data.shape, p._data.dtype))
            momenta = [self.state[p]["momentum_buffer"] for p in params]
        arrays = memory(params)
        _ops.sgd_step(
            arrays,
            gradients(params),
            data(momenta),
            as_float(group["lr"]),
            as_float(group["momentum"]),
            as_float(group["dampening"]),
            as_float(group["weight_decay"]),
            group["nesterov"],
            group["maximize"],
            first,
        )
        written(params, arrays)


__all__ = ["SGD"]
