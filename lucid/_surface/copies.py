"""Views as copies: ``lucid.select_copy(x, ...)`` is ``x.select(...)`` with memory of its own."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from lucid._functions._arguments import check_tensors
from lucid._functions.shape import clone
from lucid._tensor import Tensor

METHODS = (
    "as_strided detach diagonal expand narrow permute select split split_with_sizes squeeze t transpose unbind unfold "
    "unsqueeze view"
)

EXAMPLES = {
    "as_strided": ", (2,), (1,)", "diagonal": "", "expand": ", (2, 3)", "narrow": ", 0, 0, 1", "permute": ", (1, 0)",
    "select": ", 0, 0", "split": ", 1", "split_with_sizes": ", [1, 1]", "transpose": ", 0, 1", "unfold": ", 0, 2, 1",
    "unsqueeze": ", 0", "view": ", (6,)",
}  # fmt: skip
"""What the examples give besides the tensor."""


def _function(name: str) -> Callable[..., Any]:
    method = getattr(Tensor, name)

    @functools.wraps(method)
    def copy(input: Tensor, *args: Any, out: Any = None, **kwargs: Any) -> Any:
        check_tensors(name + "_copy", input)
        y = method(input, *args, **kwargs)
        return tuple([clone(part) for part in y]) if isinstance(y, (tuple, list)) else clone(y)

    copy.__name__ = copy.__qualname__ = name + "_copy"
    copy.__module__ = __name__
    found = inspect.signature(method)
    first, *others = found.parameters.values()
    others = [p for p in others if p.kind is not p.VAR_KEYWORD]
    out = inspect.Parameter("out", inspect.Parameter.KEYWORD_ONLY, default=None)
    copy.__signature__ = found.replace(parameters=[first.replace(name="input"), *others, out])  # type: ignore[attr-defined]
    names = ", ".join(p.name for p in others)
    rest = f"\n        {names}: as of `Tensor.{name}`." if names else ""
    copy.__doc__ = f"""``input.{name}(...)`` with memory of its own.

    Args:
        input: any shape and dtype.{rest}
        out: tensor that receives the result; as many as there are results.

    Example:
        >>> import lucid
        >>> x = lucid.zeros(2, 3)
        >>> y = lucid.{name}_copy(x{EXAMPLES.get(name, "")})
        >>> (y[0] if isinstance(y, tuple) else y).fill_(1).sum() > 0, x.sum()
        (Tensor(True, grad=None), Tensor(0.0, grad=None))
    """
    return copy


__all__ = [f"{name}_copy" for name in METHODS.split()] + ["alias_copy", "slice_copy"]
globals().update({f"{name}_copy": _function(name) for name in METHODS.split()})


def alias_copy(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """A copy of ``input``.

    Args:
        input: any shape and dtype.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> x = lucid.ones(2)
        >>> lucid.alias_copy(x).data_ptr() == x.data_ptr()
        False
    """
    check_tensors("alias_copy", input)
    return clone(input)


def slice_copy(
    input: Tensor,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """``input[..., start:end:step, ...]`` along ``dim``, with memory of its own.

    Args:
        input: at least one dimension.
        dim: the dimension.
        start, end: as of a Python slice.
        step: distance of the elements, positive.
        out: tensor that receives the result.

    Example:
        >>> import lucid
        >>> print(lucid.slice_copy(lucid.arange(6), 0, 1, 5, 2))
        [1, 3]
    """
    check_tensors("slice_copy", input)
    index = [slice(None)] * input.ndim
    index[dim] = slice(start, end, step)
    return clone(input[tuple(index)])
