"""The functions that overwrite their first argument: ``lucid.abs_(x)`` is ``x.abs_()``."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from lucid._functions._arguments import check_tensors
from lucid._surface import LATER
from lucid._tensor import Tensor

EXAMPLES = {
    "addmv_": ", lucid.ones(1, 1), lucid.ones(1)", "as_strided_": ", (1,), (1,)", "clamp_": ", 0, 1",
    "clamp_max_": ", 1", "clamp_min_": ", 0", "clip_": ", 0, 1", "fill_": ", 1", "gcd_": ", lucid.tensor([2])",
    "index_put_": ", (lucid.tensor([0]),), lucid.tensor([2.0])", "lcm_": ", lucid.tensor([2])",
    "ldexp_": ", lucid.tensor([2])", "resize_as_": ", lucid.ones(1)", "xlogy_": ", lucid.tensor([2.0])",
}  # fmt: skip
"""What the examples give besides the tensor."""

INTEGERS = ("gcd_", "lcm_")


def _function(name: str) -> Callable[..., Tensor]:
    method = getattr(Tensor, name)

    @functools.wraps(method)
    def overwrite(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        check_tensors(name, input)
        return method(input, *args, **kwargs)

    overwrite.__name__ = overwrite.__qualname__ = name
    found = inspect.signature(method)
    first, *others = found.parameters.values()
    overwrite.__signature__ = found.replace(parameters=[first.replace(name="input"), *others])  # type: ignore[attr-defined]
    names = ", ".join(p.name for p in others)
    rest = f"\n        {names}: as of `Tensor.{name}`." if names else ""
    overwrite.__doc__ = f"""``input.{name}(...)``: overwrites ``input`` and returns it.

    Args:
        input: any shape, of a dtype that can hold the result.{rest}

    Raises:
        RuntimeError: ``input`` is a leaf that requires grad.

    Example:
        >>> import lucid
        >>> x = lucid.tensor([{"1" if name in INTEGERS else "0.5"}])
        >>> lucid.{name}(x{EXAMPLES.get(name, "")}) is x
        True
    """
    return overwrite


__all__ = LATER["lucid._surface.inplace"].split()
globals().update({name: _function(name) for name in __all__})
