"""Averages of the weights of a model over its training: SWA and exponential moving averages."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any

from lucid._tensor import Tensor
from lucid.autograd._mode import no_grad
from lucid.nn.modules.batch_norm import _BatchNorm, _InstanceNorm
from lucid.nn.modules.module import Module
from lucid.nn.utils._checks import check_module
from lucid.optim._checks import as_float, check_scalar
from lucid.optim.lr_scheduler._base import LRScheduler, check_optimizer, per_group, rates
from lucid.optim.optimizer import Optimizer

Average = Callable[[Tensor, Tensor, Any], Tensor]
AverageAll = Callable[[Sequence[Tensor], Sequence[Tensor], Any], None]


def _check_decay(name: str, decay: float) -> None:
    check_scalar(name, "decay", decay)
    if not 0.0 <= decay <= 1.0:
        raise ValueError(f"{name}: decay must be between 0 and 1, got {decay}")


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """The function (average, new, count) -> decay * average + (1 - decay) * new.

    Args:
        decay: share of the old average that stays, in [0, 1].

    Returns:
        A function of two tensors and the number of models averaged so far, which gives a tensor.

    Raises:
        ValueError: ``decay`` is not within [0, 1].

    Example:
        >>> import lucid
        >>> from lucid.optim.swa_utils import get_ema_avg_fn
        >>> print(get_ema_avg_fn(0.75)(lucid.tensor([4.0]), lucid.tensor([8.0]), 1))
        [5.0]
    """
    _check_decay("get_ema_avg_fn", decay)

    def ema_update(average: Tensor, new: Tensor, count: Any) -> Tensor:
        with no_grad():
            return decay * average + (1 - decay) * new

    return ema_update


def get_swa_avg_fn() -> Average:
    """The function (average, new, count) -> average + (new - average) / (count + 1).

    Returns:
        A function of two tensors and the number of models averaged so far, which gives a tensor.

    Example:
        >>> import lucid
        >>> from lucid.optim.swa_utils import get_swa_avg_fn
        >>> print(get_swa_avg_fn()(lucid.tensor([4.0]), lucid.tensor([8.0]), 3))
        [5.0]

    Source: Izmailov et al., arXiv:1803.05407.
    """

    def swa_update(average: Tensor, new: Tensor, count: Any) -> Tensor:
        with no_grad():
            return average + (new - average) / (as_float(count) + 1)

    return swa_update


def _in_place(update: Average, linear: Callable[[Any], float]) -> AverageAll:
    """``update`` for lists of tensors, in place; floats move the share ``linear(count)`` of the way."""

    def update_all(averages: Sequence[Tensor], new: Sequence[Tensor], count: Any) -> None:
        with no_grad():
            for average, x in zip(averages, new, strict=True):
                if average.is_floating_point():
                    average.lerp_(x, linear(count))
                else:
                    average.copy_(update(average, x, count))

    return update_all


def get_ema_multi_avg_fn(decay: float = 0.999) -> AverageAll:
    """`get_ema_avg_fn` for lists of tensors, in place.

    Args:
        decay: share of the old averages that stays, in [0, 1].

    Returns:
        A function of two lists of tensors, the first of which it overwrites, and the number of models averaged so far.

    Raises:
        ValueError: ``decay`` is not within [0, 1].

    Example:
        >>> import lucid
        >>> from lucid.optim.swa_utils import get_ema_multi_avg_fn
        >>> averages = [lucid.tensor([4.0])]
        >>> get_ema_multi_avg_fn(0.75)(averages, [lucid.tensor([8.0])], 1)
        >>> print(averages[0])
        [5.0]
    """
    _check_decay("get_ema_multi_avg_fn", decay)
    return _in_place(get_ema_avg_fn(decay), lambda count: 1 - decay)


def get_swa_multi_avg_fn() -> AverageAll:
    """`get_swa_avg_fn` for lists of tensors, in place.

    Returns:
        A function of two lists of tensors, the first of which it overwrites, and the number of models averaged so far.

    Example:
        >>> import lucid
        >>> from lucid.optim.swa_utils import get_swa_multi_avg_fn
        >>> averages = [lucid.tensor([4.0])]
        >>> get_swa_multi_avg_fn()(averages, [lucid.tensor([8.0])], 3)
        >>> print(averages[0])
        [5.0]

    Source: Izmailov et al., arXiv:1803.05407.
    """
    return _in_place(get_swa_avg_fn(), lambda count: 1 / (as_float(count) + 1))


class AveragedModel(Module):
    """A copy of a model whose parameters are averages of the model's.

    Args:
        model: the model that is trained.
        device: "cpu".
        avg_fn: (average, new, count) -> the next average; the mean of all so far unless given.
        multi_avg_fn: the same for lists of tensors, in place; at most one of the two.
        use_buffers: average the buffers too; otherwise they are copied.

    Attributes:
        module: the copy.
        n_averaged: how many models were averaged, an int64 tensor.

    Shape: as for the model.

    Raises:
        AssertionError: both functions are given.
        TypeError: ``model`` is not a Module.

    Example:
        >>> import lucid
        >>> from lucid.optim.swa_utils import AveragedModel
        >>> model = lucid.nn.Linear(1, 1, bias=False)
        >>> average = AveragedModel(model)
        >>> for value in (1.0, 2.0, 6.0):
        ...     _ = lucid.nn.init.constant_(model.weight, value)
        ...     average.update_parameters(model)
        >>> print(average(lucid.ones(1)).detach())
        [3.0]

    Source: Izmailov et al., arXiv:1803.05407.
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Average | None = None,
        multi_avg_fn: AverageAll | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("AveragedModel: expected at most one of avg_fn and multi_avg_fn")
        check_module("AveragedModel", model)
        from lucid import int64, tensor

        self.module = copy.deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", tensor(0, dtype=int64))
        self.avg_fn, self.multi_avg_fn, self.use_buffers = avg_fn, multi_avg_fn, use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the averaged model computes.

        Args:
            args, kwargs: for the averaged model.
        """
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Include the parameters a model has now; the first time, copy them.

        Args:
            model: of the class and shapes of the one averaged.
        """
        own, theirs = (
            [x.detach() for x in chain(m.parameters(), m.buffers() if self.use_buffers else ())]
            for m in (self.module, model)
        )
        with no_grad():
            if int(self.n_averaged) == 0:
                for average, x in zip(own, theirs):
                    average.copy_(x)
            elif self.avg_fn is not None:
                for average, x in zip(own, theirs):
                    average.copy_(self.avg_fn(average, x, self.n_averaged))
            else:
                for kind in {x.dtype: None for x in own}:  # a function of lists may expect one dtype
                    pairs = [(a, x) for a, x in zip(own, theirs) if a.dtype == kind]
                    update = self.multi_avg_fn or get_swa_multi_avg_fn()
                    update([a for a, _ in pairs], [x for _, x in pairs], self.n_averaged)
            if not self.use_buffers:
                for mine, x in zip(self.module.buffers(), model.buffers(), strict=True):
                    mine.detach().copy_(x.detach())
            self.n_averaged += 1


