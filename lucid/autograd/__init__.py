"""Reverse-mode automatic differentiation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid._functions._naming import listed
from lucid.autograd import _engine
from lucid.autograd._mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from lucid.autograd._node import TensorBase, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = [
    "Function",
    "NaNError",
    "Variable",
    "backward",
    "detect_anomaly",
    "detect_nan",
    "enable_grad",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
]


def _start(name: str, tensors: Sequence[Tensor], gradients: Sequence[Tensor | None]) -> list[Tensor]:
    """The gradients to start from, ones where none is given."""
    if len(tensors) != len(gradients):
        raise RuntimeError(f"{name}: got {len(tensors)} tensors and {len(gradients)} gradients")
    start = []
    for t, g in zip(tensors, gradients):
        if not t.requires_grad:
            raise RuntimeError(
                f"{name}: a tensor of shape {t._data.shape} does not require grad and does not have a grad_fn"
            )
        if g is None:
            if t._data.dtype.kind == "c":
                raise RuntimeError(f"grad can be implicitly created only for real outputs, got {t.dtype}")
            g = wrap(np.ones(t._data.shape, t._data.dtype) if t._data.shape else np.array(1, t._data.dtype))
        elif g._data.shape != t._data.shape:
            raise RuntimeError(f"{name}: gradient has shape {g._data.shape}, expected {t._data.shape}, the tensor's")
        start.append(g if g._data.dtype == t._data.dtype else g.to(t.dtype))
    return start


def _sequence(x: Any) -> Sequence[Any]:
    return [x] if isinstance(x, TensorBase) else list(x)


@listed
def backward(
    tensors: Tensor | Sequence[Tensor],
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    *,
    inputs: Tensor | Sequence[Tensor] | None = None,
) -> None:
    """Add the gradients of ``tensors`` to ``grad`` of the leaves they were computed from.

    Args:
        tensors: where to start: tensors that require grad, any shapes.
        grad_tensors: dL/d(tensor) for each, of its shape, or None for ones.
        retain_graph: keep saved tensors; ``create_graph`` unless given.
        create_graph: record the backward pass.
        inputs: only accumulate into these.

    Raises:
        RuntimeError: nothing to differentiate, wrong gradient shapes, a freed graph, or a saved tensor that was
            modified in place.

    Example:
        >>> import lucid
        >>> x = lucid.tensor([1.0, 2.0], requires_grad=True)
        >>> lucid.autograd.backward([x.sum(), (x * x).sum()])
        >>> print(x.grad)
        [3.0, 5.0]
    """
    roots = _sequence(tensors)
    grads = [None] * len(roots) if grad_tensors is None else _sequence(grad_tensors)
    start = _start("backward", roots, grads)
    keep = create_graph if retain_graph is None else retain_graph
    targets = None if inputs is None else _sequence(inputs)
    _engine.run(roots, start, keep, create_graph, None, targets)


@listed
def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor, ...]:
    """The gradients of ``outputs`` with respect to ``inputs``, without touching any ``grad``.

    Args:
        outputs: tensors to differentiate, any shapes.
        inputs: tensors to differentiate with respect to; leaves or not.
        grad_outputs: dL/d(output) for each, of its shape, or None for ones.
        retain_graph: keep saved tensors; ``create_graph`` unless given.
        create_graph: record the computation, so that the result can be differentiated.
        only_inputs: accepted: nothing else is computed.
        allow_unused: give None for inputs the outputs do not depend on, instead of raising.
        is_grads_batched: not supported.
        materialize_grads: give zeros instead of None.

    Returns:
        One gradient per input, of its shape and dtype.

    Raises:
        RuntimeError: an input does not require grad, or was not used and ``allow_unused`` is false; a gradient has
            another shape, or the graph was freed.

    Example:
        >>> import lucid
        >>> x = lucid.tensor(3.0, requires_grad=True)
        >>> (dx,) = lucid.autograd.grad(x**2, x, create_graph=True)
        >>> (d2x,) = lucid.autograd.grad(dx, x)
        >>> dx.item(), d2x.item()
        (6.0, 2.0)
    """
    if is_grads_batched:
        raise RuntimeError("grad: is_grads_batched=True is not supported; call grad once per row")
    roots, targets = _sequence(outputs), _sequence(inputs)
    for position, t in enumerate(targets):
        if not t.requires_grad:
            raise RuntimeError(f"grad: input {position} of shape {t._data.shape} does not require grad")
    grads = [None] * len(roots) if grad_outputs is None else _sequence(grad_outputs)
    start = _start("grad", roots, grads)
    found: dict[int, Tensor] = {}

    def deliver(t: Tensor, g: Tensor) -> None:
        found[id(t)] = found[id(t)] + g if id(t) in found else g

    keep = create_graph if retain_graph is None else retain_graph
    _engine.run(roots, start, keep, create_graph, deliver, targets)
    if materialize_grads:
        for t in targets:
            found.setdefault(id(t), wrap(np.zeros_like(t._data)))
    elif not allow_unused:
        for position, t in enumerate(targets):
            if id(t) not in found:
                raise RuntimeError(
                    f"grad: input {position} of shape {t._data.shape} appears to not have been used in the graph. "
                    "Set allow_unused=True if this is the desired behavior."
                )
    return tuple([found.get(id(t)) for t in targets])  # type: ignore[misc]


def __getattr__(name: str) -> Any:
    # These import Tensor, which needs this package first.
    if name == "Function":
        from lucid.autograd.function import Function

        return Function
    if name in ("gradcheck", "gradgradcheck"):
        from lucid.autograd import _gradcheck

        return getattr(_gradcheck, name)
    if name in ("detect_anomaly", "set_detect_anomaly"):
        from lucid.autograd import anomaly

        return getattr(anomaly, name)
    if name == "Variable":
        from lucid.autograd.variable import Variable

        return Variable
    if name == "profiler":
        from lucid.autograd import profiler

        return profiler
    if name in ("NaNError", "detect_nan"):
        from lucid.autograd import nan

        return getattr(nan, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
