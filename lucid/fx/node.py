"""`Node`: one operation of a graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lucid._functions._gate import Gate
from lucid._functions._naming import NamedMethods

if TYPE_CHECKING:
    from lucid.fx.graph import Graph

__all__ = ["Argument", "Node", "Target", "has_side_effect", "map_aggregate", "map_arg"]

Target = Callable[..., Any] | str
Argument = Any
OPS = ("placeholder", "get_attr", "call_function", "call_method", "call_module", "output", "root")
_impure: set[Any] = set()


def has_side_effect(fn: Any) -> Any:
    """Let calls of ``fn`` stay in graphs although nothing uses their results; returns ``fn``.

    Args:
        fn: a function that is a node's target.

    Example:
        >>> from lucid import fx
        >>> @fx.has_side_effect
        ... def report(x):
        ...     print(x)
        >>> graph = fx.Graph()
        >>> node = graph.call_function(report, (graph.placeholder("x"),))
        >>> graph.eliminate_dead_code()
        False
    """
    _impure.add(fn)
    return fn


def map_aggregate(a: Any, fn: Callable[[Any], Any]) -> Any:
    """``a`` with everything inside its tuples, lists, dicts and slices replaced by what ``fn`` gives for it."""
    if isinstance(a, tuple):
        parts = [map_aggregate(x, fn) for x in a]
        return type(a)(*parts) if hasattr(a, "_fields") else tuple(parts)
    if isinstance(a, list):
        return [map_aggregate(x, fn) for x in a]
    if isinstance(a, dict):
        return {key: map_aggregate(x, fn) for key, x in a.items()}
    if isinstance(a, slice):
        return slice(map_aggregate(a.start, fn), map_aggregate(a.stop, fn), map_aggregate(a.step, fn))
    return fn(a)


def map_arg(a: Any, fn: Callable[[Node], Any]) -> Any:
    """``a`` with every `Node` in it, inside tuples, lists, dicts and slices too, replaced by what ``fn`` gives for it.

    Args:
        a: an argument of a node.
        fn: gets a node.

    Example:
        >>> from lucid import fx
        >>> node = fx.Graph().placeholder("x")
        >>> fx.map_arg([node, (1, node)], lambda n: n.name)
        ['x', (1, 'x')]
    """
    return map_aggregate(a, lambda x: fn(x) if isinstance(x, Node) else x)


class Node(NamedMethods):
    """One operation of a `Graph`, which makes it.

    Attributes:
        op: ``placeholder`` (an input), ``get_attr`` (a parameter or buffer), ``call_function``, ``call_method``,
            ``call_module`` or ``output``.
        target: what is called: a function; the name of a method of the first argument; the path of a module or of an
            attribute; the name of the input.
        args, kwargs: the arguments, in which nodes stand for the values they produce. Assigning them keeps `users`
            true.
        name: of its value in the graph's code; no other node of the graph has it.
        users: the nodes that use its value, as the keys of a dict.
        meta: a dict for whoever transforms the graph.
        graph: the graph.
        next, prev: the neighbours in the order of the graph.
        type: the type of its value, where one was given.

    Args:
        graph: the graph.
        name: see above.
        op: see above.
        target: see above.
        args: see above.
        kwargs: see above.
        return_type: see ``type``.

    Raises:
        ValueError: ``op`` is none of these, or ``target`` is not callable although it is to be called.

    Example:
        >>> import lucid
        >>> from lucid import fx
        >>> graph = fx.symbolic_trace(lambda x: lucid.relu(x) + 1).graph
        >>> for node in graph.nodes:
        ...     print(node.op, node.name, node.args, list(node.users))
        placeholder x () [relu]
        call_function relu (x,) [add]
        call_function add (relu, 1) [output]
        output output (add,) []
    """

    def __init__(
        self, graph: Graph, name: str, op: str, target: Target, args: Any, kwargs: Any, return_type: Any = None
    ) -> None:
        if op not in OPS:
            raise ValueError(f"Node: expected op to be one of {', '.join(OPS[:-1])}, got {op!r}")
        if callable(target) != (op == "call_function"):
            expected = "a function" if op == "call_function" else "a string"
            raise ValueError(f"Node: expected target of {op} to be {expected}, got {target!r}")
        self.graph, self.name, self.op, self.target, self.type = graph, name, op, target, return_type
        self.meta: dict[str, Any] = {}
        self.users: dict[Node, None] = {}
        self.prev = self.next = self
        self._erased = False
        self._inputs: dict[Node, None] = {}
        self._take(tuple(args), dict(kwargs))

    @property
    def args(self) -> tuple[Any, ...]:
        return self._args

    @args.setter
    def args(self, value: Any) -> None:
        self._take(tuple(value), self._kwargs)

    @property
    def kwargs(self) -> dict[str, Any]:
        return self._kwargs

    @kwargs.setter
    def kwargs(self, value: Any) -> None:
        self._take(self._args, dict(value))

    def _take(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        for node in self._inputs:
            node.users.pop(self, None)
        self._inputs = {}

        def use(node: Node) -> Node:
            self._inputs[node] = None
            node.users[self] = None
            return node

        self._args, self._kwargs = map_arg(args, use), map_arg(kwargs, use)

    @property
    def all_input_nodes(self) -> list[Node]:
        """The nodes among the arguments, each once."""
        return list(self._inputs)

    def update_arg(self, idx: int, arg: Any) -> None:
        """Replace positional argument ``idx``."""
        self.args = (*self.args[:idx], arg, *self.args[idx + 1 :])

    def insert_arg(self, idx: int, arg: Any) -> None:
        """Put a positional argument before number ``idx``."""
        self.args = (*self.args[:idx], arg, *self.args[idx:])

    def update_kwarg(self, key: str, arg: Any) -> None:
        """Replace or add a keyword argument."""
        self.kwargs = {**self.kwargs, key: arg}

    def replace_input_with(self, old_input: Node, new_input: Any) -> None:
        """Use ``new_input`` wherever ``old_input`` is an argument."""
        self._take(*map_arg((self._args, self._kwargs), lambda n: new_input if n is old_input else n))

    def replace_all_uses_with(
        self, replace_with: Node, delete_user_cb: Callable[[Node], bool] = lambda user: True, *,
        propagate_meta: bool = False,
    ) -> list[Node]:  # fmt: skip
        """Let the users of this node use ``replace_with``; returns those that changed."""
        if propagate_meta:
            replace_with.meta.update(self.meta)
        changed = [user for user in self.users if delete_user_cb(user)]
        for user in changed:
            user.replace_input_with(self, replace_with)
        return changed

    def prepend(self, x: Node) -> None:
        """Move ``x`` to the place before this node."""
        if x.graph is not self.graph:
            raise ValueError(f"Node.prepend: {x.name} is of another graph")
        if x is self:
            return
        x._unlink()
        before = self.prev
        before.next = self.prev = x
        x.prev, x.next = before, self

    def append(self, x: Node) -> None:
        """Move ``x`` to the place after this node."""
        if x is not self:
            self.next.prepend(x) if self.next is not x else None

    def _unlink(self) -> None:
        self.prev.next, self.next.prev = self.next, self.prev

    def is_impure(self, impure_random: bool = True) -> bool:
        """Whether it does more than produce its value: inputs, outputs and what writes into its arguments."""
        if self.op in ("placeholder", "output"):
            return True
        if self.op == "call_module" and self.graph.owning_module is not None:
            return bool(getattr(self.graph.owning_module.get_submodule(str(self.target)), "_is_impure", False))
        if self.op == "call_function" and self.target in _impure:
            return True
        name = self.target.__name__ if isinstance(self.target, Gate) else self.target
        if name == "_assert":
            return True
        return self.op.startswith("call") and isinstance(name, str) and name.endswith("_") and not name.endswith("__")

    def format_node(self, *args: Any, **kwargs: Any) -> str | None:
        """The node as a line of ``print(graph)``."""
        head = f"%{self.name} : [num_users={len(self.users)}] = {self.op}[target={self._target_name()}]"
        if self.op == "placeholder":
            return head + (f"(default={self.args[0]})" if self.args else "")
        if self.op == "get_attr":
            return head
        if self.op == "output":
            return f"return {self.args[0]}"
        names = map_arg((self.args, self.kwargs), lambda n: _Reference(f"%{n.name}"))
        given = ", ".join(f"{key}: {value!r}" for key, value in names[1].items())
        return f"{head}(args = {names[0]!r}, kwargs = {{{given}}})"

    def _target_name(self) -> str:
        from lucid.fx._code import path_of

        return self.target if isinstance(self.target, str) else path_of(self.target)

    def __repr__(self) -> str:
        return self.name

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError("Node: only a graph can be copied or saved, as a whole")


class _Reference(str):
    """Text that shows without quotes."""

    __slots__ = ()
    __repr__ = str.__str__
