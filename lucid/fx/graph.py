"""`Graph`: the operations of a program in their order."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import Any

from lucid._functions._naming import NamedMethods
from lucid.fx._code import Code, Names
from lucid.fx.node import Argument, Node, Target, map_arg

__all__ = ["Graph"]


class _Nodes:
    """The nodes of a graph in order; those that are erased meanwhile are left out."""

    def __init__(self, root: Node) -> None:
        self._root = root

    def _walk(self, step: str) -> Iterator[Node]:
        node = getattr(self._root, step)
        while node is not self._root:
            if not node._erased:
                yield node
            node = getattr(node, step)

    def __iter__(self) -> Iterator[Node]:
        return self._walk("next")

    def __reversed__(self) -> Iterator[Node]:
        return self._walk("prev")

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Graph(NamedMethods):
    """A program: `Node` objects in the order in which they are carried out.

    Attributes:
        nodes: the nodes, to iterate over forwards and backwards; erasing and adding on the way is allowed.
        owning_module: the `GraphModule` that runs it.

    Args:
        owning_module: see above.
        tracer_cls: the class of the tracer that recorded it.
        tracer_extras: kept for the tracer.

    Example:
        >>> import lucid
        >>> from lucid import fx
        >>> graph = fx.Graph()
        >>> x = graph.placeholder("x")
        >>> y = graph.call_function(lucid.relu, (x,))
        >>> _ = graph.output(y)
        >>> print(graph)
        graph():
            %x : [num_users=1] = placeholder[target=x]
            %relu : [num_users=1] = call_function[target=lucid.relu](args = (%x,), kwargs = {})
            return relu
        >>> module = fx.GraphModule({}, graph)
        >>> print(module.code)
        def forward(self, x):
            relu = lucid.relu(x);  x = None
            return relu
        <BLANKLINE>
        >>> module(lucid.tensor([-1.0, 2.0])).tolist()
        [0.0, 2.0]
    """

    def __init__(
        self, owning_module: Any = None, tracer_cls: Any = None, tracer_extras: dict[str, Any] | None = None
    ) -> None:
        self._root = Node(self, "", "root", "", (), {})
        self._insert: Callable[[Node], None] = self._root.prepend
        self._names = Names()
        self.owning_module = owning_module
        self._tracer_cls, self._tracer_extras = tracer_cls, tracer_extras

    @property
    def nodes(self) -> Any:
        return _Nodes(self._root)

    def find_nodes(self, *, op: str, target: Any = None, sort: bool = True) -> list[Node]:
        """The nodes with this ``op``, and this ``target`` where one is given."""
        return [n for n in self.nodes if n.op == op and (target is None or n.target == target)]

    def output_node(self) -> Node:
        """The node of the result."""
        return self.find_nodes(op="output")[0]

    # Making nodes

    def create_node(
        self, op: str, target: Target, args: tuple[Any, ...] | None = None, kwargs: dict[str, Any] | None = None,
        name: str | None = None, type_expr: Any = None,
    ) -> Node:  # fmt: skip
        """Add a node at the insertion point, the end if `inserting_before` or `inserting_after` say no other."""
        node = Node(self, "", op, target, args or (), kwargs or {}, type_expr)
        node.name = self._names.create(name or self._target_to_str(target))
        self._insert(node)
        return node

    def _target_to_str(self, target: Target) -> str:
        text = target if isinstance(target, str) else getattr(target, "__name__", type(target).__name__)
        if re.fullmatch(r"__\w+__", text):
            text = text[2:-2]
        return re.sub(r"(?<=[a-z])([A-Z])", r"_\1", text).lower()

    def placeholder(self, name: str, type_expr: Any = None, default_value: Any = Ellipsis) -> Node:
        """Add an input; ``*name`` and ``**name`` take any number."""
        args = () if default_value is Ellipsis else (default_value,)
        return self.create_node("placeholder", name, args, {}, name.lstrip("*"), type_expr)

    def get_attr(self, qualified_name: str, type_expr: Any = None) -> Node:
        """Add a node for a parameter, buffer or other attribute by its path."""
        return self.create_node("get_attr", qualified_name, (), {}, None, type_expr)

    def call_function(
        self, the_function: Callable[..., Any], args: Any = None, kwargs: Any = None, type_expr: Any = None,
        name: str | None = None,
    ) -> Node:  # fmt: skip
        """Add the call of a function."""
        return self.create_node("call_function", the_function, args, kwargs, name, type_expr)

    def call_method(self, method_name: str, args: Any = None, kwargs: Any = None, type_expr: Any = None) -> Node:
        """Add the call of a method of the first argument."""
        return self.create_node("call_method", method_name, args, kwargs, None, type_expr)

    def call_module(self, module_name: str, args: Any = None, kwargs: Any = None, type_expr: Any = None) -> Node:
        """Add the call of a module by its path."""
        return self.create_node("call_module", module_name, args, kwargs, None, type_expr)

    def output(self, result: Argument, type_expr: Any = None) -> Node:
        """Add the result."""
        return self.create_node("output", "output", (result,), {}, None, type_expr)

    def node_copy(self, node: Node, arg_transform: Callable[[Node], Any] = lambda n: n) -> Node:
        """Add a copy of another graph's node, its arguments replaced by what ``arg_transform`` gives for them."""
        args, kwargs = map_arg(node.args, arg_transform), map_arg(node.kwargs, arg_transform)
        made = self.create_node(node.op, node.target, args, kwargs, node.name, node.type)
        made.meta = dict(node.meta)
        return made

    def graph_copy(self, g: Graph, val_map: dict[Node, Any], return_output_node: bool = False) -> Any:
        """Add copies of all nodes of ``g`` but its output, whose value is returned; ``val_map`` notes the copies."""
        for node in g.nodes:
            if node in val_map:
                continue
            if node.op == "output":
                value = map_arg(node.args[0], lambda n: val_map[n])
                return (value, node) if return_output_node else value
            val_map[node] = self.node_copy(node, lambda n: val_map[n])
        return None

    # Changing the graph

    def erase_node(self, to_erase: Node) -> None:
        """Remove a node that no one uses.

        Raises:
            RuntimeError: some do.
        """
        if to_erase.users:
            raise RuntimeError(
                f"Graph.erase_node: {to_erase.name} is still used by {', '.join(n.name for n in to_erase.users)}"
            )
        if to_erase.graph is not self:
            raise RuntimeError(f"Graph.erase_node: {to_erase.name} is of another graph")
        if not to_erase._erased:
            to_erase._unlink()
            to_erase._erased = True
            to_erase.args, to_erase.kwargs = (), {}

    def inserting_before(self, n: Node | None = None) -> contextlib.AbstractContextManager[None]:
        """Within the context, new nodes go before ``n``, or to the start."""
        return self._inserting(self._root.append if n is None else n.prepend)

    def inserting_after(self, n: Node | None = None) -> contextlib.AbstractContextManager[None]:
        """Within the context, a new node goes right after ``n``, or to the end."""
        return self._inserting(self._root.prepend if n is None else n.append)

    @contextlib.contextmanager
    def _inserting(self, insert: Callable[[Node], None]) -> Iterator[None]:
        before, self._insert = self._insert, insert
        try:
            yield
        finally:
            self._insert = before

    def eliminate_dead_code(self, is_impure_node: Callable[[Node], bool] | None = None) -> bool:
        """Remove what no one uses and what writes nowhere; returns whether there was any."""
        impure = is_impure_node or Node.is_impure
        before = len(self.nodes)
        for node in reversed(self.nodes):
            if not node.users and not impure(node):
                self.erase_node(node)
        return len(self.nodes) < before

    def lint(self) -> None:
        """Check the graph.

        Raises:
            RuntimeError: a node uses one of another graph or one that comes later, two have one name, or a module or
                attribute is not there.
        """
        seen: set[Node] = set()
        names: set[str] = set()
        for node in self.nodes:
            for given in node.all_input_nodes:
                if given.graph is not self:
                    raise RuntimeError(f"Graph.lint: {node.name} uses {given.name}, which is of another graph")
                if given not in seen:
                    raise RuntimeError(f"Graph.lint: {node.name} uses {given.name}, which comes later or was erased")
            if node.name in names:
                raise RuntimeError(f"Graph.lint: two nodes have the name {node.name}")
            seen.add(node)
            names.add(node.name)
            if self.owning_module is not None and node.op in ("call_module", "get_attr"):
                found: Any = self.owning_module
                for part in str(node.target).split("."):
                    if not hasattr(found, part):
                        raise RuntimeError(f"Graph.lint: {node.name} refers to {node.target}, which is not there")
                    found = getattr(found, part)

    # As text

    def python_code(self, root_module: str = "self", **kwargs: Any) -> Code:
        """The graph as a function: its text, ``src``, and the ``globals`` it needs."""
        return Code(self, root_module)

    def print_tabular(self) -> None:
        """Print one line per node: what it does, its name, target and arguments."""
        rows = [["opcode", "name", "target", "args", "kwargs"]]
        rows += [[n.op, n.name, n._target_name(), str(n.args), str(n.kwargs)] for n in self.nodes]
        widths = [max(map(len, column)) for column in zip(*rows)]
        rows.insert(1, ["-" * width for width in widths])
        print("\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows))

    def __str__(self) -> str:
        return "\n    ".join(["graph():", *(str(node.format_node()) for node in self.nodes)])

    def __deepcopy__(self, memo: dict[int, Any]) -> Graph:
        made = Graph(tracer_cls=self._tracer_cls, tracer_extras=self._tracer_extras)
        copies: dict[Node, Any] = {}
        for node in self.nodes:
            copies[node] = made.node_copy(node, lambda n: copies[n])
        return made

    def __reduce__(self) -> Any:
        places = {node: i for i, node in enumerate(self.nodes)}
        rows = [
            (n.op, n.target, map_arg((n.args, n.kwargs), lambda m: _Place(places[m])), n.name, n.type)
            for n in self.nodes
        ]
        return _restore, (rows,)


class _Place(int):
    """A node in a saved graph, by its number."""


def _restore(rows: list[Any]) -> Graph:
    from lucid.fx.node import map_aggregate

    graph, made = Graph(), list[Node]()
    for op, target, given, name, kind in rows:
        args, kwargs = map_aggregate(given, lambda a: made[a] if isinstance(a, _Place) else a)
        made.append(graph.create_node(op, target, args, kwargs, name, kind))
    return graph
