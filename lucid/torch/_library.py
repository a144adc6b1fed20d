"""``torch.library`` and ``torch.ops``: operations that Python code registers, and the absence of compiled ones."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

_RUNS_HERE = ("", "CPU", "cpu", "CompositeExplicitAutograd", "CompositeImplicitAutograd", "Autograd", "AutogradCPU")
"""Dispatch keys whose implementations can be called on CPU tensors."""


class Operation:
    """One name of ``torch.ops``: the function registered for CPU tensors, or an error that says there is none."""

    def __init__(self, qualname: str) -> None:
        self._qualname = qualname
        self.functions: dict[str, Callable[..., Any]] = {}
        self.backward: Callable[..., Any] | None = None
        self.setup: Callable[..., Any] | None = None
        self.__name__ = qualname

    @property
    def default(self) -> Operation:
        return self

    def __getattr__(self, overload: str) -> Operation:
        if overload.startswith("_"):
            raise AttributeError(overload)
        operation = Operation(f"{self._qualname}.{overload}")
        setattr(self, overload, operation)
        return operation

    def overloads(self) -> list[str]:
        return ["default"] if self.functions else []

    def _function(self) -> Callable[..., Any]:
        for key in _RUNS_HERE[::-1]:
            if key in self.functions:
                return self.functions[key]
        raise NotImplementedError(
            f"torch.ops.{self._qualname}: lucid has no such operation, and no Python implementation was registered"
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        function = self._function()
        if self.backward is None:
            return function(*args, **kwargs)
        bound = inspect.signature(function).bind(*args, **kwargs)
        bound.apply_defaults()
        return _differentiable(self, function).apply(*bound.args)

    def __repr__(self) -> str:
        return f"<torch.ops.{self._qualname}>"


@functools.lru_cache(None)
def _differentiable(operation: Operation, forward: Callable[..., Any]) -> Any:
    """The autograd function of an operation that has a registered backward."""
    from lucid import Tensor
    from lucid.autograd import Function

    def without_history(*args: Any) -> Any:
        return forward(*[a.detach() if isinstance(a, Tensor) and a.requires_grad else a for a in args])

    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        if operation.setup is not None:
            operation.setup(ctx, inputs, output)

    return type(operation.__name__, (Function,), {
        "forward": staticmethod(without_history),
        "setup_context": staticmethod(setup_context),
        "backward": staticmethod(lambda ctx, *grads: operation.backward(ctx, *grads)),  # type: ignore[misc]
    })  # fmt: skip


class Namespace:
    """``torch.ops.<name>``: its operations by attribute."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._operations: dict[str, Operation] = {}

    def __getattr__(self, name: str) -> Operation:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._operations.setdefault(name, Operation(f"{self._name}.{name}"))


class Ops:
    """``torch.ops``: namespaces by attribute."""

    def __init__(self) -> None:
        self._namespaces: dict[str, Namespace] = {}
        self.loaded_libraries: set[str] = set()

    def __getattr__(self, name: str) -> Namespace:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._namespaces.setdefault(name, Namespace(name))

    def load_library(self, path: str) -> None:
        """Refuse: such a library is compiled against PyTorch.

        Raises:
            OSError: always; packages that can do without their library catch it.
        """
        raise OSError(f"torch.ops.load_library: {path} is compiled against PyTorch; lucid cannot load it")


ops = Ops()


def _operation(name: Any) -> Operation:
    """The operation meant by itself, or by ``"namespace::name"``, with or without an overload or a schema."""
    if isinstance(name, (Operation, CustomOp)):
        return name if isinstance(name, Operation) else name._operation
    namespace, separator, rest = str(name).partition("::")
    if not separator:
        raise ValueError(f"torch.library: expected 'namespace::name', got {name!r}")
    return getattr(getattr(ops, namespace), rest.partition("(")[0].partition(".")[0].strip())


class Library:
    """``torch.library.Library``: defines and implements operations of one namespace."""

    def __init__(self, ns: str, kind: str, dispatch_key: str = "") -> None:
        self.ns, self.kind, self.dispatch_key = ns, kind, dispatch_key

    def define(self, schema: str, alias_analysis: str = "", **kwargs: Any) -> str:
        name = schema.partition("(")[0].strip()
        _operation(f"{self.ns}::{name}")
        return name

    def impl(self, op_name: Any, fn: Callable[..., Any], dispatch_key: str = "", **kwargs: Any) -> None:
        whole = op_name if isinstance(op_name, Operation) or "::" in op_name else f"{self.ns}::{op_name}"
        _operation(whole).functions[dispatch_key or self.dispatch_key] = fn


def define(qualname: str, schema: str = "", *, lib: Any = None, tags: Any = ()) -> None:
    """``torch.library.define``: note an operation that `impl` will give a function."""
    _operation(qualname)


def impl(qualname: Any, types: Any, func: Callable[..., Any] | None = None, *, lib: Any = None) -> Any:
    """``torch.library.impl``: what the operation does on devices of the given types; usable as a decorator."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        if isinstance(qualname, Library):  # the old order of arguments: impl(library, name)
            qualname.impl(types, function)
            return function
        for key in (types,) if isinstance(types, str) else types:
            _operation(qualname).functions["" if key == "default" else key] = function
        return function

    return register if func is None else register(func)


def register_fake(op: Any, func: Callable[..., Any] | None = None, /, **kwargs: Any) -> Any:
    """``torch.library.register_fake``: shapes without values, which eager running never asks for."""
    return (lambda function: function) if func is None else func


def register_autograd(op: Any, backward: Callable[..., Any], /, *, setup_context: Any = None, lib: Any = None) -> None:
    """``torch.library.register_autograd``: the derivative of an operation."""
    operation = _operation(op)
    operation.backward, operation.setup = backward, setup_context


class CustomOp:
    """What ``torch.library.custom_op`` makes of a function."""

    def __init__(self, name: str, function: Callable[..., Any], types: Any) -> None:
        self._operation = _operation(name)
        self._operation.functions.clear()
        for key in (types,) if types is None or isinstance(types, str) else types:
            self._operation.functions[key or ""] = function
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._operation(*args, **kwargs)

    def register_kernel(self, device_types: Any, fn: Callable[..., Any] | None = None, /) -> Any:
        return impl(self._operation, device_types or "", fn)

    def register_fake(self, fn: Callable[..., Any], /) -> Callable[..., Any]:
        return fn

    def register_vmap(self, func: Callable[..., Any] | None = None) -> Any:
        return (lambda function: function) if func is None else func

    def register_autograd(self, backward: Callable[..., Any], /, *, setup_context: Any = None) -> None:
        register_autograd(self._operation, backward, setup_context=setup_context)


def custom_op(
    name: str,
    fn: Callable[..., Any] | None = None,
    /,
    *,
    mutates_args: Any = (),
    device_types: Any = None,
    schema: Any = None,
    tags: Any = None,
) -> Any:
    """``torch.library.custom_op``: an operation written in Python."""
    if fn is None:
        return lambda function: CustomOp(name, function, device_types)
    return CustomOp(name, fn, device_types)
