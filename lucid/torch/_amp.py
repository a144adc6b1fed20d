"""`torch.cpu.amp` and `torch.cuda.amp`: the older names of `torch.amp`, each for one type of device."""

from __future__ import annotations

import functools
import warnings
from typing import Any

from lucid import _dtype, amp


def contents(device: str) -> dict[str, Any]:
    """The names in ``torch.<device>.amp``; those for "cuda" disable themselves with a warning."""
    fast = _dtype.float16 if device == "cuda" else _dtype.bfloat16

    def deprecate(name: str) -> None:
        warnings.warn(
            f"`torch.{device}.amp.{name}(args...)` is deprecated. "
            f"Please use `torch.amp.{name}('{device}', args...)` instead.",
            FutureWarning,
            stacklevel=3,
        )

    class autocast(amp.autocast):
        """`torch.amp.autocast` of one type of device."""

        def __init__(self, enabled: bool = True, dtype: Any = fast, cache_enabled: bool = True) -> None:
            deprecate("autocast")
            super().__init__(device, dtype, enabled, cache_enabled)

    class GradScaler(amp.GradScaler):
        """`torch.amp.GradScaler` of one type of device."""

        def __init__(
            self,
            init_scale: float = 2.0**16,
            growth_factor: float = 2.0,
            backoff_factor: float = 0.5,
            growth_interval: int = 2000,
            enabled: bool = True,
        ) -> None:
            deprecate("GradScaler")
            super().__init__(device, init_scale, growth_factor, backoff_factor, growth_interval, enabled)

    return {
        "autocast": autocast,
        "GradScaler": GradScaler,
        "custom_fwd": functools.partial(amp.custom_fwd, device_type=device),
        "custom_bwd": functools.partial(amp.custom_bwd, device_type=device),
    }
