"""Operations defined by users: `Function`, with PyTorch's protocol."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid._functions._common import check_writable, set_history
from lucid.autograd._mode import mode, no_grad
from lucid.autograd._node import Node, TensorBase, bump, get_tracer, next_sequence, wrap

if TYPE_CHECKING:
    from lucid._tensor import Tensor


class FunctionCtx(Node):
    """What ``forward`` and ``backward`` share; the node recorded in the graph."""

    converts = True

    def __init__(self) -> None:
        self._dirty: tuple[Any, ...] = ()
        self._constant: set[int] = set()
        self._materialize = True
        self._kept: list[Any] = []

    needs_input_grad: tuple[bool, ...]
    _function: type[Function]
    _inputs: tuple[Any, ...]
    _out: list[tuple[tuple[int, ...], Any]]

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep tensors for ``backward``, watched for in-place changes."""
        self.saved = tensors

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """The tensors given to `save_for_backward`."""
        return tuple(self.unpack())

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Declare inputs that ``forward`` changed in place and returns."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Declare outputs that have no gradient."""
        self._constant = {id(t) for t in tensors}

    def set_materialize_grads(self, value: bool) -> None:
        """Whether ``backward`` gets zeros (True, the default) or None for outputs without a gradient."""
        self._materialize = value

    @property
    def name(self) -> str:
        return self._function.__name__ + "Backward"

    def backward(self, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        full = [
            wrap(np.zeros(shape, dtype)) if g is None and self._materialize else g
            for g, (shape, dtype) in zip(grads, self._out)
        ]
        result = self._function.backward(self, *full)
        result = result if isinstance(result, tuple) else (result,)
        if len(result) > len(self._inputs) and any(g is not None for g in result[len(self._inputs) :]):
            raise RuntimeError(f"{self.name}: returned {len(result)} gradients for {len(self._inputs)} inputs")
        if len(result) < len(self._inputs):
            raise RuntimeError(f"{self.name}: returned {len(result)} gradients, expected {len(self._inputs)}")
        kept = []
        for position, (shape, g) in enumerate(zip(self._inputs, result)):
            if shape is None:
                continue
            if g is not None and g._data.shape != shape and _repeats(shape, g._data.shape):
                from lucid._functions._common import sum_to

                g = sum_to(g, shape)
            elif g is not None and g._data.shape != shape:
                raise RuntimeError(
                    f"{self.name}: returned an invalid gradient at index {position} - got {g._data.shape} "
                    f"but expected shape compatible with {shape}"
                )
            kept.append(g)
        return tuple(kept)


def _repeats(shape: tuple[int, ...], larger: tuple[int, ...]) -> bool:
    """Whether an array of ``shape`` expands to the shape ``larger``."""
    return len(shape) <= len(larger) and all(n in (1, m) for n, m in zip(shape[::-1], larger[::-1]))


class Function:
    """Base of operations with a hand-written gradient.

    Subclasses define static methods ``forward(ctx, *args)``, which returns tensors, and ``backward(ctx, *grads)``,
    which returns one gradient (or None) per argument of ``forward``. Call with ``MyFunction.apply(*args)``.

    Raises:
        NotImplementedError: ``forward`` or, when gradients are wanted, ``backward`` is not defined.
        RuntimeError: ``backward`` gives another number of gradients, or one of another shape.

    Example:
        >>> import lucid
        >>> class Double(lucid.autograd.Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         return x * 2
        ...
        ...     @staticmethod
        ...     def backward(ctx, dy):
        ...         return dy * 2
        >>> x = lucid.ones(1, requires_grad=True)
        >>> Double.apply(x).backward()
        >>> print(x.grad)
        [2.0]
    """

    @staticmethod
    def forward(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("a Function must define the static method forward")

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise NotImplementedError("a Function must define the static method backward to be differentiated")

    setup_context: Callable[..., None] | None = None

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run ``forward`` without recording and, when an input requires grad, record this operation instead.

        Args:
            args, kwargs: for ``forward``; gradients flow to tensors among ``args``.

        Returns:
            What ``forward`` returned.
        """
        node = FunctionCtx()
        node._function = cls
        node.needs_input_grad = tuple(isinstance(a, TensorBase) and a.requires_grad for a in args)  # type: ignore[attr-defined]
        node._inputs = tuple(a._data.shape if isinstance(a, TensorBase) else None for a in args)
        with no_grad():
            if cls.setup_context is not None:
                out = cls.forward(*args, **kwargs)
                cls.setup_context(node, args, out)
            else:
                out = cls.forward(node, *args, **kwargs)
        single = not isinstance(out, tuple)
        outputs = list(out) if isinstance(out, tuple) else [out]
        node._out = [(t._data.shape, t._data.dtype) for t in outputs if isinstance(t, TensorBase)]
        if not (mode.enabled and any(node.needs_input_grad)):
            return out
        for t in node._dirty:
            check_writable(cls.__name__, t)
            bump(t)
        # An input returned as it is must become a new tensor, or the node would be its own input.
        results = [wrap(t._data) if _is_any(t, args) else t for t in outputs]
        constants = [i for i, t in enumerate(outputs) if id(t) in node._constant]
        node.record(args, tuple(t for t in results if isinstance(t, TensorBase)))
        if mode.trace:
            get_tracer().made(node)
        for i in constants:
            results[i]._requires_grad, results[i]._node = False, None
        for i, t in enumerate(outputs):
            if _is_any(t, node._dirty):
                set_history(t, results[i])
                results[i] = t
        return results[0] if single else tuple(results)


def _is_any(t: Any, candidates: tuple[Any, ...]) -> bool:
    return any(t is c for c in candidates)


class _Refuse(Node):
    """Stands for the history of a gradient that was computed without recording: going back through it raises."""

    __slots__ = ()

    def backward(self, _: Tensor) -> None:
        raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")


def once_differentiable(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator of a ``backward`` that cannot be differentiated itself: doing so raises, instead of giving zeros."""

    def refuse(ctx: FunctionCtx, g: Any) -> Any:
        if not (isinstance(g, TensorBase) and mode.enabled):
            return g
        node, y = _Refuse(), wrap(g._data)
        node.edges, node.sequence, node.outputs, node.versions = ctx.edges, next_sequence(), 1, ()
        y._requires_grad, y._node = True, node
        return y

    def backward(ctx: FunctionCtx, *grads: Any) -> Any:
        with no_grad():
            result = function(ctx, *grads)
        return tuple([refuse(ctx, g) for g in result]) if isinstance(result, tuple) else refuse(ctx, result)

    return backward
