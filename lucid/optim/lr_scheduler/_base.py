"""`LRScheduler`: counts epochs and writes learning rates into the groups of an optimizer."""

from __future__ import annotations

import math
import types
import warnings
from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any

from lucid._functions._naming import Named
from lucid._printing import shown
from lucid._tensor import Tensor
from lucid.autograd._mode import no_grad
from lucid.optim._checks import as_float
from lucid.optim.optimizer import Optimizer


def check_epoch(name: str, epoch: Any) -> None:
    """Refuse what is no finite number."""
    if not isinstance(epoch, Real):
        raise TypeError(f"{name}: epoch must be a number, got {shown(epoch)}")
    if not math.isfinite(epoch):
        raise ValueError(f"{name}: epoch must be finite, got {epoch}")


def check_optimizer(name: str, optimizer: Any) -> None:
    """Refuse what is not an optimizer."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{name}: {type(optimizer).__name__} is not an Optimizer")


def write(group: dict[str, Any], key: str, value: float) -> None:
    """Set a hyperparameter; one that is a Tensor keeps its identity."""
    if isinstance(group[key], Tensor):
        with no_grad():
            group[key].fill_(value)
    else:
        group[key] = value


def rates(optimizer: Optimizer, key: str = "lr") -> list[float]:
    """The value of a hyperparameter in every group."""
    return [as_float(group[key]) for group in optimizer.param_groups]


def per_group(name: str, what: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """``value`` for every group, or the sequence itself when it has one for each."""
    groups = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [value] * groups
    if len(value) != groups:
        raise ValueError(f"{name}: {what} must have one value per parameter group: {groups}, got {len(value)}")
    return list(value)


def saved_function(function: Any) -> dict[str, Any] | None:
    """What to save of a function: nothing, or the attributes of a callable object."""
    return None if isinstance(function, types.FunctionType) else dict(getattr(function, "__dict__", {}))


class LRScheduler(Named):
    """Base class of all schedulers. Subclasses define ``get_lr``.

    The constructor takes the first step itself, to epoch 0; after that call ``step()`` once per epoch, after
    ``optimizer.step()``.

    Args:
        optimizer: whose learning rates to change.
        last_epoch: epoch to resume after; -1 starts anew.

    Attributes:
        last_epoch: number of the current epoch.
        base_lrs: the learning rate each group started with.

    Raises:
        KeyError: resuming, and a group has no ``"initial_lr"``.
        NotImplementedError: there is no ``get_lr``.
        TypeError: ``optimizer`` is not an Optimizer.

    Example:
        >>> import lucid
        >>> class Harmonic(lucid.optim.lr_scheduler.LRScheduler):
        ...     def get_lr(self):
        ...         return [lr / (1 + self.last_epoch) for lr in self.base_lrs]
        >>> optimizer = lucid.optim.SGD([lucid.ones(1, requires_grad=True)], lr=1.0)
        >>> scheduler = Harmonic(optimizer)
        >>> optimizer.step(); scheduler.step()
        >>> scheduler.get_last_lr()
        [0.5]
    """

    _is_initial = False
    _get_lr_called_within_step = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        name = type(self).__name__
        check_optimizer(name, optimizer)
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", as_float(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"{name}: param 'initial_lr' is not specified in param_groups[{i}] when resuming an optimizer"
                )
        self.base_lrs = rates(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def get_lr(self) -> list[float]:
        """The learning rate of every group for ``last_epoch``; called by ``step``."""
        raise NotImplementedError(f"{type(self).__name__}: define get_lr")

    def get_last_lr(self) -> list[float]:
        """The learning rates that the last step set, one per group."""
        return self._last_lr

    def step(self, epoch: int | None = None) -> None:
        """Go to the next epoch and set its learning rates.

        Args:
            epoch: deprecated: go to this one instead.
        """
        if self._step_count == 1 and not self.optimizer._stepped:
            warnings.warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`. Call them in the opposite order, or "
                "the first value of the learning rate schedule is skipped.",
                stacklevel=2,
            )
        self._step_count += 1
        if epoch is not None:
            check_epoch(type(self).__name__, epoch)
            warnings.warn(f"{type(self).__name__}: the epoch parameter of step() is deprecated", stacklevel=2)
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        closed_form = None if epoch is None else getattr(self, "_get_closed_form_lr", None)
        self._get_lr_called_within_step = True
        try:
            values = self.get_lr() if closed_form is None else closed_form()
        finally:
            self._get_lr_called_within_step = False
        self._write(values)

    def _write(self, values: Sequence[float]) -> None:
        for group, lr in zip(self.optimizer.param_groups, values, strict=True):
            write(group, "lr", lr)
        self._last_lr = rates(self.optimizer)

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` saved. The learning rates themselves are in the optimizer's state dict.

        Args:
            state_dict: as from `state_dict`.
        """
        check_state(type(self).__name__, state_dict)
        self.__dict__.update(state_dict)


