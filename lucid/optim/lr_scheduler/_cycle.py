"""Schedules that rise and fall: one cycle, many cycles, a cosine with restarts. They set learning rates outright."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from lucid.optim._checks import as_float
from lucid.optim.lr_scheduler._base import (
    LRScheduler,
    check_epoch,
    check_optimizer,
    check_state,
    per_group,
    saved_function,
    write,
)
from lucid.optim.optimizer import Optimizer


def _set_momentum(group: dict[str, Any], value: float) -> None:
    """Write the momentum, which Adam and its kin call the first of ``betas``."""
    if "betas" in group:
        group["betas"] = (value, *group["betas"][1:])
    else:
        group["momentum"] = value


def _prepare_momentum(name: str, optimizer: Optimizer, low: Any, high: Any, fresh: bool) -> None:
    """Note the two ends in every group and, unless resuming, start from the higher one."""
    if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
        raise ValueError(f"{name}: optimizer must support momentum or beta1 with cycle_momentum=True")
    lows, highs = per_group(name, "base_momentum", optimizer, low), per_group(name, "max_momentum", optimizer, high)
    if fresh:
        for group, base, top in zip(optimizer.param_groups, lows, highs, strict=True):
            group["base_momentum"], group["max_momentum"] = base, top
            _set_momentum(group, top)


class OneCycleLR(LRScheduler):
    """Up to a large learning rate and down to nearly nothing, while the momentum does the opposite.

        phase 1: max_lr / div_factor to max_lr, over pct_start of the steps
        phase 2: max_lr to max_lr / div_factor / final_div_factor, over the others
        with three_phase the second phase mirrors the first, and a third goes on to the end

    Args:
        optimizer: whose learning rates (and momenta) to change.
        max_lr: the peak, or one per group.
        total_steps: number of steps in all; or else
        epochs, steps_per_epoch: the factors of that.
        pct_start: share of the rise, in [0, 1].
        anneal_strategy: "cos" or "linear".
        cycle_momentum: whether to change momentum, or the first of betas, too.
        base_momentum, max_momentum: its value at the peak, and at both ends; or one per group.
        div_factor: how much lower the first learning rate is than the peak.
        final_div_factor: how much lower the last is than the first.
        three_phase: as above.
        last_epoch: step to resume after; -1 starts anew.

    Raises:
        KeyError: resuming, and a group has no ``"initial_lr"``.
        TypeError: ``optimizer`` is not an Optimizer.
        ValueError: an argument is out of range, the optimizer has no momentum to cycle, or there are too many steps.

    Example:
        >>> import lucid
        >>> optimizer = lucid.optim.SGD([lucid.ones(1, requires_grad=True)], lr=1.0, momentum=0.9)
        >>> scheduler = lucid.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=5, pct_start=0.4)
        >>> for step in range(2):
        ...     print(round(scheduler.get_last_lr()[0], 6))
        ...     optimizer.step(); scheduler.step()
        0.04
        1.0

    Source: Smith and Topin, arXiv:1708.07120.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.85,
        max_momentum: float | Sequence[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer("OneCycleLR", optimizer)
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ValueError("OneCycleLR: you must define either total_steps OR (epochs AND steps_per_epoch)")
            for what, n in (("epochs", epochs), ("steps_per_epoch", steps_per_epoch)):
                if not isinstance(n, int) or n <= 0:
                    raise ValueError(f"OneCycleLR: expected positive integer {what}, but got {n}")
            total_steps = epochs * steps_per_epoch
        elif not isinstance(total_steps, int) or total_steps <= 0:
            raise ValueError(f"OneCycleLR: expected positive integer total_steps, but got {total_steps}")
        if not 0 <= pct_start <= 1:
            raise ValueError(f"OneCycleLR: expected pct_start between 0 and 1, but got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"OneCycleLR: anneal_strategy must be 'cos' or 'linear', got {anneal_strategy!r}")
        peaks = per_group("OneCycleLR", "max_lr", optimizer, max_lr)
        if cycle_momentum:
            _prepare_momentum("OneCycleLR", optimizer, base_momentum, max_momentum, last_epoch == -1)
        self.total_steps, self.cycle_momentum = total_steps, cycle_momentum
        self._anneal_func_type = anneal_strategy
        rise = pct_start * total_steps
        # (last step, learning rate and momentum to start from, those to end with), as names in the groups
        phases = [(rise - 1, "initial_lr", "max_lr", "max_momentum", "base_momentum")]
        if three_phase:
            phases.append((2 * rise - 2, "max_lr", "initial_lr", "base_momentum", "max_momentum"))
            phases.append((total_steps - 1, "initial_lr", "min_lr", "max_momentum", "max_momentum"))
        else:
            phases.append((total_steps - 1, "max_lr", "min_lr", "base_momentum", "max_momentum"))
        self._phases = phases
        if last_epoch == -1:
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["max_lr"], group["initial_lr"] = peak, peak / div_factor
                group["min_lr"] = group["initial_lr"] / final_div_factor
        super().__init__(optimizer, last_epoch)

    def _between(self, start: float, end: float, share: float) -> float:
        if self._anneal_func_type == "linear":
            return start + (end - start) * share
        return end + (start - end) * (1 + math.cos(math.pi * share)) / 2

    def get_lr(self) -> list[float]:
        step = self.last_epoch
        if step > self.total_steps:
            raise ValueError(
                f"OneCycleLR: tried to step {step} times. The specified number of total steps is {self.total_steps}"
            )
        begin: float = 0
        for phase in self._phases:
            if step <= phase[0] or phase is self._phases[-1]:
                break
            begin = phase[0]
        end, lr_from, lr_to, momentum_from, momentum_to = phase
        share = (step - begin) / (end - begin) if end != begin else 1.0
        values = []
        for group in self.optimizer.param_groups:
            values.append(self._between(group[lr_from], group[lr_to], share))
            if self.cycle_momentum:
                _set_momentum(group, self._between(group[momentum_from], group[momentum_to], share))
        return values


class CyclicLR(LRScheduler):
    """Up and down along straight lines, again and again, while the momentum does the opposite.

        cycle = floor(1 + t / (step_size_up + step_size_down)),    h_t rises from 0 to 1 and falls to 0 in a cycle
        lr_t = base_lr + (max_lr - base_lr) * h_t * scale
        scale = 1 (triangular), 0.5^(cycle - 1) (triangular2), gamma^t (exp_range)

    Args:
        optimizer: whose learning rates (and momenta) to change.
        base_lr, max_lr: the ends of a cycle and its peak; or one per group.
        step_size_up, step_size_down: steps of the rise and of the fall; the same unless given.
        mode: "triangular", "triangular2" or "exp_range".
        gamma: of "exp_range".
        scale_fn: function to scale with instead, of what ``scale_mode`` says.
        scale_mode: "cycle" or "iterations": what ``scale_fn`` gets.
        cycle_momentum: whether to change momentum, or the first of betas, too.
        base_momentum, max_momentum: its value at the peak, and at both ends; or one per group.
        last_epoch: step to resume after; -1 starts anew.

    Raises:
        KeyError: resuming, and a group has no ``"initial_lr"``.
        TypeError: ``optimizer`` is not an Optimizer.
        ValueError: an argument is out of range, or the optimizer has no momentum to cycle.

    Example:
        >>> import lucid
        >>> optimizer = lucid.optim.SGD([lucid.ones(1, requires_grad=True)], lr=1.0, momentum=0.9)
        >>> scheduler = lucid.optim.lr_scheduler.CyclicLR(optimizer, base_lr=0.5, max_lr=1.5, step_size_up=2)
        >>> optimizer.step(); scheduler.step()
        >>> scheduler.get_last_lr()
        [1.0]

    Source: Smith, Cyclical learning rates for training neural networks, arXiv:1506.01186.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | Sequence[float],
        max_lr: float | Sequence[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.8,
        max_momentum: float | Sequence[float] = 0.9,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer("CyclicLR", optimizer)
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise ValueError(f"CyclicLR: mode must be 'triangular', 'triangular2' or 'exp_range', got {mode!r}")
        if scale_mode not in ("cycle", "iterations"):
            raise ValueError(f"CyclicLR: scale_mode must be 'cycle' or 'iterations', got {scale_mode!r}")
        fall = step_size_up if step_size_down is None else step_size_down
        if step_size_up <= 0 or fall < 0:
            raise ValueError(
                f"CyclicLR: expected step_size_up > 0 and step_size_down >= 0, got {step_size_up} and {fall}"
            )
        lows = per_group("CyclicLR", "base_lr", optimizer, base_lr)
        self.max_lrs = per_group("CyclicLR", "max_lr", optimizer, max_lr)
        if cycle_momentum:
            _prepare_momentum("CyclicLR", optimizer, base_momentum, max_momentum, last_epoch == -1)
        self.total_size = float(step_size_up + fall)
        self.step_ratio = step_size_up / self.total_size
        self.mode, self.gamma, self.cycle_momentum = mode, gamma, cycle_momentum
        self._scale_fn_custom = scale_fn
        self.scale_mode = scale_mode if scale_fn is not None else "iterations" if mode == "exp_range" else "cycle"
        if last_epoch == -1:
            for group, low in zip(optimizer.param_groups, lows, strict=True):
                write(group, "lr", as_float(low))
        super().__init__(optimizer, last_epoch)
        self.base_lrs = [as_float(low) for low in lows]

    def scale_fn(self, x: float) -> float:
        """The factor of a cycle's height.

        Args:
            x: number of the cycle, from 1, or of the step, by ``scale_mode``.
        """
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        return 1.0 if self.mode == "triangular" else 0.5 ** (x - 1) if self.mode == "triangular2" else self.gamma**x

    def get_lr(self) -> list[float]:
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        height = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        height *= self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            for group in self.optimizer.param_groups:
                top = group["max_momentum"]
                _set_momentum(group, top - (top - group["base_momentum"]) * height)
        return [low + (high - low) * height for low, high in zip(self.base_lrs, self.max_lrs, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer; of ``scale_fn`` only the attributes of a callable object."""
        custom = self._scale_fn_custom
        return super().state_dict() | {"_scale_fn_custom": None if custom is None else saved_function(custom)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` saved; a plain ``scale_fn`` stays the one given to the constructor.

        Args:
            state_dict: as from `state_dict`.
        """
        check_state(type(self).__name__, state_dict)
        super().load_state_dict({key: value for key, value in state_dict.items() if key != "_scale_fn_custom"})
        custom = state_dict.get("_scale_fn_custom")
        if custom is not None and self._scale_fn_custom is not None:
            self._scale_fn_custom.__dict__.update(custom)


class CosineAnnealingWarmRestarts(LRScheduler):
    """Half a cosine down to a minimum, then from the top again, each time over longer.

        lr_t = eta_min + (lr_0 - eta_min) * (1 + cos(pi * T_cur / T_i)) / 2

    Args:
        optimizer: whose learning rates to change.
        T_0: epochs before the first restart.
        T_mult: how much longer each period is than the one before.
        eta_min: the minimum.
        last_epoch: epoch to resume after; -1 starts anew.

    Raises:
        KeyError: resuming, and a group has no ``"initial_lr"``.
        TypeError: ``optimizer`` is not an Optimizer.
        ValueError: ``T_0`` or ``T_mult`` is not a positive integer; or, when stepping, the epoch is negative.

    Example:
        >>> import lucid
        >>> optimizer = lucid.optim.SGD([lucid.ones(1, requires_grad=True)], lr=1.0)
        >>> scheduler = lucid.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=2)
        >>> for epoch in range(3):
        ...     print(round(scheduler.get_last_lr()[0], 6))
        ...     optimizer.step(); scheduler.step()
        1.0
        0.5
        1.0

    Source: Loshchilov and Hutter, arXiv:1608.03983.
    """

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        for what, n in (("T_0", T_0), ("T_mult", T_mult)):
            if not isinstance(n, int) or n < 1:
                raise ValueError(f"CosineAnnealingWarmRestarts: expected positive integer {what}, but got {n}")
        self.T_0, self.T_i, self.T_mult, self.eta_min = T_0, T_0, T_mult, eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        height = (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2
        return [self.eta_min + (base - self.eta_min) * height for base in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Go to the next epoch, or to a given one.

        Args:
            epoch: fractions included: ``step(epoch + batch / batches)``; the next one unless given.

        Raises:
            ValueError: the epoch is negative.
        """
        if epoch is not None:
            check_epoch("CosineAnnealingWarmRestarts", epoch)
        if epoch is not None and epoch < 0:
            raise ValueError(f"CosineAnnealingWarmRestarts: expected non-negative epoch, but got {epoch}")
        if epoch is None and self.last_epoch >= 0:
            epoch = self.last_epoch + 1
            self.T_cur += 1
        else:
            epoch = epoch or 0
            self.T_cur, self.T_i = epoch if self.T_mult > 1 else epoch % self.T_0, self.T_0
        while self.T_cur >= self.T_i:
            self.T_cur -= self.T_i
            self.T_i *= self.T_mult
        self.last_epoch = math.floor(epoch)
        self._write(self.get_lr())


__all__ = ["CosineAnnealingWarmRestarts", "CyclicLR", "OneCycleLR"]
