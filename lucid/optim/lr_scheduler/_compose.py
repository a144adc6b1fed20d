"""Schedulers made of schedulers, and the one that watches a metric."""

from __future__ import annotations

import math
import warnings
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from lucid._printing import shown
from lucid.optim._checks import as_float
from lucid.optim.lr_scheduler._base import LRScheduler, check_optimizer, check_state, per_group, rates, write
from lucid.optim.optimizer import Optimizer


class _Composed(LRScheduler):
    """Several schedulers of one optimizer."""

    def _adopt(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None) -> None:
        name = type(self).__name__
        if len(schedulers) < 1:
            raise ValueError(f"{name}: expects at least one scheduler, but got no scheduler")
        for i, scheduler in enumerate(schedulers):
            if not isinstance(scheduler, LRScheduler):
                raise TypeError(f"{name}: expected schedulers, got {type(scheduler).__name__} at index {i}")
        optimizer = schedulers[0].optimizer if optimizer is None else optimizer
        for i, scheduler in enumerate(schedulers):
            if isinstance(scheduler, ReduceLROnPlateau):
                raise ValueError(f"{name}: does not support ReduceLROnPlateau, whose step needs a metric (index {i})")
            if scheduler.optimizer is not optimizer:
                raise ValueError(
                    f"{name}: expects all schedulers to belong to the same optimizer, but the one at index {i} "
                    f"({type(scheduler).__name__}) does not"
                )
        self._schedulers, self.optimizer = schedulers, optimizer

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer, with the states of the schedulers in order."""
        return super().state_dict() | {"_schedulers": [s.state_dict() for s in self._schedulers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` saved.

        Args:
            state_dict: as from `state_dict`.
        """
        name = type(self).__name__
        check_state(name, state_dict)
        states = state_dict.get("_schedulers")
        if not isinstance(states, (list, tuple)) or len(states) != len(self._schedulers):
            got = shown(states) if not isinstance(states, (list, tuple)) else len(states)
            raise ValueError(f"{name}: expected the states of {len(self._schedulers)} schedulers, got {got}")
        for state in states:
            check_state(name, state)
        super().load_state_dict({key: value for key, value in state_dict.items() if key != "_schedulers"})
        for scheduler, state in zip(self._schedulers, states):
            scheduler.load_state_dict(state)


class ChainedScheduler(_Composed):
    """Several schedulers at once, each changing what the one before left.

    Args:
        schedulers: schedulers of the same optimizer.
        optimizer: that optimizer; the first scheduler's unless given.

    Raises:
        TypeError: one is not a scheduler.
        ValueError: there is none, one is a `ReduceLROnPlateau`, or they belong to different optimizers.

    Example:
        >>> import lucid
        >>> from lucid.optim.lr_scheduler import ChainedScheduler, ConstantLR, ExponentialLR
        >>> optimizer = lucid.optim.SGD([lucid.ones(1, requires_grad=True)], lr=1.0)
        >>> parts = [ConstantLR(optimizer, factor=0.5, total_iters=2), ExponentialLR(optimizer, gamma=0.5)]
        >>> scheduler = ChainedScheduler(parts)
        >>> optimizer.step(); scheduler.step()
        >>> scheduler.get_last_lr()
        [0.25]
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        self._adopt(schedulers, optimizer)
        self._last_lr = rates(self.optimizer)

    def step(self) -> None:  # type: ignore[override]
        """One step of every scheduler."""
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = rates(self.optimizer)


def _take_back(scheduler: LRScheduler) -> None:
    """Undo the counting of the first step, which the constructor of every scheduler takes."""
    if isinstance(scheduler, _Composed):
        for s in scheduler._schedulers:
            _take_back(s)
    else:
        scheduler.last_epoch -= 1


class SequentialLR(_Composed):
    """One scheduler after the other; each starts at its epoch 0 when its turn comes.

    Args:
        optimizer: whose learning rates to change.
        schedulers: schedulers of that optimizer.
        milestones: epochs at which the second and further ones take over.
        last_epoch: epoch to resume after; -1 starts anew.

    Raises:
        TypeError: one is not a scheduler.
        ValueError: the numbers do not match, one is a `ReduceLROnPlateau`, or one belongs to another optimizer.

    Example:
        >>> import lucid
        >>> from lucid.optim.lr_scheduler import ConstantLR, ExponentialLR, SequentialLR
        >>> optimizer = lucid.optim.SGD([lucid.ones(1, requires_grad=True)], lr=1.0)
        >>> warm, decay = ConstantLR(optimizer, factor=0.125, total_iters=9), ExponentialLR(optimizer, gamma=0.5)
        >>> scheduler = SequentialLR(optimizer, [warm, decay], milestones=[2])
        >>> for epoch in range(4):
        ...     print(scheduler.get_last_lr())
        ...     optimizer.step(); scheduler.step()
        [0.125]
        [0.125]
        [1.0]
        [0.5]
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int], last_epoch: int = -1
    ) -> None:
        check_optimizer("SequentialLR", optimizer)
        self._adopt(schedulers, optimizer)
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                f"SequentialLR: expects one milestone fewer than schedulers, got {len(milestones)} milestones and "
                f"{len(schedulers)} schedulers"
            )
        self._milestones, self.last_epoch = milestones, last_epoch + 1
        for group in optimizer.param_groups:
            write(group, "lr", as_float(group["initial_lr"]))
        _take_back(self)
        first = self._schedulers[bisect_right(milestones, 0)]
        first._initial_step()
        self._last_lr = first.get_last_lr()

    def step(self) -> None:  # type: ignore[override]
        """Go to the next epoch of the scheduler whose turn it is."""
        self.last_epoch += 1
        turn = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[turn]
        if turn > 0 and self._milestones[turn - 1] == self.last_epoch:
            scheduler._update_lr(0)
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()


