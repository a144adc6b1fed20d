"""`Proxy`: stands for a value that is not there yet; what is done with it is recorded."""

from __future__ import annotations

import dis
import operator
import sys
from typing import Any

from lucid import _dtype
from lucid._device import device
from lucid._functions._gate import StandIn, expect_stand_ins
from lucid._tensor import Tensor
from lucid.fx.graph import Graph
from lucid.fx.node import Argument, Node, Target, map_aggregate

__all__ = ["Attribute", "GraphAppendingTracer", "Proxy", "TraceError", "TracerBase"]

_PLAIN = (str, int, float, bool, complex, bytes, type(None), type(Ellipsis), _dtype.dtype, device, Tensor)


class TraceError(ValueError):
    """The program asks for a value that is known only when it runs."""


class TracerBase:
    """What records the operations on proxies in a graph.

    Attributes:
        graph: the graph.
        proxy_buffer_attributes: whether buffers looked up in a trace are proxies.
    """

    graph: Graph
    proxy_buffer_attributes = False

    def create_node(
        self, kind: str, target: Target, args: Any, kwargs: Any, name: str | None = None, type_expr: Any = None
    ) -> Node:
        """Add a node to the graph."""
        return self.graph.create_node(kind, target, args, kwargs, name, type_expr)

    def proxy(self, node: Node) -> Proxy:
        """The proxy for the value of ``node``."""
        return Proxy(node, self)

    def create_proxy(
        self, kind: str, target: Target, args: Any, kwargs: Any, name: str | None = None, type_expr: Any = None,
        proxy_factory_fn: Any = None,
    ) -> Proxy:  # fmt: skip
        """Record an operation and return the proxy for its value."""
        node = self.create_node(kind, target, self.create_arg(args), self.create_arg(kwargs), name, type_expr)
        return (proxy_factory_fn or self.proxy)(node)

    def create_arg(self, a: Any) -> Argument:
        """``a`` as an argument of a node: proxies become their nodes.

        Raises:
            NotImplementedError: of what a graph cannot hold.
        """
        return map_aggregate(a, self._argument)

    def _argument(self, a: Any) -> Any:
        if isinstance(a, Proxy):
            return a.node
        if isinstance(a, (range, *_PLAIN)) or callable(a) or isinstance(a, Node):
            return a
        raise NotImplementedError(f"{type(self).__name__}.create_arg: a graph cannot hold a {type(a).__name__}, {a!r}")

    def to_bool(self, obj: Proxy) -> bool:
        """What ``if proxy`` means: an error, unless a subclass knows."""
        raise TraceError(f"if, while, and, or, not, in: the value of {obj.node.name} is not known while tracing")

    def iter(self, obj: Proxy) -> Any:
        """What iterating over a proxy means: an error, except for ``a, b = proxy``."""
        unpacked = _unpacked()
        if unpacked is not None:
            return (obj[i] for i in range(unpacked))  # type: ignore[index]
        raise TraceError(
            f"for, *args, list(): how many items {obj.node.name} has is not known while tracing (a, b = x works)"
        )

    def keys(self, obj: Proxy) -> Any:
        """What ``proxy.keys()`` and ``**proxy`` get."""
        return Attribute(obj, "keys")()


