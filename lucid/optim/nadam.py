"""NAdam."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lucid import _ops
from lucid._tensor import Tensor
from lucid.optim._checks import as_float, check_betas, check_modes, check_numbers
from lucid.optim.optimizer import Optimizer, data, gradients, memory, scalars, written


class NAdam(Optimizer):
    """Adam with Nesterov's momentum, which grows during training.

        g = grad + weight_decay * p    (-grad where maximize)
        mu(t) = beta1 * (1 - 0.96^(t * momentum_decay) / 2), M(t) = mu(1) * ... * mu(t)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g^2
        p = p - lr * (mu(t + 1) / (1 - M(t + 1)) * m + (1 - mu(t)) / (1 - M(t)) * g) / (sqrt(v / (1 - beta2^t)) + eps)

    Args:
        params: floating-point parameters, (name, parameter) pairs, or dicts of groups with their own hyperparameters.
        lr: learning rate, a number or a 0-d Tensor.
        betas: decay of the two averages, in [0, 1).
        eps: added to the denominator.
        weight_decay: factor of the L2 penalty.
        momentum_decay: how fast mu approaches beta1.
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
        >>> w = lucid.tensor([3.0], dtype=lucid.float64, requires_grad=True)
        >>> optimizer = lucid.optim.NAdam([w], lr=0.5)
        >>> for _ in range(50):
        ...     optimizer.zero_grad()
        ...     (w * w).sum().backward()
        ...     optimizer.step()
        >>> bool(w.abs() < 0.1)
        True

    Source: Dozat, Incorporating Nesterov momentum into Adam, ICLR workshop 2016.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_numbers("NAdam", lr, epsilon=eps, weight_decay=weight_decay, momentum_decay=momentum_decay)
        check_betas("NAdam", betas)
        check_modes("NAdam", differentiable, foreach)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def update_group(self, group: dict[str, Any], params: list[Tensor]) -> None:
        steps = self.count(params)
        products = scalars(self, params, "mu_product", 1.0)
        averages, squares = self.buffers(params, "exp_avg"), self.buffers(params, "exp_avg_sq")
        lr, decay = as_float(group["lr"]), group["momentum_decay"]
        beta1, beta2 = (as_float(beta) for beta in group["betas"])
        nows, nexts = [], []
        for t, product in zip(steps, products):
            mu, after = (beta1 * (1 - 0.5 * 0.96 ** (k * decay)) for k in (t, t + 1))
            product._data *= mu
            total = float(product._data)
            nows.append(lr * (1 - mu) / (1 - total))
            nexts.append(lr * after / (1 - total * after))
        arrays = memory(params)
        _ops.nadam_step(
            arrays,
            gradients(params),
            data(averages),
            data(squares),
            steps,
            nows,
            nexts,
            lr,
            beta1,
            beta2,
            as_float(group["eps"]),
            as_float(group["weight_decay"]),
            group["decoupled_weight_decay"],
            group["maximize"],
        )
        written(params, arrays)


__all__ = ["NAdam"]
