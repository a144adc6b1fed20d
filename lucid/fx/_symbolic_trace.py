"""`Tracer` and `symbolic_trace`: from a module or function to its graph."""

from __future__ import annotations

import builtins
import inspect
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType, ModuleType
from typing import Any

from lucid._tensor import Tensor
from lucid.fx.graph import Graph
from lucid.fx.graph_module import GraphModule
from lucid.fx.node import has_side_effect, map_aggregate
from lucid.fx.proxy import Proxy, TracerBase, find_tracer
from lucid.nn import Module, Parameter, Sequential

__all__ = ["Tracer", "symbolic_trace", "wrap"]

_wrapped: dict[tuple[int, str], dict[str, Any]] = {}
_one_trace = threading.RLock()  # a trace changes what calling a module means


def wrap(fn_or_name: Any) -> Any:
    """Record calls of a function, in the module that says so, instead of looking inside; also as a decorator.

    Args:
        fn_or_name: the function, or its name in the module, for example ``"len"``.

    Raises:
        NotImplementedError: called elsewhere than at the top of a module.

    Example:
        >>> from lucid import fx
        >>> fx.wrap("len")
        'len'
        >>> print(fx.symbolic_trace(lambda x: x / len(x)).code)
        def forward(self, x):
            len_1 = len(x)
            truediv = x / len_1;  x = len_1 = None
            return truediv
        <BLANKLINE>
    """
    if not isinstance(fn_or_name, str) and not callable(fn_or_name):
        raise TypeError(f"wrap: expected a function or its name, got {type(fn_or_name).__name__}")
    frame = inspect.currentframe()
    assert frame is not None and frame.f_back is not None
    if frame.f_back.f_code.co_name != "<module>":
        raise NotImplementedError("wrap: expected to be called at the top of a module")
    name = fn_or_name if isinstance(fn_or_name, str) else fn_or_name.__name__
    _wrapped[id(frame.f_back.f_globals), name] = frame.f_back.f_globals
    return fn_or_name


