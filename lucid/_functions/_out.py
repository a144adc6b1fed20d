"""PyTorch's ``out=``: the tensors that receive the results of a public function. The one place where it is carried out.

A function says in its signature that it takes ``out``; its gate takes the argument off, calls the function without it
and comes here with what it returned. So the rules are the same for all, in every dtype and with several results, and
nothing is written unless everything can be. Functions do not read their ``out``: when they run, it is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lucid._functions._common import check_out, write_out
from lucid.autograd._node import TensorBase, mode

# Reductions: the dtype they compute and return is that of ``out``, unless they are given another.
_BY_OUT = "cumprod cumsum mean nanmean nansum prod sum"
BY_OUT = frozenset(_BY_OUT.split())


def receive(
    compute: Callable[..., Any], function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """``compute(function, args, kwargs)`` with the results written to ``out`` of ``kwargs``, which is returned.

    Raises:
        TypeError: ``out`` is no tensor, or not as many as there are results.
        RuntimeError: a tensor of ``out`` cannot receive its result; see `check_out`. Nothing is written then.
    """
    kwargs = dict(kwargs)
    out = kwargs.pop("out")
    if out is None:
        return compute(function, args, kwargs)
    name = function.__name__
    outs = tuple(out) if isinstance(out, (tuple, list)) else (out,)
    for t in outs:
        if not isinstance(t, TensorBase):
            raise TypeError(f"{name}: out must be a Tensor, got {type(t).__name__}")
        if mode.enabled and t._requires_grad:
            raise RuntimeError(f"{name}: functions with out=... arguments don't support automatic differentiation")
    if name in BY_OUT and kwargs.get("dtype") is None:
        kwargs["dtype"] = outs[0].dtype
    y = compute(function, args, kwargs)
    if isinstance(y, TensorBase):
        if len(outs) != 1 or outs[0] is not out:
            raise TypeError(f"{name}: out must be a Tensor, got {type(out).__name__}")
        return write_out(name, y, out)  # type: ignore[arg-type]
    if outs[0] is out or len(outs) != len(y):
        raise TypeError(f"{name}: out must be a tuple of {len(y)} Tensors, got {_kind(out)}")
    for part, t in zip(y, outs):
        check_out(name, part, t)
    for part, t in zip(y, outs):
        write_out(name, part, t)
    return type(y)(*outs) if hasattr(y, "_fields") else outs


def _kind(out: Any) -> str:
    return f"{len(out)}" if isinstance(out, (tuple, list)) else type(out).__name__
