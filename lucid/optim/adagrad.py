"""Adagrad."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from lucid import _ops
from lucid._tensor import Tensor
from lucid.autograd._node import wrap
from lucid.optim._checks import as_float, check_modes, check_numbers
from lucid.optim.optimizer import Optimizer, data, gradients, memory, written


class Adagrad(Optimizer):
    """Gradients divided by the root of the sum of all their squares so far.

        g = grad + weight_decay * p    (-grad where maximize)
        s = s + g^2
        p = p - lr / (1 + (t - 1) * lr_decay) * g / (sqrt(s) + eps)

    Args:
        params: floating-point parameters, (name, parameter) pairs, or dicts of groups with their own hyperparameters.
        lr: learning rate, a number or a 0-d Tensor.
        lr_decay: how fast the learning rate falls with the number of steps.
        weight_decay: factor of the L2 penalty.
        initial_accumulator_value: what the sums start from.
        eps: added to the denominator.
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
        >>> w = lucid.tensor([1.0, -2.0], dtype=lucid.float64, requires_grad=True)
        >>> optimizer = lucid.optim.Adagrad([w], lr=0.5)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> print(w.detach())
        [0.5, -1.5]

    Source: Duchi, Hazan and Singer, Journal of Machine Learning Research 12, 2121 (2011).
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_numbers(
            "Adagrad",
            lr,
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            epsilon=eps,
        )
        check_modes("Adagrad", differentiable, foreach, fused)
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:
            for p in group["params"]:
                self._start(p)

    def _start(self, p: Tensor) -> None:
        """The state of a parameter that has none."""
        start = self.defaults["initial_accumulator_value"]
        self.state[p].setdefault("step", wrap(np.zeros((), np.float32)))
        self.state[p].setdefault("sum", wrap(np.full(p._data.shape, start, p._data.dtype)))

    def share_memory(self) -> None:
        """Refused: processes do not share the memory of tensors.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("Adagrad.share_memory: tensors are not shared between processes")

    def update_group(self, group: dict[str, Any], params: list[Tensor]) -> None:
        for p in params:
            self._start(p)
        steps = self.count(params)
        arrays = memory(params)
        _ops.adagrad_step(
            arrays,
            gradients(params),
            data(self.buffers(params, "sum")),
            steps,
            as_float(group["lr"]),
            as_float(group["lr_decay"]),
            as_float(group["eps"]),
            as_float(group["weight_decay"]),
            group["maximize"],
        )
        written(params, arrays)


__all__ = ["Adagrad"]
