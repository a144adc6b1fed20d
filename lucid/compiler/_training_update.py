"""The end of a training step: gradients to parameters, clipping, and the optimizer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lucid._tensor import Tensor
from lucid.autograd._node import wrap


class Update:
    """Hands gradients to an optimizer.

    Args:
        optimizer: any.
        targets: the parameters that get gradients, in order.
        max_norm: largest norm of all gradients, or None.
    """

    def __init__(self, optimizer: Any, targets: list[Tensor], max_norm: float | None) -> None:
        self.optimizer, self.targets, self.max_norm = optimizer, targets, max_norm
        held = {id(t) for t in targets}
        self.others = [p for group in optimizer.param_groups for p in group["params"] if id(p) not in held]

    def run(self, grads: Sequence[np.ndarray]) -> None:
        """Clip ``grads`` and step."""
        for p, g in zip(self.targets, grads):
            p.grad = wrap(g)
        for p in self.others:
            p.grad = None
        if self.max_norm is not None:
            from lucid.nn.utils import clip_grad_norm_

            clip_grad_norm_(self.targets, self.max_norm)
        self.optimizer.step()
