"""Rprop."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from lucid import _ops
from lucid._tensor import Tensor
from lucid.autograd._node import wrap
from lucid.optim._checks import as_float, check_modes, check_numbers, check_pair
from lucid.optim.optimizer import Optimizer, data, gradients, memory, written


class Rprop(Optimizer):
    """Resilient backpropagation: every weight has a step size of its own, and only the sign of its gradient counts.

        c = g * (previous g)    (g = -grad where maximize)
        s = clamp(s * etas[1] where c > 0, s * etas[0] where c < 0, s where c = 0)
        g = 0 where c < 0
        p = p - s * sign(g)

    Args:
        params: floating-point parameters, (name, parameter) pairs, or dicts of groups with their own hyperparameters.
        lr: the first step size, a number or a 0-d Tensor.
        etas: factors by which step sizes shrink and grow.
        step_sizes: the smallest and the largest step size.
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
        >>> w = lucid.tensor([2.0, -3.0], requires_grad=True)
        >>> optimizer = lucid.optim.Rprop([w], lr=0.5)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> print(w.detach())
        [1.5, -2.5]

    Source: Riedmiller and Braun, IEEE International Conference on Neural Networks, 586 (1993).
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_numbers("Rprop", lr)
        check_pair("Rprop", "etas", etas)
        check_pair("Rprop", "step_sizes", step_sizes)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Rprop: Invalid eta values: {etas[0]}, {etas[1]}")
        check_modes("Rprop", differentiable, foreach)
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def update_group(self, group: dict[str, Any], params: list[Tensor]) -> None:
        self.count(params)
        previous = self.buffers(params, "prev")
        lr = as_float(group["lr"])
        for p in params:
            if "step_size" not in self.state[p]:
                self.state[p]["step_size"] = wrap(np.full(p._data.shape, lr, p._data.dtype))
        (down, up), (smallest, largest) = group["etas"], group["step_sizes"]
        arrays = memory(params)
        _ops.rprop_step(
            arrays,
            gradients(params),
            data(previous),
            data(self.buffers(params, "step_size")),
            down,
            up,
            smallest,
            largest,
            group["maximize"],
        )
        written(params, arrays)


__all__ = ["Rprop"]