def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute the running statistics of all batch normalisations anew, as plain averages over one pass.

    Args:
        loader: batches; of a tuple or list, the first element.
        model: in whose `BatchNorm` layers to write; it is put back into its mode afterwards.
        device: "cpu".

    Raises:
        TypeError: ``model`` is not a Module.

    Example:
        >>> import lucid
        >>> from lucid.optim.swa_utils import update_bn
        >>> model = lucid.nn.BatchNorm1d(1)
        >>> update_bn([lucid.tensor([[1.0], [3.0]]), lucid.tensor([[5.0], [7.0]])], model)
        >>> print(model.running_mean)
        [4.0]

    Source: Izmailov et al., arXiv:1803.05407, section 3.2.
    """
    check_module("update_bn", model)
    layers = [m for m in model.modules() if isinstance(m, _BatchNorm) and not isinstance(m, _InstanceNorm)]
    if not layers:
        return
    momenta, training = [m.momentum for m in layers], model.training
    for m in layers:
        m.reset_running_stats()
        m.momentum = None
    model.train()
    try:
        with no_grad():
            for batch in loader:
                x = batch[0] if isinstance(batch, (list, tuple)) else batch
                model(x if device is None else x.to(device))
    finally:
        for m, momentum in zip(layers, momenta):
            m.momentum = momentum
        model.train(training)


class SWALR(LRScheduler):
    """From the current learning rate to a constant one.

        lr(t) = (1 - a) lr(0) + a swa_lr, a = min(1, t / anneal_epochs), for "cos": (1 - cos(pi a)) / 2 in place of a

    Args:
        optimizer: whose learning rates to change.
        swa_lr: the last learning rate, one number or one per group.
        anneal_epochs: how long it takes.
        anneal_strategy: "cos" or "linear".
        last_epoch: epoch to resume after; -1 starts anew.

    Raises:
        KeyError: resuming, and a group has no ``"initial_lr"``.
        TypeError: ``optimizer`` is not an Optimizer.
        ValueError: an unknown strategy, negative epochs, or not one ``swa_lr`` per group.

    Example:
        >>> import lucid
        >>> optimizer = lucid.optim.SGD([lucid.ones(1, requires_grad=True)], lr=1.0)
        >>> scheduler = lucid.optim.swa_utils.SWALR(optimizer, 0.5, anneal_epochs=2, anneal_strategy="linear")
        >>> for _ in range(3):
        ...     print(scheduler.get_last_lr())
        ...     optimizer.step(); scheduler.step()
        [1.0]
        [0.75]
        [0.5]

    Source: Izmailov et al., arXiv:1803.05407.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | Sequence[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        check_optimizer("SWALR", optimizer)
        targets = per_group("SWALR", "swa_lr", optimizer, swa_lr)
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"SWALR: anneal_strategy must be 'cos' or 'linear', got {anneal_strategy!r}")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"SWALR: anneal_epochs must be an int of at least 0, got {anneal_epochs}")
        for group, target in zip(optimizer.param_groups, targets):
            group["swa_lr"] = target
        self._anneal_strategy, self.anneal_epochs = anneal_strategy, anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _share(self, step: int) -> float:
        """How far along the way step ``step`` is."""
        x = max(0.0, min(1.0, step / max(1, self.anneal_epochs)))
        return x if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * x)) / 2

    def get_lr(self) -> list[float]:
        """The learning rates of this epoch, from those of the one before."""
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._share(step - 1), self._share(step)
        found = []
        for lr, target in zip(rates(self.optimizer), rates(self.optimizer, "swa_lr")):
            start = target if before == 1 else (lr - before * target) / (1 - before)
            found.append(target * now + start * (1 - now))
        return found


__all__ = [
    "SWALR", "AveragedModel", "get_ema_avg_fn", "get_ema_multi_avg_fn", "get_swa_avg_fn", "get_swa_multi_avg_fn",
    "update_bn",
]  # fmt: skip