def check_state(name: str, state_dict: Any) -> None:
    """Refuse what is not the state dict of a scheduler, before anything is changed."""
    if not isinstance(state_dict, Mapping):
        raise TypeError(f"{name}: load_state_dict expected a dict, got {type(state_dict).__name__}")
    for key in ("last_epoch", "_step_count"):
        if not isinstance(state_dict.get(key, 0), Real):
            raise TypeError(f"{name}: {key} must be a number, got {shown(state_dict[key])}")


class Chainable(LRScheduler):
    """A schedule that multiplies whatever the learning rate is, so that several of them work together."""

    def _factor(self, epoch: int) -> float:
        """Learning rate of ``epoch`` relative to the initial one, were this scheduler the only one."""
        raise NotImplementedError

    def _ratio(self, epoch: int) -> float:
        """What the learning rate is multiplied with on reaching ``epoch``."""
        if epoch == 0:
            return self._factor(0)
        if self._is_initial:  # resumed: the optimizer's learning rate is already that of this epoch
            return 1.0
        before, now = self._factor(epoch - 1), self._factor(epoch)
        return 1.0 if before == now else now / before

    def get_lr(self) -> list[float]:
        ratio = self._ratio(self.last_epoch)
        return [lr * ratio for lr in rates(self.optimizer)]

    def _get_closed_form_lr(self) -> list[float]:
        factor = self._factor(self.last_epoch)
        return [lr * factor for lr in self.base_lrs]


class _Lambdas(LRScheduler):
    """A schedule given as functions of the epoch, one per group."""

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        name = type(self).__name__
        check_optimizer(name, optimizer)
        self.lr_lambdas = per_group(name, "lr_lambda", optimizer, lr_lambda)
        for function in self.lr_lambdas:
            if not callable(function):
                raise TypeError(f"{name}: lr_lambda should be a function, but got {type(function).__name__}")
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer; of the functions only the attributes of callable objects."""
        return super().state_dict() | {"lr_lambdas": [saved_function(f) for f in self.lr_lambdas]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` saved; plain functions stay those given to the constructor.

        Args:
            state_dict: as from `state_dict`.
        """
        check_state(type(self).__name__, state_dict)
        super().load_state_dict({key: value for key, value in state_dict.items() if key != "lr_lambdas"})
        for function, saved in zip(self.lr_lambdas, state_dict.get("lr_lambdas") or ()):
            if saved is not None:
                function.__dict__.update(saved)


class LambdaLR(_Lambdas):
    """The initial learning rate times a function of the epoch.

        lr_t = lr_0 * lr_lambda(t)

    Args:
        optimizer: whose learning rates to change.
        lr_lambda: function of the epoch, or one per group.
        last_epoch: epoch to resume after; -1 starts anew.

    Raises:
        KeyError: resuming, and a group has no ``"initial_lr"``.
        TypeError: ``optimizer`` is not an Optimizer, or ``lr_lambda`` not a function.
        ValueError: there are not as many functions as groups.

    Example:
        >>> import lucid
        >>> optimizer = lucid.optim.SGD([lucid.ones(1, requires_grad=True)], lr=1.0)
        >>> scheduler = lucid.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 0.5**epoch)
        >>> optimizer.step(); scheduler.step()
        >>> scheduler.get_last_lr()
        [0.5]
    """

    def get_lr(self) -> list[float]:
        return [lr * function(self.last_epoch) for function, lr in zip(self.lr_lambdas, self.base_lrs, strict=True)]


class MultiplicativeLR(_Lambdas):
    """The previous learning rate times a function of the epoch.

        lr_t = lr_(t-1) * lr_lambda(t)

    Args:
        optimizer: whose learning rates to change.
        lr_lambda: function of the epoch, or one per group; not called for epoch 0.
        last_epoch: epoch to resume after; -1 starts anew.

    Raises:
        KeyError: resuming, and a group has no ``"initial_lr"``.
        TypeError: ``optimizer`` is not an Optimizer, or ``lr_lambda`` not a function.
        ValueError: there are not as many functions as groups.

    Example:
        >>> import lucid
        >>> optimizer = lucid.optim.SGD([lucid.ones(1, requires_grad=True)], lr=1.0)
        >>> scheduler = lucid.optim.lr_scheduler.MultiplicativeLR(optimizer, lambda epoch: 0.5)
        >>> optimizer.step(); scheduler.step()
        >>> scheduler.get_last_lr()
        [0.5]
    """

    def get_lr(self) -> list[float]:
        current = rates(self.optimizer)
        if self._is_initial:
            return current
        return [lr * function(self.last_epoch) for function, lr in zip(self.lr_lambdas, current, strict=True)]


__all__ = ["LRScheduler", "LambdaLR", "MultiplicativeLR"]