def _unpacked() -> int | None:
    """Into how many names the code that iterates over a proxy unpacks it; None if it does something else."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("lucid.fx."):
        frame = frame.f_back
    for instruction in dis.get_instructions(frame.f_code):
        if instruction.offset == frame.f_lasti:
            return instruction.arg if instruction.opname == "UNPACK_SEQUENCE" else None
    return None


class GraphAppendingTracer(TracerBase):
    """Adds what is done with proxies to a graph made by hand.

    Args:
        graph: the graph.
    """

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.graph = graph


class Proxy(StandIn):
    """Stands for the value of a node: operators, attributes, methods, and lucid's functions add nodes to the graph.

    Args:
        node: the node.
        tracer: what records; by default it adds to the node's graph.

    Raises:
        TraceError: a condition or a loop depends on the value.
        RuntimeError: ``len`` is asked for.

    Example:
        >>> import lucid
        >>> from lucid import fx
        >>> graph = fx.Graph()
        >>> x = fx.Proxy(graph.placeholder("x"))
        >>> y = lucid.cat([x, 2 * x]).sum(0)
        >>> y
        Proxy(sum_1)
        >>> _ = graph.output(y.node)
        >>> fx.GraphModule({}, graph)(lucid.ones(3)).item()
        9.0
    """

    node: Node
    tracer: TracerBase

    def __init__(self, node: Node, tracer: TracerBase | None = None) -> None:
        self.tracer = GraphAppendingTracer(node.graph) if tracer is None else tracer
        self.node = node

    @classmethod
    def __torch_function__(cls, orig_method: Any, types: Any, args: Any = (), kwargs: Any = None) -> Proxy:
        if orig_method.__name__ == "einsum" and len(args) == 2 and isinstance(args[1], (list, tuple)):
            args = (args[0], *args[1])  # one form for those who look for operands
        return find_tracer((args, kwargs or {})).create_proxy("call_function", orig_method, args, kwargs or {})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):  # protocols of Python, copying among them
            raise AttributeError(f"'Proxy' object has no attribute {name!r}")
        return Attribute(self, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Proxy:
        return self.tracer.create_proxy("call_method", "__call__", (self, *args), kwargs)

    def __iter__(self) -> Any:
        return self.tracer.iter(self)

    def __abs__(self) -> Proxy:
        return self.tracer.create_proxy("call_function", operator.abs, (self,), {})

    def __bool__(self) -> bool:
        return self.tracer.to_bool(self)

    def __len__(self) -> int:
        raise RuntimeError(
            f"len: the length of {self.node.name} is not known while tracing; fx.wrap('len') at the top of the module "
            "records the call"
        )

    def keys(self) -> Any:
        """``self.keys()``, recorded."""
        return self.tracer.keys(self)

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return f"Proxy({self.node.name})"


class Attribute(Proxy):
    """``proxy.name``, which becomes a node only if it is used otherwise than by calling it.

    Args:
        root: the proxy.
        attr: the name.
    """

    def __init__(self, root: Proxy, attr: str) -> None:
        self.root, self.attr, self.tracer = root, attr, root.tracer
        self._node: Node | None = None

    @property
    def node(self) -> Node:  # type: ignore[override]
        if self._node is None:
            self._node = self.tracer.create_proxy("call_function", getattr, (self.root, self.attr), {}).node
        return self._node

    def __call__(self, *args: Any, **kwargs: Any) -> Proxy:
        return self.tracer.create_proxy("call_method", self.attr, (self.root, *args), kwargs)


def find_tracer(arguments: Any) -> TracerBase:
    """The tracer of the proxies among arguments.

    Raises:
        ValueError: they have different ones.
    """
    found: dict[int, TracerBase] = {}

    def look(a: Any) -> Any:
        if isinstance(a, Proxy):
            known = next(iter(found.values()), None)
            both = isinstance(known, GraphAppendingTracer) and isinstance(a.tracer, GraphAppendingTracer)
            if not (both and known.graph is a.tracer.graph):  # type: ignore[union-attr]
                found[id(a.tracer)] = a.tracer
        return a

    map_aggregate(arguments, look)
    if len(found) != 1:
        raise ValueError("Proxy: one operation was given proxies of different graphs")
    return next(iter(found.values()))


def _operators() -> None:
    def plain(function: Any) -> Any:
        return lambda self, *args: self.tracer.create_proxy("call_function", function, (self, *args), {})

    def reflected(function: Any) -> Any:
        return lambda self, other: self.tracer.create_proxy("call_function", function, (other, self), {})

    binary = (
        "add",
        "sub",
        "mul",
        "floordiv",
        "truediv",
        "mod",
        "pow",
        "lshift",
        "rshift",
        "and_",
        "or_",
        "xor",
        "matmul",
    )
    for name in binary:
        stem = name.rstrip("_")
        setattr(Proxy, f"__{stem}__", plain(getattr(operator, name)))
        setattr(Proxy, f"__r{stem}__", reflected(getattr(operator, name)))
    for name in ("eq", "ne", "lt", "gt", "le", "ge", "pos", "neg", "invert", "getitem"):
        setattr(Proxy, f"__{name}__", plain(getattr(operator, name)))


_operators()
expect_stand_ins()
