"""The end of a training step: gradients to parameters, clipping, and the optimizer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lucid._tensor import Tensor
from lucid.autograd._node import wrap
from lucid.optim import optimizer as base


class Update:
    """Hands gradients to an optimizer, past its checks where they have been made already.

    Args:
        optimizer: any.
        targets: the parameters that get gradients, in order.
        max_norm: largest norm of all gradients, or None.
    """

    def __init__(self, optimizer: Any, targets: list[Tensor], max_norm: float | None) -> None:
        self.optimizer, self.targets, self.max_norm = optimizer, targets, max_norm
        self.groups: list[Any] = []
        self.plain = type(optimizer).step is base.Optimizer.step and not any(t.dtype.is_half for t in targets)

    def _regroup(self) -> None:
        held = {id(t) for t in self.targets}
        self.groups = list(self.optimizer.param_groups)
        self.lists = [group["params"] for group in self.groups]
        self.parts = [[p for p in group["params"] if id(p) in held] for group in self.groups]
        self.others = [p for params in self.lists for p in params if id(p) not in held]

    def _is_plain(self) -> bool:
        """Whether a step is nothing but ``update_group`` for every group."""
        o = self.optimizer
        hooked = base._every_pre_hook or base._every_post_hook or o._pre_hooks or o._post_hooks
        return (
            self.plain
            and not hooked
            and "step" not in o.__dict__
            and all(t._data.flags.writeable for t in self.targets)
        )

    def run(self, grads: Sequence[np.ndarray]) -> None:
        """Clip ``grads`` and step; called without recording."""
        groups = self.optimizer.param_groups
        if len(groups) != len(self.groups) or any(
            g is not h or g["params"] is not m for g, h, m in zip(groups, self.groups, self.lists)
        ):
            self._regroup()
        for p, g in zip(self.targets, grads):
            p.grad = wrap(g)
        for p in self.others:
            p.grad = None
        if self.max_norm is not None:
            from lucid.nn.utils import clip_grad_norm_

            clip_grad_norm_(self.targets, self.max_norm)
        if not self._is_plain():
            self.optimizer.step()
            return
        self.optimizer._stepped = True  # schedulers ask
        for group, params in zip(groups, self.parts):
            if params:
                self.optimizer.update_group(group, params)
