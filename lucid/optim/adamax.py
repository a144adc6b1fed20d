"""Adamax."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lucid import _ops
from lucid._tensor import Tensor
from lucid.optim._checks import as_float, check_betas, check_modes, check_numbers
from lucid.optim.optimizer import Optimizer, data, gradients, memory, written


class Adamax(Optimizer):
    """Adam with the largest gradient so far, fading, in place of the root mean square.

        g = grad + weight_decay * p    (-grad where maximize)
        m = beta1 * m + (1 - beta1) * g
        u = max(beta2 * u, |g| + eps)
        p = p - lr / (1 - beta1^t) * m / u

    Args:
        params: floating-point parameters, (name, parameter) pairs, or dicts of groups with their own hyperparameters.
        lr: learning rate, a number or a 0-d Tensor.
        betas: decay of the average and of the maximum, in [0, 1).
        eps: added to the size of a gradient.
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
        >>> w = lucid.tensor([1.0, -2.0], dtype=lucid.float64, requires_grad=True)
        >>> optimizer = lucid.optim.Adamax([w], lr=0.5)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> print(w.detach())
        [0.5, -1.5]

    Source: Kingma and Ba, arXiv:1412.6980, section 7.1.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_numbers("Adamax", lr, epsilon=eps, weight_decay=weight_decay)
        check_betas("Adamax", betas)
        check_modes("Adamax", differentiable, foreach)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def update_group(self, group: dict[str, Any], params: list[Tensor]) -> None:
        steps = self.count(params)
        averages, largest = self.buffers(params, "exp_avg"), self.buffers(params, "exp_inf")
        beta1, beta2 = group["betas"]
        arrays = memory(params)
        _ops.adamax_step(
            arrays,
            gradients(params),
            data(averages),
            data(largest),
            steps,
            as_float(group["lr"]),
            as_float(beta1),
            as_float(beta2),
            as_float(group["eps"]),
            as_float(group["weight_decay"]),
            group["maximize"],
        )
        written(params, arrays)


__all__ = ["Adamax"]
