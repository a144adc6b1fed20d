"""Graphs as Python code."""

from __future__ import annotations

import builtins
import keyword
import operator
import re
import sys
from typing import TYPE_CHECKING, Any

from lucid._dtype import dtype
from lucid.fx.node import Node

if TYPE_CHECKING:
    from lucid.fx.graph import Graph

_SYMBOLS = {
    "add": "+", "sub": "-", "mul": "*", "floordiv": "//", "truediv": "/", "mod": "%", "pow": "**", "lshift": "<<",
    "rshift": ">>", "and_": "&", "or_": "|", "xor": "^", "matmul": "@", "eq": "==", "ne": "!=", "lt": "<", "gt": ">",
    "le": "<=", "ge": ">=",
}  # fmt: skip
TEMPLATES: dict[Any, str] = {
    **{getattr(operator, name): f"{{}} {symbol} {{}}" for name, symbol in _SYMBOLS.items()},
    operator.neg: "-{}", operator.pos: "+{}", operator.invert: "~{}", operator.getitem: "{}[{}]",
}  # fmt: skip
IN_PLACE = {
    getattr(operator, f"i{name.rstrip('_')}"): f"{symbol}="
    for name, symbol in _SYMBOLS.items()
    if hasattr(operator, f"i{name.rstrip('_')}")
}
_RESERVED = frozenset({*keyword.kwlist, *dir(builtins), "inf", "nan", "lucid", "torch", "device"})
_PLACES = ("lucid", "lucid.nn.functional", "lucid.linalg", "lucid.special", "lucid.fft", "lucid.Tensor")


class Names:
    """Names of the values in a graph: no two the same, none that means something to Python."""

    def __init__(self) -> None:
        self.used: set[str] = set()
        self._counts: dict[str, int] = {}

    def create(self, candidate: str) -> str:
        """``candidate`` as it may be called, with a number behind it if it is taken."""
        name = re.sub(r"[^0-9a-zA-Z_]+", "_", candidate) or "_unnamed"
        if name[0].isdigit():
            name = f"_{name}"
        found = re.fullmatch(r"(.*)_(\d+)", name)
        base, number = (found[1], int(found[2])) if found else (name, 0)
        number = number or self._counts.get(base, 0)
        while name in self.used or name in _RESERVED:
            number += 1
            name = f"{base}_{number}"
        self.used.add(name)
        self._counts[base] = number
        return name


def path_of(function: Any) -> str:
    """Where a function is found: ``lucid.relu``, ``operator.add``, ``package.module.name``."""
    name = getattr(function, "__name__", type(function).__name__)
    module = (getattr(function, "__module__", None) or "builtins").removeprefix("_")
    if module.partition(".")[0] == "lucid":
        for place in _PLACES:
            if getattr(_resolve(place), name, None) is function:
                return f"{place}.{name}"
    return f"{module}.{getattr(function, '__qualname__', name)}"


def _resolve(path: str) -> Any:
    found: Any = sys.modules.get(path)
    if found is not None:
        return found
    try:
        first, *rest = path.split(".")
        found = sys.modules[first]
        for part in rest:
            found = getattr(found, part)
        return found
    except (AttributeError, KeyError):
        return None


