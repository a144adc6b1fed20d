"""Schedules that decay: in steps, exponentially, linearly, as a polynomial or a cosine."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable

from lucid._printing import shown
from lucid.optim._checks import check_scalar
from lucid.optim.lr_scheduler._base import Chainable, LRScheduler, rates
from lucid.optim.optimizer import Optimizer


def _check_positive(name: str, what: str, value: float) -> None:
    check_scalar(name, what, value)
    if not value > 0:
        raise ValueError(f"{name}: expected positive {what}, got {value}")


class StepLR(Chainable):
    """Multiply by gamma every few epochs.

        lr_t = lr_0 * gamma^floor(t / step_size)

    Args:
        optimizer: whose learning rates to change.
        step_size: epochs between steps.
        gamma: factor of a step.
        last_epoch: epoch to resume after; -1 starts anew.

    Raises:
        KeyError: resuming, and a group has no ``"initial_lr"``.
        TypeError: ``optimizer`` is not an Optimizer.
        ValueError: ``step_size`` is not positive.

    Example:
        >>> import lucid
        >>> optimizer = lucid.optim.SGD([lucid.ones(1, requires_grad=True)], lr=1.0)
        >>> scheduler = lucid.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
        >>> for epoch in range(4):
        ...     print(scheduler.get_last_lr())
        ...     optimizer.step(); scheduler.step()
        [1.0]
        [1.0]
        [0.5]
        [0.5]
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        _check_positive("StepLR", "step_size", step_size)
        check_scalar("StepLR", "gamma", gamma)
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self, epoch: int) -> float:
        return self.gamma ** (epoch // self.step_size)

    def _ratio(self, epoch: int) -> float:
        return self.gamma if epoch and epoch % self.step_size == 0 else 1.0


class MultiStepLR(Chainable):
    """Multiply by gamma at given epochs.

        lr_t = lr_0 * gamma^(number of milestones up to t)

    Args:
        optimizer: whose learning rates to change.
        milestones: the epochs.
        gamma: factor of a step.
        last_epoch: epoch to resume after; -1 starts anew.

    Raises:
        KeyError: resuming, and a group has no ``"initial_lr"``.
        TypeError: ``optimizer`` is not an Optimizer.

    Example:
        >>> import lucid
        >>> optimizer = lucid.optim.SGD([lucid.ones(1, requires_grad=True)], lr=1.0)
        >>> scheduler = lucid.optim.lr_scheduler.MultiStepLR(optimizer, [1], gamma=0.5)
        >>> optimizer.step(); scheduler.step()
        >>> scheduler.get_last_lr()
        [0.5]
    """

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        if not isinstance(milestones, Iterable):
            raise TypeError(f"MultiStepLR: milestones must be epochs, got {shown(milestones)}")
        check_scalar("MultiStepLR", "gamma", gamma)
        self.milestones, self.gamma = Counter(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self, epoch: int) -> float:
        return self.gamma ** bisect_right(sorted(self.milestones.elements()), epoch)

    def _ratio(self, epoch: int) -> float:
        return self.gamma ** self.milestones[epoch] if epoch in self.milestones else 1.0


class ConstantLR(Chainable):
    """A constant factor for the first epochs.

        lr_t = lr_0 * (factor if t < total_iters else 1)

    Args:
        optimizer: whose learning rates to change.
        factor: in [0, 1].
        total_iters: epochs it lasts.
        last_epoch: epoch to resume after; -1 starts anew.

    Raises:
        KeyError: resuming, and a group has no ``"initial_lr"``.
        TypeError: ``optimizer`` is not an Optimizer.
        ValueError: the factor is out of range.

    Example:
        >>> import lucid
        >>> optimizer = lucid.optim.SGD([lucid.ones(1, requires_grad=True)], lr=1.0)
        >>> scheduler = lucid.optim.lr_scheduler.ConstantLR(optimizer, factor=0.5, total_iters=1)
        >>> scheduler.get_last_lr()
        [0.5]
    """

    def __init__(self, optimizer: Optimizer, factor: float = 1 / 3, total_iters: int = 5, last_epoch: int = -1) -> None:
        if not 0 <= factor <= 1:
            raise ValueError(f"ConstantLR: multiplicative factor expected to be between 0 and 1, got {factor}")
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer, last_epoch)

    def _factor(self, epoch: int) -> float:
        return self.factor if epoch < self.total_iters else 1.0

    def get_lr(self) -> list[float]:
        if self.factor == 0 and self.last_epoch == self.total_iters:
            return list(self.base_lrs)
        return super().get_lr()


