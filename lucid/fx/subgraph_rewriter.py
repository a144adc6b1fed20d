"""`replace_pattern`: parts of a graph that do one thing, replaced by another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from lucid.fx._symbolic_trace import symbolic_trace
from lucid.fx.graph import Graph
from lucid.fx.graph_module import GraphModule
from lucid.fx.node import Node
from lucid.nn import Module

__all__ = ["Match", "replace_pattern"]


class Match(NamedTuple):
    """A part of a graph that was replaced: its last node, and the nodes of the pattern with what they stood for."""

    anchor: Node
    nodes_map: dict[Node, Node]


def replace_pattern(gm: GraphModule, pattern: Any, replacement: Any) -> list[Match]:
    """Replace every part of a module's graph that is like ``pattern``; overlapping ones, the first only.

    A part is like the pattern if its nodes have the same operations, targets and constants in the same places, whatever
    the inputs are, and if nothing else uses what is computed on the way to its result.

    Args:
        gm: the module, which is changed.
        pattern: a function, module or graph with one result.
        replacement: another with as many inputs; modules and parameters that ``gm`` lacks are taken from it.

    Returns:
        list of what was replaced.

    Raises:
        TypeError: ``gm`` is no GraphModule.
        ValueError: the pattern has not one result that is computed, or the replacement takes another number of inputs.

    Example:
        >>> import lucid
        >>> from lucid import fx
        >>> module = fx.symbolic_trace(lambda x: lucid.neg(lucid.neg(x)) + lucid.relu(x))
        >>> found = fx.replace_pattern(module, lambda x: lucid.neg(lucid.neg(x)), lambda x: x * 1)
        >>> len(found), module(lucid.tensor([-1.0, 2.0])).tolist()
        (1, [-1.0, 4.0])
    """
    if not isinstance(gm, GraphModule):
        raise TypeError(f"replace_pattern: expected a GraphModule, got {type(gm).__name__}")
    wanted, given = _graph(pattern), _graph(replacement)
    last = wanted.output_node().args[0]
    inputs, others = wanted.find_nodes(op="placeholder"), given.find_nodes(op="placeholder")
    if not isinstance(last, Node) or last.op == "placeholder":
        raise ValueError("replace_pattern: expected a pattern with one result that is computed")
    if len(inputs) != len(others):
        raise ValueError(f"replace_pattern: the pattern has {len(inputs)} inputs, the replacement {len(others)}")
    matches = list(_matches(gm.graph, last))
    if matches and isinstance(replacement, Module):
        _bring(gm, replacement, given)
    now: dict[Node, Any] = {}
    for match in matches:
        with gm.graph.inserting_before(match.anchor):
            known = {mine: _latest(match.nodes_map[theirs], now) for theirs, mine in zip(inputs, others)}
            now[match.anchor] = value = gm.graph.graph_copy(given, known)
        match.anchor.replace_all_uses_with(value)
        inner = {node for wanted_node, node in match.nodes_map.items() if wanted_node.op != "placeholder"}
        for node in reversed(gm.graph.nodes):
            if node in inner and not node.users:
                gm.graph.erase_node(node)
    gm.recompile()
    return matches


def _graph(program: Any) -> Graph:
    if isinstance(program, Graph):
        return program
    return program.graph if isinstance(program, GraphModule) else symbolic_trace(program).graph


def _latest(node: Any, now: dict[Node, Any]) -> Any:
    while isinstance(node, Node) and node in now:
        node = now[node]
    return node


def _matches(graph: Graph, last: Node) -> Iterator[Match]:
    taken: set[Node] = set()
    for node in graph.nodes:
        found: dict[Node, Node] = {}
        if not _is_like(last, node, found):
            continue
        inner = {n for wanted, n in found.items() if wanted.op != "placeholder"}
        leaks = any(not set(n.users) <= inner for n in inner if n is not node)
        if not leaks and not inner & taken:
            taken |= inner
            yield Match(node, found)


def _is_like(wanted: Any, given: Any, found: dict[Node, Node]) -> bool:
    """Whether ``given`` is what ``wanted`` describes; ``found`` says what each node of the pattern stands for."""
    if isinstance(wanted, Node):
        if not isinstance(given, Node):
            return False
        if wanted in found:
            return found[wanted] is given
        if wanted.op != "placeholder" and (wanted.op != given.op or wanted.target != given.target):
            return False
        found[wanted] = given
        return wanted.op == "placeholder" or _is_like((wanted.args, wanted.kwargs), (given.args, given.kwargs), found)
    if isinstance(wanted, (tuple, list)):
        alike = isinstance(given, (tuple, list)) and len(wanted) == len(given)
        return alike and all(_is_like(a, b, found) for a, b in zip(wanted, given))
    if isinstance(wanted, dict):
        alike = isinstance(given, dict) and wanted.keys() == given.keys()
        return alike and all(_is_like(wanted[key], given[key], found) for key in wanted)
    if isinstance(wanted, slice):
        parts: Callable[[slice], Any] = lambda s: (s.start, s.stop, s.step)  # noqa: E731
        return isinstance(given, slice) and _is_like(parts(wanted), parts(given), found)
    return type(wanted) is type(given) and bool(wanted == given)


def _bring(gm: Module, source: Module, graph: Graph) -> None:
    """Give ``gm`` the modules and tensors that nodes of ``graph`` name and that it lacks."""
    for node in graph.nodes:
        if node.op not in ("call_module", "get_attr"):
            continue
        *parents, name = str(node.target).split(".")
        mine: Any = gm
        theirs: Any = source
        for parent in parents:
            if not hasattr(mine, parent):
                setattr(mine, parent, Module())
            mine, theirs = getattr(mine, parent), getattr(theirs, parent)
        if not hasattr(mine, name):
            setattr(mine, name, getattr(theirs, name))