def _recording(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function``, except that calls with proxies are recorded."""

    def call(*args: Any, **kwargs: Any) -> Any:
        found: list[Any] = []
        map_aggregate((args, kwargs), lambda a: found.append(a) if isinstance(a, Proxy) else None)
        if not found:
            return function(*args, **kwargs)
        return find_tracer((args, kwargs)).create_proxy("call_function", function, args, kwargs)

    return call


@has_side_effect
def expect_value(given: Any, value: Any, name: str) -> None:
    """In a graph that was made for one value of an argument: complain of others."""
    if given is not value and (value is None or given != value):
        raise AssertionError(f"{name}: the graph was made for the value {value!r}, got {given!r}")


class Tracer(TracerBase):
    """Records what a module or function does in a graph; subclasses decide what is recorded as a whole.

    Args:
        autowrap_modules: modules whose functions are recorded instead of called when they get proxies.
        autowrap_functions: functions of which the same holds, where modules on the way call them by a global name.
        param_shapes_constant: accepted; shapes of parameters are recorded like other attributes.

    Example:
        >>> import lucid
        >>> from lucid import fx, nn
        >>> class Whole(fx.Tracer):
        ...     def is_leaf_module(self, m, module_qualified_name):
        ...         return isinstance(m, nn.Sequential) or super().is_leaf_module(m, module_qualified_name)
        >>> class Net(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.body = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
        ...     def forward(self, x):
        ...         return self.body(x)
        >>> [n.target for n in Whole().trace(Net()).nodes], [n.target for n in fx.Tracer().trace(Net()).nodes]
        (['x', 'body', 'output'], ['x', 'body.0', 'body.1', 'output'])
    """

    def __init__(
        self,
        autowrap_modules: tuple[ModuleType, ...] = (math,),
        autowrap_functions: tuple[Callable[..., Any], ...] = (),
        param_shapes_constant: bool = False,
    ) -> None:
        super().__init__()
        self._search = tuple(autowrap_modules)
        self._functions = {
            id(value): value
            for module in autowrap_modules
            for name, value in vars(module).items()
            if not name.startswith("_") and callable(value)
        } | {id(function): function for function in autowrap_functions}

    root: Module

    def is_leaf_module(self, m: Module, module_qualified_name: str) -> bool:
        """Whether calls of a module are recorded as a whole: by default those of ``nn``'s, but not of `Sequential`."""
        return m.__module__.startswith("lucid.nn.") and not isinstance(m, Sequential)

    def path_of_module(self, mod: Module) -> str:
        """Where a module is in the root.

        Raises:
            NameError: nowhere.
        """
        found = self._paths.get(id(mod))
        if found is None:
            found = next((name for name, m in self.root.named_modules() if m is mod), None)
        if found is None:
            raise NameError(f"Tracer: {type(mod).__name__}, which was called, is not a submodule of the traced module")
        return found

    def call_module(self, m: Module, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """What calling a module does in a trace: `is_leaf_module` decides."""
        path = self.path_of_module(m)
        if self.is_leaf_module(m, path):
            return self.create_proxy("call_module", path, args, kwargs)
        return forward(*args, **kwargs)

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        """What looking up an attribute of a module gives in a trace: for parameters, a proxy."""
        if isinstance(attr_val, Parameter) or (self.proxy_buffer_attributes and isinstance(attr_val, Tensor)):
            path = self._tensors.get(id(attr_val))
            if path is not None:
                if path not in parameter_proxy_cache:
                    parameter_proxy_cache[path] = self.create_proxy("get_attr", path, (), {})
                return parameter_proxy_cache[path]
        return attr_val

    def _argument(self, a: Any) -> Any:
        if isinstance(a, Tensor):
            path = self._tensors.get(id(a))
            if path is None:
                path = next(name for i in range(10**6) if not hasattr(self.root, name := f"_tensor_constant{i}"))
                setattr(self.root, path, a)
                self._tensors[id(a)] = path
            return self.create_node("get_attr", path, (), {})
        if isinstance(a, Module):
            return self.create_node("get_attr", self.path_of_module(a), (), {})
        return super()._argument(a)

    def create_args_for_root(
        self, fn: Callable[..., Any], concrete_args: dict[str, Any]
    ) -> tuple[list[Any], dict[str, Any]]:
        """Placeholders for the arguments of ``fn``, and the values of those that are given."""
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        for name, parameter in inspect.signature(fn).parameters.items():
            default = () if parameter.default is parameter.empty else (parameter.default,)
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                stars = "*" if parameter.kind == parameter.VAR_POSITIONAL else "**"
                value: Any = self.create_proxy("placeholder", stars + name, (), {}, name)
                if stars == "*":
                    args.append(_Rest(value))
                else:
                    kwargs["**"] = value
                continue
            value = self.create_proxy("placeholder", name, default, {})
            if name in concrete_args:
                self.create_proxy("call_function", expect_value, (value, concrete_args[name], name), {})
                value = concrete_args[name]
            if parameter.kind == parameter.KEYWORD_ONLY:
                kwargs[name] = value
            else:
                args.append(value)
        return args, kwargs

    def trace(self, root: Any, concrete_args: dict[str, Any] | None = None) -> Graph:
        """The graph of ``root``.

        Args:
            root: a module or a function.
            concrete_args: values of some arguments, for which alone the graph is right: conditions may depend on them.

        Raises:
            TraceError: a condition or loop depends on another input.
            NameError: a module is called that is not part of ``root``.
        """
        function = root.forward if isinstance(root, Module) else root
        self.root = root if isinstance(root, Module) else Module()
        self.graph = Graph(tracer_cls=type(self))
        self._paths = {id(m): name for name, m in self.root.named_modules()}
        self._tensors: dict[int, str] = {}
        for path, module in self.root.named_modules():
            own = {**vars(module), **module._buffers, **module._parameters}
            for name, value in own.items():
                if isinstance(value, Tensor):
                    self._tensors.setdefault(id(value), f"{path}.{name}" if path else name)
        args, kwargs = self.create_args_for_root(function, concrete_args or {})
        with _one_trace, self._patches(function):
            result = _call(function, args, kwargs)
        self.create_node("output", "output", (self.create_arg(result),), {})
        return self.graph

    @contextmanager
    def _patches(self, function: Any) -> Iterator[None]:
        """Within the context, this thread's calls of modules and of wrapped functions are recorded."""
        call, look = Module.__call__, Module.__getattr__
        me, cache = threading.get_ident(), dict[str, Any]()
        undo: list[tuple[dict[str, Any], str, Any]] = []

        def replace(names: dict[str, Any], name: str, value: Any) -> None:
            undo.append((names, name, names.get(name, undo)))
            names[name] = _recording(value)

        def search(names: dict[str, Any]) -> None:
            for name, value in list(names.items()):
                if id(value) in self._functions and not name.startswith("_"):
                    replace(names, name, value)

        def module_call(module: Module, /, *args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() != me:
                return call(module, *args, **kwargs)
            search(getattr(getattr(module, "forward", None), "__globals__", {}))
            return self.call_module(module, lambda *a, **k: call(module, *a, **k), args, kwargs)

        def module_getattr(module: Module, name: str) -> Any:
            value = look(module, name)
            return self.getattr(name, value, cache) if threading.get_ident() == me else value

        try:
            for (_, name), names in _wrapped.items():
                original = names.get(name, getattr(builtins, name, None))
                if original is not None:
                    replace(names, name, original)
            for module in self._search:
                search(vars(module))
            search(getattr(function, "__globals__", {}))
            Module.__call__, Module.__getattr__ = module_call, module_getattr  # type: ignore
            yield
        finally:
            Module.__call__, Module.__getattr__ = call, look  # type: ignore[method-assign]
            for names, name, before in reversed(undo):
                if before is undo:
                    del names[name]
                else:
                    names[name] = before


class _Rest:
    """The proxy of ``*args``."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy


def _call(function: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """Call with proxies, also for ``*args`` and ``**kwargs``, which a function can take only as a tuple and a dict."""
    rest = next((a.proxy for a in args if isinstance(a, _Rest)), None)
    keywords = kwargs.pop("**", None)
    if rest is None and keywords is None:
        return function(*args, **kwargs)
    plain = getattr(function, "__func__", function)
    if not isinstance(plain, FunctionType):
        raise TypeError(f"Tracer: cannot trace {function!r}, which takes *args or **kwargs and is not a function")
    code = plain.__code__
    flags = code.co_flags & ~(inspect.CO_VARARGS | inspect.CO_VARKEYWORDS)
    more = (rest is not None) + (keywords is not None)
    code = code.replace(co_argcount=code.co_argcount, co_kwonlyargcount=code.co_kwonlyargcount + more, co_flags=flags)
    names = code.co_varnames[code.co_argcount + code.co_kwonlyargcount - more :]
    given = [value for value in (rest, keywords) if value is not None]
    changed = FunctionType(code, plain.__globals__, plain.__name__, plain.__defaults__, plain.__closure__)
    changed.__kwdefaults__ = plain.__kwdefaults__
    own = [function.__self__] if plain is not function else []
    values = [a for a in args if not isinstance(a, _Rest)]
    return changed(*own, *values, **kwargs, **dict(zip(names, given)))


def symbolic_trace(root: Any, concrete_args: dict[str, Any] | None = None) -> GraphModule:
    """A module that does what ``root`` does, with its graph.

    Modules of ``nn`` are recorded as a whole; all others are looked into. The graph is that of one way through the
    program: what depends on the values or shapes of inputs otherwise than through recorded operations is an error.

    Args:
        root: a module or a function.
        concrete_args: values of some arguments, on which conditions may depend; the graph is right for these alone.

    Raises:
        TraceError: a condition or a loop depends on an input.
        NameError: a module is called that is not part of ``root``.

    Example:
        >>> import lucid
        >>> from lucid import fx, nn
        >>> class Net(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.fc = nn.Linear(3, 2)
        ...     def forward(self, x):
        ...         return lucid.relu(self.fc(x)).sum(dim=-1)
        >>> net = Net()
        >>> traced = fx.symbolic_trace(net)
        >>> print(traced.code)
        def forward(self, x):
            fc = self.fc(x);  x = None
            relu = lucid.relu(fc);  fc = None
            sum_1 = relu.sum(dim = -1);  relu = None
            return sum_1
        <BLANKLINE>
        >>> x = lucid.ones(4, 3)
        >>> bool((traced(x) == net(x)).all())
        True
    """
    tracer = Tracer()
    graph = tracer.trace(root, concrete_args)
    name = type(root).__name__ if isinstance(root, Module) else getattr(root, "__name__", type(root).__name__)
    return GraphModule(tracer.root, graph, name)
