"""The activation functions that end in an underscore: they overwrite their input and return it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lucid.nn.functional.activation import celu, elu, hardtanh, leaky_relu, relu, selu, threshold

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["celu_", "elu_", "hardtanh_", "leaky_relu_", "relu_", "selu_", "threshold_"]


def _in_place(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """``function`` with ``inplace=True``, documented by what ``function`` says."""

    @functools.wraps(function)
    def overwrite(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return function(input, *args, inplace=True, **kwargs)

    overwrite.__name__ = overwrite.__qualname__ = function.__name__ + "_"
    signature = inspect.signature(function)
    kept = [p for name, p in signature.parameters.items() if name not in ("inplace", "out")]
    overwrite.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]
    values = ", 0.0, 1.0" if function.__name__ == "threshold" else ""
    said = inspect.cleandoc(function.__doc__ or "")  # Python 3.13 strips the indentation, earlier ones keep it
    arguments = said.partition("\nArgs:\n")[2].partition("    inplace:")[0].partition("    out:")[0]
    errors = said.partition("\nRaises:\n")[2].partition("\nExample:")[0].replace("in place on", "``input`` is")
    overwrite.__doc__ = f"""`{function.__name__}`, which documents the formula, in place: overwrites its input.

Args:
{arguments}
Returns:
    ``input`` itself.

Raises:
{errors}
Example:
    >>> import lucid
    >>> x = lucid.tensor([-1.0, 2.0])
    >>> lucid.nn.functional.{function.__name__}_(x{values}) is x
    True

Source:{said.partition("Source:")[2]}"""
    return overwrite


celu_, elu_, selu_ = _in_place(celu), _in_place(elu), _in_place(selu)
hardtanh_, leaky_relu_, relu_, threshold_ = (
    _in_place(hardtanh), _in_place(leaky_relu), _in_place(relu), _in_place(threshold),
)  # fmt: skip
