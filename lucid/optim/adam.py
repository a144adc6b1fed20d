"""Adam and AdamW."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lucid import _ops
from lucid._tensor import Tensor
from lucid.optim._checks import as_float, check_betas, check_modes, check_numbers
from lucid.optim.optimizer import Optimizer, data, gradients, memory, written


class Adam(Optimizer):
    """Adaptive moment estimation.

        g = grad + weight_decay * p    (-grad where maximize)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g^2
        p = p - lr * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)

    With ``amsgrad`` the largest v so far takes the place of v in the last line.

    Args:
        params: floating-point parameters, (name, parameter) pairs, or dicts of groups with their own hyperparameters.
        lr: learning rate, a number or a 0-d Tensor.
        betas: decay of the two averages, in [0, 1).
        eps: added to the denominator.
        weight_decay: factor of the L2 penalty.
        amsgrad: never let the denominator shrink.
        maximize: climb instead of descend.
        decoupled_weight_decay: p = p - lr * weight_decay * p instead of the penalty, as in `AdamW`.
        foreach, fused, capturable: accepted and without effect: every step is one compiled pass.
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
        >>> optimizer = lucid.optim.Adam([w], lr=0.5)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> print(w.detach())
        [0.5, -1.5]

    Source: Kingma and Ba, arXiv:1412.6980; amsgrad: Reddi et al., arXiv:1904.09237.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        name = type(self).__name__
        check_numbers(name, lr, epsilon=eps, weight_decay=weight_decay)
        check_betas(name, betas)
        check_modes(name, differentiable, foreach, fused)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def update_group(self, group: dict[str, Any], params: list[Tensor]) -> None:
        steps = self.count(params)
        averages, squares = self.buffers(params, "exp_avg"), self.buffers(params, "exp_avg_sq")
        largest = self.buffers(params, "max_exp_avg_sq") if group["amsgrad"] else None
        beta1, beta2 = group["betas"]
        arrays = memory(params)
        _ops.adam_step(
            arrays,
            gradients(params),
            data(averages),
            data(squares),
            data(largest),
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


class AdamW(Adam):
    """Adam with decoupled weight decay.

        p = p - lr * weight_decay * p, then the step of `Adam` from the gradient alone

    Args:
        params: floating-point parameters, (name, parameter) pairs, or dicts of groups with their own hyperparameters.
        lr: learning rate, a number or a 0-d Tensor.
        betas: decay of the two averages, in [0, 1).
        eps: added to the denominator.
        weight_decay: share of the parameter taken away per step, times lr.
        amsgrad: never let the denominator shrink.
        maximize: climb instead of descend.
        foreach, fused, capturable: accepted and without effect: every step is one compiled pass.
        differentiable: refused.

    Raises:
        NotImplementedError: ``differentiable`` is true.
        RuntimeError: both ``foreach`` and ``fused`` are true; or, when stepping, a gradient differs from its parameter
            in shape or dtype.
        TypeError: ``params`` are not tensors in an ordered collection.
        ValueError: a hyperparameter is out of range, there are no parameters, or one is not a leaf or appears twice.

    Example:
        >>> import lucid
        >>> w = lucid.tensor([1.0], dtype=lucid.float64, requires_grad=True)
        >>> optimizer = lucid.optim.AdamW([w], lr=0.5, weight_decay=0.5)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> print(w.detach())
        [0.25]

    Source: Loshchilov and Hutter, arXiv:1711.05101.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )


__all__ = ["Adam", "AdamW"]