class ReduceLROnPlateau(LRScheduler):
    """Multiply by ``factor`` when a metric has not improved for more than ``patience`` epochs.

    Args:
        optimizer: whose learning rates to change.
        mode: "min" or "max": which way is better.
        factor: below 1.
        patience: epochs without improvement that are put up with.
        threshold: how much better counts as improvement.
        threshold_mode: "rel": better than best * (1 -+ threshold); "abs": better than best -+ threshold.
        cooldown: epochs after a reduction in which nothing counts.
        min_lr: lower bound, or one per group.
        eps: reductions smaller than this are not made.

    Raises:
        RuntimeError: when stepping, ``min_lr`` is a list and groups were added.
        TypeError: ``optimizer`` is not an Optimizer.
        ValueError: an argument is out of range.

    Example:
        >>> import lucid
        >>> optimizer = lucid.optim.SGD([lucid.ones(1, requires_grad=True)], lr=1.0)
        >>> scheduler = lucid.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
        >>> for loss in (3.0, 2.0, 2.0, 2.0):
        ...     scheduler.step(loss)
        >>> scheduler.get_last_lr()
        [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0,
        eps: float = 1e-8,
    ) -> None:
        name = "ReduceLROnPlateau"
        if not factor < 1.0:
            raise ValueError(f"{name}: factor should be < 1.0, got {factor}")
        check_optimizer(name, optimizer)
        if mode not in ("min", "max"):
            raise ValueError(f"{name}: mode must be 'min' or 'max', got {mode!r}")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(f"{name}: threshold_mode must be 'rel' or 'abs', got {threshold_mode!r}")
        self.optimizer, self.mode, self.factor, self.patience = optimizer, mode, factor, patience
        self.threshold, self.threshold_mode, self.cooldown, self.eps = threshold, threshold_mode, cooldown, eps
        self.min_lrs = per_group(name, "min_lr", optimizer, min_lr)
        self.default_min_lr = None if isinstance(min_lr, (list, tuple)) else min_lr
        self.best = math.inf if mode == "min" else -math.inf
        self.last_epoch = self.cooldown_counter = self.num_bad_epochs = 0
        self._last_lr = rates(optimizer)

    @property
    def in_cooldown(self) -> bool:
        """Whether the epochs after a reduction are not over yet."""
        return self.cooldown_counter > 0

    def step(self, metrics: Any, epoch: int | None = None) -> None:  # type: ignore[override]
        """Note the metric of an epoch, and reduce the learning rates where it is time.

        Args:
            metrics: a number or a tensor with one element.
            epoch: deprecated: number of this epoch.
        """
        try:
            current = float(metrics)
        except (TypeError, ValueError) as error:
            raise type(error)(f"ReduceLROnPlateau: metrics must be a number, got {shown(metrics)}") from None
        if epoch is not None:
            warnings.warn("ReduceLROnPlateau: the epoch parameter of step() is deprecated", stacklevel=2)
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self._is_better(current):
            self.best, self.num_bad_epochs = current, 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._last_lr = rates(self.optimizer)

    def _is_better(self, current: float) -> bool:
        margin = self.threshold * self.best if self.threshold_mode == "rel" else self.threshold
        if math.isinf(self.best):
            margin = 0.0
        return current < self.best - margin if self.mode == "min" else current > self.best + margin

    def _reduce(self) -> None:
        groups = self.optimizer.param_groups
        if len(self.min_lrs) != len(groups):
            if self.default_min_lr is None:
                raise RuntimeError(
                    f"ReduceLROnPlateau: min_lr has {len(self.min_lrs)} values but the optimizer now has {len(groups)} "
                    "parameter groups; set min_lrs to one value per group"
                )
            self.min_lrs = [self.default_min_lr] * len(groups)
        for group, lowest in zip(groups, self.min_lrs, strict=True):
            old = as_float(group["lr"])
            new = max(old * self.factor, lowest)
            if old - new > self.eps:
                write(group, "lr", new)


__all__ = ["ChainedScheduler", "ReduceLROnPlateau", "SequentialLR"]
