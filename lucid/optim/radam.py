"""RAdam."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lucid import _ops
from lucid._tensor import Tensor
from lucid.optim._checks import as_float, check_betas, check_modes, check_numbers
from lucid.optim.optimizer import Optimizer, data, gradients, memory, written


class RAdam(Optimizer):
    """Adam that trusts its second moment only as far as the steps so far allow.

        g = grad + weight_decay * p    (-grad where maximize)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g^2
        r_inf = 2 / (1 - beta2) - 1, r = r_inf - 2 t beta2^t / (1 - beta2^t)
        p = p - lr * m / (1 - beta1^t)                                            where r <= 5
        p = p - lr * m / (1 - beta1^t) * c * sqrt(1 - beta2^t) / (sqrt(v) + eps)  where r > 5,
        c = sqrt((r - 4) (r - 2) r_inf / ((r_inf - 4) (r_inf - 2) r))

    Args:
        params: floating-point parameters, (name, parameter) pairs, or dicts of groups with their own hyperparameters.
        lr: learning rate, a number or a 0-d Tensor.
        betas: decay of the two averages, in [0, 1).
        eps: added to the denominator.
        weight_decay: factor of the L2 penalty.
        decoupled_weight_decay: p = p - lr * weight_decay * p instead of the penalty, as in `AdamW`.
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
        >>> optimizer = lucid.optim.RAdam([w], lr=0.25)
        >>> (w * w).sum().backward()
        >>> optimizer.step()  # at first, gradient descent
        >>> print(w.detach())
        [0.5]

    Source: Liu et al., arXiv:1908.03265.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_numbers("RAdam", lr, epsilon=eps, weight_decay=weight_decay)
        check_betas("RAdam", betas)
        check_modes("RAdam", differentiable, foreach)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def update_group(self, group: dict[str, Any], params: list[Tensor]) -> None:
        steps = self.count(params)
        averages, squares = self.buffers(params, "exp_avg"), self.buffers(params, "exp_avg_sq")
        beta1, beta2 = group["betas"]
        arrays = memory(params)
        _ops.radam_step(
            arrays,
            gradients(params),
            data(averages),
            data(squares),
            steps,
            as_float(group["lr"]),
            as_float(beta1),
            as_float(beta2),
            as_float(group["eps"]),
            as_float(group["weight_decay"]),
            group["decoupled_weight_decay"],
            group["maximize"],
        )
        written(params, arrays)


__all__ = ["RAdam"]
