"""Initial values of parameters. Every function overwrites the tensor it is given, unrecorded, and returns it."""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lucid.nn.init._fixed import constant_, dirac_, eye_, ones_, zeros_
from lucid.nn.init._random import normal_, orthogonal_, sparse_, trunc_normal_, uniform_
from lucid.nn.init._scaled import (
    calculate_gain,
    fans,
    kaiming_normal_,
    kaiming_uniform_,
    xavier_normal_,
    xavier_uniform_,
)

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = [
    "calculate_gain", "constant_", "dirac_", "eye_", "kaiming_normal_", "kaiming_uniform_", "normal_", "ones_",
    "orthogonal_", "sparse_", "trunc_normal_", "uniform_", "xavier_normal_", "xavier_uniform_", "zeros_",
]  # fmt: skip


def reset_affine(weight: Tensor, bias: Tensor | None) -> None:
    """What linear layers and convolutions start with: everything uniform within 1 / sqrt(fan_in)."""
    kaiming_uniform_(weight, a=math.sqrt(5))
    if bias is not None:
        fan_in, _ = fans("reset_affine", weight)
        bound = 1 / math.sqrt(fan_in) if fan_in else 0.0
        uniform_(bias, -bound, bound)


def _former(name: str) -> Callable[..., Tensor]:
    """The function by its former name, without the underscore; it warns."""
    function = globals()[name + "_"]

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Tensor:
        warnings.warn(f"`nn.init.{name}` is now deprecated in favor of `nn.init.{name}_`.", FutureWarning, stacklevel=2)
        return function(*args, **kwargs)

    call.__name__ = call.__qualname__ = name
    return call


def __getattr__(name: str) -> Any:
    if not name.startswith("_") and name + "_" in __all__:
        return _former(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