class Code:
    """The text of a graph's ``forward`` and the objects that it needs.

    Attributes:
        src: the text.
        globals: what the names in it mean that are neither its own nor Python's.
    """

    def __init__(self, graph: Graph, root: str) -> None:
        self.globals: dict[str, Any] = {"lucid": sys.modules["lucid"]}
        self._names = Names()
        self._names.used = {node.name for node in graph.nodes}
        self._known: dict[int, str] = {}
        self._root = root
        inputs: list[str] = []
        lines: list[str] = []
        last = _last_uses(graph)
        for node in graph.nodes:
            done = last.get(node, ())
            if node.op == "placeholder":
                if node.target == root and not inputs:  # a graph may name its module as the first input
                    continue
                default = f" = {self._value(node.args[0])}" if node.args else ""
                inputs.append(f"{node.target}{default}")
                own = str(node.target).lstrip("*")
                if own == node.name:
                    continue
                line = f"{node.name} = {own}"
            elif node.op == "output":
                lines.append(f"return {self._value(node.args[0])}")
                continue
            else:
                line = self._line(node)
            lines.append(line + (f";  {' = '.join(n.name for n in done)} = None" if done else ""))
        head = f"def forward({', '.join([root, *inputs])}):"
        self.src = "\n".join([head, *(f"    {line}" for line in lines or ["pass"])]) + "\n"

    def _line(self, node: Node) -> str:
        target, values = node.target, [self._value(a) for a in node.args]
        if node.op == "get_attr":
            return f"{node.name} = {_attribute(self._root, str(target))}"
        given = ", ".join([*values, *(f"{key} = {self._value(v)}" for key, v in node.kwargs.items())])
        if node.op == "call_module":
            return f"{node.name} = {_attribute(self._root, str(target))}({given})"
        if node.op == "call_method":
            first, _, rest = given.partition(", ") if len(values) > 1 or node.kwargs else (given, "", "")
            if node.args and not isinstance(node.args[0], Node):
                first, rest = f"({values[0]})", ", ".join([*values[1:], *given.split(", ")[len(values) :]])
            return f"{node.name} = {_attribute(first, str(target))}({rest})"
        if not node.kwargs:
            if target in IN_PLACE and len(values) == 2 and isinstance(node.args[0], Node):
                return f"{values[0]} {IN_PLACE[target]} {values[1]};  {node.name} = {values[0]}"
            if target in TEMPLATES:
                return f"{node.name} = {TEMPLATES[target].format(*map(_bracketed, node.args, values))}"
            if target is getattr and len(values) == 2 and isinstance(node.args[1], str) and node.args[1].isidentifier():
                return f"{node.name} = {_bracketed(node.args[0], values[0])}.{node.args[1]}"
        return f"{node.name} = {self._function(target)}({given})"

    def _function(self, function: Any) -> str:
        path = path_of(function)
        if path.startswith("lucid.") and _resolve(path) is function:
            return path
        if getattr(builtins, path.removeprefix("builtins."), None) is function:
            return path.removeprefix("builtins.")
        return self._object(path.replace(".", "_"), function)

    def _object(self, candidate: str, value: Any) -> str:
        if id(value) not in self._known:
            name = self._known[id(value)] = self._names.create(candidate)
            self.globals[name] = value
        return self._known[id(value)]

    def _value(self, a: Any) -> str:
        """An argument as code."""
        if isinstance(a, Node):
            return a.name
        if isinstance(a, tuple) and hasattr(a, "_fields"):
            return f"{self._object(type(a).__name__, type(a))}({', '.join(map(self._value, a))})"
        if isinstance(a, tuple):
            return f"({', '.join(map(self._value, a))}{',' if len(a) == 1 else ''})"
        if isinstance(a, list):
            return f"[{', '.join(map(self._value, a))}]"
        if type(a) is dict:
            return "{" + ", ".join(f"{self._value(key)}: {self._value(v)}" for key, v in a.items()) + "}"
        if isinstance(a, slice):
            return f"slice({self._value(a.start)}, {self._value(a.stop)}, {self._value(a.step)})"
        if a is Ellipsis:
            return "Ellipsis"
        if type(a) is float and not -1e308 < a < 1e308:  # infinities and NaN have no literal
            return f'float("{a}")'
        if a is None or type(a) in (bool, int, float, complex, str, bytes):
            return repr(a)
        if isinstance(a, dtype):
            return str(a)
        if callable(a) and hasattr(a, "__name__"):
            return self._function(a)
        return self._object(f"_{type(a).__name__.lower()}", a)


def _bracketed(argument: Any, text: str) -> str:
    """``text`` so that it binds: ``(-1) ** x``."""
    return f"({text})" if isinstance(argument, (int, float, complex)) and text.startswith("-") else text


def _attribute(start: str, path: str) -> str:
    for part in path.split("."):
        start = f"{start}.{part}" if part.isidentifier() else f'getattr({start}, "{part}")'
    return start


def _last_uses(graph: Graph) -> dict[Node, list[Node]]:
    """Which values a node is the last to use; a node that no one uses ends with itself."""
    last: dict[Node, list[Node]] = {}
    seen: set[Node] = set()
    for node in reversed(graph.nodes):
        for value in (*node.all_input_nodes, node):
            if value not in seen and node.op != "placeholder":
                seen.add(value)
                last.setdefault(node, []).append(value)
    return last
