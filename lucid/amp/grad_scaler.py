"""`GradScaler`: keeps small gradients of float16 networks from vanishing."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from lucid import _dtype
from lucid._functions._common import convert
from lucid._functions._naming import NamedMethods
from lucid._tensor import Tensor
from lucid.amp.autocast_mode import check_device_type
from lucid.autograd._node import bump, wrap
from lucid.optim.optimizer import Optimizer

READY, UNSCALED, STEPPED = "ready", "unscaled", "stepped"


class GradScaler(NamedMethods):
    """Multiplies losses by a factor before ``backward``, divides the gradients by it, and adapts it.

        scale <- scale * backoff_factor                          after a step with infinite or NaN gradients, which is
                                                                 left out,
        scale <- scale * growth_factor                           after growth_interval steps without any

    Args:
        device: "cpu". For another device, as for PyTorch's default "cuda" where there is none, the scaler warns and
            disables itself.
        init_scale: the factor at first.
        growth_factor, backoff_factor: see above; above 1 and below 1.
        growth_interval: see above.
        enabled: False makes every method do nothing, and `step` call ``optimizer.step()``.

    Raises:
        AssertionError: a factor is out of range; or a method comes before `scale`.
        RuntimeError: ``device`` is unknown; or `unscale_` or `step` is called twice before `update`.
        ValueError: ``device`` is not a string; or a gradient to unscale is float16.

    Example:
        >>> import lucid
        >>> w = lucid.tensor([1.0], requires_grad=True)
        >>> optimizer, scaler = lucid.optim.SGD([w], lr=0.5), lucid.amp.GradScaler("cpu", init_scale=1024.0)
        >>> scaler.scale((w * w).sum()).backward()
        >>> print(w.grad)
        [2048.0]
        >>> scaler.step(optimizer)
        >>> scaler.update()
        >>> print(w.detach(), scaler.get_scale())
        [0.0] 1024.0

    Source: Micikevicius et al., Mixed precision training, ICLR 2018.
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        self._device = check_device_type("GradScaler", device)
        if enabled and self._device != "cpu":
            warnings.warn(f"GradScaler: enabled, but {self._device} is not available. Disabling.", stacklevel=3)
            enabled = False
        self._enabled = enabled
        if enabled:
            assert growth_factor > 1.0, "The growth factor must be > 1.0."
            assert backoff_factor < 1.0, "The backoff factor must be < 1.0."
        self._value, self._in_use = float(init_scale), False
        self._growth_factor, self._backoff_factor = growth_factor, backoff_factor
        self._growth_interval, self._good_steps = growth_interval, 0
        self._optimizers: dict[int, tuple[Optimizer, str, bool]] = {}  # by id: its stage, and whether all was finite

    def scale(self, outputs: Any) -> Any:
        """Losses times the factor.

        Args:
            outputs: a floating-point tensor, or nested sequences of them.

        Returns:
            The products, nested likewise.

        Raises:
            ValueError: something else is in them.
        """
        if not self._enabled:
            return outputs
        self._in_use = True
        return self._scaled(outputs)

    def _scaled(self, outputs: Any) -> Any:
        if isinstance(outputs, Tensor):
            return outputs * wrap(np.array(self._value, np.float32))
        if isinstance(outputs, (list, tuple)):
            return type(outputs)([self._scaled(o) for o in outputs])
        if hasattr(outputs, "__iter__"):
            return (self._scaled(o) for o in outputs)
        raise ValueError("outputs must be a Tensor or an iterable of Tensors")

    def _check_used(self, what: str) -> None:
        assert self._in_use, (
            f"Attempted {what} but _scale is None.  This may indicate your script did not use scaler.scale(loss or "
            "outputs) earlier in the iteration."
        )

    def _stage(self, optimizer: Optimizer) -> tuple[str, bool]:
        return self._optimizers.get(id(optimizer), (optimizer, READY, True))[1:]

    def unscale_(self, optimizer: Optimizer) -> None:
        """Divide the gradients of the optimizer's parameters by the factor, as before clipping them.

        Args:
            optimizer: whose gradients.

        Raises:
            RuntimeError: done before since the last `update`, or after `step`.
            ValueError: a gradient is float16, whose range is too small for it.
        """
        if not self._enabled:
            return
        self._check_used("unscale_")
        stage, _ = self._stage(optimizer)
        if stage == UNSCALED:
            raise RuntimeError("unscale_() has already been called on this optimizer since the last update().")
        if stage == STEPPED:
            raise RuntimeError("unscale_() is being called after step().")
        grads = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        if any(g.dtype is _dtype.float16 for g in grads):
            raise ValueError("Attempting to unscale FP16 gradients.")
        inverse, finite = 1.0 / self._value, True
        for g in grads:
            finite &= self._divide(g, inverse)
        self._optimizers[id(optimizer)] = (optimizer, UNSCALED, finite)

    @staticmethod
    def _divide(g: Tensor, inverse: float) -> bool:
        """Multiply in place; whether all elements were finite."""
        wide = convert(g._data, _dtype.float32) if g.dtype.is_half else g._data
        finite = bool(np.isfinite(wide).all())
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = wide * wide.dtype.type(inverse)
        np.copyto(g._data, convert(scaled, g.dtype) if g.dtype.is_half else scaled)
        bump(g)
        return finite

    def step(self, optimizer: Optimizer, *args: Any, **kwargs: Any) -> Any:
        """`unscale_` unless that was done, then ``optimizer.step(*args, **kwargs)`` if all gradients were finite.

        Args:
            optimizer: what to step.
            args, kwargs: for ``optimizer.step``; no closure.

        Returns:
            What ``optimizer.step`` returned; None where it was left out.

        Raises:
            RuntimeError: called before since the last `update`, or with a closure.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        self._check_used("step")
        if self._stage(optimizer)[0] == STEPPED:
            raise RuntimeError("step() has already been called since the last update().")
        if self._stage(optimizer)[0] == READY:
            self.unscale_(optimizer)
        finite = self._stage(optimizer)[1]
        result = optimizer.step(*args, **kwargs) if finite else None
        self._optimizers[id(optimizer)] = (optimizer, STEPPED, finite)
        return result

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Adapt the factor to how the steps since the last `update` went.

        Args:
            new_scale: the factor to set instead, a number or a tensor with one element.

        Raises:
            AssertionError: there was no step since.
        """
        if not self._enabled:
            return
        self._check_used("update")
        if new_scale is not None:
            self._value = float(new_scale.item() if isinstance(new_scale, Tensor) else new_scale)
        else:
            assert self._optimizers, "No inf checks were recorded prior to update."
            if not all(finite for _, _, finite in self._optimizers.values()):
                self._value, self._good_steps = self._value * self._backoff_factor, 0
            else:
                self._good_steps += 1
                if self._good_steps == self._growth_interval:
                    grown = np.float32(self._value * self._growth_factor)
                    self._value = float(grown) if np.isfinite(grown) else self._value
                    self._good_steps = 0
        self._optimizers.clear()

    def get_scale(self) -> float:
        """The factor; 1.0 where the scaler is disabled."""
        return self._value if self._enabled else 1.0

    def get_growth_factor(self) -> float:
        """What the factor grows by."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Change what the factor grows by.

        Args:
            new_factor: above 1.
        """
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """What the factor shrinks by."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Change what the factor shrinks by.

        Args:
            new_factor: below 1.
        """
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """Steps without infinities or NaN before the factor grows."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Change the number of steps before the factor grows.

        Args:
            new_interval: number of steps.
        """
        self._growth_interval = new_interval

    def is_enabled(self) -> bool:
        """Whether the scaler does anything."""
        return self._enabled

    def state_dict(self) -> dict[str, Any]:
        """The factor and how it adapts, in PyTorch's layout; empty where the scaler is disabled."""
        if not self._enabled:
            return {}
        return {
            "scale": self._value,
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._good_steps,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` returned.

        Args:
            state_dict: as from `state_dict`, also PyTorch's.

        Raises:
            RuntimeError: it is empty, as that of a disabled scaler.
        """
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled instance of GradScaler."
            )
        value, good_steps = float(state_dict["scale"]), int(state_dict["_growth_tracker"])
        growth, backoff = float(state_dict["growth_factor"]), float(state_dict["backoff_factor"])
        self._growth_interval = int(state_dict["growth_interval"])
        self._value, self._good_steps, self._growth_factor, self._backoff_factor = value, good_steps, growth, backoff
