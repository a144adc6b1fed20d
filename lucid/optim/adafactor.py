"""Adafactor."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from lucid._tensor import Tensor
from lucid.optim._checks import as_float, check_modes, check_scalar
from lucid.optim.optimizer import Optimizer


class Adafactor(Optimizer):
    """Adam without momentum, its second moment kept as one row and one column per matrix.

        g = grad    (-grad where maximize), b = 1 - t^beta2_decay
        a = max(eps[1], rms(p)) * min(lr, 1 / sqrt(t)), p = p - lr * weight_decay * p
        r = b * r + (1 - b) * mean(g^2 along rows), c = b * c + (1 - b) * mean(g^2 along columns)
        v = r c / max(mean(r), eps[0])    (for vectors: v = b * v + (1 - b) * g^2)
        u = g / max(sqrt(v), eps[0])
        p = p - a * u / max(1, rms(u) / d)

    Args:
        params: floating-point parameters, (name, parameter) pairs, or dicts of groups with their own hyperparameters;
            tensors of more than two dimensions are stacks of matrices.
        lr: largest relative step, a number or a 0-d Tensor.
        beta2_decay: power, at most 0, with which the weight of new squares falls.
        eps: smallest denominator (None: the spacing of numbers at 1) and smallest scale of a parameter.
        d: largest root mean square of an update.
        weight_decay: share of the parameter taken away per step, times lr.
        foreach: accepted and without effect.
        maximize: climb instead of descend.

    Raises:
        RuntimeError: when stepping, a gradient differs from its parameter in shape or dtype.
        TypeError: ``params`` are not tensors in an ordered collection.
        ValueError: a hyperparameter is out of range, there are no parameters, or one is not a leaf or appears twice.

    Example:
        >>> import lucid
        >>> w = lucid.ones(4, 3, requires_grad=True)
        >>> optimizer = lucid.optim.Adafactor([w], lr=0.5)
        >>> w.sum().backward()
        >>> optimizer.step()
        >>> print(w[0].detach(), sorted(optimizer.state[w]))
        [0.5, 0.5, 0.5] ['col_var', 'row_var', 'step']

    Source: Shazeer and Stern, arXiv:1804.04235.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        check_scalar("Adafactor", "lr", lr)
        if not as_float(lr) >= 0.0:
            raise ValueError(f"Adafactor: Learning rate should be >= 0 but is: {lr}")
        if not beta2_decay <= 0.0:
            raise ValueError(f"Adafactor: beta2_decay should be <= 0 but is: {beta2_decay}")
        if eps[0] is not None and not eps[0] >= 0.0:
            raise ValueError(f"Adafactor: epsilon1 should be >= 0 but is: {eps[0]}")
        if not eps[1] >= 0.0:
            raise ValueError(f"Adafactor: epsilon2 should be >= 0 but is: {eps[1]}")
        if not d >= 1.0:
            raise ValueError(f"Adafactor: Clipping threshold d should be >= 1 but is: {d}")
        if not weight_decay >= 0.0:
            raise ValueError(f"Adafactor: weight_decay should be >= 0 but is: {weight_decay}")
        check_modes("Adafactor", False, foreach)
        defaults = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": eps,
            "d": d,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def shape_of(self, p: Tensor, key: str) -> tuple[int, ...] | None:
        shape = p._data.shape
        return {"row_var": (*shape[:-1], 1), "col_var": (*shape[:-2], 1, *shape[-1:])}.get(key, shape)

    def update_group(self, group: dict[str, Any], params: list[Tensor]) -> None:
        lr, (eps1, eps2) = as_float(group["lr"]), group["eps"]
        for p, step in zip(params, self.count(params)):
            floor = float(np.finfo(p._data.dtype).eps) if eps1 is None else eps1
            size = max(eps2, _rms(p)) * min(lr, 1 / math.sqrt(step))
            assert p.grad is not None
            grad = -p.grad if group["maximize"] else p.grad
            if group["weight_decay"] != 0:
                p.mul_(1 - lr * group["weight_decay"])
            squares = self._second_moment(p, grad, step ** group["beta2_decay"], floor)
            update = squares.clamp_(min=floor * floor).rsqrt().mul_(grad)
            p.sub_(update, alpha=size / max(1.0, _rms(update) / group["d"]))

    def _second_moment(self, p: Tensor, grad: Tensor, weight: float, floor: float) -> Tensor:
        """The running average of the squares of a gradient, with ``weight`` for the new ones."""
        state, squares = self.state[p], grad * grad
        if p.ndim < 2:
            state.setdefault("variance", p.new_zeros(p.shape))
            return state["variance"].lerp_(squares, weight).clone()
        for key, dim in (("row_var", -1), ("col_var", -2)):
            state.setdefault(key, p.new_zeros(self.shape_of(p, key)))
            state[key].lerp_(squares.mean(dim, keepdim=True), weight)
        rows = state["row_var"]
        return rows @ state["col_var"] / rows.mean(-2, keepdim=True).clamp(min=floor)


def _rms(x: Tensor) -> float:
    """The root of the mean of the squares."""
    return float(x.norm()) / math.sqrt(x.numel()) if x.numel() else 0.0


__all__ = ["Adafactor"]
