"""`Interpreter` and `Transformer`: graphs carried out node by node, with results or with new nodes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lucid._functions._naming import NamedMethods
from lucid.fx.graph import Graph
from lucid.fx.graph_module import GraphModule
from lucid.fx.node import Argument, Node, Target, map_arg
from lucid.fx.proxy import Proxy, TracerBase
from lucid.nn import Module

__all__ = ["Interpreter", "Transformer"]


class Interpreter(NamedMethods):
    """Carries out a graph node by node; subclasses change what single kinds of nodes do.

    Args:
        module: whose graph it is.
        garbage_collect_values: let go of values after their last use.
        graph: a graph instead of the module's.

    Example:
        >>> import lucid
        >>> from lucid import fx
        >>> class Shapes(fx.Interpreter):
        ...     def run_node(self, n):
        ...         value = super().run_node(n)
        ...         print(n.name, value.shape)
        ...         return value
        >>> _ = Shapes(fx.symbolic_trace(lambda x: (x @ x.T).sum(0))).run(lucid.ones(2, 3))
        x lucid.Size([2, 3])
        getattr_1 lucid.Size([3, 2])
        matmul lucid.Size([2, 2])
        sum_1 lucid.Size([2])
        output lucid.Size([2])
    """

    def __init__(self, module: Module, garbage_collect_values: bool = True, graph: Graph | None = None) -> None:
        self.module = module
        self.graph: Graph = graph if graph is not None else module.graph
        self.submodules = dict(module.named_modules())
        self.garbage_collect_values = garbage_collect_values
        self.env: dict[Node, Any] = {}
        self.args_iter: Iterator[Any] = iter(())

    def run(self, *args: Any, initial_env: dict[Node, Any] | None = None, **kwargs: Any) -> Any:
        """The result of the graph for these inputs."""
        self.env = dict(initial_env or {})
        self.args_iter = iter(args)
        last: dict[Node, list[Node]] = {}
        seen: set[Node] = set()
        for node in reversed(self.graph.nodes):
            for value in node.all_input_nodes:
                if value not in seen:
                    seen.add(value)
                    last.setdefault(node, []).append(value)
        for node in self.graph.nodes:
            if node not in self.env:
                self.env[node] = self.run_node(node)
            if self.garbage_collect_values:
                for value in last.get(node, ()):
                    del self.env[value]
            if node.op == "output":
                return self.env[node]
        return None

    def run_node(self, n: Node) -> Any:
        """The value of one node."""
        args, kwargs = self.fetch_args_kwargs_from_env(n)
        return getattr(self, n.op)(n.target, args, kwargs)

    def placeholder(self, target: Target, args: tuple[Argument, ...], kwargs: dict[str, Any]) -> Any:
        """The next input."""
        if str(target).startswith("*"):
            return list(self.args_iter)
        for value in self.args_iter:
            return value
        if args:
            return args[0]
        raise RuntimeError(f"Interpreter.run: expected a value for the input {target!r}")

    def get_attr(self, target: Target, args: tuple[Argument, ...], kwargs: dict[str, Any]) -> Any:
        """An attribute of the module."""
        return self.fetch_attr(str(target))

    def call_function(self, target: Any, args: tuple[Argument, ...], kwargs: dict[str, Any]) -> Any:
        """What a function returns."""
        return target(*args, **kwargs)

    def call_method(self, target: Target, args: tuple[Argument, ...], kwargs: dict[str, Any]) -> Any:
        """What a method of the first argument returns."""
        return getattr(args[0], str(target))(*args[1:], **kwargs)

    def call_module(self, target: Target, args: tuple[Argument, ...], kwargs: dict[str, Any]) -> Any:
        """What a module returns."""
        return self.fetch_attr(str(target))(*args, **kwargs)

    def output(self, target: Target, args: tuple[Argument, ...], kwargs: dict[str, Any]) -> Any:
        """The result."""
        return args[0]

    def fetch_attr(self, target: str) -> Any:
        """What is at a path in the module."""
        found: Any = self.module
        for part in target.split("."):
            found = getattr(found, part)
        return found

    def fetch_args_kwargs_from_env(self, n: Node) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments of a node, with values in the place of nodes."""
        return self.map_nodes_to_values(n.args, n), self.map_nodes_to_values(n.kwargs, n)

    def map_nodes_to_values(self, args: Argument, n: Node) -> Any:
        """``args`` with values in the place of nodes."""
        return map_arg(args, lambda node: self.env[node])


class _Copying(TracerBase):
    """Records in a graph; module calls stay what they are."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph


class Transformer(Interpreter):
    """Carries out a graph on proxies, which makes a new graph: subclasses return something else for some nodes.

    Args:
        module: whose graph is transformed.

    Example:
        >>> import lucid
        >>> from lucid import fx
        >>> class Smooth(fx.Transformer):
        ...     def call_function(self, target, args, kwargs):
        ...         return super().call_function(lucid.tanh if target is lucid.relu else target, args, kwargs)
        >>> print(Smooth(fx.symbolic_trace(lambda x: lucid.relu(x) + 1)).transform().code)
        def forward(self, x):
            tanh = lucid.tanh(x);  x = None
            add = tanh + 1;  tanh = None
            return add
        <BLANKLINE>
    """

    def __init__(self, module: GraphModule) -> None:
        super().__init__(module)
        self.new_graph = Graph(tracer_cls=module.graph._tracer_cls)
        self.tracer: TracerBase = _Copying(self.new_graph)

    def placeholder(self, target: Target, args: tuple[Argument, ...], kwargs: dict[str, Any]) -> Any:
        """An input of the new graph."""
        return Proxy(self.new_graph.placeholder(str(target), default_value=args[0] if args else ...), self.tracer)

    def get_attr(self, target: Target, args: tuple[Argument, ...], kwargs: dict[str, Any]) -> Any:
        """The attribute, in the new graph."""
        return self.tracer.create_proxy("get_attr", target, args, kwargs)

    def call_module(self, target: Target, args: tuple[Argument, ...], kwargs: dict[str, Any]) -> Any:
        """The call of the module, in the new graph."""
        return self.tracer.create_proxy("call_module", target, args, kwargs)

    def call_function(self, target: Any, args: tuple[Argument, ...], kwargs: dict[str, Any]) -> Any:
        """The call of the function, in the new graph."""
        return self.tracer.create_proxy("call_function", target, args, kwargs)

    def transform(self) -> GraphModule:
        """The module of the new graph."""
        result = self.run()
        self.new_graph.output(self.tracer.create_arg(result))
        return GraphModule(self.module, self.new_graph)

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """The proxies for the result."""
        return super().run(*args, **kwargs)
