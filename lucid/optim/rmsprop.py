"""RMSprop."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lucid import _ops
from lucid._tensor import Tensor
from lucid.optim._checks import as_float, check_modes, check_numbers
from lucid.optim.optimizer import Optimizer, data, gradients, memory, written


class RMSprop(Optimizer):
    """Gradients divided by a running average of their magnitude.

        g = grad + weight_decay * p    (-grad where maximize)
        v = alpha * v + (1 - alpha) * g^2
        d = g / (sqrt(v) + eps), and g / (sqrt(v - a^2) + eps) where centered, a the running average of g
        b = momentum * b + d    (b = d without momentum)
        p = p - lr * b

    Args:
        params: floating-point parameters, (name, parameter) pairs, or dicts of groups with their own hyperparameters.
        lr: learning rate, a number or a 0-d Tensor.
        alpha: decay of the averages.
        eps: added to the denominator.
        weight_decay: factor of the L2 penalty.
        momentum: factor of the previous step.
        centered: divide by the standard deviation instead of the root mean square.
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
        >>> w = lucid.tensor([1.0], requires_grad=True)
        >>> optimizer = lucid.optim.RMSprop([w], lr=0.5, alpha=0.75)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> print(w.detach())
        [0.0]

    Source: Hinton, Neural networks for machine learning, lecture 6e, 2012; centered: Graves, arXiv:1308.0850.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_numbers("RMSprop", lr, epsilon=eps, momentum=momentum, weight_decay=weight_decay, alpha=alpha)
        check_modes("RMSprop", differentiable)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def update_group(self, group: dict[str, Any], params: list[Tensor]) -> None:
        self.count(params)
        squares = self.buffers(params, "square_avg")
        momenta = self.buffers(params, "momentum_buffer") if group["momentum"] > 0 else None
        averages = self.buffers(params, "grad_avg") if group["centered"] else None
        arrays = memory(params)
        _ops.rmsprop_step(
            arrays,
            gradients(params),
            data(squares),
            data(averages),
            data(momenta),
            as_float(group["lr"]),
            as_float(group["alpha"]),
            as_float(group["eps"]),
            as_float(group["weight_decay"]),
            as_float(group["momentum"]),
            group["centered"],
            group["maximize"],
        )
        written(params, arrays)


__all__ = ["RMSprop"]