class LinearLR(Chainable):
    """A straight line between two factors.

        lr_t = lr_0 * (start_factor + (end_factor - start_factor) * min(t, total_iters) / total_iters)

    Args:
        optimizer: whose learning rates to change.
        start_factor: factor at epoch 0, in (0, 1].
        end_factor: factor from epoch ``total_iters``, in [0, 1].
        total_iters: epochs in between.
        last_epoch: epoch to resume after; -1 starts anew.

    Raises:
        KeyError: resuming, and a group has no ``"initial_lr"``.
        TypeError: ``optimizer`` is not an Optimizer.
        ValueError: a factor is out of range, or ``total_iters`` is not positive.

    Example:
        >>> import lucid
        >>> optimizer = lucid.optim.SGD([lucid.ones(1, requires_grad=True)], lr=1.0)
        >>> scheduler = lucid.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.5, total_iters=2)
        >>> optimizer.step(); scheduler.step()
        >>> scheduler.get_last_lr()
        [0.75]

    Source: Goyal et al., Accurate, large minibatch SGD, arXiv:1706.02677 (warmup).
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 < start_factor <= 1:
            raise ValueError(f"LinearLR: start_factor expected to be greater than 0 and at most 1, got {start_factor}")
        if not 0 <= end_factor <= 1:
            raise ValueError(f"LinearLR: end_factor expected to be between 0 and 1, got {end_factor}")
        _check_positive("LinearLR", "total_iters", total_iters)
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer, last_epoch)

    def _factor(self, epoch: int) -> float:
        done = min(epoch, self.total_iters) / self.total_iters
        return self.start_factor + (self.end_factor - self.start_factor) * done


class ExponentialLR(Chainable):
    """Multiply by gamma every epoch.

        lr_t = lr_0 * gamma^t

    Args:
        optimizer: whose learning rates to change.
        gamma: the factor.
        last_epoch: epoch to resume after; -1 starts anew.

    Raises:
        KeyError: resuming, and a group has no ``"initial_lr"``.
        TypeError: ``optimizer`` is not an Optimizer.

    Example:
        >>> import lucid
        >>> optimizer = lucid.optim.SGD([lucid.ones(1, requires_grad=True)], lr=1.0)
        >>> scheduler = lucid.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
        >>> optimizer.step(); scheduler.step()
        >>> scheduler.get_last_lr()
        [0.5]
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        check_scalar("ExponentialLR", "gamma", gamma)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self, epoch: int) -> float:
        return self.gamma**epoch

    def _ratio(self, epoch: int) -> float:
        return 1.0 if self._is_initial else self.gamma


class PolynomialLR(Chainable):
    """Down to zero along a power of the epochs left.

        lr_t = lr_0 * (1 - min(t, total_iters) / total_iters)^power

    Args:
        optimizer: whose learning rates to change.
        total_iters: epochs until zero.
        power: the power.
        last_epoch: epoch to resume after; -1 starts anew.

    Raises:
        KeyError: resuming, and a group has no ``"initial_lr"``.
        TypeError: ``optimizer`` is not an Optimizer.
        ValueError: ``total_iters`` is not positive.

    Example:
        >>> import lucid
        >>> optimizer = lucid.optim.SGD([lucid.ones(1, requires_grad=True)], lr=1.0)
        >>> scheduler = lucid.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=2, power=2.0)
        >>> optimizer.step(); scheduler.step()
        >>> scheduler.get_last_lr()
        [0.25]

    Source: Chen et al., DeepLab, arXiv:1606.00915, section 4.1.
    """

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1) -> None:
        _check_positive("PolynomialLR", "total_iters", total_iters)
        self.total_iters, self.power = total_iters, power
        super().__init__(optimizer, last_epoch)

    def _factor(self, epoch: int) -> float:
        return (1.0 - min(epoch, self.total_iters) / self.total_iters) ** self.power


