"""Adadelta."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lucid import _ops
from lucid._tensor import Tensor
from lucid.optim._checks import as_float, check_modes, check_numbers
from lucid.optim.optimizer import Optimizer, data, gradients, memory, written


class Adadelta(Optimizer):
    """Steps whose size follows from that of earlier steps, in the units of the parameter.

        g = grad + weight_decay * p    (-grad where maximize)
        s = rho * s + (1 - rho) * g^2
        d = sqrt(a + eps) / sqrt(s + eps) * g
        a = rho * a + (1 - rho) * d^2
        p = p - lr * d

    Args:
        params: floating-point parameters, (name, parameter) pairs, or dicts of groups with their own hyperparameters.
        lr: factor of the step, a number or a 0-d Tensor.
        rho: decay of the averages, in [0, 1].
        eps: added to both averages.
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
        >>> w = lucid.tensor([1.0], dtype=lucid.float64, requires_grad=True)
        >>> optimizer = lucid.optim.Adadelta([w], rho=0.25, eps=1.0)
        >>> (w * w).sum().backward()
        >>> optimizer.step()  # s = 3, and sqrt(1) / sqrt(4) * 2 is the step
        >>> print(w.detach())
        [0.0]

    Source: Zeiler, arXiv:1212.5701.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_numbers("Adadelta", lr, epsilon=eps, weight_decay=weight_decay)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Adadelta: Invalid rho value: {rho}")
        check_modes("Adadelta", differentiable, foreach)
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "foreach": foreach,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def update_group(self, group: dict[str, Any], params: list[Tensor]) -> None:
        self.count(params)
        squares, deltas = self.buffers(params, "square_avg"), self.buffers(params, "acc_delta")
        arrays = memory(params)
        _ops.adadelta_step(
            arrays,
            gradients(params),
            data(squares),
            data(deltas),
            as_float(group["lr"]),
            as_float(group["rho"]),
            as_float(group["eps"]),
            as_float(group["weight_decay"]),
            group["maximize"],
        )
        written(params, arrays)


__all__ = ["Adadelta"]
