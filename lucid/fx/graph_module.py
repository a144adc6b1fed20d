"""`GraphModule`: a module whose ``forward`` is made from a graph."""

from __future__ import annotations

import copy
import inspect
import itertools
import linecache
import sys
import weakref
from typing import Any

from lucid.fx._code import Code
from lucid.fx.graph import Graph
from lucid.nn import Buffer, Module

__all__ = ["GraphModule"]

_USER_PRESERVED_ATTRIBUTES_KEY = "_user_preserved_attributes"
_numbers = itertools.count()


class _CodeOnlyModule(Module):
    """A module that has the given attributes."""

    def __init__(self, body: dict[str, Any]) -> None:
        super().__init__()
        self.__dict__ = body


def _place(module: Module, path: str) -> tuple[Module, str]:
    """The module below ``module`` that ``path`` leads to, made where it is lacking, and the last name of the path."""
    *parents, name = path.split(".")
    for part in parents:
        if not hasattr(module, part):
            module.add_module(part, Module())
        module = getattr(module, part)
    return module, name


def _copy_attr(from_module: Module, to_module: Module, target: str) -> None:
    """Give ``to_module`` what is at ``target`` in ``from_module``."""
    found: Any = from_module
    for part in target.split("."):
        found = getattr(found, part)
    parent, name = _place(to_module, target)
    source: Any = from_module
    for part in target.split(".")[:-1]:
        source = getattr(source, part)
    if name in getattr(source, "_buffers", ()):
        parent._modules.pop(name, None)
        parent.register_buffer(name, found, persistent=name not in source._non_persistent)
    else:
        setattr(parent, name, found)


class GraphModule(Module):
    """A module whose ``forward`` is the code of a graph, with the parts of another module that the graph refers to.

    Attributes:
        graph: the graph; assigning another one, or calling `recompile` after changing it, makes new code.
        code: the text of ``forward``.

    Args:
        root: the module that the paths in the graph start from, or a dict of path: module or tensor.
        graph: the graph.
        class_name: how the module calls itself when printed.

    Raises:
        RuntimeError: the graph refers to what a dict ``root`` lacks.

    Example:
        >>> import lucid
        >>> from lucid import fx
        >>> module = fx.symbolic_trace(lambda x: lucid.relu(x) * 2)
        >>> for node in module.graph.nodes:
        ...     if node.target is lucid.relu:
        ...         node.target = lucid.tanh
        >>> _ = module.recompile()
        >>> module(lucid.tensor(0.5)).item()
        0.9242343...
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> GraphModule:
        # Each has a class of its own, since forward is looked up there.
        base = next(c for c in cls.__mro__ if "_of_one" not in vars(c))
        return object.__new__(type(base.__name__, (base,), {"_of_one": True, "__module__": base.__module__}))

    def __init__(self, root: Module | dict[str, Any], graph: Graph, class_name: str = "GraphModule") -> None:
        super().__init__()
        type(self).__name__ = class_name
        if isinstance(root, Module) and hasattr(root, "training"):
            self.training = root.training
        targets = [str(node.target) for node in graph.nodes if node.op in ("get_attr", "call_module")]
        if isinstance(root, Module):
            for target in dict.fromkeys(targets) if root is not self else ():
                _copy_attr(root, self, target)
        else:
            for target in sorted(dict.fromkeys(targets), key=lambda path: path.count(".")):
                if target not in root:
                    raise RuntimeError(f"GraphModule: the graph refers to {target!r}, which root lacks")
                parent, name = _place(self, target)
                value = root[target]
                is_state = hasattr(value, "_data") and not isinstance(value, Module) and not hasattr(value, "_is_param")
                if is_state and type(value).__name__ == "Tensor":
                    value = Buffer(value)
                setattr(parent, name, value)
        self.meta: dict[str, Any] = {}
        self.graph = graph
        tracer = graph._tracer_cls
        self._tracer_cls = tracer if tracer is not None and "<locals>" not in tracer.__qualname__ else None

    @property
    def graph(self) -> Graph:
        return self._graph

    @graph.setter
    def graph(self, value: Graph) -> None:
        if not isinstance(value, Graph):
            raise TypeError(f"GraphModule: expected graph to be a Graph, got {type(value).__name__}")
        self._graph = value
        value.owning_module = self
        self.recompile()

    @property
    def code(self) -> str:
        return self._code

    def recompile(self) -> Code:
        """Make ``forward`` anew from the graph, after changes; returns its code."""
        made = self._graph.python_code("self")
        file = f"<graph {next(_numbers)}>"
        names = {"__name__": "__graph__", **made.globals}
        exec(compile(made.src, file, "exec"), names)
        linecache.cache[file] = (len(made.src), None, made.src.splitlines(True), file)  # for tracebacks
        weakref.finalize(names["forward"], linecache.cache.pop, file, None)
        self._code = made.src
        type(self).forward = names["forward"]
        return made

    def add_submodule(self, target: str, m: Module) -> bool:
        """Put a module at the path ``target``."""
        parent, name = _place(self, target)
        parent.add_module(name, m)
        return True

    def delete_submodule(self, target: str) -> bool:
        """Remove the module at ``target``; returns whether there was one."""
        parent, name = _place(self, target)
        return parent._modules.pop(name, None) is not None

    def delete_all_unused_submodules(self) -> None:
        """Remove modules that the graph neither calls nor looks into."""
        used = {str(n.target) for n in self.graph.nodes if n.op in ("call_module", "get_attr")}
        keep = {".".join(path.split(".")[:i]) for path in used for i in range(1, path.count(".") + 2)}
        for name, _ in list(self.named_modules()):
            inside = any(name == path or name.startswith(f"{path}.") for path in used)
            if name and name not in keep and not inside:
                self.delete_submodule(name)

    def print_readable(self, print_output: bool = True, **kwargs: Any) -> str:
        """The code under the name of the class, printed unless asked not to."""
        body = "".join(f"    {line}" for line in self.code.splitlines(True))
        text = f"class {type(self).__name__}(lucid.nn.Module):\n{body}"
        if print_output:
            print(text, file=sys.stdout)
        return text

    def __str__(self) -> str:
        return f"{super().__repr__()}\n\n{self.code}"

    def _deepcopy_init(self) -> Any:
        return GraphModule.__init__

    def __deepcopy__(self, memo: dict[int, Any]) -> GraphModule:
        made = type(self).__new__(type(self))
        memo[id(self)] = made
        type(made).__name__ = type(self).__name__
        made.__dict__.update(copy.deepcopy(self.__dict__, memo))
        made.graph = made._graph
        return made

    def __copy__(self) -> GraphModule:
        made = GraphModule(self, copy.deepcopy(self._graph), type(self).__name__)
        made.meta = dict(self.meta)
        return made

    def __reduce_ex__(self, protocol: Any) -> Any:
        base = next(c for c in type(self).__mro__ if "_of_one" not in vars(c))
        return _restored, (base, type(self).__name__, self.__dict__)


_own = inspect.signature(GraphModule.__init__)
GraphModule.__signature__ = _own.replace(parameters=list(_own.parameters.values())[1:])  # type: ignore[attr-defined]


def _restored(base: type[GraphModule], name: str, state: dict[str, Any]) -> GraphModule:
    made = base.__new__(base)
    type(made).__name__ = name
    made.__dict__.update(state)
    made.graph = made._graph
    return made