class CosineAnnealingLR(LRScheduler):
    """Half a cosine down to a minimum, and up again.

        lr_t = eta_min + (lr_0 - eta_min) * (1 + cos(pi * t / T_max)) / 2

    Args:
        optimizer: whose learning rates to change.
        T_max: epochs until the minimum.
        eta_min: the minimum.
        last_epoch: epoch to resume after; -1 starts anew.

    Raises:
        KeyError: resuming, and a group has no ``"initial_lr"``.
        TypeError: ``optimizer`` is not an Optimizer.
        ValueError: ``T_max`` is not positive.

    Example:
        >>> import lucid
        >>> optimizer = lucid.optim.SGD([lucid.ones(1, requires_grad=True)], lr=1.0)
        >>> scheduler = lucid.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=2)
        >>> optimizer.step(); scheduler.step()
        >>> scheduler.get_last_lr()
        [0.5]

    Source: Loshchilov and Hutter, arXiv:1608.03983, without its restarts.
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        _check_positive("CosineAnnealingLR", "T_max", T_max)
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def _height(self, epoch: int) -> float:
        return (1 + math.cos(math.pi * epoch / self.T_max)) / 2

    def get_lr(self) -> list[float]:
        current = rates(self.optimizer)
        if self._is_initial:
            return current
        t, low = self.last_epoch, self.eta_min
        if (t - 1) % (2 * self.T_max) == self.T_max:  # leaving the minimum, where there is nothing to multiply
            rise = self._height(t)
            return [lr + (base - low) * rise for lr, base in zip(current, self.base_lrs, strict=True)]
        ratio = self._height(t) / self._height(t - 1)
        return [low + (lr - low) * ratio for lr in current]

    def _get_closed_form_lr(self) -> list[float]:
        height = self._height(self.last_epoch)
        return [self.eta_min + (base - self.eta_min) * height for base in self.base_lrs]


class NoamScheduler(LRScheduler):
    """Linear warmup, then the inverse square root of the step: the schedule of the first Transformer.

        lr(t) = factor / sqrt(model_size) * min(1 / sqrt(t), t / warmup_steps^1.5), and lr(0) = lr(1)

    The learning rate the optimizer was made with has no effect. Call ``step()`` after every batch.

    Args:
        optimizer: whose learning rates to change.
        model_size: width of the model.
        warmup_steps: how long the learning rate grows.
        factor: factor of all learning rates.
        last_epoch: step to resume after; -1 starts anew.

    Raises:
        KeyError: resuming, and a group has no ``"initial_lr"``.
        TypeError: ``optimizer`` is not an Optimizer.
        ValueError: ``model_size`` or ``warmup_steps`` is not positive.

    Example:
        >>> import lucid
        >>> optimizer = lucid.optim.Adam([lucid.ones(1, requires_grad=True)])
        >>> scheduler = lucid.optim.lr_scheduler.NoamScheduler(optimizer, model_size=4, warmup_steps=4)
        >>> for _ in range(4):
        ...     optimizer.step(); scheduler.step()
        >>> scheduler.get_last_lr()
        [0.25]

    Source: Vaswani et al., arXiv:1706.03762, section 5.3.
    """

    def __init__(
        self, optimizer: Optimizer, model_size: int, warmup_steps: int, factor: float = 1.0, last_epoch: int = -1
    ) -> None:
        _check_positive("NoamScheduler", "model_size", model_size)
        _check_positive("NoamScheduler", "warmup_steps", warmup_steps)
        self.model_size, self.warmup_steps, self.factor = model_size, warmup_steps, factor
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        t = max(self.last_epoch, 1)
        lr = self.factor / math.sqrt(self.model_size) * min(1 / math.sqrt(t), t / self.warmup_steps**1.5)
        return [lr] * len(self.base_lrs)


__all__ = [
    "ConstantLR", "CosineAnnealingLR", "ExponentialLR", "LinearLR", "MultiStepLR", "NoamScheduler",
    "PolynomialLR", "StepLR",
]  # fmt: skip
