"""Which module is being called, while a model is looked at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lucid._random import default_generator
from lucid.autograd._mode import no_grad
from lucid.autograd._node import TensorBase
from lucid.nn.modules.module import Module


def tensors_in(x: Any) -> list[Any]:
    """The tensors in nested lists, tuples and dicts."""
    if isinstance(x, TensorBase):
        return [x]
    parts = x.values() if isinstance(x, dict) else x if isinstance(x, (tuple, list)) else ()
    return [t for part in parts for t in tensors_in(part)]


def operation_name(operation: Any) -> str:
    """The name of what an observer is told of."""
    return getattr(operation, "__name__", type(operation).__name__)


class Call:
    """One call of a module.

    Attributes:
        module, path: the module, and its name in the model.
        args, kwargs, output: what it was given and what it returned.
        parent: the call it happened in.
    """

    def __init__(self, module: Module, path: str, args: Any, kwargs: Any, parent: Call | None) -> None:
        self.module, self.path, self.args, self.kwargs, self.parent = module, path, args, kwargs, parent
        self.output: Any = None


class Calls:
    """A context in which the calls of the modules of ``model`` are followed, by hooks that are gone afterwards."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.stack: list[Call] = []
        self.modules = list(model.modules()) if isinstance(model, Module) else []

    @property
    def path(self) -> str:
        """The name of the module that is being called; "" for the model itself."""
        return self.stack[-1].path if self.stack else ""

    def __enter__(self) -> Calls:
        self._handles = []
        self._bare = [m for m in self.modules if m._hooks is None]
        for m in self.modules:
            self._handles.append(m.register_forward_pre_hook(self._enter, prepend=True, with_kwargs=True))
            self._handles.append(m.register_forward_hook(self._leave, with_kwargs=True, always_call=True))
        return self

    def __exit__(self, *exc: object) -> None:
        for handle in self._handles:
            handle.remove()
        for m in self._bare:
            m._hooks = None

    def entered(self, call: Call) -> None:
        """For subclasses: a call begins."""

    def left(self, call: Call) -> None:
        """For subclasses: a call has returned."""

    def _enter(self, module: Module, args: Any, kwargs: Any) -> None:
        parent = self.stack[-1] if self.stack else None
        call = Call(module, self._name(module, parent), args, kwargs, parent)
        self.stack.append(call)
        self.entered(call)

    def _leave(self, module: Module, args: Any, kwargs: Any, output: Any) -> None:
        call = self.stack.pop()
        call.output = output
        self.left(call)

    def _name(self, module: Module, parent: Call | None) -> str:
        if parent is not None:
            for name, child in parent.module._modules.items():
                if child is module:
                    return f"{parent.path}.{name}" if parent.path else name
        return next((name for name, m in self.model.named_modules() if m is module), "")


@contextmanager
def inference(model: Any) -> Iterator[None]:
    """Evaluation mode without recording; modes, hooks and the stream of random numbers are put back."""
    modules = list(model.modules()) if isinstance(model, Module) else []
    training = [m.training for m in modules]
    state = default_generator.get_state()
    for m in modules:
        m.training = False
    try:
        with no_grad():
            yield
    finally:
        for m, was in zip(modules, training):
            m.training = was
        default_generator.set_state(state)
