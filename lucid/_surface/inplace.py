"""The functions that overwrite their first argument: ``lucid.abs_(x)`` is ``x.abs_()``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from lucid._functions._arguments import check_tensors
from lucid._surface import LATER
from lucid._tensor import Tensor


def _function(name: str) -> Callable[..., Tensor]:
    method = getattr(Tensor, name)

    @functools.wraps(method)
    def overwrite(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        check_tensors(name, input)
        return method(input, *args, **kwargs)

    overwrite.__name__ = overwrite.__qualname__ = name
    overwrite.__doc__ = f"``input.{name}(...)``: overwrites ``input`` and returns it."
    return overwrite


__all__ = LATER["lucid._surface.inplace"].split()
globals().update({name: _function(name) for name in __all__})
